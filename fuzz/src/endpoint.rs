//! The endpoint under whatever strangers, peers, time and the application do to it.
//!
//! The octets are a script of records, each ended by [`END`]; its first octet says what happens:
//!
//! | octet | then | what happens |
//! |---|---|---|
//! | `u`, `t` | a message | it comes in a datagram, or over a stream |
//! | `r` | status, To tag of one octet, body | our last request is answered |
//! | `d` | method, space, body | the peer of our last message sends a request within the dialog |
//! | `c` | | the last INVITE that came in is cancelled |
//! | `i`, `o` | | the application calls, or asks for OPTIONS |
//! | `a` | a digit, body | the application does what [`Play::order`] says to its last session |
//! | `w` | two octets | so many times 16 ms pass |
//! | `x` | | nothing can be sent where we sent last |
//!
//! A body that begins with `|` has header fields before it, one a line, up to the next `|`.

use std::net::SocketAddr;
use std::time::Duration;

use model::Timestamp;
use sip::endpoint::{
    ArrivalId, Body, Bounds, ConnectionId, Destination, Endpoint, EndpointEvent, EndpointSettings,
    ListenerId, Order, Outgoing, Output, Rejection, RequestId, Source, Transport, Within,
};
use sip::{
    CSeq, HeaderName, Headers, Message, Method, NameAddr, Request, SessionId, StatusCode, Uri, Via,
};

/// What ends a record.
pub const END: u8 = 0x1e;

const START: Timestamp = Timestamp::from_secs(1_000_000);
const US: &str = "192.0.2.1:5060";
const PEER: &str = "192.0.2.66:5060";
const MOST_RECORDS: usize = 48;
const MOST_SESSIONS: usize = 8;
const MOST_TRANSACTIONS: usize = 24;
/// More than one event can make us send or say.
const MOST_OUTPUT: usize = 400;
/// More timers than all of it can fire in its longest life.
const MOST_TIMERS: usize = 100_000;

/// Plays a script. Nothing panics, what is kept is bounded, what is sent can be read, and in the
/// end nothing is left.
pub fn endpoint(octets: &[u8]) {
    let mut play = Play::new();
    for record in octets.split(|octet| *octet == END).take(MOST_RECORDS) {
        if let Some((kind, rest)) = record.split_first() {
            play.happen(*kind, rest);
            play.collect();
        }
    }
    play.rest();
}

struct Play {
    endpoint: Endpoint,
    now: Timestamp,
    calls: u64,
    session: Option<SessionId>,
    arrival: Option<(ArrivalId, Box<Request>)>,
    /// What we sent last, and where to.
    sent: Option<(Message, Destination)>,
    asked: Option<(Request, Destination)>,
    /// The last INVITE that came in.
    invite: Option<(Request, Source)>,
    cseq: u32,
}

impl Play {
    fn new() -> Self {
        let mut settings = EndpointSettings::listening([address(US)]);
        settings.bounds = Bounds {
            transactions: MOST_TRANSACTIONS,
            sessions: MOST_SESSIONS,
            forks: 3,
            longest_session: Duration::from_hours(1),
            ..Bounds::default()
        };
        Self {
            endpoint: Endpoint::new(settings, [7; 32]),
            now: START,
            calls: 0,
            session: None,
            arrival: None,
            sent: None,
            asked: None,
            invite: None,
            cseq: 1_000,
        }
    }

    fn happen(&mut self, kind: u8, rest: &[u8]) {
        match kind {
            b'u' => self.datagram(rest, Transport::Udp),
            b't' => self.datagram(rest, Transport::Tcp),
            b'r' => self.answer(rest),
            b'd' => self.ask_within(rest),
            b'c' => self.take_back(),
            b'i' => self.call(rest),
            b'o' => self.ask(),
            b'a' => self.order(rest),
            b'w' => self.wait(rest),
            b'x' => {
                if let Some((_, destination)) = &self.sent {
                    self.endpoint.transport_failed(destination, self.now);
                }
            }
            _ => {}
        }
    }

