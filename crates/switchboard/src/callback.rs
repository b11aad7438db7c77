//! Callbacks (回拨): a caller leaves the line and keeps the place.
//!
//! A callback is a call of its own from the wish on, though nobody is called for long. Its place in the
//! queue is the caller's; when its turn comes an agent is rung as for any call, and only when the agent
//! has answered the caller is called, so that there are never more callers called back than agents for
//! them.
//!
//! | stage | ends when | and then |
//! |---|---|---|
//! | `Resting` | it is due and the hours allow it | waits in the queue |
//! | | it has expired | is over |
//! | `Queued` | an agent answers | the caller is called |
//! | | the hours are over | rests until they begin again |
//! | | it has expired | is over |
//! | `CallingBack` | the caller answers | the two are joined, and it is a call like any other |
//! | | the caller cannot be had | rests for the pause, or is over after the last attempt |
//!
//! One that is neither joined nor over when the service ends is begun anew by the next run.

use acd::{AcdEvent, Waiter, Wants};
use agent::Fact;
use model::{
    Actor, CallId, CallKind, CallbackEnd, Cause, EventKind, LegId, Number, OfferEnd, OpenCallback,
    Outcome, QueueId, Timestamp,
};

use crate::Switchboard;
use crate::arrive::Route;
use crate::call::{Call, CallingBack, FromQueue, Offer, Stage};
use crate::config::CallbackRules;
use crate::distribute::Went;
use crate::greet::LONGEST_ANNOUNCEMENT;
use crate::ledger::About;
use crate::numbering::Kind;
use crate::outside;
use crate::ports::MediaCommand;

/// The most callbacks at once; whoever wishes one more is refused.
const MOST: usize = 10_000;

/// Who is to be called back, and for which queue: there is one callback for both.
pub(crate) type Whom = (Number, QueueId);

/// What a call has that is a callback and not yet joined.
#[derive(Clone, Debug)]
pub(crate) struct Callback {
    pub(crate) open: OpenCallback,
    whom: Whom,
    rules: CallbackRules,
}

impl Switchboard {
    /// A caller wishes to be called back, in the place of somebody who came at `arrived`.
    ///
    /// # Errors
    /// Why that cannot be.
    pub(crate) fn wish(
        &mut self,
        id: CallId,
        queue: &QueueId,
        (priority, arrived): (u8, Timestamp),
    ) -> Result<CallbackRules, Cause> {
        let wished = self.wished(id, queue, (priority, arrived));
        let about = About::call(id).with_queue(queue).by(Actor::caller());
        match wished {
            Ok((open, whom, rules)) => {
                let before = self.callbacks.get(&whom).copied();
                let callback = before.unwrap_or_else(|| self.next_call_id());
                self.ledger.event(about, EventKind::CallbackAsked { callback });
                if before.is_none() {
                    self.begin_callback(
                        callback,
                        Callback { open, whom, rules: rules.clone() },
                        None,
                    );
                }
                if let Some(call) = self.calls.get_mut(&id) {
                    call.asked = Some(callback);
                }
                Ok(rules)
            }
            Err(cause) => {
                self.ledger.event(about.because(cause), EventKind::CallbackRefused {});
                Err(cause)
            }
        }
    }

    fn wished(
        &self,
        id: CallId,
        queue: &QueueId,
        (priority, arrived): (u8, Timestamp),
    ) -> Result<(OpenCallback, Whom, CallbackRules), Cause> {
        let rules = self.config.queues.get(queue).and_then(|rules| rules.callback.clone());
        let rules = rules.ok_or(Cause::NotAllowed)?;
        let call = self.calls.get(&id).ok_or(Cause::NoRoute)?;
        let read = self.config.numbering.read(&call.from);
        match read.kind {
            Kind::Withheld => return Err(Cause::NumberWithheld),
            // What is no number of a telephone outside cannot be called there.
            Kind::Unknown | Kind::Service | Kind::Short => return Err(Cause::NoRoute),
            Kind::Mobile
            | Kind::Landline
            | Kind::National
            | Kind::Protected
            | Kind::International => {}
        }
        let now = self.ledger.now;
        let open = OpenCallback {
            of: id,
            number: read.display,
            to: call.to.clone(),
            hotline: call.hotline.clone(),
            queue: queue.clone(),
            priority,
            arrived,
            attempts: 0,
            // As soon as the line is free.
            due: now + LONGEST_ANNOUNCEMENT,
            expires: now + rules.expires,
        };
        let route = self.callback_route(&open, &rules);
        let Route::Outside { show, .. } = route else {
            return Err(Cause::NotAllowed);
        };
        if self.config.numbering.is_service(&show.unwrap_or_else(|| open.to.clone())) {
            return Err(Cause::CallerIdForbidden);
        }
        let whom = (read.canonical, queue.clone());
        if self.callbacks.len() >= MOST && !self.callbacks.contains_key(&whom) {
            return Err(Cause::LimitReached);
        }
        Ok((open, whom, rules))
    }

