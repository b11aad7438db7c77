//! What a restart needs to know of the floor: a fold of the log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    AgentId, AgentState, CallId, LegId, PhoneId, QueueId, RecordingId, SegmentId, Timestamp,
};

/// One agent as the log last told of them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AgentSnapshot {
    /// The state.
    pub state: AgentState,
    /// The phone the agent is signed in at.
    pub phone: Option<PhoneId>,
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

/// The floor as the log tells it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FloorSnapshot {
    /// Agents who have ever had a state.
    pub agents: BTreeMap<AgentId, AgentSnapshot>,
    /// Calls that had not ended.
    pub calls: BTreeMap<CallId, OpenCall>,
    /// The version of the configuration last applied.
    pub config_version: u64,
}
