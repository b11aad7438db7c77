//! Carrying out what the distribution decides.

use std::time::Duration;

use acd::{AcdEvent, Decision, Explanation};
use agent::Fact;
use model::{AgentId, CallId, CallKind, Cause, EventKind, OfferEnd, Outcome, PromptId, QueueId, Timestamp};

use crate::call::{FarEnd, FromQueue, Offer, Stage, Wait};
use crate::ledger::About;
use crate::ports::{MediaCommand, Target};
use crate::{Switchboard, dial::Dial};

/// How much later than the ring time the lease on an agent runs out. The floor ends the offer
/// first; the lease is for the case that it does not.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

impl Switchboard {
    pub(crate) fn carry_out(&mut self, decision: Decision) {
        match decision {
            Decision::Entered { call, queue, priority, waiting } => {
                self.entered(call, queue, priority, waiting);
            }
            Decision::Offer(offer) => self.offer(offer),
            Decision::OfferOver { call, agent } => self.end_offer(call, agent, OfferEnd::NoAnswer),
            Decision::Left { call, queue, outcome, waited, to, cause } => {
                self.left(&Left { call, queue, outcome, waited, to, cause });
            }
        }
    }

    fn entered(&mut self, id: CallId, queue: QueueId, priority: u8, waiting: u32) {
        let welcome = self.config.sounds.queue_welcome.clone();
        let Some(call) = self.calls.get_mut(&id) else { return };
        let moved = matches!(call.stage, Stage::Queued(_));
        let segment = call.next_segment();
        let wait = Wait { queue: queue.clone(), priority, segment, offer: None, welcome: None };
        call.stage = Stage::Queued(wait);
        let about = About::call(id).with_segment(segment).with_queue(&queue);
        self.ledger.event(about, EventKind::QueueEntered { priority, waiting });
        match welcome {
            Some(prompt) if !moved => self.welcome(id, prompt),
            Some(_) | None => self.queue_music(id),
        }
    }

    fn welcome(&mut self, id: CallId, prompt: PromptId) {
        let play = self.play_to_caller(id, vec![prompt]);
        if let Some(call) = self.calls.get_mut(&id)
            && let Stage::Queued(wait) = &mut call.stage
        {
            wait.welcome = Some(play);
        }
    }

    pub(crate) fn queue_music(&mut self, id: CallId) {
        let music = self.config.sounds.queue_music.clone();
        let Some(call) = self.calls.get_mut(&id) else { return };
        let play = call.next_play();
        let command = MediaCommand::Play { play, prompts: vec![music], repeat: true };
        self.ledger.media(call.caller, command);
    }

    fn offer(&mut self, offer: acd::Offer) {
        let acd::Offer { call: id, queue, agent, ring, wrap_up, explanation } = offer;
        let now = self.ledger.now;
        let Some(segment) = self.waiting(id).filter(|wait| wait.queue == queue).map(|wait| wait.segment)
        else {
            return self.withdraw(id, agent);
        };
        let Some(phone) = self.agents.phone(agent).cloned() else {
            return self.withdraw(id, agent);
        };
        let reserved = Fact::Reserved { agent, call: id, until: now + ring + LEASE_MARGIN };
        let about = About::call(id).with_segment(segment).with_queue(&queue).with_agent(Some(agent));
        self.tell_offer(about.clone(), explanation);
        let changes = self.agents.fact(reserved, now);
        if changes.is_empty() {
            return self.withdraw(id, agent);
        }
        self.agents_changed(changes, None);
        let Some(call) = self.calls.get(&id) else { return };
        let display = self.config.acd.queues.get(&queue).map(|queue| queue.label.clone());
        let dial = Dial {
            call: id,
            far_end: FarEnd::Phone(phone.clone()),
            target: Target::Phone(phone),
            agent: Some(agent),
            from: call.from.clone(),
            display,
        };
        match self.dial(dial) {
            Some(leg) => {
                if let Some(call) = self.calls.get_mut(&id)
                    && let Stage::Queued(wait) = &mut call.stage
                {
                    wait.offer = Some(Offer { agent, leg, since: now, wrap_up });
                }
            }
            None => self.offer_ended(id, agent, OfferEnd::Withdrawn),
        }
    }

    fn tell_offer(&mut self, about: About, explanation: Explanation) {
        let Explanation { routing, candidates, passed_over, waited } = explanation;
        let passed_over = passed_over.into_iter().map(|(agent, why)| (agent, why.to_owned()));
        self.ledger.event(
            about.because(Cause::Distributed),
            EventKind::QueueOffered {
                waited_ms: millis(waited),
                routing: routing.as_str().to_owned(),
                candidates,
                passed_over: passed_over.collect(),
            },
        );
    }

    /// The offer cannot be carried out: the floor moved on in the same step.
    fn withdraw(&mut self, call: CallId, agent: AgentId) {
        self.offer_ended(call, agent, OfferEnd::Withdrawn);
    }

