//! One media thread: its loop, its packets, its ticks and deadlines.

mod orders;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::RandomState;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use clock::Clock;
use model::{LegId, RecordingId, Timestamp};
use switchboard::ports::{Capture, Inbox, Input, MediaFact};

use crate::counters::Counters;
use crate::directory::Directory;
use crate::identity::Identity;
use crate::order::{Letterbox, Post};
use crate::prompts::PromptLibrary;
use crate::settings::MediaSettings;
use crate::slots::Slots;
use crate::stream::{Taken, Turn};
use crate::sys::{BATCH, Poller, Ready};
use crate::tap::Ring;

/// How long one frame of a prompt lasts.
const TICK: Duration = Duration::from_millis(20);

/// Frames a thread that was held up plays at once to catch up; beyond, it leaves some out.
const CATCH_UP: u32 = 5;

/// The largest datagram read; a longer one is cut and fails its checks or loses its tail.
const DATAGRAM: usize = 2_048;

/// The token of the waker; streams have twice their place, and one more for RTCP.
pub(crate) const WAKE: u64 = u64::MAX;

/// What all threads have in common.
#[derive(Clone)]
pub(crate) struct Common {
    pub(crate) settings: MediaSettings,
    pub(crate) identity: Arc<Identity>,
    pub(crate) prompts: PromptLibrary,
    pub(crate) ringback: Arc<[u8]>,
    pub(crate) inbox: Arc<dyn Inbox>,
    pub(crate) clock: Clock,
    pub(crate) directory: Arc<Directory>,
    pub(crate) posts: Vec<Post>,
}

/// One media thread's own.
pub(crate) struct Worker {
    common: Common,
    poller: Poller,
    letterbox: Letterbox,
    capture: Box<dyn Capture>,
    counters: Arc<Counters>,
    streams: Slots,
    /// Places of the streams that play something.
    playing: Vec<usize>,
    /// When the next 20 ms are due; `None` while nothing plays.
    tick_at: Option<Timestamp>,
    deadlines: BTreeSet<(Timestamp, usize)>,
    /// The streams each part is captured from.
    parts: BTreeMap<RecordingId, Vec<LegId>>,
    /// Streams on their way here; orders wait for them.
    expected: BTreeSet<LegId>,
    /// Streams that came before they were expected.
    early: BTreeSet<LegId>,
    chance: RandomState,
    opened: u64,
    buffer: Box<[u8; DATAGRAM]>,
    serving: bool,
}

