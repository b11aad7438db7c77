//! What an endpoint is told to do.

use std::fmt;

use super::Destination;
use super::event::{ArrivalId, RequestId};
use crate::Violation;
use crate::digest::Login;
use crate::header::{HeaderName, NameAddr};
use crate::message::{Method, Response, StatusCode};
use crate::session::SessionId;
use crate::uri::Uri;

/// Header fields of the application's own, in order. Those that the endpoint writes itself (Via,
/// From, To, Call-ID, CSeq, Contact, Max-Forwards, Content-Length …) are left out.
pub type ExtraHeaders = Vec<(HeaderName, Vec<u8>)>;

/// A body and its media type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Body {
    /// The Content-Type, such as `application/sdp`.
    pub content_type: String,
    /// The octets.
    pub bytes: Vec<u8>,
}

impl Body {
    /// A session description.
    #[must_use]
    pub fn sdp(bytes: Vec<u8>) -> Self {
        Self { content_type: "application/sdp".to_owned(), bytes }
    }
}

/// The names of a request that a repetition of it must go on from (RFC 3261 §22.2): same Call-ID,
/// same From tag, CSeq one higher.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// The Call-ID.
    pub call_id: String,
    /// The From tag.
    pub from_tag: String,
    /// The CSeq number last used.
    pub cseq: u32,
    /// The shortest session that the other side lets go unrefreshed, in seconds, where it has said
    /// so: an INVITE asks for no less (RFC 4028 §7.3).
    pub interval: Option<u32>,
}

/// A request to be sent outside any dialog.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The Request-URI.
    pub target: Uri,
    /// Where to send it.
    pub destination: Destination,
    /// From, without a tag.
    pub from: NameAddr,
    /// To, without a tag.
    pub to: NameAddr,
    /// The proxies to pass, nearest first: a phone's Path (RFC 3327), a trunk's Service-Route
    /// (RFC 3608).
    pub routes: Vec<NameAddr>,
    /// More header fields: credentials, P-Asserted-Identity …
    pub headers: ExtraHeaders,
    /// The body, if any.
    pub body: Option<Body>,
    /// Hops allowed; 70 unless the call came with fewer.
    pub max_forwards: u8,
    /// What this repeats, if it does.
    pub attempt: Option<Attempt>,
}

