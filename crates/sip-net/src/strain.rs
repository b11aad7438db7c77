//! Whether we keep up: the sockets are emptied again and again, and the floor looks at a call soon.
//! When for a while they are not, or it does not, what waits grows, and with it the time until anybody
//! is answered; then new calls are refused while those there are go on (RFC 5390 §4: refusing must be
//! cheaper than serving).

use std::collections::VecDeque;
use std::time::Duration;

use model::{LegId, Timestamp};

/// Registrations are refused only when it lasts this many times as long: a phone that is turned away
/// is missed by its agent, and comes back anyway.
const REGISTRATIONS: u32 = 20;

/// How far behind we are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) enum Strain {
    /// All is read as it comes.
    #[default]
    None,
    /// New calls and questions are refused.
    Calls,
    /// Registrations, too.
    Registrations,
}

/// Since when something has been left waiting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gauge {
    most: Duration,
    since: Option<Timestamp>,
}

impl Gauge {
    /// One that takes being behind for `most` as too much.
    pub(crate) const fn new(most: Duration) -> Self {
        Self { most, since: None }
    }

    /// What was waiting has been read: all of it, or as much as one turn takes.
    pub(crate) fn read(&mut self, all: bool, now: Timestamp) {
        self.since = if all { None } else { self.since.or(Some(now)) };
    }

    pub(crate) fn strain(&self, now: Timestamp) -> Strain {
        let behind = self.since.map(|since| now.since(since));
        match behind {
            Some(behind) if behind >= self.most * REGISTRATIONS => Strain::Registrations,
            Some(behind) if behind >= self.most => Strain::Calls,
            Some(_) | None => Strain::None,
        }
    }
}

/// The calls that the floor has been told of and has not looked at yet, in order, each with since when.
#[derive(Debug)]
pub(crate) struct Unseen {
    most: Duration,
    legs: VecDeque<(LegId, Timestamp)>,
}

impl Unseen {
    /// One that takes a call which waits for `most` as too much.
    pub(crate) const fn new(most: Duration) -> Self {
        Self { most, legs: VecDeque::new() }
    }

    /// The floor is told of a call.
    pub(crate) fn told(&mut self, leg: LegId, now: Timestamp) {
        self.legs.push_back((leg, now));
    }

    /// How far behind the floor is, given what it has looked at.
    pub(crate) fn strain(
        &mut self,
        has_looked_at: impl Fn(LegId) -> bool,
        now: Timestamp,
    ) -> Strain {
        while self.legs.front().is_some_and(|(leg, _)| has_looked_at(*leg)) {
            self.legs.pop_front();
        }
        match self.legs.front() {
            Some((_, since)) if now.since(*since) >= self.most => Strain::Calls,
            Some(_) | None => Strain::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use model::Epoch;

    use super::*;

    #[test]
    fn calls_that_the_floor_does_not_look_at_for_long_are_too_much() {
        let leg = |number| LegId::new(Epoch::new(1), number);
        let mut unseen = Unseen::new(Duration::from_millis(100));
        unseen.told(leg(1), at(0));
        unseen.told(leg(3), at(50));
        let mut strain = |seen: u32, millis| unseen.strain(|leg| leg.number() <= seen, at(millis));
        assert_eq!(strain(0, 99), Strain::None);
        assert_eq!(strain(0, 100), Strain::Calls);
        assert_eq!(strain(1, 149), Strain::None, "the other came later");
        assert_eq!(strain(1, 10_000), Strain::Calls, "phones may register all the same");
        assert_eq!(strain(3, 10_001), Strain::None);
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_secs(1_000) + Duration::from_millis(millis)
    }

    #[test]
    fn being_behind_counts_from_when_it_began_and_ends_when_all_is_read() {
        let mut gauge = Gauge::new(Duration::from_millis(100));
        gauge.read(true, at(0));
        assert_eq!(gauge.strain(at(5_000)), Strain::None, "nothing has come for a while");
        gauge.read(false, at(5_000));
        gauge.read(false, at(5_050));
        assert_eq!(gauge.strain(at(5_099)), Strain::None);
        assert_eq!(gauge.strain(at(5_100)), Strain::Calls);
        assert_eq!(gauge.strain(at(7_000)), Strain::Registrations);
        gauge.read(true, at(7_001));
        assert_eq!(gauge.strain(at(7_002)), Strain::None);
    }
}
