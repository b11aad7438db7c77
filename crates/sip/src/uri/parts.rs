//! A URI as it stands in a message: parted and checked, but not copied.

use std::borrow::Cow;

use super::host::{HostRef, host_and_port};
use super::{Scheme, Uri, UriError, escape};
use crate::header::Params;

/// Parameters of a URI, and header components of one. More than phones and carriers ever write, and few
/// enough that each may be compared with each (RFC 3261 §19.1.4).
const MOST: usize = 32;

/// A URI that borrows from the text it was read from.
#[derive(Clone, Debug)]
pub struct UriRef<'a> {
    scheme: Scheme,
    user: Option<&'a str>,
    password: Option<&'a str>,
    host: HostRef<'a>,
    port: Option<u16>,
    params: Option<&'a str>,
    headers: Option<&'a str>,
}

impl<'a> UriRef<'a> {
    /// Reads a URI.
    ///
    /// # Errors
    /// When the octets are no URI; white space and angle brackets are no part of one.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, UriError> {
        Self::of_text(std::str::from_utf8(bytes).map_err(|_| UriError("uri is not utf-8"))?)
    }

    /// The user with its escapes undone, as [`Uri::user_name`] has it.
    #[must_use]
    pub fn user_name(&self) -> Option<Cow<'a, str>> {
        let user = self.user?;
        if !user.contains('%') {
            return Some(Cow::Borrowed(user));
        }
        Some(Cow::Owned(String::from_utf8_lossy(&escape::undo(user)).into_owned()))
    }

    /// The URI on its own.
    #[must_use]
    pub fn to_uri(&self) -> Uri {
        Uri {
            scheme: self.scheme.clone(),
            user: self.user.map(Into::into),
            password: self.password.map(Into::into),
            host: self.host.to_host(),
            port: self.port,
            params: self.params.map(Params::of_uri).unwrap_or_default(),
            headers: self.headers.map(Into::into),
        }
    }

    pub(super) fn of_text(text: &'a str) -> Result<Self, UriError> {
        let (scheme, rest) = split(text, b':').ok_or(UriError("uri has no scheme"))?;
        let letter = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
        if !letter || !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) {
            return Err(UriError("uri scheme is malformed"));
        }
        if rest.bytes().any(|b| b <= b' ' || matches!(b, 0x7F | b'<' | b'>' | b'"')) {
            return Err(UriError("uri has white space or a character that needs an escape"));
        }
        let is = |known: Scheme| known.as_str().eq_ignore_ascii_case(scheme).then_some(known);
        match is(Scheme::Sip).or_else(|| is(Scheme::Sips)).or_else(|| is(Scheme::Tel)) {
            Some(Scheme::Tel) => tel(rest),
            Some(scheme) => sip(scheme, rest),
            None => opaque(Scheme::Other(scheme.to_ascii_lowercase().into()), rest),
        }
    }
}

fn sip(scheme: Scheme, rest: &str) -> Result<UriRef<'_>, UriError> {
    // No part after the user may hold an unescaped `@`, so the first one ends the user; what
    // looks like a parameter before it belongs to the user.
    let (userinfo, rest) = match split(rest, b'@') {
        Some((userinfo, rest)) => (Some(userinfo), rest),
        None => (None, rest),
    };
    let (rest, headers) = match split(rest, b'?') {
        Some((rest, headers)) => (rest, Some(headers)),
        None => (rest, None),
    };
    let (hostport, params) = split_params(rest);
    let (user, password) = match userinfo.map(|info| split(info, b':').unwrap_or((info, ""))) {
        Some(("", _)) => return Err(UriError("uri has an empty user")),
        Some((user, "")) => (Some(user), None),
        Some((user, password)) => (Some(user), Some(password)),
        None => (None, None),
    };
    for part in [user, password, params, headers].into_iter().flatten() {
        escape::check(part)?;
    }
    let (host, port) = host_and_port(hostport)?;
    check_params(params)?;
    if headers.is_some_and(|headers| headers.split('&').count() > MOST) {
        return Err(UriError("uri has too many headers"));
    }
    Ok(UriRef { scheme, user, password, host, port, params, headers })
}

fn tel(rest: &str) -> Result<UriRef<'_>, UriError> {
    let (number, params) = split_params(rest);
    let digit = |b: u8| b.is_ascii_hexdigit() || b"*#-.()+".contains(&b);
    if number.is_empty() || !number.bytes().all(digit) {
        return Err(UriError("tel uri has no number"));
    }
    check_params(params)?;
    Ok(UriRef { params, ..opaque(Scheme::Tel, number)? })
}

fn opaque(scheme: Scheme, rest: &str) -> Result<UriRef<'_>, UriError> {
    if rest.is_empty() {
        return Err(UriError("uri ends after its scheme"));
    }
    Ok(UriRef {
        scheme,
        user: Some(rest),
        password: None,
        host: HostRef::Absent,
        port: None,
        params: None,
        headers: None,
    })
}

fn split_params(text: &str) -> (&str, Option<&str>) {
    match split(text, b';') {
        Some((before, params)) => (before, Some(params)),
        None => (text, None),
    }
}

/// The text before and after the first octet of this kind.
fn split(text: &str, octet: u8) -> Option<(&str, &str)> {
    let at = memchr::memchr(octet, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

fn check_params(params: Option<&str>) -> Result<(), UriError> {
    let Some(params) = params else { return Ok(()) };
    let nameless = |param: &str| param.is_empty() || param.starts_with('=');
    if params.split(';').any(nameless) {
        return Err(UriError("uri has an empty parameter"));
    }
    if params.split(';').count() > MOST {
        return Err(UriError("uri has too many parameters"));
    }
    Ok(())
}