    fn callback_route(&self, open: &OpenCallback, rules: &CallbackRules) -> Route {
        match format!("{}{}", rules.prefix, open.number).parse() {
            Ok(dialled) => outside::route(&self.config.outbound, rules.role.as_deref(), &dialled),
            Err(_) => Route::Refused { cause: Cause::NoRoute, status: 404 },
        }
    }

    /// A callback begins: a call of which nobody is called yet. `before` is the same callback's call
    /// in the run before.
    fn begin_callback(&mut self, id: CallId, callback: Callback, before: Option<CallId>) {
        let Callback { open, whom, .. } = &callback;
        let due = open.due;
        let kind = EventKind::CallArrived {
            from: open.number.clone(),
            to: open.to.clone(),
            from_canonical: Some(whom.0.clone()),
            to_canonical: None,
            hotline: open.hotline.clone(),
            trunk: None,
            phone: None,
            sip_call_id: String::new(),
            user_to_user: Vec::new(),
            attested: None,
            callback_of: Some(open.of),
        };
        self.ledger.event(About::call(id), kind);
        // The leg to the caller gets its number when it is begun.
        let leg = self.next_leg_id();
        let numbers = (open.number.clone(), open.to.clone());
        self.callbacks.insert(whom.clone(), id);
        let call = Call::begun_by_us(id, self.ledger.now, numbers, leg);
        let hotline = open.hotline.clone();
        self.calls.insert(id, Call { hotline, callback: Some(Box::new(callback)), ..call });
        self.rest(id, due, before);
    }

    /// What the run before left is begun anew, with the places and the attempts it had.
    pub(crate) fn take_up_callback(&mut self, before: CallId, open: OpenCallback) {
        let id = self.next_call_id();
        let rules = self.config.queues.get(&open.queue).and_then(|rules| rules.callback.clone());
        let is_allowed = rules.is_some();
        let whom = (self.config.numbering.canonical(&open.number), open.queue.clone());
        let rules = rules.unwrap_or_default();
        let is_spent = open.attempts >= rules.attempts;
        let now = self.ledger.now;
        // Whoever asked is off the line by now; the pause after an attempt goes on.
        let due = if open.attempts == 0 { open.due.min(now) } else { open.due };
        let open = OpenCallback { due, ..open };
        self.begin_callback(id, Callback { open, whom, rules }, Some(before));
        if !is_allowed {
            self.end_callback(id, CallbackEnd::Cancelled, Cause::Reconfigured);
        } else if is_spent {
            self.end_callback(id, CallbackEnd::NotReached, Cause::Crash);
        } else if due <= now {
            self.callback_due(id);
        }
    }

    /// Nobody is called until `due`.
    fn rest(&mut self, id: CallId, due: Timestamp, before: Option<CallId>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(callback) = &mut call.callback else { return };
        callback.open.due = due;
        let open = callback.open.clone();
        call.stage = Stage::Resting;
        let (about, expires) = (About::call(id).with_queue(&open.queue), open.expires);
        self.ledger.event(about, EventKind::CallbackPlanned { callback: Box::new(open), before });
        self.set_deadline(id, Some(due.min(expires)));
    }

    /// The caller who asked is off the line: nothing keeps the callback any longer.
    pub(crate) fn line_is_free(&mut self, asked: CallId) {
        let call = self.calls.get(&asked).filter(|call| matches!(call.stage, Stage::Resting));
        let callback = call.and_then(|call| call.callback.as_ref());
        if callback.is_some_and(|callback| callback.open.attempts == 0) {
            self.callback_due(asked);
        }
    }

    /// A deadline of a callback that rests or waits has passed.
    pub(crate) fn callback_due(&mut self, id: CallId) {
        let now = self.ledger.now;
        let Some(callback) = self.calls.get(&id).and_then(|call| call.callback.as_ref()) else {
            return;
        };
        let opens = callback.rules.opens(self.config.rules.days, now);
        let (queue, expires) = (callback.open.queue.clone(), callback.open.expires);
        if expires <= now {
            self.take_callback_out(id, Outcome::TimedOut, Cause::MaxWait);
            self.end_callback(id, CallbackEnd::Expired, Cause::MaxWait);
        } else if opens > now {
            self.take_callback_out(id, Outcome::Callback, Cause::Closed);
            self.rest(id, opens, None);
        } else if !self.config.acd.queues.contains_key(&queue) {
            self.end_callback(id, CallbackEnd::Cancelled, Cause::Reconfigured);
        } else if self.waiting(id).is_some() {
            // The hours have changed meanwhile.
            self.callback_entered(id, &queue);
        } else {
            self.queue_callback(id);
        }
    }

