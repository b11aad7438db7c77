//! Why an agent did not get a call: what the agent was to each decision about it, and what the agent
//! did while the call waited.
//!
//! | the agent was | and then |
//! |---|---|
//! | among the candidates | the place, who stood before, and by which key |
//! | passed over | why |
//! | in a state in which nobody is offered calls | that state |
//! | ready and not among the candidates | was signed out of the queue; did not fit the queue; or was in the pause after an offer that came to nothing; or ranked below those listed |
//!
//! Skills are not in the log. What is known is this: while a caller waits, nobody who fits and is free is
//! left idle. An agent who was ready all the while was signed out of the queue, did not fit, or was in that pause, of which the log
//! tells; that of an older program (before schema version 5) does not, and either may be the case.

use std::collections::BTreeSet;
use std::time::Duration;

use model::{
    AgentId, CallId, Cause, Epoch, Event, Outcome, Pause, QueueId, Rank, Reason, SegmentId,
    StateName, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::why::{LISTED, Offer, Wait};
use crate::{AgentHistory, Decisions, StateInterval};

/// How many candidates, and agents passed over, an event lists at most.
const MOST_EXPLAINED: usize = 16;

/// So much later than due the end of a pause may be noticed.
const LATE: Duration = Duration::from_millis(250);

/// An agent's share in one wait of a call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Share {
    /// The segment of the call.
    pub segment: SegmentId,
    /// The queue.
    pub queue: QueueId,
    /// When the caller entered it.
    pub since: Timestamp,
    /// When the wait ended; `None` while it lasts.
    pub until: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// What the agent was to each offer, in order.
    pub offers: Vec<Judged>,
    /// What the agent did meanwhile, in order.
    pub stays: Vec<Stay>,
}

/// What the agent was to one offer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Judged {
    /// When.
    pub at: Timestamp,
    /// To whom the call was offered.
    pub offered_to: AgentId,
    /// The strategy that ranked the candidates.
    pub routing: String,
    /// The version of the configuration then.
    pub config_version: u64,
    /// What the agent was to it.
    #[serde(flatten)]
    pub standing: Standing,
}

/// What the agent did for a part of the wait.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stay {
    /// From when on, within the wait.
    pub since: Timestamp,
    /// Until when, within the wait; `None` while both last.
    pub until: Option<Timestamp>,
    /// The state.
    pub state: Option<StateName>,
    /// Since when the agent was in it.
    pub state_since: Option<Timestamp>,
    /// What that is to the call.
    #[serde(flatten)]
    pub standing: Standing,
}

/// What an agent is to a decision about a call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum Standing {
    /// The call was offered to this agent.
    Offered,
    /// A candidate who stood behind others.
    Behind(Behind),
    /// Free and passed over.
    PassedOver {
        /// Why.
        why: String,
    },
    /// Signed out.
    SignedOut,
    /// Busy.
    Busy {
        /// For which reason.
        reason: Option<Reason>,
    },
    /// The phone was lost.
    PhoneLost,
    /// Chosen for another call, or rung for it.
    OfferedAnother {
        /// Which.
        other: Option<CallId>,
    },
    /// On a call.
    OnCall {
        /// Which.
        other: Option<CallId>,
    },
    /// In the wrap-up of a call.
    WrapUp {
        /// Which.
        other: Option<CallId>,
    },
    /// Ready, and signed out of the queue.
    NotInQueue,
    /// Ready, and did not fit the queue: a skill it needs, or its level, was missing.
    Unfit,
    /// Ready, but in the pause after an offer that came to nothing.
    Pausing {
        /// How that offer ended.
        after: Cause,
        /// When the pause was over, where the log tells it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// Ready after an offer that came to nothing, and the log tells of no pause: either in the pause that
    /// follows, or did not fit the queue.
    PausingOrUnfit {
        /// How that offer ended.
        after: Cause,
    },
    /// Ready, and not among those listed, who are as many as an event lists: ranked below them.
    BelowListed,
    /// Ready, but the call was being offered to others all the while.
    CallRang,
    /// What the agent did is longer ago than what is kept for an answer.
    Unknown,
}

/// A candidate's place behind others.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Behind {
    /// The place, from 1 for the winner.
    pub place: u32,
    /// How many candidates are listed.
    pub of: u32,
    /// Who stood before, the winner first.
    pub ahead: Vec<AgentId>,
    /// By what the winner was before this agent; `None` where the log does not say it.
    pub by: Option<RankedBy>,
    /// What the winner was ranked by.
    pub winner_rank: Option<Rank>,
    /// What this agent was ranked by.
    pub own_rank: Option<Rank>,
}

/// By what one candidate stands before another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankedBy {
    /// The tier of the queue: the inner one is served first.
    Tier,
    /// The key of the strategy.
    Key,
    /// Idle for longer.
    IdleSince,
    /// The lower work number.
    WorkNumber,
}

/// What one agent was to the decisions about one call. It is told of the same events as [`Decisions`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WhyNot {
    agent: AgentId,
    call: CallId,
    decisions: Decisions,
    history: AgentHistory,
    ended: Vec<StateInterval>,
    /// States of long ago that were given up.
    forgotten: u32,
}

