//! Responses to our requests: INVITE with its forks (RFC 3261 §13.2.2), CANCEL that crosses a 2xx
//! (§9.1), re-INVITE with glare (§14.1), BYE and the rest.

use std::collections::BTreeMap;

use model::Timestamp;

use super::order::{Attempt, Rejection};
use super::reliable::Heard;
use super::writing::reason_of;
use super::{
    Endpoint, EndpointEvent, LargeRequests, Purpose, ReleaseCause, RequestId, Source, Transport,
};
use crate::dialog::{Dialog, RemoteTag};
use crate::message::{Method, Request, Response, StatusCode};
use crate::session::{
    Calling, Cancel, Change, Crossed, Early, Ending, Established, Phase, RefreshWish, Releasing,
    Session, SessionId,
};
use crate::transaction::{TransactionId, cancellation};

/// The longest request that goes in one datagram where nobody knows how long one may be on the way
/// (RFC 3261 §18.1.1).
const LARGEST_DATAGRAM: usize = 1_300;

pub(super) type Received = (Box<Response>, Source);

impl Endpoint {
    pub(super) fn hear_response(
        &mut self,
        transaction: TransactionId,
        purpose: Purpose,
        received: Received,
        now: Timestamp,
    ) {
        let status = received.0.status;
        if self.repeated_with_credentials((transaction, purpose), &received.0, now) {
            return;
        }
        match purpose {
            Purpose::Invite(session) if status.is_provisional() => {
                self.progressed(session, transaction, received, now);
            }
            Purpose::Invite(session) if status.is_success() => {
                self.accepted(session, transaction, received, now);
            }
            Purpose::Invite(session) => {
                if !self.invited_for_longer(session, transaction, &received.0, now) {
                    self.refused(session, status, Some(received.0));
                }
            }
            _ if status.is_provisional() => {}
            Purpose::Reinvite(session) if status.is_success() => {
                self.change_accepted(session, transaction, received, now);
            }
            Purpose::Reinvite(session) => self.change_refused(session, &received.0, now),
            Purpose::Refresh(session) => self.refreshed(session, &received, now),
            Purpose::Bye(session) => self.over(session),
            Purpose::Within(session, request) => {
                let response = Ok(received.0);
                self.report(EndpointEvent::Responded { request, response, attempt: None });
                self.lost_if(session, status, now);
            }
            Purpose::Outside(request) => self.responded(request, Ok(received.0)),
            Purpose::Incoming(_)
            | Purpose::Changing(_)
            | Purpose::Arrival(_)
            | Purpose::Said(_)
            | Purpose::Unattended => {}
        }
    }

    /// Nobody answered (408), or nothing could be sent (503).
    pub(super) fn hear_failure(
        &mut self,
        transaction: TransactionId,
        purpose: Purpose,
        status: StatusCode,
        now: Timestamp,
    ) {
        if self.repeated_elsewhere((transaction, purpose), now) {
            return;
        }
        match purpose {
            Purpose::Invite(session) => self.refused(session, status, None),
            // Its ACK could not be sent; what came of the change is told.
            Purpose::Reinvite(session) if !self.is_changed_by(session, transaction) => {}
            Purpose::Reinvite(session) => {
                self.change_over(session, status);
                self.lost(session, now);
            }
            Purpose::Refresh(session) => self.lost(session, now),
            Purpose::Bye(session) => self.over(session),
            Purpose::Within(session, request) => {
                let response = Err(status);
                self.report(EndpointEvent::Responded { request, response, attempt: None });
                self.lost(session, now);
            }
            Purpose::Outside(request) => self.responded(request, Err(status)),
            Purpose::Incoming(session) => self.cut_off(session, now),
            // What we answered was not heard: the session's own deadline sees to it.
            Purpose::Changing(_) | Purpose::Arrival(_) | Purpose::Said(_) | Purpose::Unattended => {
            }
        }
    }

    /// Sends a request of ours in a transaction of its own.
    pub(super) fn start(
        &mut self,
        mut request: Request,
        destination: super::Destination,
        purpose: Purpose,
        now: Timestamp,
    ) -> Option<TransactionId> {
        self.dress(&mut request, &destination);
        let sent = if self.is_too_large(&request, &destination) {
            self.transactions.send_large(&request, destination, purpose, now)
        } else {
            self.transactions.send(&request, destination, purpose, now)
        };
        sent.ok()
    }

    fn is_too_large(&self, request: &Request, destination: &super::Destination) -> bool {
        let listener = self.settings.listeners.get(usize::from(destination.listener.0));
        let may_move = listener.is_some_and(|it| it.large == LargeRequests::OverTcp);
        let is_datagram = destination.transport == Transport::Udp;
        is_datagram && may_move && request.to_bytes().len() > LARGEST_DATAGRAM
    }

    /// Sends CANCEL for an INVITE that has a provisional response (§9.1).
    pub(super) fn send_cancel(
        &mut self,
        invite: TransactionId,
        reason: Option<&str>,
        now: Timestamp,
    ) {
        let Some(request) = self.transactions.request(invite) else { return };
        let cancel = cancellation(request, reason);
        if let Some(destination) = self.transactions.destination(invite) {
            // At the bound the INVITE is left to its own deadline.
            let _full = self.transactions.send(&cancel, destination, Purpose::Unattended, now);
        }
    }

