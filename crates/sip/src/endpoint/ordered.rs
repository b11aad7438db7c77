//! Orders of the application, carried out.

use model::Timestamp;

use super::order::{Attempt, Body, Order, OrderError, Outgoing, Rejection};
use super::writing::{add_extra, set_body};
use super::{ArrivalId, Endpoint, Purpose, ReleaseCause, RequestId};
use crate::header::{CSeq, HeaderName};
use crate::message::{Method, Request, Response, StatusCode};
use crate::session::{
    Calling, Cancel, Change, Ending, Established, Phase, Refer, Session, SessionId, Unacknowledged,
};
use crate::transaction::{Resend, TransactionId};

type Done = Result<(), OrderError>;

impl Endpoint {
    pub(super) fn carry_out(&mut self, order: Order, now: Timestamp) -> Done {
        match order {
            Order::Invite { session, outgoing } => self.invite(session, *outgoing, now),
            Order::Progress { session, status, body } => self.progress(session, status, body, now),
            Order::Accept { session, body } => self.accept(session, body, now),
            Order::Reject { session, refusal } => self.turn_away(session, &refusal, now),
            Order::Cancel { session, reason } => self.cancel(session, reason, now),
            Order::Reinvite { session, body } => self.change(session, body, now),
            Order::AnswerOffer { session, body } => self.answer_offer(session, body, now),
            Order::RefuseOffer { session, refusal } => self.refuse_offer(session, &refusal, now),
            Order::Bye { session, reason } => self.bye(session, reason, now),
            Order::AcceptRefer { session } => self.accept_refer(session, now),
            Order::RefuseRefer { session, refusal } => self.refuse_refer(session, &refusal, now),
            Order::Notify { session, status } => self.notify(session, status, now),
            Order::RequestWithin { session, request, within } => {
                self.request_within(session, request, *within, now)
            }
            Order::Request { request, method, outgoing } => {
                self.request(request, method, *outgoing, now)
            }
            Order::Respond { arrival, response } => self.respond(arrival, *response, now),
        }
    }

    fn invite(&mut self, session: SessionId, outgoing: Outgoing, now: Timestamp) -> Done {
        if session >= SessionId::FIRST_INCOMING || self.sessions.contains(session) {
            return Err(OrderError::SessionTaken);
        }
        if self.sessions.len() >= self.settings.bounds.sessions {
            return Err(OrderError::Full);
        }
        // The ACK is sent at once and could not carry an answer: who calls, offers.
        outgoing.body.as_ref().ok_or(OrderError::BadOrder)?;
        let destination = outgoing.destination;
        self.public(destination.listener).ok_or(OrderError::BadOrder)?;
        let user = outgoing.from.uri.user.clone();
        let (mut request, attempt) = self.outside(Method::Invite, outgoing);
        let contact = self.contact(&destination, user.as_deref());
        request.headers.push(HeaderName::Contact, &contact);
        self.tell_abilities(&mut request.headers);
        let purpose = Purpose::Invite(session);
        let transaction = self.start(request, destination, purpose, now).ok_or(OrderError::Full)?;
        let (call_id, local_tag) = (attempt.call_id.clone(), attempt.from_tag.clone());
        let phase = Phase::Calling(Calling {
            transaction,
            attempt,
            heard: false,
            early: std::collections::BTreeSet::new(),
            cancel: Cancel::No,
            until: now + self.settings.bounds.longest_ringing,
        });
        self.sessions.insert(session, Session { call_id, local_tag, phase });
        Ok(())
    }

    /// A request outside any dialog (§8.1.1), without Via and Contact.
    fn outside(&mut self, method: Method, outgoing: Outgoing) -> (Request, Attempt) {
        let attempt = match outgoing.attempt {
            Some(last) => Attempt { cseq: last.cseq.saturating_add(1), ..last },
            None => {
                Attempt { call_id: self.tokens.call_id(), from_tag: self.tokens.tag(), cseq: 1 }
            }
        };
        let mut request = Request::new(method.clone(), outgoing.target);
        let headers = &mut request.headers;
        headers.push(HeaderName::MaxForwards, outgoing.max_forwards.to_string());
        headers.push(HeaderName::From, &outgoing.from.with_tag(&attempt.from_tag));
        headers.push(HeaderName::To, &outgoing.to);
        headers.push(HeaderName::CallId, attempt.call_id.as_str());
        headers.push(HeaderName::CSeq, &CSeq { number: attempt.cseq, method });
        add_extra(headers, outgoing.headers);
        set_body(headers, &mut request.body, outgoing.body);
        (request, attempt)
    }

