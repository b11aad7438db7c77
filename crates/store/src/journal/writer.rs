//! The one thread that writes: gathers what has come, writes it as one batch, waits for the disk,
//! and only then moves the durable mark.
//!
//! A batch the disk refuses is kept and tried again at the same place until it is on disk; nothing
//! is dropped and nothing overtakes.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use model::Event;

use super::checkpoint::Checkpoint;
use super::frame::{self, MAGIC};
use super::segment::{Segment, sync_folder};
use super::shared::{Counters, Shared, lock};
use super::{JournalError, Limits};
use crate::Position;

/// How long the first event of a batch waits for company. With the disk's own time this stays
/// within the 20 ms a crash may cost.
const GATHER: Duration = Duration::from_millis(4);

/// How long a refused batch waits before it is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// How often a refused batch is tried again once the service stops: for ten seconds.
const LAST_TRIES: u32 = 50;

/// The most events in a batch.
const BATCH: usize = 4_096;

/// How much memory is kept from one batch to the next, in octets.
const KEPT: usize = 1 << 20;

/// What the writer is told.
#[derive(Debug)]
pub(super) enum Message {
    /// Write this.
    Append(Box<Event>),
    /// Answer when all that came before is on disk.
    Flush(Sender<()>),
    /// Write what has come, and end.
    Stop,
}

#[derive(Debug)]
pub(super) struct Writer {
    pub(super) queue: Receiver<Message>,
    pub(super) shared: Arc<Shared>,
    pub(super) folds: Checkpoint,
    pub(super) limits: Limits,
    pub(super) file: Option<OpenFile>,
    /// What is written next: one place for all batches, as fresh memory costs more than the writing.
    pub(super) octets: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct OpenFile {
    file: File,
    segment: Segment,
    length: u64,
    day: String,
}

/// What was gathered.
#[derive(Debug, Default)]
struct Batch {
    events: Vec<Arc<Event>>,
    flushes: Vec<Sender<()>>,
    stop: bool,
}

impl Batch {
    fn add(&mut self, message: Message) {
        match message {
            Message::Append(event) => self.events.push(Arc::from(event)),
            Message::Flush(done) => self.flushes.push(done),
            Message::Stop => self.stop = true,
        }
    }
}

/// Says that no more will come, however the writer ends.
struct Closing(Arc<Shared>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.durable.send_modify(|durable| durable.closed = true);
    }
}

impl Writer {
    /// Writes until told to stop, or until nobody is left who could append.
    pub(super) fn run(mut self) {
        let _closing = Closing(Arc::clone(&self.shared));
        while let Some(batch) = self.gather() {
            let written = self.commit(&batch.events);
            for done in batch.flushes.iter().filter(|_| written) {
                // Whoever asked may have gone.
                let _ = done.send(());
            }
            if batch.stop || !written {
                break;
            }
        }
        self.put_checkpoint();
    }

    fn gather(&self) -> Option<Batch> {
        let mut batch = Batch::default();
        batch.add(self.queue.recv().ok()?);
        if !batch.events.is_empty() {
            sleep(GATHER);
        }
        while batch.events.len() < BATCH && !batch.stop {
            let Ok(message) = self.queue.try_recv() else { break };
            batch.add(message);
        }
        Some(batch)
    }

    /// Brings a batch to disk, however long it takes; `false` when the service stops and the disk
    /// still refuses.
    fn commit(&mut self, events: &[Arc<Event>]) -> bool {
        let events = self.in_order(events);
        let mut tries = 0;
        while let Err(error) = self.try_commit(&events) {
            Counters::add(&self.shared.counters.failures, 1);
            self.report(&error);
            tries = if self.shared.stopping.load(Ordering::Relaxed) { tries + 1 } else { 0 };
            if tries > LAST_TRIES {
                let lost = events.len() + self.queue.len();
                tracing::error!(lost, "the disk refuses the journal: events lost");
                return false;
            }
            sleep(RETRY);
        }
        if lock(&self.shared.failing).take().is_some() {
            tracing::info!(waiting = self.queue.len(), "the journal can be written again");
        }
        true
    }

