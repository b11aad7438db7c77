//! Two calls of one phone become one: attended transfer (REFER with Replaces, RFC 5589 §7).
//!
//! The phone talks to one party, consults another in a call of its own, and has the two joined.
//!
//! | the consulted party | becomes |
//! |---|---|
//! | talks to the phone | the two far ends talk; both legs of the phone are released |
//! | still rings | the kept party hears it ring, as in a blind transfer (`transfer`); the consulting leg is released |
//!
//! The call that came from a queue lives on, so that its caller stays a queue's; of two such calls,
//! or of none, the older. The other's remaining leg goes over to it, and the other ends.

use model::{CallId, CallKind, Cause, EventKind, LegId};

use crate::Switchboard;
use crate::call::{Dialling, FarEnd, Stage, Talk, Transfer};
use crate::ledger::About;
use crate::ports::MediaCommand;

/// What a phone's INVITE is answered with that is overtaken by the transfer (RFC 3261 §21.4.25).
const TERMINATED: u16 = 487;

/// The phone's leg in a call, and the call.
#[derive(Clone, Copy, Debug)]
struct Own {
    call: CallId,
    leg: LegId,
}

/// What the two calls of a phone are in.
#[derive(Clone, Copy, Debug)]
enum Both {
    /// Two talks: the first is to live on.
    Talks(Own, Own),
    /// A talk, and a call of the phone's that still rings.
    Rings(Own, Own),
}

impl Switchboard {
    pub(crate) fn merge_asked(&mut self, leg: LegId, with: LegId) {
        if !self.legs.get(&leg).is_some_and(|leg| leg.is_live()) {
            // It crosses the end of the leg.
            return;
        }
        match self.both(leg, with) {
            Ok(Both::Talks(stays, goes)) => self.merge_talks(leg, stays, goes),
            Ok(Both::Rings(talks, rings)) => self.merge_ringing(talks, rings),
            Err(status) => self.transfer_progress(leg, status),
        }
    }

    /// Whether the two are legs of one phone in two calls that can be joined; the status if not.
    fn both(&self, leg: LegId, with: LegId) -> Result<Both, u16> {
        let live = |leg| self.legs.get(&leg).filter(|leg| leg.is_live()).ok_or(481_u16);
        let (one, other) = (live(leg)?, live(with)?);
        // A carrier joins no calls of ours, and a phone none but its own.
        if !matches!(one.far_end, FarEnd::Phone(_)) || one.far_end != other.far_end {
            return Err(403);
        }
        if one.call == other.call {
            return Err(603);
        }
        let (own, consulting) = (Own { call: one.call, leg }, Own { call: other.call, leg: with });
        let talk = self.talk_or_status(own, 481)?;
        if self.calls_out(consulting) {
            return Ok(Both::Rings(own, consulting));
        }
        // Who is in a menu or a queue has nobody at the far end to be joined to.
        let consult = self.talk_or_status(consulting, 603)?;
        let own_lives = lives_on((own.call, talk), (consulting.call, consult));
        Ok(if own_lives { Both::Talks(own, consulting) } else { Both::Talks(consulting, own) })
    }

    /// The talk that a leg is in; 491 while it is being handed on, and otherwise this status.
    fn talk_or_status(&self, own: Own, otherwise: u16) -> Result<&Talk, u16> {
        let stage = self.calls.get(&own.call).map(|call| &call.stage).ok_or(481_u16)?;
        match stage {
            Stage::Talking(talk) if [talk.left, talk.right].contains(&own.leg) => Ok(talk),
            Stage::Transferring(_) => Err(491),
            Stage::Flow { .. }
            | Stage::Resting
            | Stage::Queued(_)
            | Stage::CallingBack(_)
            | Stage::Announcing { .. }
            | Stage::Dialling(_)
            | Stage::Talking(_)
            | Stage::Ending => Err(otherwise),
        }
    }

    /// Whether the phone calls somebody by this leg who has not answered.
    fn calls_out(&self, own: Own) -> bool {
        let call = self.calls.get(&own.call).filter(|call| call.caller == own.leg);
        call.is_some_and(|call| matches!(call.stage, Stage::Dialling(_)))
    }

