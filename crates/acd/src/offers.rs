//! Offers: which agent is rung for which caller, and what comes of it.

use std::cmp::Reverse;

use model::{AgentId, CallId, Cause, Choice, OfferEnd, Outcome, QueueId, Timestamp};

use crate::Acd;
use crate::callers::Leaving;
use crate::config::Ringing;
use crate::deadlines::{Deadline, Ends, Whose};
use crate::desks::Fit;
use crate::events::{Decision, Explanation};
use crate::queue::Queue;
use crate::stay::Offer;
use crate::strategy::Routing;

impl Acd {
    /// A caller who waits is offered to the best agents; `false` when there is none.
    fn offer_to_best(&mut self, call: CallId, now: Timestamp) -> bool {
        let Some(caller) = self.callers.get_mut(&call) else { return false };
        let Some(queue) = self.queues.get_mut(&caller.queue) else { return false };
        let Some((agents, explanation)) = queue.choose(&mut caller.stay, now) else {
            return false;
        };
        if let (Routing::Random | Routing::WeightedRandom, Some(rank)) =
            (explanation.routing, explanation.ranks.first())
        {
            queue.clock = rank.key;
        }
        for agent in agents {
            self.offer(call, agent, explanation.clone(), now);
        }
        true
    }

    /// A caller who is kept is offered to the agent whom the caller is kept for.
    pub(crate) fn offer_as_kept(&mut self, call: CallId, now: Timestamp) {
        let Some(caller) = self.callers.get(&call) else { return };
        let Some((agent, _)) = caller.stay.kept.filter(|_| !caller.stay.is_offered()) else {
            return;
        };
        let is_free = self.agents.get(&agent).is_some_and(|desk| desk.is_free());
        let is_at_most = self.queues.get(&caller.queue).is_none_or(|queue| queue.is_at_most());
        if is_free && !is_at_most {
            self.offer_by(call, agent, Choice::Preferred, now);
        }
    }

    /// A caller is offered to one agent, for another reason than rank.
    pub(crate) fn offer_by(
        &mut self,
        call: CallId,
        agent: AgentId,
        choice: Choice,
        now: Timestamp,
    ) {
        let Some(caller) = self.callers.get(&call) else { return };
        let Some(queue) = self.queues.get(&caller.queue) else { return };
        let waited = now.since(caller.stay.since);
        let routing = queue.config.routing;
        let (candidates, ranks, passed_over) = (vec![agent], Vec::new(), Vec::new());
        let explanation = Explanation { routing, candidates, ranks, passed_over, waited, choice };
        self.offer(call, agent, explanation, now);
    }

    fn offer(&mut self, call: CallId, agent: AgentId, explanation: Explanation, now: Timestamp) {
        let Some(caller) = self.callers.get_mut(&call) else { return };
        let Some(queue) = self.queues.get_mut(&caller.queue) else { return };
        self.last += 1;
        let (generation, whose) = (self.last, Whose::Call(call));
        let (ring, wrap_up) = (queue.config.ring, queue.config.wrap_up);
        let until = now + ring;
        let deadline = Deadline { at: until, generation, ends: Ends::Ring, whose };
        self.deadlines.arm(deadline);
        if !caller.stay.is_offered() {
            queue.unseat(&caller.stay);
            queue.offer_began(&caller.stay);
        }
        let id = caller.queue.clone();
        let fit = self.agents.get_mut(&agent).and_then(|desk| desk.fit_mut(&id));
        let share = fit.map(|fit| {
            fit.had.last_offer = generation;
            fit.pool.1
        });
        if let Some(given) = share.and_then(|share| queue.given.get_mut(usize::from(share))) {
            *given += 1;
        }
        caller.stay.offers.insert(agent, Offer { ring: Some(deadline), share });
        if let (Ringing::Progressive { every }, None) = (queue.config.ringing, caller.stay.another)
        {
            let another = Deadline { at: now + every, generation, ends: Ends::Alone, whose };
            caller.stay.another = Some(another);
            self.deadlines.arm(another);
        }
        self.unindex(agent);
        if let Some(desk) = self.agents.get_mut(&agent) {
            desk.standing = None;
            desk.offered = Some(call);
        }
        self.watch_for_nobody(&id, now);
        self.decisions.push(Decision::Offer {
            call,
            queue: id,
            agent,
            until,
            ring,
            wrap_up,
            explanation,
        });
    }

