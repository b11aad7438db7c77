//! Callers, queues and agents.

use model::{AgentState, Next, Outcome, StateName};
use switchboard::ports::{LegCommand, MediaCommand, Request};

use crate::centre::{Centre, agent, config};

#[test]
fn a_caller_is_greeted_waits_and_is_joined_to_the_agent_who_signs_in() {
    let mut centre = Centre::open();
    centre.queues();
    centre.wait(8).sign_in(1001);
    centre.wait(2);
    centre.forget();
    let agent_leg = centre.answers("1001");
    centre.wait(30);
    centre.hangs_up(agent_leg);
    centre.wait(10);
    insta::assert_snapshot!(centre.log());
    assert_eq!(centre.state(1001).name(), StateName::Ready);
    assert_eq!(centre.recordings, ["start 1-1.1", "finish 1-1.1"]);
}

#[test]
fn while_the_first_agent_rings_the_second_caller_goes_to_the_second_agent() {
    let mut centre = Centre::open();
    centre.sign_in(1001).wait(1).sign_in(1002);
    centre.queues();
    centre.queues();
    assert!(centre.rings("1001").is_some() && centre.rings("1002").is_some());
}

#[test]
fn a_caller_who_hangs_up_while_waiting_is_accounted_for_as_abandoned() {
    let mut centre = Centre::open();
    let caller = centre.queues();
    centre.wait(5);
    centre.hangs_up(caller);
    assert_eq!(centre.outcomes(), [(1, "abandoned")]);
    assert!(centre.look().calls.is_empty());
}

#[test]
fn a_caller_who_hangs_up_while_the_phone_rings_frees_the_agent_and_counts_no_missed_call() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let before = centre.state(1001);
    centre.wait(5);
    let caller = centre.queues();
    centre.hangs_up(caller);
    assert_eq!(centre.outcomes(), [(1, "abandoned")]);
    assert!(centre.rings("1001").is_none(), "the phone still rings");
    let AgentState::Ready { idle_since, .. } = centre.state(1001) else { panic!() };
    let AgentState::Ready { idle_since: idle_before, .. } = before else { panic!() };
    assert_eq!(idle_since, idle_before, "the agent lost the place in the order");
}

#[test]
fn a_caller_who_hangs_up_while_talking_sends_the_agent_into_wrap_up() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let caller = centre.queues();
    centre.answers("1001");
    centre.wait(20);
    centre.hangs_up(caller);
    assert_eq!(centre.state(1001).name(), StateName::WrapUp);
    centre.wait(10);
    assert_eq!(centre.state(1001).name(), StateName::Ready);
    assert_eq!(centre.outcomes(), [(1, "answered")]);
}

#[test]
fn an_agent_who_declines_gives_the_caller_to_the_next_one_at_once() {
    let mut centre = Centre::open();
    centre.sign_in(1001).wait(1).sign_in(1002);
    centre.queues();
    centre.declines("1001", 486);
    assert!(centre.rings("1002").is_some());
    centre.answers("1002");
    assert_eq!(centre.outcomes(), [(1, "answered")]);
}

#[test]
fn an_agent_who_lets_it_ring_gives_the_caller_to_the_next_one_when_the_ring_time_is_over() {
    let mut centre = Centre::open();
    centre.sign_in(1001).wait(1).sign_in(1002);
    centre.queues();
    centre.wait(14);
    assert!(centre.rings("1002").is_none());
    centre.wait(1);
    assert!(centre.rings("1001").is_none() && centre.rings("1002").is_some());
}

#[test]
fn an_agent_who_lets_it_ring_twice_is_set_busy_and_the_caller_keeps_the_place() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    centre.queues();
    centre.wait(60);
    let AgentState::Busy { reason, .. } = centre.state(1001) else { panic!("{}", centre.log()) };
    assert_eq!(reason.as_str(), "no_answer");
    assert_eq!(centre.look().queues[0].waiting, 1);
    centre.becomes(1001, Next::Ready).unwrap();
    centre.answers("1001");
    assert_eq!(centre.outcomes(), [(1, "answered")]);
}

