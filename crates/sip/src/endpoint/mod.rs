//! A SIP endpoint without sockets and clock: what a back-to-back user agent needs on each side.
//!
//! [`Endpoint`] takes messages, orders and time, and gives back what to send and what happened
//! ([`Output`]). It keeps the rules of RFC 3261 that leave no choice: transactions, dialogs,
//! repetition, CANCEL, ACK and BYE, forks, and the refusals a user agent owes whoever sends
//! nonsense. Whatever leaves a choice is an event that awaits an order.
//!
//! | it refuses by itself | with |
//! |---|---|
//! | a malformed request | the status that [`crate::validate`] names |
//! | a method nobody knows; one we do not take | 501; 405 with Allow |
//! | an extension we must have but have not | 420 with Unsupported |
//! | an INVITE whose body is no SDP; whose sender takes none | 415 with Accept; 406 |
//! | a request of a dialog, or a CANCEL of an INVITE, that is not here | 481; not to SUBSCRIBE, whose dialogs are the application's |
//! | a second copy of a request by another way; an INVITE again whose call lasts | 482 |
//! | a CSeq that does not rise, or leaps and comes from elsewhere; an offer while theirs is open | 500 with Retry-After |
//! | an offer that meets ours | 491 |
//! | more than the bounds allow | 503 with Retry-After |
//!
//! A refusal of a request outside any dialog is remembered by nobody, nor is a 401, 403 or 407 that
//! the application gives: the same request again is refused again, with the same tag (§8.2.7), so a
//! flood of them fills nothing.

mod arriving;
mod calling;
mod changing;
mod digit;
mod event;
mod judging;
mod opening;
mod order;
mod ordered;
mod place;
mod refreshing;
mod refusing;
mod reliable;
mod repeating;
mod requesting;
mod settings;
mod timers;
pub(crate) mod token;
mod within;
mod writing;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use model::Timestamp;

pub use event::{ArrivalId, EndpointEvent, Output, ReleaseCause, RequestId};
pub use order::{Attempt, Body, ExtraHeaders, Order, OrderError, Outgoing, Rejection, Within};
pub use place::{ConnectionId, Destination, ListenerId, Source, Transport};
pub use settings::{Bounds, EndpointSettings, LargeRequests, Listener, Reach, SessionTimer};

use crate::dialog::RemoteTag;
use crate::header::Replaces;
use crate::message::{Message, Method, Request, Response};
use crate::session::{Change, Phase, SessionId, Sessions};
use crate::transaction::{TransactionEvent, TransactionId, TransactionLayer, TransactionOutput};
use crate::validate::Violation;
use token::Tokens;

/// A SIP endpoint without sockets and clock.
#[derive(Debug)]
pub struct Endpoint {
    settings: EndpointSettings,
    tokens: Tokens,
    transactions: TransactionLayer<Purpose>,
    sessions: Sessions,
    /// The ACKs sent for the 2xx of each INVITE of ours, by fork, while more 2xx may come.
    acknowledgements: BTreeMap<TransactionId, BTreeMap<RemoteTag, Sending>>,
    /// re-INVITEs whose session is over: how long their final response is still awaited.
    orphans: BTreeSet<(Timestamp, TransactionId)>,
    arrivals: BTreeMap<ArrivalId, TransactionId>,
    attempts: BTreeMap<RequestId, Attempt>,
    /// Changes that the peer asked for of sessions that are over meanwhile: to be refused.
    abandoned: Vec<TransactionId>,
    last_incoming: u64,
    last_arrival: u64,
    tally: Tally,
    output: VecDeque<Output>,
}

/// What an endpoint has counted since it was made.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Responses that belong to no request of ours, or cannot be read.
    pub stray_responses: u64,
    /// ACKs that belong to no session and to no answer of ours.
    pub stray_acks: u64,
    /// Requests too broken to be answered.
    pub unanswerable: u64,
    /// Requests refused by the endpoint itself, by status.
    pub refused: BTreeMap<u16, u64>,
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug)]
enum Purpose {
    /// Our INVITE that opens a session.
    Invite(SessionId),
    /// Our INVITE that changes one.
    Reinvite(SessionId),
    /// Our UPDATE that keeps one alive.
    Refresh(SessionId),
    /// Our BYE.
    Bye(SessionId),
    /// Our PRACK or NOTIFY: nobody waits for what comes of it but a challenge.
    Said(SessionId),
    /// Another request of ours within a session.
    Within(SessionId, RequestId),
    /// A request of ours outside any dialog.
    Outside(RequestId),
    /// The peer's INVITE that opens a session.
    Incoming(SessionId),
    /// The peer's INVITE, UPDATE or PRACK that may change one.
    Changing(SessionId),
    /// The peer's request outside any dialog, to be answered by the application.
    Arrival(ArrivalId),
    /// Nobody waits for what comes of it.
    Unattended,
}

