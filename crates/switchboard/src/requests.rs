//! What people ask of the floor.

use acd::{AcdEvent, Unassignable};
use agent::{Done, PhoneState};
use model::{Actor, AgentId, CallId, Cause, EventKind, OfferEnd, PhoneId, QueueId, Refusal};

use crate::Switchboard;
use crate::arrive::numbers_of;
use crate::config::FloorConfig;
use crate::ledger::About;
use crate::ports::{Reply, ReplyId, Request};
use crate::staff::queues_changed;

/// The rules about agents, with the queues whose needs each meets.
pub(crate) fn rules_of(config: &FloorConfig) -> agent::Rules {
    let queues = &config.acd.queues;
    let served = |skills: &acd::Skills| {
        let served = queues.iter().filter(|(_, queue)| queue.tier_of(skills).is_some());
        served.map(|(queue, _)| queue.clone()).collect()
    };
    let serves = config.acd.agents.iter().map(|(agent, skills)| (*agent, served(skills)));
    agent::Rules { serves: serves.collect(), ..config.rules.clone() }
}

impl Switchboard {
    pub(crate) fn request(&mut self, reply: ReplyId, actor: &Actor, request: Request) {
        let result = self.obey(actor, request);
        self.ledger.reply(reply, result);
    }

    fn obey(&mut self, actor: &Actor, request: Request) -> Result<Reply, Refusal> {
        match request {
            Request::SignIn { agent, phone } => {
                let known = self.config.agents.get(&agent).ok_or(Refusal::AgentUnknown)?;
                let phone = phone.or_else(|| known.phone.clone()).ok_or(Refusal::PhoneUnknown)?;
                if !self.config.phones.contains_key(&phone) {
                    return Err(Refusal::PhoneUnknown);
                }
                let phone_state = self.phone_state(&phone);
                let request = agent::Request::SignIn { agent, phone, phone_state };
                self.ask_agent(agent, request, actor)
            }
            Request::Become { agent, next } => {
                self.ask_agent(agent, agent::Request::Become { agent, next }, actor)
            }
            Request::EndWrapUp { agent } => {
                self.ask_agent(agent, agent::Request::EndWrapUp { agent }, actor)
            }
            Request::ExtendWrapUp { agent, by } => {
                self.ask_agent(agent, agent::Request::ExtendWrapUp { agent, by }, actor)
            }
            Request::SignInTo { agent, queue } => {
                self.queue_known(&queue)?;
                self.ask_agent(agent, agent::Request::SignInTo { agent, queue }, actor)
            }
            Request::SignOutOf { agent, queue } => {
                self.queue_known(&queue)?;
                self.ask_agent(agent, agent::Request::SignOutOf { agent, queue }, actor)
            }
            Request::Force { agent, next, note } => {
                let by = actor.clone();
                self.ask_agent(agent, agent::Request::Force { agent, next, by, note }, actor)
            }
            Request::Release { call } => {
                if !self.calls.contains_key(&call) {
                    return Err(Refusal::CallUnknown);
                }
                self.ledger.acting(Some(actor.clone()));
                self.end_call(call, Cause::Forced);
                self.ledger.acting(None);
                Ok(Reply::Done)
            }
            Request::Assign { call, agent } => self.assign(actor, call, agent),
            Request::Move { call, queue } => self.move_call(actor, call, queue),
            Request::Status => Ok(Reply::Status(Box::new(self.look()))),
        }
    }

    /// A team lead gives a waiting call to an agent.
    fn assign(&mut self, actor: &Actor, call: CallId, agent: AgentId) -> Result<Reply, Refusal> {
        if !self.calls.contains_key(&call) {
            return Err(Refusal::CallUnknown);
        }
        if !self.config.agents.contains_key(&agent) {
            return Err(Refusal::AgentUnknown);
        }
        self.acd.assignable(call, agent).map_err(|why| match why {
            Unassignable::NotWaiting => Refusal::CallNotWaiting,
            Unassignable::Rings => Refusal::CallRings,
            Unassignable::NotAvailable => Refusal::AgentNotAvailable,
        })?;
        self.decide(actor, AcdEvent::CallAssigned { call, agent });
        Ok(Reply::Done)
    }

