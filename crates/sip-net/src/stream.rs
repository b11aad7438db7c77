//! Stream connections: each has a task of its own that cuts messages out and writes what is queued.
//!
//! A connection ends when the other side ends it, when it is too slow (a message half sent, or
//! ours not taken), silent for too long, or carries what is no SIP. All that waits for it is bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use model::Timestamp;
use sip::endpoint::{ConnectionId, Destination, ListenerId, Transport};
use sip::{Frame, Framer, Limits, Message, ParseError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as WebSocketMessage;

use crate::channel::{self, Channel, Octets};
use crate::counters::Counted;
use crate::settings::{ConnectionLimits, Protocol, Settings};
use crate::tls::{self, TlsClient};

/// Messages that may wait to be written to one connection.
const QUEUED: usize = 64;
/// How long writing one message may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause after the system could not accept a connection: it may be out of files for a while.
const BREATH: Duration = Duration::from_millis(100);
/// Octets read at a time.
const CHUNK: usize = 16 * 1024;

/// What comes from streams.
pub(crate) enum Arrival {
    /// Somebody connects.
    Accepted { listener: ListenerId, stream: TcpStream, peer: SocketAddr },
    /// A message.
    Message { connection: ConnectionId, message: Box<Message> },
    /// What is none.
    Malformed { connection: ConnectionId, error: ParseError },
    /// The connection is over; the reason is counted, where there is one.
    Closed { connection: ConnectionId, why: Option<Counted> },
}

/// All connections.
pub(crate) struct Connections {
    limits: ConnectionLimits,
    /// What each listener speaks.
    protocols: Vec<Protocol>,
    tls_client: Option<TlsClient>,
    /// The hosts we call by name, for their certificates.
    hosts: BTreeMap<SocketAddr, String>,
    clock: Clock,
    arrivals: mpsc::Sender<Arrival>,
    open: BTreeMap<ConnectionId, Connection>,
    by_peer: BTreeMap<(ListenerId, SocketAddr), ConnectionId>,
    per_source: BTreeMap<IpAddr, usize>,
    last: u64,
}

/// One connection.
pub(crate) struct Connection {
    pub(crate) listener: ListenerId,
    pub(crate) transport: Transport,
    pub(crate) peer: SocketAddr,
    outgoing: mpsc::Sender<Arc<[u8]>>,
    task: AbortHandle,
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
            per_source: BTreeMap::new(),
            last: 0,
        }
    }

    /// Learns by which names the trunks are called.
    pub(crate) fn know(&mut self, hosts: BTreeMap<SocketAddr, String>) {
        self.hosts = hosts;
    }

    pub(crate) fn find(&self, id: ConnectionId) -> Option<&Connection> {
        self.open.get(&id)
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
        peer: SocketAddr,
    ) -> Result<(), Counted> {
        let of_source = self.per_source.get(&peer.ip()).copied().unwrap_or_default();
        if self.open.len() >= self.limits.total || of_source >= self.limits.per_source {
            return Err(Counted::TooManyConnections);
        }
        let Some(protocol) = self.protocols.get(usize::from(listener.0)).cloned() else {
            return Ok(());
        };
        let transport = protocol.transport();
        self.begin((listener, transport), peer, channel::greet(stream, protocol));
        Ok(())
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
        // Who does not take what it is sent is no use to anybody: the queue is long.
        connection.outgoing.try_send(bytes).is_ok()
    }

    /// Forgets a connection and stops its task; gives the destinations that fail with it.
    pub(crate) fn close(&mut self, id: ConnectionId) -> BTreeSet<Destination> {
        let Some(connection) = self.open.remove(&id) else { return BTreeSet::new() };
        connection.task.abort();
        let key = (connection.listener, connection.peer);
        if self.by_peer.get(&key) == Some(&id) {
            self.by_peer.remove(&key);
        }
        let source = connection.peer.ip();
        if let Some(count) = self.per_source.get_mut(&source) {
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
        let failed = |channel: Option<Channel>| channel.ok_or(Counted::ConnectFailed);
        match to.transport {
            Transport::Tcp => {
                let opening = channel::connect(to.peer);
                Some(self.begin(place, to.peer, async move { failed(opening.await) }))
            }
            Transport::Tls => {
                let client = self.tls_client.clone()?;
                let host = self.hosts.get(&to.peer).map(String::as_str);
                let name = tls::server_name(host, to.peer.ip());
                let opening = channel::connect_secured(to.peer, (client, name));
                Some(self.begin(place, to.peer, async move { failed(opening.await) }))
            }
            Transport::Udp | Transport::Ws | Transport::Wss => None,
        }
    }

    fn begin(
        &mut self,
        (listener, transport): (ListenerId, Transport),
        peer: SocketAddr,
        opening: impl Future<Output = Result<Channel, Counted>> + Send + 'static,
    ) -> ConnectionId {
        self.last += 1;
        let id = ConnectionId(self.last);
        let (outgoing, queued) = mpsc::channel(QUEUED);
        let line = Line {
            id,
            clock: self.clock,
            limits: self.limits,
            arrivals: self.arrivals.clone(),
            pongs: outgoing.clone(),
        };
        let task = tokio::spawn(async move {
            let why = match timeout(line.limits.slowest_message, opening).await {
                Ok(Ok(channel)) => line.serve(channel, queued).await,
                Ok(Err(why)) => Some(why),
                Err(_) => Some(Counted::SlowConnection),
            };
            let _ = line.arrivals.send(Arrival::Closed { connection: line.id, why }).await;
        });
        let task = task.abort_handle();
        let destinations = BTreeSet::new();
        let connection = Connection { listener, transport, peer, outgoing, task, destinations };
        self.open.insert(id, connection);
        self.by_peer.insert((listener, peer), id);
        *self.per_source.entry(peer.ip()).or_default() += 1;
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

/// What the task of a connection works with.
struct Line {
    id: ConnectionId,
    clock: Clock,
    limits: ConnectionLimits,
    arrivals: mpsc::Sender<Arrival>,
    pongs: mpsc::Sender<Arc<[u8]>>,
}

impl Line {
    /// Reads and writes until the connection ends; gives the reason, where it is to be counted.
    async fn serve(&self, channel: Channel, queued: mpsc::Receiver<Arc<[u8]>>) -> Option<Counted> {
        match channel {
            Channel::Octets(stream) => {
                let (reader, writer) = tokio::io::split(stream);
                tokio::select! {
                    why = self.read(reader) => why,
                    why = write(writer, queued) => why,
                }
            }
            Channel::Messages(socket) => self.exchange(*socket, queued).await,
        }
    }

    /// Takes and gives whole messages, each one frame (RFC 7118 §4.3), until the connection ends.
    async fn exchange(
        &self,
        socket: WebSocketStream<Box<dyn Octets>>,
        queued: mpsc::Receiver<Arc<[u8]>>,
    ) -> Option<Counted> {
        let (sink, source) = socket.split();
        tokio::select! {
            why = self.take_messages(source) => why,
            why = give_messages(sink, queued) => why,
        }
    }

    async fn take_messages(
        &self,
        mut source: SplitStream<WebSocketStream<Box<dyn Octets>>>,
    ) -> Option<Counted> {
        let connection = self.id;
        let mut heard = false;
        let mut until = self.clock.now() + self.limits.slowest_message;
        loop {
            let Ok(next) = timeout_at(self.instant(until), source.next()).await else {
                return Some(Counted::SlowConnection);
            };
            let octets = match next {
                Some(Ok(WebSocketMessage::Text(text))) => text.as_bytes().to_vec(),
                Some(Ok(WebSocketMessage::Binary(octets))) => octets.to_vec(),
                Some(Ok(WebSocketMessage::Close(_)) | Err(_)) | None => return None,
                // The library answers a ping by itself.
                Some(Ok(_)) => Vec::new(),
            };
            let is_empty = octets.iter().all(|octet| matches!(octet, b'\r' | b'\n'));
            heard |= !is_empty;
            if heard {
                until = self.clock.now() + self.limits.longest_silence;
            }
            if is_empty {
                if octets.len() >= 4 {
                    let _ = self.pongs.try_send(Framer::PONG.into());
                }
                continue;
            }
            let arrival = match Message::parse(&octets) {
                Ok(message) => Arrival::Message { connection, message: Box::new(message) },
                Err(error) => Arrival::Malformed { connection, error },
            };
            if self.arrivals.send(arrival).await.is_err() {
                return None;
            }
        }
    }

    async fn read(&self, mut reader: ReadHalf<Box<dyn Octets>>) -> Option<Counted> {
        let mut framer = Framer::new(Limits::DEFAULT);
        let mut chunk = vec![0; CHUNK];
        let mut heard = false;
        let mut until = self.clock.now() + self.limits.slowest_message;
        loop {
            let Ok(read) = timeout_at(self.instant(until), reader.read(&mut chunk)).await else {
                return Some(Counted::SlowConnection);
            };
            let octets = match read {
                Ok(0) | Err(_) => return None,
                Ok(length) => chunk.get(..length).unwrap_or_default(),
            };
            let between_messages = framer.pending() == 0;
            framer.push(octets);
            let messages = match self.hand_over(&mut framer).await {
                Ok(messages) => messages,
                Err(why) => return why,
            };
            heard |= messages > 0;
            let now = self.clock.now();
            if framer.pending() == 0 && heard {
                until = now + self.limits.longest_silence;
            } else if messages > 0 || (between_messages && heard) {
                until = now + self.limits.slowest_message;
            }
        }
    }

    /// Hands every whole message over; gives their number.
    async fn hand_over(&self, framer: &mut Framer) -> Result<usize, Option<Counted>> {
        let connection = self.id;
        let mut messages = 0;
        loop {
            let arrival = match framer.next_frame() {
                Ok(None) => return Ok(messages),
                Ok(Some(Frame::Keepalive)) => {
                    let _ = self.pongs.try_send(Framer::PONG.into());
                    continue;
                }
                Ok(Some(Frame::Message(message))) => Arrival::Message { connection, message },
                Ok(Some(Frame::Malformed(error))) => Arrival::Malformed { connection, error },
                Err(error) => {
                    let _ = self.arrivals.send(Arrival::Malformed { connection, error }).await;
                    // What answers it is queued by then.
                    tokio::time::sleep(BREATH).await;
                    return Err(Some(Counted::BadStream));
                }
            };
            messages += 1;
            if self.arrivals.send(arrival).await.is_err() {
                return Err(None);
            }
        }
    }

    fn instant(&self, at: Timestamp) -> Instant {
        Instant::from_std(self.clock.instant(at))
    }
}

async fn write(
    mut writer: WriteHalf<Box<dyn Octets>>,
    mut queued: mpsc::Receiver<Arc<[u8]>>,
) -> Option<Counted> {
    while let Some(bytes) = queued.recv().await {
        let written = async {
            writer.write_all(&bytes).await?;
            // Over TLS, what is written is not yet sent.
            writer.flush().await
        };
        match timeout(PATIENCE, written).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return None,
            Err(_) => return Some(Counted::SlowConnection),
        }
    }
    None
}

async fn give_messages(
    mut sink: SplitSink<WebSocketStream<Box<dyn Octets>>, WebSocketMessage>,
    mut queued: mpsc::Receiver<Arc<[u8]>>,
) -> Option<Counted> {
    while let Some(bytes) = queued.recv().await {
        // Browsers want text; what is none goes as it is.
        let message = match std::str::from_utf8(&bytes) {
            Ok(text) => WebSocketMessage::text(text),
            Err(_) => WebSocketMessage::binary(bytes.to_vec()),
        };
        match timeout(PATIENCE, sink.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return None,
            Err(_) => return Some(Counted::SlowConnection),
        }
    }
    None
}
