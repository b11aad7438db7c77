//! What happens next, in order of time and, at one time, in the order it was put down.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use model::{AgentId, LegId, Timestamp};

/// Something that will happen. Each names what it is about: whether that is still so is looked at
/// when the time has come, and nothing is ever taken off.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Happening {
    /// A shift of the roster begins.
    ShiftBegins(usize),
    /// It ends.
    ShiftEnds(usize),
    /// A break of a shift is due.
    BreakDue(usize, usize),
    /// An agent takes calls again who has been busy since then.
    Returns(AgentId, Timestamp),
    /// An agent has done what was to be done after a call: in wrap-up since then.
    WrapUpDone(AgentId, Timestamp),
    /// A prompt has been heard to its end.
    Heard(LegId, u32),
    /// A caller presses a key.
    Presses(LegId, char),
    /// A caller who is not joined to anybody by then hangs up.
    GivesUp(LegId),
    /// What was to be said has been said.
    Talked(LegId),
    /// An agent's phone is answered.
    Answers(LegId),
    /// An agent's phone declines.
    Declines(LegId),
}

/// A heap of happenings.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    heap: BinaryHeap<Reverse<(Timestamp, u64, Happening)>>,
    put: u64,
}

impl Agenda {
    pub(crate) fn put(&mut self, at: Timestamp, what: Happening) {
        self.put += 1;
        self.heap.push(Reverse((at, self.put, what)));
    }

    pub(crate) fn next_at(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }

    pub(crate) fn pop(&mut self) -> Option<Happening> {
        self.heap.pop().map(|Reverse((_, _, what))| what)
    }
}
