//! The two sockets of a stream.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// Room for about a second of packets, should the thread be held up.
const BUFFER: usize = 64 * 1024;

/// Expedited forwarding, as voice is marked (RFC 3246, RFC 4594 §4.1).
const EXPEDITED: u32 = 0xb8;

/// A stream's sockets.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
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

fn bind(local: SocketAddr) -> Result<UdpSocket, String> {
    try_bind(local).map_err(|error| {
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
