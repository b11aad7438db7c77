//! Odd, broken and mutated messages against the live service: it stays up, small, and at work.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use crate::house::{Answers, Baresip, Over, Plan, SOON, Server, root, wait_until};

/// How many mutated datagrams.
const MUTATIONS: usize = 10_000;

/// Datagrams sent before the service is given a moment to read them.
const BURST: usize = 20;

/// How much memory the mutations may cost, in kibibytes: what a full house of transactions, calls
/// and caches holds, and far less than one octet kept of each message would cost in a day.
const GROWTH: u64 = 48 << 10;

#[test]
fn hostile_messages_do_no_harm_and_the_next_call_is_served() {
    let server = Server::start(Plan::default());
    let messages = messages();
    let listeners = [server.phones(), server.trunk()];
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for listener in listeners {
        for message in &messages {
            send(&socket, message, listener);
            over_a_stream(message, listener);
        }
        wait_until("the service is well", SOON, || server.is_healthy());
    }

    let before = server.resident_kib();
    let mut chance = Chance(0x00c0_ffee);
    for turn in 0..MUTATIONS {
        let mutated = mutated(&messages, &mut chance);
        send(&socket, &mutated, listeners[turn % 2]);
        if turn % 50 == 0 {
            over_a_stream(&mutated, listeners[turn / 50 % 2]);
        }
        if turn % BURST == 0 {
            std::thread::sleep(Duration::from_millis(4));
        }
    }
    wait_until("the service is well", SOON, || server.is_healthy());
    let grown = server.resident_kib().saturating_sub(before);
    assert!(grown <= GROWTH, "the service grew by {grown} KiB");
    let said = server.said();
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(server.status().repairs, 0);

    the_next_call_is_served(&server);
}

fn the_next_call_is_served(server: &Server) {
    // Some of the messages are calls, whose callers never acknowledge an answer: 32 s (RFC 3261
    // §13.3.1.4).
    wait_until("the last of these calls is over", SOON * 4, || server.status().calls.is_empty());
    let before = server.status().queues[0].entered;
    let agent = Baresip::agent("1001", server.phones(), (Over::Udp, Answers::AtOnce), 1_000);
    server.sign_in(1001);
    let caller = Baresip::caller("13900139000", server.trunk(), 600);
    caller.dials("4008001234");
    agent.expects("CALL_ESTABLISHED");
    wait_until("the agent hears the caller", SOON, || rtp::heard(&agent.heard(), 600.0).is_some());
    caller.hangs_up();
    agent.expects("CALL_CLOSED");
    assert!(server.status().queues[0].entered > before);
}

/// Our own corpus, and the RFCs' messages where they are at hand.
fn messages() -> Vec<Vec<u8>> {
    let mut messages = read(&root().join("crates/sip/tests/corpus"), &["sip"]);
    assert!(messages.len() > 40, "the corpus is there");
    let elsewhere = env::var_os("HOTLINE_RFC_CORPUS").map(PathBuf::from);
    let folder = elsewhere.unwrap_or_else(|| root().join("../shared/reference"));
    for rfc in ["rfc4475", "rfc5118"] {
        let found = read(&folder.join(rfc), &["dat", "sip", "txt", "msg"]);
        if found.is_empty() {
            eprintln!("not run: the messages of {rfc} are not in {}", folder.display());
        }
        messages.extend(found);
    }
    messages
}

fn read(folder: &Path, endings: &[&str]) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let wanted = |path: &PathBuf| {
        path.extension().is_some_and(|ending| endings.iter().any(|it| ending == *it))
    };
    files.into_iter().filter(wanted).map(|path| fs::read(path).unwrap()).collect()
}

fn send(socket: &UdpSocket, message: &[u8], to: SocketAddr) {
    // What is longer than a datagram cannot arrive as one.
    let _ = socket.send_to(&message[..message.len().min(65_000)], to);
}

/// A connection of its own that is closed at once, whatever the service has to say.
fn over_a_stream(message: &[u8], to: SocketAddr) {
    let mut stream = TcpStream::connect(to).expect("the service takes connections");
    let _ = stream.write_all(message);
}

/// Takes a message and breaks it in one to eight places.
fn mutated(messages: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut message = messages[chance.below(messages.len())].clone();
    for _ in 0..=chance.below(8) {
        if message.is_empty() {
            break;
        }
        let at = chance.below(message.len());
        match chance.below(6) {
            0 => message[at] = chance.next() as u8,
            1 => message.truncate(at),
            2 => message.insert(at, b"\r\n:;,<>\"@\0\xff"[chance.below(11)]),
            3 => drop(message.remove(at)),
            4 => {
                let end = (at + chance.below(64)).min(message.len());
                let piece = message[at..end].to_vec();
                message.extend(piece);
            }
            _ => {
                let other = &messages[chance.below(messages.len())];
                message.truncate(at);
                message.extend(&other[chance.below(other.len().max(1)).min(other.len())..]);
            }
        }
    }
    message
}

/// xorshift64: the same mutations in every run.
struct Chance(u64);

impl Chance {
    const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
