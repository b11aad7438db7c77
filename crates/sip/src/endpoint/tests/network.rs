//! A network of two endpoints in virtual time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;

use crate::endpoint::{
    Body, ConnectionId, Destination, Endpoint, EndpointEvent, EndpointSettings, ListenerId, Order,
    Outgoing, Output, Rejection, Source, Transport,
};
use crate::header::{HeaderName, NameAddr};
use crate::message::{Message, Request, StatusCode};
use crate::session::SessionId;
use crate::uri::Uri;

pub(super) const START: Timestamp = Timestamp::from_secs(1_000_000);
/// The session that the caller opens in most tests.
pub(super) const CALL: SessionId = SessionId(1);
/// Where a message comes from that a test writes itself.
pub(super) const STRANGER: &str = "192.0.2.66:5060";

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Side {
    Caller,
    Callee,
}

/// How bad the network is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Faults {
    /// Of a hundred messages, how many are lost.
    pub(super) lost: u64,
    /// Of a hundred messages, how many come twice.
    pub(super) doubled: u64,
    /// Of a hundred messages, how many are followed by a copy with a few octets changed.
    pub(super) mangled: u64,
    /// The longest delay in milliseconds; the shortest is one.
    pub(super) delay: u64,
}

pub(super) const PERFECT: Faults = Faults { lost: 0, doubled: 0, mangled: 0, delay: 1 };

/// A generator for tests: a Weyl sequence, mixed.
#[derive(Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 33) % bound
    }
}

/// A message on its way.
struct Packet {
    to: Side,
    bytes: Arc<[u8]>,
}

pub(super) struct Network {
    pub(super) now: Timestamp,
    pub(super) caller: Endpoint,
    pub(super) callee: Endpoint,
    pub(super) faults: Faults,
    pub(super) dice: Dice,
    pub(super) transport: Transport,
    wire: BTreeMap<(Timestamp, u64), Packet>,
    sent: u64,
    /// Everything sent, as `caller INVITE` or `callee 180`.
    pub(super) ladder: Vec<String>,
    /// Every event not yet taken, by side.
    pub(super) events: Vec<(Side, EndpointEvent)>,
    /// Start lines that never arrive.
    pub(super) swallowed: Vec<&'static str>,
    /// Whether nothing passes any more, and whoever sends is told.
    pub(super) broken: bool,
    /// What was sent to neither of the two.
    pub(super) astray: Vec<(Destination, Message)>,
    /// What the network has done to messages.
    pub(super) harm: Harm,
    /// The number of the newest message that has arrived, by side.
    newest: BTreeMap<Side, u64>,
}

/// How many messages a network has harmed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Harm {
    pub(super) lost: u64,
    pub(super) doubled: u64,
    /// Came after one that was sent after them.
    pub(super) overtaken: u64,
}

impl Network {
    pub(super) fn new(faults: Faults, seed: u64) -> Self {
        let endpoint = |side: Side, salt: u8| {
            let mut bytes = [salt; 32];
            bytes[..8].copy_from_slice(&seed.to_be_bytes());
            Endpoint::new(EndpointSettings::listening([address(side)]), bytes)
        };
        Self {
            now: START,
            caller: endpoint(Side::Caller, 1),
            callee: endpoint(Side::Callee, 2),
            faults,
            dice: Dice(seed),
            transport: Transport::Udp,
            wire: BTreeMap::new(),
            sent: 0,
            ladder: Vec::new(),
            events: Vec::new(),
            swallowed: Vec::new(),
            broken: false,
            astray: Vec::new(),
            harm: Harm::default(),
            newest: BTreeMap::new(),
        }
    }

    pub(super) fn perfect() -> Self {
        Self::new(PERFECT, 1)
    }

    pub(super) fn side(&mut self, side: Side) -> &mut Endpoint {
        match side {
            Side::Caller => &mut self.caller,
            Side::Callee => &mut self.callee,
        }
    }

    pub(super) fn order(&mut self, side: Side, order: Order) {
        self.try_order(side, order).unwrap();
    }

    pub(super) fn try_order(
        &mut self,
        side: Side,
        order: Order,
    ) -> Result<(), crate::endpoint::OrderError> {
        let now = self.now;
        let result = self.side(side).order(order, now);
        self.collect(side);
        result
    }

    /// The caller's INVITE to the callee.
    pub(super) fn dial(&mut self) {
        let outgoing = Box::new(self.outgoing());
        self.order(Side::Caller, Order::Invite { session: CALL, outgoing });
    }

    pub(super) fn outgoing(&self) -> Outgoing {
        let (from, to) = (address(Side::Caller), address(Side::Callee));
        let mut uri = Uri::of_address(to);
        uri.user = Some("4008001234".into());
        let mut caller = Uri::of_address(from);
        caller.user = Some("13800138000".into());
        let connection = (self.transport == Transport::Tcp).then_some(ConnectionId(1));
        let listener = ListenerId(0);
        let transport = self.transport;
        Outgoing {
            target: uri.clone(),
            destination: Destination { listener, transport, connection, peer: to },
            from: NameAddr::new(caller).with_display("王小明"),
            to: NameAddr::new(uri),
            routes: Vec::new(),
            headers: Vec::new(),
            body: Some(Body::sdp(b"offer".to_vec())),
            max_forwards: 70,
            attempt: None,
        }
    }

