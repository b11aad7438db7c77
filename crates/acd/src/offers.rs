//! Offers: which agent is rung for which caller, and what comes of it.

use std::cmp::Reverse;

use model::{AgentId, CallId, Cause, OfferEnd, Outcome, QueueId, Timestamp};

use crate::Acd;
use crate::callers::Leaving;
use crate::deadlines::{Deadline, Ends};
use crate::events::Decision;
use crate::queue::{Offer, Queue};

impl Acd {
    /// A caller who is not being offered looks for an agent.
    pub(crate) fn offer_to_best(&mut self, call: CallId, now: Timestamp) {
        let Some(caller) = self.callers.get_mut(&call) else { return };
        let Some(queue) = self.queues.get_mut(&caller.queue) else { return };
        let Some((agent, explanation)) = queue.choose(&mut caller.stay, now) else { return };
        self.last += 1;
        let (ring, wrap_up) = (queue.config.ring, queue.config.wrap_up);
        let until = now + ring;
        let deadline = Deadline { at: until, generation: self.last, ends: Ends::Ring, call };
        self.deadlines.arm(deadline);
        queue.waiting.remove(&caller.stay.place);
        caller.stay.offer = Some(Offer { agent, ring: Some(deadline) });
        let queue = caller.queue.clone();
        self.unindex(agent);
        if let Some(desk) = self.agents.get_mut(&agent) {
            desk.standing = None;
            desk.offered = Some(call);
        }
        self.decisions.push(Decision::Offer {
            call,
            queue,
            agent,
            until,
            ring,
            wrap_up,
            explanation,
        });
    }

    /// An agent who is in the indexes looks for a caller: the best over all queues served.
    pub(crate) fn offer_best(&mut self, agent: AgentId, now: Timestamp) {
        let Some(desk) = self.agents.get(&agent).filter(|desk| desk.is_free()) else { return };
        let first = |id: &QueueId| {
            let queue = self.queues.get(id)?;
            let place = queue.waiting.first()?;
            Some((Reverse(queue.config.weight), *place))
        };
        if let Some((_, place)) = desk.fits.iter().filter_map(first).min() {
            self.offer_to_best(place.call, now);
        }
    }

    /// After a change of configuration any queue may have both callers and agents.
    pub(crate) fn match_all(&mut self, now: Timestamp) {
        let served = |queue: &Queue| {
            let place = queue.waiting.first().filter(|_| queue.has_ready())?;
            Some((Reverse(queue.config.weight), *place))
        };
        while let Some((_, place)) = self.queues.values().filter_map(served).min() {
            self.offer_to_best(place.call, now);
        }
    }

    pub(crate) fn offer_ended(
        &mut self,
        call: CallId,
        agent: AgentId,
        end: OfferEnd,
        now: Timestamp,
    ) {
        let open = |offer: &mut Offer| offer.agent == agent;
        let Some(caller) = self.callers.get_mut(&call) else { return };
        let Some(offer) = caller.stay.offer.take_if(open) else { return };
        match end {
            OfferEnd::NoAnswer | OfferEnd::Refused | OfferEnd::Unreachable => {
                caller.stay.tried.insert(agent, end);
            }
            OfferEnd::CallerLeft | OfferEnd::Withdrawn => {}
        }
        let place = caller.stay.place;
        let overdue = caller.stay.overdue;
        let Some(queue) = self.queues.get_mut(&caller.queue) else { return };
        queue.waiting.insert(place);
        let retired = queue.retired;
        self.end_offer(&offer);
        if end == OfferEnd::CallerLeft {
            self.leave(call, Leaving::out(Outcome::Abandoned, Cause::CallerLeft), now);
        } else if retired {
            self.overflow(call, Cause::Reconfigured, now);
        } else if overdue {
            self.overflow(call, Cause::MaxWait, now);
        } else {
            self.offer_to_best(call, now);
        }
        self.free(agent, now);
    }

    /// Whoever was joined to the caller has won; any other offer is over.
    pub(crate) fn answered(&mut self, call: CallId, agent: AgentId, now: Timestamp) {
        self.make_unavailable(agent);
        let offer = self.callers.get(&call).and_then(|caller| caller.stay.offer);
        if let Some(Offer { agent: other, .. }) = offer.filter(|offer| offer.agent != agent) {
            self.decisions.push(Decision::OfferOver { call, agent: other });
        }
        self.leave(call, Leaving::out(Outcome::Answered, Cause::Distributed), now);
    }

    /// No offer is open to the agent any more: one who is available is back in the indexes.
    pub(crate) fn free(&mut self, agent: AgentId, now: Timestamp) {
        self.index(agent);
        self.offer_best(agent, now);
    }

    pub(crate) fn end_offer(&mut self, offer: &Offer) {
        if let Some(deadline) = &offer.ring {
            self.deadlines.disarm(deadline);
        }
        if let Some(desk) = self.agents.get_mut(&offer.agent) {
            desk.offered = None;
        }
    }

    pub(crate) fn ring_over(&mut self, deadline: &Deadline) {
        let call = deadline.call;
        let offer = self.callers.get_mut(&call).and_then(|caller| caller.stay.offer.as_mut());
        if let Some(offer) = offer.filter(|offer| offer.ring == Some(*deadline)) {
            offer.ring = None;
            let agent = offer.agent;
            self.decisions.push(Decision::OfferOver { call, agent });
        }
    }
}
