//! The deadlines of waits and offers, in one order.

use std::collections::BTreeSet;

use model::{CallId, Timestamp};

/// What a deadline ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Ends {
    /// The ring time of an offer.
    Ring,
    /// A caller's longest wait.
    Wait,
}

/// A deadline, with the generation of the stay or the offer that armed it: once that is over,
/// the deadline means nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Deadline {
    pub(crate) at: Timestamp,
    pub(crate) generation: u64,
    pub(crate) ends: Ends,
    pub(crate) call: CallId,
}

#[derive(Debug, Default)]
pub(crate) struct Deadlines(BTreeSet<Deadline>);

impl Deadlines {
    pub(crate) fn arm(&mut self, deadline: Deadline) {
        self.0.insert(deadline);
    }

    pub(crate) fn disarm(&mut self, deadline: &Deadline) {
        self.0.remove(deadline);
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.0.first().map(|deadline| deadline.at)
    }

    /// Takes out the earliest deadline that has passed.
    pub(crate) fn fire(&mut self, now: Timestamp) -> Option<Deadline> {
        if self.next()? <= now { self.0.pop_first() } else { None }
    }

    pub(crate) fn contains(&self, deadline: &Deadline) -> bool {
        self.0.contains(deadline)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
