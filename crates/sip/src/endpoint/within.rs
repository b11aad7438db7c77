//! Requests of the peer within a session (RFC 3261 §12.2.2, §14.2, §15.1.2; 3311; 3515; 6086).

use std::time::Duration;

use model::Timestamp;

use super::arriving::drop_foreign_body;
use super::judging::{Wanted, proves_answer, way_of};
use super::order::Rejection;
use super::refusing::reply_destination;
use super::settings::Reach;
use super::writing::{reason_of, refresh_target};
use super::{Endpoint, EndpointEvent, Purpose, ReleaseCause, Source};
use crate::dialog::RemoteTag;
use crate::header::{Headers, NameAddr};
use crate::message::{Method, Request, StatusCode};
use crate::session::{Change, Early, Phase, Refer, RefreshWish, SessionId};
use crate::transaction::{Fresh, TransactionId};

/// How long the application may take to answer a change of the session: as long as the peer waits
/// for the final response of a non-INVITE request, less a little.
pub(super) const LONGEST_CHANGE: Duration = Duration::from_secs(30);

impl Endpoint {
    pub(super) fn receive_within(
        &mut self,
        session: SessionId,
        (mut request, fresh): (Request, Fresh),
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
        if let Err(refusal) = self.admit_within(session, &request, source) {
            return self.refuse_within(transaction, &refusal, now);
        }
        if changes {
            drop_foreign_body(&mut request);
        }
        if self.ends_instead(session, transaction, &request.method, now) {
            return;
        }
        match self.judge(session, &request) {
            Ok(wanted) => {
                self.follow(session, &request, source);
                self.do_within(session, transaction, (request, wanted), now);
            }
            Err(refusal) => self.refuse_within(transaction, &refusal, now),
        }
    }

    fn do_within(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        (request, wanted): (Request, Wanted),
        now: Timestamp,
    ) {
        match wanted {
            Wanted::End => self.hung_up(session, transaction, &request, now),
            Wanted::Change => self.changed(session, transaction, request, now),
            Wanted::Refresh => {
                self.refreshed_by_them(session, transaction, &request.headers, now);
            }
            Wanted::Confirm(pracked) => self.pracked(session, transaction, (request, pracked), now),
            Wanted::Digit(digit) => {
                self.confirm(transaction, now);
                self.report(EndpointEvent::Digit { session, digit });
            }
            Wanted::Transfer(refer_to) => {
                self.referred(session, transaction, (request, refer_to));
            }
            Wanted::Notice => {
                self.confirm(transaction, now);
                let request = Box::new(request);
                self.report(EndpointEvent::Notified { session, request });
            }
            Wanted::Answer => self.confirm(transaction, now),
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

    /// Takes note of the CSeq, and of where the peer is now, of a request that is carried out.
    fn follow(&mut self, session: SessionId, request: &Request, source: &Source) {
        let reach = self.reach(source.listener);
        let (Ok(cseq), Some(dialog)) = (request.cseq(), self.dialog_with(session, request)) else {
            return;
        };
        dialog.follow(cseq.number, way_of(source, dialog, reach));
        if matches!(request.method, Method::Invite | Method::Update) {
            refresh_target(dialog, request.contact().ok().flatten(), reach);
        }
        if reach == Reach::Observed {
            dialog.move_to(source.destination());
        }
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
            // The BYEs cross; ours tells the end. Before our INVITE is answered there is none.
            Phase::Releasing(_) | Phase::Calling(_) => return self.confirm(transaction, now),
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

    /// A re-INVITE, or an UPDATE with an offer (§14.2, RFC 3311 §5.2).
    fn changed(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        request: Request,
        now: Timestamp,
    ) {
        let offered = !request.body.is_empty();
        let cseq = request.cseq().map(|cseq| cseq.number).unwrap_or_default();
        let wish = RefreshWish::of(&request.headers);
        let Some(state) = self.sessions.get_mut(session) else { return };
        if let Some(change) = state.change_mut() {
            let (method, until) = (request.method.clone(), now + LONGEST_CHANGE);
            *change = Change::Theirs { transaction, method, cseq, offered, wish, until };
        }
        match &mut state.phase {
            Phase::Established(established) => {
                let proves = proves_answer(&request.method);
                if established.unacknowledged.take_if(|_| proves).is_some() {
                    self.report(EndpointEvent::Acknowledged { session, body: Vec::new() });
                }
                self.trying(transaction, now);
            }
            phase @ (Phase::Calling(_) | Phase::Alerting(_) | Phase::Releasing(_)) => {
                if let Some(early) = early_mut(phase, &request) {
                    early.offered = Some(request.body.clone());
                }
            }
        }
        self.report(EndpointEvent::Offered { session, body: request.body });
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
        if !matches!(method, Method::Invite | Method::Update) {
            return false;
        }
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

    fn referred(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        (request, refer_to): (Request, Box<NameAddr>),
    ) {
        let cseq = request.cseq().map(|cseq| cseq.number).unwrap_or_default();
        if let Ok(established) = self.established(session) {
            established.refer = Some(Refer::Asked { transaction, cseq });
        }
        let request = Box::new(request);
        self.report(EndpointEvent::ReferAsked { session, refer_to, request });
    }
}

/// The fork of our INVITE that sent this request.
fn early_mut<'a>(phase: &'a mut Phase, request: &Request) -> Option<&'a mut Early> {
    let tag = request.from().map(|from| RemoteTag::of(&from)).ok()?;
    match phase {
        Phase::Calling(calling) => calling.early.get_mut(&tag),
        Phase::Alerting(_) | Phase::Established(_) | Phase::Releasing(_) => None,
    }
}
