//! Queues: what they ask for, whether anybody can serve them, and where they overflow to.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use acd::{Needs, Nobody, QueueConfig, Ringing, Routing, Share, Skills, Tier, WhenNobody};
use model::{AgentId, QueueId, SkillId, WrapUpMode};
use switchboard::config::{LastAgent, QueueRules};
use toml_edit::TableLike;

use super::callback;
use super::exits;
use super::finding::Code;
use super::key;
use super::people::{People, wrap_up_mode};
use super::prompts::Needed;
use super::section::{Reader, Section, Spanned};

/// What is read of the queues.
pub(super) struct Queues {
    /// For the distribution.
    pub(super) acd: BTreeMap<QueueId, QueueConfig>,
    /// For the floor.
    pub(super) rules: BTreeMap<QueueId, QueueRules>,
    /// Their keys, as written.
    pub(super) keys: Vec<exits::Written>,
    /// Where their callbacks are written.
    pub(super) callbacks: BTreeMap<QueueId, Range<usize>>,
}

/// Reads every queue.
pub(super) fn read(
    reader: &Reader,
    root: &dyn TableLike,
    agents: &BTreeMap<AgentId, Skills>,
    needed: &mut Needed,
) -> Queues {
    let sections = Section::named(reader, root, &key::QUEUES);
    let mut queues = BTreeMap::new();
    let mut rules = BTreeMap::new();
    let (mut keys, mut callbacks) = (Vec::new(), BTreeMap::new());
    let mut overflows = Vec::new();
    for (name, section) in &sections {
        let overflow = section.name("overflow");
        let serves = Serving { reader, queue: name, agents };
        let queue = read_queue(section, &serves, overflow.as_ref());
        let id = QueueId::from(name.value.as_str());
        overflows.extend(overflow.map(|overflow| (id.clone(), overflow)));
        queues.insert(id.clone(), queue);
        keys.push(exits::Written::read(id.clone(), section));
        let callback = callback::read(reader, section, needed);
        if let Some((at, _)) = &callback {
            callbacks.insert(id.clone(), at.clone());
        }
        let callback = callback.map(|(_, callback)| callback);
        rules.insert(id, QueueRules { callback, ..read_rules(reader, section) });
    }
    for (_, overflow) in &overflows {
        find(reader, &queues, overflow);
    }
    check_overflow_loops(reader, &queues, &overflows);
    Queues { acd: queues, rules, keys, callbacks }
}

fn read_rules(reader: &Reader, section: &Section<'_>) -> QueueRules {
    let within = section.duration("last_agent_within");
    let wait = section.duration("last_agent_wait");
    QueueRules {
        last_agent: within
            .zip(wait)
            .map(|(within, wait)| LastAgent { within: within.value, wait: wait.value }),
        resume_within: section.duration("resume_within").map(|span| span.value),
        wrap_up_mode: read_wrap_up_mode(reader, section),
        ..QueueRules::default()
    }
}

/// The queues that agents are signed in to at first; a finding for each that is not theirs.
pub(super) fn at_first(
    reader: &Reader,
    queues: &BTreeMap<QueueId, QueueConfig>,
    people: &People,
) -> BTreeMap<AgentId, BTreeSet<QueueId>> {
    let mut first: BTreeMap<AgentId, BTreeSet<QueueId>> = BTreeMap::new();
    for (agent, names) in &people.first_queues {
        let first = first.entry(*agent).or_default();
        for name in names {
            let Some(id) = find(reader, queues, name) else { continue };
            let skills = people.skills.get(agent);
            let tier = queues.get(&id).zip(skills).and_then(|(queue, has)| queue.tier_of(has));
            if tier.is_none() {
                let message = format!("agent {agent} has not what queue `{id}` needs");
                let help = "leave the queue out, or give the agent its skills".to_owned();
                reader.report(Code::BadValue, &name.at, message, help);
            }
            first.insert(id);
        }
    }
    first
}

/// What agents may do about the queue's wrap-up; a finding where there is none to do it about.
fn read_wrap_up_mode(reader: &Reader, section: &Section<'_>) -> Option<WrapUpMode> {
    let mode = wrap_up_mode(&section.word("wrap_up_mode")?.value);
    let span = section.duration("wrap_up").map(|span| span.value);
    if mode == WrapUpMode::None && section.has("wrap_up") {
        let message = "`wrap_up` never comes about where `wrap_up_mode` is \"none\"".to_owned();
        let help = "leave one of them out".to_owned();
        reader.report(Code::BadValue, &section.key_at("wrap_up"), message, help);
    } else if mode != WrapUpMode::None && span.is_some_and(|span| span.is_zero()) {
        let message = "`wrap_up_mode` is about wrap-up, and this queue gives none".to_owned();
        let help = "let `wrap_up` be more than 0s, or leave `wrap_up_mode` out".to_owned();
        reader.report(Code::BadValue, &section.key_at("wrap_up_mode"), message, help);
    }
    Some(mode)
}

