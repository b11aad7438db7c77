//! The loop: read one thing, hand it over with the time, send what comes back.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError};
use std::task::Poll;
use std::time::Duration;

use clock::Clock;
use model::Timestamp;
use sip::endpoint::{ConnectionId, Destination, ListenerId, Source, Transport};
use sip::registrar::BindingRow;
use sip::stun::BindingRequest;
use sip::{Message, ParseError, ParseErrorKind};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::accounts::{Accounts, Trunks};
use crate::counters::Counted;
use crate::exchange::{Exchange, Secrets};
use crate::grumble::Grumble;
use crate::handle::{Handle, Shown, Turn};
use crate::listener::{Listener, StartError};
use crate::ports::Ports;
use crate::resolver::{Found, Resolver};
use crate::settings::{Serves, Settings};
use crate::strain::Gauge;
use crate::stream::{self, Arrival, Connections, From, Origin};
use crate::tls;
use crate::trace::{Beside, masked};

/// Commands that may wait.
const COMMANDS: usize = 16_384;
/// What may wait from all streams; the streams wait with it.
const ARRIVALS: usize = 1_024;
/// Datagrams taken from one socket, and commands taken, before others get their turn.
const TURN: usize = 64;
/// The largest datagram there is.
const DATAGRAM: usize = 65_535;
/// How long the far sides have to answer the BYEs of a stop.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long what is traced may take to reach disk and capture server at a stop.
const LAST_TRACED: Duration = Duration::from_secs(1);

/// What signalling starts with.
#[derive(Debug)]
pub struct Setup {
    /// Its settings.
    pub settings: Settings,
    /// The phones' accounts.
    pub accounts: Accounts,
    /// The trunks.
    pub trunks: Trunks,
    /// The bindings kept from the run before.
    pub bindings: Vec<BindingRow>,
}

/// Opens the listeners and begins to serve them, on the runtime this is called in.
///
/// # Errors
/// When a listener cannot be opened.
pub async fn start(setup: Setup, ports: Ports, clock: Clock) -> Result<Handle, StartError> {
    let Setup { settings, accounts, trunks, bindings } = setup;
    let mut listeners = Vec::new();
    for listen in &settings.listeners {
        listeners.push(Listener::open(listen).await?);
    }
    let (turns, told) = mpsc::channel(COMMANDS);
    let (arrivals, arriving) = mpsc::channel(ARRIVALS);
    let (counters, legs) = (Arc::clone(&ports.counters), Arc::clone(&ports.legs));
    let connections = Connections::new(&settings, clock, arrivals.clone());
    let (resolver, finds) = Resolver::new(settings.name_servers.clone());
    let mut exchange = Exchange::new(
        &settings,
        &listeners.iter().map(|listener| listener.public).collect::<Vec<_>>(),
        accounts,
        ports,
        Secrets { endpoint: random()?, nonces: random()?, subscriptions: random()? },
    );
    let opened = exchange.trace.open(&settings, &counters);
    let Beside { finder, ended } = opened.map_err(StartError::Trace)?;
    let handle = Handle {
        turns,
        legs,
        counters,
        bound: listeners.iter().map(|listener| listener.bound).collect(),
        phones: first(&settings, &listeners, Serves::Phones)?,
        trunks: first(&settings, &listeners, Serves::Trunks)?,
        trunk_status: Shown::default(),
        finder,
    };
    exchange.restore(bindings, clock.now());
    for (listen, listener) in settings.listeners.iter().zip(&listeners) {
        let (serves, transport) = (listen.serves, listen.protocol.transport());
        tracing::info!(address = %listener.bound, ?serves, ?transport, "signalling listens");
    }
    let mut accepting = JoinSet::new();
    let mut doors = Vec::new();
    for (id, listener) in (0..).map(ListenerId).zip(listeners) {
        accepting.spawn(stream::accept(id, listener.tcp, arrivals.clone()));
        doors.push(Door { socket: listener.udp, local: listener.bound });
    }
    let mut driver = Driver {
        exchange,
        clock,
        connections,
        doors,
        datagram: vec![0; DATAGRAM],
        grumble: Grumble::default(),
        resolver,
        shown: Arc::clone(&handle.trunk_status),
        gauge: Gauge::new(settings.longest_backlog),
        streams: Gauge::new(settings.longest_backlog),
    };
    driver.replace_trunks(trunks);
    tokio::spawn(async move {
        let stopped = driver.run(told, arriving, finds).await;
        // With it the listeners end.
        drop(accepting);
        // With it what is traced comes to its end; a disk that hangs is not waited for.
        drop(driver);
        let _ = tokio::time::timeout(LAST_TRACED, futures_util::future::join_all(ended)).await;
        if let Some(done) = stopped {
            let _ = done.send(());
        }
    });
    Ok(handle)
}

