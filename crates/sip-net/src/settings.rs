//! What signalling is told at its start.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sip::Limits;
use sip::digest::NonceSettings;
use sip::endpoint::{Bounds, LargeRequests, SessionTimer, Transport};
use sip::registrar::RegistrarSettings;
use sip::subscription::SubscriptionSettings;

use crate::guard::GuardSettings;
use crate::tls::{Tls, TlsClient};

/// Settings of signalling.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where we listen. At least one listener serves phones, and one trunks.
    pub listeners: Vec<Listen>,
    /// With what we call trunks over TLS; none of them can be called so where this is none.
    pub tls_client: Option<TlsClient>,
    /// How requests to trunks leave that are too large for a datagram. Default: over TCP. Those to
    /// phones never move: behind their NATs nobody takes connections.
    pub large_requests: LargeRequests,
    /// How long a call lasts without a refresh (RFC 4028); for ever when none. Default 30 minutes.
    pub session_timer: Option<SessionTimer>,
    /// The realm of the phones' secrets, and the host in addresses shown to them.
    pub realm: String,
    /// How long nonces live and how many are remembered.
    pub nonces: NonceSettings,
    /// Phones whose `User-Agent` begins with one of these are offered MD5 alone: they give up at a
    /// challenge with another algorithm instead of passing over it (RFC 8760 §2.4). Default:
    /// baresip up to version 2.
    pub md5_only: Vec<String>,
    /// The registrar's limits.
    pub registrar: RegistrarSettings,
    /// The limits of what phones may watch: busy lamps, mailboxes, agents.
    pub subscriptions: SubscriptionSettings,
    /// How often a registered phone is asked whether it is still there (OPTIONS), which also keeps
    /// the way to it open through NATs; never when none. Default 30 s.
    pub check_every: Option<Duration>,
    /// How long whoever we call may say nothing at all before it is taken for gone. Default 5 s: four
    /// repetitions over UDP.
    pub answer_within: Duration,
    /// How long more may come in than is read, without a pause, or a call wait for the floor to look at
    /// it, before new calls are refused with 503, while those there are go on. Registrations are
    /// refused when more comes in for twenty times as long. Default 200 ms: what waits longer makes
    /// its sender repeat it, and that makes more.
    pub longest_backlog: Duration,
    /// Whom to ask for names; none: as the system says.
    pub name_servers: Vec<SocketAddr>,
    /// Limits on connections.
    pub connections: ConnectionLimits,
    /// What keeps scanners, guessers and floods away.
    pub guard: GuardSettings,
    /// How many octets of messages about calls are kept, to be shown as ladders. Default 16 MiB.
    pub trace: usize,
    /// Where messages about calls are kept on disk; nowhere when none, which is the default.
    pub trace_files: Option<TraceFiles>,
    /// Who is sent a copy of every message about a call, by HEP. Default: nobody.
    pub capture: Option<Capture>,
    /// Legs at a time; further calls get 503. Default 10 000.
    pub legs: usize,
    /// Transactions at a time, and answers remembered beside them. Over UDP an answer is remembered
    /// for half a minute: the default of 100 000 lets as many phones register again within that
    /// after a restart.
    pub transactions: usize,
    /// How long calls may take.
    pub calls: CallLimits,
}

/// How long calls may take in signalling, whatever becomes of them, and how many ways one may ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallLimits {
    /// Early dialogs of one call that we make; what forks beyond is heard when it answers. Default 16.
    pub forks: usize,
    /// How long one that we make may ring. Default 5 minutes.
    pub longest_ringing: Duration,
    /// How long one that comes in may wait for an answer. Default 30 minutes.
    pub longest_unanswered: Duration,
    /// How long one may last. Default 12 hours.
    pub longest_call: Duration,
}

impl Default for CallLimits {
    fn default() -> Self {
        let usual = Bounds::default();
        Self {
            forks: usual.forks,
            longest_ringing: usual.longest_ringing,
            longest_unanswered: usual.longest_unanswered,
            longest_call: usual.longest_session,
        }
    }
}

/// Where messages about calls are kept on disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraceFiles {
    /// The folder, which holds nothing else. It is made when it is needed, for its owner alone.
    pub folder: PathBuf,
    /// How many octets all files have at most; none are written when it is 0. A quarter of a MiB is
    /// the least.
    pub octets: u64,
}

