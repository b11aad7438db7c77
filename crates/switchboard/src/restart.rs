//! What a start finds of the run before, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    Abandoned, CallId, Cause, Epoch, EventKind, FloorSnapshot, OpenCall, Outcome, PhoneId, Served,
    Timestamp,
};

use crate::Switchboard;
use crate::arrive::numbers_of;
use crate::config::{FloorConfig, PortLease};
use crate::keys::{Keys, Secrets};
use crate::lease::Ports;
use crate::ledger::{About, Ledger};
use crate::memory::Memory;
use crate::places::Places;
use crate::ports::Command;
use crate::requests::rules_of;

/// Everything a floor is opened with.
#[derive(Debug)]
pub struct Opening {
    /// The configuration.
    pub config: FloorConfig,
    /// The ports media lends.
    pub lease: PortLease,
    /// What keys are drawn from.
    pub secrets: Secrets,
    /// This run of the service.
    pub epoch: Epoch,
    /// The floor as the log last told of it.
    pub snapshot: FloorSnapshot,
    /// Who served callers before, the earliest first.
    pub served: Vec<Served>,
    /// Who gave up waiting before, the earliest first.
    pub abandoned: Vec<Abandoned>,
    /// Bindings that are still good.
    pub bindings: BTreeMap<PhoneId, u32>,
    /// The program's version.
    pub version: String,
}

impl Switchboard {
    /// Opens the floor: calls of the run before are accounted for as failed, agents are what they
    /// were if their phones are there.
    #[must_use]
    pub fn open(opening: Opening, now: Timestamp) -> (Self, Vec<Command>) {
        let Opening { config, lease, secrets, epoch, snapshot, bindings, version, .. } = opening;
        let config_version = snapshot.config_version + 1;
        let mut floor = Self {
            ledger: Ledger::new(config.tenant.clone(), epoch, config_version),
            agents: agent::Agents::new(config.rules.clone()),
            acd: acd::Acd::new(config.acd.clone()),
            calls: BTreeMap::new(),
            legs: BTreeMap::new(),
            ports: Ports::new(lease),
            keys: Keys::new(&secrets),
            bindings,
            deadlines: BTreeSet::new(),
            decisions: std::collections::VecDeque::new(),
            next_call: 0,
            next_leg: 0,
            unsealed: BTreeSet::new(),
            stopping: crate::Stopping::No,
            repairs: 0,
            places: Places::default(),
            barred: BTreeMap::new(),
            records: BTreeMap::new(),
            served: Memory::default(),
            abandoned: Memory::default(),
            callbacks: BTreeMap::new(),
            numbers: numbers_of(&config),
            config,
        };
        floor.ledger.now = now;
        floor.ledger.event(About::default(), EventKind::SystemStarted { version });
        let sha256 = floor.config.sha256.clone();
        floor.ledger.event(About::default(), EventKind::ConfigApplied { sha256 });
        floor.recall(opening.served, opening.abandoned);
        for (call, open) in snapshot.calls {
            let outcome = match snapshot.callbacks.contains_key(&call) {
                true => Outcome::Callback,
                false => Outcome::Failed,
            };
            floor.close_call(call, open, outcome);
        }
        // Before anybody is there for them, or the first would be served that happens to come first.
        for (before, callback) in snapshot.callbacks {
            floor.take_up_callback(before, callback);
        }
        floor.restore_agents(snapshot.agents);
        floor.settle();
        let commands = floor.ledger.take_commands();
        (floor, commands)
    }

    fn close_call(&mut self, call: CallId, open: OpenCall, outcome: Outcome) {
        let about = About::call(call).because(Cause::Crash);
        for (segment, queue) in open.segments {
            let Some(queue) = queue else { continue };
            let about = about.clone().with_segment(segment).with_queue(&queue);
            let waited_ms = crate::distribute::millis(self.ledger.now.since(open.since));
            let (to, key) = (None, None);
            let kind = EventKind::QueueLeft { outcome, waited_ms, to, key };
            self.ledger.event(about, kind);
        }
        for leg in open.legs {
            let kind = EventKind::LegReleased { status: None, reason: None };
            self.ledger.event(about.clone().with_leg(leg), kind);
        }
        self.ledger.event(about, EventKind::CallEnded {});
    }

    fn restore_agents(&mut self, agents: BTreeMap<model::AgentId, model::AgentSnapshot>) {
        let now = self.ledger.now;
        let known = self.config.agents.keys().copied().collect();
        let changes = self.agents.configure(rules_of(&self.config), &known, now);
        self.agents_changed(changes, None);
        for (agent, snapshot) in agents {
            let phone_state = match &snapshot.phone {
                Some(phone) => self.phone_state(phone),
                None => agent::PhoneState::Unbound,
            };
            self.records.insert(agent, snapshot.record);
            let changes = self.agents.restore(agent, snapshot, phone_state, now);
            if self.agents.phone(agent).is_some() {
                // The session goes on, but the distribution has forgotten it.
                self.sync_queues(agent, BTreeSet::new());
                let decisions = self.acd.handle(acd::AcdEvent::AgentSignedIn { agent }, now);
                self.decisions.extend(decisions);
            }
            self.agents_changed(changes, None);
        }
    }
}
