//! Stream connections: each has a task of its own that cuts messages out and writes what is queued.
//!
//! A connection ends when the other side ends it, when it is too slow (a message half sent, or
//! ours not taken), silent for too long, or carries what is no SIP. All that waits for it is bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clock::Clock;
use rustls::pki_types::ServerName;
use sip::endpoint::{ConnectionId, Destination, ListenerId, Transport};
use sip::{Message, ParseError};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::channel::{self, Channel, Unopened};
use crate::counters::Counted;
use crate::guard::source_of;
use crate::line::Line;
use crate::outbox::{Outbox, Room, outbox};
use crate::settings::{ConnectionLimits, Protocol, Settings};
use crate::tls::{self, Expected, TlsClient};

/// What a stranger may leave unread, in octets: the answers to what comes before they have proven
/// anything.
const OF_A_STRANGER: usize = 64 * 1_024;
/// One in so many of all connections is kept for those that we open.
const KEPT: usize = 10;
/// Pause after the system could not accept a connection: it may be out of files for a while.
const BREATH: Duration = Duration::from_millis(100);

/// What comes from streams.
pub(crate) enum Arrival {
    /// Somebody connects.
    Accepted { listener: ListenerId, stream: TcpStream, peer: SocketAddr },
    /// A message.
    Message { connection: ConnectionId, message: Box<Message> },
    /// What is none.
    Malformed { connection: ConnectionId, error: ParseError },
    /// Whoever connected breaks the rules before the first message; the reason is counted.
    Offended { connection: ConnectionId, why: Counted },
    /// The connection is over; the reason is counted, where there is one.
    Closed { connection: ConnectionId, why: Option<Counted> },
}

/// All connections.
pub(crate) struct Connections {
    limits: ConnectionLimits,
    /// What each listener speaks.
    protocols: Vec<Protocol>,
    tls_client: Option<TlsClient>,
    /// Whose certificates we are to be shown where we call.
    hosts: BTreeMap<SocketAddr, Expected>,
    clock: Clock,
    arrivals: mpsc::Sender<Arrival>,
    open: BTreeMap<ConnectionId, Connection>,
    by_peer: BTreeMap<(ListenerId, SocketAddr), ConnectionId>,
    /// Those that were accepted, and how many of them strangers have.
    accepted: usize,
    per_source: BTreeMap<IpAddr, usize>,
    last: u64,
}

/// How a connection came about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// We opened it.
    Ours,
    /// A trunk or somebody who may do anything did.
    Friend,
    /// Somebody did of whom nothing is known yet.
    Stranger,
}

/// Who opens a connection.
pub(crate) struct From {
    pub(crate) peer: SocketAddr,
    pub(crate) origin: Origin,
    /// The name to be proven by a certificate, where the listener asks for one.
    pub(crate) proves: Option<ServerName<'static>>,
}

/// One connection.
pub(crate) struct Connection {
    pub(crate) listener: ListenerId,
    pub(crate) transport: Transport,
    pub(crate) peer: SocketAddr,
    outgoing: Outbox,
    task: AbortHandle,
    origin: Origin,
    /// Whether it has been of use: only then it may be silent for long.
    of_use: Arc<AtomicBool>,
    /// The destinations that were meant by it: they fail with it.
    destinations: BTreeSet<Destination>,
}

impl Connections {
    pub(crate) fn new(settings: &Settings, clock: Clock, arrivals: mpsc::Sender<Arrival>) -> Self {
        Self {
            limits: settings.connections,
            protocols: settings.listeners.iter().map(|listen| listen.protocol.clone()).collect(),
            tls_client: settings.tls_client.clone(),
            hosts: BTreeMap::new(),
            clock,
            arrivals,
            open: BTreeMap::new(),
            by_peer: BTreeMap::new(),
            accepted: 0,
            per_source: BTreeMap::new(),
            last: 0,
        }
    }

    /// The limits that were set.
    pub(crate) const fn limits(&self) -> &ConnectionLimits {
        &self.limits
    }

    /// Learns by which names the trunks are called.
    pub(crate) fn know(&mut self, hosts: BTreeMap<SocketAddr, Expected>) {
        self.hosts = hosts;
    }

    pub(crate) fn find(&self, id: ConnectionId) -> Option<&Connection> {
        self.open.get(&id)
    }

    /// The connections that came from the same source as this address.
    pub(crate) fn of(&self, address: IpAddr) -> Vec<ConnectionId> {
        let source = source_of(address);
        let is_its =
            |it: &Connection| it.origin != Origin::Ours && source_of(it.peer.ip()) == source;
        self.open.iter().filter(|(_, it)| is_its(it)).map(|(id, _)| *id).collect()
    }

