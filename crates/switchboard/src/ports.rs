//! The ports of the floor: what it is told and what it commands.
//!
//! Drivers import this module and serve it; the floor knows nothing else of them. Facts come in
//! through an [`Inbox`]; commands go out, in order, from [`crate::Switchboard::handle`]. The id of
//! a leg is also the id of its media stream.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use model::{
    Actor, AgentId, AudioFrame, CallId, Carried, Cause, Event, LegId, MediaDescription, Next,
    Number, PartKind, PhoneId, PromptId, QueueId, RecordingId, Refusal, Security, TrunkId,
};
use serde::{Deserialize, Serialize};

use crate::config::FloorConfig;

/// What the floor is told.
#[derive(Debug)]
pub enum Input {
    /// Something happened to a leg.
    Leg {
        /// The leg; a driver that reports [`LegFact::RingsIn`] takes it from [`LegIds`].
        leg: LegId,
        /// What happened.
        fact: LegFact,
    },
    /// Something happened to a media stream.
    Media {
        /// The stream's leg.
        leg: LegId,
        /// What happened.
        fact: MediaFact,
    },
    /// Something happened to a part of a recording.
    Recording {
        /// The part.
        recording: RecordingId,
        /// What happened.
        fact: RecordingFact,
    },
    /// A phone's registration changed.
    Binding {
        /// The phone.
        phone: PhoneId,
        /// How many live bindings it has now.
        bindings: u32,
    },
    /// Somebody asks for something and waits for the reply.
    Request {
        /// Names the reply.
        reply: ReplyId,
        /// Who asks, and from where.
        actor: Actor,
        /// What is asked.
        request: Request,
    },
    /// The back office reports something that belongs in the log.
    Note {
        /// Who did it.
        actor: Actor,
        /// The call concerned.
        call: Option<CallId>,
        /// What happened: only kinds that change nothing on the floor.
        kind: Box<model::EventKind>,
    },
    /// A validated configuration is to come into force.
    Configure(Box<FloorConfig>),
    /// A deadline may have passed.
    Tick,
    /// The service is being stopped: new calls are refused, live ones released.
    Shutdown,
}

impl Input {
    /// Whether this must never be dropped. Only new calls and requests may be.
    #[must_use]
    pub const fn is_fact(&self) -> bool {
        !matches!(self, Self::Request { .. } | Self::Leg { fact: LegFact::RingsIn(_), .. })
    }
}

/// Where a leg comes from. Signalling has authenticated it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A carrier's connection, known by its address on the trunk listener.
    Trunk(TrunkId),
    /// One of our phones, known by digest.
    Phone(PhoneId),
}

/// A new call at our door.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RingsIn {
    /// Where it comes from.
    pub origin: Origin,
    /// The calling number.
    pub from: Number,
    /// The calling party's display name.
    pub display: Option<String>,
    /// The number dialled.
    pub to: Number,
    /// The caller's offer; `None` when the INVITE had none and we are to offer.
    pub offer: Option<MediaDescription>,
    /// SIP's Call-ID, to find the call in a trace.
    pub sip_call_id: String,
    /// What the call carries beside its numbers.
    pub carried: Carried,
    /// Hops left; at 0 the call must not be passed on (RFC 3261 §16.3).
    pub max_forwards: u8,
}

/// What can happen to a leg.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LegFact {
    /// A new call (INVITE).
    RingsIn(Box<RingsIn>),
    /// The far phone rings (180, or 183 with early media).
    Ringing {
        /// Early media, when the far side sends some.
        early: Option<MediaDescription>,
    },
    /// The far side answered (2xx), or acknowledged our offer (ACK).
    Answered {
        /// Its answer.
        answer: MediaDescription,
    },
    /// The far side changes the session (re-INVITE or UPDATE): hold, retrieve, a new address.
    Reoffered {
        /// Its offer; `None` when it asks us to offer.
        offer: Option<MediaDescription>,
    },
    /// Our own change of the session was answered.
    Reanswered {
        /// The far side's answer.
        answer: MediaDescription,
    },
    /// A digit by SIP INFO.
    Digit(char),
    /// The far side asks to be replaced by `to` (REFER, RFC 3515).
    TransferAsked {
        /// The number to be called instead.
        to: Number,
    },
    /// The far side asks that its calls by this leg and by another one be joined without it: attended
    /// transfer (REFER with Replaces, RFC 5589 §7).
    MergeAsked {
        /// The other leg, which signalling knows to be the same phone's.
        with: LegId,
    },
    /// The leg is over. Always the last fact about a leg, always exactly once.
    Released {
        /// Why.
        cause: Cause,
        /// The SIP status, when a response ended it.
        status: Option<u16>,
        /// What the far side said of it: the value of its Reason (RFC 3326).
        reason: Option<String>,
    },
}

