//! Public numbers, and the flows behind them: every step reached, every caller let go in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use flow::{Flow, Step};
use model::{HotlineId, PromptId};
use switchboard::config::HotlineConfig;
use toml_edit::TableLike;

use super::callback;
use super::finding::Code;
use super::key;
use super::limits::{self, Limits};
use super::prompts::Needed;
use super::queues::{self, Queues};
use super::section::{Reader, Section, Spanned};

/// One public number.
#[derive(Clone, Debug)]
pub(super) struct Hotline {
    pub(super) id: HotlineId,
    /// Where the number is written.
    pub(super) at: Range<usize>,
    pub(super) config: HotlineConfig,
    pub(super) limits: Limits,
}

/// What is read of flows and public numbers.
pub(super) struct Flows {
    /// The flows, by name.
    pub(super) flows: BTreeMap<String, Arc<Flow>>,
    /// The numbers that lead to them.
    pub(super) hotlines: Vec<Hotline>,
}

/// Reads flows and the numbers that lead to them.
pub(super) fn read(
    reader: &Reader,
    root: &dyn TableLike,
    queues: &Queues,
    needed: &mut Needed,
) -> Flows {
    let mut flows = BTreeMap::new();
    for (name, section) in Section::named(reader, root, &key::FLOWS) {
        let flow = Reading { reader, queues, needed }.flow(&name, &section);
        flows.insert(name.value, Arc::new(flow));
    }
    let mut hotlines = Vec::new();
    for (name, section) in Section::named(reader, root, &key::HOTLINES) {
        let number = section.telephone("number");
        let Some(written) = section.name("flow") else { continue };
        let Some(flow) = flows.get(&written.value) else {
            reader.unknown(Code::FlowUnknown, "flow", &written, flows.keys().map(String::as_str));
            continue;
        };
        if let Some(number) = number {
            let limits = limits::read(&section);
            let config = HotlineConfig {
                number: number.value,
                flow: Arc::clone(flow),
                limits: limits.read.clone(),
            };
            let id = HotlineId::from(name.value.as_str());
            hotlines.push(Hotline { id, at: number.at, config, limits });
        }
    }
    Flows { flows, hotlines }
}

/// A step with the places of what it leads to.
struct PlacedStep {
    at: Range<usize>,
    step: Step,
    /// Where a caller goes who does nothing.
    silent: Option<Spanned<String>>,
    /// Where keys lead.
    chosen: Vec<Spanned<String>>,
}

impl PlacedStep {
    const fn release(at: Range<usize>, prompts: Vec<PromptId>) -> Self {
        Self { at, step: Step::Release { prompts }, silent: None, chosen: Vec::new() }
    }

    fn targets(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.silent.iter().chain(&self.chosen)
    }
}

struct Reading<'a> {
    reader: &'a Reader,
    queues: &'a Queues,
    needed: &'a mut Needed,
}