    /// Whether we opened this connection.
    pub(crate) fn is_ours(&self, id: ConnectionId) -> bool {
        self.open.get(&id).is_some_and(|connection| connection.origin == Origin::Ours)
    }

    /// What is spoken over connections that this listener accepts.
    pub(crate) fn transport(&self, listener: ListenerId) -> Transport {
        let protocol = self.protocols.get(usize::from(listener.0));
        protocol.map_or(Transport::Tcp, Protocol::transport)
    }

    /// Takes an accepted connection, or closes it when there are too many.
    pub(crate) fn accept(
        &mut self,
        listener: ListenerId,
        stream: TcpStream,
        from: From,
    ) -> Result<(), Counted> {
        let From { peer, origin, proves } = from;
        let total = self.limits.total - self.limits.total / KEPT;
        let of_source = self.per_source.get(&source_of(peer.ip())).copied().unwrap_or_default();
        let is_crowd = origin == Origin::Stranger && of_source >= self.limits.per_source;
        if is_crowd || self.accepted >= total || self.open.len() >= self.limits.total {
            return Err(Counted::TooManyConnections);
        }
        let Some(protocol) = self.protocols.get(usize::from(listener.0)).cloned() else {
            return Ok(());
        };
        let transport = protocol.transport();
        self.accepted += 1;
        if origin == Origin::Stranger {
            *self.per_source.entry(source_of(peer.ip())).or_default() += 1;
        }
        let opening = channel::greet(stream, protocol, proves);
        self.begin((listener, transport), (peer, origin), opening);
        Ok(())
    }

    /// A connection has been of use: somebody has proven over it who they are.
    pub(crate) fn is_of_use(&self, id: ConnectionId) {
        if let Some(connection) = self.open.get(&id) {
            connection.of_use.store(true, Ordering::Relaxed);
        }
    }

    /// Queues octets for a connection, opening one where none is; false when they cannot be queued,
    /// and then the destination has failed.
    pub(crate) fn send(&mut self, bytes: Arc<[u8]>, destination: Destination) -> bool {
        let there = destination.connection.filter(|id| self.open.contains_key(id));
        let key = (destination.listener, destination.peer);
        let id = match there.or_else(|| self.by_peer.get(&key).copied()) {
            Some(id) => id,
            None if self.open.len() >= self.limits.total => return false,
            None => match self.call(destination) {
                Some(id) => id,
                None => return false,
            },
        };
        let Some(connection) = self.open.get_mut(&id) else { return false };
        connection.destinations.insert(destination);
        // Who does not take what it is sent is no use to anybody: there is much room.
        connection.outgoing.put(bytes)
    }

    /// Forgets a connection and stops its task; gives the destinations that fail with it.
    pub(crate) fn close(&mut self, id: ConnectionId) -> BTreeSet<Destination> {
        let Some(connection) = self.open.remove(&id) else { return BTreeSet::new() };
        connection.task.abort();
        let key = (connection.listener, connection.peer);
        if self.by_peer.get(&key) == Some(&id) {
            self.by_peer.remove(&key);
        }
        if connection.origin != Origin::Ours {
            self.accepted = self.accepted.saturating_sub(1);
        }
        let source = source_of(connection.peer.ip());
        if connection.origin == Origin::Stranger
            && let Some(count) = self.per_source.get_mut(&source)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.per_source.remove(&source);
            }
        }
        connection.destinations
    }

    /// Opens a connection; none where the other side alone can (RFC 7118 §5), or where TLS is not
    /// set up.
    fn call(&mut self, to: Destination) -> Option<ConnectionId> {
        let place = (to.listener, to.transport);
        let to_peer = (to.peer, Origin::Ours);
        let failed =
            |channel: Option<Channel>| channel.ok_or(Unopened::Left(Counted::ConnectFailed));
        match to.transport {
            Transport::Tcp => {
                let opening = channel::connect(to.peer);
                Some(self.begin(place, to_peer, async move { failed(opening.await) }))
            }
            Transport::Tls => {
                let client = self.tls_client.clone()?;
                let expected = self.hosts.get(&to.peer).cloned().unwrap_or_else(|| {
                    let name = tls::server_name(None, to.peer.ip());
                    Expected { trunk: None, name }
                });
                let opening = channel::connect_secured(to.peer, (client, expected));
                Some(self.begin(place, to_peer, async move { failed(opening.await) }))
            }
            Transport::Udp | Transport::Ws | Transport::Wss => None,
        }
    }

    fn begin(
        &mut self,
        (listener, transport): (ListenerId, Transport),
        (peer, origin): (SocketAddr, Origin),
        opening: impl Future<Output = Result<Channel, Unopened>> + Send + 'static,
    ) -> ConnectionId {
        self.last += 1;
        let id = ConnectionId(self.last);
        let of_use = Arc::new(AtomicBool::new(origin != Origin::Stranger));
        let friend = self.limits.unread;
        let room = Room { stranger: friend.min(OF_A_STRANGER), friend };
        let (outgoing, unsent) = outbox(room, Arc::clone(&of_use));
        let line = Line {
            id,
            clock: self.clock,
            limits: self.limits,
            arrivals: self.arrivals.clone(),
            pongs: outgoing.clone(),
            of_use: Arc::clone(&of_use),
        };
        let task = tokio::spawn(async move {
            let connection = line.id;
            let end = match timeout(line.limits.slowest_message, opening).await {
                Ok(Ok(channel)) => {
                    Arrival::Closed { connection, why: line.serve(channel, unsent).await }
                }
                Ok(Err(Unopened::Left(why))) => Arrival::Closed { connection, why: Some(why) },
                Ok(Err(Unopened::Offended(why))) => Arrival::Offended { connection, why },
                Err(_) => Arrival::Offended { connection, why: Counted::SlowConnection },
            };
            let _ = line.arrivals.send(end).await;
        });
        let task = task.abort_handle();
        let destinations = BTreeSet::new();
        let connection =
            Connection { listener, transport, peer, outgoing, task, origin, of_use, destinations };
        self.open.insert(id, connection);
        self.by_peer.insert((listener, peer), id);
        id
    }
}

