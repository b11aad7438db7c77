//! How many messages a second are read: so many at once, and then so many in the long run.

use std::time::Duration;

use model::Timestamp;

use super::GuardSettings;

/// What may still come at once, in thousandths, and as of when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    allowance: u64,
    at: Timestamp,
}

/// How fast a bucket fills, in messages a second, and how many it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    rate: u64,
    full: u64,
}

impl Pace {
    /// So many a second, and as many at once.
    pub(super) const fn of_a_second(rate: u64) -> Self {
        Self { rate, full: rate * 1_000 }
    }

    pub(super) fn of(settings: &GuardSettings) -> Self {
        let full = u64::from(settings.burst).saturating_mul(1_000);
        Self { rate: settings.rate.into(), full }
    }
}

impl Bucket {
    pub(super) const fn full(pace: Pace, now: Timestamp) -> Self {
        Self { allowance: pace.full, at: now }
    }

    /// Takes one message; false when there is none to take.
    pub(super) fn takes(&mut self, pace: Pace, now: Timestamp) -> bool {
        // So many messages a second are as many thousandths a millisecond; less than one is kept.
        let gained = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        let filled = self.allowance.saturating_add(gained.saturating_mul(pace.rate));
        self.allowance = filled.min(pace.full);
        self.at = self.at + Duration::from_millis(gained);
        let left = self.allowance.checked_sub(1_000);
        self.allowance = left.unwrap_or(self.allowance);
        left.is_some()
    }
}
