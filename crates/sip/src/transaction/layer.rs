//! All transactions of an endpoint: matching, repeating, and one ordered set of deadlines.

mod large;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use model::Timestamp;

use super::derived::acknowledgement;
use super::entry::{Entry, Key, Machine, Origin, essence, essence_of_ours};
use super::{
    Action, Actions, ClientKey, Fresh, Matched, ResponseClass, ServerKey, Timing, TransactionEvent,
    TransactionOutput,
};
use crate::endpoint::{Destination, Source};
use crate::message::{Message, Method, Request, Response};

/// Names a transaction; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TransactionId(u64);

/// As many transactions as allowed are under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// The transactions of an endpoint.
#[derive(Debug)]
pub struct TransactionLayer<U> {
    timing: Timing,
    limit: usize,
    last: u64,
    // Keyed by what strangers choose, hence hashed with a secret of the process's. Only looked up, never
    // gone through: their order, which is by chance, decides nothing.
    clients: HashMap<Arc<ClientKey>, TransactionId>,
    servers: HashMap<Arc<ServerKey>, TransactionId>,
    origins: HashMap<Arc<Origin>, TransactionId>,
    // Boxed: the nodes of a tree whose ids only grow stay half empty.
    entries: BTreeMap<TransactionId, Box<Entry<U>>>,
    /// Those that only wait for a repetition of a request they have answered, by Timer J: the oldest
    /// answer first.
    answered: BTreeSet<(Timestamp, TransactionId)>,
    destinations: BTreeSet<(Destination, TransactionId)>,
    deadlines: BTreeSet<(Timestamp, TransactionId)>,
    /// What was sent in those of ours that are over, until their users have heard so: over a stream
    /// a transaction is over with its final response, which may ask for the request once more.
    over: BTreeMap<TransactionId, (Arc<[u8]>, Destination)>,
    output: VecDeque<TransactionOutput<U>>,
}

/// The message that made a machine act.
enum Incoming {
    Response(Response, Source),
    Acknowledgement(Request),
}

impl<U: Copy> TransactionLayer<U> {
    /// No transactions, and never more than `limit` and its reserve; beside them as many answers
    /// are remembered in case their requests come again.
    #[must_use]
    pub fn new(timing: Timing, limit: usize) -> Self {
        Self {
            timing,
            limit,
            last: 0,
            clients: HashMap::new(),
            servers: HashMap::new(),
            origins: HashMap::new(),
            entries: BTreeMap::new(),
            answered: BTreeSet::new(),
            destinations: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            over: BTreeMap::new(),
            output: VecDeque::new(),
        }
    }

