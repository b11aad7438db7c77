//! The one stream a far side hears from us, whatever it is made of.
//!
//! What we relay, play and generate all leave under one SSRC, with sequence numbers and timestamps
//! that run on when the source changes, as a phone expects of a single talker. Gaps of one source
//! (loss, silence suppression) are kept: they are the listener's to conceal.

use std::time::Duration;

use model::Timestamp;

use crate::rtcp::Sent;
use crate::{Header, SAMPLE_RATE, samples_in, sequence_after, timestamp_after};

/// A jump of the sequence beyond these is a restart of the sender (RFC 3550 A.1 has the same two).
const LATE: i16 = -100;
const DROPOUT: i16 = 3_000;

/// How far a source's timestamps may run ahead of the clock, or go back, before that counts as a
/// restart: 1 s.
const BELIEF: i64 = SAMPLE_RATE as i64;

/// What an outgoing packet is made from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// Our own prompts and tones.
    Ours,
    /// Somebody else's packets, by SSRC.
    Theirs(u32),
}

/// Numbers the packets of one outgoing stream.
#[derive(Clone, Debug)]
pub struct Outgoing {
    ssrc: u32,
    bound: Option<Bound>,
    /// Of the newest packet sent; of the first to be sent while there is none.
    sequence: u16,
    timestamp: u32,
    /// Samples in the newest packet.
    length: u32,
    /// When the timestamp last moved on.
    advanced_at: Option<Timestamp>,
    packets: u32,
    octets: u32,
}

/// A source, and what to add to its numbers to get ours.
#[derive(Clone, Copy, Debug)]
struct Bound {
    source: Source,
    sequence: u16,
    timestamp: u32,
    /// The newest number of the source, withheld or not.
    newest: u16,
}

impl Outgoing {
    /// A stream with this SSRC. `chance` decides where its numbers begin, which ought not to be
    /// guessed (RFC 3550 §5.1).
    #[must_use]
    pub const fn new(ssrc: u32, chance: u32) -> Self {
        let [s0, s1, ..] = chance.to_be_bytes();
        Self {
            ssrc,
            bound: None,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: chance,
            length: 0,
            advanced_at: None,
            packets: 0,
            octets: 0,
        }
    }

    /// Our SSRC.
    #[must_use]
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Whether anything has been sent.
    #[must_use]
    pub const fn has_sent(&self) -> bool {
        self.advanced_at.is_some()
    }

    /// The header under which a packet of another talker leaves, with our payload type for its
    /// `length` samples.
    pub fn relay(
        &mut self,
        theirs: &Header,
        payload_type: u8,
        length: usize,
        now: Timestamp,
    ) -> Header {
        let bound = self.continued(theirs, now);
        let (sequence, timestamp) = match bound {
            Some(bound) => (
                theirs.sequence.wrapping_add(bound.sequence),
                theirs.timestamp.wrapping_add(bound.timestamp),
            ),
            None => self.next(now),
        };
        if bound.is_none() {
            self.bound = Some(Bound {
                source: Source::Theirs(theirs.ssrc),
                sequence: sequence.wrapping_sub(theirs.sequence),
                timestamp: timestamp.wrapping_sub(theirs.timestamp),
                newest: theirs.sequence,
            });
        } else if let Some(bound) = &mut self.bound
            && sequence_after(bound.newest, theirs.sequence) > 0
        {
            bound.newest = theirs.sequence;
        }
        let marker = theirs.marker || bound.is_none();
        self.sent(
            Header { marker, payload_type, sequence, timestamp, ssrc: self.ssrc },
            length,
            now,
        )
    }

    /// The header of a packet of our own with `length` samples; they follow each other without a
    /// gap until something else is sent.
    pub fn generate(&mut self, payload_type: u8, length: usize, now: Timestamp) -> Header {
        let goes_on = self.bound.is_some_and(|bound| bound.source == Source::Ours);
        let (sequence, timestamp) = if goes_on {
            (self.sequence.wrapping_add(1), self.timestamp.wrapping_add(self.length))
        } else {
            self.next(now)
        };
        self.bound = Some(Bound { source: Source::Ours, sequence: 0, timestamp: 0, newest: 0 });
        let header =
            Header { marker: !goes_on, payload_type, sequence, timestamp, ssrc: self.ssrc };
        self.sent(header, length, now)
    }

    /// A packet of the source is withheld from the listener and must not look lost. One that comes
    /// twice or late has been taken out of the numbers, or counts as lost already.
    pub fn skip(&mut self, theirs: &Header) {
        if let Some(bound) = &mut self.bound
            && bound.source == Source::Theirs(theirs.ssrc)
            && sequence_after(bound.newest, theirs.sequence) > 0
        {
            bound.newest = theirs.sequence;
            bound.sequence = bound.sequence.wrapping_sub(1);
        }
    }

