//! SIP messages as data (RFC 3261 §7): requests, responses, and how they are written. Reading
//! them is `parse`'s.

use std::fmt;
use std::io::Write;

use crate::header::{CSeq, Contacts, HeaderError, HeaderName, Headers, NameAddr, Via};
use crate::uri::Uri;

mod method;
#[cfg(test)]
mod tests;

pub use method::{Method, StatusCode};

/// A request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// What is asked for.
    pub method: Method,
    /// Whom it is asked of: the Request-URI.
    pub uri: Uri,
    /// The header fields.
    pub headers: Headers,
    /// The body; its length is the Content-Length.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// The outcome.
    pub status: StatusCode,
    /// The phrase for people; octets that are no UTF-8 have become U+FFFD.
    pub reason: String,
    /// The header fields.
    pub headers: Headers,
    /// The body; its length is the Content-Length.
    pub body: Vec<u8>,
}

/// A request or a response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// The views that requests and responses share; the work is done by [`Headers`].
macro_rules! views {
    () => {
        /// The topmost Via.
        ///
        /// # Errors
        /// When there is none or it is malformed.
        pub fn via(&self) -> Result<Via, HeaderError> {
            self.headers.via()
        }

        /// From.
        ///
        /// # Errors
        /// When it is missing or malformed.
        pub fn from(&self) -> Result<NameAddr, HeaderError> {
            self.headers.from()
        }

        /// To.
        ///
        /// # Errors
        /// When it is missing or malformed.
        pub fn to(&self) -> Result<NameAddr, HeaderError> {
            self.headers.to()
        }

        /// Call-ID.
        ///
        /// # Errors
        /// When it is missing, empty or has white space.
        pub fn call_id(&self) -> Result<&str, HeaderError> {
            self.headers.call_id()
        }

        /// CSeq.
        ///
        /// # Errors
        /// When it is missing, malformed or out of range.
        pub fn cseq(&self) -> Result<CSeq, HeaderError> {
            self.headers.cseq()
        }

        /// Every Contact.
        ///
        /// # Errors
        /// When one is malformed, or `*` is not the only one.
        pub fn contacts(&self) -> Result<Contacts, HeaderError> {
            self.headers.contacts()
        }

        /// The first Contact: where the next request of a dialog goes.
        ///
        /// # Errors
        /// When it is malformed or `*`.
        pub fn contact(&self) -> Result<Option<NameAddr>, HeaderError> {
            self.headers.contact()
        }

        /// The octets as they go on the wire.
        #[must_use]
        pub fn to_bytes(&self) -> Vec<u8> {
            let mut out = Vec::with_capacity(1024 + self.body.len());
            self.write_to(&mut out);
            out
        }
    };
}

impl Request {
    views!();

    /// A request without header fields or body.
    #[must_use]
    pub const fn new(method: Method, uri: Uri) -> Self {
        Self { method, uri, headers: Headers::EMPTY, body: Vec::new() }
    }

    /// Max-Forwards, 0 to 255.
    ///
    /// # Errors
    /// When it is malformed or out of range.
    pub fn max_forwards(&self) -> Result<Option<u8>, HeaderError> {
        self.headers.max_forwards()
    }

    /// The response to this request with this status and its usual phrase: Via, From, To,
    /// Call-ID and CSeq are the request's (RFC 3261 §8.2.6), and the Timestamp of a 100. The
    /// tag of To is the caller's to add.
    #[must_use]
    pub fn response(&self, status: StatusCode) -> Response {
        Response::to_headers(&self.headers, status)
    }

    /// Writes the octets as they go on the wire at the end of `out`.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.method.as_str().as_bytes());
        out.push(b' ');
        write(out, format_args!("{} SIP/2.0\r\n", self.uri));
        write_rest(&self.headers, &self.body, out);
    }
}

impl Response {
    views!();

    /// The response with this status to a request with these header fields.
    pub(crate) fn to_headers(request: &Headers, status: StatusCode) -> Self {
        let mut headers = Headers::with_room_for(crate::header::USUAL_FIELDS);
        let copied = [
            HeaderName::Via,
            HeaderName::From,
            HeaderName::To,
            HeaderName::CallId,
            HeaderName::CSeq,
        ];
        for name in &copied {
            headers.copy(name, request);
        }
        if status == StatusCode::TRYING {
            headers.copy(&HeaderName::Timestamp, request);
        }
        Self { status, reason: status.reason_phrase().to_owned(), headers, body: Vec::new() }
    }

    /// The same with this phrase for people.
    #[must_use]
    pub fn with_reason(mut self, reason: &str) -> Self {
        reason.clone_into(&mut self.reason);
        self
    }

    /// Writes the octets as they go on the wire at the end of `out`.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        write(out, format_args!("SIP/2.0 {} ", self.status));
        let start = out.len();
        out.extend_from_slice(self.reason.as_bytes());
        for octet in out.iter_mut().skip(start) {
            if matches!(octet, b'\r' | b'\n') {
                *octet = b' ';
            }
        }
        out.extend_from_slice(b"\r\n");
        write_rest(&self.headers, &self.body, out);
    }
}

impl Message {
    /// The header fields.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    /// The header fields, to be changed.
    pub const fn headers_mut(&mut self) -> &mut Headers {
        match self {
            Self::Request(request) => &mut request.headers,
            Self::Response(response) => &mut response.headers,
        }
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Request(request) => &request.body,
            Self::Response(response) => &response.body,
        }
    }

    /// The octets as they go on the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Request(request) => request.to_bytes(),
            Self::Response(response) => response.to_bytes(),
        }
    }

    /// Writes the octets as they go on the wire at the end of `out`.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Request(request) => request.write_to(out),
            Self::Response(response) => response.write_to(out),
        }
    }
}

impl From<Request> for Message {
    fn from(request: Request) -> Self {
        Self::Request(request)
    }
}

impl From<Response> for Message {
    fn from(response: Response) -> Self {
        Self::Response(response)
    }
}

/// Writes text into memory, which cannot fail.
pub(crate) fn write(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

fn write_rest(headers: &Headers, body: &[u8], out: &mut Vec<u8>) {
    for header in headers.iter().filter(|header| *header.name() != HeaderName::ContentLength) {
        out.extend_from_slice(header.written_name().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(header.value());
        out.extend_from_slice(b"\r\n");
    }
    write(out, format_args!("Content-Length: {}\r\n\r\n", body.len()));
    out.extend_from_slice(body);
}
