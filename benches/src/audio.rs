//! The generator's audio: 20 ms of A-law on every leg, all callers from one socket and all agents
//! from another. Each packet carries when it was sent, so that delay and loss are counted end to
//! end.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::Duration;

use clock::Clock;
use model::Timestamp;
use rtp::{ALAW_SILENCE, FRAME, HEADER, Header};
use socket2::SockRef;

use crate::figures::Spread;
use crate::{AGENTS, CALLERS};

const FRAME_TIME: Duration = Duration::from_millis(20);
/// Begins the payload of a packet of ours; the service's own music does not have it.
const MARK: &[u8] = b"hotline!";
/// Room for a burst: what is lost here would be blamed on the service.
const BUFFER: usize = 16 << 20;
/// Sleeping for less costs more than it saves.
const SHORTEST_SLEEP: Duration = Duration::from_micros(300);

/// One side of all calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The callers.
    Caller,
    /// The agents.
    Agent,
}

/// Where a leg's audio goes.
#[derive(Clone, Copy, Debug)]
pub struct Leg {
    /// From whom.
    pub side: Side,
    /// To which port of the service.
    pub to: SocketAddr,
}

/// What came of an interval of talk.
#[derive(Clone, Copy, Debug)]
pub struct Talked {
    /// Packets sent.
    pub sent: u64,
    /// Packets heard at the other end.
    pub heard: u64,
    /// From sending to hearing.
    pub delay: Spread,
}

/// The audio of all calls.
#[derive(Debug)]
pub struct Audio {
    clock: Clock,
    callers: UdpSocket,
    agents: UdpSocket,
    heard: Arc<Heard>,
    sequence: u16,
    timestamp: u32,
}

/// What both listeners have heard.
#[derive(Debug, Default)]
struct Heard {
    /// From sending to hearing, in microseconds, of each packet.
    delays: Mutex<Vec<u64>>,
    over: AtomicBool,
}

impl Drop for Audio {
    fn drop(&mut self) {
        self.heard.over.store(true, Ordering::Relaxed);
    }
}

impl Audio {
    /// Opens both sockets and begins to listen.
    #[must_use]
    pub fn open(clock: Clock) -> Self {
        let heard = Arc::new(Heard::default());
        let [callers, agents] = [CALLERS, AGENTS].map(|local| {
            let socket = open(local);
            let ear = socket.try_clone().expect("a second handle of the same socket");
            listen(ear, Arc::clone(&heard), clock);
            socket
        });
        Self { clock, callers, agents, heard, sequence: 0, timestamp: 0 }
    }

    /// Where the callers' audio is to be sent.
    #[must_use]
    pub fn callers(&self) -> SocketAddr {
        self.callers.local_addr().expect("a bound socket")
    }

    /// Where the agents' audio is to be sent.
    #[must_use]
    pub fn agents(&self) -> SocketAddr {
        self.agents.local_addr().expect("a bound socket")
    }

    /// Sends on every leg for so long, evenly spread over each 20 ms.
    pub fn talk(&mut self, legs: &[Leg], time: Duration) -> Talked {
        self.take_heard();
        let began = self.clock.now();
        let frames = time.as_millis() as u32 / FRAME_TIME.as_millis() as u32;
        let mut sent = 0;
        for frame in 0..frames {
            sent += self.send_frame(legs, began + FRAME_TIME * frame);
        }
        // What is under way at the end was sent in this interval.
        sleep(FRAME_TIME);
        let heard = self.take_heard();
        Talked { sent, heard: heard.len() as u64, delay: Spread::of(heard) }
    }

    fn send_frame(&mut self, legs: &[Leg], due: Timestamp) -> u64 {
        let mut payload = [ALAW_SILENCE; FRAME];
        payload[..8].copy_from_slice(MARK);
        let mut packet = [0; HEADER + FRAME];
        let mut sent = 0;
        for (at, leg) in (0_u32..).zip(legs) {
            let due = due + FRAME_TIME * at / legs.len() as u32;
            let ahead = due.since(self.clock.now());
            if ahead > SHORTEST_SLEEP {
                sleep(ahead);
            }
            payload[8..16].copy_from_slice(&self.clock.now().as_micros().to_be_bytes());
            let header = Header {
                marker: false,
                payload_type: 8,
                sequence: self.sequence,
                timestamp: self.timestamp,
                ssrc: at + 1,
            };
            let socket = match leg.side {
                Side::Caller => &self.callers,
                Side::Agent => &self.agents,
            };
            let packet = header.write(&payload, &mut packet).expect("the packet has room");
            sent += u64::from(socket.send_to(packet, leg.to).is_ok());
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(FRAME as u32);
        sent
    }

    fn take_heard(&self) -> Vec<u64> {
        std::mem::take(&mut *self.heard.delays.lock().expect("no listener panics"))
    }
}

fn open(local: IpAddr) -> UdpSocket {
    let socket = UdpSocket::bind(SocketAddr::new(local, 0)).expect("a port for audio");
    // The system gives what it allows; privileged runs get all.
    let _ = SockRef::from(&socket).set_recv_buffer_size(BUFFER);
    // Only so that a listener sees its end.
    socket.set_read_timeout(Some(Duration::from_secs(1))).expect("a read time-out");
    socket
}

fn listen(socket: UdpSocket, heard: Arc<Heard>, clock: Clock) {
    spawn(move || {
        let mut packet = [0_u8; 2_048];
        while !heard.over.load(Ordering::Relaxed) {
            let Ok(length) = socket.recv(&mut packet) else { continue };
            let now = clock.now().as_micros();
            if let Some(sent) = sent_at(&packet[..length]) {
                let mut delays = heard.delays.lock().expect("no listener panics");
                delays.push(now.saturating_sub(sent));
            }
        }
    });
}

fn sent_at(packet: &[u8]) -> Option<u64> {
    let payload = packet.get(HEADER..)?;
    let sent = payload.strip_prefix(MARK)?.first_chunk::<8>()?;
    Some(u64::from_be_bytes(*sent))
}