/// Where the first listener of a kind listens.
fn first(
    settings: &Settings,
    listeners: &[Listener],
    serves: Serves,
) -> Result<SocketAddr, StartError> {
    let mut kinds = settings.listeners.iter().zip(listeners);
    let found = kinds.find(|(listen, _)| listen.serves == serves);
    found.map(|(_, listener)| listener.bound).ok_or(StartError::NoListener { serves })
}

struct Driver {
    exchange: Exchange,
    clock: Clock,
    connections: Connections,
    /// The listeners, in order of their ids.
    doors: Vec<Door>,
    /// Where datagrams are read into.
    datagram: Vec<u8>,
    /// When the log says again that input is malformed.
    grumble: Grumble,
    resolver: Resolver,
    shown: Shown,
    /// Whether we keep up with datagrams, and with streams.
    gauge: Gauge,
    streams: Gauge,
}

/// A listener's own address, and its datagrams.
struct Door {
    socket: Option<UdpSocket>,
    local: SocketAddr,
}

/// The next listener at which a datagram waits. Which is asked first does not matter: each is given
/// one turn, and what is left wakes us again.
async fn readable(doors: &[Door]) -> ListenerId {
    poll_fn(|context| {
        let sockets = doors.iter().map(|door| door.socket.as_ref());
        for (id, socket) in (0..).map(ListenerId).zip(sockets) {
            if socket.is_some_and(|socket| socket.poll_recv_ready(context).is_ready()) {
                return Poll::Ready(id);
            }
        }
        Poll::Pending
    })
    .await
}

impl Driver {
    /// Serves until it is told to stop; gives back whom to tell that it has, if anybody waits.
    async fn run(
        &mut self,
        mut told: mpsc::Receiver<Turn>,
        mut arriving: mpsc::Receiver<Arrival>,
        mut finds: mpsc::Receiver<Found>,
    ) -> Option<oneshot::Sender<()>> {
        let mut stopping: Option<(oneshot::Sender<()>, Timestamp)> = None;
        self.flush();
        loop {
            let end = stopping.as_ref().map(|(_, until)| *until);
            let due = [self.exchange.poll_timeout(), end].into_iter().flatten().min();
            tokio::select! {
                turn = told.recv() => {
                    let first = turn?;
                    let more = std::iter::from_fn(|| told.try_recv().ok());
                    for turn in std::iter::once(first).chain(more).take(TURN) {
                        if let Turn::ShutDown(done) = turn {
                            self.exchange.shut_down(self.clock.now());
                            stopping = Some((done, self.clock.now() + FAREWELL));
                        } else {
                            self.take(turn);
                        }
                    }
                }
                Some(arrival) = arriving.recv() => {
                    self.arrived(arrival);
                    self.streams.read(arriving.is_empty(), self.clock.now());
                }
                Some((trunk, found)) = finds.recv() => {
                    self.exchange.located(&trunk, found, self.clock.now());
                    self.connections.know(self.exchange.hosts());
                }
                listener = readable(&self.doors) => self.read_all(listener),
                () = sleep_until(self.clock, due) => {
                    self.exchange.handle_timeout(self.clock.now());
                }
            }
            self.flush();
            self.exchange.show_tally();
            self.show_trunks();
            let is_over = |until: Timestamp| {
                let now = self.clock.now();
                self.exchange.is_idle(now) || now >= until
            };
            if stopping.as_ref().is_some_and(|(_, until)| is_over(*until)) {
                return stopping.map(|(done, _)| done);
            }
        }
    }