    /// An agent who is in the indexes looks for a caller: the best over all queues served, in each
    /// one who is kept for this agent before the others.
    pub(crate) fn offer_best(&mut self, agent: AgentId, now: Timestamp) {
        let Some(desk) = self.agents.get(&agent).filter(|desk| desk.is_free()) else { return };
        let first = |fit: &Fit| {
            let queue = self.queues.get(&fit.queue).filter(|queue| !queue.is_at_most())?;
            let kept = queue.kept.get(&agent).and_then(|kept| kept.first());
            let place = kept.copied().or_else(|| queue.first_for(fit.pool.0))?;
            Some((Reverse(queue.config.weight), kept.is_none(), place))
        };
        match desk.fits.iter().filter_map(first).min() {
            Some((_, false, place)) => self.offer_by(place.call, agent, Choice::Preferred, now),
            Some((_, true, place)) => {
                self.offer_to_best(place.call, now);
            }
            None => {}
        }
    }

    /// After a change any caller of the queue may have found an agent.
    pub(crate) fn match_queue(&mut self, id: &QueueId, now: Timestamp) {
        if self.queues.get(id).is_some_and(|queue| queue.config.most_at_once.is_some()) {
            self.match_kept(id, now);
        }
        loop {
            let place = self.queues.get(id).and_then(Queue::first_to_serve);
            if !place.is_some_and(|place| self.offer_to_best(place.call, now)) {
                return;
            }
        }
    }

    /// Who is kept and could not be offered, as no more might be offered at once, may be now.
    fn match_kept(&mut self, id: &QueueId, now: Timestamp) {
        let Some(queue) = self.queues.get(id) else { return };
        if queue.is_at_most() {
            return;
        }
        let kept = queue.kept.values().filter_map(|kept| kept.first()).copied();
        let mut kept: Vec<_> = kept.collect();
        kept.sort_unstable();
        for place in kept {
            self.offer_as_kept(place.call, now);
        }
    }

    /// After a change of configuration any queue may have both callers and agents.
    pub(crate) fn match_all(&mut self, now: Timestamp) {
        let queues: Vec<QueueId> = self.queues.keys().cloned().collect();
        for id in &queues {
            self.match_kept(id, now);
        }
        loop {
            let served = self
                .queues
                .values()
                .filter_map(|queue| Some((Reverse(queue.config.weight), queue.first_to_serve()?)));
            let Some((_, place)) = served.min() else { return };
            if !self.offer_to_best(place.call, now) {
                return;
            }
        }
    }

    pub(crate) fn offer_ended(
        &mut self,
        (call, agent): (CallId, AgentId),
        end: OfferEnd,
        now: Timestamp,
    ) {
        let Some(caller) = self.callers.get_mut(&call) else { return };
        let Some(offer) = caller.stay.offers.remove(&agent) else { return };
        let id = caller.queue.clone();
        match end {
            OfferEnd::NoAnswer | OfferEnd::Refused | OfferEnd::Unreachable => {
                caller.stay.tried.insert(agent, end);
            }
            OfferEnd::CallerLeft | OfferEnd::AnsweredElsewhere | OfferEnd::Withdrawn => {}
        }
        let rings_elsewhere = caller.stay.is_offered();
        if !rings_elsewhere && let Some(queue) = self.queues.get_mut(&id) {
            queue.offers_over(&caller.stay);
            self.deadlines.take(&mut caller.stay.another);
            // Whoever it was kept for has been asked.
            caller.stay.keep_no_longer(&mut self.deadlines);
            queue.seat(&caller.stay);
        }
        let overdue = caller.stay.overdue;
        self.end_offer(agent, &id, &offer);
        self.watch_for_nobody(&id, now);
        let retired = self.queues.get(&id).is_some_and(|queue| queue.retired);
        if end == OfferEnd::CallerLeft {
            self.leave(call, Leaving::out(Outcome::Abandoned, Cause::CallerLeft), now);
        } else if rings_elsewhere {
            // The others may still answer.
        } else if retired {
            self.overflow(call, Cause::Reconfigured, now);
        } else if overdue {
            self.overflow(call, Cause::MaxWait, now);
        } else {
            self.match_queue(&id, now);
        }
        self.free(agent, now);
    }