    /// How many transactions are under way, those that remember an answer not counted.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.entries.len() - self.answered.len()
    }

    /// How many answers are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.answered.len()
    }

    /// Whether another may be opened for something new. What belongs to a call that is there, a BYE
    /// first of all, still finds the reserve of a quarter above the limit.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.under_way() < self.limit
    }

    fn has_reserve(&self) -> bool {
        self.under_way() < self.limit.saturating_add(self.limit / 4).saturating_add(1)
    }

    /// Sends a request of ours, other than ACK, whose top Via carries a fresh branch.
    ///
    /// # Errors
    /// [`Full`] when as many as allowed are under way, or the branch is already in use.
    pub fn send(
        &mut self,
        request: &Request,
        destination: Destination,
        user: U,
        now: Timestamp,
    ) -> Result<TransactionId, Full> {
        let key = Arc::new(ClientKey::of_request(request).map_err(|_| Full)?);
        if !self.has_reserve() || self.clients.contains_key(&key) {
            return Err(Full);
        }
        let id = self.next_id();
        let reliability = destination.transport.reliability();
        let machine = Machine::client(&request.method, &self.timing, reliability, now);
        let bytes: Arc<[u8]> = request.to_bytes().into();
        self.clients.insert(Arc::clone(&key), id);
        let entry = Entry {
            machine,
            user,
            request: Some(Box::new(essence_of_ours(request))),
            repeated: Some(Arc::clone(&bytes)),
            acknowledgement: None,
            instead: None,
            destination,
            deadline: None,
            key: Key::Client(key),
        };
        self.insert(id, entry);
        self.output.push_back(TransactionOutput::Send { bytes, destination });
        Ok(id)
    }

    /// Matches a request that came in. Absorbs repetitions and the ACKs of refusals; everything else
    /// is for the user, who opens a transaction with [`Self::open`] unless it is an ACK.
    pub fn receive_request(&mut self, request: &Request, now: Timestamp) -> Matched {
        let Ok(key) = ServerKey::of(request) else {
            return Matched::Unreadable;
        };
        if let Some(id) = self.servers.get(&key).copied() {
            return self.repeat(id, request, now);
        }
        let tells = !matches!(request.method, Method::Ack | Method::Cancel);
        let origin = tells.then(|| Origin::of(request)).flatten();
        let merged = origin.as_ref().is_some_and(|origin| self.origins.contains_key(origin))
            && request.headers.to_ref().is_ok_and(|to| to.tag().is_none());
        if merged { Matched::Merged } else { Matched::New(Fresh { key, origin }) }
    }

    /// Whether a request that came in is part of a transaction under way.
    #[must_use]
    pub fn knows(&self, request: &Request) -> bool {
        ServerKey::of(request).is_ok_and(|key| self.servers.contains_key(&key))
    }

    /// Opens the transaction of a request that [`Self::receive_request`] called new.
    ///
    /// # Errors
    /// [`Full`] when as many as allowed are under way.
    pub fn open(
        &mut self,
        request: &Request,
        fresh: Fresh,
        (destination, user): (Destination, U),
        now: Timestamp,
    ) -> Result<TransactionId, Full> {
        if !self.has_reserve() {
            return Err(Full);
        }
        let id = self.next_id();
        let machine = Machine::server(&request.method, &self.timing, now);
        let (key, origin) = (Arc::new(fresh.key), fresh.origin.map(Arc::new));
        self.servers.insert(Arc::clone(&key), id);
        if let Some(origin) = &origin {
            self.origins.insert(Arc::clone(origin), id);
        }
        let entry = Entry {
            machine,
            user,
            request: Some(Box::new(essence(request))),
            repeated: None,
            acknowledgement: None,
            instead: None,
            destination,
            deadline: None,
            key: Key::Server(key, origin),
        };
        self.insert(id, entry);
        Ok(id)
    }

    /// Sends a response in a server transaction; says whether it could still be sent.
    pub fn respond(&mut self, id: TransactionId, response: &Response, now: Timestamp) -> bool {
        let sent = self.say(id, response, now);
        if self.entries.get(&id).is_some_and(|entry| entry.machine.is_answered()) {
            self.remember(id);
        }
        sent
    }

    /// The same with the last response, which is not worth remembering (§8.2.7).
    pub fn respond_and_forget(
        &mut self,
        id: TransactionId,
        response: &Response,
        now: Timestamp,
    ) -> bool {
        let sent = self.say(id, response, now);
        self.abandon(id);
        sent
    }

    fn say(&mut self, id: TransactionId, response: &Response, now: Timestamp) -> bool {
        let timing = self.timing;
        let Some(entry) = self.entries.get_mut(&id) else {
            return false;
        };
        let class = ResponseClass::of(response.status.code());
        let actions = entry.machine.send(class, &timing, entry.reliability(), now);
        if actions.is_empty() {
            return false;
        }
        entry.repeated = Some(response.to_bytes().into());
        if entry.machine.is_answered() {
            entry.request = None;
        }
        self.carry_out(id, actions, None);
        true
    }

    /// Matches a response that came in; says whether it belongs to a transaction.
    pub fn receive_response(&mut self, response: Response, source: Source, now: Timestamp) -> bool {
        let timing = self.timing;
        let id = ClientKey::of_response(&response).ok().and_then(|key| self.clients.get(&key));
        let Some((id, entry)) = id.and_then(|id| Some((*id, self.entries.get_mut(id)?))) else {
            return false;
        };
        let class = ResponseClass::of(response.status.code());
        let actions = entry.machine.respond(class, &timing, entry.reliability(), now);
        if actions.first() == Some(&Action::Acknowledge)
            && let (None, Some(request)) = (&entry.acknowledgement, &entry.request)
        {
            let ack = acknowledgement(request, &response);
            entry.acknowledgement = Some(ack.to_bytes().into());
        }
        self.carry_out(id, actions, Some(Incoming::Response(response, source)));
        true
    }

    /// The transaction of the INVITE that a CANCEL means (RFC 3261 §9.2), and its user.
    #[must_use]
    pub fn cancelled_by(&self, cancel: &Request) -> Option<(TransactionId, U)> {
        let key = ServerKey::of_cancelled(cancel).ok()?;
        let id = *self.servers.get(&key)?;
        let entry = self.entries.get(&id)?;
        // Who saw the branch only, but not the INVITE, must not be able to end the call.
        let invite = entry.request.as_ref()?;
        let same = invite.call_id().ok()? == cancel.call_id().ok()?
            && invite.cseq().ok()?.number == cancel.cseq().ok()?.number;
        same.then_some((id, entry.user))
    }

    /// The request of a transaction, but for one that was no INVITE and is answered finally: the header
    /// fields that other messages are made of.
    #[must_use]
    pub fn request(&self, id: TransactionId) -> Option<&Request> {
        self.entries.get(&id)?.request.as_deref()
    }

    /// A request of ours and where it was sent, until its user has heard that its transaction is over.
    #[must_use]
    pub fn sent(&self, id: TransactionId) -> Option<(Request, Destination)> {
        let last = || self.entries.get(&id).and_then(|it| it.sent());
        let (bytes, destination) = self.over.get(&id).cloned().or_else(last)?;
        match Message::parse(&bytes) {
            Ok(Message::Request(request)) => Some((request, destination)),
            Ok(Message::Response(_)) | Err(_) => None,
        }
    }

    /// Where a transaction sends to.
    #[must_use]
    pub fn destination(&self, id: TransactionId) -> Option<Destination> {
        self.entries.get(&id).map(|entry| entry.destination)
    }

    /// Ends a transaction at once: a client's whose peer will never send a final response (§9.1).
    pub fn abandon(&mut self, id: TransactionId) {
        if self.entries.contains_key(&id) {
            self.end(id);
        }
    }

    /// Nothing can be sent to this destination.
    pub fn transport_failed(&mut self, destination: &Destination, now: Timestamp) {
        let first = (*destination, TransactionId(0));
        let last = (*destination, TransactionId(u64::MAX));
        let ids: Vec<_> = self.destinations.range(first..=last).map(|(_, id)| *id).collect();
        for id in ids {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            if entry.machine.is_unheard()
                && let Some(datagram) = entry.instead.take()
            {
                self.send_instead(id, *datagram, now);
                continue;
            }
            let actions = entry.machine.fail();
            self.carry_out(id, actions, None);
        }
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(due, _)| *due)
    }

    /// Fires every timer that is due.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let timing = self.timing;
        while let Some((due, id)) = self.deadlines.first().copied() {
            if due > now {
                break;
            }
            let Some(entry) = self.entries.get_mut(&id) else {
                self.deadlines.remove(&(due, id));
                continue;
            };
            let actions = entry.machine.expire(&timing, now);
            self.carry_out(id, actions, None);
        }
    }

    /// The next thing to be done.
    pub fn poll_output(&mut self) -> Option<TransactionOutput<U>> {
        let output = self.output.pop_front();
        if let Some(TransactionOutput::Event {
            transaction, event: TransactionEvent::Ended, ..
        }) = &output
        {
            self.over.remove(transaction);
        }
        output
    }

    fn repeat(&mut self, id: TransactionId, request: &Request, now: Timestamp) -> Matched {
        let timing = self.timing;
        // Keys go with their entries.
        let Some(entry) = self.entries.get_mut(&id) else { return Matched::Absorbed };
        let actions = if request.method == Method::Ack {
            entry.machine.acknowledge(&timing, entry.reliability(), now)
        } else {
            entry.machine.repeat()
        };
        let passed = actions.contains(&Action::Pass);
        let message = passed.then(|| Incoming::Acknowledgement(request.clone()));
        self.carry_out(id, actions, message);
        Matched::Absorbed
    }

    fn carry_out(&mut self, id: TransactionId, actions: Actions, mut message: Option<Incoming>) {
        let Some(entry) = self.entries.get(&id) else { return };
        let (user, destination) = (entry.user, entry.destination);
        for action in actions {
            let event = match action {
                Action::Resend => {
                    let bytes = entry.repeated.clone();
                    self.output.extend(bytes.map(|bytes| sending(bytes, destination)));
                    continue;
                }
                Action::Acknowledge => {
                    let bytes = entry.acknowledgement.clone();
                    self.output.extend(bytes.map(|bytes| sending(bytes, destination)));
                    continue;
                }
                Action::Pass => match message.take() {
                    Some(Incoming::Response(response, source)) => {
                        TransactionEvent::Response(Box::new(response), source)
                    }
                    Some(Incoming::Acknowledgement(ack)) => {
                        TransactionEvent::Acknowledged(Box::new(ack))
                    }
                    None => continue,
                },
                Action::TimedOut => TransactionEvent::TimedOut,
                Action::Failed => TransactionEvent::Failed,
            };
            self.output.push_back(TransactionOutput::Event { transaction: id, user, event });
        }
        self.rearm(id);
    }

    /// Brings the set of deadlines in line with the machine, and removes it when it is over.
    fn rearm(&mut self, id: TransactionId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if entry.machine.is_over() {
            self.end(id);
            return;
        }
        let due = entry.machine.due();
        if due == entry.deadline {
            return;
        }
        if let Some(old) = std::mem::replace(&mut entry.deadline, due) {
            self.deadlines.remove(&(old, id));
        }
        if let Some(due) = due {
            self.deadlines.insert((due, id));
        }
    }

    /// Keeps an answer for the rest of its time, and in turn forgets the oldest one too many. A request
    /// that comes again after that is a new one: it must prove itself anew, or is out of order, for its
    /// CSeq was used before.
    fn remember(&mut self, id: TransactionId) {
        let Some(due) = self.entries.get(&id).and_then(|entry| entry.deadline) else { return };
        self.answered.insert((due, id));
        if self.answered.len() > self.limit
            && let Some((_, oldest)) = self.answered.first().copied()
        {
            self.end(oldest);
        }
    }

    fn insert(&mut self, id: TransactionId, entry: Entry<U>) {
        self.destinations.insert((entry.destination, id));
        self.entries.insert(id, Box::new(entry));
        self.rearm(id);
    }

    fn end(&mut self, id: TransactionId) {
        let Some(entry) = self.entries.remove(&id) else { return };
        self.destinations.remove(&(entry.destination, id));
        self.over.extend(entry.sent().map(|sent| (id, sent)));
        if let Some(due) = entry.deadline {
            self.answered.remove(&(due, id));
            self.deadlines.remove(&(due, id));
        }
        match &entry.key {
            Key::Client(key) => {
                self.clients.remove(key);
            }
            Key::Server(key, origin) => {
                self.servers.remove(key);
                // A later request of the same origin may have taken the place.
                if let Some(origin) = origin
                    && self.origins.get(origin) == Some(&id)
                {
                    self.origins.remove(origin);
                }
            }
        }
        let event = TransactionEvent::Ended;
        self.output.push_back(TransactionOutput::Event {
            transaction: id,
            user: entry.user,
            event,
        });
    }

    fn next_id(&mut self) -> TransactionId {
        self.last += 1;
        TransactionId(self.last)
    }
}

fn sending<U>(bytes: Arc<[u8]>, destination: Destination) -> TransactionOutput<U> {
    TransactionOutput::Send { bytes, destination }
}
