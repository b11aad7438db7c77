//! The file of a part while its call lasts: a header, then entries, each with its own checksum.
//!
//! ```text
//! header  magic 8 · version u16 · length u32 · JSON of that length · CRC-32 of all before
//! entry   kind u8 · length u16 · offset u64 · payload of that length · CRC-32 of all before
//! ```
//!
//! Numbers are little-endian. Kinds 0 and 1 are audio of the left and the right channel, `offset`
//! in samples since the part began; kind 2 says that `offset` frames never reached the file.
//! Entries are only appended, so a crash can spoil no more than the last of them.

use std::io::{self, Read};

use model::{AudioFrame, Channel, FRAME_PAYLOAD, RecordingId};
use serde::{Deserialize, Serialize};
use switchboard::ports::PartDetails;

const MAGIC: &[u8; 8] = b"HOTLPART";
const VERSION: u16 = 1;
/// Magic, version, and the length of the JSON.
const PREFIX: usize = 8 + 2 + 4;
/// More than any header of ours takes.
const LONGEST_HEADER: usize = 16 * 1024;
/// Kind, length and offset.
const ENTRY_HEAD: usize = 1 + 2 + 8;
const CHECKSUM: usize = 4;
const LONGEST_ENTRY: usize = ENTRY_HEAD + FRAME_PAYLOAD + CHECKSUM;
const READ_AT_ONCE: usize = 64 * 1024;

/// What a file says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The part.
    pub(crate) recording: RecordingId,
    /// What it holds.
    pub(crate) details: PartDetails,
}

impl Header {
    /// The header as it stands at the beginning of the file.
    pub(crate) fn encode(&self) -> io::Result<Vec<u8>> {
        let json = serde_json::to_vec(self)?;
        if json.len() > LONGEST_HEADER {
            return Err(invalid("header is too long"));
        }
        let length = u32::try_from(json.len()).map_err(io::Error::other)?;
        let mut out = Vec::with_capacity(PREFIX + json.len() + CHECKSUM);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&json);
        seal_with_checksum(&mut out, 0);
        Ok(out)
    }

    /// Reads the header from the beginning of a file.
    ///
    /// # Errors
    /// `InvalidData` when this is no part's file, is torn or is damaged.
    fn read(file: &mut impl Read) -> io::Result<Self> {
        let mut bytes = vec![0; PREFIX];
        file.read_exact(&mut bytes).map_err(torn)?;
        let json_length = match bytes.split_at(MAGIC.len()) {
            (magic, _) if magic != MAGIC => return Err(invalid("file is not a recording's part")),
            (_, [low, high, ..]) if u16::from_le_bytes([*low, *high]) != VERSION => {
                return Err(invalid("part was written by a later version"));
            }
            (_, [_, _, a, b, c, d]) => u32::from_le_bytes([*a, *b, *c, *d]) as usize,
            _ => return Err(invalid("header is torn")),
        };
        if json_length > LONGEST_HEADER {
            return Err(invalid("header is damaged"));
        }
        bytes.resize(PREFIX + json_length + CHECKSUM, 0);
        file.read_exact(bytes.get_mut(PREFIX..).unwrap_or_default()).map_err(torn)?;
        let body = checked(&bytes).ok_or_else(|| invalid("header is damaged"))?;
        serde_json::from_slice(body.get(PREFIX..).unwrap_or_default())
            .map_err(|_| invalid("header is damaged"))
    }
}

/// One entry of a part's file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    /// Audio of one channel.
    Audio {
        /// Which side is heard.
        channel: Channel,
        /// Samples since the part began.
        offset: u64,
        /// A-law samples.
        samples: Vec<u8>,
    },
    /// So many frames never reached the file.
    Lost(u64),
}

/// Appends a frame's entry; a frame without samples leaves no trace.
pub(crate) fn append_frame(out: &mut Vec<u8>, frame: &AudioFrame) {
    let kind = match frame.channel {
        Channel::Left => 0,
        Channel::Right => 1,
    };
    if !frame.samples().is_empty() {
        append(out, kind, frame.offset, frame.samples());
    }
}

/// Appends the entry that says how many frames are missing.
pub(crate) fn append_lost(out: &mut Vec<u8>, frames: u64) {
    append(out, 2, frames, &[]);
}

fn append(out: &mut Vec<u8>, kind: u8, offset: u64, payload: &[u8]) {
    let start = out.len();
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    out.push(kind);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&offset.to_le_bytes());
    out.extend_from_slice(payload);
    seal_with_checksum(out, start);
}

/// The entries of a file, in order, whatever is damaged between them.
///
/// Where no whole entry begins, octets are skipped up to the next place where one does: that costs
/// nothing at a torn tail and saves what follows a damaged block.
#[derive(Debug)]
pub(crate) struct Entries<R> {
    file: R,
    unread: Vec<u8>,
    at: usize,
    ended: bool,
    skipped: bool,
    /// Damaged stretches with whole entries after them; a torn tail is none.
    pub(crate) damaged: u64,
}

impl<R: Read> Entries<R> {
    /// Reads the header; the entries follow.
    ///
    /// # Errors
    /// `InvalidData` when this is no part's file or its header is damaged, or the file's own error.
    pub(crate) fn open(mut file: R) -> io::Result<(Header, Self)> {
        let header = Header::read(&mut file)?;
        let unread = Vec::with_capacity(READ_AT_ONCE + LONGEST_ENTRY);
        Ok((header, Self { file, unread, at: 0, ended: false, skipped: false, damaged: 0 }))
    }

