//! What agents did since they signed in, as far as the distribution ranks them by it.

use std::collections::BTreeMap;
use std::time::Duration;

use agent::Change;
use model::{AgentId, AgentState, CallKind, Occupancy, Stretch, Timestamp};

/// A fold over the changes of agents' states.
#[derive(Debug, Default)]
pub(crate) struct Records(BTreeMap<AgentId, Record>);

/// What one agent did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Record {
    /// When the last call from a queue was over.
    pub(crate) last_call: Timestamp,
    /// Time in talk.
    pub(crate) talked: Duration,
    pub(crate) occupancy: Occupancy,
}

impl Records {
    pub(crate) fn of(&self, agent: AgentId) -> Record {
        self.0.get(&agent).copied().unwrap_or_default()
    }

    pub(crate) fn apply(&mut self, change: &Change, now: Timestamp) {
        let record = self.0.entry(change.agent).or_default();
        let stretch = match &change.from {
            AgentState::Reserved { .. }
            | AgentState::Ringing { .. }
            | AgentState::OnCall { .. }
            | AgentState::WrapUp { .. } => Stretch::Occupied,
            AgentState::Ready { .. } => Stretch::Idle,
            AgentState::Busy { .. } => Stretch::Away,
            AgentState::SignedOut { .. } => {
                *record = Record { occupancy: record.occupancy, ..Record::default() };
                Stretch::Away
            }
        };
        record.occupancy = record.occupancy.after(stretch, now);
        if let AgentState::OnCall { kind, since, .. } = &change.from {
            record.talked += now.since(*since);
            if *kind == CallKind::Queue {
                record.last_call = now;
            }
        }
    }
}
