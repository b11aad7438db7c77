//! Keeps scanners, guessers and floods away, without keeping anything of them.
//!
//! | who | when | then |
//! |---|---|---|
//! | a source | more requests than its bucket holds | what is too much is dropped |
//! | a source | too many offences within a time | nothing of it is read for a while; each time twice as long |
//! | a source from which a phone is registered | the same | is not shut out: a floor of phones may be behind one address |
//! | an account | wrong secrets from one source, one after another | the next from there must wait; not where its phone is registered already |
//!
//! A source is an IPv4 address, or the first half of an IPv6 one, which is what one customer has.
//! What is remembered of sources is of two generations at most, each bounded.

mod waits;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use model::{PhoneId, Timestamp};
use sip::registrar::BindingId;

use self::waits::Waits;
use crate::accounts::AddressRange;

/// Sources remembered in one generation, and sources shut out at a time.
const MOST: usize = 65_536;

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
}

/// Whether a request is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Admission {
    /// It is.
    Yes,
    /// Its source is shut out.
    Banned,
    /// Its source sends too many.
    TooMany,
}

/// What is remembered of a source.
#[derive(Clone, Copy, Debug)]
struct Suspect {
    /// Requests it may send at once, in thousandths.
    allowance: u64,
    at: Timestamp,
    offences: u32,
    since: Timestamp,
    /// How often it was shut out.
    bans: u32,
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
    homes: BTreeMap<BindingId, IpAddr>,
    at_home: BTreeMap<IpAddr, u32>,
}

impl Guard {
    pub(crate) fn new(settings: GuardSettings) -> Self {
        Self {
            settings,
            suspects: BTreeMap::new(),
            before: BTreeMap::new(),
            turned_at: Timestamp::EPOCH,
            bans: BTreeMap::new(),
            ends: BTreeSet::new(),
            waits: Waits::default(),
            homes: BTreeMap::new(),
            at_home: BTreeMap::new(),
        }
    }

    /// A phone is registered from here.
    pub(crate) fn registered(&mut self, id: BindingId, address: IpAddr) {
        self.gone(id);
        let source = source_of(address);
        self.homes.insert(id, source);
        *self.at_home.entry(source).or_default() += 1;
    }

