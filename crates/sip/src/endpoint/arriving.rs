//! Requests that come in: what belongs to a transaction or dialog goes there, the rest is looked at
//! as RFC 3261 §8.2 has it, and what remains is an event.

use std::collections::VecDeque;

use model::Timestamp;

use super::order::Rejection;
use super::refusing::reply_destination;
use super::writing::reason_of;
use super::{ArrivalId, Endpoint, EndpointEvent, ListenerId, Purpose, ReleaseCause, Source};
use crate::Abilities;
use crate::dialog::{Dialog, RemoteTag};
use crate::header::{HeaderError, HeaderName};
use crate::message::{Method, Request, StatusCode};
use crate::session::{Alerting, Change, Phase, RefreshWish, Session, SessionId};
use crate::transaction::{Fresh, Matched};

/// The media type of bodies in INVITE and UPDATE.
pub(super) const SDP: &str = "application/sdp";

impl Endpoint {
    /// Takes in a request that makes sense.
    pub(super) fn receive_request(&mut self, request: Request, source: Source, now: Timestamp) {
        match self.transactions.receive_request(&request, now) {
            Matched::Absorbed => {}
            Matched::Merged => {
                let refusal = Rejection::new(StatusCode::LOOP_DETECTED, "request came twice");
                self.refuse(&request, &refusal, &source);
            }
            // What has been validated can be read.
            Matched::Unreadable => self.tally.unanswerable += 1,
            Matched::New(fresh) => self.place(request, fresh, &source, now),
        }
    }

    /// Finds what a new request belongs to.
    fn place(&mut self, mut request: Request, fresh: Fresh, source: &Source, now: Timestamp) {
        let headers = &request.headers;
        let (Ok(via), Ok(to)) = (headers.via_ref(), headers.to_ref()) else {
            // What has been validated has them all.
            self.tally.unanswerable += 1;
            return;
        };
        let session = self.dialog_of_request(&request);
        let is_tagged = to.tag().is_some();
        if request.method != Method::Ack {
            let stamped = via.stamped(source.peer);
            request.headers.replace_top(HeaderName::Via, stamped);
        }
        match (&request.method, session) {
            (Method::Ack, Some(session)) => self.acknowledged(session, request, now),
            // The end of a request that was refused and forgotten (§17.2.6 asks no more of it).
            (Method::Ack, None) if self.is_unremembered(&request) => {}
            (Method::Ack, None) => self.tally.stray_acks += 1,
            (Method::Cancel, _) => self.cancelled(&request, fresh, source, now),
            (_, Some(session)) => self.receive_within(session, (request, fresh), source, now),
            // Subscriptions are no sessions: the application knows their dialogs.
            (Method::Subscribe, None) => self.receive_outside(request, fresh, source, now),
            (_, None) if is_tagged => self.refuse_unknown(&request, source),
            (_, None) => self.receive_outside(request, fresh, source, now),
        }
    }

    /// The session with the dialog of a request that came in (§12.2.2).
    fn dialog_of_request(&self, request: &Request) -> Option<SessionId> {
        let to = request.headers.to_ref().ok()?;
        let id = self.sessions.find(request.call_id().unwrap_or_default(), to.tag().as_ref()?)?;
        let from = request.headers.from_ref().ok()?;
        let remote = RemoteTag(from.tag().unwrap_or_default().into());
        self.sessions.get(id)?.knows(&remote).then_some(id)
    }

    /// The session that a request is part of, or whose INVITE it cancels, and the listener at which
    /// that was opened: whoever has read its tags somewhere is not yet whom it is with.
    #[must_use]
    pub fn session_of(&self, request: &Request) -> Option<(SessionId, ListenerId)> {
        let session = if request.method == Method::Cancel {
            match self.transactions.cancelled_by(request)? {
                (_, Purpose::Incoming(session) | Purpose::Changing(session)) => Some(session),
                _ => None,
            }
        } else {
            self.dialog_of_request(request)
        };
        session.and_then(|id| Some((id, self.sessions.get(id)?.listener)))
    }

    fn refuse_unknown(&mut self, request: &Request, source: &Source) {
        let refusal = Rejection::new(StatusCode::CALL_DOES_NOT_EXIST, "no such dialog");
        self.refuse(request, &refusal, source);
    }

