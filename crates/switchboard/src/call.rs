//! Live calls and their legs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use agent::WrapUp;
use flow::Walk;
use model::{
    AgentId, CallId, CallKind, Carried, Cause, HotlineId, LegId, MediaDescription, Number, PhoneId,
    QueueId, RecordingId, Security, SegmentId, Timestamp, TrunkId,
};

use crate::callback::Callback;
use crate::config::RecordingRules;

/// A live call: from arrival until its last leg is released.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    pub(crate) since: Timestamp,
    /// The calling number, as people read it.
    pub(crate) from: Number,
    pub(crate) to: Number,
    /// What it carries beside its numbers.
    pub(crate) carried: Carried,
    /// Where it came from; nowhere, where we began it ourselves.
    pub(crate) came_from: Option<FarEnd>,
    /// The hotline it called or was handed to, whose places it takes.
    pub(crate) hotline: Option<HotlineId>,
    /// The leg that began the call; of a callback, the one by which the caller is called.
    pub(crate) caller: LegId,
    /// Whether it takes a place of the service's and its hotline's: a callback does from joining on.
    pub(crate) is_placed: bool,
    /// What it is to do as a callback, until that is over.
    pub(crate) callback: Option<Box<Callback>>,
    /// The callback that was asked for in it.
    pub(crate) asked: Option<CallId>,
    /// Legs not yet released.
    pub(crate) legs: BTreeSet<LegId>,
    pub(crate) stage: Stage,
    pub(crate) segments: u16,
    pub(crate) parts: u16,
    /// The rules about recording when it first came to talking.
    pub(crate) recording: Option<RecordingRules>,
    pub(crate) plays: u32,
    /// Why the call ends, once that is decided.
    pub(crate) over: Option<Cause>,
    /// When the stage must change by itself; mirrored in the floor's ordered deadlines.
    pub(crate) deadline: Option<Timestamp>,
}

impl Call {
    /// A call that has just arrived, and leads nowhere yet.
    pub(crate) fn begun(
        id: CallId,
        since: Timestamp,
        (from, to): (Number, Number),
        (caller, came_from): (LegId, FarEnd),
    ) -> Self {
        Self {
            id,
            since,
            from,
            to,
            carried: Carried::default(),
            came_from: Some(came_from),
            hotline: None,
            caller,
            is_placed: true,
            callback: None,
            asked: None,
            legs: BTreeSet::from([caller]),
            stage: Stage::Ending,
            segments: 0,
            parts: 0,
            recording: None,
            plays: 0,
            over: None,
            deadline: None,
        }
    }

    /// A call that we begin ourselves; `caller` is the leg by which somebody will be called.
    pub(crate) fn begun_by_us(
        id: CallId,
        since: Timestamp,
        numbers: (Number, Number),
        caller: LegId,
    ) -> Self {
        let nowhere = FarEnd::Phone(PhoneId::from(""));
        let begun = Self::begun(id, since, numbers, (caller, nowhere));
        Self { came_from: None, legs: BTreeSet::new(), is_placed: false, ..begun }
    }

    /// Whether it lives although it has no leg.
    pub(crate) fn is_kept(&self) -> bool {
        self.callback.is_some() && matches!(self.stage, Stage::Resting | Stage::Queued(_))
    }

    pub(crate) fn next_segment(&mut self) -> SegmentId {
        self.segments = self.segments.saturating_add(1);
        SegmentId::new(self.segments)
    }

    pub(crate) fn next_recording(&mut self) -> RecordingId {
        self.parts = self.parts.saturating_add(1);
        RecordingId { call: self.id, part: self.parts }
    }

    pub(crate) fn next_play(&mut self) -> u32 {
        self.plays = self.plays.wrapping_add(1);
        self.plays
    }
}

impl Stage {
    pub(crate) const fn wait(&self) -> Option<&Wait> {
        match self {
            Self::Queued(wait) => Some(wait),
            Self::CallingBack(back) => Some(&back.wait),
            Self::Flow { .. }
            | Self::Resting
            | Self::Announcing { .. }
            | Self::Dialling(_)
            | Self::Talking(_)
            | Self::Transferring(_)
            | Self::Ending => None,
        }
    }

    pub(crate) const fn wait_mut(&mut self) -> Option<&mut Wait> {
        match self {
            Self::Queued(wait) => Some(wait),
            Self::CallingBack(back) => Some(&mut back.wait),
            Self::Flow { .. }
            | Self::Resting
            | Self::Announcing { .. }
            | Self::Dialling(_)
            | Self::Talking(_)
            | Self::Transferring(_)
            | Self::Ending => None,
        }
    }

