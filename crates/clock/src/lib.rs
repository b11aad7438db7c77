//! The only code that reads the time.
//!
//! A [`Clock`] takes the wall clock once, when it starts, and counts from there with the monotonic
//! source. So its time never goes backwards and never jumps; how far the wall clock has moved away
//! since is asked with [`Clock::wall_step`] and can be made an event.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::Timestamp;

/// The time of one run of the service. Cheap to clone; all clones agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    anchor: Instant,
    started_at: Timestamp,
}

impl Clock {
    /// Anchors a monotonic clock to the wall clock of this moment.
    #[must_use]
    pub fn start() -> Self {
        Self { anchor: monotonic(), started_at: wall() }
    }

    /// The time now, in microseconds; never earlier than what was returned before.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.started_at + monotonic().duration_since(self.anchor)
    }

    /// How far the wall clock is ahead of ours, in microseconds; negative when it is behind. Near
    /// zero until somebody sets the wall clock.
    #[must_use]
    pub fn wall_step(&self) -> i64 {
        let (wall, ours) = (wall().as_micros(), self.now().as_micros());
        i64::try_from(i128::from(wall) - i128::from(ours)).unwrap_or(i64::MAX)
    }

    /// The monotonic instant at which this clock shows `at`, for timers that sleep on instants; the
    /// start of the clock for what lies before it.
    #[must_use]
    pub fn instant(&self, at: Timestamp) -> Instant {
        self.anchor.checked_add(at.since(self.started_at)).unwrap_or(self.anchor + FAR)
    }
}

/// A span every platform can add to an instant: a year.
const FAR: Duration = Duration::from_secs(365 * 86_400);

#[expect(clippy::disallowed_methods, reason = "this crate is where time is read")]
fn monotonic() -> Instant {
    Instant::now()
}

/// The wall clock. A clock before 1970 counts as 1970: such a machine has other troubles.
#[expect(clippy::disallowed_methods, reason = "this crate is where time is read")]
fn wall() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::EPOCH + since_epoch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_backwards_and_clones_agree() {
        let clock = Clock::start();
        let twin = clock;
        let mut last = clock.now();
        for _ in 0..1_000 {
            let next = twin.now();
            assert!(next >= last);
            last = next;
        }
    }

    #[test]
    fn it_shows_the_wall_clock_until_that_is_set() {
        let clock = Clock::start();
        assert!(clock.wall_step().abs() < 1_000_000);
        assert!(clock.now().since(wall()) < Duration::from_secs(1));
    }

    #[test]
    fn the_instant_of_a_time_lies_as_far_off_as_the_time() {
        let clock = Clock::start();
        let at = clock.now() + Duration::from_secs(5);
        let left = clock.instant(at).duration_since(monotonic());
        assert!(left <= Duration::from_secs(5) && left > Duration::from_secs(4));
        assert_eq!(clock.instant(Timestamp::EPOCH), clock.anchor);
    }
}
