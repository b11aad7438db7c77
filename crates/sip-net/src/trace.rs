//! What was said about calls lately, so that a call can be looked at as a ladder.
//!
//! A ring of whole messages, bounded in octets. Registrations, OPTIONS and what lamps are told are not
//! in it: they would push calls out. Who asks gets copies of what is shared; reading them is not the driver's work.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use model::{LegId, Timestamp};
use sip::endpoint::Transport;
use sip::subscription::Package;
use sip::{HeaderName, Message, Method};

/// Legs whose Call-IDs are remembered.
const MOST_LEGS: usize = 65_536;
/// What an entry takes beside its octets.
const OVERHEAD: usize = 96;
/// What is shown in place of credentials.
const HIDDEN: &str = "(hidden)";

/// Which way a message went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// To us.
    Received,
    /// From us.
    Sent,
}

/// A message as it went over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) at: Timestamp,
    pub(crate) way: Way,
    pub(crate) transport: Transport,
    pub(crate) peer: SocketAddr,
    pub(crate) bytes: Arc<[u8]>,
}

/// One rung of a ladder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rung {
    /// When the message went or came.
    pub at: Timestamp,
    /// The leg it is about.
    pub leg: LegId,
    /// Which way it went.
    pub way: Way,
    /// By which transport.
    pub transport: Transport,
    /// To whom, or from whom.
    pub peer: SocketAddr,
    /// The method of a request, or the status of a response with its words.
    pub what: String,
    /// The number and method of its CSeq.
    pub cseq: String,
    /// The value of its Reason, if it has one.
    pub reason: Option<String>,
    /// Whether it carries a description of media.
    pub describes: bool,
    /// The whole message, but for credentials.
    pub text: String,
}

/// What was said about calls lately.
#[derive(Debug)]
pub(crate) struct Trace {
    most: usize,
    octets: usize,
    said: VecDeque<(u64, Said)>,
    /// The Call-IDs of each leg: one for each place it rang at.
    legs: BTreeMap<LegId, Vec<u64>>,
}

impl Trace {
    /// A trace of so many octets; of none, it keeps nothing.
    pub(crate) const fn new(most: usize) -> Self {
        Self { most, octets: 0, said: VecDeque::new(), legs: BTreeMap::new() }
    }

    /// Whether anything is kept.
    pub(crate) const fn is_on(&self) -> bool {
        self.most > 0
    }

    /// Keeps a message about a call.
    pub(crate) fn keep(&mut self, said: Said) {
        let Some(key) = key_of(&said.bytes).filter(|_| self.is_on()) else { return };
        self.octets += said.bytes.len() + OVERHEAD;
        self.said.push_back((key, said));
        while self.octets > self.most
            && let Some((_, oldest)) = self.said.pop_front()
        {
            self.octets = self.octets.saturating_sub(oldest.bytes.len() + OVERHEAD);
        }
    }

    /// A leg is told of under this Call-ID.
    pub(crate) fn leg(&mut self, leg: LegId, call_id: &str) {
        if !self.is_on() {
            return;
        }
        self.legs.entry(leg).or_default().push(hash(call_id.as_bytes()));
        if self.legs.len() > MOST_LEGS {
            self.legs.pop_first();
        }
    }

    /// What is kept of these legs, in order.
    pub(crate) fn of(&self, legs: &[LegId]) -> Vec<(LegId, Said)> {
        let keys: BTreeMap<u64, LegId> = legs
            .iter()
            .flat_map(|leg| self.legs.get(leg).into_iter().flatten().map(|key| (*key, *leg)))
            .collect();
        let found = self.said.iter().filter_map(|(key, said)| Some((*keys.get(key)?, said)));
        found.map(|(leg, said)| (leg, said.clone())).collect()
    }
}

/// A message as a rung; none when it cannot be read.
pub(crate) fn rung(leg: LegId, said: &Said) -> Option<Rung> {
    let message = Message::parse(&said.bytes).ok()?;
    let (what, headers) = match &message {
        Message::Request(request) => (request.method.as_str().to_owned(), &request.headers),
        Message::Response(response) => {
            (format!("{} {}", response.status.code(), response.reason), &response.headers)
        }
    };
    let text = |name: &HeaderName| headers.text(name).map(str::to_owned);
    Some(Rung {
        at: said.at,
        leg,
        way: said.way,
        transport: said.transport,
        peer: said.peer,
        what,
        cseq: text(&HeaderName::CSeq).unwrap_or_default(),
        reason: text(&HeaderName::Reason),
        describes: headers.content_type().as_deref() == Some("application/sdp"),
        text: without_credentials(&said.bytes),
    })
}

/// The message for people; who reads it could try secrets against what answers a challenge.
fn without_credentials(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = |line: &str| match line.split_once(':') {
        Some((name, _)) if is_credentials(name) => format!("{name}: {HIDDEN}"),
        _ => line.to_owned(),
    };
    text.split("\r\n").map(line).collect::<Vec<_>>().join("\r\n")
}

