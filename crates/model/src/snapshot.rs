//! What a restart needs to know of the floor: a fold of the log.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    AgentId, AgentState, CallId, HotlineId, LegId, Number, Pause, PhoneId, QueueId, Reason, Record,
    RecordingId, SegmentId, Timestamp,
};

/// One agent as the log last told of them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AgentSnapshot {
    /// The state.
    pub state: AgentState,
    /// The phone the agent is signed in at.
    pub phone: Option<PhoneId>,
    /// What has been used of the allowances for busy reasons.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub spent: BTreeMap<Reason, Spent>,
    /// When the agent last signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attended: Option<Timestamp>,
    /// What the agent did since signing in.
    #[serde(default, skip_serializing_if = "Record::is_blank")]
    pub record: Record,
    /// The last pause after an offer that came to nothing, in this working session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// The queues signed out of in this working session.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub away: BTreeSet<QueueId>,
}

impl AgentSnapshot {
    /// An agent in this state at this phone, of whom nothing else is known.
    #[must_use]
    pub fn new(state: AgentState, phone: Option<PhoneId>) -> Self {
        Self {
            state,
            phone,
            spent: BTreeMap::new(),
            attended: None,
            record: Record::default(),
            pause: None,
            away: BTreeSet::new(),
        }
    }
}

/// What an agent has used of the allowance for a busy reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Spent {
    /// When the day or the shift began that it counts for.
    pub since: Timestamp,
    /// How much, in milliseconds.
    pub used_ms: u64,
}

/// A call that had not ended.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct OpenCall {
    /// When it arrived.
    pub since: Timestamp,
    /// Segments begun and not ended, with the queue where the segment is a wait.
    pub segments: BTreeMap<SegmentId, Option<QueueId>>,
    /// Legs created and not released.
    pub legs: Vec<LegId>,
    /// Parts begun and not sealed.
    pub recordings: Vec<RecordingId>,
}

/// A caller whom an agent served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Served {
    /// The caller's number in its canonical form.
    pub caller: Number,
    /// By whom.
    pub agent: AgentId,
    /// When the two were joined.
    pub at: Timestamp,
}

/// A caller who gave up waiting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Abandoned {
    /// The caller's number in its canonical form.
    pub caller: Number,
    /// The queue.
    pub queue: QueueId,
    /// When the wait began.
    pub arrived: Timestamp,
    /// When it ended.
    pub at: Timestamp,
}

/// A callback that has not ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OpenCallback {
    /// The call in which the caller asked for it.
    pub of: CallId,
    /// Whom to call, as people read it.
    pub number: Number,
    /// What the caller had dialled.
    pub to: Number,
    /// The hotline the caller had dialled.
    pub hotline: Option<HotlineId>,
    /// The queue in which it waits for its turn.
    pub queue: QueueId,
    /// Its priority there; higher is served first.
    pub priority: u8,
    /// When the caller came whose place it keeps.
    pub arrived: Timestamp,
    /// How often the caller was called.
    pub attempts: u8,
    /// It waits for its turn from then on.
    pub due: Timestamp,
    /// It is given up then.
    pub expires: Timestamp,
}

/// The floor as the log tells it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FloorSnapshot {
    /// Agents who have ever had a state.
    pub agents: BTreeMap<AgentId, AgentSnapshot>,
    /// Calls that had not ended.
    pub calls: BTreeMap<CallId, OpenCall>,
    /// Callbacks that had not ended, by their calls.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub callbacks: BTreeMap<CallId, OpenCallback>,
    /// The version of the configuration last applied.
    pub config_version: u64,
}