    /// Ends an established session: BYE, and the end is told when it is answered or given up.
    pub(super) fn hang_up(&mut self, session: SessionId, ending: Ending, now: Timestamp) {
        let Some(state) = self.sessions.get(session) else { return };
        let Phase::Established(established) = &state.phase else { return };
        let mut dialog = established.dialog.clone();
        self.close_change(session, now);
        let sent = self.send_bye(&mut dialog, Purpose::Bye(session), ending.reason, now);
        if sent.is_none() {
            return self.release(session, ending.cause, None);
        }
        if let Some(state) = self.sessions.get_mut(session) {
            let cause = ending.cause;
            state.phase = Phase::Releasing(Box::new(Releasing { dialog, cause }));
        }
    }

    /// Gives a session up whose peer is gone (§12.2.1.2); a last BYE may still reach it.
    pub(super) fn lost(&mut self, session: SessionId, now: Timestamp) {
        let reason = Some("SIP;cause=408;text=\"no answer within the call\"".to_owned());
        self.hang_up(session, Ending { cause: ReleaseCause::PeerLost, reason }, now);
    }

    fn send_bye(
        &mut self,
        dialog: &mut Dialog,
        purpose: Purpose,
        reason: Option<String>,
        now: Timestamp,
    ) -> Option<TransactionId> {
        let mut bye = dialog.request(Method::Bye);
        if let Some(reason) = reason {
            bye.headers.push(crate::header::HeaderName::Reason, reason);
        }
        self.start(bye, dialog.destination(), purpose, now)
    }

    fn progressed(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        (response, source): Received,
        now: Timestamp,
    ) {
        let patience = self.settings.timing.patience();
        let tag = response.to().ok().filter(|to| to.tag().is_some()).map(|to| RemoteTag::of(&to));
        if let Some(tag) = &tag {
            self.meet(session, transaction, tag, (&response, &source));
            if self.acknowledge_progress(session, tag, &response, now) == Heard::Before {
                return;
            }
        }
        let Some(state) = self.sessions.get_mut(session) else { return };
        let Phase::Calling(calling) = &mut state.phase else { return };
        let is_old = tag.and_then(|tag| calling.early.get(&tag)).is_some_and(Early::is_changed);
        calling.heard = true;
        match &calling.cancel {
            Cancel::Wanted { reason } => {
                let reason = reason.clone();
                calling.cancel = Cancel::Sent { until: now + patience };
                self.send_cancel(transaction, reason.as_deref(), now);
            }
            Cancel::Sent { .. } => {}
            Cancel::No if response.status == StatusCode::TRYING => {}
            Cancel::No => {
                let body = if is_old { Vec::new() } else { response.body };
                let status = response.status;
                self.report(EndpointEvent::Progressed { session, status, body });
            }
        }
    }

    /// Takes note of a fork that rings.
    fn meet(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        tag: &RemoteTag,
        (response, source): (&Response, &Source),
    ) {
        let known = |calling: &Calling| {
            calling.early.contains_key(tag) || calling.early.len() >= self.settings.bounds.forks
        };
        let Some(Session { phase: Phase::Calling(calling), .. }) = self.sessions.get(session)
        else {
            return;
        };
        if known(calling) {
            return;
        }
        let dialog = self.dialog_of(transaction, response, source).map(|(_, dialog, _)| dialog);
        if let Some(Session { phase: Phase::Calling(calling), .. }) = self.sessions.get_mut(session)
        {
            calling.early.insert(tag.clone(), Early::new(dialog));
        }
    }

    /// A 2xx to our INVITE: the first answers, a repetition gets its ACK again, and one from another
    /// fork, or one that crosses our CANCEL, is acknowledged and hung up at once.
    fn accepted(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        (response, source): Received,
        now: Timestamp,
    ) {
        let Some((tag, mut dialog, cseq)) = self.dialog_of(transaction, &response, &source) else {
            self.tally.stray_responses += 1;
            return;
        };
        let known = self.acknowledgements.get(&transaction);
        if let Some(ack) = known.and_then(|forks| forks.get(&tag)).cloned() {
            return self.send_now(ack.bytes, ack.destination);
        }
        if known.map_or(0, BTreeMap::len) >= self.settings.bounds.forks {
            self.tally.stray_responses += 1;
            return;
        }
        let early = self.early(session, &tag).unwrap_or_else(|| Early::new(None));
        if let Some(before) = &early.dialog {
            dialog.follow_on(before);
        }
        let ack = self.acknowledge(&dialog, (transaction, cseq));
        let refresh = self.agreed(&response, now);
        self.acknowledgements.entry(transaction).or_default().insert(tag, ack);
        let longest = self.settings.bounds.longest_session;
        let Some(Session { phase: phase @ Phase::Calling(_), .. }) = self.sessions.get_mut(session)
        else {
            let reason = Some("SIP;cause=200;text=\"call completed elsewhere\"".to_owned());
            self.send_bye(&mut dialog, Purpose::Unattended, reason, now);
            return;
        };
        let (change, described, cancelled, forks) = match phase {
            Phase::Calling(calling) => (
                std::mem::replace(&mut calling.change, Change::None),
                calling.offer.take(),
                !matches!(calling.cancel, Cancel::No),
                std::mem::take(&mut calling.early),
            ),
            Phase::Alerting(_) | Phase::Established(_) | Phase::Releasing(_) => return,
        };
        let mut established = Established::new(dialog, now + longest);
        established.early = forks;
        established.described = early.described.clone().or(described);
        established.refresh = refresh;
        established.takes_update = RefreshWish::of(&response.headers).takes_update;
        established.change = change;
        *phase = Phase::Established(Box::new(established));
        if cancelled {
            return self.hang_up_cancelled(session, now);
        }
        let crossed = Crossed { early, response };
        if crossed.early.offered.is_none() {
            return self.tell_answer(session, crossed);
        }
        if let Ok(established) = self.established(session) {
            established.crossed = Some(Box::new(crossed));
        }
    }