fn is_credentials(name: &str) -> bool {
    ["authorization", "proxy-authorization"].contains(&name.trim().to_ascii_lowercase().as_str())
}

/// What tells messages of one call from others; none for what is about no call.
fn key_of(bytes: &[u8]) -> Option<u64> {
    let head = bytes.split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii);
    let mut call_id = None;
    let (mut is_call, mut is_watched) = (false, false);
    for line in head.skip(1).take_while(|line| !line.is_empty()) {
        let Some(colon) = line.iter().position(|octet| *octet == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"call-id") || name.eq_ignore_ascii_case(b"i") {
            call_id = Some(hash(value));
        } else if name.eq_ignore_ascii_case(b"cseq") {
            let method = value.rsplit(|octet| *octet == b' ').next().unwrap_or_default();
            is_call = ![Method::Register, Method::Options, Method::Subscribe]
                .iter()
                .any(|other| method == other.as_str().as_bytes());
        } else if name.eq_ignore_ascii_case(b"event") || name.eq_ignore_ascii_case(b"o") {
            let mut packages = Package::ALL.iter().map(|package| package.as_str().as_bytes());
            is_watched = packages.any(|package| value.starts_with(package));
        }
    }
    // A NOTIFY about a transfer is part of the call, one for a lamp is not.
    call_id.filter(|_| is_call && !is_watched)
}

/// FNV-1a: enough to tell the Call-IDs of one ring apart.
fn hash(octets: &[u8]) -> u64 {
    octets.iter().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use model::Epoch;

    use super::*;

    fn said(method: &str, call_id: &str) -> Said {
        let text = format!(
            "{method} sip:1001@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\r\n\
             From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n\
             Proxy-Authorization: Digest username=\"1001\", response=\"abc\"\r\n\
             Reason: Q.850;cause=16\r\nContent-Length: 0\r\n\r\n"
        );
        Said {
            at: Timestamp::from_secs(1),
            way: Way::Received,
            transport: Transport::Udp,
            peer: ([192, 0, 2, 2], 5060).into(),
            bytes: text.into_bytes().into(),
        }
    }

    fn leg(number: u32) -> LegId {
        LegId::new(Epoch::new(1), number)
    }

    #[test]
    fn the_messages_of_a_leg_are_found_in_order_and_no_others() {
        let mut trace = Trace::new(1 << 20);
        for (number, call_id) in [(1, "one"), (1, "fork"), (2, "two")] {
            trace.leg(leg(number), call_id);
        }
        for (method, call_id) in [
            ("INVITE", "one"),
            ("INVITE", "two"),
            ("ACK", "one"),
            ("REGISTER", "one"),
            ("SUBSCRIBE", "one"),
            ("NOTIFY", "one"),
            ("BYE", "fork"),
        ] {
            trace.keep(said(method, call_id));
        }
        let found: Vec<_> =
            trace.of(&[leg(1)]).iter().filter_map(|(leg, said)| rung(*leg, said)).collect();
        let methods: Vec<_> = found.iter().map(|rung| rung.what.as_str()).collect();
        assert_eq!(methods, ["INVITE", "ACK", "NOTIFY", "BYE"]);
        assert_eq!(found[0].reason.as_deref(), Some("Q.850;cause=16"));
        assert_eq!(found[0].cseq, "1 INVITE");
    }

    #[test]
    fn what_a_lamp_is_told_is_about_no_call_and_what_becomes_of_a_transfer_is() {
        let kept = ["dialog;id=7", "presence", "message-summary", "refer;id=2"].map(|event| {
            let said = said("NOTIFY", "one");
            let text = String::from_utf8_lossy(&said.bytes).into_owned();
            let text = text.replace("Reason: Q.850;cause=16", &format!("Event: {event}"));
            key_of(text.as_bytes()).is_some()
        });
        assert_eq!(kept, [false, false, false, true]);
    }

    #[test]
    fn no_credentials_are_shown() {
        let text = rung(leg(1), &said("INVITE", "one")).unwrap().text;
        assert!(text.contains("Proxy-Authorization: (hidden)") && !text.contains("abc"), "{text}");
    }

    #[test]
    fn the_oldest_is_forgotten_and_the_bound_is_kept() {
        let mut trace = Trace::new(4_096);
        trace.leg(leg(1), "old");
        trace.leg(leg(2), "new");
        trace.keep(said("INVITE", "old"));
        for _ in 0..100 {
            trace.keep(said("INFO", "new"));
        }
        assert!(trace.octets <= 4_096);
        assert!(trace.of(&[leg(1)]).is_empty() && !trace.of(&[leg(2)]).is_empty());
        for number in 0..100_000 {
            trace.leg(leg(number), "x");
        }
        assert!(trace.legs.len() <= MOST_LEGS);
    }

    #[test]
    fn a_trace_that_is_off_keeps_nothing() {
        let mut trace = Trace::new(0);
        trace.leg(leg(1), "one");
        trace.keep(said("INVITE", "one"));
        assert!(trace.of(&[leg(1)]).is_empty() && trace.legs.is_empty());
    }
}
