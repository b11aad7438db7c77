//! The floor as it is, for people who look.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    AgentId, AgentState, CallId, HotlineId, Number, Outcome, Pause, PhoneId, QueueId, Timestamp,
    TrunkId,
};
use serde::{Deserialize, Serialize};

/// The floor at one moment.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Status {
    /// When.
    pub at: Timestamp,
    /// The version of the configuration in force.
    pub config_version: u64,
    /// Every agent.
    pub agents: Vec<AgentStatus>,
    /// Every queue.
    pub queues: Vec<QueueStatus>,
    /// Every live call.
    pub calls: Vec<CallStatus>,
    /// Every trunk.
    #[serde(default)]
    pub trunks: Vec<TrunkStatus>,
    /// What kept calls out since start, and how often.
    #[serde(default)]
    pub barred: Vec<BarredStatus>,
    /// Ports of media in use, and in all.
    pub ports: (u32, u32),
    /// Invariants found broken and mended since start; anything but 0 is a fault of ours.
    pub repairs: u64,
}

/// One agent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AgentStatus {
    /// The work number.
    pub agent: AgentId,
    /// What people read.
    pub name: String,
    /// The phone signed in at.
    pub phone: Option<PhoneId>,
    /// Live bindings of that phone, or of the agent's own when signed out.
    pub bindings: u32,
    /// The state.
    #[serde(flatten)]
    pub state: AgentState,
    /// The pause in which nothing is offered, after an offer that came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// The queues signed out of, of those whose needs the agent meets.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub away: BTreeSet<QueueId>,
}

/// One queue.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct QueueStatus {
    /// Which.
    pub queue: QueueId,
    /// What people read.
    pub label: String,
    /// Callers waiting now.
    pub waiting: u32,
    /// Of them, those who will be called back.
    #[serde(default)]
    pub callbacks: u32,
    /// How long the first of them has waited, in milliseconds.
    pub longest_wait_ms: u64,
    /// Agents ready for it now.
    pub ready: u32,
    /// Agents signed in who have its skills, and are signed in to it.
    pub signed_in: u32,
    /// Callers who entered since start. Always the sum of the outcomes and of those waiting.
    pub entered: u64,
    /// How they left.
    pub outcomes: BTreeMap<Outcome, u64>,
}

/// One live call.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CallStatus {
    /// Which.
    pub call: CallId,
    /// When it arrived.
    pub since: Timestamp,
    /// The calling number, masked.
    pub from: String,
    /// The number dialled.
    pub to: Number,
    /// The hotline it called, if that is what it called.
    pub hotline: Option<HotlineId>,
    /// What the caller meets: `flow`, `queue`, `ringing`, `talking`, `held`, …; of a callback, `resting`
    /// and `calling_back`, too.
    pub stage: String,
    /// The queue waited in.
    pub queue: Option<QueueId>,
    /// The agent ringing or talking.
    pub agent: Option<AgentId>,
    /// The call in which somebody asked to be called back, where this is that callback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_of: Option<CallId>,
}

/// One trunk.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TrunkStatus {
    /// Which.
    pub trunk: TrunkId,
    /// Calls on it now, in and out.
    pub calls: u32,
    /// The most it may carry.
    pub max_calls: u32,
}

/// Something that keeps calls out.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct BarredStatus {
    /// The limit, or the cause where it was none.
    pub reason: String,
    /// The trunk concerned.
    pub trunk: Option<TrunkId>,
    /// The hotline concerned.
    pub hotline: Option<HotlineId>,
    /// How often, since start.
    pub times: u64,
}