#[test]
fn a_phone_that_vanishes_while_it_rings_gives_the_caller_to_another_agent() {
    let mut centre = Centre::open();
    centre.sign_in(1001).wait(1).sign_in(1002);
    centre.queues();
    centre.unbind("1001");
    centre.declines("1001", 480);
    assert!(centre.rings("1002").is_some());
    let AgentState::Busy { reason, .. } = centre.state(1001) else { panic!("{}", centre.log()) };
    assert_eq!(reason.as_str(), "device_lost");
}

#[test]
fn a_wait_that_is_too_long_overflows_and_then_ends_with_an_announcement() {
    let mut centre = Centre::open();
    let caller = centre.queues();
    centre.wait(120);
    assert_eq!(centre.outcomes(), [(1, "overflowed")]);
    centre.wait(60);
    assert_eq!(centre.outcomes(), [(1, "overflowed"), (1, "timed_out")]);
    centre.hears_all(caller);
    assert!(centre.look().calls.is_empty());
}

#[test]
fn callers_of_equal_priority_are_served_in_the_order_of_arrival() {
    let mut centre = Centre::open();
    for _ in 0..3 {
        centre.queues();
        centre.wait(1);
    }
    centre.sign_in(1001);
    for call in 1..=3 {
        let leg = centre.answers("1001");
        let talking = centre.look().calls.into_iter().find(|call| call.stage == "talking");
        assert_eq!(talking.unwrap().call.number(), call);
        centre.wait(5);
        centre.hangs_up(leg);
        centre.wait(10);
    }
    assert_eq!(centre.outcomes(), [(1, "answered"), (2, "answered"), (3, "answered")]);
}

#[test]
fn no_virtual_time_passes_between_the_end_of_wrap_up_and_the_next_offer() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let caller = centre.queues();
    centre.queues();
    centre.answers("1001");
    centre.hangs_up(caller);
    centre.ask(Request::EndWrapUp { agent: agent(1001) }).unwrap();
    assert!(centre.rings("1001").is_some());
}

#[test]
fn the_held_party_hears_music_and_every_part_of_the_talk_is_recorded() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let caller = centre.queues();
    let leg = centre.answers("1001");
    centre.forget();
    centre.holds(leg);
    let music = |(leg, command): &(_, MediaCommand)| {
        *leg == caller && matches!(command, MediaCommand::Play { repeat: true, .. })
    };
    assert!(centre.media.iter().any(music));
    centre.wait(5);
    centre.retrieves(leg);
    assert_eq!(centre.recordings, ["finish 1-1.1", "start 1-1.2", "finish 1-1.2", "start 1-1.3"]);
    let answered = centre
        .seen
        .iter()
        .filter(|(_, command)| matches!(command, LegCommand::AnswerReoffer { .. }));
    assert_eq!(answered.count(), 2);
}

#[test]
fn when_the_agents_hang_up_in_any_order_every_caller_is_accounted_for() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for talk in [0, 1, 7] {
            let mut centre = Centre::open();
            centre.sign_in(1001).sign_in(1002);
            let callers = [centre.queues(), centre.queues(), centre.queues()];
            centre.answers("1001");
            centre.answers("1002");
            for caller in order {
                centre.wait(talk);
                centre.hangs_up(callers[caller]);
            }
            centre.wait(60);
            let status = centre.look();
            assert!(status.calls.is_empty());
            let tally = &status.queues[0];
            assert_eq!(tally.entered, 3);
            assert_eq!(tally.outcomes.values().sum::<u64>(), 3, "{}", centre.log());
            assert!(!tally.outcomes.contains_key(&Outcome::Failed));
            for number in [1001, 1002] {
                assert_eq!(centre.state(number).name(), StateName::Ready);
            }
        }
    }
}

#[test]
fn a_queue_whose_limit_is_reached_lets_nobody_else_in() {
    let mut config = config();
    let queue = config.acd.queues.get_mut("presales").unwrap();
    (queue.max_length, queue.overflow) = (Some(1), None);
    let mut centre = Centre::open_with(config, 1, Default::default(), &[]);
    centre.queues();
    centre.queues();
    assert_eq!(centre.outcomes(), [(2, "rejected")]);
}
