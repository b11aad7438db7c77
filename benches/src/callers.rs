//! Callers at a carrier: one thread and one socket play them all.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{sleep, spawn};
use std::time::Duration;

use clock::Clock;
use model::Timestamp;

use crate::CALLERS;
use crate::wire::{self, Names};

/// Between an INVITE nobody answered and its repetition.
const REPEAT: Duration = Duration::from_millis(500);

/// What callers do when their call has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// Nothing more.
    Rest,
    /// They call again, so that as many wait as before.
    CallAgain,
}

/// Whether callers hear what is played to them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ears {
    /// They do.
    Open,
    /// They hold from the beginning, so that music costs nothing: what is measured is not audio.
    Closed,
}

/// All callers.
#[derive(Debug)]
pub struct Callers {
    desk: Arc<Desk>,
}

#[derive(Debug)]
struct Desk {
    socket: UdpSocket,
    local: SocketAddr,
    trunk: SocketAddr,
    number: &'static str,
    audio: SocketAddr,
    then: Then,
    ears: Ears,
    clock: Clock,
    over: AtomicBool,
    lines: Mutex<Vec<Line>>,
}

/// One caller.
#[derive(Debug, Default)]
struct Line {
    calls: u32,
    state: State,
    names: Names,
    audio: Option<SocketAddr>,
    failed: u32,
    /// When each call was dialled.
    dialled: Vec<Timestamp>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Resting,
    /// Sent at this time; nothing heard of it.
    Calling(Timestamp),
    Heard,
    Up,
}

/// What became of a pace that was to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Calls that were made.
    pub made: u32,
    /// Calls that were not, since every caller was still in one.
    pub left_out: u32,
}

impl Callers {
    /// So many callers who may call `number` through the trunk listener, with their audio at
    /// `audio`.
    #[must_use]
    pub fn new(
        count: u16,
        (trunk, number): (SocketAddr, &'static str),
        audio: SocketAddr,
        (then, ears): (Then, Ears),
        clock: Clock,
    ) -> Self {
        let socket = wire::open(CALLERS);
        let local = socket.local_addr().expect("a bound socket");
        let lines = Mutex::new((0..count).map(|_| Line::default()).collect());
        let over = AtomicBool::new(false);
        let desk =
            Arc::new(Desk { socket, local, trunk, number, audio, then, ears, clock, over, lines });
        let thread = Arc::clone(&desk);
        spawn(move || thread.run());
        Self { desk }
    }

    /// Everybody calls, so many a second.
    pub fn call(&self, a_second: u32) {
        let count = self.desk.lines().len();
        for caller in 0..count {
            self.desk.dial(caller, &mut self.desk.lines());
            sleep(Duration::from_secs(1) / a_second);
        }
    }

    /// Calls come at this pace for so long, each from a caller whose last one is over. Who is late is
    /// caught up with; a call for which there is no free caller, because the service is behind, is
    /// not made.
    pub fn call_for(&self, a_second: u32, time: Duration) -> Pace {
        let began = self.desk.clock.now();
        let all = a_second * u32::try_from(time.as_secs()).expect("a few seconds");
        let (mut next, mut made) = (0, 0);
        for call in 0..all {
            let due = began + Duration::from_secs(1) * call / a_second;
            let early = due.since(self.desk.clock.now());
            if !early.is_zero() {
                sleep(early);
            }
            let mut lines = self.desk.lines();
            let count = lines.len();
            let mut around = (0..count).map(|step| (next + step) % count);
            let Some(free) = around.find(|caller| lines[*caller].state == State::Resting) else {
                continue;
            };
            self.desk.dial(free, &mut lines);
            next = free + 1;
            made += 1;
        }
        Pace { made, left_out: all - made }
    }

    /// When each caller's calls were dialled, in order.
    #[must_use]
    pub fn dialled(&self) -> Vec<Vec<Timestamp>> {
        self.desk.lines().iter().map(|line| line.dialled.clone()).collect()
    }

    /// How many calls are not over.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.desk.lines().iter().filter(|line| line.state != State::Resting).count()
    }

    /// How many calls are up, and how many have failed so far.
    #[must_use]
    pub fn up_and_failed(&self) -> (usize, u32) {
        let lines = self.desk.lines();
        let up = lines.iter().filter(|line| line.state == State::Up).count();
        (up, lines.iter().map(|line| line.failed).sum())
    }

