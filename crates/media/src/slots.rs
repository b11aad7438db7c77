//! The streams of one thread: by place for packets, by leg for commands.

use std::collections::BTreeMap;

use model::LegId;

use crate::stream::Stream;

/// Streams, each at a place that stays its own while it is open.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    streams: Vec<Option<Box<Stream>>>,
    free: Vec<usize>,
    places: BTreeMap<LegId, usize>,
}

impl Slots {
    /// The place the next stream gets.
    pub(crate) fn next(&self) -> usize {
        self.free.last().copied().unwrap_or(self.streams.len())
    }

    /// Puts a stream at the next place.
    pub(crate) fn insert(&mut self, stream: Box<Stream>) -> usize {
        let leg = stream.leg;
        let slot = self.free.pop().unwrap_or(self.streams.len());
        match self.streams.get_mut(slot) {
            Some(place) => *place = Some(stream),
            None => self.streams.push(Some(stream)),
        }
        self.places.insert(leg, slot);
        slot
    }

    pub(crate) fn remove(&mut self, slot: usize) -> Option<Box<Stream>> {
        let stream = self.streams.get_mut(slot)?.take()?;
        self.places.remove(&stream.leg);
        self.free.push(slot);
        Some(stream)
    }

    pub(crate) fn find(&self, leg: LegId) -> Option<usize> {
        self.places.get(&leg).copied()
    }

    pub(crate) fn get(&mut self, slot: usize) -> Option<&mut Stream> {
        self.streams.get_mut(slot)?.as_deref_mut()
    }

    /// Some place that is taken.
    pub(crate) fn first(&self) -> Option<usize> {
        self.places.values().next().copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }
}
