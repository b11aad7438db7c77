//! Every deadline of the machine, in one order.

use std::collections::BTreeMap;

use model::{AgentId, Timestamp};

/// What a deadline ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ends {
    /// The state that armed it.
    State,
    /// The pause after an offer that came to nothing.
    CoolDown,
}

/// Names one arming of a deadline. No two have the same generation, so a deadline that fires after
/// what armed it has gone is known for what it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Armed {
    pub(crate) at: Timestamp,
    generation: u64,
}

/// A deadline that has passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fired {
    pub(crate) agent: AgentId,
    pub(crate) ends: Ends,
    pub(crate) armed: Armed,
}

#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    armed: BTreeMap<Armed, (AgentId, Ends)>,
    last_generation: u64,
}

impl Deadlines {
    pub(crate) fn arm(&mut self, at: Timestamp, agent: AgentId, ends: Ends) -> Armed {
        self.last_generation += 1;
        let armed = Armed { at, generation: self.last_generation };
        self.armed.insert(armed, (agent, ends));
        armed
    }

    pub(crate) fn disarm(&mut self, armed: Armed) {
        self.armed.remove(&armed);
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.armed.first_key_value().map(|(armed, _)| armed.at)
    }

    /// Takes out the earliest deadline that has passed.
    pub(crate) fn fire(&mut self, now: Timestamp) -> Option<Fired> {
        let first = self.armed.first_entry().filter(|first| first.key().at <= now)?;
        let (armed, (agent, ends)) = first.remove_entry();
        Some(Fired { agent, ends, armed })
    }

    pub(crate) fn contains(&self, armed: Armed, agent: AgentId, ends: Ends) -> bool {
        self.armed.get(&armed) == Some(&(agent, ends))
    }

    pub(crate) fn len(&self) -> usize {
        self.armed.len()
    }
}
