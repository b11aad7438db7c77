//! Refusals of what comes in, each with a Reason header field that tells why (RFC 3326).

use model::Timestamp;

use super::order::Rejection;
use super::writing::{add_extra, tag_to};
use super::{Destination, Endpoint, Source, Transport};
use crate::header::{HeaderName, Headers, ViaRef};
use crate::message::{Request, Response, StatusCode};
use crate::parse::{ParseError, ParseErrorKind};
use crate::transaction::TransactionId;

impl Endpoint {
    /// Answers octets that were no message, when enough of a request could be read for that. A
    /// keep-alive is no fault.
    pub fn receive_malformed(&mut self, error: ParseError, source: Source) {
        if error.kind == ParseErrorKind::Keepalive {
            return;
        }
        let text = error.to_string();
        match error.answer {
            Some(response) => self.answer_unremembered(*response, &text, &source),
            None => self.tally.unanswerable += 1,
        }
    }

    /// Refuses a request and forgets it (§8.2.7).
    pub fn refuse(&mut self, request: &Request, refusal: &Rejection, source: &Source) {
        let mut response = request.response(refusal.status);
        add_extra(&mut response.headers, refusal.headers.clone());
        self.answer_unremembered(response, &refusal.text, source);
    }

    /// Sends a response that nobody remembers: its tag is a function of the request.
    fn answer_unremembered(&mut self, mut response: Response, text: &str, source: &Source) {
        if !response.headers.has(&HeaderName::Via) {
            // Whoever hears it could not tell what it answers.
            self.tally.unanswerable += 1;
            return;
        }
        let tag = self.unremembered_tag(&response.headers);
        // One that cannot be read goes back as it came, to where it came from.
        let via = response.headers.via_ref().ok();
        let destination = reply_to(via.as_ref(), source);
        if let Some(stamped) = via.map(|via| via.stamped(source.peer)) {
            response.headers.replace_top(HeaderName::Via, stamped);
        }
        tag_to(&mut response.headers, &tag);
        self.sign(&mut response, text);
        self.send_now(response.to_bytes().into(), destination);
        *self.tally.refused.entry(response.status.code()).or_default() += 1;
    }

    /// Whether an ACK is for an answer that nobody remembers: only who has heard it knows its tag.
    pub(super) fn is_unremembered(&self, ack: &Request) -> bool {
        let tag = ack.headers.to_ref().ok().and_then(|to| to.tag().map(|tag| tag.into_owned()));
        tag.is_some_and(|tag| tag == self.unremembered_tag(&ack.headers))
    }

    /// Our tag in an answer that nobody remembers: a function of the request.
    pub(super) fn unremembered_tag(&self, headers: &Headers) -> String {
        let branch = headers.via_ref().ok().and_then(|via| via.branch()).unwrap_or_default();
        let call_id = headers.first(&HeaderName::CallId).unwrap_or_default();
        self.tokens.tag_of(&[call_id, branch.as_bytes()])
    }

    /// Refuses a request of a dialog in its transaction.
    pub(super) fn refuse_within(
        &mut self,
        transaction: TransactionId,
        refusal: &Rejection,
        now: Timestamp,
    ) {
        self.reject(transaction, refusal, "", now);
        *self.tally.refused.entry(refusal.status.code()).or_default() += 1;
    }

    /// Answers a transaction with a refusal; `tag` is our tag where the request has none.
    pub(super) fn reject(
        &mut self,
        transaction: TransactionId,
        refusal: &Rejection,
        tag: &str,
        now: Timestamp,
    ) -> bool {
        let Some(request) = self.transactions.request(transaction) else {
            return false;
        };
        let response = self.rejection(request, refusal, tag);
        self.transactions.respond(transaction, &response, now)
    }

    /// 503 with the time after which to come again.
    pub(super) fn full(&self) -> Rejection {
        let seconds = self.settings.bounds.retry_after.as_secs().to_string();
        Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "too many calls at once")
            .with(HeaderName::RetryAfter, &seconds)
    }

    /// 500 with a random time of up to ten seconds after which to come again (§14.2).
    pub(super) fn not_now(&mut self, text: &str) -> Rejection {
        let seconds = (self.tokens.thousandths() / 100).to_string();
        Rejection::new(StatusCode::SERVER_INTERNAL_ERROR, text)
            .with(HeaderName::RetryAfter, &seconds)
    }

    /// 405 with what is allowed.
    pub(super) fn not_allowed(&self) -> Rejection {
        Rejection::new(StatusCode::METHOD_NOT_ALLOWED, "method is not taken here")
            .with(HeaderName::Allow, &self.allowed())
    }

    fn rejection(&self, request: &Request, refusal: &Rejection, tag: &str) -> Response {
        let mut response = self.answer(request, refusal.status, tag);
        add_extra(&mut response.headers, refusal.headers.clone());
        self.sign(&mut response, &refusal.text);
        response
    }

    /// Adds why, and who says so.
    fn sign(&self, response: &mut Response, text: &str) {
        if !response.headers.has(&HeaderName::Reason) {
            let value = crate::reason_value(response.status, text);
            response.headers.push(HeaderName::Reason, value);
        }
        if !response.headers.has(&HeaderName::Server) {
            response.headers.push(HeaderName::Server, self.settings.product.as_str());
        }
    }
}

/// Whether a refusal is forgotten once it is sent: those that strangers get. Whoever did not hear it
/// sends the request again and gets it again, and a flood fills nothing (§8.2.7).
pub(super) fn is_unremembered(status: StatusCode) -> bool {
    [
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::METHOD_NOT_ALLOWED,
        StatusCode::PROXY_AUTHENTICATION_REQUIRED,
    ]
    .contains(&status)
}

/// Where the response to a request goes (§18.2.2, RFC 3581 §4).
pub(super) fn reply_destination(headers: &Headers, source: &Source) -> Destination {
    reply_to(headers.via_ref().ok().as_ref(), source)
}

fn reply_to(via: Option<&ViaRef<'_>>, source: &Source) -> Destination {
    match via.filter(|_| source.transport == Transport::Udp) {
        Some(via) => Destination::udp(source.listener, via.reply_to(source.peer)),
        None => source.destination(),
    }
}
