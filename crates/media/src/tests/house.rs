//! A media house on loopback with phones that speak plain RTP.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clock::Clock;
use crossbeam_channel::{Receiver, Sender, bounded};
use model::{
    AudioFrame, CallId, Channel, Codec, CodecChoice, Direction, Epoch, LegId, MediaDescription,
    PromptId, RecordingId,
};
use rtp::{FRAME, Header, Packet, Tone, alaw_decode, alaw_encode, ulaw_decode, ulaw_encode};
use switchboard::ports::{Capture, Full, Inbox, Input, MediaCommand, MediaFact};

use crate::{Media, MediaSettings, PromptLibrary};

const PATIENCE: Duration = Duration::from_secs(5);
/// How long to listen for what must not come.
const QUIET: Duration = Duration::from_millis(60);
/// Legs that only tell when commands given before have been carried out; one for each thread.
const WITNESS: u32 = 1_000;

pub(super) struct House {
    pub(super) media: Media,
    facts: Receiver<(LegId, MediaFact)>,
    frames: Arc<Mutex<Vec<AudioFrame>>>,
    threads: u32,
}

struct Facts(Sender<(LegId, MediaFact)>);

impl Inbox for Facts {
    fn put(&self, input: Input) -> Result<(), Full> {
        if let Input::Media { leg, fact } = input {
            self.0.try_send((leg, fact)).unwrap();
        }
        Ok(())
    }
}

struct Frames(Arc<Mutex<Vec<AudioFrame>>>);

impl Capture for Frames {
    fn put(&mut self, frame: &AudioFrame) -> bool {
        self.0.lock().unwrap().push(*frame);
        true
    }
}

pub(super) fn leg(number: u32) -> LegId {
    LegId::new(Epoch::new(1), number)
}

pub(super) fn part(number: u16) -> RecordingId {
    RecordingId { call: CallId::new(Epoch::new(1), 1), part: number }
}

pub(super) fn settings(threads: usize) -> MediaSettings {
    MediaSettings { threads, max_streams: 100, max_commands: 100, ..MediaSettings::default() }
}

impl House {
    pub(super) fn open(settings: MediaSettings) -> Self {
        Self::with_prompts(settings, [])
    }

    pub(super) fn with_prompts(
        settings: MediaSettings,
        prompts: impl IntoIterator<Item = (PromptId, Vec<u8>)>,
    ) -> Self {
        let (sender, facts) = bounded(1_000);
        let frames = Arc::new(Mutex::new(Vec::new()));
        let captures = (0..settings.threads)
            .map(|_| Box::new(Frames(Arc::clone(&frames))) as Box<dyn Capture>)
            .collect();
        let prompts = PromptLibrary::of(prompts);
        let inbox = Arc::new(Facts(sender));
        let media = Media::start(settings, prompts, inbox, captures, Clock::start()).unwrap();
        let threads = u32::try_from(settings.threads).unwrap();
        let house = Self { media, facts, frames, threads };
        for witness in 0..threads {
            let (local, _) = port_pair();
            house.tell(WITNESS + witness, MediaCommand::Open { local, remote: None });
        }
        house.settle();
        house
    }

    pub(super) fn tell(&self, number: u32, command: MediaCommand) {
        self.media.command(leg(number), command);
    }

    /// Opens a stream for a phone, which learns where to send; all commands so far are done then.
    pub(super) fn connect(&self, number: u32, phone: &mut Phone) {
        let (local, _) = port_pair();
        phone.house = Some(local);
        self.tell(number, MediaCommand::Open { local, remote: Some(phone.description()) });
        self.settle();
    }

    pub(super) fn join(&self, one: u32, other: u32) {
        self.tell(one, MediaCommand::Join(leg(other)));
        self.settle();
    }

    /// Waits until all commands so far have been carried out.
    pub(super) fn settle(&self) {
        for witness in WITNESS..WITNESS + self.threads {
            let play = MediaCommand::Play { play: 7, prompts: vec![], repeat: false };
            self.tell(witness, play);
        }
        for _ in 0..self.threads {
            let (from, fact) = self.facts.recv_timeout(PATIENCE).unwrap();
            assert!(from >= leg(WITNESS), "{from} {fact:?} while settling");
        }
    }

    /// The next fact.
    pub(super) fn fact(&self) -> (u32, MediaFact) {
        let (leg, fact) = self.facts.recv_timeout(PATIENCE).unwrap();
        (leg.number(), fact)
    }

