//! What was received of a stream: loss and jitter (RFC 3550 §6.4.1, A.3, A.8).

use model::Timestamp;

use crate::rtcp::{ReportBlock, Sent};
use crate::{Header, samples_in, sequence_after};

/// A jump forward beyond this is a restart of the sender, not loss (RFC 3550 A.1).
const DROPOUT: i16 = 3_000;
/// A packet that far back is a restart of the sender, not reordering (RFC 3550 A.1).
const LATE: i16 = -100;

/// The statistics of one incoming stream.
#[derive(Clone, Debug, Default)]
pub struct Reception {
    source: Option<Counted>,
    last_report: Option<(u32, Timestamp)>,
}

#[derive(Clone, Copy, Debug)]
struct Counted {
    ssrc: u32,
    /// The first sequence number, and the highest with its wraps counted.
    first: u32,
    highest: u32,
    received: u32,
    /// As of the last report.
    expected_before: u32,
    received_before: u32,
    /// When the last packet arrived less when it was sent, in samples.
    transit: u32,
    /// In sixteenths of a sample.
    jitter: u32,
}

impl Reception {
    /// Counts a packet that arrived at `now`. Another SSRC, or a restart of the sender, begins
    /// anew.
    pub fn count(&mut self, header: &Header, now: Timestamp) {
        let arrival = samples_in(now.since(Timestamp::EPOCH)) & u64::from(u32::MAX);
        let transit = u32::try_from(arrival).unwrap_or(0).wrapping_sub(header.timestamp);
        let known = self.source.as_mut().filter(|source| source.ssrc == header.ssrc);
        if known.is_none_or(|source| !source.count(header, transit)) {
            self.source = Some(Counted::new(header, transit));
        }
    }

    /// The far side's sender report arrived at `now`; our next report answers it.
    pub const fn reported(&mut self, sent: &Sent, now: Timestamp) {
        let [_, _, s0, s1, f0, f1, _, _] = sent.ntp.to_be_bytes();
        self.last_report = Some((u32::from_be_bytes([s0, s1, f0, f1]), now));
    }

    /// What we report of the stream at `now`; `None` when there is nothing to report. The share
    /// lost is that since the last report.
    pub fn report(&mut self, now: Timestamp) -> Option<ReportBlock> {
        let last_report = self.last_report;
        let source = self.source.as_mut()?;
        let fraction_lost = source.fraction_lost();
        let delay = last_report.map_or(0, |(_, at)| {
            let micros = now.since(at).as_micros().min(u128::from(u32::MAX));
            u32::try_from((micros << 16) / 1_000_000).unwrap_or(u32::MAX)
        });
        Some(ReportBlock {
            ssrc: source.ssrc,
            fraction_lost,
            lost: source.lost(),
            highest: source.highest,
            jitter: source.jitter >> 4,
            last_report: last_report.map_or(0, |(report, _)| report),
            delay,
        })
    }

    /// Packets lost since the stream began; duplicates count against them.
    #[must_use]
    pub fn lost(&self) -> i32 {
        self.source.map_or(0, |source| source.lost())
    }

    /// Mean deviation of the spacing of packets, in samples.
    #[must_use]
    pub fn jitter(&self) -> u32 {
        self.source.map_or(0, |source| source.jitter >> 4)
    }

    /// Packets received since the stream began.
    #[must_use]
    pub fn received(&self) -> u32 {
        self.source.map_or(0, |source| source.received)
    }
}

impl Counted {
    fn new(header: &Header, transit: u32) -> Self {
        let first = u32::from(header.sequence);
        Self {
            ssrc: header.ssrc,
            first,
            highest: first,
            received: 1,
            expected_before: 0,
            received_before: 0,
            transit,
            jitter: 0,
        }
    }

