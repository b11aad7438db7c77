//! Who may serve whom, when and in which order: one test a rule.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Choice, Occupancy, OfferEnd, Outcome, Stretch};

use super::{Floor, agent, call, queue, time};
use crate::{
    Absence, AcdConfig, AcdEvent, Decision, Needs, Nobody, Preferred, QueueConfig, Ringing,
    Routing, Share, Skills, Standing, Tier, Unassignable, Wants, WhenNobody,
};

/// One queue, `support`, which anybody serves unless the rules say otherwise, and `spill`, which
/// anybody serves.
fn floor(rules: QueueConfig) -> Floor {
    Floor::of(configured(rules))
}

fn configured(rules: QueueConfig) -> AcdConfig {
    let skills = |list: &[(&str, u8)]| -> Skills {
        list.iter().map(|(skill, level)| ((*skill).into(), *level)).collect()
    };
    let agents = [
        (agent(1001), skills(&[("expert", 1), ("inhouse", 1)])),
        (agent(1002), skills(&[("expert", 9), ("inhouse", 1)])),
        (agent(1003), skills(&[("partner", 1), ("trainee", 1)])),
        (agent(1004), skills(&[("partner", 1)])),
    ];
    let queues = [(queue("support"), rules), (queue("spill"), QueueConfig::default())];
    AcdConfig { queues: queues.into(), agents: agents.into(), seed: 7 }
}

fn experts() -> Needs {
    [("expert".into(), 1)].into()
}

impl Floor {
    fn stands(&mut self, number: u32, standing: Standing) {
        let agent = agent(number);
        self.event(AcdEvent::AgentSignedIn { agent });
        self.event(AcdEvent::AgentAvailable { agent, standing });
    }

    fn wants(&mut self, number: u32, wants: Wants) {
        let (call, queue) = (call(number), queue("support"));
        self.event(AcdEvent::CallQueued { call, queue, wants });
    }

    fn answers(&mut self, of: u32, number: u32) {
        self.event(AcdEvent::OfferAnswered { call: call(of), agent: agent(number) });
    }

    /// Whom each of so many calls is offered to, when everybody is ready again before each.
    fn served(&mut self, calls: u32, agents: &[u32]) -> Vec<u32> {
        let mut served = Vec::new();
        for number in 1..=calls {
            for agent in agents {
                self.ready(*agent);
            }
            self.decided.clear();
            self.queued(number);
            let offered = self.decided.iter().find_map(|decision| match decision {
                Decision::Offer { agent, .. } => Some(agent.number()),
                Decision::OfferOver { .. } | Decision::Entered { .. } | Decision::Left { .. } => {
                    None
                }
            });
            let agent = offered.expect("somebody is ready");
            self.answers(number, agent);
            self.event(AcdEvent::TalkEnded { call: call(number) });
            served.push(agent);
        }
        self.decided.clear();
        served
    }
}

#[test]
fn each_strategy_ranks_by_its_own_measure() {
    let at = |text| time(text);
    let worked = Occupancy::default().after(Stretch::Away, at("08:00:00"));
    let busier = worked.after(Stretch::Occupied, at("09:00:00"));
    let idle = worked.after(Stretch::Idle, at("09:00:00"));
    let first = Standing {
        idle_since: at("09:00:00"),
        last_call: at("08:59:00"),
        calls_taken: 5,
        talked: Duration::from_secs(60),
        occupancy: busier,
    };
    let second = Standing {
        idle_since: at("09:10:00"),
        last_call: at("08:30:00"),
        calls_taken: 2,
        talked: Duration::from_secs(90),
        occupancy: idle,
    };
    let expected = [
        (Routing::LongestIdle, 1001),
        (Routing::LongestSinceCall, 1002),
        (Routing::FewestCalls, 1002),
        (Routing::LeastTalkTime, 1001),
        (Routing::LeastOccupied, 1002),
        (Routing::HighestSkill, 1002),
        // Equal for the strategy: the longest idle.
        (Routing::FewestCallsHere, 1001),
        (Routing::RoundRobin, 1001),
    ];
    for (routing, winner) in expected {
        let mut floor = floor(QueueConfig { needs: experts(), routing, ..QueueConfig::default() });
        floor.at("09:20:00");
        floor.stands(1001, first);
        floor.stands(1002, second);
        floor.queued(1);
        floor.expect(["1 enters support", &format!("1 rings {winner}")]);
    }
}

