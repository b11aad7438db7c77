//! Ports that nobody uses, below those that systems hand out by themselves.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;
use std::sync::Mutex;

/// Where ports for signalling and HTTP are looked for.
const SINGLE: Range<u16> = 22_000..32_000;

/// Where rows of ports for audio are looked for.
const ROWS: Range<u16> = 6_000..22_000;

/// Where the next search begins: no port is given twice in one process.
static NEXT: Mutex<Option<[u16; 2]>> = Mutex::new(None);

/// A port that is free for datagrams and connections, and the one above it too: some phones take
/// that for TLS without asking.
pub(crate) fn free_port() -> u16 {
    next(0, &SINGLE, 2)
}

/// So many ports in a row, the first of them even.
pub(crate) fn free_ports(count: u16) -> (u16, u16) {
    let first = next(1, &ROWS, count.next_multiple_of(2));
    (first, first + count - 1)
}

/// The first of so many free ports in a row.
fn next(kind: usize, range: &Range<u16>, count: u16) -> u16 {
    let range = &share(range);
    let mut places = NEXT.lock().unwrap();
    let places = places.get_or_insert_with(beginnings);
    let room = range.end - range.start;
    for _ in 0..room / count {
        let first = range.start + places[kind] % room / 2 * 2;
        places[kind] = (places[kind] + count) % room;
        if first + count <= range.end && (first..first + count).all(is_free) {
            return first;
        }
    }
    panic!("there are not {count} free ports in a row in {range:?}");
}

/// How many tests run at once at most; `.config/nextest.toml` says so too.
const AT_ONCE: u16 = 2;

/// The part of a range that this process may use. A port may be free for a while after it was given
/// away (audio opens its ports call by call), so looking is not enough: tests that run at once look
/// in different parts.
fn share(range: &Range<u16>) -> Range<u16> {
    let slot = std::env::var("NEXTEST_TEST_GROUP_SLOT").ok().and_then(|slot| slot.parse().ok());
    let Some(slot) = slot.map(|slot: u16| slot % AT_ONCE) else { return range.clone() };
    let width = (range.end - range.start) / AT_ONCE / 2 * 2;
    let start = range.start + slot * width;
    start..start + width
}

/// Processes begin at different places, so that two that run at once do not meet.
fn beginnings() -> [u16; 2] {
    let spread = |step: u32, range: &Range<u16>| {
        let range = share(range);
        (std::process::id().wrapping_mul(step) % u32::from(range.end - range.start)) as u16
    };
    [spread(14, &SINGLE), spread(514, &ROWS)]
}

fn is_free(port: u16) -> bool {
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
        && TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}
