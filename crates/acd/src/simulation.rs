//! Many days of a small centre, each from its seed: callers come, hang up and are served; agents
//! come, go, answer, decline and let it ring; the configuration changes. What must hold, holds
//! after every step.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use model::{AgentId, CallId, Cause, Epoch, OfferEnd, Outcome, QueueId, Timestamp};

use crate::{Acd, AcdConfig, AcdEvent, Decision, QueueConfig, Routing, Skills, WhenNobody};

const DAYS: u64 = 80;
const STEPS: u32 = 3_000;
const AGENTS: u32 = 12;
const QUEUES: u32 = 5;

#[test]
fn whatever_happens_on_the_floor_every_caller_is_accounted_for() {
    let mut left: BTreeMap<Outcome, u64> = BTreeMap::new();
    for seed in 1..=DAYS {
        let mut centre = Centre::open(seed);
        for _ in 0..STEPS {
            centre.step();
        }
        centre.close();
        for (outcome, count) in centre.left {
            *left.entry(outcome).or_default() += count;
        }
    }
    let expected = [
        Outcome::Answered,
        Outcome::Abandoned,
        Outcome::Overflowed,
        Outcome::TimedOut,
        Outcome::Rejected,
        Outcome::Failed,
    ];
    assert!(left.keys().eq(&expected), "every outcome occurred: {left:?}");
    assert!(left.values().all(|count| *count > 500), "and often: {left:?}");
}

#[test]
fn the_same_day_is_decided_the_same_way_again() {
    let day = |seed| {
        let mut centre = Centre::open(seed);
        centre.log = Some(Vec::new());
        for _ in 0..STEPS {
            centre.step();
        }
        centre.log
    };
    assert_eq!(day(7), day(7));
    assert_ne!(day(7), day(8));
}

/// What an agent does, as the agents' own machine would have it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Does {
    Away,
    Ready { idle_since: Timestamp },
    Pauses,
    Rings { call: CallId },
    Talks,
}

/// Where a caller is, as the decisions tell it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Waits {
    queue: QueueId,
    priority: u8,
    entered: u64,
    rings: Option<AgentId>,
}

struct Centre {
    acd: Acd,
    config: AcdConfig,
    chance: Chance,
    seed: u64,
    now: Timestamp,
    agents: BTreeMap<AgentId, Does>,
    callers: BTreeMap<CallId, Waits>,
    /// Callers who left for good, each once.
    served: BTreeSet<CallId>,
    entered: u64,
    left: BTreeMap<Outcome, u64>,
    next_call: u32,
    untold: VecDeque<AcdEvent>,
    obeying: bool,
    log: Option<Vec<Decision>>,
}

impl Centre {
    fn open(seed: u64) -> Self {
        let mut chance = Chance(seed);
        let config = draw_config(&mut chance);
        Self {
            acd: Acd::new(config.clone()),
            config,
            chance,
            seed,
            now: Timestamp::from_secs(1_000_000),
            agents: (1..=AGENTS).map(|number| (AgentId::new(number), Does::Away)).collect(),
            callers: BTreeMap::new(),
            served: BTreeSet::new(),
            entered: 0,
            left: BTreeMap::new(),
            next_call: 1,
            untold: VecDeque::new(),
            obeying: false,
            log: None,
        }
    }

    fn step(&mut self) {
        if self.chance.one_in(2) {
            self.now = self.now + Duration::from_millis(self.chance.below(4_000));
            let decisions = self.acd.handle_timeout(self.now);
            self.obey(decisions);
            self.tell_the_rest();
        }
        match self.chance.below(100) {
            0..30 => self.a_call_comes(),
            30..36 => self.a_caller_hangs_up(),
            36..60 => self.a_phone_stops_ringing(),
            60..95 => self.an_agent_does_something(),
            95..98 => self.an_echo_arrives(),
            98 => self.our_fault(),
            _ => self.rules_change(),
        }
        self.holds();
    }

