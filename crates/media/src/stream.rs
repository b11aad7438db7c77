//! One stream: the far side of one leg, what comes from it and what it hears.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use model::{Codec, LegId, MediaDescription, Rtcp, Security, Timestamp};
use rtp::{
    DigitReceiver, FRAME, HEADER, Header, Latch, Outgoing, Packet, Reception, Verdict,
    alaw_to_ulaw, is_rtcp, ulaw_to_alaw,
};

use crate::allowance::Allowance;
use crate::counters::Counters;
use crate::far_side::{FarSide, Payload};
use crate::identity::Identity;
use crate::player::Player;
use crate::reporting::{Reporting, report};
use crate::shield::{Host, Shield, Takes};
use crate::sockets::Sockets;
use crate::srtp::{Fault, MOST_ADDED};
use crate::tap::{MAX_TAPS, Ring, Tap};

/// The most octets of a report of ours.
const REPORT: usize = 256;

/// What a far side hears.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Nothing is sent.
    Nothing,
    /// The stream it is joined to.
    Peer,
    /// A prompt or tone.
    Play(Player),
}

/// A packet that was let in; the ranges lie in the buffer it was read into.
#[derive(Debug)]
pub(crate) enum Taken {
    /// Nobody's business.
    Nothing,
    /// Audio.
    Speech { codec: Codec, header: Header, range: Range<usize> },
    /// Part of a key press, and the digit where one begins.
    Key { digit: Option<char>, header: Header, range: Range<usize> },
    /// Valid, and not to be heard.
    Withheld(Header),
}

/// What every packet is handled with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn<'a> {
    pub(crate) now: Timestamp,
    pub(crate) counters: &'a Counters,
}

/// One stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) leg: LegId,
    pub(crate) sockets: Sockets,
    far: Option<FarSide>,
    shield: Shield,
    latch: Latch,
    allowance: Allowance,
    reception: Reception,
    digits: DigitReceiver,
    outgoing: Outgoing,
    reporting: Reporting,
    /// What the far side hears.
    pub(crate) heard: Heard,
    /// The place of the stream it is joined to, on the same thread.
    pub(crate) peer: Option<usize>,
    pub(crate) taps: Vec<Tap>,
    /// When it last gave a sign of life, was last found lost, or was first expected to speak;
    /// `None` before that: a caller whose call is still ringing need not send yet.
    alive_at: Option<Timestamp>,
    strangers: u32,
    /// The deadline that is set for it.
    pub(crate) due: Timestamp,
}

impl Stream {
    /// A stream over open sockets; `chance` picks its SSRC and where its numbers begin.
    pub(crate) fn new(
        (leg, sockets): (LegId, Sockets),
        identity: Arc<Identity>,
        chance: u64,
        now: Timestamp,
    ) -> Self {
        let [s0, s1, s2, s3, n0, n1, n2, n3] = chance.to_be_bytes();
        let ssrc = u32::from_be_bytes([s0, s1, s2, s3]);
        // In the lower half, lest a loss of the first packets hides that the number has wrapped
        // (RFC 3711 §3.3.1).
        let start = u32::from_be_bytes([n0 & 0x7f, n1, n2, n3]);
        Self {
            leg,
            sockets,
            far: None,
            shield: Shield::new(identity),
            latch: Latch::default(),
            allowance: Allowance::default(),
            reception: Reception::default(),
            digits: DigitReceiver::default(),
            outgoing: Outgoing::new(ssrc, start),
            reporting: Reporting::new(now, ssrc | 1),
            heard: Heard::Nothing,
            peer: None,
            taps: Vec::new(),
            alive_at: None,
            strangers: 0,
            due: now,
        }
    }

    /// The far side's description is known or has changed. Its silence counts from now.
    pub(crate) fn signal(&mut self, description: &MediaDescription, now: Timestamp) {
        let far = FarSide::new(description);
        if !far.receives() {
            self.outgoing.switch();
        }
        self.far = Some(far);
        self.shield.theirs(&description.security, now);
        self.latch.signal(description.address);
        // A path that was checked is better known than any address in a description.
        if let Some(path) = self.shield.path() {
            self.latch.prove(path, now);
        }
        self.alive_at = self.alive_at.map(|_| now);
    }

    /// What we have said about protecting what we send.
    pub(crate) fn protect(&mut self, security: &Security, now: Timestamp) {
        self.shield.own(security, now);
    }

