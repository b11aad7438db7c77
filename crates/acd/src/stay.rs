//! A caller's stay in one queue.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use model::{AgentId, CallId, OfferEnd, Timestamp};

use crate::deadlines::{Deadline, Deadlines};
use crate::events::Waiter;

/// A caller's place: priority, then arrival. Kept through offers that come to nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    pub(crate) priority: Reverse<u8>,
    /// When the caller came, or counts as having come, what priority is worth included.
    pub(crate) arrived: Timestamp,
    /// The number of the stay; rises with every caller who enters any queue.
    pub(crate) entry: u64,
    pub(crate) call: CallId,
}

/// A caller's stay in one queue.
#[derive(Debug)]
pub(crate) struct Stay {
    pub(crate) place: Place,
    pub(crate) since: Timestamp,
    pub(crate) waiter: Waiter,
    /// When the caller came, with what counts as waited already.
    pub(crate) arrived: Timestamp,
    /// The outermost tier that is open to this caller whoever else waits.
    pub(crate) tier: u8,
    /// When the next tier opens.
    pub(crate) opens: Option<Deadline>,
    /// Whom the caller is kept for.
    pub(crate) kept: Option<(AgentId, Deadline)>,
    pub(crate) longest: Option<Deadline>,
    /// When one more phone rings.
    pub(crate) another: Option<Deadline>,
    /// The longest wait ran out while a phone rang; the ringing may finish.
    pub(crate) overdue: bool,
    pub(crate) offers: BTreeMap<AgentId, Offer>,
    /// Agents to whom the call was offered in vain in this round, with why.
    pub(crate) tried: BTreeMap<AgentId, OfferEnd>,
}

/// A call being offered to an agent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    /// The end of the ring time; nothing once that was announced.
    pub(crate) ring: Option<Deadline>,
    /// The share the call was counted to.
    pub(crate) share: Option<u8>,
}

impl Stay {
    pub(crate) fn is_offered(&self) -> bool {
        !self.offers.is_empty()
    }

    /// The deadlines armed for it.
    pub(crate) fn armed(&self) -> impl Iterator<Item = Deadline> {
        let rings = self.offers.values().filter_map(|offer| offer.ring);
        let kept = self.kept.map(|(_, deadline)| deadline);
        [self.opens, kept, self.longest, self.another].into_iter().flatten().chain(rings)
    }

    /// Disarms everything but the ringing of phones.
    pub(crate) fn disarm(&mut self, deadlines: &mut Deadlines) {
        deadlines.take(&mut self.opens);
        deadlines.take(&mut self.longest);
        deadlines.take(&mut self.another);
        self.keep_no_longer(deadlines);
    }

    pub(crate) fn keep_no_longer(&mut self, deadlines: &mut Deadlines) {
        if let Some((_, deadline)) = self.kept.take() {
            deadlines.disarm(&deadline);
        }
    }
}
