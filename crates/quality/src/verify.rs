//! Checking a draw: it is made again and must come out the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::{AgentId, RecordingId};

use crate::draw::{ALGORITHM, Draw, Drawn, draw};
use crate::plan::{Candidate, Exclusion};
use crate::population::Stratum;

/// In what a draw is not what its plan makes of the recordings there are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mismatch {
    /// Every difference; never empty.
    pub differences: Vec<Difference>,
}

/// One thing in which a draw differs from what it should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Difference {
    /// It was drawn by an algorithm or version that this program does not have.
    Algorithm {
        /// As the draw says.
        claimed: String,
    },
    /// The id does not follow from plan and population: one of the three was changed.
    Id {
        /// As the draw says.
        claimed: String,
        /// As it should be.
        expected: String,
    },
    /// The recordings are not those of the time of the draw.
    Population {
        /// Conversations then, as the draw says.
        claimed: u64,
        /// Conversations now.
        found: u64,
    },
    /// The recordings of an agent are not those of the time of the draw.
    Agent {
        /// Who.
        agent: AgentId,
        /// Conversations then, as the draw says.
        claimed: u64,
        /// Conversations now; where it is the same number, a recording was changed or exchanged.
        found: u64,
    },
    /// A recording that was drawn is no longer among those that could be.
    Gone(RecordingId),
    /// How many were left out for a reason is different.
    Excluded {
        /// The reason.
        why: Exclusion,
        /// How many, as the draw says.
        claimed: u64,
        /// How many now.
        found: u64,
    },
    /// The draw lists a conversation that was not drawn.
    NotDrawn(Drawn),
    /// The draw leaves out a conversation that was drawn.
    LeftOut(Drawn),
    /// The right conversations, in another order or more than once.
    Order,
    /// The list of agents with fewer than the minimum, or the counts by agent, are different.
    Shortages,
}

/// Draws again and compares.
///
/// # Errors
/// [`Mismatch`], naming every difference.
pub fn verify(claimed: &Draw, candidates: &[Candidate]) -> Result<(), Mismatch> {
    if claimed.algorithm != ALGORITHM {
        let claimed = claimed.algorithm.clone();
        return Err(Mismatch { differences: vec![Difference::Algorithm { claimed }] });
    }
    let found = draw(&claimed.plan, candidates);
    if *claimed == found {
        return Ok(());
    }
    let mut differences = Vec::new();
    compare_population(claimed, &found, candidates, &mut differences);
    compare_drawn(claimed, &found, &mut differences);
    if claimed.id != found.id {
        let (claimed, expected) = (claimed.id.clone(), found.id);
        differences.push(Difference::Id { claimed, expected });
    }
    Err(Mismatch { differences })
}

fn compare_population(
    claimed: &Draw,
    found: &Draw,
    candidates: &[Candidate],
    differences: &mut Vec<Difference>,
) {
    if (claimed.population, &claimed.population_sha256)
        != (found.population, &found.population_sha256)
    {
        let (claimed, found) = (claimed.population, found.population);
        differences.push(Difference::Population { claimed, found });
    }
    let eligible = |stratum: Option<&Stratum>| stratum.map_or(0, |stratum| stratum.eligible);
    for agent in keys(&claimed.agents, &found.agents) {
        let (then, now) = (claimed.agents.get(&agent), found.agents.get(&agent));
        let content = |stratum: &Stratum| (stratum.eligible, stratum.sha256.clone());
        if then.map(content) != now.map(content) {
            let (claimed, found) = (eligible(then), eligible(now));
            differences.push(Difference::Agent { agent, claimed, found });
        }
    }
    let there: BTreeSet<RecordingId> = candidates.iter().map(|part| part.recording).collect();
    let listed = claimed.drawn.iter().flat_map(|drawn| &drawn.recordings);
    differences.extend(listed.filter(|part| !there.contains(part)).copied().map(Difference::Gone));
    for why in keys(&claimed.excluded, &found.excluded) {
        let count = |draw: &Draw| draw.excluded.get(&why).copied();
        let (then, now) = (count(claimed), count(found));
        if then != now {
            let (claimed, found) = (then.unwrap_or(0), now.unwrap_or(0));
            differences.push(Difference::Excluded { why, claimed, found });
        }
    }
}

fn compare_drawn(claimed: &Draw, found: &Draw, differences: &mut Vec<Difference>) {
    let listed: BTreeSet<&Drawn> = claimed.drawn.iter().collect();
    let expected: BTreeSet<&Drawn> = found.drawn.iter().collect();
    let not_drawn = listed.difference(&expected).copied().cloned();
    differences.extend(not_drawn.map(Difference::NotDrawn));
    let left_out = expected.difference(&listed).copied().cloned();
    differences.extend(left_out.map(Difference::LeftOut));
    if listed == expected && claimed.drawn != found.drawn {
        differences.push(Difference::Order);
    }
    let counts = |draw: &Draw| -> Vec<(AgentId, u64)> {
        draw.agents.iter().map(|(agent, stratum)| (*agent, stratum.drawn)).collect()
    };
    if claimed.shortages != found.shortages || counts(claimed) != counts(found) {
        differences.push(Difference::Shortages);
    }
}

fn keys<K: Copy + Ord, V>(one: &BTreeMap<K, V>, other: &BTreeMap<K, V>) -> BTreeSet<K> {
    one.keys().chain(other.keys()).copied().collect()
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Algorithm { claimed } => {
                write!(out, "drawn by {claimed}, which this program does not have ({ALGORITHM})")
            }
            Self::Id { claimed, expected } => {
                write!(out, "id is {claimed}, plan and recordings give {expected}")
            }
            Self::Population { claimed, found } if claimed == found => {
                write!(out, "{found} conversations, but not those of the time of the draw")
            }
            Self::Population { claimed, found } => {
                write!(out, "{claimed} conversations at the time of the draw, {found} now")
            }
            Self::Agent { agent, claimed, found } if claimed == found => write!(
                out,
                "agent {agent}: {found} conversations, but one was changed or exchanged"
            ),
            Self::Agent { agent, claimed, found } => {
                write!(
                    out,
                    "agent {agent}: {claimed} conversations at the time of the draw, {found} now"
                )
            }
            Self::Gone(recording) => write!(out, "recording {recording} was drawn and is gone"),
            Self::Excluded { why, claimed, found } => {
                write!(out, "{claimed} left out as {why:?} at the time of the draw, {found} now")
            }
            Self::NotDrawn(Drawn { call, agent, .. }) => {
                write!(out, "call {call} of agent {agent} is listed and was not drawn so")
            }
            Self::LeftOut(Drawn { call, agent, .. }) => {
                write!(out, "call {call} of agent {agent} was drawn and is not listed so")
            }
            Self::Order => out.write_str("the list is in another order, or repeats itself"),
            Self::Shortages => out.write_str("the counts by agent or the shortages are different"),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("draw does not come out again: ")?;
        for (number, difference) in self.differences.iter().enumerate() {
            write!(out, "{}{difference}", if number == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Mismatch {}

#[cfg(test)]
mod tests;
