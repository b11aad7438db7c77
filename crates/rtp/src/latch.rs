//! Where to send to, and whom to believe: symmetric RTP with protection against strangers.
//!
//! Signalling names an address. A far side behind a NAT sends from another one, which nobody but
//! its packets can tell us; so can a stranger's. The rules:
//!
//! | a packet from | is |
//! |---|---|
//! | the signalled address | accepted, at once and always |
//! | the source we are latched to | accepted |
//! | anywhere, while the source we heard last has been silent for less than [`SILENCE`] | a stranger's |
//! | anywhere else | a stranger's, until [`PROBATION`] in a row with one SSRC and consecutive numbers: the last of these is accepted and latches |
//!
//! Nothing is accepted before signalling has named an address, and a new one begins again.

use std::net::SocketAddr;
use std::time::Duration;

use model::Timestamp;

use crate::Header;

/// How many consecutive packets a new source must send before it is believed.
pub const PROBATION: u8 = 5;

/// How long the source heard last must be silent before another may take its place.
pub const SILENCE: Duration = Duration::from_millis(500);

/// What to do with a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is the far side's.
    Accepted,
    /// It is not: count it and forget it.
    Stranger,
}

/// The address of one far side.
#[derive(Clone, Debug, Default)]
pub struct Latch {
    signalled: Option<SocketAddr>,
    source: Option<Heard>,
    candidate: Option<Candidate>,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    from: SocketAddr,
    at: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    from: SocketAddr,
    ssrc: u32,
    next: u16,
    passed: u8,
}

impl Latch {
    /// Signalling names the address. When it is another than before, what was learnt is forgotten.
    pub fn signal(&mut self, address: SocketAddr) {
        if self.signalled != Some(address) {
            *self = Self { signalled: Some(address), source: None, candidate: None };
        }
    }

    /// Judges a valid packet that came from `from` at `now`.
    pub fn judge(&mut self, from: SocketAddr, header: &Header, now: Timestamp) -> Verdict {
        if self.signalled.is_none() {
            return Verdict::Stranger;
        }
        if !self.believes(from) && !self.passes(from, header, now) {
            return Verdict::Stranger;
        }
        self.source = Some(Heard { from, at: now });
        self.candidate = None;
        Verdict::Accepted
    }

    /// Whether packets from there are accepted as they come.
    #[must_use]
    pub fn believes(&self, from: SocketAddr) -> bool {
        self.signalled == Some(from) || self.source.is_some_and(|heard| heard.from == from)
    }

    /// Where to send: to the source latched to, else to the signalled address. `None` while there
    /// is neither, or the address is a placeholder (0.0.0.0 or port 0).
    #[must_use]
    pub fn target(&self) -> Option<SocketAddr> {
        self.source
            .map(|heard| heard.from)
            .or(self.signalled)
            .filter(|address| !address.ip().is_unspecified() && address.port() != 0)
    }

    /// When the far side was last heard.
    #[must_use]
    pub fn heard_at(&self) -> Option<Timestamp> {
        self.source.map(|heard| heard.at)
    }

    fn passes(&mut self, from: SocketAddr, header: &Header, now: Timestamp) -> bool {
        if self.source.is_some_and(|heard| now.since(heard.at) < SILENCE) {
            self.candidate = None;
            return false;
        }
        let passed = self
            .candidate
            .filter(|candidate| {
                (candidate.from, candidate.ssrc, candidate.next)
                    == (from, header.ssrc, header.sequence)
            })
            .map_or(1, |candidate| candidate.passed.saturating_add(1));
        let next = header.sequence.wrapping_add(1);
        self.candidate = Some(Candidate { from, ssrc: header.ssrc, next, passed });
        passed >= PROBATION
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Line {
        latch: Latch,
        now: Timestamp,
        sequence: u16,
    }

    impl Line {
        fn signalled(port: u16) -> Self {
            let mut latch = Latch::default();
            latch.signal(address(port));
            Self { latch, now: Timestamp::from_secs(1_000), sequence: 0 }
        }

        fn pause(&mut self, millis: u64) {
            self.now = self.now + Duration::from_millis(millis);
        }

        fn packet(&mut self, port: u16) -> Verdict {
            self.sequence = self.sequence.wrapping_add(1);
            let sequence = self.sequence;
            let ssrc = u32::from(port);
            let header = Header { marker: false, payload_type: 8, sequence, timestamp: 0, ssrc };
            self.pause(20);
            self.latch.judge(address(port), &header, self.now)
        }

        fn accepted(&mut self, port: u16, packets: usize) -> usize {
            (0..packets).filter(|_| self.packet(port) == Verdict::Accepted).count()
        }
    }

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn the_signalled_address_is_sent_to_until_another_is_heard_and_believed_at_once() {
        let mut line = Line::signalled(1);
        assert_eq!(line.latch.target(), Some(address(1)));
        assert_eq!(line.accepted(2, 4), 0);
        assert_eq!(line.latch.target(), Some(address(1)));
        assert_eq!(line.packet(2), Verdict::Accepted);
        assert_eq!(line.latch.target(), Some(address(2)));
        assert_eq!(line.packet(1), Verdict::Accepted);
        assert_eq!(line.latch.target(), Some(address(1)));
    }

    #[test]
    fn a_stranger_never_takes_the_place_of_a_source_that_still_sends() {
        let mut line = Line::signalled(1);
        line.packet(1);
        for _ in 0..100 {
            assert_eq!(line.packet(2), Verdict::Stranger);
            line.sequence -= 1;
            assert_eq!(line.packet(1), Verdict::Accepted);
        }
        assert_eq!(line.latch.target(), Some(address(1)));
    }

    #[test]
    fn another_source_may_follow_once_the_old_one_is_silent() {
        let mut line = Line::signalled(1);
        line.packet(1);
        line.pause(460);
        assert_eq!(line.accepted(2, 6), 1, "the first comes too early to count");
        assert_eq!(line.latch.target(), Some(address(2)));
    }

    #[test]
    fn probation_starts_again_when_a_number_is_missing_or_the_source_changes() {
        let mut line = Line::signalled(1);
        assert_eq!(line.accepted(2, 4), 0);
        line.sequence += 1;
        assert_eq!(line.accepted(2, 4), 0);
        assert_eq!(line.packet(3), Verdict::Stranger);
        assert_eq!(line.accepted(2, 4), 0);
        assert_eq!(line.packet(2), Verdict::Accepted);
    }

    #[test]
    fn a_new_signalled_address_begins_again_and_the_same_one_changes_nothing() {
        let mut line = Line::signalled(1);
        line.accepted(2, 5);
        line.latch.signal(address(1));
        assert_eq!(line.latch.target(), Some(address(2)));
        line.latch.signal(address(3));
        assert_eq!(line.latch.target(), Some(address(3)));
        assert_eq!(line.packet(2), Verdict::Stranger);
    }

    #[test]
    fn nothing_is_believed_before_signalling_and_nothing_sent_to_a_placeholder() {
        let mut line = Line::signalled(1);
        line.latch = Latch::default();
        assert_eq!(line.accepted(2, 10), 0);
        line.latch.signal(SocketAddr::from(([0, 0, 0, 0], 4_000)));
        assert_eq!(line.latch.target(), None);
    }
}
