//! The agents' phones: one thread and one socket play them all. They answer at once, and hang up
//! after a while where they are told to; from a BYE to the next INVITE at the same phone is what an
//! agent waits for the next caller.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::spawn;
use std::time::Duration;

use clock::Clock;
use model::Timestamp;
use sip::digest::{Challenge, Login, Protected, choose, respond};

use crate::AGENTS;
use crate::wire::{self, Names};

/// The work number of the first agent.
pub const FIRST: u16 = 1001;

/// How long a phone waits for the answer to its BYE before it sends it again.
const REPEAT: Duration = Duration::from_millis(500);

/// All phones.
#[derive(Debug)]
pub struct Phones {
    desk: Arc<Desk>,
}

/// From an agent becoming free to the next INVITE at that agent's phone, in microseconds.
#[derive(Clone, Debug, Default)]
pub struct Waits {
    /// From the BYE that the phone sent.
    pub from_bye: Vec<u64>,
    /// From the response to it; an INVITE that overtook it counts as 0.
    pub from_response: Vec<u64>,
}

#[derive(Debug)]
struct Desk {
    socket: UdpSocket,
    local: SocketAddr,
    server: SocketAddr,
    audio: SocketAddr,
    /// The shortest and the longest talk; for ever when there is none.
    talk: Option<(Duration, Duration)>,
    clock: Clock,
    over: AtomicBool,
    floor: Mutex<Floor>,
}

#[derive(Debug, Default)]
struct Floor {
    lines: BTreeMap<u16, Line>,
    waits: Waits,
    chance: u32,
    /// When a phone rang for each caller's calls, in order, by the caller's number.
    rang: BTreeMap<String, Vec<Timestamp>>,
}

/// One phone.
#[derive(Debug, Default)]
struct Line {
    state: State,
    names: Names,
    audio: Option<SocketAddr>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Resting,
    Up {
        until: Option<Timestamp>,
    },
    /// The BYE was sent first, and last, at these times.
    Leaving(Timestamp, Timestamp),
    /// The BYE was sent and its response came at these times.
    Left(Timestamp, Timestamp),
}

impl Phones {
    /// Registers so many phones and lets them answer whatever rings.
    #[must_use]
    pub fn register(
        count: u16,
        (server, password): (SocketAddr, &str),
        audio: SocketAddr,
        talk: Option<(Duration, Duration)>,
        clock: Clock,
    ) -> Self {
        let socket = wire::open(AGENTS);
        let local = socket.local_addr().expect("a bound socket");
        let floor = Mutex::new(Floor { chance: 0x2545_f491, ..Floor::default() });
        let over = AtomicBool::new(false);
        let desk = Arc::new(Desk { socket, local, server, audio, talk, clock, over, floor });
        for agent in FIRST..FIRST + count {
            desk.register(agent, password);
            desk.floor().lines.insert(agent, Line::default());
        }
        let thread = Arc::clone(&desk);
        spawn(move || thread.run());
        Self { desk }
    }

    /// What agents have waited since this was last asked.
    #[must_use]
    pub fn take_waits(&self) -> Waits {
        std::mem::take(&mut self.desk.floor().waits)
    }

    /// When a phone rang for each caller's calls, in order, by the caller's number.
    #[must_use]
    pub fn rang(&self) -> BTreeMap<String, Vec<Timestamp>> {
        self.desk.floor().rang.clone()
    }

    /// Where the service wants the audio of each phone whose call is up.
    #[must_use]
    pub fn audio(&self) -> Vec<SocketAddr> {
        self.desk.floor().lines.values().filter_map(|line| line.audio).collect()
    }
}

impl Drop for Phones {
    fn drop(&mut self) {
        self.desk.over.store(true, Ordering::Relaxed);
    }
}

