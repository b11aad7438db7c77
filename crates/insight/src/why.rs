//! Why a call met whom it met, and when: every decision that the distribution took about it, as the
//! log tells of them.
//!
//! A wait is told step by step: a stretch in which nobody could be offered the call, an offer, the
//! next stretch, and how it ended. How agents were at the beginning of the call is not in the events
//! that follow; who folds them says so first ([`Decisions::restore`]).

use std::collections::BTreeMap;

use model::{
    AgentId, CallId, Cause, Choice, Epoch, Event, EventKind, OfferEnd, Outcome, QueueId, Rank,
    SegmentId, StateName, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::cdr::{end_of_offer, millis};
use crate::{AgentHistory, StateInterval};

/// How many waits, and steps of one, are listed at most.
pub(crate) const LISTED: usize = 200;

/// One stay of the call in a queue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Wait {
    /// The segment of the call.
    pub segment: SegmentId,
    /// The queue.
    pub queue: QueueId,
    /// When the caller entered it.
    pub since: Timestamp,
    /// With which priority; higher is served first.
    pub priority: u8,
    /// How many waited then, this caller included.
    pub waiting: u32,
    /// The version of the configuration then.
    pub config_version: u64,
    /// The call in which somebody asked to be called back, where this is that callback's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_of: Option<CallId>,
    /// The callback that the caller asked for here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<CallId>,
    /// What the distribution did, in order.
    pub steps: Vec<Step>,
    /// Steps from the middle that are not in the list.
    pub unlisted: u32,
    /// How the wait ended; `None` while it lasts.
    pub left: Option<Left>,
}

/// What the distribution did with a waiting call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// There was nobody to whom the call could be offered.
    Nobody(Gap),
    /// It was offered to an agent.
    Offered(Offer),
}

/// A stretch of a wait in which the call was offered to nobody: no agent who fits the queue and is
/// signed in to it was ready and free of the pause after an offer that came to nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gap {
    /// When it began.
    pub since: Timestamp,
    /// When it ended; `None` while it lasts.
    pub until: Option<Timestamp>,
    /// What agents did when it began.
    pub present: Present,
    /// How many were ready at once at most. Of them none fitted the queue, or those who did were signed
    /// out of it or in the pause after an offer that came to nothing.
    pub most_ready: u32,
}

/// What the agents of all queues did at a moment.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Present {
    /// How many were signed in.
    pub signed_in: u32,
    /// Of them, how many were in each state.
    pub states: BTreeMap<StateName, u32>,
}

/// An offer of the call to an agent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Offer {
    /// When.
    pub at: Timestamp,
    /// The event that tells of it.
    pub event: (Epoch, u64),
    /// To whom: the first of the candidates.
    pub agent: AgentId,
    /// How long the caller had waited, in milliseconds.
    pub waited_ms: u64,
    /// The strategy that ranked the candidates.
    pub routing: String,
    /// Why the agent was chosen.
    pub choice: Choice,
    /// The version of the configuration then.
    pub config_version: u64,
    /// Who could have been offered the call, in ranked order; at most 16.
    pub candidates: Vec<Candidate>,
    /// Who was free and was passed over all the same; at most 16.
    pub passed_over: Vec<PassedOver>,
    /// How it ended; `None` while it is open.
    pub end: Option<OfferClosed>,
}

/// Somebody who could have been offered the call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Candidate {
    /// Who.
    pub agent: AgentId,
    /// What the agent was ranked by; `None` in events of a program that did not say it.
    pub rank: Option<Rank>,
}

/// Somebody who was free and was passed over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PassedOver {
    /// Who.
    pub agent: AgentId,
    /// Why.
    pub why: String,
}

/// How an offer ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OfferClosed {
    /// When.
    pub at: Timestamp,
    /// How.
    pub result: OfferResult,
    /// After how long, in milliseconds.
    pub rang_ms: u64,
}

/// What came of an offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferResult {
    /// Caller and agent were joined.
    Answered,
    /// The ring time ran out.
    NoAnswer,
    /// The agent, or the phone, declined.
    Refused,
    /// The phone could not be reached.
    Unreachable,
    /// The caller hung up first.
    CallerLeft,
    /// Another agent answered first.
    AnsweredElsewhere,
    /// It was taken back.
    Withdrawn,
}

impl From<OfferEnd> for OfferResult {
    fn from(end: OfferEnd) -> Self {
        match end {
            OfferEnd::NoAnswer => Self::NoAnswer,
            OfferEnd::Refused => Self::Refused,
            OfferEnd::Unreachable => Self::Unreachable,
            OfferEnd::CallerLeft => Self::CallerLeft,
            OfferEnd::AnsweredElsewhere => Self::AnsweredElsewhere,
            OfferEnd::Withdrawn => Self::Withdrawn,
        }
    }
}

