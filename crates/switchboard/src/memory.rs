//! What is remembered of callers for a while: who served them last, and whom they waited for in vain.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{Abandoned, AgentId, CallId, Number, QueueId, Served, Timestamp};

use crate::Switchboard;
use crate::numbering::Kind;

/// The most that is remembered of each kind; the oldest is forgotten first.
const MOST: usize = 50_000;

/// What is remembered, by whom or what it is about.
#[derive(Debug)]
pub(crate) struct Memory<K, V> {
    known: BTreeMap<K, (Timestamp, V)>,
    by_age: BTreeSet<(Timestamp, K)>,
}

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self { known: BTreeMap::new(), by_age: BTreeSet::new() }
    }
}

impl<K: Clone + Ord, V> Memory<K, V> {
    pub(crate) fn remember(&mut self, key: K, value: V, now: Timestamp) {
        if let Some((before, _)) = self.known.insert(key.clone(), (now, value)) {
            self.by_age.remove(&(before, key.clone()));
        }
        self.by_age.insert((now, key));
        if self.by_age.len() > MOST
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.known.remove(&oldest);
        }
    }

    /// What is known of it from no longer ago than `within`.
    pub(crate) fn recall(&self, key: &K, within: Duration, now: Timestamp) -> Option<&V> {
        let (at, value) = self.known.get(key)?;
        (now.since(*at) <= within).then_some(value)
    }

    pub(crate) fn forget(&mut self, key: &K) {
        if let Some((at, _)) = self.known.remove(key) {
            self.by_age.remove(&(at, key.clone()));
        }
    }
}

impl Switchboard {
    /// What a caller brings to a queue: priority, what was waited before an abandoned call, and the
    /// agent who served the caller last.
    pub(crate) fn wants(&mut self, id: CallId, queue: &QueueId, priority: u8) -> acd::Wants {
        let now = self.ledger.now;
        let mut wants = acd::Wants::priority(priority);
        let (Some(rules), Some(caller)) = (self.config.queues.get(queue), self.caller_of(id))
        else {
            return wants;
        };
        if let Some(last) = &rules.last_agent {
            let agent = self.served.recall(&caller, last.within, now).copied();
            wants.preferred = agent.map(|agent| acd::Preferred { agent, wait: last.wait });
        }
        if let Some(within) = rules.resume_within {
            let key = (caller, queue.clone());
            let arrived = self.abandoned.recall(&key, within, now).copied();
            wants.credit = arrived.map_or(Duration::ZERO, |arrived| now.since(arrived));
            self.abandoned.forget(&key);
        }
        wants
    }

    /// Takes up what the database knows of the runs before.
    pub(crate) fn recall(&mut self, served: Vec<Served>, abandoned: Vec<Abandoned>) {
        for Served { caller, agent, at } in served {
            self.served.remember(caller, agent, at);
        }
        for Abandoned { caller, queue, arrived, at } in abandoned {
            self.abandoned.remember((caller, queue), arrived, at);
        }
    }

    pub(crate) fn remember_served(&mut self, id: CallId, agent: AgentId) {
        let asked = self.config.queues.values().any(|rules| rules.last_agent.is_some());
        if let Some(caller) = self.caller_of(id).filter(|_| asked) {
            self.served.remember(caller, agent, self.ledger.now);
        }
    }

    /// A caller who gave up has a place to come back to.
    pub(crate) fn remember_abandoned(&mut self, id: CallId, queue: &QueueId, waited: Duration) {
        let now = self.ledger.now;
        let resumes = self.config.queues.get(queue).is_some_and(|it| it.resume_within.is_some());
        if let Some(caller) = self.caller_of(id).filter(|_| resumes) {
            self.abandoned.remember((caller, queue.clone()), now - waited, now);
        }
    }

    /// The number by which a caller is known again; none where it is withheld.
    pub(crate) fn caller_of(&self, id: CallId) -> Option<Number> {
        let read = self.config.numbering.read(&self.calls.get(&id)?.from);
        (read.kind != Kind::Withheld).then_some(read.canonical)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_old_or_one_too_many_is_not_recalled() {
        let at = Timestamp::from_secs;
        let mut memory = Memory::default();
        memory.remember(1, "a", at(0));
        memory.remember(1, "b", at(10));
        assert_eq!(memory.recall(&1, Duration::from_secs(10), at(20)), Some(&"b"));
        assert_eq!(memory.recall(&1, Duration::from_secs(9), at(20)), None);
        memory.forget(&1);
        assert_eq!(memory.recall(&1, Duration::MAX, at(20)), None);
        for key in 0..=MOST {
            memory.remember(key, "c", at(30));
        }
        assert_eq!((memory.known.len(), memory.by_age.len()), (MOST, MOST));
        assert_eq!(memory.recall(&0, Duration::MAX, at(30)), None);
    }
}
