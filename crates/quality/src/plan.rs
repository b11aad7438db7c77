//! What is asked of a draw: the recordings there are, and which of them count.

use std::collections::BTreeSet;

use model::{AgentId, QueueId, RecordingId, Timestamp};
use serde::{Deserialize, Serialize};

/// A part of a recording, as the index knows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Candidate {
    /// The part.
    pub recording: RecordingId,
    /// The agent heard; parts without one are never drawn.
    pub agent: Option<AgentId>,
    /// The queue the caller came from.
    pub queue: Option<QueueId>,
    /// When the part began.
    pub at: Timestamp,
    /// Its length in milliseconds.
    pub duration_ms: u64,
    /// SHA-256 of its file, in hexadecimal.
    pub sha256: String,
    /// Whether it was complete on disk when the draw was made.
    pub complete: bool,
}

/// How a sample is to be drawn.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Decides the outcome; to be fixed before anyone can know the population.
    pub seed: String,
    /// Most conversations drawn.
    pub size: u32,
    /// Conversations each agent is to have in the sample, as far as `size` allows.
    #[serde(default)]
    pub per_agent_min: u32,
    /// Which conversations count.
    pub filter: Filter,
}

/// Which conversations belong to the population of a draw.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// These agents; all when empty.
    #[serde(default)]
    pub agents: BTreeSet<AgentId>,
    /// Callers of these queues; all when empty.
    #[serde(default)]
    pub queues: BTreeSet<QueueId>,
    /// Ended at this time or later.
    pub from: Timestamp,
    /// Ended before this time. It lies in the past, or the population still changes.
    pub to: Timestamp,
    /// At least so long, in milliseconds.
    #[serde(default)]
    pub min_duration_ms: u64,
    /// At most so long, in milliseconds.
    #[serde(default)]
    pub max_duration_ms: Option<u64>,
}

/// Why a conversation is not in the population: the first of these that applies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exclusion {
    /// No agent is heard.
    NoAgent,
    /// A part of it was lost, or was not complete yet.
    NotComplete,
    /// Another agent than those asked for.
    OtherAgent,
    /// Another queue than those asked for.
    OtherQueue,
    /// Ended before the time asked for.
    Before,
    /// Ended after the time asked for.
    After,
    /// Shorter than asked for.
    TooShort,
    /// Longer than asked for.
    TooLong,
    /// The same part was listed again.
    ListedTwice,
}

impl Filter {
    /// Every conversation that ended from `from` on and before `to`.
    #[must_use]
    pub const fn between(from: Timestamp, to: Timestamp) -> Self {
        Self {
            agents: BTreeSet::new(),
            queues: BTreeSet::new(),
            from,
            to,
            min_duration_ms: 0,
            max_duration_ms: None,
        }
    }
}
