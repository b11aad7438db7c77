use std::cmp::Reverse;
use std::time::Duration;

use model::{Cause, Choice, OfferEnd, Outcome, Rank, Timestamp};
use proptest::prelude::*;

mod house;
mod rules;

use house::{Floor, agent, call, config, queue, time};

pub(crate) use house::available;

use crate::{
    AcdEvent, Decision, Explanation, MOST_EXPLAINED, QueueConfig, Routing, Skills, WhenNobody,
};

#[test]
fn the_longest_idle_agent_is_offered_the_longest_waiting_call() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.at("09:00:00").ready(1002);
    floor.at("09:00:05").ready(1001);
    floor.at("09:00:10").queued(1);
    floor.expect(["1 enters support", "1 rings 1002"]);
    floor.queued(2);
    floor.expect(["2 enters support", "2 rings 1001"]);
    floor.queued(3);
    floor.queued(4);
    floor.expect(["3 enters support", "4 enters support"]);
    floor.at("09:01:00").ready(1003);
    floor.expect(["3 rings 1003"]);
}

#[test]
fn agents_who_are_equal_are_ranked_by_work_number() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.ready(1003);
    floor.ready(1001);
    floor.ready(1002);
    floor.queued(1);
    floor.expect(["1 enters support", "1 rings 1001"]);
}

#[test]
fn the_agent_with_the_fewest_calls_is_offered_the_call() {
    let mut floor = Floor::with(Routing::FewestCalls);
    floor.available(1001, "09:00:00", 3);
    floor.available(1002, "09:10:00", 2);
    floor.available(1003, "09:20:00", 2);
    floor.queued(1);
    floor.expect(["1 enters support", "1 rings 1002"]);
}

#[test]
fn the_agent_with_the_highest_level_is_offered_the_call() {
    let mut floor = Floor::with(Routing::HighestSkill);
    for agent in [1001, 1002, 1003] {
        floor.ready(agent);
    }
    floor.queued_in(1, "english", 0);
    floor.expect(["1 enters english", "1 rings 1003"]);
}

#[test]
fn only_who_has_every_skill_at_its_lowest_level_is_offered_the_call() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.queued_in(1, "english", 0);
    floor.ready(1001);
    floor.expect(["1 enters english"]);
    floor.ready(4711);
    floor.expect([]);
    floor.ready(1002);
    floor.expect(["1 rings 1002"]);
}

#[test]
fn a_caller_of_higher_priority_is_served_first_and_equals_in_order_of_arrival() {
    let mut floor = Floor::with(Routing::LongestIdle);
    for (call, priority) in [(1, 0), (2, 5), (3, 5), (4, 9)] {
        floor.queued_in(call, "support", priority);
    }
    assert_eq!(floor.in_order("support"), [4, 2, 3, 1]);
    assert_eq!(floor.acd.position(call(3)), Some((&queue("support"), 3)));
    assert_eq!(floor.acd.position(call(7)), None);
    floor.decided.clear();
    for agent in [1001, 1002, 1003] {
        floor.ready(agent);
    }
    floor.expect(["4 rings 1001", "2 rings 1002", "3 rings 1003"]);
}

#[test]
fn an_agent_of_several_queues_serves_by_weight_then_priority_then_arrival() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.queued_in(1, "support", 0);
    floor.queued_in(2, "english", 9);
    floor.queued_in(3, "support", 9);
    floor.queued_in(4, "gold", 0);
    floor.decided.clear();
    for round in 0..4 {
        floor.at(&format!("09:0{round}:00")).ready(1003);
        let Some(Decision::Offer { call, .. }) = floor.decided.last().cloned() else { panic!() };
        floor.event(AcdEvent::OfferAnswered { call, agent: agent(1003) });
    }
    floor.expect([
        "4 rings 1003",
        "4 leaves gold: answered",
        "2 rings 1003",
        "2 leaves english: answered",
        "3 rings 1003",
        "3 leaves support: answered",
        "1 rings 1003",
        "1 leaves support: answered",
    ]);
}

