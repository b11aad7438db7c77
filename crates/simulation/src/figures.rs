//! What came of the day: folds over the floor's own log.

use std::collections::BTreeMap;
use std::time::Duration;

use insight::{Accounts, AgentHistory, QueueAccount, StateInterval};
use model::{AgentId, Event, EventKind, Outcome, QueueId, StateName, Timestamp};
use serde::Serialize;

/// What is measured against.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Measure {
    /// An answer within this is in time: the service level's threshold.
    pub threshold: Duration,
    /// Who leaves within this is a short abandon, and is not counted in the service level.
    pub short: Duration,
}

impl Default for Measure {
    fn default() -> Self {
        Self { threshold: Duration::from_secs(20), short: Duration::from_secs(5) }
    }
}

/// What came of a day.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Figures {
    /// Calls that arrived.
    pub calls: u64,
    /// Those of them that a limit kept out.
    pub barred: u64,
    /// Each queue that anybody entered, by name.
    pub queues: Vec<QueueFigures>,
    /// Each agent who was signed in, by work number.
    pub agents: Vec<AgentFigures>,
    /// Calls of each agent.
    pub calls_each: Across,
    /// Talk time ÷ time signed in, of each agent.
    pub talk_share: Across,
    /// Time with a call or after one ÷ time signed in and not busy, of each agent.
    pub occupancy: Across,
    /// Inputs that the floor handled.
    pub inputs: u64,
}

/// What came of a day in one queue. Waits are those of everybody who left, in milliseconds.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct QueueFigures {
    /// Which.
    pub queue: QueueId,
    /// Callers who entered.
    pub entered: u64,
    /// Joined to an agent.
    pub answered: u64,
    /// Hung up before an answer.
    pub abandoned: u64,
    /// Those of them who did so within the threshold of short abandons.
    pub short_abandons: u64,
    /// Left otherwise: overflowed, timed out, not let in.
    pub otherwise: BTreeMap<Outcome, u64>,
    /// Still waiting when nothing more could happen.
    pub waiting: u64,
    /// Answered within the threshold.
    pub in_time: u64,
    /// Answered within the threshold ÷ (entered − short abandons); `None` where that is 0.
    pub service_level: Option<f64>,
    /// Abandoned ÷ entered.
    pub abandon_rate: Option<f64>,
    /// The mean wait.
    pub average_wait_ms: u64,
    /// 95 of 100 waited no longer.
    pub p95_wait_ms: u64,
    /// The longest wait.
    pub longest_wait_ms: u64,
}

/// What one agent did.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct AgentFigures {
    /// Who.
    pub agent: AgentId,
    /// Calls taken from queues.
    pub calls: u64,
    /// Time signed in, in milliseconds.
    pub signed_in_ms: u64,
    /// Time on calls, in milliseconds.
    pub talk_ms: u64,
    /// Talk time ÷ time signed in.
    pub talk_share: f64,
    /// Time with a call or after one ÷ time signed in and not busy.
    pub occupancy: f64,
}

/// A figure across all agents.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Across {
    /// Of the agent with the least.
    pub least: f64,
    /// Of all, on average.
    pub mean: f64,
    /// Of the agent with the most.
    pub most: f64,
}

/// How one wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wait {
    /// When.
    pub until: Timestamp,
    /// How long it was, in milliseconds.
    pub waited_ms: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// The folds of a day that goes on.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    accounts: Accounts,
    history: AgentHistory,
    waits: BTreeMap<QueueId, Vec<Wait>>,
    /// How long each agent was in each state, in the order of [`StateName::ALL`].
    states: BTreeMap<AgentId, [Duration; 7]>,
    taken: BTreeMap<AgentId, u64>,
    calls: u64,
    barred: u64,
}

impl Tally {
    #[expect(clippy::wildcard_enum_match_arm, reason = "a fold hears only what it is about")]
    pub(crate) fn hear(&mut self, event: &Event) {
        self.accounts.apply(event);
        if let Some(stay) = self.history.apply(event) {
            self.stayed(&stay);
        }
        match &event.kind {
            EventKind::CallArrived { .. } => self.calls += 1,
            EventKind::CallBarred { .. } => self.barred += 1,
            EventKind::TalkStarted { .. } => {
                *self.taken.entry(event.agent.unwrap_or_default()).or_default() += 1;
            }
            EventKind::QueueLeft { outcome, waited_ms, .. } => {
                let wait = Wait { until: event.at, waited_ms: *waited_ms, outcome: *outcome };
                if let Some(queue) = &event.queue {
                    match self.waits.get_mut(queue) {
                        Some(waits) => waits.push(wait),
                        None => drop(self.waits.insert(queue.clone(), vec![wait])),
                    }
                }
            }
            _ => {}
        }
    }

