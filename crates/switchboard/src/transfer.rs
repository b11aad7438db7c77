//! One party of a talk is handed on (REFER, RFC 3515): blind transfer.
//!
//! | then | becomes |
//! |---|---|
//! | the target answers | the kept party and the target talk; the transferor is released |
//! | the target fails, transferor still there | the two talk on |
//! | the target fails, transferor gone | back into the queue the caller came from, at the caller's priority; else an announcement |

use model::{CallId, CallKind, Carried, Cause, EventKind, HotlineId, LegId, Number};

use crate::Switchboard;
use crate::arrive::Route;
use crate::call::{FarEnd, Outside, Stage, Talk, Transfer};
use crate::dial::Dial;
use crate::ledger::About;
use crate::ports::{Alert, LegCommand, MediaCommand, Origin, Target};

impl Switchboard {
    pub(crate) fn transfer_asked(&mut self, leg: LegId, to: &Number) {
        // One that crosses the end of the leg comes too late: the call is others' by now.
        let Some(known) = self.legs.get(&leg).filter(|leg| leg.is_live()) else { return };
        let id = known.call;
        let FarEnd::Phone(phone) = known.far_end.clone() else {
            // A carrier does not hand our callers on.
            return self.transfer_progress(leg, 403);
        };
        let kept = match self.calls.get(&id).map(|call| &call.stage) {
            Some(Stage::Talking(talk)) => talk.peer(leg),
            Some(Stage::Transferring(_)) => return self.transfer_progress(leg, 491),
            Some(
                Stage::Flow { .. }
                | Stage::Resting
                | Stage::Queued(_)
                | Stage::CallingBack(_)
                | Stage::Announcing { .. }
                | Stage::Dialling(_)
                | Stage::Ending,
            )
            | None => return self.transfer_progress(leg, 481),
        };
        let referred_by = Some(phone.clone());
        match self.route(&Origin::Phone(phone), to) {
            Route::Hotline(hotline) => self.transfer_to_flow((leg, kept), to, &hotline),
            Route::Extension(phone) if !self.is_bound(&phone) => self.transfer_progress(leg, 480),
            Route::Extension(phone) if self.is_engaged(&phone) => self.transfer_progress(leg, 486),
            Route::Extension(phone) => {
                let Some(from) = self.shown_for(kept) else { return };
                let (agent, target) = (self.agents.agent_at(&phone), Target::Phone(phone));
                let carried = Carried { referred_by, ..self.carried_to_phone(id) };
                let alert = Alert::Ring;
                let dial = Dial { call: id, target, agent, from, display: None, carried, alert };
                let target = self.dial(dial);
                let target = target.ok_or((Cause::LimitReached, 503));
                self.begin_transfer(leg, to, target, None);
            }
            Route::Outside { trunks, number, show } => {
                let show = show.or_else(|| self.shown_for(kept));
                let Some(mut outside) = self.outside(id, trunks, number, show) else { return };
                let target = self.dial_trunk(id, &mut outside);
                self.begin_transfer(leg, to, target, Some(outside));
            }
            Route::Feature => self.transfer_progress(leg, 403),
            Route::Refused { status, .. } => self.transfer_progress(leg, status),
        }
    }

    fn begin_transfer(
        &mut self,
        leg: LegId,
        to: &Number,
        target: Result<LegId, (Cause, u16)>,
        outside: Option<Outside>,
    ) {
        let target = match target {
            Ok(target) => target,
            Err((_, status)) => return self.transfer_progress(leg, status),
        };
        let Some((id, agent)) = self.legs.get(&target).map(|leg| (leg.call, leg.agent)) else {
            return;
        };
        self.transfer_progress(leg, 100);
        let Some(talk) = self.part(id, Cause::Transferred) else { return };
        // A queue's caller stays one, and the next agent wraps up as well.
        let kind = match (&talk.from_queue, &outside) {
            (Some(_), _) => talk.kind,
            (None, Some(_)) => CallKind::Outbound,
            (None, None) => CallKind::Internal,
        };
        self.agent_on_other_call(agent, id, kind);
        let kept = talk.peer(leg);
        self.tell_transfer(id, leg, to);
        self.ledger.media(leg, MediaCommand::Silence);
        self.ledger.media(kept, MediaCommand::Ringback);
        if let Some(call) = self.calls.get_mut(&id) {
            let (transferor, transferor_here) = (leg, true);
            let transfer = Transfer { talk, transferor, transferor_here, target, kind, outside };
            call.stage = Stage::Transferring(transfer);
        }
        self.set_deadline(id, Some(self.ledger.now + self.config.ring));
    }

    pub(crate) fn transfer_progress(&mut self, leg: LegId, status: u16) {
        self.ledger.leg(leg, LegCommand::TransferProgress { status });
    }

