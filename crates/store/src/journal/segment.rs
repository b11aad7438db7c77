//! The journal's files: their names, and reading one through at start.

use std::fs;
use std::path::{Path, PathBuf};

use model::{Epoch, Event};

use super::JournalError;
use super::frame::{self, HEADER, Header, LONGEST, MAGIC};
use crate::Position;

/// One file, named by its first event, so that the order of names is the order of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Segment {
    pub(super) first: Position,
    pub(super) path: PathBuf,
}

impl Segment {
    pub(super) fn new(folder: &Path, first: Position) -> Self {
        let name = format!("{:010}-{:020}.log", first.epoch.number(), first.seq);
        Self { first, path: folder.join(name) }
    }

    fn of(path: PathBuf) -> Option<Self> {
        let (epoch, seq) = path.file_name()?.to_str()?.strip_suffix(".log")?.split_once('-')?;
        let first = Position { epoch: Epoch::new(epoch.parse().ok()?), seq: seq.parse().ok()? };
        Some(Self { first, path })
    }
}

/// The files of a folder in the order of the log.
pub(super) fn list(folder: &Path) -> Result<Vec<Segment>, JournalError> {
    let entries = fs::read_dir(folder).map_err(JournalError::io("read", folder))?;
    let mut segments = Vec::new();
    for entry in entries {
        let entry = entry.map_err(JournalError::io("read", folder))?;
        segments.extend(Segment::of(entry.path()));
    }
    segments.sort_by_key(|segment| segment.first);
    Ok(segments)
}

/// What stands at the end of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tail {
    /// A whole frame.
    Whole,
    /// The beginning of a batch that was never confirmed, from this offset.
    Torn(u64),
    /// Damage: what follows it was written when this was on disk for certain.
    Damaged(u64),
}

/// Reads a file through, handing every event to `each`.
pub(super) fn scan(
    segment: &Segment,
    mut each: impl FnMut(Position, &[u8]) -> Result<(), serde_json::Error>,
) -> Result<Tail, JournalError> {
    let octets = fs::read(&segment.path).map_err(JournalError::io("read", &segment.path))?;
    if !octets.starts_with(MAGIC) {
        return Ok(judge(&octets, 0));
    }
    let mut offset = MAGIC.len();
    while let Some((header, json)) = octets.get(offset..).and_then(frame::read) {
        if each(header.position, json).is_err() {
            return Ok(Tail::Damaged(offset as u64));
        }
        offset += HEADER + header.length;
    }
    Ok(if offset == octets.len() { Tail::Whole } else { judge(&octets, offset) })
}

/// Judges what does not read as a frame at `offset`. Where a whole frame of a later batch follows,
/// these octets were on disk before that batch began: they are damaged, not torn.
fn judge(octets: &[u8], offset: usize) -> Tail {
    let bad = offset as u64;
    let is_later = |start: usize| {
        let header = octets.get(start..).and_then(Header::read)?;
        let in_bounds = header.length <= LONGEST && header.batch > bad;
        (in_bounds && octets.get(start..).and_then(frame::read).is_some()).then_some(())
    };
    if (offset + 1..octets.len()).any(|start| is_later(start).is_some()) {
        return Tail::Damaged(bad);
    }
    Tail::Torn(bad)
}

/// Cuts a torn tail off a file; a file of which nothing is left is removed.
pub(super) fn cut(segment: &Segment, offset: u64) -> Result<u64, JournalError> {
    let path = &segment.path;
    let file = fs::OpenOptions::new().write(true).open(path);
    let file = file.map_err(JournalError::io("open", path))?;
    let length = file.metadata().map_err(JournalError::io("read", path))?.len();
    if offset <= MAGIC.len() as u64 {
        fs::remove_file(path).map_err(JournalError::io("remove", path))?;
    } else {
        file.set_len(offset).map_err(JournalError::io("cut", path))?;
        file.sync_all().map_err(JournalError::io("write", path))?;
    }
    Ok(length.saturating_sub(offset))
}

/// Reads an event's JSON.
pub(super) fn decode(json: &[u8]) -> Result<Event, serde_json::Error> {
    serde_json::from_slice(json)
}

/// Makes a new file's or a renamed file's name last: without it a power cut may forget the name.
pub(super) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    fs::File::open(folder)?.sync_all()
}
