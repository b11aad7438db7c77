//! What an endpoint is told about itself.

use std::net::SocketAddr;
use std::time::Duration;

use crate::message::Method;
use crate::transaction::Timing;

/// Settings of an [`super::Endpoint`].
#[derive(Clone, Debug)]
pub struct EndpointSettings {
    /// Our listeners; a [`super::ListenerId`] is an index into this list.
    pub listeners: Vec<Listener>,
    /// Named in `Server` and `User-Agent`.
    pub product: String,
    /// The methods we take, as listed in `Allow`.
    pub allow: Vec<Method>,
    /// The base of all timers.
    pub timing: Timing,
    /// How much is kept at most.
    pub bounds: Bounds,
    /// How long a session lasts that nobody refreshes (RFC 4028); none: we ask for no refreshes.
    pub session_timer: Option<SessionTimer>,
}

/// How long a session may last without a refresh (RFC 4028).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionTimer {
    /// What we ask for. Default 30 minutes.
    pub interval: Duration,
    /// Shorter ones are refused with 422. Default 90 s, the least that the RFC allows (§5).
    pub least: Duration,
}

impl Default for SessionTimer {
    fn default() -> Self {
        Self { interval: Duration::from_mins(30), least: Duration::from_secs(90) }
    }
}

/// One listener as others see it.
#[derive(Clone, Debug)]
pub struct Listener {
    /// The address in our Via and Contact. Written as it is: behind a one-to-one NAT, the public one.
    pub public: SocketAddr,
    /// Where requests within a dialog go that was opened over it.
    pub reach: Reach,
    /// How requests leave that are too large for a datagram.
    pub large: LargeRequests,
}

impl Listener {
    /// A listener whose peers are reached where they were heard from.
    #[must_use]
    pub const fn at(public: SocketAddr) -> Self {
        Self { public, reach: Reach::Observed, large: LargeRequests::OverTcp }
    }
}

/// How a peer is reached once it was heard from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Reach {
    /// At the address it was heard from: phones behind NAT name one in their Contact that nobody can
    /// reach.
    #[default]
    Observed,
    /// At the address of its Route or Contact where that is an address and no name, else as observed.
    Signalled,
}

/// How a request leaves for a peer over UDP that is too large for a datagram (RFC 3261 §18.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LargeRequests {
    /// Over TCP; in a datagram after all when the peer takes no connection.
    OverTcp,
    /// In a datagram, which arrives in pieces or not at all: behind NATs nobody takes connections.
    OverUdp,
}

/// Bounds on what is kept and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Transactions at a time; above it new requests get 503. Beside them as many answers are
    /// remembered in case their requests come again (§17.2.2); above that the oldest is forgotten.
    pub transactions: usize,
    /// Sessions at a time; above it new INVITEs get 503.
    pub sessions: usize,
    /// Early dialogs of one outgoing INVITE; further forks are not followed until they answer.
    pub forks: usize,
    /// How long an outgoing INVITE may ring before it is cancelled.
    pub longest_ringing: Duration,
    /// How long an incoming INVITE may wait for the application's final answer.
    pub longest_unanswered: Duration,
    /// How long a session may last.
    pub longest_session: Duration,
    /// How often a provisional response is repeated, so that no proxy gives up (RFC 3261 §13.3.1.1).
    pub provisional_repeat: Duration,
    /// What `Retry-After` says when we are full.
    pub retry_after: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            transactions: 20_000,
            sessions: 10_000,
            forks: 16,
            longest_ringing: Duration::from_mins(5),
            longest_unanswered: Duration::from_mins(30),
            longest_session: Duration::from_hours(12),
            provisional_repeat: Duration::from_mins(1),
            retry_after: Duration::from_secs(5),
        }
    }
}

impl EndpointSettings {
    /// A pause of nothing would repeat for ever.
    pub(super) fn make_sane(&mut self) {
        let least = Duration::from_millis(1);
        let Timing { t1, t2, t4 } = &mut self.timing;
        for pause in [t1, t2, t4, &mut self.bounds.provisional_repeat] {
            *pause = least.max(*pause);
        }
        if let Some(timer) = &mut self.session_timer {
            timer.least = timer.least.max(SessionTimer::default().least);
            timer.interval = timer.interval.max(timer.least);
        }
    }

    /// The usual settings with these public addresses.
    #[must_use]
    pub fn listening(listeners: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self {
            listeners: listeners.into_iter().map(Listener::at).collect(),
            product: "hotline".to_owned(),
            allow: vec![
                Method::Invite,
                Method::Ack,
                Method::Cancel,
                Method::Bye,
                Method::Options,
                Method::Info,
                Method::Update,
                Method::Prack,
                Method::Refer,
                Method::Notify,
                Method::Subscribe,
                Method::Register,
            ],
            timing: Timing::default(),
            bounds: Bounds::default(),
            session_timer: Some(SessionTimer::default()),
        }
    }
}