/// Accepts connections for ever.
pub(crate) async fn accept(
    listener: ListenerId,
    tcp: TcpListener,
    arrivals: mpsc::Sender<Arrival>,
) {
    loop {
        match tcp.accept().await {
            Ok((stream, peer)) => {
                let arrival = Arrival::Accepted { listener, stream, peer };
                if arrivals.send(arrival).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Listen, Serves};

    const PHONES: ListenerId = ListenerId(0);

    /// Connections of which so many are allowed, and what they are made of.
    async fn connections(limits: ConnectionLimits) -> (Connections, TcpListener) {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listen = Listen::plain(Serves::Phones, tcp.local_addr().unwrap());
        let mut settings = Settings::new(vec![listen], "400.example.cn");
        settings.connections = limits;
        let (arrivals, _) = mpsc::channel(1);
        (Connections::new(&settings, Clock::start(), arrivals), tcp)
    }

    /// Whether a connection that seems to come from this peer is taken.
    async fn takes(
        (connections, tcp): &mut (Connections, TcpListener),
        peer: &str,
        origin: Origin,
    ) -> bool {
        let stream = TcpStream::connect(tcp.local_addr().unwrap()).await.unwrap();
        let from = From { peer: peer.parse().unwrap(), origin, proves: None };
        connections.accept(PHONES, stream, from).is_ok()
    }

    #[tokio::test]
    async fn one_customer_of_ipv6_is_one_source_and_friends_are_not_counted() {
        let limits = ConnectionLimits { per_source: 2, ..ConnectionLimits::default() };
        let mut all = connections(limits).await;
        for (peer, origin, taken) in [
            ("[2001:db8::1]:1", Origin::Stranger, true),
            ("[2001:db8::2]:1", Origin::Friend, true),
            ("[2001:db8::3]:1", Origin::Stranger, true),
            ("[2001:db8::4]:1", Origin::Stranger, false),
            ("[2001:db8:0:1::4]:1", Origin::Stranger, true),
            ("[2001:db8::5]:1", Origin::Friend, true),
        ] {
            assert_eq!(takes(&mut all, peer, origin).await, taken, "{peer}");
        }
        all.0.close(ConnectionId(2));
        assert!(!takes(&mut all, "[2001:db8::6]:1", Origin::Stranger).await);
        all.0.close(ConnectionId(1));
        assert!(takes(&mut all, "[2001:db8::6]:1", Origin::Stranger).await);
    }

    #[tokio::test]
    async fn strangers_leave_room_for_connections_of_ours() {
        let limits = ConnectionLimits { total: 10, ..ConnectionLimits::default() };
        let mut all = connections(limits).await;
        for number in 1..=9 {
            assert!(takes(&mut all, &format!("192.0.2.{number}:1"), Origin::Stranger).await);
        }
        assert!(!takes(&mut all, "192.0.2.10:1", Origin::Stranger).await);
        let peer = all.1.local_addr().unwrap();
        let there = Destination { transport: Transport::Tcp, ..Destination::udp(PHONES, peer) };
        assert!(all.0.send(b"\r\n"[..].into(), there));
    }
}
