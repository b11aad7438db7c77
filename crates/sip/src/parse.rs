//! Reading messages (RFC 3261 §7, §18.3).
//!
//! Two kinds of wrong are kept apart. What prevents us from telling where a message's parts are
//! is a [`ParseError`], found here; a field that is there but makes no sense is found by
//! [`crate::validate`]. Either way a request whose Via, From, To, Call-ID and CSeq were found
//! can be answered, and the answer is in the error.

use std::borrow::Cow;
use std::fmt;

use crate::header::{Header, HeaderName, Headers};
use crate::limit::Limits;
use crate::message::{Message, Method, Request, Response, StatusCode};
use crate::uri::Uri;

pub(crate) mod scan;
#[cfg(test)]
mod tests;

/// Why octets are no message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// The response it deserves: only where it was a request other than ACK whose Via, From,
    /// To, Call-ID and CSeq could be found. The tag of To is the sender's to add.
    pub answer: Option<Box<Response>>,
}

/// What makes octets no message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParseErrorKind {
    /// Nothing but line ends or NULs: a keep-alive, to be ignored (RFC 5626 §3.5.1).
    Keepalive,
    /// The first line is neither a request's nor a response's.
    StartLine,
    /// A version of SIP other than 2.0.
    Version,
    /// The Request-URI is malformed.
    Uri,
    /// The Request-URI is longer than we take.
    UriTooLong,
    /// The status code of a response is not 100 to 699.
    StatusCode,
    /// A header line has no name, or a carriage return in its middle.
    HeaderLine,
    /// The header ends without an empty line.
    Unterminated,
    /// Content-Length is no number, or there are two that differ.
    ContentLength,
    /// A stream carries a message without Content-Length (RFC 3261 §18.3).
    NoContentLength,
    /// The body is shorter than Content-Length says.
    Truncated,
    /// More than the [`Limits`] allow.
    TooLarge,
}

impl ParseErrorKind {
    /// The status a request with this fault is answered with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Version => StatusCode::VERSION_NOT_SUPPORTED,
            Self::UriTooLong => StatusCode::REQUEST_URI_TOO_LONG,
            Self::TooLarge => StatusCode::MESSAGE_TOO_LARGE,
            Self::Keepalive
            | Self::StartLine
            | Self::Uri
            | Self::StatusCode
            | Self::HeaderLine
            | Self::Unterminated
            | Self::ContentLength
            | Self::NoContentLength
            | Self::Truncated => StatusCode::BAD_REQUEST,
        }
    }

    /// What is wrong, in a fragment fit for a Reason phrase or a log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keepalive => "keep-alive",
            Self::StartLine => "malformed start line",
            Self::Version => "unknown SIP version",
            Self::Uri => "malformed Request-URI",
            Self::UriTooLong => "Request-URI too long",
            Self::StatusCode => "status code out of range",
            Self::HeaderLine => "malformed header line",
            Self::Unterminated => "no empty line after the header",
            Self::ContentLength => "malformed or contradictory Content-Length",
            Self::NoContentLength => "no Content-Length on a stream",
            Self::Truncated => "body shorter than Content-Length",
            Self::TooLarge => "message too large",
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.kind.as_str())
    }
}

impl std::error::Error for ParseError {}

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

#[derive(Clone, Debug)]
enum Start {
    Request(Method, Uri),
    /// A request whose Request-URI, version or spacing is wrong; enough to answer it.
    Answerable(Method),
    Response(StatusCode, String),
}

impl Head {
    /// Reads up to the empty line.
    pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Self {
        let mut lines = Lines { rest: bytes };
        let (start, fault) = start_line(lines.next().unwrap_or_default(), limits);
        let mut head =
            Self { start, fault, headers: Headers::new(), content_length: None, size: bytes.len() };
        head.read_headers(&mut lines, limits);
        head.size = bytes.len().saturating_sub(lines.rest.len());
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

    fn read_headers(&mut self, lines: &mut Lines<'_>, limits: &Limits) {
        let mut lengths = 0;
        while let Some(line) = lines.next() {
            if line.is_empty() {
                return;
            }
            let line = lines.unfold(line);
            match field(&line) {
                _ if self.headers.len() >= limits.headers || line.len() > limits.header => {
                    return self.fault(ParseErrorKind::TooLarge);
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
            return self.lose_end();
        }
        self.content_length = length;
    }

    /// A contradiction about the length outweighs every other fault: nothing after it can be
    /// believed.
    fn lose_end(&mut self) {
        self.fault = Some(ParseErrorKind::ContentLength);
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

fn field(line: &[u8]) -> Option<Header> {
    let colon = memchr::memchr(b':', line)?;
    let (name, value) = scan::split_at_byte(line, colon);
    let name = scan::token(name.trim_ascii_end())?;
    Some(Header::received(name, scan::trim(value)))
}

/// What the start line says, as far as it can be read, and what is wrong with it.
fn start_line(line: &[u8], limits: &Limits) -> (Option<Start>, Option<ParseErrorKind>) {
    if line.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/")) {
        return match status_line(line) {
            Ok(start) => (Some(start), None),
            Err(kind) => (None, Some(kind)),
        };
    }
    let Some((method, uri, version)) = request_line(line) else {
        return (None, Some(ParseErrorKind::StartLine));
    };
    match request_uri(uri, version, limits) {
        Ok(uri) => (Some(Start::Request(method, uri)), None),
        Err(kind) => (Some(Start::Answerable(method)), Some(kind)),
    }
}

fn request_line(line: &[u8]) -> Option<(Method, &[u8], &[u8])> {
    let (method, rest) = scan::split_at_byte(line, memchr::memchr(b' ', line)?);
    let (uri, version) = scan::split_at_byte(rest, memchr::memrchr(b' ', rest)?);
    Some((Method::from(scan::token(method)?), uri, version))
}

fn request_uri(uri: &[u8], version: &[u8], limits: &Limits) -> Result<Uri, ParseErrorKind> {
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Err(other_version(version));
    }
    if uri.len() > limits.uri {
        return Err(ParseErrorKind::UriTooLong);
    }
    let uri = Uri::parse(uri).map_err(|_| ParseErrorKind::Uri)?;
    // Header components are not allowed here, and must never become header fields (RFC 3261
    // §19.1.1).
    if uri.headers.is_some() { Err(ParseErrorKind::Uri) } else { Ok(uri) }
}

/// A version we do not speak is told apart from noise.
fn other_version(version: &[u8]) -> ParseErrorKind {
    let text = std::str::from_utf8(version).unwrap_or_default().to_ascii_uppercase();
    let number = text.strip_prefix("SIP/").and_then(|number| number.split_once('.'));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match number {
        Some((major, minor)) if digits(major) && digits(minor) => ParseErrorKind::Version,
        _ => ParseErrorKind::StartLine,
    }
}

fn status_line(line: &[u8]) -> Result<Start, ParseErrorKind> {
    if line.contains(&b'\r') {
        return Err(ParseErrorKind::StartLine);
    }
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let version = parts.next().unwrap_or_default();
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Err(other_version(version));
    }
    let code = parts.next().filter(|code| code.len() == 3).and_then(scan::number);
    let status = code.and_then(|code| u16::try_from(code).ok()).and_then(StatusCode::new);
    let reason = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    Ok(Start::Response(status.ok_or(ParseErrorKind::StatusCode)?, reason))
}
