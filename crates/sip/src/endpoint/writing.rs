//! What the endpoint itself writes into messages: Via, Contact, Max-Forwards, Reason, product.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::order::{Body, ExtraHeaders};
use super::settings::Reach;
use super::{Destination, Endpoint, ListenerId, Output, Sending, Source, Transport};
use crate::dialog::Dialog;
use crate::header::{self, HeaderName, Headers, NameAddr, Via};
use crate::message::{Method, Request, Response, StatusCode};
use crate::transaction::TransactionId;
use crate::uri::{Host, Uri};

/// The extensions that we know of calls (RFC 3262, RFC 4028, RFC 3891).
pub(super) const SUPPORTED: &str = "100rel, timer, replaces";
const SUPPORTED_WITHIN: &str = "timer, replaces";
/// Hops a request of ours may take (RFC 3261 §8.1.1.6).
const MAX_FORWARDS: &str = "70";

impl Endpoint {
    pub(super) fn public(&self, listener: ListenerId) -> Option<SocketAddr> {
        self.settings.listeners.get(usize::from(listener.0)).map(|listener| listener.public)
    }

    /// Our Contact in a dialog over this destination.
    #[must_use]
    pub fn contact(&self, destination: &Destination, user: Option<&str>) -> NameAddr {
        let public = self.public_or_unspecified(destination.listener);
        let mut uri = Uri::of_address(public);
        uri.user = user.map(Into::into);
        if let Some(transport) = destination.transport.in_uri() {
            uri = uri.with_param("transport", transport);
        }
        NameAddr::new(uri)
    }

    /// Adds a Via with a new branch, Max-Forwards and our name to a request of ours.
    pub(super) fn dress(&mut self, request: &mut Request, destination: &Destination) {
        let public = self.public_or_unspecified(destination.listener);
        let transport = match destination.transport {
            Transport::Udp => header::Transport::Udp,
            Transport::Tcp => header::Transport::Tcp,
            Transport::Tls => header::Transport::Tls,
            Transport::Ws => header::Transport::Ws,
            Transport::Wss => header::Transport::Wss,
        };
        let branch = self.tokens.branch();
        let via = Via::new(transport, Host::Ip(public.ip()), Some(public.port()), &branch);
        request.headers.push_top(HeaderName::Via, &via);
        if !request.headers.has(&HeaderName::MaxForwards) {
            request.headers.push(HeaderName::MaxForwards, MAX_FORWARDS);
        }
        if request.method != Method::Ack && !request.headers.has(&HeaderName::UserAgent) {
            request.headers.push(HeaderName::UserAgent, self.settings.product.as_str());
        }
    }

    /// Says what we can do, in an INVITE, a 2xx or an OPTIONS response (§13.2.1, §11.2).
    pub(super) fn tell_abilities(&self, headers: &mut Headers) {
        headers.push(HeaderName::Allow, self.allowed());
        headers.push(HeaderName::Supported, SUPPORTED);
    }

    /// The same in an INVITE within a session: a reliable response to that would be acknowledged by
    /// nobody (RFC 3262 §3).
    pub(super) fn tell_abilities_within(&self, headers: &mut Headers) {
        headers.push(HeaderName::Allow, self.allowed());
        headers.push(HeaderName::Supported, SUPPORTED_WITHIN);
    }

    pub(super) fn allowed(&self) -> String {
        let methods: Vec<&str> = self.settings.allow.iter().map(Method::as_str).collect();
        methods.join(", ")
    }

    /// A response to a request of a dialog or of one being made: with our tag and product.
    pub(super) fn answer(&self, request: &Request, status: StatusCode, tag: &str) -> Response {
        let mut response = request.response(status);
        tag_to(&mut response.headers, tag);
        response.headers.push(HeaderName::Server, self.settings.product.as_str());
        response
    }

    pub(super) fn send_now(&mut self, bytes: Arc<[u8]>, destination: Destination) {
        self.output.push_back(Output::Send { bytes, destination });
    }

