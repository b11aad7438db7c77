//! Legs and calls end.

use agent::Fact;
use model::{CallId, CallbackEnd, Cause, EventKind, LegId};

use crate::call::{Call, Leg, LegState, Stage, Talk};
use crate::ledger::About;
use crate::outside::passed_on;
use crate::ports::{LegCommand, MediaCommand};
use crate::{Stopping, Switchboard};

impl Switchboard {
    /// Tells a leg to end. The floor is done with it; [`crate::ports::LegFact::Released`] frees it.
    pub(crate) fn release_leg(&mut self, leg: LegId, cause: Cause, status: Option<u16>) {
        let Some(known) = self.legs.get_mut(&leg) else { return };
        if known.state != LegState::Releasing {
            known.state = LegState::Releasing;
            self.ledger.leg(leg, LegCommand::Release { cause, status });
        }
    }

    /// Ends a call from our side, whatever its stage.
    pub(crate) fn end_call(&mut self, id: CallId, cause: Cause) {
        self.leave_stage(id, cause);
        self.forget_callback(id, CallbackEnd::Cancelled, cause);
        if let Some(call) = self.calls.get_mut(&id) {
            call.over.get_or_insert(cause);
        }
        let legs: Vec<LegId> =
            self.calls.get(&id).map_or(vec![], |call| call.legs.iter().copied().collect());
        if legs.is_empty() {
            // Nobody will be heard of any more.
            return self.forget_call(id, cause);
        }
        for leg in legs {
            self.release_leg(leg, cause, None);
        }
    }

    /// Closes the books of a call's stage: segments, offers, parts, agents. What is only true in
    /// the stage ends here.
    pub(crate) fn leave_stage(&mut self, id: CallId, cause: Cause) {
        let Some(call) = self.calls.get(&id) else { return };
        match &call.stage {
            Stage::Flow { .. } => self.end_flow(id, Some(cause)),
            Stage::Queued(_) => self.leave_queue(id, cause),
            Stage::CallingBack(_) => {
                self.stop_calling_back(id, cause);
                self.leave_queue(id, cause);
            }
            Stage::Dialling(dialling) => {
                let (caller, callee) = (call.caller, dialling.callee);
                self.release_leg(callee, cause, None);
                self.agent_left(id, caller, None);
                self.agent_left(id, callee, None);
            }
            Stage::Talking(_) => {
                if let Some(talk) = self.part(id, cause) {
                    self.agents_left(id, &talk);
                }
            }
            Stage::Transferring(transfer) => {
                let (target, talk) = (transfer.target, transfer.talk.clone());
                self.agent_left(id, target, None);
                self.agents_left(id, &talk);
            }
            Stage::Announcing { .. } | Stage::Resting | Stage::Ending => {}
        }
        self.set_deadline(id, None);
        if let Some(call) = self.calls.get_mut(&id) {
            call.stage = Stage::Ending;
        }
    }

    /// The agents of a talk are free of it: after a queue's call comes its wrap-up.
    pub(crate) fn agents_left(&mut self, id: CallId, talk: &Talk) {
        for leg in [talk.left, talk.right] {
            self.agent_left(id, leg, Some(talk));
        }
    }

    pub(crate) fn agent_left(&mut self, id: CallId, leg: LegId, talk: Option<&Talk>) {
        let Some(agent) = self.legs.get_mut(&leg).and_then(Leg::let_go) else { return };
        let engages = |leg: &LegId| self.legs.get(leg).and_then(Leg::engages) == Some(agent);
        if self.calls.get(&id).is_some_and(|call| call.legs.iter().any(engages)) {
            // The same phone is in the call with another line.
            return;
        }
        let from_queue = talk.and_then(|talk| talk.from_queue.as_ref());
        let wrap_up = from_queue.map(|from| from.wrap_up).unwrap_or_default();
        self.agent_fact(Fact::CallEnded { agent, call: id, wrap_up });
    }

    /// A leg is over, by whoever's doing.
    pub(crate) fn released(
        &mut self,
        leg: LegId,
        cause: Cause,
        (status, reason): (Option<u16>, Option<String>),
    ) {
        let Some(known) = self.legs.get(&leg) else { return };
        let id = known.call;
        let cause = self.why(known, cause, status);
        let agent = known.agent;
        let awaited = known.state == LegState::Releasing;
        let about = About::call(id).with_leg(leg).with_agent(agent).because(cause);
        self.ledger.event(about, EventKind::LegReleased { status, reason });
        if !awaited {
            self.lost(id, leg, cause, status);
        }
        // Whoever heard an announcement to the end is still on the call until here.
        self.agent_left(id, leg, None);
        self.forget_leg(id, leg);
        self.forget_call(id, cause);
    }

