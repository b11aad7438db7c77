//! Changes of a session: our re-INVITE and what comes of it, and our answer to the peer's
//! (RFC 3261 §14, RFC 3311).

use std::time::Duration;

use model::Timestamp;

use super::calling::Received;
use super::order::{Body, OrderError, Rejection};
use super::ordered::{AskedChange, Done};
use super::writing::{refresh_target, set_body};
use super::{Endpoint, EndpointEvent, Purpose};
use crate::dialog::RemoteTag;
use crate::message::{Method, Response, StatusCode};
use crate::session::{Change, Phase, Postponed, Session, SessionId, Unacknowledged};
use crate::transaction::{Resend, TransactionId};

/// How often a re-INVITE is tried that meets the peer's.
const MOST_TRIES: u8 = 5;

impl Endpoint {
    pub(super) fn change(&mut self, session: SessionId, body: Body, now: Timestamp) -> Done {
        match self.established(session)?.postponed {
            Some(_) => Err(OrderError::Pending),
            None => self.reinvite(session, body, 0, now),
        }
    }

    pub(super) fn reinvite(
        &mut self,
        session: SessionId,
        body: Body,
        tries: u8,
        now: Timestamp,
    ) -> Done {
        let established = self.established(session)?;
        let free = matches!(established.change, Change::None);
        if !free || established.unacknowledged.is_some() || established.ending.is_some() {
            return Err(OrderError::Pending);
        }
        let (mut request, destination) = self.next_request(session, Method::Invite)?;
        self.tell_abilities_within(&mut request.headers);
        self.go_on_refreshing(session, &mut request.headers);
        set_body(&mut request.headers, &mut request.body, Some(body.clone()));
        let purpose = Purpose::Reinvite(session);
        let transaction = self.start(request, destination, purpose, now).ok_or(OrderError::Full)?;
        // Once for the first response, once more for the final one.
        let until = now + self.settings.timing.patience() * 2;
        let established = self.established(session)?;
        established.described = Some(body.clone());
        established.change = Change::Ours { transaction, body, tries: tries + 1, until };
        Ok(())
    }

    pub(super) fn answer_offer(&mut self, session: SessionId, body: Body, now: Timestamp) -> Done {
        let AskedChange { transaction, method, cseq, offered, wish } =
            self.asked_change(session)?;
        let described = Some(body.clone());
        let mut response = self.response_of(session, transaction, StatusCode::OK, described)?;
        self.tell_abilities(&mut response.headers);
        let agreed = (method != Method::Prack).then(|| self.agree(wish, &mut response, now));
        let timing = self.settings.timing;
        self.transactions.respond(transaction, &response, now);
        let state = self.sessions.get_mut(session).ok_or(OrderError::NoSuchSession)?;
        if let Some(change) = state.change_mut() {
            *change = Change::None;
        }
        self.settle_early(session, Some(&body));
        // What was said before the call is answered is followed by an answer of its own.
        let Ok(established) = self.established(session) else { return Ok(()) };
        established.described = Some(body);
        if let Some(agreed) = agreed {
            established.refresh = agreed;
        }
        if method == Method::Invite {
            established.unacknowledged = Some(Unacknowledged {
                transaction,
                response,
                cseq,
                carries_offer: !offered,
                resend: Resend::first(&timing, now),
                until: now + timing.patience(),
            });
        }
        Ok(())
    }

    pub(super) fn refuse_offer(
        &mut self,
        session: SessionId,
        refusal: &Rejection,
        now: Timestamp,
    ) -> Done {
        if refusal.status.code() < 300 {
            return Err(OrderError::BadOrder);
        }
        let transaction = self.asked_change(session)?.transaction;
        self.reject(transaction, refusal, "", now);
        if let Some(change) = self.sessions.get_mut(session).and_then(Session::change_mut) {
            *change = Change::None;
        }
        self.settle_early(session, None);
        Ok(())
    }

