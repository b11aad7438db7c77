//! How fast a queue gets its callers served.

use std::time::Duration;

use model::Timestamp;

/// Of each new interval, one part in so many is believed.
const WEIGHT: u32 = 8;
/// Before so many intervals were seen nothing is said.
const ENOUGH: u32 = 4;

/// The time between two callers who are served while others wait, on average.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    /// When the last one was served, while others have been waiting ever since.
    last: Option<Timestamp>,
    interval: Duration,
    seen: u32,
}

impl Pace {
    /// Somebody was served; others wait, or nobody does.
    pub(crate) fn served(&mut self, others: u32, now: Timestamp) {
        if let Some(last) = self.last {
            let interval = now.since(last);
            self.seen = self.seen.saturating_add(1);
            let weight = self.seen.min(WEIGHT);
            self.interval = (self.interval * (weight - 1) + interval) / weight;
        }
        self.last = (others > 0).then_some(now);
    }

    /// How long somebody with so many ahead will probably wait.
    pub(crate) fn estimate(&self, ahead: u32) -> Option<Duration> {
        (self.seen >= ENOUGH).then(|| self.interval.saturating_mul(ahead.saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_the_average_interval_while_others_wait() {
        let at = |seconds: u64| Timestamp::from_secs(1_000 + seconds);
        let mut pace = Pace::default();
        for seconds in [0, 10, 20, 30] {
            pace.served(3, at(seconds));
        }
        assert_eq!(pace.estimate(0), None, "three intervals are too few");
        pace.served(0, at(40));
        assert_eq!(pace.estimate(0), Some(Duration::from_secs(10)));
        assert_eq!(pace.estimate(4), Some(Duration::from_secs(50)));
        // Nobody waited meanwhile: that hour tells nothing.
        pace.served(2, at(3_640));
        assert_eq!(pace.estimate(0), Some(Duration::from_secs(10)));
        pace.served(2, at(3_660));
        assert_eq!(pace.estimate(0), Some(Duration::from_secs(12)));
    }
}