    /// CANCEL (§9.2): answered 200 whatever has become of the INVITE, as long as it is known.
    fn cancelled(&mut self, cancel: &Request, fresh: Fresh, source: &Source, now: Timestamp) {
        let Some((invite, purpose)) = self.transactions.cancelled_by(cancel) else {
            let refusal = Rejection::new(StatusCode::CALL_DOES_NOT_EXIST, "nothing to cancel");
            return self.refuse(cancel, &refusal, source);
        };
        let tag = self.local_tag_of(purpose);
        let destination = reply_destination(&cancel.headers, source);
        let user = (destination, Purpose::Unattended);
        let opened = self.transactions.open(cancel, fresh, user, now);
        let Ok(transaction) = opened else {
            let full = self.full();
            return self.refuse(cancel, &full, source);
        };
        let response = self.answer(cancel, StatusCode::OK, &tag);
        self.transactions.respond(transaction, &response, now);
        let refusal = Rejection::new(StatusCode::REQUEST_TERMINATED, "cancelled by the caller");
        let terminated = self.reject(invite, &refusal, &tag, now);
        match purpose {
            Purpose::Incoming(session) if terminated => {
                self.release(session, ReleaseCause::PeerCancelled, reason_of(&cancel.headers));
            }
            Purpose::Changing(session) if terminated => self.change_withdrawn(session),
            Purpose::Incoming(_)
            | Purpose::Changing(_)
            | Purpose::Invite(_)
            | Purpose::Reinvite(_)
            | Purpose::Refresh(_)
            | Purpose::Bye(_)
            | Purpose::Said(_)
            | Purpose::Within(..)
            | Purpose::Outside(_)
            | Purpose::Arrival(_)
            | Purpose::Unattended => {}
        }
    }

    /// A request outside any dialog.
    fn receive_outside(&mut self, request: Request, fresh: Fresh, source: &Source, now: Timestamp) {
        if let Some(refusal) = self.unacceptable(&request) {
            return self.refuse(&request, &refusal, source);
        }
        match request.method {
            Method::Invite => self.invited(request, fresh, source, now),
            Method::Bye | Method::Info | Method::Update | Method::Notify | Method::Prack => {
                self.refuse_unknown(&request, source);
            }
            Method::Refer => {
                let refusal = Rejection::new(StatusCode::FORBIDDEN, "refer only within a call");
                self.refuse(&request, &refusal, source);
            }
            Method::Ack
            | Method::Cancel
            | Method::Options
            | Method::Register
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other(_) => self.requested(request, fresh, source, now),
        }
    }

    /// Why a request cannot be taken whatever it is about (§8.2.1 to §8.2.3, §21.4.6).
    pub(super) fn unacceptable(&self, request: &Request) -> Option<Rejection> {
        let kind = request.headers.content_type().unwrap_or_default();
        let describes = matches!(request.method, Method::Invite | Method::Update);
        // Whoever reads the body of another request judges its type.
        let content_types = if describes { [SDP] } else { [kind.as_str()] };
        let abilities = Abilities {
            methods: &self.settings.allow,
            extensions: extensions(&request.method),
            content_types: &content_types,
            answers_with: SDP,
        };
        crate::admit(request, &abilities).err().map(Rejection::from)
    }

    fn invited(&mut self, mut request: Request, fresh: Fresh, source: &Source, now: Timestamp) {
        let tag = self.tag_for(&request);
        if self.sessions.find(request.call_id().unwrap_or_default(), &tag).is_some() {
            // Its transaction is over, and the call lasts: whoever has read the INVITE plays it again.
            let refusal = Rejection::new(StatusCode::LOOP_DETECTED, "invite came before");
            return self.refuse(&request, &refusal, source);
        }
        if self.sessions.len() >= self.settings.bounds.sessions || !self.transactions.has_room() {
            let full = self.full();
            return self.refuse(&request, &full, source);
        }
        if let Some(refusal) = self.too_short(&request) {
            return self.refuse(&request, &refusal, source);
        }
        let replaces = match self.replaced_by(&request) {
            Ok(replaces) => replaces,
            Err(refusal) => return self.refuse(&request, &refusal, source),
        };
        drop_foreign_body(&mut request);
        let mut dialog = match Dialog::of_request(&request, &tag, source.destination()) {
            Ok(dialog) => dialog,
            Err(error) => {
                let refusal = Rejection::new(StatusCode::BAD_REQUEST, &error.to_string());
                return self.refuse(&request, &refusal, source);
            }
        };
        dialog.move_to(self.route(&dialog, source));
        self.last_incoming += 1;
        let session = SessionId(self.last_incoming);
        let destination = reply_destination(&request.headers, source);
        let user = (destination, Purpose::Incoming(session));
        let Ok(transaction) = self.transactions.open(&request, fresh, user, now) else {
            return;
        };
        // No tag: a 100 makes no dialog (§8.2.6.1).
        let trying = request.response(StatusCode::TRYING);
        self.transactions.respond(transaction, &trying, now);
        let alerting = Alerting {
            transaction,
            offered: !request.body.is_empty(),
            provisional: None,
            until: now + self.settings.bounds.longest_unanswered,
            reliably: Self::reliably(&request),
            rseq: self.first_rseq(),
            unconfirmed: None,
            waiting: VecDeque::new(),
            accepting: None,
            answered: false,
            change: Change::None,
            wish: RefreshWish::of(&request.headers),
            dialog,
        };
        let call_id = alerting.dialog.call_id().to_owned();
        let phase = Phase::Alerting(Box::new(alerting));
        let (local_tag, listener) = (tag, source.listener);
        let opened = Session { call_id, local_tag, listener, login: None, phase };
        self.sessions.insert(session, opened);
        let max_forwards = request.max_forwards().ok().flatten().unwrap_or(70);
        let (request, source) = (Box::new(request), *source);
        self.report(EndpointEvent::Invited { session, request, source, max_forwards, replaces });
    }