    fn progress(
        &mut self,
        session: SessionId,
        status: StatusCode,
        body: Option<Body>,
        now: Timestamp,
    ) -> Done {
        if !status.is_provisional() || status == StatusCode::TRYING {
            return Err(OrderError::BadOrder);
        }
        let transaction = self.alerting(session)?;
        let response = self.response_of(session, transaction, status, body)?;
        self.transactions.respond(transaction, &response, now);
        let repeat = now + self.settings.bounds.provisional_repeat;
        if let Some(Session { phase: Phase::Alerting(alerting), .. }) =
            self.sessions.get_mut(session)
        {
            alerting.provisional = Some((response, repeat));
        }
        Ok(())
    }

    fn accept(&mut self, session: SessionId, body: Body, now: Timestamp) -> Done {
        let transaction = self.alerting(session)?;
        let mut response = self.response_of(session, transaction, StatusCode::OK, Some(body))?;
        self.tell_abilities(&mut response.headers);
        let cseq = response.cseq().map(|cseq| cseq.number).map_err(|_| OrderError::WrongState)?;
        self.transactions.respond(transaction, &response, now);
        let timing = self.settings.timing;
        let longest = now + self.settings.bounds.longest_session;
        let Some(state) = self.sessions.get_mut(session) else { return Ok(()) };
        if let Phase::Alerting(alerting) = &state.phase {
            let mut established = Established::new(alerting.dialog.clone(), longest);
            established.unacknowledged = Some(Unacknowledged {
                transaction,
                response,
                cseq,
                carries_offer: !alerting.offered,
                resend: Resend::first(&timing, now),
                until: now + timing.patience(),
            });
            state.phase = Phase::Established(Box::new(established));
        }
        Ok(())
    }

    fn turn_away(&mut self, session: SessionId, refusal: &Rejection, now: Timestamp) -> Done {
        if refusal.status.code() < 300 {
            return Err(OrderError::BadOrder);
        }
        let transaction = self.alerting(session)?;
        let tag = self.local_tag(session);
        self.reject(transaction, refusal, &tag, now);
        self.release(session, ReleaseCause::WeRefused, None);
        Ok(())
    }

    pub(super) fn cancel(
        &mut self,
        session: SessionId,
        reason: Option<String>,
        now: Timestamp,
    ) -> Done {
        let patience = self.settings.timing.patience();
        let state = self.sessions.get_mut(session).ok_or(OrderError::NoSuchSession)?;
        let Phase::Calling(calling) = &mut state.phase else {
            return Err(OrderError::WrongState);
        };
        if !matches!(calling.cancel, Cancel::No) {
            return Ok(());
        }
        if !calling.heard {
            calling.cancel = Cancel::Wanted { reason };
            return Ok(());
        }
        calling.cancel = Cancel::Sent { until: now + patience };
        let transaction = calling.transaction;
        self.send_cancel(transaction, reason.as_deref(), now);
        Ok(())
    }

    fn change(&mut self, session: SessionId, body: Body, now: Timestamp) -> Done {
        match self.established(session)?.postponed {
            Some(_) => Err(OrderError::Pending),
            None => self.reinvite(session, body, 0, now),
        }
    }

    pub(super) fn reinvite(
        &mut self,
        session: SessionId,
        body: Body,
        tries: u8,
        now: Timestamp,
    ) -> Done {
        let established = self.established(session)?;
        let free = matches!(established.change, Change::None);
        if !free || established.unacknowledged.is_some() || established.ending.is_some() {
            return Err(OrderError::Pending);
        }
        let mut request = established.dialog.request(Method::Invite);
        let destination = established.dialog.destination();
        let user = established.dialog.local_user().map(ToOwned::to_owned);
        let contact = self.contact(&destination, user.as_deref());
        request.headers.push(HeaderName::Contact, &contact);
        self.tell_abilities(&mut request.headers);
        set_body(&mut request.headers, &mut request.body, Some(body.clone()));
        let purpose = Purpose::Reinvite(session);
        let transaction = self.start(request, destination, purpose, now).ok_or(OrderError::Full)?;
        // Once for the first response, once more for the final one.
        let until = now + self.settings.timing.patience() * 2;
        let change = Change::Ours { transaction, body, tries: tries + 1, until };
        self.established(session)?.change = change;
        Ok(())
    }

    fn answer_offer(&mut self, session: SessionId, body: Body, now: Timestamp) -> Done {
        let (transaction, method, cseq, offered) = self.asked_change(session)?;
        let response = self.response_of(session, transaction, StatusCode::OK, Some(body))?;
        let timing = self.settings.timing;
        self.transactions.respond(transaction, &response, now);
        let established = self.established(session)?;
        established.change = Change::None;
        if method == Method::Invite {
            established.unacknowledged = Some(Unacknowledged {
                transaction,
                response,
                cseq,
                carries_offer: !offered,
                resend: Resend::first(&timing, now),
                until: now + timing.patience(),
            });
        }
        Ok(())
    }

