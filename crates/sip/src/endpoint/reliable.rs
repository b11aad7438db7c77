//! Provisional responses that must not be lost, and PRACK (RFC 3262).
//!
//! Ours are reliable where the caller asks for that, and where it can and the response carries an
//! answer. Of those of a fork each is acknowledged once, in order; one out of order is as if lost.

use model::Timestamp;

use super::order::{Body, OrderError, Rejection};
use super::ordered::Done;
use super::{Endpoint, EndpointEvent, Purpose, ReleaseCause};
use crate::dialog::RemoteTag;
use crate::header::{HeaderName, RAck};
use crate::message::{Method, Request, Response, StatusCode};
use crate::session::{
    Alerting, Change, Phase, RefreshWish, Reliably, Session, SessionId, Unconfirmed,
};
use crate::transaction::{Resend, TransactionId};

/// The option tag.
pub(super) const RELIABLE: &str = "100rel";
/// How many provisional responses may wait for the PRACK of the one before.
const MOST_WAITING: usize = 8;

/// What becomes of a provisional response to our INVITE.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// It is to be taken note of.
    New,
    /// It has been, or comes out of order.
    Before,
}

impl Endpoint {
    /// Which provisional responses to this INVITE are reliable.
    pub(super) fn reliably(invite: &Request) -> Reliably {
        if invite.headers.lists(&HeaderName::Require, RELIABLE) {
            Reliably::Always
        } else if invite.headers.lists(&HeaderName::Supported, RELIABLE) {
            Reliably::WhenItMatters
        } else {
            Reliably::Never
        }
    }

    /// The number before that of the first reliable response (§3).
    pub(super) fn first_rseq(&mut self) -> u32 {
        1 + self.tokens.below(1 << 30)
    }

    /// Sends a provisional response reliably, once the one before is acknowledged.
    pub(super) fn progress_reliably(
        &mut self,
        session: SessionId,
        status: StatusCode,
        body: Option<Body>,
        now: Timestamp,
    ) -> Done {
        let alerting = self.alerting_mut(session)?;
        if alerting.unconfirmed.is_some() {
            if alerting.waiting.len() >= MOST_WAITING {
                return Err(OrderError::Full);
            }
            alerting.waiting.push_back((status, body));
            return Ok(());
        }
        // The offer is answered once.
        let body = body.filter(|_| !alerting.answered);
        alerting.rseq += 1;
        let (transaction, rseq) = (alerting.transaction, alerting.rseq);
        let carries_answer = body.is_some() && alerting.offered;
        let mut response = self.response_of(session, transaction, status, body)?;
        response.headers.push(HeaderName::Require, RELIABLE);
        response.headers.push(HeaderName::RSeq, rseq.to_string());
        self.tell_abilities(&mut response.headers);
        self.transactions.respond(transaction, &response, now);
        let timing = self.settings.timing;
        let repeat = now + self.settings.bounds.provisional_repeat;
        let alerting = self.alerting_mut(session)?;
        alerting.provisional = Some((response.clone(), repeat));
        alerting.unconfirmed = Some(Unconfirmed {
            response,
            carries_answer,
            resend: Resend::first(&timing, now),
            until: now + timing.patience(),
        });
        Ok(())
    }

    /// PRACK (§3): what was unconfirmed is confirmed, and what waited for that goes on.
    pub(super) fn pracked(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        (request, pracked): (Request, Pracked),
        now: Timestamp,
    ) {
        if let Some(state) = self.sessions.get_mut(session) {
            confirm(&mut state.phase);
        }
        match pracked {
            Pracked::Early if !request.body.is_empty() => {
                self.offered_in_prack(session, transaction, request, now);
            }
            Pracked::Early | Pracked::Late => self.confirm(transaction, now),
        }
        if let Pracked::Early = pracked {
            self.go_on(session, now);
        }
    }

    /// A PRACK may carry an offer once ours has been answered (§5). What it confirms is confirmed
    /// whatever becomes of that.
    fn offered_in_prack(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        request: Request,
        now: Timestamp,
    ) {
        let Ok(alerting) = self.alerting_mut(session) else { return };
        if !alerting.answered || !matches!(alerting.change, Change::None) {
            let text = "no offer may come now";
            let refusal = Rejection::new(StatusCode::NOT_ACCEPTABLE_HERE, text);
            return self.refuse_within(transaction, &refusal, now);
        }
        let cseq = request.cseq().map(|cseq| cseq.number).unwrap_or_default();
        alerting.change = Change::Theirs {
            transaction,
            method: Method::Prack,
            cseq,
            offered: true,
            wish: RefreshWish::of(&request.headers),
            until: now + super::within::LONGEST_CHANGE,
        };
        self.report(EndpointEvent::Offered { session, body: request.body });
    }

