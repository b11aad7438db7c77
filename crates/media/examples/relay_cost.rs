//! What relaying costs: processor time of the media threads for each packet, over loopback.
//!
//! `cargo run --release -p media --example relay_cost -- [CALLS] [SECONDS] [WAKE_EVERY_MS]`
//!
//! Each call is two legs at 50 packets a second, joined and captured. The generator is not counted.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{sleep, spawn};
use std::time::Duration;

use clock::Clock;
use media::{Media, MediaSettings, PromptLibrary};
use model::{AudioFrame, CallId, CodecChoice, Epoch, LegId, MediaDescription, RecordingId};
use rtp::{ALAW_SILENCE, FRAME, Header};
use switchboard::ports::{Capture, Full, Inbox, Input, MediaCommand};

const FIRST_PORT: u16 = 42_000;
const FRAMES_A_SECOND: u64 = 50;

struct Nowhere;

impl Inbox for Nowhere {
    fn put(&self, _: Input) -> Result<(), Full> {
        Ok(())
    }
}

impl Capture for Nowhere {
    fn put(&mut self, _: &AudioFrame) -> bool {
        true
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number =
        |default: u64| arguments.next().map_or(Ok(default), |argument| argument.parse::<u64>());
    let (calls, seconds, wake_every) = (number(100)?, number(10)?, number(0)?);
    let wake_every = Duration::from_millis(wake_every);
    let settings = MediaSettings { threads: 1, wake_every, ..MediaSettings::default() };
    let phones = UdpSocket::bind("127.0.0.1:0")?;
    socket2::SockRef::from(&phones).set_recv_buffer_size(8 * 1024 * 1024)?;
    let clock = Clock::start();
    let captures: Vec<Box<dyn Capture>> = vec![Box::new(Nowhere)];
    let media =
        Media::start(settings, PromptLibrary::default(), Arc::new(Nowhere), captures, clock)?;
    let legs = open_calls(&media, u32::try_from(calls)?, phones.local_addr()?);
    sleep(Duration::from_millis(500));

    let heard = Arc::new(AtomicU64::new(0));
    count_heard(phones.try_clone()?, Arc::clone(&heard));
    let (before, began) = (media_nanos()?, clock.now());
    let sent = talk(&phones, &legs, seconds * FRAMES_A_SECOND, clock);
    let (cost, took) = (media_nanos()? - before, clock.now().since(began));
    sleep(Duration::from_millis(200));

    let counters = media.counters();
    let heard = heard.load(Ordering::Relaxed);
    let micros = u128::from(cost) / 1_000;
    println!("calls {calls}, packets sent {sent}, heard {heard}, captured {}", counters.captured);
    println!("µs a packet {:.2}", cost_each(micros, heard));
    println!("CPU-s a call-minute {:.4}", cost_each(micros, sent) * 6_000.0 / 1e6);
    println!("share of a core {:.1} %", 100.0 * cost_each(micros, 1) / 1e6 / took.as_secs_f64());
    Ok(())
}

fn open_calls(media: &Media, calls: u32, phones: SocketAddr) -> Vec<SocketAddr> {
    let mut legs = Vec::new();
    let leg = |number| LegId::new(Epoch::new(1), number);
    let mut remote = MediaDescription::ours(phones);
    remote.codecs = vec![CodecChoice::PCMA];
    for (number, port) in (0..calls * 2).zip((FIRST_PORT..).step_by(2)) {
        let local = SocketAddr::from(([127, 0, 0, 1], port));
        media.command(leg(number), MediaCommand::Open { local, remote: Some(remote.clone()) });
        legs.push(local);
        if number % 2 == 1 {
            media.command(leg(number), MediaCommand::Join(leg(number - 1)));
            let recording = RecordingId { call: CallId::new(Epoch::new(1), number), part: 1 };
            let right = leg(number - 1);
            media.command(leg(number), MediaCommand::Record { recording, right });
        }
        if number % 500 == 499 {
            sleep(Duration::from_millis(50));
        }
    }
    legs
}

/// Sends on every leg, spread evenly over each 20 ms; gives back how many packets.
fn talk(phones: &UdpSocket, legs: &[SocketAddr], frames: u64, clock: Clock) -> u64 {
    let began = clock.now();
    let mut sent = 0;
    let mut packet = [0; 12 + FRAME];
    let mut header = Header { marker: false, payload_type: 8, sequence: 0, timestamp: 0, ssrc: 0 };
    for frame in 0..frames {
        for (at, leg) in (0_u32..).zip(legs) {
            let share = Duration::from_millis(20) * at / u32::try_from(legs.len()).unwrap_or(1);
            let due = began + Duration::from_millis(frame * 20) + share;
            let ahead = due.since(clock.now());
            if ahead > Duration::from_micros(300) {
                sleep(ahead);
            }
            header.ssrc = at;
            if let Some(packet) = header.write(&[ALAW_SILENCE; FRAME], &mut packet) {
                sent += u64::from(phones.send_to(packet, leg).is_ok());
            }
        }
        header.sequence = header.sequence.wrapping_add(1);
        header.timestamp = header.timestamp.wrapping_add(160);
    }
    sent
}

fn count_heard(phones: UdpSocket, heard: Arc<AtomicU64>) {
    spawn(move || {
        let mut buffer = [0; 2_048];
        while phones.recv(&mut buffer).is_ok() {
            heard.fetch_add(1, Ordering::Relaxed);
        }
    });
}

/// Processor time of all media threads so far, in nanoseconds.
fn media_nanos() -> Result<u64, Box<dyn Error>> {
    let mut threads = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task")? {
        let path = task?.path();
        if fs::read_to_string(path.join("comm"))?.starts_with("media-") {
            let schedule = fs::read_to_string(path.join("schedstat"))?;
            let spent = schedule.split_whitespace().next().unwrap_or("0").parse::<u64>()?;
            threads.insert(path, spent);
        }
    }
    Ok(threads.values().sum())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn cost_each(micros: u128, count: u64) -> f64 {
    micros as f64 / count.max(1) as f64
}
