//! `Via` (RFC 3261 §20.42, §18.2; `rport`: RFC 3581).

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::Params;
use crate::parse::scan;
use crate::uri::{Host, host_and_port};

/// What every branch of RFC 3261 starts with (§8.1.1.7).
pub const MAGIC_COOKIE: &str = "z9hG4bK";

/// The transport a Via names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Transport {
    /// UDP
    Udp,
    /// TCP
    Tcp,
    /// TLS over TCP
    Tls,
    /// WebSocket (RFC 7118)
    Ws,
    /// WebSocket over TLS (RFC 7118)
    Wss,
    /// Any other, as written.
    Other(Box<str>),
}

impl Transport {
    /// The name as it stands in a Via.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
            Self::Other(name) => name,
        }
    }

    /// Whether the transport itself sees to retransmission (RFC 3261 §17).
    #[must_use]
    pub fn is_reliable(&self) -> bool {
        *self != Self::Udp
    }
}

impl From<&str> for Transport {
    fn from(name: &str) -> Self {
        let known = [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss];
        let found = known.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(name));
        found.unwrap_or_else(|| Self::Other(name.into()))
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// One hop a request took, and where its response goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Via {
    /// The transport of the hop.
    pub transport: Transport,
    /// The host of `sent-by`.
    pub host: Host,
    /// The port of `sent-by`, where written.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport`, …
    pub params: Params,
}

impl Via {
    /// A Via of ours with this branch; it asks for `rport`.
    #[must_use]
    pub fn new(transport: Transport, host: Host, port: Option<u16>, branch: &str) -> Self {
        let mut params = Params::default();
        params.set_flag("rport");
        params.set("branch", branch);
        Self { transport, host, port, params }
    }

    /// The branch, which names the transaction where it starts with [`MAGIC_COOKIE`].
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.params.value("branch").filter(|branch| !branch.is_empty())
    }

    /// The address the request was received from, as the receiver wrote it. Brackets around
    /// IPv6 are no part of the grammar but are sent (RFC 5118 §4.5).
    #[must_use]
    pub fn received(&self) -> Option<IpAddr> {
        let value = self.params.value("received")?;
        let bare = value.strip_prefix('[').and_then(|value| value.strip_suffix(']'));
        bare.unwrap_or(value).parse().ok()
    }

    /// Whether `rport` is there, filled in or not (RFC 3581 §3).
    #[must_use]
    pub fn asks_rport(&self) -> bool {
        self.params.has("rport")
    }

    /// The port the request was received from, as the receiver wrote it.
    #[must_use]
    pub fn rport(&self) -> Option<u16> {
        self.params.value("rport")?.parse().ok()
    }

    /// The port written, or the transport's own (RFC 3261 §18.2.2).
    #[must_use]
    pub fn port_or_default(&self) -> u16 {
        let tls = matches!(self.transport, Transport::Tls | Transport::Wss);
        self.port.unwrap_or(if tls { 5061 } else { 5060 })
    }

    /// Writes down where the request came from: `received` when `sent-by` is not that address
    /// or `rport` is asked for, and then `rport` too (RFC 3261 §18.2.1, RFC 3581 §4).
    pub fn stamp(&mut self, source: SocketAddr) {
        let ip = source.ip().to_canonical();
        let asked = self.asks_rport();
        if asked {
            self.params.set("rport", &source.port().to_string());
        }
        if asked || self.host.ip().map(|host| host.to_canonical()) != Some(ip) {
            self.params.set("received", &ip.to_string());
        } else {
            // A value the sender wrote itself is not to be believed.
            self.params.remove("received");
        }
    }

    /// Where the response goes over an unreliable transport: the `received` address or the host
    /// of `sent-by`, at `rport` or the port of `sent-by` (RFC 3261 §18.2.2, RFC 3581 §4).
    #[must_use]
    pub fn reply_to(&self) -> (Host, u16) {
        let received = self.received();
        let port = self.rport().filter(|_| received.is_some());
        let host = received.map_or_else(|| self.host.clone(), Host::Ip);
        (host, port.unwrap_or_else(|| self.port_or_default()))
    }

    /// Reads one element of the field.
    pub(crate) fn parse(value: &[u8]) -> Result<Self, &'static str> {
        let (hop, params) = match value.iter().position(|byte| *byte == b';') {
            Some(at) => {
                let (hop, params) = scan::split_at_byte(value, at);
                (hop, Params::parse_header(params).ok_or("parameters are malformed")?)
            }
            None => (value, Params::default()),
        };
        let hop = std::str::from_utf8(hop).map_err(|_| "sent-by is no text")?;
        let mut parts = hop.splitn(3, '/').map(str::trim_ascii);
        let (protocol, version) =
            (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if !protocol.eq_ignore_ascii_case("SIP") || version != "2.0" {
            return Err("protocol is not SIP/2.0");
        }
        let rest = parts.next().ok_or("no transport")?;
        let (transport, sent_by) =
            rest.split_once(|c: char| c.is_ascii_whitespace()).ok_or("no sent-by")?;
        let transport = scan::token(transport.as_bytes()).ok_or("transport is no token")?;
        let (host, port) =
            host_and_port(sent_by.trim_ascii()).map_err(|_| "sent-by is malformed")?;
        Ok(Self { transport: transport.into(), host, port, params })
    }
}