#[test]
fn an_agent_is_offered_one_call_at_a_time() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.ready(1001);
    floor.queued(1);
    floor.queued(2);
    floor.ready(1001);
    floor.expect(["1 enters support", "1 rings 1001", "2 enters support"]);
}

#[test]
fn a_call_let_ring_keeps_its_place_and_goes_to_the_next_agent_at_once() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.ready(1001);
    floor.ready(1002);
    floor.queued(1);
    floor.busy(1002);
    floor.queued(2);
    floor.decided.clear();
    floor.event(available(agent(1001), floor.now));
    floor.offer_ended(1, 1001, OfferEnd::NoAnswer);
    floor.expect(["1 rings 1001"]);
    floor.offer_ended(1, 1001, OfferEnd::NoAnswer);
    floor.ready(1002);
    floor.expect(["1 rings 1002"]);
    assert_eq!(floor.in_order("support"), [1, 2]);
}

#[test]
fn who_let_it_ring_is_passed_over_while_another_is_available() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.at("09:00:00").ready(1001);
    floor.at("09:00:01").ready(1002);
    floor.at("09:00:02").queued(1);
    floor.available(1001, "09:00:00", 0);
    floor.offer_ended(1, 1001, OfferEnd::NoAnswer);
    floor.expect(["1 enters support", "1 rings 1001", "1 rings 1002"]);
    floor.available(1002, "09:00:01", 0);
    floor.offer_ended(1, 1002, OfferEnd::Refused);
    floor.expect(["1 rings 1001"]);
}

#[test]
fn when_all_were_tried_a_new_round_begins_with_all() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.at("09:00:00").ready(1001);
    floor.at("09:00:01").queued(1);
    for _ in 0..3 {
        floor.offer_ended(1, 1001, OfferEnd::NoAnswer);
        floor.available(1001, "09:00:00", 0);
    }
    floor.expect([
        "1 enters support",
        "1 rings 1001",
        "1 rings 1001",
        "1 rings 1001",
        "1 rings 1001",
    ]);
}

#[test]
fn the_order_in_which_the_end_of_an_offer_and_availability_are_told_does_not_matter() {
    let mut first = Floor::with(Routing::LongestIdle);
    first.ready(1001);
    first.queued(1);
    first.offer_ended(1, 1001, OfferEnd::Withdrawn);
    first.available(1001, "09:00:00", 0);
    let mut second = Floor::with(Routing::LongestIdle);
    second.ready(1001);
    second.queued(1);
    second.available(1001, "09:00:00", 0);
    second.offer_ended(1, 1001, OfferEnd::Withdrawn);
    assert_eq!(first.told(), second.told());
}

#[test]
fn a_choice_is_explained() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.at("09:00:00").ready(1001);
    floor.at("09:00:01").ready(1002);
    floor.at("09:00:02").ready(1003);
    floor.at("09:00:03").queued(1);
    floor.at("09:00:05").offer_ended(1, 1001, OfferEnd::Unreachable);
    floor.at("09:00:07").available(1001, "09:00:00", 0);
    floor.at("09:00:10").offer_ended(1, 1002, OfferEnd::Refused);
    let Some(Decision::Offer { explanation, wrap_up, ring, until, .. }) = floor.decided.pop()
    else {
        panic!()
    };
    assert_eq!(
        explanation,
        Explanation {
            routing: Routing::LongestIdle,
            candidates: vec![agent(1003)],
            ranks: vec![rank(time("09:00:02"))],
            passed_over: vec![(agent(1001), "unreachable")],
            waited: Duration::from_secs(7),
            choice: Choice::Ranked,
        }
    );
    assert_eq!(wrap_up, Duration::from_secs(10));
    assert_eq!((ring, until), (Duration::from_secs(15), time("09:00:25")));
}

fn rank(idle_since: Timestamp) -> Rank {
    let key = i64::try_from(idle_since.as_micros()).unwrap();
    Rank { tier: 0, key, idle_since }
}

