//! Typed refusals: one stable code for each, shown the same by phone, API and console.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a refusal means and what to do, for the operating guide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RefusalDoc {
    /// The stable code.
    pub code: &'static str,
    /// One lower-case sentence without a full stop.
    pub text: &'static str,
    /// The HTTP status it maps to.
    pub http_status: u16,
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:literal, $text:literal;)*) => {
        /// Why a request was refused. Facts cannot be.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub enum Refusal {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }

        impl Refusal {
            /// Every refusal, for the operating guide and the API description.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code, its text and its HTTP status.
            #[must_use]
            pub const fn doc(self) -> RefusalDoc {
                match self {
                    $(Self::$name => RefusalDoc { code: $code, text: $text, http_status: $status },)*
                }
            }
        }
    };
}

refusals! {
    /// No such agent.
    AgentUnknown = "agent_unknown", 404, "no agent has this work number";
    /// The request needs a working session.
    AgentSignedOut = "agent_signed_out", 409, "agent is not signed in";
    /// A second sign-in.
    AgentSignedIn = "agent_signed_in", 409, "agent is already signed in";
    /// No live registration.
    PhoneNotRegistered = "phone_not_registered", 409, "the phone is not registered: start it, then sign in";
    /// No such phone.
    PhoneUnknown = "phone_unknown", 404, "no phone has this number";
    /// Somebody else is signed in there.
    PhoneTaken = "phone_taken", 409, "another agent is signed in at this phone";
    /// Not in the tenant's list.
    ReasonUnknown = "reason_unknown", 422, "no busy reason has this name";
    /// No shift of the agent is on.
    OutsideShift = "outside_shift", 409, "no shift of the agent is on";
    /// A forced state has no reason.
    NoteMissing = "note_missing", 422, "who forces a state must say why";
    /// So many are busy for it.
    GroupFull = "group_full", 409, "as many of the group or team are busy for this reason as may be at once";
    /// So much of the reason has been had.
    AllowanceSpent = "allowance_spent", 409, "the allowance for this busy reason is used up";
    /// Makes no sense now.
    NotInWrapUp = "not_in_wrap_up", 409, "agent is not in wrap-up";
    /// The mode of wrap-up does not let it be ended.
    WrapUpNotEndable = "wrap_up_not_endable", 409, "wrap-up cannot be ended early here";
    /// The mode of wrap-up does not let it be extended.
    WrapUpNotExtendable = "wrap_up_not_extendable", 409, "wrap-up cannot be extended here";
    /// Wrap-up may not grow further.
    WrapUpAtLimit = "wrap_up_at_limit", 409, "wrap-up cannot be extended further";
    /// The phone is gone; ready would be a lie.
    DeviceLost = "device_lost", 409, "the agent's phone is lost: it must register again first";
    /// No feature has this code.
    FeatureUnknown = "feature_unknown", 404, "no feature has this code";
    /// No such call.
    CallUnknown = "call_unknown", 404, "no live call has this id";
    /// It waits in no queue, or no longer.
    CallNotWaiting = "call_not_waiting", 409, "the call waits in no queue";
    /// One offer at a time.
    CallRings = "call_rings", 409, "an agent's phone rings for the call already";
    /// Busy, engaged, in a pause, or signed out.
    AgentNotAvailable = "agent_not_available", 409, "the agent cannot be given a call now";
    /// No such queue.
    QueueUnknown = "queue_unknown", 404, "no queue has this name";
    /// A skill that it needs, or its level, is missing.
    QueueNotServed = "queue_not_served", 409, "the agent has not what the queue needs";
    /// The inbox is full or the service is stopping.
    Unavailable = "unavailable", 503, "the service cannot take this request now: try again";
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.doc().text)
    }
}

impl std::error::Error for Refusal {}
