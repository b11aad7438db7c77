//! Carrying out what the distribution decides.

use std::collections::BTreeMap;
use std::time::Duration;

use acd::{AcdEvent, Decision, Explanation};
use agent::{Fact, WrapUp};
use model::{
    Actor, AgentId, CallId, CallKind, CallbackEnd, Cause, EventKind, LegId, OfferEnd, Outcome,
    PromptId, QueueId, Timestamp,
};

use crate::call::{FromQueue, Offer, Stage, Wait};
use crate::ledger::About;
use crate::ports::{MediaCommand, Target};
use crate::{Switchboard, dial::Dial};

impl Switchboard {
    pub(crate) fn carry_out(&mut self, decision: Decision) {
        match decision {
            Decision::Entered { call, queue, priority, waiting } => {
                self.entered(call, &queue, priority, waiting);
            }
            Decision::Offer { call, queue, agent, until, ring: _, wrap_up, explanation } => {
                let mode = self.config.queues.get(&queue).and_then(|queue| queue.wrap_up_mode);
                let wrap_up = WrapUp { span: wrap_up, mode };
                self.offer(call, &queue, Offering { agent, until, wrap_up, explanation });
            }
            Decision::OfferOver { call, agent, end } => self.end_offer(call, agent, end),
            Decision::Left { call, queue, outcome, waited, to, cause } => {
                self.left(&Left { call, queue, outcome, waited, to, cause, key: None });
            }
        }
    }

    fn entered(&mut self, id: CallId, queue: &QueueId, priority: u8, waiting: u32) {
        let rules = self.config.queues.get(queue);
        let keys = rules.and_then(|rules| rules.keys_prompt.clone());
        let welcome = self.config.sounds.queue_welcome.clone();
        let Some(call) = self.calls.get_mut(&id) else { return };
        let is_callback = call.callback.is_some();
        let moved = matches!(call.stage, Stage::Queued(_));
        let segment = call.next_segment();
        let offers = BTreeMap::new();
        let wait = Wait { queue: queue.clone(), priority, segment, offers, welcome: None };
        call.stage = Stage::Queued(wait);
        let about = About::call(id).with_segment(segment).with_queue(queue);
        self.ledger.event(about, EventKind::QueueEntered { priority, waiting });
        if is_callback {
            return self.callback_entered(id, queue);
        }
        let said: Vec<_> = welcome.filter(|_| !moved).into_iter().chain(keys).collect();
        if said.is_empty() { self.queue_music(id) } else { self.welcome(id, said) }
    }