/// What can happen to a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MediaFact {
    /// The stream's port could not be opened: it is taken, or the system refused.
    OpenFailed {
        /// What went wrong.
        error: String,
    },
    /// A prompt has been played to its end.
    PlayEnded {
        /// As given in [`MediaCommand::Play`].
        play: u32,
    },
    /// A digit by RFC 4733 telephone-event; once for each key press.
    Digit(char),
    /// No packet has arrived for as long as the limit allows.
    Lost,
}

/// What can happen to a part of a recording.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RecordingFact {
    /// The part is complete on disk.
    Sealed {
        /// The file, relative to the recordings folder.
        file: String,
        /// Its size in octets.
        octets: u64,
        /// Its length.
        duration: Duration,
        /// SHA-256 of the file, in hexadecimal.
        sha256: String,
        /// Frames that never reached the file.
        lost_frames: u64,
        /// Whether it was sealed after a crash.
        recovered: bool,
    },
    /// The part could not be written.
    Failed {
        /// What went wrong and what to do.
        error: String,
    },
}

/// What the floor commands.
#[derive(Debug)]
pub enum Command {
    /// For signalling.
    Leg {
        /// The leg.
        leg: LegId,
        /// What to do.
        command: LegCommand,
    },
    /// For media.
    Media {
        /// The stream's leg.
        leg: LegId,
        /// What to do.
        command: MediaCommand,
    },
    /// For recording.
    Recording {
        /// The part.
        recording: RecordingId,
        /// What to do.
        command: RecordingCommand,
    },
    /// For whoever asked.
    Reply {
        /// As given in [`Input::Request`].
        reply: ReplyId,
        /// What came of it.
        result: Result<Reply, Refusal>,
    },
    /// For the journal.
    Publish(Box<Event>),
}

/// Whom to dial.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// One of our phones, at all its bindings; the first answer wins.
    Phone(PhoneId),
    /// A number outside.
    Trunk {
        /// By this connection.
        trunk: TrunkId,
        /// The number.
        number: Number,
    },
}

/// What a phone is asked to do when it is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Alert {
    /// To ring.
    #[default]
    Ring,
    /// To answer at once by itself (自动应答).
    Answer,
}

/// What signalling is told to do with a leg.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LegCommand {
    /// Begin a leg (INVITE).
    Dial {
        /// Whom.
        target: Target,
        /// The number shown to the called party.
        from: Number,
        /// The name shown to the called party.
        display: Option<String>,
        /// Our offer.
        offer: MediaDescription,
        /// The call, for a header by which phone and trace can name it.
        call: CallId,
        /// What goes on with the call.
        carried: Carried,
        /// What the phone is asked to do.
        alert: Alert,
    },
    /// Tell the caller that it rings (180), or send early media (183).
    Ring {
        /// Early media, where the caller is to hear some.
        answer: Option<MediaDescription>,
    },
    /// Answer the caller (200).
    Answer {
        /// Our answer; our offer when the caller made none.
        answer: MediaDescription,
    },
    /// Answer a change of the session.
    AnswerReoffer {
        /// Our answer; our offer when the other side made none.
        answer: MediaDescription,
    },
    /// Refuse a change of the session; the session stays as it is.
    RefuseReoffer {
        /// The SIP status.
        status: u16,
    },
    /// Change the session ourselves (re-INVITE).
    Reoffer {
        /// Our offer.
        offer: MediaDescription,
    },
    /// Tell the transferring side what became of it (202, then NOTIFY with a sipfrag).
    TransferProgress {
        /// The SIP status: 100 accepts; 200 and above end the subscription; 4xx before 100 refuses.
        status: u16,
    },
    /// End the leg whatever its state: refuse it, CANCEL it or BYE it.
    Release {
        /// Why; becomes a `Reason` header, and decides `status` where none is given.
        cause: Cause,
        /// The final status when an unanswered caller is refused.
        status: Option<u16>,
    },
}

/// What media is told to do with a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MediaCommand {
    /// Open the stream at a leased port.
    Open {
        /// The local address; RTCP uses the next port.
        local: SocketAddr,
        /// The far side, once known.
        remote: Option<MediaDescription>,
    },
    /// The far side's description is known or has changed.
    Remote(MediaDescription),
    /// What our latest description says of protecting what we send. Until it and the far side's
    /// agree nothing is let through.
    Protect(Security),
    /// Play prompts one after another, instead of whatever is heard now.
    Play {
        /// Names the [`MediaFact::PlayEnded`].
        play: u32,
        /// What to play, in order.
        prompts: Vec<PromptId>,
        /// Play again from the beginning for ever (music).
        repeat: bool,
    },
    /// Play ringback tone, locally made, until something else is heard.
    Ringback,
    /// Send nothing.
    Silence,
    /// From now on the two streams hear each other.
    Join(LegId),
    /// Capture this stream (left) and its peer (right) into a part.
    Record {
        /// The part.
        recording: RecordingId,
        /// The stream on the right; this one is on the left.
        right: LegId,
    },
    /// Stop capturing.
    StopRecord {
        /// The part.
        recording: RecordingId,
    },
    /// Close the stream; its port may be leased again.
    Close,
}

