//! A place in the log.

use std::fmt;
use std::str::FromStr;

use model::{Epoch, Event};
use serde::{Deserialize, Serialize};

/// The place of one event in the log, ordered as the log is. Written `3:17`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Position {
    /// The run of the service.
    pub epoch: Epoch,
    /// The number within the run, from 1.
    pub seq: u64,
}

impl Position {
    /// Before every event: a reader who has seen nothing may say so. Written `0:0`.
    pub const BEGINNING: Self = Self { epoch: Epoch::new(0), seq: 0 };

    /// The place of `event`.
    #[must_use]
    pub const fn of(event: &Event) -> Self {
        Self { epoch: event.epoch, seq: event.seq }
    }

    /// Whether `self` is the place an event right after `last` has: the next number, or the first
    /// of a later run.
    #[must_use]
    pub fn follows(self, last: Option<Self>) -> bool {
        match last {
            Some(last) if last.epoch == self.epoch => self.seq == last.seq + 1,
            Some(last) => self.epoch > last.epoch && self.seq == 1,
            None => self.seq == 1,
        }
    }
}

impl From<(Epoch, u64)> for Position {
    fn from((epoch, seq): (Epoch, u64)) -> Self {
        Self { epoch, seq }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.epoch, self.seq)
    }
}

impl FromStr for Position {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "position is not of the form 3:17";
        let (epoch, seq) = text.split_once(':').ok_or(FORM)?;
        let (Ok(epoch), Ok(seq)) = (epoch.parse(), seq.parse()) else { return Err(FORM) };
        Ok(Self { epoch, seq })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_as_written() {
        let position = Position { epoch: Epoch::new(3), seq: 17 };
        assert_eq!(position.to_string().parse(), Ok(position));
        for text in ["", "3", "3:", ":17", "3-17", "x:1", "-1:2"] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_the_next_number_or_the_first_of_a_later_run_follows() {
        let at = |epoch, seq| Position { epoch: Epoch::new(epoch), seq };
        assert!(at(1, 1).follows(None));
        assert!(at(1, 2).follows(Some(at(1, 1))));
        assert!(at(4, 1).follows(Some(at(1, 9))));
        assert!(!at(1, 3).follows(Some(at(1, 1))));
        assert!(!at(2, 2).follows(Some(at(1, 1))));
        assert!(!at(1, 1).follows(Some(at(1, 1))));
    }
}
