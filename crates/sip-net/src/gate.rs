//! Who is read at all: scanners, guessers and floods are not, and carriers always.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use model::Timestamp;
use sip::endpoint::{ConnectionId, ListenerId, Source, Transport};
use sip::stun::BindingRequest;
use sip::{HeaderName, ParseError, Request};

use crate::accounts::Trunk;
use crate::counters::Counted;
use crate::exchange::Exchange;
use crate::guard::{Admission, Ban, Lane, Scope};
use crate::settings::Serves;

impl Exchange {
    /// Whether nothing of this peer is read: it is shut out.
    pub(crate) fn shuts_out(&mut self, source: &Source, now: Timestamp) -> bool {
        let is_out = self.is_out(source, now);
        if is_out {
            self.count(Counted::Banned);
        }
        is_out
    }

    /// Whether this peer is shut out.
    pub(crate) fn is_out(&mut self, source: &Source, now: Timestamp) -> bool {
        let Source { listener, transport, peer, .. } = *source;
        !self.is_carrier(listener, peer) && self.guard.is_shut_out(peer, Lane::of(transport), now)
    }

    /// Whether whoever connects needs no proof that it is of use.
    pub(crate) fn is_friend(&self, source: &Source) -> bool {
        self.is_carrier(source.listener, source.peer) || self.guard.is_trusted(source.peer.ip())
    }

    /// The name that whoever connects from here must prove by a certificate, where one is asked for.
    pub(crate) fn certified(&self, source: &Source) -> Option<String> {
        let is_trunks = self.serves(source.listener) == Serves::Trunks;
        let trunk = self.trunks.from_source(source.peer.ip()).filter(|_| is_trunks);
        trunk.and_then(Trunk::certified)
    }

    /// Somebody has proven who they are, perhaps over a connection.
    pub(crate) fn is_of_use(&mut self, source: &Source) {
        self.of_use.extend(source.connection);
    }

    /// The connections over which that has happened since this was asked last.
    pub(crate) fn take_of_use(&mut self) -> BTreeSet<ConnectionId> {
        std::mem::take(&mut self.of_use)
    }

    /// Whoever opened a connection did not say what belongs there.
    pub(crate) fn broke_off(&mut self, source: &Source, why: Counted, now: Timestamp) {
        self.offence(source, Scope::Everything, (why.as_str(), 1), now);
    }

    /// Whether it is a trunk that speaks, or a place where we call one: those are judged by other rules.
    pub(crate) fn is_carrier(&self, listener: ListenerId, peer: SocketAddr) -> bool {
        let is_place = || self.carriers.all_places().any(|(_, place)| place.peer.ip() == peer.ip());
        self.serves(listener) == Serves::Trunks
            && (self.trunks.from_source(peer.ip()).is_some() || is_place())
    }

    /// A peer has done what no phone does; enough of that, and it is shut out: from datagrams alone, where
    /// another may have sent them in its name.
    pub(crate) fn offence(
        &mut self,
        source: &Source,
        scope: Scope,
        offence: (&'static str, u32),
        now: Timestamp,
    ) {
        if self.is_carrier(source.listener, source.peer) {
            return;
        }
        let Some(ban) = self.guard.offence(source.peer.ip(), scope, offence, now) else { return };
        let Ban { source, scope, until, why, times, account: _ } = ban;
        if let Some(count) = self.grumble.is_due(now) {
            tracing::warn!(%source, ?scope, why, %until, times, count, "shut out");
        } else {
            tracing::debug!(%source, ?scope, why, %until, times, "shut out");
        }
    }

    /// Whether a message from here is read; what is not is counted.
    fn admits(&mut self, source: &Source, lane: Lane, now: Timestamp) -> bool {
        self.admits_if(source, (lane, now), |_| false)
    }

    /// The same of one that may show that its sender hears what we say to its source.
    fn admits_if(
        &mut self,
        source: &Source,
        (lane, now): (Lane, Timestamp),
        is_heard: impl FnOnce(&Self) -> bool,
    ) -> bool {
        if self.is_carrier(source.listener, source.peer) {
            return true;
        }
        let why = match self.guard.admits(source.peer, lane, now) {
            Admission::Yes => return true,
            Admission::IfHeard if is_heard(self) && self.guard.admits_heard(source.peer, now) => {
                return true;
            }
            Admission::IfHeard | Admission::Banned => Counted::Banned,
            Admission::TooMany => Counted::RateLimited,
        };
        self.count(why);
        false
    }

    /// Whether a connection from here is taken.
    pub(crate) fn welcomes(&mut self, source: &Source, now: Timestamp) -> bool {
        self.admits(source, Lane::Connections, now)
    }

    /// Whether a response from here is read.
    pub(crate) fn hears(&mut self, source: &Source, now: Timestamp) -> bool {
        self.admits(source, Lane::of(source.transport), now)
    }

    /// Whether a request is dropped without an answer: a scanner's, or one too many.
    pub(crate) fn drops(&mut self, request: &Request, source: &Source, now: Timestamp) -> bool {
        let lane = Lane::of(source.transport);
        if !self.admits_if(source, (lane, now), |it| it.is_answered_to(request, source)) {
            return true;
        }
        let agent = request.headers.text(&HeaderName::UserAgent).unwrap_or_default();
        if self.is_carrier(source.listener, source.peer) || !self.guard.is_scanner(agent) {
            return false;
        }
        let weight = self.guard.certain();
        self.offence(source, scope_of(source.transport), ("scanner", weight), now);
        self.count(Counted::Scanner);
        true
    }

    /// Takes in octets that are no message; answers them where they can be answered, as often as
    /// requests.
    pub(crate) fn receive_malformed(&mut self, error: ParseError, source: Source, now: Timestamp) {
        self.count(Counted::Malformed);
        let is_answered = self.admits(&source, Lane::of(source.transport), now);
        self.offence(&source, scope_of(source.transport), ("malformed", 1), now);
        if is_answered {
            self.endpoint.receive_malformed(error, source);
            self.settle(now);
        }
    }

    /// Answers a keep-alive: not as often as anybody likes, as a response is longer than what asks for it.
    pub(crate) fn keep_alive(&mut self, asked: &BindingRequest, source: &Source, now: Timestamp) {
        if self.admits(source, Lane::KeepAlives, now) {
            self.count(Counted::KeptAlive);
            self.sends.push_back((asked.answer(source.peer).into(), source.destination()));
        }
    }
}

/// What a peer is shut out from for what came over this transport: anybody can send a datagram in
/// another's name, and whoever has a connection is where it says.
pub(crate) const fn scope_of(transport: Transport) -> Scope {
    match transport {
        Transport::Udp => Scope::Datagrams,
        Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => Scope::Everything,
    }
}
