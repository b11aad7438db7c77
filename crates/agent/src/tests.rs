use std::collections::BTreeSet;
use std::time::Duration;

use model::{
    AgentId, AgentSnapshot, AgentState, CallId, CallKind, Cause, Epoch, Next, OfferEnd, PhoneId,
    Reason, Refusal, StateName, Timestamp,
};

use crate::{
    Agents, Availability, BusyRule, Change, CoolDown, Done, Fact, PhoneState, Request, Rules,
    SecondSession,
};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn signing_in_needs_a_registered_phone() {
    let mut team = Team::new(rules());
    let phone_state = PhoneState::Unbound;
    let request = Request::SignIn { agent: agent(1001), phone: phone(1001), phone_state };
    assert_eq!(team.ask(request), Err(Refusal::PhoneNotRegistered));
    assert_eq!(team.name(1001), StateName::SignedOut);
}

#[test]
fn signing_in_leads_to_ready_and_names_the_phone() {
    let mut team = Team::new(rules());
    team.at("09:00:00");
    let done = team.sign_in(1001, 8001).unwrap();
    let [change] = done.changes.as_slice() else { panic!("{done:?}") };
    assert_eq!(change.signed_in_at, Some(phone(8001)));
    assert_eq!(change.to, AgentState::Ready { since: team.now, idle_since: team.now });
    assert_eq!(team.agents.agent_at(&phone(8001)), Some(agent(1001)));
}

#[test]
fn signing_in_leads_to_busy_where_the_rules_say_so() {
    let mut team = Team::new(Rules { after_sign_in: Next::Busy("setting_up".into()), ..rules() });
    team.sign_in(1001, 1001).unwrap();
    assert_eq!(team.reason(1001), "setting_up");
}

#[test]
fn a_phone_has_one_agent() {
    let mut team = Team::with([1001, 1002]);
    assert_eq!(team.sign_in(1003, 1001), Err(Refusal::PhoneTaken));
    team.become_(1001, Next::SignedOut).unwrap();
    assert!(team.sign_in(1003, 1001).is_ok());
}

#[test]
fn a_second_session_is_refused() {
    let mut team = Team::with([1001]);
    assert_eq!(team.sign_in(1001, 1001), Err(Refusal::AgentSignedIn));
    assert_eq!(team.sign_in(1001, 8001), Err(Refusal::AgentSignedIn));
}

#[test]
fn a_second_session_takes_over_where_the_rules_say_so() {
    let mut team = Team::new(Rules { second_session: SecondSession::TakeOver, ..rules() });
    team.sign_in(1001, 1001).unwrap();
    team.become_(1001, busy("lunch")).unwrap();
    let done = team.sign_in(1001, 8001).unwrap();
    assert_eq!(done.changes[0].signed_in_at, Some(phone(8001)));
    assert!(!done.changes[0].is_of_state());
    assert_eq!((team.reason(1001), team.agents.agent_at(&phone(1001))), ("lunch", None));
    team.ring(1002, 1);
    team.sign_in(1002, 1002).unwrap();
    team.ring(1002, 1);
    assert_eq!(team.sign_in(1002, 8002), Err(Refusal::AgentSignedIn), "not during an offer");
}

#[test]
fn taking_over_at_another_phone_ends_the_loss_of_the_first() {
    let mut team = Team::new(Rules { second_session: SecondSession::TakeOver, ..rules() });
    team.sign_in(1001, 1001).unwrap();
    team.fact(Fact::PhoneLost { phone: phone(1001) });
    team.sign_in(1001, 8001).unwrap();
    assert_eq!(team.name(1001), StateName::Ready);
}

#[test]
fn nobody_unknown_and_nobody_signed_out_is_obeyed() {
    let mut team = Team::new(rules());
    assert_eq!(team.become_(9999, Next::Ready), Err(Refusal::AgentUnknown));
    assert_eq!(team.become_(1001, Next::Ready), Err(Refusal::AgentSignedOut));
    assert_eq!(team.become_(1001, Next::SignedOut), Err(Refusal::AgentSignedOut));
    assert_eq!(team.end_wrap_up(1001), Err(Refusal::AgentSignedOut));
}

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