    /// From now on the far side is in a conversation and expected to speak.
    pub(crate) fn engage(&mut self, now: Timestamp) {
        self.alive_at = self.alive_at.or(Some(now));
    }

    /// From now on something else is heard.
    pub(crate) fn hear(&mut self, heard: Heard) {
        self.outgoing.switch();
        self.heard = heard;
    }

    /// Adds a channel of a part, in place of an earlier one of the same part; `false` when the stream already goes into as many as it can.
    pub(crate) fn tap(&mut self, tap: Tap) -> bool {
        self.taps.retain(|other| other.recording != tap.recording);
        let room = self.taps.len() < MAX_TAPS;
        if room {
            self.taps.push(tap);
        }
        room
    }

    /// Reads one packet from the far side into `buffer`.
    pub(crate) fn receive(&mut self, buffer: &mut [u8], turn: Turn<'_>) -> Taken {
        let Some((length, from)) = self.sockets.rtp.receive(buffer) else { return Taken::Nothing };
        let datagram = buffer.get_mut(..length).unwrap_or(&mut []);
        // What comes to one port is told apart by its first octets (RFC 7983 §7).
        match datagram.first() {
            Some(0..=3) => return self.take_check(&*datagram, from, turn),
            Some(20..=63) => return self.take_handshake(&*datagram, from, turn),
            Some(_) if is_rtcp(datagram) => {
                self.take_report(datagram, from, turn);
                return Taken::Nothing;
            }
            Some(_) | None => {}
        }
        let Some(datagram) = self.opened(datagram, from, turn) else { return Taken::Nothing };
        let Ok(packet) = Packet::read(datagram) else {
            turn.counters.malformed.one();
            return Taken::Nothing;
        };
        let payload = self.payload(&packet);
        if self.judge(from, &packet, payload, turn.now) == Verdict::Stranger {
            self.stranger(from, turn.counters);
            return Taken::Nothing;
        }
        if !self.allowance.take(turn.now) {
            turn.counters.excess.one();
            return Taken::Nothing;
        }
        turn.counters.received.one();
        self.alive_at = Some(turn.now);
        self.reception.count(&packet.header, turn.now);
        let (header, range) = (packet.header, packet.range);
        match payload {
            Payload::Speech(codec) => Taken::Speech { codec, header, range },
            Payload::Key => {
                let digit = self.digits.take(&header, packet.payload);
                Taken::Key { digit, header, range }
            }
            Payload::Other => Taken::Withheld(header),
        }
    }

    /// A check of the path by which the far side reaches us.
    fn take_check(&mut self, datagram: &[u8], from: SocketAddr, turn: Turn<'_>) -> Taken {
        match self.shield.check(datagram, from) {
            Ok((answer, takes)) => {
                self.sockets.rtp.send(answer.octets(), from);
                if takes == Takes::Yes {
                    self.latch.prove(from, turn.now);
                }
            }
            Err(fault) => self.shut_out(fault, from, turn.counters),
        }
        Taken::Nothing
    }

    /// Part of a handshake.
    fn take_handshake(&mut self, datagram: &[u8], from: SocketAddr, turn: Turn<'_>) -> Taken {
        if !self.allowance.take(turn.now) {
            turn.counters.excess.one();
            return Taken::Nothing;
        }
        let is_announced = self.latch.target().is_some_and(|target| target.ip() == from.ip());
        let host = if is_announced { Host::Announced } else { Host::Other };
        let sockets = &self.sockets;
        let send = |datagram: &[u8]| _ = sockets.rtp.send(datagram, from);
        if let Err(fault) = self.shield.shake(datagram, (from, host, turn.now), send) {
            self.shut_out(fault, from, turn.counters);
        }
        Taken::Nothing
    }