/// What recording is told to do with a part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RecordingCommand {
    /// Open the part's file.
    Start(Box<PartDetails>),
    /// No more audio will come: seal the file. Media has been told first.
    Finish,
}

/// What a part's file says of itself in its header.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PartDetails {
    /// What it holds.
    pub part: PartKind,
    /// When it began.
    pub at: model::Timestamp,
    /// The agent heard.
    pub agent: Option<AgentId>,
    /// The queue the caller came from.
    pub queue: Option<model::QueueId>,
    /// Who is heard on the left.
    pub left: Option<Number>,
    /// Who is heard on the right.
    pub right: Option<Number>,
}

/// Names a reply.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ReplyId(pub u64);

/// What can be asked of the floor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// Begin a working session.
    SignIn {
        /// Who.
        agent: AgentId,
        /// Where; the agent's own phone when not said.
        phone: Option<PhoneId>,
    },
    /// Take a state, now or after the call.
    Become {
        /// Who.
        agent: AgentId,
        /// Which.
        next: Next,
    },
    /// End wrap-up early.
    EndWrapUp {
        /// Who.
        agent: AgentId,
    },
    /// Extend wrap-up.
    ExtendWrapUp {
        /// Who.
        agent: AgentId,
        /// By how long.
        by: Duration,
    },
    /// Sign in to one queue.
    SignInTo {
        /// Who.
        agent: AgentId,
        /// Which.
        queue: QueueId,
    },
    /// Sign out of one queue.
    SignOutOf {
        /// Who.
        agent: AgentId,
        /// Which.
        queue: QueueId,
    },
    /// A team lead forces a state; works in every state and ends an offer first.
    Force {
        /// Whom.
        agent: AgentId,
        /// Which.
        next: Next,
        /// Why, in their words.
        note: Option<String>,
    },
    /// End a call.
    Release {
        /// Which.
        call: CallId,
    },
    /// Give a waiting call to an agent who is available, whatever the queue asks for.
    Assign {
        /// Which.
        call: CallId,
        /// To whom.
        agent: AgentId,
    },
    /// Let a waiting call wait in another queue; what it has waited counts there.
    Move {
        /// Which.
        call: CallId,
        /// Where.
        queue: QueueId,
    },
    /// The floor as it is.
    Status,
}

/// What comes of a request.
#[derive(Clone, PartialEq, Debug)]
pub enum Reply {
    /// Done; the agent's state now.
    Agent(Box<model::AgentState>),
    /// Remembered; it will be done after the call.
    Remembered(Next),
    /// Done.
    Done,
    /// The floor as it is.
    Status(Box<crate::status::Status>),
}

/// Where facts and requests are left for the floor. Implemented by `runtime`.
pub trait Inbox: Send + Sync {
    /// Leaves an input. A fact gets in while the floor runs, though it must wait where even the
    /// room kept for facts is full; a new call or a request is handed back at once when the inbox
    /// is above its high-water mark.
    ///
    /// # Errors
    /// [`Full`], with the input, when it was not taken: also when the floor is over.
    fn put(&self, input: Input) -> Result<(), Full>;
}

/// The inbox is above its high-water mark: answer 503 with Retry-After.
#[derive(Debug)]
pub struct Full(pub Box<Input>);

/// Gives ids to legs that arrive, and knows how far the floor has come with them. Legs that the floor
/// dials get theirs from the floor; the two never meet: arriving legs have odd numbers, dialled ones
/// even.
#[derive(Debug)]
pub struct LegIds {
    epoch: model::Epoch,
    next: AtomicU32,
    looked_at: AtomicU32,
}

impl LegIds {
    /// Ids of one run of the service.
    #[must_use]
    pub const fn new(epoch: model::Epoch) -> Self {
        Self { epoch, next: AtomicU32::new(1), looked_at: AtomicU32::new(0) }
    }

    /// The next arriving leg's id.
    pub fn arriving(&self) -> LegId {
        LegId::new(self.epoch, self.next.fetch_add(2, Ordering::Relaxed))
    }

    /// The floor has looked at an arriving leg, which it does in their order.
    pub fn looked_at(&self, leg: LegId) {
        self.looked_at.fetch_max(leg.number(), Ordering::Relaxed);
    }

    /// Whether it has looked at this one.
    #[must_use]
    pub fn has_looked_at(&self, leg: LegId) -> bool {
        leg.number() <= self.looked_at.load(Ordering::Relaxed)
    }
}

/// Where media leaves captured audio; one for each media thread, never blocking.
pub trait Capture: Send {
    /// Leaves a frame; `false` when there was no room and the frame is lost, which the recording
    /// counts.
    fn put(&mut self, frame: &AudioFrame) -> bool;
}
