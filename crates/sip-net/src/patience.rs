//! How long whoever we call may say nothing at all (RFC 3261 §17.1.1.2 gives it 32 s; a caller who
//! waits for the next agent is not to wait so long).

use std::collections::BTreeSet;
use std::time::Duration;

use model::Timestamp;
use sip::SessionId;

/// The INVITEs that must be answered anything, in order of their times.
#[derive(Debug)]
pub(crate) struct Patience {
    within: Duration,
    due: BTreeSet<(Timestamp, SessionId)>,
}

impl Patience {
    pub(crate) const fn new(within: Duration) -> Self {
        Self { within, due: BTreeSet::new() }
    }

    /// An INVITE has left.
    pub(crate) fn begin(&mut self, session: SessionId, now: Timestamp) {
        self.due.insert((now + self.within, session));
    }

    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The next INVITE whose time is over, whether or not it was answered.
    pub(crate) fn poll(&mut self, now: Timestamp) -> Option<SessionId> {
        let next = *self.due.first().filter(|(at, _)| *at <= now)?;
        self.due.remove(&next);
        Some(next.1)
    }
}
