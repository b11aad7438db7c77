//! Keeps scanners, guessers and floods away, without keeping anything of them.
//!
//! | who | when | then |
//! |---|---|---|
//! | a source | more than its bucket holds: one for datagrams, one for streams, one for new connections, one for keep-alives | what is too much is dropped |
//! | the flow of a registered phone | the same, from a bucket of its own | the same |
//! | a source | too many offences within a time over connections, or where it has shown that it is there | nothing of it is read for a while; each time twice as long |
//! | a source | the same in datagrams, which another may have sent in its name | of its datagrams a few are answered, and those that bring back what was said to it: who is there still gets in; registered flows as ever |
//! | a source from which a phone is registered | the same | is not shut out: a floor of phones may be behind one address |
//! | an account | wrong secrets from one source, one after another | the next from there must wait, a second at most where a phone is registered; not its phone, by its own way or registration |
//!
//! A source is an IPv4 address, or the first half of an IPv6 one, which is what one customer has.
//! What is remembered of sources is of two generations at most, each bounded.

mod bucket;
#[cfg(test)]
mod tests;
mod waits;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use model::{PhoneId, Timestamp};
use sip::endpoint::Transport;
use sip::registrar::BindingId;

use self::bucket::{Bucket, Pace};
use self::waits::Waits;
use crate::accounts::AddressRange;

/// How long an attempt waits at most after wrong secrets, where a phone is registered.
const AT_HOME: Duration = Duration::from_secs(1);

/// What the guard allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GuardSettings {
    /// Sources that may do anything. Default: this machine itself.
    pub trusted: Vec<AddressRange>,
    /// Requests a second from one source, in the long run. Default 100.
    pub rate: u32,
    /// Requests at once from one source. Default 500.
    pub burst: u32,
    /// Offences within [`Self::within`] for which a source is shut out. Default 20.
    pub offences: u32,
    /// Default 10 minutes.
    pub within: Duration,
    /// How long a source is shut out for the first time. Default 10 minutes.
    pub ban: Duration,
    /// How long at most. Default 1 day.
    pub longest_ban: Duration,
    /// Datagrams a second that are answered of a source whose datagrams are shut out, as another may
    /// have sent them in its name: enough for phones there to be challenged. Default 10.
    pub banned_rate: u32,
    /// Wrong secrets in a row for one account, from one source, that cost nothing. Default 5.
    pub free_guesses: u32,
    /// How long the next attempt waits at most. Default 1 minute.
    pub longest_wait: Duration,
    /// Sources remembered in one generation, of two; and sources shut out at a time. Default 65 536.
    pub sources: usize,
    /// What the `User-Agent` of programs begins with that only look for holes, in lower case.
    pub scanners: Vec<String>,
}

impl Default for GuardSettings {
    fn default() -> Self {
        let scanners = ["friendly-scanner", "sipvicious", "sip-scan", "sipcli", "sundayddr"];
        Self {
            trusted: [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
                .map(AddressRange::of_loopback)
                .to_vec(),
            rate: 100,
            burst: 500,
            offences: 20,
            within: Duration::from_mins(10),
            ban: Duration::from_mins(10),
            longest_ban: Duration::from_hours(24),
            banned_rate: 10,
            free_guesses: 5,
            longest_wait: Duration::from_secs(60),
            sources: 65_536,
            scanners: [&scanners[..], &["pplsip", "iwar", "vaxsip"]]
                .concat()
                .into_iter()
                .map(str::to_owned)
                .collect(),
        }
    }
}

/// A source that is shut out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ban {
    /// The address; of IPv6 the first half.
    pub source: IpAddr,
    /// Until when.
    pub until: Timestamp,
    /// What it did last.
    pub why: &'static str,
    /// How often it was shut out, this time included.
    pub times: u32,
    /// What of it is not read.
    pub scope: Scope,
    /// The account alone whose attempts from there wait, after wrong secrets; none for a source that
    /// is shut out.
    pub account: Option<PhoneId>,
}

/// What of a source is not read when it is shut out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Scope {
    /// Its datagrams, whose source anybody can write: others must not be able to shut it out.
    Datagrams,
    /// Everything.
    Everything,
}

