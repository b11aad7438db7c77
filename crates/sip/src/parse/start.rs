//! The first line of a message (RFC 3261 §7.1, §7.2), read strictly: nobody else can tell what is
//! asked for.

use super::{ParseErrorKind, scan};
use crate::limit::Limits;
use crate::message::{Method, StatusCode};
use crate::uri::Uri;

/// What the first line says.
#[derive(Clone, Debug)]
pub(super) enum Start {
    /// A request.
    Request(Method, Uri),
    /// A request whose Request-URI, version or spacing is wrong; enough to answer it.
    Answerable(Method),
    /// A response.
    Response(StatusCode, String),
}

/// What the start line says, as far as it can be read, and what is wrong with it.
pub(super) fn start_line(line: &[u8], limits: &Limits) -> (Option<Start>, Option<ParseErrorKind>) {
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
