//! Many days of a small centre, each from its seed: callers come, hang up and are served; agents
//! come, go, answer, decline and let it ring; the configuration changes. What must hold, holds
//! after every step.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use model::{AgentId, CallId, Cause, Choice, Epoch, OfferEnd, Outcome, QueueId, Timestamp};

use crate::tests::available;
use crate::{
    Absence, Acd, AcdConfig, AcdEvent, Decision, Needs, Nobody, Preferred, QueueConfig, Ringing,
    Routing, Share, Skills, Tier, Waiter, Wants, WhenNobody,
};

const DAYS: u64 = 40;
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
        Outcome::LeftByKey,
        Outcome::Callback,
        Outcome::Failed,
    ];
    assert!(left.keys().eq(&expected), "every outcome occurred: {left:?}");
    assert!(left.values().all(|count| *count > 250), "and often: {left:?}");
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
    Busy,
    Rings { call: CallId },
    Talks { call: CallId },
}

/// Where a caller is, as the decisions tell it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Waits {
    queue: QueueId,
    priority: u8,
    arrived: Timestamp,
    entered: u64,
    since: Timestamp,
    kept: Option<(AgentId, Timestamp)>,
    rings: BTreeSet<AgentId>,
    waiter: Waiter,
    /// The agent who is on the line while the caller is called back.
    taken: Option<AgentId>,
}

