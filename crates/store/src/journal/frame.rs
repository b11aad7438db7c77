//! One event on disk.
//!
//! ```text
//! length u32 | crc32 u32 | epoch u32 | seq u64 | batch u64 | length octets of JSON
//! ```
//!
//! Little-endian. The checksum covers all that follows it. `batch` is the offset at which the
//! frame's batch begins: everything before it was on disk for certain when the frame was written,
//! which tells a torn tail (nobody has seen it) from damage (somebody has).

use model::{Epoch, Event};

use crate::Position;

/// What every segment file begins with.
pub(super) const MAGIC: &[u8; 8] = b"HLJRNL1\n";

/// The octets of a frame before its JSON.
pub(super) const HEADER: usize = 28;

/// The most octets of JSON in a frame. Events are a few hundred; the bound keeps a damaged length
/// from asking for all memory.
pub(super) const LONGEST: usize = 1 << 20;

/// What stands before the JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) length: usize,
    crc: u32,
    pub(super) position: Position,
    pub(super) batch: u64,
}

impl Header {
    /// Reads a header; `None` when no frame can begin with it.
    pub(super) fn read(octets: &[u8]) -> Option<Self> {
        let length = usize::try_from(u32_at(octets, 0)?).ok()?;
        let (epoch, seq) = (Epoch::new(u32_at(octets, 8)?), u64_at(octets, 12)?);
        (1..=LONGEST).contains(&length).then_some(Self {
            length,
            crc: u32_at(octets, 4)?,
            position: Position { epoch, seq },
            batch: u64_at(octets, 20)?,
        })
    }

    /// Whether the checksum fits the frame, header included.
    pub(super) fn fits(&self, frame: &[u8]) -> bool {
        frame.get(8..HEADER + self.length).is_some_and(|rest| crc32fast::hash(rest) == self.crc)
    }
}

/// Reads the frame at the beginning of `octets`, when it is whole and its checksum fits.
pub(super) fn read(octets: &[u8]) -> Option<(Header, &[u8])> {
    let header = Header::read(octets)?;
    let json = octets.get(HEADER..HEADER + header.length)?;
    header.fits(octets).then_some((header, json))
}

/// Appends an event as a frame of the batch that begins at offset `batch` of its file.
///
/// # Errors
/// When the event cannot be written as JSON, or is longer than a frame may be.
pub(super) fn write(out: &mut Vec<u8>, event: &Event, batch: u64) -> Result<(), serde_json::Error> {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&event.epoch.number().to_le_bytes());
    out.extend_from_slice(&event.seq.to_le_bytes());
    out.extend_from_slice(&batch.to_le_bytes());
    let written = serde_json::to_writer(&mut *out, event);
    let length = out.len() - start - HEADER;
    if let Err(error) = written.and_then(|()| within_bounds(length)) {
        out.truncate(start);
        return Err(error);
    }
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let crc = crc32fast::hash(out.get(start + 8..).unwrap_or_default()).to_le_bytes();
    for (place, octet) in out.iter_mut().skip(start).zip(length.into_iter().chain(crc)) {
        *place = octet;
    }
    Ok(())
}

fn within_bounds(length: usize) -> Result<(), serde_json::Error> {
    if length <= LONGEST {
        return Ok(());
    }
    Err(serde::ser::Error::custom("event is longer than 1 MiB"))
}

fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(octets: &[u8], at: usize) -> Option<u64> {
    octets.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::event;

    #[test]
    fn a_frame_reads_back_as_written() {
        let mut out = MAGIC.to_vec();
        write(&mut out, &event(2, 41), 8).unwrap();
        let (header, json) = read(&out[8..]).unwrap();
        assert_eq!((header.position, header.batch), (Position::of(&event(2, 41)), 8));
        assert_eq!(serde_json::from_slice::<Event>(json).unwrap(), event(2, 41));
    }

    proptest! {
        #[test]
        fn a_frame_with_any_octet_changed_or_any_octet_missing_is_no_frame(
            at in any::<prop::sample::Index>(), change in 1_u8..,
        ) {
            let mut out = Vec::new();
            write(&mut out, &event(2, 41), 8).unwrap();
            let at = at.index(out.len());
            prop_assert!(read(&out[..at]).is_none());
            out[at] ^= change;
            prop_assert!(read(&out).is_none());
        }
    }
}
