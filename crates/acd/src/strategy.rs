//! How ready agents are ranked.

use std::time::Duration;

use model::{AgentId, Occupancy, Timestamp};

use crate::config::QueueConfig;
use crate::needs::Skills;

/// How ready agents of one tier are ranked; ties go to the longest idle, then to the lowest work
/// number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Routing {
    /// 最长空闲: whoever has been idle longest, counted from the last work or from becoming ready,
    /// whichever was later.
    #[default]
    LongestIdle,
    /// 最久未接: whoever's last call from a queue ended first; breaks do not count.
    LongestSinceCall,
    /// 技能优先: the highest level in the skills the queue needs, summed.
    HighestSkill,
    /// 最少接听: whoever was given the fewest calls since signing in.
    FewestCalls,
    /// 本队列最少接听: whoever was given the fewest calls of this queue since signing in.
    FewestCallsHere,
    /// 最少通话时长: whoever has talked least since signing in.
    LeastTalkTime,
    /// 最低占用: whoever has lately been occupied least.
    LeastOccupied,
    /// 轮选: whoever was offered a call of this queue longest ago.
    RoundRobin,
    /// 顺序: the queue's `order`, then by work number.
    Linear,
    /// 随机: by chance, from the configured seed.
    Random,
    /// 加权随机: by chance, those of higher level in the skills needed more often.
    WeightedRandom,
}

impl Routing {
    /// Every strategy.
    pub const ALL: [Self; 11] = [
        Self::LongestIdle,
        Self::LongestSinceCall,
        Self::HighestSkill,
        Self::FewestCalls,
        Self::FewestCallsHere,
        Self::LeastTalkTime,
        Self::LeastOccupied,
        Self::RoundRobin,
        Self::Linear,
        Self::Random,
        Self::WeightedRandom,
    ];

    /// The value in configuration, JSON and events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LongestIdle => "longest_idle",
            Self::LongestSinceCall => "longest_since_call",
            Self::HighestSkill => "highest_skill",
            Self::FewestCalls => "fewest_calls",
            Self::FewestCallsHere => "fewest_calls_here",
            Self::LeastTalkTime => "least_talk_time",
            Self::LeastOccupied => "least_occupied",
            Self::RoundRobin => "round_robin",
            Self::Linear => "linear",
            Self::Random => "random",
            Self::WeightedRandom => "weighted_random",
        }
    }
}

/// What an agent who is available is ranked by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// Idle since; survives an offer that came to nothing.
    pub idle_since: Timestamp,
    /// When the last call from a queue was over; [`Timestamp::EPOCH`] where there was none since
    /// signing in.
    pub last_call: Timestamp,
    /// Calls taken from queues since signing in.
    pub calls_taken: u32,
    /// Time in talk since signing in.
    pub talked: Duration,
    /// How occupied the agent was.
    pub occupancy: Occupancy,
}

/// Whom a key is made for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ranked<'a> {
    pub(crate) agent: AgentId,
    pub(crate) skills: &'a Skills,
    pub(crate) standing: &'a Standing,
    /// What the agent has had of the queue.
    pub(crate) had: Had,
    /// A number that nobody can foretell who does not know the seed.
    pub(crate) chance: u64,
    /// The key of the last one chosen.
    pub(crate) clock: i64,
}

/// What an agent has had of one queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Had {
    /// Calls since signing in.
    pub(crate) calls: u32,
    /// The number of the last offer; 0 for none.
    pub(crate) last_offer: u64,
}

/// The key of an agent in one tier of a queue: the lowest comes first.
pub(crate) fn key(queue: &QueueConfig, tier: u8, of: Ranked<'_>) -> i64 {
    let Ranked { agent, skills, standing, had, chance, clock } = of;
    let level = || queue.needs_of(tier).level(skills);
    match queue.routing {
        Routing::LongestIdle => signed(standing.idle_since.as_micros()),
        Routing::LongestSinceCall => signed(standing.last_call.as_micros()),
        Routing::HighestSkill => -signed(level()),
        Routing::FewestCalls => i64::from(standing.calls_taken),
        Routing::FewestCallsHere => i64::from(had.calls),
        Routing::LeastTalkTime => {
            signed(u64::try_from(standing.talked.as_millis()).unwrap_or(u64::MAX))
        }
        Routing::LeastOccupied => standing.occupancy.order(),
        Routing::RoundRobin => signed(had.last_offer),
        Routing::Linear => {
            let place = queue.order.iter().position(|named| *named == agent);
            let last = || signed(u64::from(agent.number())).saturating_add(1 << 32);
            place.map_or_else(last, |place| i64::try_from(place).unwrap_or(i64::MAX))
        }
        Routing::Random => clock.saturating_add(exponential(chance, 1)),
        Routing::WeightedRandom => clock.saturating_add(exponential(chance, level().max(1))),
    }
}

/// A time to wait, exponentially distributed. The first of several to end is each one's with the
/// probability of its rate; and as such times have no memory, what is left of the others at that
/// moment is as if they were drawn anew.
fn exponential(chance: u64, rate: u64) -> i64 {
    let even = (chance >> 11) as f64 / (1_u64 << 53) as f64;
    whole(-(1.0 - even).ln() / rate as f64 * 1e9)
}

/// A number drawn from a seed for one occasion.
pub(crate) const fn draw(seed: u64, occasion: u64) -> u64 {
    // SplitMix64.
    let mut mixed = seed.wrapping_add(occasion.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_possible_truncation, reason = "a cast from f64 saturates")]
fn whole(number: f64) -> i64 {
    number as i64
}
