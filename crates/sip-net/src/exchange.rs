//! Signalling without sockets: messages and commands go in with the time, octets to send and facts
//! for the floor come out.
//!
//! One file a concern: `gate` says who is read at all, `door` who somebody is, `desk` registers
//! phones and answers what lies outside calls, `arriving` takes calls in, `dialling` makes them, `talking` sees to what happens
//! in them, `replacing` to phones that take a call over, `moving` to phones that come back by another
//! stream, `watching` tells phones of each other.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use model::{Cause, LegId, PhoneId, Timestamp};
use sip::SessionId;
use sip::digest::{Authenticator, NonceKey};
use sip::endpoint::{
    ConnectionId, Destination, Endpoint, EndpointEvent, EndpointSettings, LargeRequests, Listener,
    ListenerId, Order, OrderError, Output, Reach, RequestId, Source, Transport,
};
use sip::registrar::{BindingChange, BindingRow, ChangeKind, Registrar, Removal};
use sip::subscription::{Presence, Subscriptions};
use sip::{CSeq, Host, Message, Request, StatusCode};
use switchboard::ports::{Input, LegCommand, LegFact};

use crate::accounts::{Accounts, Trunks};
use crate::carriers::Carriers;
use crate::checks::{Answered, Checks, Verdict};
use crate::counters::Counted;
use crate::grumble::Grumble;
use crate::guard::Guard;
use crate::legs::{Leg, Legs};
use crate::patience::Patience;
use crate::ports::Ports;
use crate::settings::{Listen, Serves, Settings};
use crate::strain::{Strain, Unseen};
use crate::strays::Strays;
use crate::trace::{self, Said, Trace, Way};

/// One of our listeners.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    pub(crate) serves: Serves,
    /// The transport of its connections.
    pub(crate) transport: Transport,
    /// Where others reach it.
    pub(crate) public: SocketAddr,
}

/// Signalling without sockets.
pub(crate) struct Exchange {
    pub(crate) ports: Ports,
    pub(crate) endpoint: Endpoint,
    pub(crate) registrar: Registrar,
    pub(crate) authenticator: Authenticator,
    pub(crate) accounts: Accounts,
    pub(crate) md5_only: Vec<String>,
    pub(crate) trunks: Trunks,
    pub(crate) carriers: Carriers,
    pub(crate) legs: Legs,
    /// By when each INVITE of ours must have been answered anything at all.
    pub(crate) patience: Patience,
    /// What was said with somebody who has not been known yet, while that is so.
    withheld: Option<Vec<Said>>,
    pub(crate) most_legs: usize,
    pub(crate) checks: Checks,
    pub(crate) guard: Guard,
    /// Connections over which somebody has proven who they are, until the driver asks.
    pub(crate) of_use: BTreeSet<ConnectionId>,
    /// When the log says again who is shut out.
    pub(crate) grumble: Grumble,
    pub(crate) strays: Strays,
    pub(crate) trace: Trace,
    pub(crate) subscriptions: Subscriptions,
    /// The agents who are signed in, by their phones.
    pub(crate) presence: BTreeMap<PhoneId, Presence>,
    /// Transactions and remembered answers above which lamps wait: calls come first.
    pub(crate) crowd: usize,
    /// The host in addresses shown to phones.
    pub(crate) domain: Host,
    /// Our listeners, in order of their ids.
    sides: Vec<Side>,
    pub(crate) stopping: bool,
    /// Whether more comes in than we can read in time.
    pub(crate) strain: Strain,
    /// Calls that the floor has not looked at yet.
    pub(crate) unseen: Unseen,
    /// In what is being restored, registrations are those of a former run.
    restoring: bool,
    last_number: u64,
    chance: u64,
    pub(crate) sends: VecDeque<(Arc<[u8]>, Destination)>,
}

