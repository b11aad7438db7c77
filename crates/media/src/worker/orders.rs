//! What a media thread does when it is told.

use std::hash::BuildHasher;
use std::net::SocketAddr;
use std::sync::Arc;

use model::{Channel, LegId, MediaDescription, PromptId, RecordingId, Timestamp};
use switchboard::ports::{MediaCommand, MediaFact};

use super::Worker;
use crate::order::{Arrival, Order};
use crate::player::Player;
use crate::sockets::Sockets;
use crate::stream::{Heard, Stream};
use crate::tap::Tap;

/// Orders carried out between two looks at the sockets.
const ORDERS_A_TURN: usize = 256;

impl Worker {
    /// Takes in the streams that arrive, then carries out orders; those wait while a stream is
    /// still on its way.
    pub(super) fn take_orders(&mut self, now: Timestamp) {
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
            MediaCommand::Protect(security) => {
                if let Some(stream) = self.streams.get(slot) {
                    stream.protect(&security, now);
                }
                self.set_deadline(slot);
            }
            MediaCommand::Play { play, prompts, repeat } => {
                let clips = self.clips(leg, &prompts);
                let player = if repeat { Player::repeat(clips) } else { Player::once(play, clips) };
                self.play(slot, player, now);
                self.engage(slot, now);
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
            MediaCommand::Join(other) => self.join(slot, other, now),
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
            let identity = Arc::clone(&self.common.identity);
            let mut stream = Box::new(Stream::new((leg, sockets), identity, chance, now));
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

    fn join(&mut self, slot: usize, other: LegId, now: Timestamp) {
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
            self.engage(from, now);
        }
    }

    /// The far side is expected to speak from now on. Ringback alone expects nothing: the call may
    /// not be answered yet.
    fn engage(&mut self, slot: usize, now: Timestamp) {
        if let Some(stream) = self.streams.get(slot) {
            stream.engage(now);
        }
        self.set_deadline(slot);
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
}