/// What shares a bucket: what is forged in one way must not starve what comes another way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Lane {
    /// Keep-alives by STUN.
    KeepAlives,
    /// Messages in datagrams.
    Datagrams,
    /// Messages over connections.
    Streams,
    /// Connections that are opened.
    Connections,
}

impl Lane {
    /// That of messages over this transport.
    pub(crate) const fn of(transport: Transport) -> Self {
        match transport {
            Transport::Udp => Self::Datagrams,
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => Self::Streams,
        }
    }

    /// Which bans concern it.
    const fn scope(self) -> Scope {
        match self {
            Self::KeepAlives | Self::Datagrams => Scope::Datagrams,
            Self::Streams | Self::Connections => Scope::Everything,
        }
    }
}

/// Whether a request is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Admission {
    /// It is.
    Yes,
    /// Its source is shut out, for what another may have done in its name: it is, if it shows that
    /// it hears what we say to that source.
    IfHeard,
    /// Its source is shut out.
    Banned,
    /// Its source sends too many.
    TooMany,
}

/// What is remembered of a source.
#[derive(Clone, Copy, Debug)]
struct Suspect {
    keep_alives: Bucket,
    datagrams: Bucket,
    /// Of datagrams, while they are shut out: those that are answered all the same.
    few: Bucket,
    /// And those that bring back what was said.
    heard: Bucket,
    streams: Bucket,
    connections: Bucket,
    /// What it did, or another in its name.
    said: Record,
    /// What it did for certain.
    shown: Record,
}

/// Offences of late.
#[derive(Clone, Copy, Debug)]
struct Record {
    offences: u32,
    since: Timestamp,
    /// How often it was shut out for them.
    bans: u32,
}

/// Where a registered phone sends from: of datagrams or of connections.
type FlowKey = (Scope, SocketAddr);

/// The bucket of such a place, and how many bindings share it.
#[derive(Debug)]
struct Flow {
    bucket: Bucket,
    bindings: u32,
}

/// Keeps scanners, guessers and floods away.
#[derive(Debug)]
pub(crate) struct Guard {
    settings: GuardSettings,
    suspects: BTreeMap<IpAddr, Suspect>,
    /// Those of the time before: what is seen again moves up, the rest is forgotten.
    before: BTreeMap<IpAddr, Suspect>,
    turned_at: Timestamp,
    bans: BTreeMap<IpAddr, Ban>,
    ends: BTreeSet<(Timestamp, IpAddr)>,
    waits: Waits,
    /// Where registered phones are, and how many are there.
    homes: BTreeMap<BindingId, FlowKey>,
    flows: BTreeMap<FlowKey, Flow>,
    at_home: BTreeMap<IpAddr, u32>,
}

impl Guard {
    pub(crate) fn new(settings: GuardSettings) -> Self {
        Self {
            waits: Waits::new(&settings),
            settings,
            suspects: BTreeMap::new(),
            before: BTreeMap::new(),
            turned_at: Timestamp::EPOCH,
            bans: BTreeMap::new(),
            ends: BTreeSet::new(),
            homes: BTreeMap::new(),
            flows: BTreeMap::new(),
            at_home: BTreeMap::new(),
        }
    }

    /// A phone is registered from here.
    pub(crate) fn registered(
        &mut self,
        id: BindingId,
        (transport, peer): (Transport, SocketAddr),
        now: Timestamp,
    ) {
        let key = (Lane::of(transport).scope(), peer);
        if self.homes.get(&id) == Some(&key) {
            return;
        }
        self.gone(id);
        self.homes.insert(id, key);
        let bucket = Bucket::full(Pace::of(&self.settings), now);
        self.flows.entry(key).or_insert(Flow { bucket, bindings: 0 }).bindings += 1;
        *self.at_home.entry(source_of(peer.ip())).or_default() += 1;
    }