    fn take(&mut self, turn: Turn) {
        let now = self.clock.now();
        match turn {
            Turn::Leg(leg, command) => self.exchange.command(leg, *command, now),
            Turn::Accounts(accounts, done) => {
                self.exchange.replace_accounts(accounts, now);
                let _ = done.send(());
            }
            Turn::Trunks(trunks) => self.replace_trunks(trunks),
            Turn::Presence(phone, presence) => self.exchange.publish(phone, presence, now),
            Turn::Ladder(legs, asked) => {
                let _ = asked.send(self.exchange.trace.of(&legs));
            }
            Turn::Bans(asked) => {
                // Whoever asked may wait no longer.
                let _ = asked.send(self.exchange.guard.bans(now));
            }
            Turn::Lift(source, asked) => {
                let was_out = self.exchange.guard.lift(source, now);
                tracing::info!(%source, was_out, "let in again");
                let _ = asked.send(was_out);
            }
            Turn::ShutDown(_) => {}
        }
    }

    fn replace_trunks(&mut self, trunks: Trunks) {
        self.exchange.replace_trunks(trunks, self.clock.now());
        self.connections.know(self.exchange.hosts());
        self.resolver.follow(self.exchange.names(), &self.exchange.spoken_with_trunks());
    }

    fn show_trunks(&mut self) {
        if let Some(status) = self.exchange.changed_trunks(self.clock.now()) {
            *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = status;
        }
    }

    /// Gives each socket its turn, from this listener's on.
    fn read_all(&mut self, first: ListenerId) {
        let mut all = true;
        for id in usize::from(first.0)..self.doors.len() {
            all &= self.read(ListenerId(u16::try_from(id).unwrap_or(u16::MAX)));
        }
        self.gauge.read(all, self.clock.now());
    }

    /// Takes what waits at a socket, a turn's worth at most; says whether that was all.
    fn read(&mut self, listener: ListenerId) -> bool {
        let mut all = false;
        let mut datagram = std::mem::take(&mut self.datagram);
        for _ in 0..TURN {
            all = true;
            let Some(Door { socket: Some(socket), local }) = self.at(listener) else { break };
            let local = *local;
            // An error means that nothing is left; or that an earlier datagram of ours came back,
            // which its transaction will notice by itself.
            let Ok((length, peer)) = socket.try_recv_from(&mut datagram) else { break };
            all = false;
            let source =
                Source { listener, transport: Transport::Udp, connection: None, peer, local };
            if self.exchange.shuts_out(&source, self.clock.now()) {
                continue;
            }
            let octets = datagram.get(..length).unwrap_or_default();
            tracing::trace!(%peer, message = %masked(octets).escape_ascii(), "received");
            match BindingRequest::parse(octets) {
                Some(asked) => self.exchange.keep_alive(&asked, &source, self.clock.now()),
                None => self.receive(
                    Message::parse_within(octets, &self.connections.limits().message),
                    source,
                ),
            }
            self.flush();
        }
        self.datagram = datagram;
        all
    }

