//! Callers: how they enter queues, and the one way in which they leave.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{CallId, Cause, Outcome, QueueId, Timestamp};

use crate::Acd;
use crate::config::WhenNobody;
use crate::deadlines::{Deadline, Ends};
use crate::events::Decision;
use crate::queue::{Place, Stay};

/// A caller, from the first queue to leaving the last.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) queue: QueueId,
    pub(crate) stay: Stay,
    /// Queues this caller has been in, the present one included: overflow never goes back.
    pub(crate) visited: BTreeSet<QueueId>,
}

/// A caller who is to enter a queue.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) call: CallId,
    pub(crate) queue: QueueId,
    pub(crate) priority: u8,
    pub(crate) visited: BTreeSet<QueueId>,
}

/// How a caller leaves a queue.
#[derive(Debug)]
pub(crate) struct Leaving {
    outcome: Outcome,
    cause: Cause,
    to: Option<QueueId>,
}

impl Leaving {
    pub(crate) const fn out(outcome: Outcome, cause: Cause) -> Self {
        Self { outcome, cause, to: None }
    }
}

impl Acd {
    pub(crate) fn enter(&mut self, entry: Entry, now: Timestamp) {
        let Entry { call, queue: id, priority, mut visited } = entry;
        self.last += 1;
        let place = Place { priority: Reverse(priority), entry: self.last, call };
        let Some(queue) = self.queues.get_mut(&id).filter(|queue| !queue.retired) else {
            return self.nowhere(call, id, priority);
        };
        visited.insert(id.clone());
        let turned_away = match queue.config.when_nobody {
            WhenNobody::TurnAway if queue.signed_in == 0 => Some(Cause::NobodySignedIn),
            WhenNobody::TurnAway | WhenNobody::Wait if queue.is_full() => Some(Cause::QueueFull),
            WhenNobody::TurnAway | WhenNobody::Wait => None,
        };
        let longest = queue.config.max_wait.map(|wait| Deadline {
            at: now + wait,
            generation: place.entry,
            ends: Ends::Wait,
            call,
        });
        let (offer, tried) = (None, BTreeMap::new());
        let stay = Stay { place, since: now, longest, overdue: false, offer, tried };
        queue.enter(&stay);
        let waiting = queue.length();
        self.decisions.push(Decision::Entered { call, queue: id.clone(), priority, waiting });
        if let Some(deadline) = longest {
            self.deadlines.arm(deadline);
        }
        self.callers.insert(call, Caller { queue: id, stay, visited });
        match turned_away {
            Some(cause) => self.overflow(call, cause, now),
            None => self.offer_to_best(call, now),
        }
    }

    /// The queue does not exist: in and out at once, so that the books of readers tie.
    pub(crate) fn nowhere(&mut self, call: CallId, queue: QueueId, priority: u8) {
        let entered = Decision::Entered { call, queue: queue.clone(), priority, waiting: 1 };
        self.decisions.push(entered);
        let (outcome, cause, to) = (Outcome::Failed, Cause::NoRoute, None);
        let waited = Duration::ZERO;
        self.decisions.push(Decision::Left { call, queue, outcome, waited, to, cause });
    }

    /// Out of this queue by rule: on to the overflow queue unless the caller has been there,
    /// else out altogether.
    pub(crate) fn overflow(&mut self, call: CallId, cause: Cause, now: Timestamp) {
        let Some(caller) = self.callers.get(&call) else { return };
        let target = self.queues.get(&caller.queue).and_then(|queue| queue.config.overflow.clone());
        let open = |to: &QueueId| self.queues.get(to).is_some_and(|queue| !queue.retired);
        let to = target.filter(|to| !caller.visited.contains(to) && open(to));
        let outcome = match (&to, cause) {
            (Some(_), _) => Outcome::Overflowed,
            (None, Cause::MaxWait) => Outcome::TimedOut,
            (None, Cause::Reconfigured) => Outcome::Failed,
            (None, _) => Outcome::Rejected,
        };
        let leaving = Leaving { outcome, cause, to: to.clone() };
        let Some(Caller { stay, visited, .. }) = self.leave(call, leaving, now) else { return };
        if let Some(queue) = to {
            self.enter(Entry { call, queue, priority: stay.place.priority.0, visited }, now);
        }
    }

    /// The one place where a caller leaves a queue.
    pub(crate) fn leave(
        &mut self,
        call: CallId,
        leaving: Leaving,
        now: Timestamp,
    ) -> Option<Caller> {
        let caller = self.callers.remove(&call)?;
        if let Some(deadline) = &caller.stay.longest {
            self.deadlines.disarm(deadline);
        }
        let Leaving { outcome, cause, to } = leaving;
        if let Some(queue) = self.queues.get_mut(&caller.queue) {
            queue.leave(&caller.stay, outcome);
        }
        let (queue, waited) = (caller.queue.clone(), now.since(caller.stay.since));
        self.decisions.push(Decision::Left { call, queue, outcome, waited, to, cause });
        if let Some(offer) = caller.stay.offer {
            self.end_offer(&offer);
            self.free(offer.agent, now);
        }
        Some(caller)
    }

    pub(crate) fn wait_over(&mut self, deadline: &Deadline, now: Timestamp) {
        let call = deadline.call;
        let Some(caller) = self.callers.get_mut(&call) else { return };
        if caller.stay.longest != Some(*deadline) {
            return;
        }
        if caller.stay.offer.is_some() {
            caller.stay.overdue = true;
            caller.stay.longest = None;
        } else {
            self.overflow(call, Cause::MaxWait, now);
        }
    }
}
