//! What signalling a queued call costs, from the carrier's INVITE to both BYEs, and at which pace
//! calls still reach an agent at once: the released service over loopback.
//!
//! `cargo bench -p hotline-benches --bench signalling -- [--rates 100,500,1000] [--peer-rates 50,100] [--seconds 10] [--hold 500]`
//!
//! Every call is answered, queued, offered to an agent who answers at once and hangs up after the hold
//! time in milliseconds; nobody sends audio. It is recorded all the same, as calls from a queue are:
//! silence. From INVITE to INVITE is from what the carrier sent to what reached the agent's phone.
//! Where the service cannot keep up, callers run out, and the calls they would have made are left out.
//!
//! Asterisk, where it is installed, has the same calls in the same run, at a pace it can keep, and
//! records nothing: what its call costs here tells what kind of core this is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a benchmark that goes wrong says so by panicking, and prints its figures"
)]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread::sleep;
use std::time::Duration;

use clock::Clock;
use hotline_benches::asterisk::Asterisk;
use hotline_benches::audio::Audio;
use hotline_benches::callers::{Callers, Ears, Pace, Then};
use hotline_benches::figures::{Spread, print_table};
use hotline_benches::peers;
use hotline_benches::phones::Phones;
use hotline_benches::process::{Process, machine, pin_generator};
use hotline_benches::server::{HOTLINE, PASSWORD, Server, binary, wait};
use hotline_benches::words::numbers;
use model::Timestamp;

/// Where Asterisk is.
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 77, 0, 4));

/// Agents beyond those that the pace and the hold time need.
const SPARE: u32 = 200;

fn main() {
    let rates: Vec<u32> = numbers("--rates", "100,500,1000");
    let time = Duration::from_secs(numbers::<u32>("--seconds", "10")[0].into());
    let hold = Duration::from_millis(numbers::<u32>("--hold", "500")[0].into());
    println!("the service under measurement: {}", binary().display());
    println!("{}", machine());
    pin_generator();
    let clock = Clock::start();
    let peer_rates: Vec<u32> = numbers("--peer-rates", "50,100");
    let costs: Vec<Cost> = rates.iter().map(|rate| ours(*rate, (time, hold), clock)).collect();
    let theirs: Vec<Cost> =
        peer_rates.iter().map_while(|rate| theirs(*rate, (time, hold), clock)).collect();
    print(&costs, &theirs);
}

/// What calls at one pace cost.
struct Cost {
    rate: u32,
    pace: Pace,
    failed: u32,
    /// Processor time of a call, in milliseconds.
    millis: f64,
    /// From the carrier's INVITE to the agent's, in microseconds.
    offered: Spread,
    /// Calls that were not offered once each.
    untold: usize,
    /// The share of a core that the service had.
    share: f64,
    threads: Vec<(String, f64)>,
}

fn ours(rate: u32, (time, hold): (Duration, Duration), clock: Clock) -> Cost {
    let agents = agents(rate, hold);
    let server = Server::start(agents, agents);
    let peer = Measured {
        process: server.process(),
        phones: server.phones(),
        trunk: server.trunk(),
        agents,
        sign_in: &|| server.sign_in(agents),
    };
    let cost = cost(&peer, rate, (time, hold), clock);
    assert_eq!(cost.untold, 0, "every call is offered once");
    cost
}

/// None where it is not installed.
fn theirs(rate: u32, (time, hold): (Duration, Duration), clock: Clock) -> Option<Cost> {
    let agents = agents(rate, hold);
    let server = Asterisk::start(PEER, agents)?;
    let peer = Measured {
        process: server.process(),
        phones: server.address(),
        trunk: server.address(),
        agents,
        sign_in: &|| (),
    };
    Some(cost(&peer, rate, (time, hold), clock))
}

fn agents(rate: u32, hold: Duration) -> u16 {
    let busy = rate * u32::try_from(hold.as_millis()).expect("a short hold") / 1_000;
    u16::try_from(busy + SPARE).expect("fewer agents")
}

/// Who is measured.
struct Measured<'a> {
    process: &'a Process,
    phones: SocketAddr,
    trunk: SocketAddr,
    agents: u16,
    /// Makes the agents ready whose phones are registered.
    sign_in: &'a dyn Fn(),
}

