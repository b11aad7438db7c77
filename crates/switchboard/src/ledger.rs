//! Numbers the events and gathers the commands of one step.

use model::{
    Actor, AgentId, CallId, Cause, Epoch, Event, EventKind, LegId, QueueId, SegmentId, TenantId,
    Timestamp,
};

use crate::ports::{Command, LegCommand, MediaCommand, RecordingCommand, Reply, ReplyId};

/// What an event is about. Whatever is not concerned stays `None`.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    pub(crate) call: Option<CallId>,
    pub(crate) segment: Option<SegmentId>,
    pub(crate) leg: Option<LegId>,
    pub(crate) agent: Option<AgentId>,
    pub(crate) queue: Option<QueueId>,
    pub(crate) actor: Option<Actor>,
    pub(crate) cause: Option<Cause>,
}

impl About {
    pub(crate) fn call(call: CallId) -> Self {
        Self { call: Some(call), ..Self::default() }
    }

    pub(crate) fn agent(agent: AgentId) -> Self {
        Self { agent: Some(agent), ..Self::default() }
    }

    pub(crate) fn with_segment(self, segment: SegmentId) -> Self {
        Self { segment: Some(segment), ..self }
    }

    pub(crate) fn with_leg(self, leg: LegId) -> Self {
        Self { leg: Some(leg), ..self }
    }

    pub(crate) fn with_agent(self, agent: Option<AgentId>) -> Self {
        Self { agent, ..self }
    }

    pub(crate) fn with_queue(self, queue: &QueueId) -> Self {
        Self { queue: Some(queue.clone()), ..self }
    }

    pub(crate) fn because(self, cause: Cause) -> Self {
        Self { cause: Some(cause), ..self }
    }

    pub(crate) fn by(self, actor: Actor) -> Self {
        Self { actor: Some(actor), ..self }
    }
}

/// The one writer of the log.
#[derive(Debug)]
pub(crate) struct Ledger {
    tenant: TenantId,
    epoch: Epoch,
    seq: u64,
    pub(crate) config_version: u64,
    pub(crate) now: Timestamp,
    /// Who brings about what happens now; the service itself when nobody is named.
    acting: Option<Actor>,
    commands: Vec<Command>,
}

impl Ledger {
    pub(crate) const fn new(tenant: TenantId, epoch: Epoch, config_version: u64) -> Self {
        Self {
            tenant,
            epoch,
            seq: 0,
            config_version,
            now: Timestamp::EPOCH,
            acting: None,
            commands: Vec::new(),
        }
    }

    pub(crate) const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Names whoever brings about the events that follow and name nobody themselves.
    pub(crate) fn acting(&mut self, actor: Option<Actor>) {
        self.acting = actor;
    }

    pub(crate) fn event(&mut self, about: About, kind: EventKind) {
        self.seq += 1;
        let About { call, segment, leg, agent, queue, actor, cause } = about;
        self.commands.push(Command::Publish(Box::new(Event {
            schema: model::Schema::CURRENT,
            tenant: self.tenant.clone(),
            epoch: self.epoch,
            seq: self.seq,
            at: self.now,
            call,
            segment,
            leg,
            agent,
            queue,
            actor: actor.or_else(|| self.acting.clone()).unwrap_or_else(Actor::system),
            cause,
            config_version: self.config_version,
            kind,
        })));
    }

    pub(crate) fn leg(&mut self, leg: LegId, command: LegCommand) {
        self.commands.push(Command::Leg { leg, command });
    }

    pub(crate) fn media(&mut self, leg: LegId, command: MediaCommand) {
        self.commands.push(Command::Media { leg, command });
    }

    pub(crate) fn recording(&mut self, recording: model::RecordingId, command: RecordingCommand) {
        self.commands.push(Command::Recording { recording, command });
    }

    pub(crate) fn reply(&mut self, reply: ReplyId, result: Result<Reply, model::Refusal>) {
        self.commands.push(Command::Reply { reply, result });
    }

    pub(crate) fn take_commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.commands)
    }
}
