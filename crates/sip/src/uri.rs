//! SIP, SIPS and TEL URIs (RFC 3261 §19.1, RFC 3966); other schemes are kept as they are.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use crate::header::Params;

mod compare;
mod escape;
mod host;
#[cfg(test)]
mod tests;

pub use host::Host;
pub(crate) use host::host_and_port;

/// The scheme of a URI.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// `sip`
    Sip,
    /// `sips`
    Sips,
    /// `tel`
    Tel,
    /// Any other, in lower case.
    Other(Box<str>),
}

impl Scheme {
    /// The scheme in lower case, without the colon.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Sip => "sip",
            Self::Sips => "sips",
            Self::Tel => "tel",
            Self::Other(scheme) => scheme,
        }
    }
}

/// A URI. `==` compares what is written; [`Uri::is_equivalent`] compares what is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Uri {
    /// The scheme.
    pub scheme: Scheme,
    /// The user as written, escapes included. Of a `tel` URI the number; of another scheme
    /// everything after its colon.
    pub user: Option<Box<str>>,
    /// The password as written (RFC 3261 §19.1.1 advises against it).
    pub password: Option<Box<str>>,
    /// The host; absent in schemes other than `sip` and `sips`.
    pub host: Host,
    /// The port, where one is written.
    pub port: Option<u16>,
    /// The parameters.
    pub params: Params,
    /// The header components as written, without the question mark.
    pub headers: Option<Box<str>>,
}

/// Why a text is no URI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UriError(&'static str);

impl fmt::Display for UriError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }
}

impl std::error::Error for UriError {}

impl Uri {
    /// `sip:user@host`, where `user` is plain text that gets the escapes it needs.
    #[must_use]
    pub fn sip(user: &str, host: Host) -> Self {
        Self { user: Some(escape::user(user).into()), ..Self::of_host(host) }
    }

    /// `sip:host`
    #[must_use]
    pub fn of_host(host: Host) -> Self {
        Self {
            scheme: Scheme::Sip,
            user: None,
            password: None,
            host,
            port: None,
            params: Params::default(),
            headers: None,
        }
    }

    /// `sip:address:port`
    #[must_use]
    pub fn of_address(address: SocketAddr) -> Self {
        Self { port: Some(address.port()), ..Self::of_host(Host::Ip(address.ip())) }
    }

    /// The same with a port.
    #[must_use]
    pub fn with_port(mut self, port: Option<u16>) -> Self {
        self.port = port;
        self
    }

    /// The same with a parameter.
    #[must_use]
    pub fn with_param(mut self, name: &str, value: &str) -> Self {
        self.params.set(name, value);
        self
    }

    /// Reads a URI.
    ///
    /// # Errors
    /// When the octets are no URI; white space and angle brackets are no part of one.
    pub fn parse(bytes: &[u8]) -> Result<Self, UriError> {
        std::str::from_utf8(bytes).map_err(|_| UriError("uri is not utf-8"))?.parse()
    }

    /// The user with its escapes undone: what a person would call the number or name. Octets
    /// that are no UTF-8 become U+FFFD.
    #[must_use]
    pub fn user_name(&self) -> Option<String> {
        let user = self.user.as_deref()?;
        Some(String::from_utf8_lossy(&escape::undo(user)).into_owned())
    }

