//! A line of log now and then about what others can cause as often as they like.

use std::time::Duration;

use model::Timestamp;

/// At most one line in this time.
const EVERY: Duration = Duration::from_secs(1);

/// Says when the next line is due.
#[derive(Debug, Default)]
pub(crate) struct Grumble {
    last: Timestamp,
    unsaid: u64,
}

impl Grumble {
    /// It has happened once more: how often since the last line, when it is time for another.
    pub(crate) fn is_due(&mut self, now: Timestamp) -> Option<u64> {
        self.unsaid = self.unsaid.saturating_add(1);
        if now.since(self.last) < EVERY {
            return None;
        }
        self.last = now;
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_due_now_and_then_and_says_how_often() {
        let mut grumble = Grumble::default();
        let start = Timestamp::from_secs(1_000_000);
        assert_eq!(grumble.is_due(start), Some(1));
        assert_eq!(grumble.is_due(start), None);
        assert_eq!(grumble.is_due(start + Duration::from_millis(999)), None);
        assert_eq!(grumble.is_due(start + EVERY), Some(3));
    }
}
