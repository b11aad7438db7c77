//! How callers of a queue are called back, and whether any rule lets them be dialled.

use std::collections::BTreeMap;
use std::ops::Range;

use model::QueueId;
use switchboard::config::{CallbackRules, OutboundRule, QueueRules};

use super::finding::Code;
use super::key;
use super::prompts::Needed;
use super::section::{Reader, Section};

/// Reads a queue's callbacks, with where they are written.
pub(super) fn read(
    reader: &Reader,
    queue: &Section<'_>,
    needed: &mut Needed,
) -> Option<(Range<usize>, CallbackRules)> {
    let section = Section::within(reader, queue.table()?, &key::CALLBACK)?;
    let (from, until) = (section.clock("from"), section.clock("until"));
    if from.is_some() != until.is_some() {
        let message = "`from` and `until` belong together".to_owned();
        let help = "write both, or neither: then callers are called at any time".to_owned();
        reader.report(Code::BadValue, &section.at(), message, help);
    }
    let mut prompt = |name: &str| section.name(name).map(|name| needed.add(name));
    let rules = CallbackRules {
        attempts: section.small("attempts")?,
        pause: section.duration("pause")?.value,
        expires: section.duration("expires")?.value,
        hours: from.zip(until).map(|(from, until)| (from.value, until.value)),
        prefix: section.prefix("prefix")?,
        role: section.name("role").map(|role| role.value),
        accepted: prompt("accepted"),
        refused: prompt("refused"),
    };
    Some((section.at(), rules))
}

/// A finding where nothing says how callers of the queue are called back.
pub(super) fn check_there(
    reader: &Reader,
    rules: &BTreeMap<QueueId, QueueRules>,
    queue: &QueueId,
    at: &Range<usize>,
) {
    if rules.get(queue).is_some_and(|rules| rules.callback.is_none()) {
        report_missing(reader, queue, at);
    }
}

/// Nothing says how callers of the queue are called back.
pub(super) fn report_missing(reader: &Reader, queue: &QueueId, at: &Range<usize>) {
    let message = format!("nothing says how callers of queue `{queue}` are called back");
    let help = format!("write a table `[queues.{queue}.callback]`; every key of it has a default");
    reader.report(Code::MissingKey, at, message, help);
}

/// Some rule must let callers be dialled, and show a number that is not an agent's own.
pub(super) fn check_routes(
    reader: &Reader,
    callbacks: &BTreeMap<QueueId, Range<usize>>,
    rules: &BTreeMap<QueueId, QueueRules>,
    outbound: &[OutboundRule],
) {
    for (queue, at) in callbacks {
        let Some(callback) = rules.get(queue).and_then(|rules| rules.callback.as_ref()) else {
            continue;
        };
        let mut taking = outbound.iter().filter(|rule| takes(rule, callback)).peekable();
        if taking.peek().is_none() {
            let dialled = format!("`{}` and the caller's number", callback.prefix);
            let message = format!("no rule of [[outbound]] lets {dialled} be dialled");
            let help = "write the `prefix` of a rule that has a trunk, and its `role` where the rule has \
                        `roles`";
            reader.report(Code::CallbackWithoutRoute, at, message, help.to_owned());
        } else if taking.any(|rule| rule.show.is_none()) {
            let message = "a rule by which callers are called back shows no number".to_owned();
            let help = "give that rule of [[outbound]] a `show`: the caller sees the number dialled, which \
                        may not be shown where it is a 400 or 800 number";
            reader.report(Code::CallbackWithoutRoute, at, message, help.to_owned());
        }
    }
}

/// Whether a rule may take what is dialled for some caller.
fn takes(rule: &OutboundRule, callback: &CallbackRules) -> bool {
    let holds = rule.roles.is_empty()
        || callback.role.as_ref().is_some_and(|role| rule.roles.contains(role));
    let fits =
        rule.prefix.starts_with(&callback.prefix) || callback.prefix.starts_with(&rule.prefix);
    holds && fits && !rule.trunks.is_empty()
}
