//! Requests made from another request of the same transaction.

use crate::header::{CSeq, HeaderName, Headers};
use crate::message::{Method, Request, Response};

/// The ACK of a final response other than 2xx: part of the INVITE's transaction, so it keeps the
/// branch; only To is the response's (RFC 3261 §17.1.1.3).
pub(super) fn acknowledgement(invite: &Request, response: &Response) -> Request {
    sibling(invite, Method::Ack, &response.headers)
}

/// The CANCEL of a request (RFC 3261 §9.1): the same branch, CSeq number and To.
pub(crate) fn cancellation(invite: &Request, reason: Option<&str>) -> Request {
    let mut cancel = sibling(invite, Method::Cancel, &invite.headers);
    if let Some(reason) = reason {
        cancel.headers.push(HeaderName::Reason, reason);
    }
    cancel
}

fn sibling(invite: &Request, method: Method, to: &Headers) -> Request {
    let mut request = Request::new(method.clone(), invite.uri.clone());
    let headers = &mut request.headers;
    if let Ok(via) = invite.via() {
        headers.push(HeaderName::Via, &via);
    }
    headers.push(HeaderName::MaxForwards, "70");
    headers.copy(&HeaderName::Route, &invite.headers);
    headers.copy(&HeaderName::From, &invite.headers);
    headers.copy(&HeaderName::To, to);
    headers.copy(&HeaderName::CallId, &invite.headers);
    if let Ok(cseq) = invite.cseq() {
        headers.push(HeaderName::CSeq, &CSeq { number: cseq.number, method });
    }
    request
}
