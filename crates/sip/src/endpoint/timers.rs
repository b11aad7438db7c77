//! What is due in a session that no transaction sees to.

use model::Timestamp;

use super::order::Rejection;
use super::{Endpoint, EndpointEvent, ReleaseCause};
use crate::header::HeaderName;
use crate::message::StatusCode;
use crate::session::{Cancel, Change, Ending, Established, Phase, Postponed, Refresh, SessionId};
use crate::transaction::Timing;

impl Endpoint {
    /// Does the one thing that is due first; whoever calls comes again while something is.
    pub(super) fn expire(&mut self, session: SessionId, now: Timestamp) {
        let Some(state) = self.sessions.get(session) else { return };
        if let Some(Change::Theirs { until, .. }) = state.change()
            && *until <= now
        {
            return self.expire_their_change(session, now);
        }
        match &state.phase {
            Phase::Calling(_) => self.expire_calling(session, now),
            Phase::Alerting(_) => self.expire_alerting(session, now),
            Phase::Established(established) => {
                let due = Due::of(established, now);
                self.expire_established(session, due, now);
            }
            // Nothing is due here but what the BYE's transaction sees to.
            Phase::Releasing(_) => {}
        }
    }

    /// The application did not answer the peer's offer.
    fn expire_their_change(&mut self, session: SessionId, now: Timestamp) {
        let text = "nobody answered the offer in time";
        let refusal = Rejection::new(StatusCode::SERVER_INTERNAL_ERROR, text);
        // The change is there: it is what was due.
        let _done = self.refuse_offer(session, &refusal, now);
    }

    fn expire_calling(&mut self, session: SessionId, now: Timestamp) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        let Phase::Calling(calling) = &mut state.phase else { return };
        if let Cancel::No = calling.cancel
            && calling.heard
        {
            let reason = Some("SIP;cause=408;text=\"rang too long\"".to_owned());
            // The phase has just been seen to allow it.
            let _done = self.cancel(session, reason, now);
            return;
        }
        // Cancelled, but without a final response (§9.1), or never heard of at all.
        let transaction = calling.transaction;
        self.transactions.abandon(transaction);
        self.refused(session, StatusCode::REQUEST_TERMINATED, None);
    }

    fn expire_alerting(&mut self, session: SessionId, now: Timestamp) {
        let repeat = self.settings.bounds.provisional_repeat;
        let Some(state) = self.sessions.get_mut(session) else { return };
        let Phase::Alerting(alerting) = &mut state.phase else { return };
        let transaction = alerting.transaction;
        if alerting.until <= now {
            let tag = state.local_tag.clone();
            let text = "nobody answered in time";
            let refusal = Rejection::new(StatusCode::TEMPORARILY_UNAVAILABLE, text);
            self.reject(transaction, &refusal, &tag, now);
            return self.release(session, ReleaseCause::Unanswered, None);
        }
        let unconfirmed = alerting.unconfirmed.as_ref();
        if unconfirmed.is_some_and(|it| it.resend.due().min(it.until) <= now) {
            return self.expire_unconfirmed(session, now);
        }
        let is_free = unconfirmed.is_none();
        if let Some((response, at)) = &mut alerting.provisional {
            *at = now + repeat;
            let status = response.status;
            if !response.headers.has(&HeaderName::RSeq) {
                self.transactions.respond(transaction, response, now);
            } else if is_free {
                // A repetition is a response of its own, to be acknowledged too.
                let _done = self.progress_reliably(session, status, None, now);
            }
        }
    }

    fn expire_established(&mut self, session: SessionId, due: Due, now: Timestamp) {
        let Timing { t1, t2, .. } = self.settings.timing;
        let Some(state) = self.sessions.get_mut(session) else { return };
        let Phase::Established(established) = &mut state.phase else { return };
        match due {
            Due::Resend => {
                if let Some(waiting) = &mut established.unacknowledged {
                    waiting.resend = waiting.resend.next(t2, now);
                    self.transactions.respond(waiting.transaction, &waiting.response, now);
                }
            }
            Due::NoAck => {
                let text = "SIP;cause=408;text=\"no ack\"";
                let no_ack = Ending { cause: ReleaseCause::NoAck, reason: Some(text.to_owned()) };
                let ending = established.ending.take().unwrap_or(no_ack);
                self.hang_up(session, ending, now);
            }
            Due::TryAgain => {
                let free = matches!(established.change, Change::None);
                if let Some(postponed) = &mut established.postponed
                    && (!free || established.unacknowledged.is_some())
                {
                    // Theirs came first and is not over yet.
                    postponed.at = now + t1;
                    return;
                }
                if let Some(Postponed { body, tries, .. }) = established.postponed.take()
                    && self.reinvite(session, body, tries, now).is_err()
                {
                    let status = StatusCode::REQUEST_PENDING;
                    self.report(EndpointEvent::OfferRefused { session, status });
                }
            }
            Due::Refresh => self.refresh(session, now),
            Due::NoRefresh => self.expire_refresh(session, now),
            Due::OurChange => {
                if let Change::Ours { transaction, .. } = established.change {
                    self.transactions.abandon(transaction);
                }
                self.lost(session, now);
            }
            Due::TooLong => {
                let text = "SIP;cause=503;text=\"call lasted too long\"";
                let ending = Ending { cause: ReleaseCause::TooLong, reason: Some(text.to_owned()) };
                self.hang_up(session, ending, now);
            }
        }
    }
}

/// What is due in an established session.
#[derive(Clone, Copy, Debug)]
enum Due {
    /// The 2xx again.
    Resend,
    /// The ACK will not come any more.
    NoAck,
    /// Our re-INVITE again, after glare.
    TryAgain,
    /// To refresh the session.
    Refresh,
    /// Nobody has refreshed it.
    NoRefresh,
    /// The peer did not answer our offer.
    OurChange,
    /// The session has lasted too long.
    TooLong,
}

impl Due {
    fn of(established: &Established, now: Timestamp) -> Self {
        if let Some(waiting) = &established.unacknowledged {
            if waiting.until <= now {
                return Self::NoAck;
            }
            if waiting.resend.due() <= now {
                return Self::Resend;
            }
        }
        match &established.change {
            Change::Ours { until, .. } if *until <= now => return Self::OurChange,
            Change::None | Change::Ours { .. } | Change::Theirs { .. } => {}
        }
        if established.postponed.as_ref().is_some_and(|it| it.at <= now) {
            return Self::TryAgain;
        }
        match established.refresh {
            Some(refresh) if refresh.ends <= now => Self::NoRefresh,
            Some(Refresh { next: Some(next), .. }) if next <= now => Self::Refresh,
            Some(_) | None => Self::TooLong,
        }
    }
}