impl WhyNot {
    /// Nothing is known yet of what `agent` was to `call`. An agent whose state is not told was never
    /// signed in.
    #[must_use]
    pub fn of(agent: AgentId, call: CallId) -> Self {
        let (decisions, history) = (Decisions::of(call), AgentHistory::default());
        Self { agent, call, decisions, history, ended: Vec::new(), forgotten: 0 }
    }

    /// Takes up the state that the agent was in when the call began.
    pub fn restore(&mut self, state: StateInterval) {
        if state.agent == self.agent {
            self.history.restore(state);
        }
    }

    /// Takes in the next event.
    pub fn apply(&mut self, event: &Event) {
        self.decisions.apply(event);
        if event.agent == Some(self.agent) {
            if self.ended.len() >= LISTED {
                self.ended.remove(0);
                self.forgotten = self.forgotten.saturating_add(1);
            }
            self.ended.extend(self.history.apply(event));
        }
    }

    /// The agent's share in each wait.
    #[must_use]
    pub fn told(self) -> Vec<Share> {
        let Self { agent, call, decisions, history, ended, forgotten } = self;
        let (waits, _) = decisions.told();
        let states = ended.into_iter().chain(history.open().get(&agent).cloned()).collect();
        let before = (forgotten == 0).then_some(StateName::SignedOut);
        let judge = Judge { agent, call, states, before, fits: queues_of(agent, &waits) };
        waits.iter().map(|wait| judge.share(wait)).collect()
    }
}

/// The queues that the agent is seen to fit.
fn queues_of(agent: AgentId, waits: &[Wait]) -> BTreeSet<QueueId> {
    let is_in = |offer: &Offer| {
        let passed = offer.passed_over.iter().any(|it| it.agent == agent);
        passed || offer.agent == agent || offer.candidates.iter().any(|it| it.agent == agent)
    };
    let fitting = waits.iter().filter(|wait| wait.offers().any(is_in));
    fitting.map(|wait| wait.queue.clone()).collect()
}

struct Judge {
    agent: AgentId,
    call: CallId,
    /// The agent's states, in order.
    states: Vec<StateInterval>,
    /// The state before them, where it is known.
    before: Option<StateName>,
    fits: BTreeSet<QueueId>,
}

impl Judge {
    fn share(&self, wait: &Wait) -> Share {
        Share {
            segment: wait.segment,
            queue: wait.queue.clone(),
            since: wait.since,
            until: wait.left.as_ref().map(|left| left.at),
            outcome: wait.left.as_ref().map(|left| left.outcome),
            offers: wait.offers().map(|offer| self.judged(wait, offer)).collect(),
            stays: self.stays(wait),
        }
    }

    fn judged(&self, wait: &Wait, offer: &Offer) -> Judged {
        let listed = place_of(self.agent, offer);
        let standing = listed.unwrap_or_else(|| match self.state_before(offer.event) {
            Some(state) if state.state == StateName::Ready => {
                let over = state.pause.filter(|pause| pause.until + LATE < offer.at);
                let rest = over.map(|pause| after(pause, state));
                self.unlisted(wait, offer, rest.as_ref().unwrap_or(state))
            }
            Some(state) => self.in_state(wait, state),
            None => self.standing_before(),
        });
        Judged {
            at: offer.at,
            offered_to: offer.agent,
            routing: offer.routing.clone(),
            config_version: offer.config_version,
            standing,
        }
    }

    /// Ready, and not named by the offer.
    fn unlisted(&self, wait: &Wait, offer: &Offer, state: &StateInterval) -> Standing {
        let is_full = |listed: usize| listed >= MOST_EXPLAINED;
        if state.away.contains(&wait.queue) {
            return Standing::NotInQueue;
        }
        if is_full(offer.candidates.len()) || is_full(offer.passed_over.len()) {
            return Standing::BelowListed;
        }
        self.not_free(wait, state)
    }

    /// Ready, and not free for the queue.
    fn not_free(&self, wait: &Wait, state: &StateInterval) -> Standing {
        if let Some(Pause { until, after }) = state.pause {
            return Standing::Pausing { after: after.into(), until: Some(until) };
        }
        match state.cause.filter(|cause| is_vain(*cause)) {
            Some(after) if self.fits.contains(&wait.queue) => {
                Standing::Pausing { after, until: None }
            }
            Some(after) => Standing::PausingOrUnfit { after },
            None => Standing::Unfit,
        }
    }

    /// What a state is to the wait, whatever was decided in it.
    fn in_state(&self, wait: &Wait, state: &StateInterval) -> Standing {
        let other = state.call;
        match state.state {
            StateName::SignedOut => Standing::SignedOut,
            StateName::Ready if state.away.contains(&wait.queue) => Standing::NotInQueue,
            StateName::Ready if is_alone(wait, state) => self.not_free(wait, state),
            StateName::Ready => Standing::CallRang,
            StateName::Busy => match &state.reason {
                Some(reason) if reason.as_str() == Reason::DEVICE_LOST => Standing::PhoneLost,
                reason => Standing::Busy { reason: reason.clone() },
            },
            StateName::Reserved | StateName::Ringing if other == Some(self.call) => {
                Standing::Offered
            }
            StateName::Reserved | StateName::Ringing => Standing::OfferedAnother { other },
            StateName::OnCall => Standing::OnCall { other },
            StateName::WrapUp => Standing::WrapUp { other },
        }
    }

