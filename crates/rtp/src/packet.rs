//! RTP packets (RFC 3550 §5.1): read once, checked; rewritten in the buffer they came in.

use std::fmt;
use std::ops::Range;

use rtp_rs::{RtpReader, RtpReaderError};

/// Length of the header we write: no contributing sources, no extension.
pub const HEADER: usize = 12;

/// The fields of an RTP header that mean something to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The start of a talk spurt or of a telephone event.
    pub marker: bool,
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// The sequence number; wraps.
    pub sequence: u16,
    /// When the first sample was taken, in samples; wraps.
    pub timestamp: u32,
    /// The synchronisation source.
    pub ssrc: u32,
}

impl Header {
    /// The twelve octets of this header.
    #[must_use]
    pub const fn octets(&self) -> [u8; HEADER] {
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [r0, r1, r2, r3] = self.ssrc.to_be_bytes();
        let second = (self.marker as u8) << 7 | (self.payload_type & 0x7f);
        [0x80, second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3]
    }

    /// Writes a whole packet into `buffer` and gives back the part that is filled; `None` when the
    /// buffer is too short.
    pub fn write<'a>(&self, payload: &[u8], buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        let packet = buffer.get_mut(..HEADER + payload.len())?;
        let (head, body) = packet.split_at_mut_checked(HEADER)?;
        head.copy_from_slice(&self.octets());
        body.copy_from_slice(payload);
        Some(packet)
    }

    /// Puts this header right before the payload that lies at `payload` in `buffer`, over whatever
    /// header was there, and gives back where the packet lies; `None` when the range does not fit.
    /// Nothing is copied but the header, whatever the length of the old one.
    pub fn write_before(&self, payload: &Range<usize>, buffer: &mut [u8]) -> Option<Range<usize>> {
        let range = payload.start.checked_sub(HEADER)?..payload.end;
        let packet = buffer.get_mut(range.clone())?;
        packet.get_mut(..HEADER)?.copy_from_slice(&self.octets());
        Some(range)
    }
}

/// A checked packet, borrowed from the datagram it came in.
#[derive(Clone, Debug)]
pub struct Packet<'a> {
    /// Its header.
    pub header: Header,
    /// Its payload, without padding.
    pub payload: &'a [u8],
    /// Where the payload lies in the datagram; never before [`HEADER`].
    pub range: Range<usize>,
}

impl<'a> Packet<'a> {
    /// Reads a datagram.
    ///
    /// # Errors
    /// [`Malformed`] when it is not RTP version 2, or its lengths contradict each other.
    pub fn read(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let reader = RtpReader::new(datagram).map_err(Malformed::from)?;
        let payload = reader.payload();
        let start = reader.payload_offset();
        let header = Header {
            marker: reader.mark(),
            payload_type: reader.payload_type(),
            sequence: reader.sequence_number().into(),
            timestamp: reader.timestamp(),
            ssrc: reader.ssrc(),
        };
        Ok(Self { header, payload, range: start..start + payload.len() })
    }
}

/// Whether a datagram that came to an RTP port is RTCP (RFC 5761 §4).
#[must_use]
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram.get(1), Some(192..=223))
}

/// How far sequence number `later` lies after `earlier`, negative when before it (RFC 3550 A.1).
#[must_use]
pub const fn sequence_after(earlier: u16, later: u16) -> i16 {
    later.wrapping_sub(earlier).cast_signed()
}

/// How far timestamp `later` lies after `earlier`, in samples, negative when before it.
#[must_use]
pub const fn timestamp_after(earlier: u32, later: u32) -> i32 {
    later.wrapping_sub(earlier).cast_signed()
}

/// A datagram that cannot be what it should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// It ends before its own lengths say.
    Truncated,
    /// Its version is not 2.
    Version,
    /// Its padding does not fit.
    Padding,
    /// It does not begin with what must come first.
    Order,
}

impl fmt::Display for Malformed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Truncated => "packet is shorter than it says",
            Self::Version => "packet is not of RTP version 2",
            Self::Padding => "padding is longer than the packet",
            Self::Order => "compound packet does not begin with a report",
        })
    }
}

impl std::error::Error for Malformed {}

impl From<RtpReaderError> for Malformed {
    fn from(error: RtpReaderError) -> Self {
        match error {
            RtpReaderError::BufferTooShort(_) | RtpReaderError::HeadersTruncated { .. } => {
                Self::Truncated
            }
            RtpReaderError::UnsupportedVersion(_) => Self::Version,
            RtpReaderError::PaddingLengthInvalid(_) => Self::Padding,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SOME: Header =
        Header { marker: true, payload_type: 8, sequence: 65_535, timestamp: 7, ssrc: 0xdead_beef };

    #[test]
    fn what_is_written_reads_back_the_same() {
        let mut buffer = [0; 64];
        let packet = SOME.write(b"audio", &mut buffer).unwrap();
        let read = Packet::read(packet).unwrap();
        assert_eq!((read.header, read.payload, read.range), (SOME, &b"audio"[..], 12..17));
    }

    #[test]
    fn a_header_is_replaced_in_place_however_long_the_old_one_was() {
        let mut datagram = SOME.octets().to_vec();
        datagram[0] |= 0x10 | 0x02; // an extension and two contributing sources
        datagram.extend([0; 8]);
        datagram.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
        datagram.extend(b"audio");
        let range = Packet::read(&datagram).unwrap().range;
        assert_eq!(range, 28..33);
        let packet = SOME.write_before(&range, &mut datagram).unwrap();
        let read = Packet::read(&datagram[packet]).unwrap();
        assert_eq!((read.header, read.payload), (SOME, &b"audio"[..]));
    }

    #[test]
    fn lengths_that_contradict_each_other_are_malformed() {
        let mut padded = SOME.octets().to_vec();
        padded[0] |= 0x20;
        padded.push(9);
        assert_eq!(Packet::read(&padded).unwrap_err(), Malformed::Padding);
        assert_eq!(Packet::read(b"short").unwrap_err(), Malformed::Truncated);
        assert_eq!(Packet::read(&[0; 12]).unwrap_err(), Malformed::Version);
    }

    #[test]
    fn distance_survives_the_wrap() {
        assert_eq!(sequence_after(65_535, 1), 2);
        assert_eq!(sequence_after(1, 65_535), -2);
        assert_eq!(timestamp_after(u32::MAX, 159), 160);
    }

    proptest! {
        #[test]
        fn no_datagram_panics(mut datagram in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(first) = datagram.first_mut() {
                *first = *first & 0x3f | 0x80; // so that most get past the version
            }
            if let Ok(packet) = Packet::read(&datagram) {
                let range = packet.range.clone();
                prop_assert!(range.start >= HEADER && range.end <= datagram.len());
                prop_assert!(SOME.write_before(&range, &mut datagram).is_some());
            }
        }
    }
}
