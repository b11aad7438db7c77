//! What calls cost: the released service under queued, recorded calls over loopback.
//!
//! `cargo bench -p hotline-benches --bench calls -- [--calls 50,100] [--waiting 10,100] [--seconds 10]`
//!
//! 1. Processor time a recorded call-minute, 20 ms of A-law both ways, beside a bare relay of as many
//!    legs in the same run, and resident memory a call.
//! 2. From an agent becoming free to the INVITE at that agent's phone, while callers wait.
//!
//! Service and generator have a core each where the machine has two and `taskset` is there. Callers
//! who wait hear music, which the service sends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a benchmark that goes wrong says so by panicking, and prints its figures"
)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use clock::Clock;
use hotline_benches::audio::{Audio, Leg, Side, Talked};
use hotline_benches::callers::{Callers, Ears, Then};
use hotline_benches::figures::{Spread, print_table};
use hotline_benches::phones::{Phones, Waits};
use hotline_benches::process::{Process, machine, pin_generator};
use hotline_benches::server::{HOTLINE, PASSWORD, Server, binary, wait};
use hotline_benches::words::numbers;
use hotline_benches::{SERVICE, bare, peers};

/// Talk before anything is measured: latches close, files are opened.
const WARM_UP: Duration = Duration::from_secs(2);
/// Agents who serve those who wait.
const AGENTS: u16 = 10;
/// Music for more than so many would be most of what the core does.
const MOST_WHO_HEAR: u16 = 100;
/// The shortest and the longest talk while others wait.
const TALK: (Duration, Duration) = (Duration::from_millis(750), Duration::from_millis(2_250));

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let ["--bare-relay", legs] = words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        bare::relay(SERVICE, legs.parse().expect("a number of legs")).expect("the relay runs");
        return;
    }
    let calls: Vec<u16> = numbers("--calls", "50,100");
    let waiting: Vec<u16> = numbers("--waiting", "10,100");
    let seconds = Duration::from_secs(numbers::<u16>("--seconds", "10")[0].into());
    // A build on the generator's one core would take as long as it looks hung.
    println!("the service under measurement: {}", binary().display());
    println!("{}", machine());
    pin_generator();
    let clock = Clock::start();
    let costs: Vec<Cost> = calls.iter().map(|calls| cost(*calls, seconds, clock)).collect();
    print_costs(&costs);
    let waits: Vec<_> = waiting.iter().map(|waiting| free(*waiting, seconds * 3, clock)).collect();
    print_waits(&waits);
}

/// What so many calls cost.
struct Cost {
    calls: u16,
    service: Share,
    relay: Share,
    memory_kib: f64,
    threads: Vec<(String, f64)>,
}

/// What one program spent, and what came of the audio.
struct Share {
    call_minute: f64,
    talked: Talked,
}

fn cost(calls: u16, time: Duration, clock: Clock) -> Cost {
    println!("{calls} recorded calls for {} s …", time.as_secs());
    let server = Server::start(calls, calls);
    let mut audio = Audio::open(clock);
    let phones = Phones::register(calls, (server.phones(), PASSWORD), audio.agents(), None, clock);
    server.sign_in(calls);
    let empty = server.process().resident_kib();
    let callers = Callers::new(
        calls,
        (server.trunk(), HOTLINE),
        audio.callers(),
        (Then::Rest, Ears::Open),
        clock,
    );
    callers.call(50);
    wait(|| {
        let (up, failed) = callers.up_and_failed();
        assert_eq!(failed, 0, "a call failed");
        up == usize::from(calls) && phones.audio().len() == usize::from(calls)
    });
    let leg = |side, to: Vec<SocketAddr>| to.into_iter().map(move |to| Leg { side, to });
    let legs: Vec<Leg> =
        leg(Side::Caller, callers.audio()).chain(leg(Side::Agent, phones.audio())).collect();
    audio.talk(&legs, WARM_UP);
    let before = server.process().cpu_by_thread();
    let service = share(server.process(), &mut audio, &legs, time);
    let after = server.process().cpu_by_thread();
    let memory_kib = (server.process().resident_kib() - empty) as f64 / f64::from(calls);
    let spent = |(name, spent): (String, Duration)| {
        let spent = spent.saturating_sub(before.get(&name).copied().unwrap_or_default());
        (name, spent.as_secs_f64() / minutes(&legs, time))
    };
    let threads = after.into_iter().map(spent).filter(|(_, spent)| *spent >= 0.000_5).collect();
    drop(server);
    Cost { calls, service, relay: relay(&legs, time, clock), memory_kib, threads }
}

