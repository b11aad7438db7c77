//! What goes into the distribution and what comes out of it.

use std::collections::BTreeSet;
use std::time::Duration;

use model::{AgentId, CallId, Cause, Choice, OfferEnd, Outcome, QueueId, Rank, Timestamp};

use crate::strategy::{Routing, Standing};

/// How many agents an explanation names at most, of each kind.
pub const MOST_EXPLAINED: usize = 16;

/// What a caller brings to a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wants {
    /// Higher is served first.
    pub priority: u8,
    /// The caller is placed as if so much had been waited already.
    pub credit: Duration,
    /// The agent the caller is kept for at first.
    pub preferred: Option<Preferred>,
    /// Who waits.
    pub waiter: Waiter,
}

/// Who waits in a caller's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Waiter {
    /// The caller, on the line.
    #[default]
    OnTheLine,
    /// Nobody: the caller will be called back (回拨). Such a place is never turned away, has no longest
    /// wait, and stays while there is nobody who could serve it.
    CalledBack,
}

/// Whom a caller is kept for, and how long. Where that agent is not signed in, is busy, or does not
/// serve the queue, the caller is not kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Preferred {
    /// The agent.
    pub agent: AgentId,
    /// How long at most, from entering the queue.
    pub wait: Duration,
}

impl Wants {
    /// Nothing but a priority.
    #[must_use]
    pub const fn priority(priority: u8) -> Self {
        Self { priority, credit: Duration::ZERO, preferred: None, waiter: Waiter::OnTheLine }
    }
}

/// Why an agent may not be offered calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Absence {
    /// Ringing, talking, wrapping up, or resting after an offer: somebody who comes back.
    Engaged,
    /// Busy for a reason of their own (示忙).
    Busy,
}

/// What has happened on the floor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AcdEvent {
    /// A caller is to wait in a queue. A call waits in one queue at a time: while it does, a
    /// second such event does nothing.
    CallQueued {
        /// Which call.
        call: CallId,
        /// In which queue.
        queue: QueueId,
        /// What the caller brings.
        wants: Wants,
    },
    /// A team lead gives a waiting call to an agent who is available, whatever the queue asks for. Does
    /// nothing where [`Acd::assignable`](crate::Acd::assignable) says so.
    CallAssigned {
        /// Which call.
        call: CallId,
        /// To whom.
        agent: AgentId,
    },
    /// A team lead moves a waiting call to another queue; what was waited counts there. Does nothing
    /// where a phone rings for the call, or there is no such queue.
    CallMoved {
        /// Which call.
        call: CallId,
        /// Where to.
        queue: QueueId,
    },
    /// The talk of a call that was answered from a queue is over.
    TalkEnded {
        /// Which call.
        call: CallId,
    },
    /// The caller hung up, waiting or while an agent's phone rang.
    CallGone {
        /// Which call.
        call: CallId,
    },
    /// The caller left the queue and is still there: by a key, say. A phone that rings for the call
    /// stops ringing; the floor has seen to it already.
    CallTakenOut {
        /// Which call.
        call: CallId,
        /// How.
        outcome: Outcome,
        /// Why.
        cause: Cause,
    },
    /// The call ended by our fault, or because the service stops.
    CallFailed {
        /// Which call.
        call: CallId,
        /// Why.
        cause: Cause,
    },
    /// An agent may be offered calls, and is signed in if that was not told. While an offer to
    /// the agent is open this takes effect at its end, so the order in which the floor reports
    /// the two does not matter. Telling it again changes nothing.
    AgentAvailable {
        /// Who.
        agent: AgentId,
        /// What the agent is ranked by.
        standing: Standing,
    },
    /// An agent may not be offered calls.
    AgentUnavailable {
        /// Who.
        agent: AgentId,
        /// Why.
        absence: Absence,
    },
    /// The queues that an agent does not serve, of those whose needs the agent meets: signed out of
    /// them. Until this is told again the agent serves all others. An open offer goes on.
    AgentQueues {
        /// Who.
        agent: AgentId,
        /// Which; those that there are not, and those whose needs the agent does not meet, are taken
        /// note of.
        away: BTreeSet<QueueId>,
    },
    /// An agent began a working session.
    AgentSignedIn {
        /// Who.
        agent: AgentId,
    },
    /// An agent ended a working session.
    AgentSignedOut {
        /// Who.
        agent: AgentId,
    },
    /// An offer came to nothing. The call keeps its place and is offered at once to the next
    /// agent. Those who let it ring, declined it or could not be reached are passed over while
    /// another agent is available; when none is, a new round begins with all. `CallerLeft` means
    /// the same as [`AcdEvent::CallGone`].
    OfferEnded {
        /// Which call.
        call: CallId,
        /// To whom.
        agent: AgentId,
        /// How.
        end: OfferEnd,
    },
    /// The agent answered an offer to call somebody back: no other phone rings for it any more, and
    /// the ring time is over. The offer stays open until the two are joined, or the call is taken
    /// out.
    OfferTaken {
        /// Which call.
        call: CallId,
        /// To whom.
        agent: AgentId,
    },
    /// The caller and the agent were joined.
    OfferAnswered {
        /// Which call.
        call: CallId,
        /// To whom.
        agent: AgentId,
    },
}

/// What the floor must do, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Ring this agent for this call. The agent is taken out of all indexes in the same step, so
    /// nobody is offered two calls.
    Offer {
        /// Which call.
        call: CallId,
        /// Waiting where.
        queue: QueueId,
        /// To whom.
        agent: AgentId,
        /// When the ring time runs out.
        until: Timestamp,
        /// The ring time.
        ring: Duration,
        /// After-call work that the queue gives.
        wrap_up: Duration,
        /// Why this agent.
        explanation: Explanation,
    },
    /// The offer is over: cancel the agent's leg and report [`AcdEvent::OfferEnded`] with how it
    /// ended (as said here, unless the floor knows better).
    OfferOver {
        /// Which call.
        call: CallId,
        /// To whom.
        agent: AgentId,
        /// How: nobody answered in time, or somebody else did.
        end: OfferEnd,
    },
    /// A caller began to wait. One who is not let in enters and leaves in the same step, so that
    /// every count of those who entered ties with the outcomes.
    Entered {
        /// Which call.
        call: CallId,
        /// Where.
        queue: QueueId,
        /// Higher is served first.
        priority: u8,
        /// How many wait there now, this one included.
        waiting: u32,
    },
    /// A caller's wait ended, once and with one outcome.
    Left {
        /// Which call.
        call: CallId,
        /// Where.
        queue: QueueId,
        /// How.
        outcome: Outcome,
        /// How long the wait was.
        waited: Duration,
        /// The queue overflowed to: the caller has been entered there, and the decision that says
        /// so follows.
        to: Option<QueueId>,
        /// Why.
        cause: Cause,
    },
}

/// Why an agent was chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// The strategy that ranked the candidates.
    pub routing: Routing,
    /// Available agents who fit, in ranked order; at most [`MOST_EXPLAINED`].
    pub candidates: Vec<AgentId>,
    /// What each candidate was ranked by, in the same order.
    pub ranks: Vec<Rank>,
    /// Available agents who would have ranked but were passed over, with why; at most
    /// [`MOST_EXPLAINED`].
    pub passed_over: Vec<(AgentId, &'static str)>,
    /// How long the caller had waited.
    pub waited: Duration,
    /// Why this agent: by rank, or not.
    pub choice: Choice,
}
