//! Who brought wrong secrets for an account, and how long the next attempt from there waits.
//!
//! It waits from there alone: strangers who guess must not lock the phone out. What is remembered is of
//! two generations at most, each bounded.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use model::{PhoneId, Timestamp};

use super::GuardSettings;

/// Wrong secrets in a row, by account and source.
#[derive(Debug)]
pub(super) struct Waits {
    /// Wrong secrets that cost nothing.
    free: u32,
    /// The longest an attempt waits.
    longest: Duration,
    /// Sources remembered in one generation.
    most: usize,
    young: Generation,
    /// Those of the time before: what is seen again moves up, the rest is forgotten.
    old: Generation,
}

#[derive(Debug, Default)]
struct Generation {
    accounts: BTreeMap<PhoneId, BTreeMap<IpAddr, Wrong>>,
    sources: usize,
}

/// How many wrong secrets, and when the next attempt is looked at.
#[derive(Clone, Copy, Debug)]
struct Wrong {
    times: u32,
    from: Timestamp,
}

impl Waits {
    pub(super) fn new(settings: &GuardSettings) -> Self {
        Self {
            free: settings.free_guesses,
            longest: settings.longest_wait,
            most: settings.sources,
            young: Generation::default(),
            old: Generation::default(),
        }
    }

    /// How long an attempt for this account must wait from here, if it must.
    pub(super) fn must_wait(
        &self,
        phone: &PhoneId,
        source: IpAddr,
        now: Timestamp,
    ) -> Option<Duration> {
        let wrong = self.young.find(phone, source).or_else(|| self.old.find(phone, source))?;
        (wrong.from > now).then(|| wrong.from.since(now))
    }

    /// A wrong secret came from here; the next attempt waits for so long at most.
    pub(super) fn wrong(
        &mut self,
        phone: &PhoneId,
        source: IpAddr,
        (longest, now): (Duration, Timestamp),
    ) {
        let before = self.take(phone, source);
        let times = before.map_or(0, |wrong| wrong.times).saturating_add(1);
        let doubled = 1_u32.checked_shl(times.saturating_sub(self.free)).unwrap_or(u32::MAX);
        let wait = Duration::from_secs(doubled.into()).min(self.longest).min(longest);
        let from = if times > self.free { now + wait } else { now };
        if self.young.sources >= self.most {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.put(phone, source, Wrong { times, from });
    }

    /// The right secret came from here.
    pub(super) fn right(&mut self, phone: &PhoneId, source: IpAddr) {
        self.take(phone, source);
    }

    /// The account has another secret, or is gone.
    pub(super) fn forget(&mut self, phone: &PhoneId) {
        self.young.forget(phone);
        self.old.forget(phone);
    }

    /// Whose attempts wait now: for which account, from where, until when and after how many wrong
    /// secrets.
    pub(super) fn iter(
        &self,
        now: Timestamp,
    ) -> impl Iterator<Item = (&PhoneId, IpAddr, (Timestamp, u32))> {
        let accounts = self.young.accounts.iter().chain(&self.old.accounts);
        let all = accounts.flat_map(|(phone, sources)| sources.iter().map(move |it| (phone, it)));
        all.filter(move |(_, (_, wrong))| wrong.from > now)
            .map(|(phone, (source, wrong))| (phone, *source, (wrong.from, wrong.times)))
    }

    /// Forgets what came from there; whether an attempt waited.
    pub(super) fn lift(&mut self, source: IpAddr, now: Timestamp) -> bool {
        let waited = self.iter(now).any(|(_, from, _)| from == source);
        self.young.leave(source);
        self.old.leave(source);
        waited
    }

    fn take(&mut self, phone: &PhoneId, source: IpAddr) -> Option<Wrong> {
        let old = self.old.take(phone, source);
        self.young.take(phone, source).or(old)
    }
}

impl Generation {
    fn find(&self, phone: &PhoneId, source: IpAddr) -> Option<&Wrong> {
        self.accounts.get(phone)?.get(&source)
    }

    fn put(&mut self, phone: &PhoneId, source: IpAddr, wrong: Wrong) {
        let sources = self.accounts.entry(phone.clone()).or_default();
        self.sources += usize::from(sources.insert(source, wrong).is_none());
    }