#[test]
fn too_many_unanswered_offers_in_a_row_make_busy() {
    let mut team = Team::with([1001]);
    team.ring(1001, 1);
    team.end_offer(1001, 1, OfferEnd::NoAnswer);
    team.after(5).pass();
    team.ring(1001, 2);
    team.end_offer(1001, 2, OfferEnd::NoAnswer);
    assert_eq!(team.reason(1001), Reason::NO_ANSWER);
    team.become_(1001, Next::Ready).unwrap();
    team.after(5).pass();
    team.ring(1001, 3);
    team.end_offer(1001, 3, OfferEnd::NoAnswer);
    assert_eq!(team.name(1001), StateName::Ready, "the count began anew");
}

#[test]
fn an_answer_in_between_begins_the_count_anew() {
    let mut team = Team::with([1001]);
    for round in 0..3 {
        team.ring(1001, round * 2 + 1);
        team.end_offer(1001, round * 2 + 1, OfferEnd::NoAnswer);
        team.after(5).pass();
        team.talk(1001, round * 2 + 2);
        team.hang_up(1001, round * 2 + 2, 0);
        assert_eq!(team.name(1001), StateName::Ready);
    }
}

#[test]
fn a_caller_who_left_and_an_offer_taken_back_never_count() {
    let mut team = Team::with([1001]);
    for number in 1..10 {
        let end = if number % 2 == 0 { OfferEnd::CallerLeft } else { OfferEnd::Withdrawn };
        team.ring(1001, number);
        team.end_offer(1001, number, end);
        team.after(1).pass();
        assert!(team.is_available(1001), "after {number} offers");
    }
}

#[test]
fn no_number_of_unanswered_offers_makes_busy_where_the_rule_is_off() {
    let mut team = Team::new(Rules { max_no_answer: 0, ..rules() });
    team.sign_in(1001, 1001).unwrap();
    for number in 1..10 {
        team.ring(1001, number);
        team.end_offer(1001, number, OfferEnd::NoAnswer);
        team.after(5).pass();
    }
    assert!(team.is_available(1001));
}

#[test]
fn after_an_offer_that_came_to_nothing_the_agent_is_ready_but_pauses() {
    for (end, pause) in [
        (OfferEnd::NoAnswer, 5),
        (OfferEnd::Refused, 10),
        (OfferEnd::Unreachable, 7),
        (OfferEnd::Withdrawn, 1),
    ] {
        let mut team = Team::with([1001]);
        team.ring(1001, 1);
        team.end_offer(1001, 1, end);
        assert_eq!(team.name(1001), StateName::Ready);
        assert!(!team.is_available(1001), "{end:?}");
        assert_eq!(team.after(pause - 1).pass(), []);
        let changes = team.after(1).pass();
        assert!(!changes[0].is_of_state());
        assert_eq!(changes[0].cause, Cause::CoolDownOver);
        assert!(team.is_available(1001), "{end:?}");
    }
}

#[test]
fn an_agent_whose_caller_left_is_available_at_once() {
    let mut team = Team::with([1001]);
    team.ring(1001, 1);
    team.end_offer(1001, 1, OfferEnd::CallerLeft);
    assert!(team.is_available(1001));
}

#[test]
fn the_pause_goes_on_through_busy() {
    let mut team = Team::with([1001]);
    team.ring(1001, 1);
    team.end_offer(1001, 1, OfferEnd::Refused);
    team.after(1).become_(1001, busy("lunch")).unwrap();
    team.after(1).become_(1001, Next::Ready).unwrap();
    assert!(!team.is_available(1001));
    team.after(8).pass();
    assert!(team.is_available(1001));
}

#[test]
fn idle_time_survives_an_offer_that_came_to_nothing() {
    let mut team = Team::new(rules());
    team.at("09:00:00").sign_in(1001, 1001).unwrap();
    team.at("09:10:00").ring(1001, 1);
    team.end_offer(1001, 1, OfferEnd::CallerLeft);
    let idle_since = time("09:00:00");
    assert_eq!(
        team.agents.availability(agent(1001)),
        Availability::Available { idle_since, calls_taken: 0 }
    );
}

