//! What the floor commands of a leg, and what happens in it once it is answered.

use model::{Cause, LegId, MediaDescription, Timestamp};
use sip::SessionId;
use sip::endpoint::{Body, Order, OrderError, Rejection, ReleaseCause};
use sip::sdp;
use sip::{HeaderName, StatusCode};
use switchboard::ports::{LegCommand, LegFact};

use crate::counters::Counted;
use crate::exchange::Exchange;
use crate::legs::{Awaited, Phase, Refer, Wanted};
use crate::meaning;

impl Exchange {
    /// Does with a leg that is there what the floor commands.
    pub(crate) fn carry_out(&mut self, id: LegId, command: LegCommand, now: Timestamp) {
        let done = match command {
            LegCommand::Ring { answer } => self.ring(id, answer.as_ref(), now),
            LegCommand::Answer { answer } => self.answer(id, &answer, now),
            LegCommand::AnswerReoffer { answer } => self.answer_reoffer(id, &answer, now),
            LegCommand::RefuseReoffer { status } => self.refuse_reoffer(id, status, now),
            LegCommand::Reoffer { offer } => self.reoffer(id, &offer, now),
            LegCommand::TransferProgress { status } => self.transfer_progress(id, status, now),
            LegCommand::Release { cause, status } => {
                self.release(id, cause, status, now);
                Some(())
            }
            LegCommand::Dial { .. } => None,
        };
        if done.is_none() {
            self.count(Counted::LateCommand);
            tracing::debug!(leg = %id, "command does not fit the leg");
        }
    }

    fn ring(&mut self, id: LegId, answer: Option<&MediaDescription>, now: Timestamp) -> Option<()> {
        let leg = self.legs.get_mut(id)?;
        let Phase::Arriving(session) = leg.phase else { return None };
        // Without an offer there is nothing to answer before the call is answered.
        let answer = answer.filter(|_| matches!(leg.wanted, Wanted::Answer(_)));
        let (status, body) = match answer {
            Some(answer) => {
                (StatusCode::SESSION_PROGRESS, Some(Body::sdp(leg.answer(answer).ok()?)))
            }
            None => (StatusCode::RINGING, None),
        };
        leg.rings = true;
        self.legs.touch(id);
        self.order(Order::Progress { session, status, body }, now).ok()
    }

    fn answer(&mut self, id: LegId, answer: &MediaDescription, now: Timestamp) -> Option<()> {
        let leg = self.legs.get_mut(id)?;
        let Phase::Arriving(session) = leg.phase else { return None };
        let body = Body::sdp(leg.answer(answer).ok()?);
        leg.satisfied(Awaited::First);
        leg.phase = Phase::Talking(session);
        self.legs.touch(id);
        self.order(Order::Accept { session, body }, now).ok()
    }

    fn answer_reoffer(
        &mut self,
        id: LegId,
        answer: &MediaDescription,
        now: Timestamp,
    ) -> Option<()> {
        let leg = self.legs.get_mut(id)?;
        let session = leg.taking_over.or_else(|| leg.changing())?;
        if matches!(leg.wanted, Wanted::Nothing) {
            return None;
        }
        let body = Body::sdp(leg.answer(answer).ok()?);
        leg.satisfied(Awaited::Change);
        if leg.taking_over.is_some() {
            return self.taken_over(id, body, now);
        }
        self.order(Order::AnswerOffer { session, body }, now).ok()?;
        self.change_is_over(session, now);
        Some(())
    }

    fn refuse_reoffer(&mut self, id: LegId, status: u16, now: Timestamp) -> Option<()> {
        let leg = self.legs.get_mut(id)?;
        leg.wanted = Wanted::Nothing;
        let status = StatusCode::new(status).unwrap_or(StatusCode::NOT_ACCEPTABLE_HERE);
        let refusal = Box::new(Rejection::new(status, "change of the session is refused"));
        if let Some(session) = leg.taking_over.take() {
            self.not_taken_over(id, session);
            return self.order(Order::Reject { session, refusal }, now).ok();
        }
        let session = leg.changing()?;
        self.order(Order::RefuseOffer { session, refusal }, now).ok()?;
        self.change_is_over(session, now);
        Some(())
    }

