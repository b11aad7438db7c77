//! Which thread each stream lives on. Asked for commands only, never for packets.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::LegId;

/// The directory, shared by the handle and the threads.
#[derive(Debug)]
pub(crate) struct Directory(Mutex<Entries>);

#[derive(Debug)]
pub(crate) struct Entries {
    threads: BTreeMap<LegId, usize>,
    streams: Vec<usize>,
}

impl Directory {
    pub(crate) fn new(threads: usize) -> Self {
        Self(Mutex::new(Entries { threads: BTreeMap::new(), streams: vec![0; threads] }))
    }

    /// The entries, for as long as it takes to leave an order: so orders about a stream that moves
    /// arrive in the order they were given.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Entries> {
        // The entries are whole after every statement, so a panic elsewhere does them no harm.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    /// Where the stream lives.
    pub(crate) fn thread(&self, leg: LegId) -> Option<usize> {
        self.threads.get(&leg).copied()
    }

    /// Streams open on all threads.
    pub(crate) fn len(&self) -> usize {
        self.threads.len()
    }

    /// Gives a new stream to the thread that has the fewest.
    pub(crate) fn assign(&mut self, leg: LegId) -> usize {
        let fewest = self.streams.iter().enumerate().min_by_key(|(_, streams)| **streams);
        let thread = fewest.map_or(0, |(thread, _)| thread);
        self.place(leg, thread);
        thread
    }

    /// The stream lives on `thread` from now on.
    pub(crate) fn place(&mut self, leg: LegId, thread: usize) {
        self.remove(leg);
        self.threads.insert(leg, thread);
        if let Some(streams) = self.streams.get_mut(thread) {
            *streams += 1;
        }
    }

    /// The stream is closed; where it lived.
    pub(crate) fn remove(&mut self, leg: LegId) -> Option<usize> {
        let thread = self.threads.remove(&leg)?;
        if let Some(streams) = self.streams.get_mut(thread) {
            *streams = streams.saturating_sub(1);
        }
        Some(thread)
    }
}

#[cfg(test)]
mod tests {
    use model::Epoch;

    use super::*;

    #[test]
    fn new_streams_go_where_the_fewest_are() {
        let leg = |number| LegId::new(Epoch::new(1), number);
        let directory = Directory::new(2);
        let mut entries = directory.lock();
        assert_eq!((entries.assign(leg(1)), entries.assign(leg(2))), (0, 1));
        entries.place(leg(2), 0);
        assert_eq!(entries.assign(leg(3)), 1);
        assert_eq!((entries.remove(leg(1)), entries.remove(leg(1))), (Some(0), None));
        assert_eq!(entries.len(), 2);
    }
}
