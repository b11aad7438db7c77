//! A phone takes a call over from another of the same account: INVITE with Replaces (RFC 3891).
//!
//! To the floor the leg goes on, with a new description of its far side. Only the account that has
//! the call may take it over: who may listen to or fetch other people's calls is the floor's to say.

use model::{LegId, Timestamp};
use sip::endpoint::{Body, Order, Rejection, ReleaseCause, Source};
use sip::sdp;
use sip::{Request, SessionId, StatusCode};
use switchboard::ports::{LegFact, Origin};

use crate::counters::Counted;
use crate::exchange::Exchange;
use crate::legs::{Leg, Phase, Wanted};
use crate::meaning;
use crate::settings::Serves;

impl Exchange {
    /// An INVITE wants to take the place of the session `old`.
    pub(crate) fn wants_over(
        &mut self,
        session: SessionId,
        request: &Request,
        source: &Source,
        (old, now): (SessionId, Timestamp),
    ) {
        if let Err(refusal) = self.let_over(session, request, source, (old, now)) {
            let _ = self.order(Order::Reject { session, refusal: Box::new(refusal) }, now);
        }
    }

    fn let_over(
        &mut self,
        session: SessionId,
        request: &Request,
        source: &Source,
        (old, now): (SessionId, Timestamp),
    ) -> Result<(), Rejection> {
        if self.serves(source.listener) == Serves::Trunks {
            return Err(Rejection::new(StatusCode::FORBIDDEN, "trunks take no calls over"));
        }
        let Origin::Phone(phone) = self.phone_calls(request, source, now)?.origin else {
            return Err(Rejection::new(StatusCode::FORBIDDEN, "only phones take calls over"));
        };
        let offer = match request.body.as_slice() {
            [] => None,
            body => Some(sdp::parse_description(body).map_err(|error| {
                self.count(Counted::UnusableOffer);
                Rejection::new(error.status(), error.what())
            })?),
        };
        let over = || Rejection::new(StatusCode::CALL_DOES_NOT_EXIST, "nothing to replace");
        let (id, leg) = self.legs.of(old).ok_or_else(over)?;
        if leg.phone.as_ref() != Some(&phone) {
            self.count(Counted::OtherIdentity);
            return Err(Rejection::new(StatusCode::FORBIDDEN, "call is another phone's"));
        }
        let is_free = matches!(leg.wanted, Wanted::Nothing) && leg.taking_over.is_none();
        if !matches!(leg.phase, Phase::Talking(_)) || !is_free {
            return Err(Rejection::new(StatusCode::REQUEST_PENDING, "call is being changed"));
        }
        leg.wanted = Wanted::by(&request.body);
        leg.taking_over = Some(session);
        self.legs.join(session, id);
        self.trace.leg(id, request.call_id().unwrap_or_default(), now);
        tracing::info!(leg = %id, %phone, sip_call_id = request.call_id().unwrap_or_default(), "is taken over");
        self.fact(id, LegFact::Reoffered { offer });
        Ok(())
    }

    /// The floor lets it: the new session is answered, and the old one ends.
    pub(crate) fn taken_over(&mut self, id: LegId, body: Body, now: Timestamp) -> Option<()> {
        let leg = self.legs.get_mut(id)?;
        let session = leg.taking_over.take()?;
        let before = std::mem::replace(&mut leg.phase, Phase::Talking(session));
        // What was to be said to the one is nothing to the other.
        leg.owed = None;
        self.order(Order::Accept { session, body }, now).ok()?;
        if let Phase::Talking(old) = before
            && old != session
        {
            self.legs.part(old);
            let reason = Some(meaning::elsewhere());
            // It may have ended by itself.
            let _ = self.order(Order::Bye { session: old, reason }, now);
        }
        Some(())
    }

    /// Who wanted the call has given up: the leg is where it was before.
    pub(crate) fn gave_up_taking_over(&mut self, id: LegId, session: SessionId) {
        if let Some(leg) = self.legs.get_mut(id) {
            leg.wanted = Wanted::Nothing;
            let before = leg.agreed.as_deref().map(sdp::parse_description);
            let is_still_there = !matches!(leg.phase, Phase::Talking(only) if only == session);
            if let Some(Ok(answer)) = before
                && is_still_there
            {
                self.fact(id, LegFact::Reanswered { answer });
            }
        }
        self.not_taken_over(id, session);
    }

    /// The leg goes on without the session that wanted it; where the one before has hung up
    /// meanwhile, nobody is left.
    pub(crate) fn not_taken_over(&mut self, id: LegId, session: SessionId) {
        let only = |leg: &mut Leg| matches!(leg.phase, Phase::Talking(it) if it == session);
        match self.legs.get_mut(id).map(|leg| (only(leg), leg.side)) {
            Some((true, side)) => {
                self.end(id, meaning::release(ReleaseCause::PeerBye, side), None);
            }
            Some(_) | None => self.legs.part(session),
        }
    }
}
