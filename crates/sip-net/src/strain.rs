//! Whether we keep up: the sockets are emptied again and again. When for a while they are not, what
//! waits in them grows, and with it the time until anybody is answered; then new calls are refused
//! while those there are go on (RFC 5390 §4: refusing must be cheaper than serving).

use std::time::Duration;

use model::Timestamp;

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

#[cfg(test)]
mod tests {
    use super::*;

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
