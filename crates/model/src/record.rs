//! What an agent did, as far as the distribution ranks agents by it.

use serde::{Deserialize, Serialize};

use crate::{AgentState, CallKind, Cause, Occupancy, Stretch, Timestamp};

/// What an agent did since signing in: a fold over the changes of the agent's state, so that the floor
/// and whoever reads the log come to the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Record {
    /// Calls taken from queues.
    pub calls_taken: u32,
    /// When the last of them was over.
    pub last_call: Timestamp,
    /// Time in calls of any kind, in microseconds.
    pub talked_us: u64,
    /// How occupied the agent was lately; it outlives the session.
    pub occupancy: Occupancy,
}

impl Record {
    /// Takes in that the state changed.
    pub fn apply(&mut self, (from, to): (&AgentState, &AgentState), cause: Cause, now: Timestamp) {
        let stretch = match from {
            AgentState::Reserved { .. }
            | AgentState::Ringing { .. }
            | AgentState::OnCall { .. }
            | AgentState::WrapUp { .. } => Stretch::Occupied,
            AgentState::Ready { .. } => Stretch::Idle,
            AgentState::Busy { .. } => Stretch::Away,
            AgentState::SignedOut { .. } => {
                *self = Self { occupancy: self.occupancy, ..Self::default() };
                Stretch::Away
            }
        };
        self.occupancy = self.occupancy.after(stretch, now);
        if let AgentState::OnCall { kind, since, .. } = from {
            let talked = u64::try_from(now.since(*since).as_micros()).unwrap_or(u64::MAX);
            self.talked_us = self.talked_us.saturating_add(talked);
            if *kind == CallKind::Queue {
                self.last_call = now;
            }
        }
        let taken = matches!(to, AgentState::OnCall { kind: CallKind::Queue, .. });
        if taken && cause == Cause::Distributed {
            self.calls_taken = self.calls_taken.saturating_add(1);
        }
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CallId, Epoch};

    #[test]
    fn calls_and_talk_count_from_signing_in_and_occupancy_goes_on() {
        let at = |seconds: u64| Timestamp::from_secs(1_000_000 + seconds);
        let ready = |seconds| AgentState::Ready { since: at(seconds), idle_since: at(seconds) };
        let talks = AgentState::OnCall {
            call: CallId::new(Epoch::new(1), 1),
            kind: CallKind::Queue,
            since: at(10),
            next: None,
            before: None,
        };
        let out = AgentState::SignedOut { since: at(0) };
        let mut record = Record::default();
        assert!(record.is_blank());
        record.apply((&out, &ready(0)), Cause::Requested, at(0));
        record.apply((&ready(0), &talks), Cause::Distributed, at(10));
        record.apply((&talks, &ready(70)), Cause::CallEnded, at(70));
        assert_eq!((record.calls_taken, record.last_call), (1, at(70)));
        assert_eq!(record.talked_us, 60_000_000);
        let occupancy = record.occupancy;
        record.apply((&ready(70), &out), Cause::Requested, at(70));
        record.apply((&out, &ready(90)), Cause::Requested, at(90));
        assert_eq!((record.calls_taken, record.talked_us), (0, 0));
        assert_eq!(record.occupancy.level(), occupancy.level());
    }
}
