//! What the threads count. Each thread writes its own; anybody may read.

use std::sync::atomic::{AtomicU64, Ordering};

/// A count with one writer. Readers see it a little late, never torn.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// One more. A plain load and store: the thread that counts is the only writer.
    pub(crate) fn one(&self) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One thread's counts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) received: Count,
    pub(crate) sent: Count,
    pub(crate) unsent: Count,
    pub(crate) strangers: Count,
    pub(crate) excess: Count,
    pub(crate) malformed: Count,
    pub(crate) captured: Count,
    pub(crate) uncaptured: Count,
    pub(crate) late_ticks: Count,
    pub(crate) streams: Count,
}

/// The counts of all threads at one moment. All but `streams` only rise.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CountersSnapshot {
    /// RTP packets accepted from far sides.
    pub received: u64,
    /// RTP packets sent: relayed, played, generated.
    pub sent: u64,
    /// RTP packets that the system would not send.
    pub unsent: u64,
    /// Packets from sources that are not the far side's.
    pub strangers: u64,
    /// Packets dropped because their far side sends many times more than audio needs.
    pub excess: u64,
    /// Datagrams that are neither RTP nor RTCP.
    pub malformed: u64,
    /// Audio frames left for recording.
    pub captured: u64,
    /// Audio frames lost because recording had no room.
    pub uncaptured: u64,
    /// Frames of prompts left out because a thread was held up for longer than 100 ms.
    pub late_ticks: u64,
    /// Streams open now.
    pub streams: u64,
    /// Commands refused because a thread was too far behind.
    pub refused_commands: u64,
}

impl CountersSnapshot {
    pub(crate) fn with(self, counters: &Counters) -> Self {
        Self {
            received: self.received + counters.received.read(),
            sent: self.sent + counters.sent.read(),
            unsent: self.unsent + counters.unsent.read(),
            strangers: self.strangers + counters.strangers.read(),
            excess: self.excess + counters.excess.read(),
            malformed: self.malformed + counters.malformed.read(),
            captured: self.captured + counters.captured.read(),
            uncaptured: self.uncaptured + counters.uncaptured.read(),
            late_ticks: self.late_ticks + counters.late_ticks.read(),
            streams: self.streams + counters.streams.read(),
            refused_commands: self.refused_commands,
        }
    }

    pub(crate) fn refused(count: &Count) -> Self {
        Self { refused_commands: count.read(), ..Self::default() }
    }
}
