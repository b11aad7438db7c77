//! One media thread.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use clock::Clock;
use model::{Channel, LegId, MediaDescription, PromptId, RecordingId, Timestamp};
use switchboard::ports::{Capture, Inbox, Input, MediaCommand, MediaFact};

use crate::counters::Counters;
use crate::directory::Directory;
use crate::order::{Arrival, Letterbox, Order, Post};
use crate::player::Player;
use crate::prompts::PromptLibrary;
use crate::settings::MediaSettings;
use crate::slots::Slots;
use crate::sockets::Sockets;
use crate::stream::{Heard, Stream, Taken, Turn};
use crate::sys::{BATCH, Poller, Ready};
use crate::tap::{Ring, Tap};

/// How long one frame of a prompt lasts.
const TICK: Duration = Duration::from_millis(20);

/// Frames a thread that was held up plays at once to catch up; beyond, it leaves some out.
const CATCH_UP: u32 = 5;

/// Orders carried out between two looks at the sockets.
const ORDERS_A_TURN: usize = 256;

/// The largest datagram read; a longer one is cut and fails its checks or loses its tail.
const DATAGRAM: usize = 2_048;

/// The token of the waker; streams have twice their place, and one more for RTCP.
pub(crate) const WAKE: u64 = u64::MAX;

