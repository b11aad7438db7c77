//! RTCP (RFC 3550 §6): sender and receiver reports, descriptions and goodbyes.

use crate::Malformed;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const CNAME: u8 = 1;

/// The most sources or blocks one packet can hold; its count has five bits.
const MOST: usize = 31;

/// What a sender says of its stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sent {
    /// The moment, in NTP's format: seconds since 1900 and their binary fraction.
    pub ntp: u64,
    /// The same moment as an RTP timestamp.
    pub timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Octets of payload sent.
    pub octets: u32,
}

/// What a receiver says of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReportBlock {
    /// Whose stream.
    pub ssrc: u32,
    /// The share lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Packets lost since the stream began; 24 bits on the wire.
    pub lost: i32,
    /// The highest sequence number, with its wraps counted.
    pub highest: u32,
    /// Mean deviation of the spacing of packets, in samples.
    pub jitter: u32,
    /// The middle of the `ntp` of the last sender report received; 0 when there was none.
    pub last_report: u32,
    /// How long ago that was, in 65536ths of a second.
    pub delay: u32,
}

/// One packet of a compound packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Element {
    /// SR.
    SenderReport {
        /// Who reports.
        ssrc: u32,
        /// What it sent.
        sent: Sent,
        /// What it received.
        blocks: Vec<ReportBlock>,
    },
    /// RR.
    ReceiverReport {
        /// Who reports.
        ssrc: u32,
        /// What it received.
        blocks: Vec<ReportBlock>,
    },
    /// SDES; only its CNAMEs.
    Description {
        /// The sources described, with their canonical names.
        names: Vec<(u32, String)>,
    },
    /// BYE.
    Bye {
        /// Who leaves.
        sources: Vec<u32>,
    },
    /// A kind we have no use for, by its packet type.
    Other(u8),
}

/// Reads a compound packet.
///
/// # Errors
/// [`Malformed`] when lengths contradict each other, a version is not 2, or the first packet is no
/// report (RFC 3550 A.2).
pub fn read(datagram: &[u8]) -> Result<Vec<Element>, Malformed> {
    let mut elements = Vec::new();
    let mut rest = datagram;
    while !rest.is_empty() {
        let (&[first, kind, high, low], after) =
            rest.split_first_chunk::<4>().ok_or(Malformed::Truncated)?;
        if first >> 6 != 2 {
            return Err(Malformed::Version);
        }
        if elements.is_empty() && !matches!(kind, SENDER_REPORT | RECEIVER_REPORT) {
            return Err(Malformed::Order);
        }
        let length = usize::from(u16::from_be_bytes([high, low])) * 4;
        let (body, after) = after.split_at_checked(length).ok_or(Malformed::Truncated)?;
        let count = usize::from(first & 0x1f);
        elements.push(element(kind, count, body).ok_or(Malformed::Truncated)?);
        rest = after;
    }
    if elements.is_empty() { Err(Malformed::Truncated) } else { Ok(elements) }
}

/// A compound packet being written: a report, what else, then [`Compound::octets`].
#[derive(Clone, Debug)]
pub struct Compound(Vec<u8>);

impl Compound {
    /// Begins with our report: a sender's when something was `sent`, else a receiver's. Blocks
    /// beyond the 31st are left out.
    #[must_use]
    pub fn report(ssrc: u32, sent: Option<Sent>, blocks: &[ReportBlock]) -> Self {
        let blocks = blocks.get(..MOST).unwrap_or(blocks);
        let mut body = ssrc.to_be_bytes().to_vec();
        if let Some(sent) = &sent {
            body.extend(sent.ntp.to_be_bytes());
            for word in [sent.timestamp, sent.packets, sent.octets] {
                body.extend(word.to_be_bytes());
            }
        }
        for block in blocks {
            block.write(&mut body);
        }
        let kind = if sent.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
        let mut compound = Self(Vec::new());
        compound.push(kind, blocks.len(), &body);
        compound
    }

    /// Adds our canonical name, cut to 255 octets.
    #[must_use]
    pub fn name(mut self, ssrc: u32, name: &str) -> Self {
        let name = name.as_bytes();
        let name = name.get(..usize::from(u8::MAX)).unwrap_or(name);
        let mut body = ssrc.to_be_bytes().to_vec();
        body.extend([CNAME, u8::try_from(name.len()).unwrap_or(u8::MAX)]);
        body.extend(name);
        // The list ends with at least one zero, up to the next whole word.
        body.push(0);
        body.resize(body.len().next_multiple_of(4), 0);
        self.push(DESCRIPTION, 1, &body);
        self
    }

    /// Adds our goodbye.
    #[must_use]
    pub fn bye(mut self, ssrc: u32) -> Self {
        self.push(BYE, 1, &ssrc.to_be_bytes());
        self
    }

    /// The datagram.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    fn push(&mut self, kind: u8, count: usize, body: &[u8]) {
        let count = u8::try_from(count).unwrap_or(0) & 0x1f;
        let words = u16::try_from(body.len() / 4).unwrap_or(0);
        self.0.extend([0x80 | count, kind]);
        self.0.extend(words.to_be_bytes());
        self.0.extend(body);
    }
}

impl ReportBlock {
    fn write(&self, body: &mut Vec<u8>) {
        const LEAST: i32 = -0x80_0000;
        const GREATEST: i32 = 0x7f_ffff;
        let [_, l2, l1, l0] = self.lost.clamp(LEAST, GREATEST).to_be_bytes();
        body.extend(self.ssrc.to_be_bytes());
        body.extend([self.fraction_lost, l2, l1, l0]);
        for word in [self.highest, self.jitter, self.last_report, self.delay] {
            body.extend(word.to_be_bytes());
        }
    }
}

