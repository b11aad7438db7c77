//! One party of a talk is handed on (REFER, RFC 3515): blind transfer.
//!
//! | then | becomes |
//! |---|---|
//! | the target answers | the kept party and the target talk; the transferor is released |
//! | the target fails, transferor still there | the two talk on |
//! | the target fails, transferor gone | back into the queue the caller came from, at the caller's priority; else an announcement |

use model::{CallId, CallKind, Cause, EventKind, LegId, Number};

use crate::Switchboard;
use crate::arrive::Route;
use crate::call::{FarEnd, Stage, Talk, Transfer};
use crate::dial::Dial;
use crate::ledger::About;
use crate::ports::{LegCommand, MediaCommand, Origin, Target};

impl Switchboard {
    pub(crate) fn transfer_asked(&mut self, leg: LegId, to: &Number) {
        let Some(id) = self.call_of(leg) else { return };
        let phone = match self.legs.get(&leg).map(|leg| &leg.far_end) {
            Some(FarEnd::Phone(phone)) => phone.clone(),
            // A carrier does not hand our callers on.
            Some(FarEnd::Trunk(_)) | None => return self.transfer_progress(leg, 403),
        };
        if self.talk(id).is_none() {
            return self.transfer_progress(leg, 481);
        }
        match self.route(&Origin::Phone(phone), to) {
            Route::Hotline(hotline) => {
                self.transfer_progress(leg, 100);
                self.tell_transfer(id, leg, to);
                self.transfer_to_flow(id, leg, &hotline);
            }
            Route::Extension(phone) if !self.is_bound(&phone) => self.transfer_progress(leg, 480),
            Route::Extension(phone) if self.is_engaged(&phone) => self.transfer_progress(leg, 486),
            Route::Extension(phone) => {
                let agent = self.agents.agent_at(&phone);
                let dial = self.transfer_dial(id, Target::Phone(phone), agent);
                self.begin_transfer(leg, to, CallKind::Internal, dial);
            }
            Route::Outside { trunk, number, .. } => {
                let dial = self.transfer_dial(id, Target::Trunk { trunk, number }, None);
                self.begin_transfer(leg, to, CallKind::Outbound, dial);
            }
            Route::Feature => self.transfer_progress(leg, 403),
            Route::Refused { status, .. } => self.transfer_progress(leg, status),
        }
    }

    fn transfer_dial(
        &self,
        call: CallId,
        target: Target,
        agent: Option<model::AgentId>,
    ) -> Option<Dial> {
        let from = self.calls.get(&call)?.from.clone();
        Some(Dial { call, target, agent, from, display: None })
    }

    fn begin_transfer(&mut self, leg: LegId, to: &Number, kind: CallKind, dial: Option<Dial>) {
        let Some(dial) = dial else { return };
        let (id, agent) = (dial.call, dial.agent);
        let Some(target) = self.dial(dial) else { return self.transfer_progress(leg, 503) };
        self.transfer_progress(leg, 100);
        self.agent_on_other_call(agent, id, kind);
        let Some(talk) = self.part(id, Cause::Transferred) else { return };
        let kept = talk.peer(leg);
        self.tell_transfer(id, leg, to);
        self.ledger.media(leg, MediaCommand::Silence);
        self.ledger.media(kept, MediaCommand::Ringback);
        if let Some(call) = self.calls.get_mut(&id) {
            call.stage = Stage::Transferring(Transfer {
                talk,
                transferor: leg,
                transferor_here: true,
                target,
                kind,
            });
        }
        self.set_deadline(id, Some(self.ledger.now + self.config.ring));
    }

    fn transfer_progress(&mut self, leg: LegId, status: u16) {
        self.ledger.leg(leg, LegCommand::TransferProgress { status });
    }

    fn tell_transfer(&mut self, id: CallId, leg: LegId, to: &Number) {
        let agent = self.legs.get(&leg).and_then(|leg| leg.agent);
        let about = About::call(id).with_leg(leg).with_agent(agent);
        self.ledger.event(about, EventKind::CallTransferred { to: to.clone() });
    }

    /// The kept party meets the hotline's flow again, as a caller would.
    fn transfer_to_flow(&mut self, id: CallId, leg: LegId, hotline: &model::HotlineId) {
        let Some(talk) = self.part(id, Cause::Transferred) else { return };
        self.transfer_progress(leg, 200);
        self.release_leg(leg, Cause::Transferred, None);
        self.agents_left(id, &talk);
        if let Some(call) = self.calls.get_mut(&id) {
            call.caller = talk.peer(leg);
        }
        self.greet(id, hotline);
    }

    pub(crate) fn transfer_answered(&mut self, id: CallId, answered: LegId) {
        let Some(transfer) = self.take_transfer(id) else { return };
        let Transfer { talk, transferor, transferor_here, target, kind, .. } = transfer;
        if answered != target {
            return;
        }
        if transferor_here {
            self.transfer_progress(transferor, 200);
            self.release_leg(transferor, Cause::Transferred, None);
            self.agent_left(id, transferor, Some(&talk));
        }
        let pair = match transferor == talk.left {
            true => (target, talk.right),
            false => (talk.left, target),
        };
        if let Some(call) = self.calls.get_mut(&id)
            && call.caller == transferor
        {
            call.caller = pair.0;
        }
        let kind = if talk.from_queue.is_some() { talk.kind } else { kind };
        self.join(id, pair, kind, talk.from_queue);
    }

    pub(crate) fn transfer_rang_out(&mut self, id: CallId) {
        let Some(target) = self.transfer_target(id) else { return };
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
        match talk.from_queue {
            Some(from) => {
                let event = acd::AcdEvent::CallQueued {
                    call: id,
                    queue: from.queue,
                    priority: from.priority,
                };
                let decisions = self.acd.handle(event, self.ledger.now);
                self.decisions.extend(decisions);
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