    /// Offers a change; while another is under way, the ACK of the first answer included, it waits.
    fn reoffer(&mut self, id: LegId, offer: &MediaDescription, now: Timestamp) -> Option<()> {
        let leg = self.legs.get_mut(id)?;
        let Phase::Talking(session) = leg.phase else { return None };
        let body = Body::sdp(leg.offer(offer));
        leg.owed = None;
        match self.order(Order::Reinvite { session, body }, now) {
            Ok(()) => Some(()),
            Err(OrderError::Pending | OrderError::WrongState) => {
                self.legs.get_mut(id)?.owed = Some(offer.clone());
                Some(())
            }
            Err(_) => None,
        }
    }

    /// A change of the session is over: ours that waited for that may begin.
    fn change_is_over(&mut self, session: SessionId, now: Timestamp) {
        if let Some((id, leg)) = self.legs.of(session)
            && let Some(offer) = leg.owed.take()
        {
            self.reoffer(id, &offer, now);
        }
    }

    fn transfer_progress(&mut self, id: LegId, status: u16, now: Timestamp) -> Option<()> {
        let leg = self.legs.get_mut(id)?;
        let Phase::Talking(session) = leg.phase else { return None };
        let status = StatusCode::new(status)?;
        let order = match (leg.refer, status.is_final()) {
            (Refer::None, _) => return None,
            (Refer::Asked, true) if !status.is_success() => {
                leg.refer = Refer::None;
                let refusal = Box::new(Rejection::new(status, "transfer is refused"));
                return self.order(Order::RefuseRefer { session, refusal }, now).ok();
            }
            (Refer::Asked, _) => {
                leg.refer = Refer::Accepted;
                self.order(Order::AcceptRefer { session }, now).ok()?;
                if status == StatusCode::TRYING {
                    return Some(());
                }
                Order::Notify { session, status }
            }
            (Refer::Accepted, _) => Order::Notify { session, status },
        };
        if status.is_final() {
            let leg = self.legs.get_mut(id)?;
            leg.refer = Refer::None;
        }
        self.order(order, now).ok()
    }