    fn a_call_comes(&mut self) {
        let call = CallId::new(Epoch::new(1), self.next_call);
        self.next_call += 1;
        let queue = queue(u32::try_from(self.chance.below(u64::from(QUEUES) + 1)).unwrap());
        let priority = u8::try_from(self.chance.below(3)).unwrap();
        self.tell(AcdEvent::CallQueued { call, queue, priority });
    }

    fn a_caller_hangs_up(&mut self) {
        let Some((call, waits)) = self.chance.pick(&self.callers) else { return };
        if let Some(agent) = waits.rings.filter(|_| self.chance.one_in(2)) {
            self.tell(AcdEvent::OfferEnded { call, agent, end: OfferEnd::CallerLeft });
        }
        self.tell(AcdEvent::CallGone { call });
        assert!(!self.callers.contains_key(&call));
        if let Some(agent) = waits.rings {
            self.becomes_ready(agent, self.now);
        }
    }

    fn a_phone_stops_ringing(&mut self) {
        let ringing = |does: &Does| matches!(does, Does::Rings { .. });
        let ringing = self.agents.iter().filter(|(_, does)| ringing(does));
        let ringing: BTreeMap<_, _> = ringing.map(|(agent, does)| (*agent, *does)).collect();
        let Some((agent, Does::Rings { call })) = self.chance.pick(&ringing) else { return };
        let end = match self.chance.below(8) {
            0..4 => return self.tell(AcdEvent::OfferAnswered { call, agent }),
            4 => OfferEnd::NoAnswer,
            5 => OfferEnd::Refused,
            6 => OfferEnd::Unreachable,
            _ => OfferEnd::Withdrawn,
        };
        self.offer_ends(agent, call, end);
    }

    /// In either order, for the distribution must not care.
    fn offer_ends(&mut self, agent: AgentId, call: CallId, end: OfferEnd) {
        let ended = AcdEvent::OfferEnded { call, agent, end };
        if self.chance.one_in(2) {
            return self.tell(ended);
        }
        let available = AcdEvent::AgentAvailable { agent, idle_since: self.now, calls_taken: 0 };
        let first = if self.chance.one_in(2) { [available, ended] } else { [ended, available] };
        for event in first {
            self.tell(event);
        }
    }

    fn an_agent_does_something(&mut self) {
        let Some((agent, does)) = self.chance.pick(&self.agents) else { return };
        match does {
            Does::Away => {
                self.tell(AcdEvent::AgentSignedIn { agent });
                self.becomes_ready(agent, self.now);
            }
            Does::Ready { .. } if self.chance.one_in(4) => {
                self.tell(AcdEvent::AgentSignedOut { agent });
            }
            Does::Ready { .. } => self.tell(AcdEvent::AgentUnavailable { agent }),
            Does::Pauses | Does::Talks => self.becomes_ready(agent, self.now),
            Does::Rings { .. } => {}
        }
    }

    /// Something already over is told again.
    fn an_echo_arrives(&mut self) {
        let call = CallId::new(Epoch::new(1), 0);
        let agent = AgentId::new(1);
        self.tell(AcdEvent::CallGone { call });
        self.tell(AcdEvent::OfferEnded { call, agent, end: OfferEnd::NoAnswer });
        if let Some((call, waits)) = self.chance.pick(&self.callers) {
            let queue = waits.queue;
            self.tell(AcdEvent::CallQueued { call, queue, priority: 9 });
        }
        if let Some((agent, Does::Ready { idle_since })) = self.chance.pick(&self.agents) {
            self.tell(AcdEvent::AgentAvailable { agent, idle_since, calls_taken: 0 });
        }
    }

    fn our_fault(&mut self) {
        let Some((call, waits)) = self.chance.pick(&self.callers) else { return };
        self.tell(AcdEvent::CallFailed { call, cause: Cause::MediaFailed });
        if let Some(agent) = waits.rings {
            self.becomes_ready(agent, self.now);
        }
    }

    fn rules_change(&mut self) {
        if self.chance.one_in(10) {
            self.config = draw_config(&mut self.chance);
            let decisions = self.acd.configure(self.config.clone(), self.now);
            self.obey(decisions);
            self.tell_the_rest();
        }
    }