/// How a wait ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Left {
    /// When.
    pub at: Timestamp,
    /// How.
    pub outcome: Outcome,
    /// Why.
    pub cause: Option<Cause>,
    /// How long it was, in milliseconds.
    pub waited_ms: u64,
    /// The queue the caller went to next.
    pub to: Option<QueueId>,
    /// The key pressed to leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<char>,
    /// The version of the configuration then.
    pub config_version: u64,
}

/// The decisions about one call. Its events, and those of agents' states between them, are taken in
/// order, from the call's first on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decisions {
    call: CallId,
    agents: AgentHistory,
    counts: BTreeMap<StateName, u32>,
    /// How far time has come.
    at: Timestamp,
    /// Whether the open stretch began at this very instant.
    is_new: bool,
    waits: Vec<Wait>,
    unlisted: u32,
    callback_of: Option<CallId>,
}

impl Decisions {
    /// Nothing is known yet of what was decided about `call`.
    #[must_use]
    pub fn of(call: CallId) -> Self {
        Self {
            call,
            agents: AgentHistory::default(),
            counts: BTreeMap::new(),
            at: Timestamp::EPOCH,
            is_new: false,
            waits: Vec::new(),
            unlisted: 0,
            callback_of: None,
        }
    }

    /// Takes up the state that an agent was in when the call began.
    pub fn restore(&mut self, state: StateInterval) {
        let agent = state.agent;
        self.recount(agent, |agents| agents.restore(state));
    }

    /// Takes in the next event.
    pub fn apply(&mut self, event: &Event) {
        let is_of_state = matches!(event.kind, EventKind::AgentStateChanged { .. });
        if let Some(agent) = event.agent.filter(|_| is_of_state) {
            self.pass_time(event.at);
            self.recount(agent, |agents| drop(agents.apply(event)));
        } else if event.call == Some(self.call) {
            self.pass_time(event.at);
            self.apply_to_call(event);
        }
    }

    /// The waits as they stand, and how many came later and are not listed.
    #[must_use]
    pub fn told(mut self) -> (Vec<Wait>, u32) {
        self.look_around();
        (self.waits, self.unlisted)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a fold hears only what it is about")]
    fn apply_to_call(&mut self, event: &Event) {
        match &event.kind {
            EventKind::CallArrived { callback_of, .. } => self.callback_of = *callback_of,
            EventKind::CallbackAsked { callback } => {
                if let Some(wait) = open(&mut self.waits) {
                    wait.callback = Some(*callback);
                }
            }
            EventKind::QueueEntered { .. } => self.entered(event),
            EventKind::QueueOffered { .. } => {
                if let (Some(wait), Some(offer)) = (open(&mut self.waits), offered(event)) {
                    wait.close_gap(event.at);
                    wait.push(Step::Offered(offer));
                }
            }
            EventKind::QueueOfferEnded { end, rang_ms } => {
                let closed = OfferClosed { at: event.at, result: (*end).into(), rang_ms: *rang_ms };
                if let Some(wait) = open(&mut self.waits)
                    && wait.close_offer(event.agent, closed)
                {
                    wait.open_gap(event.at);
                    self.is_new = true;
                }
            }
            EventKind::QueueLeft { outcome, waited_ms, to, key } => {
                self.look_around();
                if let Some(wait) = open(&mut self.waits) {
                    let (waited_ms, to) = (*waited_ms, to.clone());
                    let (at, cause) = (event.at, event.cause);
                    let config_version = event.config_version;
                    wait.leave(Left {
                        at,
                        outcome: *outcome,
                        cause,
                        waited_ms,
                        to,
                        key: *key,
                        config_version,
                    });
                }
            }
            _ => {}
        }
    }

    fn entered(&mut self, event: &Event) {
        let EventKind::QueueEntered { priority, waiting } = event.kind else { return };
        let Some(queue) = event.queue.clone() else { return };
        if self.waits.len() >= LISTED {
            self.unlisted = self.unlisted.saturating_add(1);
            return;
        }
        let mut wait = Wait {
            segment: event.segment.unwrap_or_default(),
            queue,
            since: event.at,
            priority,
            waiting,
            config_version: event.config_version,
            callback_of: self.callback_of,
            callback: None,
            steps: Vec::new(),
            unlisted: 0,
            left: None,
        };
        wait.open_gap(event.at);
        self.is_new = true;
        self.waits.push(wait);
    }

    /// What was true at an instant counts once the instant has passed: within it agents may go
    /// through several states.
    fn pass_time(&mut self, at: Timestamp) {
        if at > self.at {
            self.look_around();
            self.at = at;
        }
    }

    /// What agents do now is what they do in the open stretch.
    fn look_around(&mut self) {
        let Some(gap) = open(&mut self.waits).and_then(Wait::gap) else { return };
        let of = |state| self.counts.get(&state).copied().unwrap_or(0);
        if std::mem::take(&mut self.is_new) {
            gap.present = Present::of(&self.counts);
        }
        gap.most_ready = gap.most_ready.max(of(StateName::Ready));
    }

    fn recount(&mut self, agent: AgentId, change: impl FnOnce(&mut AgentHistory)) {
        let state = |agents: &AgentHistory| agents.open().get(&agent).map(|row| row.state);
        let before = state(&self.agents);
        change(&mut self.agents);
        let after = state(&self.agents);
        if let Some(count) = before.and_then(|state| self.counts.get_mut(&state)) {
            *count = count.saturating_sub(1);
        }
        if let Some(state) = after {
            *self.counts.entry(state).or_default() += 1;
        }
    }
}

/// The wait that lasts: a call waits in one queue at a time.
fn open(waits: &mut [Wait]) -> Option<&mut Wait> {
    waits.last_mut().filter(|wait| wait.left.is_none())
}

fn offered(event: &Event) -> Option<Offer> {
    let EventKind::QueueOffered { waited_ms, routing, candidates, passed_over, ranks, choice } =
        &event.kind
    else {
        return None;
    };
    let candidate =
        |(at, agent): (usize, &AgentId)| Candidate { agent: *agent, rank: ranks.get(at).copied() };
    let passed = |(agent, why): &(AgentId, String)| PassedOver { agent: *agent, why: why.clone() };
    Some(Offer {
        at: event.at,
        event: (event.epoch, event.seq),
        agent: event.agent?,
        waited_ms: *waited_ms,
        routing: routing.clone(),
        choice: *choice,
        config_version: event.config_version,
        candidates: candidates.iter().enumerate().map(candidate).collect(),
        passed_over: passed_over.iter().map(passed).collect(),
        end: None,
    })
}

impl Wait {
    /// The offers, in order.
    pub fn offers(&self) -> impl Iterator<Item = &Offer> {
        self.steps.iter().filter_map(|step| match step {
            Step::Offered(offer) => Some(offer),
            Step::Nobody(_) => None,
        })
    }

