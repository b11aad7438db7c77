//! The audio of a simulated phone's call.

use std::io;
use std::net::{IpAddr, SocketAddr};

use model::{MediaDescription, Timestamp};
use rtp::{DigitSender, FRAME, Header, Outgoing, Packet, Reception, Tone};
use tokio::net::UdpSocket;

/// How closely a phone listens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hearing {
    /// Counts packets and gaps.
    Counts,
    /// Keeps every sample as well: for tests.
    Keeps,
}

/// What was heard and sent in one call.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Audio {
    /// Packets sent.
    pub sent: u64,
    /// Packets received.
    pub received: u64,
    /// Packets that the sequence numbers say were lost.
    pub lost: i64,
    /// Every sample received, in order of arrival, where the phone keeps them.
    pub samples: Vec<i16>,
}

/// A stream: a socket, what is sent, what is heard.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: UdpSocket,
    remote: Option<MediaDescription>,
    outgoing: Outgoing,
    reception: Reception,
    tone: Tone,
    pressing: Option<(DigitSender, u32)>,
    hearing: Hearing,
    audio: Audio,
    sending: bool,
}

impl Stream {
    pub(crate) async fn open(
        local: IpAddr,
        (tone_hz, hearing): (f64, Hearing),
        chance: u32,
    ) -> io::Result<Self> {
        Ok(Self {
            socket: UdpSocket::bind(SocketAddr::new(local, 0)).await?,
            remote: None,
            outgoing: Outgoing::new(chance, chance.rotate_left(16)),
            reception: Reception::default(),
            tone: Tone::new(tone_hz),
            pressing: None,
            hearing,
            audio: Audio::default(),
            sending: true,
        })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    pub(crate) fn connect(&mut self, remote: MediaDescription) {
        self.remote = Some(remote);
    }

    pub(crate) const fn send_audio(&mut self, sending: bool) {
        self.sending = sending;
    }

    pub(crate) fn press(&mut self, digit: char) {
        // 100 ms, as a finger does.
        self.pressing = DigitSender::press(digit, 800).map(|sender| (sender, 0));
    }

    /// Sends the next 20 ms.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        let Some(remote) = self.remote.clone().filter(|remote| remote.direction.receives()) else {
            return;
        };
        if !self.sending {
            return;
        }
        let mut buffer = [0_u8; rtp::HEADER + FRAME];
        if self.send_digit(&remote, now) {
            return;
        }
        let Some(codec) = remote.codec() else { return };
        let mut frame = [0_u8; FRAME];
        self.tone.fill_alaw(&mut frame);
        if codec.codec == model::Codec::Pcmu {
            frame = frame.map(rtp::alaw_to_ulaw);
        }
        let header = self.outgoing.generate(codec.payload_type, FRAME, now);
        if let Some(packet) = header.write(&frame, &mut buffer) {
            self.send(packet, remote.address);
        }
    }

    /// Sends the next packet of a key press, if one is under way; all have its first timestamp.
    fn send_digit(&mut self, remote: &MediaDescription, now: Timestamp) -> bool {
        let (Some((sender, began)), Some(payload_type)) =
            (&mut self.pressing, remote.telephone_event)
        else {
            return false;
        };
        let Some(event) = sender.next() else {
            self.pressing = None;
            return false;
        };
        let header = self.outgoing.generate(payload_type, FRAME, now);
        if event.marker {
            *began = header.timestamp;
        }
        let header = Header { marker: event.marker, timestamp: *began, ..header };
        let mut buffer = [0_u8; rtp::HEADER + 4];
        if let Some(packet) = header.write(&event.payload, &mut buffer) {
            self.send(packet, remote.address);
        }
        true
    }

    fn send(&mut self, packet: &[u8], to: SocketAddr) {
        // A full buffer or a closed peer is loss, as on any network.
        if self.socket.try_send_to(packet, to).is_ok() {
            self.audio.sent += 1;
        }
    }

    /// Waits for a packet and takes it in.
    pub(crate) async fn hear(&mut self, now: impl Fn() -> Timestamp) {
        if self.socket.readable().await.is_err() {
            return;
        }
        let mut buffer = [0_u8; 1_500];
        while let Ok((length, _)) = self.socket.try_recv_from(&mut buffer) {
            if let Some(datagram) = buffer.get(..length) {
                self.take(datagram, now());
            }
        }
    }

    fn take(&mut self, datagram: &[u8], now: Timestamp) {
        let Ok(packet) = Packet::read(datagram) else { return };
        self.reception.count(&packet.header, now);
        self.audio.received += 1;
        if self.hearing == Hearing::Keeps {
            match packet.header.payload_type {
                8 => self
                    .audio
                    .samples
                    .extend(packet.payload.iter().map(|octet| rtp::alaw_decode(*octet))),
                0 => self
                    .audio
                    .samples
                    .extend(packet.payload.iter().map(|octet| rtp::ulaw_decode(*octet))),
                _ => {}
            }
        }
    }

    pub(crate) fn into_audio(self) -> Audio {
        Audio { lost: i64::from(self.reception.lost()), ..self.audio }
    }
}