    fn becomes_ready(&mut self, agent: AgentId, idle_since: Timestamp) {
        self.tell(AcdEvent::AgentAvailable { agent, idle_since, calls_taken: 0 });
    }

    /// What is told while a decision is obeyed is told after all that was decided before.
    fn tell(&mut self, event: AcdEvent) {
        self.untold.push_back(event);
        if !self.obeying {
            self.tell_the_rest();
        }
    }

    fn tell_the_rest(&mut self) {
        while let Some(event) = self.untold.pop_front() {
            self.happens(&event);
            let decisions = self.acd.handle(event, self.now);
            self.obey(decisions);
        }
    }

    fn happens(&mut self, event: &AcdEvent) {
        let (agent, does) = match *event {
            AcdEvent::AgentAvailable { agent, idle_since, .. } => {
                (agent, Does::Ready { idle_since })
            }
            AcdEvent::AgentUnavailable { agent } => (agent, Does::Pauses),
            AcdEvent::AgentSignedOut { agent } => (agent, Does::Away),
            AcdEvent::OfferAnswered { agent, .. } => (agent, Does::Talks),
            AcdEvent::OfferEnded { call, agent, .. } => {
                let waits = self.callers.get_mut(&call);
                if let Some(waits) = waits.filter(|waits| waits.rings == Some(agent)) {
                    waits.rings = None;
                }
                if self.agents.get(&agent) != Some(&Does::Rings { call }) {
                    return;
                }
                (agent, Does::Pauses)
            }
            AcdEvent::CallQueued { .. }
            | AcdEvent::CallGone { .. }
            | AcdEvent::CallFailed { .. }
            | AcdEvent::AgentSignedIn { .. } => return,
        };
        self.agents.insert(agent, does);
    }

    fn obey(&mut self, decisions: Vec<Decision>) {
        self.obeying = true;
        if let Some(log) = &mut self.log {
            log.extend(decisions.iter().cloned());
        }
        for decision in decisions {
            match decision {
                Decision::Entered { call, queue, priority, .. } => {
                    self.entered += 1;
                    let waits = Waits { queue, priority, entered: self.entered, rings: None };
                    assert!(self.callers.insert(call, waits).is_none(), "entered twice");
                    assert!(!self.served.contains(&call), "came back from the dead");
                }
                Decision::Left { call, queue, outcome, to, .. } => {
                    let waits = self.callers.remove(&call).expect("left what was not entered");
                    assert_eq!(waits.queue, queue);
                    assert_eq!(to.is_some(), outcome == Outcome::Overflowed);
                    *self.left.entry(outcome).or_default() += 1;
                    if to.is_none() {
                        assert!(self.served.insert(call), "left twice");
                    }
                }
                Decision::Offer { call, queue, agent, explanation, .. } => {
                    self.offered(call, &queue, agent);
                    assert_eq!(explanation.candidates.first(), Some(&agent));
                    assert!(!explanation.passed_over.iter().any(|(passed, _)| *passed == agent));
                }
                Decision::OfferOver { call, agent } => {
                    self.offer_ends(agent, call, OfferEnd::NoAnswer);
                }
            }
        }
        self.obeying = false;
    }

    fn offered(&mut self, call: CallId, queue: &QueueId, agent: AgentId) {
        let does = self.agents.insert(agent, Does::Rings { call });
        assert!(matches!(does, Some(Does::Ready { .. })), "offered to one who {does:?}");
        assert!(fits(&self.config, queue, agent), "offered to one who does not fit");
        let earlier = self.callers.iter().find(|(_, other)| {
            let waits = self.callers.get(&call);
            let rank = |waits: &Waits| (Reverse(waits.priority), waits.entered);
            other.rings.is_none()
                && other.queue == *queue
                && waits.is_some_and(|waits| rank(other) < rank(waits))
        });
        assert_eq!(earlier, None, "{call} was served before its turn");
        let waits = self.callers.get_mut(&call).expect("offered a caller who is gone");
        assert_eq!(waits.rings.replace(agent), None, "offered to two agents");
        assert_eq!(waits.queue, *queue);
    }