    /// Leaves out what does not come after what is there: readers could never be told of it.
    fn in_order(&self, events: &[Arc<Event>]) -> Vec<Arc<Event>> {
        let mut last = self.folds.at;
        let mut kept = Vec::with_capacity(events.len());
        for event in events {
            let position = Position::of(event);
            if !position.follows(last) {
                Counters::add(&self.shared.counters.misnumbered, 1);
                tracing::error!(%position, ?last, "event is not numbered after the last one");
            }
            if Some(position) > last {
                last = Some(position);
                kept.push(Arc::clone(event));
            }
        }
        kept
    }

    fn try_commit(&mut self, events: &[Arc<Event>]) -> Result<(), JournalError> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
        let is_new = self.open_for(first)?;
        let Some(open) = &mut self.file else { return Ok(()) };
        let octets = &mut self.octets;
        octets.clear();
        octets.shrink_to(KEPT);
        for event in events {
            if let Err(error) = frame::write(octets, event, open.length) {
                tracing::error!(position = %Position::of(event), %error, "event cannot be written");
            }
        }
        let path = &open.segment.path;
        let written = open.file.write_all_at(octets, open.length);
        written.map_err(JournalError::io("write", path))?;
        open.file.sync_data().map_err(JournalError::io("write", path))?;
        let written = octets.len();
        open.length += written as u64;
        self.count(events.len(), written);
        self.publish(events, Position::of(last));
        if is_new {
            self.put_checkpoint();
        }
        Ok(())
    }

    /// Sees to it that a file is open for `first` and those after it; whether it is a new one.
    fn open_for(&mut self, first: &Event) -> Result<bool, JournalError> {
        let (day, longest) = (first.at.day(), self.limits.segment);
        if self.file.as_ref().is_some_and(|open| open.day == day && open.length < longest) {
            return Ok(false);
        }
        let segment = Segment::new(&self.shared.folder, Position::of(first));
        let path = &segment.path;
        // A file of this name can only be left from an attempt that failed: `first` is new.
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
        let file = file.map_err(JournalError::io("create", path))?;
        file.write_all_at(MAGIC, 0).map_err(JournalError::io("write", path))?;
        sync_folder(&self.shared.folder).map_err(JournalError::io("write", &self.shared.folder))?;
        self.file = Some(OpenFile { file, segment, length: MAGIC.len() as u64, day });
        Ok(true)
    }

    fn publish(&mut self, events: &[Arc<Event>], last: Position) {
        if let Some(open) = &self.file {
            let mut segments = lock(&self.shared.segments);
            if segments.last() != Some(&open.segment) {
                segments.push(open.segment.clone());
            }
        }
        let mut recent = lock(&self.shared.recent);
        for event in events {
            self.folds.floor.apply(event);
            self.folds.accounts.apply(event);
            recent.push(Arc::clone(event));
        }
        drop(recent);
        self.folds.at = Some(last);
        lock(&self.shared.accounts).clone_from(&self.folds.accounts);
        self.shared.durable.send_modify(|durable| durable.position = Some(last));
    }

    fn count(&self, events: usize, octets: usize) {
        let counters = &self.shared.counters;
        Counters::add(&counters.events, events as u64);
        Counters::add(&counters.octets, octets as u64);
        Counters::add(&counters.commits, 1);
    }

    fn report(&self, error: &JournalError) {
        let text = error.to_string();
        let mut failing = lock(&self.shared.failing);
        if failing.as_ref() != Some(&text) {
            tracing::error!(waiting = self.queue.len(), "the journal cannot be written: {text}");
            *failing = Some(text);
        }
    }

    fn put_checkpoint(&self) {
        if let Err(error) = self.folds.store(&self.shared.folder) {
            tracing::warn!(%error, "no checkpoint: the next start reads more of the log");
        }
    }
}
