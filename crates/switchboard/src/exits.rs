//! A caller who waits presses a key and leaves the queue.

use model::{CallId, Cause, OfferEnd, Outcome, PromptId, QueueId};

use crate::Switchboard;
use crate::config::Exit;
use crate::distribute::Went;

impl Switchboard {
    /// A caller who waits pressed a key. One that leads nowhere is not heard.
    pub(crate) fn key_while_waiting(&mut self, id: CallId, key: char) {
        let Some(wait) = self.waiting(id) else { return };
        let priority = wait.priority;
        let rules = self.config.queues.get(&wait.queue);
        let Some(exit) = rules.and_then(|rules| rules.keys.get(&key)).cloned() else { return };
        match exit {
            Exit::Queue(queue) => {
                self.leave_by_key(id, key, Some(queue.clone()));
                self.queue_call(id, queue, priority);
            }
            Exit::Flow(flow) => {
                self.leave_by_key(id, key, None);
                self.begin_flow(id, flow);
            }
            Exit::Callback => self.callback_by_key(id, key),
            Exit::Release(prompt) => {
                self.leave_by_key(id, key, None);
                match prompt {
                    Some(prompt) => self.announce(id, prompt, Cause::FlowEnded),
                    None => self.end_call(id, Cause::FlowEnded),
                }
            }
        }
    }

    /// The caller leaves the line and keeps the place; who cannot be called back goes on waiting.
    fn callback_by_key(&mut self, id: CallId, key: char) {
        let Some(wait) = self.waiting(id) else { return };
        let (queue, priority) = (wait.queue.clone(), wait.priority);
        let Some(arrived) = self.acd.arrived(id) else { return };
        match self.wish(id, &queue, (priority, arrived)) {
            Ok(rules) => {
                self.leave_by(id, Outcome::Callback, &Went { to: None, key: Some(key) });
                self.promise(id, rules.accepted);
            }
            Err(_) => {
                let rules = self.config.queues.get(&queue).and_then(|it| it.callback.as_ref());
                if let Some(prompt) = rules.and_then(|rules| rules.refused.clone()) {
                    self.welcome(id, vec![prompt]);
                }
            }
        }
    }

    /// The caller asks in a flow.
    pub(crate) fn callback_by_flow(&mut self, id: CallId, queue: &QueueId, priority: u8) {
        match self.wish(id, queue, (priority, self.ledger.now)) {
            Ok(rules) => {
                self.end_flow(id, None);
                self.promise(id, rules.accepted);
            }
            Err(_) => self.walk_on(id, |walk, _| walk.callback_refused()),
        }
    }

    /// The caller is told of the callback, and the line becomes free.
    fn promise(&mut self, id: CallId, accepted: Option<PromptId>) {
        match accepted {
            Some(prompt) => self.announce(id, prompt, Cause::Requested),
            None => self.end_call(id, Cause::Requested),
        }
    }

    fn leave_by_key(&mut self, id: CallId, key: char, to: Option<QueueId>) {
        self.leave_by(id, Outcome::LeftByKey, &Went { to, key: Some(key) });
    }

    fn leave_by(&mut self, id: CallId, outcome: Outcome, went: &Went) {
        let event = acd::AcdEvent::CallTakenOut { call: id, outcome, cause: Cause::Requested };
        self.take_out(id, event, OfferEnd::CallerLeft, went);
    }
}