#[test]
fn idle_time_begins_anew_after_a_call() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.at("09:10:00").hang_up(1001, 1, 0);
    assert_eq!(
        team.agents.availability(agent(1001)),
        Availability::Available { idle_since: time("09:10:00"), calls_taken: 1 }
    );
}

#[test]
fn wrap_up_ends_by_itself() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.hang_up(1001, 1, 10);
    assert_eq!(team.after(9).pass(), []);
    team.after(1).expect(1001, StateName::Ready, Cause::WrapUpOver);
}

#[test]
fn without_wrap_up_time_the_agent_is_ready_at_once() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.hang_up(1001, 1, 0);
    assert!(team.is_available(1001));
}

#[test]
fn wrap_up_can_be_ended_early() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.hang_up(1001, 1, 10);
    team.end_wrap_up(1001).unwrap();
    assert!(team.is_available(1001));
    assert_eq!(team.end_wrap_up(1001), Err(Refusal::NotInWrapUp));
}

#[test]
fn ready_ends_wrap_up_at_once() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.hang_up(1001, 1, 10);
    team.become_(1001, Next::Ready).unwrap();
    assert!(team.is_available(1001));
}

#[test]
fn ending_wrap_up_early_brings_what_was_asked_for() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.hang_up(1001, 1, 10);
    team.become_(1001, busy("lunch")).unwrap();
    team.end_wrap_up(1001).unwrap();
    assert_eq!(team.reason(1001), "lunch");
}

#[test]
fn wrap_up_can_be_extended_up_to_its_limit() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.at("09:00:00").hang_up(1001, 1, 10);
    team.extend(1001, MINUTE).unwrap();
    assert_eq!(team.agents.poll_timeout(), Some(time("09:01:10")));
    team.extend(1001, 60 * MINUTE).unwrap();
    assert_eq!(team.agents.poll_timeout(), Some(time("09:05:00")));
    assert_eq!(team.extend(1001, MINUTE), Err(Refusal::WrapUpAtLimit));
    team.at("09:05:00").expect(1001, StateName::Ready, Cause::WrapUpOver);
    assert_eq!(team.extend(1001, MINUTE), Err(Refusal::NotInWrapUp));
}

#[test]
fn a_queue_may_give_more_wrap_up_than_may_be_asked_for() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.hang_up(1001, 1, 3_600);
    assert_eq!(team.extend(1001, MINUTE), Err(Refusal::WrapUpAtLimit));
    team.after(3_600).expect(1001, StateName::Ready, Cause::WrapUpOver);
}

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

#[test]
fn an_agent_on_another_call_is_not_available_and_returns_to_the_state_before() {
    let mut team = Team::new(rules());
    team.at("09:00:00").sign_in(1001, 1001).unwrap();
    for kind in [CallKind::Internal, CallKind::Outbound] {
        team.after(60).start(1001, 1, kind);
        assert!(!team.is_available(1001));
        team.after(60).hang_up(1001, 1, 10);
        let idle_since = time("09:00:00");
        assert_eq!(
            team.agents.availability(agent(1001)),
            Availability::Available { idle_since, calls_taken: 0 }
        );
    }
    team.become_(1001, busy("lunch")).unwrap();
    team.start(1001, 2, CallKind::Internal);
    team.hang_up(1001, 2, 0);
    assert_eq!(team.reason(1001), "lunch");
}

#[test]
fn a_longest_stay_that_passes_on_a_call_takes_effect_at_its_end() {
    let mut team = Team::with([1001]);
    team.at("12:00:00").become_(1001, busy("lunch")).unwrap();
    team.at("12:20:00").start(1001, 1, CallKind::Outbound);
    assert_eq!(team.at("12:40:00").pass(), [], "nobody is signed out in a call");
    team.hang_up(1001, 1, 0);
    assert_eq!(team.name(1001), StateName::SignedOut);
}

