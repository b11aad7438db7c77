//! Offers that come to nothing, pauses and idle time.

use super::*;

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
        let changes = team.end_offer(1001, 1, end);
        assert_eq!(team.name(1001), StateName::Ready);
        assert!(!team.is_available(1001), "{end:?}");
        let until = team.now + Duration::from_secs(pause);
        assert_eq!(changes[0].notices, [EventKind::AgentPaused { until, after: end }]);
        assert_eq!(team.agents.pause(agent(1001)), Some(Pause { until, after: end }));
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
    let changes = team.end_offer(1001, 1, OfferEnd::CallerLeft);
    assert!(team.is_available(1001));
    assert_eq!(changes[0].notices, []);
}

#[test]
fn no_pause_is_told_where_there_is_none() {
    let cool_down = CoolDown { no_answer: Duration::ZERO, ..CoolDown::default() };
    let mut team = Team::new(Rules { cool_down, ..rules() });
    team.sign_in(1001, 1001).unwrap();
    team.ring(1001, 1);
    assert_eq!(team.end_offer(1001, 1, OfferEnd::NoAnswer)[0].notices, []);
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
    assert_eq!(team.agents.availability(agent(1001)), Availability::Available { idle_since });
}

#[test]
fn idle_time_begins_anew_after_a_call() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.at("09:10:00").hang_up(1001, 1, 0);
    assert_eq!(
        team.agents.availability(agent(1001)),
        Availability::Available { idle_since: time("09:10:00") }
    );
}