    /// The session at the callee's, once the INVITE is there.
    pub(super) fn rung(&mut self) -> SessionId {
        self.run(Duration::from_millis(50));
        self.callee.session_ids()[0]
    }

    /// A call that is answered and acknowledged; the callee's session.
    pub(super) fn connect(&mut self) -> SessionId {
        self.dial();
        let session = self.rung();
        self.order(Side::Callee, Order::Accept { session, body: sdp("answer") });
        self.run(Duration::from_millis(50));
        self.take(Side::Caller);
        self.take(Side::Callee);
        self.ladder.clear();
        session
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.step(end) {}
        self.now = end;
    }

    /// Does what comes next before `end`; says whether there was anything.
    pub(super) fn step(&mut self, end: Timestamp) -> bool {
        let arrival = self.wire.first_key_value().map(|((at, _), _)| *at);
        let due = [arrival, self.caller.poll_timeout(), self.callee.poll_timeout()];
        let Some(next) = due.into_iter().flatten().min().filter(|next| *next <= end) else {
            return false;
        };
        self.now = self.now.max(next);
        if arrival == Some(next)
            && let Some(((_, number), Packet { to, bytes })) = self.wire.pop_first()
        {
            let newest = self.newest.entry(to).or_default();
            self.harm.overtaken += u64::from(number < *newest);
            *newest = number.max(*newest);
            let source = self.source(other(to), to);
            match Message::parse(&bytes) {
                Ok(message) => self.deliver(to, message, source),
                Err(error) => {
                    self.side(to).receive_malformed(error, source);
                    self.collect(to);
                }
            }
        } else {
            let now = self.now;
            for side in [Side::Caller, Side::Callee] {
                self.side(side).handle_timeout(now);
                self.collect(side);
            }
        }
        true
    }

    pub(super) fn deliver(&mut self, to: Side, message: Message, source: Source) {
        let now = self.now;
        self.side(to).receive(message, source, now);
        self.collect(to);
    }

    /// A message that a test has written, from a stranger to the callee; the first answer to it.
    pub(super) fn stranger(&mut self, text: &str) -> Option<Message> {
        self.stranger_from(text, STRANGER)
    }

    pub(super) fn stranger_from(&mut self, text: &str, from: &str) -> Option<Message> {
        let message = Message::parse(text.replace('\n', "\r\n").as_bytes()).unwrap();
        self.astray.clear();
        let peer = from.parse().unwrap();
        let source = Source { peer, ..self.source(Side::Caller, Side::Callee) };
        self.deliver(Side::Callee, message, source);
        self.astray.first().map(|(_, message)| message.clone())
    }

    pub(super) fn source(&self, from: Side, to: Side) -> Source {
        let connection = (self.transport == Transport::Tcp).then_some(ConnectionId(1));
        let (listener, transport) = (ListenerId(0), self.transport);
        Source { listener, transport, connection, peer: address(from), local: address(to) }
    }

    pub(super) fn collect(&mut self, side: Side) {
        let now = self.now;
        while let Some(output) = self.side(side).poll_output() {
            match output {
                Output::Event(event) => self.events.push((side, event)),
                Output::Send { destination, .. } if self.broken => {
                    self.side(side).transport_failed(&destination, now);
                }
                Output::Send { bytes, destination } => self.send(side, &bytes, destination),
            }
        }
    }

    fn send(&mut self, from: Side, bytes: &Arc<[u8]>, destination: Destination) {
        let to = other(from);
        if destination.peer != address(to) {
            self.astray.push((destination, Message::parse(bytes).unwrap()));
            return;
        }
        let line = title(bytes);
        let swallowed = self.swallowed.contains(&line.as_str());
        self.ladder
            .push(format!("{} {line}", if from == Side::Caller { "caller" } else { "callee" }));
        let reliable = self.transport == Transport::Tcp;
        let copies = match self.dice.below(100) {
            _ if swallowed => 0,
            _ if reliable => 1,
            roll if roll < self.faults.lost => 0,
            roll if roll < self.faults.lost + self.faults.doubled => 2,
            _ => 1,
        };
        self.harm.lost += u64::from(copies == 0);
        self.harm.doubled += u64::from(copies == 2);
        if self.dice.below(100) < self.faults.mangled {
            let bytes = self.mangle(bytes);
            let at = self.now + Duration::from_millis(1 + self.dice.below(self.faults.delay));
            self.sent += 1;
            self.wire.insert((at, self.sent), Packet { to, bytes });
        }
        for _ in 0..copies {
            let delay = if reliable { 1 } else { 1 + self.dice.below(self.faults.delay) };
            self.sent += 1;
            let at = self.now + Duration::from_millis(delay);
            self.wire.insert((at, self.sent), Packet { to, bytes: Arc::clone(bytes) });
        }
    }

