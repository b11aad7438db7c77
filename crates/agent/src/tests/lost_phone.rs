//! Phones that are lost and return.

use super::*;

#[test]
fn a_lost_phone_makes_busy_and_then_signs_out() {
    let mut team = Team::with([1001]);
    team.at("09:00:00").fact(Fact::PhoneLost { phone: phone(1001) });
    assert_eq!(team.reason(1001), Reason::DEVICE_LOST);
    assert_eq!(team.at("09:00:59").pass(), []);
    team.at("09:01:00").expect(1001, StateName::SignedOut, Cause::GraceOver);
    assert_eq!(team.agents.agent_at(&phone(1001)), None);
}

#[test]
fn a_phone_that_returns_in_time_brings_back_what_was() {
    let mut team = Team::with([1001]);
    team.lose_and_find(1001, 30);
    assert!(team.is_available(1001));

    team.at("12:00:00").become_(1001, busy("lunch")).unwrap();
    team.lose_and_find(1001, 30);
    assert_eq!(team.reason(1001), "lunch");
    assert_eq!(team.agents.poll_timeout(), Some(time("12:30:00")), "the stay goes on");

    team.become_(1001, Next::Ready).unwrap();
    team.talk(1001, 1);
    team.at("13:00:00").hang_up(1001, 1, 50);
    team.lose_and_find(1001, 30);
    assert_eq!(team.name(1001), StateName::WrapUp);
    assert_eq!(team.agents.poll_timeout(), Some(time("13:00:50")), "wrap-up goes on");
}

#[test]
fn what_ran_out_while_the_phone_was_lost_is_over_when_it_returns() {
    let mut team = Team::with([1001, 1002]);
    team.talk(1001, 1);
    team.hang_up(1001, 1, 10);
    team.lose_and_find(1001, 30);
    assert_eq!(team.name(1001), StateName::Ready);
    team.at("12:00:00").become_(1002, busy("lunch")).unwrap();
    team.at("12:29:50").lose_and_find(1002, 30);
    assert_eq!(team.name(1002), StateName::SignedOut);
}

#[test]
fn nobody_becomes_ready_without_a_phone() {
    let mut team = Team::with([1001]);
    team.fact(Fact::PhoneLost { phone: phone(1001) });
    assert_eq!(team.become_(1001, Next::Ready), Err(Refusal::DeviceLost));
    let done = team.become_(1001, busy("lunch")).unwrap();
    assert_eq!(done.remembered, Some(busy("lunch")));
    team.fact(Fact::PhoneBound { phone: phone(1001) });
    assert_eq!(team.reason(1001), "lunch");
    team.fact(Fact::PhoneLost { phone: phone(1001) });
    team.become_(1001, Next::SignedOut).unwrap();
    assert_eq!(team.name(1001), StateName::SignedOut);
}

#[test]
fn a_phone_lost_during_a_call_counts_when_the_call_is_over() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.fact(Fact::PhoneLost { phone: phone(1001) });
    assert_eq!(team.name(1001), StateName::OnCall);
    team.hang_up(1001, 1, 50);
    assert_eq!(team.reason(1001), Reason::DEVICE_LOST);
    team.after(20).fact(Fact::PhoneBound { phone: phone(1001) });
    team.expect_wrap_up_of(1001, 30);
}

#[test]
fn a_phone_that_returns_during_the_call_was_never_missed() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.fact(Fact::PhoneLost { phone: phone(1001) });
    team.fact(Fact::PhoneBound { phone: phone(1001) });
    team.hang_up(1001, 1, 0);
    assert!(team.is_available(1001));
}

#[test]
fn a_phone_lost_while_it_rings_ends_the_offer_by_its_leg() {
    let mut team = Team::with([1001]);
    team.ring(1001, 1);
    team.fact(Fact::PhoneLost { phone: phone(1001) });
    assert_eq!(team.name(1001), StateName::Ringing);
    team.end_offer(1001, 1, OfferEnd::Unreachable);
    assert_eq!(team.reason(1001), Reason::DEVICE_LOST);
}