    pub(super) fn refuse_offer(
        &mut self,
        session: SessionId,
        refusal: &Rejection,
        now: Timestamp,
    ) -> Done {
        if refusal.status.code() < 300 {
            return Err(OrderError::BadOrder);
        }
        let (transaction, ..) = self.asked_change(session)?;
        self.reject(transaction, refusal, "", now);
        self.established(session)?.change = Change::None;
        Ok(())
    }

    fn bye(&mut self, session: SessionId, reason: Option<String>, now: Timestamp) -> Done {
        let state = self.sessions.get_mut(session).ok_or(OrderError::NoSuchSession)?;
        match &mut state.phase {
            Phase::Calling(_) => self.cancel(session, reason, now),
            Phase::Alerting(_) => {
                let text = "call was given up";
                let refusal = Rejection::new(StatusCode::TEMPORARILY_UNAVAILABLE, text);
                let refusal = match reason {
                    Some(reason) => refusal.with(HeaderName::Reason, &reason),
                    None => refusal,
                };
                self.turn_away(session, &refusal, now)
            }
            Phase::Established(established) => {
                let ending = Ending { cause: ReleaseCause::OurBye, reason };
                if established.unacknowledged.is_some() {
                    // §15: not before the ACK; if none comes, the end comes all the same.
                    established.ending.get_or_insert(ending);
                } else {
                    self.hang_up(session, ending, now);
                }
                Ok(())
            }
            Phase::Releasing(_) => Ok(()),
        }
    }

    fn accept_refer(&mut self, session: SessionId, now: Timestamp) -> Done {
        let established = self.established(session)?;
        let Some(Refer::Asked { transaction, cseq }) = established.refer else {
            return Err(OrderError::WrongState);
        };
        established.refer = Some(Refer::Accepted { cseq });
        let response = self.response_of(session, transaction, StatusCode::ACCEPTED, None)?;
        if self.transactions.respond(transaction, &response, now) {
            return self.notify(session, StatusCode::TRYING, now);
        }
        self.established(session)?.refer = None;
        Err(OrderError::NoSuchRequest)
    }

    fn refuse_refer(&mut self, session: SessionId, refusal: &Rejection, now: Timestamp) -> Done {
        if refusal.status.code() < 300 {
            return Err(OrderError::BadOrder);
        }
        let established = self.established(session)?;
        let Some(Refer::Asked { transaction, .. }) = established.refer else {
            return Err(OrderError::WrongState);
        };
        established.refer = None;
        self.reject(transaction, refusal, "", now);
        Ok(())
    }

    /// NOTIFY about a REFER (RFC 3515 §2.4.4 to §2.4.7).
    fn notify(&mut self, session: SessionId, status: StatusCode, now: Timestamp) -> Done {
        let established = self.established(session)?;
        let Some(Refer::Accepted { cseq }) = established.refer else {
            return Err(OrderError::WrongState);
        };
        if status.is_final() {
            established.refer = None;
        }
        let mut request = established.dialog.request(Method::Notify);
        let destination = established.dialog.destination();
        let user = established.dialog.local_user().map(ToOwned::to_owned);
        let contact = self.contact(&destination, user.as_deref());
        let state =
            if status.is_final() { "terminated;reason=noresource" } else { "active;expires=180" };
        request.headers.push(HeaderName::Contact, &contact);
        request.headers.push(HeaderName::Event, format!("refer;id={cseq}"));
        request.headers.push(HeaderName::SubscriptionState, state);
        request.headers.push(HeaderName::ContentType, "message/sipfrag;version=2.0");
        request.body = format!("SIP/2.0 {status} {}\r\n", status.reason_phrase()).into_bytes();
        // When it is lost, so is the subscription only (RFC 5057 §5.1): the call goes on.
        let sent = self.start(request, destination, Purpose::Unattended, now);
        sent.map(|_| ()).ok_or(OrderError::Full)
    }

    fn request_within(
        &mut self,
        session: SessionId,
        request: RequestId,
        within: super::Within,
        now: Timestamp,
    ) -> Done {
        let opens = [Method::Invite, Method::Ack, Method::Bye, Method::Cancel];
        if opens.contains(&within.method) {
            return Err(OrderError::BadOrder);
        }
        let established = self.established(session)?;
        let mut message = established.dialog.request(within.method);
        let destination = established.dialog.destination();
        let user = established.dialog.local_user().map(ToOwned::to_owned);
        let contact = self.contact(&destination, user.as_deref());
        message.headers.push(HeaderName::Contact, &contact);
        add_extra(&mut message.headers, within.headers);
        set_body(&mut message.headers, &mut message.body, within.body);
        let sent = self.start(message, destination, Purpose::Within(session, request), now);
        sent.map(|_| ()).ok_or(OrderError::Full)
    }

