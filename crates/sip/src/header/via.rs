//! `Via` (RFC 3261 §20.42, §18.2; `rport`: RFC 3581).

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::{Params, ParamsRef};
use crate::message::write;
use crate::parse::scan;
use crate::uri::{Host, HostRef, host_and_port};

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

    fn known(name: &str) -> Option<Self> {
        let known = [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss];
        known.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(name))
    }

    /// The port of a transport of this name where none is written (RFC 3261 §18.2.2).
    fn usual_port(name: &str) -> u16 {
        let over_tls =
            [Self::Tls, Self::Wss].iter().any(|it| it.as_str().eq_ignore_ascii_case(name));
        if over_tls { 5061 } else { 5060 }
    }
}

impl From<&str> for Transport {
    fn from(name: &str) -> Self {
        Self::known(name).unwrap_or_else(|| Self::Other(name.into()))
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

    /// Reads one element of the field.
    pub(crate) fn parse(value: &[u8]) -> Result<Self, &'static str> {
        Ok(ViaRef::parse(value)?.to_via())
    }
}

/// The same as [`Via`], borrowed from the field it was read from.
#[derive(Clone, Copy, Debug)]
pub struct ViaRef<'a> {
    transport: &'a str,
    host: HostRef<'a>,
    /// The host as written.
    name: &'a str,
    port: Option<u16>,
    params: ParamsRef<'a>,
}

