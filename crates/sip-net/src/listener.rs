//! One listener: TCP, and UDP on the same port where it is spoken.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, UdpSocket};

use crate::settings::{Listen, Protocol, Serves};

/// How much the kernel may hold for us while we are busy: a second of a busy floor's signalling.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;
/// How often a free port is looked for that both transports can have.
const TRIES: u8 = 16;

/// An open listener.
pub(crate) struct Listener {
    pub(crate) udp: Option<UdpSocket>,
    pub(crate) tcp: TcpListener,
    /// Where it listens.
    pub(crate) bound: SocketAddr,
    /// Where others reach it.
    pub(crate) public: SocketAddr,
}

/// Why signalling cannot start.
#[derive(Debug)]
pub enum StartError {
    /// The address cannot be listened on.
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// It listens on all addresses and nobody said at which it is reached.
    NoPublicAddress {
        /// The address.
        address: SocketAddr,
    },
    /// Nobody of this kind is listened for.
    NoListener {
        /// The kind.
        serves: Serves,
    },
    /// The system gives no randomness.
    NoRandomness,
    /// The system gives no thread to keep a trace.
    Trace(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { address, error } if error.kind() == io::ErrorKind::AddrInUse => {
                write!(out, "port {address} is in use: stop what uses it or choose another port")
            }
            Self::Bind { address, error } => write!(out, "cannot listen on {address}: {error}"),
            Self::NoPublicAddress { address } => write!(
                out,
                "listening on {address}, all addresses: say at which address others reach it"
            ),
            Self::NoListener { serves } => {
                write!(out, "nothing listens for {}", format!("{serves:?}").to_lowercase())
            }
            Self::Trace(error) => write!(out, "no thread to keep a trace: {error}"),
            Self::NoRandomness => out.write_str("the system gives no random numbers"),
        }
    }
}

impl std::error::Error for StartError {}

impl Listener {
    pub(crate) async fn open(listen: &Listen) -> Result<Self, StartError> {
        let failed = |error| StartError::Bind { address: listen.address, error };
        let mut tries = TRIES;
        let (tcp, udp, bound) = loop {
            let tcp = TcpListener::bind(listen.address).await.map_err(failed)?;
            let bound = tcp.local_addr().map_err(failed)?;
            if !matches!(listen.protocol, Protocol::Plain) {
                break (tcp, None, bound);
            }
            match UdpSocket::bind(bound).await {
                Ok(udp) => break (tcp, Some(udp), bound),
                // The free port of one transport may be taken for the other.
                Err(_) if listen.address.port() == 0 && tries > 0 => tries -= 1,
                Err(error) => return Err(failed(error)),
            }
        };
        if let Some(udp) = &udp {
            // The system may grant less; it is a cushion, no need.
            let _ = socket2::SockRef::from(udp).set_recv_buffer_size(RECEIVE_BUFFER);
        }
        let public = listen.public(bound);
        let public = public.ok_or(StartError::NoPublicAddress { address: listen.address })?;
        Ok(Self { udp, tcp, bound, public })
    }
}