impl Worker {
    pub(crate) fn new(
        common: Common,
        poller: Poller,
        letterbox: Letterbox,
        capture: Box<dyn Capture>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            common,
            poller,
            letterbox,
            capture,
            counters,
            streams: Slots::default(),
            playing: Vec::new(),
            tick_at: None,
            deadlines: BTreeSet::new(),
            parts: BTreeMap::new(),
            expected: BTreeSet::new(),
            early: BTreeSet::new(),
            chance: RandomState::new(),
            opened: 0,
            buffer: Box::new([0; DATAGRAM]),
            serving: true,
        }
    }

    /// Serves until it is told to stop.
    pub(crate) fn run(mut self) {
        let mut ready = Ready::new();
        while self.serving {
            let timeout = self.timeout(self.common.clock.now());
            if let Err(error) = self.poller.wait(&mut ready, timeout) {
                tracing::error!(%error, "media thread cannot wait for packets");
                sleep(TICK);
            }
            let now = self.common.clock.now();
            let woken = self.take_packets(&ready, now);
            if woken {
                self.take_orders(now);
            }
            self.tick(now);
            self.meet_deadlines(now);
            if !woken && ready.count() > 0 && ready.count() < BATCH {
                self.collect(now);
            }
        }
    }

    /// How long there is nothing to do; `None` for ever.
    fn timeout(&self, now: Timestamp) -> Option<Duration> {
        let deadline = self.deadlines.first().map(|(due, _)| *due);
        let next = match (self.tick_at, deadline) {
            (Some(tick), Some(deadline)) => tick.min(deadline),
            (Some(at), None) | (None, Some(at)) => at,
            (None, None) => return None,
        };
        Some(next.since(now))
    }

    /// Lets packets gather, so that one wake serves many.
    fn collect(&self, now: Timestamp) {
        let until_tick = self.tick_at.map_or(TICK, |tick| tick.since(now));
        let nap = self.common.settings.wake_every.min(until_tick);
        if !nap.is_zero() {
            sleep(nap);
        }
    }

    /// Takes one packet from every socket that is ready; `true` when there are orders too.
    fn take_packets(&mut self, ready: &Ready, now: Timestamp) -> bool {
        let mut woken = false;
        for token in (0..ready.count()).filter_map(|at| ready.token(at)) {
            match usize::try_from(token >> 1) {
                _ if token == WAKE => woken = true,
                Ok(slot) if token & 1 == 0 => self.take_packet(slot, now),
                Ok(slot) => self.take_report(slot, now),
                Err(_) => {}
            }
        }
        woken
    }

    fn take_packet(&mut self, slot: usize, now: Timestamp) {
        let turn = Turn { now, counters: &self.counters };
        let Some(stream) = self.streams.get(slot) else { return };
        let taken = stream.receive(&mut *self.buffer, turn);
        let (leg, peer) = (stream.leg, stream.peer);
        // The first packet ever starts the watch for silence.
        let sooner = stream.next_deadline(self.common.settings.lost_after) < stream.due;
        if !stream.taps.is_empty() {
            let mut ring = Ring { capture: &mut *self.capture, counters: &self.counters };
            stream.capture(&taken, &*self.buffer, now, &mut ring);
        }
        if let Some(peer) = peer.and_then(|peer| self.streams.get(peer)) {
            peer.relay(&taken, &mut *self.buffer, turn);
        }
        if sooner {
            self.set_deadline(slot);
        }
        if let Taken::Key { digit: Some(digit), .. } = taken {
            self.report(leg, MediaFact::Digit(digit));
        }
    }

    fn take_report(&mut self, slot: usize, now: Timestamp) {
        let turn = Turn { now, counters: &self.counters };
        if let Some(stream) = self.streams.get(slot) {
            stream.receive_report(&mut *self.buffer, turn);
        }
    }

    /// Plays the 20 ms that are due on all streams that play.
    fn tick(&mut self, now: Timestamp) {
        let Some(due) = self.tick_at.filter(|due| now >= *due) else { return };
        let behind = u32::try_from(now.since(due).as_micros() / TICK.as_micros());
        let frames = behind.unwrap_or(u32::MAX).saturating_add(1);
        let (frames, due) = if frames > CATCH_UP {
            self.counters.late_ticks.add(u64::from(frames - 1));
            (1, now)
        } else {
            (frames, due)
        };
        for _ in 0..frames {
            self.play_frames(now);
        }
        self.tick_at = (!self.playing.is_empty()).then(|| due + TICK * frames);
    }

    fn play_frames(&mut self, now: Timestamp) {
        let mut at = 0;
        while let Some(slot) = self.playing.get(at).copied() {
            let turn = Turn { now, counters: &self.counters };
            let Some(stream) = self.streams.get(slot) else {
                self.playing.swap_remove(at);
                continue;
            };
            let leg = stream.leg;
            match stream.play(turn) {
                Ok(()) => at += 1,
                Err(ended) => {
                    self.playing.swap_remove(at);
                    if let Some(play) = ended.0 {
                        self.report(leg, MediaFact::PlayEnded { play });
                    }
                }
            }
        }
    }

    fn meet_deadlines(&mut self, now: Timestamp) {
        while let Some((due, slot)) = self.deadlines.first().copied().filter(|(due, _)| now >= *due)
        {
            self.deadlines.remove(&(due, slot));
            let lost_after = self.common.settings.lost_after;
            let Some(stream) = self.streams.get(slot) else { continue };
            let (leg, lost) = (stream.leg, stream.deadline(now, lost_after));
            // A deadline that is met again and again in one turn would never let go of the thread.
            stream.due = stream.next_deadline(lost_after).max(now + Duration::from_millis(1));
            self.deadlines.insert((stream.due, slot));
            if lost {
                tracing::info!(%leg, "nothing is heard from the far side any more");
                self.report(leg, MediaFact::Lost);
            }
        }
    }

    /// Sets the deadline of a stream anew, after a change to what is expected of it.
    fn set_deadline(&mut self, slot: usize) {
        let Some(stream) = self.streams.get(slot) else { return };
        self.deadlines.remove(&(stream.due, slot));
        stream.due = stream.next_deadline(self.common.settings.lost_after);
        self.deadlines.insert((stream.due, slot));
    }

    fn count_streams(&self) {
        self.counters.streams.set(u64::try_from(self.streams.len()).unwrap_or(u64::MAX));
    }

    /// Tells the floor. The inbox takes every fact.
    fn report(&self, leg: LegId, fact: MediaFact) {
        if self.common.inbox.put(Input::Media { leg, fact }).is_err() {
            tracing::error!(%leg, "the floor did not take a fact of media");
        }
    }
}