    /// What was answered before, and acknowledged, is the answer (RFC 3261 §13.2.1), or what has taken
    /// its place since.
    pub(super) fn tell_answer(&mut self, session: SessionId, crossed: Crossed) {
        let Crossed { early, response } = crossed;
        let body = early.answer.unwrap_or_else(|| response.body.clone());
        self.report(EndpointEvent::Answered { session, body, response });
    }

    /// Ends a session of ours that was answered while it was given up.
    pub(super) fn hang_up_cancelled(&mut self, session: SessionId, now: Timestamp) {
        let reason = Some("SIP;cause=487;text=\"cancelled\"".to_owned());
        self.hang_up(session, Ending { cause: ReleaseCause::OurBye, reason }, now);
    }

    /// What is known of a fork that rang, taken out.
    fn early(&mut self, session: SessionId, tag: &RemoteTag) -> Option<Early> {
        match &mut self.sessions.get_mut(session)?.phase {
            Phase::Calling(calling) => calling.early.remove(tag),
            Phase::Established(established) => established.early.remove(tag),
            Phase::Alerting(_) | Phase::Releasing(_) => None,
        }
    }

    fn dialog_of(
        &self,
        transaction: TransactionId,
        response: &Response,
        source: &Source,
    ) -> Option<(RemoteTag, Dialog, u32)> {
        let request = self.transactions.request(transaction)?;
        let cseq = request.cseq().ok()?.number;
        let mut source = *source;
        if let Some(usual) = self.transactions.too_large_for(transaction) {
            // The stream was for the one large request (§18.1.1).
            (source.transport, source.connection) = (usual.transport, usual.connection);
        }
        let mut dialog = Dialog::of_response(request, response, source.destination()).ok()?;
        dialog.move_to(self.route(&dialog, &source));
        Some((dialog.remote_tag(), dialog, cseq))
    }

    /// Our INVITE came to nothing.
    pub(super) fn refused(
        &mut self,
        session: SessionId,
        status: StatusCode,
        response: Option<Box<Response>>,
    ) {
        let Some(Session { phase: Phase::Calling(calling), .. }) = self.sessions.get(session)
        else {
            return;
        };
        let attempt = calling.attempt.clone();
        let reason = response.as_ref().and_then(|response| reason_of(&response.headers));
        let event = EndpointEvent::Refused { session, status, reason, response, attempt };
        self.finish(session, event);
    }

    /// 481 and 408 within a dialog mean that the peer has none any more (§12.2.1.2).
    pub(super) fn lost_if(&mut self, session: SessionId, status: StatusCode, now: Timestamp) {
        if matches!(status, StatusCode::CALL_DOES_NOT_EXIST | StatusCode::REQUEST_TIMEOUT) {
            self.lost(session, now);
        }
    }

    /// The stream broke by which the peer waits for our answer: no answer can reach it any more. Over
    /// UDP an error may be forged or pass, and the session's own deadline sees to it.
    fn cut_off(&mut self, session: SessionId, now: Timestamp) {
        let Some(state) = self.sessions.get(session) else { return };
        let streamed = state.destination().is_some_and(|to| to.transport.is_connected());
        let Phase::Alerting(alerting) = &state.phase else { return };
        if streamed {
            let (transaction, tag) = (alerting.transaction, state.local_tag.clone());
            let text = "connection is lost";
            let refusal = Rejection::new(StatusCode::TEMPORARILY_UNAVAILABLE, text);
            self.reject(transaction, &refusal, &tag, now);
            self.release(session, ReleaseCause::PeerLost, None);
        }
    }

    /// Our BYE was answered or given up.
    fn over(&mut self, session: SessionId) {
        if let Some(Session { phase: Phase::Releasing(releasing), .. }) = self.sessions.get(session)
        {
            let cause = releasing.cause;
            self.release(session, cause, None);
        }
    }

    fn responded(&mut self, request: RequestId, response: Result<Box<Response>, StatusCode>) {
        let attempt: Option<Attempt> = self.attempts.remove(&request);
        self.report(EndpointEvent::Responded { request, response, attempt });
    }
}