#[test]
fn round_robin_goes_round_and_linear_begins_at_the_top() {
    let rules = |routing| QueueConfig {
        routing,
        order: vec![agent(1004), agent(1002)],
        ..QueueConfig::default()
    };
    let all = [1001, 1002, 1003, 1004];
    let mut round = floor(rules(Routing::RoundRobin));
    assert_eq!(round.served(6, &all), [1001, 1002, 1003, 1004, 1001, 1002]);
    let mut linear = floor(rules(Routing::Linear));
    assert_eq!(linear.served(3, &all), [1004, 1004, 1004]);
    assert_eq!(linear.served(2, &[1003, 1002, 1001]), [1002, 1002]);
    assert_eq!(linear.served(1, &[1003, 1001]), [1001]);
}

#[test]
fn fewest_calls_here_counts_the_calls_of_the_queue_since_signing_in() {
    let mut floor = floor(QueueConfig { routing: Routing::FewestCallsHere, ..Default::default() });
    assert_eq!(floor.served(4, &[1001, 1002]), [1001, 1002, 1001, 1002]);
    floor.event(AcdEvent::AgentSignedOut { agent: agent(1002) });
    assert_eq!(floor.served(2, &[1001, 1002]), [1002, 1002]);
}

#[test]
fn chance_is_the_same_again_from_the_same_seed_and_weighs_by_level() {
    let rules = |routing| QueueConfig { needs: experts(), routing, ..QueueConfig::default() };
    let served = |routing| floor(rules(routing)).served(400, &[1001, 1002]);
    assert_eq!(served(Routing::Random), served(Routing::Random));
    let second = |served: Vec<u32>| served.iter().filter(|agent| **agent == 1002).count();
    let even = second(served(Routing::Random));
    assert!((160..240).contains(&even), "{even} of 400 to one of two");
    // Level 9 beside level 1.
    let weighted = second(served(Routing::WeightedRandom));
    assert!((335..385).contains(&weighted), "{weighted} of 400 to the one of nine in ten");
}

#[test]
fn shares_divide_calls_by_their_parts_and_leave_none_waiting() {
    let share = |skill: &str, part| Share { skill: skill.into(), part };
    let shares = vec![share("inhouse", 7), share("partner", 3)];
    let mut floor = floor(QueueConfig { shares, ..QueueConfig::default() });
    let served = floor.served(100, &[1001, 1002, 1003, 1004]);
    assert_eq!(served.iter().filter(|agent| **agent <= 1002).count(), 70);
    // An offer that comes to nothing is not counted.
    for agent in [1001, 1003] {
        floor.ready(agent);
    }
    floor.queued(101);
    floor.offer_ended(101, 1001, OfferEnd::NoAnswer);
    floor.answers(101, 1003);
    floor.decided.clear();
    assert_eq!(floor.served(1, &[1001, 1002, 1003, 1004]), [1001]);
}

#[test]
fn an_outer_tier_opens_with_the_wait_and_with_the_length() {
    let outer =
        Tier { needs: Needs::default(), after: Some(Duration::from_secs(20)), waiting: Some(3) };
    let rules = QueueConfig { needs: experts(), tiers: vec![outer], ..QueueConfig::default() };
    let mut floor = floor(rules);
    floor.at("09:00:00").event(AcdEvent::AgentSignedIn { agent: agent(1001) });
    floor.ready(1003);
    floor.queued(1);
    floor.expect(["1 enters support"]);
    floor.at("09:00:19").pass();
    floor.expect([]);
    floor.at("09:00:20").pass();
    floor.expect(["1 rings 1003"]);
    floor.at("09:00:21").queued(2);
    floor.ready(1004);
    floor.expect(["2 enters support"]);
    // The third: now the tier is open to all, and the first of them is served.
    floor.queued(3);
    floor.expect(["3 enters support", "2 rings 1004"]);
    // Whoever is in the inner tier comes first, however long others have been idle.
    floor.gone(1);
    floor.decided.clear();
    floor.at("09:00:41").pass();
    floor.expect(["1004 stops ringing for 2"]);
    floor.ready(1003);
    floor.expect(["3 rings 1003"]);
    floor.answers(3, 1003);
    floor.decided.clear();
    floor.at("09:05:30").queued(4);
    floor.at("09:06:00").ready(1001);
    floor.expect(["4 enters support", "4 rings 1001"]);
}

