//! What the service enforces, as figures from the configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{AgentId, GroupId, Next, QueueId, Reason, TeamId, WrapUpMode};

use crate::{Attendance, Days, Shift};

/// The tenant's rules about agents' states.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rules {
    /// The tenant's busy reasons.
    pub reasons: BTreeMap<Reason, BusyRule>,
    /// What sign-in leads to.
    pub after_sign_in: Next,
    /// What a second sign-in of the same agent does.
    pub second_session: SecondSession,
    /// Unanswered offers in a row before the agent is set busy; 0 never does it.
    pub max_no_answer: u8,
    /// How long an agent whose phone is lost stays signed in, waiting for it.
    pub device_lost_grace: Duration,
    /// Whether a team lead who forces a state must say why.
    pub force_note: ForceNote,
    /// What agents may do about wrap-up, where its queue does not say.
    pub wrap_up: WrapUpMode,
    /// How far wrap-up may be extended in all, counted from its beginning.
    pub wrap_up_at_most: Duration,
    /// The shifts of those who have any.
    pub shifts: BTreeMap<AgentId, Vec<Shift>>,
    /// What is enforced about shifts.
    pub attendance: Attendance,
    /// The skill groups and who is in them.
    pub groups: BTreeMap<GroupId, BTreeSet<AgentId>>,
    /// The teams and who is in them.
    pub teams: BTreeMap<TeamId, BTreeSet<AgentId>>,
    /// The queues whose needs each agent meets.
    pub serves: BTreeMap<AgentId, BTreeSet<QueueId>>,
    /// The queues that working sessions begin with, where not all of those.
    pub first_queues: BTreeMap<AgentId, BTreeSet<QueueId>>,
    /// Where days begin.
    pub days: Days,
    /// How long an agent who refused, or could not be reached, is not offered the next call.
    pub cool_down: CoolDown,
}

/// The rule of one busy reason.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BusyRule {
    /// What people read.
    pub label: String,
    /// The digit dialled after the busy feature code.
    pub digit: Option<char>,
    /// The longest stay.
    pub longest: Option<Duration>,
    /// What happens about a stay that is longer.
    pub overstay: Overstay,
    /// How long an agent may be busy for it in a day, all stays together.
    pub allowance: Option<Duration>,
    /// How many of a skill group may be busy for it at once.
    pub share: Option<Share>,
    /// How many of a team may be.
    pub team_share: Option<Share>,
}

/// How many of a group or a team may be busy for a reason at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// Of a hundred of them who are signed in; one may always be.
    pub percent: u8,
    /// What becomes of a request when so many are.
    pub when_full: WhenFull,
}

/// What becomes of a request for a busy reason when as many of the group or the team are busy for it as may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WhenFull {
    /// It is refused.
    #[default]
    Refuse,
    /// It waits until somebody returns.
    Wait,
}

/// What happens about a busy stay that is too long, one after the other: the agent is warned, team
/// leads are told, the agent is signed out. What would come no sooner than signing out is left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Overstay {
    /// How long before the end of the stay the agent is warned.
    pub warn_before: Duration,
    /// How long after it team leads are told; never when not said.
    pub alert_after: Option<Duration>,
    /// How long after it the agent is signed out; never when not said.
    pub sign_out_after: Option<Duration>,
}

impl Default for Overstay {
    fn default() -> Self {
        Self {
            warn_before: Duration::ZERO,
            alert_after: Some(Duration::ZERO),
            sign_out_after: Some(Duration::ZERO),
        }
    }
}

/// What a second sign-in does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SecondSession {
    /// It is refused.
    #[default]
    Refuse,
    /// It takes the session over to the new phone.
    TakeOver,
}

/// Whether a team lead who forces a state must say why.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ForceNote {
    /// They may.
    #[default]
    Optional,
    /// They must.
    Needed,
}

/// Pauses before the same agent is offered a call again, by how the last offer ended. After any
/// but a call let ring or a caller who left, the pause is at least one second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CoolDown {
    /// After letting it ring.
    pub no_answer: Duration,
    /// After declining.
    pub refused: Duration,
    /// After the phone could not be reached.
    pub unreachable: Duration,
}

impl Rules {
    /// The state that signing in leads to.
    pub(crate) const fn first(&self) -> &Next {
        match &self.after_sign_in {
            Next::SignedOut => &Next::Ready,
            next @ (Next::Ready | Next::Busy(_)) => next,
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            reasons: BTreeMap::new(),
            after_sign_in: Next::Ready,
            second_session: SecondSession::Refuse,
            max_no_answer: 2,
            device_lost_grace: Duration::from_secs(60),
            force_note: ForceNote::Optional,
            wrap_up: WrapUpMode::Flexible,
            wrap_up_at_most: Duration::from_secs(600),
            shifts: BTreeMap::new(),
            attendance: Attendance::default(),
            groups: BTreeMap::new(),
            teams: BTreeMap::new(),
            serves: BTreeMap::new(),
            first_queues: BTreeMap::new(),
            days: Days::default(),
            cool_down: CoolDown::default(),
        }
    }
}

impl Default for CoolDown {
    fn default() -> Self {
        Self {
            no_answer: Duration::from_secs(5),
            refused: Duration::from_secs(10),
            unreachable: Duration::from_secs(5),
        }
    }
}