#[test]
fn a_call_made_in_wrap_up_returns_to_what_is_left_of_it() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.hang_up(1001, 1, 60);
    team.after(10).start(1001, 2, CallKind::Outbound);
    team.become_(1001, busy("lunch")).unwrap();
    team.after(10).hang_up(1001, 2, 0);
    team.expect_wrap_up_of(1001, 40);
    team.after(40).expect(1001, StateName::Busy, Cause::Remembered);

    team.become_(1001, Next::Ready).unwrap();
    team.talk(1001, 3);
    team.hang_up(1001, 3, 60);
    team.start(1001, 4, CallKind::Outbound);
    team.after(70).hang_up(1001, 4, 0);
    assert_eq!(team.name(1001), StateName::Ready);
}

#[test]
fn wrap_up_waits_for_the_consultation_to_end() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.start(1001, 2, CallKind::Consult);
    assert_eq!(team.agents.state(agent(1001)).unwrap().call(), Some(call(1)));
    team.hang_up(1001, 1, 10);
    assert_eq!(team.agents.state(agent(1001)).unwrap().call(), Some(call(2)));
    team.hang_up(1001, 2, 0);
    team.expect_wrap_up_of(1001, 10);
}

#[test]
fn of_two_calls_from_queues_the_longer_wrap_up_counts() {
    for (first, second) in [(10, 30), (30, 10)] {
        let mut team = Team::with([1001]);
        team.talk(1001, 1);
        team.fact(Fact::Answered { agent: agent(1001), call: call(2) });
        team.hang_up(1001, 2, first);
        assert_eq!(team.agents.state(agent(1001)).unwrap().call(), Some(call(1)));
        team.hang_up(1001, 1, second);
        team.expect_wrap_up_of(1001, 30);
    }
}

#[test]
fn a_consultation_that_ends_first_changes_nothing() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.start(1001, 2, CallKind::Consult);
    team.hang_up(1001, 2, 0);
    assert_eq!(team.agents.state(agent(1001)).unwrap().call(), Some(call(1)));
    team.hang_up(1001, 1, 10);
    team.expect_wrap_up_of(1001, 10);
}

#[test]
fn a_call_begun_while_the_phone_rings_holds_the_agent_after_the_offer() {
    let mut team = Team::with([1001]);
    team.ring(1001, 1);
    team.start(1001, 2, CallKind::Outbound);
    team.end_offer(1001, 1, OfferEnd::Refused);
    assert_eq!(team.name(1001), StateName::OnCall);
    team.after(20).pass();
    team.hang_up(1001, 2, 0);
    assert!(team.is_available(1001));
}

#[test]
fn a_busy_agent_who_takes_a_call_all_the_same_is_busy_again_afterwards() {
    let mut team = Team::with([1001]);
    team.become_(1001, busy("lunch")).unwrap();
    team.fact(Fact::Answered { agent: agent(1001), call: call(1) });
    team.hang_up(1001, 1, 0);
    assert_eq!(team.reason(1001), "lunch");
}

#[test]
fn a_lease_nobody_ended_runs_out_as_an_unanswered_offer() {
    let mut team = Team::with([1001]);
    team.at("09:00:00").reserve(1001, 1);
    assert_eq!(team.agents.poll_timeout(), Some(time("09:00:20")), "ring time and some slack");
    team.at("09:00:20").expect(1001, StateName::Ready, Cause::NoAnswer);
    assert_eq!(team.end_offer(1001, 1, OfferEnd::NoAnswer), [], "an echo changes nothing");
}

#[test]
fn facts_about_another_call_change_nothing() {
    let mut team = Team::with([1001]);
    team.ring(1001, 1);
    assert_eq!(team.end_offer(1001, 2, OfferEnd::NoAnswer), []);
    assert_eq!(team.hang_up(1001, 2, 10), []);
    assert_eq!(team.fact(Fact::Ringing { agent: agent(1001), call: call(2) }), []);
    assert_eq!(team.fact(Fact::PhoneLost { phone: phone(4711) }), []);
    assert_eq!(team.name(1001), StateName::Ringing);
}

