//! The distribution: takes events in, gives back decisions.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;

use model::{AgentId, CallId, Cause, Choice, Outcome, QueueId, Timestamp};

use crate::callers::{Caller, Entry, Leaving};
use crate::config::AcdConfig;
use crate::deadlines::{Deadline, Deadlines, Ends, Whose};
use crate::desks::Desk;
use crate::events::{AcdEvent, Decision};
use crate::queue::{Queue, Tally};

/// Why a waiting call cannot be given to an agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unassignable {
    /// No such call waits.
    NotWaiting,
    /// A phone rings for it already.
    Rings,
    /// The agent may not be offered a call now.
    NotAvailable,
}

/// The distribution of one tenant.
#[derive(Debug)]
pub struct Acd {
    pub(crate) queues: BTreeMap<QueueId, Queue>,
    pub(crate) callers: BTreeMap<CallId, Caller>,
    pub(crate) agents: BTreeMap<AgentId, Desk>,
    pub(crate) deadlines: Deadlines,
    pub(crate) decisions: Vec<Decision>,
    /// Callers who talk to an agent, and the queue they came from.
    pub(crate) talking: BTreeMap<CallId, QueueId>,
    pub(crate) seed: u64,
    /// How many numbers were drawn by chance.
    pub(crate) draws: u64,
    /// The number of the last stay, offer or queue.
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
            talking: BTreeMap::new(),
            seed: 0,
            draws: 0,
            last: 0,
            retired: BTreeSet::new(),
        };
        acd.take_config(config, Timestamp::EPOCH);
        acd
    }

    /// Puts a configuration into force on the live floor. Callers keep their places and the
    /// longest wait they came with. Those of a queue that is gone overflow to where it led, or
    /// leave as failed; where a phone rings for one, the ringing may finish.
    #[must_use]
    pub fn configure(&mut self, config: AcdConfig, now: Timestamp) -> Vec<Decision> {
        self.take_config(config, now);
        // Those already waiting come before those who have to move.
        self.match_all(now);
        let is_homeless =
            |caller: &Caller| self.retired.contains(&caller.queue) && !caller.stay.is_offered();
        let homeless = self.callers.iter().filter(|(_, caller)| is_homeless(caller));
        let mut homeless: Vec<_> =
            homeless.map(|(call, caller)| (caller.stay.place, *call)).collect();
        homeless.sort_unstable();
        for (_, call) in homeless {
            self.overflow(call, Cause::Reconfigured, now);
        }
        self.decided()
    }

    /// Takes one event in; gives back everything that must now be done, in order.
    #[must_use]
    pub fn handle(&mut self, event: AcdEvent, now: Timestamp) -> Vec<Decision> {
        match event {
            AcdEvent::CallQueued { call, queue, wants } => {
                if !self.callers.contains_key(&call) {
                    self.enter(Entry { call, queue, wants, visited: BTreeSet::new() }, now);
                }
            }
            AcdEvent::CallAssigned { call, agent } => {
                if self.assignable(call, agent).is_ok() {
                    self.offer_by(call, agent, Choice::Assigned, now);
                }
            }
            AcdEvent::CallMoved { call, queue } => self.move_to(call, queue, now),
            AcdEvent::TalkEnded { call } => self.talk_ended(call, now),
            AcdEvent::CallGone { call } => {
                self.leave(call, Leaving::out(Outcome::Abandoned, Cause::CallerLeft), now);
            }
            AcdEvent::CallTakenOut { call, outcome, cause } => {
                self.leave(call, Leaving::out(outcome, cause), now);
            }
            AcdEvent::CallFailed { call, cause } => {
                self.leave(call, Leaving::out(Outcome::Failed, cause), now);
            }
            AcdEvent::AgentAvailable { agent, standing } => {
                self.sign_in(agent, now);
                self.make_available(agent, standing, now);
            }
            AcdEvent::AgentUnavailable { agent, absence } => {
                self.make_unavailable(agent);
                self.set_busy(agent, absence, now);
            }
            AcdEvent::AgentQueues { agent, away } => self.serve_but(agent, away, now),
            AcdEvent::AgentSignedIn { agent } => self.sign_in(agent, now),
            AcdEvent::AgentSignedOut { agent } => self.sign_out(agent, now),
            AcdEvent::OfferEnded { call, agent, end } => self.offer_ended((call, agent), end, now),
            AcdEvent::OfferTaken { call, agent } => self.taken(call, agent),
            AcdEvent::OfferAnswered { call, agent } => self.answered(call, agent, now),
        }
        self.decided()
    }

    /// Takes in that time has passed.
    #[must_use]
    pub fn handle_timeout(&mut self, now: Timestamp) -> Vec<Decision> {
        // All to whom something opens at one moment are matched together, in their order.
        let mut opened = BTreeSet::new();
        while let Some(deadline) = self.deadlines.fire(now) {
            match (deadline.ends, deadline.whose) {
                (Ends::Keeping, Whose::Call(call)) => opened.extend(self.keep_no_longer(call)),
                (Ends::Closed, Whose::Call(call)) => opened.extend(self.tier_opens(call, now)),
                _ => {
                    self.match_queues(&mut opened, now);
                    self.deadline_passed(&deadline, now);
                }
            }
        }
        self.match_queues(&mut opened, now);
        self.decided()
    }

    fn deadline_passed(&mut self, deadline: &Deadline, now: Timestamp) {
        match (deadline.ends, deadline.whose) {
            (Ends::Ring, Whose::Call(call)) => self.ring_over(deadline, call),
            (Ends::Alone, Whose::Call(call)) => self.ring_another(call, now),
            (Ends::Wait, Whose::Call(call)) => self.wait_over(call, now),
            (Ends::Nobody, Whose::Queue(number)) => self.nobody_came(number, now),
            (Ends::Keeping | Ends::Closed | Ends::Nobody, Whose::Call(_))
            | (
                Ends::Ring | Ends::Alone | Ends::Keeping | Ends::Closed | Ends::Wait,
                Whose::Queue(_),
            ) => {}
        }
    }

    fn match_queues(&mut self, queues: &mut BTreeSet<QueueId>, now: Timestamp) {
        for queue in take(queues) {
            self.match_queue(&queue, now);
        }
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

    /// When a caller came to the queue, with what counts as waited already.
    #[must_use]
    pub fn arrived(&self, call: CallId) -> Option<Timestamp> {
        self.callers.get(&call).map(|caller| caller.stay.arrived)
    }

    /// Whether a team lead may give a waiting call to an agent.
    ///
    /// # Errors
    /// Why not.
    pub fn assignable(&self, call: CallId, agent: AgentId) -> Result<(), Unassignable> {
        let caller = self.callers.get(&call).ok_or(Unassignable::NotWaiting)?;
        if caller.stay.is_offered() {
            return Err(Unassignable::Rings);
        }
        let is_free = self.agents.get(&agent).is_some_and(Desk::is_free);
        is_free.then_some(()).ok_or(Unassignable::NotAvailable)
    }

    /// The queues that an agent was said not to serve.
    #[must_use]
    pub fn away(&self, agent: AgentId) -> BTreeSet<QueueId> {
        self.agents.get(&agent).map(|desk| desk.away.clone()).unwrap_or_default()
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
