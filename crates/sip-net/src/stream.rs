//! Stream connections: each has a task of its own that cuts messages out and writes what is queued.
//!
//! A connection ends when the other side ends it, when it is too slow (a message half sent, or
//! ours not taken), silent for too long, or carries what is no SIP. All that waits for it is bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use model::Timestamp;
use sip::endpoint::{ConnectionId, Destination, ListenerId};
use sip::{Frame, Framer, Limits, Message, ParseError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::counters::Counted;
use crate::settings::ConnectionLimits;

/// Messages that may wait to be written to one connection.
const QUEUED: usize = 64;
/// How long opening a connection or writing one message may take.
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
    pub(crate) peer: SocketAddr,
    outgoing: mpsc::Sender<Arc<[u8]>>,
    task: AbortHandle,
    /// The destinations that were meant by it: they fail with it.
    destinations: BTreeSet<Destination>,
}

impl Connections {
    pub(crate) const fn new(
        limits: ConnectionLimits,
        clock: Clock,
        arrivals: mpsc::Sender<Arrival>,
    ) -> Self {
        Self {
            limits,
            clock,
            arrivals,
            open: BTreeMap::new(),
            by_peer: BTreeMap::new(),
            per_source: BTreeMap::new(),
            last: 0,
        }
    }

    pub(crate) fn find(&self, id: ConnectionId) -> Option<&Connection> {
        self.open.get(&id)
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
        self.begin(listener, peer, async move { Some(stream) });
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
            None => self.begin(key.0, key.1, connect(destination.peer)),
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

    fn begin(
        &mut self,
        listener: ListenerId,
        peer: SocketAddr,
        stream: impl Future<Output = Option<TcpStream>> + Send + 'static,
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
            let why = match stream.await {
                Some(stream) => line.serve(stream, queued).await,
                None => None,
            };
            let _ = line.arrivals.send(Arrival::Closed { connection: line.id, why }).await;
        });
        let task = task.abort_handle();
        let destinations = BTreeSet::new();
        self.open.insert(id, Connection { listener, peer, outgoing, task, destinations });
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

async fn connect(peer: SocketAddr) -> Option<TcpStream> {
    timeout(PATIENCE, TcpStream::connect(peer)).await.ok()?.ok()
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
    async fn serve(&self, stream: TcpStream, queued: mpsc::Receiver<Arc<[u8]>>) -> Option<Counted> {
        let _ = stream.set_nodelay(true);
        let keepalive = socket2::TcpKeepalive::new()
            .with_time(Duration::from_secs(30))
            .with_interval(Duration::from_secs(10))
            .with_retries(3);
        let _ = socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive);
        let (reader, writer) = stream.into_split();
        tokio::select! {
            why = self.read(reader) => why,
            why = write(writer, queued) => why,
        }
    }

    async fn read(&self, mut reader: OwnedReadHalf) -> Option<Counted> {
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
    mut writer: OwnedWriteHalf,
    mut queued: mpsc::Receiver<Arc<[u8]>>,
) -> Option<Counted> {
    while let Some(bytes) = queued.recv().await {
        match timeout(PATIENCE, writer.write_all(&bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return None,
            Err(_) => return Some(Counted::SlowConnection),
        }
    }
    None
}
