//! The queues an agent is signed in to: all whose needs the agent meets, but for those the agent has
//! signed out of.
//!
//! A working session begins with the queues that the rules name for the agent, or with all. What
//! becomes of offers is for the distribution: it is told by [`Agents::away`] whom it may not choose.

use std::collections::BTreeSet;

use model::{AgentId, Cause, EventKind, QueueId, Refusal, Timestamp};

use crate::seat::Seat;
use crate::{Agents, Change, Done, Rules};

/// What somebody asks for about one queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Queueing {
    SignIn,
    SignOut,
}

impl Rules {
    /// The queues whose needs the agent meets.
    pub(crate) fn served_by(&self, agent: AgentId) -> BTreeSet<QueueId> {
        self.serves.get(&agent).cloned().unwrap_or_default()
    }

    /// Of these queues, those that a working session does not begin with.
    fn not_at_first(&self, agent: AgentId, mut queues: BTreeSet<QueueId>) -> BTreeSet<QueueId> {
        match self.first_queues.get(&agent) {
            Some(first) => queues.retain(|queue| !first.contains(queue)),
            None => queues.clear(),
        }
        queues
    }
}

impl Agents {
    /// The queues the agent is signed out of, of those whose needs the agent meets.
    #[must_use]
    pub fn away(&self, agent: AgentId) -> BTreeSet<QueueId> {
        self.seats.get(&agent).map(|seat| seat.away.clone()).unwrap_or_default()
    }

    /// The agent signs in to one queue, or out of it; at once, whatever holds the agent.
    pub(crate) fn queue(
        &mut self,
        agent: AgentId,
        queue: QueueId,
        wish: Queueing,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let seat = self.seats.get(&agent).ok_or(Refusal::AgentUnknown)?;
        if seat.is_signed_out() {
            return Err(Refusal::AgentSignedOut);
        }
        if !self.rules.serves.get(&agent).is_some_and(|queues| queues.contains(&queue)) {
            return Err(Refusal::QueueNotServed);
        }
        let mut away = seat.away.clone();
        match wish {
            Queueing::SignIn => away.remove(&queue),
            Queueing::SignOut => away.insert(queue),
        };
        let changes = self.stay_away(agent, away, Cause::Requested, now).into_iter().collect();
        Ok(Done { changes, ..Done::default() })
    }

    /// New rules: queues that are gone are forgotten, and new ones are signed in to where sessions
    /// begin with them.
    pub(crate) fn requeue(
        &mut self,
        agent: AgentId,
        served: &BTreeSet<QueueId>,
        now: Timestamp,
    ) -> Option<Change> {
        let seat = self.seats.get(&agent).filter(|seat| !seat.is_signed_out())?;
        let serves = self.rules.served_by(agent);
        let new = serves.difference(served).cloned().collect();
        let mut away = self.rules.not_at_first(agent, new);
        away.extend(seat.away.intersection(&serves).cloned());
        self.stay_away(agent, away, Cause::Reconfigured, now)
    }

    fn stay_away(
        &mut self,
        agent: AgentId,
        away: BTreeSet<QueueId>,
        cause: Cause,
        now: Timestamp,
    ) -> Option<Change> {
        let seat = self.seats.get_mut(&agent).filter(|seat| seat.away != away)?;
        seat.away.clone_from(&away);
        self.tell(agent, EventKind::AgentQueuesChanged { away }, cause, now)
    }
}

impl Seat {
    /// A working session begins: in the queues it begins with.
    pub(crate) fn begin_in_queues(&mut self, agent: AgentId, rules: &Rules) {
        self.away = rules.not_at_first(agent, rules.served_by(agent));
        if !self.away.is_empty() {
            self.notices.push(EventKind::AgentQueuesChanged { away: self.away.clone() });
        }
    }
}
