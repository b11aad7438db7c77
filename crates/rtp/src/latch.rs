//! Where to send to, and whom to believe: symmetric RTP with protection against strangers.
//!
//! Signalling names an address. A far side behind a NAT sends from another one, which nobody but
//! its packets can tell us; so can a stranger's. The rules:
//!
//! | a packet from | is |
//! |---|---|
//! | the signalled address | accepted, at once and always |
//! | the source we are latched to | accepted |
//! | the host signalled or latched to, from another port, while the source we heard last has been silent for less than [`SILENCE`] | a stranger's |
//! | another host, while it has been silent for less than [`LONG_SILENCE`] | a stranger's |
//! | anywhere else, and the first source ever latched to at any time | a stranger's, until [`PROBATION`] in a row with one SSRC and consecutive numbers: the last of these is accepted and latches |
//!
//! Where packets are protected, each proves itself and none of this is asked ([`Latch::prove`]).
//!
//! Nothing is accepted before signalling has named an address, and a new one begins again. Several
//! sources are on probation side by side, so that a stranger's packets between them keep nobody out;
//! and who was first comes back, whoever speaks meanwhile.

use std::net::SocketAddr;
use std::time::Duration;

use model::Timestamp;

use crate::Header;

/// How many consecutive packets a new source must send before it is believed.
pub const PROBATION: u8 = 5;

/// How long the source heard last must be silent before another may take its place.
pub const SILENCE: Duration = Duration::from_millis(500);

/// The same for a source at another host: a far side that is muted sends nothing for a while, and a
/// stranger may not take its call meanwhile.
pub const LONG_SILENCE: Duration = Duration::from_secs(5);

/// Sources on probation at a time.
const CANDIDATES: usize = 4;

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
    /// The first source latched to.
    home: Option<SocketAddr>,
    candidates: [Option<Candidate>; CANDIDATES],
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
            *self = Self { signalled: Some(address), ..Self::default() };
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
        self.home.get_or_insert(from);
        self.forget(from);
        Verdict::Accepted
    }

    /// A packet from `from` has proven by itself that it is the far side's: a phone that changes
    /// its network is followed at once.
    pub fn prove(&mut self, from: SocketAddr, now: Timestamp) -> Verdict {
        if self.signalled.is_none() {
            return Verdict::Stranger;
        }
        self.source = Some(Heard { from, at: now });
        self.home.get_or_insert(from);
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
        let quiet = if self.is_near(from) { SILENCE } else { LONG_SILENCE };
        let is_taken = self.source.is_some_and(|heard| now.since(heard.at) < quiet);
        if is_taken && self.home != Some(from) {
            self.forget(from);
            return false;
        }
        let place = self.place(from);
        let Some(candidate) = self.candidates.get_mut(place) else { return false };
        let passed = candidate
            .filter(|candidate| {
                (candidate.from, candidate.ssrc, candidate.next)
                    == (from, header.ssrc, header.sequence)
            })
            .map_or(1, |candidate| candidate.passed.saturating_add(1));
        let next = header.sequence.wrapping_add(1);
        *candidate = Some(Candidate { from, ssrc: header.ssrc, next, passed });
        passed >= PROBATION
    }

    /// Whether a source is at a host that is known already.
    fn is_near(&self, from: SocketAddr) -> bool {
        let known = [self.signalled, self.source.map(|heard| heard.from), self.home];
        known.into_iter().flatten().any(|address| address.ip() == from.ip())
    }

    /// The place of a source on probation: its own, a free one, or that of who has come least far.
    fn place(&self, from: SocketAddr) -> usize {
        let rank = |candidate: &Option<Candidate>| match candidate {
            Some(candidate) if candidate.from == from => (0, 0),
            None => (1, 0),
            Some(candidate) => (2, candidate.passed),
        };
        let ranks = self.candidates.iter().map(rank).enumerate();
        ranks.min_by_key(|(_, rank)| *rank).map_or(0, |(place, _)| place)
    }

    fn forget(&mut self, from: SocketAddr) {
        for candidate in &mut self.candidates {
            if candidate.is_some_and(|it| it.from == from) {
                *candidate = None;
            }
        }
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
    fn who_proves_itself_is_believed_at_once_wherever_it_comes_from() {
        let (mut latch, elsewhere) = (Latch::default(), address(7));
        assert_eq!(latch.prove(elsewhere, Timestamp::from_secs(1)), Verdict::Stranger);
        latch.signal(address(4_000));
        assert_eq!(latch.prove(elsewhere, Timestamp::from_secs(1)), Verdict::Accepted);
        assert_eq!(latch.target(), Some(elsewhere));
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

    /// A far side with a host and a numbering of its own.
    struct Far(SocketAddr, u16);

    impl Far {
        fn at(host: u8) -> Self {
            Self(SocketAddr::from(([198, 51, 100, host], 4_000)), 0)
        }

        fn sends(&mut self, line: &mut Line) -> Verdict {
            self.1 = self.1.wrapping_add(1);
            let ssrc = u32::from(self.0.port());
            let (sequence, timestamp) = (self.1, 0);
            let header = Header { marker: false, payload_type: 8, sequence, timestamp, ssrc };
            line.pause(20);
            line.latch.judge(self.0, &header, line.now)
        }
    }

    #[test]
    fn a_strangers_packets_between_them_keep_no_phone_out() {
        let mut line = Line::signalled(1);
        let (mut phone, mut stranger) = (Far::at(7), Far::at(66));
        let mut accepted = 0;
        for turn in 0..12 {
            accepted += u32::from(phone.sends(&mut line) == Verdict::Accepted);
            if turn % 2 == 0 {
                stranger.1 += 7;
                assert_eq!(stranger.sends(&mut line), Verdict::Stranger);
            }
        }
        assert_eq!(accepted, 8, "all but the four of its probation");
        assert_eq!(line.latch.target(), Some(phone.0));
    }

    #[test]
    fn a_muted_phones_call_is_not_taken_by_another_host_and_if_it_was_the_phone_comes_back() {
        let mut line = Line::signalled(1);
        let (mut phone, mut stranger) = (Far::at(7), Far::at(66));
        for _ in 0..5 {
            phone.sends(&mut line);
        }
        let taken_after = (1..=300).find(|_| stranger.sends(&mut line) == Verdict::Accepted);
        assert_eq!(taken_after, Some(254), "five seconds of silence, and probation");
        for _ in 0..4 {
            assert_eq!(phone.sends(&mut line), Verdict::Stranger);
            assert_eq!(stranger.sends(&mut line), Verdict::Accepted);
        }
        assert_eq!(phone.sends(&mut line), Verdict::Accepted);
        assert_eq!(stranger.sends(&mut line), Verdict::Stranger);
        assert_eq!(line.latch.target(), Some(phone.0));
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
