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
    /// The time before the next warning about a busy stay.
    Notice,
    /// The time before the next planned break, or the break that is on.
    Plan,
    /// The shift, and how long an agent may linger after it.
    Shift,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_fire_in_order_of_time_and_then_of_arming() {
        let mut deadlines = Deadlines::default();
        let at = Timestamp::from_secs;
        for (second, agent) in [(5, 1), (3, 2), (5, 3), (9, 4)] {
            deadlines.arm(at(second), AgentId::new(agent), Ends::State);
        }
        assert_eq!(deadlines.next(), Some(at(3)));
        let mut fired = || deadlines.fire(at(5)).map(|fired| fired.agent.number());
        assert_eq!([fired(), fired(), fired(), fired()], [Some(2), Some(1), Some(3), None]);
    }

    #[test]
    fn a_deadline_armed_again_for_the_same_time_is_another_one() {
        let mut deadlines = Deadlines::default();
        let (at, agent) = (Timestamp::from_secs(5), AgentId::new(1));
        let old = deadlines.arm(at, agent, Ends::State);
        deadlines.disarm(old);
        let new = deadlines.arm(at, agent, Ends::State);
        assert_ne!(old, new);
        assert_eq!(deadlines.fire(at).map(|fired| fired.armed), Some(new));
        assert_eq!(deadlines.fire(at), None);
    }
}
