//! Reading messages (RFC 3261 §7, §18.3).
//!
//! Two kinds of wrong are kept apart. What prevents us from telling where a message's parts are
//! is a [`ParseError`], found here; a field that is there but makes no sense is found by
//! [`crate::validate`]. Either way a request whose Via, From, To, Call-ID and CSeq were found
//! can be answered, and the answer is in the error.

use std::borrow::Cow;

use bytes::Bytes;

use crate::header::{Header, HeaderName, Headers, USUAL_FIELDS};
use crate::limit::Limits;
use crate::message::{Message, Method, Request, Response};

mod error;
pub(crate) mod scan;
mod start;
#[cfg(test)]
mod tests;

pub use error::{ParseError, ParseErrorKind};
use start::{Start, start_line};

impl Message {
    /// Reads the message in a datagram, within [`Limits::DEFAULT`]. Without Content-Length the
    /// body runs to the end; octets after it are ignored (RFC 3261 §18.3).
    ///
    /// # Errors
    /// When the octets are no message.
    pub fn parse(datagram: &[u8]) -> Result<Self, ParseError> {
        Self::parse_within(datagram, &Limits::DEFAULT)
    }

    /// Reads the message in a datagram, within these limits.
    ///
    /// # Errors
    /// When the octets are no message.
    pub fn parse_within(datagram: &[u8], limits: &Limits) -> Result<Self, ParseError> {
        let bytes = skip_line_ends(datagram);
        if bytes.is_empty() {
            return Err(ParseError { kind: ParseErrorKind::Keepalive, answer: None });
        }
        let mut head = Head::read(bytes, limits);
        if bytes.len() > limits.message {
            head.fault(ParseErrorKind::TooLarge);
        }
        let rest = bytes.get(head.size..).unwrap_or_default();
        let length = head.content_length.unwrap_or(rest.len());
        if let Some(body) = rest.get(..length) {
            if length > limits.body {
                head.fault(ParseErrorKind::BodyTooLarge);
            }
            head.finish(body)
        } else {
            head.fault(ParseErrorKind::Truncated);
            head.finish(&[])
        }
    }
}

/// Without the line ends and NULs that senders put before a message to keep a path open
/// (RFC 3261 §7.5).
pub(crate) fn skip_line_ends(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !b"\r\n\0".contains(byte)).unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or_default()
}

/// What stands before the body, with the first fault found in it.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    start: Option<Start>,
    headers: Headers,
    fault: Option<ParseErrorKind>,
    /// What Content-Length says, when it says one thing.
    pub(crate) content_length: Option<usize>,
    /// How many octets it takes, the empty line included.
    pub(crate) size: usize,
}

