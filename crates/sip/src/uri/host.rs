//! `host [":" port]` (RFC 3261 §25.1, IPv6 as RFC 5118 reads it).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::UriError;

/// A host as written in a URI or a Via.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Host {
    /// A domain name, in the case it was written.
    Name(Box<str>),
    /// An address; IPv6 is written in brackets.
    Ip(IpAddr),
    /// None: a URI of a scheme without hosts.
    Absent,
}

impl Host {
    /// Reads a host without port.
    ///
    /// # Errors
    /// When it is neither a domain name nor an address.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        match host_and_port(text)? {
            (host, None) => Ok(host.to_host()),
            (_, Some(_)) => Err(UriError("host has a port")),
        }
    }

    /// Whether both are the same name, without regard to case, or the same address.
    #[must_use]
    pub fn is_equivalent(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(one), Self::Name(two)) => one.eq_ignore_ascii_case(two),
            (one, two) => one == two,
        }
    }

    /// The address, when it is one.
    #[must_use]
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(*ip),
            Self::Name(_) | Self::Absent => None,
        }
    }
}

impl From<IpAddr> for Host {
    fn from(ip: IpAddr) -> Self {
        Self::Ip(ip)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => out.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => write_ipv4(*ip, out),
            Self::Ip(IpAddr::V6(ip)) => write!(out, "[{ip}]"),
            Self::Absent => Ok(()),
        }
    }
}

/// An address without what formatting numbers costs: it is written several times a message.
fn write_ipv4(ip: Ipv4Addr, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = String::with_capacity("255.255.255.255".len());
    for (place, octet) in ip.octets().into_iter().enumerate() {
        if place > 0 {
            text.push('.');
        }
        let digits = [octet / 100, octet / 10 % 10, octet % 10];
        let zeros = if octet < 10 { 2 } else { usize::from(octet < 100) };
        text.extend(digits.into_iter().skip(zeros).map(|digit| char::from(b'0' + digit)));
    }
    out.write_str(&text)
}

/// A host that borrows from the text it was read from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HostRef<'a> {
    Name(&'a str),
    Ip(IpAddr),
    Absent,
}

impl HostRef<'_> {
    /// The address, when it is one.
    pub(crate) const fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(ip),
            Self::Name(_) | Self::Absent => None,
        }
    }

    pub(crate) fn to_host(self) -> Host {
        match self {
            Self::Name(name) => Host::Name(name.into()),
            Self::Ip(ip) => Host::Ip(ip),
            Self::Absent => Host::Absent,
        }
    }
}

/// Reads a host and the port behind its colon.
pub(crate) fn host_and_port(text: &str) -> Result<(HostRef<'_>, Option<u16>), UriError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, rest) =
            rest.split_once(']').ok_or(UriError("ipv6 address lacks its closing bracket"))?;
        let ip = ipv6(inside).ok_or(UriError("ipv6 address is malformed"))?;
        return Ok((HostRef::Ip(IpAddr::V6(ip)), port(rest.trim_ascii())?));
    }
    let end = memchr::memchr(b':', text.as_bytes()).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let name = name.trim_ascii();
    Ok((named(name)?, port(rest)?))
}

fn named(name: &str) -> Result<HostRef<'_>, UriError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    if name.is_empty() || name.starts_with('.') || !name.bytes().all(allowed) {
        return Err(UriError("host is malformed"));
    }
    Ok(name.parse().map_or(HostRef::Name(name), |ip| HostRef::Ip(IpAddr::V4(ip))))
}

fn port(rest: &str) -> Result<Option<u16>, UriError> {
    if rest.is_empty() {
        return Ok(None);
    }
    let digits = rest.strip_prefix(':').ok_or(UriError("host is followed by something odd"))?;
    let digits = digits.trim_ascii();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(UriError("port is no number"));
    }
    digits.parse().map(Some).map_err(|_| UriError("port is out of range"))
}

fn ipv6(text: &str) -> Option<Ipv6Addr> {
    // The grammar of RFC 3261 allowed three colons before an IPv4 tail by mistake; such
    // addresses are sent and mean two (RFC 5118 §4.10).
    text.parse().ok().or_else(|| text.replacen(":::", "::", 1).parse().ok())
}