#[test]
fn a_tier_inside_which_nobody_is_signed_in_is_not_waited_for() {
    let outer =
        Tier { needs: Needs::default(), after: Some(Duration::from_secs(20)), waiting: None };
    let rules = QueueConfig { needs: experts(), tiers: vec![outer], ..QueueConfig::default() };
    let mut floor = floor(rules);
    floor.event(AcdEvent::AgentSignedIn { agent: agent(1001) });
    floor.ready(1003);
    floor.queued(1);
    floor.expect(["1 enters support"]);
    floor.event(AcdEvent::AgentSignedOut { agent: agent(1001) });
    floor.expect(["1 rings 1003"]);
}

#[test]
fn alternatives_and_exclusions_decide_who_fits() {
    let needs = Needs {
        any: vec![[("expert".into(), 5)].into(), [("partner".into(), 1)].into()],
        not: [("trainee".into())].into(),
        ..Needs::default()
    };
    let mut floor = floor(QueueConfig { needs, ..QueueConfig::default() });
    for agent in [1001, 1003, 1002, 1004] {
        floor.ready(agent);
    }
    assert_eq!(floor.acd.tally(&queue("support")).ready, 2);
    floor.queued(1);
    floor.queued(2);
    floor.queued(3);
    let served = ["1 rings 1002", "2 enters support", "2 rings 1004", "3 enters support"];
    floor.expect(["1 enters support", served[0], served[1], served[2], served[3]]);
}

#[test]
fn of_phones_that_ring_together_the_first_to_answer_has_the_call() {
    let mut floor = floor(QueueConfig { ringing: Ringing::All, ..QueueConfig::default() });
    for agent in [1001, 1002, 1003] {
        floor.ready(agent);
    }
    floor.queued(1);
    floor.expect(["1 enters support", "1 rings 1001", "1 rings 1002", "1 rings 1003"]);
    floor.queued(2);
    floor.expect(["2 enters support"]);
    floor.offer_ended(1, 1003, OfferEnd::Refused);
    floor.expect([]);
    floor.answers(1, 1002);
    floor.expect(["1001 stops ringing for 1", "1 leaves support: answered"]);
    assert_eq!(floor.end, Some(OfferEnd::AnsweredElsewhere));
    // What comes after is nothing to anybody.
    floor.offer_ended(1, 1001, OfferEnd::AnsweredElsewhere);
    floor.expect([]);
    floor.ready(1001);
    floor.expect(["2 rings 1001"]);
}

#[test]
fn one_more_phone_rings_each_time_where_somebody_is_free() {
    let ringing = Ringing::Progressive { every: Duration::from_secs(5) };
    let mut floor = floor(QueueConfig { ringing, ..QueueConfig::default() });
    floor.at("09:00:00").ready(1001);
    floor.at("09:00:01").ready(1002);
    floor.queued(1);
    floor.expect(["1 enters support", "1 rings 1001"]);
    floor.at("09:00:06").pass();
    floor.expect(["1 rings 1002"]);
    floor.at("09:00:12").pass();
    floor.expect([]);
    // The first rings for fifteen seconds, the second for fifteen of its own.
    floor.at("09:00:16").pass();
    floor.expect(["1001 stops ringing for 1"]);
    floor.offer_ended(1, 1001, OfferEnd::NoAnswer);
    floor.ready(1003);
    floor.expect([]);
    floor.at("09:00:17").pass();
    floor.expect(["1 rings 1003"]);
    floor.answers(1, 1003);
    floor.expect(["1002 stops ringing for 1", "1 leaves support: answered"]);
}

