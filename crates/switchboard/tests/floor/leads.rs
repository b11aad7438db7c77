//! What a team lead does with calls that wait.

use model::{Cause, EventKind, Outcome, Refusal, StateName};
use switchboard::ports::{Reply, Request};

use crate::centre::{Centre, agent, config};

/// A centre in which nobody has what the first queue asks for.
fn nobody_fits() -> Centre {
    let mut config = config();
    let queue = config.acd.queues.get_mut("presales").unwrap();
    queue.needs = [("expert".into(), 1)].into();
    queue.overflow = None;
    Centre::open_with(config, 1, model::FloorSnapshot::default(), &[])
}

#[test]
fn a_waiting_call_is_given_to_an_agent_whom_the_queue_would_not_choose() {
    let mut centre = nobody_fits();
    centre.queues();
    let call = centre.look().calls[0].call;
    let assign = |number| Request::Assign { call, agent: agent(number) };
    assert_eq!(centre.ask(assign(1001)), Err(Refusal::AgentNotAvailable));
    assert_eq!(centre.ask(assign(4711)), Err(Refusal::AgentUnknown));
    centre.sign_in(1001).sign_in(1002);
    assert!(centre.rings("1001").is_none());
    assert_eq!(centre.ask(assign(1001)), Ok(Reply::Done));
    assert_eq!(centre.ask(assign(1002)), Err(Refusal::CallRings));
    let offered = centre.events.iter().rev().find_map(|event| match &event.kind {
        EventKind::QueueOffered { choice, .. } => Some((*choice, event.actor.to_string())),
        _ => None,
    });
    assert_eq!(offered, Some((model::Choice::Assigned, "user:test/api".to_owned())));
    centre.answers("1001");
    assert_eq!(centre.state(1001).name(), StateName::OnCall);
    assert_eq!(centre.ask(assign(1002)), Err(Refusal::CallNotWaiting));
}

#[test]
fn a_waiting_call_is_moved_and_keeps_what_it_has_waited() {
    let mut centre = nobody_fits();
    centre.queues();
    centre.wait(30);
    let call = centre.look().calls[0].call;
    let to = |queue: &str| Request::Move { call, queue: queue.into() };
    assert_eq!(centre.ask(to("nowhere")), Err(Refusal::QueueUnknown));
    assert_eq!(centre.ask(to("spill")), Ok(Reply::Done));
    let left = centre.events.iter().rev().find_map(|event| match &event.kind {
        EventKind::QueueLeft { outcome, to, .. } => Some((*outcome, to.clone(), event.cause)),
        _ => None,
    });
    assert_eq!(left, Some((Outcome::Overflowed, Some("spill".into()), Some(Cause::Forced))));
    // Another came in between, straight to the other queue's agents: the moved one is first.
    centre.sign_in(1001);
    assert!(centre.rings("1001").is_some(), "somebody who fits there has it at once");
    assert_eq!(centre.ask(to("presales")), Err(Refusal::CallRings));
}
