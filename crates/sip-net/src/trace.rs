//! What was said about calls lately, so that a call can be looked at as a ladder.
//!
//! A ring of whole messages, bounded in octets. Registrations, OPTIONS and what lamps are told are not
//! in it: they would push calls out. Who asks gets copies of what is shared; reading them is not the
//! driver's work.
//! What is kept here is told to files, for what was said earlier and before a restart, and to a
//! capture server, where there are such, each by a thread of its own.
//!
//! | file | concern |
//! |---|---|
//! | `outlet` | the bounded queue to a thread |
//! | `files`, `record`, `find` | the trace on disk: written, its form, read |
//! | `hep` | the capture server |
//! | `masked` | what nobody is shown |

mod files;
mod find;
mod hep;
mod masked;
mod outlet;
mod record;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use model::{LegId, Timestamp};
use sip::endpoint::Transport;
use sip::subscription::Package;
use sip::{HeaderName, Message, Method};

use crate::counters::{Counted, Counters};
use crate::settings::Settings;

pub(crate) use find::Finder;
pub(crate) use masked::masked;
use outlet::Ended;

use files::Files;
use hep::Exporter;
use outlet::{Outlet, Told};

/// Legs whose Call-IDs are remembered.
const MOST_LEGS: usize = 65_536;
/// How long before a leg is told of its first message may have come: a caller is asked who it is.
const BEFORE: Duration = Duration::from_secs(32);
/// What an entry takes beside its octets.
const OVERHEAD: usize = 128;

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
    /// Where we are reached: the address of the listener.
    pub(crate) local: SocketAddr,
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
    legs: BTreeMap<LegId, Known>,
    /// When the last of what is forgotten was said.
    forgotten: Option<Timestamp>,
    outlets: Vec<Outlet>,
}

/// A leg that is told of.
#[derive(Debug)]
struct Known {
    since: Timestamp,
    /// What tells its Call-IDs from others: one for each place it rang at.
    keys: Vec<u64>,
}

/// What the ring has of some legs.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The messages, in order.
    pub(crate) said: Vec<(LegId, Said)>,
    /// Whether there never was more.
    pub(crate) is_whole: bool,
}

/// What reads and what ends the outlets of a trace.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// Who looks up what is on disk, where that is kept.
    pub(crate) finder: Option<Arc<Finder>>,
    /// The ends of the threads.
    pub(crate) ended: Vec<Ended>,
}

impl Trace {
    /// A trace of so many octets; of none, it keeps nothing.
    pub(crate) const fn new(most: usize) -> Self {
        Self {
            most,
            octets: 0,
            said: VecDeque::new(),
            legs: BTreeMap::new(),
            forgotten: None,
            outlets: Vec::new(),
        }
    }

    /// Tells files and a capture server from now on, as the settings say.
    pub(crate) fn open(
        &mut self,
        settings: &Settings,
        counters: &Arc<Counters>,
    ) -> io::Result<Beside> {
        let mut beside = Beside::default();
        let counting = |lost| (Arc::clone(counters), lost);
        if let Some(kept) = settings.trace_files.as_ref().filter(|kept| kept.octets > 0) {
            let files = Files::new(kept, Arc::clone(counters));
            let finder = Finder::new(kept.folder.clone(), files.live(), Arc::clone(counters));
            beside.finder = Some(Arc::new(finder));
            let opened = Outlet::open("trace", files, counting(Counted::TraceLost))?;
            self.outlets.push(opened.0);
            beside.ended.push(opened.1);
        }
        if let Some(capture) = &settings.capture {
            let exporter = Exporter::new(capture.clone(), Arc::clone(counters));
            let opened = Outlet::open("capture", exporter, counting(Counted::Uncaptured))?;
            self.outlets.push(opened.0);
            beside.ended.push(opened.1);
        }
        Ok(beside)
    }

    /// Whether anything is kept.
    pub(crate) const fn is_on(&self) -> bool {
        self.most > 0 || !self.outlets.is_empty()
    }

    /// Keeps a message about a call.
    pub(crate) fn keep(&mut self, said: Said) {
        let head = if self.is_on() { head(&said.bytes) } else { None };
        let Some(key) = head.filter(|head| head.is_call).map(|head| hash(head.call_id)) else {
            return;
        };
        for outlet in &self.outlets {
            outlet.tell(Told::Said(key, said.clone()));
        }
        if self.most == 0 {
            return;
        }
        self.octets += said.bytes.len() + OVERHEAD;
        self.said.push_back((key, said));
        while self.octets > self.most
            && let Some((_, oldest)) = self.said.pop_front()
        {
            self.octets = self.octets.saturating_sub(oldest.bytes.len() + OVERHEAD);
            self.forgotten = Some(oldest.at);
        }
    }