    /// Counts a packet of the same SSRC; `false` when it cannot belong to the stream.
    fn count(&mut self, header: &Header, transit: u32) -> bool {
        let after = sequence_after(low_half(self.highest), header.sequence);
        if !(LATE..=DROPOUT).contains(&after) {
            return false;
        }
        self.highest = self.highest.wrapping_add(u32::from(after.max(0).unsigned_abs()));
        self.received = self.received.wrapping_add(1);
        let deviation = transit.wrapping_sub(self.transit).cast_signed().unsigned_abs();
        self.transit = transit;
        // J += (|D| - J) / 16, in sixteenths (RFC 3550 A.8). A jump of the sender's clock is not
        // jitter.
        if deviation < crate::SAMPLE_RATE {
            self.jitter = self.jitter + deviation - ((self.jitter + 8) >> 4);
        }
        true
    }

    const fn expected(&self) -> u32 {
        self.highest.wrapping_sub(self.first).wrapping_add(1)
    }

    const fn lost(&self) -> i32 {
        self.expected().wrapping_sub(self.received).cast_signed()
    }

    fn fraction_lost(&mut self) -> u8 {
        let expected = self.expected().wrapping_sub(self.expected_before);
        let received = self.received.wrapping_sub(self.received_before);
        self.expected_before = self.expected();
        self.received_before = self.received;
        let lost = u64::from(expected.saturating_sub(received));
        u8::try_from((lost << 8) / u64::from(expected.max(1))).unwrap_or(u8::MAX)
    }
}

const fn low_half(extended: u32) -> u16 {
    let [_, _, high, low] = extended.to_be_bytes();
    u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn stream(reception: &mut Reception, sequences: impl IntoIterator<Item = u16>) {
        for (at, sequence) in (0_u32..).zip(sequences) {
            let timestamp = at * 160;
            let header = Header { marker: false, payload_type: 8, sequence, timestamp, ssrc: 1 };
            let now = Timestamp::from_secs(1_000) + Duration::from_millis(u64::from(at) * 20);
            reception.count(&header, now);
        }
    }

    #[test]
    fn lost_packets_are_counted_over_the_wrap() {
        let mut reception = Reception::default();
        stream(&mut reception, [65_533, 65_534, 0, 1, 3]);
        let report = reception.report(Timestamp::from_secs(1_001)).unwrap();
        assert_eq!((report.lost, report.highest), (2, 65_536 + 3));
        assert_eq!(report.fraction_lost, 73, "two of seven, in 256ths");
        let again = reception.report(Timestamp::from_secs(1_002)).unwrap();
        assert_eq!((again.fraction_lost, again.lost), (0, 2));
    }

    #[test]
    fn reordering_is_no_loss() {
        let mut reception = Reception::default();
        stream(&mut reception, [1, 3, 2, 4]);
        assert_eq!((reception.lost(), reception.received()), (0, 4));
    }

    #[test]
    fn even_spacing_has_no_jitter_and_uneven_spacing_has() {
        let mut even = Reception::default();
        stream(&mut even, 0..100);
        assert_eq!(even.jitter(), 0);
        let mut uneven = Reception::default();
        for sequence in 0..200_u16 {
            let timestamp = u32::from(sequence) * 160;
            let header = Header { marker: false, payload_type: 8, sequence, timestamp, ssrc: 1 };
            let late = u64::from(sequence % 2) * 10;
            let now = Timestamp::from_millis(1_000_000 + u64::from(sequence) * 20 + late);
            uneven.count(&header, now);
        }
        assert!((70..=85).contains(&uneven.jitter()), "{}", uneven.jitter());
    }

    #[test]
    fn a_restarted_sender_is_not_a_flood_of_loss() {
        let mut reception = Reception::default();
        stream(&mut reception, [1, 2, 40_000, 40_001]);
        assert_eq!((reception.lost(), reception.received()), (0, 2));
    }

    #[test]
    fn a_report_answers_the_last_report_of_the_sender() {
        let mut reception = Reception::default();
        stream(&mut reception, [1]);
        let sent = Sent { ntp: 0x0011_2233_4455_6677, timestamp: 0, packets: 0, octets: 0 };
        reception.reported(&sent, Timestamp::from_secs(1_000));
        let report = reception.report(Timestamp::from_millis(1_000_500)).unwrap();
        assert_eq!((report.last_report, report.delay), (0x2233_4455, 0x8000));
    }
}