fn read_queue(
    section: &Section<'_>,
    serves: &Serving<'_>,
    overflow: Option<&Spanned<String>>,
) -> QueueConfig {
    let standard = QueueConfig::default();
    let is = |key, word| section.word(key).is_some_and(|written| written.value == word);
    let span = |key| section.duration(key).map(|span| span.value);
    let ringing = section.word("ringing").map(|word| word.value);
    let every = span("ring_another").unwrap_or(standard.ring);
    let order = section.agents("order");
    QueueConfig {
        label: section.label("label").map(|label| label.value).unwrap_or_default(),
        needs: serves.needs(section),
        tiers: read_tiers(section, serves),
        routing: section.word("routing").map_or(Routing::default(), |word| strategy(&word.value)),
        order: order
            .iter()
            .filter_map(|agent| u32::try_from(agent.value).ok())
            .map(AgentId::new)
            .collect(),
        shares: section
            .levels("shares")
            .iter()
            .map(|(skill, part)| Share { skill: skill_id(skill), part: u16::from(*part) })
            .collect(),
        ringing: match ringing.as_deref() {
            Some("all") => Ringing::All,
            Some("progressive") => Ringing::Progressive { every },
            _ => Ringing::One,
        },
        ring: span("ring").unwrap_or(standard.ring),
        wrap_up: span("wrap_up").unwrap_or(standard.wrap_up),
        max_wait: span("max_wait"),
        max_length: section.small("max_length"),
        max_estimate: span("max_estimate"),
        most_at_once: section.small("most_at_once"),
        priority_worth: span("priority_worth"),
        overflow: overflow.map(|queue| QueueId::from(queue.value.as_str())),
        when_nobody: if is("when_nobody", "turn_away") {
            WhenNobody::TurnAway
        } else {
            WhenNobody::Wait
        },
        nobody: if is("nobody", "working") { Nobody::Working } else { Nobody::SignedIn },
        leave_after: span("leave_after"),
        weight: section.small("weight").unwrap_or_default(),
    }
}

/// The outer tiers: each opens later, or by a length.
fn read_tiers(section: &Section<'_>, serves: &Serving<'_>) -> Vec<Tier> {
    let Some(table) = section.table() else { return Vec::new() };
    let mut last = Duration::ZERO;
    let mut tiers = Vec::new();
    for section in Section::listed(serves.reader, table, &key::TIERS) {
        let after = section.duration("after");
        let waiting = section.small("waiting");
        if after.is_none() && waiting.is_none() {
            let message = "this tier never opens".to_owned();
            let help = "say `after` which wait it opens, or with how many `waiting`".to_owned();
            serves.reader.report(Code::TierNeverOpens, &section.at(), message, help);
        }
        if let Some(after) = &after {
            if after.value < last {
                let message = "this tier opens before the one inside it".to_owned();
                let help = "write the tiers from the inside out, each `after` a longer wait";
                serves.reader.report(Code::TierNeverOpens, &after.at, message, help.into());
            }
            last = after.value;
        }
        let after = after.map(|span| span.value);
        tiers.push(Tier { needs: serves.needs(&section), after, waiting });
    }
    tiers
}

/// Who could serve a queue.
struct Serving<'a> {
    reader: &'a Reader,
    queue: &'a Spanned<String>,
    agents: &'a BTreeMap<AgentId, Skills>,
}

impl Serving<'_> {
    /// What is asked of an agent; a finding where nobody has it.
    fn needs(&self, section: &Section<'_>) -> Needs {
        let all = section.levels("needs");
        check_served(self.reader, self.queue, &all, self.agents);
        let any = section.levels("needs_one_of");
        let not = section.names("needs_not").unwrap_or_default();
        let needs = Needs {
            all: all.iter().map(|(skill, level)| (skill_id(skill), *level)).collect(),
            any: any.iter().map(|(skill, level)| [(skill_id(skill), *level)].into()).collect(),
            not: not.iter().map(skill_id).collect(),
        };
        let restricts = !needs.any.is_empty() || !needs.not.is_empty();
        if restricts && !self.agents.values().any(|has| needs.are_met_by(has)) {
            let message = format!("no agent has what queue `{}` needs here", self.queue.value);
            let help = "give somebody one of `needs_one_of`, or take from `needs_not`".to_owned();
            self.reader.report(Code::SkillNobodyHas, &section.at(), message, help);
        }
        needs
    }
}

