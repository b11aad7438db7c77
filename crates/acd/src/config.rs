//! Queues and what agents offer, as the configuration gives them.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{AgentId, QueueId, SkillId};

use crate::needs::{Needs, Skills};
use crate::strategy::Routing;

/// Everything the distribution is configured with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AcdConfig {
    /// The queues.
    pub queues: BTreeMap<QueueId, QueueConfig>,
    /// What each agent offers, from the agent's own skills and those of the skill groups.
    pub agents: BTreeMap<AgentId, Skills>,
    /// Where the chance of [`Routing::Random`] and [`Routing::WeightedRandom`] begins.
    pub seed: u64,
}

/// One queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueueConfig {
    /// What people read.
    pub label: String,
    /// What an agent must be able to do: the innermost tier.
    pub needs: Needs,
    /// The outer tiers, from the inside out: who may be given the queue's calls later.
    pub tiers: Vec<Tier>,
    /// How ready agents of one tier are ranked.
    pub routing: Routing,
    /// The order of [`Routing::Linear`]; whoever is not named comes last, by work number.
    pub order: Vec<AgentId>,
    /// How calls are divided between kinds of agents; empty divides nothing. An agent belongs to
    /// the first share whose skill the agent has, else to none, which comes last.
    pub shares: Vec<Share>,
    /// How many phones ring for one caller.
    pub ringing: Ringing,
    /// How long one agent's phone rings before the call is offered to the next.
    pub ring: Duration,
    /// After-call work given by this queue.
    pub wrap_up: Duration,
    /// The longest wait; `None` waits for ever.
    pub max_wait: Option<Duration>,
    /// The most callers who may wait; `None` has no limit of its own.
    pub max_length: Option<u32>,
    /// A caller who would probably wait longer is not let in.
    pub max_estimate: Option<Duration>,
    /// The most callers who may be talking or be offered at once.
    pub most_at_once: Option<u32>,
    /// So much waiting counts as much as one step of priority; `None`: priority comes first, however
    /// long others have waited.
    pub priority_worth: Option<Duration>,
    /// Where a caller goes whose wait ran out or who was not let in; `None` ends the call.
    pub overflow: Option<QueueId>,
    /// What becomes of a caller who would enter while there is nobody.
    pub when_nobody: WhenNobody,
    /// When there is nobody.
    pub nobody: Nobody,
    /// Those who wait are led on as if their wait had run out when there has been nobody for so
    /// long; `None` lets them wait.
    pub leave_after: Option<Duration>,
    /// Among queues that share an agent, a higher weight is served first; priority counts before
    /// arrival and after weight.
    pub weight: u8,
}

/// Agents who may be given a queue's calls only under a condition. Who fits several tiers is in the
/// innermost.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tier {
    /// What an agent must be able to do.
    pub needs: Needs,
    /// The tier opens for a caller who has waited so long.
    pub after: Option<Duration>,
    /// The tier opens for all while so many wait.
    pub waiting: Option<u32>,
}

/// A part of the calls for those who have a skill.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Share {
    /// The skill.
    pub skill: SkillId,
    /// How many calls for them of all the shares' numbers together; at least 1.
    pub part: u16,
}

/// How many phones ring for one caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Ringing {
    /// 单振: one.
    #[default]
    One,
    /// 同振: those of all agents who could take the call, the best [`MOST_RINGING`] of them; the
    /// first to answer has it.
    All,
    /// 渐进: one more each time so much has passed.
    Progressive {
        /// How much.
        every: Duration,
    },
}

/// The most phones that ring for one caller.
pub const MOST_RINGING: usize = 16;

/// What becomes of a caller when there is nobody who could serve the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WhenNobody {
    /// The caller waits for somebody.
    #[default]
    Wait,
    /// The caller is not let in: on to the overflow queue, or the call ends.
    TurnAway,
}

/// When there is nobody who could serve a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Nobody {
    /// Nobody who fits is signed in.
    #[default]
    SignedIn,
    /// Whoever fits and is signed in is busy for a reason of their own (示忙).
    Working,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            label: String::new(),
            needs: Needs::default(),
            tiers: Vec::new(),
            routing: Routing::LongestIdle,
            order: Vec::new(),
            shares: Vec::new(),
            ringing: Ringing::One,
            ring: Duration::from_secs(15),
            wrap_up: Duration::from_secs(10),
            max_wait: None,
            max_length: None,
            max_estimate: None,
            most_at_once: None,
            priority_worth: None,
            overflow: None,
            when_nobody: WhenNobody::Wait,
            nobody: Nobody::SignedIn,
            leave_after: None,
            weight: 0,
        }
    }
}

impl QueueConfig {
    /// The innermost tier in which somebody with these skills may be given the queue's calls.
    #[must_use]
    pub fn tier_of(&self, skills: &Skills) -> Option<u8> {
        if self.needs.are_met_by(skills) {
            return Some(0);
        }
        let outer = self.tiers.iter().position(|tier| tier.needs.are_met_by(skills))?;
        u8::try_from(outer + 1).ok()
    }

    /// What an agent of this tier must be able to do.
    pub(crate) fn needs_of(&self, tier: u8) -> &Needs {
        let outer = usize::from(tier).checked_sub(1);
        outer.and_then(|outer| self.tiers.get(outer)).map_or(&self.needs, |tier| &tier.needs)
    }

    /// The share that somebody with these skills belongs to; the last is that of none.
    pub(crate) fn share_of(&self, skills: &Skills) -> u8 {
        let has = |share: &Share| skills.contains_key(&share.skill);
        let place = self.shares.iter().position(has).unwrap_or(self.shares.len());
        u8::try_from(place).unwrap_or(u8::MAX)
    }
}