/// What all threads have in common.
#[derive(Clone)]
pub(crate) struct Common {
    pub(crate) settings: MediaSettings,
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
        if !stream.taps.is_empty() {
            let mut ring = Ring { capture: &mut *self.capture, counters: &self.counters };
            stream.capture(&taken, &*self.buffer, now, &mut ring);
        }
        if let Some(peer) = peer.and_then(|peer| self.streams.get(peer)) {
            peer.relay(&taken, &mut *self.buffer, turn);
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

    fn take_orders(&mut self, now: Timestamp) {
        self.letterbox.waker.clear();
        while let Ok(arrival) = self.letterbox.arrivals.try_recv() {
            self.arrive(arrival);
        }
        for _ in 0..ORDERS_A_TURN {
            if !self.expected.is_empty() {
                return;
            }
            let Ok(order) = self.letterbox.orders.try_recv() else { return };
            self.carry_out(order, now);
        }
        self.letterbox.waker.wake();
    }

    fn carry_out(&mut self, order: Order, now: Timestamp) {
        match order {
            Order::Command { leg, command } => self.command(leg, *command, now),
            Order::Leave { leg, to } => self.leave(leg, to),
            Order::Expect { leg } => {
                if !self.early.remove(&leg) {
                    self.expected.insert(leg);
                }
            }
            Order::StopRecord { recording } => self.stop_record(recording),
            Order::Stop => {
                while let Some(slot) = self.streams.first() {
                    self.close(slot, now);
                }
                self.serving = false;
            }
        }
    }

    fn command(&mut self, leg: LegId, command: MediaCommand, now: Timestamp) {
        if let MediaCommand::Open { local, remote } = command {
            return self.open(leg, local, remote.as_ref(), now);
        }
        // A stream that could not be opened has been reported; what follows is for nobody.
        let Some(slot) = self.streams.find(leg) else { return };
        match command {
            MediaCommand::Open { .. } => {}
            MediaCommand::Remote(description) => {
                if let Some(stream) = self.streams.get(slot) {
                    stream.signal(&description, now);
                }
                self.set_deadline(slot);
            }
            MediaCommand::Play { play, prompts, repeat } => {
                let clips = self.clips(leg, &prompts);
                let player = if repeat { Player::repeat(clips) } else { Player::once(play, clips) };
                self.play(slot, player, now);
            }
            MediaCommand::Ringback => {
                let player = Player::repeat(vec![Arc::clone(&self.common.ringback)]);
                self.play(slot, player, now);
            }
            MediaCommand::Silence => {
                if let Some(stream) = self.streams.get(slot) {
                    stream.hear(Heard::Nothing);
                }
            }
            MediaCommand::Join(other) => self.join(slot, other),
            MediaCommand::Record { recording, right } => self.record(leg, right, recording, now),
            MediaCommand::StopRecord { recording } => self.stop_record(recording),
            MediaCommand::Close => self.close(slot, now),
        }
    }

    fn open(
        &mut self,
        leg: LegId,
        local: SocketAddr,
        remote: Option<&MediaDescription>,
        now: Timestamp,
    ) {
        self.opened += 1;
        let chance = self.chance.hash_one(self.opened);
        let opened = Sockets::open(local).and_then(|sockets| {
            let mut stream = Box::new(Stream::new(leg, sockets, chance, now));
            if let Some(remote) = remote {
                stream.signal(remote, now);
            }
            self.adopt(stream)
        });
        if let Err(error) = opened {
            tracing::warn!(%leg, error, "stream cannot be opened");
            self.common.directory.lock().remove(leg);
            self.report(leg, MediaFact::OpenFailed { error });
        }
    }

    /// Takes a stream in: its packets, its deadline, what it plays.
    fn adopt(&mut self, stream: Box<Stream>) -> Result<(), String> {
        let slot = self.streams.next();
        let token = u64::try_from(slot).unwrap_or(u64::MAX >> 1) << 1;
        let watched = self
            .poller
            .watch(&stream.sockets.rtp, token)
            .and_then(|()| self.poller.watch(&stream.sockets.rtcp, token | 1));
        watched.map_err(|error| format!("stream cannot be watched: {error}"))?;
        for tap in &stream.taps {
            self.parts.entry(tap.recording).or_default().push(stream.leg);
        }
        if matches!(stream.heard, Heard::Play(_)) {
            self.playing.push(slot);
            self.tick_at = self.tick_at.or_else(|| Some(self.common.clock.now()));
        }
        let slot = self.streams.insert(stream);
        self.count_streams();
        if let Some(stream) = self.streams.get(slot) {
            stream.due = stream.next_deadline(self.common.settings.lost_after);
            self.deadlines.insert((stream.due, slot));
        }
        Ok(())
    }

    /// Takes a stream out, and whatever of this thread is about it.
    fn release(&mut self, slot: usize) -> Option<Box<Stream>> {
        self.part_from_peer(slot);
        let stream = self.streams.remove(slot)?;
        self.deadlines.remove(&(stream.due, slot));
        self.playing.retain(|playing| *playing != slot);
        for tap in &stream.taps {
            if let Some(legs) = self.parts.get_mut(&tap.recording) {
                legs.retain(|leg| *leg != stream.leg);
                if legs.is_empty() {
                    self.parts.remove(&tap.recording);
                }
            }
        }
        self.count_streams();
        Some(stream)
    }

    fn close(&mut self, slot: usize, now: Timestamp) {
        if let Some(stream) = self.release(slot) {
            stream.close(now);
        }
    }

    /// Gives a stream to another thread. What it hears and the parts it goes into go along; a join
    /// ends.
    fn leave(&mut self, leg: LegId, to: usize) {
        let stream = self.streams.find(leg).and_then(|slot| self.release(slot));
        if let Some(stream) = &stream {
            self.poller.forget(&stream.sockets.rtp);
            self.poller.forget(&stream.sockets.rtcp);
        }
        if let Some(post) = self.common.posts.get(to) {
            post.hand_over(Arrival { leg, stream });
        }
    }

    fn arrive(&mut self, arrival: Arrival) {
        if !self.expected.remove(&arrival.leg) {
            self.early.insert(arrival.leg);
        }
        let Some(stream) = arrival.stream else { return };
        if let Err(error) = self.adopt(stream) {
            tracing::error!(leg = %arrival.leg, error, "stream lost between media threads");
            self.report(arrival.leg, MediaFact::Lost);
        }
    }

    fn join(&mut self, slot: usize, other: LegId) {
        let Some(peer) = self.streams.find(other).filter(|peer| *peer != slot) else {
            tracing::warn!(peer = %other, "stream is to be joined to one that is not open");
            return;
        };
        for (from, to) in [(slot, peer), (peer, slot)] {
            if self.streams.get(from).is_some_and(|stream| stream.peer != Some(to)) {
                self.part_from_peer(from);
            }
        }
        for (from, to) in [(slot, peer), (peer, slot)] {
            if let Some(stream) = self.streams.get(from) {
                stream.peer = Some(to);
                if !matches!(stream.heard, Heard::Peer) {
                    stream.hear(Heard::Peer);
                }
            }
        }
    }

    /// Ends the join of a stream: neither hears the other any more.
    fn part_from_peer(&mut self, slot: usize) {
        let peer = self.streams.get(slot).and_then(|stream| stream.peer);
        for slot in [Some(slot), peer].into_iter().flatten() {
            if let Some(stream) = self.streams.get(slot) {
                stream.peer = None;
                if matches!(stream.heard, Heard::Peer) {
                    stream.hear(Heard::Nothing);
                }
            }
        }
    }

    fn clips(&self, leg: LegId, prompts: &[PromptId]) -> Vec<Arc<[u8]>> {
        let clip = |prompt| {
            let audio = self.common.prompts.audio(prompt);
            if audio.is_none() {
                tracing::warn!(%leg, %prompt, "prompt is missing from the folder and left out");
            }
            audio
        };
        prompts.iter().filter_map(clip).collect()
    }

    fn play(&mut self, slot: usize, player: Player, now: Timestamp) {
        let Some(stream) = self.streams.get(slot) else { return };
        stream.hear(Heard::Play(player));
        if !self.playing.contains(&slot) {
            self.playing.push(slot);
        }
        self.tick_at = self.tick_at.or(Some(now));
    }

    fn record(&mut self, left: LegId, right: LegId, recording: RecordingId, now: Timestamp) {
        for (leg, channel) in [(left, Channel::Left), (right, Channel::Right)] {
            let Some(slot) = self.streams.find(leg) else { continue };
            let Some(stream) = self.streams.get(slot) else { continue };
            if stream.tap(Tap::new(recording, channel, now)) {
                self.parts.entry(recording).or_default().push(leg);
            } else {
                tracing::error!(%leg, %recording, "stream is in too many parts to be captured");
            }
        }
    }

    fn stop_record(&mut self, recording: RecordingId) {
        for leg in self.parts.remove(&recording).unwrap_or_default() {
            if let Some(stream) = self.streams.find(leg).and_then(|slot| self.streams.get(slot)) {
                stream.taps.retain(|tap| tap.recording != recording);
            }
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