    /// A leg is told of under this Call-ID.
    pub(crate) fn leg(&mut self, leg: LegId, call_id: &str, now: Timestamp) {
        if !self.is_on() {
            return;
        }
        let known = self.legs.entry(leg).or_insert(Known { since: now, keys: Vec::new() });
        let key = hash(call_id.as_bytes());
        if known.keys.contains(&key) {
            return;
        }
        known.keys.push(key);
        let since = known.since;
        for outlet in &self.outlets {
            outlet.tell(Told::Leg { leg, since, call_id: call_id.into() });
        }
        if self.legs.len() > MOST_LEGS {
            self.legs.pop_first();
        }
    }

    /// What is kept of these legs, in order.
    pub(crate) fn of(&self, legs: &[LegId]) -> Kept {
        let known = |leg| self.legs.get(leg).filter(|_| self.most > 0);
        let keys: BTreeMap<u64, LegId> = legs
            .iter()
            .flat_map(|leg| {
                known(leg).into_iter().flat_map(|it| it.keys.iter().map(|it| (*it, *leg)))
            })
            .collect();
        let found = self.said.iter().filter_map(|(key, said)| Some((*keys.get(key)?, said)));
        let said = found.map(|(leg, said)| (leg, said.clone())).collect();
        let is_all =
            |it: &Known| self.forgotten.is_none_or(|forgotten| forgotten + BEFORE < it.since);
        Kept { said, is_whole: legs.iter().all(|leg| known(leg).is_some_and(is_all)) }
    }
}

/// What the ring and the disk have of the same legs as rungs, in order, each once.
pub(crate) fn rungs(lately: &[(LegId, Said)], earlier: &[(LegId, Said)]) -> Vec<Rung> {
    let read = |said: &[(LegId, Said)]| -> Vec<Rung> {
        said.iter().filter_map(|(leg, said)| rung(*leg, said)).collect()
    };
    let mut rungs = read(earlier);
    let on_disk = rungs.len();
    for rung in read(lately) {
        let is_there = |other: &Rung| other == &rung;
        if !rungs.iter().take(on_disk).any(is_there) {
            rungs.push(rung);
        }
    }
    rungs.sort_by_key(|rung| rung.at);
    rungs
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
        text: String::from_utf8_lossy(&masked(&said.bytes)).into_owned(),
    })
}

/// Methods of what is not kept.
const BESIDE_CALLS: [Method; 3] = [Method::Register, Method::Options, Method::Subscribe];

/// Whether a message of this method can be about a call.
pub(crate) fn is_about_call(method: &Method) -> bool {
    !BESIDE_CALLS.contains(method)
}

/// What is looked at of every message.
struct Head<'a> {
    call_id: &'a [u8],
    /// Whether it is about a call.
    is_call: bool,
}

/// Looks at a message's Call-ID and CSeq; none where there is no Call-ID, or no call can be meant.
fn head(bytes: &[u8]) -> Option<Head<'_>> {
    let lines = bytes.split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii);
    let mut call_id = None;
    let (mut is_call, mut is_watched) = (false, false);
    for line in lines.skip(1).take_while(|line| !line.is_empty()) {
        let Some(colon) = line.iter().position(|octet| *octet == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"call-id") || name.eq_ignore_ascii_case(b"i") {
            call_id = Some(value);
        } else if name.eq_ignore_ascii_case(b"cseq") {
            let method = value.rsplit(|octet| *octet == b' ').next().unwrap_or_default();
            is_call = BESIDE_CALLS.iter().all(|other| method != other.as_str().as_bytes());
            if !is_call {
                return None;
            }
        } else if name.eq_ignore_ascii_case(b"event") || name.eq_ignore_ascii_case(b"o") {
            let mut packages = Package::ALL.iter().map(|package| package.as_str().as_bytes());
            is_watched = packages.any(|package| value.starts_with(package));
        }
    }
    // A NOTIFY about a transfer is part of the call, one for a lamp is not.
    Some(Head { call_id: call_id?, is_call: is_call && !is_watched })
}

/// FNV-1a: enough to tell the Call-IDs of one ring apart.
fn hash(octets: &[u8]) -> u64 {
    octets.iter().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
    })
}