    /// The session whose place an INVITE wants to take (RFC 3891 §3).
    fn replaced_by(&self, invite: &Request) -> Result<Option<SessionId>, Rejection> {
        let unreadable =
            |error: HeaderError| Rejection::new(StatusCode::BAD_REQUEST, &error.to_string());
        let Some(replaces) = invite.headers.replaces().map_err(unreadable)? else {
            return Ok(None);
        };
        let remote = RemoteTag(replaces.from_tag.into());
        let session = self.sessions.find(&replaces.call_id, &replaces.to_tag);
        let known = session.and_then(|id| Some((id, self.sessions.get(id)?)));
        let Some((id, session)) = known.filter(|(_, session)| session.knows(&remote)) else {
            return Err(Rejection::new(StatusCode::CALL_DOES_NOT_EXIST, "nothing to replace"));
        };
        match session.phase {
            Phase::Established(_) if replaces.early_only => {
                Err(Rejection::new(StatusCode::BUSY_HERE, "call is answered already"))
            }
            Phase::Calling(_) | Phase::Established(_) => Ok(Some(id)),
            // Only who rings may be relieved of it, not who calls.
            Phase::Alerting(_) => {
                Err(Rejection::new(StatusCode::CALL_DOES_NOT_EXIST, "nothing to replace"))
            }
            Phase::Releasing(_) => Err(Rejection::new(StatusCode::DECLINE, "call is over")),
        }
    }

    /// Our tag in the session that an INVITE opens: the same when an INVITE comes again whose refusal
    /// was not remembered (§8.2.7), and known to nobody before it is sent.
    fn tag_for(&self, invite: &Request) -> String {
        let via = invite.headers.via_ref().ok();
        let branch = via.and_then(|via| via.branch()).unwrap_or_default();
        let from = invite.headers.first(&HeaderName::From).unwrap_or_default();
        let call_id = invite.headers.first(&HeaderName::CallId).unwrap_or_default();
        self.tokens.tag_of(&[b"session", call_id, from, branch.as_bytes()])
    }

    fn requested(&mut self, request: Request, fresh: Fresh, source: &Source, now: Timestamp) {
        if !self.transactions.has_room() {
            let full = self.full();
            return self.refuse(&request, &full, source);
        }
        self.last_arrival += 1;
        let arrival = ArrivalId(self.last_arrival);
        let destination = reply_destination(&request.headers, source);
        let user = (destination, Purpose::Arrival(arrival));
        let opened = self.transactions.open(&request, fresh, user, now);
        if let Ok(transaction) = opened {
            self.arrivals.insert(arrival, transaction);
            let (request, source) = (Box::new(request), *source);
            self.report(EndpointEvent::Requested { arrival, request, source });
        }
    }

    fn local_tag_of(&self, purpose: Purpose) -> String {
        match purpose {
            Purpose::Incoming(session) | Purpose::Changing(session) => self.local_tag(session),
            Purpose::Invite(_)
            | Purpose::Reinvite(_)
            | Purpose::Refresh(_)
            | Purpose::Bye(_)
            | Purpose::Said(_)
            | Purpose::Within(..)
            | Purpose::Outside(_)
            | Purpose::Arrival(_)
            | Purpose::Unattended => String::new(),
        }
    }
}

/// The option tags we understand in a request of this method. A registration's are the registrar's
/// (RFC 3327, RFC 5626).
#[expect(clippy::wildcard_enum_match_arm, reason = "extensions are of few methods")]
fn extensions(method: &Method) -> &'static [&'static str] {
    match method {
        Method::Register => &["path", "outbound"],
        Method::Invite => &["100rel", "timer", "replaces"],
        Method::Update => &["timer"],
        _ => &[],
    }
}

/// A body that is no session description got this far because its sender called it optional.
pub(super) fn drop_foreign_body(request: &mut Request) {
    if request.headers.content_type().as_deref() != Some(SDP) {
        request.body.clear();
    }
}
