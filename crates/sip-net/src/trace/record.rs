//! The records of a trace's files.
//!
//! A file begins with [`MAGIC`]. A record is the length of what follows the eight octets of its
//! head, a CRC-32 of it, and itself; numbers are little-endian.
//!
//! | kind | octets |
//! |---|---|
//! | 1, a leg | kind, epoch 4, number 4, since 8, key 8, its Call-ID |
//! | 2, a message | kind, key 8, at 8, way 1, transport 1, family 1, address 4 or 16, port 2, itself |

use std::net::{IpAddr, SocketAddr};

use model::{Epoch, LegId, Timestamp};
use sip::endpoint::Transport;

use super::Way;

/// What a file begins with: what it is, and the version of its form.
pub(crate) const MAGIC: &[u8; 8] = b"HLTRACE1";

/// Length and checksum.
const HEAD: usize = 8;
const LEG: u8 = 1;
const SAID: u8 = 2;

/// The transports, by the number each is written as.
const TRANSPORTS: [Transport; 5] =
    [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];

/// One record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Record<'a> {
    /// A leg is told of under a Call-ID.
    Leg(OfLeg<'a>),
    /// A message.
    Said(OfMessage<'a>),
}

/// A leg is told of under a Call-ID.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct OfLeg<'a> {
    pub(crate) leg: LegId,
    /// Since when.
    pub(crate) since: Timestamp,
    /// What tells messages of this Call-ID from others.
    pub(crate) key: u64,
    /// The Call-ID, for people; cut when it is long.
    pub(crate) call_id: &'a str,
}

/// A message, without its secrets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct OfMessage<'a> {
    pub(crate) key: u64,
    pub(crate) at: Timestamp,
    pub(crate) way: Way,
    pub(crate) transport: Transport,
    pub(crate) peer: SocketAddr,
    pub(crate) bytes: &'a [u8],
}

/// A record that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Broken {
    /// It is not what was written.
    Damaged,
    /// The file ends within it, or nothing says where it ends.
    Torn,
}

/// Writes a record at the end of `out`.
pub(crate) fn write(out: &mut Vec<u8>, record: &Record<'_>) {
    let head = out.len();
    out.extend_from_slice(&[0; HEAD]);
    match record {
        Record::Leg(OfLeg { leg, since, key, call_id }) => {
            out.push(LEG);
            out.extend_from_slice(&leg.epoch().number().to_le_bytes());
            out.extend_from_slice(&leg.number().to_le_bytes());
            out.extend_from_slice(&since.as_micros().to_le_bytes());
            out.extend_from_slice(&key.to_le_bytes());
            out.extend_from_slice(call_id.as_bytes());
        }
        Record::Said(OfMessage { key, at, way, transport, peer, bytes }) => {
            out.push(SAID);
            out.extend_from_slice(&key.to_le_bytes());
            out.extend_from_slice(&at.as_micros().to_le_bytes());
            out.push(u8::from(*way == Way::Sent));
            let number = TRANSPORTS.iter().position(|it| it == transport);
            out.push(number.and_then(|number| u8::try_from(number).ok()).unwrap_or(0));
            match peer.ip() {
                IpAddr::V4(address) => {
                    out.push(4);
                    out.extend_from_slice(&address.octets());
                }
                IpAddr::V6(address) => {
                    out.push(6);
                    out.extend_from_slice(&address.octets());
                }
            }
            out.extend_from_slice(&peer.port().to_le_bytes());
            out.extend_from_slice(bytes);
        }
    }
    let written = out.get(head + HEAD..).unwrap_or_default();
    let (length, crc) = (u32::try_from(written.len()).unwrap_or(0), crc32fast::hash(written));
    if let Some(place) = out.get_mut(head..head + HEAD) {
        let mut octets = [0; HEAD];
        octets
            .iter_mut()
            .zip(length.to_le_bytes().into_iter().chain(crc.to_le_bytes()))
            .for_each(|(place, octet)| *place = octet);
        place.copy_from_slice(&octets);
    }
}

/// The records of a file, without its [`MAGIC`]. What is damaged is passed over; nothing follows
/// what is torn.
#[derive(Clone, Debug)]
pub(crate) struct Records<'a>(&'a [u8]);

impl<'a> Records<'a> {
    /// The records in the octets of a file; none when it is no trace's, or a later program's.
    pub(crate) fn of(file: &'a [u8]) -> Option<Self> {
        file.strip_prefix(MAGIC).map(Self)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let mut rest = Octets(self.0);
        let found = rest.u32().zip(rest.u32()).and_then(|(length, crc)| {
            let length = usize::try_from(length).ok().filter(|length| *length > 0)?;
            Some((rest.take(length)?, crc))
        });
        let Some((octets, crc)) = found else {
            self.0 = &[];
            return Some(Err(Broken::Torn));
        };
        self.0 = rest.0;
        let is_whole = crc32fast::hash(octets) == crc;
        Some(is_whole.then(|| read(octets)).flatten().ok_or(Broken::Damaged))
    }
}

