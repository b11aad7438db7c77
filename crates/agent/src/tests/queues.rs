//! Queues: which an agent is signed in to.

use std::collections::BTreeSet;

use model::QueueId;

use super::*;

/// 1001 meets the needs of these queues, and begins with those of `first`, where there are any.
fn served(queues: &[&str], first: Option<&[&str]>) -> Rules {
    let named = |queues: &[&str]| queues.iter().copied().map(QueueId::from).collect();
    Rules {
        serves: [(agent(1001), named(queues))].into(),
        first_queues: first.map(|first| (agent(1001), named(first))).into_iter().collect(),
        ..rules()
    }
}

fn queues(names: &[&str]) -> BTreeSet<QueueId> {
    names.iter().copied().map(QueueId::from).collect()
}

fn away_of(team: &Team) -> Vec<String> {
    team.agents.away(agent(1001)).iter().map(ToString::to_string).collect()
}

fn leave(team: &mut Team, queue: &str) -> Result<Done, Refusal> {
    team.ask(Request::SignOutOf { agent: agent(1001), queue: queue.into() })
}

fn join(team: &mut Team, queue: &str) -> Result<Done, Refusal> {
    team.ask(Request::SignInTo { agent: agent(1001), queue: queue.into() })
}

#[test]
fn an_agent_signs_out_of_a_queue_and_in_again_in_any_state() {
    let mut team = Team::new(served(&["sales", "support"], None));
    team.sign_in(1001, 1001).unwrap();
    assert_eq!(away_of(&team), [""; 0]);
    team.talk(1001, 1);
    let done = leave(&mut team, "sales").unwrap();
    let told = EventKind::AgentQueuesChanged { away: queues(&["sales"]) };
    assert_eq!(done.changes[0].notices, [told]);
    assert!(!done.changes[0].is_of_state());
    assert_eq!(away_of(&team), ["sales"]);
    assert_eq!(leave(&mut team, "sales"), Ok(Done::default()), "it is so already");
    join(&mut team, "sales").unwrap();
    assert_eq!(away_of(&team), [""; 0]);
}

#[test]
fn a_queue_that_is_not_served_and_an_agent_who_is_signed_out_are_refused() {
    let mut team = Team::new(served(&["sales"], None));
    assert_eq!(leave(&mut team, "sales"), Err(Refusal::AgentSignedOut));
    team.sign_in(1001, 1001).unwrap();
    assert_eq!(join(&mut team, "support"), Err(Refusal::QueueNotServed));
}

#[test]
fn a_working_session_begins_with_the_queues_that_are_said() {
    let mut team = Team::new(served(&["sales", "support"], Some(&["sales"])));
    let told = EventKind::AgentQueuesChanged { away: queues(&["support"]) };
    let changes = team.sign_in(1001, 1001).unwrap().changes;
    assert!(changes[0].notices.contains(&told), "{changes:?}");
    join(&mut team, "support").unwrap();
    leave(&mut team, "sales").unwrap();
    team.become_(1001, Next::SignedOut).unwrap();
    assert_eq!(away_of(&team), [""; 0], "nobody is signed out of anything who is signed out");
    team.sign_in(1001, 1001).unwrap();
    assert_eq!(away_of(&team), ["support"]);
}

#[test]
fn a_reload_forgets_queues_that_are_gone_and_keeps_the_others() {
    let mut team = Team::new(served(&["sales", "support"], None));
    team.sign_in(1001, 1001).unwrap();
    leave(&mut team, "sales").unwrap();
    leave(&mut team, "support").unwrap();
    let known = (1001..=1003).map(AgentId::new).collect();
    let changes = team.agents.configure(served(&["support", "gold"], None), &known, team.now);
    assert_eq!(changes[0].cause, Cause::Reconfigured);
    assert_eq!(away_of(&team), ["support"]);
    let changes = team.agents.configure(
        served(&["support", "gold", "vip"], Some(&["gold"])),
        &known,
        team.now,
    );
    let told = EventKind::AgentQueuesChanged { away: queues(&["support", "vip"]) };
    assert_eq!(changes[0].notices, [told], "a new queue is not one of those begun with");
}

#[test]
fn a_restart_keeps_the_queues_that_there_still_are() {
    let mut team = Team::new(served(&["sales"], None));
    let state = AgentState::Ready { since: team.now, idle_since: team.now };
    let snapshot = AgentSnapshot {
        away: queues(&["sales", "support"]),
        ..AgentSnapshot::new(state, Some(phone(1001)))
    };
    let _ = team.agents.restore(agent(1001), snapshot, PhoneState::Bound, team.now);
    assert_eq!(away_of(&team), ["sales"]);
}