fn cost(
    server: &Measured<'_>,
    rate: u32,
    (time, hold): (Duration, Duration),
    clock: Clock,
) -> Cost {
    println!("{rate} calls a second for {} s at {} …", time.as_secs(), server.trunk);
    let audio = Audio::open(clock);
    let login = (server.phones, PASSWORD);
    let phones = Phones::register(server.agents, login, audio.agents(), Some((hold, hold)), clock);
    (server.sign_in)();
    let trunk = (server.trunk, HOTLINE);
    let callers =
        Callers::new(server.agents, trunk, audio.callers(), (Then::Rest, Ears::Open), clock);
    // What the first calls make is not any call's.
    callers.call_for(rate, Duration::from_secs(1));
    wait(|| callers.under_way() == 0);
    sleep(Duration::from_secs(1));
    let (threads, before, began) =
        (server.process.cpu_by_thread(), server.process.cpu(), clock.now());
    let pace = callers.call_for(rate, time);
    wait(|| callers.under_way() == 0);
    let wall = clock.now().since(began);
    // Recordings are completed after the call.
    sleep(Duration::from_secs(1));
    let spent = server.process.cpu() - before;
    let each = |spent: Duration| spent.as_secs_f64() * 1e3 / f64::from(pace.made);
    let threads = server.process.cpu_by_thread().into_iter().map(|(name, spent)| {
        let spent = spent.saturating_sub(threads.get(&name).copied().unwrap_or_default());
        (name, each(spent))
    });
    let (_, failed) = callers.up_and_failed();
    let dialled = callers.dialled();
    let offered = offered(&dialled, &phones.rang());
    println!("{:.2} ms a call", each(spent));
    Cost {
        rate,
        pace,
        failed,
        millis: each(spent),
        untold: dialled.iter().map(Vec::len).sum::<usize>() - offered.len(),
        offered: Spread::of(offered),
        share: spent.as_secs_f64() / wall.as_secs_f64(),
        threads: threads.filter(|(_, millis)| *millis >= 0.005).collect(),
    }
}

/// From each INVITE of the carrier to the one at the agent's phone, in microseconds. Of a caller whose
/// calls were not offered once each, nothing can be told.
fn offered(dialled: &[Vec<Timestamp>], rang: &BTreeMap<String, Vec<Timestamp>>) -> Vec<u64> {
    let mut delays = Vec::new();
    for (caller, dialled) in dialled.iter().enumerate() {
        let rang = rang.get(&format!("139{caller:08}")).map_or(&[][..], Vec::as_slice);
        if rang.len() == dialled.len() {
            let calls = dialled.iter().zip(rang);
            delays.extend(calls.map(|(from, to)| to.since(*from).as_micros() as u64));
        }
    }
    delays
}

fn print(ours: &[Cost], theirs: &[Cost]) {
    let name = if theirs.is_empty() {
        println!("not run: Asterisk (it is not installed)");
        String::new()
    } else {
        format!("{}, nothing recorded", Asterisk::version())
    };
    let ours = ours.iter().map(|cost| ("hotline", cost));
    let costs: Vec<_> = ours.chain(theirs.iter().map(|cost| (name.as_str(), cost))).collect();
    let rows: Vec<Vec<String>> = costs.iter().map(|(name, cost)| row(name, cost)).collect();
    let heading = [
        "",
        "calls a second",
        "calls (failed, left out)",
        "ms",
        "without recorder",
        "of a core",
        "INVITE → INVITE",
    ];
    print_table("Processor time of a queued call without audio", &heading, &rows);
    let earlier = |figures: &[(&str, &str)]| {
        let figures: Vec<_> =
            figures.iter().map(|(name, figure)| format!("{name} {figure}")).collect();
        figures.join(", ")
    };
    println!("\nMeasured earlier, on another machine, in ms: {}", earlier(&peers::SIGNALLING));
    println!("The most calls a second of one core: {}", earlier(&peers::CALLS_A_SECOND));
    println!("\nProcessor time of a call by thread, in milliseconds\n");
    for (name, cost) in costs {
        let threads: Vec<_> =
            cost.threads.iter().map(|(name, spent)| format!("{name} {spent:.3}")).collect();
        println!("{name}, {} a second: {}", cost.rate, threads.join(", "));
    }
}

fn row(name: &str, cost: &Cost) -> Vec<String> {
    let recorder = cost.threads.iter().filter(|(name, _)| name.starts_with("rec-"));
    let recorder: f64 = recorder.map(|(_, millis)| millis).sum();
    vec![
        name.to_owned(),
        cost.rate.to_string(),
        format!("{} ({}, {})", cost.pace.made, cost.failed, cost.pace.left_out),
        format!("{:.2}", cost.millis),
        format!("{:.2}", cost.millis - recorder),
        format!("{:.0} %", cost.share * 100.0),
        cost.offered.to_string(),
    ]
}
