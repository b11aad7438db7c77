//! An agent's state: everything the rules about it need, kept where it is true.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{CallId, Timestamp};

/// Why an agent is busy: one of the tenant's reasons (`lunch`, `meeting`, …) or one of ours.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reason(Arc<str>);

impl Reason {
    /// The agent let the phone ring too often.
    pub const NO_ANSWER: &'static str = "no_answer";
    /// The agent's phone is no longer registered.
    pub const DEVICE_LOST: &'static str = "device_lost";

    /// The reason as configured.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Reason {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The state an agent asks for; taken at once, or remembered until the call and its wrap-up end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// May be given calls (示闲).
    Ready,
    /// Signed in, not to be given calls (示忙、小休).
    Busy(Reason),
    /// Ends the working session (签出).
    SignedOut,
}

/// What kind of call an agent is on. Only `Queue` is followed by wrap-up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// A caller from a queue.
    Queue,
    /// Another extension.
    Internal,
    /// A number outside.
    Outbound,
    /// Asking a colleague while a caller is held.
    Consult,
}

/// How an offer ended without the agent and the caller being joined.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferEnd {
    /// The ring time ran out.
    NoAnswer,
    /// The agent, or the phone, declined (486, 603, do not disturb).
    Refused,
    /// The phone could not be reached (no binding, 408, 480, 503).
    Unreachable,
    /// The caller hung up first, or left the queue. Never counted against the agent.
    CallerLeft,
    /// Another agent answered first. Never counted against the agent.
    AnsweredElsewhere,
    /// The offer was taken back: the call left the queue, a lead forced a state, or we failed.
    Withdrawn,
}

/// What agents may do about wrap-up. A team lead may always end it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrapUpMode {
    /// End it early, and extend it up to the limit.
    #[default]
    Flexible,
    /// Nothing: it lasts as long as the queue says.
    Fixed,
    /// Extend it up to the limit.
    Extendable,
    /// End it early.
    Endable,
    /// It lasts until the agent ends it, at most up to the limit.
    Manual,
    /// There is none, whatever the queue says.
    None,
}

impl WrapUpMode {
    /// Whether it may be ended early.
    #[must_use]
    pub const fn ends(self) -> bool {
        matches!(self, Self::Flexible | Self::Endable | Self::Manual)
    }

    /// Whether it may be extended.
    #[must_use]
    pub const fn extends(self) -> bool {
        matches!(self, Self::Flexible | Self::Extendable)
    }
}

/// A pause in which an agent is offered nothing, after an offer that came to nothing (冷却). It stands
/// beside the state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pause {
    /// When it is over.
    pub until: Timestamp,
    /// How that offer ended.
    pub after: OfferEnd,
}

/// An agent's state (坐席状态). Leaving a variant forgets what was only true in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AgentState {
    /// 未签入: gets nothing.
    SignedOut {
        /// When it began.
        since: Timestamp,
    },
    /// 示闲: may be given calls.
    Ready {
        /// When it began.
        since: Timestamp,
        /// Idle since: survives an offer that came to nothing.
        idle_since: Timestamp,
    },
    /// 示忙、小休: signed in, gets no queue calls.
    Busy {
        /// Why.
        reason: Reason,
        /// When it began.
        since: Timestamp,
        /// When the agent is signed out: so long after the longest stay as the rules say, or at
        /// the end of the device-lost grace.
        until: Option<Timestamp>,
        /// When the longest stay is over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stay_until: Option<Timestamp>,
        /// When the planned break is over that it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        planned_until: Option<Timestamp>,
        /// What a lost phone's return leads back to.
        back_to: Option<Next>,
    },
    /// 预占: chosen; the phone does not ring yet.
    Reserved {
        /// The call that is offered.
        call: CallId,
        /// When it began.
        since: Timestamp,
        /// The lease: the offer is over by then, whatever happens.
        until: Timestamp,
        /// What the agent asked for meanwhile.
        next: Option<Next>,
        /// Idle since: kept for the case that the offer comes to nothing.
        idle_since: Timestamp,
    },
    /// 振铃: the phone rings.
    Ringing {
        /// The call that is offered.
        call: CallId,
        /// When it began.
        since: Timestamp,
        /// The lease: the offer is over by then, whatever happens.
        until: Timestamp,
        /// What the agent asked for meanwhile.
        next: Option<Next>,
        /// Idle since: kept for the case that the offer comes to nothing.
        idle_since: Timestamp,
    },
    /// 通话中: on a call, held or not. Owned by the call's leg.
    OnCall {
        /// The call.
        call: CallId,
        /// What kind of call.
        kind: CallKind,
        /// When it began.
        since: Timestamp,
        /// What the agent asked for meanwhile.
        next: Option<Next>,
        /// The state a non-queue call returns to.
        before: Option<Box<AgentState>>,
    },
    /// 话后处理: after-call work.
    WrapUp {
        /// The call it follows.
        call: CallId,
        /// When it began.
        since: Timestamp,
        /// When it ends by itself.
        until: Timestamp,
        /// The latest it may be extended to.
        at_most: Timestamp,
        /// What the agent may do about it, where the queue said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mode: Option<WrapUpMode>,
        /// What the agent asked for meanwhile.
        next: Option<Next>,
    },
}