#[test]
fn an_explanation_names_a_bounded_number_of_agents() {
    let mut config = config(Routing::LongestIdle);
    for number in 2_000..2_100 {
        config.agents.insert(agent(number), Skills::new());
    }
    let mut floor = Floor::of(config);
    for number in 2_000..2_100 {
        floor.ready(number);
    }
    floor.queued(1);
    for number in 2_000..2_040 {
        floor.offer_ended(1, number, OfferEnd::NoAnswer);
        floor.available(number, "08:00:00", 0);
    }
    let Some(Decision::Offer { explanation, agent: winner, .. }) = floor.decided.pop() else {
        panic!()
    };
    assert_eq!(explanation.candidates.len(), MOST_EXPLAINED);
    assert_eq!(explanation.passed_over.len(), MOST_EXPLAINED);
    assert_eq!(explanation.candidates[0], winner);
}

#[test]
fn a_caller_who_hangs_up_leaves_once_as_abandoned() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.at("09:00:00").queued(1);
    floor.at("09:00:07").gone(1);
    floor.gone(1);
    floor.expect(["1 enters support", "1 leaves support: abandoned"]);
    floor.ready(1001);
    floor.expect([]);
}

#[test]
fn a_caller_who_hangs_up_while_it_rings_frees_the_agent() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.ready(1001);
    floor.queued(1);
    floor.gone(1);
    floor.queued(2);
    floor.expect([
        "1 enters support",
        "1 rings 1001",
        "1 leaves support: abandoned",
        "2 enters support",
    ]);
    floor.offer_ended(1, 1001, OfferEnd::CallerLeft);
    floor.available(1001, "09:00:00", 0);
    floor.expect(["2 rings 1001"]);
}

#[test]
fn an_offer_that_ends_because_the_caller_left_ends_the_wait() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.ready(1001);
    floor.ready(1002);
    floor.queued(1);
    floor.offer_ended(1, 1001, OfferEnd::CallerLeft);
    floor.gone(1);
    floor.expect(["1 enters support", "1 rings 1001", "1 leaves support: abandoned"]);
}

#[test]
fn our_own_fault_is_counted_as_such() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.queued(1);
    floor.event(AcdEvent::CallFailed { call: call(1), cause: Cause::MediaFailed });
    floor.expect(["1 enters support", "1 leaves support: failed"]);
}

#[test]
fn ring_time_that_runs_out_ends_the_offer_once() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.at("09:00:00").ready(1001);
    floor.ready(1002);
    floor.queued(1);
    floor.decided.clear();
    assert_eq!(floor.acd.poll_timeout(), Some(time("09:00:15")));
    floor.at("09:00:15").pass();
    floor.expect(["1001 stops ringing for 1"]);
    floor.at("09:00:16").pass();
    floor.expect([]);
    floor.offer_ended(1, 1001, OfferEnd::NoAnswer);
    floor.expect(["1 rings 1002"]);
}

#[test]
fn a_ring_time_of_an_offer_that_is_over_does_nothing() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.at("09:00:00").ready(1001);
    floor.queued(1);
    floor.at("09:00:14").offer_ended(1, 1001, OfferEnd::Refused);
    floor.ready(1002);
    floor.decided.clear();
    floor.at("09:00:15").pass();
    floor.expect([]);
    floor.at("09:00:29").pass();
    floor.expect(["1002 stops ringing for 1"]);
}

#[test]
fn the_first_answer_wins_and_another_offer_is_over() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.ready(1001);
    floor.queued(1);
    floor.offer_ended(1, 1001, OfferEnd::NoAnswer);
    floor.ready(1002);
    floor.decided.clear();
    floor.event(AcdEvent::OfferAnswered { call: call(1), agent: agent(1001) });
    floor.expect(["1002 stops ringing for 1", "1 leaves support: answered"]);
    floor.offer_ended(1, 1002, OfferEnd::Withdrawn);
    floor.expect([]);
}