    /// Ends an offer from our side: the agent's phone stops ringing.
    pub(crate) fn end_offer(&mut self, id: CallId, agent: AgentId, end: OfferEnd) {
        let Some(offer) = self.take_offer(id, agent) else { return };
        let cause = match end {
            OfferEnd::NoAnswer => Cause::NoAnswer,
            OfferEnd::CallerLeft => Cause::CallerLeft,
            OfferEnd::Refused => Cause::Refused,
            OfferEnd::Unreachable => Cause::Unreachable,
            OfferEnd::Withdrawn => Cause::Forced,
        };
        self.release_leg(offer.leg, cause, None);
        self.tell_offer_ended(id, &offer, end);
        self.offer_ended(id, agent, end);
    }

    /// The agent's leg is gone of itself: declined, unreachable, timed out.
    pub(crate) fn offer_leg_released(&mut self, id: CallId, offer: &Offer, cause: Cause) {
        let end = match cause {
            Cause::Refused | Cause::AgentHungUp => OfferEnd::Refused,
            Cause::NoAnswer => OfferEnd::NoAnswer,
            _ => OfferEnd::Unreachable,
        };
        self.tell_offer_ended(id, offer, end);
        self.offer_ended(id, offer.agent, end);
    }

    fn tell_offer_ended(&mut self, id: CallId, offer: &Offer, end: OfferEnd) {
        let rang_ms = millis(self.ledger.now.since(offer.since));
        let mut about = About::call(id).with_leg(offer.leg).with_agent(Some(offer.agent));
        if let Some(wait) = self.waiting(id) {
            about = about.with_segment(wait.segment).with_queue(&wait.queue);
        }
        self.ledger.event(about, EventKind::QueueOfferEnded { end, rang_ms });
    }

    /// Both cores learn that an offer came to nothing. The agent first: what is offered next may
    /// be offered to this agent again.
    fn offer_ended(&mut self, call: CallId, agent: AgentId, end: OfferEnd) {
        let now = self.ledger.now;
        let changes = self.agents.fact(Fact::OfferEnded { agent, call, end }, now);
        self.agents_changed(changes, None);
        let decisions = self.acd.handle(AcdEvent::OfferEnded { call, agent, end }, now);
        self.decisions.extend(decisions);
        self.sync_availability(agent);
    }

    pub(crate) fn take_offer(&mut self, id: CallId, agent: AgentId) -> Option<Offer> {
        let Stage::Queued(wait) = &mut self.calls.get_mut(&id)?.stage else { return None };
        wait.offer.take_if(|offer| offer.agent == agent)
    }

    fn waiting(&self, id: CallId) -> Option<&Wait> {
        match &self.calls.get(&id)?.stage {
            Stage::Queued(wait) => Some(wait),
            Stage::Flow { .. }
            | Stage::Announcing { .. }
            | Stage::Dialling(_)
            | Stage::Talking(_)
            | Stage::Transferring(_)
            | Stage::Ending => None,
        }
    }

    fn left(&mut self, left: &Left) {
        let segment = self.waiting(left.call).map(|wait| wait.segment);
        let about = About {
            segment,
            ..About::call(left.call).with_queue(&left.queue).because(left.cause)
        };
        let waited_ms = millis(left.waited);
        let to = left.to.clone();
        self.ledger.event(about, EventKind::QueueLeft { outcome: left.outcome, waited_ms, to });
        match left.outcome {
            Outcome::Answered | Outcome::Abandoned | Outcome::Callback | Outcome::LeftByKey => {}
            Outcome::Overflowed if left.to.is_some() => {}
            Outcome::Overflowed | Outcome::TimedOut | Outcome::Rejected | Outcome::Failed => {
                self.announce_and_end(left.call, left.cause);
            }
        }
    }

    /// The agent took the call: the wait is over, the two are joined.
    pub(crate) fn offer_answered(&mut self, id: CallId, offer: &Offer) {
        let now = self.ledger.now;
        let Some(wait) = self.waiting(id) else { return };
        let from_queue =
            FromQueue { queue: wait.queue.clone(), priority: wait.priority, wrap_up: offer.wrap_up };
        let agent = offer.agent;
        let decisions = self.acd.handle(AcdEvent::OfferAnswered { call: id, agent }, now);
        for decision in decisions {
            // The wait must end in the log before the talk begins.
            self.carry_out(decision);
        }
        let changes = self.agents.fact(Fact::Answered { agent, call: id }, now);
        self.agents_changed(changes, None);
        let Some(caller) = self.calls.get(&id).map(|call| call.caller) else { return };
        self.join(id, (caller, offer.leg), CallKind::Queue, Some(from_queue));
    }

    /// When the caller began to wait, for those who look.
    pub(crate) fn waits_since(&self, call: CallId) -> Option<Timestamp> {
        self.acd.waiting_since(call)
    }
}

struct Left {
    call: CallId,
    queue: QueueId,
    outcome: Outcome,
    waited: Duration,
    to: Option<QueueId>,
    cause: Cause,
}

pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