    fn mangle(&mut self, bytes: &[u8]) -> Arc<[u8]> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.dice.below(3) {
            let at = usize::try_from(self.dice.below(bytes.len() as u64)).unwrap();
            bytes[at] = u8::try_from(self.dice.below(256)).unwrap();
        }
        bytes.into()
    }

    /// The INVITE that has rung at the callee's, whose event is not yet taken.
    pub(super) fn invite(&self) -> Request {
        let mut events = self.events.iter();
        let found = events.find_map(|(_, event)| {
            if let EndpointEvent::Invited { request, .. } = event { Some(request) } else { None }
        });
        (**found.unwrap()).clone()
    }

    /// What the caller hears from the callee comes from here.
    pub(super) fn callees_source(&self) -> Source {
        self.source(Side::Callee, Side::Caller)
    }

    /// The events of a side since the last time, in words.
    pub(super) fn take(&mut self, side: Side) -> Vec<String> {
        let (taken, left) = self.events.drain(..).partition(|(of, _)| *of == side);
        self.events = left;
        let taken: Vec<(Side, EndpointEvent)> = taken;
        taken.iter().map(|(_, event)| words(event)).collect()
    }

    /// The message sent last that is still on its way to this side.
    pub(super) fn last_to(&self, side: Side) -> Message {
        let packet = self.wire.values().rev().find(|packet| packet.to == side).unwrap();
        Message::parse(&packet.bytes).unwrap()
    }

    /// The same, which does not arrive.
    pub(super) fn intercept(&mut self, side: Side) -> Message {
        let last = self.wire.iter().rev().find(|(_, packet)| packet.to == side);
        let at = *last.unwrap().0;
        Message::parse(&self.wire.remove(&at).unwrap().bytes).unwrap()
    }

    /// Nothing is left of any call.
    pub(super) fn is_clear(&self) -> bool {
        [&self.caller, &self.callee]
            .iter()
            .all(|it| it.session_count() + it.transaction_count() + it.remembered_count() == 0)
    }
}

pub(super) fn sdp(text: &str) -> Body {
    Body::sdp(text.as_bytes().to_vec())
}

pub(super) fn busy() -> Box<Rejection> {
    Box::new(Rejection::new(StatusCode::BUSY_HERE, "agent is busy"))
}

pub(super) const fn other(side: Side) -> Side {
    match side {
        Side::Caller => Side::Callee,
        Side::Callee => Side::Caller,
    }
}

pub(super) fn address(side: Side) -> SocketAddr {
    match side {
        Side::Caller => SocketAddr::from(([192, 0, 2, 1], 5060)),
        Side::Callee => SocketAddr::from(([192, 0, 2, 2], 5080)),
    }
}

/// `INVITE`, or `180`, or `200 INVITE`.
fn title(bytes: &[u8]) -> String {
    match Message::parse(bytes).unwrap() {
        Message::Request(request) => request.method.to_string(),
        Message::Response(response) => {
            // The answer to a broken request may be broken where that was.
            let method = response.cseq().map(|cseq| cseq.method.to_string()).unwrap_or_default();
            format!("{} {method}", response.status)
        }
    }
}

fn words(event: &EndpointEvent) -> String {
    let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
    match event {
        EndpointEvent::Invited { request, .. } => format!("invited {}", text(&request.body)),
        EndpointEvent::Requested { request, .. } => format!("requested {}", request.method),
        EndpointEvent::Progressed { status, body, .. } => {
            format!("progressed {status} {}", text(body)).trim_end().to_owned()
        }
        EndpointEvent::Answered { body, .. } => format!("answered {}", text(body)),
        EndpointEvent::Refused { status, reason, .. } => {
            format!("refused {status} {}", reason.as_deref().unwrap_or("")).trim_end().to_owned()
        }
        EndpointEvent::Acknowledged { body, .. } => {
            format!("acknowledged {}", text(body)).trim_end().to_owned()
        }
        EndpointEvent::Offered { body, .. } => format!("offered {}", text(body)),
        EndpointEvent::OfferWithdrawn { .. } => "offer withdrawn".to_owned(),
        EndpointEvent::OfferAnswered { body, .. } => format!("offer answered {}", text(body)),
        EndpointEvent::OfferRefused { status, .. } => format!("offer refused {status}"),
        EndpointEvent::Digit { digit, .. } => format!("digit {digit}"),
        EndpointEvent::ReferAsked { refer_to, .. } => format!("refer to {}", refer_to.uri),
        EndpointEvent::Notified { request, .. } => {
            let state = request.headers.text(&HeaderName::SubscriptionState).unwrap_or_default();
            format!("notified {} {state}", text(&request.body).trim_end())
        }
        EndpointEvent::Responded { response, .. } => match response {
            Ok(response) => format!("responded {}", response.status),
            Err(status) => format!("failed {status}"),
        },
        EndpointEvent::Released { cause, reason, .. } => {
            format!("released {cause:?} {}", reason.as_deref().unwrap_or("")).trim_end().to_owned()
        }
    }
}