/// A request to be sent within a session.
#[derive(Clone, Debug)]
pub struct Within {
    /// The method.
    pub method: Method,
    /// More header fields.
    pub headers: ExtraHeaders,
    /// The body, if any.
    pub body: Option<Body>,
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Order {
    /// Open a session (INVITE). The body is the offer and must be there.
    Invite {
        /// A number below `SessionId::FIRST_INCOMING` that is not in use.
        session: SessionId,
        /// The request.
        outgoing: Box<Outgoing>,
    },
    /// Answer challenges (401, 407) to our requests within a session with this login, each request
    /// once (RFC 3261 §22). Those to its first INVITE are the application's to answer.
    Prove {
        /// The session.
        session: SessionId,
        /// The login.
        login: Box<Login>,
    },
    /// Give a provisional response to an incoming INVITE.
    Progress {
        /// The session.
        session: SessionId,
        /// 180 or 183.
        status: StatusCode,
        /// Early media, if any.
        body: Option<Body>,
    },
    /// Answer an incoming INVITE with 200; repeated until the ACK comes (RFC 3261 §13.3.1.4).
    Accept {
        /// The session.
        session: SessionId,
        /// The answer, or the offer when the INVITE had none.
        body: Body,
    },
    /// Refuse an incoming INVITE. 401, 403 and 407 are forgotten once sent: the INVITE that comes
    /// again is a new event.
    Reject {
        /// The session.
        session: SessionId,
        /// How and why.
        refusal: Box<Rejection>,
    },
    /// Give up an INVITE of ours (RFC 3261 §9.1).
    Cancel {
        /// The session.
        session: SessionId,
        /// The value of the Reason header field, if any.
        reason: Option<String>,
    },
    /// Send what follows in a session somewhere else: the peer has come back by another way.
    Move {
        /// The session.
        session: SessionId,
        /// The way.
        destination: Destination,
    },
    /// Offer a change of the session (re-INVITE).
    Reinvite {
        /// The session.
        session: SessionId,
        /// The offer.
        body: Body,
    },
    /// Answer the peer's change of the session, or offer when it asked for that.
    AnswerOffer {
        /// The session.
        session: SessionId,
        /// The answer.
        body: Body,
    },
    /// Refuse the peer's change of the session.
    RefuseOffer {
        /// The session.
        session: SessionId,
        /// How and why.
        refusal: Box<Rejection>,
    },
    /// End the session, whatever its state: BYE, CANCEL, or 480 to an INVITE not yet answered.
    Bye {
        /// The session.
        session: SessionId,
        /// The value of the Reason header field, if any.
        reason: Option<String>,
    },
    /// Answer REFER with 202, and notify the peer of `100 Trying` (RFC 3515 §2.4.4).
    AcceptRefer {
        /// The session.
        session: SessionId,
    },
    /// Refuse REFER.
    RefuseRefer {
        /// The session.
        session: SessionId,
        /// How and why.
        refusal: Box<Rejection>,
    },
    /// Tell the peer how the call it asked for goes (NOTIFY with `message/sipfrag`). A final status
    /// ends the subscription.
    Notify {
        /// The session.
        session: SessionId,
        /// The status to report.
        status: StatusCode,
    },
    /// Send a request within the session: INFO, REFER, OPTIONS …, not INVITE or BYE.
    RequestWithin {
        /// The session.
        session: SessionId,
        /// Names the response.
        request: RequestId,
        /// The request.
        within: Box<Within>,
    },
    /// Send a request outside any dialog: OPTIONS, REGISTER …, not INVITE.
    Request {
        /// Names the response.
        request: RequestId,
        /// The method.
        method: Method,
        /// The request.
        outgoing: Box<Outgoing>,
    },
    /// Answer an out-of-dialog request. 401, 403 and 407 are forgotten once sent: the request that
    /// comes again is a new event.
    Respond {
        /// The request.
        arrival: ArrivalId,
        /// The response, made by `Request::response`; a To tag is added where it is missing.
        response: Box<Response>,
    },
}

/// How a request is refused, and why.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// 300 to 699.
    pub status: StatusCode,
    /// Why, in the Reason header field (RFC 3326): a lower-case fragment such as `no such number`.
    pub text: String,
    /// More header fields: Retry-After, WWW-Authenticate …
    pub headers: ExtraHeaders,
}

impl Rejection {
    /// A refusal with no more header fields.
    #[must_use]
    pub fn new(status: StatusCode, text: &str) -> Self {
        Self { status, text: text.to_owned(), headers: Vec::new() }
    }

    /// The same with one more header field.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.push((name, value.as_bytes().to_vec()));
        self
    }
}

impl From<Violation> for Rejection {
    fn from(violation: Violation) -> Self {
        let text = match &violation.header {
            Some(header) => format!("{header}: {}", violation.what),
            None => violation.what.to_owned(),
        };
        let headers = violation.extra.into_iter();
        let headers = headers.map(|(name, value)| (name, value.into_bytes())).collect();
        Self { status: violation.status, text, headers }
    }
}

/// Why an order was not carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrderError {
    /// The session is gone or never was; its last event may still be on its way up.
    NoSuchSession,
    /// The arrival was answered or given up by its sender.
    NoSuchRequest,
    /// The session's number is in use or is not below `SessionId::FIRST_INCOMING`.
    SessionTaken,
    /// The session is in no state in which this makes sense.
    WrongState,
    /// A change of the session is still under way.
    Pending,
    /// Too many sessions or transactions.
    Full,
    /// No such listener, no offer, or a status or method that this order does not take.
    BadOrder,
}

impl fmt::Display for OrderError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NoSuchSession => "session is gone",
            Self::NoSuchRequest => "request is already answered or given up",
            Self::SessionTaken => "session number is in use or out of range",
            Self::WrongState => "session is not in a state for this order",
            Self::Pending => "another change of the session is under way",
            Self::Full => "too many sessions or transactions",
            Self::BadOrder => {
                "order lacks an offer, or names a listener, status or method it cannot take"
            }
        })
    }
}

impl std::error::Error for OrderError {}
