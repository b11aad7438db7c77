//! Callers: how they enter queues, and the one way in which they leave.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{AgentId, CallId, Cause, Outcome, QueueId, Timestamp};

use crate::Acd;
use crate::config::WhenNobody;
use crate::deadlines::{Deadline, Ends, Whose};
use crate::events::{Decision, Preferred, Waiter, Wants};
use crate::queue::Queue;
use crate::stay::{Place, Stay};

/// A caller, from the first queue to leaving the last.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) queue: QueueId,
    pub(crate) priority: u8,
    pub(crate) stay: Stay,
    /// Queues this caller has been in, the present one included: overflow never goes back.
    pub(crate) visited: BTreeSet<QueueId>,
}

/// A caller who is to enter a queue.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) call: CallId,
    pub(crate) queue: QueueId,
    pub(crate) wants: Wants,
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
        let Entry { call, queue: id, wants, mut visited } = entry;
        self.last += 1;
        let generation = self.last;
        let preferred = wants.preferred.filter(|preferred| self.may_keep(&id, preferred.agent));
        let Some(queue) = self.queues.get_mut(&id).filter(|queue| !queue.retired) else {
            return self.nowhere(call, id, wants.priority);
        };
        visited.insert(id.clone());
        let is_here = wants.waiter == Waiter::OnTheLine;
        let turned_away = is_here.then(|| turned_away(queue)).flatten();
        let armed = |at, ends| Deadline { at, generation, ends, whose: Whose::Call(call) };
        let arrived = now - wants.credit;
        let (priority, ranked) = queue.rank_of(wants.priority, arrived);
        let mut stay = Stay {
            place: Place { priority, arrived: ranked, entry: generation, call },
            since: now,
            arrived,
            tier: 0,
            opens: None,
            kept: preferred
                .map(|Preferred { agent, wait }| (agent, armed(now + wait, Ends::Keeping))),
            longest: queue
                .config
                .max_wait
                .filter(|_| is_here)
                .map(|wait| armed(now + wait, Ends::Wait)),
            waiter: wants.waiter,
            another: None,
            overdue: false,
            offers: BTreeMap::new(),
            tried: BTreeMap::new(),
        };
        open_tiers(&mut stay, queue, now);
        queue.enter(&stay);
        let waiting = queue.length();
        let priority = wants.priority;
        self.decisions.push(Decision::Entered { call, queue: id.clone(), priority, waiting });
        stay.armed().for_each(|deadline| self.deadlines.arm(deadline));
        self.callers.insert(call, Caller { queue: id.clone(), priority, stay, visited });
        match turned_away {
            Some(cause) => self.overflow(call, cause, now),
            None => {
                self.watch_for_nobody(&id, now);
                self.offer_as_kept(call, now);
                self.match_queue(&id, now);
            }
        }
    }

    /// Whether a caller of this queue may be kept for the agent.
    pub(crate) fn may_keep(&self, queue: &QueueId, agent: AgentId) -> bool {
        let desk = self.agents.get(&agent);
        desk.is_some_and(|desk| desk.is_working() && desk.fit(queue).is_some())
    }

    /// The queue does not exist: in and out at once, so that the books of readers tie.
    fn nowhere(&mut self, call: CallId, queue: QueueId, priority: u8) {
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
        let to = target.filter(|to| !caller.visited.contains(to) && self.is_open(to));
        let outcome = match (&to, cause) {
            (Some(_), _) => Outcome::Overflowed,
            (None, Cause::MaxWait) => Outcome::TimedOut,
            (None, Cause::Reconfigured) => Outcome::Failed,
            (None, _) => Outcome::Rejected,
        };
        let leaving = Leaving { outcome, cause, to: to.clone() };
        let Some(Caller { priority, visited, stay, .. }) = self.leave(call, leaving, now) else {
            return;
        };
        if let Some(queue) = to {
            // A place that was kept for somebody who hung up is kept there too.
            let credit = match stay.waiter {
                Waiter::OnTheLine => Duration::ZERO,
                Waiter::CalledBack => now.since(stay.arrived),
            };
            let wants = Wants { credit, waiter: stay.waiter, ..Wants::priority(priority) };
            self.enter(Entry { call, queue, wants, visited }, now);
        }
    }

    /// A team lead moves a caller; what was waited counts there.
    pub(crate) fn move_to(&mut self, call: CallId, queue: QueueId, now: Timestamp) {
        let Some(caller) = self.callers.get(&call) else { return };
        if caller.stay.is_offered() || caller.queue == queue || !self.is_open(&queue) {
            return;
        }
        let credit = now.since(caller.stay.arrived);
        let waiter = caller.stay.waiter;
        let wants = Wants { credit, waiter, ..Wants::priority(caller.priority) };
        let (outcome, cause) = (Outcome::Overflowed, Cause::Forced);
        self.leave(call, Leaving { outcome, cause, to: Some(queue.clone()) }, now);
        self.enter(Entry { call, queue, wants, visited: BTreeSet::new() }, now);
    }

    fn is_open(&self, queue: &QueueId) -> bool {
        self.queues.get(queue).is_some_and(|queue| !queue.retired)
    }

    /// The one place where a caller leaves a queue.
    pub(crate) fn leave(
        &mut self,
        call: CallId,
        leaving: Leaving,
        now: Timestamp,
    ) -> Option<Caller> {
        let mut caller = self.callers.remove(&call)?;
        let Leaving { outcome, cause, to } = leaving;
        if let Some(queue) = self.queues.get_mut(&caller.queue) {
            queue.leave(&caller.stay, outcome, now);
        }
        caller.stay.disarm(&mut self.deadlines);
        let (queue, waited) = (caller.queue.clone(), now.since(caller.stay.since));
        self.decisions.push(Decision::Left { call, queue, outcome, waited, to, cause });
        for (agent, offer) in std::mem::take(&mut caller.stay.offers) {
            self.end_offer(agent, &caller.queue, &offer);
            self.free(agent, now);
        }
        self.watch_for_nobody(&caller.queue, now);
        // Fewer are offered now, where no more than so many may be.
        self.match_queue(&caller.queue, now);
        Some(caller)
    }

    pub(crate) fn wait_over(&mut self, call: CallId, now: Timestamp) {
        let Some(caller) = self.callers.get_mut(&call) else { return };
        caller.stay.longest = None;
        if caller.stay.is_offered() {
            caller.stay.overdue = true;
        } else {
            self.overflow(call, Cause::MaxWait, now);
        }
    }

    /// A tier opens for a caller; the queue is to be matched.
    pub(crate) fn tier_opens(&mut self, call: CallId, now: Timestamp) -> Option<QueueId> {
        let caller = self.callers.get_mut(&call)?;
        let queue = self.queues.get_mut(&caller.queue)?;
        queue.unseat(&caller.stay);
        caller.stay.opens = None;
        open_tiers(&mut caller.stay, queue, now);
        queue.seat(&caller.stay);
        if let Some(deadline) = caller.stay.opens {
            self.deadlines.arm(deadline);
        }
        Some(caller.queue.clone())
    }

    /// A caller is kept for one agent no longer; the queue is to be matched.
    pub(crate) fn keep_no_longer(&mut self, call: CallId) -> Option<QueueId> {
        let caller = self.callers.get_mut(&call)?;
        let queue = self.queues.get_mut(&caller.queue)?;
        queue.unseat(&caller.stay);
        caller.stay.keep_no_longer(&mut self.deadlines);
        queue.seat(&caller.stay);
        Some(caller.queue.clone())
    }

    /// Nobody has been there for too long: all who are not being offered are led on.
    pub(crate) fn nobody_came(&mut self, number: u64, now: Timestamp) {
        let queue = self.queues.values_mut().find(|queue| queue.number == number);
        let Some(queue) = queue else { return };
        queue.leave = None;
        let calls: Vec<CallId> = queue.callers.iter().map(|place| place.call).collect();
        for call in calls {
            let waits = |caller: &Caller| {
                caller.stay.waiter == Waiter::OnTheLine && !caller.stay.is_offered()
            };
            if self.callers.get(&call).is_some_and(waits) {
                self.overflow(call, Cause::NobodySignedIn, now);
            }
        }
        let id = self.queues.iter().find(|(_, queue)| queue.number == number);
        if let Some(id) = id.map(|(id, _)| id.clone()) {
            self.watch_for_nobody(&id, now);
        }
    }

    /// Seats every caller anew, after a change of configuration.
    pub(crate) fn seat_all(&mut self, now: Timestamp) {
        let keeps: BTreeSet<CallId> = self
            .callers
            .iter()
            .filter_map(|(call, caller)| Some((call, caller, caller.stay.kept?.0)))
            .filter(|(_, caller, agent)| self.may_keep(&caller.queue, *agent))
            .map(|(call, ..)| *call)
            .collect();
        for (call, caller) in &mut self.callers {
            let Some(queue) = self.queues.get_mut(&caller.queue) else { continue };
            if queue.retired {
                // Its tiers and those who wait in them stay as they were.
                continue;
            }
            let stay = &mut caller.stay;
            if !keeps.contains(call) {
                stay.keep_no_longer(&mut self.deadlines);
            }
            self.deadlines.take(&mut stay.opens);
            stay.tier = 0;
            open_tiers(stay, queue, now);
            queue.seat(stay);
            if let Some(deadline) = stay.opens {
                self.deadlines.arm(deadline);
            }
        }
    }
}

/// Why a caller is not let in.
fn turned_away(queue: &Queue) -> Option<Cause> {
    let estimate = queue.config.max_estimate.zip(queue.estimate());
    if queue.config.when_nobody == WhenNobody::TurnAway && queue.has_nobody() {
        Some(Cause::NobodySignedIn)
    } else if queue.is_full() {
        Some(Cause::QueueFull)
    } else if estimate.is_some_and(|(most, estimate)| estimate > most) {
        Some(Cause::EstimateTooLong)
    } else {
        None
    }
}

/// Opens the tiers that are due to a caller; says when the next one is.
fn open_tiers(stay: &mut Stay, queue: &Queue, now: Timestamp) {
    let tiers = (1_u8..).zip(&queue.config.tiers);
    for (tier, after) in tiers.filter_map(|(number, tier)| Some((number, tier.after?))) {
        let at = stay.since + after;
        if at <= now {
            stay.tier = stay.tier.max(tier);
        } else if tier > stay.tier && stay.opens.is_none_or(|opens| at < opens.at) {
            let (generation, whose) = (stay.place.entry, Whose::Call(stay.place.call));
            stay.opens = Some(Deadline { at, generation, ends: Ends::Closed, whose });
        }
    }
}
