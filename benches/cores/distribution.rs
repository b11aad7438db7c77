//! One step of the distribution on a full floor, beside a scan over everybody.

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::{Duration, Instant};

use acd::{Acd, AcdConfig, AcdEvent, Decision, QueueConfig, Standing, Wants};
use clock::Clock;
use hotline_benches::figures::{Spread, nanos_each};
use model::{AgentId, CallId, Epoch, Timestamp};

use crate::Row;

const AGENTS: u32 = 1_000;
const CALLERS: u32 = 2_000;
const STEPS: u32 = 2_000;
const DECISIONS: u32 = 20_000;

fn call(number: u32) -> CallId {
    CallId::new(Epoch::new(1), number)
}

fn acd(agents: u32) -> Acd {
    let queue = QueueConfig { needs: [("support".into(), 1)].into(), ..QueueConfig::default() };
    let agents = (0..agents).map(|agent| (AgentId::new(agent), [("support".into(), 5)].into()));
    Acd::new(AcdConfig {
        queues: [("support".into(), queue)].into(),
        agents: agents.collect(),
        seed: 1,
    })
}

fn available(agent: u32, now: Timestamp) -> AcdEvent {
    let standing = Standing { idle_since: now, ..Standing::default() };
    AcdEvent::AgentAvailable { agent: AgentId::new(agent), standing }
}

fn queued(number: u32) -> AcdEvent {
    AcdEvent::CallQueued { call: call(number), queue: "support".into(), wants: Wants::default() }
}

/// Two thousand wait and nobody is free; an agent becomes free, takes the first, and another caller
/// arrives.
pub(crate) fn measure_free_agent(clock: Clock) -> Row {
    let (mut acd, mut now) = (acd(AGENTS), Timestamp::from_secs(1));
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
    let (mut acd, mut now) = (acd(AGENTS), Timestamp::from_secs(1));
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

/// How long single decisions take on floors of several sizes: an agent becomes free and takes the first
/// of those who wait, or, where nobody waits, a caller arrives and meets the longest idle. Rows of
/// agents, waiting callers, and median and 99 of 100 in nanoseconds.
pub(crate) fn decision_times() -> Vec<Vec<String>> {
    let sizes = [10, 1_000, 10_000]
        .into_iter()
        .flat_map(|agents| [0, 100, 10_000].into_iter().map(move |waiting| (agents, waiting)));
    sizes
        .map(|(agents, waiting)| {
            let spread = Spread::of(one_by_one(agents, waiting));
            let each = [u64::from(agents), u64::from(waiting), spread.median, spread.p99];
            each.into_iter().map(|figure| figure.to_string()).collect()
        })
        .collect()
}

/// Decisions, each timed by itself, in nanoseconds; reading the clock is in it.
#[expect(clippy::disallowed_methods, reason = "the clock of the product counts microseconds")]
fn one_by_one(agents: u32, waiting: u32) -> Vec<u64> {
    let (mut acd, mut now) = (acd(agents), Timestamp::from_secs(1));
    for number in 0..waiting {
        let _ = acd.handle(queued(number), now);
    }
    let mut number = waiting;
    if waiting == 0 {
        for agent in 0..agents {
            now = now + Duration::from_millis(1);
            let _ = acd.handle(available(agent, now), now);
        }
    }
    let steps = (0..DECISIONS).map(|_| {
        now = now + Duration::from_millis(1);
        let event = if waiting == 0 { queued(number) } else { available(number % agents, now) };
        let began = Instant::now();
        let decided = acd.handle(event, now);
        let nanos = began.elapsed().as_nanos() as u64;
        let Some(Decision::Offer { call, agent, .. }) = decided.last() else {
            panic!("{decided:?}")
        };
        let (call, agent) = (*call, *agent);
        let _ = acd.handle(AcdEvent::OfferAnswered { call, agent }, now);
        if waiting == 0 {
            let _ = acd.handle(available(agent.number(), now), now);
        } else {
            let _ = acd.handle(queued(number), now);
        }
        number += 1;
        nanos
    });
    steps.collect()
}
