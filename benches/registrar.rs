//! What a registration costs: the released service beside Kamailio, as ever more phones register.
//!
//! `cargo bench -p hotline-benches --bench registrar -- [--bindings 10000,50000,100000] [--refreshes 10000]`
//!
//! One registration is both round trips of digest (RFC 3261 §22): the request, its challenge, the
//! request with credentials, its 200. Sixteen are under way at a time. At each size as many
//! bindings are made, then so many are refreshed; what keeping them alive costs (OPTIONS every half
//! minute) is measured while nothing else happens, and told apart.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a benchmark that goes wrong says so by panicking, and prints its figures"
)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread::sleep;
use std::time::Duration;

use clock::Clock;
use hotline_benches::figures::print_table;
use hotline_benches::kamailio::Kamailio;
use hotline_benches::process::{Process, machine, pin_generator};
use hotline_benches::registering::Registering;
use hotline_benches::server::{Server, binary};
use hotline_benches::words::numbers;

/// Bindings of one phone.
const DEVICES: u32 = 5;
/// How long keeping alive is measured.
const QUIET: Duration = Duration::from_secs(10);
/// Where Kamailio is.
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 77, 0, 4));

/// What the peers took on such a machine, in microseconds (digest, both round trips), and the bar.
const PEERS: [(&str, &str); 3] = [("bar", "50"), ("rustpbx", "132"), ("Asterisk", "255")];

fn main() {
    let sizes: Vec<u32> = numbers("--bindings", "10000,50000,100000");
    let refreshes = numbers::<u32>("--refreshes", "10000")[0];
    println!("the service under measurement: {}", binary().display());
    println!("{}", machine());
    pin_generator();
    let clock = Clock::start();
    let most = sizes.iter().copied().max().expect("a size");
    let server = Server::registrar(most.div_ceil(DEVICES));
    let ours = series(server.process(), server.phones(), (&sizes, refreshes), clock);
    drop(server);
    let theirs = Kamailio::start(PEER)
        .map(|peer| series(peer.process(), peer.address(), (&sizes, refreshes), clock));
    print(&ours, theirs.as_deref());
}

/// What one size costs.
struct Cost {
    bindings: u32,
    /// Processor time of one refresh, both round trips, in microseconds.
    micros: f64,
    /// Registrations a second of time on the wall.
    a_second: f64,
    /// Resident memory a binding, in octets; none where what the server took at its start hides it.
    octets: Option<f64>,
    /// The share of a core that keeping them takes.
    idle: f64,
}

fn series(
    process: &Process,
    server: SocketAddr,
    (sizes, refreshes): (&[u32], u32),
    clock: Clock,
) -> Vec<Cost> {
    let mut phones = Registering::open(server, DEVICES, clock);
    let empty = process.resident_of_all_kib();
    sizes
        .iter()
        .map(|size| {
            println!("{size} bindings at {server} …");
            phones.register_up_to(*size);
            let grown = process.resident_of_all_kib().checked_sub(empty).filter(|kib| *kib > 0);
            let octets = grown.map(|kib| kib as f64 * 1_024.0 / f64::from(*size));
            let idle = share_of_core(process, || phones.answer_for(QUIET), clock);
            let (before, began) = (process.cpu_of_all(), clock.now());
            phones.refresh(refreshes);
            let wall = clock.now().since(began).as_secs_f64();
            let spent = (process.cpu_of_all() - before).as_secs_f64() - idle * wall;
            Cost {
                bindings: *size,
                micros: spent * 1e6 / f64::from(refreshes),
                a_second: f64::from(refreshes) / wall,
                octets,
                idle,
            }
        })
        .collect()
}

fn share_of_core(process: &Process, meanwhile: impl FnOnce(), clock: Clock) -> f64 {
    // What was just begun is over first.
    sleep(Duration::from_millis(200));
    let (before, began) = (process.cpu_of_all(), clock.now());
    meanwhile();
    (process.cpu_of_all() - before).as_secs_f64() / clock.now().since(began).as_secs_f64()
}

fn print(ours: &[Cost], theirs: Option<&[Cost]>) {
    if theirs.is_none() {
        println!("not run: Kamailio (it is not installed)");
    }
    let rows: Vec<Vec<String>> = ours
        .iter()
        .enumerate()
        .map(|(place, cost)| {
            let peer = theirs.and_then(|theirs| theirs.get(place));
            let told = |of: fn(&Cost) -> String| peer.map_or_else(|| "–".to_owned(), of);
            let micros = |cost: &Cost| format!("{:.1}", cost.micros);
            let octets = |cost: &Cost| {
                cost.octets.map_or_else(|| "–".to_owned(), |octets| format!("{octets:.0}"))
            };
            [
                cost.bindings.to_string(),
                micros(cost),
                told(micros),
                format!("{:.0}", cost.a_second),
                octets(cost),
                told(octets),
                format!("{:.1} %", cost.idle * 100.0),
            ]
            .into_iter()
            .chain(PEERS.map(|(_, figure)| figure.to_owned()))
            .collect()
        })
        .collect();
    let heading = [
        "bindings",
        "hotline µs",
        "Kamailio µs",
        "hotline a second",
        "hotline octets",
        "Kamailio octets",
        "kept alive",
    ];
    let heading: Vec<_> = heading.into_iter().chain(PEERS.map(|(name, _)| name)).collect();
    print_table(
        "Processor time of a registration (both round trips), memory a binding, and the core's share that keeping all alive takes",
        &heading,
        &rows,
    );
}
