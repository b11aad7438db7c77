//! The draw itself.
//!
//! `hmac-sha256-rank-1`: every conversation is ranked by HMAC-SHA256 with the seed as key and
//! `<call>/<agent>` (say `3-17/1001`) as message, lower first. Then, until the size is reached:
//!
//! 1. *minimum*: in rounds, as many as the minimum says, each agent's next by rank; within a round
//!    agents come in the order of the rank of what they bring, so a size too small favours nobody;
//! 2. *random*: the rest, by rank.

use std::collections::{BTreeMap, BTreeSet};

use model::{AgentId, CallId, RecordingId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::hmac::hmac_sha256;
use crate::plan::{Candidate, Exclusion, Plan};
use crate::population::{Key, Population, Stratum};

/// The algorithm and its version: a draw made by another cannot be verified by this one.
pub const ALGORITHM: &str = "hmac-sha256-rank-1";

/// One random sample of recordings (抽检), with all that is needed to check it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Draw {
    /// Follows from plan and population: the same draw made twice has the same id.
    pub id: String,
    /// How it was drawn: [`ALGORITHM`].
    pub algorithm: String,
    /// What was asked for.
    pub plan: Plan,
    /// Conversations that could have been drawn.
    pub population: u64,
    /// SHA-256 over them in canonical order, in hexadecimal.
    pub population_sha256: String,
    /// The population by agent.
    pub agents: BTreeMap<AgentId, Stratum>,
    /// Conversations (parts, where no agent is heard or a part was listed twice) left out, by
    /// reason.
    pub excluded: BTreeMap<Exclusion, u64>,
    /// What was drawn, in the order to be reviewed: by rank.
    pub drawn: Vec<Drawn>,
    /// Agents with fewer than the minimum.
    pub shortages: Vec<Shortage>,
}

/// One conversation drawn: an agent's talk in one call, heard in all its parts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Drawn {
    /// The call.
    pub call: CallId,
    /// The agent heard.
    pub agent: AgentId,
    /// The parts, in order; never empty.
    pub recordings: Vec<RecordingId>,
    /// By which rule.
    pub why: Why,
}

/// By which rule a conversation was drawn.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It belongs to its agent's minimum.
    Minimum,
    /// Its rank alone.
    Random,
}

/// An agent with fewer conversations in the sample than the plan's minimum.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Shortage {
    /// Who.
    pub agent: AgentId,
    /// Conversations that could have been drawn.
    pub eligible: u64,
    /// Conversations drawn.
    pub drawn: u64,
}

/// Draws a sample. The order of the candidates does not matter.
#[must_use]
pub fn draw(plan: &Plan, candidates: &[Candidate]) -> Draw {
    let population = Population::of(candidates, &plan.filter);
    let drawn = choose(plan, &population);
    let population_sha256 = population.sha256();
    let mut agents = population.strata();
    for one in &drawn {
        if let Some(stratum) = agents.get_mut(&one.agent) {
            stratum.drawn += 1;
        }
    }
    Draw {
        id: id(plan, &population_sha256),
        algorithm: ALGORITHM.into(),
        plan: plan.clone(),
        population: population.size(),
        population_sha256,
        shortages: shortages(plan, &agents),
        agents,
        excluded: population.excluded,
        drawn,
    }
}

/// The conversations drawn, by rank.
fn choose(plan: &Plan, population: &Population) -> Vec<Drawn> {
    let ranked = rank(&plan.seed, population);
    let size = usize::try_from(plan.size).unwrap_or(usize::MAX);
    let minimum: BTreeSet<Key> =
        rounds(&ranked, plan.per_agent_min).into_iter().take(size).collect();
    let mut left = size - minimum.len();
    let mut drawn = Vec::new();
    for key in ranked {
        let why = if minimum.contains(&key) {
            Why::Minimum
        } else if left > 0 {
            left -= 1;
            Why::Random
        } else {
            continue;
        };
        let (agent, call) = key;
        drawn.push(Drawn { call, agent, recordings: population.recordings(key), why });
    }
    drawn
}

/// All conversations by rank. Equal hashes do not occur; the canonical order would decide.
fn rank(seed: &str, population: &Population) -> Vec<Key> {
    let keyed = |&(agent, call): &Key| {
        let message = format!("{call}/{agent}");
        (hmac_sha256(seed.as_bytes(), message.as_bytes()), (agent, call))
    };
    let ranked: BTreeSet<([u8; 32], Key)> = population.conversations.keys().map(keyed).collect();
    ranked.into_iter().map(|(_, key)| key).collect()
}

/// Each agent's first `per_agent_min` by rank: first everybody's first, then the seconds, and so on.
fn rounds(ranked: &[Key], per_agent_min: u32) -> Vec<Key> {
    let mut taken: BTreeMap<AgentId, u32> = BTreeMap::new();
    let mut rounds: BTreeMap<u32, Vec<Key>> = BTreeMap::new();
    for &key in ranked {
        let round = taken.entry(key.0).or_default();
        if *round < per_agent_min {
            rounds.entry(*round).or_default().push(key);
            *round += 1;
        }
    }
    rounds.into_values().flatten().collect()
}

/// Agents asked for or heard who have fewer than the minimum in the sample.
fn shortages(plan: &Plan, agents: &BTreeMap<AgentId, Stratum>) -> Vec<Shortage> {
    let all: BTreeSet<AgentId> = plan.filter.agents.iter().chain(agents.keys()).copied().collect();
    let shortage = |agent| {
        let stratum = agents.get(&agent);
        let (eligible, drawn) = stratum.map_or((0, 0), |stratum| (stratum.eligible, stratum.drawn));
        (drawn < u64::from(plan.per_agent_min)).then_some(Shortage { agent, eligible, drawn })
    };
    all.into_iter().filter_map(shortage).collect()
}

/// The first 16 hexadecimal digits of SHA-256 over the JSON of `[algorithm, plan, population]`.
#[expect(clippy::expect_used, reason = "texts, numbers and sets of them always become JSON")]
fn id(plan: &Plan, population_sha256: &str) -> String {
    let json = serde_json::to_vec(&(ALGORITHM, plan, population_sha256)).expect("JSON of a plan");
    let mut id = hex::encode(Sha256::digest(json));
    id.truncate(16);
    id
}

#[cfg(test)]
mod tests;