#[test]
fn the_longest_wait_ends_in_the_overflow_queue() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.at("09:00:00").queued_in(1, "english", 4);
    floor.at("09:01:00").pass();
    floor.expect(["1 enters english", "1 leaves english: overflowed", "1 enters support"]);
    floor.ready(1001);
    floor.expect(["1 rings 1001"]);
}

#[test]
fn an_overflowed_caller_keeps_the_priority_and_queues_behind_equals() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.at("09:00:00").queued_in(1, "english", 4);
    floor.at("09:00:30").queued_in(2, "support", 4);
    floor.queued_in(3, "support", 3);
    floor.at("09:01:00").pass();
    assert_eq!(floor.in_order("support"), [2, 1, 3]);
}

#[test]
fn the_longest_wait_without_overflow_ends_the_wait() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.at("09:00:00").queued_in(1, "gold", 0);
    floor.at("09:00:30").pass();
    floor.expect(["1 enters gold", "1 leaves gold: timed_out"]);
}

#[test]
fn a_phone_that_rings_when_the_longest_wait_ends_may_ring_on() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.at("09:00:00").queued_in(1, "english", 0);
    floor.at("09:00:55").ready(1002);
    floor.decided.clear();
    floor.at("09:01:00").pass();
    floor.expect([]);
    floor.at("09:01:05").event(AcdEvent::OfferAnswered { call: call(1), agent: agent(1002) });
    floor.expect(["1 leaves english: answered"]);
}

#[test]
fn a_ringing_that_outlasts_the_longest_wait_in_vain_ends_the_wait_at_once() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.at("09:00:00").queued_in(1, "english", 0);
    floor.at("09:00:55").ready(1002);
    floor.ready(1003);
    floor.decided.clear();
    floor.at("09:01:00").pass();
    floor.at("09:01:05").offer_ended(1, 1002, OfferEnd::Refused);
    floor.expect(["1 leaves english: overflowed", "1 enters support", "1 rings 1003"]);
}

#[test]
fn overflow_never_leads_back() {
    let mut config = config(Routing::LongestIdle);
    let minute = Some(Duration::from_secs(60));
    for (from, to) in [("a", "b"), ("b", "c"), ("c", "a"), ("d", "d")] {
        let overflow = Some(queue(to));
        let ring = QueueConfig { max_wait: minute, overflow, ..QueueConfig::default() };
        config.queues.insert(queue(from), ring);
    }
    let mut floor = Floor::of(config);
    floor.at("09:00:00").queued_in(1, "a", 0);
    for text in ["09:01:00", "09:02:00", "09:03:00", "09:04:00"] {
        floor.at(text).pass();
    }
    floor.expect([
        "1 enters a",
        "1 leaves a: overflowed",
        "1 enters b",
        "1 leaves b: overflowed",
        "1 enters c",
        "1 leaves c: timed_out",
    ]);
    floor.queued_in(2, "d", 0);
    floor.at("09:06:00").pass();
    floor.expect(["2 enters d", "2 leaves d: timed_out"]);
}

#[test]
fn a_full_queue_lets_nobody_in() {
    let mut floor = Floor::with(Routing::LongestIdle);
    for number in 1..=3 {
        floor.queued_in(number, "gold", 0);
    }
    floor.expect(["1 enters gold", "2 enters gold", "3 enters gold", "3 leaves gold: rejected"]);
}

#[test]
fn a_full_queue_overflows_where_it_can() {
    let mut floor = Floor::with(Routing::LongestIdle);
    for number in 1..=3 {
        floor.queued_in(number, "english", 0);
    }
    floor.expect([
        "1 enters english",
        "2 enters english",
        "3 enters english",
        "3 leaves english: overflowed",
        "3 enters support",
    ]);
}

#[test]
fn nobody_waits_who_can_be_served_so_length_does_not_matter_then() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.ready(1001);
    floor.ready(1002);
    floor.ready(1003);
    for number in 1..=3 {
        floor.queued_in(number, "gold", 0);
    }
    assert_eq!(floor.acd.tally(&queue("gold")).waiting, 3);
    floor.queued_in(4, "gold", 0);
    let gold = floor.acd.tally(&queue("gold"));
    assert_eq!(gold.outcomes, [(Outcome::Rejected, 1)].into());
}

