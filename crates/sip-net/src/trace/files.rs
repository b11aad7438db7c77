//! The trace on disk: files of records, the oldest given up for the newest.
//!
//! A run never writes into a file of another, so that what a crash has torn stays at a file's end.
//! Each file can be read alone: a leg that is told of in it is named in it again.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::{LegId, Timestamp};

use super::masked;
use super::outlet::{Sink, Told};
use super::record::{self, MAGIC, OfLeg, OfMessage, Record};
use super::{Said, hash};
use crate::counters::{Counted, Counters};
use crate::settings::TraceFiles;

/// The bounds of one file: a sixteenth of all of them, between these.
const LEAST: u64 = 128 << 10;
/// No file has more octets than this.
pub(crate) const LARGEST: u64 = 16 << 20;
/// Files there may be: short ones, of many starts, are given up too.
const MOST_FILES: usize = 1_024;
/// Octets that are gathered before they are written.
const GATHERED: usize = 256 << 10;
/// Legs that are named again in a further file; all live ones are among them.
const MOST_LEGS: usize = 16_384;
/// Octets of a Call-ID that are written for people.
const LONGEST_CALL_ID: usize = 256;
/// How long after a fault of the disk it is tried again, by the time of what is told.
const AGAIN: Duration = Duration::from_secs(5);
/// What a file's name ends with.
const ENDING: &str = ".trace";

/// Writes what is told into files.
pub(crate) struct Files {
    folder: PathBuf,
    /// Octets of all files, and of one.
    most: u64,
    each: u64,
    counters: Arc<Counters>,
    /// The number of the file that is being written; readers find its end unfinished.
    live: Arc<AtomicU64>,
    open: Option<Open>,
    /// Numbers and sizes of the files there are but for the open one; none before the first look.
    closed: Option<VecDeque<(u64, u64)>>,
    last: u64,
    legs: Named,
    /// When what was told last was.
    now: Timestamp,
    /// After a fault nothing is tried before.
    again: Timestamp,
}

/// The file that is written.
struct Open {
    file: File,
    number: u64,
    /// Octets in it, those gathered included.
    size: u64,
    gathered: Vec<u8>,
    /// How many records are gathered.
    records: u64,
}

impl Files {
    /// Files in this folder, which is made when there is something to write.
    pub(crate) fn new(files: &TraceFiles, counters: Arc<Counters>) -> Self {
        Self {
            folder: files.folder.clone(),
            most: files.octets.max(2 * LEAST),
            each: (files.octets / 16).clamp(LEAST, LARGEST),
            counters,
            live: Arc::new(AtomicU64::new(u64::MAX)),
            open: None,
            closed: None,
            last: 0,
            legs: Named::default(),
            now: Timestamp::EPOCH,
            again: Timestamp::EPOCH,
        }
    }

