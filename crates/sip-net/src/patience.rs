//! How long whoever we call may say nothing at all (RFC 3261 §17.1.1.2 gives it 32 s; a caller who
//! waits for the next agent is not to wait so long).

use std::collections::BTreeSet;
use std::time::Duration;

use model::Timestamp;
use sip::SessionId;

/// How long somebody is waited for who is thought to be gone: an INVITE and its first repetition.
const DOUBT: Duration = Duration::from_secs(1);

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

    /// An INVITE has left to where nobody has answered of late: it is sent in case that is over.
    pub(crate) fn begin_doubtful(&mut self, session: SessionId, now: Timestamp) {
        self.due.insert((now + self.within.min(DOUBT), session));
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
