//! Phones that register and refresh, sixteen at a time: one thread and one socket play them all.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use clock::Clock;
use model::Timestamp;
use sip::digest::{Challenge, Login, Protected, choose, respond};

use crate::AGENTS;
use crate::server::PASSWORD;
use crate::wire::{self, Names};

/// The user of the first phone.
pub const FIRST: u32 = 100_001;
/// How many registrations are under way at a time.
const LOOP: usize = 16;
/// Before a request is sent again.
const REPEAT: Duration = Duration::from_millis(500);

/// The phones.
#[derive(Debug)]
pub struct Registering {
    socket: UdpSocket,
    local: SocketAddr,
    server: SocketAddr,
    devices: u32,
    registered: u32,
    round: u32,
    clock: Clock,
}

/// One registration under way.
#[derive(Debug)]
struct Asking {
    cseq: u32,
    sent: String,
    at: Timestamp,
}

impl Registering {
    /// Nobody is registered yet. Each phone has so many devices.
    #[must_use]
    pub fn open(server: SocketAddr, devices: u32, clock: Clock) -> Self {
        let socket = wire::open(AGENTS);
        let local = socket.local_addr().expect("a bound socket");
        Self { socket, local, server, devices, registered: 0, round: 0, clock }
    }

    /// Registers until there are so many bindings.
    pub fn register_up_to(&mut self, bindings: u32) {
        let new: Vec<u32> = (self.registered..bindings).collect();
        self.run(&new);
        self.registered = self.registered.max(bindings);
    }

    /// Refreshes so many bindings, spread over all; where there are fewer, each more than once.
    pub fn refresh(&mut self, count: u32) {
        let mut left = count;
        while left > 0 {
            // A round of its own: the same request twice would be a repetition, which costs little.
            let now = left.min(self.registered);
            let step = self.registered / now;
            let some: Vec<u32> = (0..now).map(|number| number * step).collect();
            self.run(&some);
            left -= now;
        }
    }

    /// Only answers whoever asks whether phones are there.
    pub fn answer_for(&self, time: Duration) {
        let until = self.clock.now() + time;
        while self.clock.now() < until {
            if let Some(message) = self.next() {
                self.answer(&message);
            }
        }
    }

    fn run(&mut self, devices: &[u32]) {
        self.round += 1;
        let mut waiting = devices.iter().copied();
        let mut under_way: BTreeMap<u32, Asking> = BTreeMap::new();
        for device in waiting.by_ref().take(LOOP) {
            under_way.insert(device, self.ask(device, self.round * 10, ""));
        }
        while !under_way.is_empty() {
            let Some(message) = self.next() else {
                self.repeat(&mut under_way);
                continue;
            };
            let Some(status) = wire::status(&message) else {
                self.answer(&message);
                continue;
            };
            let Some(device) = device_of(&message) else { continue };
            let Some(asking) = under_way.get(&device) else { continue };
            let cseq =
                wire::header(&message, "CSeq").and_then(|it| it.split(' ').next()?.parse().ok());
            if cseq != Some(asking.cseq) {
                continue;
            }
            match status {
                200 => {
                    under_way.remove(&device);
                    if let Some(device) = waiting.next() {
                        under_way.insert(device, self.ask(device, self.round * 10, ""));
                    }
                }
                401 => {
                    let credentials = self.credentials(device, &message);
                    let again = self.ask(device, asking.cseq + 1, &credentials);
                    under_way.insert(device, again);
                }
                _ => panic!("a phone cannot register: {message}"),
            }
        }
    }

    fn ask(&self, device: u32, cseq: u32, credentials: &str) -> Asking {
        let more =
            format!("Contact: <sip:d{device}@{}>\r\nExpires: 600\r\n{credentials}", self.local);
        let sent = wire::request(("REGISTER", cseq), &self.names(device), self.local, &more, "");
        self.send(&sent);
        Asking { cseq, sent, at: self.clock.now() }
    }

    fn names(&self, device: u32) -> Names {
        let user = self.user(device);
        Names {
            call_id: format!("d{device}@bench"),
            from: format!("<sip:{user}@{}>;tag=d{device}", self.server.ip()),
            to: format!("<sip:{user}@{}>", self.server.ip()),
            target: format!("sip:{}", self.server),
        }
    }

    const fn user(&self, device: u32) -> u32 {
        FIRST + device / self.devices
    }

    fn credentials(&self, device: u32, challenged: &str) -> String {
        let login =
            Login::Password { user: self.user(device).to_string(), password: PASSWORD.to_owned() };
        let challenges: Vec<Challenge> = wire::all(challenged, "WWW-Authenticate")
            .filter_map(|value| Challenge::parse(value).ok())
            .collect();
        let protected = Protected { nonce_count: 1, cnonce: format!("{device:08x}") };
        let target = format!("sip:{}", self.server);
        let credentials = choose(&challenges, &login)
            .and_then(|found| respond(found, &login, ("REGISTER", &target), protected))
            .unwrap_or_else(|| panic!("a challenge that cannot be answered: {challenged}"));
        format!("Authorization: {credentials}\r\n")
    }

    fn repeat(&self, under_way: &mut BTreeMap<u32, Asking>) {
        let now = self.clock.now();
        for asking in under_way.values_mut().filter(|it| now.since(it.at) >= REPEAT) {
            self.send(&asking.sent);
            asking.at = now;
        }
    }

    fn answer(&self, request: &str) {
        if request.starts_with("OPTIONS ") {
            self.send(&wire::response(request, "200 OK", self.local, ""));
        }
    }

    fn send(&self, message: &str) {
        let _ = self.socket.send_to(message.as_bytes(), self.server);
    }

    fn next(&self) -> Option<String> {
        let mut datagram = [0; 4_096];
        let length = self.socket.recv(&mut datagram).ok()?;
        Some(String::from_utf8_lossy(&datagram[..length]).into_owned())
    }
}

fn device_of(message: &str) -> Option<u32> {
    wire::header(message, "Call-ID")?.strip_prefix('d')?.split('@').next()?.parse().ok()
}
