//! Local days, without a database of time zones: a tenant is at a fixed offset from UTC.

use std::time::Duration;

use model::Timestamp;

const MICROS: i64 = 1_000_000;
const DAY: i64 = 86_400 * MICROS;

/// Where the days of a tenant begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Days {
    /// How far local time is ahead of UTC, in seconds; negative west of Greenwich.
    pub utc_offset: i32,
    /// When the working day begins, from local midnight.
    pub begin: Duration,
}

impl Default for Days {
    /// China's time, the day from midnight.
    fn default() -> Self {
        Self { utc_offset: 8 * 3600, begin: Duration::ZERO }
    }
}

impl Days {
    /// When the working day began that holds this time.
    #[must_use]
    pub fn day_of(self, at: Timestamp) -> Timestamp {
        self.clock(self.number(at - self.begin), self.begin)
    }

    /// The local calendar day that holds this time, counted from 1970-01-01.
    #[must_use]
    pub fn number(self, at: Timestamp) -> i64 {
        let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
        micros.saturating_add(i64::from(self.utc_offset) * MICROS).div_euclid(DAY)
    }

    /// So long after midnight of a local calendar day.
    #[must_use]
    pub fn clock(self, day: i64, after_midnight: Duration) -> Timestamp {
        let midnight = day.saturating_mul(DAY) - i64::from(self.utc_offset) * MICROS;
        let after = i64::try_from(after_midnight.as_micros()).unwrap_or(i64::MAX);
        let micros = midnight.saturating_add(after);
        Timestamp::from_micros(u64::try_from(micros).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        format!("{text}.000000Z").parse().unwrap()
    }

    #[test]
    fn a_day_begins_where_the_clock_on_the_wall_says() {
        let china = Days::default();
        assert_eq!(china.day_of(time("2026-11-22T15:59:59")), time("2026-11-21T16:00:00"));
        assert_eq!(china.day_of(time("2026-11-22T16:00:00")), time("2026-11-22T16:00:00"));
        let late = Days { begin: Duration::from_secs(4 * 3600), ..china };
        assert_eq!(late.day_of(time("2026-11-22T19:59:59")), time("2026-11-21T20:00:00"));
        assert_eq!(late.day_of(time("2026-11-22T20:00:00")), time("2026-11-22T20:00:00"));
        let west = Days { utc_offset: -9 * 3600 - 1800, begin: Duration::ZERO };
        assert_eq!(west.day_of(time("2026-11-22T09:29:59")), time("2026-11-21T09:30:00"));
    }

    #[test]
    fn days_are_counted_from_the_epochs_first_thursday() {
        let utc = Days { utc_offset: 0, begin: Duration::ZERO };
        assert_eq!(utc.number(time("1970-01-01T23:59:59")), 0);
        assert_eq!(utc.number(time("1970-01-02T00:00:00")), 1);
        assert_eq!(utc.clock(1, Duration::from_secs(3600)), time("1970-01-02T01:00:00"));
        assert_eq!(Days::default().clock(0, Duration::ZERO), Timestamp::EPOCH, "not before");
    }
}
