//! The population of a draw: conversations of one agent in one call.
//!
//! A call that was held has several parts with the same agent; they are one conversation, drawn
//! and heard together, so that being put on hold makes no call likelier to be drawn.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{AgentId, CallId, QueueId, RecordingId, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::plan::{Candidate, Exclusion, Filter};

/// Names a conversation; its order is the canonical one.
pub(crate) type Key = (AgentId, CallId);

/// What an agent brings to a draw, and gets.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stratum {
    /// Conversations that could have been drawn.
    pub eligible: u64,
    /// Conversations drawn.
    pub drawn: u64,
    /// SHA-256 over the former, in hexadecimal.
    pub sha256: String,
}

/// Everything that can be drawn, in canonical order.
#[derive(Debug)]
pub(crate) struct Population {
    pub(crate) conversations: BTreeMap<Key, Vec<Candidate>>,
    pub(crate) excluded: BTreeMap<Exclusion, u64>,
}

impl Population {
    /// Puts parts together and applies the filter.
    pub(crate) fn of(candidates: &[Candidate], filter: &Filter) -> Self {
        let mut excluded = BTreeMap::new();
        let mut exclude = |why, count| {
            if count > 0 {
                *excluded.entry(why).or_default() += count;
            }
        };
        let (parts, again) = distinct(candidates);
        exclude(Exclusion::ListedTwice, again);
        let mut conversations: BTreeMap<Key, Vec<Candidate>> = BTreeMap::new();
        for part in parts {
            match part.agent {
                Some(agent) => {
                    let key = (agent, part.recording.call);
                    conversations.entry(key).or_default().push(part.clone());
                }
                None => exclude(Exclusion::NoAgent, 1),
            }
        }
        conversations.retain(|key, parts| match filter.excludes(key.0, parts) {
            Some(why) => {
                exclude(why, 1);
                false
            }
            None => true,
        });
        Self { conversations, excluded }
    }

    /// How many conversations there are.
    pub(crate) fn size(&self) -> u64 {
        self.conversations.len() as u64
    }

    /// SHA-256 over all conversations, in hexadecimal.
    pub(crate) fn sha256(&self) -> String {
        digest(self.conversations.values().flatten())
    }

    /// Each agent's share, none drawn yet.
    pub(crate) fn strata(&self) -> BTreeMap<AgentId, Stratum> {
        let mut parts: BTreeMap<AgentId, (u64, Vec<&Candidate>)> = BTreeMap::new();
        for ((agent, _), conversation) in &self.conversations {
            let (eligible, all) = parts.entry(*agent).or_default();
            *eligible += 1;
            all.extend(conversation);
        }
        let stratum = |(agent, (eligible, all)): (AgentId, (u64, Vec<&Candidate>))| {
            (agent, Stratum { eligible, drawn: 0, sha256: digest(all) })
        };
        parts.into_iter().map(stratum).collect()
    }

    /// The parts of a conversation, in order.
    pub(crate) fn recordings(&self, key: Key) -> Vec<RecordingId> {
        let parts = self.conversations.get(&key);
        parts.into_iter().flatten().map(|part| part.recording).collect()
    }
}

/// The candidates in canonical order, each part once, and how many were left out. Where two differ
/// about the same part, the lesser stands, whichever came first.
fn distinct(candidates: &[Candidate]) -> (Vec<&Candidate>, u64) {
    let mut parts: Vec<&Candidate> =
        candidates.iter().collect::<BTreeSet<_>>().into_iter().collect();
    parts.dedup_by_key(|part| part.recording);
    let again = candidates.len() - parts.len();
    (parts, again as u64)
}

impl Filter {
    /// Why a conversation does not count; `None` when it does.
    fn excludes(&self, agent: AgentId, parts: &[Candidate]) -> Option<Exclusion> {
        let ended = parts.iter().map(ended).max().unwrap_or(Timestamp::EPOCH);
        let duration: u64 = parts.iter().map(|part| part.duration_ms).fold(0, u64::saturating_add);
        let of_queue =
            |queue: &QueueId| parts.iter().any(|part| part.queue.as_ref() == Some(queue));
        let rules = [
            (!parts.iter().all(|part| part.complete), Exclusion::NotComplete),
            (!self.agents.is_empty() && !self.agents.contains(&agent), Exclusion::OtherAgent),
            (!self.queues.is_empty() && !self.queues.iter().any(of_queue), Exclusion::OtherQueue),
            (ended < self.from, Exclusion::Before),
            (ended >= self.to, Exclusion::After),
            (duration < self.min_duration_ms, Exclusion::TooShort),
            (self.max_duration_ms.is_some_and(|most| duration > most), Exclusion::TooLong),
        ];
        rules.into_iter().find_map(|(applies, why)| applies.then_some(why))
    }
}

fn ended(part: &Candidate) -> Timestamp {
    part.at + Duration::from_millis(part.duration_ms)
}

/// SHA-256 over a line of JSON for each part:
/// `["3-17.1",1001,"sales","2026-11-22T05:13:57.000000Z",61000,"ab…"]`.
fn digest<'a>(parts: impl IntoIterator<Item = &'a Candidate>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(line(part));
        hash.update(b"\n");
    }
    hex::encode(hash.finalize())
}

#[expect(clippy::expect_used, reason = "texts and numbers always become JSON")]
fn line(part: &Candidate) -> Vec<u8> {
    let Candidate { recording, agent, queue, at, duration_ms, sha256, complete: _ } = part;
    let columns = (recording, agent, queue, at, duration_ms, sha256);
    serde_json::to_vec(&columns).expect("JSON of a part")
}