    pub(crate) const fn calling_back(&self) -> Option<&CallingBack> {
        if let Self::CallingBack(back) = self { Some(back) } else { None }
    }

    pub(crate) const fn talk(&self) -> Option<&Talk> {
        if let Self::Talking(talk) = self { Some(talk) } else { None }
    }

    pub(crate) const fn talk_mut(&mut self) -> Option<&mut Talk> {
        if let Self::Talking(talk) = self { Some(talk) } else { None }
    }

    /// What kind of call it is for an agent who is on it.
    pub(crate) const fn kind(&self) -> CallKind {
        match self {
            Self::Dialling(dialling) => dialling.kind,
            Self::Talking(talk) => talk.kind,
            Self::Transferring(transfer) => transfer.kind,
            Self::CallingBack(_) => CallKind::Queue,
            Self::Flow { .. }
            | Self::Resting
            | Self::Queued(_)
            | Self::Announcing { .. }
            | Self::Ending => CallKind::Internal,
        }
    }

    /// Where else the number outside may be tried that is being called.
    pub(crate) const fn outside_mut(&mut self) -> Option<&mut Option<Outside>> {
        match self {
            Self::Dialling(dialling) => Some(&mut dialling.outside),
            Self::Transferring(transfer) => Some(&mut transfer.outside),
            Self::CallingBack(back) => Some(&mut back.outside),
            Self::Flow { .. }
            | Self::Resting
            | Self::Queued(_)
            | Self::Announcing { .. }
            | Self::Talking(_)
            | Self::Ending => None,
        }
    }

    pub(crate) const fn transfer(&self) -> Option<&Transfer> {
        if let Self::Transferring(transfer) = self { Some(transfer) } else { None }
    }
}

/// Where a call is. Leaving a stage forgets what was only true in it.
#[derive(Debug)]
pub(crate) enum Stage {
    /// In the greeting or menu.
    Flow { walk: Walk, play: u32, segment: SegmentId },
    /// A callback that nobody works at.
    Resting,
    /// Waiting in a queue.
    Queued(Wait),
    /// Still waiting, in a queue's books: the agent is on the line, and the caller is called back.
    CallingBack(Box<CallingBack>),
    /// Hearing why the call ends.
    Announcing { play: u32, cause: Cause },
    /// The called party is being dialled: an extension, or a number outside.
    Dialling(Dialling),
    /// Two parties are joined.
    Talking(Talk),
    /// One party is being handed on.
    Transferring(Transfer),
    /// Every leg has been told to end; within one step also what lies between two stages.
    Ending,
}

#[derive(Debug)]
pub(crate) struct Wait {
    pub(crate) queue: QueueId,
    pub(crate) priority: u8,
    pub(crate) segment: SegmentId,
    /// The agents whose phones ring.
    pub(crate) offers: BTreeMap<AgentId, Offer>,
    /// The welcome being played; music follows it.
    pub(crate) welcome: Option<u32>,
}

impl Wait {
    /// The offer whose leg this is.
    pub(crate) fn offer_at(&self, leg: LegId) -> Option<&Offer> {
        self.offers.values().find(|offer| offer.leg == leg)
    }

    /// The offer whose leg this is; it is over.
    pub(crate) fn take_offer_at(&mut self, leg: LegId) -> Option<Offer> {
        let agent = self.offer_at(leg)?.agent;
        self.offers.remove(&agent)
    }
}

/// An agent waits for the caller who is called back.
#[derive(Debug)]
pub(crate) struct CallingBack {
    pub(crate) wait: Wait,
    /// The agent's offer: it is open until the two are joined.
    pub(crate) offer: Offer,
    /// The leg to the caller.
    pub(crate) customer: LegId,
    /// Where else the caller may be tried.
    pub(crate) outside: Option<Outside>,
}

/// The waiting call, offered to an agent. The agent's leg is the offer.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) agent: AgentId,
    pub(crate) leg: LegId,
    pub(crate) since: Timestamp,
    pub(crate) wrap_up: WrapUp,
}

#[derive(Debug)]
pub(crate) struct Dialling {
    pub(crate) callee: LegId,
    pub(crate) kind: CallKind,
    /// The caller already hears the far end.
    pub(crate) early: bool,
    /// Where else the number may be tried, when it is one outside.
    pub(crate) outside: Option<Outside>,
}

/// A number outside that is being called, and the trunks that have not been tried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Outside {
    pub(crate) ahead: VecDeque<TrunkId>,
    /// The number called, before any trunk's own spelling.
    pub(crate) number: Number,
    /// The number shown.
    pub(crate) shown: Number,
}

