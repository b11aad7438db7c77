//! Busy reasons, and what is asked for during a call.

use super::*;

#[test]
fn busy_needs_a_reason_of_the_tenant() {
    let mut team = Team::with([1001]);
    assert_eq!(team.become_(1001, busy("golf")), Err(Refusal::ReasonUnknown));
    assert_eq!(team.become_(1001, busy(Reason::DEVICE_LOST)), Err(Refusal::ReasonUnknown));
    assert!(team.become_(1001, busy("lunch")).is_ok());
}

#[test]
fn who_overstays_a_busy_reason_is_signed_out() {
    let mut team = Team::with([1001]);
    team.at("12:00:00").become_(1001, busy("lunch")).unwrap();
    assert_eq!(team.agents.poll_timeout(), Some(time("12:30:00")));
    assert_eq!(team.at("12:29:59").pass(), []);
    team.at("12:30:00").expect(1001, StateName::SignedOut, Cause::BusyOverstayed);
}

#[test]
fn asking_for_the_same_reason_again_does_not_lengthen_the_stay() {
    let mut team = Team::with([1001]);
    team.at("12:00:00").become_(1001, busy("lunch")).unwrap();
    assert_eq!(team.at("12:20:00").become_(1001, busy("lunch")), Ok(Done::default()));
    assert_eq!(team.agents.poll_timeout(), Some(time("12:30:00")));
}

#[test]
fn a_deadline_of_a_state_that_was_left_does_nothing() {
    let mut team = Team::with([1001]);
    team.at("12:00:00").become_(1001, busy("lunch")).unwrap();
    team.at("12:10:00").become_(1001, Next::Ready).unwrap();
    team.at("12:15:00").become_(1001, busy("lunch")).unwrap();
    assert_eq!(team.at("12:30:00").pass(), []);
    team.at("12:45:00").expect(1001, StateName::SignedOut, Cause::BusyOverstayed);
}

#[test]
fn a_request_during_a_call_takes_effect_after_call_and_wrap_up() {
    for wish in [busy("lunch"), Next::SignedOut] {
        for after in ["offer", "ringing", "call", "wrap_up"] {
            let mut team = Team::with([1001]);
            let wish_at = |team: &mut Team, moment: &str| {
                if moment == after {
                    let done = team.become_(1001, wish.clone()).unwrap();
                    assert_eq!(done, Done { remembered: Some(wish.clone()), ..Done::default() });
                }
            };
            team.reserve(1001, 1);
            wish_at(&mut team, "offer");
            team.fact(Fact::Ringing { agent: agent(1001), call: call(1) });
            wish_at(&mut team, "ringing");
            team.fact(Fact::Answered { agent: agent(1001), call: call(1) });
            wish_at(&mut team, "call");
            team.hang_up(1001, 1, 10);
            wish_at(&mut team, "wrap_up");
            assert_eq!(team.name(1001), StateName::WrapUp);
            let wished = match wish {
                Next::SignedOut => StateName::SignedOut,
                Next::Ready | Next::Busy(_) => StateName::Busy,
            };
            team.after(10).expect(1001, wished, Cause::Remembered);
        }
    }
}

#[test]
fn a_request_during_an_offer_takes_effect_when_the_offer_comes_to_nothing() {
    let mut team = Team::with([1001]);
    team.ring(1001, 1);
    team.become_(1001, busy("lunch")).unwrap();
    team.end_offer(1001, 1, OfferEnd::CallerLeft);
    assert_eq!(team.reason(1001), "lunch");
}

#[test]
fn the_last_of_several_requests_counts() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.become_(1001, Next::SignedOut).unwrap();
    team.become_(1001, busy("lunch")).unwrap();
    team.become_(1001, Next::Ready).unwrap();
    team.hang_up(1001, 1, 0);
    assert_eq!(team.name(1001), StateName::Ready);
}
