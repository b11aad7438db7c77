//! The deadlines of waits and offers, in one order.

use std::collections::BTreeSet;

use model::{CallId, Timestamp};

/// What a deadline ends. Of what ends at one moment, what lets a caller be served comes before what
/// sends a caller away.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Ends {
    /// The ring time of an offer.
    Ring,
    /// That one phone fewer rings than might.
    Alone,
    /// That a caller is kept for one agent.
    Keeping,
    /// That a tier is closed to a caller.
    Closed,
    /// A caller's longest wait.
    Wait,
    /// The patience with a queue that has nobody.
    Nobody,
}

/// Whose deadline it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Whose {
    /// A caller's.
    Call(CallId),
    /// That of the queue with this number.
    Queue(u64),
}

/// A deadline, with the generation of the stay or the offer that armed it: once that is over,
/// the deadline means nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Deadline {
    pub(crate) at: Timestamp,
    pub(crate) ends: Ends,
    pub(crate) generation: u64,
    pub(crate) whose: Whose,
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

    /// Disarms what `armed` holds and leaves nothing there.
    pub(crate) fn take(&mut self, armed: &mut Option<Deadline>) {
        if let Some(deadline) = armed.take() {
            self.disarm(&deadline);
        }
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