    fn stayed(&mut self, stay: &StateInterval) {
        let of_agent = self.states.entry(stay.agent).or_default();
        let at = StateName::ALL.iter().position(|name| *name == stay.state);
        if let (Some(spent), Some(until)) = (at.and_then(|at| of_agent.get_mut(at)), stay.until) {
            *spent += until.since(stay.since);
        }
    }

    pub(crate) fn waits(&self, queue: &QueueId) -> &[Wait] {
        self.waits.get(queue).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn figures(&self, measure: Measure, inputs: u64) -> Figures {
        let queues = self.accounts.queues().iter();
        let agents: Vec<_> =
            self.states.iter().filter_map(|(agent, spent)| self.agent(*agent, spent)).collect();
        Figures {
            calls: self.calls,
            barred: self.barred,
            queues: queues.map(|(queue, account)| self.queue(queue, account, measure)).collect(),
            calls_each: Across::of(agents.iter().map(|agent| agent.calls as f64)),
            talk_share: Across::of(agents.iter().map(|agent| agent.talk_share)),
            occupancy: Across::of(agents.iter().map(|agent| agent.occupancy)),
            agents,
            inputs,
        }
    }

    fn queue(&self, queue: &QueueId, account: &QueueAccount, measure: Measure) -> QueueFigures {
        let waits = self.waits(queue);
        let within = |outcome: Outcome, most: Duration| {
            let fits = |wait: &&Wait| {
                wait.outcome == outcome && u128::from(wait.waited_ms) <= most.as_millis()
            };
            waits.iter().filter(fits).count() as u64
        };
        let (in_time, short) = (
            within(Outcome::Answered, measure.threshold),
            within(Outcome::Abandoned, measure.short),
        );
        let mut otherwise = account.outcomes.clone();
        let answered = otherwise.remove(&Outcome::Answered).unwrap_or(0);
        let abandoned = otherwise.remove(&Outcome::Abandoned).unwrap_or(0);
        let mut sorted: Vec<u64> = waits.iter().map(|wait| wait.waited_ms).collect();
        sorted.sort_unstable();
        QueueFigures {
            queue: queue.clone(),
            entered: account.entered,
            answered,
            abandoned,
            short_abandons: short,
            otherwise,
            waiting: account.waiting.len() as u64,
            in_time,
            service_level: ratio(in_time, account.entered.saturating_sub(short)),
            abandon_rate: ratio(abandoned, account.entered),
            average_wait_ms: sorted
                .iter()
                .sum::<u64>()
                .checked_div(sorted.len() as u64)
                .unwrap_or(0),
            p95_wait_ms: sorted
                .get((sorted.len() * 95).div_ceil(100).saturating_sub(1))
                .copied()
                .unwrap_or(0),
            longest_wait_ms: sorted.last().copied().unwrap_or(0),
        }
    }

    fn agent(&self, agent: AgentId, spent: &[Duration; 7]) -> Option<AgentFigures> {
        let [_, ready, busy, reserved, ringing, on_call, wrap_up] = *spent;
        let engaged = reserved + ringing + on_call + wrap_up;
        let able = ready + engaged;
        let signed_in = able + busy;
        let share = |part: Duration, of: Duration| {
            if of.is_zero() { 0.0 } else { part.as_secs_f64() / of.as_secs_f64() }
        };
        (!signed_in.is_zero()).then(|| AgentFigures {
            agent,
            calls: self.taken.get(&agent).copied().unwrap_or(0),
            signed_in_ms: millis(signed_in),
            talk_ms: millis(on_call),
            talk_share: share(on_call, signed_in),
            occupancy: share(engaged, able),
        })
    }
}

impl Across {
    fn of(figures: impl Iterator<Item = f64>) -> Self {
        let figures: Vec<f64> = figures.collect();
        if figures.is_empty() {
            return Self::default();
        }
        Self {
            least: figures.iter().copied().fold(f64::INFINITY, f64::min),
            mean: figures.iter().sum::<f64>() / figures.len() as f64,
            most: figures.iter().copied().fold(0.0, f64::max),
        }
    }
}

fn ratio(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
