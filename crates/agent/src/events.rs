//! What goes into the machine and what comes out of it.

use std::time::Duration;

use model::{
    Actor, AgentId, AgentState, CallId, CallKind, Cause, EventKind, Next, OfferEnd, PhoneId,
    QueueId, Timestamp, WrapUpMode,
};

use crate::Rules;

/// What somebody asks for; it may be refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// Begin a working session.
    SignIn {
        /// Who.
        agent: AgentId,
        /// At which phone.
        phone: PhoneId,
        /// Whether the phone is registered now.
        phone_state: PhoneState,
    },
    /// Take a state: now, or when the call and its wrap-up end.
    Become {
        /// Who.
        agent: AgentId,
        /// Which.
        next: Next,
    },
    /// End wrap-up early.
    EndWrapUp {
        /// Who.
        agent: AgentId,
    },
    /// Extend wrap-up, at most up to the limit of the rules.
    ExtendWrapUp {
        /// Who.
        agent: AgentId,
        /// By how long.
        by: Duration,
    },
    /// Sign in to a queue, of those whose needs the agent meets.
    SignInTo {
        /// Who.
        agent: AgentId,
        /// Which.
        queue: QueueId,
    },
    /// Sign out of a queue: none of its calls is offered any more; an open offer goes on.
    SignOutOf {
        /// Who.
        agent: AgentId,
        /// Which.
        queue: QueueId,
    },
    /// A team lead forces a state. During an offer the offer must end first
    /// ([`Done::withdraw`]). During a call it is remembered like a request of the agent, for it
    /// never cuts a call; in wrap-up it takes effect at once.
    Force {
        /// Whom.
        agent: AgentId,
        /// Which.
        next: Next,
        /// Who forces it, and from where.
        by: Actor,
        /// Why, in their words.
        note: Option<String>,
    },
}

/// Whether a phone can be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PhoneState {
    /// It has a live registration.
    Bound,
    /// It has none.
    Unbound,
}

/// What came of a request that was not refused.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Done {
    /// What changed at once, in order.
    pub changes: Vec<Change>,
    /// What was remembered for later.
    pub remembered: Option<Next>,
    /// What waits until fewer of the group are busy.
    pub awaits: Option<Next>,
    /// The offer that the floor must withdraw now, reporting [`Fact::OfferEnded`] with
    /// `Withdrawn`; what was forced takes effect then.
    pub withdraw: Option<CallId>,
}

/// What has happened; it cannot be refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fact {
    /// The distribution chose the agent.
    Reserved {
        /// Who.
        agent: AgentId,
        /// For which call.
        call: CallId,
        /// When the ring time runs out. The lease lasts a little longer, so that the ring time
        /// ends the offer and the lease only mends what was forgotten.
        until: Timestamp,
    },
    /// The agent's phone rings.
    Ringing {
        /// Who.
        agent: AgentId,
        /// For which call.
        call: CallId,
    },
    /// The offer came to nothing.
    OfferEnded {
        /// Who.
        agent: AgentId,
        /// Of which call.
        call: CallId,
        /// How.
        end: OfferEnd,
    },
    /// The agent and a caller from a queue were joined.
    Answered {
        /// Who.
        agent: AgentId,
        /// To which call.
        call: CallId,
    },
    /// The agent's phone is in a call that no queue gave: dialled, called directly, or a
    /// consultation beside another call. Report it when the dialog begins, not at its answer.
    CallStarted {
        /// Who.
        agent: AgentId,
        /// Which call.
        call: CallId,
        /// What kind.
        kind: CallKind,
    },
    /// The agent's part in a call is over, by release or by transfer.
    CallEnded {
        /// Who.
        agent: AgentId,
        /// Which call.
        call: CallId,
        /// After-call work that the call gives. Only calls from a queue give any.
        wrap_up: WrapUp,
    },
    /// A phone registered.
    PhoneBound {
        /// Which.
        phone: PhoneId,
    },
    /// A phone's last registration ended.
    PhoneLost {
        /// Which.
        phone: PhoneId,
    },
}

/// After-call work that a call gives; none by default.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WrapUp {
    /// How long; zero for none.
    pub span: Duration,
    /// What the agent may do about it, where the queue says so; else the tenant's rules do.
    pub mode: Option<WrapUpMode>,
}

impl WrapUp {
    /// How long it is unless somebody ends it, and up to when it may be extended.
    pub(crate) fn spans(self, rules: &Rules) -> (Duration, Duration) {
        if self.span.is_zero() {
            return (Duration::ZERO, Duration::ZERO);
        }
        let at_most = self.span.max(rules.wrap_up_at_most);
        match self.mode.unwrap_or(rules.wrap_up) {
            WrapUpMode::None => (Duration::ZERO, Duration::ZERO),
            WrapUpMode::Manual => (at_most, at_most),
            WrapUpMode::Flexible
            | WrapUpMode::Fixed
            | WrapUpMode::Extendable
            | WrapUpMode::Endable => (self.span, at_most),
        }
    }
}

/// One change of one agent, for the log and for the distribution.
///
/// After each, ask [`crate::Agents::availability`] and tell the distribution. Where `from` equals
/// `to` only that has changed, or the phone (`signed_in_at`), or there is something to tell
/// (`notices`): there is no new state to write down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Who.
    pub agent: AgentId,
    /// The state before.
    pub from: AgentState,
    /// The state now.
    pub to: AgentState,
    /// Why.
    pub cause: Cause,
    /// Who forced it, where a team lead did and it takes effect only now.
    pub by: Option<Actor>,
    /// The phone, when a working session began there or was taken over to it.
    pub signed_in_at: Option<PhoneId>,
    /// What else the log is to tell of the agent, after the state.
    pub notices: Vec<EventKind>,
}

impl Change {
    /// Whether there is a new state to write down.
    #[must_use]
    pub fn is_of_state(&self) -> bool {
        self.from != self.to
    }
}

/// Whether an agent may be offered a call now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Availability {
    /// Ready, and free of any cool-down.
    Available {
        /// Idle since; survives an offer that came to nothing.
        idle_since: Timestamp,
    },
    /// Not to be offered a call.
    Unavailable,
}

impl Availability {
    /// Whether a call may be offered.
    #[must_use]
    pub const fn is_available(&self) -> bool {
        matches!(self, Self::Available { .. })
    }
}