impl Head {
    /// Reads up to the empty line.
    pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Self {
        // No later than here it ends; all its fields share one copy of it.
        let most = memchr::memmem::find(bytes, b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
        let shared = Bytes::copy_from_slice(bytes.get(..most).unwrap_or(bytes));
        let mut lines = Lines { rest: &shared };
        let (start, fault) = start_line(lines.next().unwrap_or_default(), limits);
        let headers = Headers::with_room_for(USUAL_FIELDS);
        let mut head = Self { start, fault, headers, content_length: None, size: shared.len() };
        head.read_headers(&mut lines, &shared, limits);
        head.size = shared.len().saturating_sub(lines.rest.len());
        head
    }

    /// Remembers the first fault.
    pub(crate) fn fault(&mut self, fault: ParseErrorKind) {
        self.fault.get_or_insert(fault);
    }

    /// Whether the fault leaves open where the message ends.
    pub(crate) fn has_lost_its_end(&self) -> bool {
        matches!(
            self.fault,
            Some(
                ParseErrorKind::ContentLength
                    | ParseErrorKind::StartLine
                    | ParseErrorKind::TooLarge
                    | ParseErrorKind::Unterminated
            )
        )
    }

    /// The message with this body, or what is wrong with it.
    pub(crate) fn finish(self, body: &[u8]) -> Result<Message, ParseError> {
        let body = body.to_vec();
        let Self { headers, start, fault: None, .. } = self else { return Err(self.into_error()) };
        match start {
            Some(Start::Request(method, uri)) => {
                Ok(Message::Request(Request { method, uri, headers, body }))
            }
            Some(Start::Response(status, reason)) => {
                Ok(Message::Response(Response { status, reason, headers, body }))
            }
            Some(Start::Answerable(_)) | None => {
                Err(ParseError { kind: ParseErrorKind::StartLine, answer: None })
            }
        }
    }

    /// What is wrong with it: this, whatever else is.
    pub(crate) fn into_error_of(mut self, kind: ParseErrorKind) -> ParseError {
        self.fault = Some(kind);
        self.into_error()
    }

    /// What is wrong with it.
    pub(crate) fn into_error(self) -> ParseError {
        let kind = self.fault.unwrap_or(ParseErrorKind::StartLine);
        let method = match &self.start {
            Some(Start::Request(method, _) | Start::Answerable(method)) => Some(method),
            Some(Start::Response(..)) | None => None,
        };
        let needed = [
            HeaderName::Via,
            HeaderName::From,
            HeaderName::To,
            HeaderName::CallId,
            HeaderName::CSeq,
        ];
        let answerable = method.is_some_and(|method| *method != Method::Ack)
            && needed.iter().all(|name| self.headers.has(name));
        let answer =
            answerable.then(|| Box::new(Response::to_headers(&self.headers, kind.status())));
        ParseError { kind, answer }
    }

    fn read_headers(&mut self, lines: &mut Lines<'_>, shared: &Bytes, limits: &Limits) {
        let mut lengths = 0;
        while let Some(line) = lines.next() {
            if line.is_empty() {
                return;
            }
            let line = lines.unfold(line);
            let field = match &line {
                Cow::Borrowed(line) => field(line, |value| shared.slice_ref(value)),
                Cow::Owned(line) => field(line, Bytes::copy_from_slice),
            };
            match field {
                _ if self.headers.len() >= limits.headers || line.len() > limits.header => {
                    return self.lose_end(ParseErrorKind::TooLarge);
                }
                Some(header) if *header.name() == HeaderName::ContentLength => {
                    lengths += 1;
                    self.content_length(header.value(), lengths);
                }
                Some(header) => self.headers.push_header(header),
                None => self.fault(ParseErrorKind::HeaderLine),
            }
            if line.contains(&b'\r') {
                self.fault(ParseErrorKind::HeaderLine);
            }
        }
        self.fault(ParseErrorKind::Unterminated);
    }

    fn content_length(&mut self, value: &[u8], nth: u32) {
        let length = scan::number(value).and_then(|length| usize::try_from(length).ok());
        if length.is_none() || (nth > 1 && length != self.content_length) {
            return self.lose_end(ParseErrorKind::ContentLength);
        }
        self.content_length = length;
    }

    /// A contradiction about the length, or a header that was not read to its end, outweighs every
    /// other fault: nothing after it can be believed.
    fn lose_end(&mut self, fault: ParseErrorKind) {
        self.fault = Some(fault);
        self.content_length = None;
    }
}

/// Lines ended by CRLF or LF, which are not part of them. An unended rest is no line.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\n', self.rest)?;
        let (line, rest) = scan::split_at_byte(self.rest, end);
        self.rest = rest;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// The line with the lines that continue it, a space for each fold (RFC 3261 §7.3.1).
    fn unfold(&mut self, line: &'a [u8]) -> Cow<'a, [u8]> {
        let mut whole = Cow::Borrowed(line);
        while matches!(self.rest.first(), Some(b' ' | b'\t')) {
            let Some(more) = self.next() else { break };
            let whole = whole.to_mut();
            whole.push(b' ');
            whole.extend_from_slice(scan::trim(more));
        }
        whole
    }
}

fn field(line: &[u8], own: impl Fn(&[u8]) -> Bytes) -> Option<Header> {
    let colon = memchr::memchr(b':', line)?;
    let (name, value) = scan::split_at_byte(line, colon);
    let name = scan::token(name.trim_ascii_end())?;
    Some(Header::received(name, own(scan::trim(value))))
}
