//! Why somebody may not watch.

use std::fmt;

use super::package::ALLOW_EVENTS;
use crate::endpoint::Rejection;
use crate::header::HeaderName;
use crate::message::StatusCode;

/// After how many seconds to come again when all places are taken.
const RETRY_AFTER: &str = "60";

/// Why a SUBSCRIBE was refused; nothing has changed then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubscribeRefusal {
    /// It cannot be carried out as it is written.
    Malformed(&'static str),
    /// An event package that we have not (RFC 6665 §4.2.1.1).
    BadEvent,
    /// Its sender does not read what the package tells.
    NotAcceptable,
    /// Shorter than we allow: 423, with this as Min-Expires, in seconds.
    TooBrief(u64),
    /// It refreshes a subscription that is not here.
    NoSuchSubscription,
    /// An older request of the same subscription came after a newer one.
    OutOfOrder,
    /// There is nobody of this name.
    NoSuchTarget,
    /// The sender may not watch this.
    NotAllowed,
    /// The phone watches as much as it may.
    TooMany,
    /// All places are taken.
    Full,
}

impl SubscribeRefusal {
    /// The status of the answer.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::BadEvent => StatusCode::BAD_EVENT,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::TooBrief(_) => StatusCode::INTERVAL_TOO_BRIEF,
            Self::NoSuchSubscription => StatusCode::CALL_DOES_NOT_EXIST,
            Self::OutOfOrder => StatusCode::SERVER_INTERNAL_ERROR,
            Self::NoSuchTarget => StatusCode::NOT_FOUND,
            Self::NotAllowed | Self::TooMany => StatusCode::FORBIDDEN,
            Self::Full => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl fmt::Display for SubscribeRefusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Malformed(what) => what,
            Self::BadEvent => "no such event package",
            Self::NotAcceptable => "sender does not read what the package tells",
            Self::TooBrief(seconds) => {
                return write!(out, "subscription is shorter than {seconds} seconds");
            }
            Self::NoSuchSubscription => "no such subscription",
            Self::OutOfOrder => "request is older than one already carried out",
            Self::NoSuchTarget => "nobody of this name can be watched",
            Self::NotAllowed => "this is for its owner alone",
            Self::TooMany => "phone watches as much as it may",
            Self::Full => "too many subscriptions",
        })
    }
}

impl std::error::Error for SubscribeRefusal {}

impl From<SubscribeRefusal> for Rejection {
    fn from(refusal: SubscribeRefusal) -> Self {
        let rejection = Self::new(refusal.status(), &refusal.to_string());
        match refusal {
            SubscribeRefusal::BadEvent => rejection.with(HeaderName::AllowEvents, ALLOW_EVENTS),
            SubscribeRefusal::TooBrief(seconds) => {
                rejection.with(HeaderName::MinExpires, &seconds.to_string())
            }
            SubscribeRefusal::Full => rejection.with(HeaderName::RetryAfter, RETRY_AFTER),
            SubscribeRefusal::Malformed(_)
            | SubscribeRefusal::NotAcceptable
            | SubscribeRefusal::NoSuchSubscription
            | SubscribeRefusal::OutOfOrder
            | SubscribeRefusal::NoSuchTarget
            | SubscribeRefusal::NotAllowed
            | SubscribeRefusal::TooMany => rejection,
        }
    }
}