impl Reading<'_> {
    fn flow(&mut self, name: &Spanned<String>, section: &Section<'_>) -> Flow {
        let mut steps = BTreeMap::new();
        let mut is_whole = true;
        let sections = section
            .table()
            .map_or_else(Vec::new, |table| Section::named(self.reader, table, &key::STEPS));
        for (step, section) in sections {
            let placed = self.step(step.at.clone(), &section);
            is_whole &= placed.is_some();
            let standing_in = || PlacedStep::release(step.at, Vec::new());
            steps.insert(step.value, placed.unwrap_or_else(standing_in));
        }
        let start = section.name("start");
        if let Some(start) = &start {
            is_whole &= check_targets(self.reader, start, &steps);
            // What a broken step leads to is not known: it would be told a second time.
            if is_whole {
                check_reached(self.reader, name, start, &steps);
            }
            check_loops(self.reader, &steps);
        }
        let steps = steps.into_iter().map(|(name, placed)| (name, placed.step)).collect();
        let start = start.map(|start| start.value).unwrap_or_default();
        Flow { name: name.value.clone(), start, steps }
    }

    fn step(&mut self, at: Range<usize>, section: &Section<'_>) -> Option<PlacedStep> {
        let kind = section.word("kind")?;
        self.check_keys(&kind, section);
        match kind.value.as_str() {
            "play" => self.play(at, section),
            "menu" => self.menu(at, section),
            "queue" => self.queue(at, section),
            "callback" => self.callback(at, section),
            _ => Some(PlacedStep::release(at, self.prompts(section))),
        }
    }

    /// A key that means nothing to the kind of step is no key of it.
    fn check_keys(&self, kind: &Spanned<String>, section: &Section<'_>) {
        let meant: &[&str] = match kind.value.as_str() {
            "play" => &["prompts", "next"],
            "menu" => &["prompts", "wait", "tries", "choices", "otherwise"],
            "queue" => &["queue", "priority"],
            "callback" => &["queue", "priority", "otherwise"],
            _ => &["prompts"],
        };
        for key in key::STEPS.keys.iter().filter(|key| key.name != "kind") {
            if section.has(key.name) && !meant.contains(&key.name) {
                let message = format!("`{}` means nothing in a `{}` step", key.name, kind.value);
                let help = format!("a `{}` step takes {}", kind.value, meant.join(", "));
                self.reader.report(Code::UnknownKey, &section.key_at(key.name), message, help);
            }
        }
    }

    fn play(&mut self, at: Range<usize>, section: &Section<'_>) -> Option<PlacedStep> {
        let prompts = self.prompts(section);
        let next = self.need(section, "next", section.name("next"))?;
        let step = Step::Play { prompts, next: next.value.clone() };
        Some(PlacedStep { at, step, silent: Some(next), chosen: Vec::new() })
    }

    fn menu(&mut self, at: Range<usize>, section: &Section<'_>) -> Option<PlacedStep> {
        let prompts = self.prompts(section);
        if prompts.is_empty() {
            self.need(section, "prompts", None::<()>);
        }
        let choices = section.choices("choices");
        if choices.is_empty() {
            self.need(section, "choices", None::<()>);
        }
        let otherwise = self.need(section, "otherwise", section.name("otherwise"))?;
        let step = Step::Menu {
            prompts,
            wait: section.duration("wait")?.value,
            tries: section.small("tries")?,
            choices: choices.iter().map(|(key, step)| (*key, step.value.clone())).collect(),
            otherwise: otherwise.value.clone(),
        };
        let chosen = choices.into_iter().map(|(_, step)| step).collect();
        Some(PlacedStep { at, step, silent: Some(otherwise), chosen })
    }

    fn queue(&self, at: Range<usize>, section: &Section<'_>) -> Option<PlacedStep> {
        let written = self.need(section, "queue", section.name("queue"))?;
        let queue = queues::find(self.reader, &self.queues.acd, &written)?;
        let step = Step::Queue { queue, priority: section.small("priority")? };
        Some(PlacedStep { at, step, silent: None, chosen: Vec::new() })
    }

    fn callback(&self, at: Range<usize>, section: &Section<'_>) -> Option<PlacedStep> {
        let written = self.need(section, "queue", section.name("queue"))?;
        let queue = queues::find(self.reader, &self.queues.acd, &written)?;
        callback::check_there(self.reader, &self.queues.rules, &queue, &written.at);
        let otherwise = self.need(section, "otherwise", section.name("otherwise"))?;
        let priority = section.small("priority")?;
        let step = Step::Callback { queue, priority, otherwise: otherwise.value.clone() };
        Some(PlacedStep { at, step, silent: Some(otherwise), chosen: Vec::new() })
    }

    fn prompts(&mut self, section: &Section<'_>) -> Vec<PromptId> {
        let names = section.names("prompts").unwrap_or_default();
        names.into_iter().map(|name| self.needed.add(name)).collect()
    }

    fn need<T>(&self, section: &Section<'_>, key: &str, found: Option<T>) -> Option<T> {
        if found.is_none() && !section.has(key) {
            let message = format!("`{key}` is missing in this step");
            let text = key::STEPS.keys.iter().find(|known| known.name == key);
            let help = text.map_or("", |key| key.text).to_owned();
            self.reader.report(Code::MissingKey, &section.at(), message, help);
        }
        found
    }
}

/// Whether every step leads to steps that are there.
fn check_targets(
    reader: &Reader,
    start: &Spanned<String>,
    steps: &BTreeMap<String, PlacedStep>,
) -> bool {
    let targets = std::iter::once(start).chain(steps.values().flat_map(PlacedStep::targets));
    let lost: Vec<_> = targets.filter(|target| !steps.contains_key(&target.value)).collect();
    for target in &lost {
        reader.unknown(Code::StepUnknown, "step", target, steps.keys().map(String::as_str));
    }
    lost.is_empty()
}

fn check_reached(
    reader: &Reader,
    flow: &Spanned<String>,
    start: &Spanned<String>,
    steps: &BTreeMap<String, PlacedStep>,
) {
    let mut reached = BTreeSet::new();
    let mut ahead = vec![start.value.as_str()];
    while let Some(name) = ahead.pop() {
        if let Some(step) = steps.get(name).filter(|_| reached.insert(name)) {
            ahead.extend(step.targets().map(|target| target.value.as_str()));
        }
    }
    for (name, step) in steps.iter().filter(|(name, _)| !reached.contains(name.as_str())) {
        let message = format!("no caller of flow `{}` reaches step `{name}`", flow.value);
        let help = "lead to it from another step, or leave it out".to_owned();
        reader.report(Code::StepUnreachable, &step.at, message, help);
    }
}

/// A caller who presses nothing must come to a queue or be released. Keys may lead back: a caller
/// who presses them is there and wants it so.
fn check_loops(reader: &Reader, steps: &BTreeMap<String, PlacedStep>) {
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for name in steps.keys() {
        let path = silent_path(steps, name);
        let is_loop = path.last() == path.first() && path.len() > 1;
        if !is_loop || path.iter().any(|step| told.contains(step)) {
            continue;
        }
        if let Some(silent) = steps.get(name).and_then(|step| step.silent.as_ref()) {
            let message =
                format!("a caller who presses nothing never leaves: {}", path.join(" → "));
            let help =
                "let `otherwise` or `next` lead to a queue or to a `release` step".to_owned();
            reader.report(Code::FlowLoop, &silent.at, message, help);
        }
        told.extend(path);
    }
}

/// The steps of a caller who does nothing, until the first that comes again.
fn silent_path<'a>(steps: &'a BTreeMap<String, PlacedStep>, from: &'a str) -> Vec<&'a str> {
    let mut path = vec![from];
    let mut at = from;
    while let Some(next) = steps.get(at).and_then(|step| step.silent.as_ref()) {
        let is_back = path.contains(&next.value.as_str());
        path.push(&next.value);
        if is_back {
            break;
        }
        at = &next.value;
    }
    path
}