/// As many legs through the bare relay.
fn relay(legs: &[Leg], time: Duration, clock: Clock) -> Share {
    let own = std::env::current_exe().expect("the path of this program");
    let said = PathBuf::from("/dev/null");
    let relay = Process::start(&own, &said, |command| {
        command.args(["--bare-relay", &legs.len().to_string()]);
    });
    sleep(Duration::from_millis(500));
    let calls = legs.len() / 2;
    // Callers are the first half of the legs; the relay joins neighbours.
    let at = |at: usize| if at < calls { at * 2 } else { (at - calls) * 2 + 1 };
    let legs: Vec<Leg> = legs
        .iter()
        .enumerate()
        .map(|(number, leg)| Leg {
            to: SocketAddr::new(SERVICE, bare::port(at(number) as u16)),
            ..*leg
        })
        .collect();
    let mut audio = Audio::open(clock);
    audio.talk(&legs, WARM_UP);
    share(&relay, &mut audio, &legs, time)
}

fn share(process: &Process, audio: &mut Audio, legs: &[Leg], time: Duration) -> Share {
    let before = process.cpu();
    let talked = audio.talk(legs, time);
    let spent = process.cpu() - before;
    Share { call_minute: spent.as_secs_f64() / minutes(legs, time), talked }
}

fn minutes(legs: &[Leg], time: Duration) -> f64 {
    legs.len() as f64 / 2.0 * time.as_secs_f64() / 60.0
}

fn print_costs(costs: &[Cost]) {
    if costs.is_empty() {
        return;
    }
    let bar = peers::CALL_MINUTE_BAR;
    let rows: Vec<Vec<String>> = costs
        .iter()
        .map(|cost| {
            let (ours, bare) = (cost.service.call_minute, cost.relay.call_minute);
            let peer = |pick: fn(&peers::CallMinute) -> f64| {
                peers::at(cost.calls).map_or("–".into(), |row| format!("{:.3}", pick(&row)))
            };
            vec![
                cost.calls.to_string(),
                format!("{ours:.3}"),
                format!("{bare:.3}"),
                format!("{:.2} (bar {})", ours / bare, peers::RELAY_BAR),
                format!("{bar}"),
                peer(|row| row.asterisk),
                peer(|row| row.freeswitch),
                peer(|row| row.rtpengine),
            ]
        })
        .collect();
    print_table(
        "Processor time a recorded call-minute, in seconds (peers: measured earlier, elsewhere)",
        &["calls", "hotline", "bare relay", "ratio", "bar", "Asterisk", "FreeSWITCH", "rtpengine"],
        &rows,
    );
    let lost = |talked: &Talked| {
        let lost = talked.sent.saturating_sub(talked.heard);
        format!("{lost} of {}", talked.sent)
    };
    let rows: Vec<Vec<String>> = costs
        .iter()
        .flat_map(|cost| {
            [("hotline", &cost.service), ("bare relay", &cost.relay)].map(|(name, share)| {
                let Share { talked, .. } = share;
                vec![cost.calls.to_string(), name.into(), lost(talked), talked.delay.to_string()]
            })
        })
        .collect();
    print_table(
        "Audio end to end, with the generator's own delay (median / 99 of 100 / longest)",
        &["calls", "through", "packets lost", "delay"],
        &rows,
    );
    let (asterisk, rtpengine, bar) = peers::MEMORY;
    let mut fewer: Option<&Cost> = None;
    let rows: Vec<Vec<String>> = costs
        .iter()
        .map(|cost| {
            let ours = format!("{:.3}", cost.memory_kib / 1_024.0);
            let further = fewer.replace(cost).map_or("–".into(), |fewer| further(fewer, cost));
            let peers = [bar, asterisk, rtpengine].map(|peer| peer.to_string());
            [cost.calls.to_string(), ours, further].into_iter().chain(peers).collect()
        })
        .collect();
    let heading =
        ["calls", "hotline", "each further call", "bar", "Asterisk", "rtpengine (relay alone)"];
    print_table("Resident memory a recorded call, in megabytes", &heading, &rows);
    println!("\nProcessor time a call-minute by thread, in seconds\n");
    for cost in costs {
        let threads: Vec<_> =
            cost.threads.iter().map(|(name, spent)| format!("{name} {spent:.4}")).collect();
        println!("{:>5} calls: {}", cost.calls, threads.join(", "));
    }
}

