//! The two sockets of a stream.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// Room for about a second of packets, should the thread be held up.
const BUFFER: usize = 64 * 1024;

/// Expedited forwarding, as voice is marked (RFC 3246, RFC 4594 §4.1).
const EXPEDITED: u32 = 0xb8;

/// A stream's sockets.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) rtp: Port,
    pub(crate) rtcp: Port,
}

/// A socket that speaks IPv4 under its plain addresses even where it is bound to `[::]`.
#[derive(Debug)]
pub(crate) struct Port {
    socket: UdpSocket,
    family: Family,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Family {
    V4,
    V6,
}

impl Port {
    /// Reads a datagram; `None` when there is none, or the last one sent was refused.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let (length, from) = self.socket.recv_from(buffer).ok()?;
        Some((length, plain(from)))
    }

    /// Sends a datagram; `false` when the system does not.
    pub(crate) fn send(&self, datagram: &[u8], target: SocketAddr) -> bool {
        self.socket.send_to(datagram, self.family.written(target)).is_ok()
    }
}

impl AsRawFd for Port {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl Family {
    const fn of(local: SocketAddr) -> Self {
        if local.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// An address as a socket of this family must be given it.
    const fn written(self, target: SocketAddr) -> SocketAddr {
        match (self, target) {
            (Self::V6, SocketAddr::V4(v4)) => {
                SocketAddr::new(IpAddr::V6(v4.ip().to_ipv6_mapped()), v4.port())
            }
            (Self::V4 | Self::V6, target) => target,
        }
    }
}

/// An address as signalling writes it: IPv4 within IPv6 is IPv4.
fn plain(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(v4) => SocketAddr::new(IpAddr::V4(v4), address.port()),
        IpAddr::V6(_) => address,
    }
}

impl Sockets {
    /// Binds RTP at `local` and RTCP at the next port.
    ///
    /// # Errors
    /// What is wrong and what to do, for a person.
    pub(crate) fn open(local: SocketAddr) -> Result<Self, String> {
        let next = local.port().checked_add(1).filter(|_| local.port() != 0);
        let Some(next) = next else {
            return Err(format!("RTP cannot use port {}: it needs the next one too", local.port()));
        };
        let rtcp = SocketAddr::new(local.ip(), next);
        Ok(Self { rtp: bind(local)?, rtcp: bind(rtcp)? })
    }
}

fn bind(local: SocketAddr) -> Result<Port, String> {
    let bound = try_bind(local).map(|socket| Port { socket, family: Family::of(local) });
    bound.map_err(|error| {
        let remedy = if error.kind() == io::ErrorKind::AddrInUse {
            "another program uses the port: stop it, or choose other RTP ports"
        } else if error.kind() == io::ErrorKind::AddrNotAvailable {
            "this machine has no such address: correct the media address"
        } else {
            "check the limit of open files, the RTP ports and the media address"
        };
        format!("{local} cannot be opened for RTP: {error}; {remedy}")
    })
}

/// Without address reuse: a port that another program has must be reported, not shared.
fn try_bind(local: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // Both are wishes: calls work without them.
    let _ = socket.set_recv_buffer_size(BUFFER);
    if local.is_ipv4() {
        let _ = SockRef::from(&socket).set_tos_v4(EXPEDITED);
    }
    socket.bind(&local.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4_within_ipv6_is_ipv4_to_us_and_what_the_socket_needs_to_the_system() {
        let v4: SocketAddr = "192.0.2.1:4000".parse().unwrap();
        let mapped: SocketAddr = "[::ffff:192.0.2.1]:4000".parse().unwrap();
        let v6: SocketAddr = "[2001:db8::1]:4000".parse().unwrap();
        assert_eq!((plain(mapped), plain(v4), plain(v6)), (v4, v4, v6));
        assert_eq!((Family::V6.written(v4), Family::V6.written(v6)), (mapped, v6));
        assert_eq!(Family::V4.written(v4), v4);
    }

    #[test]
    fn a_port_without_a_next_one_is_refused() {
        let error = Sockets::open(([127, 0, 0, 1], 65_535).into()).unwrap_err();
        assert!(error.contains("needs the next one too"), "{error}");
    }
}