fn kept_for(number: u32, seconds: u64) -> Wants {
    let preferred = Preferred { agent: agent(number), wait: Duration::from_secs(seconds) };
    Wants { preferred: Some(preferred), ..Wants::default() }
}

#[test]
fn a_caller_is_kept_for_the_preferred_agent_for_a_while() {
    let mut floor = floor(QueueConfig::default());
    floor.at("09:00:00").event(AcdEvent::AgentSignedIn { agent: agent(1002) });
    floor.ready(1001);
    floor.wants(1, kept_for(1002, 20));
    floor.wants(2, kept_for(1002, 60));
    floor.expect(["1 enters support", "2 enters support"]);
    floor.at("09:00:20").pass();
    floor.expect(["1 rings 1001"]);
    // Among others who wait, who is kept for the agent comes first with that agent.
    floor.answers(1, 1001);
    floor.queued(3);
    floor.decided.clear();
    floor.ready(1002);
    floor.expect(["2 rings 1002"]);
    assert_eq!(floor.choice, Some(Choice::Preferred));
    // Once the agent let it ring, anybody may have the caller; the place is the old one.
    floor.offer_ended(2, 1002, OfferEnd::NoAnswer);
    floor.ready(1001);
    floor.expect(["2 rings 1001"]);
}

#[test]
fn nobody_is_kept_for_an_agent_who_is_not_there() {
    let mut floor = floor(QueueConfig { needs: experts(), ..QueueConfig::default() });
    floor.ready(1001);
    // Signed out; not serving the queue; busy.
    floor.event(AcdEvent::AgentSignedIn { agent: agent(1003) });
    floor.event(AcdEvent::AgentSignedIn { agent: agent(1002) });
    let busy = AcdEvent::AgentUnavailable { agent: agent(1002), absence: Absence::Busy };
    floor.event(busy.clone());
    for (call, kept) in [(1, 1004), (2, 1003), (3, 1002)] {
        floor.wants(call, kept_for(kept, 60));
        floor.ready(1001);
        floor.answers(call, 1001);
        floor.ready(1001);
        let entered = format!("{call} enters support");
        floor.expect([
            &entered,
            &format!("{call} rings 1001"),
            &format!("{call} leaves support: answered"),
        ]);
    }
    // Gone while a caller is kept: anybody may have the caller at once.
    floor.busy(1002);
    floor.wants(4, kept_for(1002, 60));
    floor.expect(["4 enters support"]);
    floor.event(busy);
    floor.expect(["4 rings 1001"]);
}

#[test]
fn no_more_talk_at_once_than_may() {
    let mut floor = floor(QueueConfig { most_at_once: Some(1), ..QueueConfig::default() });
    floor.ready(1001);
    floor.ready(1002);
    floor.queued(1);
    floor.queued(2);
    floor.expect(["1 enters support", "1 rings 1001", "2 enters support"]);
    floor.answers(1, 1001);
    floor.expect(["1 leaves support: answered"]);
    floor.event(AcdEvent::TalkEnded { call: call(1) });
    floor.expect(["2 rings 1002"]);
    floor.gone(2);
    floor.decided.clear();
    floor.queued(3);
    floor.expect(["3 enters support"]);
}

#[test]
fn a_caller_who_would_wait_too_long_is_led_on() {
    let max_estimate = Some(Duration::from_secs(60));
    let overflow = Some(queue("spill"));
    let mut floor = floor(QueueConfig { max_estimate, overflow, ..QueueConfig::default() });
    for number in 1..=10 {
        floor.at("09:00:00").queued(number);
    }
    for number in 1..=5 {
        let minute = format!("09:0{number}:00");
        floor.at(&minute).ready(1001);
        floor.answers(number, 1001);
    }
    assert_eq!(floor.acd.tally(&queue("support")).estimate, Some(Duration::from_secs(360)));
    floor.decided.clear();
    floor.queued(11);
    floor.expect(["11 enters support", "11 leaves support: overflowed", "11 enters spill"]);
}