    fn take(&mut self, phone: &PhoneId, source: IpAddr) -> Option<Wrong> {
        let sources = self.accounts.get_mut(phone)?;
        let wrong = sources.remove(&source)?;
        self.sources = self.sources.saturating_sub(1);
        if sources.is_empty() {
            self.accounts.remove(phone);
        }
        Some(wrong)
    }

    fn leave(&mut self, source: IpAddr) {
        let gone = |(_, sources): (&PhoneId, &mut BTreeMap<IpAddr, Wrong>)| {
            usize::from(sources.remove(&source).is_some())
        };
        let gone: usize = self.accounts.iter_mut().map(gone).sum();
        self.sources = self.sources.saturating_sub(gone);
        self.accounts.retain(|_, sources| !sources.is_empty());
    }

    fn forget(&mut self, phone: &PhoneId) {
        let gone = self.accounts.remove(phone).map_or(0, |sources| sources.len());
        self.sources = self.sources.saturating_sub(gone);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));
    const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 8));

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + seconds)
    }

    fn waits() -> Waits {
        Waits::new(&GuardSettings::default())
    }

    #[test]
    fn an_accounts_next_attempt_waits_longer_after_each_wrong_secret() {
        let (mut waits, phone) = (waits(), PhoneId::from("1001"));
        for _ in 0..5 {
            waits.wrong(&phone, HERE, (Duration::MAX, at(0)));
            assert_eq!(waits.must_wait(&phone, HERE, at(0)), None);
        }
        for seconds in [2, 4, 8, 16, 32, 60, 60] {
            waits.wrong(&phone, HERE, (Duration::MAX, at(0)));
            let wait = waits.must_wait(&phone, HERE, at(0));
            assert_eq!(wait, Some(Duration::from_secs(seconds)));
        }
        assert_eq!(waits.must_wait(&phone, HERE, at(60)), None);
        waits.right(&phone, HERE);
        waits.wrong(&phone, HERE, (Duration::MAX, at(61)));
        assert_eq!(waits.must_wait(&phone, HERE, at(61)), None);
    }

    #[test]
    fn who_guesses_waits_and_nobody_else() {
        let (mut waits, phone) = (waits(), PhoneId::from("1001"));
        for _ in 0..20 {
            waits.wrong(&phone, HERE, (Duration::MAX, at(0)));
        }
        assert!(waits.must_wait(&phone, HERE, at(0)).is_some());
        assert_eq!(waits.must_wait(&phone, ELSEWHERE, at(0)), None);
        assert_eq!(waits.must_wait(&"1002".into(), HERE, at(0)), None);
        waits.forget(&phone);
        assert_eq!(waits.must_wait(&phone, HERE, at(0)), None);
    }

    #[test]
    fn who_waits_is_seen_and_let_in_again() {
        let (mut waits, phone) = (waits(), PhoneId::from("1001"));
        for _ in 0..7 {
            waits.wrong(&phone, HERE, (Duration::MAX, at(0)));
        }
        waits.wrong(&phone, ELSEWHERE, (Duration::MAX, at(0)));
        let seen: Vec<_> = waits.iter(at(1)).collect();
        assert_eq!(seen, [(&phone, HERE, (at(4), 7))], "who waits no more is not there");
        assert!(waits.lift(HERE, at(1)) && !waits.lift(HERE, at(1)));
        assert!(!waits.lift(ELSEWHERE, at(1)));
        assert_eq!((waits.must_wait(&phone, HERE, at(1)), waits.young.sources), (None, 0));
    }

    #[test]
    fn guesses_from_a_million_sources_fill_nothing() {
        let (mut waits, phone) = (waits(), PhoneId::from("1001"));
        for number in 0..1_000_000_u32 {
            waits.wrong(&phone, IpAddr::V4(Ipv4Addr::from_bits(number)), (Duration::MAX, at(0)));
        }
        let remembered = |it: &Generation| it.accounts.values().map(BTreeMap::len).sum::<usize>();
        assert_eq!(remembered(&waits.young), waits.young.sources);
        assert!(waits.young.sources <= waits.most && waits.old.sources <= waits.most);
        waits.forget(&phone);
        assert_eq!((waits.young.sources, waits.old.sources), (0, 0));
    }
}
