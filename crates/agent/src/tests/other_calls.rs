//! Calls that come from no queue, and several at once.

use super::*;

#[test]
fn an_agent_on_another_call_is_not_available_and_returns_to_the_state_before() {
    let mut team = Team::new(rules());
    team.at("09:00:00").sign_in(1001, 1001).unwrap();
    for kind in [CallKind::Internal, CallKind::Outbound] {
        team.after(60).start(1001, 1, kind);
        assert!(!team.is_available(1001));
        team.after(60).hang_up(1001, 1, 10);
        let idle_since = time("09:00:00");
        assert_eq!(team.agents.availability(agent(1001)), Availability::Available { idle_since });
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
fn wrap_up_earned_while_the_phone_rings_comes_when_the_offer_is_over() {
    let mut team = Team::with([1001]);
    team.ring(1001, 1);
    team.start(1001, 2, CallKind::Queue);
    team.hang_up(1001, 2, 30);
    assert_eq!(team.name(1001), StateName::Ringing);
    team.end_offer(1001, 1, OfferEnd::CallerLeft);
    team.expect_wrap_up_of(1001, 30);
    team.after(30).pass();
    team.start(1001, 3, CallKind::Internal);
    team.hang_up(1001, 3, 0);
    assert_eq!(team.name(1001), StateName::Ready, "it is not owed again");
}
