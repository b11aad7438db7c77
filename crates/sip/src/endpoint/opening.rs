//! Orders that open and end sessions: INVITE, its responses, CANCEL, BYE (RFC 3261 §9, §13, §15).

use model::Timestamp;

use super::order::{Attempt, Body, OrderError, Outgoing, Rejection};
use super::ordered::Done;
use super::refusing::is_unremembered;
use super::writing::{add_extra, set_body};
use super::{Endpoint, Purpose, ReleaseCause};
use crate::header::{CSeq, HeaderName};
use crate::message::{Method, Request, StatusCode};
use crate::session::{
    Calling, Cancel, Change, Ending, Established, Phase, Reliably, Session, SessionId,
    Unacknowledged,
};
use crate::transaction::Resend;

impl Endpoint {
    pub(super) fn invite(
        &mut self,
        session: SessionId,
        outgoing: Outgoing,
        now: Timestamp,
    ) -> Done {
        if session >= SessionId::FIRST_INCOMING || self.sessions.contains(session) {
            return Err(OrderError::SessionTaken);
        }
        if self.sessions.len() >= self.settings.bounds.sessions || !self.transactions.has_room() {
            return Err(OrderError::Full);
        }
        // The ACK is sent at once and could not carry an answer: who calls, offers.
        let offer = Some(outgoing.body.clone().ok_or(OrderError::BadOrder)?);
        let destination = outgoing.destination;
        self.public(destination.listener).ok_or(OrderError::BadOrder)?;
        let user = outgoing.from.uri.user.clone();
        let (mut request, attempt) = self.outside(Method::Invite, outgoing);
        let contact = self.contact(&destination, user.as_deref());
        request.headers.push(HeaderName::Contact, &contact);
        self.tell_abilities(&mut request.headers);
        self.ask_for_refreshes(&attempt, &mut request.headers);
        let purpose = Purpose::Invite(session);
        let transaction = self.start(request, destination, purpose, now).ok_or(OrderError::Full)?;
        let (call_id, local_tag) = (attempt.call_id.clone(), attempt.from_tag.clone());
        let phase = Phase::Calling(Box::new(Calling {
            transaction,
            attempt,
            heard: false,
            early: std::collections::BTreeMap::new(),
            change: Change::None,
            cancel: Cancel::No,
            offer,
            until: now + self.settings.bounds.longest_ringing,
        }));
        let listener = destination.listener;
        let opened = Session { call_id, local_tag, listener, login: None, phase };
        self.sessions.insert(session, opened);
        Ok(())
    }

    pub(super) fn progress(
        &mut self,
        session: SessionId,
        status: StatusCode,
        body: Option<Body>,
        now: Timestamp,
    ) -> Done {
        if !status.is_provisional() || status == StatusCode::TRYING {
            return Err(OrderError::BadOrder);
        }
        let transaction = self.alerting(session)?;
        let reliably = match self.alerting_mut(session)?.reliably {
            Reliably::Never => false,
            Reliably::WhenItMatters => body.is_some(),
            Reliably::Always => true,
        };
        if reliably {
            return self.progress_reliably(session, status, body, now);
        }
        let response = self.response_of(session, transaction, status, body)?;
        self.transactions.respond(transaction, &response, now);
        let repeat = now + self.settings.bounds.provisional_repeat;
        if let Some(Session { phase: Phase::Alerting(alerting), .. }) =
            self.sessions.get_mut(session)
        {
            alerting.provisional = Some((response, repeat));
        }
        Ok(())
    }

    pub(super) fn accept(&mut self, session: SessionId, body: Body, now: Timestamp) -> Done {
        let transaction = self.alerting(session)?;
        let alerting = self.alerting_mut(session)?;
        let wish = alerting.wish;
        if alerting.unconfirmed.as_ref().is_some_and(|it| it.carries_answer) {
            // RFC 3262 §3: not before the answer given early is acknowledged.
            alerting.accepting = Some(body);
            return Ok(());
        }
        // What was answered reliably is not answered again.
        let described = (!alerting.answered).then(|| body.clone());
        let mut response = self.response_of(session, transaction, StatusCode::OK, described)?;
        self.tell_abilities(&mut response.headers);
        let refresh = self.agree(wish, &mut response, now);
        let cseq = response.cseq().map(|cseq| cseq.number).map_err(|_| OrderError::WrongState)?;
        self.transactions.respond(transaction, &response, now);
        let timing = self.settings.timing;
        let longest = now + self.settings.bounds.longest_session;
        let Some(state) = self.sessions.get_mut(session) else { return Ok(()) };
        if let Phase::Alerting(alerting) = &mut state.phase {
            let mut established = Established::new(alerting.dialog.clone(), longest);
            established.described = Some(body);
            established.refresh = refresh;
            established.takes_update = wish.takes_update;
            established.unconfirmed = alerting.unconfirmed.is_some().then_some(alerting.rseq);
            established.change = std::mem::replace(&mut alerting.change, Change::None);
            established.unacknowledged = Some(Unacknowledged {
                transaction,
                response,
                cseq,
                carries_offer: !alerting.offered,
                resend: Resend::first(&timing, now),
                until: now + timing.patience(),
            });
            state.phase = Phase::Established(Box::new(established));
        }
        Ok(())
    }

