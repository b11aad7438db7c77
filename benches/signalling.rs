//! What signalling a queued call costs, from the carrier's INVITE to both BYEs, and at which pace
//! calls still reach an agent at once: the released service over loopback.
//!
//! `cargo bench -p hotline-benches --bench signalling -- [--rates 100,500,1000] [--seconds 10] [--hold 500]`
//!
//! Every call is answered, queued, offered to an agent who answers at once and hangs up after the hold
//! time in milliseconds; nobody sends audio. It is recorded all the same, as calls from a queue are:
//! silence. From INVITE to INVITE is from what the carrier sent to what reached the agent's phone.
//! Where the service cannot keep up, callers run out, and the calls they would have made are left out.
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
use std::thread::sleep;
use std::time::Duration;

use clock::Clock;
use hotline_benches::audio::Audio;
use hotline_benches::callers::{Callers, Pace, Then};
use hotline_benches::figures::{Spread, print_table};
use hotline_benches::peers;
use hotline_benches::phones::Phones;
use hotline_benches::process::{machine, pin_generator};
use hotline_benches::server::{HOTLINE, PASSWORD, Server, binary, wait};
use hotline_benches::words::numbers;
use model::Timestamp;

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
    let costs: Vec<Cost> = rates.iter().map(|rate| cost(*rate, (time, hold), clock)).collect();
    print(&costs);
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
    /// The share of a core that the service had.
    share: f64,
    threads: Vec<(String, f64)>,
}

fn cost(rate: u32, (time, hold): (Duration, Duration), clock: Clock) -> Cost {
    println!("{rate} calls a second for {} s …", time.as_secs());
    let busy = rate * u32::try_from(hold.as_millis()).expect("a short hold") / 1_000;
    let agents = u16::try_from(busy + SPARE).expect("fewer agents");
    let server = Server::start(agents, agents);
    let audio = Audio::open(clock);
    let login = (server.phones(), PASSWORD);
    let phones = Phones::register(agents, login, audio.agents(), Some((hold, hold)), clock);
    server.sign_in(agents);
    let trunk = (server.trunk(), HOTLINE);
    let callers = Callers::new(agents, trunk, audio.callers(), Then::Rest, clock);
    // What the first calls make is not any call's.
    callers.call_for(rate, Duration::from_secs(1));
    wait(|| callers.under_way() == 0);
    sleep(Duration::from_secs(1));
    let (threads, before, began) =
        (server.process().cpu_by_thread(), server.process().cpu(), clock.now());
    let pace = callers.call_for(rate, time);
    wait(|| callers.under_way() == 0);
    let wall = clock.now().since(began);
    // Recordings are completed after the call.
    sleep(Duration::from_secs(1));
    let spent = server.process().cpu() - before;
    let each = |spent: Duration| spent.as_secs_f64() * 1e3 / f64::from(pace.made);
    let threads = server.process().cpu_by_thread().into_iter().map(|(name, spent)| {
        let spent = spent.saturating_sub(threads.get(&name).copied().unwrap_or_default());
        (name, each(spent))
    });
    let (_, failed) = callers.up_and_failed();
    Cost {
        rate,
        pace,
        failed,
        millis: each(spent),
        offered: Spread::of(offered(&callers.dialled(), &phones.rang())),
        share: spent.as_secs_f64() / wall.as_secs_f64(),
        threads: threads.filter(|(_, millis)| *millis >= 0.005).collect(),
    }
}

/// From each INVITE of the carrier to the one at the agent's phone, in microseconds.
fn offered(dialled: &[Vec<Timestamp>], rang: &BTreeMap<String, Vec<Timestamp>>) -> Vec<u64> {
    let mut delays = Vec::new();
    for (caller, dialled) in dialled.iter().enumerate() {
        let rang = rang.get(&format!("139{caller:08}")).map_or(&[][..], Vec::as_slice);
        assert_eq!(rang.len(), dialled.len(), "every call of caller {caller} is offered once");
        delays
            .extend(dialled.iter().zip(rang).map(|(from, to)| to.since(*from).as_micros() as u64));
    }
    delays
}

fn print(costs: &[Cost]) {
    let rows: Vec<Vec<String>> = costs
        .iter()
        .map(|cost| {
            let ours = [
                cost.rate.to_string(),
                format!("{} ({}, {})", cost.pace.made, cost.failed, cost.pace.left_out),
                format!("{:.2}", cost.millis),
                format!("{:.0} %", cost.share * 100.0),
                cost.offered.to_string(),
            ];
            let peers = peers::SIGNALLING.map(|(_, figure)| figure.to_owned());
            ours.into_iter().chain(peers).collect()
        })
        .collect();
    let heading = [
        "calls a second",
        "calls (failed, left out)",
        "hotline ms",
        "of a core",
        "INVITE → INVITE",
    ];
    let heading: Vec<&str> =
        heading.into_iter().chain(peers::SIGNALLING.map(|(name, _)| name)).collect();
    let title =
        "Processor time of a queued call without audio (peers: measured earlier, elsewhere)";
    print_table(title, &heading, &rows);
    let most = peers::CALLS_A_SECOND.map(|(name, figure)| format!("{name} {figure}"));
    println!("\nThe most calls a second of one core: {}", most.join(", "));
    println!("\nProcessor time of a call by thread, in milliseconds\n");
    for cost in costs {
        let threads: Vec<_> =
            cost.threads.iter().map(|(name, spent)| format!("{name} {spent:.3}")).collect();
        println!("{:>5} a second: {}", cost.rate, threads.join(", "));
    }
}