    /// A phone is registered no more.
    pub(crate) fn gone(&mut self, id: BindingId) {
        let Some(key) = self.homes.remove(&id) else { return };
        if let Some(flow) = self.flows.get_mut(&key) {
            flow.bindings = flow.bindings.saturating_sub(1);
            if flow.bindings == 0 {
                self.flows.remove(&key);
            }
        }
        let source = source_of(key.1.ip());
        if let Some(count) = self.at_home.get_mut(&source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.at_home.remove(&source);
            }
        }
    }

    /// Whether something from here is read; it counts.
    pub(crate) fn admits(&mut self, peer: SocketAddr, lane: Lane, now: Timestamp) -> Admission {
        if self.is_trusted(peer.ip()) {
            return Admission::Yes;
        }
        let pace = Pace::of(&self.settings);
        let takes = |bucket: &mut Bucket| {
            if bucket.takes(pace, now) { Admission::Yes } else { Admission::TooMany }
        };
        if let Some(flow) = self.flows.get_mut(&(lane.scope(), peer)) {
            return takes(&mut flow.bucket);
        }
        let source = source_of(peer.ip());
        if self.is_banned(source, lane.scope(), now) {
            let is_forged = lane == Lane::Datagrams
                && self.bans.get(&source).is_some_and(|ban| ban.scope == Scope::Datagrams);
            let few = Pace::of_a_second(u64::from(self.settings.banned_rate));
            // Not from the bucket that whoever forges empties.
            return match is_forged {
                true if self.suspect(source, now).few.takes(few, now) => Admission::Yes,
                true => Admission::IfHeard,
                false => Admission::Banned,
            };
        }
        let suspect = self.suspect(source, now);
        takes(match lane {
            Lane::KeepAlives => &mut suspect.keep_alives,
            Lane::Datagrams => &mut suspect.datagrams,
            Lane::Streams => &mut suspect.streams,
            Lane::Connections => &mut suspect.connections,
        })
    }

    /// Whether one that brings back what was said to its source is read, though that is shut out for
    /// what came in its name; it counts.
    pub(crate) fn admits_heard(&mut self, peer: SocketAddr, now: Timestamp) -> bool {
        let pace = Pace::of(&self.settings);
        self.suspect(source_of(peer.ip()), now).heard.takes(pace, now)
    }

    /// Whether nothing from here is read.
    pub(crate) fn is_shut_out(&mut self, peer: SocketAddr, lane: Lane, now: Timestamp) -> bool {
        self.is_banned(source_of(peer.ip()), Scope::Everything, now)
            && !self.is_trusted(peer.ip())
            && !self.flows.contains_key(&(lane.scope(), peer))
    }

    /// Whether this `User-Agent` is a scanner's.
    pub(crate) fn is_scanner(&self, user_agent: &str) -> bool {
        let begins = |scanner: &String| {
            let start = user_agent.as_bytes().get(..scanner.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(scanner.as_bytes()))
        };
        self.settings.scanners.iter().any(begins)
    }

    /// A source has done what no phone does. Gives its ban, when it is shut out for this; who is shut
    /// out already is not shut out for longer by what still comes of it.
    pub(crate) fn offence(
        &mut self,
        address: IpAddr,
        scope: Scope,
        (why, weight): (&'static str, u32),
        now: Timestamp,
    ) -> Option<Ban> {
        let source = source_of(address);
        let is_home = self.at_home.contains_key(&source);
        if is_home || self.is_trusted(address) || self.is_banned(source, scope, now) {
            return None;
        }
        let (most, within) = (self.settings.offences, self.settings.within);
        let suspect = self.suspect(source, now);
        let record = match scope {
            Scope::Datagrams => &mut suspect.said,
            Scope::Everything => &mut suspect.shown,
        };
        if now.since(record.since) > within {
            (record.offences, record.since) = (0, now);
        }
        record.offences = record.offences.saturating_add(weight);
        if record.offences < most {
            return None;
        }
        record.offences = 0;
        record.bans = record.bans.saturating_add(1);
        let times = record.bans;
        // Whoever forges has no trouble to do so again: the forged must not pay more each time.
        let doubled = match scope {
            Scope::Datagrams => 1,
            Scope::Everything => 1_u32.checked_shl(times - 1).unwrap_or(u32::MAX),
        };
        let span = self.settings.ban.saturating_mul(doubled).min(self.settings.longest_ban);
        let ban = Ban { source, until: now + span, why, times, scope, account: None };
        self.shut_out(ban.clone());
        Some(ban)
    }

    /// How heavy an offence is that leaves no doubt.
    pub(crate) const fn certain(&self) -> u32 {
        self.settings.offences
    }

    /// How long an attempt for this account must wait from here, if it must.
    pub(crate) fn must_wait(
        &self,
        phone: &PhoneId,
        address: IpAddr,
        now: Timestamp,
    ) -> Option<Duration> {
        self.waits.must_wait(phone, source_of(address), now)
    }

    /// Somebody who is here brought a wrong secret for this account.
    pub(crate) fn wrong_secret(&mut self, phone: &PhoneId, address: IpAddr, now: Timestamp) {
        let source = source_of(address);
        // Its other phones are behind the same address: they are not to be kept out by a guesser.
        let longest = if self.at_home.contains_key(&source) { AT_HOME } else { Duration::MAX };
        self.waits.wrong(phone, source, (longest, now));
    }

    /// Somebody brought the right one.
    pub(crate) fn right_secret(&mut self, phone: &PhoneId, address: IpAddr) {
        self.waits.right(phone, source_of(address));
    }

    /// The account has another secret, or is gone.
    pub(crate) fn forget(&mut self, phone: &PhoneId) {
        self.waits.forget(phone);
    }

    /// Who is shut out now, and whose attempts wait.
    pub(crate) fn bans(&mut self, now: Timestamp) -> Vec<Ban> {
        self.expire(now);
        let waits = self.waits.iter(now).map(|(phone, source, (until, times))| Ban {
            source,
            until,
            why: "wrong_secret",
            times,
            scope: Scope::Everything,
            account: Some(phone.clone()),
        });
        self.bans.values().cloned().chain(waits).collect()
    }

    /// Lets a source in again, and forgets what it did; false when it was not shut out, and nothing
    /// from there waited.
    pub(crate) fn lift(&mut self, address: IpAddr, now: Timestamp) -> bool {
        let source = source_of(address);
        let waited = self.waits.lift(source, now);
        self.suspects.remove(&source);
        self.before.remove(&source);
        let Some(ban) = self.bans.remove(&source) else { return waited };
        self.ends.remove(&(ban.until, source))
    }

    /// Whether this source may do anything.
    pub(crate) fn is_trusted(&self, address: IpAddr) -> bool {
        self.settings.trusted.iter().any(|range| range.holds(address))
    }

    fn is_banned(&mut self, source: IpAddr, scope: Scope, now: Timestamp) -> bool {
        self.expire(now);
        self.bans.get(&source).is_some_and(|ban| ban.scope >= scope)
    }

    fn shut_out(&mut self, ban: Ban) {
        // A source has one ban at a time: this one says more than the one before.
        if let Some(narrower) = self.bans.remove(&ban.source) {
            self.ends.remove(&(narrower.until, narrower.source));
        }
        if self.bans.len() >= self.settings.sources
            && let Some((_, first)) = self.ends.pop_first()
        {
            self.bans.remove(&first);
        }
        self.ends.insert((ban.until, ban.source));
        self.bans.insert(ban.source, ban);
    }

    fn expire(&mut self, now: Timestamp) {
        while let Some((until, source)) = self.ends.first().copied()
            && until <= now
        {
            self.ends.remove(&(until, source));
            self.bans.remove(&source);
        }
    }

    fn suspect(&mut self, source: IpAddr, now: Timestamp) -> &mut Suspect {
        // Whoever was shut out is remembered as long as it may be shut out again.
        let age = self.settings.within.max(self.settings.longest_ban);
        if self.suspects.len() >= self.settings.sources || now.since(self.turned_at) > age {
            self.before = std::mem::take(&mut self.suspects);
            self.turned_at = now;
        }
        let bucket = Bucket::full(Pace::of(&self.settings), now);
        let record = Record { offences: 0, since: now, bans: 0 };
        let known = self.before.remove(&source).unwrap_or(Suspect {
            keep_alives: bucket,
            datagrams: bucket,
            few: Bucket::full(Pace::of_a_second(u64::from(self.settings.banned_rate)), now),
            heard: bucket,
            streams: bucket,
            connections: bucket,
            said: record,
            shown: record,
        });
        self.suspects.entry(source).or_insert(known)
    }
}

/// What counts as one source: an IPv4 address, or the 64 bits that one customer has of IPv6.
pub(crate) fn source_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let half = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(half))
        }
    }
}
