//! SIP, SIPS and TEL URIs (RFC 3261 §19.1, RFC 3966); other schemes are kept as they are.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use crate::header::Params;

mod compare;
mod escape;
mod host;
mod parts;
#[cfg(test)]
mod tests;

pub use host::Host;
pub(crate) use host::{HostRef, host_and_port};
pub use parts::UriRef;

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
        Ok(UriRef::of_text(text)?.to_uri())
    }
}

impl From<&Uri> for Vec<u8> {
    fn from(uri: &Uri) -> Self {
        uri.to_string().into_bytes()
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.scheme.as_str())?;
        out.write_str(":")?;
        if let Some(user) = &self.user {
            out.write_str(user)?;
        }
        if let Some(password) = &self.password {
            out.write_str(":")?;
            out.write_str(password)?;
        }
        if self.user.is_some() && self.host != Host::Absent {
            out.write_str("@")?;
        }
        self.host.fmt(out)?;
        if let Some(port) = self.port {
            write!(out, ":{port}")?;
        }
        self.params.fmt(out)?;
        match &self.headers {
            Some(headers) => write!(out, "?{headers}"),
            None => Ok(()),
        }
    }
}