    /// What follows comes from another source, or after a pause of ours.
    pub const fn switch(&mut self) {
        self.bound = None;
    }

    /// What a sender report says of the stream at `now`.
    #[must_use]
    pub fn report(&self, now: Timestamp) -> Option<Sent> {
        let since = now.since(self.advanced_at?);
        Some(Sent {
            ntp: ntp(now),
            timestamp: self.timestamp.wrapping_add(in_timestamp(since)),
            packets: self.packets,
            octets: self.octets,
        })
    }

    /// The binding, when the packet is the continuation of what it binds.
    fn continued(&self, theirs: &Header, now: Timestamp) -> Option<Bound> {
        let bound = self.bound.filter(|bound| bound.source == Source::Theirs(theirs.ssrc))?;
        let sequence = theirs.sequence.wrapping_add(bound.sequence);
        let timestamp = theirs.timestamp.wrapping_add(bound.timestamp);
        let in_order = (LATE..=DROPOUT).contains(&sequence_after(self.sequence, sequence));
        let elapsed = samples_in(now.since(self.advanced_at?));
        let moved = i64::from(timestamp_after(self.timestamp, timestamp));
        // Falling behind the clock is allowed: a timestamp stands still while a key is down.
        let believed = moved >= -BELIEF && moved.saturating_sub_unsigned(elapsed) <= BELIEF;
        (in_order && believed).then_some(bound)
    }

    /// The numbers of a packet that begins something new at `now`.
    fn next(&self, now: Timestamp) -> (u16, u32) {
        match self.advanced_at {
            None => (self.sequence, self.timestamp),
            Some(at) => {
                let pause = in_timestamp(now.since(at)).max(self.length);
                (self.sequence.wrapping_add(1), self.timestamp.wrapping_add(pause))
            }
        }
    }

    fn sent(&mut self, header: Header, length: usize, now: Timestamp) -> Header {
        let first = self.advanced_at.is_none();
        if first || sequence_after(self.sequence, header.sequence) > 0 {
            self.sequence = header.sequence;
            self.length = u32::try_from(length).unwrap_or(0);
        }
        // A telephone event keeps its timestamp while the key is down; the clock for what follows
        // runs from when that timestamp was new.
        if first || timestamp_after(self.timestamp, header.timestamp) > 0 {
            self.timestamp = header.timestamp;
            self.advanced_at = Some(now);
        }
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(u32::try_from(length).unwrap_or(0));
        header
    }
}

/// A span as a difference of timestamps, which wrap.
fn in_timestamp(span: Duration) -> u32 {
    let [.., b3, b2, b1, b0] = samples_in(span).to_be_bytes();
    u32::from_be_bytes([b3, b2, b1, b0])
}

