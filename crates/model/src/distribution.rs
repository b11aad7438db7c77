//! What the distribution tells about its choices.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What a candidate was ranked by when a call was given to somebody: the lowest ring first, then the
/// lowest key, then whoever has been idle longest, then the lowest work number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Rank {
    /// The ring of the queue in which the agent may be given its calls; 0 is the innermost.
    #[serde(default)]
    pub ring: u8,
    /// The strategy's key: what it means depends on the strategy.
    pub key: i64,
    /// Idle since.
    pub idle_since: Timestamp,
}
