//! Where messages come from and go to.

use std::net::SocketAddr;

use crate::transaction::Reliability;

/// A listener of ours, as numbered in [`super::EndpointSettings::listeners`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ListenerId(pub u16);

/// A stream connection, as numbered by the driver; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(pub u64);

/// A transport protocol.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream over TLS.
    Tls,
    /// WebSocket (RFC 7118).
    Ws,
    /// WebSocket over TLS (RFC 7118).
    Wss,
}

impl Transport {
    /// The name in a Via header field.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// The value of the `transport` parameter of a SIP URI; none for UDP, which needs none. Both
    /// kinds of WebSocket have the same (RFC 7118 §4.2).
    #[must_use]
    pub const fn in_uri(self) -> Option<&'static str> {
        match self {
            Self::Udp => None,
            Self::Tcp => Some("tcp"),
            Self::Tls => Some("tls"),
            Self::Ws | Self::Wss => Some("ws"),
        }
    }

    /// Whether messages go over connections, which may break.
    #[must_use]
    pub const fn is_connected(self) -> bool {
        !matches!(self, Self::Udp)
    }

    /// Whether the transport repeats by itself what was lost.
    #[must_use]
    pub const fn reliability(self) -> Reliability {
        if self.is_connected() { Reliability::Reliable } else { Reliability::Unreliable }
    }
}

/// Where a message came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Source {
    /// The listener it arrived at, or that opened the connection.
    pub listener: ListenerId,
    /// The protocol.
    pub transport: Transport,
    /// The connection; none for datagrams.
    pub connection: Option<ConnectionId>,
    /// The sender's address as seen from here.
    pub peer: SocketAddr,
    /// Our own address.
    pub local: SocketAddr,
}

impl Source {
    /// The way back.
    #[must_use]
    pub const fn destination(&self) -> Destination {
        Destination {
            listener: self.listener,
            transport: self.transport,
            connection: self.connection,
            peer: self.peer,
        }
    }
}

/// Where a message is to go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Destination {
    /// The listener to send from.
    pub listener: ListenerId,
    /// The protocol.
    pub transport: Transport,
    /// The connection to use while it lasts; without one, or when it is gone, the driver uses or
    /// opens one to `peer`.
    pub connection: Option<ConnectionId>,
    /// The receiver's address.
    pub peer: SocketAddr,
}

impl Destination {
    /// A datagram from `listener` to `peer`.
    #[must_use]
    pub const fn udp(listener: ListenerId, peer: SocketAddr) -> Self {
        Self { listener, transport: Transport::Udp, connection: None, peer }
    }

    /// A message over a stream from `listener` to `peer`.
    #[must_use]
    pub const fn tcp(
        listener: ListenerId,
        peer: SocketAddr,
        connection: Option<ConnectionId>,
    ) -> Self {
        Self { listener, transport: Transport::Tcp, connection, peer }
    }

    /// A message by this transport from `listener` to `peer`.
    #[must_use]
    pub const fn over(transport: Transport, listener: ListenerId, peer: SocketAddr) -> Self {
        Self { listener, transport, connection: None, peer }
    }
}
