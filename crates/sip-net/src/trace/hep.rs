//! Messages for a capture server such as Homer: the Extensible Encapsulation Protocol, HEP version 3.
//!
//! A packet is `HEP3`, its whole length in two octets, and chunks: vendor 0, a type, the chunk's
//! length with these six octets, and its value; numbers are big-endian.
//!
//! | type | chunk |
//! |---|---|
//! | 1, 2 | family of addresses (2 or 10), number of the transport (6 or 17) |
//! | 3 and 4, or 5 and 6 | from and to, IPv4 or IPv6 |
//! | 7, 8 | ports from and to |
//! | 9, 10 | seconds since 1970, and microseconds beside them |
//! | 11 | what is encapsulated: 1 is SIP |
//! | 12 | who captures |
//! | 14 | what the server knows us by, where it asks for it |
//! | 15 | the message |
//! | 17 | what belongs together: the Call-ID |

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use model::Timestamp;
use sip::endpoint::Transport;

use super::outlet::{Sink, Told};
use super::{Way, head, masked};
use crate::counters::{Counted, Counters};
use crate::settings::Capture;

/// IPv4 and IPv6 as the chunk of the family names them.
const INET: u8 = 2;
const INET6: u8 = 10;
/// TCP and UDP by their protocol numbers.
const TCP: u8 = 6;
const UDP: u8 = 17;
/// What is encapsulated is SIP.
const SIP: u8 = 1;

/// One message to be encapsulated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) at: Timestamp,
    /// Who captures.
    pub(crate) agent: u32,
    /// What the server knows us by.
    pub(crate) key: Option<&'a str>,
    pub(crate) call_id: &'a [u8],
    pub(crate) message: &'a [u8],
}

/// A packet of more octets than its length can say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TooLong;

/// The packet's octets.
pub(crate) fn encode(packet: &Packet<'_>) -> Result<Vec<u8>, TooLong> {
    let mut out = Chunks(Vec::with_capacity(192 + packet.message.len()));
    out.0.extend_from_slice(b"HEP3\0\0");
    let is_udp = packet.transport == Transport::Udp;
    match (packet.from.ip().to_canonical(), packet.to.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            out.put(1, &[INET])?;
            out.put(2, &[if is_udp { UDP } else { TCP }])?;
            out.put(3, &from.octets())?;
            out.put(4, &to.octets())?;
        }
        (from, to) => {
            out.put(1, &[INET6])?;
            out.put(2, &[if is_udp { UDP } else { TCP }])?;
            out.put(5, &in_ipv6(from).octets())?;
            out.put(6, &in_ipv6(to).octets())?;
        }
    }
    out.put(7, &packet.from.port().to_be_bytes())?;
    out.put(8, &packet.to.port().to_be_bytes())?;
    let seconds = packet.at.as_secs();
    let micros = packet.at.as_micros() - seconds * 1_000_000;
    out.put(9, &u32::try_from(seconds).unwrap_or(u32::MAX).to_be_bytes())?;
    out.put(10, &u32::try_from(micros).unwrap_or(u32::MAX).to_be_bytes())?;
    out.put(11, &[SIP])?;
    out.put(12, &packet.agent.to_be_bytes())?;
    if let Some(key) = packet.key {
        out.put(14, key.as_bytes())?;
    }
    out.put(15, packet.message)?;
    out.put(17, packet.call_id)?;
    out.finish()
}

const fn in_ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// A packet being written.
struct Chunks(Vec<u8>);

impl Chunks {
    fn put(&mut self, kind: u16, value: &[u8]) -> Result<(), TooLong> {
        let length = u16::try_from(value.len() + 6).map_err(|_| TooLong)?;
        self.0.extend_from_slice(&[0, 0]);
        self.0.extend_from_slice(&kind.to_be_bytes());
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(value);
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u8>, TooLong> {
        let length = u16::try_from(self.0.len()).map_err(|_| TooLong)?;
        if let Some(place) = self.0.get_mut(4..6) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        Ok(self.0)
    }
}

/// Sends messages to a capture server, and waits for nothing: what cannot be sent is counted.
pub(crate) struct Exporter {
    capture: Capture,
    counters: Arc<Counters>,
    socket: Option<UdpSocket>,
}

impl Exporter {
    pub(crate) const fn new(capture: Capture, counters: Arc<Counters>) -> Self {
        Self { capture, counters, socket: None }
    }

    fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => connected(self.capture.server)?,
        };
        // That nobody listens is told of the packet before; the socket is as good as ever.
        let sent = socket.send(octets);
        self.socket = Some(socket);
        sent.map(drop)
    }
}