#[derive(Clone, Debug)]
struct Sending {
    bytes: Arc<[u8]>,
    destination: Destination,
}

impl Endpoint {
    /// An endpoint with no transactions or sessions. The seed must be secret and new at every start:
    /// tags, branches and Call-IDs are drawn from it.
    #[must_use]
    pub fn new(mut settings: EndpointSettings, seed: [u8; 32]) -> Self {
        settings.make_sane();
        let transactions = TransactionLayer::new(settings.timing, settings.bounds.transactions);
        Self {
            settings,
            tokens: Tokens::new(seed),
            transactions,
            sessions: Sessions::default(),
            acknowledgements: BTreeMap::new(),
            orphans: BTreeSet::new(),
            arrivals: BTreeMap::new(),
            attempts: BTreeMap::new(),
            abandoned: Vec::new(),
            last_incoming: SessionId::FIRST_INCOMING.0,
            last_arrival: 0,
            tally: Tally::default(),
            output: VecDeque::new(),
        }
    }

    /// Takes in a message from the network.
    pub fn receive(&mut self, message: Message, source: Source, now: Timestamp) {
        match message {
            Message::Request(request) => {
                let judged = crate::validate(&request);
                self.receive_judged(request, judged, source, now);
            }
            Message::Response(response) => {
                self.receive_response(response, source, now);
            }
        }
    }

    /// Takes in a response; false for one that answers nothing of ours, which changes nothing.
    pub fn receive_response(&mut self, response: Response, source: Source, now: Timestamp) -> bool {
        let strays = self.tally.stray_responses;
        let whole = crate::validate_response(&response).is_ok();
        if !whole || !self.transactions.receive_response(response, source, now) {
            self.tally.stray_responses += 1;
        }
        self.settle(now);
        self.tally.stray_responses == strays
    }

    /// Takes in a request of which [`crate::validate`] has said `judged`: looked at once is enough. False
    /// for an ACK that acknowledges nothing of ours, which changes nothing.
    pub fn receive_judged(
        &mut self,
        request: Request,
        judged: Result<(), Violation>,
        source: Source,
        now: Timestamp,
    ) -> bool {
        let strays = self.tally.stray_acks;
        match judged {
            Ok(()) => self.receive_request(request, source, now),
            Err(_) if request.method == Method::Ack => self.tally.stray_acks += 1,
            Err(violation) => self.refuse(&request, &Rejection::from(violation), &source),
        }
        self.settle(now);
        self.tally.stray_acks == strays
    }

    /// Carries out an order.
    ///
    /// # Errors
    /// When it cannot be carried out; then nothing has changed.
    pub fn order(&mut self, order: Order, now: Timestamp) -> Result<(), OrderError> {
        let result = self.carry_out(order, now);
        self.settle(now);
        result
    }

    /// Nothing can be sent to this destination: a connection broke, or could not be opened, or the
    /// network says that nobody is there.
    pub fn transport_failed(&mut self, destination: &Destination, now: Timestamp) {
        self.transactions.transport_failed(destination, now);
        self.settle(now);
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let orphan = self.orphans.first().map(|(until, _)| *until);
        let due = [self.transactions.poll_timeout(), self.sessions.poll_timeout(), orphan];
        due.into_iter().flatten().min()
    }

