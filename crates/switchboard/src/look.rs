//! The floor as it is, for people who look.

use crate::Switchboard;
use crate::call::{Call, Stage};
use crate::status::{AgentStatus, BarredStatus, CallStatus, QueueStatus, Status, TrunkStatus};

impl Switchboard {
    pub(crate) fn look(&self) -> Status {
        Status {
            at: self.ledger.now,
            config_version: self.ledger.config_version,
            agents: self.agents_seen(),
            queues: self.queues_seen(),
            calls: self.calls.values().map(|call| self.call_seen(call)).collect(),
            trunks: self.trunks_seen(),
            barred: self.barred_seen(),
            ports: self.ports.usage(),
            repairs: self.repairs,
        }
    }

    fn agents_seen(&self) -> Vec<AgentStatus> {
        let seen = self.config.agents.iter().map(|(agent, config)| {
            let phone = self.agents.phone(*agent).cloned();
            let own = phone.as_ref().or(config.phone.as_ref());
            AgentStatus {
                agent: *agent,
                name: config.name.clone(),
                bindings: own.and_then(|phone| self.bindings.get(phone)).copied().unwrap_or(0),
                phone,
                pause: self.agents.pause(*agent),
                away: self.agents.away(*agent),
                state: self
                    .agents
                    .state(*agent)
                    .cloned()
                    .unwrap_or(model::AgentState::SignedOut { since: model::Timestamp::EPOCH }),
            }
        });
        seen.collect()
    }

    fn queues_seen(&self) -> Vec<QueueStatus> {
        let now = self.ledger.now;
        let seen = self.config.acd.queues.iter().map(|(queue, config)| {
            let tally = self.acd.tally(queue);
            let longest_wait = tally.oldest.map_or(std::time::Duration::ZERO, |at| now.since(at));
            QueueStatus {
                queue: queue.clone(),
                label: config.label.clone(),
                waiting: tally.waiting,
                callbacks: tally.callbacks,
                longest_wait_ms: crate::distribute::millis(longest_wait),
                ready: tally.ready,
                signed_in: tally.signed_in,
                entered: tally.entered,
                outcomes: tally.outcomes,
            }
        });
        seen.collect()
    }

    fn trunks_seen(&self) -> Vec<TrunkStatus> {
        let seen = self.config.trunks.iter().map(|(trunk, config)| TrunkStatus {
            trunk: trunk.clone(),
            calls: self.places.on(trunk),
            max_calls: config.max_calls,
        });
        seen.collect()
    }

    fn barred_seen(&self) -> Vec<BarredStatus> {
        let seen = self.barred.iter().map(|(bar, times)| BarredStatus {
            reason: bar.reason.to_owned(),
            trunk: bar.trunk.clone(),
            hotline: bar.hotline.clone(),
            times: *times,
        });
        seen.collect()
    }

    fn call_seen(&self, call: &Call) -> CallStatus {
        let agent_on = |leg: &model::LegId| self.legs.get(leg).and_then(|leg| leg.agent);
        let (stage, queue, agent) = match &call.stage {
            Stage::Flow { .. } => ("flow", None, None),
            Stage::Queued(wait) => {
                let stage = if wait.offers.is_empty() { "queue" } else { "ringing" };
                let agent = wait.offers.keys().next().copied();
                (stage, Some(wait.queue.clone()), agent)
            }
            Stage::CallingBack(back) => {
                ("calling_back", Some(back.wait.queue.clone()), Some(back.offer.agent))
            }
            Stage::Resting => {
                let queue = call.callback.as_ref().map(|callback| callback.open.queue.clone());
                ("resting", queue, None)
            }
            Stage::Announcing { .. } => ("announcement", None, None),
            Stage::Dialling(dialling) => {
                ("dialling", None, agent_on(&dialling.callee).or_else(|| agent_on(&call.caller)))
            }
            Stage::Talking(talk) => {
                let stage = if talk.holding.is_empty() { "talking" } else { "held" };
                let queue = talk.from_queue.as_ref().map(|from| from.queue.clone());
                (stage, queue, agent_on(&talk.right).or_else(|| agent_on(&talk.left)))
            }
            Stage::Transferring(transfer) => ("transferring", None, agent_on(&transfer.target)),
            Stage::Ending => ("ending", None, None),
        };
        CallStatus {
            call: call.id,
            since: call.since,
            from: call.from.masked(),
            to: call.to.clone(),
            hotline: call.hotline.clone(),
            stage: stage.to_owned(),
            queue,
            agent,
            callback_of: call.callback.as_ref().map(|callback| callback.open.of),
        }
    }
}