    /// The number of the file being written, to be asked by readers.
    pub(crate) fn live(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.live)
    }

    fn said(&mut self, key: u64, said: &Said) {
        let Said { at, way, transport, peer, .. } = *said;
        let bytes = masked::masked(&said.bytes);
        let message = OfMessage { key, at, way, transport, peer, bytes: &bytes };
        let mut octets = Vec::with_capacity(bytes.len() + 64);
        record::write(&mut octets, &Record::Said(message));
        if !self.has_room(&octets) {
            return self.lose(1);
        }
        if let Some(open) = &mut self.open
            && let Some(named) = self.legs.unsaid(key, open.number)
        {
            open.put(&named);
        }
        self.put(&octets);
    }

    fn leg(&mut self, leg: LegId, since: Timestamp, call_id: &Arc<str>) {
        let key = hash(call_id.as_bytes());
        let octets = self.legs.name(key, leg, since, call_id);
        if !self.has_room(&octets) {
            return self.lose(1);
        }
        if let Some(open) = &self.open {
            let _ = self.legs.unsaid(key, open.number);
        }
        self.put(&octets);
    }

    /// Sees to it that a file is open with room for this and for the naming of a leg.
    fn has_room(&mut self, octets: &[u8]) -> bool {
        let needed = octets.len() as u64 + 512;
        if MAGIC.len() as u64 + needed > self.each {
            return false;
        }
        if self.open.as_ref().is_some_and(|open| open.size + needed > self.each) {
            self.close();
        }
        if self.open.is_some() {
            return true;
        }
        if self.now < self.again {
            return false;
        }
        match self.begin() {
            Ok(open) => self.open = Some(open),
            Err(error) => self.failed(&error),
        }
        self.open.is_some()
    }

    /// A new file; the oldest make room for it.
    fn begin(&mut self) -> io::Result<Open> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let closed = match &mut self.closed {
            Some(closed) => closed,
            None => {
                let found = listed(&self.folder)?;
                self.last = found.last().map_or(0, |(number, _)| *number);
                self.closed.insert(found.into())
            }
        };
        let mut kept: u64 = closed.iter().map(|(_, size)| size).sum();
        while (kept + self.each > self.most || closed.len() >= MOST_FILES)
            && let Some((number, size)) = closed.front().copied()
        {
            match fs::remove_file(path(&self.folder, number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            closed.pop_front();
            kept -= size;
        }
        self.last += 1;
        let number = self.last;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = options.open(path(&self.folder, number))?;
        self.live.store(number, Ordering::Relaxed);
        let size = MAGIC.len() as u64;
        if let Err(error) = file.write_all(MAGIC) {
            closed.push_back((number, size));
            return Err(error);
        }
        Ok(Open { file, number, size, gathered: Vec::new(), records: 0 })
    }

    fn put(&mut self, octets: &[u8]) {
        let Some(open) = &mut self.open else { return };
        open.put(octets);
        open.records += 1;
        if open.gathered.len() >= GATHERED {
            self.write();
        }
    }

    /// Writes what is gathered; a file that takes it not or in part is left alone from then on.
    fn write(&mut self) {
        let Some(open) = &mut self.open else { return };
        let written = open.file.write_all(&open.gathered);
        open.gathered.clear();
        let records = std::mem::take(&mut open.records);
        if let Err(error) = written {
            self.lose(records);
            self.leave();
            self.failed(&error);
        }
    }

    fn close(&mut self) {
        self.write();
        self.leave();
    }

    fn leave(&mut self) {
        if let (Some(open), Some(closed)) = (self.open.take(), &mut self.closed) {
            closed.push_back((open.number, open.size));
        }
    }

    fn failed(&mut self, error: &io::Error) {
        self.again = self.now + AGAIN;
        tracing::error!(folder = %self.folder.display(), %error, "the trace cannot be written");
    }

    fn lose(&self, records: u64) {
        for _ in 0..records {
            self.counters.count(Counted::TraceLost);
        }
    }
}

impl Open {
    fn put(&mut self, octets: &[u8]) {
        self.gathered.extend_from_slice(octets);
        self.size += octets.len() as u64;
    }
}

impl Sink for Files {
    fn take(&mut self, told: &Told) {
        match told {
            Told::Said(key, said) => {
                self.now = said.at;
                self.said(*key, said);
            }
            Told::Leg { leg, since, call_id } => self.leg(*leg, *since, call_id),
        }
    }

    fn flush(&mut self) {
        self.write();
    }
}

/// The files of a trace in this folder, by number, with their sizes; the oldest first.
pub(crate) fn listed(folder: &Path) -> io::Result<Vec<(u64, u64)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(ENDING)?.parse::<u64>().ok());
        if let Some(number) = number.filter(|number| path(folder, *number) == entry.path()) {
            // One that is gone meanwhile takes no room.
            found.push((number, entry.metadata().map_or(0, |file| file.len())));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Where the file of this number is.
pub(crate) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:010}{ENDING}"))
}

/// The legs told of lately, and in which file each was named last.
#[derive(Default)]
struct Named {
    legs: BTreeMap<u64, Naming>,
    /// In the order they came.
    order: VecDeque<u64>,
}

struct Naming {
    record: Vec<u8>,
    file: u64,
}

impl Named {
    /// Takes a leg in, and gives its record.
    fn name(&mut self, key: u64, leg: LegId, since: Timestamp, call_id: &str) -> Vec<u8> {
        let cut = (0..=call_id.len().min(LONGEST_CALL_ID)).rev();
        let cut = cut.into_iter().find(|at| call_id.is_char_boundary(*at)).unwrap_or(0);
        let call_id = call_id.get(..cut).unwrap_or_default();
        let mut record = Vec::new();
        record::write(&mut record, &Record::Leg(OfLeg { leg, since, key, call_id }));
        let naming = Naming { record: record.clone(), file: 0 };
        if self.legs.insert(key, naming).is_none() {
            self.order.push_back(key);
        }
        while self.legs.len() > MOST_LEGS
            && let Some(oldest) = self.order.pop_front()
        {
            self.legs.remove(&oldest);
        }
        record
    }

    /// The record of the leg, when this file does not have it yet; from now on it has.
    fn unsaid(&mut self, key: u64, file: u64) -> Option<Vec<u8>> {
        let naming = self.legs.get_mut(&key).filter(|naming| naming.file != file)?;
        naming.file = file;
        Some(naming.record.clone())
    }
}
