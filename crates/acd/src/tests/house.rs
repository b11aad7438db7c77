//! The floor that tests stand on.

use std::time::Duration;

use model::{AgentId, CallId, Choice, Epoch, OfferEnd, QueueId, Timestamp};

use crate::{Absence, Acd, AcdConfig, AcdEvent, Decision, QueueConfig, Routing, Standing, Wants};

/// A distribution, and what it decided since the last time that was looked at.
pub(super) struct Floor {
    pub(super) acd: Acd,
    pub(super) now: Timestamp,
    pub(super) decided: Vec<Decision>,
    /// Why the last offer was made.
    pub(super) choice: Option<Choice>,
    /// How the last offer ended that the distribution ended.
    pub(super) end: Option<OfferEnd>,
}

impl Floor {
    pub(super) fn with(routing: Routing) -> Self {
        Self::of(config(routing))
    }

    pub(super) fn of(config: AcdConfig) -> Self {
        Self {
            acd: Acd::new(config),
            now: time("09:00:00"),
            decided: Vec::new(),
            choice: None,
            end: None,
        }
    }

    pub(super) fn at(&mut self, text: &str) -> &mut Self {
        self.now = time(text);
        self
    }

    pub(super) fn event(&mut self, event: AcdEvent) {
        let decisions = self.acd.handle(event, self.now);
        self.take(decisions);
    }

    pub(super) fn pass(&mut self) {
        let decisions = self.acd.handle_timeout(self.now);
        self.take(decisions);
    }

    pub(super) fn configure(&mut self, config: AcdConfig) {
        let decisions = self.acd.configure(config, self.now);
        self.take(decisions);
    }

    fn take(&mut self, decisions: Vec<Decision>) {
        for decision in &decisions {
            match decision {
                Decision::Offer { explanation, .. } => self.choice = Some(explanation.choice),
                Decision::OfferOver { end, .. } => self.end = Some(*end),
                Decision::Entered { .. } | Decision::Left { .. } => {}
            }
        }
        self.decided.extend(decisions);
        self.acd.check().unwrap();
    }

    pub(super) fn ready(&mut self, number: u32) {
        let (agent, idle_since) = (agent(number), self.now);
        self.event(AcdEvent::AgentSignedIn { agent });
        self.event(available(agent, idle_since));
    }

    pub(super) fn available(&mut self, number: u32, idle_since: &str, calls_taken: u32) {
        let idle_since = time(idle_since);
        self.event(AcdEvent::AgentAvailable {
            agent: agent(number),
            standing: Standing { idle_since, calls_taken, ..Standing::default() },
        });
    }

    pub(super) fn busy(&mut self, number: u32) {
        self.event(AcdEvent::AgentUnavailable { agent: agent(number), absence: Absence::Engaged });
    }

    pub(super) fn queued(&mut self, number: u32) {
        self.queued_in(number, "support", 0);
    }

    pub(super) fn queued_in(&mut self, number: u32, id: &str, priority: u8) {
        self.event(AcdEvent::CallQueued {
            call: call(number),
            queue: queue(id),
            wants: Wants::priority(priority),
        });
    }

    pub(super) fn gone(&mut self, number: u32) {
        self.event(AcdEvent::CallGone { call: call(number) });
    }

    pub(super) fn offer_ended(&mut self, of: u32, number: u32, end: OfferEnd) {
        self.event(AcdEvent::OfferEnded { call: call(of), agent: agent(number), end });
    }

    pub(super) fn in_order(&self, id: &str) -> Vec<u32> {
        self.acd.waiting(&queue(id)).map(CallId::number).collect()
    }

    pub(super) fn told(&self) -> Vec<String> {
        self.decided.iter().map(told).collect()
    }

    /// All that was decided since the last time.
    pub(super) fn expect<const N: usize>(&mut self, expected: [&str; N]) {
        assert_eq!(self.told(), expected);
        self.decided.clear();
    }
}

fn told(decision: &Decision) -> String {
    match decision {
        Decision::Offer { call, agent, .. } => format!("{} rings {agent}", call.number()),
        Decision::Entered { call, queue, .. } => format!("{} enters {queue}", call.number()),
        Decision::OfferOver { call, agent, .. } => {
            format!("{agent} stops ringing for {}", call.number())
        }
        Decision::Left { call, queue, outcome, .. } => {
            format!("{} leaves {queue}: {outcome}", call.number())
        }
    }
}

/// Anybody serves `support` and `gold`; `english` needs level 3, which 1002 and 1003 have.
pub(super) fn config(routing: Routing) -> AcdConfig {
    let english = QueueConfig {
        needs: [("english".into(), 3)].into(),
        routing,
        max_wait: Some(Duration::from_secs(60)),
        max_length: Some(2),
        overflow: Some(queue("support")),
        ..QueueConfig::default()
    };
    let gold = QueueConfig {
        routing,
        max_wait: Some(Duration::from_secs(30)),
        max_length: Some(2),
        weight: 5,
        ..QueueConfig::default()
    };
    let support = QueueConfig { routing, ..QueueConfig::default() };
    AcdConfig {
        queues: [(queue("english"), english), (queue("gold"), gold), (queue("support"), support)]
            .into(),
        agents: [
            (agent(1001), [("english".into(), 2)].into()),
            (agent(1002), [("english".into(), 3)].into()),
            (agent(1003), [("english".into(), 8)].into()),
        ]
        .into(),
        seed: 1,
    }
}

pub(crate) fn available(agent: AgentId, idle_since: Timestamp) -> AcdEvent {
    AcdEvent::AgentAvailable { agent, standing: Standing { idle_since, ..Standing::default() } }
}

pub(super) fn agent(number: u32) -> AgentId {
    AgentId::new(number)
}

pub(super) fn call(number: u32) -> CallId {
    CallId::new(Epoch::new(1), number)
}

pub(super) fn queue(id: &str) -> QueueId {
    QueueId::from(id)
}

pub(super) fn time(text: &str) -> Timestamp {
    format!("2026-11-22T{text}.000000Z").parse().unwrap()
}
