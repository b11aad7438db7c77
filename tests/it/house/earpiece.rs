//! The caller's ear and mouth beside a carrier that only signals: a socket that sends a tone to
//! whoever sends to it, and keeps what it hears in its place in RTP time.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rtp::{Header, Packet, Tone, alaw_decode};

const FRAME: usize = 160;
const EVERY: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(crate) struct Earpiece {
    port: u16,
    heard: Arc<Mutex<Vec<i16>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Earpiece {
    pub(crate) fn open(hz: f64) -> Self {
        Self::open_at(Ipv4Addr::LOCALHOST.into(), hz)
    }

    /// At this address.
    pub(crate) fn open_at(address: IpAddr, hz: f64) -> Self {
        let socket = UdpSocket::bind((address, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let port = socket.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let talk = Talk { socket, far: None, tone: Tone::new(hz), sent: 0, first: None };
        let (ear, end) = (Arc::clone(&heard), Arc::clone(&stop));
        let thread = std::thread::spawn(move || talk.goes_on(&ear, &end));
        Self { port, heard, stop, thread: Some(thread) }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Everything heard so far; silence where nothing came.
    pub(crate) fn heard(&self) -> Vec<i16> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Earpiece {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

struct Talk {
    socket: UdpSocket,
    far: Option<SocketAddr>,
    tone: Tone,
    sent: u32,
    /// The first timestamp heard.
    first: Option<u32>,
}

impl Talk {
    fn goes_on(mut self, heard: &Mutex<Vec<i16>>, stop: &AtomicBool) {
        let mut due = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            self.hear(heard);
            while Instant::now() >= due {
                self.say();
                due += EVERY;
            }
        }
    }

    fn say(&mut self) {
        let Some(far) = self.far else { return };
        let mut frame = [0; FRAME];
        self.tone.fill_alaw(&mut frame);
        let header = Header {
            payload_type: 8,
            marker: self.sent == 0,
            sequence: self.sent as u16,
            timestamp: self.sent * FRAME as u32,
            ssrc: 0x0ea2_91ec,
        };
        let mut buffer = [0; 200];
        let packet = header.write(&frame, &mut buffer).unwrap();
        // Nobody may be there any more: a phone does not mind.
        let _ = self.socket.send_to(packet, far);
        self.sent += 1;
    }

    fn hear(&mut self, heard: &Mutex<Vec<i16>>) {
        let mut buffer = [0; 1_500];
        let Ok((length, from)) = self.socket.recv_from(&mut buffer) else { return };
        let Ok(packet) = Packet::read(&buffer[..length]) else { return };
        if packet.header.payload_type != 8 {
            return;
        }
        self.far = Some(from);
        let first = *self.first.get_or_insert(packet.header.timestamp);
        let at = packet.header.timestamp.wrapping_sub(first) as usize;
        let end = at + packet.payload.len();
        // An hour at most: what lies beyond is not of this stream.
        if end > 8_000 * 3_600 {
            return;
        }
        let mut heard = heard.lock().unwrap();
        if heard.len() < end {
            heard.resize(end, 0);
        }
        for (sample, octet) in heard[at..end].iter_mut().zip(packet.payload) {
            *sample = alaw_decode(*octet);
        }
    }
}