    fn arrived(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Accepted { listener, stream, peer } => self.accepted(listener, stream, peer),
            Arrival::Message { connection, message } => self.heard(connection, Ok(*message)),
            Arrival::Malformed { connection, error } => self.heard(connection, Err(error)),
            Arrival::Offended { connection, why } => {
                self.exchange.count(why);
                if let Some(source) = self.source(connection)
                    && !self.connections.is_ours(connection)
                {
                    self.exchange.broke_off(&source, why, self.clock.now());
                }
                self.close(connection);
            }
            Arrival::Closed { connection, why } => {
                if let Some(why) = why {
                    self.exchange.count(why);
                }
                self.close(connection);
            }
        }
    }

    /// Takes a connection that somebody opens, before anything is done for it.
    fn accepted(&mut self, listener: ListenerId, stream: TcpStream, peer: SocketAddr) {
        let transport = self.connections.transport(listener);
        let local = self.at(listener).map_or(peer, |door| door.local);
        let source = Source { listener, transport, connection: None, peer, local };
        if !self.exchange.welcomes(&source, self.clock.now()) {
            return;
        }
        let origin =
            if self.exchange.is_friend(&source) { Origin::Friend } else { Origin::Stranger };
        let proves = self.exchange.certified(&source).and_then(|name| tls::name(&name));
        let from = From { peer, origin, proves };
        if let Err(why) = self.connections.accept(listener, stream, from) {
            self.exchange.count(why);
        }
    }

    /// Takes what came over a connection, and closes that of whoever is shut out, be it for this.
    fn heard(&mut self, connection: ConnectionId, message: Result<Message, ParseError>) {
        let Some(source) = self.source(connection) else { return };
        if !self.exchange.shuts_out(&source, self.clock.now()) {
            self.receive(message, source);
        }
        for connection in self.exchange.take_of_use() {
            self.connections.is_of_use(connection);
        }
        if self.exchange.is_out(&source, self.clock.now()) {
            self.close_all_of(source.peer.ip());
        }
    }

    /// Closes the connections of somebody who is shut out, those too that say nothing.
    fn close_all_of(&mut self, address: IpAddr) {
        for connection in self.connections.of(address) {
            let source = self.source(connection);
            if source.is_some_and(|source| self.exchange.is_out(&source, self.clock.now())) {
                self.close(connection);
            }
        }
    }

    fn receive(&mut self, message: Result<Message, ParseError>, source: Source) {
        let now = self.clock.now();
        let unread = self.gauge.strain(now).max(self.streams.strain(now));
        self.exchange.strain = unread.max(self.exchange.strain_of_floor(now));
        match message {
            Ok(message) => self.exchange.receive(message, source, now),
            Err(ParseError { kind: ParseErrorKind::Keepalive, .. }) => {}
            Err(error) => {
                if let Some(count) = self.grumble.is_due(now) {
                    tracing::warn!(peer = %source.peer, %error, count, "malformed input");
                }
                self.exchange.receive_malformed(error, source, now);
            }
        }
    }

    /// Sends everything that is to be sent.
    fn flush(&mut self) {
        while let Some((bytes, destination)) = self.exchange.poll_send() {
            tracing::trace!(peer = %destination.peer, message = %masked(&bytes).escape_ascii(), "sent");
            match destination.transport {
                Transport::Udp => self.send_datagram(&bytes, &destination),
                Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                    if !self.connections.send(bytes, destination) {
                        self.exchange.count(Counted::SendFailed);
                        if let Some(connection) = destination.connection {
                            self.exchange.count(Counted::SlowConnection);
                            self.close(connection);
                        }
                        self.exchange.transport_failed(&destination, self.clock.now());
                    }
                }
            }
        }
    }

    fn send_datagram(&mut self, bytes: &[u8], destination: &Destination) {
        let Some(Door { socket: Some(socket), .. }) = self.at(destination.listener) else { return };
        match socket.try_send_to(bytes, destination.peer) {
            Ok(_) => {}
            // As good as lost on the way, and repeated like what is.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.exchange.count(Counted::SendFailed);
            }
            Err(error) => {
                self.exchange.count(Counted::SendFailed);
                tracing::debug!(peer = %destination.peer, %error, "datagram not sent");
                self.exchange.transport_failed(destination, self.clock.now());
            }
        }
    }

    /// Ends a connection, what is bound to it and what waits for it.
    fn close(&mut self, connection: ConnectionId) {
        let now = self.clock.now();
        for destination in self.connections.close(connection) {
            self.exchange.transport_failed(&destination, now);
        }
        self.exchange.connection_lost(connection, now);
    }

    fn source(&self, id: ConnectionId) -> Option<Source> {
        let connection = self.connections.find(id)?;
        Some(Source {
            listener: connection.listener,
            transport: connection.transport,
            connection: Some(id),
            peer: connection.peer,
            local: self.at(connection.listener)?.local,
        })
    }

    fn at(&self, listener: ListenerId) -> Option<&Door> {
        self.doors.get(usize::from(listener.0))
    }
}

async fn sleep_until(clock: Clock, due: Option<Timestamp>) {
    match due {
        Some(at) => tokio::time::sleep_until(Instant::from_std(clock.instant(at))).await,
        None => std::future::pending().await,
    }
}

fn random() -> Result<[u8; 32], StartError> {
    let mut octets = [0; 32];
    getrandom::fill(&mut octets).map_err(|_| StartError::NoRandomness)?;
    Ok(octets)
}
