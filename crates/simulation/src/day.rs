//! Who calls, and when; who works, and how.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{AgentId, HotlineId, PhoneId, PromptId, QueueId, Reason, Timestamp};
use switchboard::config::{AgentConfig, FloorConfig, PhoneConfig};

use crate::chance::{Chance, Spread};

/// What the streams of a seed are for.
pub(crate) mod thing {
    pub(crate) const ARRIVALS: u64 = 1;
    pub(crate) const CALLER: u64 = 2;
    pub(crate) const OFFER: u64 = 3;
    pub(crate) const WRAP_UP: u64 = 4;
    pub(crate) const RECORDED: u64 = 5;
}

/// A day: everything that is so whatever the configuration.
#[derive(Clone, PartialEq, Debug)]
pub struct Day {
    /// What all else is drawn from.
    pub seed: u64,
    /// When the centre opens.
    pub begins: Timestamp,
    /// When it closes: nobody calls after that, and whoever waits is still served.
    pub ends: Timestamp,
    /// Who calls, in order.
    pub callers: Vec<Caller>,
    /// How agents and phones behave.
    pub manner: Manner,
}

/// One caller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// When the call arrives.
    pub at: Timestamp,
    /// Which public number is dialled; the first one that leads to the queue wanted when not said.
    pub hotline: Option<HotlineId>,
    /// The queue the caller presses keys for; a caller who wants none presses none.
    pub wants: Option<QueueId>,
    /// How long the conversation is, once there is one.
    pub talk: Duration,
    /// How long the caller waits in queues before hanging up; `None` waits for ever.
    pub patience: Option<Duration>,
}

/// How agents and phones behave.
#[derive(Clone, PartialEq, Debug)]
pub struct Manner {
    /// From the first ring to the answer.
    pub answer: Spread,
    /// The share of offers that are let ring.
    pub no_answer: f64,
    /// The share of offers that are declined, after as long as an answer takes.
    pub refuse: f64,
    /// After-call work; `None` takes all the time that the queue gives.
    pub wrap_up: Option<Spread>,
    /// How long an agent stays busy who was set busy by a rule.
    pub back_after: Duration,
    /// How long prompts are.
    pub prompts: BTreeMap<PromptId, Duration>,
    /// How long a prompt is that is not among them.
    pub prompt: Duration,
    /// How long a caller listens before pressing a key.
    pub key: Duration,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            answer: Spread::Fixed(Duration::from_secs(3)),
            no_answer: 0.0,
            refuse: 0.0,
            wrap_up: None,
            back_after: Duration::from_secs(120),
            prompts: BTreeMap::new(),
            prompt: Duration::from_secs(5),
            key: Duration::from_secs(3),
        }
    }
}

/// How many call, how long they talk and how long they wait: what a day is drawn from.
#[derive(Clone, PartialEq, Debug)]
pub struct Profile {
    /// When the first interval begins.
    pub begins: Timestamp,
    /// How long each is.
    pub interval: Duration,
    /// How many calls each brings on average.
    pub calls: Vec<f64>,
    /// How long conversations are.
    pub talk: Spread,
    /// How long callers wait before they hang up; `None` waits for ever.
    pub patience: Option<Spread>,
    /// The queues that are wanted, with their weights; empty wants none.
    pub wants: Vec<(QueueId, f64)>,
}

impl Profile {
    /// Draws a day: arrivals are Poisson within each interval.
    #[must_use]
    pub fn day(&self, seed: u64, manner: Manner) -> Day {
        let mut chance = Chance::of(seed, thing::ARRIVALS, 0);
        let mut callers = vec![];
        let mut begins = self.begins;
        for calls in &self.calls {
            let ends = begins + self.interval;
            // What an exponential gap has left when the rate changes is exponential again.
            let mut at = begins + self.gap(*calls, &mut chance);
            while at < ends {
                let chance_of_caller = Chance::of(seed, thing::CALLER, callers.len() as u64);
                callers.push(self.caller(at, chance_of_caller));
                at = at + self.gap(*calls, &mut chance);
            }
            begins = ends;
        }
        Day { seed, begins: self.begins, ends: begins, callers, manner }
    }

    /// How long it is until the next call when an interval brings so many; no interval is as long
    /// as what comes of none.
    fn gap(&self, calls: f64, chance: &mut Chance) -> Duration {
        crate::chance::span(self.interval.as_secs_f64() / calls * chance.exponential())
            .max(Duration::from_micros(1))
    }

    fn caller(&self, at: Timestamp, mut chance: Chance) -> Caller {
        let talk = self.talk.draw(&mut chance);
        let wants = self.wanted(&mut chance);
        let patience = self.patience.map(|patience| patience.draw(&mut chance));
        Caller { at, hotline: None, wants, talk, patience }
    }

    fn wanted(&self, chance: &mut Chance) -> Option<QueueId> {
        let sum: f64 = self.wants.iter().map(|(_, weight)| weight).sum();
        let mut left = chance.share() * sum;
        let passed = |(_, weight): &&(QueueId, f64)| {
            left -= weight;
            left < 0.0
        };
        self.wants.iter().find(passed).or(self.wants.last()).map(|(queue, _)| queue.clone())
    }
}

/// One shift of an agent (班次).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shift {
    /// Who.
    pub agent: AgentId,
    /// Signs in.
    pub from: Timestamp,
    /// Signs out, once no call is left.
    pub until: Timestamp,
    /// Breaks, in order.
    pub breaks: Vec<Break>,
}

/// One break (小休): begins when due, or after the call that is going on then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Break {
    /// When it is due.
    pub at: Timestamp,
    /// How long it is, whenever it begins.
    pub length: Duration,
    /// The busy reason; a break whose reason the configuration does not have is not taken.
    pub reason: Reason,
}

/// Everybody whom a configuration knows works all day.
#[must_use]
pub fn everybody(config: &FloorConfig, day: &Day) -> Vec<Shift> {
    let at_a_phone = config.agents.iter().filter(|(_, agent)| agent.phone.is_some());
    let shift = |(agent, _): (&AgentId, &AgentConfig)| Shift {
        agent: *agent,
        from: day.begins,
        until: day.ends,
        breaks: vec![],
    };
    at_a_phone.map(shift).collect()
}

/// Gives a configuration so many agents, each at a phone of their own: its first ones, or, where it
/// has fewer, copies of them in turn with the same skills. One without agents stays without.
pub fn staff(config: &mut FloorConfig, many: usize) {
    let own: Vec<AgentId> = config.agents.keys().copied().collect();
    for agent in own.iter().skip(many) {
        config.agents.remove(agent);
        config.acd.agents.remove(agent);
    }
    let last = own.last().map_or(0, |agent| agent.number());
    let missing = many.saturating_sub(own.len());
    for (number, model) in (last + 1..).zip(own.iter().cycle().take(missing)) {
        let agent = AgentId::new(number);
        // No phone of the configuration has such a name.
        let phone = PhoneId::from(format!("simulated-{number}").as_str());
        let skills = config.acd.agents.get(model).cloned().unwrap_or_default();
        config.acd.agents.insert(agent, skills);
        config.phones.insert(phone.clone(), PhoneConfig::default());
        config.agents.insert(agent, AgentConfig { name: agent.to_string(), phone: Some(phone) });
    }
}
