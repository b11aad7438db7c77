//! What waits to be written to a connection: as much as its other side may leave unread, in octets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::mpsc;

/// What a message costs beside its octets.
const EACH: usize = 64;

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// For somebody who has been of no use yet, in octets.
    pub(crate) stranger: usize,
    /// For anybody else.
    pub(crate) friend: usize,
}

/// An empty outbox: where messages are put, and where they are taken out. Everything put by one
/// step of ours finds its place, however long the other side takes to read: a lamp that a hundred
/// phones behind one proxy watch is a hundred messages at once.
#[expect(clippy::disallowed_methods, reason = "the limit is the room, in octets")]
pub(crate) fn outbox(room: Room, of_use: Arc<AtomicBool>) -> (Outbox, Unsent) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let outbox = Outbox { sender, waiting: Arc::clone(&waiting), room, of_use };
    (outbox, Unsent { receiver, waiting, taken: 0 })
}

/// Where messages are put.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    sender: mpsc::UnboundedSender<Arc<[u8]>>,
    waiting: Arc<AtomicUsize>,
    room: Room,
    /// Whether the other side has been of use.
    of_use: Arc<AtomicBool>,
}

impl Outbox {
    /// Puts a message in; false when there is no room for it, or nobody takes it out any more.
    pub(crate) fn put(&self, bytes: Arc<[u8]>) -> bool {
        let friendly = self.of_use.load(Ordering::Relaxed);
        let room = if friendly { self.room.friend } else { self.room.stranger };
        let size = bytes.len() + EACH;
        if self.waiting.fetch_add(size, Ordering::Relaxed) + size > room {
            self.waiting.fetch_sub(size, Ordering::Relaxed);
            return false;
        }
        self.sender.send(bytes).is_ok()
    }
}

/// What is taken out, in order.
#[derive(Debug)]
pub(crate) struct Unsent {
    receiver: mpsc::UnboundedReceiver<Arc<[u8]>>,
    waiting: Arc<AtomicUsize>,
    /// The room that the message taken last takes up, until the next one is asked for.
    taken: usize,
}

impl Unsent {
    /// The next message, now that the last one is written; none when no more will come.
    pub(crate) async fn next(&mut self) -> Option<Arc<[u8]>> {
        self.waiting.fetch_sub(std::mem::take(&mut self.taken), Ordering::Relaxed);
        let bytes = self.receiver.recv().await?;
        self.taken = bytes.len() + EACH;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { stranger: 1_000, friend: 10_000 };

    #[tokio::test]
    async fn there_is_room_in_octets_and_less_for_strangers() {
        let of_use = Arc::new(AtomicBool::new(false));
        let (outbox, mut unsent) = outbox(ROOM, Arc::clone(&of_use));
        let message = || Arc::from([0_u8; 400]);
        assert_eq!(
            [outbox.put(message()), outbox.put(message()), outbox.put(message())],
            [true, true, false]
        );
        of_use.store(true, Ordering::Relaxed);
        let more = (0..30).filter(|_| outbox.put(message())).count();
        assert_eq!(more, 19, "10 000 octets are room for 21 of 464");
        // What is being written has its place until it is written.
        assert!(unsent.next().await.is_some());
        assert!(!outbox.put(message()));
        assert!(unsent.next().await.is_some());
        assert!(outbox.put(message()));
        drop(outbox);
        let mut rest = 0;
        while unsent.next().await.is_some() {
            rest += 1;
        }
        assert_eq!(rest, 20);
        assert_eq!(unsent.waiting.load(Ordering::Relaxed), 0);
    }
}
