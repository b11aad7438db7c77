//! One queue: who waits, who could serve it now, and its books.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{AgentId, Outcome, Timestamp};

use crate::config::{Nobody, QueueConfig};
use crate::deadlines::Deadline;
use crate::events::Waiter;
use crate::pace::Pace;
use crate::stay::{Place, Stay};

/// Where an agent ranks within one tier and one share: the strategy's key, then longest idle, then
/// lowest work number.
pub(crate) type Order = (i64, Timestamp, AgentId);

/// Whose agents are ranked together.
pub(crate) type Pool = (u8, u8);

/// How a queue stands, counted since start.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Callers waiting now, those being offered included.
    pub waiting: u32,
    /// Of them, those who will be called back.
    pub callbacks: u32,
    /// When the one who has waited longest came.
    pub oldest: Option<Timestamp>,
    /// Agents who could be offered a call now, those of tiers still closed included.
    pub ready: u32,
    /// Agents signed in who fit.
    pub signed_in: u32,
    /// Callers who talk to an agent.
    pub talking: u32,
    /// How long a caller who came now would probably wait; `None` while too little is known.
    pub estimate: Option<Duration>,
    /// Callers who entered. Always the sum of the outcomes and of those waiting.
    pub entered: u64,
    /// How they left.
    pub outcomes: BTreeMap<Outcome, u64>,
}

#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) config: QueueConfig,
    /// Deadlines name a queue by it.
    pub(crate) number: u64,
    /// No longer configured; kept until its last offer ends.
    pub(crate) retired: bool,
    /// Everybody here, by place.
    pub(crate) callers: BTreeSet<Place>,
    /// Those who are neither being offered nor kept, by the outermost tier open to them alone.
    pub(crate) waiting: Vec<BTreeSet<Place>>,
    /// Those who are kept for one agent.
    pub(crate) kept: BTreeMap<AgentId, BTreeSet<Place>>,
    /// Everybody here, by arrival.
    pub(crate) arrivals: BTreeSet<(Timestamp, u64)>,
    /// No pool is empty.
    pub(crate) ready: BTreeMap<Pool, BTreeSet<Order>>,
    /// Agents signed in, by tier.
    pub(crate) signed_in: Vec<u32>,
    /// Those of them who are not busy for a reason of their own.
    pub(crate) working: u32,
    /// Of everybody here, those who will be called back.
    pub(crate) callbacks: u32,
    /// Callers being offered.
    pub(crate) offered: u32,
    /// Of them, those who will be called back.
    pub(crate) callbacks_offered: u32,
    /// Callers who talk to an agent.
    pub(crate) talking: u32,
    /// Calls given to each share.
    pub(crate) given: Vec<u64>,
    pub(crate) pace: Pace,
    /// The key of the agent who was chosen last, where chance ranks them.
    pub(crate) clock: i64,
    /// When those who wait are led on, as there is nobody.
    pub(crate) leave: Option<Deadline>,
    pub(crate) entered: u64,
    pub(crate) outcomes: BTreeMap<Outcome, u64>,
}

impl Queue {
    pub(crate) fn new(config: QueueConfig, number: u64) -> Self {
        let mut queue = Self {
            config: QueueConfig::default(),
            number,
            retired: false,
            callers: BTreeSet::new(),
            waiting: Vec::new(),
            kept: BTreeMap::new(),
            arrivals: BTreeSet::new(),
            ready: BTreeMap::new(),
            signed_in: Vec::new(),
            working: 0,
            callbacks: 0,
            offered: 0,
            callbacks_offered: 0,
            talking: 0,
            given: Vec::new(),
            pace: Pace::default(),
            clock: 0,
            leave: None,
            entered: 0,
            outcomes: BTreeMap::new(),
        };
        queue.configure(config);
        queue
    }

    /// Puts a configuration into force. Agents are to be indexed anew, and callers seated.
    pub(crate) fn configure(&mut self, config: QueueConfig) {
        if self.config.shares != config.shares || self.given.is_empty() {
            self.given = vec![0; config.shares.len() + 1];
        }
        self.config = config;
        self.retired = false;
        self.forget_agents();
        self.waiting = vec![BTreeSet::new(); self.config.tiers.len() + 1];
        self.kept.clear();
    }

    pub(crate) fn forget_agents(&mut self) {
        self.ready.clear();
        self.signed_in = vec![0; self.config.tiers.len() + 1];
        self.working = 0;
    }

    /// The outermost tier that is open to all: enough wait, or nobody further in is signed in.
    pub(crate) fn open(&self) -> u8 {
        let length = self.length();
        let long = |tier: &crate::config::Tier| tier.waiting.is_some_and(|most| length >= most);
        let by_length = self.config.tiers.iter().rposition(long).map_or(0, |outer| outer + 1);
        let staffed = self.signed_in.iter().position(|agents| *agents > 0).unwrap_or(0);
        u8::try_from(by_length.max(staffed)).unwrap_or(u8::MAX)
    }

    /// Whether nobody more may wait. Where an agent is available nobody has to.
    pub(crate) fn is_full(&self) -> bool {
        let most = self.config.max_length.map_or(usize::MAX, |most| most as usize);
        self.callers.len() >= most && !self.has_ready(self.open())
    }

    /// Whether there is nobody who could serve it.
    pub(crate) fn has_nobody(&self) -> bool {
        match self.config.nobody {
            Nobody::SignedIn => self.all_signed_in() == 0,
            Nobody::Working => self.working == 0,
        }
    }