    pub(super) fn turn_away(
        &mut self,
        session: SessionId,
        refusal: &Rejection,
        now: Timestamp,
    ) -> Done {
        if refusal.status.code() < 300 {
            return Err(OrderError::BadOrder);
        }
        let transaction = self.alerting(session)?;
        let tag = self.local_tag(session);
        self.reject(transaction, refusal, &tag, now);
        if is_unremembered(refusal.status) {
            self.transactions.abandon(transaction);
        }
        self.release(session, ReleaseCause::WeRefused, None);
        Ok(())
    }

    pub(super) fn cancel(
        &mut self,
        session: SessionId,
        reason: Option<String>,
        now: Timestamp,
    ) -> Done {
        let patience = self.settings.timing.patience();
        let state = self.sessions.get_mut(session).ok_or(OrderError::NoSuchSession)?;
        let calling = match &mut state.phase {
            Phase::Calling(calling) => calling,
            // It was answered, and nobody knows yet.
            Phase::Established(established) if established.crossed.is_some() => {
                self.hang_up_cancelled(session, now);
                return Ok(());
            }
            Phase::Alerting(_) | Phase::Established(_) | Phase::Releasing(_) => {
                return Err(OrderError::WrongState);
            }
        };
        if !matches!(calling.cancel, Cancel::No) {
            return Ok(());
        }
        if !calling.heard {
            calling.cancel = Cancel::Wanted { reason };
            return Ok(());
        }
        calling.cancel = Cancel::Sent { until: now + patience };
        let transaction = calling.transaction;
        self.send_cancel(transaction, reason.as_deref(), now);
        Ok(())
    }

    pub(super) fn bye(
        &mut self,
        session: SessionId,
        reason: Option<String>,
        now: Timestamp,
    ) -> Done {
        let state = self.sessions.get_mut(session).ok_or(OrderError::NoSuchSession)?;
        match &mut state.phase {
            Phase::Calling(_) => self.cancel(session, reason, now),
            Phase::Alerting(_) => {
                let text = "call was given up";
                let refusal = Rejection::new(StatusCode::TEMPORARILY_UNAVAILABLE, text);
                let refusal = match reason {
                    Some(reason) => refusal.with(HeaderName::Reason, &reason),
                    None => refusal,
                };
                self.turn_away(session, &refusal, now)
            }
            Phase::Established(established) => {
                let ending = Ending { cause: ReleaseCause::OurBye, reason };
                if established.unacknowledged.is_some() {
                    // §15: not before the ACK; if none comes, the end comes all the same.
                    established.ending.get_or_insert(ending);
                } else {
                    self.hang_up(session, ending, now);
                }
                Ok(())
            }
            Phase::Releasing(_) => Ok(()),
        }
    }

    /// A request outside any dialog (§8.1.1), without Via and Contact.
    pub(super) fn outside(&mut self, method: Method, outgoing: Outgoing) -> (Request, Attempt) {
        let attempt = match outgoing.attempt {
            Some(last) => Attempt { cseq: last.cseq.saturating_add(1), ..last },
            None => {
                let (call_id, from_tag) = (self.tokens.call_id(), self.tokens.tag());
                Attempt { call_id, from_tag, cseq: 1, interval: None }
            }
        };
        let mut request = Request::new(method.clone(), outgoing.target);
        let headers = &mut request.headers;
        headers.push(HeaderName::MaxForwards, outgoing.max_forwards.to_string());
        for route in &outgoing.routes {
            headers.push(HeaderName::Route, route);
        }
        headers.push(HeaderName::From, &outgoing.from.with_tag(&attempt.from_tag));
        headers.push(HeaderName::To, &outgoing.to);
        headers.push(HeaderName::CallId, attempt.call_id.as_str());
        headers.push(HeaderName::CSeq, &CSeq { number: attempt.cseq, method });
        add_extra(headers, outgoing.headers);
        set_body(headers, &mut request.body, outgoing.body);
        (request, attempt)
    }
}
