//! A caller who waits presses a key and leaves the queue.

use model::{CallId, Cause, OfferEnd, Outcome, QueueId};

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
            Exit::Release(prompt) => {
                self.leave_by_key(id, key, None);
                match prompt {
                    Some(prompt) => self.announce(id, prompt, Cause::FlowEnded),
                    None => self.end_call(id, Cause::FlowEnded),
                }
            }
        }
    }

    fn leave_by_key(&mut self, id: CallId, key: char, to: Option<QueueId>) {
        let (outcome, cause) = (Outcome::LeftByKey, Cause::Requested);
        let event = acd::AcdEvent::CallTakenOut { call: id, outcome, cause };
        let went = Went { to, key: Some(key) };
        self.take_out(id, event, OfferEnd::CallerLeft, &went);
    }
}