    /// The ACK of a 2xx to an INVITE of ours: outside any transaction, with a branch of its own and
    /// the credentials of the INVITE, for nobody may challenge it (§13.2.2.4, §22.1).
    pub(super) fn acknowledge(
        &mut self,
        dialog: &Dialog,
        (invite, cseq): (TransactionId, u32),
    ) -> Sending {
        let destination = dialog.destination();
        let mut ack = dialog.acknowledgement(cseq);
        if let Some(invite) = self.transactions.request(invite) {
            ack.headers.copy(&HeaderName::Authorization, &invite.headers);
            ack.headers.copy(&HeaderName::ProxyAuthorization, &invite.headers);
        }
        self.dress(&mut ack, &destination);
        let sending = Sending { bytes: ack.to_bytes().into(), destination };
        self.send_now(Arc::clone(&sending.bytes), destination);
        sending
    }

    /// Where requests of a dialog go whose peer was heard from at `source`.
    pub(super) fn route(&self, dialog: &Dialog, source: &Source) -> Destination {
        let observed = source.destination();
        match self.reach(source.listener) {
            Reach::Signalled => signalled(dialog.next_hop(), &observed),
            Reach::Observed => observed,
        }
    }

    /// How the peers of this listener are reached.
    pub(super) fn reach(&self, listener: ListenerId) -> Reach {
        let listener = self.settings.listeners.get(usize::from(listener.0));
        listener.map_or(Reach::Observed, |listener| listener.reach)
    }

    fn public_or_unspecified(&self, listener: ListenerId) -> SocketAddr {
        self.public(listener).unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 5060)))
    }
}

/// Takes note of the peer's new address, and sends what follows there where peers are reached as
/// they signal and no proxy is on the way (§12.2.1.1).
pub(super) fn refresh_target(dialog: &mut Dialog, contact: Option<NameAddr>, reach: Reach) {
    let is_new = contact.is_some();
    dialog.refresh(contact);
    if is_new && reach == Reach::Signalled && !dialog.has_routes() {
        dialog.move_to(signalled(dialog.next_hop(), &dialog.destination()));
    }
}

/// The address that a URI names, when it names one: looking up names is not for a core. A connection
/// of that host's is used as long as it lasts: who opens one need not take any (RFC 5923 §1). What
/// names an address of a private network and was heard from outside is behind a NAT.
fn signalled(hop: &Uri, observed: &Destination) -> Destination {
    let ip: IpAddr = match hop.host.ip() {
        Some(ip) if is_private(ip) && !is_private(observed.peer.ip()) => return *observed,
        Some(ip) => ip,
        None => return *observed,
    };
    let transport = match hop.params.value("transport").map(str::to_ascii_lowercase).as_deref() {
        // What came over TLS does not go on in the clear, whatever the address says.
        _ if observed.transport == Transport::Tls => Transport::Tls,
        Some("tcp") => Transport::Tcp,
        Some("udp") => Transport::Udp,
        _ => observed.transport,
    };
    let usual = if transport == Transport::Tls { 5061 } else { 5060 };
    let peer = SocketAddr::new(ip, hop.port.unwrap_or(usual));
    if (transport, peer) == (observed.transport, observed.peer) {
        return *observed;
    }
    let is_same_host = transport == observed.transport && ip == observed.peer.ip();
    let connection = observed.connection.filter(|_| is_same_host);
    Destination { listener: observed.listener, transport, connection, peer }
}

/// Whether an address is of a private network (RFC 1918, RFC 4193), or of this machine or link alone.
const fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_private() || address.is_loopback() || address.is_link_local()
        }
        IpAddr::V6(address) => {
            address.is_unique_local() || address.is_loopback() || address.is_unicast_link_local()
        }
    }
}

/// Adds our tag to the To of a response that has none yet.
pub(super) fn tag_to(headers: &mut Headers, tag: &str) {
    let Ok(to) = headers.to_ref() else { return };
    if to.tag().is_some() {
        return;
    }
    let tagged = if to.params.has("tag") {
        to.to_name_addr().with_tag(tag).to_bytes()
    } else {
        // What follows an address without brackets is the field's too.
        let written = headers.first(&HeaderName::To).unwrap_or_default();
        [written, b";tag=", tag.as_bytes()].concat()
    };
    headers.set(HeaderName::To, tagged);
}

