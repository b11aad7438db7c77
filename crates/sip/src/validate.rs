//! Whether a message that could be read makes sense (RFC 3261 §8.1.1, §8.2, §16.3).
//!
//! [`validate`] asks what every request must satisfy; [`admit`] asks, in the order of §8.2,
//! whether this server can do what the request needs. A [`Violation`] makes its own response.

use crate::header::{HeaderError, HeaderName, Headers};
use crate::message::{Method, Request, Response, StatusCode};

mod admit;
#[cfg(test)]
mod tests;

pub use admit::{Abilities, admit};

/// Why a message is not to be processed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The status a request is refused with; of no use for a response, which is dropped.
    pub status: StatusCode,
    /// The field at fault, where one is.
    pub header: Option<HeaderName>,
    /// What is wrong with it.
    pub what: &'static str,
    /// The fields the refusal must carry: Unsupported, Allow, Accept.
    pub extra: Vec<(HeaderName, String)>,
}

impl Violation {
    /// The refusal of this request, with a Reason that tells why (RFC 3326). The tag of To is
    /// the sender's to add.
    #[must_use]
    pub fn response(&self, request: &Request) -> Response {
        let mut response = request.response(self.status);
        for (name, value) in &self.extra {
            response.headers.push(name.clone(), value.as_str());
        }
        let reason = match &self.header {
            Some(header) => reason_value(self.status, &format!("{header}: {}", self.what)),
            None => reason_value(self.status, self.what),
        };
        response.headers.push(HeaderName::Reason, reason);
        response
    }

    fn bad(header: HeaderName, what: &'static str) -> Self {
        let status = StatusCode::BAD_REQUEST;
        Self { status, header: Some(header), what, extra: Vec::new() }
    }
}

impl From<HeaderError> for Violation {
    fn from(HeaderError { header, what }: HeaderError) -> Self {
        Self::bad(header, what)
    }
}

/// The value of a Reason field with a SIP cause (RFC 3326).
#[must_use]
pub fn reason_value(status: StatusCode, text: &str) -> String {
    let mut value = format!("SIP;cause={status};text=\"");
    let is_harmless = |c: &char| !c.is_control() && !matches!(c, '"' | '\\');
    value.extend(text.chars().filter(is_harmless));
    value.push('"');
    value
}

/// Whether the request makes sense as a request: every field it must have is there once and can
/// be read. Max-Forwards may be missing: RFC 2543 did not ask for it.
///
/// # Errors
/// 400; 501 when the method is unknown and CSeq names another.
pub fn validate(request: &Request) -> Result<(), Violation> {
    let headers = &request.headers;
    once(headers)?;
    let cseq = headers.cseq()?;
    if cseq.method != request.method {
        let unknown = matches!(request.method, Method::Other(_));
        let status = if unknown { StatusCode::NOT_IMPLEMENTED } else { StatusCode::BAD_REQUEST };
        let what = "method is not the request's";
        return Err(Violation { status, ..Violation::bad(HeaderName::CSeq, what) });
    }
    readable(headers)?;
    headers.addresses_make_sense(&HeaderName::Route)?;
    headers.addresses_make_sense(&HeaderName::RecordRoute)?;
    headers.max_forwards()?;
    headers.contacts_make_sense()?;
    Ok(())
}

/// Whether the response makes sense to the client that sent the request: one that does not is
/// dropped (RFC 3261 §8.1.3.3, §18.1.2). More than one Via means it strayed. What only a dialog
/// needs (Contact, Record-Route) is not looked at: better a dialog without than no answer at all.
///
/// # Errors
/// What is wrong; its status is of no use.
pub fn validate_response(response: &Response) -> Result<(), Violation> {
    let headers = &response.headers;
    once(headers)?;
    headers.cseq()?;
    readable(headers)?;
    if headers.list(&HeaderName::Via).count() > 1 {
        return Err(Violation::bad(HeaderName::Via, "more than one in a response"));
    }
    Ok(())
}

/// What decides where a message belongs and where its answer goes.
fn readable(headers: &Headers) -> Result<(), HeaderError> {
    headers.vias_make_sense()?;
    headers.from_ref()?;
    headers.to_ref()?;
    headers.call_id()?;
    Ok(())
}

/// Fields that are no list may be there once (RFC 3261 §7.3.1): of two that differ nobody can
/// say which is meant.
fn once(headers: &Headers) -> Result<(), Violation> {
    let single = [
        HeaderName::From,
        HeaderName::To,
        HeaderName::CallId,
        HeaderName::CSeq,
        HeaderName::MaxForwards,
        HeaderName::ContentType,
        HeaderName::Expires,
        HeaderName::Event,
        HeaderName::RAck,
        HeaderName::ReferTo,
        HeaderName::Replaces,
        HeaderName::SessionExpires,
    ];
    match single.into_iter().find(|name| headers.all(name).nth(1).is_some()) {
        Some(name) => Err(Violation::bad(name, "more than one")),
        None => Ok(()),
    }
}
