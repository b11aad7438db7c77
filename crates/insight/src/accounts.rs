//! Queues' accounts: every caller who entered left with one outcome, or still waits.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::{CallId, Event, EventKind, Outcome, QueueId};
use serde::{Deserialize, Serialize};

/// The accounts of all queues.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Accounts {
    queues: BTreeMap<QueueId, QueueAccount>,
}

/// One queue's account.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct QueueAccount {
    /// Callers who entered.
    pub entered: u64,
    /// How those who left did so.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Those who wait.
    pub waiting: BTreeSet<CallId>,
    /// How long all who left had waited, in milliseconds.
    pub waited_ms: u64,
    /// Offers made to agents.
    pub offers: u64,
}

/// A queue whose books do not agree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Imbalance {
    /// Which.
    pub queue: QueueId,
    /// Callers who entered.
    pub entered: u64,
    /// Callers who left, over all outcomes.
    pub left: u64,
    /// Callers who wait.
    pub waiting: u64,
}

impl fmt::Display for Imbalance {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queue, entered, left, waiting } = self;
        write!(out, "queue {queue}: {entered} entered, {left} left and {waiting} wait")
    }
}

impl std::error::Error for Imbalance {}

impl QueueAccount {
    /// Callers who left, over all outcomes.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.outcomes.values().sum()
    }
}

impl Accounts {
    /// Takes in the next event.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a fold hears only what it is about")]
    pub fn apply(&mut self, event: &Event) {
        let (Some(queue), Some(call)) = (&event.queue, event.call) else { return };
        match &event.kind {
            EventKind::QueueEntered { .. } => {
                let account = self.account(queue);
                account.entered += 1;
                account.waiting.insert(call);
            }
            EventKind::QueueOffered { .. } => self.account(queue).offers += 1,
            EventKind::QueueLeft { outcome, waited_ms, .. } => {
                let account = self.account(queue);
                account.waiting.remove(&call);
                *account.outcomes.entry(*outcome).or_default() += 1;
                account.waited_ms = account.waited_ms.saturating_add(*waited_ms);
            }
            _ => {}
        }
    }

    /// Every queue that anybody ever entered.
    #[must_use]
    pub const fn queues(&self) -> &BTreeMap<QueueId, QueueAccount> {
        &self.queues
    }

    /// Whether in every queue those who entered are those who left and those who wait. Those who
    /// wait are known one by one, so this holds only when each was entered and left once.
    ///
    /// # Errors
    /// The first queue whose books do not agree.
    pub fn check(&self) -> Result<(), Imbalance> {
        for (queue, account) in &self.queues {
            let (left, waiting) = (account.left(), account.waiting.len() as u64);
            if account.entered != left + waiting {
                let (queue, entered) = (queue.clone(), account.entered);
                return Err(Imbalance { queue, entered, left, waiting });
            }
        }
        Ok(())
    }

    fn account(&mut self, queue: &QueueId) -> &mut QueueAccount {
        self.queues.entry(queue.clone()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    #[test]
    fn who_entered_has_left_with_one_outcome_or_waits() {
        let mut story = Story::default();
        for call in 1..=3 {
            story.arrives(call);
            story.waits(call, 1, "sales");
        }
        story.leaves(1, 1, "sales", Outcome::Answered);
        story.leaves(2, 1, "sales", Outcome::Abandoned);
        let accounts = story.fold::<Accounts>();
        let account = &accounts.queues()[&QueueId::from("sales")];
        assert_eq!((account.entered, account.left(), account.waiting.len()), (3, 2, 1));
        assert_eq!(accounts.check(), Ok(()));
    }

    #[test]
    fn a_caller_who_left_twice_is_found() {
        let mut story = Story::default();
        story.arrives(1);
        story.waits(1, 1, "sales");
        story.leaves(1, 1, "sales", Outcome::Answered);
        story.leaves(1, 1, "sales", Outcome::Abandoned);
        let imbalance = story.fold::<Accounts>().check().unwrap_err();
        assert_eq!(imbalance.to_string(), "queue sales: 1 entered, 2 left and 0 wait");
    }
}