#[test]
fn only_a_ready_agent_is_reserved() {
    let mut team = Team::with([1001]);
    team.become_(1001, busy("lunch")).unwrap();
    assert_eq!(team.reserve(1001, 1), []);
    assert_eq!(team.reserve(1002, 1), [], "signed out");
}

#[test]
fn a_team_lead_forces_at_once_whoever_is_free() {
    let mut team = Team::with([1001]);
    team.force(1001, busy("meeting")).unwrap();
    assert_eq!(team.reason(1001), "meeting");
    team.force(1001, Next::Ready).unwrap();
    team.talk(1001, 1);
    team.hang_up(1001, 1, 60);
    let done = team.force(1001, Next::SignedOut).unwrap();
    assert_eq!(done.changes[0].cause, Cause::Forced);
    assert_eq!(team.name(1001), StateName::SignedOut);
    assert_eq!(team.force(1001, Next::SignedOut), Ok(Done::default()));
    assert_eq!(team.force(1001, Next::Ready), Err(Refusal::AgentSignedOut));
}

#[test]
fn forcing_during_an_offer_ends_the_offer_first() {
    let mut team = Team::with([1001]);
    team.ring(1001, 1);
    let done = team.force(1001, busy("meeting")).unwrap();
    assert_eq!(done.withdraw, Some(call(1)));
    assert_eq!(team.name(1001), StateName::Ringing);
    let changes = team.end_offer(1001, 1, OfferEnd::Withdrawn);
    assert_eq!((team.reason(1001), changes[0].cause), ("meeting", Cause::Forced));
}

#[test]
fn forcing_never_cuts_a_call() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    let done = team.force(1001, Next::SignedOut).unwrap();
    assert_eq!(done.remembered, Some(Next::SignedOut));
    team.hang_up(1001, 1, 10);
    team.after(10).expect(1001, StateName::SignedOut, Cause::Forced);
}

#[test]
fn forcing_an_agent_without_a_phone_is_kept_for_its_return() {
    let mut team = Team::with([1001]);
    team.become_(1001, busy("lunch")).unwrap();
    team.fact(Fact::PhoneLost { phone: phone(1001) });
    team.force(1001, Next::Ready).unwrap();
    assert_eq!(team.reason(1001), Reason::DEVICE_LOST);
    team.fact(Fact::PhoneBound { phone: phone(1001) });
    assert!(team.is_available(1001));
}

#[test]
fn who_leaves_the_configuration_is_signed_out_when_nothing_holds_them() {
    let mut team = Team::with([1001, 1002]);
    team.talk(1002, 1);
    let changes = team.agents.configure(rules(), &BTreeSet::from([agent(1003)]), team.now);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].cause, Cause::Reconfigured);
    assert_eq!(team.agents.state(agent(1001)), None);
    team.hang_up(1002, 1, 10);
    assert_eq!(team.name(1002), StateName::WrapUp);
    team.after(10).pass();
    assert_eq!(team.agents.state(agent(1002)), None);
    assert_eq!(team.agents.agent_at(&phone(1002)), None);
    assert_eq!(team.agents.iter().count(), 1);
}

#[test]
fn who_is_configured_again_in_time_stays() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    let _ = team.agents.configure(rules(), &BTreeSet::new(), team.now);
    let _ = team.agents.configure(rules(), &BTreeSet::from([agent(1001)]), team.now);
    team.hang_up(1001, 1, 0);
    assert!(team.is_available(1001));
}

#[test]
fn a_restart_keeps_ready_busy_and_wrap_up_where_the_phone_is_there() {
    let since = time("08:00:00");
    let until = time("09:30:00");
    let at_most = time("09:40:00");
    let busy_state =
        AgentState::Busy { reason: "lunch".into(), since, until: Some(until), back_to: None };
    for state in [
        AgentState::Ready { since, idle_since: since },
        busy_state,
        AgentState::WrapUp { call: call(1), since, until, at_most, next: None },
    ] {
        let mut team = Team::new(rules());
        let changes = team.at("09:00:00").restore(1001, &state, PhoneState::Bound);
        assert!(changes.iter().all(|change| !change.is_of_state()), "{changes:?}");
        assert_eq!(changes.len(), 1, "the distribution must be told");
        assert_eq!(team.agents.state(agent(1001)), Some(&state));
        assert_eq!(team.agents.poll_timeout(), state.deadline());
    }
}