    pub(crate) fn tell_transfer(&mut self, id: CallId, leg: LegId, to: &Number) {
        let agent = self.legs.get(&leg).and_then(|leg| leg.agent);
        let about = About::call(id).with_leg(leg).with_agent(agent);
        self.ledger.event(about, EventKind::CallTransferred { to: to.clone() });
    }

    /// The kept party is let in as a caller would be, and meets the hotline's flow.
    fn transfer_to_flow(&mut self, (leg, kept): (LegId, LegId), to: &Number, hotline: &HotlineId) {
        let Some(id) = self.call_of(leg) else { return };
        if !self.takes_over(kept, hotline) {
            return self.transfer_progress(leg, 503);
        }
        self.transfer_progress(leg, 100);
        let Some(talk) = self.part(id, Cause::Transferred) else { return };
        self.tell_transfer(id, leg, to);
        self.transfer_progress(leg, 200);
        self.release_leg(leg, Cause::Transferred, None);
        self.agent_left(id, leg, Some(&talk));
        let referred_by = match self.legs.get(&leg).map(|leg| &leg.far_end) {
            Some(FarEnd::Phone(phone)) => Some(phone.clone()),
            Some(FarEnd::Trunk(_)) | None => None,
        };
        if let Some(call) = self.calls.get_mut(&id) {
            call.caller = kept;
            call.carried.referred_by = referred_by;
        }
        self.greet(id, hotline);
    }

    pub(crate) fn transfer_answered(&mut self, id: CallId) {
        let Some(transfer) = self.take_transfer(id) else { return };
        let Transfer { talk, transferor, transferor_here, target, kind, outside: _ } = transfer;
        if transferor_here {
            self.transfer_progress(transferor, 200);
            self.release_leg(transferor, Cause::Transferred, None);
            self.agent_left(id, transferor, Some(&talk));
        }
        self.take_place(id, &talk, (transferor, target), kind);
    }

    /// Joins to the kept party of a talk whoever takes the transferor's place in it.
    pub(crate) fn take_place(
        &mut self,
        id: CallId,
        talk: &Talk,
        (transferor, target): (LegId, LegId),
        kind: CallKind,
    ) {
        let pair = if transferor == talk.left { (target, talk.right) } else { (talk.left, target) };
        if let Some(call) = self.calls.get_mut(&id)
            && call.caller == transferor
        {
            call.caller = pair.0;
        }
        self.join(id, pair, kind, talk.from_queue.clone());
    }

    pub(crate) fn transfer_rang_out(&mut self, id: CallId) {
        let Some(target) = self.transfer_target(id) else { return };
        if self.tried_on_in_time(id, target) {
            return;
        }
        self.release_leg(target, Cause::NoAnswer, None);
        self.transfer_failed(id, 480);
    }

    fn transfer_target(&self, id: CallId) -> Option<LegId> {
        self.calls.get(&id)?.stage.transfer().map(|transfer| transfer.target)
    }

    /// The target did not take the call: nobody is left in the air.
    pub(crate) fn transfer_failed(&mut self, id: CallId, status: u16) {
        let Some(transfer) = self.take_transfer(id) else { return };
        let Transfer { talk, transferor, transferor_here, target, .. } = transfer;
        self.agent_left(id, target, None);
        if transferor_here {
            self.transfer_progress(transferor, status);
            let Talk { left, right, kind, from_queue, .. } = talk;
            return self.join(id, (left, right), kind, from_queue);
        }
        let kept = talk.peer(transferor);
        if let Some(call) = self.calls.get_mut(&id) {
            call.caller = kept;
        }
        match &talk.from_queue {
            Some(from) if kept == talk.left => {
                self.queue_call(id, from.queue.clone(), from.priority);
            }
            // The caller handed the agent on: there is nobody to wait for.
            Some(_) => {
                self.agent_left(id, kept, Some(&talk));
                self.end_call(id, Cause::Unreachable);
            }
            None => self.announce_and_end(id, Cause::Unreachable),
        }
    }

    /// The transferor hung up while the target still rings, as most phones do.
    pub(crate) fn transferor_left(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Stage::Transferring(transfer) = &mut call.stage else { return };
        transfer.transferor_here = false;
        let (transferor, talk) = (transfer.transferor, transfer.talk.clone());
        self.agent_left(id, transferor, Some(&talk));
    }

    fn take_transfer(&mut self, id: CallId) -> Option<Transfer> {
        self.set_deadline(id, None);
        let call = self.calls.get_mut(&id)?;
        call.stage.transfer()?;
        let stage = std::mem::replace(&mut call.stage, Stage::Ending);
        if let Stage::Transferring(transfer) = stage { Some(transfer) } else { None }
    }
}