/// Memory of each call beyond those of the row before, in megabytes: without what the first call
/// of all makes.
fn further(fewer: &Cost, more: &Cost) -> String {
    let total = |cost: &Cost| cost.memory_kib * f64::from(cost.calls) / 1_024.0;
    let calls = f64::from(more.calls) - f64::from(fewer.calls);
    format!("{:.3}", (total(more) - total(fewer)) / calls)
}

/// How long agents were free while others waited.
struct Free {
    waiting: u16,
    waits: Waits,
    logged: Vec<u64>,
}

fn free(waiting: u16, time: Duration, clock: Clock) -> Free {
    println!("{waiting} callers wait for {AGENTS} agents, for {} s …", time.as_secs());
    let ears = if waiting > MOST_WHO_HEAR { Ears::Closed } else { Ears::Open };
    let count = waiting + AGENTS;
    let server = Server::start(AGENTS, count);
    let audio = Audio::open(clock);
    let phones =
        Phones::register(AGENTS, (server.phones(), PASSWORD), audio.agents(), Some(TALK), clock);
    let callers = Callers::new(
        count,
        (server.trunk(), HOTLINE),
        audio.callers(),
        (Then::CallAgain, ears),
        clock,
    );
    server.sign_in(AGENTS);
    callers.call(200);
    sleep(Duration::from_secs(2));
    let _ = phones.take_waits();
    sleep(time);
    let waits = phones.take_waits();
    let (_, failed) = callers.up_and_failed();
    assert_eq!(failed, 0, "a call failed");
    // Nobody calls a service that stops.
    drop(callers);
    drop(phones);
    Free { waiting, waits, logged: server.stop_and_read_waits() }
}

fn print_waits(all: &[Free]) {
    if all.is_empty() {
        return;
    }
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|free| {
            let spread = |delays: &[u64]| Spread::of(delays.to_vec()).to_string();
            let peers = peers::FREE_TO_INVITE.map(|(_, figures)| format!("{figures} ms"));
            let ours = [
                free.waiting.to_string(),
                spread(&free.waits.from_bye),
                spread(&free.waits.from_response),
                spread(&free.logged),
            ];
            let [asterisk, freeswitch, bar] = peers;
            ours.into_iter().chain([bar, asterisk, freeswitch]).collect()
        })
        .collect();
    let heading = [
        "waiting",
        "BYE → INVITE at the phone",
        "200 → INVITE",
        "ready → leg created (log)",
        "bar",
        "Asterisk",
        "FreeSWITCH",
    ];
    print_table(
        "From an agent becoming free to the next INVITE (median / 99 of 100 / longest, how many)",
        &heading,
        &rows,
    );
}