fn element(kind: u8, count: usize, body: &[u8]) -> Option<Element> {
    let mut body = Words(body);
    Some(match kind {
        SENDER_REPORT => Element::SenderReport {
            ssrc: body.word()?,
            sent: Sent {
                ntp: u64::from(body.word()?) << 32 | u64::from(body.word()?),
                timestamp: body.word()?,
                packets: body.word()?,
                octets: body.word()?,
            },
            blocks: (0..count).map(|_| body.block()).collect::<Option<_>>()?,
        },
        RECEIVER_REPORT => Element::ReceiverReport {
            ssrc: body.word()?,
            blocks: (0..count).map(|_| body.block()).collect::<Option<_>>()?,
        },
        DESCRIPTION => Element::Description { names: body.names(count)? },
        BYE => Element::Bye { sources: (0..count).map(|_| body.word()).collect::<Option<_>>()? },
        other => Element::Other(other),
    })
}

/// A body, taken from the front.
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn word(&mut self) -> Option<u32> {
        let (word, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*word))
    }

    fn block(&mut self) -> Option<ReportBlock> {
        let ssrc = self.word()?;
        let [fraction_lost, l2, l1, l0] = self.word()?.to_be_bytes();
        Some(ReportBlock {
            ssrc,
            fraction_lost,
            lost: i32::from_be_bytes([l2, l1, l0, 0]) >> 8,
            highest: self.word()?,
            jitter: self.word()?,
            last_report: self.word()?,
            delay: self.word()?,
        })
    }

    /// The CNAMEs of `count` chunks (RFC 3550 §6.5).
    fn names(&mut self, count: usize) -> Option<Vec<(u32, String)>> {
        let mut names = Vec::new();
        for _ in 0..count {
            let whole = self.0.len();
            let ssrc = self.word()?;
            while let Some((item, text)) = self.item()? {
                if item == CNAME {
                    names.push((ssrc, String::from_utf8_lossy(text).into_owned()));
                }
            }
            let used = whole - self.0.len();
            self.0 = self.0.get(used.next_multiple_of(4) - used..)?;
        }
        Some(names)
    }

    /// The next item of a chunk; `Some(None)` at its end, `None` when it is cut short.
    #[expect(clippy::option_option, reason = "the end of a list and a cut list are different")]
    fn item(&mut self) -> Option<Option<(u8, &[u8])>> {
        let (&item, rest) = self.0.split_first()?;
        if item == 0 {
            self.0 = rest;
            return Some(None);
        }
        let (&length, rest) = rest.split_first()?;
        let (text, rest) = rest.split_at_checked(usize::from(length))?;
        self.0 = rest;
        Some(Some((item, text)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SENT: Sent = Sent { ntp: 0x0102_0304_0506_0708, timestamp: 9, packets: 10, octets: 11 };
    const BLOCK: ReportBlock = ReportBlock {
        ssrc: 2,
        fraction_lost: 3,
        lost: -4,
        highest: 5,
        jitter: 6,
        last_report: 7,
        delay: 8,
    };

    fn everything() -> Compound {
        Compound::report(1, Some(SENT), &[BLOCK]).name(1, "hotline").bye(1)
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        assert_eq!(
            read(everything().octets()).unwrap(),
            [
                Element::SenderReport { ssrc: 1, sent: SENT, blocks: vec![BLOCK] },
                Element::Description { names: vec![(1, "hotline".to_owned())] },
                Element::Bye { sources: vec![1] },
            ]
        );
        let receiver = Compound::report(1, None, &[]);
        assert_eq!(
            read(receiver.octets()).unwrap(),
            [Element::ReceiverReport { ssrc: 1, blocks: vec![] }]
        );
    }

    #[test]
    fn names_of_every_length_end_on_a_whole_word() {
        for length in 0..300 {
            let name = "n".repeat(length);
            let compound = Compound::report(1, None, &[]).name(1, &name);
            assert_eq!(compound.octets().len() % 4, 0);
            let kept = name[..length.min(255)].to_owned();
            assert_eq!(
                read(compound.octets()).unwrap()[1],
                Element::Description { names: vec![(1, kept)] }
            );
        }
    }

    #[test]
    fn a_compound_packet_begins_with_a_report_and_is_whole() {
        let whole = everything();
        let whole = whole.octets();
        for cut in 1..whole.len() {
            let read = read(&whole[..cut]);
            assert!(read.is_err() || cut % 4 == 0, "{cut}");
        }
        assert_eq!(read(&[0x81, BYE, 0, 1, 0, 0, 0, 1]), Err(Malformed::Order));
        assert_eq!(read(&[]), Err(Malformed::Truncated));
        assert_eq!(read(&[0x85, RECEIVER_REPORT, 0, 1, 0, 0, 0, 1]), Err(Malformed::Truncated));
    }

    proptest! {
        #[test]
        fn no_datagram_panics(
            changes in proptest::collection::vec((0_usize..100, any::<u8>()), 0..8),
        ) {
            let mut datagram = everything().octets().to_vec();
            for (at, octet) in changes {
                if let Some(place) = datagram.get_mut(at) {
                    *place = octet;
                }
            }
            let _ = read(&datagram);
        }
    }
}