    /// Ends the leg. Its end is reported at once: what SIP still has to say to the far side is no
    /// longer the floor's concern.
    fn release(&mut self, id: LegId, cause: Cause, status: Option<u16>, now: Timestamp) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        let answered = matches!(leg.phase, Phase::Talking(_));
        let arriving = matches!(leg.phase, Phase::Arriving(_));
        let sessions = leg.sessions();
        let given = status.and_then(StatusCode::new).filter(|it| it.is_final() && !it.is_success());
        let status = given.unwrap_or_else(|| meaning::status(cause));
        self.end(id, cause, arriving.then_some(status.code()));
        let reason = Some(meaning::reason(cause));
        for session in sessions {
            let order = if arriving {
                let refusal = Rejection::new(status, cause.as_str());
                let refusal = match meaning::retry_after(cause) {
                    Some(seconds) => refusal.with(HeaderName::RetryAfter, seconds),
                    None => refusal,
                };
                Order::Reject { session, refusal: Box::new(refusal) }
            } else if answered {
                Order::Bye { session, reason: reason.clone() }
            } else {
                Order::Cancel { session, reason: reason.clone() }
            };
            let _ = self.order(order, now);
        }
    }

    /// The far side acknowledged our 200; where that held our offer, this is the answer.
    pub(crate) fn acknowledged(&mut self, session: SessionId, body: &[u8], now: Timestamp) {
        let Some((id, leg)) = self.legs.of(session) else { return };
        let Some(awaited) = leg.awaited.take() else {
            return self.change_is_over(session, now);
        };
        match sdp::parse_description(body) {
            Ok(answer) => {
                leg.agreed = Some(body.to_vec());
                self.fact(
                    id,
                    match awaited {
                        Awaited::First => LegFact::Answered { answer },
                        Awaited::Change => LegFact::Reanswered { answer },
                    },
                );
                self.change_is_over(session, now);
            }
            Err(error) => {
                tracing::warn!(leg = %id, %error, "answer in the ack cannot be used");
                self.release(id, Cause::NotAcceptable, None, now);
            }
        }
    }

    /// The far side wants to change the session.
    pub(crate) fn offered(&mut self, session: SessionId, body: &[u8], now: Timestamp) {
        let Some((id, leg)) = self.legs.of(session) else {
            let refusal = Rejection::new(StatusCode::CALL_DOES_NOT_EXIST, "leg is gone");
            let _ = self.order(Order::RefuseOffer { session, refusal: Box::new(refusal) }, now);
            return;
        };
        if leg.taking_over.is_some() {
            // What the floor is asked next is what the newcomer offers.
            let refusal =
                Rejection::new(StatusCode::REQUEST_PENDING, "another takes this call over");
            let _ = self.order(Order::RefuseOffer { session, refusal: Box::new(refusal) }, now);
            return;
        }
        let offer = match body {
            [] => None,
            body => match sdp::parse_description(body) {
                Ok(offer) => Some(offer),
                Err(error) => {
                    self.count(Counted::UnusableOffer);
                    let refusal = Box::new(Rejection::new(error.status(), error.what()));
                    let _ = self.order(Order::RefuseOffer { session, refusal }, now);
                    return;
                }
            },
        };
        leg.wanted = Wanted::by(body);
        self.fact(id, LegFact::Reoffered { offer });
    }

    /// The far side took its change back: it is where it was before.
    pub(crate) fn offer_withdrawn(&mut self, session: SessionId, now: Timestamp) {
        let Some((id, leg)) = self.legs.of(session) else { return };
        leg.wanted = Wanted::Nothing;
        let before = leg.agreed.as_deref().map(sdp::parse_description);
        if let Some(Ok(answer)) = before {
            self.fact(id, LegFact::Reanswered { answer });
        }
        self.change_is_over(session, now);
    }

    /// Our change of the session was answered.
    pub(crate) fn offer_answered(&mut self, session: SessionId, body: &[u8], now: Timestamp) {
        let Some((id, leg)) = self.legs.of(session) else { return };
        match sdp::parse_description(body) {
            Ok(answer) => {
                leg.agreed = Some(body.to_vec());
                self.fact(id, LegFact::Reanswered { answer });
                self.change_is_over(session, now);
            }
            Err(error) => {
                tracing::warn!(leg = %id, %error, "answer to our change cannot be used");
                self.release(id, Cause::NotAcceptable, None, now);
            }
        }
    }

    /// Our change of the session was refused: it stays as it is, and audio where it was.
    pub(crate) fn offer_refused(&mut self, session: SessionId, status: StatusCode, now: Timestamp) {
        if let Some((id, _)) = self.legs.of(session) {
            tracing::info!(leg = %id, %status, "change of the session was refused");
        }
        self.change_is_over(session, now);
    }

    /// A session is over. Where we ended it, that has been reported and nothing is left of the leg.
    pub(crate) fn released(
        &mut self,
        session: SessionId,
        cause: ReleaseCause,
        reason: Option<&str>,
    ) {
        let Some((id, leg)) = self.legs.of(session) else { return };
        if let Some(other) = leg.taking_over.take() {
            // One of the two that are to be one is gone: the other is the leg.
            if session == other {
                return self.gave_up_taking_over(id, session);
            }
            leg.phase = Phase::Talking(other);
            leg.taking_over = Some(other);
            return self.legs.part(session);
        }
        leg.reason = reason.map(meaning::kept);
        let cause = meaning::release(cause, leg.side);
        self.end(id, cause, None);
    }
}
