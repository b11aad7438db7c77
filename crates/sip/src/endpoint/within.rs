//! Requests of the peer within a session (RFC 3261 §12.2.2, §14.2, §15.1.2; 3311; 3515; 6086).

use std::time::Duration;

use model::Timestamp;

use super::arriving::drop_foreign_body;
use super::digit::{self, Said};
use super::order::Rejection;
use super::refusing::reply_destination;
use super::settings::Reach;
use super::writing::{reason_of, refresh_target};
use super::{Endpoint, EndpointEvent, Purpose, ReleaseCause, Source};
use crate::dialog::{RemoteTag, Sequence};
use crate::header::{HeaderName, Headers};
use crate::message::{Method, Request, StatusCode};
use crate::session::{Change, Early, Established, Phase, Refer, RefreshWish, SessionId};
use crate::transaction::{Fresh, TransactionId};

/// How long the application may take to answer a change of the session: as long as the peer waits
/// for the final response of a non-INVITE request, less a little.
pub(super) const LONGEST_CHANGE: Duration = Duration::from_secs(30);

impl Endpoint {
    pub(super) fn receive_within(
        &mut self,
        session: SessionId,
        (request, fresh): (Request, Fresh),
        source: &Source,
        now: Timestamp,
    ) {
        let changes = matches!(request.method, Method::Invite | Method::Update | Method::Prack);
        let purpose = if changes { Purpose::Changing(session) } else { Purpose::Unattended };
        let destination = reply_destination(&request.headers, source);
        let opened = self.transactions.open(&request, fresh, (destination, purpose), now);
        let Ok(transaction) = opened else {
            let full = self.full();
            return self.refuse(&request, &full, source);
        };
        if let Some(refusal) = self.unacceptable(&request) {
            return self.refuse_within(transaction, &refusal, now);
        }
        if let Some(refusal) = self.too_short(&request) {
            return self.refuse_within(transaction, &refusal, now);
        }
        if self.follow(session, &request, source) == Sequence::Stale {
            let refusal = self.not_now("cseq does not rise");
            return self.refuse_within(transaction, &refusal, now);
        }
        match request.method {
            Method::Bye => self.hung_up(session, transaction, &request, now),
            Method::Invite | Method::Update => self.changed(session, transaction, request, now),
            Method::Info => self.informed(session, transaction, &request, now),
            Method::Refer => self.referred(session, transaction, request, now),
            Method::Notify => {
                self.confirm(transaction, now);
                let request = Box::new(request);
                self.report(EndpointEvent::Notified { session, request });
            }
            Method::Options => self.confirm(transaction, now),
            Method::Prack => self.pracked(session, transaction, request, now),
            Method::Ack
            | Method::Cancel
            | Method::Register
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other(_) => {
                let refusal = self.not_allowed();
                self.refuse_within(transaction, &refusal, now);
            }
        }
    }

    /// An ACK within a session: the end of our repeating the 2xx, and perhaps an answer.
    pub(super) fn acknowledged(&mut self, session: SessionId, ack: Request, now: Timestamp) {
        let cseq = ack.cseq().map(|cseq| cseq.number).ok();
        let Some(state) = self.sessions.get_mut(session) else {
            self.tally.stray_acks += 1;
            return;
        };
        let Phase::Established(established) = &mut state.phase else {
            return;
        };
        // A repeated ACK, or one of an earlier INVITE.
        if established.unacknowledged.as_ref().is_none_or(|waiting| Some(waiting.cseq) != cseq) {
            return;
        }
        established.unacknowledged = None;
        let ending = established.ending.take();
        self.report(EndpointEvent::Acknowledged { session, body: ack.body });
        if let Some(ending) = ending {
            self.hang_up(session, ending, now);
        }
    }

    /// The peer's re-INVITE was cancelled.
    pub(super) fn change_withdrawn(&mut self, session: SessionId) {
        if let Some(state) = self.sessions.get_mut(session)
            && let Phase::Established(established) = &mut state.phase
        {
            established.change = Change::None;
        }
        self.report(EndpointEvent::OfferWithdrawn { session });
    }

    /// 200 without body.
    pub(super) fn confirm(&mut self, transaction: TransactionId, now: Timestamp) {
        let Some(request) = self.transactions.request(transaction) else { return };
        let mut response = self.answer(request, StatusCode::OK, "");
        if request.method == Method::Options {
            self.tell_abilities(&mut response.headers);
        }
        self.transactions.respond(transaction, &response, now);
    }

    /// Takes note of the CSeq, and of where the peer is now.
    fn follow(&mut self, session: SessionId, request: &Request, source: &Source) -> Sequence {
        let Ok(cseq) = request.cseq() else { return Sequence::Stale };
        let reach = self.reach(source.listener);
        let Some(state) = self.sessions.get_mut(session) else { return Sequence::Stale };
        let tag = request.from().map(|from| RemoteTag::of(&from)).ok();
        let Some(dialog) = tag.and_then(|tag| state.dialog_mut(&tag)) else {
            // A response that made no dialog has no order to mind.
            return Sequence::InOrder;
        };
        let sequence = dialog.follow(cseq.number);
        if sequence == Sequence::InOrder {
            if matches!(request.method, Method::Invite | Method::Update) {
                refresh_target(dialog, request.contact().ok().flatten(), reach);
            }
            if reach == Reach::Observed {
                dialog.move_to(source.destination());
            }
        }
        sequence
    }

