//! One step of the distribution on a full floor, beside a scan over everybody.

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;

use acd::{Acd, AcdConfig, AcdEvent, Decision, QueueConfig};
use clock::Clock;
use hotline_benches::figures::nanos_each;
use model::{AgentId, CallId, Epoch, Timestamp};

use crate::Row;

const AGENTS: u32 = 1_000;
const CALLERS: u32 = 2_000;
const STEPS: u32 = 2_000;

fn call(number: u32) -> CallId {
    CallId::new(Epoch::new(1), number)
}

fn acd() -> Acd {
    let queue = QueueConfig { needs: [("support".into(), 1)].into(), ..QueueConfig::default() };
    let agents = (0..AGENTS).map(|agent| (AgentId::new(agent), [("support".into(), 5)].into()));
    Acd::new(AcdConfig { queues: [("support".into(), queue)].into(), agents: agents.collect() })
}

fn available(agent: u32, now: Timestamp) -> AcdEvent {
    AcdEvent::AgentAvailable { agent: AgentId::new(agent), idle_since: now, calls_taken: 0 }
}

fn queued(number: u32) -> AcdEvent {
    AcdEvent::CallQueued { call: call(number), queue: "support".into(), priority: 0 }
}

/// Two thousand wait and nobody is free; an agent becomes free, takes the first, and another caller
/// arrives.
pub(crate) fn measure_free_agent(clock: Clock) -> Row {
    let (mut acd, mut now) = (acd(), Timestamp::from_secs(1));
    for number in 0..CALLERS {
        let _ = acd.handle(queued(number), now);
    }
    let mut number = CALLERS;
    let nanos = nanos_each(clock, STEPS, || {
        now = now + Duration::from_millis(1);
        let agent = number % AGENTS;
        let decided = acd.handle(available(agent, now), now);
        let [Decision::Offer { call, agent, .. }] = decided[..] else { panic!("{decided:?}") };
        black_box(acd.handle(AcdEvent::OfferAnswered { call, agent }, now));
        black_box(acd.handle(queued(number), now));
        number += 1;
    });
    let mut waiting: Vec<(u8, u64, u32)> =
        (0..CALLERS).map(|number| (0, u64::from(number), number)).collect();
    let mut number = CALLERS;
    let baseline_nanos = nanos_each(clock, STEPS, || {
        let first = waiting.iter().enumerate().min_by_key(|(_, caller)| **caller);
        let at = first.map(|(at, _)| at).expect("somebody waits");
        black_box(waiting.swap_remove(at));
        waiting.push((0, u64::from(number), number));
        number += 1;
    });
    Row {
        step: format!("an agent becomes free while {CALLERS} wait"),
        nanos,
        baseline: "look at every caller for the first",
        baseline_nanos,
    }
}

/// A thousand are free and nobody waits; a caller arrives, is answered, and the agent is free again.
pub(crate) fn measure_arriving_caller(clock: Clock) -> Row {
    let (mut acd, mut now) = (acd(), Timestamp::from_secs(1));
    for agent in 0..AGENTS {
        now = now + Duration::from_millis(1);
        let _ = acd.handle(available(agent, now), now);
    }
    let mut number = 0;
    let nanos = nanos_each(clock, STEPS, || {
        now = now + Duration::from_millis(1);
        let decided = acd.handle(queued(number), now);
        let Some(Decision::Offer { call, agent, .. }) = decided.last() else {
            panic!("{decided:?}")
        };
        let (call, agent) = (*call, *agent);
        black_box(acd.handle(AcdEvent::OfferAnswered { call, agent }, now));
        black_box(acd.handle(available(agent.number(), now), now));
        number += 1;
    });
    let mut idle: VecDeque<(u64, u32)> =
        (0..AGENTS).map(|agent| (u64::from(agent), agent)).collect();
    let mut turn = u64::from(AGENTS);
    let baseline_nanos = nanos_each(clock, STEPS, || {
        let longest = idle.iter_mut().min().expect("somebody is free");
        *longest = (turn, longest.1);
        turn += 1;
    });
    Row {
        step: format!("a caller arrives while {AGENTS} agents are free"),
        nanos,
        baseline: "look at every agent for the longest idle",
        baseline_nanos,
    }
}
