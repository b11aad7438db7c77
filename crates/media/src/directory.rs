//! Which thread each stream lives on. Asked for commands only, never for packets.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::LegId;

/// Closed streams remembered: far more than a thread can have before it.
const CLOSED: usize = 1_024;

/// The directory, shared by the handle and the threads.
#[derive(Debug)]
pub(crate) struct Directory(Mutex<Entries>);

#[derive(Debug)]
pub(crate) struct Entries {
    places: BTreeMap<LegId, Place>,
    streams: Vec<usize>,
    /// Where the streams closed last were.
    closed: VecDeque<Place>,
}

/// Where a stream lives, and its own address.
#[derive(Clone, Copy, Debug)]
struct Place {
    thread: usize,
    local: SocketAddr,
}

impl Directory {
    pub(crate) fn new(threads: usize) -> Self {
        let (places, closed) = (BTreeMap::new(), VecDeque::new());
        Self(Mutex::new(Entries { places, streams: vec![0; threads], closed }))
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
        self.places.get(&leg).map(|place| place.thread)
    }

    /// Streams open on all threads.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Gives a new stream to the thread that has the fewest. An address that was in use just now
    /// stays with its thread, which closes the old stream before it opens the new one.
    pub(crate) fn assign(&mut self, leg: LegId, local: SocketAddr) -> usize {
        let before = self.closed.iter().rposition(|place| place.local == local);
        let before = before.and_then(|at| self.closed.remove(at));
        let fewest = self.streams.iter().enumerate().min_by_key(|(_, streams)| **streams);
        let thread = before.map(|place| place.thread).or(fewest.map(|(thread, _)| thread));
        let thread = thread.unwrap_or(0);
        self.places.insert(leg, Place { thread, local });
        self.count(thread, 1);
        thread
    }

    /// The stream lives on `thread` from now on.
    pub(crate) fn relocate(&mut self, leg: LegId, thread: usize) {
        let Some(place) = self.places.get_mut(&leg) else { return };
        let from = std::mem::replace(&mut place.thread, thread);
        self.count(from, -1);
        self.count(thread, 1);
    }

    /// The stream is closed; where it lived.
    pub(crate) fn remove(&mut self, leg: LegId) -> Option<usize> {
        let place = self.places.remove(&leg)?;
        self.count(place.thread, -1);
        self.closed.push_back(place);
        if self.closed.len() > CLOSED {
            self.closed.pop_front();
        }
        Some(place.thread)
    }

    fn count(&mut self, thread: usize, change: isize) {
        if let Some(streams) = self.streams.get_mut(thread) {
            *streams = streams.saturating_add_signed(change);
        }
    }
}

#[cfg(test)]
mod tests {
    use model::Epoch;

    use super::*;

    fn leg(number: u32) -> LegId {
        LegId::new(Epoch::new(1), number)
    }

    fn local(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn new_streams_go_where_the_fewest_are() {
        let directory = Directory::new(2);
        let mut entries = directory.lock();
        assert_eq!((entries.assign(leg(1), local(2)), entries.assign(leg(2), local(4))), (0, 1));
        entries.relocate(leg(2), 0);
        assert_eq!(entries.assign(leg(3), local(6)), 1);
        assert_eq!((entries.remove(leg(1)), entries.remove(leg(1))), (Some(0), None));
        assert_eq!(entries.len(), 2);
    }

    #[test]
    fn an_address_just_closed_is_opened_again_by_the_same_thread() {
        let directory = Directory::new(2);
        let mut entries = directory.lock();
        assert_eq!(entries.assign(leg(1), local(2)), 0);
        entries.relocate(leg(1), 1);
        assert_eq!(entries.assign(leg(2), local(4)), 0);
        assert_eq!(entries.assign(leg(3), local(6)), 0);
        entries.remove(leg(1));
        entries.assign(leg(4), local(8));
        assert_eq!(entries.assign(leg(5), local(2)), 1);
    }
}
