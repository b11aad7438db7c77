//! An extension, an agent's phone or a number outside is rung. By which trunk is `outside`'s business.

use model::{
    AgentId, CallId, CallKind, Carried, Cause, EventKind, LegId, Limit, MediaDescription, Number,
    PhoneId,
};

use crate::Switchboard;
use crate::call::{Dialling, FarEnd, Leg, LegState, Stage};
use crate::ledger::About;
use crate::limits::Wants;
use crate::ports::{Alert, LegCommand, MediaCommand, Target};

/// A leg to be begun.
#[derive(Debug)]
pub(crate) struct Dial {
    pub(crate) call: CallId,
    pub(crate) target: Target,
    pub(crate) agent: Option<AgentId>,
    pub(crate) from: Number,
    pub(crate) display: Option<String>,
    pub(crate) carried: Carried,
    pub(crate) alert: Alert,
}

impl Switchboard {
    /// Begins a leg; `None` when no port is free.
    pub(crate) fn dial(&mut self, dial: Dial) -> Option<LegId> {
        let Dial { call: id, target, agent, from, display, carried, alert } = dial;
        let local = self.ports.take()?;
        let leg = self.next_leg_id();
        let (far_end, phone, trunk) = match &target {
            Target::Phone(phone) => (FarEnd::Phone(phone.clone()), Some(phone.clone()), None),
            Target::Trunk { trunk, .. } => {
                (FarEnd::Trunk(trunk.clone()), None, Some(trunk.clone()))
            }
        };
        if let Some(trunk) = &trunk {
            self.places.leg_began(trunk, None);
        }
        self.legs.insert(leg, Leg { agent, ..Leg::early(leg, id, far_end, local) });
        if let Some(call) = self.calls.get_mut(&id) {
            call.legs.insert(leg);
        }
        let about = About::call(id).with_leg(leg).with_agent(agent);
        self.ledger.event(about, EventKind::LegCreated { phone, trunk, inbound: false });
        self.ledger.media(leg, MediaCommand::Open { local, remote: None });
        let offer = MediaDescription::ours(local);
        let dial = LegCommand::Dial { target, from, display, offer, call: id, carried, alert };
        self.ledger.leg(leg, dial);
        Some(leg)
    }

    pub(crate) fn dial_extension(&mut self, id: CallId, phone: PhoneId) {
        let refusal = if !self.is_bound(&phone) {
            Some((Cause::Unreachable, 480))
        } else if self.is_engaged(&phone) {
            Some((Cause::Refused, 486))
        } else {
            None
        };
        if let Some((cause, status)) = refusal {
            return self.refuse_caller(id, cause, status);
        }
        let Some(from) = self.calls.get(&id).map(|call| call.from.clone()) else { return };
        let (agent, target) = (self.agents.agent_at(&phone), Target::Phone(phone));
        let (carried, alert) = (self.carried_to_phone(id), Alert::Ring);
        let dial = Dial { call: id, target, agent, from, display: None, carried, alert };
        let Some(callee) = self.dial(dial) else {
            self.tell_limit(About::call(id), Limit::Ports, Wants { trunk: None, hotline: None });
            return self.refuse_caller(id, Cause::LimitReached, 503);
        };
        let (kind, outside) = (CallKind::Internal, None);
        self.begin_dialling(id, Dialling { callee, kind, early: false, outside });
    }

    /// What goes on with a call to one of our phones.
    pub(crate) fn carried_to_phone(&self, id: CallId) -> Carried {
        let Some(call) = self.calls.get(&id) else { return Carried::default() };
        let Carried { user_to_user, referred_by, attested: _, identity: _ } = call.carried.clone();
        Carried { user_to_user, referred_by, ..Carried::default() }
    }

    /// What goes on with a call to a number outside that sees `shown`. What a carrier's caller tells
    /// us is not for others; what one of our phones says is. An identity goes with the number that
    /// it was signed for.
    pub(crate) fn carried_outside(&self, id: CallId, shown: &Number) -> Carried {
        let Some(call) = self.calls.get(&id) else { return Carried::default() };
        let Carried { user_to_user, identity, attested: _, referred_by: _ } = call.carried.clone();
        match call.came_from {
            Some(FarEnd::Phone(_)) => Carried { user_to_user, ..Carried::default() },
            Some(FarEnd::Trunk(_)) if call.from == *shown => {
                Carried { identity, ..Carried::default() }
            }
            Some(FarEnd::Trunk(_)) | None => Carried::default(),
        }
    }

    /// The called party is being dialled: whoever is an agent is on that call.
    pub(crate) fn begin_dialling(&mut self, id: CallId, dialling: Dialling) {
        let Some(caller) = self.calls.get(&id).map(|call| call.caller) else { return };
        let kind = dialling.kind;
        for leg in [caller, dialling.callee] {
            let agent = self.legs.get(&leg).and_then(|leg| leg.agent);
            self.agent_on_other_call(agent, id, kind);
        }
        if let Some(call) = self.calls.get_mut(&id) {
            call.stage = Stage::Dialling(dialling);
        }
        self.set_deadline(id, Some(self.ledger.now + self.config.ring));
    }

