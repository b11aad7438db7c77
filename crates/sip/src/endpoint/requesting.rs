//! Orders for other requests: REFER and its NOTIFY (RFC 3515), requests of our own within and
//! outside a session, and answers to those that came in.

use model::Timestamp;

use super::order::{OrderError, Outgoing, Rejection};
use super::ordered::Done;
use super::refusing::is_unremembered;
use super::writing::{add_extra, set_body, tag_to};
use super::{ArrivalId, Endpoint, Purpose, RequestId};
use crate::header::HeaderName;
use crate::message::{Method, Response, StatusCode};
use crate::session::{Refer, SessionId};

impl Endpoint {
    pub(super) fn accept_refer(&mut self, session: SessionId, now: Timestamp) -> Done {
        let established = self.established(session)?;
        let Some(Refer::Asked { transaction, cseq }) = established.refer else {
            return Err(OrderError::WrongState);
        };
        // What its sender has given up is left as it is: the next REFER takes its place.
        let response = self.response_of(session, transaction, StatusCode::ACCEPTED, None)?;
        if !self.transactions.respond(transaction, &response, now) {
            return Err(OrderError::NoSuchRequest);
        }
        self.established(session)?.refer = Some(Refer::Accepted { cseq });
        self.notify(session, StatusCode::TRYING, now)
    }

    pub(super) fn refuse_refer(
        &mut self,
        session: SessionId,
        refusal: &Rejection,
        now: Timestamp,
    ) -> Done {
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
    pub(super) fn notify(
        &mut self,
        session: SessionId,
        status: StatusCode,
        now: Timestamp,
    ) -> Done {
        let established = self.established(session)?;
        let Some(Refer::Accepted { cseq }) = established.refer else {
            return Err(OrderError::WrongState);
        };
        if status.is_final() {
            established.refer = None;
        }
        let (mut request, destination) = self.next_request(session, Method::Notify)?;
        let state =
            if status.is_final() { "terminated;reason=noresource" } else { "active;expires=180" };
        request.headers.push(HeaderName::Event, format!("refer;id={cseq}"));
        request.headers.push(HeaderName::SubscriptionState, state);
        request.headers.push(HeaderName::ContentType, "message/sipfrag;version=2.0");
        request.body = format!("SIP/2.0 {status} {}\r\n", status.reason_phrase()).into_bytes();
        // When it is lost, so is the subscription only (RFC 5057 §5.1): the call goes on.
        let sent = self.start(request, destination, Purpose::Said(session), now);
        sent.map(|_| ()).ok_or(OrderError::Full)
    }

    pub(super) fn request_within(
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
        let (mut message, destination) = self.next_request(session, within.method)?;
        add_extra(&mut message.headers, within.headers);
        set_body(&mut message.headers, &mut message.body, within.body);
        let sent = self.start(message, destination, Purpose::Within(session, request), now);
        sent.map(|_| ()).ok_or(OrderError::Full)
    }

    pub(super) fn request(
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
        if !self.transactions.has_room() {
            return Err(OrderError::Full);
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

    pub(super) fn respond(
        &mut self,
        arrival: ArrivalId,
        mut response: Response,
        now: Timestamp,
    ) -> Done {
        let transaction = *self.arrivals.get(&arrival).ok_or(OrderError::NoSuchRequest)?;
        let tag = self.unremembered_tag(&response.headers);
        tag_to(&mut response.headers, &tag);
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
        // Anybody may ask what we can do, and may ask again.
        let only_asks = response.cseq().is_ok_and(|cseq| cseq.method == Method::Options);
        let is_final = response.status.is_final();
        let sent = if is_final && (only_asks || is_unremembered(response.status)) {
            self.transactions.respond_and_forget(transaction, &response, now)
        } else {
            self.transactions.respond(transaction, &response, now)
        };
        if sent { Ok(()) } else { Err(OrderError::NoSuchRequest) }
    }
}
