//! Stories for tests: events as a floor would write them.

use std::time::Duration;

use model::{
    Actor, AgentId, AgentState, CallId, CallKind, Cause, Epoch, Event, EventKind, LegId, OfferEnd,
    Outcome, PartKind, QueueId, Rank, RecordingId, SegmentId, TenantId, Timestamp,
};

use crate::{Accounts, AgentHistory, Calls, Floor};

#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) at: Timestamp,
    pub(crate) events: Vec<Event>,
}

impl Default for Story {
    fn default() -> Self {
        Self { at: Timestamp::from_secs(1_700_000_000), events: Vec::new() }
    }
}

pub(crate) trait Fold: Default {
    fn take(&mut self, event: &Event);
}

impl Fold for Floor {
    fn take(&mut self, event: &Event) {
        self.apply(event);
    }
}

impl Fold for Accounts {
    fn take(&mut self, event: &Event) {
        self.apply(event);
    }
}

impl Fold for Calls {
    fn take(&mut self, event: &Event) {
        self.apply(event);
    }
}

impl Fold for AgentHistory {
    fn take(&mut self, event: &Event) {
        self.apply(event);
    }
}

pub(crate) fn ready(at: Timestamp) -> AgentState {
    AgentState::Ready { since: at, idle_since: at }
}

pub(crate) fn busy(reason: &str, at: Timestamp) -> AgentState {
    AgentState::Busy {
        reason: reason.into(),
        since: at,
        until: None,
        stay_until: None,
        planned_until: None,
        back_to: None,
    }
}

pub(crate) fn ringing(call: u32, at: Timestamp) -> AgentState {
    let call = Story::call(call);
    AgentState::Ringing { call, since: at, until: at, next: None, idle_since: at }
}

pub(crate) fn on_call(call: u32, at: Timestamp) -> AgentState {
    let (call, kind) = (Story::call(call), CallKind::Queue);
    AgentState::OnCall { call, kind, since: at, next: None, before: None }
}

impl Story {
    pub(crate) const EPOCH: Epoch = Epoch::new(1);

    pub(crate) fn call(number: u32) -> CallId {
        CallId::new(Self::EPOCH, number)
    }

    pub(crate) fn wrap_up(call: u32, since: Timestamp, seconds: u64) -> AgentState {
        let until = since + Duration::from_secs(seconds);
        let (call, at_most) = (Self::call(call), until);
        AgentState::WrapUp { call, since, until, at_most, mode: None, next: None }
    }

    pub(crate) fn later(&mut self, seconds: u64) {
        self.at = self.at + Duration::from_secs(seconds);
    }

    pub(crate) fn fold<F: Fold>(&self) -> F {
        let mut fold = F::default();
        self.events.iter().for_each(|event| fold.take(event));
        fold
    }

    pub(crate) fn push(&mut self, change: impl FnOnce(&mut Event)) {
        let mut event = Event {
            schema: model::Schema::CURRENT,
            tenant: TenantId::from("default"),
            epoch: Self::EPOCH,
            seq: self.events.len() as u64 + 1,
            at: self.at,
            call: None,
            segment: None,
            leg: None,
            agent: None,
            queue: None,
            actor: Actor::system(),
            cause: None,
            config_version: 1,
            kind: EventKind::SystemStopped {},
        };
        change(&mut event);
        self.events.push(event);
    }

    pub(crate) fn of_call(&mut self, call: u32, segment: u16, kind: EventKind) {
        self.push(|event| {
            event.call = Some(Self::call(call));
            event.segment = (segment > 0).then(|| SegmentId::new(segment));
            event.kind = kind;
        });
    }

    pub(crate) fn arrives(&mut self, call: u32) {
        let kind = EventKind::CallArrived {
            from: "13800138000".parse().unwrap(),
            to: "4008001234".parse().unwrap(),
            from_canonical: "+8613800138000".parse().ok(),
            to_canonical: "4008001234".parse().ok(),
            hotline: Some("support".into()),
            trunk: Some("carrier".into()),
            phone: None,
            sip_call_id: format!("call-{call}@carrier"),
            user_to_user: Vec::new(),
            attested: None,
            callback_of: None,
        };
        self.of_call(call, 0, kind);
    }

