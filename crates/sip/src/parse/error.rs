//! What makes octets no message.

use std::fmt;

#[cfg(doc)]
use crate::limit::Limits;
use crate::message::{Response, StatusCode};

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
    /// A body larger than they allow.
    BodyTooLarge,
}

impl ParseErrorKind {
    /// The status a request with this fault is answered with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Version => StatusCode::VERSION_NOT_SUPPORTED,
            Self::UriTooLong => StatusCode::REQUEST_URI_TOO_LONG,
            Self::TooLarge => StatusCode::MESSAGE_TOO_LARGE,
            Self::BodyTooLarge => StatusCode::REQUEST_ENTITY_TOO_LARGE,
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
            Self::BodyTooLarge => "body too large",
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.kind.as_str())
    }
}

impl std::error::Error for ParseError {}