/// What is secret and new at every start.
#[derive(Clone, Copy)]
pub(crate) struct Secrets {
    pub(crate) endpoint: [u8; 32],
    pub(crate) nonces: [u8; 32],
    pub(crate) subscriptions: [u8; 32],
}

impl Secrets {
    /// Where chance begins: no secret, but new too.
    fn chance(&self) -> u64 {
        self.nonces.iter().fold(0, |sum, octet| sum.rotate_left(7) ^ u64::from(*octet))
    }
}

impl Exchange {
    /// Signalling whose listeners are reached at these public addresses. It knows no trunks yet.
    pub(crate) fn new(
        settings: &Settings,
        public: &[SocketAddr],
        accounts: Accounts,
        ports: Ports,
        secrets: Secrets,
    ) -> Self {
        let sides: Vec<_> = settings.listeners.iter().zip(public).map(side).collect();
        let mut endpoint = EndpointSettings::listening([]);
        let large = settings.large_requests;
        endpoint.listeners = sides.iter().map(|side| listener(side, large)).collect();
        let host = sides.iter().find(|side| side.serves == Serves::Phones);
        let host = host.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |side| side.public.ip());
        endpoint.session_timer = settings.session_timer;
        endpoint.bounds.transactions = settings.transactions;
        endpoint.bounds.sessions = settings.legs.saturating_mul(2);
        let calls = settings.calls;
        endpoint.bounds.forks = calls.forks;
        endpoint.bounds.longest_ringing = calls.longest_ringing;
        endpoint.bounds.longest_unanswered = calls.longest_unanswered;
        endpoint.bounds.longest_session = calls.longest_call;
        let crowd = endpoint.bounds.transactions / 2;
        let domain = Host::parse(&settings.realm).unwrap_or(Host::Ip(host));
        let mut registrar = Registrar::new(settings.registrar);
        registrar.set_most(accounts.most_bindings());
        Self {
            ports,
            endpoint: Endpoint::new(endpoint, secrets.endpoint),
            registrar,
            authenticator: Authenticator::new(
                &settings.realm,
                settings.nonces,
                NonceKey::new(secrets.nonces),
            ),
            accounts,
            md5_only: settings.md5_only.clone(),
            trunks: Trunks::default(),
            carriers: Carriers::new(settings.answer_within),
            legs: Legs::default(),
            patience: Patience::new(settings.answer_within),
            withheld: None,
            most_legs: settings.legs,
            checks: Checks::new(settings.check_every),
            guard: Guard::new(settings.guard.clone()),
            of_use: BTreeSet::new(),
            grumble: Grumble::default(),
            strays: Strays::default(),
            trace: Trace::new(settings.trace),
            subscriptions: Subscriptions::new(settings.subscriptions, secrets.subscriptions),
            presence: BTreeMap::new(),
            crowd,
            domain,
            sides,
            stopping: false,
            strain: Strain::None,
            unseen: Unseen::new(settings.longest_backlog),
            restoring: false,
            last_number: 0,
            chance: secrets.chance(),
            sends: VecDeque::new(),
        }
    }

    /// Whom the listener serves.
    pub(crate) fn serves(&self, listener: ListenerId) -> Serves {
        // What is not known must prove who it is.
        self.sides.get(usize::from(listener.0)).map_or(Serves::Phones, |side| side.serves)
    }

    /// The listeners from which trunks are called by this transport.
    pub(crate) fn towards_trunks(
        &self,
        transport: Transport,
    ) -> impl Iterator<Item = (ListenerId, SocketAddr)> {
        let wanted = if transport == Transport::Udp { Transport::Tcp } else { transport };
        let sides = (0..).map(ListenerId).zip(&self.sides);
        sides
            .filter(move |(_, side)| side.serves == Serves::Trunks && side.transport == wanted)
            .map(|(id, side)| (id, side.public))
    }

    /// How far behind the floor is.
    pub(crate) fn strain_of_floor(&mut self, now: Timestamp) -> Strain {
        let legs = Arc::clone(&self.ports.legs);
        self.unseen.strain(|leg| legs.has_looked_at(leg), now)
    }

    /// Takes in a message.
    pub(crate) fn receive(&mut self, message: Message, source: Source, now: Timestamp) {
        self.count(Counted::Received);
        match message {
            Message::Request(request) if self.drops(&request, &source, now) => {}
            Message::Request(request) => {
                let judged = sip::validate(&request);
                // What makes no sense gets the endpoint's own answer.
                if judged.is_ok() && self.turned_away(&request, &source, now) {
                    self.send_untold(now);
                } else {
                    // What strangers make up must not push calls out of the trace.
                    let is_told = trace::is_about_call(&request.method);
                    let is_withheld = is_told && !self.is_known(&request, &source);
                    self.withheld = is_withheld.then(Vec::new);
                    let told = (is_told && self.trace.is_on()).then(|| request.to_bytes());
                    if self.endpoint.receive_judged(request, judged, source, now) {
                        self.keep_received(told, &source, now);
                    }
                }
            }
            Message::Response(_) if !self.hears(&source, now) => {}
            Message::Response(response) => {
                let is_about_call = |cseq: CSeq| trace::is_about_call(&cseq.method);
                let is_told = response.cseq().is_ok_and(is_about_call);
                let is_told = is_told && !self.is_told_back(&response);
                let told = (is_told && self.trace.is_on()).then(|| response.to_bytes());
                if self.endpoint.receive_response(response, source, now) {
                    self.keep_received(told, &source, now);
                }
            }
        }
        self.settle(now);
        self.withheld = None;
    }

    /// Does with a leg what the floor commands.
    pub(crate) fn command(&mut self, leg: LegId, command: LegCommand, now: Timestamp) {
        if let LegCommand::Dial { .. } = command {
            self.dial(leg, command, now);
        } else if self.legs.holds(leg) {
            self.carry_out(leg, command, now);
        } else {
            // The end of a leg and a command for it may cross; the end has been reported.
            self.count(Counted::LateCommand);
        }
        self.settle(now);
    }

    /// Takes back the bindings of a former run.
    pub(crate) fn restore(&mut self, rows: Vec<BindingRow>, now: Timestamp) {
        let known = |row: &BindingRow| self.accounts.find(row.phone.as_str()).is_some();
        let mut rows: Vec<_> = rows.into_iter().filter(known).collect();
        // Which of a phone's is the newest is told by the order in which they are taken back.
        rows.sort_by_key(|row| row.binding.expires_at);
        self.registrar.restore(rows, now);
        self.restoring = true;
        self.settle(now);
        self.restoring = false;
        self.send_away(now);
    }

    /// Puts other accounts in place. Phones whose account is gone or whose secret is another must
    /// register again, and bindings end that the rules no longer allow; calls go on.
    pub(crate) fn replace_accounts(&mut self, accounts: Accounts, now: Timestamp) {
        for phone in self.accounts.revoked_by(&accounts) {
            self.registrar.forget(&phone);
            self.subscriber_revoked(&phone, &accounts);
            // What was wrong before says nothing of the new secret.
            self.guard.forget(&phone);
        }
        self.registrar.set_most(accounts.most_bindings());
        self.strays.keep(|phone| accounts.of(phone).is_some());
        self.accounts = accounts;
        self.send_away(now);
    }

    /// Ends bindings at addresses where their phones may not be.
    fn send_away(&mut self, now: Timestamp) {
        for account in self.accounts.iter().filter(|it| !it.rules.networks.is_empty()) {
            self.registrar.out_of_place(&account.phone, |binding| {
                !account.rules.admit(binding.flow.peer.ip())
            });
        }
        self.settle(now);
    }

    /// A connection is gone, and what was bound to it.
    pub(crate) fn connection_lost(&mut self, connection: ConnectionId, now: Timestamp) {
        self.registrar.connection_lost(connection);
        self.settle(now);
    }

    /// Nothing can be sent there.
    pub(crate) fn transport_failed(&mut self, destination: &Destination, now: Timestamp) {
        self.endpoint.transport_failed(destination, now);
        self.settle(now);
    }

    /// Ends every leg and takes no new ones.
    pub(crate) fn shut_down(&mut self, now: Timestamp) {
        self.stopping = true;
        for leg in self.legs.ids() {
            let command = LegCommand::Release { cause: Cause::Shutdown, status: None };
            self.carry_out(leg, command, now);
        }
        self.end_watching();
        self.take_registrations_back(now);
        self.settle(now);
    }

    /// Whether nothing is under way any more.
    pub(crate) fn is_idle(&self, now: Timestamp) -> bool {
        let watches = !self.subscriptions.is_empty();
        let is_silent = self.legs.len() == 0 && self.endpoint.session_count() == 0;
        is_silent && !watches && !self.carriers.are_registered_at(now)
    }

    /// When [`Self::handle_timeout`] is next needed.
    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        let due = [
            self.endpoint.poll_timeout(),
            self.registrar.poll_timeout(),
            self.checks.poll_timeout(),
            self.carriers.poll_timeout(),
            self.patience.poll_timeout(),
            self.subscriptions.poll_timeout(),
        ];
        due.into_iter().flatten().min()
    }

    /// Does whatever is due.
    pub(crate) fn handle_timeout(&mut self, now: Timestamp) {
        self.endpoint.handle_timeout(now);
        self.registrar.handle_timeout(now);
        while let Some((phone, id)) = self.checks.poll(now) {
            self.ask_whether_there(&phone, id, now);
        }
        while let Some(session) = self.patience.poll(now) {
            self.said_nothing(session, now);
        }
        self.due_of_trunks(now);
        self.settle(now);
    }

    /// The next octets to send, in order.
    pub(crate) fn poll_send(&mut self) -> Option<(Arc<[u8]>, Destination)> {
        self.sends.pop_front()
    }

    /// Hands everything on that the endpoint and the registrar have to say, and tells those who watch.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        self.hand_on(now);
        while self.tell_watchers(now) {
            self.hand_on(now);
        }
        self.report_bindings(now);
    }

    /// Whether it is known whose a request is before anything is said to it: a call's that is there,
    /// or a carrier's.
    fn is_known(&self, request: &Request, source: &Source) -> bool {
        self.endpoint.is_under_way(request)
            || self.endpoint.session_of(request).is_some()
            || self.is_carrier(source.listener, source.peer)
    }

    /// Sends what is said to those who are turned away. It is not kept, as what they said is not.
    fn send_untold(&mut self, now: Timestamp) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Send { bytes, destination } => {
                    self.count(Counted::Sent);
                    self.sends.push_back((bytes, destination));
                }
                Output::Event(event) => self.hear(event, now),
            }
        }
    }

    fn hand_on(&mut self, now: Timestamp) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Send { bytes, destination } => {
                    self.count(Counted::Sent);
                    self.keep(Way::Sent, &destination, Arc::clone(&bytes), now);
                    self.sends.push_back((bytes, destination));
                }
                Output::Event(event) => self.hear(event, now),
            }
        }
    }

    /// Keeps what came, before anything that is said to it. What strayed is not told here: whoever makes
    /// it up must not push calls out of the trace.
    fn keep_received(&mut self, told: Option<Vec<u8>>, source: &Source, now: Timestamp) {
        if let Some(octets) = told {
            self.keep(Way::Received, &source.destination(), octets.into(), now);
        }
    }

    fn keep(&mut self, way: Way, far: &Destination, bytes: Arc<[u8]>, now: Timestamp) {
        let Destination { transport, peer, listener, .. } = *far;
        let local = self.sides.get(usize::from(listener.0)).map_or(peer, |side| side.public);
        let said = Said { at: now, way, transport, peer, local, bytes };
        match &mut self.withheld {
            Some(withheld) => withheld.push(said),
            None => self.trace.keep(said),
        }
    }

    /// Whoever speaks is known: what was said with them since they began is kept, and what follows.
    pub(crate) fn tell_withheld(&mut self) {
        for said in self.withheld.take().into_iter().flatten() {
            self.trace.keep(said);
        }
    }

    fn hear(&mut self, event: EndpointEvent, now: Timestamp) {
        use EndpointEvent as E;
        match event {
            E::Invited { session, request, source, max_forwards, replaces } => match replaces {
                None => self.invited(session, &request, &source, (max_forwards, now)),
                Some(old) => self.wants_over(session, &request, &source, (old, now)),
            },
            E::Requested { arrival, request, source } => {
                self.requested(arrival, &request, &source, now);
            }
            E::Progressed { session, status, body } => self.progressed(session, status, &body),
            E::Answered { session, body, response } => {
                self.log_final(session, response.call_id().unwrap_or_default(), response.status);
                self.answered(session, &body, now);
            }
            E::Refused { session, status, response, attempt, .. } => {
                self.log_final(session, &attempt.call_id, status);
                self.refused(session, status, (response.as_deref(), attempt), now);
            }
            E::Acknowledged { session, body } => self.acknowledged(session, &body, now),
            E::Offered { session, body } => self.offered(session, &body, now),
            E::OfferWithdrawn { session } => self.offer_withdrawn(session, now),
            E::OfferAnswered { session, body } => self.offer_answered(session, &body, now),
            E::OfferRefused { session, status } => self.offer_refused(session, status, now),
            E::Digit { session, digit } => self.fact_of(session, LegFact::Digit(digit)),
            E::ReferAsked { session, request, .. } => self.refer_asked(session, &request, now),
            E::Responded { request, response, .. } if self.subscriptions.awaits(request) => {
                self.notified(request, &response, now);
            }
            E::Responded { request, response, attempt } => {
                let heard = response.as_deref().map_err(|status| *status);
                if self.heard_of_trunk(request, heard, attempt, now) {
                    return;
                }
                let answered = match response {
                    Ok(_) => Answered::Yes,
                    Err(StatusCode::REQUEST_TIMEOUT) => Answered::No,
                    // Our own network failed: that says nothing about the phone.
                    Err(_) => Answered::Unasked,
                };
                if let Verdict::Gone(phone, id) = self.checks.over(request, answered, now) {
                    self.registrar.unreachable(&phone, id);
                }
            }
            E::Released { session, cause, reason } => {
                self.released(session, cause, reason.as_deref());
            }
            // Nothing of ours subscribes.
            E::Notified { .. } => {}
        }
    }

    /// Says in the log by which Call-ID the final response to a call of ours is found in a trace.
    fn log_final(&mut self, session: SessionId, sip_call_id: &str, status: StatusCode) {
        if let Some((leg, _)) = self.legs.of(session) {
            tracing::info!(%leg, sip_call_id, status = status.code(), "final response");
        }
    }

    fn report_bindings(&mut self, now: Timestamp) {
        while let Some(change) = self.registrar.poll_change() {
            let (phone, id) = (&change.phone, change.binding.id);
            log(&change);
            match change.kind {
                ChangeKind::Registered if self.restoring => self.checks.kept(phone, id, now),
                ChangeKind::Registered => self.checks.registered(phone, id, now),
                ChangeKind::Refreshed => {}
                ChangeKind::Removed(_) => self.checks.removed(id),
            }
            match change.kind {
                ChangeKind::Registered | ChangeKind::Refreshed => {
                    let Destination { transport, peer, .. } = change.binding.flow;
                    self.guard.registered(id, (transport, peer), now);
                }
                ChangeKind::Removed(_) => self.guard.gone(id),
            }
            match change.kind {
                ChangeKind::Removed(Removal::AccountGone | Removal::OutOfPlace)
                | ChangeKind::Refreshed => {}
                ChangeKind::Removed(why) => self.way_lost(phone, (&change.binding, why), now),
                ChangeKind::Registered => self.way_found(phone, now),
            }
            self.ports.store.changed(&change);
            if change.kind != ChangeKind::Refreshed {
                let bindings = u32::try_from(change.left).unwrap_or(u32::MAX);
                self.tell(Input::Binding { phone: change.phone, bindings });
            }
        }
    }

    /// Leaves a fact for the floor. The inbox has room for facts always.
    pub(crate) fn tell(&self, input: Input) {
        if let Err(full) = self.ports.inbox.put(input) {
            tracing::error!(input = ?full.0, "the inbox refused a fact");
        }
    }

    pub(crate) fn fact(&self, leg: LegId, fact: LegFact) {
        self.tell(Input::Leg { leg, fact });
    }

    /// Reports a fact about the leg of this session, if it still has one.
    pub(crate) fn fact_of(&mut self, session: SessionId, fact: LegFact) {
        if let Some((leg, _)) = self.legs.of(session) {
            self.fact(leg, fact);
        }
    }

    /// Takes the leg out and reports its end: its last fact.
    pub(crate) fn end(&mut self, leg: LegId, cause: Cause, status: Option<u16>) {
        if let Some(Leg { reason, .. }) = self.legs.remove(leg) {
            tracing::debug!(%leg, %cause, status, reason, "leg released");
            self.fact(leg, LegFact::Released { cause, status, reason });
        }
    }

    /// Gives an order; says so in the log when it cannot be carried out.
    pub(crate) fn order(&mut self, order: Order, now: Timestamp) -> Result<(), OrderError> {
        let result = self.endpoint.order(order, now);
        if let Err(error) = result {
            tracing::debug!(%error, "order not carried out");
        }
        result
    }

    /// Shows what the endpoint has counted.
    pub(crate) fn show_tally(&self) {
        self.ports.counters.set(self.endpoint.tally());
    }

    pub(crate) fn count(&self, what: Counted) {
        self.ports.counters.count(what);
    }

    /// A number never given before: for sessions, requests and descriptions of ours.
    pub(crate) const fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// A number below a thousand, by chance.
    pub(crate) fn next_chance(&mut self) -> u64 {
        self.chance = self
            .chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 33) % 1_000
    }

    pub(crate) const fn next_session(&mut self) -> SessionId {
        SessionId(self.next_number())
    }

    pub(crate) const fn next_request(&mut self) -> RequestId {
        RequestId(self.next_number())
    }
}

fn side((listen, public): (&Listen, &SocketAddr)) -> Side {
    Side { serves: listen.serves, transport: listen.protocol.transport(), public: *public }
}

fn listener(side: &Side, large: LargeRequests) -> Listener {
    // Phones are behind NATs; what a carrier signals is what it means.
    let (reach, large) = match side.serves {
        Serves::Phones => (Reach::Observed, LargeRequests::OverUdp),
        Serves::Trunks => (Reach::Signalled, large),
    };
    Listener { public: side.public, reach, large }
}

/// What a supervisor would notice: a phone comes or goes.
fn log(change: &BindingChange) {
    let BindingChange { phone, binding, kind, left } = change;
    let (peer, sip_call_id) = (binding.flow.peer, &binding.sip_call_id);
    match kind {
        ChangeKind::Registered => {
            tracing::info!(%phone, %peer, sip_call_id, bindings = left, "registered");
        }
        ChangeKind::Refreshed => tracing::debug!(%phone, %peer, sip_call_id, "refreshed"),
        ChangeKind::Removed(why) => {
            let why = why.as_str();
            tracing::info!(%phone, %peer, sip_call_id, why, bindings = left, "no longer registered");
        }
    }
}