/// A time in NTP's format: seconds since 1900 and their binary fraction (RFC 3550 §4).
fn ntp(at: Timestamp) -> u64 {
    const FROM_1900_TO_1970: u64 = 2_208_988_800;
    let micros = at.as_micros() % 1_000_000;
    let seconds = at.as_secs().wrapping_add(FROM_1900_TO_1970);
    (seconds << 32) | ((micros << 32) / 1_000_000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_000);

    fn at(millis: u64) -> Timestamp {
        START + Duration::from_millis(millis)
    }

    fn theirs(sequence: u16, timestamp: u32) -> Header {
        Header { marker: false, payload_type: 0, sequence, timestamp, ssrc: 9 }
    }

    #[test]
    fn a_relayed_source_keeps_its_gaps_under_our_numbers() {
        let mut out = Outgoing::new(1, 0);
        let first = out.relay(&theirs(500, 7_000), 8, 160, at(0));
        assert!(first.marker && first.payload_type == 8 && first.ssrc == 1);
        let lost_one = out.relay(&theirs(502, 7_320), 8, 160, at(40));
        assert_eq!((lost_one.sequence, lost_one.timestamp), (2, 320));
        let late = out.relay(&theirs(501, 7_160), 8, 160, at(41));
        assert_eq!((late.sequence, late.timestamp, late.marker), (1, 160, false));
        let next = out.relay(&theirs(503, 7_480), 8, 160, at(60));
        assert_eq!((next.sequence, next.timestamp), (3, 480));
    }

    #[test]
    fn a_change_of_source_runs_on_with_a_marker_and_the_time_that_passed() {
        let mut out = Outgoing::new(1, 0);
        out.generate(8, 160, at(0));
        let ours = out.generate(8, 160, at(21));
        assert_eq!((ours.sequence, ours.timestamp, ours.marker), (1, 160, false));
        let peer = out.relay(&theirs(9_000, 99), 8, 160, at(121));
        assert_eq!((peer.sequence, peer.timestamp, peer.marker), (2, 960, true));
        let ours = out.generate(8, 160, at(122));
        assert_eq!((ours.sequence, ours.timestamp, ours.marker), (3, 1_120, true));
    }

    #[test]
    fn a_withheld_packet_does_not_look_lost() {
        let mut out = Outgoing::new(1, 0);
        out.relay(&theirs(10, 0), 8, 160, at(0));
        out.skip(&theirs(11, 160));
        let next = out.relay(&theirs(12, 320), 8, 160, at(40));
        assert_eq!((next.sequence, next.timestamp), (1, 320));
    }

    #[test]
    fn a_withheld_packet_that_comes_twice_or_late_gives_no_number_twice() {
        let mut out = Outgoing::new(1, 0);
        out.relay(&theirs(10, 0), 8, 160, at(0));
        out.skip(&theirs(11, 160));
        out.skip(&theirs(11, 160));
        assert_eq!(out.relay(&theirs(12, 320), 8, 160, at(40)).sequence, 1);
        assert_eq!(out.relay(&theirs(14, 640), 8, 160, at(80)).sequence, 3);
        out.skip(&theirs(13, 480));
        assert_eq!(out.relay(&theirs(15, 800), 8, 160, at(100)).sequence, 4);
    }

    #[test]
    fn a_sender_that_starts_again_is_bound_anew() {
        let mut out = Outgoing::new(1, 0);
        out.relay(&theirs(10, 0), 8, 160, at(0));
        let restarted = out.relay(&theirs(40_000, 5_000_000), 8, 160, at(20));
        assert_eq!((restarted.sequence, restarted.timestamp, restarted.marker), (1, 160, true));
        let jumped = out.relay(&theirs(40_001, 9_000_000), 8, 160, at(40));
        assert_eq!((jumped.sequence, jumped.timestamp, jumped.marker), (2, 320, true));
    }

    #[test]
    fn speech_after_a_long_key_press_keeps_its_place() {
        let mut out = Outgoing::new(1, 0);
        out.relay(&theirs(0, 0), 8, 160, at(0));
        for packet in 1..=150 {
            let event = out.relay(&theirs(packet, 160), 101, 4, at(u64::from(packet) * 20));
            assert_eq!(event.timestamp, 160);
        }
        let speech = out.relay(&theirs(151, 151 * 160), 8, 160, at(151 * 20));
        assert_eq!((speech.sequence, speech.timestamp), (151, 151 * 160));
    }

    #[test]
    fn a_sender_report_counts_and_names_the_moment() {
        let mut out = Outgoing::new(1, 0);
        assert_eq!(out.report(at(0)), None);
        out.generate(8, 160, at(0));
        out.generate(8, 160, at(20));
        let report = out.report(at(520)).unwrap();
        assert_eq!((report.packets, report.octets, report.timestamp), (2, 320, 4_160));
        assert_eq!(report.ntp >> 32, 1_000 + 2_208_988_800);
        assert_eq!(report.ntp & 0xffff_ffff, (520_000_u64 << 32) / 1_000_000);
    }

    proptest! {
        #[test]
        fn whatever_is_heard_in_turn_no_number_is_left_out_and_time_goes_forward(
            steps in proptest::collection::vec((0_u8..6, any::<u16>(), any::<u32>()), 1..100),
        ) {
            let mut out = Outgoing::new(1, 0xffff_fff0);
            let mut peer = theirs(0, 0);
            let mut last: Option<Header> = None;
            for (step, (kind, sequence, timestamp)) in (0..).zip(steps) {
                peer.sequence = peer.sequence.wrapping_add(1);
                peer.timestamp = peer.timestamp.wrapping_add(160);
                let now = at(step * 20);
                let sent = match kind {
                    0 => {
                        out.skip(&peer);
                        continue;
                    }
                    1 => out.generate(8, 160, now),
                    2 => {
                        peer = Header { ssrc: timestamp, sequence, timestamp, ..peer };
                        out.relay(&peer, 8, 160, now)
                    }
                    _ => out.relay(&peer, 8, 160, now),
                };
                if let Some(last) = last {
                    let after = sequence_after(last.sequence, sent.sequence);
                    let moved = timestamp_after(last.timestamp, sent.timestamp);
                    prop_assert!(after == 1, "{after} at {step}");
                    prop_assert!((160..=160 * 100).contains(&moved), "{moved} at {step}");
                }
                last = Some(sent);
            }
        }
    }
}
