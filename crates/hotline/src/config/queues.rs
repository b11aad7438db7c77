//! Queues: what they ask for, whether anybody can serve them, and where they overflow to.

use std::collections::BTreeMap;
use std::ops::Range;

use acd::{QueueConfig, Routing, Skills, WhenNobody};
use model::{AgentId, QueueId, SkillId};
use toml_edit::TableLike;

use super::finding::Code;
use super::key;
use super::section::{Reader, Section, Spanned};

/// Reads every queue.
pub(super) fn read(
    reader: &Reader,
    root: &dyn TableLike,
    agents: &BTreeMap<AgentId, Skills>,
) -> BTreeMap<QueueId, QueueConfig> {
    let sections = Section::named(reader, root, &key::QUEUES);
    let mut queues = BTreeMap::new();
    let mut overflows = Vec::new();
    for (name, section) in &sections {
        let needs = section.levels("needs");
        check_served(reader, name, &needs, agents);
        let overflow = section.name("overflow");
        let queue = read_queue(section, &needs, overflow.as_ref());
        let id = QueueId::from(name.value.as_str());
        overflows.extend(overflow.map(|overflow| (id.clone(), overflow)));
        queues.insert(id, queue);
    }
    for (_, overflow) in &overflows {
        find(reader, &queues, overflow);
    }
    check_overflow_loops(reader, &queues, &overflows);
    queues
}

fn read_queue(
    section: &Section<'_>,
    needs: &[(Spanned<String>, u8)],
    overflow: Option<&Spanned<String>>,
) -> QueueConfig {
    let standard = QueueConfig::default();
    let turns_away = section.word("when_nobody").is_some_and(|word| word.value == "turn_away");
    QueueConfig {
        label: section.label("label").map(|label| label.value).unwrap_or_default(),
        needs: needs.iter().map(|(skill, level)| (skill_id(skill), *level)).collect(),
        routing: section.word("routing").map_or(Routing::default(), |word| strategy(&word.value)),
        ring: section.duration("ring").map_or(standard.ring, |span| span.value),
        wrap_up: section.duration("wrap_up").map_or(standard.wrap_up, |span| span.value),
        max_wait: section.duration("max_wait").map(|span| span.value),
        max_length: section.small("max_length"),
        overflow: overflow.map(|queue| QueueId::from(queue.value.as_str())),
        when_nobody: if turns_away { WhenNobody::TurnAway } else { WhenNobody::Wait },
        weight: section.small("weight").unwrap_or_default(),
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