    /// The callback waits for its turn, in the place that was kept.
    fn queue_callback(&mut self, id: CallId) {
        let now = self.ledger.now;
        let Some(call) = self.calls.get(&id) else { return };
        let Some(OpenCallback { queue, priority, arrived, .. }) =
            call.callback.as_ref().map(|callback| callback.open.clone())
        else {
            return;
        };
        self.set_deadline(id, None);
        let (credit, waiter) = (now.since(arrived), Waiter::CalledBack);
        let wants = Wants { credit, waiter, ..Wants::priority(priority) };
        let decisions = self.acd.handle(AcdEvent::CallQueued { call: id, queue, wants }, now);
        self.decisions.extend(decisions);
    }

    /// A callback began to wait in a queue, perhaps in another than it was meant for.
    pub(crate) fn callback_entered(&mut self, id: CallId, queue: &QueueId) {
        let now = self.ledger.now;
        let days = self.config.rules.days;
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(callback) = &mut call.callback else { return };
        callback.open.queue = queue.clone();
        let until = callback
            .rules
            .closes(days, now)
            .map_or(callback.open.expires, |closes| closes.min(callback.open.expires));
        self.set_deadline(id, Some(until));
    }

    fn take_callback_out(&mut self, id: CallId, outcome: Outcome, cause: Cause) {
        let event = AcdEvent::CallTakenOut { call: id, outcome, cause };
        self.take_out(id, event, OfferEnd::CallerLeft, &Went::default());
    }

    /// The agent is on the line: the caller is called.
    pub(crate) fn agent_takes_callback(&mut self, id: CallId, offer: Offer) {
        let (now, agent) = (self.ledger.now, offer.agent);
        for decision in self.acd.handle(AcdEvent::OfferTaken { call: id, agent }, now) {
            self.carry_out(decision);
        }
        let changes = self.agents.fact(Fact::Answered { agent, call: id }, now);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let customer = call.caller;
        if let Stage::Queued(wait) = std::mem::replace(&mut call.stage, Stage::Ending) {
            let back = CallingBack { wait, offer, customer, outside: None };
            call.stage = Stage::CallingBack(Box::new(back));
        }
        self.agents_changed(changes, None);
        match self.call_back(id) {
            Ok(()) => self.set_deadline(id, Some(now + self.config.ring)),
            Err(cause) => self.not_reached(id, cause),
        }
    }

    fn call_back(&mut self, id: CallId) -> Result<(), Cause> {
        let call = self.calls.get_mut(&id).ok_or(Cause::NoRoute)?;
        let callback = call.callback.as_mut().ok_or(Cause::NoRoute)?;
        callback.open.attempts = callback.open.attempts.saturating_add(1);
        let Callback { open, rules, .. } = (**callback).clone();
        let about = About::call(id).with_queue(&open.queue);
        self.ledger.event(about, EventKind::CallbackTried { attempt: open.attempts });
        let Route::Outside { trunks, number, show } = self.callback_route(&open, &rules) else {
            return Err(Cause::NotAllowed);
        };
        let show = show.or(Some(open.to));
        let mut outside = self.outside(id, trunks, number, show).ok_or(Cause::NoRoute)?;
        let leg = self.dial_trunk(id, &mut outside).map_err(|(cause, _)| cause)?;
        let call = self.calls.get_mut(&id).ok_or(Cause::NoRoute)?;
        call.caller = leg;
        if let Stage::CallingBack(back) = &mut call.stage {
            (back.customer, back.outside) = (leg, Some(outside));
            let agent = back.offer.leg;
            self.ledger.media(agent, MediaCommand::Ringback);
        }
        Ok(())
    }