    fn merge_talks(&mut self, asked: LegId, stays: Own, goes: Own) {
        self.transfer_progress(asked, 100);
        let Some(consult) = self.part(goes.call, Cause::Transferred) else { return };
        let Some(talk) = self.part(stays.call, Cause::Transferred) else { return };
        let (moved, kind) = (consult.peer(goes.leg), merged_kind(&talk, consult.kind));
        self.move_leg(moved, (goes.call, stays), kind);
        self.transfer_progress(asked, 200);
        for (own, talk) in [(goes, &consult), (stays, &talk)] {
            self.release_leg(own.leg, Cause::Transferred, None);
            self.agent_left(own.call, own.leg, Some(talk));
        }
        self.take_place(stays.call, &talk, (stays.leg, moved), kind);
    }

    /// What was consulted still rings: it is the target of a transfer from now on, and has what is
    /// left of its ring time.
    fn merge_ringing(&mut self, talks: Own, rings: Own) {
        let deadline = self.calls.get(&rings.call).and_then(|call| call.deadline);
        self.set_deadline(rings.call, None);
        let Some(dialling) = self.take_dialling(rings.call) else { return };
        self.transfer_progress(talks.leg, 100);
        let Some(talk) = self.part(talks.call, Cause::Transferred) else { return };
        let (target, kind) = (dialling.callee, merged_kind(&talk, dialling.kind));
        self.move_leg(target, (rings.call, talks), kind);
        self.release_leg(rings.leg, Cause::Transferred, Some(TERMINATED));
        self.agent_left(rings.call, rings.leg, None);
        self.ledger.media(talks.leg, MediaCommand::Silence);
        self.ledger.media(talk.peer(talks.leg), MediaCommand::Ringback);
        if let Some(call) = self.calls.get_mut(&talks.call) {
            let (transferor, transferor_here) = (talks.leg, true);
            let outside = dialling.outside;
            let transfer = Transfer { talk, transferor, transferor_here, target, kind, outside };
            call.stage = Stage::Transferring(transfer);
        }
        let until = deadline.unwrap_or(self.ledger.now + self.config.ring);
        self.set_deadline(talks.call, Some(until));
    }

    fn take_dialling(&mut self, id: CallId) -> Option<Dialling> {
        let call = self.calls.get_mut(&id)?;
        let Stage::Dialling(_) = call.stage else { return None };
        let stage = std::mem::replace(&mut call.stage, Stage::Ending);
        if let Stage::Dialling(dialling) = stage { Some(dialling) } else { None }
    }

    /// A leg goes over from its call, which ends, to the phone's other one.
    fn move_leg(&mut self, moved: LegId, (from, to): (CallId, Own), kind: CallKind) {
        let number = self.party(moved);
        if let Some(number) = &number {
            self.tell_transfer(to.call, to.leg, number);
        }
        let Some(leg) = self.legs.get_mut(&moved) else { return };
        leg.call = to.call;
        let agent = leg.agent;
        self.ledger.event(
            About::call(from).because(Cause::Transferred),
            EventKind::CallMerged { into: to.call },
        );
        self.ledger.event(
            About::call(to.call).with_leg(moved).with_agent(agent).because(Cause::Transferred),
            EventKind::LegMoved { from },
        );
        if let Some(call) = self.calls.get_mut(&from) {
            call.legs.remove(&moved);
            call.over.get_or_insert(Cause::Transferred);
        }
        if let Some(call) = self.calls.get_mut(&to.call) {
            call.legs.insert(moved);
        }
        // In this order, or the agent would be free in between.
        self.agent_on_other_call(agent, to.call, kind);
        if let Some(agent) = agent {
            let wrap_up = agent::WrapUp::default();
            self.agent_fact(agent::Fact::CallEnded { agent, call: from, wrap_up });
        }
    }
}

/// Whether the first of two talks is the one whose call lives on.
fn lives_on((one, talk): (CallId, &Talk), (other, consult): (CallId, &Talk)) -> bool {
    match (&talk.from_queue, &consult.from_queue) {
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (Some(_), Some(_)) | (None, None) => one < other,
    }
}

/// What kind of call it is for the agents in it: a queue's caller stays one.
fn merged_kind(talk: &Talk, consult: CallKind) -> CallKind {
    if talk.from_queue.is_some() || talk.kind == CallKind::Outbound { talk.kind } else { consult }
}
