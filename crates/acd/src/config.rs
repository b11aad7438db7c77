//! Queues and what agents offer, as the configuration gives them.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{AgentId, QueueId, SkillId};

/// Everything the distribution is configured with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AcdConfig {
    /// The queues.
    pub queues: BTreeMap<QueueId, QueueConfig>,
    /// What each agent offers, from the agent's own skills and those of the skill groups.
    pub agents: BTreeMap<AgentId, Skills>,
}

/// Skills with levels, 1 to 10; higher is better.
pub type Skills = BTreeMap<SkillId, u8>;

/// One queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueueConfig {
    /// What people read.
    pub label: String,
    /// The skills an agent must have, each with its lowest level.
    pub needs: Skills,
    /// How ready agents are ranked.
    pub routing: Routing,
    /// How long one agent's phone rings before the call is offered to the next.
    pub ring: Duration,
    /// After-call work given by this queue.
    pub wrap_up: Duration,
    /// The longest wait; `None` waits for ever.
    pub max_wait: Option<Duration>,
    /// The most callers who may wait; `None` has no limit of its own.
    pub max_length: Option<u32>,
    /// Where a caller goes whose wait ran out or who was not let in; `None` ends the call.
    pub overflow: Option<QueueId>,
    /// What becomes of a caller who would enter while nobody who fits is signed in.
    pub when_nobody: WhenNobody,
    /// Among queues that share an agent, a higher weight is served first; priority counts before
    /// arrival and after weight.
    pub weight: u8,
}

/// What becomes of a caller when nobody who could serve the queue is signed in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WhenNobody {
    /// The caller waits for somebody to sign in.
    #[default]
    Wait,
    /// The caller is not let in: on to the overflow queue, or the call ends.
    TurnAway,
}

/// How ready agents are ranked; ties go to the longest idle, then to the lowest work number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Routing {
    /// 最长空闲: whoever has been idle longest.
    #[default]
    LongestIdle,
    /// 技能优先: the highest level in the skills the queue needs, summed.
    HighestSkill,
    /// 最少接听: whoever was given the fewest calls since signing in.
    FewestCalls,
}

impl Routing {
    /// Every strategy.
    pub const ALL: [Self; 3] = [Self::LongestIdle, Self::HighestSkill, Self::FewestCalls];

    /// The value in configuration, JSON and events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LongestIdle => "longest_idle",
            Self::HighestSkill => "highest_skill",
            Self::FewestCalls => "fewest_calls",
        }
    }
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            label: String::new(),
            needs: Skills::new(),
            routing: Routing::LongestIdle,
            ring: Duration::from_secs(15),
            wrap_up: Duration::from_secs(10),
            max_wait: None,
            max_length: None,
            overflow: None,
            when_nobody: WhenNobody::Wait,
            weight: 0,
        }
    }
}