    fn datagram(&mut self, octets: &[u8], transport: Transport) {
        match Message::parse(octets) {
            Ok(message) => self.receive(message, source(transport)),
            Err(error) => self.endpoint.receive_malformed(error, source(transport)),
        }
    }

    fn receive(&mut self, message: Message, source: Source) {
        if let Message::Request(request) = &message
            && request.method == Method::Invite
        {
            self.invite = Some((request.clone(), source));
        }
        self.endpoint.receive(message, source, self.now);
    }

    fn answer(&mut self, rest: &[u8]) {
        let Some((request, to)) = &self.asked else { return };
        let Some((code, rest)) = rest.split_first_chunk::<3>() else { return };
        let code = std::str::from_utf8(code).ok().and_then(|code| code.parse().ok());
        let Some(status) = code.and_then(StatusCode::new) else { return };
        let (tag, body) = rest.split_first().unwrap_or((&b'x', &[]));
        let mut response = request.response(status);
        if let Ok(to) = request.to()
            && to.tag().is_none()
            && tag.is_ascii_alphanumeric()
        {
            let tag = char::from(*tag).to_string();
            response.headers.set(HeaderName::To, &to.with_tag(&tag));
        }
        response.headers.push(HeaderName::Contact, format!("<sip:peer@{PEER}>"));
        let body = more_fields(&mut response.headers, body);
        if !body.is_empty() {
            response.headers.push(HeaderName::ContentType, "application/sdp");
            response.body = body.to_vec();
        }
        let source = Source { transport: to.transport, ..source(to.transport) };
        self.receive(Message::Response(response), source);
    }

    /// A request within the dialog that our last message belongs to, seen from its other side.
    fn ask_within(&mut self, rest: &[u8]) {
        let Some((message, to)) = &self.sent else { return };
        let headers = message.headers();
        let (Ok(from), Ok(local)) = (headers.from(), headers.to()) else { return };
        let ours = matches!(message, Message::Request(_));
        let (theirs, ours) = if ours { (local, from) } else { (from, local) };
        let mut words = rest.splitn(2, |octet| *octet == b' ');
        let method = String::from_utf8_lossy(words.next().unwrap_or_default()).into_owned();
        if !method.bytes().all(|octet| octet.is_ascii_uppercase()) || method.is_empty() {
            return;
        }
        let body = words.next().unwrap_or_default();
        self.cseq += 1;
        // The ACK of a 2xx has the number of its INVITE.
        let acknowledged = headers.cseq().map_or(self.cseq, |cseq| cseq.number);
        let number = if method == "ACK" { acknowledged } else { self.cseq };
        let method = Method::from(method.as_str());
        let mut request = Request::new(method.clone(), uri(US));
        let via = via(to.transport, &format!("z9hG4bKd{}", self.cseq));
        request.headers.push(HeaderName::Via, &via);
        request.headers.push(HeaderName::MaxForwards, "70");
        request.headers.push(HeaderName::From, &theirs);
        request.headers.push(HeaderName::To, &ours);
        request.headers.copy(&HeaderName::CallId, headers);
        request.headers.push(HeaderName::CSeq, &CSeq { number, method: method.clone() });
        request.headers.push(HeaderName::Contact, format!("<sip:peer@{PEER}>"));
        if method == Method::Refer {
            request.headers.push(HeaderName::ReferTo, "<sip:1002@example.cn>");
        }
        if method == Method::Prack {
            // Of the response that it acknowledges (RFC 3262 §7.2).
            let number = headers.text(&HeaderName::from("RSeq")).unwrap_or("1");
            let cseq = headers.cseq().map_or(1, |cseq| cseq.number);
            request.headers.push(HeaderName::from("RAck"), format!("{number} {cseq} INVITE"));
        }
        let body = more_fields(&mut request.headers, body);
        if !body.is_empty() {
            let kind =
                if method == Method::Info { "application/dtmf-relay" } else { "application/sdp" };
            request.headers.push(HeaderName::ContentType, kind);
            request.body = body.to_vec();
        }
        let source = source(to.transport);
        self.receive(Message::Request(request), source);
    }