    fn hung_up(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        bye: &Request,
        now: Timestamp,
    ) {
        let Some(state) = self.sessions.get(session) else { return };
        let unanswered = match &state.phase {
            Phase::Calling(_) => {
                // Only a caller may end an early dialog with BYE (§15).
                let text = "no bye before an answer";
                let refusal = Rejection::new(StatusCode::CALL_DOES_NOT_EXIST, text);
                return self.refuse_within(transaction, &refusal, now);
            }
            // The BYEs cross; ours tells the end.
            Phase::Releasing(_) => return self.confirm(transaction, now),
            Phase::Alerting(alerting) => Some(alerting.transaction),
            Phase::Established(established) => {
                if let Some(waiting) = &established.unacknowledged {
                    // A caller may hang up the early dialog (§15) and not have heard our 2xx: said once
                    // more it ends the INVITE, here and at the proxies. Not until an ACK comes: the call
                    // is over on both sides, and who has ended it need not listen any more (§15.1.1).
                    self.transactions.respond(waiting.transaction, &waiting.response, now);
                }
                None
            }
        };
        let tag = state.local_tag.clone();
        self.confirm(transaction, now);
        self.close_change(session, now);
        if let Some(unanswered) = unanswered {
            let refusal = Rejection::new(StatusCode::REQUEST_TERMINATED, "call is over");
            self.reject(unanswered, &refusal, &tag, now);
        }
        self.release(session, ReleaseCause::PeerBye, reason_of(&bye.headers));
    }

    /// re-INVITE and UPDATE (§14.2, RFC 3311 §5.2).
    fn changed(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        mut request: Request,
        now: Timestamp,
    ) {
        if self.ends_instead(session, transaction, &request.method, now) {
            return;
        }
        drop_foreign_body(&mut request);
        let offered = !request.body.is_empty();
        if request.method == Method::Update && !offered {
            // A new Contact, which has been noted, or a refresh.
            return self.refreshed_by_them(session, transaction, &request.headers, now);
        }
        let cseq = request.cseq().map(|cseq| cseq.number).unwrap_or_default();
        let wish = RefreshWish::of(&request.headers);
        let Some(state) = self.sessions.get_mut(session) else { return };
        let refusal = match &mut state.phase {
            Phase::Releasing(_) => Verdict::Over,
            phase @ (Phase::Calling(_) | Phase::Alerting(_)) => {
                let verdict = early_verdict(phase, &request);
                if verdict == Verdict::Fine
                    && let Some(change) = state.change_mut()
                {
                    let (method, until) = (request.method.clone(), now + LONGEST_CHANGE);
                    *change = Change::Theirs { transaction, method, cseq, offered, wish, until };
                    if let Some(early) = early_mut(&mut state.phase, &request) {
                        early.offered = Some(request.body.clone());
                    }
                    return self.report(EndpointEvent::Offered { session, body: request.body });
                }
                verdict
            }
            Phase::Established(established) => {
                let verdict = verdict(established);
                if verdict == Verdict::Fine {
                    let (method, until) = (request.method.clone(), now + LONGEST_CHANGE);
                    let seen = established.unacknowledged.take_if(|_| proves_answer(&method));
                    established.change =
                        Change::Theirs { transaction, method, cseq, offered, wish, until };
                    if seen.is_some() {
                        self.report(EndpointEvent::Acknowledged { session, body: Vec::new() });
                    }
                    self.trying(transaction, now);
                    return self.report(EndpointEvent::Offered { session, body: request.body });
                }
                verdict
            }
        };
        let refusal = match refusal {
            Verdict::Glare => Rejection::new(StatusCode::REQUEST_PENDING, "offers cross"),
            Verdict::Over => Rejection::new(StatusCode::CALL_DOES_NOT_EXIST, "call is over"),
            Verdict::NotNow | Verdict::Fine => self.not_now("an offer is still open"),
        };
        self.refuse_within(transaction, &refusal, now);
    }

    /// Refuses a change of a call that we are about to hang up, and does that where the change stands
    /// for the ACK which it waits for (§15). True when it was refused.
    fn ends_instead(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        method: &Method,
        now: Timestamp,
    ) -> bool {
        let ending = self.established(session).ok().and_then(|it| it.ending.clone());
        let Some(ending) = ending else { return false };
        if !proves_answer(method) {
            // 481 would end the dialog (§12.2.1.2), and our 2xx may still be on its way.
            let refusal = self.not_now("call is about to end");
            self.refuse_within(transaction, &refusal, now);
            return true;
        }
        let refusal = Rejection::new(StatusCode::CALL_DOES_NOT_EXIST, "call is over");
        self.refuse_within(transaction, &refusal, now);
        self.hang_up(session, ending, now);
        true
    }