#[test]
fn a_restart_gives_an_agent_without_a_phone_the_grace() {
    let mut team = Team::new(rules());
    let since = time("08:00:00");
    let state = AgentState::Ready { since, idle_since: since };
    team.at("09:00:00").restore(1001, &state, PhoneState::Unbound);
    assert_eq!(team.reason(1001), Reason::DEVICE_LOST);
    team.at("09:00:30").fact(Fact::PhoneBound { phone: phone(1001) });
    assert!(team.is_available(1001));
}

#[test]
fn a_restart_takes_up_a_lost_phone_where_it_was() {
    let since = time("08:00:00");
    let reason = Reason::from(Reason::DEVICE_LOST);
    let back_to = Some(busy("lunch"));
    let state = AgentState::Busy { reason, since, until: Some(since), back_to };
    let mut team = Team::new(rules());
    team.at("09:00:00").restore(1001, &state, PhoneState::Unbound);
    assert_eq!(team.agents.poll_timeout(), Some(time("09:01:00")), "a new grace");
    team.fact(Fact::PhoneBound { phone: phone(1001) });
    assert_eq!(team.reason(1001), "lunch");

    let mut team = Team::new(rules());
    team.at("09:00:00").restore(1001, &state, PhoneState::Bound);
    assert_eq!(team.reason(1001), "lunch");
}

#[test]
fn a_restart_leads_those_in_an_offer_or_a_call_through_wrap_up() {
    let since = time("08:00:00");
    let lunch = Some(busy("lunch"));
    let (call, next) = (call(1), lunch.clone());
    let before = AgentState::Busy { reason: "lunch".into(), since, until: None, back_to: None };
    for state in [
        AgentState::Reserved { call, since, until: since, next: next.clone(), idle_since: since },
        AgentState::Ringing { call, since, until: since, next: next.clone(), idle_since: since },
        AgentState::OnCall { call, kind: CallKind::Queue, since, next, before: None },
        AgentState::OnCall {
            call,
            kind: CallKind::Internal,
            since,
            next: None,
            before: Some(Box::new(before)),
        },
    ] {
        let mut team = Team::new(rules());
        let changes = team.at("09:00:00").restore(1001, &state, PhoneState::Bound);
        assert_eq!(changes[0].cause, Cause::Crash);
        assert_eq!(team.name(1001), StateName::WrapUp);
        team.after(10).expect(1001, StateName::Busy, Cause::Remembered);
    }
}

#[test]
fn a_restart_ends_sessions_that_cannot_go_on() {
    let since = time("08:00:00");
    let state = AgentState::Ready { since, idle_since: since };
    let mut team = Team::new(rules());
    let changes = team.restore(4711, &state, PhoneState::Bound);
    assert_eq!(changes[0].to.name(), StateName::SignedOut, "no longer configured");
    let snapshot = AgentSnapshot { state: state.clone(), phone: Some(phone(8001)) };
    let _ = team.agents.restore(agent(1001), snapshot.clone(), PhoneState::Bound, team.now);
    let changes = team.agents.restore(agent(1002), snapshot, PhoneState::Bound, team.now);
    assert_eq!(changes[0].to.name(), StateName::SignedOut, "the phone is another's");
    let snapshot = AgentSnapshot { state, phone: None };
    let changes = team.agents.restore(agent(1003), snapshot, PhoneState::Bound, team.now);
    assert_eq!(changes[0].to.name(), StateName::SignedOut, "nobody knows where");
    team.agents.check().unwrap();
}