    fn request(
        &mut self,
        id: RequestId,
        method: Method,
        outgoing: Outgoing,
        now: Timestamp,
    ) -> Done {
        let opens = [Method::Invite, Method::Ack, Method::Cancel];
        if opens.contains(&method) || self.attempts.contains_key(&id) {
            return Err(OrderError::BadOrder);
        }
        let destination = outgoing.destination;
        self.public(destination.listener).ok_or(OrderError::BadOrder)?;
        let user = outgoing.from.uri.user.clone();
        let (mut request, attempt) = self.outside(method, outgoing);
        if !request.headers.has(&HeaderName::Contact) {
            let contact = self.contact(&destination, user.as_deref());
            request.headers.push(HeaderName::Contact, &contact);
        }
        let sent = self.start(request, destination, Purpose::Outside(id), now);
        sent.ok_or(OrderError::Full)?;
        self.attempts.insert(id, attempt);
        Ok(())
    }

    fn respond(&mut self, arrival: ArrivalId, mut response: Response, now: Timestamp) -> Done {
        let transaction = *self.arrivals.get(&arrival).ok_or(OrderError::NoSuchRequest)?;
        if let Ok(to) = response.to()
            && to.tag().is_none()
        {
            response.headers.set(HeaderName::To, &to.with_tag(&self.tokens.tag()));
        }
        if response.status.code() >= 300 && !response.headers.has(&HeaderName::Reason) {
            let value = crate::reason_value(response.status, response.reason.as_str());
            response.headers.push(HeaderName::Reason, value);
        }
        if !response.headers.has(&HeaderName::Server) {
            response.headers.push(HeaderName::Server, self.settings.product.as_str());
        }
        if response.status.is_final() {
            self.arrivals.remove(&arrival);
        }
        let sent = self.transactions.respond(transaction, &response, now);
        if sent { Ok(()) } else { Err(OrderError::NoSuchRequest) }
    }

    /// A response with our tag and Contact to an INVITE, UPDATE or REFER.
    fn response_of(
        &self,
        session: SessionId,
        transaction: TransactionId,
        status: StatusCode,
        body: Option<Body>,
    ) -> Result<Response, OrderError> {
        let state = self.sessions.get(session).ok_or(OrderError::NoSuchSession)?;
        let request = self.transactions.request(transaction).ok_or(OrderError::NoSuchRequest)?;
        let mut response = self.answer(request, status, &state.local_tag);
        response.headers.copy(&HeaderName::RecordRoute, &request.headers);
        let user = request.to().ok().and_then(|to| to.uri.user);
        let destination = state.destination().ok_or(OrderError::WrongState)?;
        let contact = self.contact(&destination, user.as_deref());
        response.headers.push(HeaderName::Contact, &contact);
        set_body(&mut response.headers, &mut response.body, body);
        Ok(response)
    }

    fn alerting(&self, session: SessionId) -> Result<TransactionId, OrderError> {
        match &self.sessions.get(session).ok_or(OrderError::NoSuchSession)?.phase {
            Phase::Alerting(alerting) => Ok(alerting.transaction),
            Phase::Calling(_) | Phase::Established(_) | Phase::Releasing(_) => {
                Err(OrderError::WrongState)
            }
        }
    }

    fn established(&mut self, session: SessionId) -> Result<&mut Established, OrderError> {
        match &mut self.sessions.get_mut(session).ok_or(OrderError::NoSuchSession)?.phase {
            Phase::Established(established) => Ok(established),
            Phase::Calling(_) | Phase::Alerting(_) | Phase::Releasing(_) => {
                Err(OrderError::WrongState)
            }
        }
    }

    fn asked_change(
        &mut self,
        session: SessionId,
    ) -> Result<(TransactionId, Method, u32, bool), OrderError> {
        match &self.established(session)?.change {
            Change::Theirs { transaction, method, cseq, offered, .. } => {
                Ok((*transaction, method.clone(), *cseq, *offered))
            }
            Change::None | Change::Ours { .. } => Err(OrderError::WrongState),
        }
    }

    pub(super) fn local_tag(&self, session: SessionId) -> String {
        self.sessions.get(session).map(|state| state.local_tag.clone()).unwrap_or_default()
    }
}