    /// The value of the first header component of this name with its escapes undone
    /// (RFC 3261 §19.1.1).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Vec<u8>> {
        let components = self.headers.as_deref()?.split('&');
        let mut components = components.filter_map(|component| component.split_once('='));
        let named = |written: &str| escape::undo(written).eq_ignore_ascii_case(name.as_bytes());
        components.find(|(written, _)| named(written)).map(|(_, value)| escape::undo(value))
    }

    /// Whether it is a `sip` or `sips` URI.
    #[must_use]
    pub fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// Whether both name the same resource (RFC 3261 §19.1.4, RFC 3966 §4).
    #[must_use]
    pub fn is_equivalent(&self, other: &Self) -> bool {
        compare::equivalent(self, other)
    }

    /// The address when the host is one: with the port written, or the scheme's own.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        let Host::Ip(ip) = self.host else { return None };
        Some(SocketAddr::new(ip, self.port_or_default()))
    }

    /// The port written, or 5060, or 5061 for `sips` and TLS (RFC 3261 §19.1.2).
    #[must_use]
    pub fn port_or_default(&self) -> u16 {
        let tls = self.params.value("transport").is_some_and(|it| it.eq_ignore_ascii_case("tls"));
        let own = if self.scheme == Scheme::Sips || tls { 5061 } else { 5060 };
        self.port.unwrap_or(own)
    }
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let (scheme, rest) = text.split_once(':').ok_or(UriError("uri has no scheme"))?;
        let letter = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
        if !letter || !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) {
            return Err(UriError("uri scheme is malformed"));
        }
        if rest.bytes().any(|b| b <= b' ' || b == 0x7F || b"<>\"".contains(&b)) {
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

impl From<&Uri> for Vec<u8> {
    fn from(uri: &Uri) -> Self {
        uri.to_string().into_bytes()
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:", self.scheme.as_str())?;
        if let Some(user) = &self.user {
            out.write_str(user)?;
        }
        if let Some(password) = &self.password {
            write!(out, ":{password}")?;
        }
        if self.user.is_some() && self.host != Host::Absent {
            out.write_str("@")?;
        }
        write!(out, "{}", self.host)?;
        if let Some(port) = self.port {
            write!(out, ":{port}")?;
        }
        write!(out, "{}", self.params)?;
        match &self.headers {
            Some(headers) => write!(out, "?{headers}"),
            None => Ok(()),
        }
    }
}

fn sip(scheme: Scheme, rest: &str) -> Result<Uri, UriError> {
    // No part after the user may hold an unescaped `@`, so the first one ends the user; what
    // looks like a parameter before it belongs to the user.
    let (userinfo, rest) = match rest.split_once('@') {
        Some((userinfo, rest)) => (Some(userinfo), rest),
        None => (None, rest),
    };
    let (rest, headers) = match rest.split_once('?') {
        Some((rest, headers)) => (rest, Some(headers)),
        None => (rest, None),
    };
    let (hostport, params) = match rest.split_once(';') {
        Some((hostport, params)) => (hostport, Some(params)),
        None => (rest, None),
    };
    let (user, password) = match userinfo.map(|info| info.split_once(':').unwrap_or((info, ""))) {
        Some(("", _)) => return Err(UriError("uri has an empty user")),
        Some((user, "")) => (Some(user), None),
        Some((user, password)) => (Some(user), Some(password)),
        None => (None, None),
    };
    for part in [user, password, params, headers].into_iter().flatten() {
        escape::check(part)?;
    }
    let (host, port) = host::host_and_port(hostport)?;
    Ok(Uri {
        scheme,
        user: user.map(Into::into),
        password: password.map(Into::into),
        host,
        port,
        params: read_params(params)?,
        headers: headers.map(Into::into),
    })
}

fn tel(rest: &str) -> Result<Uri, UriError> {
    let (number, params) = match rest.split_once(';') {
        Some((number, params)) => (number, Some(params)),
        None => (rest, None),
    };
    let digit = |b: u8| b.is_ascii_hexdigit() || b"*#-.()+".contains(&b);
    if number.is_empty() || !number.bytes().all(digit) {
        return Err(UriError("tel uri has no number"));
    }
    let params = read_params(params)?;
    Ok(Uri { params, ..opaque(Scheme::Tel, number)? })
}

fn opaque(scheme: Scheme, rest: &str) -> Result<Uri, UriError> {
    if rest.is_empty() {
        return Err(UriError("uri ends after its scheme"));
    }
    Ok(Uri { scheme, user: Some(rest.into()), ..Uri::of_host(Host::Absent) })
}

fn read_params(text: Option<&str>) -> Result<Params, UriError> {
    match text {
        Some(text) => Params::parse_uri(text).ok_or(UriError("uri has an empty parameter")),
        None => Ok(Params::default()),
    }
}
