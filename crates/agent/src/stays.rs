//! How long busy may last, and what is said of a stay that is too long.
//!
//! ```text
//!  begins            warned           stay over           told to leads        signed out
//!    ├─────────────────┼──────────────────┼─────────────────────┼──────────────────┤
//!                      │   warn_before    │                     │                  │
//!                      └──────────────────┤     alert_after     │                  │
//!                                         ├─────────────────────┘                  │
//!                                         └──────────── sign_out_after ────────────┘
//! ```
//!
//! In a call nothing is said and nobody is signed out: what came due meanwhile comes at its end.

use model::{AgentState, EventKind, Reason, Timestamp};

use crate::Rules;
use crate::seat::Seat;

/// What has been said of a busy stay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Said {
    /// The agent was warned.
    ToAgent,
    /// Team leads were told.
    ToLeads,
}

impl Seat {
    /// What is said next of the stay, and when.
    pub(crate) fn next_notice(&self, rules: &Rules) -> Option<(Timestamp, Said)> {
        let (reason, stay_until, until) = stay(&self.state)?;
        let overstay = rules.reasons.get(reason)?.overstay;
        let said = self.said.filter(|(of, _)| *of == stay_until).map(|(_, said)| said);
        let next = match said {
            None => Some((stay_until - overstay.warn_before, Said::ToAgent)),
            Some(Said::ToAgent) => {
                overstay.alert_after.map(|after| (stay_until + after, Said::ToLeads))
            }
            Some(Said::ToLeads) => None,
        };
        next.filter(|(at, _)| until.is_none_or(|until| *at < until))
    }

    /// Says what is due of the stay.
    pub(crate) fn say(&mut self, rules: &Rules) {
        let Some((_, said)) = self.next_notice(rules) else { return };
        let Some((reason, stay_until, signed_out_at)) = stay(&self.state) else { return };
        let reason = reason.clone();
        self.notices.push(match said {
            Said::ToAgent => EventKind::AgentStayWarned { reason, stay_until, signed_out_at },
            Said::ToLeads => EventKind::AgentStayAlerted { reason, stay_until, signed_out_at },
        });
        self.said = Some((stay_until, said));
    }
}

/// The stay in a busy reason that has a longest one: reason, its end, and when the agent is signed
/// out.
const fn stay(state: &AgentState) -> Option<(&Reason, Timestamp, Option<Timestamp>)> {
    match state {
        AgentState::Busy { reason, stay_until: Some(stay_until), until, .. } => {
            Some((reason, *stay_until, *until))
        }
        AgentState::SignedOut { .. }
        | AgentState::Ready { .. }
        | AgentState::Busy { .. }
        | AgentState::Reserved { .. }
        | AgentState::Ringing { .. }
        | AgentState::OnCall { .. }
        | AgentState::WrapUp { .. } => None,
    }
}

/// Busy from now on, with the stay that the reason's rule allows.
pub(crate) fn busy(reason: Reason, rules: &Rules, now: Timestamp) -> AgentState {
    let rule = rules.reasons.get(&reason);
    let stay_until = rule.and_then(|rule| rule.longest).map(|longest| now + longest);
    let sign_out_after = rule.and_then(|rule| rule.overstay.sign_out_after);
    let until = stay_until.zip(sign_out_after).map(|(end, after)| end + after);
    AgentState::Busy { reason, since: now, until, stay_until, back_to: None }
}