#[test]
fn waiting_outweighs_priority_where_it_is_worth_something() {
    let worth = Some(Duration::from_secs(30));
    let mut floor = floor(QueueConfig { priority_worth: worth, ..QueueConfig::default() });
    floor.at("09:00:00").wants(1, Wants::priority(0));
    floor.at("09:00:59").wants(2, Wants::priority(2));
    floor.at("09:01:01").wants(3, Wants::priority(2));
    // What was waited before counts as well.
    let credit = Duration::from_secs(300);
    floor.at("09:02:00").wants(4, Wants { credit, ..Wants::default() });
    assert_eq!(floor.in_order("support"), [4, 2, 1, 3]);
}

#[test]
fn those_who_wait_are_led_on_when_there_has_been_nobody_for_too_long() {
    let mut floor = floor(QueueConfig {
        nobody: Nobody::Working,
        when_nobody: WhenNobody::TurnAway,
        leave_after: Some(Duration::from_secs(30)),
        ..QueueConfig::default()
    });
    floor.at("09:00:00").ready(1001);
    floor.queued(1);
    floor.answers(1, 1001);
    floor.queued(2);
    floor.decided.clear();
    let busy = |number| AcdEvent::AgentUnavailable { agent: agent(number), absence: Absence::Busy };
    floor.at("09:01:00").event(busy(1001));
    // Somebody is back in time; then nobody is.
    floor.at("09:01:20").busy(1001);
    floor.at("09:02:00").event(busy(1001));
    floor.at("09:02:10").queued(3);
    floor.expect(["3 enters support", "3 leaves support: rejected"]);
    floor.at("09:02:29").pass();
    floor.expect([]);
    floor.at("09:02:30").pass();
    floor.expect(["2 leaves support: rejected"]);
}

#[test]
fn a_lead_gives_a_call_to_an_agent_and_moves_one() {
    let mut floor = floor(QueueConfig { needs: experts(), ..QueueConfig::default() });
    floor.at("09:00:00").queued(1);
    floor.at("09:00:10").event(AcdEvent::CallQueued {
        call: call(9),
        queue: queue("spill"),
        wants: Wants::default(),
    });
    floor.at("09:00:20").queued(2);
    assert_eq!(floor.acd.assignable(call(7), agent(1003)), Err(Unassignable::NotWaiting));
    assert_eq!(floor.acd.assignable(call(2), agent(1003)), Err(Unassignable::NotAvailable));
    // The one who serves the other queue is free only while nobody waits there.
    floor.event(AcdEvent::CallGone { call: call(9) });
    floor.ready(1003);
    floor.decided.clear();
    floor.event(AcdEvent::CallAssigned { call: call(2), agent: agent(1003) });
    floor.expect(["2 rings 1003"]);
    assert_eq!(floor.choice, Some(Choice::Assigned));
    assert_eq!(floor.acd.assignable(call(2), agent(1003)), Err(Unassignable::Rings));
    // Moved, a caller has waited where the caller now is.
    floor.at("09:00:30").event(AcdEvent::CallQueued {
        call: call(3),
        queue: queue("spill"),
        wants: Wants::default(),
    });
    floor.event(AcdEvent::CallMoved { call: call(1), queue: queue("spill") });
    assert_eq!(floor.in_order("spill"), [1, 3]);
    floor.expect(["3 enters spill", "1 leaves support: overflowed", "1 enters spill"]);
    assert_eq!(floor.acd.tally(&queue("support")).outcomes[&Outcome::Overflowed], 1);
}

#[test]
fn a_change_of_rules_keeps_every_place_and_opens_what_is_due() {
    let rules = QueueConfig { needs: experts(), ..QueueConfig::default() };
    let mut config = configured(rules);
    let mut floor = Floor::of(config.clone());
    floor.at("09:00:00").event(AcdEvent::AgentSignedIn { agent: agent(1001) });
    floor.ready(1003);
    for number in 1..=3 {
        floor.queued(number);
    }
    floor.decided.clear();
    let outer =
        Tier { needs: Needs::default(), after: Some(Duration::from_secs(20)), waiting: None };
    let support = config.queues.get_mut(&queue("support")).unwrap();
    support.tiers = vec![outer];
    floor.at("09:00:10").configure(config.clone());
    floor.expect([]);
    assert_eq!(floor.in_order("support"), [1, 2, 3]);
    floor.at("09:00:20").pass();
    floor.expect(["1 rings 1003"]);
    // A name is only a label: the queue is the same.
    config.queues.get_mut(&queue("support")).unwrap().label = "客服".into();
    floor.configure(config);
    floor.expect([]);
    assert_eq!(floor.in_order("support"), [1, 2, 3]);
}

