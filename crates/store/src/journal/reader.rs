//! Readers of the log: everything up to the durable mark, in order, without a gap.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::sync::Arc;

use model::{Event, Timestamp};
use tokio::sync::watch;

use super::JournalError;
use super::frame::{HEADER, Header, MAGIC};
use super::segment::{Segment, decode};
use super::shared::{Durable, Shared, lock};
use crate::Position;

/// The most events handed out at once.
const BATCH: usize = 4_096;

/// Reads the log from disk, up to the durable mark of the moment; then returns `None`, and goes on
/// when asked again later. Blocks on the disk.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    position: Option<Position>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    segment: Segment,
    file: BufReader<File>,
    offset: u64,
}

impl Reader {
    pub(super) const fn new(shared: Arc<Shared>, position: Option<Position>) -> Self {
        Self { shared, position, open: None }
    }

    fn read(&mut self) -> Result<Option<Event>, JournalError> {
        while self.position < self.shared.durable.borrow().position {
            let mut open = match self.open.take() {
                Some(open) => open,
                None => self.open_segment()?,
            };
            match open.next_after(self.position)? {
                Step::Read(event) => {
                    self.position = Some(Position::of(&event));
                    self.open = Some(open);
                    return Ok(Some(*event));
                }
                Step::Passed => self.open = Some(open),
                Step::End => self.open = Some(self.segment_after(&open)?),
            }
        }
        Ok(None)
    }

    /// The file in which the event after our position lies, or one before it.
    fn open_segment(&self) -> Result<Open, JournalError> {
        let segments = lock(&self.shared.segments);
        let later = segments.partition_point(|segment| Some(segment.first) <= self.position);
        let segment = segments.get(later.saturating_sub(1)).cloned();
        drop(segments);
        Open::at_beginning(segment.ok_or(JournalError::Closed)?)
    }

    /// The next file. There is one, because the durable mark lies beyond this one's end; if not,
    /// this one has lost its end.
    fn segment_after(&self, open: &Open) -> Result<Open, JournalError> {
        let segments = lock(&self.shared.segments);
        let next = segments.iter().find(|segment| segment.first > open.segment.first).cloned();
        drop(segments);
        Open::at_beginning(next.ok_or_else(|| open.damaged(self.position))?)
    }
}

impl Iterator for Reader {
    type Item = Result<Event, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

enum Step {
    Read(Box<Event>),
    Passed,
    End,
}

impl Open {
    fn at_beginning(segment: Segment) -> Result<Self, JournalError> {
        let path = &segment.path;
        let file = File::open(path).map_err(JournalError::io("open", path))?;
        let mut open = Self { file: BufReader::new(file), segment, offset: 0 };
        let mut magic = [0; MAGIC.len()];
        open.fill(&mut magic)?;
        if &magic != MAGIC {
            return Err(open.damaged(None));
        }
        open.offset = MAGIC.len() as u64;
        Ok(open)
    }

    fn next_after(&mut self, position: Option<Position>) -> Result<Step, JournalError> {
        let mut head = [0; HEADER];
        if self.fill(&mut head)? == 0 {
            return Ok(Step::End);
        }
        let header = Header::read(&head).ok_or_else(|| self.damaged(position))?;
        let mut frame = vec![0; HEADER + header.length];
        let (start, json) = frame.split_at_mut(HEADER);
        start.copy_from_slice(&head);
        self.fill(json)?;
        if !header.fits(&frame) {
            return Err(self.damaged(position));
        }
        let is_passed = Some(header.position) <= position;
        let event = (!is_passed).then(|| decode(frame.get(HEADER..).unwrap_or_default()));
        let event = event.transpose().map_err(|_| self.damaged(position))?;
        self.offset += frame.len() as u64;
        Ok(event.map_or(Step::Passed, |event| Step::Read(Box::new(event))))
    }

    /// Fills `octets`; 0 when the file ends before the first of them.
    fn fill(&mut self, octets: &mut [u8]) -> Result<usize, JournalError> {
        let mut filled = 0;
        while let Some(rest) = octets.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read(rest) {
                Ok(0) if filled == 0 => return Ok(0),
                Ok(0) => return Err(self.damaged(None)),
                Ok(read) => filled += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(JournalError::io("read", &self.segment.path)(error)),
            }
        }
        Ok(filled)
    }

    fn damaged(&self, last: Option<Position>) -> JournalError {
        JournalError::Damaged { path: self.segment.path.clone(), offset: self.offset, last }
    }
}

/// When a file's first event happened; `None` when it has none yet.
pub(super) fn begun(segment: &Segment) -> Result<Option<Timestamp>, JournalError> {
    match Open::at_beginning(segment.clone())?.next_after(None)? {
        Step::Read(event) => Ok(Some(event.at)),
        Step::Passed | Step::End => Ok(None),
    }
}

/// Follows the log as it grows: from memory while it keeps up, from disk when it has fallen behind.
#[derive(Debug)]
pub struct Subscription {
    shared: Arc<Shared>,
    wake: watch::Receiver<Durable>,
    position: Option<Position>,
    reader: Option<Reader>,
}

impl Subscription {
    pub(super) fn new(shared: Arc<Shared>, position: Option<Position>) -> Self {
        let wake = shared.durable.subscribe();
        Self { shared, wake, position, reader: None }
    }

    /// The last event handed out, or where the subscription began.
    #[must_use]
    pub const fn position(&self) -> Option<Position> {
        self.position
    }

    /// How many events are on disk and not handed out yet, at least.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        let durable = self.shared.durable.borrow().position;
        let seq = |position: Option<Position>| position.map_or(0, |it| it.seq);
        let epoch = |position: Option<Position>| position.map(|it| it.epoch);
        let is_one_epoch = epoch(durable) == epoch(self.position);
        let before = if is_one_epoch { seq(self.position) } else { 0 };
        seq(durable).saturating_sub(before)
    }

    /// The next events, at least one and at most 4 096; waits until there are some. Dropping the
    /// future loses nothing.
    ///
    /// # Errors
    /// [`JournalError::Closed`] when the journal is closed and all has been handed out; others when
    /// the disk cannot be read.
    pub async fn next(&mut self) -> Result<Vec<Arc<Event>>, JournalError> {
        loop {
            let durable = *self.wake.borrow_and_update();
            if self.position < durable.position {
                let events = self.read().await?;
                if let Some(last) = events.last() {
                    self.position = Some(Position::of(last));
                    return Ok(events);
                }
            }
            if durable.closed || self.wake.changed().await.is_err() {
                return Err(JournalError::Closed);
            }
        }
    }

    async fn read(&mut self) -> Result<Vec<Arc<Event>>, JournalError> {
        let recent = lock(&self.shared.recent).following(self.position, BATCH);
        if let Some(events) = recent {
            self.reader = None;
            return Ok(events);
        }
        let reader = self.reader.take().filter(|reader| reader.position == self.position);
        let mut reader =
            reader.unwrap_or_else(|| Reader::new(Arc::clone(&self.shared), self.position));
        let read = tokio::task::spawn_blocking(move || {
            let events = reader.by_ref().take(BATCH).map(|event| event.map(Arc::new));
            let events = events.collect::<Result<Vec<_>, _>>();
            (reader, events)
        });
        let (reader, events) = read.await.map_err(|_| JournalError::Closed)?;
        self.reader = Some(reader);
        events
    }
}