/// The bare name of a state, for keys, counts and metrics.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateName {
    /// 未签入.
    SignedOut,
    /// 示闲.
    Ready,
    /// 示忙.
    Busy,
    /// 预占.
    Reserved,
    /// 振铃.
    Ringing,
    /// 通话中.
    OnCall,
    /// 话后处理.
    WrapUp,
}

impl StateName {
    /// All seven, in the order of a working day.
    pub const ALL: [Self; 7] = [
        Self::SignedOut,
        Self::Ready,
        Self::Busy,
        Self::Reserved,
        Self::Ringing,
        Self::OnCall,
        Self::WrapUp,
    ];

    /// The value in JSON, SQL and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Ready => "ready",
            Self::Busy => "busy",
            Self::Reserved => "reserved",
            Self::Ringing => "ringing",
            Self::OnCall => "on_call",
            Self::WrapUp => "wrap_up",
        }
    }
}

impl AgentState {
    /// The state's name.
    #[must_use]
    pub const fn name(&self) -> StateName {
        match self {
            Self::SignedOut { .. } => StateName::SignedOut,
            Self::Ready { .. } => StateName::Ready,
            Self::Busy { .. } => StateName::Busy,
            Self::Reserved { .. } => StateName::Reserved,
            Self::Ringing { .. } => StateName::Ringing,
            Self::OnCall { .. } => StateName::OnCall,
            Self::WrapUp { .. } => StateName::WrapUp,
        }
    }

    /// When the state began.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        match self {
            Self::SignedOut { since }
            | Self::Ready { since, .. }
            | Self::Busy { since, .. }
            | Self::Reserved { since, .. }
            | Self::Ringing { since, .. }
            | Self::OnCall { since, .. }
            | Self::WrapUp { since, .. } => *since,
        }
    }

    /// The call that explains the state, where one does.
    #[must_use]
    pub const fn call(&self) -> Option<CallId> {
        match self {
            Self::Reserved { call, .. }
            | Self::Ringing { call, .. }
            | Self::OnCall { call, .. }
            | Self::WrapUp { call, .. } => Some(*call),
            Self::SignedOut { .. } | Self::Ready { .. } | Self::Busy { .. } => None,
        }
    }

    /// Where what is asked for meanwhile is kept, in states that do not take it at once.
    pub const fn wish_mut(&mut self) -> Option<&mut Option<Next>> {
        match self {
            Self::Reserved { next, .. }
            | Self::Ringing { next, .. }
            | Self::OnCall { next, .. }
            | Self::WrapUp { next, .. }
            | Self::Busy { back_to: next, .. } => Some(next),
            Self::SignedOut { .. } | Self::Ready { .. } => None,
        }
    }

    /// When the state ends by itself, where it does.
    #[must_use]
    pub const fn deadline(&self) -> Option<Timestamp> {
        match self {
            Self::Busy { until, .. } => *until,
            Self::Reserved { until, .. }
            | Self::Ringing { until, .. }
            | Self::WrapUp { until, .. } => Some(*until),
            Self::SignedOut { .. } | Self::Ready { .. } | Self::OnCall { .. } => None,
        }
    }
}