#[test]
fn all_agents_serve_equally_often_by_round_robin_whatever_their_number() {
    for agents in 2..5_u32 {
        let rules = QueueConfig { routing: Routing::RoundRobin, ..QueueConfig::default() };
        let all: Vec<u32> = (1001..1001 + agents).collect();
        let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
        for agent in floor(rules).served(agents * 5, &all) {
            *counts.entry(agent).or_default() += 1;
        }
        assert!(counts.values().all(|count| *count == 5), "{counts:?}");
    }
}

impl Floor {
    fn signed_out_of(&mut self, number: u32, queues: &[&str]) {
        let away = queues.iter().map(|id| queue(id)).collect();
        self.event(AcdEvent::AgentQueues { agent: agent(number), away });
    }
}

#[test]
fn an_agent_is_offered_only_calls_of_queues_the_agent_is_signed_in_to() {
    let mut floor = floor(QueueConfig::default());
    floor.ready(1001);
    floor.signed_out_of(1001, &["support"]);
    assert_eq!(floor.acd.tally(&queue("support")).signed_in, 0);
    floor.queued(1);
    floor.expect(["1 enters support"]);
    floor.queued_in(2, "spill", 0);
    floor.expect(["2 enters spill", "2 rings 1001"]);
    floor.offer_ended(2, 1001, OfferEnd::Withdrawn);
    floor.gone(2);
    floor.decided.clear();
    floor.ready(1001);
    floor.signed_out_of(1001, &[]);
    floor.expect(["1 rings 1001"]);
}

#[test]
fn who_signs_out_of_a_queue_while_its_call_rings_may_still_answer() {
    let mut floor = floor(QueueConfig::default());
    floor.ready(1001);
    floor.queued(1);
    floor.queued(2);
    floor.decided.clear();
    floor.signed_out_of(1001, &["support"]);
    floor.expect([]);
    floor.answers(1, 1001);
    floor.expect(["1 leaves support: answered"]);
    floor.event(AcdEvent::TalkEnded { call: call(1) });
    floor.ready(1001);
    floor.expect([]);
}

#[test]
fn a_caller_kept_for_an_agent_who_signs_out_of_the_queue_is_served_by_others() {
    let mut floor = floor(QueueConfig::default());
    floor.ready(1001);
    floor.busy(1001);
    let preferred = Some(Preferred { agent: agent(1001), wait: Duration::from_secs(60) });
    floor.wants(1, Wants { preferred, ..Wants::default() });
    floor.ready(1002);
    floor.expect(["1 enters support"]);
    floor.signed_out_of(1001, &["support"]);
    floor.expect(["1 rings 1002"]);
}

#[test]
fn a_queue_of_which_everybody_has_signed_out_has_nobody() {
    let rules = QueueConfig {
        when_nobody: WhenNobody::TurnAway,
        overflow: Some(queue("spill")),
        ..QueueConfig::default()
    };
    let mut floor = floor(rules);
    floor.ready(1001);
    floor.signed_out_of(1001, &["support"]);
    floor.queued(1);
    floor.expect([
        "1 enters support",
        "1 leaves support: overflowed",
        "1 enters spill",
        "1 rings 1001",
    ]);
}

#[test]
fn who_is_signed_out_of_a_queue_stays_so_when_the_configuration_changes() {
    let mut floor = floor(QueueConfig::default());
    floor.ready(1001);
    floor.signed_out_of(1001, &["support"]);
    floor.queued(1);
    floor.decided.clear();
    floor.configure(configured(QueueConfig::default()));
    floor.expect([]);
    floor.signed_out_of(1001, &[]);
    floor.expect(["1 rings 1001"]);
}