    /// The next whole entry; `None` at the end.
    ///
    /// # Errors
    /// The file's own.
    pub(crate) fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        loop {
            if self.unread.len() - self.at < LONGEST_ENTRY && !self.ended {
                self.fill()?;
            }
            let rest = self.unread.get(self.at..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(None);
            }
            if let Some((entry, length)) = decode(rest) {
                self.at += length;
                self.damaged += u64::from(std::mem::take(&mut self.skipped));
                return Ok(Some(entry));
            }
            self.at += 1;
            self.skipped = true;
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.unread.drain(..self.at);
        self.at = 0;
        let wanted = READ_AT_ONCE as u64;
        let read = self.file.by_ref().take(wanted).read_to_end(&mut self.unread)?;
        self.ended = read < READ_AT_ONCE;
        Ok(())
    }
}

/// The entry at the beginning of `bytes`, and how many octets it takes.
fn decode(bytes: &[u8]) -> Option<(Entry, usize)> {
    let (&kind, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (offset, _) = rest.split_first_chunk::<8>()?;
    let length = usize::from(u16::from_le_bytes(*length));
    let offset = u64::from_le_bytes(*offset);
    let channel = match (kind, length) {
        (0, 1..=FRAME_PAYLOAD) => Some(Channel::Left),
        (1, 1..=FRAME_PAYLOAD) => Some(Channel::Right),
        (2, 0) => None,
        _ => return None,
    };
    let whole = ENTRY_HEAD + length + CHECKSUM;
    let body = checked(bytes.get(..whole)?)?;
    let entry = channel.map_or(Entry::Lost(offset), |channel| Entry::Audio {
        channel,
        offset,
        samples: body.get(ENTRY_HEAD..).unwrap_or_default().to_vec(),
    });
    Some((entry, whole))
}

fn seal_with_checksum(out: &mut Vec<u8>, start: usize) {
    let checksum = crc32fast::hash(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&checksum.to_le_bytes());
}

/// What comes before the checksum at the end, if it agrees.
fn checked(bytes: &[u8]) -> Option<&[u8]> {
    let (body, checksum) = bytes.split_last_chunk::<CHECKSUM>()?;
    (crc32fast::hash(body) == u32::from_le_bytes(*checksum)).then_some(body)
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

fn torn(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof { invalid("header is torn") } else { error }
}

#[cfg(test)]
mod tests {
    use model::{CallId, Epoch, PartKind, Timestamp};
    use proptest::prelude::*;

    use super::*;

    fn header() -> Header {
        Header {
            recording: RecordingId { call: CallId::new(Epoch::new(3), 17), part: 1 },
            details: PartDetails {
                part: PartKind::Talk,
                at: Timestamp::from_secs(1_763_800_000),
                agent: Some(model::AgentId::new(1001)),
                queue: Some("sales".into()),
                left: "13800138000".parse().ok(),
                right: "1001".parse().ok(),
            },
        }
    }

    fn frame(offset: u64, samples: usize) -> AudioFrame {
        let length = u16::try_from(samples).unwrap();
        let recording = header().recording;
        let payload = [0x55; FRAME_PAYLOAD];
        AudioFrame { recording, channel: Channel::Right, offset, length, payload }
    }

    fn read(bytes: &[u8]) -> io::Result<(Header, Vec<Entry>, u64)> {
        let (header, mut entries) = Entries::open(bytes)?;
        let mut all = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            all.push(entry);
        }
        Ok((header, all, entries.damaged))
    }

    #[test]
    fn a_file_reads_back_as_written() {
        let mut file = header().encode().unwrap();
        append_frame(&mut file, &frame(160, 80));
        append_lost(&mut file, 7);
        append_frame(&mut file, &frame(0, 0));
        let (found, entries, damaged) = read(&file).unwrap();
        assert_eq!((found, damaged), (header(), 0));
        let audio = Entry::Audio { channel: Channel::Right, offset: 160, samples: vec![0x55; 80] };
        assert_eq!(entries, [audio, Entry::Lost(7)]);
    }

    #[test]
    fn a_file_longer_than_one_read_is_read_whole() {
        let mut file = header().encode().unwrap();
        for number in 0..2_000 {
            append_frame(&mut file, &frame(number * 160, 160));
        }
        assert_eq!(read(&file).unwrap().1.len(), 2_000);
    }

    #[test]
    fn what_is_no_part_is_refused() {
        assert!(read(b"").is_err());
        assert!(read(b"RIFF this is something else entirely").is_err());
        let mut later = header().encode().unwrap();
        later[8] = 9;
        assert_eq!(read(&later).unwrap_err().to_string(), "part was written by a later version");
    }

    #[test]
    fn entries_after_a_damaged_block_are_kept_and_the_damage_is_counted() {
        let mut file = header().encode().unwrap();
        let start = file.len();
        for number in 0..10 {
            append_frame(&mut file, &frame(number * 160, 160));
        }
        file[start + 400..start + 500].fill(0);
        let (_, entries, damaged) = read(&file).unwrap();
        assert_eq!((entries.len(), damaged), (9, 1));
    }

    proptest! {
        #[test]
        fn damage_anywhere_never_panics(at in 0_usize..600, octet: u8) {
            let mut file = header().encode().unwrap();
            append_frame(&mut file, &frame(0, 160));
            append_frame(&mut file, &frame(160, 160));
            let at = at.min(file.len() - 1);
            file[at] = octet;
            let _ = read(&file);
        }
    }
}