    /// A phone is registered no more.
    pub(crate) fn gone(&mut self, id: BindingId) {
        let Some(source) = self.homes.remove(&id) else { return };
        if let Some(count) = self.at_home.get_mut(&source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.at_home.remove(&source);
            }
        }
    }

    /// Whether a request from here is read; it counts.
    pub(crate) fn admits(&mut self, address: IpAddr, now: Timestamp) -> Admission {
        let source = source_of(address);
        if self.is_trusted(address) {
            return Admission::Yes;
        }
        if self.is_banned(source, now) {
            return Admission::Banned;
        }
        let (rate, burst) = (u64::from(self.settings.rate), u64::from(self.settings.burst));
        let suspect = self.suspect(source, now);
        // So many requests a second are as many thousandths a millisecond; less than one is kept.
        let gained = u64::try_from(now.since(suspect.at).as_millis()).unwrap_or(u64::MAX);
        let full = burst.saturating_mul(1_000);
        suspect.allowance = suspect.allowance.saturating_add(gained.saturating_mul(rate)).min(full);
        suspect.at = suspect.at + Duration::from_millis(gained);
        match suspect.allowance.checked_sub(1_000) {
            Some(left) => {
                suspect.allowance = left;
                Admission::Yes
            }
            None => Admission::TooMany,
        }
    }

    /// Whether a connection from here is taken.
    pub(crate) fn is_shut_out(&mut self, address: IpAddr, now: Timestamp) -> bool {
        !self.is_trusted(address) && self.is_banned(source_of(address), now)
    }

    /// Whether this `User-Agent` is a scanner's.
    pub(crate) fn is_scanner(&self, user_agent: &str) -> bool {
        let begins = |scanner: &String| {
            let start = user_agent.as_bytes().get(..scanner.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(scanner.as_bytes()))
        };
        self.settings.scanners.iter().any(begins)
    }

    /// A source has done what no phone does. Gives its ban, when it is shut out for this.
    pub(crate) fn offence(
        &mut self,
        address: IpAddr,
        (why, weight): (&'static str, u32),
        now: Timestamp,
    ) -> Option<Ban> {
        let source = source_of(address);
        if self.is_trusted(address) || self.at_home.contains_key(&source) {
            return None;
        }
        let (most, within) = (self.settings.offences, self.settings.within);
        let suspect = self.suspect(source, now);
        if now.since(suspect.since) > within {
            (suspect.offences, suspect.since) = (0, now);
        }
        suspect.offences = suspect.offences.saturating_add(weight);
        if suspect.offences < most {
            return None;
        }
        suspect.offences = 0;
        suspect.bans = suspect.bans.saturating_add(1);
        let times = suspect.bans;
        let doubled = 1_u32.checked_shl(times - 1).unwrap_or(u32::MAX);
        let span = self.settings.ban.saturating_mul(doubled).min(self.settings.longest_ban);
        let ban = Ban { source, until: now + span, why, times };
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
        self.waits.wrong(phone, source_of(address), now);
    }

    /// Somebody brought the right one.
    pub(crate) fn right_secret(&mut self, phone: &PhoneId, address: IpAddr) {
        self.waits.right(phone, source_of(address));
    }

    /// The account has another secret, or is gone.
    pub(crate) fn forget(&mut self, phone: &PhoneId) {
        self.waits.forget(phone);
    }

    /// Who is shut out now.
    pub(crate) fn bans(&mut self, now: Timestamp) -> Vec<Ban> {
        self.expire(now);
        self.bans.values().cloned().collect()
    }

    /// Lets a source in again, and forgets what it did; false when it was not shut out.
    pub(crate) fn lift(&mut self, address: IpAddr) -> bool {
        let source = source_of(address);
        self.suspects.remove(&source);
        self.before.remove(&source);
        let Some(ban) = self.bans.remove(&source) else { return false };
        self.ends.remove(&(ban.until, source))
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        self.settings.trusted.iter().any(|range| range.holds(address))
    }

    fn is_banned(&mut self, source: IpAddr, now: Timestamp) -> bool {
        self.expire(now);
        self.bans.contains_key(&source)
    }

    fn shut_out(&mut self, ban: Ban) {
        if self.bans.len() >= MOST
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
        if self.suspects.len() >= MOST || now.since(self.turned_at) > age {
            self.before = std::mem::take(&mut self.suspects);
            self.turned_at = now;
        }
        let full = u64::from(self.settings.burst).saturating_mul(1_000);
        let known = self.before.remove(&source);
        self.suspects.entry(source).or_insert_with(|| {
            known.unwrap_or(Suspect { allowance: full, at: now, offences: 0, since: now, bans: 0 })
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    const THEM: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + seconds)
    }

    fn guard() -> Guard {
        Guard::new(GuardSettings { rate: 10, burst: 20, offences: 3, ..GuardSettings::default() })
    }

    fn guilty(guard: &mut Guard, now: Timestamp) -> Option<Ban> {
        (0..3).filter_map(|_| guard.offence(THEM, ("wrong_secret", 1), now)).last()
    }

    #[test]
    fn a_source_may_send_a_burst_and_then_its_rate() {
        let mut guard = guard();
        let admitted = |guard: &mut Guard, now| {
            (0..100).filter(|_| guard.admits(THEM, now) == Admission::Yes).count()
        };
        assert_eq!(admitted(&mut guard, at(0)), 20);
        assert_eq!(admitted(&mut guard, at(1)), 10);
        assert_eq!(admitted(&mut guard, at(100)), 20);
        assert_eq!(guard.admits(THEM, at(100)), Admission::TooMany);
        // A neighbour is somebody else.
        assert_eq!(guard.admits("203.0.113.8".parse().unwrap(), at(100)), Admission::Yes);
    }

    #[test]
    fn a_source_that_offends_is_shut_out_for_twice_as_long_each_time() {
        let mut guard = guard();
        let mut now = at(0);
        for (times, minutes) in [(1, 10), (2, 20), (3, 40)] {
            let ban = guilty(&mut guard, now).unwrap();
            assert_eq!((ban.times, ban.until), (times, now + Duration::from_mins(minutes)));
            assert_eq!(guard.admits(THEM, now), Admission::Banned);
            assert_eq!(guard.bans(now), vec![ban.clone()]);
            now = ban.until;
            assert_eq!(guard.admits(THEM, now), Admission::Yes);
            assert!(guard.bans(now).is_empty());
        }
        for _ in 0..20 {
            now = guilty(&mut guard, now).unwrap().until;
        }
        let ban = guilty(&mut guard, now).unwrap();
        assert_eq!(ban.until, now + Duration::from_hours(24));
    }

    #[test]
    fn offences_long_past_do_not_count() {
        let mut guard = guard();
        for turn in 0..10 {
            assert_eq!(guard.offence(THEM, ("malformed", 1), at(turn * 601)), None);
        }
    }

    #[test]
    fn a_ban_can_be_lifted_and_is_then_forgotten() {
        let mut guard = guard();
        guilty(&mut guard, at(0)).unwrap();
        assert!(guard.lift(THEM));
        assert!(!guard.lift(THEM));
        assert_eq!(guard.admits(THEM, at(1)), Admission::Yes);
        assert_eq!(guilty(&mut guard, at(1)).unwrap().times, 1);
    }

    #[test]
    fn where_a_phone_is_registered_nobody_is_shut_out_for_another() {
        let mut guard = guard();
        guard.registered(BindingId(1), THEM);
        guard.registered(BindingId(2), THEM);
        guard.registered(BindingId(2), "203.0.113.8".parse().unwrap());
        assert_eq!(guilty(&mut guard, at(0)), None);
        guard.gone(BindingId(1));
        assert!(guilty(&mut guard, at(0)).is_some());
    }

    #[test]
    fn a_flood_is_let_through_at_its_rate_however_close_its_requests_follow() {
        let mut guard = guard();
        let start = at(0);
        let times = (0..100_000_u64).map(|turn| start + Duration::from_micros(turn * 100));
        let admitted = times.filter(|now| guard.admits(THEM, *now) == Admission::Yes).count();
        assert!((118..=121).contains(&admitted), "{admitted}");
    }

    #[test]
    fn this_machine_and_trusted_networks_may_do_anything() {
        let mut trusted = GuardSettings::default().trusted;
        trusted.push("203.0.113.0/24".parse().unwrap());
        let mut guard = Guard::new(GuardSettings { trusted, ..GuardSettings::default() });
        for address in ["127.0.0.9", "::1", "203.0.113.7"] {
            let address = address.parse().unwrap();
            for _ in 0..10_000 {
                assert_eq!(guard.offence(address, ("malformed", 1), at(0)), None);
                assert_eq!(guard.admits(address, at(0)), Admission::Yes);
            }
        }
    }

    #[test]
    fn one_customer_of_ipv6_is_one_source() {
        let mut guard = guard();
        let address = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
        for last in 1..=3 {
            guard.offence(address(last), ("unknown_user", 1), at(0));
        }
        assert_eq!(guard.admits(address(77), at(0)), Admission::Banned);
        let elsewhere = IpAddr::from([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1]);
        assert_eq!(guard.admits(elsewhere, at(0)), Admission::Yes);
    }

    #[test]
    fn a_million_sources_fill_nothing() {
        let mut guard = guard();
        for number in 0..1_000_000_u32 {
            let address = IpAddr::V4(Ipv4Addr::from_bits(0x0b00_0000 + number));
            guard.admits(address, at(0));
            guard.offence(address, ("malformed", 3), at(0));
        }
        assert!(guard.suspects.len() + guard.before.len() <= 2 * MOST);
        assert!(guard.bans.len() <= MOST && guard.ends.len() == guard.bans.len());
    }

    #[test]
    fn a_scanner_is_known_by_the_name_it_gives_itself() {
        let guard = guard();
        assert!(guard.is_scanner("friendly-scanner") && guard.is_scanner("SIPVicious 0.3"));
        assert!(!guard.is_scanner("Yealink SIP-T46U") && !guard.is_scanner(""));
    }
}