/// A capture server, such as Homer.
#[derive(Clone, PartialEq, Eq)]
pub struct Capture {
    /// Where it takes HEP over UDP.
    pub server: SocketAddr,
    /// The number it tells us from others by.
    pub id: u32,
    /// What we show it, where it asks for that. It goes over the network as it is.
    pub key: Option<String>,
}

impl fmt::Debug for Capture {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, id, .. } = self;
        out.debug_struct("Capture").field("server", server).field("id", id).finish_non_exhaustive()
    }
}

/// Whom a listener serves: an address alone never makes a phone a trunk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Serves {
    /// Phones: everything must authenticate.
    Phones,
    /// Trunks: everything is known by its address.
    Trunks,
}

/// What a listener speaks.
#[derive(Clone, Debug)]
pub enum Protocol {
    /// UDP, and TCP on the same port.
    Plain,
    /// TLS over TCP.
    Tls(Tls),
    /// WebSocket (RFC 7118), for pages of these origins; of any, where none is named.
    WebSocket(Arc<[String]>),
    /// The same over TLS.
    SecureWebSocket(Tls, Arc<[String]>),
}

impl Protocol {
    /// The transport of its connections.
    pub(crate) const fn transport(&self) -> Transport {
        match self {
            Self::Plain => Transport::Tcp,
            Self::Tls(_) => Transport::Tls,
            Self::WebSocket(_) => Transport::Ws,
            Self::SecureWebSocket(..) => Transport::Wss,
        }
    }
}

/// One listener.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Whom it serves.
    pub serves: Serves,
    /// What it speaks.
    pub protocol: Protocol,
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// The address others reach us at, where it is not the one we listen on: needed behind a NAT,
    /// and when listening on all addresses.
    pub public: Option<IpAddr>,
}

/// Limits on stream connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionLimits {
    /// At a time. Default 10 000.
    pub total: usize,
    /// At a time from one address. Default 200: a floor of phones behind one NAT.
    pub per_source: usize,
    /// How long a message may take from its first octet to its last, and a new connection until its
    /// first message. Default 10 s.
    pub slowest_message: Duration,
    /// How long a connection may be silent. Default 30 minutes.
    pub longest_silence: Duration,
    /// How much of what it is sent its other side may leave unread, in octets; a stranger's no more
    /// than 64 KiB. Default 1 MiB: some thousand messages.
    pub unread: usize,
    /// The bounds of a message, over datagrams too. Default [`Limits::DEFAULT`], which none exceeds:
    /// more than a message of 64 KiB nothing takes in.
    pub message: Limits,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            total: 10_000,
            per_source: 200,
            slowest_message: Duration::from_secs(10),
            longest_silence: Duration::from_mins(30),
            unread: 1 << 20,
            message: Limits::DEFAULT,
        }
    }
}

impl Settings {
    /// The usual settings with these listeners and this realm.
    #[must_use]
    pub fn new(listeners: Vec<Listen>, realm: &str) -> Self {
        Self {
            listeners,
            tls_client: None,
            large_requests: LargeRequests::OverTcp,
            session_timer: Some(SessionTimer::default()),
            realm: realm.to_owned(),
            nonces: NonceSettings::default(),
            md5_only: ["baresip v0.", "baresip v1.", "baresip v2."].map(str::to_owned).to_vec(),
            registrar: RegistrarSettings::default(),
            subscriptions: SubscriptionSettings::default(),
            check_every: Some(Duration::from_secs(30)),
            answer_within: Duration::from_secs(5),
            longest_backlog: Duration::from_millis(200),
            name_servers: Vec::new(),
            connections: ConnectionLimits::default(),
            guard: GuardSettings::default(),
            trace: 16 << 20,
            trace_files: None,
            capture: None,
            legs: 10_000,
            transactions: 100_000,
            calls: CallLimits::default(),
        }
    }
}

impl Listen {
    /// A listener at this address, UDP and TCP.
    #[must_use]
    pub const fn plain(serves: Serves, address: SocketAddr) -> Self {
        Self { serves, protocol: Protocol::Plain, address, public: None }
    }

    /// The address others reach us at, given the one that was bound; none when it is all addresses
    /// and nobody said which.
    pub(crate) fn public(&self, bound: SocketAddr) -> Option<SocketAddr> {
        let ip = self.public.unwrap_or(bound.ip());
        (!ip.is_unspecified()).then(|| SocketAddr::new(ip, bound.port()))
    }
}