    /// Does whatever is due by now.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.transactions.handle_timeout(now);
        while let Some((until, transaction)) = self.orphans.first().copied()
            && until <= now
        {
            self.orphans.remove(&(until, transaction));
            self.transactions.abandon(transaction);
        }
        self.settle(now);
        while let Some(session) = self.sessions.due(now) {
            self.expire(session, now);
            self.settle(now);
        }
    }

    /// The next thing to send or to know, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// How many sessions there are.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// The sessions there are, in order.
    #[must_use]
    pub fn session_ids(&self) -> Vec<SessionId> {
        self.sessions.ids()
    }

    /// The Call-ID of a session, while it lasts.
    #[must_use]
    pub fn call_id(&self, session: SessionId) -> Option<&str> {
        self.sessions.get(session).map(|session| session.call_id.as_str())
    }

    /// Where our requests within a session go; none before there is a dialog.
    #[must_use]
    pub fn way_of(&self, session: SessionId) -> Option<Destination> {
        self.sessions.get(session)?.destination()
    }

    /// The session that is named by `Replaces` as the peer in it sees it (RFC 3891 §3); none when
    /// there is none, or it is being released.
    #[must_use]
    pub fn named_by(&self, replaces: &Replaces) -> Option<SessionId> {
        let id = self.sessions.find(&replaces.call_id, &replaces.to_tag)?;
        let session = self.sessions.get(id)?;
        let is_over = matches!(session.phase, Phase::Releasing(_));
        (!is_over && session.knows(&RemoteTag(replaces.from_tag.as_str().into()))).then_some(id)
    }

    /// Whether a request that came in is part of a transaction under way: then it is answered as it
    /// was before, and not anew (RFC 3261 §17.2).
    #[must_use]
    pub fn is_under_way(&self, request: &Request) -> bool {
        self.transactions.knows(request)
    }

    /// Whether whoever our INVITE went to has said anything, be it that it tries.
    #[must_use]
    pub fn was_heard(&self, session: SessionId) -> bool {
        match self.sessions.get(session).map(|session| &session.phase) {
            Some(Phase::Calling(calling)) => calling.heard,
            Some(_) | None => true,
        }
    }

    /// How many transactions are under way, those that remember an answer not counted.
    #[must_use]
    pub fn transaction_count(&self) -> usize {
        self.transactions.under_way()
    }

    /// How many answers are remembered in case their requests come again.
    #[must_use]
    pub fn remembered_count(&self) -> usize {
        self.transactions.remembered()
    }

    /// What was counted.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Hands everything the transactions have to say to whom it concerns.
    fn settle(&mut self, now: Timestamp) {
        loop {
            self.refuse_abandoned(now);
            let Some(output) = self.transactions.poll_output() else { break };
            match output {
                TransactionOutput::Send { bytes, destination } => {
                    self.output.push_back(Output::Send { bytes, destination });
                }
                TransactionOutput::Event { transaction, user, event } => {
                    self.hear(transaction, user, event, now);
                }
            }
        }
        self.sessions.settle();
    }

    fn hear(
        &mut self,
        transaction: TransactionId,
        purpose: Purpose,
        event: TransactionEvent,
        now: Timestamp,
    ) {
        use crate::message::StatusCode;
        match event {
            TransactionEvent::Response(response, source) => {
                self.hear_response(transaction, purpose, (response, source), now);
            }
            TransactionEvent::TimedOut => {
                self.hear_failure(transaction, purpose, StatusCode::REQUEST_TIMEOUT, now);
            }
            TransactionEvent::Failed => {
                self.hear_failure(transaction, purpose, StatusCode::SERVICE_UNAVAILABLE, now);
            }
            TransactionEvent::Acknowledged(ack) => {
                if let Purpose::Incoming(session) | Purpose::Changing(session) = purpose {
                    self.acknowledged(session, *ack, now);
                }
            }
            TransactionEvent::Ended => {
                self.acknowledgements.remove(&transaction);
                if let Purpose::Arrival(arrival) = purpose {
                    self.arrivals.remove(&arrival);
                }
            }
        }
    }

    fn report(&mut self, event: EndpointEvent) {
        self.output.push_back(Output::Event(event));
    }

    /// The last event of a session.
    fn finish(&mut self, session: SessionId, event: EndpointEvent) {
        let over = self.sessions.remove(session);
        if let Some(Change::Theirs { transaction, .. }) =
            over.as_ref().and_then(|over| over.change())
        {
            self.abandoned.push(*transaction);
        }
        self.report(event);
    }

    fn release(&mut self, session: SessionId, cause: ReleaseCause, reason: Option<String>) {
        self.finish(session, EndpointEvent::Released { session, cause, reason });
    }
}