    /// The peer's UPDATE without an offer (RFC 4028 §9).
    fn refreshed_by_them(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        headers: &Headers,
        now: Timestamp,
    ) {
        let Ok(mut response) = self.response_of(session, transaction, StatusCode::OK, None) else {
            return self.confirm(transaction, now);
        };
        let agreed = self.agree(RefreshWish::of(headers), &mut response, now);
        self.transactions.respond(transaction, &response, now);
        if let Ok(established) = self.established(session) {
            established.refresh = agreed;
        }
    }

    fn trying(&mut self, transaction: TransactionId, now: Timestamp) {
        let Some(request) = self.transactions.request(transaction) else { return };
        if request.method == Method::Invite {
            let response = request.response(StatusCode::TRYING);
            self.transactions.respond(transaction, &response, now);
        }
    }

    fn informed(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        request: &Request,
        now: Timestamp,
    ) {
        let refusal = match digit::read(request) {
            Said::Digit(digit) => {
                self.confirm(transaction, now);
                return self.report(EndpointEvent::Digit { session, digit });
            }
            Said::Nothing => return self.confirm(transaction, now),
            Said::Unreadable => Rejection::new(StatusCode::BAD_REQUEST, "body names no key"),
            Said::Package => {
                Rejection::new(StatusCode::BAD_INFO_PACKAGE, "no package of INFO is taken")
                    .with(HeaderName::RecvInfo, digit::PACKAGES)
            }
            Said::Foreign => {
                Rejection::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "only keys are taken in INFO")
                    .with(HeaderName::Accept, digit::ACCEPTED)
            }
        };
        self.refuse_within(transaction, &refusal, now);
    }

    fn referred(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        request: Request,
        now: Timestamp,
    ) {
        let refer_to = match request.headers.address(&HeaderName::ReferTo) {
            Ok(refer_to) => Box::new(refer_to),
            Err(error) => {
                let refusal = Rejection::new(StatusCode::BAD_REQUEST, &error.to_string());
                return self.refuse_within(transaction, &refusal, now);
            }
        };
        let cseq = request.cseq().map(|cseq| cseq.number).unwrap_or_default();
        if let Some(state) = self.sessions.get_mut(session)
            && let Phase::Established(established) = &mut state.phase
            && established.refer.is_none_or(|refer| refer.is_forgotten(&self.transactions))
        {
            established.refer = Some(Refer::Asked { transaction, cseq });
            let request = Box::new(request);
            return self.report(EndpointEvent::ReferAsked { session, refer_to, request });
        }
        let refusal = self.not_now("another transfer is under way");
        self.refuse_within(transaction, &refusal, now);
    }
}

/// What becomes of an offer of the peer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Fine,
    /// It meets ours.
    Glare,
    /// Theirs before it is still open.
    NotNow,
    /// We have sent BYE.
    Over,
}

/// The fork of our INVITE that sent this request.
fn early_mut<'a>(phase: &'a mut Phase, request: &Request) -> Option<&'a mut Early> {
    let tag = request.from().map(|from| RemoteTag::of(&from)).ok()?;
    match phase {
        Phase::Calling(calling) => calling.early.get_mut(&tag),
        Phase::Alerting(_) | Phase::Established(_) | Phase::Releasing(_) => None,
    }
}

/// What becomes of an offer before the call is answered: it may come by UPDATE, once the offer of
/// the INVITE was answered reliably (RFC 3311 §5.1).
fn early_verdict(phase: &Phase, request: &Request) -> Verdict {
    let tag = request.from().map(|from| RemoteTag::of(&from)).ok();
    let (answered, change, otherwise) = match phase {
        Phase::Calling(calling) => {
            let early = tag.and_then(|tag| calling.early.get(&tag));
            let answered = early.is_some_and(|early| early.answer.is_some());
            (answered, &calling.change, Verdict::Glare)
        }
        Phase::Alerting(alerting) => (alerting.answered, &alerting.change, Verdict::NotNow),
        Phase::Established(_) | Phase::Releasing(_) => return Verdict::Over,
    };
    let by_update = request.method == Method::Update;
    if answered && by_update { beside(change) } else { otherwise }
}

/// What becomes of an offer once the call is answered.
fn verdict(established: &Established) -> Verdict {
    let verdict = beside(&established.change);
    let waiting = established.unacknowledged.as_ref();
    let offers = waiting.is_some_and(|waiting| waiting.carries_offer);
    // Our offer in the 2xx has no answer yet.
    if offers && verdict == Verdict::Fine { Verdict::Glare } else { verdict }
}

/// Whether a request of the peer shows that it has seen our 2xx, though the ACK was lost. It sends no
/// INVITE before the one before is over (§14.1); UPDATE it may send in the early dialog as well, while
/// our 2xx is on its way or lost (RFC 3311 §5.1).
fn proves_answer(method: &Method) -> bool {
    *method == Method::Invite
}

/// What becomes of an offer beside this change.
fn beside(change: &Change) -> Verdict {
    match change {
        Change::None => Verdict::Fine,
        Change::Ours { .. } => Verdict::Glare,
        Change::Theirs { .. } => Verdict::NotNow,
    }
}