impl Sink for Exporter {
    fn take(&mut self, told: &Told) {
        let Told::Said(_, said) = told else { return };
        let message = masked::masked(&said.bytes);
        let (from, to) = match said.way {
            Way::Received => (said.peer, said.local),
            Way::Sent => (said.local, said.peer),
        };
        let packet = Packet {
            from,
            to,
            transport: said.transport,
            at: said.at,
            agent: self.capture.id,
            key: self.capture.key.as_deref(),
            call_id: head(&said.bytes).map(|head| head.call_id).unwrap_or_default(),
            message: &message,
        };
        let sent = encode(&packet).map_err(|TooLong| io::ErrorKind::FileTooLarge.into());
        let sent = sent.and_then(|octets| self.send(&octets));
        if let Err(error) = &sent {
            tracing::debug!(server = %self.capture.server, %error, "not sent to the capture server");
        }
        self.counters.count(if sent.is_ok() { Counted::Captured } else { Counted::Uncaptured });
    }

    fn flush(&mut self) {}
}

fn connected(server: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.set_nonblocking(true)?;
    socket.connect(server)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: Packet<'static> = Packet {
        from: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5_060),
        to: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2)), 5_080),
        transport: Transport::Udp,
        at: Timestamp::from_micros(1_700_000_000_000_007),
        agent: 2_001,
        key: None,
        call_id: b"a@b",
        message: b"BYE",
    };

    #[test]
    fn a_message_over_udp_and_ipv4_is_these_octets() {
        #[rustfmt::skip]
        let expected: &[u8] = &[
            b'H', b'E', b'P', b'3', 0, 111,
            0, 0, 0, 1, 0, 7, 2,
            0, 0, 0, 2, 0, 7, 17,
            0, 0, 0, 3, 0, 10, 192, 0, 2, 1,
            0, 0, 0, 4, 0, 10, 198, 51, 100, 2,
            0, 0, 0, 7, 0, 8, 0x13, 0xc4,
            0, 0, 0, 8, 0, 8, 0x13, 0xd8,
            0, 0, 0, 9, 0, 10, 0x65, 0x53, 0xf1, 0x00,
            0, 0, 0, 10, 0, 10, 0, 0, 0, 7,
            0, 0, 0, 11, 0, 7, 1,
            0, 0, 0, 12, 0, 10, 0, 0, 0x07, 0xd1,
            0, 0, 0, 15, 0, 9, b'B', b'Y', b'E',
            0, 0, 0, 17, 0, 9, b'a', b'@', b'b',
        ];
        let octets = encode(&PACKET).unwrap();
        assert_eq!(octets, expected);
        assert_eq!(usize::from(octets[5]), octets.len());
    }

    #[test]
    fn a_message_over_tls_and_ipv6_with_a_key_is_these_octets() {
        let packet = Packet {
            from: "[2001:db8::1]:5061".parse().unwrap(),
            to: "[2001:db8::2]:5061".parse().unwrap(),
            transport: Transport::Tls,
            key: Some("myHep"),
            ..PACKET
        };
        #[rustfmt::skip]
        let expected: &[u8] = &[
            b'H', b'E', b'P', b'3', 0, 146,
            0, 0, 0, 1, 0, 7, 10,
            0, 0, 0, 2, 0, 7, 6,
            0, 0, 0, 5, 0, 22, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
            0, 0, 0, 6, 0, 22, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
            0, 0, 0, 7, 0, 8, 0x13, 0xc5,
            0, 0, 0, 8, 0, 8, 0x13, 0xc5,
            0, 0, 0, 9, 0, 10, 0x65, 0x53, 0xf1, 0x00,
            0, 0, 0, 10, 0, 10, 0, 0, 0, 7,
            0, 0, 0, 11, 0, 7, 1,
            0, 0, 0, 12, 0, 10, 0, 0, 0x07, 0xd1,
            0, 0, 0, 14, 0, 11, b'm', b'y', b'H', b'e', b'p',
            0, 0, 0, 15, 0, 9, b'B', b'Y', b'E',
            0, 0, 0, 17, 0, 9, b'a', b'@', b'b',
        ];
        assert_eq!(encode(&packet).unwrap(), expected);
    }

    #[test]
    fn addresses_of_two_families_are_told_in_ipv6_and_mapped_ones_in_ipv4() {
        let mixed = Packet { to: "[2001:db8::2]:5061".parse().unwrap(), ..PACKET };
        assert_eq!(encode(&mixed).unwrap()[12], INET6);
        let mapped = Packet { to: "[::ffff:198.51.100.2]:5080".parse().unwrap(), ..PACKET };
        assert_eq!(encode(&mapped), encode(&PACKET));
    }

    #[test]
    fn what_no_length_can_say_is_refused() {
        let message = vec![b'x'; 65_535];
        assert_eq!(encode(&Packet { message: &message, ..PACKET }), Err(TooLong));
        let message = vec![b'x'; 65_500];
        assert_eq!(encode(&Packet { message: &message, ..PACKET }), Err(TooLong));
    }
}