    /// The agent's states as far as they lie in the wait.
    fn stays(&self, wait: &Wait) -> Vec<Stay> {
        let end = wait.left.as_ref().map(|left| left.at);
        let first = self.states.first().map(|state| state.since);
        let mut stays = Vec::new();
        if first.is_none_or(|first| first > wait.since) {
            let until = first.filter(|first| end.is_none_or(|end| *first < end)).or(end);
            let (state, standing) = (self.before, self.standing_before());
            stays.push(Stay { since: wait.since, until, state, state_since: None, standing });
        }
        let parts = self
            .states
            .iter()
            .flat_map(|state| parts(state).into_iter().map(|part| (state.since, part)));
        stays.extend(parts.filter_map(|(state_since, part)| {
            let (since, until) = within(wait, &part)?;
            Some(Stay {
                since,
                until,
                state: Some(part.state),
                state_since: Some(state_since),
                standing: self.in_state(wait, &part),
            })
        }));
        stays
    }

    const fn standing_before(&self) -> Standing {
        if self.before.is_some() { Standing::SignedOut } else { Standing::Unknown }
    }

    fn state_before(&self, event: (Epoch, u64)) -> Option<&StateInterval> {
        self.states.iter().rfind(|state| state.began < event)
    }
}

/// The agent's place in an offer, where it has one.
fn place_of(agent: AgentId, offer: &Offer) -> Option<Standing> {
    if offer.agent == agent {
        return Some(Standing::Offered);
    }
    if let Some(passed) = offer.passed_over.iter().find(|it| it.agent == agent) {
        return Some(Standing::PassedOver { why: passed.why.clone() });
    }
    let index = offer.candidates.iter().position(|it| it.agent == agent)?;
    let (ahead, rest) = offer.candidates.split_at_checked(index)?;
    let (winner_rank, own_rank) = (ahead.first()?.rank, rest.first()?.rank);
    Some(Standing::Behind(Behind {
        place: count(index + 1),
        of: count(offer.candidates.len()),
        ahead: ahead.iter().map(|it| it.agent).collect(),
        by: winner_rank.zip(own_rank).map(|(winner, own)| ranked_by(winner, own)),
        winner_rank,
        own_rank,
    }))
}

fn ranked_by(winner: Rank, own: Rank) -> RankedBy {
    if winner.tier != own.tier {
        RankedBy::Tier
    } else if winner.key != own.key {
        RankedBy::Key
    } else if winner.idle_since != own.idle_since {
        RankedBy::IdleSince
    } else {
        RankedBy::WorkNumber
    }
}

/// Whether ready came of an offer that came to nothing: a pause follows it.
const fn is_vain(cause: Cause) -> bool {
    matches!(cause, Cause::NoAnswer | Cause::Refused | Cause::Unreachable | Cause::OfferWithdrawn)
}

/// A state, parted where a pause ends in it.
fn parts(state: &StateInterval) -> Vec<StateInterval> {
    let goes_on = |pause: &Pause| state.until.is_none_or(|until| pause.until + LATE < until);
    match state.pause.filter(goes_on).filter(|_| state.state == StateName::Ready) {
        Some(pause) => {
            let paused = StateInterval { until: Some(pause.until), ..state.clone() };
            vec![paused, after(pause, state)]
        }
        None => vec![state.clone()],
    }
}

/// What is left of a state after the pause: nothing is due any more to the offer that came to nothing.
fn after(pause: Pause, state: &StateInterval) -> StateInterval {
    StateInterval { since: pause.until, pause: None, cause: None, ..state.clone() }
}

/// The part of a state that lies in the wait; `None` where none does.
fn within(wait: &Wait, state: &StateInterval) -> Option<(Timestamp, Option<Timestamp>)> {
    let since = state.since.max(wait.since);
    let end = wait.left.as_ref().map(|left| left.at);
    let until = match (state.until, end) {
        (Some(until), Some(end)) => Some(until.min(end)),
        (until, end) => until.or(end),
    };
    let is_wait_instant = end == Some(wait.since) && state.since <= wait.since;
    let is_there = until.is_none_or(|until| since < until);
    let lasts_over = is_wait_instant && state.until.is_none_or(|until| until > wait.since);
    (is_there || lasts_over).then_some((since, until))
}

/// Whether for some time of this state the call was offered to nobody.
fn is_alone(wait: &Wait, state: &StateInterval) -> bool {
    wait.gaps().any(|gap| {
        let since = gap.since.max(state.since);
        let until = match (gap.until, state.until) {
            (Some(gap), Some(state)) => gap.min(state),
            (gap, state) => gap.or(state).unwrap_or(Timestamp::from_micros(u64::MAX)),
        };
        // Whoever was turned away at once waited for no time.
        since < until || (since == until && gap.until == Some(gap.since))
    })
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