/// Adds the application's header fields, but for those that only the endpoint may write.
pub(super) fn add_extra(headers: &mut Headers, extra: ExtraHeaders) {
    for (name, value) in extra {
        if !is_ours(&name) {
            headers.push(name, value);
        }
    }
}

pub(super) fn set_body(headers: &mut Headers, into: &mut Vec<u8>, body: Option<Body>) {
    if let Some(body) = body {
        headers.set(HeaderName::ContentType, body.content_type);
        *into = body.bytes;
    }
}

/// Whole seconds, as written in header fields.
pub(super) fn seconds(duration: std::time::Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

/// The value of the Reason header field, to be read by people.
pub(super) fn reason_of(headers: &Headers) -> Option<String> {
    headers.first(&HeaderName::Reason).map(|value| String::from_utf8_lossy(value).into_owned())
}

fn is_ours(name: &HeaderName) -> bool {
    [
        HeaderName::Via,
        HeaderName::From,
        HeaderName::To,
        HeaderName::CallId,
        HeaderName::CSeq,
        HeaderName::ContentLength,
        HeaderName::ContentType,
        HeaderName::RecordRoute,
        HeaderName::Route,
    ]
    .contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::ConnectionId;

    #[test]
    fn our_tag_is_added_to_whatever_to_is_written_and_to_none_that_has_one() {
        let cases: [(&[u8], &[u8]); 8] = [
            (b"<sip:a@b>", b"<sip:a@b>;tag=us"),
            (b"sip:a@b", b"sip:a@b;tag=us"),
            (b"sip:a@b;x=1", b"sip:a@b;x=1;tag=us"),
            (b"<sip:a@b>;tag", b"<sip:a@b>;tag=us"),
            (b"<sip:a@b>;tag=", b"<sip:a@b>;tag=us"),
            (b"\"\xCD\xF5\" <sip:a@b>", b"\"\xCD\xF5\" <sip:a@b>;tag=us"),
            (b"<sip:a@b>;tag=theirs", b"<sip:a@b>;tag=theirs"),
            (b"<sip:a@b", b"<sip:a@b"),
        ];
        for (written, expected) in cases {
            let mut headers = Headers::new();
            headers.push(HeaderName::To, written);
            tag_to(&mut headers, "us");
            let tagged = headers.first(&HeaderName::To).unwrap();
            assert_eq!(tagged, expected, "{}", written.escape_ascii());
        }
    }

    fn from(transport: Transport, peer: &str, connection: Option<u64>) -> Destination {
        let peer = peer.parse().unwrap();
        let connection = connection.map(ConnectionId);
        Destination { listener: ListenerId(1), transport, connection, peer }
    }

    #[test]
    fn a_host_is_reached_by_its_connection_and_by_its_address_once_that_is_gone() {
        let observed = from(Transport::Tls, "203.0.113.9:40001", Some(7));
        for (hop, peer, connection) in [
            ("sip:x@203.0.113.9:5071", "203.0.113.9:5071", Some(7)),
            ("sip:x@203.0.113.10:5071", "203.0.113.10:5071", None),
            ("sip:x@10.0.0.7:5071", "203.0.113.9:40001", Some(7)),
            ("sip:x@sbc.example:5071", "203.0.113.9:40001", Some(7)),
        ] {
            let expected = from(Transport::Tls, peer, connection);
            assert_eq!(signalled(&hop.parse().unwrap(), &observed), expected, "{hop}");
        }
    }

    #[test]
    fn who_is_behind_a_nat_is_reached_where_it_was_heard_from() {
        for (observed, hop, peer) in [
            ("203.0.113.9:61234", "sip:x@192.168.1.7", "203.0.113.9:61234"),
            ("10.0.0.9:61234", "sip:x@192.168.1.7", "192.168.1.7:5060"),
            ("127.0.0.1:5062", "sip:x@192.168.1.7", "192.168.1.7:5060"),
            ("203.0.113.9:61234", "sip:x@198.51.100.7", "198.51.100.7:5060"),
            ("[2001:db8::9]:61234", "sip:x@[fd00::7]", "[2001:db8::9]:61234"),
        ] {
            let reached = signalled(&hop.parse().unwrap(), &from(Transport::Udp, observed, None));
            assert_eq!(reached, from(Transport::Udp, peer, None), "{hop}");
        }
    }
}
