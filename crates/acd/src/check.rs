//! What must hold after every step.

use std::collections::BTreeSet;

use model::{AgentId, QueueId};

use crate::Acd;
use crate::callers::Caller;
use crate::desks::Desk;
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
        let armed = self.callers.values().map(|caller| {
            let ring = caller.stay.offer.is_some_and(|offer| offer.ring.is_some());
            usize::from(ring) + usize::from(caller.stay.longest.is_some())
        });
        if armed.sum::<usize>() != self.deadlines.len() {
            return Err("a deadline is armed that no caller has".into());
        }
        Ok(())
    }

    fn broken_queue(&self, id: &QueueId, queue: &Queue) -> Option<&'static str> {
        let here = self.callers.values().filter(|caller| caller.queue == *id);
        let places: BTreeSet<_> = here.map(|caller| caller.stay.place).collect();
        let left: u64 = queue.outcomes.values().sum();
        let signed_in =
            self.agents.values().filter(|desk| desk.signed_in && desk.fits.contains(id)).count();
        let free = self.agents.values().filter(|desk| desk.is_free() && desk.fits.contains(id));
        let rules = [
            (places != queue.callers, "callers and index disagree"),
            (queue.arrivals.len() != places.len(), "arrivals and index disagree"),
            (
                !queue.waiting.is_empty() && queue.has_ready(),
                "a caller waits and an agent who fits is available",
            ),
            (
                queue.entered != left + u64::from(queue.length()),
                "entered is not the sum of the outcomes and of those waiting",
            ),
            (u32::try_from(signed_in) != Ok(queue.signed_in), "signed-in agents are miscounted"),
            (Ok(queue.tally().ready) != u32::try_from(free.count()), "somebody is wrongly indexed"),
            (queue.retired != self.retired.contains(id), "retirement is not known"),
        ];
        rules.into_iter().find_map(|(broken, what)| broken.then_some(what))
    }

    fn broken_caller(&self, caller: &Caller) -> Option<&'static str> {
        let stay = &caller.stay;
        let waits = |queue: &Queue| queue.waiting.contains(&stay.place);
        let call = stay.place.call;
        let agent = stay.offer.and_then(|offer| self.agents.get(&offer.agent));
        let ring = stay.offer.and_then(|offer| offer.ring);
        let mut armed = stay.longest.into_iter().chain(ring);
        let rules = [
            (
                self.queues.get(&caller.queue).map(waits) != Some(stay.offer.is_none()),
                "waiting and offered at once, or neither",
            ),
            (
                stay.offer.is_some() && agent.and_then(|desk| desk.offered) != Some(call),
                "offered to an agent who does not know it",
            ),
            (stay.overdue && stay.offer.is_none(), "stays although the longest wait is over"),
            (armed.any(|deadline| !self.deadlines.contains(&deadline)), "a deadline is not armed"),
        ];
        rules.into_iter().find_map(|(broken, what)| broken.then_some(what))
    }

    fn broken_desk(&self, agent: AgentId, desk: &Desk) -> Option<&'static str> {
        let offered = desk.offered.and_then(|call| self.callers.get(&call));
        let offered_to = offered.and_then(|caller| caller.stay.offer).map(|offer| offer.agent);
        let free = desk.standing.filter(|_| desk.offered.is_none());
        let ready_in = |id: &QueueId| {
            let queue = self.queues.get(id);
            queue.is_some_and(|queue| {
                free.is_some_and(|standing| queue.is_ready(agent, standing, &desk.skills))
            })
        };
        let rules = [
            (
                desk.offered.is_some() && offered_to != Some(agent),
                "reserved for a call that is gone",
            ),
            (
                free.is_some() != desk.fits.iter().all(ready_in) && !desk.fits.is_empty(),
                "not indexed",
            ),
            (desk.standing.is_some() && !desk.signed_in, "available but signed out"),
        ];
        rules.into_iter().find_map(|(broken, what)| broken.then_some(what))
    }
}