    fn take_back(&mut self) {
        let Some((invite, source)) = self.invite.clone() else { return };
        let Ok(cseq) = invite.cseq() else { return };
        let mut cancel = Request::new(Method::Cancel, invite.uri.clone());
        for name in [HeaderName::Via, HeaderName::From, HeaderName::To, HeaderName::CallId] {
            cancel.headers.copy(&name, &invite.headers);
        }
        let number = cseq.number;
        cancel.headers.push(HeaderName::CSeq, &CSeq { number, method: Method::Cancel });
        cancel.headers.push(HeaderName::MaxForwards, "70");
        self.receive(Message::Request(cancel), source);
    }

    fn call(&mut self, rest: &[u8]) {
        self.calls += 1;
        let session = SessionId(self.calls);
        let mut outgoing = outgoing();
        // A long one leaves over TCP, another has none and is refused.
        outgoing.body = match rest.first() {
            Some(b'l') => Some(Body::sdp(vec![b'x'; 1_500])),
            Some(b'n') => None,
            _ => Some(Body::sdp(b"offer".to_vec())),
        };
        let order = Order::Invite { session, outgoing: Box::new(outgoing) };
        if self.endpoint.order(order, self.now).is_ok() {
            self.session = Some(session);
        }
    }

    fn ask(&mut self) {
        self.calls += 1;
        let request = RequestId(self.calls);
        let outgoing = Box::new(outgoing());
        let order = Order::Request { request, method: Method::Options, outgoing };
        let _outcome = self.endpoint.order(order, self.now);
    }

    /// What the application does: `0` rings, `1` accepts, `2` refuses, `3` cancels, `4` offers a
    /// change, `5` answers one, `6` refuses one, `7` hangs up, `8` accepts a transfer, `9` tells
    /// how it went; `q` sends INFO, `p` responds to the last request outside any call, `e` rings
    /// with early media.
    fn order(&mut self, rest: &[u8]) {
        let Some((kind, body)) = rest.split_first() else { return };
        if *kind == b'p' {
            return self.respond(body);
        }
        let Some(session) = self.session else { return };
        let reason = None;
        let body = Body::sdp(body.to_vec());
        let refusal = Box::new(Rejection::new(StatusCode::BUSY_HERE, "agent is busy"));
        let status = StatusCode::RINGING;
        let order = match kind {
            b'0' => Order::Progress { session, status, body: None },
            b'e' => Order::Progress { session, status, body: Some(body) },
            b'1' => Order::Accept { session, body },
            b'2' => Order::Reject { session, refusal },
            b'3' => Order::Cancel { session, reason },
            b'4' => Order::Reinvite { session, body },
            b'5' => Order::AnswerOffer { session, body },
            b'6' => Order::RefuseOffer { session, refusal },
            b'7' => Order::Bye { session, reason },
            b'8' => Order::AcceptRefer { session },
            b'9' => Order::Notify { session, status: StatusCode::OK },
            b'q' => {
                self.calls += 1;
                let within = Within { method: Method::Info, headers: Vec::new(), body: Some(body) };
                let (request, within) = (RequestId(self.calls), Box::new(within));
                Order::RequestWithin { session, request, within }
            }
            _ => return,
        };
        let _outcome = self.endpoint.order(order, self.now);
    }

    fn respond(&mut self, rest: &[u8]) {
        let Some((arrival, request)) = &self.arrival else { return };
        let status =
            if rest.first() == Some(&b'4') { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
        let response = Box::new(request.response(status));
        let order = Order::Respond { arrival: *arrival, response };
        let _outcome = self.endpoint.order(order, self.now);
    }

    fn wait(&mut self, rest: &[u8]) {
        let Some((span, _)) = rest.split_first_chunk::<2>() else { return };
        let span = Duration::from_millis(u64::from(u16::from_be_bytes(*span)) * 16);
        let end = self.now + span;
        while let Some(due) = self.endpoint.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.endpoint.handle_timeout(self.now);
            self.collect();
        }
        self.now = end;
    }