    pub(crate) fn refuse_caller(&mut self, id: CallId, cause: Cause, status: u16) {
        if let Some(caller) = self.calls.get(&id).map(|call| call.caller) {
            self.release_leg(caller, cause, Some(status));
        }
    }

    pub(crate) fn far_end_rings(&mut self, leg: LegId, early: Option<MediaDescription>) {
        let Some(known) = self.legs.get_mut(&leg).filter(|leg| leg.state == LegState::Early) else {
            return;
        };
        let (id, agent) = (known.call, known.agent);
        // A phone repeats its 180 as often as it likes; the log is told once.
        if !std::mem::replace(&mut known.rang, true) {
            let about = About::call(id).with_leg(leg).with_agent(agent);
            self.ledger.event(about, EventKind::LegRinging {});
        }
        match self.calls.get(&id).map(|call| &call.stage) {
            Some(Stage::Queued(wait)) => {
                if let Some(agent) = wait.offer_at(leg).map(|offer| offer.agent) {
                    self.agent_fact(agent::Fact::Ringing { agent, call: id });
                }
            }
            Some(Stage::Dialling(dialling)) if dialling.callee == leg => {
                self.pass_on_ringing(id, leg, early);
            }
            Some(
                Stage::Flow { .. }
                | Stage::Resting
                | Stage::CallingBack(_)
                | Stage::Announcing { .. }
                | Stage::Dialling(_)
                | Stage::Talking(_)
                | Stage::Transferring(_)
                | Stage::Ending,
            )
            | None => {}
        }
    }

    fn pass_on_ringing(&mut self, id: CallId, callee: LegId, early: Option<MediaDescription>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let caller = call.caller;
        let Stage::Dialling(dialling) = &mut call.stage else { return };
        let Some(early) = early else {
            if !dialling.early {
                self.ledger.leg(caller, LegCommand::Ring { answer: None });
            }
            return;
        };
        let first = !std::mem::replace(&mut dialling.early, true);
        self.remote_described(callee, early);
        if first && let Some(answer) = self.legs.get(&caller).map(Leg::answer) {
            self.ledger.leg(caller, LegCommand::Ring { answer: Some(answer) });
            self.ledger.media(caller, MediaCommand::Join(callee));
        }
    }

    pub(crate) fn far_end_answered(&mut self, leg: LegId, answer: MediaDescription) {
        let Some(id) = self.call_of(leg) else { return };
        self.remote_described(leg, answer);
        let Some(known) = self.legs.get_mut(&leg) else { return };
        match known.state {
            LegState::Early => known.state = LegState::Established,
            // The ACK of an INVITE without an offer brought the far side's answer.
            LegState::Established => return self.hold_as_described(leg),
            // Signalling ends a call whose answer crosses our release.
            LegState::Releasing => return,
        }
        let agent = known.agent;
        self.ledger
            .event(About::call(id).with_leg(leg).with_agent(agent), EventKind::LegAnswered {});
        let Some(call) = self.calls.get_mut(&id) else { return };
        let (caller, is_callback) = (call.caller, call.callback.is_some());
        match &mut call.stage {
            Stage::Queued(wait) => match wait.take_offer_at(leg) {
                Some(offer) if is_callback => self.agent_takes_callback(id, offer),
                Some(offer) => self.offer_answered(id, &offer),
                None => self.release_leg(leg, Cause::AnsweredElsewhere, None),
            },
            Stage::Dialling(dialling) if dialling.callee == leg => {
                let kind = dialling.kind;
                self.set_deadline(id, None);
                self.answer_caller(id);
                self.join(id, (caller, leg), kind, None);
            }
            Stage::Transferring(transfer) if transfer.target == leg => self.transfer_answered(id),
            Stage::CallingBack(back) if back.customer == leg => self.called_back(id),
            Stage::Flow { .. }
            | Stage::Resting
            | Stage::CallingBack(_)
            | Stage::Announcing { .. }
            | Stage::Dialling(_)
            | Stage::Talking(_)
            | Stage::Transferring(_)
            | Stage::Ending => self.release_leg(leg, Cause::CallerLeft, None),
        }
    }

    /// The called party did not answer in time.
    pub(crate) fn rang_out(&mut self, id: CallId) {
        let Some(call) = self.calls.get(&id) else { return };
        let caller = call.caller;
        if let Stage::Dialling(Dialling { callee, outside: Some(_), .. }) = &call.stage
            && self.tried_on_in_time(id, *callee)
        {
            return;
        }
        self.release_leg(caller, Cause::NoAnswer, Some(480));
        self.end_call(id, Cause::NoAnswer);
    }
}
