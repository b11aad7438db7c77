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
//! A stay is over sooner where less is left of the reason's allowance for the day; no sooner than the
//! planned break that it is (`breaks`).

use std::time::Duration;

use model::{AgentState, EventKind, Next, Reason, Refusal, Spent, Timestamp};

use crate::Rules;
use crate::seat::Seat;

/// Less than this is not worth a break: an allowance with no more left is used up.
const SHORTEST_STAY: Duration = Duration::from_secs(1);

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

    /// The state that a wish leads to when it takes effect.
    pub(crate) fn taken(&self, next: &Next, rules: &Rules, now: Timestamp) -> AgentState {
        match next {
            Next::Ready => AgentState::Ready { since: now, idle_since: now },
            Next::Busy(reason) => {
                let planned = self.planned_until(reason, now);
                let left = self.left(reason, rules, now);
                busy(reason.clone(), (left, planned), rules, now)
            }
            Next::SignedOut => AgentState::SignedOut { since: now },
        }
    }

    /// What is left of the allowance for a reason, where it has one.
    fn left(&self, reason: &Reason, rules: &Rules, now: Timestamp) -> Option<Duration> {
        let allowance = rules.reasons.get(reason)?.allowance?;
        let period = rules.days.day_of(now);
        let spent = self.spent.get(reason).filter(|spent| spent.since == period);
        let used = spent.map_or(Duration::ZERO, |spent| Duration::from_millis(spent.used_ms));
        Some(allowance.saturating_sub(used))
    }

    /// Whether the agent may ask for the reason as far as its allowance goes.
    ///
    /// # Errors
    /// It is used up.
    pub(crate) fn allows(
        &self,
        reason: &Reason,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let planned = self.planned_until(reason, now);
        match self.left(reason, rules, now).filter(|_| planned.is_none()) {
            Some(left) if left < SHORTEST_STAY => Err(Refusal::AllowanceSpent),
            Some(_) | None => Ok(()),
        }
    }

    /// Counts the busy stay that ends now against the reason's allowance.
    pub(crate) fn spend(&mut self, from: &AgentState, rules: &Rules, now: Timestamp) {
        let AgentState::Busy { reason, since, planned_until, .. } = from else { return };
        let Some(allowance) = rules.reasons.get(reason).and_then(|rule| rule.allowance) else {
            return;
        };
        let planned_until = planned_until.unwrap_or(*since);
        if now <= planned_until && *since < planned_until {
            return;
        }
        let period = rules.days.day_of(now);
        let stay = millis(now.since(period.max(*since).max(planned_until)));
        let spent = self.spent.entry(reason.clone()).or_default();
        let before = if spent.since == period { spent.used_ms } else { 0 };
        *spent = Spent { since: period, used_ms: before.saturating_add(stay) };
        self.notices.push(EventKind::AgentAllowanceSpent {
            reason: reason.clone(),
            since: period,
            used_ms: spent.used_ms,
            allowance_ms: millis(allowance),
        });
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

/// Busy from now on, with the stay that the reason's rule allows, and no longer than what is `left`, which
/// runs from the end of the planned break on.
fn busy(
    reason: Reason,
    (left, planned_until): (Option<Duration>, Option<Timestamp>),
    rules: &Rules,
    now: Timestamp,
) -> AgentState {
    let rule = rules.reasons.get(&reason);
    let longest = rule.and_then(|rule| rule.longest).map(|longest| now + longest);
    let left = left.map(|left| planned_until.unwrap_or(now) + left);
    let end = longest.into_iter().chain(left).min();
    let stay_until = end.map(|end| planned_until.map_or(end, |planned| planned.max(end)));
    let sign_out_after = rule.and_then(|rule| rule.overstay.sign_out_after);
    let until = stay_until.zip(sign_out_after).map(|(end, after)| end + after);
    AgentState::Busy { reason, since: now, until, stay_until, planned_until, back_to: None }
}

pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
