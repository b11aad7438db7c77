//! A far side hands its call on: REFER (RFC 3515), and REFER with Replaces (RFC 5589 §7), by which
//! a phone has its two calls with us joined.
//!
//! Which calls can be joined is the floor's to say. That both are the same phone's is known here:
//! nobody joins a call that another account has.

use model::{LegId, Number, Timestamp};
use sip::endpoint::{Order, Rejection};
use sip::{HeaderError, HeaderName, Replaces, Request, SessionId, StatusCode};
use switchboard::ports::LegFact;

use crate::counters::Counted;
use crate::exchange::Exchange;
use crate::legs::{Phase, Refer};

impl Exchange {
    /// The far side asks us to call somebody else instead of it, or to join two of its calls.
    pub(crate) fn refer_asked(&mut self, session: SessionId, request: &Request, now: Timestamp) {
        let wish = match request.headers.refer_to_replaces() {
            Ok(Some(other)) => self.other_call(session, &other),
            Ok(None) => number(request),
            Err(error) => Err(unreadable(&error)),
        };
        let refusal = match (self.legs.of(session), wish) {
            (Some((id, leg)), Ok(wish)) => {
                leg.refer = Refer::Asked;
                return self.fact(id, wish.into());
            }
            (Some(_), Err(refusal)) => refusal,
            (None, _) => Rejection::new(StatusCode::CALL_DOES_NOT_EXIST, "leg is gone"),
        };
        self.count(Counted::TransferRefused);
        let _ = self.order(Order::RefuseRefer { session, refusal: Box::new(refusal) }, now);
    }

    /// The leg that the Replaces names, where it is one of the phone that has this session.
    fn other_call(&mut self, session: SessionId, other: &Replaces) -> Result<Wish, Rejection> {
        let gone =
            || Rejection::new(StatusCode::CALL_DOES_NOT_EXIST, "no call is named by Replaces");
        let phone = self.legs.of(session).and_then(|(_, leg)| leg.phone.clone());
        let named = self.endpoint.named_by(other).ok_or_else(gone)?;
        let (with, leg) = self.legs.of(named).ok_or_else(gone)?;
        if phone.is_none() || leg.phone != phone {
            return Err(Rejection::new(StatusCode::FORBIDDEN, "call is another phone's"));
        }
        if other.early_only && matches!(leg.phase, Phase::Talking(_)) {
            return Err(Rejection::new(StatusCode::BUSY_HERE, "call is answered already"));
        }
        Ok(Wish::Join(with))
    }
}

/// What the far side wants to become of its call.
enum Wish {
    Call(Number),
    Join(LegId),
}

impl From<Wish> for LegFact {
    fn from(wish: Wish) -> Self {
        match wish {
            Wish::Call(to) => Self::TransferAsked { to },
            Wish::Join(with) => Self::MergeAsked { with },
        }
    }
}

/// The number in Refer-To. Header fields other than Replaces are not put into calls of ours.
fn number(request: &Request) -> Result<Wish, Rejection> {
    let to = request.headers.address(&HeaderName::ReferTo).map_err(|error| unreadable(&error))?.uri;
    let number = to.user_name().and_then(|user| user.parse().ok());
    let number = number.filter(|_| to.headers.is_none()).map(Wish::Call);
    number.ok_or_else(|| Rejection::new(StatusCode::DECLINE, "transfer is to no number"))
}

fn unreadable(error: &HeaderError) -> Rejection {
    Rejection::new(StatusCode::BAD_REQUEST, &error.to_string())
}