    /// The stretches in which the call was offered to nobody, in order.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.steps.iter().filter_map(|step| match step {
            Step::Nobody(gap) => Some(gap),
            Step::Offered(_) => None,
        })
    }

    /// Of too many the first and the last are told.
    fn push(&mut self, step: Step) {
        if self.steps.len() >= LISTED {
            self.steps.remove(LISTED / 2);
            self.unlisted = self.unlisted.saturating_add(1);
        }
        self.steps.push(step);
    }

    /// The stretch that lasts.
    fn gap(&mut self) -> Option<&mut Gap> {
        match self.steps.last_mut()? {
            Step::Nobody(gap) if gap.until.is_none() => Some(gap),
            Step::Nobody(_) | Step::Offered(_) => None,
        }
    }

    fn open_gap(&mut self, since: Timestamp) {
        let gap = Gap { since, until: None, present: Present::default(), most_ready: 0 };
        self.push(Step::Nobody(gap));
    }

    /// A stretch of no length is none.
    fn close_gap(&mut self, at: Timestamp) {
        match self.gap() {
            Some(gap) if gap.since < at => gap.until = Some(at),
            Some(_) => drop(self.steps.pop()),
            None => {}
        }
    }

    /// Ends the open offer to an agent; says whether there was one.
    fn close_offer(&mut self, agent: Option<AgentId>, closed: OfferClosed) -> bool {
        let open = self.steps.iter_mut().rev().find_map(|step| match step {
            Step::Offered(offer) if offer.end.is_none() && Some(offer.agent) == agent => {
                Some(offer)
            }
            Step::Offered(_) | Step::Nobody(_) => None,
        });
        open.map(|offer| offer.end = Some(closed)).is_some()
    }

    fn leave(&mut self, left: Left) {
        let at = left.at;
        let result = end_of_offer(left.outcome).map_or(OfferResult::Answered, OfferResult::from);
        for step in &mut self.steps {
            if let Step::Offered(offer) = step {
                let rang_ms = millis(offer.at, at);
                offer.end.get_or_insert(OfferClosed { at, result, rang_ms });
            }
        }
        // That nobody was there is worth telling of a caller who was turned away at once.
        let is_first = self.steps.len() == 1;
        match self.gap() {
            Some(gap) if gap.since == at && !is_first => drop(self.steps.pop()),
            Some(gap) => gap.until = Some(at),
            None => {}
        }
        self.left = Some(left);
    }
}

impl Present {
    fn of(counts: &BTreeMap<StateName, u32>) -> Self {
        let is_there =
            |(state, count): &(&StateName, &u32)| **state != StateName::SignedOut && **count > 0;
        let states: BTreeMap<_, _> =
            counts.iter().filter(is_there).map(|(state, count)| (*state, *count)).collect();
        Self { signed_in: states.values().sum(), states }
    }
}

#[cfg(test)]
mod tests;