    /// Whoever answered first has the offer; any other is over.
    fn others_are_over(&mut self, call: CallId, agent: AgentId) {
        let Some(caller) = self.callers.get(&call) else { return };
        for other in caller.stay.offers.keys().copied().filter(|other| *other != agent) {
            let end = OfferEnd::AnsweredElsewhere;
            self.decisions.push(Decision::OfferOver { call, agent: other, end });
        }
    }

    /// The agent is on the line, and the caller is called back: nothing rings any more.
    pub(crate) fn taken(&mut self, call: CallId, agent: AgentId) {
        let Some(caller) = self.callers.get_mut(&call) else { return };
        let Some(offer) = caller.stay.offers.get_mut(&agent) else { return };
        self.deadlines.take(&mut offer.ring);
        self.deadlines.take(&mut caller.stay.another);
        self.others_are_over(call, agent);
    }

    /// Whoever was joined to the caller has won; any other offer is over.
    pub(crate) fn answered(&mut self, call: CallId, agent: AgentId, now: Timestamp) {
        self.make_unavailable(agent);
        self.others_are_over(call, agent);
        let Some(caller) = self.callers.get_mut(&call) else { return };
        let queue = caller.queue.clone();
        if let Some(offer) = caller.stay.offers.get_mut(&agent) {
            // It stays counted to the share.
            offer.share = None;
        }
        if let Some(fit) = self.agents.get_mut(&agent).and_then(|desk| desk.fit_mut(&queue)) {
            fit.had.calls = fit.had.calls.saturating_add(1);
        }
        if let Some(queue) = self.queues.get_mut(&queue) {
            queue.talking += 1;
            self.talking.insert(call, caller.queue.clone());
        }
        self.leave(call, Leaving::out(Outcome::Answered, Cause::Distributed), now);
    }

    pub(crate) fn talk_ended(&mut self, call: CallId, now: Timestamp) {
        let Some(id) = self.talking.remove(&call) else { return };
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.talking = queue.talking.saturating_sub(1);
        }
        self.match_queue(&id, now);
    }

    /// No offer is open to the agent any more: one who is available is back in the indexes.
    pub(crate) fn free(&mut self, agent: AgentId, now: Timestamp) {
        self.index(agent);
        self.offer_best(agent, now);
    }

    pub(crate) fn end_offer(&mut self, agent: AgentId, queue: &QueueId, offer: &Offer) {
        if let Some(deadline) = &offer.ring {
            self.deadlines.disarm(deadline);
        }
        if let Some(queue) = self.queues.get_mut(queue)
            && let Some(given) =
                offer.share.and_then(|share| queue.given.get_mut(usize::from(share)))
        {
            *given = given.saturating_sub(1);
        }
        if let Some(desk) = self.agents.get_mut(&agent) {
            desk.offered = None;
        }
    }

    pub(crate) fn ring_over(&mut self, deadline: &Deadline, call: CallId) {
        let Some(caller) = self.callers.get_mut(&call) else { return };
        let mut offers = caller.stay.offers.iter_mut();
        if let Some((agent, offer)) = offers.find(|(_, offer)| offer.ring == Some(*deadline)) {
            offer.ring = None;
            let (agent, end) = (*agent, OfferEnd::NoAnswer);
            self.decisions.push(Decision::OfferOver { call, agent, end });
        }
    }

    /// One more phone rings for a caller, where somebody is ready whom nobody else waits for.
    pub(crate) fn ring_another(&mut self, call: CallId, now: Timestamp) {
        let Some(caller) = self.callers.get_mut(&call) else { return };
        caller.stay.another = None;
        let Some(queue) = self.queues.get(&caller.queue) else { return };
        let Ringing::Progressive { every } = queue.config.ringing else { return };
        let tried = caller.stay.tried.clone();
        let chosen = queue.choose(&mut caller.stay, now);
        // No new round while phones ring.
        caller.stay.tried = tried;
        let untried = |agent: &AgentId| !caller.stay.tried.contains_key(agent);
        let chosen = chosen.filter(|(agents, _)| agents.iter().all(untried));
        if let Some((agents, explanation)) = chosen {
            for agent in agents {
                self.offer(call, agent, explanation.clone(), now);
            }
        } else {
            let (generation, whose) = (caller.stay.place.entry, Whose::Call(call));
            let another = Deadline { at: now + every, generation, ends: Ends::Alone, whose };
            caller.stay.another = Some(another);
            self.deadlines.arm(another);
        }
    }
}