#[test]
fn who_would_wait_for_nobody_is_turned_away_where_the_queue_says_so() {
    let mut config = config(Routing::LongestIdle);
    if let Some(english) = config.queues.get_mut(&queue("english")) {
        english.when_nobody = WhenNobody::TurnAway;
        english.overflow = None;
    }
    let mut floor = Floor::of(config);
    floor.ready(1001);
    floor.queued_in(1, "english", 0);
    floor.expect(["1 enters english", "1 leaves english: rejected"]);
    floor.event(AcdEvent::AgentSignedIn { agent: agent(1002) });
    floor.queued_in(2, "english", 0);
    floor.expect(["2 enters english"]);
    floor.event(AcdEvent::AgentSignedOut { agent: agent(1002) });
    floor.queued_in(3, "english", 0);
    floor.expect(["3 enters english", "3 leaves english: rejected"]);
}

#[test]
fn a_caller_waits_for_somebody_to_sign_in() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.queued(1);
    floor.at("10:00:00").ready(1001);
    floor.expect(["1 enters support", "1 rings 1001"]);
}

#[test]
fn a_queue_that_does_not_exist_fails_the_call() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.queued_in(1, "nowhere", 0);
    floor.expect(["1 enters nowhere", "1 leaves nowhere: failed"]);
}

#[test]
fn a_call_waits_in_one_queue_at_a_time() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.queued(1);
    floor.queued_in(1, "gold", 0);
    floor.expect(["1 enters support"]);
}

#[test]
fn a_queue_tells_how_it_stands() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.at("09:00:00").queued(1);
    floor.at("09:00:10").queued(2);
    floor.at("09:00:20").ready(1001);
    floor.ready(1002);
    floor.event(AcdEvent::OfferAnswered { call: call(1), agent: agent(1001) });
    floor.gone(2);
    floor.queued(3);
    floor.ready(1003);
    let tally = floor.acd.tally(&queue("support"));
    assert_eq!((tally.waiting, tally.entered), (1, 3));
    assert_eq!((tally.ready, tally.signed_in), (0, 3));
    assert_eq!(tally.oldest, Some(time("09:00:20")));
    assert_eq!(tally.outcomes, [(Outcome::Answered, 1), (Outcome::Abandoned, 1)].into());
    assert_eq!(floor.acd.tally(&queue("english")).signed_in, 2);
    assert_eq!(floor.acd.available().count(), 0);
}

#[test]
fn new_rules_leave_everybody_in_place() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.at("09:00:00").queued_in(1, "english", 0);
    floor.queued_in(2, "english", 0);
    let mut config = config(Routing::LongestIdle);
    if let Some(english) = config.queues.get_mut(&queue("english")) {
        english.max_wait = None;
        english.max_length = Some(0);
    }
    floor.configure(config);
    assert_eq!(floor.in_order("english"), [1, 2]);
    assert_eq!(floor.acd.poll_timeout(), Some(time("09:01:00")), "they came with this wait");
}

#[test]
fn a_skill_learnt_serves_those_who_wait_at_once() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.ready(1001);
    floor.queued_in(1, "english", 0);
    let mut config = config(Routing::LongestIdle);
    config.agents.insert(agent(1001), [("english".into(), 9)].into());
    floor.configure(config);
    floor.expect(["1 enters english", "1 rings 1001"]);
}

#[test]
fn callers_of_a_queue_that_is_gone_overflow_or_fail() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.queued_in(1, "english", 0);
    floor.queued_in(2, "gold", 0);
    let mut config = config(Routing::LongestIdle);
    config.queues.remove(&queue("english"));
    config.queues.remove(&queue("gold"));
    floor.decided.clear();
    floor.configure(config);
    floor.expect(["1 leaves english: overflowed", "1 enters support", "2 leaves gold: failed"]);
    assert_eq!(floor.acd.tally(&queue("gold")).entered, 0, "its books are closed");
}

