//! Who did something, why it happened, and how a wait ended.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{AgentId, OfferEnd};

/// Who caused an event and from where, as one word: `system`, `caller`, `agent:1001/phone`,
/// `user:admin/api`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(Arc<str>);

impl Actor {
    /// The service itself: a timer, a rule, a restart.
    #[must_use]
    pub fn system() -> Self {
        Self("system".into())
    }

    /// The far end of the call.
    #[must_use]
    pub fn caller() -> Self {
        Self("caller".into())
    }

    /// An agent, and from where (`phone`, `api`, `console`).
    #[must_use]
    pub fn agent(agent: AgentId, via: &str) -> Self {
        Self(format!("agent:{agent}/{via}").into())
    }

    /// A person or script with an API token, by the token's name, and from where.
    #[must_use]
    pub fn user(name: &str, via: &str) -> Self {
        Self(format!("user:{name}/{via}").into())
    }

    /// The word itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$word_doc])* #[serde(rename = $text)] $word,)*
        }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$word,)*];

            /// The value in JSON, SQL and metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$word => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// How a caller left a queue. Exactly one for each stay.
    Outcome {
        /// Joined to an agent.
        Answered = "answered",
        /// The caller hung up.
        Abandoned = "abandoned",
        /// Left by a rule for another target.
        Overflowed = "overflowed",
        /// The longest wait ran out and there was nowhere else to go.
        TimedOut = "timed_out",
        /// Not let in: full, or nobody there.
        Rejected = "rejected",
        /// The caller pressed a key to leave.
        LeftByKey = "left_by_key",
        /// The caller will be called back.
        Callback = "callback",
        /// Our fault, crash included.
        Failed = "failed",
    }
}

words! {
    /// Why something happened.
    Cause {
        /// The caller, or calling party, hung up.
        CallerHungUp = "caller_hung_up",
        /// The agent, or called party, hung up.
        AgentHungUp = "agent_hung_up",
        /// The caller gave up before an answer.
        CallerLeft = "caller_left",
        /// The ring time ran out.
        NoAnswer = "no_answer",
        /// The called party declined.
        Refused = "refused",
        /// The called party could not be reached.
        Unreachable = "unreachable",
        /// Somebody else took it.
        AnsweredElsewhere = "answered_elsewhere",
        /// The queue's longest wait ran out.
        MaxWait = "max_wait",
        /// The queue is full.
        QueueFull = "queue_full",
        /// Nobody who could serve the queue is signed in.
        NobodySignedIn = "nobody_signed_in",
        /// The wait would probably have been too long.
        EstimateTooLong = "estimate_too_long",
        /// The person concerned asked for it.
        Requested = "requested",
        /// A team lead or administrator forced it.
        Forced = "forced",
        /// The distribution chose.
        Distributed = "distributed",
        /// The call ended.
        CallEnded = "call_ended",
        /// Wrap-up time ran out.
        WrapUpOver = "wrap_up_over",
        /// What was asked for during the call now takes effect.
        Remembered = "remembered",
        /// The phone registered.
        PhoneRegistered = "phone_registered",
        /// The phone is no longer registered.
        PhoneLost = "phone_lost",
        /// The grace after a lost phone ran out.
        GraceOver = "grace_over",
        /// The longest stay in a busy reason ran out.
        BusyOverstayed = "busy_overstayed",
        /// The shift is over.
        ShiftOver = "shift_over",
        /// A planned break begins.
        BreakDue = "break_due",
        /// A place came free among those who may be busy for the reason at once.
        SlotFree = "slot_free",
        /// The pause after an offer that came to nothing is over.
        CoolDownOver = "cool_down_over",
        /// The offer was taken back before an answer.
        OfferWithdrawn = "offer_withdrawn",
        /// The call was transferred.
        Transferred = "transferred",
        /// The greeting or menu ended the call, as configured.
        FlowEnded = "flow_ended",
        /// Outside business hours.
        Closed = "closed",
        /// The number leads nowhere.
        NoRoute = "no_route",
        /// The role does not allow the number.
        NotAllowed = "not_allowed",
        /// A limit is reached (calls, ports).
        LimitReached = "limit_reached",
        /// Calls come faster than they may; a moment later there is room again.
        RateReached = "rate_reached",
        /// The number that would be shown to the called party may not be: a 400 or 800 number.
        CallerIdForbidden = "caller_id_forbidden",
        /// The caller withholds the number.
        NumberWithheld = "number_withheld",
        /// No codec in common, or a description we cannot use.
        NotAcceptable = "not_acceptable",
        /// Audio could not be set up.
        MediaFailed = "media_failed",
        /// No audio arrived for too long.
        MediaLost = "media_lost",
        /// A protocol timer ran out.
        SignallingLost = "signalling_lost",
        /// The service was stopped.
        Shutdown = "shutdown",
        /// The service ended without warning and was started again.
        Crash = "crash",
        /// The configuration changed.
        Reconfigured = "reconfigured",
    }
}

words! {
    /// How a callback (回拨) ended.
    CallbackEnd {
        /// The caller and an agent were joined.
        Joined = "joined",
        /// The caller was not reached in as many attempts as there may be.
        NotReached = "not_reached",
        /// Its time was over before its turn came.
        Expired = "expired",
        /// The caller called again and was served.
        Served = "served",
        /// Somebody ended it, or the queue or its callbacks are no longer configured.
        Cancelled = "cancelled",
    }
}

words! {
    /// Which limit kept a call out.
    Limit {
        /// As many calls as the service carries.
        ServiceCalls = "service_calls",
        /// What is left of the service is kept for other hotlines.
        ServiceReserved = "service_reserved",
        /// As many calls as the trunk carries.
        TrunkCalls = "trunk_calls",
        /// What is left of the trunk is kept for hotlines.
        TrunkReserved = "trunk_reserved",
        /// Calls on the trunk in a second, in and out.
        TrunkRate = "trunk_rate",
        /// As many calls as the hotline takes.
        HotlineCalls = "hotline_calls",
        /// Calls to the hotline in a second.
        HotlineRate = "hotline_rate",
        /// Ports for audio.
        Ports = "ports",
    }
}

impl From<OfferEnd> for Cause {
    fn from(end: OfferEnd) -> Self {
        match end {
            OfferEnd::NoAnswer => Self::NoAnswer,
            OfferEnd::Refused => Self::Refused,
            OfferEnd::Unreachable => Self::Unreachable,
            OfferEnd::CallerLeft => Self::CallerLeft,
            OfferEnd::AnsweredElsewhere => Self::AnsweredElsewhere,
            OfferEnd::Withdrawn => Self::OfferWithdrawn,
        }
    }
}

impl Limit {
    /// Why a call is refused that meets it.
    #[must_use]
    pub const fn cause(self) -> Cause {
        match self {
            Self::TrunkRate | Self::HotlineRate => Cause::RateReached,
            Self::ServiceCalls
            | Self::ServiceReserved
            | Self::TrunkCalls
            | Self::TrunkReserved
            | Self::HotlineCalls
            | Self::Ports => Cause::LimitReached,
        }
    }
}