    pub(crate) fn waits(&mut self, call: u32, segment: u16, queue: &str) {
        self.of_call(call, segment, EventKind::QueueEntered { priority: 0, waiting: 1 });
        self.in_queue(queue);
    }

    pub(crate) fn offered(&mut self, call: u32, segment: u16, queue: &str, agent: u32) {
        let kind = EventKind::QueueOffered {
            waited_ms: 0,
            routing: "longest_idle".into(),
            candidates: vec![AgentId::new(agent)],
            passed_over: Vec::new(),
            ranks: Vec::new(),
            choice: model::Choice::default(),
        };
        self.of_call(call, segment, kind);
        self.in_queue(queue);
        self.with_agent(agent);
    }

    /// Offers the call to the first of these, who are ranked by these keys.
    pub(crate) fn chosen(
        &mut self,
        (call, segment, queue): (u32, u16, &str),
        ranked: &[(u32, i64)],
        passed: &[(u32, &str)],
    ) {
        let rank = |key: i64| Rank { tier: 0, key, idle_since: Timestamp::from_secs(1_000) };
        let kind = EventKind::QueueOffered {
            waited_ms: 0,
            routing: "fewest_calls".into(),
            candidates: ranked.iter().map(|(agent, _)| AgentId::new(*agent)).collect(),
            passed_over: passed
                .iter()
                .map(|(it, why)| (AgentId::new(*it), (*why).into()))
                .collect(),
            ranks: ranked.iter().map(|(_, key)| rank(*key)).collect(),
            choice: model::Choice::Ranked,
        };
        self.of_call(call, segment, kind);
        self.in_queue(queue);
        self.with_agent(ranked[0].0);
    }

    pub(crate) fn offer_ends(&mut self, call: u32, segment: u16, agent: u32, end: OfferEnd) {
        self.of_call(call, segment, EventKind::QueueOfferEnded { end, rang_ms: 8_000 });
        self.with_agent(agent);
    }

    pub(crate) fn leaves(&mut self, call: u32, segment: u16, queue: &str, outcome: Outcome) {
        let left = EventKind::QueueLeft { outcome, waited_ms: 0, to: None, key: None };
        self.of_call(call, segment, left);
        self.in_queue(queue);
    }

    pub(crate) fn talks(&mut self, call: u32, segment: u16, agent: u32) {
        self.of_call(
            call,
            segment,
            EventKind::TalkStarted { call_kind: CallKind::Queue, with: None },
        );
        self.with_agent(agent);
    }

    pub(crate) fn records(&mut self, call: u32, part: u16) {
        let recording = RecordingId { call: Self::call(call), part };
        let kind = EventKind::RecordingStarted {
            recording,
            part: PartKind::Talk,
            left: None,
            right: None,
        };
        self.of_call(call, 0, kind);
    }

    pub(crate) fn leg(&mut self, call: u32, leg: u32, kind: EventKind) {
        self.of_call(call, 0, kind);
        if let Some(event) = self.events.last_mut() {
            event.leg = Some(LegId::new(Self::EPOCH, leg));
        }
    }

    pub(crate) fn ends(&mut self, call: u32) {
        self.of_call(call, 0, EventKind::CallEnded {});
        if let Some(event) = self.events.last_mut() {
            event.cause = Some(Cause::CallerHungUp);
        }
    }

    pub(crate) fn agent(&mut self, agent: u32, kind: EventKind) {
        self.push(|event| event.kind = kind);
        self.with_agent(agent);
    }

    pub(crate) fn agent_becomes(&mut self, agent: u32, to: AgentState) {
        let from = AgentState::SignedOut { since: self.at };
        self.agent(agent, EventKind::AgentStateChanged { from, to });
    }

    /// Ready again after an offer that came to nothing.
    pub(crate) fn agent_rests(&mut self, agent: u32, after: Cause) {
        self.agent_becomes(agent, ready(self.at));
        if let Some(event) = self.events.last_mut() {
            event.cause = Some(after);
        }
    }

    fn in_queue(&mut self, queue: &str) {
        if let Some(event) = self.events.last_mut() {
            event.queue = Some(QueueId::from(queue));
        }
    }

    fn with_agent(&mut self, agent: u32) {
        if let Some(event) = self.events.last_mut() {
            event.agent = Some(AgentId::new(agent));
        }
    }
}