    pub(super) fn no_fact(&self) {
        assert_eq!(
            self.facts.recv_timeout(QUIET),
            Err(crossbeam_channel::RecvTimeoutError::Timeout)
        );
    }

    /// What was captured of one channel, laid out in time.
    pub(super) fn captured(&self, recording: RecordingId, channel: Channel) -> Vec<i16> {
        let mut samples = Vec::new();
        for frame in self.frames.lock().unwrap().iter() {
            if (frame.recording, frame.channel) == (recording, channel) {
                let at = usize::try_from(frame.offset).unwrap();
                let end = at + frame.samples().len();
                samples.resize(samples.len().max(end), 0);
                for (to, from) in samples[at..end].iter_mut().zip(frame.samples()) {
                    *to = alaw_decode(*from);
                }
            }
        }
        samples
    }
}

/// Two neighbouring free ports.
pub(super) fn port_pair() -> (SocketAddr, SocketAddr) {
    for _ in 0..1_000 {
        let rtp = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let Some(next) = rtp.port().checked_add(1) else { continue };
        let rtcp = SocketAddr::new(rtp.ip(), next);
        if rtp.port().is_multiple_of(2) && UdpSocket::bind(rtcp).is_ok() {
            return (rtp, rtcp);
        }
    }
    panic!("no free ports");
}

pub(super) struct Phone {
    pub(super) socket: UdpSocket,
    pub(super) house: Option<SocketAddr>,
    pub(super) header: Header,
    pub(super) signalled: SocketAddr,
    pub(super) direction: Direction,
    pub(super) telephone_event: Option<u8>,
    codec: CodecChoice,
}

impl Phone {
    pub(super) fn new(codec: CodecChoice) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let signalled = socket.local_addr().unwrap();
        let ssrc = u32::from(signalled.port());
        let payload_type = codec.payload_type;
        let header = Header { marker: false, payload_type, sequence: 65_530, timestamp: 9, ssrc };
        let (direction, telephone_event) = (Direction::SendRecv, Some(101));
        Self { socket, house: None, header, signalled, direction, telephone_event, codec }
    }

    pub(super) fn description(&self) -> MediaDescription {
        let mut description = MediaDescription::ours(self.signalled);
        description.codecs = vec![self.codec];
        description.direction = self.direction;
        description.telephone_event = self.telephone_event;
        description
    }

    pub(super) fn send(&mut self, payload: &[u8]) {
        let mut buffer = [0; 2_000];
        let packet = self.header.write(payload, &mut buffer).unwrap();
        self.socket.send_to(packet, self.house.unwrap()).unwrap();
        self.header.sequence = self.header.sequence.wrapping_add(1);
    }

    /// Sends frames of a tone, as fast as it can.
    pub(super) fn says(&mut self, hz: f64, frames: usize) {
        let mut tone = Tone::new(hz);
        for _ in 0..frames {
            let encode = match self.codec.codec {
                Codec::Pcma => alaw_encode,
                Codec::Pcmu => ulaw_encode,
            };
            let frame: Vec<u8> = tone.by_ref().take(FRAME).map(encode).collect();
            self.send(&frame);
            self.header.timestamp = self.header.timestamp.wrapping_add(160);
        }
    }

    /// The next packets heard.
    pub(super) fn hears(&self, packets: usize) -> Vec<(Header, Vec<u8>)> {
        (0..packets).map(|_| self.hear().expect("nothing is heard")).collect()
    }

    pub(super) fn hears_nothing(&self) {
        self.socket.set_read_timeout(Some(QUIET)).unwrap();
        assert_eq!(self.hear(), None);
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    }

    fn hear(&self) -> Option<(Header, Vec<u8>)> {
        let mut buffer = [0; 2_000];
        let (length, from) = self.socket.recv_from(&mut buffer).ok()?;
        assert_eq!(Some(from), self.house, "heard from somewhere else");
        let packet = Packet::read(&buffer[..length]).unwrap();
        Some((packet.header, packet.payload.to_vec()))
    }
}

/// Packets as sound, laid out by RTP time.
pub(super) fn sound(packets: &[(Header, Vec<u8>)]) -> Vec<i16> {
    let first = packets[0].0.timestamp;
    let mut samples = Vec::new();
    for (header, payload) in packets {
        let at = usize::try_from(rtp::timestamp_after(first, header.timestamp)).unwrap();
        samples.resize(samples.len().max(at + payload.len()), 0);
        let decode = if header.payload_type == 0 { ulaw_decode } else { alaw_decode };
        for (to, from) in samples[at..].iter_mut().zip(payload) {
            *to = decode(*from);
        }
    }
    samples
}