    /// A fork's change of its early session was answered with this, or refused with nothing; an answer
    /// to our INVITE that has waited for that is told.
    fn settle_early(&mut self, session: SessionId, answer: Option<&Body>) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        match &mut state.phase {
            Phase::Calling(calling) => {
                calling.early.values_mut().for_each(|early| early.settle(answer));
            }
            Phase::Established(established) => {
                let Some(mut crossed) = established.crossed.take() else { return };
                crossed.early.settle(answer);
                self.tell_answer(session, *crossed);
            }
            Phase::Alerting(_) | Phase::Releasing(_) => {}
        }
    }

    pub(super) fn change_accepted(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        (response, source): Received,
        now: Timestamp,
    ) {
        let reach = self.reach(source.listener);
        let agreed = self.agreed(&response, now);
        let tag = response.to().map(|to| RemoteTag::of(&to)).ok();
        let known =
            self.acknowledgements.get(&transaction).and_then(|acks| acks.get(&tag.clone()?));
        if let Some(ack) = known.cloned() {
            return self.send_now(ack.bytes, ack.destination);
        }
        let cseq = response.cseq().map(|cseq| cseq.number).unwrap_or_default();
        let ongoing = self.is_changed_by(session, transaction);
        let Some(state) = self.sessions.get_mut(session) else { return };
        let dialog = match &mut state.phase {
            // The peer's may be under way by now.
            Phase::Established(established) if !ongoing => established.dialog.clone(),
            Phase::Established(established) => {
                established.change = Change::None;
                established.refresh = agreed;
                let contact = response.contact().ok().flatten();
                refresh_target(&mut established.dialog, contact, reach);
                established.dialog.clone()
            }
            Phase::Releasing(releasing) => releasing.dialog.clone(),
            Phase::Calling(_) | Phase::Alerting(_) => return,
        };
        let ack = self.acknowledge(&dialog, (transaction, cseq));
        if let Some(tag) = tag {
            self.acknowledgements.entry(transaction).or_default().insert(tag, ack);
        }
        if ongoing {
            let body = response.body;
            self.report(EndpointEvent::OfferAnswered { session, body });
        }
    }

    /// Whether it is this INVITE of ours by which the session is being changed.
    pub(super) fn is_changed_by(&self, session: SessionId, invite: TransactionId) -> bool {
        self.sessions.get(session).is_some_and(|state| match &state.phase {
            Phase::Established(established) => {
                matches!(established.change, Change::Ours { transaction, .. } if transaction == invite)
            }
            Phase::Calling(_) | Phase::Alerting(_) | Phase::Releasing(_) => false,
        })
    }

    pub(super) fn change_refused(
        &mut self,
        session: SessionId,
        response: &Response,
        now: Timestamp,
    ) {
        let status = response.status;
        let again = match status {
            StatusCode::REQUEST_PENDING => Some(now + self.pause_after_glare(session)),
            StatusCode::SESSION_INTERVAL_TOO_SMALL => {
                self.refreshes_less_often(session, response).then_some(now)
            }
            _ => None,
        };
        if again.is_some_and(|at| self.try_again(session, at)) {
            return;
        }
        self.change_over(session, status);
        self.lost_if(session, status, now);
    }

    /// Glare: whoever made the Call-ID waits 2.1 to 4 s, the other 0 to 2 s (§14.1).
    fn pause_after_glare(&mut self, session: SessionId) -> Duration {
        let owner = session < SessionId::FIRST_INCOMING;
        // In steps of 10 ms, both ends of the range included.
        let pause = if owner { 210 + self.tokens.below(191) } else { self.tokens.below(201) };
        Duration::from_millis(u64::from(pause) * 10)
    }

    /// Puts our change off until then, unless it was tried too often.
    fn try_again(&mut self, session: SessionId, at: Timestamp) -> bool {
        let Some(state) = self.sessions.get_mut(session) else { return false };
        let Phase::Established(established) = &mut state.phase else { return false };
        let change = std::mem::replace(&mut established.change, Change::None);
        if let Change::Ours { body, tries, .. } = change
            && tries < MOST_TRIES
        {
            established.postponed = Some(Postponed { body, tries, at });
            return true;
        }
        false
    }

    /// Refuses what the peer still waits for in sessions that are over (§15.1.2).
    pub(super) fn refuse_abandoned(&mut self, now: Timestamp) {
        while let Some(transaction) = self.abandoned.pop() {
            let refusal = Rejection::new(StatusCode::REQUEST_TERMINATED, "call is over");
            self.reject(transaction, &refusal, "", now);
        }
    }

    pub(super) fn change_over(&mut self, session: SessionId, status: StatusCode) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        if let Phase::Established(established) = &mut state.phase {
            established.change = Change::None;
            self.report(EndpointEvent::OfferRefused { session, status });
        }
    }

    /// Ends the change of a session that ends itself: theirs gets 487 (§15.1.2), and ours may still
    /// get its final response for a while.
    pub(super) fn close_change(&mut self, session: SessionId, now: Timestamp) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        let Phase::Established(established) = &mut state.phase else { return };
        match std::mem::replace(&mut established.change, Change::None) {
            Change::None => {}
            Change::Ours { transaction, .. } => {
                self.orphans.insert((now + self.settings.timing.patience(), transaction));
            }
            Change::Theirs { transaction, .. } => {
                let refusal = Rejection::new(StatusCode::REQUEST_TERMINATED, "call is over");
                self.reject(transaction, &refusal, "", now);
            }
        }
    }
}
