//! The keys by which callers leave a queue, and where each leads. What they name is looked for when
//! queues, flows and prompts have been read.

use std::collections::BTreeMap;
use std::sync::Arc;

use acd::QueueConfig;
use flow::Flow;
use model::QueueId;
use switchboard::config::{Exit, QueueRules};

use super::callback;
use super::finding::Code;
use super::prompts::Needed;
use super::queues;
use super::section::{Reader, Section, Spanned};
use super::value;

const FORM: &str =
    "a key leads to \"queue:NAME\", \"flow:NAME\", \"callback\", \"release\" or \"release:PROMPT\"";

/// The keys of one queue, as written.
pub(super) struct Written {
    queue: QueueId,
    keys: Vec<(char, Spanned<String>)>,
    prompt: Option<Spanned<String>>,
}

impl Written {
    /// Reads them.
    pub(super) fn read(queue: QueueId, section: &Section<'_>) -> Self {
        let keys =
            section.keys("keys", "keys with where they lead, like { 0 = \"queue:service\" }");
        Self { queue, keys, prompt: section.name("keys_prompt") }
    }
}

/// What keys may lead to.
pub(super) struct Leads<'a> {
    pub(super) reader: &'a Reader,
    pub(super) queues: &'a BTreeMap<QueueId, QueueConfig>,
    pub(super) flows: &'a BTreeMap<String, Arc<Flow>>,
    pub(super) needed: &'a mut Needed,
}

impl Leads<'_> {
    /// Finds what the keys name, and puts it into the queues' rules.
    pub(super) fn lead(
        &mut self,
        written: Vec<Written>,
        rules: &mut BTreeMap<QueueId, QueueRules>,
    ) {
        for Written { queue, keys, prompt } in written {
            let Some(rules) = rules.get_mut(&queue) else { continue };
            if let Some(prompt) = prompt.as_ref().filter(|_| keys.is_empty()) {
                let message = "`keys_prompt` tells of keys, and there are none".to_owned();
                self.reader.report(Code::BadValue, &prompt.at, message, "give `keys`".to_owned());
            }
            rules.keys_prompt = prompt.map(|prompt| self.needed.add(prompt));
            if rules.callback.is_none()
                && let Some((_, to)) = keys.iter().find(|(_, to)| to.value == "callback")
            {
                callback::report_missing(self.reader, &queue, &to.at);
            }
            let exits = keys.into_iter();
            rules.keys =
                exits.filter_map(|(key, to)| Some((key, self.exit(&queue, &to)?))).collect();
        }
    }

    fn exit(&mut self, queue: &QueueId, to: &Spanned<String>) -> Option<Exit> {
        let (kind, name) = match to.value.split_once(':') {
            Some((kind, name)) => (kind, Some(name)),
            None => (to.value.as_str(), None),
        };
        let name = name.map(|name| Spanned { value: name.to_owned(), at: to.at.clone() });
        match (kind, name) {
            ("callback", None) => Some(Exit::Callback),
            ("release", None) => Some(Exit::Release(None)),
            ("release", Some(prompt)) if value::is_name(&prompt.value) => {
                Some(Exit::Release(Some(self.needed.add(prompt))))
            }
            ("queue", Some(name)) => self.queue(queue, &name),
            ("flow", Some(name)) => self.flow(&name),
            _ => {
                let message = format!("`{}` is nowhere a key could lead", to.value);
                self.reader.report(Code::BadValue, &to.at, message, FORM.to_owned());
                None
            }
        }
    }

    fn queue(&self, from: &QueueId, name: &Spanned<String>) -> Option<Exit> {
        let queue = queues::find(self.reader, self.queues, name)?;
        if queue == *from {
            let message = format!("this key of queue `{from}` leads to the queue itself");
            let help = "the caller would lose the place: lead elsewhere, or leave the key out";
            self.reader.report(Code::BadValue, &name.at, message, help.to_owned());
        }
        Some(Exit::Queue(queue))
    }

    fn flow(&self, name: &Spanned<String>) -> Option<Exit> {
        let flow = self.flows.get(&name.value);
        if flow.is_none() {
            let known = self.flows.keys().map(String::as_str);
            self.reader.unknown(Code::FlowUnknown, "flow", name, known);
        }
        flow.map(|flow| Exit::Flow(Arc::clone(flow)))
    }
}