    /// What had to wait until a provisional response was acknowledged.
    fn go_on(&mut self, session: SessionId, now: Timestamp) {
        let Ok(alerting) = self.alerting_mut(session) else { return };
        if let Some(body) = alerting.accepting.take() {
            alerting.waiting.clear();
            // The session has just been seen to be in the state for it.
            let _done = self.accept(session, body, now);
        } else if let Some((status, body)) = alerting.waiting.pop_front() {
            let _done = self.progress_reliably(session, status, body, now);
        }
    }

    /// A provisional response of ours again, or the end of the call when nobody acknowledges it (§3).
    pub(super) fn expire_unconfirmed(&mut self, session: SessionId, now: Timestamp) {
        // The pause grows without bound.
        let longest = self.settings.timing.patience();
        let Some(state) = self.sessions.get_mut(session) else { return };
        let Phase::Alerting(alerting) = &mut state.phase else { return };
        let (transaction, tag) = (alerting.transaction, state.local_tag.clone());
        let Some(waiting) = &mut alerting.unconfirmed else { return };
        if waiting.until <= now {
            let text = "no prack";
            let refusal = Rejection::new(StatusCode::SERVER_INTERNAL_ERROR, text);
            self.reject(transaction, &refusal, &tag, now);
            return self.release(session, ReleaseCause::NoAck, None);
        }
        if waiting.resend.due() <= now {
            waiting.resend = waiting.resend.next(longest, now);
            self.transactions.respond(transaction, &waiting.response, now);
        }
    }

    /// Acknowledges a reliable provisional response of a fork (§4).
    pub(super) fn acknowledge_progress(
        &mut self,
        session: SessionId,
        tag: &RemoteTag,
        response: &Response,
        now: Timestamp,
    ) -> Heard {
        let is_reliable = response.headers.lists(&HeaderName::Require, RELIABLE);
        let rseq = response.headers.number(&HeaderName::RSeq).ok().flatten();
        let Some(rseq) = rseq.and_then(|it| u32::try_from(it).ok()).filter(|_| is_reliable) else {
            return Heard::New;
        };
        let Some(Session { phase: Phase::Calling(calling), .. }) = self.sessions.get_mut(session)
        else {
            return Heard::Before;
        };
        let (Some(early), Ok(cseq)) = (calling.early.get_mut(tag), response.cseq()) else {
            return Heard::Before;
        };
        let follows = early.acknowledged.is_none_or(|last| last.checked_add(1) == Some(rseq));
        let Some(dialog) = early.dialog.as_mut().filter(|_| follows) else {
            return Heard::Before;
        };
        early.acknowledged = Some(rseq);
        if early.answer.is_none() && !response.body.is_empty() {
            early.answer = Some(response.body.clone());
        }
        let mut prack = dialog.request(Method::Prack);
        let destination = dialog.destination();
        let rack = RAck { response: rseq, request: cseq.number, method: cseq.method };
        prack.headers.push(HeaderName::RAck, rack.to_string());
        // What becomes of it is told by the responses that follow.
        let _full = self.start(prack, destination, Purpose::Said(session), now);
        Heard::New
    }

    pub(super) fn alerting_mut(&mut self, session: SessionId) -> Result<&mut Alerting, OrderError> {
        match &mut self.sessions.get_mut(session).ok_or(OrderError::NoSuchSession)?.phase {
            Phase::Alerting(alerting) => Ok(alerting),
            Phase::Calling(_) | Phase::Established(_) | Phase::Releasing(_) => {
                Err(OrderError::WrongState)
            }
        }
    }
}

/// What a PRACK is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pracked {
    /// A provisional response of a call that is not answered.
    Early,
    /// One that the answer has overtaken.
    Late,
}

/// What a PRACK with this RAck is about; none when it names nothing that waits for it.
pub(super) fn pracked(session: &Session, rack: &RAck) -> Option<Pracked> {
    match &session.phase {
        Phase::Alerting(alerting) => {
            let waiting = alerting.unconfirmed.as_ref()?;
            let answers = waiting.response.cseq().ok()?;
            let named = (alerting.rseq, answers.number, answers.method);
            let is_it = named == (rack.response, rack.request, rack.method.clone());
            is_it.then_some(Pracked::Early)
        }
        Phase::Established(established) => {
            (established.unconfirmed == Some(rack.response)).then_some(Pracked::Late)
        }
        Phase::Calling(_) | Phase::Releasing(_) => None,
    }
}

/// Takes note that the provisional response is acknowledged that waited for it.
fn confirm(phase: &mut Phase) {
    match phase {
        Phase::Alerting(alerting) => {
            let confirmed = alerting.unconfirmed.take();
            alerting.answered |= confirmed.is_some_and(|it| it.carries_answer);
        }
        Phase::Established(established) => established.unconfirmed = None,
        Phase::Calling(_) | Phase::Releasing(_) => {}
    }
}