/// Two parties who hear each other, unless one holds.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    /// The caller, or calling party.
    pub(crate) left: LegId,
    /// The agent, or called party.
    pub(crate) right: LegId,
    pub(crate) kind: CallKind,
    pub(crate) segment: SegmentId,
    /// Who holds.
    pub(crate) holding: BTreeSet<LegId>,
    pub(crate) recording: Option<RecordingId>,
    pub(crate) from_queue: Option<FromQueue>,
}

/// What is remembered of the queue a talk came from.
#[derive(Clone, Debug)]
pub(crate) struct FromQueue {
    pub(crate) queue: QueueId,
    pub(crate) priority: u8,
    pub(crate) wrap_up: WrapUp,
}

impl Talk {
    pub(crate) fn peer(&self, leg: LegId) -> LegId {
        if leg == self.left { self.right } else { self.left }
    }
}

#[derive(Debug)]
pub(crate) struct Transfer {
    /// The talk that was interrupted.
    pub(crate) talk: Talk,
    /// Who hands over.
    pub(crate) transferor: LegId,
    /// Whether the transferor is still there to take the other party back.
    pub(crate) transferor_here: bool,
    /// The leg to the new party.
    pub(crate) target: LegId,
    pub(crate) kind: CallKind,
    /// Where else the new party may be tried, when it is a number outside.
    pub(crate) outside: Option<Outside>,
}

/// What is at the far end of a leg.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum FarEnd {
    Trunk(TrunkId),
    Phone(PhoneId),
}

/// One SIP dialog of ours and its stream.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) id: LegId,
    pub(crate) call: CallId,
    pub(crate) far_end: FarEnd,
    /// Who is signed in at the phone.
    pub(crate) agent: Option<AgentId>,
    /// Whether the agent's part in the call is over, though the leg is not.
    pub(crate) agent_left: bool,
    pub(crate) state: LegState,
    /// The hotline that it came to, whose place on the trunk it takes.
    pub(crate) hotline: Option<HotlineId>,
    /// Whether the far phone has said that it rings.
    pub(crate) rang: bool,
    pub(crate) local: SocketAddr,
    /// How we protect what we send it.
    pub(crate) own: Security,
    /// The far end's latest description.
    pub(crate) remote: Option<MediaDescription>,
    /// Who is at the far end of a trunk, as people read it.
    pub(crate) number: Option<Number>,
}

impl Leg {
    /// A leg that begins: nobody's, and nothing is known of the far end.
    pub(crate) const fn early(id: LegId, call: CallId, far_end: FarEnd, local: SocketAddr) -> Self {
        Self {
            id,
            call,
            far_end,
            agent: None,
            agent_left: false,
            state: LegState::Early,
            hotline: None,
            rang: false,
            local,
            own: Security::None,
            remote: None,
            number: None,
        }
    }

    /// The trunk it takes a place on.
    pub(crate) const fn trunk(&self) -> Option<&TrunkId> {
        match &self.far_end {
            FarEnd::Trunk(trunk) => Some(trunk),
            FarEnd::Phone(_) => None,
        }
    }

    /// The agent whom this leg keeps on the call.
    pub(crate) fn engages(&self) -> Option<AgentId> {
        self.agent.filter(|_| !self.agent_left)
    }

    /// The agent's part in the call is over; whose it was, the first time.
    pub(crate) fn let_go(&mut self) -> Option<AgentId> {
        let agent = self.engages();
        self.agent_left = true;
        agent
    }

    /// Whether the far end has put us on hold.
    pub(crate) fn holds(&self) -> bool {
        self.remote.as_ref().is_some_and(|remote| !remote.direction.receives())
    }

    /// Our answer to the far end's latest offer, or our offer when it made none.
    pub(crate) fn answer(&self) -> MediaDescription {
        let answer = match &self.remote {
            Some(offer) => offer.answer(self.local),
            None => MediaDescription::ours(self.local),
        };
        answer.protected(self.own.clone())
    }

    /// Our offer at the far end's wish.
    pub(crate) fn offer(&self) -> MediaDescription {
        MediaDescription::ours(self.local).protected(self.own.clone())
    }

    pub(crate) fn is_live(&self) -> bool {
        self.state != LegState::Releasing
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LegState {
    /// Not answered yet.
    Early,
    /// Answered.
    Established,
    /// Told to end; only [`crate::ports::LegFact::Released`] is still awaited.
    Releasing,
}
