//! Ports that nobody uses.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Where audio ports are looked for: below the ports that systems hand out by themselves.
const AUDIO: std::ops::Range<u16> = 10_000..20_000;

/// A port that is free for datagrams and connections, and the one above it too: some phones take
/// that for TLS without asking.
pub(crate) fn free_port() -> u16 {
    let is_free = |port: u16| {
        UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
            && TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
    };
    for _ in 0..200 {
        let port = TcpListener::bind((HERE, 0)).unwrap().local_addr().unwrap().port();
        if port < u16::MAX && is_free(port) && is_free(port + 1) {
            return port;
        }
    }
    panic!("no free port on this machine");
}

/// So many ports in a row, the first of them even.
pub(crate) fn free_ports(count: u16) -> (u16, u16) {
    // Where the search begins differs from process to process, so that two seldom meet.
    let room = (AUDIO.end - AUDIO.start) / count;
    let first = std::process::id() as u16 % room;
    (0..room)
        .map(|turn| AUDIO.start + (first + turn) % room * count)
        .find(|first| (*first..*first + count).all(|port| UdpSocket::bind((HERE, port)).is_ok()))
        .map(|first| (first, first + count - 1))
        .expect("there is a row of free ports")
}
