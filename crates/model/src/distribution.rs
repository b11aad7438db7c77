//! What the distribution tells about its choices, and what it asks of agents' pasts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What a candidate was ranked by when a call was given to somebody: the lowest tier first, then the
/// lowest key, then whoever has been idle longest, then the lowest work number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Rank {
    /// The tier of the queue in which the agent may be given its calls; 0 is the innermost.
    #[serde(default)]
    pub tier: u8,
    /// The strategy's key: what it means depends on the strategy.
    pub key: i64,
    /// Idle since.
    pub idle_since: Timestamp,
}

/// Why an agent was given a call.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// The best by rank.
    #[default]
    Ranked,
    /// The caller was kept for this agent.
    Preferred,
    /// A team lead gave the call to this agent.
    Assigned,
}

/// How much of the time lately somebody was occupied: an average that forgets, by half in each
/// [`Occupancy::HALF`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Occupancy {
    /// The average, in millionths, at `at`.
    level: u32,
    at: Timestamp,
}

/// All of the time, in millionths.
const FULL: f64 = 1e6;

impl Occupancy {
    /// In so much time half is forgotten.
    pub const HALF: Duration = Duration::from_mins(15);

    /// After a stretch until `now` in which the agent was occupied, or was not.
    #[must_use]
    pub fn after(self, stretch: Stretch, now: Timestamp) -> Self {
        let kept = 0.5_f64.powf(now.since(self.at).as_secs_f64() / Self::HALF.as_secs_f64());
        let meanwhile = match stretch {
            Stretch::Occupied => FULL,
            Stretch::Idle => 0.0,
            Stretch::Away => return Self { at: now, ..self },
        };
        let level = f64::from(self.level).mul_add(kept, meanwhile * (1.0 - kept));
        Self { level: u32::try_from(whole(level)).unwrap_or(0), at: now }
    }

    /// The average, in millionths.
    #[must_use]
    pub const fn level(self) -> u32 {
        self.level
    }

    /// What orders those who are idle now, the least occupied first: all of them forget at one pace, so the order of their
    /// averages does not change while they are.
    #[must_use]
    pub fn order(self) -> i64 {
        if self.level == 0 {
            return i64::MIN;
        }
        let halvings = (f64::from(self.level) / FULL).log2();
        let shift = halvings * Self::HALF.as_micros() as f64;
        i64::try_from(self.at.as_micros()).unwrap_or(i64::MAX).saturating_add(whole(shift))
    }
}

/// What an agent did in a stretch of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stretch {
    /// Ringing, talking or wrapping up.
    Occupied,
    /// Ready.
    Idle,
    /// Busy for a reason of their own, or signed out: it does not count.
    Away,
}

#[expect(clippy::cast_possible_truncation, reason = "a cast from f64 saturates")]
fn whole(number: f64) -> i64 {
    number as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + seconds)
    }

    #[test]
    fn an_occupancy_forgets_by_half() {
        let start = Occupancy::default().after(Stretch::Away, at(0));
        let worked = start.after(Stretch::Occupied, at(900));
        assert_eq!(worked.level(), 500_000);
        let rested = worked.after(Stretch::Idle, at(1_800));
        assert_eq!(rested.level(), 250_000);
        assert_eq!(rested.after(Stretch::Away, at(9_000)).level(), 250_000);
    }

    #[test]
    fn the_order_of_those_who_are_idle_is_that_of_their_averages_at_any_later_time() {
        let start = Occupancy::default().after(Stretch::Away, at(0));
        let early = start.after(Stretch::Occupied, at(900));
        let late = start.after(Stretch::Idle, at(2_400)).after(Stretch::Occupied, at(2_700));
        let never = start.after(Stretch::Idle, at(2_700));
        assert!(early.after(Stretch::Idle, at(2_700)).level() < late.level());
        assert!(early.order() < late.order() && never.order() < early.order());
        let later = |it: Occupancy| it.after(Stretch::Idle, at(8_000)).level();
        assert!(later(early) < later(late));
    }
}