    /// Where the service wants the audio of each caller whose call is up.
    #[must_use]
    pub fn audio(&self) -> Vec<SocketAddr> {
        self.desk.lines().iter().filter_map(|line| line.audio).collect()
    }
}

impl Drop for Callers {
    fn drop(&mut self) {
        self.desk.over.store(true, Ordering::Relaxed);
    }
}

impl Desk {
    fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().expect("no caller panics")
    }

    fn run(&self) {
        let mut datagram = vec![0_u8; 65_536];
        let mut looked = self.clock.now();
        while !self.over.load(Ordering::Relaxed) {
            if let Ok(length) = self.socket.recv(&mut datagram) {
                let message = String::from_utf8_lossy(&datagram[..length]);
                self.take(&message);
            }
            let now = self.clock.now();
            if now.since(looked) >= wire::PATIENCE {
                looked = now;
                self.repeat(now);
            }
        }
    }

    fn dial(&self, caller: usize, lines: &mut [Line]) {
        let Self { local, trunk, number, .. } = self;
        let line = &mut lines[caller];
        line.calls += 1;
        line.audio = None;
        let now = self.clock.now();
        line.state = State::Calling(now);
        line.dialled.push(now);
        line.names = Names {
            call_id: format!("{caller}-{}@{}", line.calls, local.ip()),
            from: format!("<sip:139{caller:08}@{}>;tag={caller}t{}", local.ip(), line.calls),
            to: format!("<sip:{number}@{}>", trunk.ip()),
            target: format!("sip:{number}@{trunk}"),
        };
        self.invite(line);
    }

    fn invite(&self, line: &Line) {
        let direction = match self.ears {
            Ears::Open => "sendrecv",
            Ears::Closed => "sendonly",
        };
        let body = wire::described(self.audio, direction);
        let invite = wire::request(("INVITE", 1), &line.names, self.local, "", &body);
        self.send(&invite);
    }

    fn repeat(&self, now: Timestamp) {
        for line in self.lines().iter_mut() {
            if let State::Calling(sent) = line.state
                && now.since(sent) > REPEAT
            {
                line.state = State::Calling(now);
                self.invite(line);
            }
        }
    }

    fn take(&self, message: &str) {
        let caller = wire::header(message, "Call-ID")
            .and_then(|id| id.split_once('-'))
            .and_then(|(caller, _)| caller.parse::<usize>().ok());
        let mut lines = self.lines();
        let Some(line) = caller.and_then(|caller| lines.get_mut(caller)) else { return };
        let is_current = wire::header(message, "Call-ID") == Some(line.names.call_id.as_str());
        match wire::status(message) {
            Some(status) if is_current => self.responded(line, status, message),
            Some(_) => {}
            None => {
                self.asked(message);
                if is_current && message.starts_with("BYE") {
                    line.state = State::Resting;
                    line.audio = None;
                    if self.then == Then::CallAgain {
                        self.dial(caller.unwrap_or_default(), &mut lines);
                    }
                }
            }
        }
    }

    fn responded(&self, line: &mut Line, status: u16, message: &str) {
        let is_invite = wire::header(message, "CSeq").is_some_and(|cseq| cseq.ends_with("INVITE"));
        match status {
            _ if !is_invite => {}
            100..200 => {
                if matches!(line.state, State::Calling(_)) {
                    line.state = State::Heard;
                }
            }
            200..300 => {
                let header = |name| wire::header(message, name).unwrap_or_default();
                header("To").clone_into(&mut line.names.to);
                let target = wire::uri(header("Contact")).unwrap_or_default();
                target.clone_into(&mut line.names.target);
                line.audio = wire::audio(message).or(line.audio);
                line.state = State::Up;
                self.send(&wire::request(("ACK", 1), &line.names, self.local, "", ""));
            }
            _ => {
                println!("a call failed: {}", message.lines().next().unwrap_or_default());
                line.failed += 1;
                line.state = State::Resting;
            }
        }
    }

    fn asked(&self, message: &str) {
        if message.starts_with("ACK") {
            return;
        }
        let body = if message.starts_with("INVITE") {
            wire::description(self.audio)
        } else {
            String::new()
        };
        self.send(&wire::response(message, "200 OK", self.local, &body));
    }

    fn send(&self, message: &str) {
        // What cannot be sent is lost, as on any network.
        let _ = self.socket.send_to(message.as_bytes(), self.trunk);
    }
}