    /// What a datagram says, where it comes from who has the key.
    fn opened<'a>(
        &mut self,
        datagram: &'a mut [u8],
        from: SocketAddr,
        turn: Turn<'_>,
    ) -> Option<&'a [u8]> {
        match self.shield.open(datagram) {
            Ok(length) => datagram.get(..length),
            Err(fault) => {
                self.shut_out(fault, from, turn.counters);
                None
            }
        }
    }

    fn judge(
        &mut self,
        from: SocketAddr,
        packet: &Packet<'_>,
        payload: Payload,
        now: Timestamp,
    ) -> Verdict {
        if self.shield.proves() {
            // Where paths are checked, that says where to send to.
            let is_chosen = self.shield.path().is_some();
            return if is_chosen { Verdict::Accepted } else { self.latch.prove(from, now) };
        }
        // What nobody agreed on says nothing for a source that is not known yet.
        if payload == Payload::Other && !self.latch.believes(from) {
            return Verdict::Stranger;
        }
        self.latch.judge(from, &packet.header, now)
    }

    fn shut_out(&mut self, fault: Fault, from: SocketAddr, counters: &Counters) {
        match fault {
            Fault::Malformed => counters.malformed.one(),
            Fault::Forged | Fault::Replayed => self.stranger(from, counters),
        }
    }

    /// Leaves what the far side said for the parts it goes into.
    pub(crate) fn capture(
        &mut self,
        taken: &Taken,
        buffer: &[u8],
        now: Timestamp,
        ring: &mut Ring<'_>,
    ) {
        let Taken::Speech { codec, header, range } = taken else { return };
        let audio = buffer.get(range.clone()).unwrap_or(&[]);
        for tap in &mut self.taps {
            tap.take(header, (*codec, audio), now, ring);
        }
    }

    /// Passes on to this far side what came from its peer, in the buffer it came in.
    pub(crate) fn relay(&mut self, taken: &Taken, buffer: &mut [u8], turn: Turn<'_>) {
        let (Heard::Peer, Some(far)) = (&self.heard, &self.far) else { return };
        let Some(target) = self.latch.target().filter(|_| far.receives()) else { return };
        let (theirs, range, payload_type) = match taken {
            Taken::Nothing => return,
            Taken::Withheld(header) => return self.outgoing.skip(header),
            Taken::Speech { codec, header, range } => {
                let audio = buffer.get_mut(range.clone()).unwrap_or(&mut []);
                transcode(audio, *codec, far.codec.codec);
                (header, range, far.codec.payload_type)
            }
            Taken::Key { header, range, .. } => match far.telephone_event {
                Some(payload_type) => (header, range, payload_type),
                None => return self.outgoing.skip(header),
            },
        };
        let header = self.outgoing.relay(theirs, payload_type, range.len(), turn.now);
        if let Some(packet) = header.write_before(range, buffer) {
            let buffer = buffer.get_mut(packet.start..).unwrap_or(&mut []);
            self.send((buffer, packet.len()), target, turn.counters);
        }
    }

    /// Plays the next 20 ms, whether or not the far side listens. `Err` with what ended when all
    /// has been played.
    pub(crate) fn play(&mut self, turn: Turn<'_>) -> Result<(), Ended> {
        let Heard::Play(player) = &mut self.heard else { return Err(Ended(None)) };
        let Some(mut frame) = player.frame() else {
            let ended = Ended(player.play());
            self.hear(Heard::Nothing);
            return Err(ended);
        };
        let Some(far) = self.far.as_ref().filter(|far| far.receives()) else { return Ok(()) };
        let Some(target) = self.latch.target() else { return Ok(()) };
        transcode(&mut frame, Codec::Pcma, far.codec.codec);
        let header = self.outgoing.generate(far.codec.payload_type, FRAME, turn.now);
        let mut buffer = [0; HEADER + FRAME + MOST_ADDED];
        if let Some(packet) = header.write(&frame, &mut buffer) {
            let length = packet.len();
            self.send((&mut buffer, length), target, turn.counters);
        }
        Ok(())
    }

    /// Reads one packet from the RTCP port.
    pub(crate) fn receive_report(&mut self, buffer: &mut [u8], turn: Turn<'_>) {
        let Some((length, from)) = self.sockets.rtcp.receive(buffer) else { return };
        self.take_report(buffer.get_mut(..length).unwrap_or(&mut []), from, turn);
    }

    /// Does what is due; `true` when the far side has been silent for too long, said again after
    /// each further stretch of silence.
    pub(crate) fn deadline(&mut self, now: Timestamp, lost_after: Duration) -> bool {
        if now >= self.reporting.due {
            self.send_report(now, Farewell::No);
            self.reporting.again(now);
        }
        if let Some(target) = self.latch.target() {
            let sockets = &self.sockets;
            self.shield.tick(now, |datagram| _ = sockets.rtp.send(datagram, target));
        }
        let lost = self.silent_until(lost_after).is_some_and(|until| now >= until);
        if lost {
            self.alive_at = Some(now);
        }
        lost
    }

    /// When there is something to do next.
    pub(crate) fn next_deadline(&self, lost_after: Duration) -> Timestamp {
        let handshake = self.shield.due().unwrap_or(self.reporting.due);
        let report = self.reporting.due.min(handshake);
        self.silent_until(lost_after).map_or(report, |until| until.min(report))
    }

    /// Says goodbye (RFC 3550 §6.6). The sockets close when the stream is dropped.
    pub(crate) fn close(mut self: Box<Self>, now: Timestamp) {
        self.send_report(now, Farewell::Yes);
        tracing::debug!(
            leg = %self.leg,
            received = self.reception.received(),
            lost = self.reception.lost(),
            jitter_samples = self.reception.jitter(),
            strangers = self.strangers,
            "stream closed"
        );
    }

    /// When the far side will have been silent for too long; `None` while it need not send.
    fn silent_until(&self, lost_after: Duration) -> Option<Timestamp> {
        let sends = self.far.as_ref().is_some_and(FarSide::sends);
        self.alive_at.filter(|_| sends).map(|alive_at| alive_at + lost_after)
    }

    fn payload(&self, packet: &Packet<'_>) -> Payload {
        match &self.far {
            // An empty packet keeps a NAT open (RFC 6263 §4.6); there is nothing to hear in it.
            Some(far) if !packet.payload.is_empty() => far.payload(packet.header.payload_type),
            Some(_) | None => Payload::Other,
        }
    }

    fn stranger(&mut self, from: SocketAddr, counters: &Counters) {
        counters.strangers.one();
        if self.strangers == 0 {
            tracing::debug!(leg = %self.leg, %from, "packet from a stranger");
        }
        self.strangers = self.strangers.saturating_add(1);
    }

    /// Reports come from another port than audio, so it is the host that must be right.
    fn take_report(&mut self, datagram: &mut [u8], from: SocketAddr, turn: Turn<'_>) {
        if self.latch.target().is_none_or(|target| target.ip() != from.ip()) {
            return self.stranger(from, turn.counters);
        }
        let datagram = match self.shield.open_report(datagram) {
            Ok(length) => datagram.get(..length).unwrap_or(&[]),
            Err(fault) => return self.shut_out(fault, from, turn.counters),
        };
        match self.reporting.take(datagram, from, &mut self.reception, turn.now) {
            Ok(()) => self.alive_at = self.alive_at.map(|_| turn.now),
            Err(_) => turn.counters.malformed.one(),
        }
    }

    fn send_report(&mut self, now: Timestamp, farewell: Farewell) {
        let Some(rtp) = self.latch.target() else { return };
        let shares = self.far.as_ref().is_some_and(|far| far.rtcp == Rtcp::Shared);
        let target = if shares { Some(rtp) } else { self.reporting.target(rtp) };
        let Some(target) = target else { return };
        let Some(mut compound) = report(&self.outgoing, &mut self.reception, now) else { return };
        if farewell == Farewell::Yes {
            compound = compound.bye(self.outgoing.ssrc());
        }
        let mut buffer = [0; REPORT + MOST_ADDED];
        let octets = compound.octets();
        let Some(room) = buffer.get_mut(..octets.len()) else { return };
        room.copy_from_slice(octets);
        let sealed = self.shield.seal_report(&mut buffer, octets.len());
        if let Some(packet) = sealed.and_then(|length| buffer.get(..length)) {
            // A report that cannot be sent is followed by another.
            let socket = if shares { &self.sockets.rtp } else { &self.sockets.rtcp };
            let _ = socket.send(packet, target);
        }
    }

    /// Sends the packet of this length at the beginning of a buffer, which has room for what its
    /// protection adds.
    fn send(&mut self, packet: (&mut [u8], usize), target: SocketAddr, counters: &Counters) {
        let (buffer, length) = packet;
        let sealed = self.shield.seal(buffer, length).and_then(|length| buffer.get(..length));
        if sealed.is_some_and(|packet| self.sockets.rtp.send(packet, target)) {
            counters.sent.one();
        } else {
            counters.unsent.one();
        }
    }
}

/// Whether a report is our last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Farewell {
    Yes,
    No,
}

/// A player has come to its end: the name of what was played, where the floor gave it one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ended(pub(crate) Option<u32>);

fn transcode(audio: &mut [u8], from: Codec, to: Codec) {
    let table: fn(u8) -> u8 = match (from, to) {
        (Codec::Pcma, Codec::Pcma) | (Codec::Pcmu, Codec::Pcmu) => return,
        (Codec::Pcma, Codec::Pcmu) => alaw_to_ulaw,
        (Codec::Pcmu, Codec::Pcma) => ulaw_to_alaw,
    };
    for octet in audio {
        *octet = table(*octet);
    }
}