fn read(octets: &[u8]) -> Option<Record<'_>> {
    let mut rest = Octets(octets);
    match rest.u8()? {
        LEG => {
            let leg = LegId::new(Epoch::new(rest.u32()?), rest.u32()?);
            let (since, key) = (Timestamp::from_micros(rest.u64()?), rest.u64()?);
            let call_id = std::str::from_utf8(rest.0).ok()?;
            Some(Record::Leg(OfLeg { leg, since, key, call_id }))
        }
        SAID => {
            let (key, at) = (rest.u64()?, Timestamp::from_micros(rest.u64()?));
            let way = if rest.u8()? == 0 { Way::Received } else { Way::Sent };
            let transport = *TRANSPORTS.get(usize::from(rest.u8()?))?;
            let address: IpAddr = match rest.u8()? {
                4 => <[u8; 4]>::try_from(rest.take(4)?).ok()?.into(),
                6 => <[u8; 16]>::try_from(rest.take(16)?).ok()?.into(),
                _ => return None,
            };
            let peer = SocketAddr::new(address, rest.u16()?);
            Some(Record::Said(OfMessage { key, at, way, transport, peer, bytes: rest.0 }))
        }
        _ => None,
    }
}

/// Octets that are read from their beginning.
struct Octets<'a>(&'a [u8]);

impl<'a> Octets<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg() -> Record<'static> {
        let leg = LegId::new(Epoch::new(3), 17);
        Record::Leg(OfLeg { leg, since: Timestamp::from_micros(5), key: 9, call_id: "a@b" })
    }

    fn said(peer: SocketAddr, transport: Transport) -> Record<'static> {
        let (at, way) = (Timestamp::from_micros(1_700_000_000_000_001), Way::Sent);
        Record::Said(OfMessage { key: 9, at, way, transport, peer, bytes: b"BYE sip:a@b SIP/2.0" })
    }

    fn written(records: &[Record<'_>]) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        records.iter().for_each(|record| write(&mut file, record));
        file
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let mut records = vec![leg()];
        for transport in TRANSPORTS {
            records.push(said(([192, 0, 2, 1], 5_060).into(), transport));
            records.push(said("[2001:db8::1]:5061".parse().unwrap(), transport));
        }
        let file = written(&records);
        let read: Vec<_> = Records::of(&file).unwrap().collect();
        assert_eq!(read, records.into_iter().map(Ok).collect::<Vec<_>>());
    }

    #[test]
    fn a_leg_is_written_as_the_table_says() {
        let file = written(&[leg()]);
        let body = [
            &[1][..],
            &[3, 0, 0, 0],
            &[17, 0, 0, 0],
            &[5, 0, 0, 0, 0, 0, 0, 0],
            &[9, 0, 0, 0, 0, 0, 0, 0],
            b"a@b",
        ]
        .concat();
        assert_eq!(&file[..8], b"HLTRACE1");
        assert_eq!(&file[8..12], [28, 0, 0, 0]);
        assert_eq!(&file[12..16], crc32fast::hash(&body).to_le_bytes());
        assert_eq!(&file[16..], body);
    }

    #[test]
    fn a_file_that_ends_anywhere_gives_what_was_whole_and_says_what_was_torn() {
        let records = [leg(), said(([192, 0, 2, 1], 5_060).into(), Transport::Udp), leg()];
        let file = written(&records);
        let ends: Vec<_> = (0..=3).map(|count| written(&records[..count]).len()).collect();
        for length in MAGIC.len()..=file.len() {
            let read: Vec<_> = Records::of(&file[..length]).unwrap().collect();
            let whole = ends.iter().filter(|end| **end <= length).count() - 1;
            let torn = usize::from(!ends.contains(&length));
            assert_eq!(read.iter().filter(|it| it.is_ok()).count(), whole, "at {length}");
            assert_eq!(read.iter().filter(|it| **it == Err(Broken::Torn)).count(), torn);
        }
        assert!(Records::of(b"HLTRACE2").is_none() && Records::of(b"").is_none());
    }

    #[test]
    fn no_octet_changed_anywhere_is_taken_for_what_was_written() {
        let records = [leg(), said(([192, 0, 2, 1], 5_060).into(), Transport::Udp)];
        let file = written(&records);
        for at in MAGIC.len()..file.len() {
            let mut file = file.clone();
            file[at] ^= 0x5a;
            let read: Vec<_> = Records::of(&file).unwrap().collect();
            assert!(read.iter().any(Result::is_err), "at {at}");
            let whole = read.into_iter().flatten();
            assert!(whole.into_iter().all(|record| records.contains(&record)), "at {at}");
        }
    }

    #[test]
    fn an_end_of_zeroes_is_torn_once() {
        let mut file = written(&[leg()]);
        file.resize(file.len() + 4_096, 0);
        let read: Vec<_> = Records::of(&file).unwrap().collect();
        assert_eq!(read, [Ok(leg()), Err(Broken::Torn)]);
    }
}