fn strategy(word: &str) -> Routing {
    Routing::ALL.into_iter().find(|routing| routing.as_str() == word).unwrap_or_default()
}

fn skill_id(skill: &Spanned<String>) -> SkillId {
    SkillId::from(skill.value.as_str())
}

/// The queue of this name; a finding when there is none.
pub(super) fn find(
    reader: &Reader,
    queues: &BTreeMap<QueueId, QueueConfig>,
    name: &Spanned<String>,
) -> Option<QueueId> {
    let id = QueueId::from(name.value.as_str());
    if queues.contains_key(&id) {
        return Some(id);
    }
    reader.unknown(Code::QueueUnknown, "queue", name, queues.keys().map(QueueId::as_str));
    None
}

/// Somebody must have every skill at its level, and somebody all of them at once.
fn check_served(
    reader: &Reader,
    queue: &Spanned<String>,
    needs: &[(Spanned<String>, u8)],
    agents: &BTreeMap<AgentId, Skills>,
) {
    if needs.is_empty() {
        return;
    }
    let mut is_each_had = true;
    for (skill, level) in needs {
        let best = agents.values().filter_map(|has| has.get(&skill_id(skill))).max().copied();
        if best.is_none_or(|best| best < *level) {
            is_each_had = false;
            report_nobody(reader, queue, &(skill, *level), best);
        }
    }
    let fits = |has: &Skills| {
        needs.iter().all(|(skill, level)| has.get(&skill_id(skill)).is_some_and(|has| has >= level))
    };
    if is_each_had && !agents.values().any(fits) {
        let message = format!("no one agent has every skill queue `{}` needs", queue.value);
        let help =
            "the skills are there, but spread over several agents: ask for fewer, or teach one";
        reader.report(Code::SkillNobodyHas, &queue.at, message, help.into());
    }
}

fn report_nobody(
    reader: &Reader,
    queue: &Spanned<String>,
    (skill, level): &(&Spanned<String>, u8),
    best: Option<u8>,
) {
    let name = &skill.value;
    let (message, help) = match best {
        Some(best) => (
            format!(
                "queue `{}` needs `{name}` at level {level}, and nobody is above {best}",
                queue.value
            ),
            format!("ask for {best}, or raise somebody's level"),
        ),
        None => (
            format!("queue `{}` needs `{name}`, and no agent has it", queue.value),
            "give it to an agent with `skills`, or to a skill group that has members".to_owned(),
        ),
    };
    reader.report(Code::SkillNobodyHas, &skill.at, message, help);
}

/// Overflow must come to an end: a caller is not sent in circles.
fn check_overflow_loops(
    reader: &Reader,
    queues: &BTreeMap<QueueId, QueueConfig>,
    overflows: &[(QueueId, Spanned<String>)],
) {
    let mut told: Vec<QueueId> = Vec::new();
    for (queue, overflow) in overflows {
        if told.contains(queue) {
            continue;
        }
        let chain = chain_from(queues, queue);
        if chain.last() == Some(queue) {
            let names: Vec<_> = chain.iter().map(QueueId::as_str).collect();
            report_loop(reader, &overflow.at, &format!("{} → {}", queue, names.join(" → ")));
            told.extend(chain);
        }
    }
}

/// The queues after `queue`, until the chain ends or comes back to one it has passed.
fn chain_from(queues: &BTreeMap<QueueId, QueueConfig>, queue: &QueueId) -> Vec<QueueId> {
    let mut chain: Vec<QueueId> = Vec::new();
    let mut at = queue;
    while let Some(next) = queues.get(at).and_then(|queue| queue.overflow.as_ref()) {
        let is_back = next == queue || chain.contains(next);
        chain.push(next.clone());
        if is_back {
            break;
        }
        at = next;
    }
    chain
}

fn report_loop(reader: &Reader, at: &Range<usize>, chain: &str) {
    let message = format!("overflow goes in a circle: {chain}");
    let help = "let one of them end: leave its `overflow` out".to_owned();
    reader.report(Code::OverflowLoop, at, message, help);
}