impl Desk {
    fn floor(&self) -> MutexGuard<'_, Floor> {
        self.floor.lock().expect("no phone panics")
    }

    fn register(&self, agent: u16, password: &str) {
        let Self { local, server, .. } = self;
        let names = Names {
            call_id: format!("r{agent}@{}", local.ip()),
            from: format!("<sip:{agent}@{}>;tag=r{agent}", server.ip()),
            to: format!("<sip:{agent}@{}>", server.ip()),
            target: format!("sip:{server}"),
        };
        let mut more = format!("Contact: <sip:{agent}@{local}>\r\nExpires: 3600\r\n");
        let login = Login::Password { user: agent.to_string(), password: password.to_owned() };
        for cseq in 1..=2 {
            self.send(&wire::request(("REGISTER", cseq), &names, *local, &more, ""));
            let answer = self.answer();
            if wire::status(&answer) == Some(200) {
                return;
            }
            let challenges: Vec<Challenge> = wire::header(&answer, "WWW-Authenticate")
                .into_iter()
                .filter_map(|value| Challenge::parse(value).ok())
                .collect();
            let protected = Protected { nonce_count: 1, cnonce: format!("{agent:08x}") };
            let credentials = choose(&challenges, &login)
                .and_then(|found| respond(found, &login, ("REGISTER", &names.target), protected))
                .unwrap_or_else(|| panic!("phone {agent} cannot register: {answer}"));
            more.push_str(&format!("Authorization: {credentials}\r\n"));
        }
        panic!("phone {agent} is refused");
    }

    fn answer(&self) -> String {
        let mut datagram = vec![0_u8; 65_536];
        let tries = Duration::from_secs(5).as_millis() / wire::PATIENCE.as_millis();
        let length = (0..tries).find_map(|_| self.socket.recv(&mut datagram).ok());
        let length = length.expect("the service answers a REGISTER within 5 s");
        String::from_utf8_lossy(&datagram[..length]).into_owned()
    }

    fn run(&self) {
        let mut datagram = vec![0_u8; 65_536];
        while !self.over.load(Ordering::Relaxed) {
            let now = self.clock.now();
            let due = self.hang_up_those_due(now);
            let patience = due.map_or(wire::PATIENCE, |at| at.since(now).min(wire::PATIENCE));
            let patience = patience.max(Duration::from_millis(1));
            self.socket.set_read_timeout(Some(patience)).expect("a read time-out");
            if let Ok(length) = self.socket.recv(&mut datagram) {
                let now = self.clock.now();
                self.take(&String::from_utf8_lossy(&datagram[..length]), now);
            }
        }
    }

    /// Hangs up every call that has lasted long enough; gives back when the next one has.
    fn hang_up_those_due(&self, now: Timestamp) -> Option<Timestamp> {
        let mut next: Option<Timestamp> = None;
        for line in self.floor().lines.values_mut() {
            let due = match line.state {
                State::Up { until: Some(until) } => until,
                State::Leaving(_, last) => last + REPEAT,
                State::Up { until: None } | State::Resting | State::Left(..) => continue,
            };
            if due > now {
                next = Some(next.map_or(due, |next| next.min(due)));
                continue;
            }
            let now = self.clock.now();
            let first = match line.state {
                State::Leaving(first, _) => first,
                State::Up { .. } | State::Resting | State::Left(..) => now,
            };
            line.state = State::Leaving(first, now);
            line.audio = None;
            self.send(&wire::request(("BYE", 1), &line.names, self.local, "", ""));
        }
        next
    }

    fn take(&self, message: &str, now: Timestamp) {
        let mut floor = self.floor();
        if wire::status(message).is_some() {
            return Self::responded(&mut floor, message, now);
        }
        let agent = wire::user(message).and_then(|user| user.parse().ok());
        let Floor { lines, waits, chance, rang } = &mut *floor;
        let line = agent.and_then(|agent: u16| lines.get_mut(&agent));
        match (message.split(' ').next().unwrap_or_default(), line) {
            ("ACK", _) => {}
            ("INVITE", Some(line)) => {
                let from = wire::header(message, "From").and_then(wire::uri);
                let caller = from.and_then(wire::user_of).unwrap_or_default();
                rang.entry(caller.to_owned()).or_default().push(now);
                match line.state {
                    State::Left(bye, response) => {
                        waits.from_bye.push(micros(bye, now));
                        waits.from_response.push(micros(response, now));
                    }
                    State::Leaving(bye, _) => {
                        waits.from_bye.push(micros(bye, now));
                        waits.from_response.push(0);
                    }
                    State::Resting | State::Up { .. } => {}
                }
                self.rings(line, message, now, chance);
            }
            (method, line) => {
                self.send(&wire::response(message, "200 OK", self.local, ""));
                if let (true, Some(line)) = (method == "BYE", line) {
                    line.state = State::Resting;
                    line.audio = None;
                }
            }
        }
    }

    fn rings(&self, line: &mut Line, message: &str, now: Timestamp, chance: &mut u32) {
        let body = wire::description(self.audio);
        let answer = wire::response(message, "200 OK", self.local, &body);
        self.send(&answer);
        let header = |name| wire::header(&answer, name).unwrap_or_default().to_owned();
        line.names = Names {
            call_id: header("Call-ID"),
            from: header("To"),
            to: header("From"),
            target: wire::header(message, "Contact")
                .and_then(wire::uri)
                .unwrap_or_default()
                .to_owned(),
        };
        line.audio = wire::audio(message);
        let until = self.talk.map(|(shortest, longest)| {
            *chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            now + shortest + (longest - shortest) * (*chance >> 16) / (1 << 16)
        });
        line.state = State::Up { until };
    }

    fn responded(floor: &mut Floor, message: &str, now: Timestamp) {
        let call_id = wire::header(message, "Call-ID").unwrap_or_default();
        let line = floor.lines.values_mut().find(|line| line.names.call_id == call_id);
        if let Some(line) = line
            && let State::Leaving(bye, _) = line.state
        {
            line.state = State::Left(bye, now);
        }
    }

    fn send(&self, message: &str) {
        // What cannot be sent is lost, as on any network.
        let _ = self.socket.send_to(message.as_bytes(), self.server);
    }
}

fn micros(from: Timestamp, to: Timestamp) -> u64 {
    to.since(from).as_micros() as u64
}