    /// Takes what comes out, and looks at what is kept.
    fn collect(&mut self) {
        let mut outputs = 0;
        while let Some(output) = self.endpoint.poll_output() {
            outputs += 1;
            assert!(outputs <= MOST_OUTPUT, "one event makes {outputs} outputs");
            match output {
                Output::Send { bytes, destination } => self.sent(&bytes, destination),
                Output::Event(event) => self.hear(event),
            }
        }
        assert!(self.endpoint.session_count() <= MOST_SESSIONS, "too many sessions");
        // A quarter and one are in reserve for calls that are there.
        let most = MOST_TRANSACTIONS + MOST_TRANSACTIONS / 4 + 1;
        assert!(self.endpoint.transaction_count() <= most, "too many transactions");
    }

    fn sent(&mut self, bytes: &[u8], destination: Destination) {
        match Message::parse(bytes) {
            Ok(message) => {
                if let Message::Request(request) = &message
                    && request.method != Method::Ack
                {
                    self.asked = Some((request.clone(), destination));
                }
                self.sent = Some((message, destination));
            }
            Err(error) => panic!("{error}: {}", String::from_utf8_lossy(bytes)),
        }
    }

    fn hear(&mut self, event: EndpointEvent) {
        if let EndpointEvent::Invited { session, .. } = event {
            self.session = Some(session);
        } else if let EndpointEvent::Requested { arrival, request, .. } = event {
            self.arrival = Some((arrival, request));
        }
    }

    /// Lets time pass until nothing is left.
    fn rest(&mut self) {
        for _ in 0..MOST_TIMERS {
            let Some(due) = self.endpoint.poll_timeout() else { break };
            self.now = self.now.max(due);
            self.endpoint.handle_timeout(self.now);
            self.collect();
        }
        assert_eq!(self.endpoint.poll_timeout(), None, "it never comes to rest");
        assert_eq!(self.endpoint.session_count(), 0, "a session is left");
        assert_eq!(self.endpoint.transaction_count(), 0, "a transaction is left");
    }
}

/// Adds the fields that stand before a body; the body.
fn more_fields<'a>(headers: &mut Headers, body: &'a [u8]) -> &'a [u8] {
    let Some(rest) = body.strip_prefix(b"|") else { return body };
    let mut parts = rest.splitn(2, |octet| *octet == b'|');
    let fields = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    for (name, value) in fields.lines().filter_map(|line| line.split_once(':')) {
        if !name.is_empty() && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-') {
            headers.push(HeaderName::from(name), value.trim());
        }
    }
    parts.next().unwrap_or_default()
}

fn outgoing() -> Outgoing {
    Outgoing {
        target: uri(PEER),
        destination: Destination::udp(ListenerId(0), address(PEER)),
        from: NameAddr::new(uri(US)),
        to: NameAddr::new(uri(PEER)),
        routes: Vec::new(),
        headers: Vec::new(),
        body: None,
        max_forwards: 70,
        attempt: None,
    }
}

fn source(transport: Transport) -> Source {
    let connection = transport.is_connected().then_some(ConnectionId(1));
    Source {
        listener: ListenerId(0),
        transport,
        connection,
        peer: address(PEER),
        local: address(US),
    }
}

fn via(transport: Transport, branch: &str) -> Via {
    let peer = address(PEER);
    let transport =
        if transport == Transport::Udp { sip::Transport::Udp } else { sip::Transport::Tcp };
    Via::new(transport, sip::Host::Ip(peer.ip()), Some(peer.port()), branch)
}

fn uri(at: &str) -> Uri {
    Uri::of_address(address(at))
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 5_060)))
}