    fn holds(&self) {
        if let Err(broken) = self.acd.check() {
            panic!("seed {}: {broken}", self.seed);
        }
        let left: u64 = self.left.values().sum();
        let waiting = u64::try_from(self.callers.len()).unwrap();
        assert_eq!(self.entered, left + waiting, "seed {}", self.seed);
        for waits in self.callers.values().filter(|waits| waits.rings.is_none()) {
            for (agent, does) in &self.agents {
                let meets = fits(&self.config, &waits.queue, *agent);
                let ready = matches!(does, Does::Ready { .. });
                assert!(!(meets && ready), "seed {}: {agent} is free for {waits:?}", self.seed);
            }
        }
        let ready = self.agents.iter().filter(|(_, does)| matches!(does, Does::Ready { .. }));
        assert!(ready.map(|(agent, _)| *agent).eq(self.acd.available()), "seed {}", self.seed);
    }

    /// Everybody hangs up; nobody and nothing is left over.
    fn close(&mut self) {
        let calls: Vec<CallId> = self.callers.keys().copied().collect();
        for call in calls {
            self.tell(AcdEvent::CallGone { call });
        }
        assert_eq!(self.acd.poll_timeout(), None, "a deadline is left over");
        assert!(self.callers.is_empty());
    }
}

/// Small and seeded; what counts is that a day can be lived through again.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 ^ (self.0 >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd) >> 11
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn pick<K: Copy, V: Clone>(&mut self, among: &BTreeMap<K, V>) -> Option<(K, V)> {
        let count = u64::try_from(among.len()).unwrap();
        let at = usize::try_from(self.below(count.max(1))).unwrap();
        among.iter().nth(at).map(|(key, value)| (*key, value.clone()))
    }
}

fn fits(config: &AcdConfig, queue: &QueueId, agent: AgentId) -> bool {
    let (Some(queue), Some(skills)) = (config.queues.get(queue), config.agents.get(&agent)) else {
        return false;
    };
    let enough = |skill, lowest: &u8| skills.get(skill).is_some_and(|level| level >= lowest);
    queue.needs.iter().all(|(skill, lowest)| enough(skill, lowest))
}

fn draw_config(chance: &mut Chance) -> AcdConfig {
    let mut config = AcdConfig::default();
    for number in 0..QUEUES {
        if chance.one_in(8) {
            continue;
        }
        let routing =
            *chance.pick(&(0..3).zip(Routing::ALL).collect()).map(|(_, r)| r).as_ref().unwrap();
        let drawn = QueueConfig {
            needs: draw_skills(chance, 2),
            routing,
            ring: Duration::from_secs(1 + chance.below(20)),
            max_wait: chance.one_in(2).then(|| Duration::from_secs(chance.below(40))),
            max_length: chance.one_in(2).then(|| u32::try_from(chance.below(12)).unwrap()),
            overflow: chance
                .one_in(2)
                .then(|| queue(u32::try_from(chance.below(u64::from(QUEUES))).unwrap())),
            when_nobody: if chance.one_in(4) { WhenNobody::TurnAway } else { WhenNobody::Wait },
            weight: u8::try_from(chance.below(3)).unwrap(),
            ..QueueConfig::default()
        };
        config.queues.insert(queue(number), drawn);
    }
    for number in 1..=AGENTS {
        if !chance.one_in(20) {
            config.agents.insert(AgentId::new(number), draw_skills(chance, 3));
        }
    }
    config
}

fn draw_skills(chance: &mut Chance, most: u64) -> Skills {
    let count = chance.below(most + 1);
    let skill = |chance: &mut Chance| {
        let name = ["english", "billing", "repair"][usize::try_from(chance.below(3)).unwrap()];
        (name.into(), u8::try_from(1 + chance.below(3)).unwrap())
    };
    (0..count).map(|_| skill(chance)).collect()
}

fn queue(number: u32) -> QueueId {
    QueueId::from(format!("q{number}").as_str())
}