    /// A team lead lets a waiting call wait elsewhere.
    fn move_call(&mut self, actor: &Actor, call: CallId, queue: QueueId) -> Result<Reply, Refusal> {
        let call_there = self.calls.get(&call).ok_or(Refusal::CallUnknown)?;
        let wait = call_there.stage.wait().ok_or(Refusal::CallNotWaiting)?;
        if !wait.offers.is_empty() || call_there.stage.calling_back().is_some() {
            return Err(Refusal::CallRings);
        }
        self.queue_known(&queue)?;
        self.decide(actor, AcdEvent::CallMoved { call, queue });
        Ok(Reply::Done)
    }

    fn queue_known(&self, queue: &QueueId) -> Result<(), Refusal> {
        let is_known = self.config.acd.queues.contains_key(queue);
        is_known.then_some(()).ok_or(Refusal::QueueUnknown)
    }

    /// Carries out at once what somebody decided: the log says who.
    fn decide(&mut self, actor: &Actor, event: AcdEvent) {
        let decisions = self.acd.handle(event, self.ledger.now);
        self.ledger.acting(Some(actor.clone()));
        self.decisions.extend(decisions);
        self.settle();
        self.ledger.acting(None);
    }

    /// Puts a request to the agent machine; what is refused is in the log as well.
    pub(crate) fn ask_agent(
        &mut self,
        agent: AgentId,
        request: agent::Request,
        actor: &Actor,
    ) -> Result<Reply, Refusal> {
        let about = About::agent(agent).by(actor.clone());
        match self.agents.request(request, self.ledger.now) {
            Ok(Done { changes, remembered, awaits, withdraw }) => {
                if let Some(call) = withdraw {
                    self.end_offer(call, agent, OfferEnd::Withdrawn);
                }
                self.agents_changed(changes, Some(actor));
                if let Some(next) = remembered {
                    let kind = EventKind::AgentRequestRemembered { next: next.clone() };
                    self.ledger.event(about, kind);
                    return Ok(Reply::Remembered(next));
                }
                if let Some(next) = awaits {
                    return Ok(Reply::Remembered(next));
                }
                let state = self.agents.state(agent).cloned();
                state.map(|state| Reply::Agent(Box::new(state))).ok_or(Refusal::AgentUnknown)
            }
            Err(refusal) => {
                self.ledger.event(about, EventKind::AgentRequestRefused { refusal });
                Err(refusal)
            }
        }
    }

    pub(crate) fn phone_state(&self, phone: &PhoneId) -> PhoneState {
        if self.is_bound(phone) { PhoneState::Bound } else { PhoneState::Unbound }
    }

    /// A new configuration comes into force as one step; nobody who waits loses a place.
    pub(crate) fn configure(&mut self, config: FloorConfig) {
        let now = self.ledger.now;
        self.ledger.config_version += 1;
        let kind = EventKind::ConfigApplied { sha256: config.sha256.clone() };
        self.ledger.event(About::default().because(Cause::Reconfigured), kind);
        let agents = config.agents.keys().copied().collect();
        let changes = self.agents.configure(rules_of(&config), &agents, now);
        // Nobody is given a call of a new queue that they are not signed in to, nor one of an old
        // queue that they do not serve any more.
        for change in changes.iter().filter(|change| queues_changed(change)) {
            self.sync_queues(change.agent, self.acd.away(change.agent));
        }
        let decisions = self.acd.configure(config.acd.clone(), now);
        self.numbers = numbers_of(&config);
        self.config = config;
        self.forget_rates();
        self.decisions.extend(decisions);
        self.agents_changed(changes, None);
    }
}