    /// Signalling says how a leg ended; who ended it only the floor knows.
    fn why(&self, leg: &Leg, cause: Cause, status: Option<u16>) -> Cause {
        let ours = matches!(
            cause,
            Cause::SignallingLost
                | Cause::MediaFailed
                | Cause::MediaLost
                | Cause::Shutdown
                | Cause::NotAcceptable
        );
        if ours || leg.state == LegState::Releasing {
            return cause;
        }
        // Whoever is called back has not called.
        let calls = |call: &Call| call.caller == leg.id && call.stage.calling_back().is_none();
        let caller = self.calls.get(&leg.call).is_some_and(calls);
        match (leg.state, caller, status) {
            (LegState::Established, true, _) => Cause::CallerHungUp,
            (LegState::Established, false, _) => Cause::AgentHungUp,
            (_, true, _) => Cause::CallerLeft,
            (_, false, Some(403 | 486 | 600 | 603)) => Cause::Refused,
            (_, false, _) => Cause::Unreachable,
        }
    }

    /// A leg ended that the floor had not told to end.
    fn lost(&mut self, id: CallId, leg: LegId, cause: Cause, status: Option<u16>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let caller = call.caller;
        match &mut call.stage {
            Stage::Queued(wait) if leg != caller => {
                if let Some(offer) = wait.take_offer_at(leg) {
                    self.offer_leg_released(id, &offer, cause);
                }
            }
            Stage::Dialling(dialling) if dialling.callee == leg => {
                if self.tried_on(id, leg, cause, status) {
                    return;
                }
                self.agent_left(id, leg, None);
                self.release_leg(caller, cause, Some(passed_on(status)));
                self.end_call(id, cause);
            }
            Stage::Transferring(transfer) if transfer.target == leg => {
                if self.tried_on(id, leg, cause, status) {
                    return;
                }
                self.transfer_failed(id, passed_on(status));
            }
            Stage::Transferring(transfer) if transfer.transferor == leg => {
                self.transferor_left(id);
            }
            Stage::CallingBack(_) => self.calling_back_lost(id, leg, (cause, status)),
            Stage::Flow { .. }
            | Stage::Queued(_)
            | Stage::Announcing { .. }
            | Stage::Dialling(_)
            | Stage::Talking(_)
            | Stage::Transferring(_) => self.end_call(id, cause),
            // Its legs have been told to end.
            Stage::Resting | Stage::Ending => {}
        }
    }

    fn forget_leg(&mut self, id: CallId, leg: LegId) {
        self.leave_trunk(leg);
        if let Some(known) = self.legs.remove(&leg) {
            self.ports.give_back(known.local);
            self.ledger.media(leg, MediaCommand::Close);
        }
        if let Some(call) = self.calls.get_mut(&id) {
            call.legs.remove(&leg);
        }
    }

    fn forget_call(&mut self, id: CallId, cause: Cause) {
        if !self.calls.get(&id).is_some_and(|call| call.legs.is_empty() && !call.is_kept()) {
            return;
        }
        self.leave_stage(id, cause);
        let Some(ended) = self.calls.remove(&id) else { return };
        self.not_talking_any_more(id);
        if ended.is_placed {
            self.places.call_ended(ended.hotline.as_ref());
        }
        let cause = ended.over.unwrap_or(cause);
        self.ledger.event(About::call(id).because(cause), EventKind::CallEnded {});
        if let Some(callback) = ended.asked {
            self.line_is_free(callback);
        }
    }

    /// A stream could not be opened, or no audio arrives any more.
    pub(crate) fn media_failed(&mut self, leg: LegId, cause: Cause) {
        let Some(known) = self.legs.get(&leg).filter(|leg| leg.state != LegState::Releasing) else {
            return;
        };
        let id = known.call;
        self.release_leg(leg, cause, Some(500));
        self.lost(id, leg, cause, Some(500));
    }

    pub(crate) fn shut_down(&mut self) {
        if self.stopping != Stopping::No {
            return;
        }
        self.stopping = Stopping::Asked;
        let calls: Vec<CallId> = self.calls.keys().copied().collect();
        for call in calls {
            self.end_call(call, Cause::Shutdown);
        }
    }

    /// The last event of a run that was stopped in order.
    pub(crate) fn stop_when_idle(&mut self) {
        if self.stopping == Stopping::Asked && self.is_idle() {
            self.stopping = Stopping::Done;
            let about = About::default().because(Cause::Shutdown);
            self.ledger.event(about, EventKind::SystemStopped {});
        }
    }

    /// Whether every call is over and every recording sealed: a stop need not wait any longer.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.unsealed.is_empty()
    }
}
