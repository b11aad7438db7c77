//! Where captured audio belongs on the clock that the channels of a recording share.
//!
//! The first packet is placed where it arrived; from there the sender's own timestamps count, so
//! that jitter and late delivery leave no trace, and a pause or a lost packet is heard as a gap.

use model::Timestamp;

use crate::{Header, SAMPLE_RATE, samples_in, timestamp_after};

/// How far timestamps may wander from arrival before we stop believing them, in samples.
const BELIEF: u64 = SAMPLE_RATE as u64;

/// One channel's place on the clock of its recording.
#[derive(Clone, Debug)]
pub struct Timeline {
    began: Timestamp,
    anchor: Option<Anchor>,
    /// Where the audio so far ends: after a new anchor nothing is laid over it.
    end: u64,
}

#[derive(Clone, Copy, Debug)]
struct Anchor {
    ssrc: u32,
    timestamp: u32,
    offset: u64,
}

impl Timeline {
    /// A channel of a part that began at `began`.
    #[must_use]
    pub const fn new(began: Timestamp) -> Self {
        Self { began, anchor: None, end: 0 }
    }

    /// Where the `length` samples of a packet that arrived at `now` begin, in samples since the
    /// part began. `None` when they belong before the part.
    pub fn place(&mut self, header: &Header, length: usize, now: Timestamp) -> Option<u64> {
        let arrived = samples_in(now.since(self.began));
        let offset = match self.anchor.filter(|anchor| anchor.ssrc == header.ssrc) {
            Some(anchor) => {
                let after = i64::from(timestamp_after(anchor.timestamp, header.timestamp));
                match anchor.offset.checked_add_signed(after) {
                    Some(offset) if offset.abs_diff(arrived) <= BELIEF => offset,
                    None if after.unsigned_abs() <= BELIEF => return None,
                    Some(_) | None => arrived.max(self.end),
                }
            }
            None => arrived.max(self.end),
        };
        self.advance(header, offset);
        self.end = self.end.max(offset.saturating_add(length as u64));
        Some(offset)
    }

    /// Moves the anchor along, never back, so that it stays within half the range of timestamps.
    fn advance(&mut self, header: &Header, offset: u64) {
        let newer =
            self.anchor.is_none_or(|anchor| anchor.ssrc != header.ssrc || offset > anchor.offset);
        let jumped = self.anchor.is_some_and(|anchor| {
            let after = i64::from(timestamp_after(anchor.timestamp, header.timestamp));
            anchor.offset.checked_add_signed(after) != Some(offset)
        });
        if newer || jumped {
            self.anchor = Some(Anchor { ssrc: header.ssrc, timestamp: header.timestamp, offset });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const BEGAN: Timestamp = Timestamp::from_secs(1_000);

    fn at(millis: u64) -> Timestamp {
        BEGAN + Duration::from_millis(millis)
    }

    fn header(ssrc: u32, timestamp: u32) -> Header {
        Header { marker: false, payload_type: 8, sequence: 0, timestamp, ssrc }
    }

    #[test]
    fn the_first_packet_lies_where_it_arrived_and_the_next_where_their_timestamps_say() {
        let mut line = Timeline::new(BEGAN);
        assert_eq!(line.place(&header(1, 5_000), 160, at(100)), Some(800));
        assert_eq!(line.place(&header(1, 5_160), 160, at(135)), Some(960));
        assert_eq!(line.place(&header(1, 5_320), 160, at(136)), Some(1_120));
    }

    #[test]
    fn a_pause_or_a_lost_packet_is_a_gap() {
        let mut line = Timeline::new(BEGAN);
        line.place(&header(1, 0), 160, at(0));
        assert_eq!(line.place(&header(1, 16_000), 160, at(2_000)), Some(16_000));
    }

    #[test]
    fn reordered_packets_find_their_place_and_the_wrap_does_no_harm() {
        let mut line = Timeline::new(BEGAN);
        assert_eq!(line.place(&header(1, u32::MAX - 159), 160, at(0)), Some(0));
        assert_eq!(line.place(&header(1, 160), 160, at(40)), Some(320));
        assert_eq!(line.place(&header(1, 0), 160, at(41)), Some(160));
    }

    #[test]
    fn what_was_sent_before_the_part_began_is_left_out() {
        let mut line = Timeline::new(BEGAN);
        line.place(&header(1, 1_000), 160, at(0));
        assert_eq!(line.place(&header(1, 840), 160, at(1)), None);
    }

    #[test]
    fn timestamps_that_leave_the_clock_are_anchored_anew() {
        let mut line = Timeline::new(BEGAN);
        line.place(&header(1, 0), 160, at(0));
        assert_eq!(line.place(&header(1, 1_000_000), 160, at(20)), Some(160));
        assert_eq!(line.place(&header(1, 1_000_160), 160, at(45)), Some(320));
        assert_eq!(line.place(&header(1, 5), 160, at(60)), Some(480));
        assert_eq!(line.place(&header(2, 77), 160, at(1_000)), Some(8_000));
        assert_eq!(line.place(&header(2, 237), 160, at(1_090)), Some(8_160));
    }

    proptest! {
        #[test]
        fn nothing_is_ever_placed_far_from_when_it_arrived(
            packets in proptest::collection::vec((any::<u32>(), 0_u32..3, 0_u64..40), 1..200),
        ) {
            let mut line = Timeline::new(BEGAN);
            let (mut millis, mut held) = (0, 0);
            for (timestamp, ssrc, pause) in packets {
                millis += pause;
                held += 160;
                if let Some(offset) = line.place(&header(ssrc, timestamp), 160, at(millis)) {
                    prop_assert!(offset.abs_diff(millis * 8) <= BELIEF + held, "{offset}");
                }
            }
        }
    }
}
