//! Planned breaks: what a shift says about when an agent is away for a reason.
//!
//! ```text
//!        told                                          late from here on
//!   next  │                     on                      │        next
//!  ───────┼─────────────────────────────────────────────┼───────────────▶
//!        from                                         until
//! ```
//!
//! While a break is on, the agent may be busy for its reason whatever the reason's allowance says and
//! however many of the group are; what is spent of it until its end counts against nothing. The longest
//! stay ends no sooner than the break. Who is busy for the reason already when the break begins is on
//! the break from then on.

use std::time::Duration;

use model::{AgentId, AgentState, Cause, EventKind, Next, Reason, Timestamp};

use crate::deadlines::Fired;
use crate::seat::{Seat, Step, is_device_lost};
use crate::stays::millis;
use crate::{Agents, Change, Rules};

/// A break that a shift plans.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Break {
    /// Why the agent is busy then.
    pub reason: Reason,
    /// How long after the beginning of the shift it begins.
    pub from: Duration,
    /// How long it is.
    pub length: Duration,
}

/// A planned break on one day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Planned {
    pub(crate) reason: Reason,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
}

/// What an agent's shifts plan.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum Plan {
    /// No break in the days to come.
    #[default]
    Nothing,
    /// The break that is next.
    Next(Planned),
    /// The break that is on.
    On(Planned),
}

impl Plan {
    /// When something else is planned.
    pub(crate) const fn turns(&self) -> Option<Timestamp> {
        match self {
            Self::Nothing => None,
            Self::Next(planned) => Some(planned.from),
            Self::On(planned) => Some(planned.until),
        }
    }

    /// The break that is on for this reason.
    pub(crate) fn on(&self, reason: &Reason) -> Option<&Planned> {
        match self {
            Self::On(planned) if planned.reason == *reason => Some(planned),
            Self::Nothing | Self::Next(_) | Self::On(_) => None,
        }
    }
}

impl Rules {
    /// What the agent's shifts plan.
    pub(crate) fn plan(&self, agent: AgentId, now: Timestamp) -> Plan {
        let next = self.breaks(agent, now).filter(|planned| now < planned.until);
        match next.min_by_key(|planned| planned.from) {
            Some(planned) if planned.from <= now => Plan::On(planned),
            Some(planned) => Plan::Next(planned),
            None => Plan::Nothing,
        }
    }

    fn breaks(&self, agent: AgentId, now: Timestamp) -> impl Iterator<Item = Planned> {
        let shifts = self.shifts.get(&agent).into_iter().flatten();
        shifts.flat_map(move |shift| {
            shift.around(self.days, now).flat_map(move |window| {
                shift.breaks.iter().map(move |planned| {
                    let from = window.from + planned.from;
                    let until = from + planned.length;
                    Planned { reason: planned.reason.clone(), from, until }
                })
            })
        })
    }
}

impl Agents {
    /// A planned break begins, or is over: the agent is told of the one that begins.
    pub(crate) fn plan_turns(&mut self, fired: Fired, now: Timestamp) -> Option<Change> {
        let agent = fired.agent;
        let seat = self.seats.get_mut(&agent)?;
        if seat.plan_turns != Some(fired.armed) {
            return None;
        }
        seat.plan_turns = None;
        let plan = self.rules.plan(agent, now);
        self.step(agent, now, |seat, rules| {
            let old = std::mem::replace(&mut seat.plan, plan);
            let Plan::On(Planned { reason, until, .. }) = seat.plan.clone() else { return None };
            if seat.plan == old {
                return None;
            }
            seat.notices.push(EventKind::AgentBreakDue { reason: reason.clone(), until });
            let to = match &seat.state {
                AgentState::Busy { reason: same, .. } if *same == reason => {
                    seat.taken(&Next::Busy(reason), rules, now)
                }
                state @ (AgentState::SignedOut { .. }
                | AgentState::Ready { .. }
                | AgentState::Busy { .. }
                | AgentState::Reserved { .. }
                | AgentState::Ringing { .. }
                | AgentState::OnCall { .. }
                | AgentState::WrapUp { .. }) => state.clone(),
            };
            Some(Step { to, cause: Cause::BreakDue })
        })
    }
}

impl Seat {
    /// When the planned break is over that is on for this reason.
    pub(crate) fn planned_until(&self, reason: &Reason, now: Timestamp) -> Option<Timestamp> {
        self.plan.on(reason).map(|planned| planned.until).filter(|until| now < *until)
    }

    /// Says so where an agent comes back late from a planned break.
    pub(crate) fn be_back(&mut self, from: &AgentState, to: &AgentState, now: Timestamp) {
        let Some((reason, due)) = planned(from).filter(|(_, due)| *due < now) else { return };
        let lost = matches!(to, AgentState::Busy { reason, .. } if is_device_lost(reason));
        if planned(to).is_none() && !lost {
            let (reason, by_ms) = (reason.clone(), millis(now.since(due)));
            self.notices.push(EventKind::AgentBackLate { reason, due, by_ms });
        }
    }
}

/// The planned break that somebody is on, in a call that interrupts it as well.
fn planned(state: &AgentState) -> Option<(&Reason, Timestamp)> {
    match state {
        AgentState::Busy { reason, planned_until: Some(until), .. } => Some((reason, *until)),
        AgentState::OnCall { before: Some(before), .. } => planned(before),
        AgentState::SignedOut { .. }
        | AgentState::Ready { .. }
        | AgentState::Busy { planned_until: None, .. }
        | AgentState::Reserved { .. }
        | AgentState::Ringing { .. }
        | AgentState::OnCall { before: None, .. }
        | AgentState::WrapUp { .. } => None,
    }
}