#[test]
fn a_phone_that_rings_for_a_queue_that_is_gone_may_ring_on() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.ready(1002);
    floor.ready(1003);
    floor.queued_in(1, "english", 0);
    floor.queued_in(2, "english", 0);
    let mut config = config(Routing::LongestIdle);
    config.queues.remove(&queue("english"));
    floor.decided.clear();
    floor.configure(config);
    floor.expect([]);
    floor.event(AcdEvent::OfferAnswered { call: call(1), agent: agent(1002) });
    floor.offer_ended(2, 1003, OfferEnd::NoAnswer);
    floor.expect([
        "1 leaves english: answered",
        "2 leaves english: overflowed",
        "2 enters support",
    ]);
}

#[test]
fn an_agent_who_is_gone_serves_nobody() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.ready(1001);
    let mut config = config(Routing::LongestIdle);
    config.agents.remove(&agent(1001));
    floor.configure(config);
    floor.queued(1);
    floor.expect(["1 enters support"]);
}

#[test]
fn a_busy_minute_reads_like_this() {
    let mut floor = Floor::with(Routing::LongestIdle);
    floor.at("09:00:00").ready(1001);
    floor.at("09:00:01").ready(1002);
    floor.at("09:00:05").queued_in(1, "english", 0);
    floor.at("09:00:06").queued(2);
    floor.at("09:00:07").queued(3);
    floor.at("09:00:08").queued_in(4, "gold", 0);
    floor.at("09:00:12").event(AcdEvent::OfferAnswered { call: call(2), agent: agent(1001) });
    floor.at("09:00:20").pass();
    floor.offer_ended(1, 1002, OfferEnd::NoAnswer);
    floor.at("09:00:25").available(1002, "09:00:01", 0);
    floor.at("09:00:30").gone(3);
    floor.at("09:00:40").event(AcdEvent::OfferAnswered { call: call(4), agent: agent(1002) });
    floor.at("09:01:05").pass();
    floor.at("09:01:10").ready(1001);
    insta::assert_snapshot!(floor.told().join("\n"), @"
    1 enters english
    1 rings 1002
    2 enters support
    2 rings 1001
    3 enters support
    4 enters gold
    2 leaves support: answered
    1002 stops ringing for 1
    4 rings 1002
    3 leaves support: abandoned
    4 leaves gold: answered
    1 leaves english: overflowed
    1 enters support
    1 rings 1001
    ");
}

proptest! {
    #[test]
    fn equals_are_served_in_order_of_arrival(
        priorities in proptest::collection::vec(0_u8..3, 1..60),
        hang_up in proptest::collection::vec(0_usize..60, 0..20),
    ) {
        let mut floor = Floor::with(Routing::LongestIdle);
        for (number, priority) in (1..).zip(&priorities) {
            floor.queued_in(number, "support", *priority);
        }
        let left = |number: &u32| !hang_up.iter().any(|at| *at + 1 == *number as usize);
        for number in (1..=60).filter(|number| !left(number)) {
            floor.gone(number);
        }
        let mut expected: Vec<(Reverse<u8>, u32)> =
            priorities.iter().map(|priority| Reverse(*priority)).zip(1..).collect();
        expected.retain(|(_, number)| left(number));
        expected.sort();
        floor.decided.clear();
        for (_, number) in &expected {
            floor.ready(1001);
            floor.event(AcdEvent::OfferAnswered { call: call(*number), agent: agent(1001) });
        }
        let served = floor.decided.iter().filter_map(|decision| match decision {
            Decision::Offer { call, .. } => Some(call.number()),
            Decision::Entered { .. } | Decision::OfferOver { .. } | Decision::Left { .. } => None,
        });
        let expected = expected.iter().map(|(_, number)| *number);
        prop_assert!(served.eq(expected));
        prop_assert_eq!(floor.acd.tally(&queue("support")).waiting, 0);
    }
}