    /// Whether somebody waits on the line for whom no phone rings, though there is nobody.
    pub(crate) fn is_forsaken(&self) -> bool {
        let on_the_line = self.length().saturating_sub(self.callbacks);
        let rings = self.offered.saturating_sub(self.callbacks_offered);
        self.has_nobody() && on_the_line > rings && !self.retired
    }

    /// The first phone rings for a caller.
    pub(crate) fn offer_began(&mut self, stay: &Stay) {
        self.offered += 1;
        self.callbacks_offered += u32::from(stay.waiter == Waiter::CalledBack);
    }

    /// No phone rings for a caller any more.
    pub(crate) fn offers_over(&mut self, stay: &Stay) {
        let callback = u32::from(stay.waiter == Waiter::CalledBack);
        self.offered = self.offered.saturating_sub(1);
        self.callbacks_offered = self.callbacks_offered.saturating_sub(callback);
    }

    /// Whether nobody more may be offered or talk at once.
    pub(crate) fn is_at_most(&self) -> bool {
        let busy = self.offered.saturating_add(self.talking);
        self.config.most_at_once.is_some_and(|most| busy >= most)
    }

    pub(crate) fn length(&self) -> u32 {
        count(self.callers.len())
    }

    pub(crate) fn all_signed_in(&self) -> u32 {
        self.signed_in.iter().sum()
    }

    /// Whether somebody in a tier up to this one could be offered a call now.
    pub(crate) fn has_ready(&self, tier: u8) -> bool {
        self.ready.range(..=(tier, u8::MAX)).next().is_some()
    }

    pub(crate) fn add_ready(&mut self, pool: Pool, order: Order) {
        self.ready.entry(pool).or_default().insert(order);
    }

    pub(crate) fn remove_ready(&mut self, pool: Pool, order: &Order) {
        if let Some(ready) = self.ready.get_mut(&pool) {
            ready.remove(order);
            if ready.is_empty() {
                self.ready.remove(&pool);
            }
        }
    }

    /// The first caller whom an agent of this tier may serve.
    pub(crate) fn first_for(&self, tier: u8) -> Option<Place> {
        let closed = if tier <= self.open() { 0 } else { usize::from(tier) };
        let open = self.waiting.get(closed..).unwrap_or_default();
        open.iter().filter_map(|waiting| waiting.first().copied()).min()
    }

    /// The first caller for whom somebody is ready.
    pub(crate) fn first_to_serve(&self) -> Option<Place> {
        if self.is_at_most() {
            return None;
        }
        // Whom a tier further out may serve, one further in may serve as well.
        let (innermost, _) = self.ready.keys().next()?;
        self.first_for(*innermost)
    }

    /// Puts a caller where callers like this one wait.
    pub(crate) fn seat(&mut self, stay: &Stay) {
        if stay.is_offered() {
            return;
        }
        if let Some((agent, _)) = stay.kept {
            self.kept.entry(agent).or_default().insert(stay.place);
        } else if let Some(waiting) = self.waiting.get_mut(usize::from(stay.tier)) {
            waiting.insert(stay.place);
        }
    }

    /// Takes a caller away from there.
    pub(crate) fn unseat(&mut self, stay: &Stay) {
        if let Some(waiting) = self.waiting.get_mut(usize::from(stay.tier)) {
            waiting.remove(&stay.place);
        }
        if let Some((agent, _)) = stay.kept
            && let Some(kept) = self.kept.get_mut(&agent)
        {
            kept.remove(&stay.place);
            if kept.is_empty() {
                self.kept.remove(&agent);
            }
        }
    }

    pub(crate) fn enter(&mut self, stay: &Stay) {
        self.entered += 1;
        self.callbacks += u32::from(stay.waiter == Waiter::CalledBack);
        self.callers.insert(stay.place);
        self.arrivals.insert((stay.since, stay.place.entry));
        self.seat(stay);
    }

    pub(crate) fn leave(&mut self, stay: &Stay, outcome: Outcome, now: Timestamp) {
        self.unseat(stay);
        self.callers.remove(&stay.place);
        self.arrivals.remove(&(stay.since, stay.place.entry));
        if stay.is_offered() {
            self.offers_over(stay);
        }
        if stay.waiter == Waiter::CalledBack {
            self.callbacks = self.callbacks.saturating_sub(1);
        }
        if outcome == Outcome::Answered {
            self.pace.served(self.length(), now);
        }
        *self.outcomes.entry(outcome).or_default() += 1;
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally {
            waiting: self.length(),
            callbacks: self.callbacks,
            oldest: self.arrivals.first().map(|(since, _)| *since),
            ready: count(self.ready.values().map(BTreeSet::len).sum()),
            signed_in: self.all_signed_in(),
            talking: self.talking,
            estimate: self.estimate(),
            entered: self.entered,
            outcomes: self.outcomes.clone(),
        }
    }

    /// How long a caller who came now would probably wait.
    pub(crate) fn estimate(&self) -> Option<Duration> {
        if self.has_ready(self.open()) && !self.is_at_most() {
            return Some(Duration::ZERO);
        }
        self.pace.estimate(self.length())
    }

    /// Where a caller is placed who has so much priority.
    pub(crate) fn rank_of(&self, priority: u8, arrived: Timestamp) -> (Reverse<u8>, Timestamp) {
        match self.config.priority_worth {
            Some(worth) => (Reverse(0), arrived - worth * u32::from(priority)),
            None => (Reverse(priority), arrived),
        }
    }
}

pub(crate) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
