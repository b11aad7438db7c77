//! What happens to agents, told to the log and to the distribution in the same step.

use std::collections::BTreeSet;
use std::time::Duration;

use agent::{Availability, Change, Fact};
use model::{Actor, AgentId, AgentState, CallKind, EventKind, PhoneId, QueueId, Record};

use crate::Switchboard;
use crate::call::{FarEnd, Leg};
use crate::ledger::About;

impl Switchboard {
    /// Writes changes to the log and keeps the distribution's indexes in step with them.
    pub(crate) fn agents_changed(&mut self, changes: Vec<Change>, actor: Option<&Actor>) {
        for change in changes {
            if change.is_of_state() {
                let record = self.records.entry(change.agent).or_default();
                record.apply((&change.from, &change.to), change.cause, self.ledger.now);
            }
            self.tell_change(&change, actor);
            if queues_changed(&change) {
                self.sync_queues(change.agent, BTreeSet::new());
            }
            if let Some(event) = session_changed(&change) {
                let decisions = self.acd.handle(event, self.ledger.now);
                self.decisions.extend(decisions);
            }
            if let Some(phone) = &change.signed_in_at {
                self.take_up_calls(change.agent, phone);
            }
            self.sync_availability(change.agent);
        }
    }

    /// An agent who signs in while the phone is already in a call is on that call.
    fn take_up_calls(&mut self, agent: AgentId, phone: &PhoneId) {
        let at_phone = |leg: &&mut Leg| {
            let far_end = matches!(&leg.far_end, FarEnd::Phone(far_end) if far_end == phone);
            far_end && leg.is_live() && leg.agent.is_none()
        };
        let legs = self.legs.values_mut().filter(at_phone).map(|leg| {
            leg.agent = Some(agent);
            leg.call
        });
        for call in legs.collect::<Vec<_>>() {
            let kind = self.calls.get(&call).map_or(CallKind::Internal, |call| call.stage.kind());
            self.agent_on_other_call(Some(agent), call, kind);
        }
    }

    fn tell_change(&mut self, change: &Change, actor: Option<&Actor>) {
        let call = change.to.call().or_else(|| change.from.call());
        let actor = change.by.clone().or_else(|| actor.cloned());
        let about = About { call, actor, ..About::agent(change.agent).because(change.cause) };
        if let Some(phone) = &change.signed_in_at {
            let kind = EventKind::AgentSignedIn { phone: phone.clone() };
            self.ledger.event(about.clone(), kind);
        }
        if change.is_of_state() {
            let (from, to) = (change.from.clone(), change.to.clone());
            self.ledger.event(about.clone(), EventKind::AgentStateChanged { from, to });
        }
        for notice in &change.notices {
            self.ledger.event(about.clone(), notice.clone());
        }
    }

    /// `agent` is the truth, `acd` keeps an index of it.
    pub(crate) fn sync_availability(&mut self, agent: AgentId) {
        let event = match self.agents.availability(agent) {
            Availability::Available { idle_since } => {
                let record = self.records.get(&agent).copied().unwrap_or_default();
                let Record { calls_taken, last_call, talked_us, occupancy } = record;
                let talked = Duration::from_micros(talked_us);
                let standing =
                    acd::Standing { idle_since, last_call, calls_taken, talked, occupancy };
                acd::AcdEvent::AgentAvailable { agent, standing }
            }
            Availability::Unavailable => {
                let state = self.agents.state(agent);
                let absence = match state {
                    Some(AgentState::Busy { .. }) => acd::Absence::Busy,
                    _ => acd::Absence::Engaged,
                };
                acd::AcdEvent::AgentUnavailable { agent, absence }
            }
        };
        let decisions = self.acd.handle(event, self.ledger.now);
        self.decisions.extend(decisions);
    }

    /// The distribution is told which queues the agent does not serve; for now, `besides`, too.
    pub(crate) fn sync_queues(&mut self, agent: AgentId, besides: BTreeSet<QueueId>) {
        let mut away = self.agents.away(agent);
        away.extend(besides);
        let decisions =
            self.acd.handle(acd::AcdEvent::AgentQueues { agent, away }, self.ledger.now);
        self.decisions.extend(decisions);
    }

    pub(crate) fn agent_fact(&mut self, fact: Fact) {
        let changes = self.agents.fact(fact, self.ledger.now);
        self.agents_changed(changes, None);
    }

    pub(crate) fn binding_changed(&mut self, phone: PhoneId, bindings: u32) {
        let before = self.bindings.insert(phone.clone(), bindings).unwrap_or(0);
        if bindings > 0 && before != bindings {
            let kind = EventKind::PhoneRegistered { phone: phone.clone(), bindings };
            self.ledger.event(About::default(), kind);
        }
        match (before, bindings) {
            (0, 0) => {}
            (0, _) => self.agent_fact(Fact::PhoneBound { phone }),
            (_, 0) => {
                let kind = EventKind::PhoneLost { phone: phone.clone() };
                self.ledger.event(About::default(), kind);
                self.agent_fact(Fact::PhoneLost { phone });
            }
            (_, _) => {}
        }
    }

    /// An agent begins a call that no queue gave: nothing is offered meanwhile.
    pub(crate) fn agent_on_other_call(
        &mut self,
        agent: Option<AgentId>,
        call: model::CallId,
        kind: CallKind,
    ) {
        if let Some(agent) = agent {
            self.agent_fact(Fact::CallStarted { agent, call, kind });
        }
    }

    /// Whether the agent at this phone is being offered a call or is on one.
    pub(crate) fn is_engaged(&self, phone: &PhoneId) -> bool {
        let state = self.agents.agent_at(phone).and_then(|agent| self.agents.state(agent));
        matches!(
            state,
            Some(
                AgentState::Reserved { .. }
                    | AgentState::Ringing { .. }
                    | AgentState::OnCall { .. }
            )
        )
    }
}

/// Whether the agent serves other queues than before, or may: a session begins or ends, or an event
/// says so.
pub(crate) fn queues_changed(change: &Change) -> bool {
    let says_so = |told: &EventKind| matches!(told, EventKind::AgentQueuesChanged { .. });
    session_changed(change).is_some() || change.notices.iter().any(says_so)
}

/// What the distribution must know of a working session that begins or ends.
fn session_changed(change: &Change) -> Option<acd::AcdEvent> {
    let signed_out = |state: &AgentState| matches!(state, AgentState::SignedOut { .. });
    let agent = change.agent;
    match (signed_out(&change.from), signed_out(&change.to)) {
        (true, false) => Some(acd::AcdEvent::AgentSignedIn { agent }),
        (false, true) => Some(acd::AcdEvent::AgentSignedOut { agent }),
        (true, true) | (false, false) => None,
    }
}
