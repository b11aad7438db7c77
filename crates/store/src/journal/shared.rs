//! What the writer and the readers of a journal share.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use insight::Accounts;
use model::Event;
use tokio::sync::watch;

use super::segment::Segment;
use crate::Position;

/// How many of the last events are kept in memory for readers: twice what the projections let come
/// together, so that they need not read from disk what was just written there.
const RECENT: usize = 16_384;

/// How far the log is on disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Durable {
    pub(super) position: Option<Position>,
    pub(super) closed: bool,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) folder: PathBuf,
    pub(super) durable: watch::Sender<Durable>,
    pub(super) recent: Mutex<Recent>,
    pub(super) segments: Mutex<Vec<Segment>>,
    pub(super) accounts: Mutex<Accounts>,
    pub(super) failing: Mutex<Option<String>>,
    pub(super) stopping: AtomicBool,
    pub(super) counters: Counters,
}

/// What has happened since the journal was opened.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) events: AtomicU64,
    pub(super) octets: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) blocked: AtomicU64,
    pub(super) misnumbered: AtomicU64,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }
}

/// The last events that are on disk.
#[derive(Debug)]
pub(super) struct Recent {
    /// The event before the first of them.
    before: Option<Position>,
    events: VecDeque<Arc<Event>>,
}

impl Recent {
    pub(super) const fn after(before: Option<Position>) -> Self {
        Self { before, events: VecDeque::new() }
    }

    pub(super) fn push(&mut self, event: Arc<Event>) {
        if self.events.len() >= RECENT {
            let oldest = self.events.pop_front();
            self.before = oldest.map(|event| Position::of(&event)).or(self.before);
        }
        self.events.push_back(event);
    }

    /// The events that follow `position`, at most `most`; `None` when some of them are only on
    /// disk.
    pub(super) fn following(
        &self,
        position: Option<Position>,
        most: usize,
    ) -> Option<Vec<Arc<Event>>> {
        if position < self.before {
            return None;
        }
        let seen = self.events.partition_point(|event| Some(Position::of(event)) <= position);
        Some(self.events.iter().skip(seen).take(most).cloned().collect())
    }
}

/// Locks; a holder that panicked has left nothing half done, as all changes are single steps.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
