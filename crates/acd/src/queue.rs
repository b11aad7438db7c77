//! One queue: who waits, who could serve it now, and its books.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use model::{AgentId, CallId, OfferEnd, Outcome, Rank, Timestamp};

use crate::config::{QueueConfig, Routing, Skills};
use crate::deadlines::Deadline;
use crate::events::{Explanation, MOST_EXPLAINED};

/// A caller's place: priority, then arrival. Kept through offers that come to nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    pub(crate) priority: Reverse<u8>,
    /// The number of the stay; rises with every caller who enters any queue.
    pub(crate) entry: u64,
    pub(crate) call: CallId,
}

/// A caller's stay in one queue.
#[derive(Debug)]
pub(crate) struct Stay {
    pub(crate) place: Place,
    pub(crate) since: Timestamp,
    pub(crate) longest: Option<Deadline>,
    /// The longest wait ran out while a phone rang; the ringing may finish.
    pub(crate) overdue: bool,
    pub(crate) offer: Option<Offer>,
    /// Agents to whom the call was offered in vain in this round, with why.
    pub(crate) tried: BTreeMap<AgentId, OfferEnd>,
}

/// A call being offered to an agent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    pub(crate) agent: AgentId,
    /// The end of the ring time; nothing once that was announced.
    pub(crate) ring: Option<Deadline>,
}

/// What an agent is ranked by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Standing {
    pub(crate) idle_since: Timestamp,
    pub(crate) calls_taken: u32,
}

/// A queue's place among available agents: the strategy's key, then longest idle, then lowest
/// work number.
type Order = (i64, Timestamp, AgentId);

/// How a queue stands, counted since start.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Callers waiting now, those being offered included.
    pub waiting: u32,
    /// When the one who has waited longest came.
    pub oldest: Option<Timestamp>,
    /// Agents who could be offered a call now.
    pub ready: u32,
    /// Agents signed in who fit.
    pub signed_in: u32,
    /// Callers who entered. Always the sum of the outcomes and of those waiting.
    pub entered: u64,
    /// How they left.
    pub outcomes: BTreeMap<Outcome, u64>,
}

#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) config: QueueConfig,
    /// No longer configured; kept until its last offer ends.
    pub(crate) retired: bool,
    /// Everybody here, by place.
    pub(crate) callers: BTreeSet<Place>,
    /// Those who are not being offered, by place.
    pub(crate) waiting: BTreeSet<Place>,
    /// Everybody here, by arrival.
    pub(crate) arrivals: BTreeSet<(u64, Timestamp)>,
    ready: BTreeSet<Order>,
    pub(crate) signed_in: u32,
    pub(crate) entered: u64,
    pub(crate) outcomes: BTreeMap<Outcome, u64>,
}

impl Queue {
    pub(crate) fn new(config: QueueConfig) -> Self {
        Self {
            config,
            retired: false,
            callers: BTreeSet::new(),
            waiting: BTreeSet::new(),
            arrivals: BTreeSet::new(),
            ready: BTreeSet::new(),
            signed_in: 0,
            entered: 0,
            outcomes: BTreeMap::new(),
        }
    }

    /// Whether somebody with these skills can serve the queue.
    pub(crate) fn fits(&self, skills: &Skills) -> bool {
        let enough = |skill, lowest: &u8| skills.get(skill).is_some_and(|level| level >= lowest);
        self.config.needs.iter().all(|(skill, lowest)| enough(skill, lowest))
    }

    /// Whether nobody more may wait. Where an agent is available nobody has to.
    pub(crate) fn is_full(&self) -> bool {
        let most = self.config.max_length.map_or(usize::MAX, |most| most as usize);
        self.callers.len() >= most && self.ready.is_empty()
    }

    pub(crate) fn length(&self) -> u32 {
        count(self.callers.len())
    }

    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(crate) fn is_ready(&self, agent: AgentId, standing: Standing, skills: &Skills) -> bool {
        self.ready.contains(&self.rank(agent, standing, skills))
    }

    pub(crate) fn ready(&mut self, agent: AgentId, standing: Standing, skills: &Skills) {
        let rank = self.rank(agent, standing, skills);
        self.ready.insert(rank);
    }

    pub(crate) fn not_ready(&mut self, agent: AgentId, standing: Standing, skills: &Skills) {
        let rank = self.rank(agent, standing, skills);
        self.ready.remove(&rank);
    }

    pub(crate) fn forget_agents(&mut self) {
        self.ready.clear();
        self.signed_in = 0;
    }

    /// Who serves the caller, and why: the best of those not yet tried in this round. When all
    /// were, a new round begins with all.
    pub(crate) fn choose(&self, stay: &mut Stay, now: Timestamp) -> Option<(AgentId, Explanation)> {
        let untried = |agent: &AgentId| !stay.tried.contains_key(agent);
        if self.has_ready() && !self.ready.iter().any(|(_, _, agent)| untried(agent)) {
            stay.tried.clear();
        }
        let tried = &stay.tried;
        let (mut candidates, mut ranks, mut passed_over) = (Vec::new(), Vec::new(), Vec::new());
        for (key, idle_since, agent) in self.ready.iter().take(MOST_EXPLAINED + tried.len()) {
            let (key, idle_since, agent) = (*key, *idle_since, *agent);
            match tried.get(&agent) {
                None if candidates.len() < MOST_EXPLAINED => {
                    candidates.push(agent);
                    ranks.push(Rank { ring: 0, key, idle_since });
                }
                Some(end) if passed_over.len() < MOST_EXPLAINED => {
                    passed_over.push((agent, why_tried(*end)));
                }
                None | Some(_) => {}
            }
        }
        let winner = *candidates.first()?;
        let waited = now.since(stay.since);
        let routing = self.config.routing;
        Some((winner, Explanation { routing, candidates, ranks, passed_over, waited }))
    }

    pub(crate) fn enter(&mut self, stay: &Stay) {
        self.entered += 1;
        self.callers.insert(stay.place);
        self.waiting.insert(stay.place);
        self.arrivals.insert((stay.place.entry, stay.since));
    }

    pub(crate) fn leave(&mut self, stay: &Stay, outcome: Outcome) {
        self.callers.remove(&stay.place);
        self.waiting.remove(&stay.place);
        self.arrivals.remove(&(stay.place.entry, stay.since));
        *self.outcomes.entry(outcome).or_default() += 1;
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally {
            waiting: self.length(),
            oldest: self.arrivals.first().map(|(_, since)| *since),
            ready: count(self.ready.len()),
            signed_in: self.signed_in,
            entered: self.entered,
            outcomes: self.outcomes.clone(),
        }
    }

    fn rank(&self, agent: AgentId, standing: Standing, skills: &Skills) -> Order {
        let key = match self.config.routing {
            Routing::LongestIdle => signed(standing.idle_since.as_micros()),
            Routing::FewestCalls => i64::from(standing.calls_taken),
            Routing::HighestSkill => -self.level(skills),
        };
        (key, standing.idle_since, agent)
    }

    fn level(&self, skills: &Skills) -> i64 {
        let levels = self.config.needs.keys().filter_map(|skill| skills.get(skill));
        levels.map(|level| i64::from(*level)).sum()
    }
}

const fn why_tried(end: OfferEnd) -> &'static str {
    match end {
        OfferEnd::NoAnswer => "no_answer",
        OfferEnd::Refused => "refused",
        OfferEnd::Unreachable => "unreachable",
        OfferEnd::CallerLeft => "caller_left",
        OfferEnd::Withdrawn => "withdrawn",
    }
}

fn signed(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX)
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
