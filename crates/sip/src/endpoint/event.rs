//! What an endpoint reports.

use std::sync::Arc;

use super::order::Attempt;
use super::{Destination, Source};
use crate::header::NameAddr;
use crate::message::{Request, Response, StatusCode};
use crate::session::SessionId;

/// What an endpoint wants done or known, in order.
#[derive(Debug)]
pub enum Output {
    /// Send these octets.
    Send {
        /// A whole message.
        bytes: Arc<[u8]>,
        /// Where to.
        destination: Destination,
    },
    /// Something happened.
    Event(EndpointEvent),
}

/// An out-of-dialog request that came in and awaits [`super::Order::Respond`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ArrivalId(pub(crate) u64);

/// An out-of-dialog request that we sent, as numbered by the application.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub u64);

/// What happened.
///
/// A session has exactly one last event: [`EndpointEvent::Refused`] for one of ours that was never
/// answered, [`EndpointEvent::Released`] for every other. After it the id means nothing.
#[derive(Debug)]
pub enum EndpointEvent {
    /// An INVITE opens a session. It has been validated, and answered 100.
    Invited {
        /// The session, numbered by the endpoint from `SessionId::FIRST_INCOMING`.
        session: SessionId,
        /// The request; its body is the offer, if it is not empty.
        request: Box<Request>,
        /// Where it came from.
        source: Source,
        /// Hops left; at 0 it must be refused with 483 rather than passed on (RFC 3261 §16.3).
        max_forwards: u8,
        /// The session whose place it wants to take (RFC 3891). Whoever lets it must make sure that
        /// its sender may, accept it, and end the other with BYE.
        replaces: Option<SessionId>,
    },
    /// A REGISTER, OPTIONS or other request outside any dialog, awaiting its response.
    Requested {
        /// Names it in [`super::Order::Respond`].
        arrival: ArrivalId,
        /// The request.
        request: Box<Request>,
        /// Where it came from.
        source: Source,
    },
    /// Our INVITE has a provisional response other than 100.
    Progressed {
        /// The session.
        session: SessionId,
        /// 180, 181, 182, 183 …
        status: StatusCode,
        /// Early media, if it is not empty.
        body: Vec<u8>,
    },
    /// Our INVITE has a 2xx; the ACK is sent. Where it crosses an offer of the far side's, this is told
    /// when that is answered or refused.
    Answered {
        /// The session.
        session: SessionId,
        /// The answer; where the far side has changed the session since, and we agreed, its offer.
        body: Vec<u8>,
        /// The response.
        response: Box<Response>,
    },
    /// Our INVITE came to nothing.
    Refused {
        /// The session; it is gone.
        session: SessionId,
        /// The status: the peer's, 408 when nobody answered, 503 when nothing could be sent.
        status: StatusCode,
        /// The value of the Reason header field, if there was one.
        reason: Option<String>,
        /// The response, if there was one: challenges, redirections.
        response: Option<Box<Response>>,
        /// What a repetition with credentials must go on from.
        attempt: Attempt,
    },
    /// The peer acknowledged our 2xx.
    Acknowledged {
        /// The session.
        session: SessionId,
        /// The answer, when our 2xx carried the offer.
        body: Vec<u8>,
    },
    /// The peer asks to change the session, or to be offered a change when the body is empty.
    /// Await [`super::Order::AnswerOffer`] or [`super::Order::RefuseOffer`].
    Offered {
        /// The session.
        session: SessionId,
        /// The offer.
        body: Vec<u8>,
    },
    /// The peer took its offer back (CANCEL of a re-INVITE); 487 has been sent.
    OfferWithdrawn {
        /// The session.
        session: SessionId,
    },
    /// Our re-INVITE has a 2xx.
    OfferAnswered {
        /// The session.
        session: SessionId,
        /// The answer.
        body: Vec<u8>,
    },
    /// Our re-INVITE came to nothing; the session is as it was.
    OfferRefused {
        /// The session.
        session: SessionId,
        /// The status.
        status: StatusCode,
    },
    /// A key was pressed (INFO with `application/dtmf-relay` or `application/dtmf`).
    Digit {
        /// The session.
        session: SessionId,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: char,
    },
    /// The peer asks us to call somebody else (RFC 3515).
    /// Await [`super::Order::AcceptRefer`] or [`super::Order::RefuseRefer`].
    ReferAsked {
        /// The session.
        session: SessionId,
        /// Whom to call.
        refer_to: Box<NameAddr>,
        /// The request.
        request: Box<Request>,
    },
    /// A NOTIFY within the session; it has been answered 200.
    Notified {
        /// The session.
        session: SessionId,
        /// The request: Event, Subscription-State, body.
        request: Box<Request>,
    },
    /// A request that we sent within a session or outside of any is over.
    Responded {
        /// As given in the order.
        request: RequestId,
        /// The final response; none when nobody answered (408) or nothing could be sent (503).
        response: Result<Box<Response>, StatusCode>,
        /// What a repetition with credentials must go on from; none for one within a session.
        attempt: Option<Attempt>,
    },
    /// The session is over.
    Released {
        /// The session; it is gone.
        session: SessionId,
        /// Why.
        cause: ReleaseCause,
        /// The value of the peer's Reason header field, if there was one.
        reason: Option<String>,
    },
}

/// Why a session is over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ReleaseCause {
    /// The peer sent BYE.
    PeerBye,
    /// We sent BYE by order, and it was answered or given up.
    OurBye,
    /// The peer cancelled its INVITE; 487 has been sent.
    PeerCancelled,
    /// We refused the peer's INVITE by order.
    WeRefused,
    /// The application gave no final answer within [`super::Bounds::longest_unanswered`]; 480 was sent.
    Unanswered,
    /// Our 2xx was never acknowledged; BYE has been sent (RFC 3261 §13.3.1.4).
    NoAck,
    /// The peer no longer knows the dialog or is gone: 481, 408 or silence (RFC 3261 §12.2.1.2), or
    /// its stream broke while it waited for our answer.
    PeerLost,
    /// [`super::Bounds::longest_session`] has passed; BYE has been sent.
    TooLong,
}