#[test]
fn an_agents_morning_reads_like_this() {
    let mut team = Team::new(rules());
    let mut log = Vec::new();
    let mut tell = |team: &Team, changes: Vec<Change>| {
        for change in changes {
            let clock = team.now.to_string()[11..19].to_owned();
            let next = change.to.deadline().map(|at| format!(" until {}", &at.to_string()[11..19]));
            let (to, next) = (change.to.name().as_str(), next.unwrap_or_default());
            log.push(format!("{clock}  {to}{next}, because {}", change.cause));
        }
    };
    let changes = team.at("09:00:00").sign_in(1001, 1001).unwrap().changes;
    tell(&team, changes);
    let changes = team.at("09:05:00").reserve(1001, 1);
    tell(&team, changes);
    let ringing = Fact::Ringing { agent: agent(1001), call: call(1) };
    let changes = team.at("09:05:01").fact(ringing);
    tell(&team, changes);
    let changes = team.at("09:05:04").fact(Fact::Answered { agent: agent(1001), call: call(1) });
    tell(&team, changes);
    team.at("09:06:00").become_(1001, busy("lunch")).unwrap();
    let changes = team.at("09:07:00").hang_up(1001, 1, 10);
    tell(&team, changes);
    let changes = team.at("09:07:10").pass();
    tell(&team, changes);
    let changes = team.at("09:20:00").fact(Fact::PhoneLost { phone: phone(1001) });
    tell(&team, changes);
    let changes = team.at("09:20:30").fact(Fact::PhoneBound { phone: phone(1001) });
    tell(&team, changes);
    let changes = team.at("09:37:10").pass();
    tell(&team, changes);
    insta::assert_snapshot!(log.join("\n"), @"
    09:00:00  ready, because requested
    09:05:00  reserved until 09:05:20, because distributed
    09:05:01  ringing until 09:05:20, because distributed
    09:05:04  on_call, because distributed
    09:07:00  wrap_up until 09:07:10, because call_ended
    09:07:10  busy until 09:37:10, because remembered
    09:20:00  busy until 09:21:00, because phone_lost
    09:20:30  busy until 09:37:10, because phone_registered
    09:37:10  signed_out, because busy_overstayed
    ");
}

struct Team {
    agents: Agents,
    now: Timestamp,
}

impl Team {
    fn new(rules: Rules) -> Self {
        let mut agents = Agents::new(rules.clone());
        let now = time("08:30:00");
        let known = (1001..=1003).map(AgentId::new).collect();
        assert_eq!(agents.configure(rules, &known, now), []);
        Self { agents, now }
    }

    fn with<const N: usize>(numbers: [u32; N]) -> Self {
        let mut team = Self::new(rules());
        for number in numbers {
            team.sign_in(number, number).unwrap();
        }
        team
    }

    fn at(&mut self, text: &str) -> &mut Self {
        self.now = time(text);
        self
    }

    fn after(&mut self, seconds: u64) -> &mut Self {
        self.now = self.now + Duration::from_secs(seconds);
        self
    }

    fn ask(&mut self, request: Request) -> Result<Done, Refusal> {
        let done = self.agents.request(request, self.now);
        self.agents.check().unwrap();
        done
    }

    fn fact(&mut self, fact: Fact) -> Vec<Change> {
        let changes = self.agents.fact(fact, self.now);
        self.agents.check().unwrap();
        changes
    }

    fn pass(&mut self) -> Vec<Change> {
        let changes = self.agents.handle_timeout(self.now);
        self.agents.check().unwrap();
        changes
    }

    fn expect(&mut self, number: u32, state: StateName, cause: Cause) {
        let changes = self.pass();
        let [change] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!((change.agent, change.to.name(), change.cause), (agent(number), state, cause));
    }

    fn expect_wrap_up_of(&mut self, number: u32, seconds: u64) {
        assert_eq!(self.name(number), StateName::WrapUp);
        let until = self.now + Duration::from_secs(seconds);
        assert_eq!(self.agents.state(agent(number)).unwrap().deadline(), Some(until));
    }

    fn sign_in(&mut self, number: u32, at: u32) -> Result<Done, Refusal> {
        let phone_state = PhoneState::Bound;
        self.ask(Request::SignIn { agent: agent(number), phone: phone(at), phone_state })
    }

    fn become_(&mut self, number: u32, next: Next) -> Result<Done, Refusal> {
        self.ask(Request::Become { agent: agent(number), next })
    }

    fn force(&mut self, number: u32, next: Next) -> Result<Done, Refusal> {
        self.ask(Request::Force { agent: agent(number), next })
    }

    fn end_wrap_up(&mut self, number: u32) -> Result<Done, Refusal> {
        self.ask(Request::EndWrapUp { agent: agent(number) })
    }

    fn extend(&mut self, number: u32, by: Duration) -> Result<Done, Refusal> {
        self.ask(Request::ExtendWrapUp { agent: agent(number), by })
    }

    fn reserve(&mut self, number: u32, of: u32) -> Vec<Change> {
        let until = self.now + Duration::from_secs(15);
        self.fact(Fact::Reserved { agent: agent(number), call: call(of), until })
    }

    fn ring(&mut self, number: u32, of: u32) {
        self.reserve(number, of);
        self.fact(Fact::Ringing { agent: agent(number), call: call(of) });
    }

    fn talk(&mut self, number: u32, of: u32) {
        self.ring(number, of);
        self.fact(Fact::Answered { agent: agent(number), call: call(of) });
    }

    fn start(&mut self, number: u32, of: u32, kind: CallKind) {
        self.fact(Fact::CallStarted { agent: agent(number), call: call(of), kind });
    }

    fn end_offer(&mut self, number: u32, of: u32, end: OfferEnd) -> Vec<Change> {
        self.fact(Fact::OfferEnded { agent: agent(number), call: call(of), end })
    }

    fn hang_up(&mut self, number: u32, of: u32, wrap_up: u64) -> Vec<Change> {
        let wrap_up = Duration::from_secs(wrap_up);
        self.fact(Fact::CallEnded { agent: agent(number), call: call(of), wrap_up })
    }

    fn lose_and_find(&mut self, number: u32, seconds: u64) {
        self.fact(Fact::PhoneLost { phone: phone(number) });
        assert_eq!(self.reason(number), Reason::DEVICE_LOST);
        self.after(seconds).pass();
        self.fact(Fact::PhoneBound { phone: phone(number) });
    }

    fn restore(&mut self, number: u32, state: &AgentState, phone_state: PhoneState) -> Vec<Change> {
        let snapshot = AgentSnapshot { state: state.clone(), phone: Some(phone(number)) };
        let changes = self.agents.restore(agent(number), snapshot, phone_state, self.now);
        self.agents.check().unwrap();
        changes
    }

    fn name(&self, number: u32) -> StateName {
        self.agents.state(agent(number)).unwrap().name()
    }

    fn reason(&self, number: u32) -> &str {
        let state = self.agents.state(agent(number)).unwrap();
        let AgentState::Busy { reason, .. } = state else { panic!("{number} is {state:?}") };
        reason.as_str()
    }

    fn is_available(&self, number: u32) -> bool {
        self.agents.availability(agent(number)).is_available()
    }
}

fn rules() -> Rules {
    let lunch = BusyRule { longest: Some(30 * MINUTE), ..BusyRule::default() };
    Rules {
        reasons: [
            ("lunch".into(), lunch),
            ("meeting".into(), BusyRule::default()),
            ("setting_up".into(), BusyRule::default()),
        ]
        .into(),
        wrap_up_at_most: 5 * MINUTE,
        cool_down: CoolDown { unreachable: Duration::from_secs(7), ..CoolDown::default() },
        ..Rules::default()
    }
}

fn busy(reason: &str) -> Next {
    Next::Busy(reason.into())
}

fn agent(number: u32) -> AgentId {
    AgentId::new(number)
}

fn phone(number: u32) -> PhoneId {
    PhoneId::from(number.to_string().as_str())
}

fn call(number: u32) -> CallId {
    CallId::new(Epoch::new(1), number)
}

fn time(text: &str) -> Timestamp {
    format!("2026-11-22T{text}.000000Z").parse().unwrap()
}
