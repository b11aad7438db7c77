//! What must hold after every step.

use std::collections::BTreeSet;

use model::{AgentId, QueueId};

use crate::Acd;
use crate::callers::Caller;
use crate::desks::{Desk, Fit};
use crate::events::Waiter;
use crate::queue::Queue;

impl Acd {
    /// Says which invariant is broken, if one is. The floor asks now and then; tests always.
    ///
    /// # Errors
    /// One sentence that names the queue, the caller or the agent.
    pub fn check(&self) -> Result<(), String> {
        for (id, queue) in &self.queues {
            if let Some(broken) = self.broken_queue(id, queue) {
                return Err(format!("queue {id}: {broken}: {queue:?}"));
            }
        }
        for (call, caller) in &self.callers {
            if let Some(broken) = self.broken_caller(caller) {
                return Err(format!("call {call}: {broken}: {caller:?}"));
            }
        }
        for (agent, desk) in &self.agents {
            if let Some(broken) = self.broken_desk(*agent, desk) {
                return Err(format!("agent {agent}: {broken}: {desk:?}"));
            }
        }
        let armed: usize = self.callers.values().map(|caller| caller.stay.armed().count()).sum();
        let armed = armed + self.queues.values().filter(|queue| queue.leave.is_some()).count();
        if armed != self.deadlines.len() {
            return Err("a deadline is armed that nobody has".into());
        }
        Ok(())
    }

    fn broken_queue(&self, id: &QueueId, queue: &Queue) -> Option<&'static str> {
        let here = || self.callers.values().filter(|caller| caller.queue == *id);
        let places: BTreeSet<_> = here().map(|caller| caller.stay.place).collect();
        let offered = here().filter(|caller| caller.stay.is_offered()).count();
        let seated: usize =
            queue.waiting.iter().chain(queue.kept.values()).map(BTreeSet::len).sum();
        let left: u64 = queue.outcomes.values().sum();
        let staff = || self.agents.values().filter(|desk| desk.signed_in && desk.fit(id).is_some());
        let working = staff().filter(|desk| !desk.busy).count();
        let free = self.agents.values().filter(|desk| desk.is_free() && desk.fit(id).is_some());
        let talking = self.talking.values().filter(|from| *from == id).count();
        let patient = queue.config.leave_after.is_none() || !queue.is_forsaken();
        let rules = [
            (places != queue.callers, "callers and index disagree"),
            (queue.arrivals.len() != places.len(), "arrivals and index disagree"),
            (seated + offered != places.len(), "somebody waits twice, or not at all"),
            (u32::try_from(offered) != Ok(queue.offered), "offered callers are miscounted"),
            (
                u32::try_from(here().filter(|it| it.stay.waiter == Waiter::CalledBack).count())
                    != Ok(queue.callbacks),
                "callbacks are miscounted",
            ),
            (u32::try_from(talking) != Ok(queue.talking), "talking callers are miscounted"),
            (
                queue.first_to_serve().is_some(),
                "a caller waits and an agent who may serve the caller is available",
            ),
            (
                queue.entered != left + u64::from(queue.length()),
                "entered is not the sum of the outcomes and of those waiting",
            ),
            (
                u32::try_from(staff().count()) != Ok(queue.all_signed_in()),
                "signed-in agents are miscounted",
            ),
            (u32::try_from(working) != Ok(queue.working), "working agents are miscounted"),
            (Ok(queue.tally().ready) != u32::try_from(free.count()), "somebody is wrongly indexed"),
            (queue.ready.values().any(BTreeSet::is_empty), "a pool is empty"),
            (queue.retired != self.retired.contains(id), "retirement is not known"),
            (queue.leave.is_some() == patient, "the patience with nobody is not what it should be"),
        ];
        rules.into_iter().find_map(|(broken, what)| broken.then_some(what))
    }

    fn broken_caller(&self, caller: &Caller) -> Option<&'static str> {
        let stay = &caller.stay;
        let Some(queue) = self.queues.get(&caller.queue) else { return Some("waits nowhere") };
        let call = stay.place.call;
        let waits = queue.waiting.iter().filter(|waiting| waiting.contains(&stay.place)).count();
        let kept = queue.kept.values().filter(|kept| kept.contains(&stay.place)).count();
        let seat = match (stay.is_offered(), &stay.kept) {
            (true, _) => (0, 0),
            (false, Some(_)) => (0, 1),
            (false, None) => (1, 0),
        };
        let knows =
            |agent| self.agents.get(agent).and_then(|desk: &Desk| desk.offered) == Some(call);
        let keeper = stay.kept.filter(|_| !stay.is_offered()).map(|(agent, _)| agent);
        let keeper = keeper.and_then(|agent| self.agents.get(&agent));
        let rules = [
            ((waits, kept) != seat, "waiting and offered at once, or neither"),
            (!stay.offers.keys().all(knows), "offered to an agent who does not know it"),
            (
                stay.waiter == Waiter::CalledBack && stay.longest.is_some(),
                "a place that is kept has a longest wait",
            ),
            (stay.overdue && !stay.is_offered(), "stays although the longest wait is over"),
            (
                keeper.is_some_and(|desk| !queue.retired && desk.is_free()) && !queue.is_at_most(),
                "kept for an agent who is available",
            ),
            (keeper.is_some_and(|desk| !desk.is_working()), "kept for somebody who is not there"),
            (
                stay.armed().any(|deadline| !self.deadlines.contains(&deadline)),
                "a deadline is not armed",
            ),
        ];
        rules.into_iter().find_map(|(broken, what)| broken.then_some(what))
    }

    fn broken_desk(&self, agent: AgentId, desk: &Desk) -> Option<&'static str> {
        let offered = desk.offered.and_then(|call| self.callers.get(&call));
        let knows = offered.is_some_and(|caller| caller.stay.offers.contains_key(&agent));
        let free = desk.standing.filter(|_| desk.offered.is_none());
        let ready_in = |fit: &Fit| {
            let ready = self.queues.get(&fit.queue).and_then(|queue| queue.ready.get(&fit.pool));
            let order = free.map(|standing| fit.order(agent, &standing));
            ready.zip(order).is_some_and(|(ready, order)| ready.contains(&order))
        };
        let rules = [
            (desk.offered.is_some() && !knows, "reserved for a call that is gone"),
            (
                free.is_some() != desk.fits.iter().all(ready_in) && !desk.fits.is_empty(),
                "not indexed",
            ),
            (free.is_some() != desk.indexed, "the mark of the index is wrong"),
            (desk.standing.is_some() && !desk.signed_in, "available but signed out"),
            (desk.standing.is_some() && desk.busy, "available but busy"),
        ];
        rules.into_iter().find_map(|(broken, what)| broken.then_some(what))
    }
}