impl From<&Via> for Vec<u8> {
    fn from(via: &Via) -> Self {
        via.to_string().into_bytes()
    }
}

impl fmt::Display for Via {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(out, ":{port}")?;
        }
        write!(out, "{}", self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn via(text: &str) -> Via {
        Via::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn white_space_is_allowed_where_the_grammar_has_it() {
        let via = via("SIP  / 2.0  / tcp     trunk.example.cn : 5070  ;  branch  =   z9hG4bK9 ");
        assert_eq!(via.to_string(), "SIP/2.0/TCP trunk.example.cn:5070;branch=z9hG4bK9");
    }

    #[test]
    fn malformed_vias_are_refused() {
        for text in [
            "",
            "SIP/2.0/UDP",
            "SIP/7.0/UDP a",
            "UDP a",
            "SIP/2.0/UDP a;;",
            "SIP/2.0/UDP ::1",
            "SIP/2.0/U,P a",
        ] {
            assert!(Via::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn received_is_read_with_and_without_brackets() {
        for text in ["[2001:db8::9:255]", "2001:db8::9:255"] {
            let via = via(&format!("SIP/2.0/UDP [2001:db8::9:1];received={text}"));
            assert_eq!(via.received(), "2001:db8::9:255".parse().ok());
        }
    }

    #[test]
    fn a_phone_behind_nat_that_asks_gets_its_public_address_and_port() {
        let mut via = via("SIP/2.0/UDP 10.0.0.5:5060;rport;branch=z9hG4bK1");
        via.stamp("203.0.113.9:40000".parse().unwrap());
        assert_eq!(via.reply_to(), (Host::Ip("203.0.113.9".parse().unwrap()), 40_000));
        assert_eq!(via.params.to_string(), ";rport=40000;branch=z9hG4bK1;received=203.0.113.9");
    }

    #[test]
    fn without_rport_the_response_goes_to_the_port_of_sent_by() {
        let mut via = via("SIP/2.0/UDP pbx.example.cn:5070;branch=z9hG4bK1");
        via.stamp("203.0.113.9:40000".parse().unwrap());
        assert_eq!(via.reply_to(), (Host::Ip("203.0.113.9".parse().unwrap()), 5070));
    }

    #[test]
    fn a_sender_at_the_address_it_names_gets_no_received() {
        let mut via = via("SIP/2.0/UDP 203.0.113.9;branch=z9hG4bK1;received=192.0.2.1");
        via.stamp("203.0.113.9:5060".parse().unwrap());
        assert_eq!(via.to_string(), "SIP/2.0/UDP 203.0.113.9;branch=z9hG4bK1");
    }
}