impl<'a> ViaRef<'a> {
    /// The branch, which names the transaction where it starts with [`MAGIC_COOKIE`].
    #[must_use]
    pub fn branch(&self) -> Option<Cow<'a, str>> {
        self.params.value("branch").filter(|branch| !branch.is_empty())
    }

    /// The element with where the request came from written down: `received` when `sent-by` is not
    /// that address or `rport` is asked for, and then `rport` too (RFC 3261 §18.2.1, RFC 3581 §4).
    #[must_use]
    pub fn stamped(&self, source: SocketAddr) -> Vec<u8> {
        let ip = source.ip().to_canonical();
        let asked = self.params.has("rport");
        let host = self.host.ip().map(|host| host.to_canonical());
        let mut received = asked || host != Some(ip);
        let mut out = Vec::with_capacity(128);
        let known = Transport::known(self.transport);
        let transport = known.as_ref().map_or(self.transport, Transport::as_str);
        write(&mut out, format_args!("SIP/2.0/{transport} {}", self.name));
        if let Some(port) = self.port {
            write(&mut out, format_args!(":{port}"));
        }
        for (name, value) in self.params.iter() {
            if asked && name.eq_ignore_ascii_case("rport") {
                write(&mut out, format_args!(";{name}={}", source.port()));
            } else if name.eq_ignore_ascii_case("received") {
                // A value the sender wrote itself is not to be believed.
                if std::mem::take(&mut received) {
                    write(&mut out, format_args!(";{name}={ip}"));
                }
            } else {
                out.push(b';');
                out.extend_from_slice(name.as_bytes());
                if let Some(value) = value {
                    out.push(b'=');
                    out.extend_from_slice(value);
                }
            }
        }
        if received {
            write(&mut out, format_args!(";received={ip}"));
        }
        out
    }

    /// Where the response to a request from there goes over an unreliable transport: to the address
    /// it came from, at its port when `rport` is asked for, else at that of `sent-by` (RFC 3261
    /// §18.2.2, RFC 3581 §4). Stamped or not makes no difference.
    #[must_use]
    pub fn reply_to(&self, source: SocketAddr) -> SocketAddr {
        let written = || self.port.unwrap_or_else(|| Transport::usual_port(self.transport));
        let port = if self.params.has("rport") { source.port() } else { written() };
        SocketAddr::new(source.ip().to_canonical(), port)
    }

    /// `sent-by` as it is compared: a name in lower case, an address in one spelling, and the port,
    /// written or not.
    pub(crate) fn sent_by(&self) -> String {
        let port = self.port.unwrap_or_else(|| Transport::usual_port(self.transport));
        match self.host.ip() {
            Some(IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
            // Of names and IPv4 nothing but the case may differ.
            Some(IpAddr::V4(_)) | None => {
                let mut text = self.name.to_ascii_lowercase();
                text.push(':');
                text.push_str(&port.to_string());
                text
            }
        }
    }

    /// The Via on its own.
    #[must_use]
    pub fn to_via(&self) -> Via {
        Via {
            transport: self.transport.into(),
            host: self.host.to_host(),
            port: self.port,
            params: self.params.to_params(),
        }
    }

    /// Reads one element of the field.
    pub(crate) fn parse(value: &'a [u8]) -> Result<Self, &'static str> {
        let (hop, params) = match memchr::memchr(b';', value) {
            Some(at) => {
                let (hop, params) = scan::split_at_byte(value, at);
                (hop, ParamsRef::parse(params).ok_or("parameters are malformed")?)
            }
            None => (value, ParamsRef::default()),
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
        let sent_by = sent_by.trim_ascii();
        let (host, port) = host_and_port(sent_by).map_err(|_| "sent-by is malformed")?;
        // What follows the last colon outside the brackets of IPv6 is the port.
        let name = sent_by.rsplit_once(':').filter(|_| port.is_some()).map_or(sent_by, |it| it.0);
        Ok(Self { transport, host, name: name.trim_ascii_end(), port, params })
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

    fn stamped(text: &str, source: &str) -> (String, SocketAddr) {
        let (via, source) = (ViaRef::parse(text.as_bytes()).unwrap(), source.parse().unwrap());
        let stamped = via.stamped(source);
        let again = ViaRef::parse(&stamped).unwrap();
        assert_eq!(again.reply_to(source), via.reply_to(source));
        assert_eq!(again.stamped(source), stamped);
        (String::from_utf8(stamped.clone()).unwrap(), via.reply_to(source))
    }

    #[test]
    fn a_phone_behind_nat_that_asks_gets_its_public_address_and_port() {
        let written = "SIP/2.0/udp 10.0.0.5:5060;rport;branch=z9hG4bK1";
        let (via, reply_to) = stamped(written, "203.0.113.9:40000");
        assert_eq!(reply_to, "203.0.113.9:40000".parse().unwrap());
        assert_eq!(
            via,
            "SIP/2.0/UDP 10.0.0.5:5060;rport=40000;branch=z9hG4bK1;received=203.0.113.9"
        );
    }

    #[test]
    fn without_rport_the_response_goes_to_the_port_of_sent_by() {
        let written = "SIP/2.0/UDP pbx.example.cn:5070;branch=z9hG4bK1";
        let (via, reply_to) = stamped(written, "203.0.113.9:40000");
        assert_eq!(reply_to, "203.0.113.9:5070".parse().unwrap());
        assert_eq!(via, format!("{written};received=203.0.113.9"));
    }

    #[test]
    fn a_sender_at_the_address_it_names_gets_no_received() {
        let written = "SIP/2.0/UDP 203.0.113.9;branch=z9hG4bK1;received=192.0.2.1";
        let (via, reply_to) = stamped(written, "203.0.113.9:5060");
        assert_eq!(via, "SIP/2.0/UDP 203.0.113.9;branch=z9hG4bK1");
        assert_eq!(reply_to, "203.0.113.9:5060".parse().unwrap());
    }

    #[test]
    fn every_spelling_of_sent_by_is_stamped_and_answered() {
        let source = "[2001:db8::1]:40000";
        for (sent_by, port) in [
            ("[2001:db8::1]", 5060),
            ("[2001:db8:0::1]:5070", 5070),
            ("[2001:db8::1] : 5070", 5070),
        ] {
            let (via, reply_to) = stamped(&format!("SIP/2.0/UDP {sent_by};branch=1"), source);
            assert!(!via.contains("received"), "{via}");
            assert_eq!(reply_to, format!("[2001:db8::1]:{port}").parse().unwrap(), "{sent_by}");
        }
        let (via, reply_to) = stamped("SIP/2.0/UDP a.example : 5070;branch=1", source);
        assert_eq!(via, "SIP/2.0/UDP a.example:5070;branch=1;received=2001:db8::1");
        assert_eq!(reply_to, "[2001:db8::1]:5070".parse().unwrap());
        let mapped = "SIP/2.0/UDP [::ffff:192.0.2.2]:5060;branch=1";
        assert_eq!(stamped(mapped, "192.0.2.2:5060").0, mapped);
    }

    #[test]
    fn odd_parameters_are_kept_and_rport_is_ours_to_fill_in() {
        let written = b"SIP/2.0/UDP a;rport=1;x=\"\xcd\xf5\";rport;branch=1";
        let via = ViaRef::parse(written).unwrap();
        let source = "192.0.2.1:40000".parse().unwrap();
        let expected =
            b"SIP/2.0/UDP a;rport=40000;x=\"\xcd\xf5\";rport=40000;branch=1;received=192.0.2.1";
        assert_eq!(via.stamped(source), expected);
        assert_eq!(via.reply_to(source), source);
    }

    #[test]
    fn sent_by_is_compared_without_regard_to_its_spelling() {
        let sent_by = |text: &str| ViaRef::parse(text.as_bytes()).unwrap().sent_by();
        assert_eq!(sent_by("SIP/2.0/UDP A.example"), sent_by("SIP/2.0/UDP a.EXAMPLE:5060"));
        assert_eq!(sent_by("SIP/2.0/UDP [::1]"), sent_by("SIP/2.0/UDP [0:0::1]:5060"));
        assert_ne!(sent_by("SIP/2.0/UDP a"), sent_by("SIP/2.0/TLS a"));
    }

    #[test]
    fn what_a_sender_says_it_was_received_from_is_overwritten() {
        let written = "SIP/2.0/UDP a;received=192.0.2.1;branch=z9hG4bK1;received=192.0.2.2";
        let (via, _) = stamped(written, "[::ffff:203.0.113.9]:5060");
        assert_eq!(via, "SIP/2.0/UDP a;received=203.0.113.9;branch=z9hG4bK1");
    }
}
