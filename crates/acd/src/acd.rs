//! The distribution: takes events in, gives back decisions.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;

use model::{AgentId, CallId, Cause, Outcome, QueueId, Timestamp};

use crate::callers::{Caller, Entry, Leaving};
use crate::config::AcdConfig;
use crate::deadlines::{Deadlines, Ends};
use crate::desks::Desk;
use crate::events::{AcdEvent, Decision};
use crate::queue::{Queue, Standing, Tally};

/// The distribution of one tenant.
#[derive(Debug)]
pub struct Acd {
    pub(crate) queues: BTreeMap<QueueId, Queue>,
    pub(crate) callers: BTreeMap<CallId, Caller>,
    pub(crate) agents: BTreeMap<AgentId, Desk>,
    pub(crate) deadlines: Deadlines,
    pub(crate) decisions: Vec<Decision>,
    /// The number of the last stay or offer.
    pub(crate) last: u64,
    /// Queues no longer configured that still have an open offer.
    pub(crate) retired: BTreeSet<QueueId>,
}

impl Acd {
    /// The distribution with empty queues and nobody signed in.
    #[must_use]
    pub fn new(config: AcdConfig) -> Self {
        let mut acd = Self {
            queues: BTreeMap::new(),
            callers: BTreeMap::new(),
            agents: BTreeMap::new(),
            deadlines: Deadlines::default(),
            decisions: Vec::new(),
            last: 0,
            retired: BTreeSet::new(),
        };
        acd.take_config(config);
        acd
    }

    /// Puts a configuration into force on the live floor. Callers keep their places and the
    /// longest wait they came with. Those of a queue that is gone overflow to where it led, or
    /// leave as failed; where a phone rings for one, the ringing may finish.
    #[must_use]
    pub fn configure(&mut self, config: AcdConfig, now: Timestamp) -> Vec<Decision> {
        self.take_config(config);
        // Those already waiting come before those who have to move.
        self.match_all(now);
        let retired = self.retired.iter().filter_map(|queue| self.queues.get(queue));
        let homeless: Vec<CallId> =
            retired.flat_map(|queue| queue.waiting.iter().map(|place| place.call)).collect();
        for call in homeless {
            self.overflow(call, Cause::Reconfigured, now);
        }
        self.decided()
    }

    /// Takes one event in; gives back everything that must now be done, in order.
    #[must_use]
    pub fn handle(&mut self, event: AcdEvent, now: Timestamp) -> Vec<Decision> {
        match event {
            AcdEvent::CallQueued { call, queue, priority } => {
                if !self.callers.contains_key(&call) {
                    self.enter(Entry { call, queue, priority, visited: BTreeSet::new() }, now);
                }
            }
            AcdEvent::CallGone { call } => {
                self.leave(call, Leaving::out(Outcome::Abandoned, Cause::CallerLeft), now);
            }
            AcdEvent::CallFailed { call, cause } => {
                self.leave(call, Leaving::out(Outcome::Failed, cause), now);
            }
            AcdEvent::AgentAvailable { agent, idle_since, calls_taken } => {
                self.sign_in(agent);
                self.make_available(agent, Standing { idle_since, calls_taken }, now);
            }
            AcdEvent::AgentUnavailable { agent } => self.make_unavailable(agent),
            AcdEvent::AgentSignedIn { agent } => self.sign_in(agent),
            AcdEvent::AgentSignedOut { agent } => self.sign_out(agent),
            AcdEvent::OfferEnded { call, agent, end } => self.offer_ended(call, agent, end, now),
            AcdEvent::OfferAnswered { call, agent } => self.answered(call, agent, now),
        }
        self.decided()
    }

    /// Takes in that time has passed.
    #[must_use]
    pub fn handle_timeout(&mut self, now: Timestamp) -> Vec<Decision> {
        while let Some(deadline) = self.deadlines.fire(now) {
            match deadline.ends {
                Ends::Ring => self.ring_over(&deadline),
                Ends::Wait => self.wait_over(&deadline, now),
            }
        }
        self.decided()
    }

    /// When [`Acd::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.deadlines.next()
    }

    /// How a queue stands; all zero for one that does not exist.
    #[must_use]
    pub fn tally(&self, queue: &QueueId) -> Tally {
        self.queues.get(queue).map(Queue::tally).unwrap_or_default()
    }

    /// The callers of a queue in the order in which they will be served, those being offered
    /// included.
    pub fn waiting(&self, queue: &QueueId) -> impl Iterator<Item = CallId> {
        self.queues.get(queue).into_iter().flat_map(|queue| &queue.callers).map(|place| place.call)
    }

    /// A caller's queue and place in it, from 1. Counts those ahead.
    #[must_use]
    pub fn position(&self, call: CallId) -> Option<(&QueueId, u32)> {
        let caller = self.callers.get(&call)?;
        let ahead = self.queues.get(&caller.queue)?.callers.range(..caller.stay.place).count();
        Some((&caller.queue, u32::try_from(ahead).unwrap_or(u32::MAX).saturating_add(1)))
    }

    /// Agents who may be offered a call now, by work number.
    pub fn available(&self) -> impl Iterator<Item = AgentId> {
        self.agents.iter().filter(|(_, desk)| desk.is_free()).map(|(agent, _)| *agent)
    }

    fn decided(&mut self) -> Vec<Decision> {
        let queues = &mut self.queues;
        self.retired.retain(|id| {
            let over = queues.get(id).is_none_or(|queue| queue.length() == 0);
            if over {
                queues.remove(id);
            }
            !over
        });
        take(&mut self.decisions)
    }
}
