//! The bare relay that calls are compared with: one port a leg, one thread, epoll, read and
//! send, the SSRC rewritten; no calls, no rules, no recording. What it costs is what the
//! kernel takes.

use std::io;
use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

/// Where legs have their ports.
pub const FIRST_PORT: u16 = 40_000;

/// The port of a leg.
#[must_use]
pub const fn port(leg: u16) -> u16 {
    FIRST_PORT + leg * 2
}

/// Relays between each even leg and the odd one after it, for ever.
///
/// # Errors
/// When a socket or epoll fails.
pub fn relay(local: IpAddr, legs: u16) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut sockets = Vec::new();
    for leg in 0..legs {
        let mut socket = UdpSocket::bind(SocketAddr::new(local, port(leg)))?;
        poll.registry().register(&mut socket, Token(usize::from(leg)), Interest::READABLE)?;
        sockets.push(socket);
    }
    let mut far_sides: Vec<Option<SocketAddr>> = vec![None; usize::from(legs)];
    let mut events = Events::with_capacity(256);
    let mut packet = [0_u8; 2_048];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            let Token(leg) = event.token();
            // Edges are told once: whatever is there is read, and a last read finds nothing.
            while let Ok((length, far_side)) = sockets[leg].recv_from(&mut packet) {
                far_sides[leg] = Some(far_side);
                if let Some(to) = far_sides[leg ^ 1] {
                    packet[8..12].copy_from_slice(&(leg as u32).to_be_bytes());
                    let _ = sockets[leg ^ 1].send_to(&packet[..length], to);
                }
            }
        }
    }
}