    /// The caller answered: from here on it is a call like any other.
    pub(crate) fn called_back(&mut self, id: CallId) {
        let now = self.ledger.now;
        let Some(back) = self.calls.get(&id).and_then(|call| call.stage.calling_back()) else {
            return;
        };
        let (agent, legs) = (back.offer.agent, (back.customer, back.offer.leg));
        let from_queue = FromQueue {
            queue: back.wait.queue.clone(),
            priority: back.wait.priority,
            wrap_up: back.offer.wrap_up,
        };
        self.set_deadline(id, None);
        for decision in self.acd.handle(AcdEvent::OfferAnswered { call: id, agent }, now) {
            // The wait must end in the log before the talk begins.
            self.carry_out(decision);
        }
        self.forget_callback(id, CallbackEnd::Joined, Cause::Distributed);
        if let Some(call) = self.calls.get_mut(&id) {
            call.is_placed = true;
            self.places.call_began(call.hotline.as_ref());
        }
        self.remember_served(id, agent);
        self.join(id, legs, CallKind::Queue, Some(from_queue));
    }

    /// The caller could not be had: later again, or never.
    pub(crate) fn not_reached(&mut self, id: CallId, cause: Cause) {
        self.stop_calling_back(id, cause);
        let Some(callback) = self.calls.get(&id).and_then(|call| call.callback.as_ref()) else {
            return;
        };
        let due = self.ledger.now + callback.rules.pause;
        let is_last = callback.open.attempts >= callback.rules.attempts;
        if is_last || due >= callback.open.expires {
            self.take_callback_out(id, Outcome::Abandoned, cause);
            self.end_callback(id, CallbackEnd::NotReached, cause);
        } else {
            self.take_callback_out(id, Outcome::Callback, cause);
            self.rest(id, due, None);
        }
    }

    /// Both legs are let go; the call waits, and the distribution has yet to be told.
    pub(crate) fn stop_calling_back(&mut self, id: CallId, cause: Cause) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if call.stage.calling_back().is_none() {
            return;
        }
        let stage = std::mem::replace(&mut call.stage, Stage::Ending);
        let Stage::CallingBack(back) = stage else { return };
        let CallingBack { wait, offer, customer, outside: _ } = *back;
        call.stage = Stage::Queued(wait);
        self.set_deadline(id, None);
        self.release_leg(customer, cause, None);
        self.stop_ringing(id, &offer, OfferEnd::CallerLeft);
        self.agent_left(id, offer.leg, None);
    }

    /// A leg of a callback ended by itself while the caller was called.
    pub(crate) fn calling_back_lost(
        &mut self,
        id: CallId,
        leg: LegId,
        (cause, status): (Cause, Option<u16>),
    ) {
        let back = self.calls.get(&id).and_then(|call| call.stage.calling_back());
        let Some((customer, agent)) = back.map(|back| (back.customer, back.offer.leg)) else {
            return;
        };
        if leg == agent || leg == customer && !self.tried_on(id, leg, cause, status) {
            self.not_reached(id, cause);
        }
    }

    /// The caller does not answer.
    pub(crate) fn calling_back_rang_out(&mut self, id: CallId) {
        let back = self.calls.get(&id).and_then(|call| call.stage.calling_back());
        let Some(customer) = back.map(|back| back.customer) else { return };
        if !self.tried_on_in_time(id, customer) {
            self.not_reached(id, Cause::NoAnswer);
        }
    }

    /// The callback is over before anybody was joined; so is its call.
    pub(crate) fn end_callback(&mut self, id: CallId, end: CallbackEnd, cause: Cause) {
        self.forget_callback(id, end, cause);
        self.end_call(id, cause);
    }

    /// The call is no callback any more. What a stop ends is one for the next run.
    pub(crate) fn forget_callback(&mut self, id: CallId, end: CallbackEnd, cause: Cause) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(callback) = call.callback.take() else { return };
        self.callbacks.remove(&callback.whom);
        if cause != Cause::Shutdown {
            let about = About::call(id).with_queue(&callback.open.queue).because(cause);
            self.ledger.event(about, EventKind::CallbackEnded { end });
        }
    }

    /// Whoever was to be called back has called again and is served: nobody need be called.
    pub(crate) fn served_meanwhile(&mut self, id: CallId, queue: &QueueId) {
        let Some(number) = self.caller_of(id) else { return };
        let Some(callback) = self.callbacks.get(&(number, queue.clone())).copied() else { return };
        let stage = self.calls.get(&callback).map(|call| &call.stage);
        let is_idle = match stage {
            Some(Stage::Resting) => true,
            Some(Stage::Queued(wait)) => wait.offers.is_empty(),
            _ => false,
        };
        if is_idle && callback != id {
            self.take_callback_out(callback, Outcome::Callback, Cause::AnsweredElsewhere);
            self.end_callback(callback, CallbackEnd::Served, Cause::AnsweredElsewhere);
        }
    }
}