struct Centre {
    acd: Acd,
    config: AcdConfig,
    chance: Chance,
    seed: u64,
    now: Timestamp,
    agents: BTreeMap<AgentId, Does>,
    /// The queues each is signed out of.
    away: BTreeMap<AgentId, BTreeSet<QueueId>>,
    callers: BTreeMap<CallId, Waits>,
    /// What each brought to the first queue.
    wants: BTreeMap<CallId, Wants>,
    talking: BTreeMap<CallId, QueueId>,
    reasons: BTreeMap<Choice, u64>,
    /// Callers who left for good, each once.
    served: BTreeSet<CallId>,
    entered: u64,
    left: BTreeMap<Outcome, u64>,
    next_call: u32,
    untold: VecDeque<AcdEvent>,
    obeying: bool,
    /// Whether the rules have changed: places were then taken under others.
    changed: bool,
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
            away: BTreeMap::new(),
            callers: BTreeMap::new(),
            wants: BTreeMap::new(),
            talking: BTreeMap::new(),
            reasons: BTreeMap::new(),
            served: BTreeSet::new(),
            entered: 0,
            left: BTreeMap::new(),
            next_call: 1,
            untold: VecDeque::new(),
            obeying: false,
            changed: false,
            log: None,
        }
    }

    fn step(&mut self) {
        if self.chance.one_in(2) {
            let until = self.now + Duration::from_millis(self.chance.below(4_000));
            while let Some(due) = self.acd.poll_timeout().filter(|due| *due <= until) {
                self.time_passes(due);
            }
            self.time_passes(until);
        }
        match self.chance.below(100) {
            0..30 => self.a_call_comes(),
            30..34 => self.a_caller_hangs_up(),
            34..36 => self.a_caller_leaves_by_key(),
            36..60 => self.a_phone_stops_ringing(),
            60..95 => self.an_agent_does_something(),
            95..98 => self.an_echo_arrives(),
            98 if self.chance.one_in(2) => self.a_lead_steps_in(),
            98 => self.our_fault(),
            _ => self.rules_change(),
        }
        self.holds();
    }

    fn time_passes(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        for waits in self.callers.values_mut() {
            waits.kept.take_if(|(_, until)| *until <= self.now);
        }
        let decisions = self.acd.handle_timeout(self.now);
        self.obey(decisions);
        self.tell_the_rest();
    }

    fn a_call_comes(&mut self) {
        let call = CallId::new(Epoch::new(1), self.next_call);
        self.next_call += 1;
        let queue = queue(u32::try_from(self.chance.below(u64::from(QUEUES) + 1)).unwrap());
        let preferred = self.chance.one_in(3).then(|| Preferred {
            agent: AgentId::new(u32::try_from(1 + self.chance.below(AGENTS.into())).unwrap()),
            wait: Duration::from_millis(self.chance.below(30_000)),
        });
        let wants = Wants {
            priority: u8::try_from(self.chance.below(3)).unwrap(),
            credit: Duration::from_secs(self.chance.below(60) * u64::from(self.chance.one_in(4))),
            preferred,
            waiter: if self.chance.one_in(4) { Waiter::CalledBack } else { Waiter::OnTheLine },
        };
        self.wants.insert(call, wants);
        self.tell(AcdEvent::CallQueued { call, queue, wants });
    }

    fn a_caller_hangs_up(&mut self) {
        let Some((call, waits)) = self.chance.pick(&self.callers) else { return };
        let first = waits.rings.first().copied();
        if let Some(agent) = first.filter(|_| self.chance.one_in(2)) {
            self.tell(AcdEvent::OfferEnded { call, agent, end: OfferEnd::CallerLeft });
        }
        self.tell(AcdEvent::CallGone { call });
        assert!(!self.callers.contains_key(&call));
        for agent in waits.rings {
            self.becomes_ready(agent, self.now);
        }
    }

    /// Perhaps to wait elsewhere: the call may enter again.
    fn a_caller_leaves_by_key(&mut self) {
        let Some((call, waits)) = self.chance.pick(&self.callers) else { return };
        let (outcome, cause) = (Outcome::LeftByKey, Cause::Requested);
        self.tell(AcdEvent::CallTakenOut { call, outcome, cause });
        assert!(!self.callers.contains_key(&call));
        if self.chance.one_in(2) {
            self.served.remove(&call);
            let queue = queue(u32::try_from(self.chance.below(QUEUES.into())).unwrap());
            let wants = Wants::priority(waits.priority);
            self.wants.insert(call, wants);
            self.tell(AcdEvent::CallQueued { call, queue, wants });
        }
        for agent in waits.rings {
            self.becomes_ready(agent, self.now);
        }
    }

    fn a_lead_steps_in(&mut self) {
        let Some((call, waits)) = self.chance.pick(&self.callers) else { return };
        if self.chance.one_in(2) {
            let queue = queue(u32::try_from(self.chance.below(QUEUES.into())).unwrap());
            // To the queue of a name that nobody has, or to the same, it does nothing.
            let credit = self.now.since(waits.arrived);
            let waiter = waits.waiter;
            self.wants.insert(call, Wants { credit, waiter, ..Wants::priority(waits.priority) });
            return self.tell(AcdEvent::CallMoved { call, queue });
        }
        let Some((agent, does)) = self.chance.pick(&self.agents) else { return };
        let may = waits.rings.is_empty() && matches!(does, Does::Ready { .. });
        assert_eq!(self.acd.assignable(call, agent).is_ok(), may);
        self.tell(AcdEvent::CallAssigned { call, agent });
        assert!(!may || self.agents.get(&agent) == Some(&Does::Rings { call }));
    }

    fn a_phone_stops_ringing(&mut self) {
        let ringing = |does: &Does| matches!(does, Does::Rings { .. });
        let ringing = self.agents.iter().filter(|(_, does)| ringing(does));
        let ringing: BTreeMap<_, _> = ringing.map(|(agent, does)| (*agent, *does)).collect();
        let Some((agent, Does::Rings { call })) = self.chance.pick(&ringing) else { return };
        let waits = self.callers.get(&call);
        let calls_back = waits.is_some_and(|waits| waits.waiter == Waiter::CalledBack);
        if waits.is_some_and(|waits| waits.taken.is_some()) {
            return self.a_caller_is_called_back(call, agent);
        }
        let end = match self.chance.below(8) {
            0..4 if calls_back => return self.tell(AcdEvent::OfferTaken { call, agent }),
            0..4 => return self.tell(AcdEvent::OfferAnswered { call, agent }),
            4 => OfferEnd::NoAnswer,
            5 => OfferEnd::Refused,
            6 => OfferEnd::Unreachable,
            _ => OfferEnd::Withdrawn,
        };
        self.offer_ends(agent, call, end);
    }

    /// The caller answers, or cannot be had.
    fn a_caller_is_called_back(&mut self, call: CallId, agent: AgentId) {
        if self.callers.get(&call).and_then(|waits| waits.taken) != Some(agent) {
            return;
        }
        if self.chance.one_in(2) {
            return self.tell(AcdEvent::OfferAnswered { call, agent });
        }
        let (outcome, cause) = (Outcome::Callback, Cause::NoAnswer);
        self.tell(AcdEvent::CallTakenOut { call, outcome, cause });
        self.becomes_ready(agent, self.now);
    }

    /// In either order, for the distribution must not care.
    fn offer_ends(&mut self, agent: AgentId, call: CallId, end: OfferEnd) {
        let ended = AcdEvent::OfferEnded { call, agent, end };
        if self.chance.one_in(2) {
            return self.tell(ended);
        }
        let available = available(agent, self.now);
        let first = if self.chance.one_in(2) { [available, ended] } else { [ended, available] };
        for event in first {
            self.tell(event);
        }
    }

    fn an_agent_does_something(&mut self) {
        let Some((agent, does)) = self.chance.pick(&self.agents) else { return };
        if self.chance.one_in(6) {
            return self.an_agent_changes_queues(agent);
        }
        match does {
            Does::Away => {
                self.an_agent_changes_queues(agent);
                self.tell(AcdEvent::AgentSignedIn { agent });
                self.becomes_ready(agent, self.now);
            }
            Does::Ready { .. } if self.chance.one_in(4) => {
                self.tell(AcdEvent::AgentSignedOut { agent });
            }
            Does::Ready { .. } => {
                let absence = if self.chance.one_in(2) { Absence::Busy } else { Absence::Engaged };
                self.tell(AcdEvent::AgentUnavailable { agent, absence });
            }
            Does::Talks { call } => {
                self.talking.remove(&call);
                self.tell(AcdEvent::TalkEnded { call });
                self.becomes_ready(agent, self.now);
            }
            Does::Pauses | Does::Busy => self.becomes_ready(agent, self.now),
            Does::Rings { .. } => {}
        }
    }

    fn an_agent_changes_queues(&mut self, agent: AgentId) {
        let out_of = |chance: &mut Chance| chance.one_in(4);
        let away = (0..QUEUES).filter(|_| out_of(&mut self.chance)).map(queue).collect();
        self.tell(AcdEvent::AgentQueues { agent, away });
    }

    /// Something already over is told again.
    fn an_echo_arrives(&mut self) {
        let call = CallId::new(Epoch::new(1), 0);
        let agent = AgentId::new(1);
        self.tell(AcdEvent::CallGone { call });
        self.tell(AcdEvent::OfferEnded { call, agent, end: OfferEnd::NoAnswer });
        if let Some((call, waits)) = self.chance.pick(&self.callers) {
            let queue = waits.queue;
            self.tell(AcdEvent::CallQueued { call, queue, wants: Wants::priority(9) });
            self.tell(AcdEvent::TalkEnded { call });
        }
        if let Some((agent, Does::Ready { idle_since })) = self.chance.pick(&self.agents) {
            self.tell(available(agent, idle_since));
        }
    }

    fn our_fault(&mut self) {
        let Some((call, waits)) = self.chance.pick(&self.callers) else { return };
        self.tell(AcdEvent::CallFailed { call, cause: Cause::MediaFailed });
        for agent in waits.rings {
            self.becomes_ready(agent, self.now);
        }
    }

    fn rules_change(&mut self) {
        if self.chance.one_in(10) {
            self.config = draw_config(&mut self.chance);
            // Which queues somebody is signed out of is told anew when they come.
            let away = |agent: &AgentId| self.agents.get(agent) == Some(&Does::Away);
            self.away.retain(|agent, _| !away(agent));
            self.changed = true;
            self.rules_changed();
            let decisions = self.acd.configure(self.config.clone(), self.now);
            self.obey(decisions);
            self.tell_the_rest();
        }
    }

    /// Whoever is kept for one who does not serve the queue any more is kept no longer.
    fn rules_changed(&mut self) {
        let kept = self.callers.iter().filter_map(|(call, waits)| Some((*call, waits.kept?.0)));
        let lost: Vec<CallId> = kept
            .filter(|(call, agent)| self.tier(&self.callers[call].queue, *agent).is_none())
            .map(|(call, _)| call)
            .collect();
        for call in lost {
            self.callers.get_mut(&call).unwrap().kept = None;
        }
    }

    fn becomes_ready(&mut self, agent: AgentId, idle_since: Timestamp) {
        self.tell(available(agent, idle_since));
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
        if let AcdEvent::OfferTaken { call, agent } = *event
            && let Some(waits) = self.callers.get_mut(&call)
        {
            waits.taken = Some(agent);
        }
        let (agent, does) = match *event {
            AcdEvent::AgentQueues { agent, ref away } => {
                self.away.insert(agent, away.clone());
                return self.rules_changed();
            }
            AcdEvent::AgentAvailable { agent, standing } => {
                (agent, Does::Ready { idle_since: standing.idle_since })
            }
            AcdEvent::AgentUnavailable { agent, absence: Absence::Engaged } => {
                (agent, Does::Pauses)
            }
            AcdEvent::AgentUnavailable { agent, absence: Absence::Busy } => {
                self.is_away(agent);
                (agent, Does::Busy)
            }
            AcdEvent::AgentSignedOut { agent } => {
                self.is_away(agent);
                (agent, Does::Away)
            }
            AcdEvent::OfferAnswered { call, agent } => {
                let queue = self.callers.get(&call).map(|waits| waits.queue.clone());
                self.talking.extend(queue.map(|queue| (call, queue)));
                (agent, Does::Talks { call })
            }
            AcdEvent::OfferEnded { call, agent, .. } => {
                if let Some(waits) = self.callers.get_mut(&call)
                    && waits.rings.remove(&agent)
                    && waits.rings.is_empty()
                {
                    waits.kept = None;
                }
                if self.agents.get(&agent) != Some(&Does::Rings { call }) {
                    return;
                }
                (agent, Does::Pauses)
            }
            AcdEvent::CallQueued { .. }
            | AcdEvent::CallAssigned { .. }
            | AcdEvent::CallMoved { .. }
            | AcdEvent::TalkEnded { .. }
            | AcdEvent::CallGone { .. }
            | AcdEvent::CallTakenOut { .. }
            | AcdEvent::OfferTaken { .. }
            | AcdEvent::CallFailed { .. }
            | AcdEvent::AgentSignedIn { .. } => return,
        };
        self.agents.insert(agent, does);
    }

    /// Nobody is kept for one who is away.
    fn is_away(&mut self, agent: AgentId) {
        for waits in self.callers.values_mut() {
            waits.kept.take_if(|(kept, _)| *kept == agent);
        }
    }

    fn obey(&mut self, decisions: Vec<Decision>) {
        self.obeying = true;
        if let Some(log) = &mut self.log {
            log.extend(decisions.iter().cloned());
        }
        for decision in decisions {
            match decision {
                Decision::Entered { call, queue, priority, .. } => {
                    self.enters(call, queue, priority);
                }
                Decision::Left { call, queue, outcome, to, .. } => {
                    let waits = self.callers.remove(&call).expect("left what was not entered");
                    if outcome == Outcome::Overflowed && waits.waiter == Waiter::CalledBack {
                        let (credit, waiter) = (self.now.since(waits.arrived), waits.waiter);
                        self.wants.insert(call, Wants { credit, waiter, ..Wants::default() });
                    }
                    assert_eq!(waits.queue, queue);
                    assert_eq!(to.is_some(), outcome == Outcome::Overflowed);
                    let turned_away = [Outcome::Rejected, Outcome::TimedOut].contains(&outcome);
                    assert!(waits.waiter == Waiter::OnTheLine || !turned_away, "{outcome}");
                    *self.left.entry(outcome).or_default() += 1;
                    if to.is_none() {
                        assert!(self.served.insert(call), "left twice");
                    }
                }
                Decision::Offer { call, queue, agent, explanation, .. } => {
                    assert!(explanation.candidates.contains(&agent));
                    assert!(!explanation.passed_over.iter().any(|(passed, _)| *passed == agent));
                    *self.reasons.entry(explanation.choice).or_default() += 1;
                    self.offered(call, &queue, (agent, explanation.choice));
                }
                Decision::OfferOver { call, agent, end } => {
                    let taken = self.callers.get(&call).and_then(|waits| waits.taken);
                    assert!(taken.is_none_or(|taken| taken != agent), "nothing rings any more");
                    self.offer_ends(agent, call, end);
                }
            }
        }
        self.obeying = false;
    }

    fn enters(&mut self, call: CallId, queue: QueueId, priority: u8) {
        self.entered += 1;
        let wants = self.wants.remove(&call).unwrap_or_default();
        let waits = Waits {
            kept: wants.preferred.map(|preferred| (preferred.agent, self.now + preferred.wait)),
            queue,
            priority,
            arrived: self.now - wants.credit,
            since: self.now,
            entered: self.entered,
            rings: BTreeSet::new(),
            waiter: wants.waiter,
            taken: None,
        };
        let kept = waits.kept.filter(|(agent, _)| {
            let away = matches!(self.agents.get(agent), Some(Does::Away | Does::Busy));
            !away && self.tier(&waits.queue, *agent).is_some()
        });
        let waits = Waits { kept, ..waits };
        assert!(self.callers.insert(call, waits).is_none(), "entered twice");
        assert!(!self.served.contains(&call), "came back from the dead");
    }

    /// The tier of a queue in which an agent may be given its calls.
    fn tier(&self, queue: &QueueId, agent: AgentId) -> Option<usize> {
        if self.away.get(&agent).is_some_and(|away| away.contains(queue)) {
            return None;
        }
        let (queue, skills) = (self.config.queues.get(queue)?, self.config.agents.get(&agent)?);
        let mut tiers =
            [&queue.needs].into_iter().chain(queue.tiers.iter().map(|tier| &tier.needs));
        tiers.position(|needs| needs.are_met_by(skills))
    }

    /// Whether an agent may be given a caller by rank.
    fn may_serve(&self, waits: &Waits, agent: AgentId) -> bool {
        let Some(tier) = self.tier(&waits.queue, agent) else { return false };
        let Some(queue) = self.config.queues.get(&waits.queue) else { return false };
        let length = self.callers.values().filter(|other| other.queue == waits.queue).count();
        let opened = (1..).zip(&queue.tiers).filter(|(_, tier)| {
            tier.after.is_some_and(|after| self.now >= waits.since + after)
                || tier.waiting.is_some_and(|most| length >= most as usize)
        });
        let opened = opened.map(|(number, _)| number).max().unwrap_or(0);
        let signed_in = self.agents.iter().filter(|(_, does)| **does != Does::Away);
        let staffed = signed_in.filter_map(|(agent, _)| self.tier(&waits.queue, *agent)).min();
        tier <= opened.max(staffed.unwrap_or(0))
    }

    fn rank(&self, waits: &Waits) -> (Reverse<u8>, Timestamp, u64) {
        let worth = self.config.queues.get(&waits.queue).and_then(|queue| queue.priority_worth);
        match worth {
            Some(worth) => {
                (Reverse(0), waits.arrived - worth * u32::from(waits.priority), waits.entered)
            }
            None => (Reverse(waits.priority), waits.arrived, waits.entered),
        }
    }

    fn offered(&mut self, call: CallId, queue: &QueueId, (agent, choice): (AgentId, Choice)) {
        let does = self.agents.insert(agent, Does::Rings { call });
        assert!(matches!(does, Some(Does::Ready { .. })), "offered to one who {does:?}");
        let waits = self.callers.get(&call).expect("offered a caller who is gone");
        assert_eq!(waits.queue, *queue);
        let config = self.config.queues.get(queue);
        match choice {
            Choice::Ranked => {
                let kept = waits.kept.filter(|_| waits.rings.is_empty());
                assert_eq!(kept, None, "kept for somebody else");
                assert!(self.may_serve(waits, agent), "offered to one who does not fit");
                let is_one = config.is_some_and(|config| config.ringing == Ringing::One);
                assert!(waits.rings.is_empty() || !is_one, "offered to two agents");
                // Under a rule that has changed since, the place is the one that was taken.
                let earlier = self.callers.iter().find(|(_, other)| {
                    other.rings.is_empty()
                        && other.kept.is_none()
                        && other.queue == *queue
                        && self.may_serve(other, agent)
                        && self.rank(other) < self.rank(waits)
                });
                let is_first = earlier.is_none() || self.changed || !waits.rings.is_empty();
                assert!(is_first, "seed {}: {call} was served before {earlier:?}", self.seed);
            }
            Choice::Preferred => assert_eq!(waits.kept.map(|(kept, _)| kept), Some(agent)),
            Choice::Assigned => assert!(waits.rings.is_empty()),
        }
        let rings = &mut self.callers.get_mut(&call).expect("just seen").rings;
        let is_first = rings.is_empty();
        rings.insert(agent);
        let busy = self.busy(queue);
        let most = self.config.queues.get(queue).and_then(|queue| queue.most_at_once);
        let is_within = !is_first || most.is_none_or(|most| busy <= most as usize);
        assert!(
            is_within || choice == Choice::Assigned,
            "seed {}: {busy} of {most:?} in {queue}",
            self.seed
        );
    }

    /// Callers of a queue who are being offered or talk.
    fn busy(&self, queue: &QueueId) -> usize {
        let offered = self.callers.values().filter(|it| it.queue == *queue && !it.rings.is_empty());
        offered.count() + self.talking.values().filter(|from| *from == queue).count()
    }

    fn holds(&self) {
        if let Err(broken) = self.acd.check() {
            panic!("seed {}: {broken}", self.seed);
        }
        let left: u64 = self.left.values().sum();
        let waiting = u64::try_from(self.callers.len()).unwrap();
        assert_eq!(self.entered, left + waiting, "seed {}", self.seed);
        for waits in self.callers.values().filter(|waits| waits.rings.is_empty()) {
            let queue = self.config.queues.get(&waits.queue);
            let most = queue.and_then(|queue| queue.most_at_once);
            if most.is_some_and(|most| self.busy(&waits.queue) >= most as usize) {
                continue;
            }
            let ready = self.agents.iter().filter(|(_, does)| matches!(does, Does::Ready { .. }));
            for (agent, _) in ready {
                let meets = match waits.kept {
                    Some((kept, _)) => kept == *agent && self.tier(&waits.queue, kept).is_some(),
                    None => self.may_serve(waits, *agent),
                };
                assert!(!meets, "seed {}: {agent} is free for {waits:?}", self.seed);
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

fn draw_config(chance: &mut Chance) -> AcdConfig {
    let mut config = AcdConfig { seed: chance.next(), ..AcdConfig::default() };
    for number in 0..QUEUES {
        if chance.one_in(8) {
            continue;
        }
        let routing =
            chance.pick(&(0..11).zip(Routing::ALL).collect()).map(|(_, routing)| routing).unwrap();
        let drawn = QueueConfig {
            needs: draw_needs(chance),
            tiers: draw_tiers(chance),
            order: vec![AgentId::new(3), AgentId::new(1)],
            shares: draw_shares(chance),
            ringing: draw_ringing(chance),
            most_at_once: chance.one_in(4).then(|| u32::try_from(chance.below(4)).unwrap()),
            max_estimate: chance.one_in(4).then(|| Duration::from_secs(chance.below(60))),
            priority_worth: chance.one_in(3).then(|| Duration::from_secs(chance.below(30))),
            nobody: if chance.one_in(2) { Nobody::Working } else { Nobody::SignedIn },
            leave_after: chance.one_in(4).then(|| Duration::from_secs(chance.below(20))),
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

fn draw_needs(chance: &mut Chance) -> Needs {
    let any = chance.one_in(4).then(|| vec![draw_skills(chance, 1), draw_skills(chance, 2)]);
    let not = chance.one_in(8).then(|| ["trainee".into()].into());
    Needs {
        all: draw_skills(chance, 2),
        any: any.unwrap_or_default(),
        not: not.unwrap_or_default(),
    }
}

fn draw_tiers(chance: &mut Chance) -> Vec<Tier> {
    let mut after = Duration::ZERO;
    let tier = |chance: &mut Chance| {
        after += Duration::from_secs(chance.below(15));
        Tier {
            needs: draw_needs(chance),
            after: (!chance.one_in(3)).then_some(after),
            waiting: chance.one_in(3).then(|| u32::try_from(1 + chance.below(6)).unwrap()),
        }
    };
    let mut tier = tier;
    (0..chance.below(3)).map(|_| tier(chance)).collect()
}

fn draw_shares(chance: &mut Chance) -> Vec<Share> {
    if !chance.one_in(3) {
        return Vec::new();
    }
    let part = u16::try_from(1 + chance.below(3)).unwrap();
    vec![Share { skill: "english".into(), part }, Share { skill: "billing".into(), part: 2 }]
}

fn draw_ringing(chance: &mut Chance) -> Ringing {
    match chance.below(4) {
        0 => Ringing::All,
        1 => Ringing::Progressive { every: Duration::from_secs(1 + chance.below(5)) },
        _ => Ringing::One,
    }
}

fn draw_skills(chance: &mut Chance, most: u64) -> Skills {
    let count = chance.below(most + 1);
    let skill = |chance: &mut Chance| {
        let name =
            ["english", "billing", "repair", "trainee"][usize::try_from(chance.below(4)).unwrap()];
        (name.into(), u8::try_from(1 + chance.below(3)).unwrap())
    };
    (0..count).map(|_| skill(chance)).collect()
}

fn queue(number: u32) -> QueueId {
    QueueId::from(format!("q{number}").as_str())
}