    pub(crate) fn welcome(&mut self, id: CallId, prompts: Vec<PromptId>) {
        let play = self.play_to_caller(id, prompts);
        if let Some(call) = self.calls.get_mut(&id)
            && let Some(wait) = call.stage.wait_mut()
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

    fn offer(&mut self, id: CallId, queue: &QueueId, offering: Offering) {
        let Offering { agent, until, wrap_up, explanation } = offering;
        let now = self.ledger.now;
        let mut changes = vec![];
        if self.waiting(id).is_some_and(|wait| wait.queue == *queue) {
            changes = self.agents.fact(Fact::Reserved { agent, call: id, until }, now);
        }
        if changes.is_empty() {
            // The same step has made something else of caller or agent: the offer never began.
            return self.offer_ended(id, agent, OfferEnd::Withdrawn);
        }
        self.tell_offer(id, queue, agent, explanation);
        self.agents_changed(changes, None);
        let Some(leg) = self.dial_agent(id, queue, agent) else {
            // No port is free.
            let about = self.about_offer(id, agent);
            self.tell_offer_ended(about, now, OfferEnd::Withdrawn);
            return self.offer_ended(id, agent, OfferEnd::Withdrawn);
        };
        if let Some(call) = self.calls.get_mut(&id)
            && let Some(wait) = call.stage.wait_mut()
        {
            wait.offers.insert(agent, Offer { agent, leg, since: now, wrap_up });
        }
    }

    /// Rings an agent for a waiting call; `None` when no port is free.
    fn dial_agent(&mut self, id: CallId, queue: &QueueId, agent: AgentId) -> Option<LegId> {
        let phone = self.agents.phone(agent).cloned()?;
        let call = self.calls.get(&id)?;
        let (is_callback, number) = (call.callback.is_some(), call.from.clone());
        let from = self.shown_for(call.caller).unwrap_or(number);
        let label = self.config.acd.queues.get(queue).map(|queue| queue.label.clone());
        let display = label.map(|label| if is_callback { format!("回拨 {label}") } else { label });
        let alert = self.config.phones.get(&phone).map(|phone| phone.alert).unwrap_or_default();
        let (target, carried) = (Target::Phone(phone), self.carried_to_phone(id));
        self.dial(Dial { call: id, target, agent: Some(agent), from, display, carried, alert })
    }

    fn tell_offer(&mut self, id: CallId, queue: &QueueId, agent: AgentId, why: Explanation) {
        let segment = self.waiting(id).map(|wait| wait.segment);
        let about = About { segment, ..About::call(id).with_queue(queue).with_agent(Some(agent)) };
        let Explanation { routing, candidates, ranks, passed_over, waited, choice } = why;
        let passed_over = passed_over.into_iter().map(|(agent, why)| (agent, why.to_owned()));
        self.ledger.event(
            about.because(Cause::Distributed),
            EventKind::QueueOffered {
                waited_ms: millis(waited),
                routing: routing.as_str().to_owned(),
                candidates,
                passed_over: passed_over.collect(),
                ranks,
                choice,
            },
        );
    }

    /// Ends an offer from our side: the agent's phone stops ringing. The cores learn of it even
    /// where no phone rings any more, or the caller would stay offered for ever.
    pub(crate) fn end_offer(&mut self, id: CallId, agent: AgentId, end: OfferEnd) {
        if let Some(offer) = self.take_offer(id, agent) {
            self.stop_ringing(id, &offer, end);
        }
        self.offer_ended(id, agent, end);
    }

    pub(crate) fn stop_ringing(&mut self, id: CallId, offer: &Offer, end: OfferEnd) {
        self.release_leg(offer.leg, end.into(), None);
        let about = self.about_offer(id, offer.agent).with_leg(offer.leg);
        self.tell_offer_ended(about, offer.since, end);
    }

    /// The agent's leg is gone of itself: declined, unreachable, timed out.
    pub(crate) fn offer_leg_released(&mut self, id: CallId, offer: &Offer, cause: Cause) {
        let end = if cause == Cause::Refused { OfferEnd::Refused } else { OfferEnd::Unreachable };
        let about = self.about_offer(id, offer.agent).with_leg(offer.leg);
        self.tell_offer_ended(about, offer.since, end);
        self.offer_ended(id, offer.agent, end);
    }

    fn about_offer(&self, id: CallId, agent: AgentId) -> About {
        let about = About::call(id).with_agent(Some(agent));
        match self.waiting(id) {
            Some(wait) => about.with_segment(wait.segment).with_queue(&wait.queue),
            None => about,
        }
    }

    fn tell_offer_ended(&mut self, about: About, since: Timestamp, end: OfferEnd) {
        let rang_ms = millis(self.ledger.now.since(since));
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
        let wait = self.calls.get_mut(&id)?.stage.wait_mut()?;
        wait.offers.remove(&agent)
    }

    pub(crate) fn waiting(&self, id: CallId) -> Option<&Wait> {
        self.calls.get(&id)?.stage.wait()
    }

    fn left(&mut self, left: &Left) {
        self.tell_left(left);
        let is_callback = self.calls.get(&left.call).is_some_and(|call| call.callback.is_some());
        match left.outcome {
            Outcome::Answered | Outcome::Abandoned | Outcome::Callback | Outcome::LeftByKey => {}
            Outcome::Overflowed if left.to.is_some() => {}
            _ if is_callback => self.end_callback(left.call, CallbackEnd::Cancelled, left.cause),
            Outcome::Overflowed | Outcome::TimedOut | Outcome::Rejected | Outcome::Failed => {
                self.announce_and_end(left.call, left.cause);
            }
        }
    }

    fn tell_left(&mut self, left: &Left) {
        let segment = self.waiting(left.call).map(|wait| wait.segment);
        let about =
            About { segment, ..About::call(left.call).with_queue(&left.queue).because(left.cause) };
        let actor = left.key.map(|_| Actor::caller());
        let (waited_ms, to, key) = (millis(left.waited), left.to.clone(), left.key);
        let kind = EventKind::QueueLeft { outcome: left.outcome, waited_ms, to, key };
        self.ledger.event(About { actor, ..about }, kind);
        if left.outcome == Outcome::Abandoned {
            self.remember_abandoned(left.call, &left.queue, left.waited);
        }
    }

    /// The caller waits no longer, for a reason the distribution does not know: the call ended.
    pub(crate) fn leave_queue(&mut self, id: CallId, cause: Cause) {
        if self.calls.get(&id).is_some_and(|call| call.callback.is_some()) {
            // What a stop ends goes on in the next run.
            let is_stop = cause == Cause::Shutdown;
            let outcome = if is_stop { Outcome::Callback } else { Outcome::Failed };
            let event = AcdEvent::CallTakenOut { call: id, outcome, cause };
            return self.take_out(id, event, OfferEnd::Withdrawn, &Went::default());
        }
        // A caller whose line went dead left, however unwillingly; `failed` is our own fault.
        let by_caller = matches!(
            cause,
            Cause::CallerLeft | Cause::CallerHungUp | Cause::SignallingLost | Cause::MediaLost
        );
        let (gone, end) = if by_caller {
            (AcdEvent::CallGone { call: id }, OfferEnd::CallerLeft)
        } else {
            (AcdEvent::CallFailed { call: id, cause }, OfferEnd::Withdrawn)
        };
        self.take_out(id, gone, end, &Went::default());
    }

    /// The wait ends by the floor's doing: phones stop ringing, and the distribution learns of it.
    pub(crate) fn take_out(&mut self, id: CallId, gone: AcdEvent, end: OfferEnd, went: &Went) {
        let wait = self.calls.get_mut(&id).and_then(|call| call.stage.wait_mut());
        let offers = wait.map(|wait| std::mem::take(&mut wait.offers)).unwrap_or_default();
        for offer in offers.values() {
            self.stop_ringing(id, offer, end);
            self.agent_fact(Fact::OfferEnded { agent: offer.agent, call: id, end });
        }
        for decision in self.acd.handle(gone, self.ledger.now) {
            match decision {
                // The wait must end in the log while its segment is known.
                Decision::Left { call, queue, outcome, waited, to, cause } if call == id => {
                    let (to, key) = (to.or_else(|| went.to.clone()), went.key);
                    self.tell_left(&Left { call, queue, outcome, waited, to, cause, key });
                }
                Decision::Entered { .. }
                | Decision::Offer { .. }
                | Decision::OfferOver { .. }
                | Decision::Left { .. } => self.decisions.push_back(decision),
            }
        }
    }

    /// The queue a call came from may have one more in talk.
    pub(crate) fn not_talking_any_more(&mut self, call: CallId) {
        let decisions = self.acd.handle(AcdEvent::TalkEnded { call }, self.ledger.now);
        self.decisions.extend(decisions);
    }

    /// The agent took the call: the wait is over, the two are joined.
    pub(crate) fn offer_answered(&mut self, id: CallId, offer: &Offer) {
        let now = self.ledger.now;
        let Some(wait) = self.waiting(id) else { return };
        let from_queue = FromQueue {
            queue: wait.queue.clone(),
            priority: wait.priority,
            wrap_up: offer.wrap_up,
        };
        let agent = offer.agent;
        let decisions = self.acd.handle(AcdEvent::OfferAnswered { call: id, agent }, now);
        for decision in decisions {
            // The wait must end in the log before the talk begins.
            self.carry_out(decision);
        }
        let changes = self.agents.fact(Fact::Answered { agent, call: id }, now);
        self.agents_changed(changes, None);
        self.remember_served(id, agent);
        self.served_meanwhile(id, &from_queue.queue);
        let Some(caller) = self.calls.get(&id).map(|call| call.caller) else { return };
        self.join(id, (caller, offer.leg), CallKind::Queue, Some(from_queue));
    }
}

/// An agent chosen for a call.
struct Offering {
    agent: AgentId,
    until: Timestamp,
    wrap_up: WrapUp,
    explanation: Explanation,
}

struct Left {
    call: CallId,
    queue: QueueId,
    outcome: Outcome,
    waited: Duration,
    to: Option<QueueId>,
    cause: Cause,
    key: Option<char>,
}

/// Where a caller goes whom the floor takes out of a queue, and by which key.
#[derive(Default)]
pub(crate) struct Went {
    pub(crate) to: Option<QueueId>,
    pub(crate) key: Option<char>,
}

pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
