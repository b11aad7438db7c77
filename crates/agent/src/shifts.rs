//! Shifts: when an agent may sign in, who is late, who leaves early, and what their end does.
//!
//! ```text
//!     may sign in                 late                       early          signed out when idle
//!   ├──────────────┬────────────────────────────────────────────────────┬───────────┤
//!   │sign_in_before│ from                                          until│  linger   │
//! ```
//!
//! A shift is the same every week, on the tenant's own days; one that ends after midnight belongs
//! to the day it begins on. An agent without shifts may come and go. Nobody is cut off: whom an
//! offer, a call or wrap-up holds is signed out when it is over.

use std::collections::BTreeSet;
use std::time::Duration;

use model::{AgentId, AgentState, Cause, EventKind, Refusal, StateName, Timestamp};

use crate::deadlines::Fired;
use crate::seat::{Seat, Step};
use crate::stays::millis;
use crate::{Agents, Break, Change, Days, Rules};

/// 1970-01-01 was a Thursday; days of the week are counted from Monday, 0.
const FIRST_WEEKDAY: i64 = 3;

/// A shift, the same every week.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shift {
    /// The days of the week it begins on; Monday is 0.
    pub weekdays: BTreeSet<u8>,
    /// When it begins, from local midnight.
    pub from: Duration,
    /// How long it is.
    pub length: Duration,
    /// The breaks it plans.
    pub breaks: Vec<Break>,
}

/// What is enforced about shifts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attendance {
    /// How long before the shift an agent may sign in.
    pub sign_in_before: Duration,
    /// Who signs in for the first time more than this after the shift has begun is late.
    pub late_after: Duration,
    /// Who signs out more than this before the shift's end leaves early.
    pub early_before: Duration,
    /// How long after the shift's end who is idle is signed out; never when not said.
    pub linger: Option<Duration>,
}

impl Default for Attendance {
    fn default() -> Self {
        Self {
            sign_in_before: Duration::from_secs(15 * 60),
            late_after: Duration::ZERO,
            early_before: Duration::ZERO,
            linger: Some(Duration::ZERO),
        }
    }
}

/// One shift on one day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Window {
    pub(crate) from: Timestamp,
    until: Timestamp,
}

impl Shift {
    /// The shift as it is on the days around `now`, to the same day of the next week.
    pub(crate) fn around(&self, days: Days, now: Timestamp) -> impl Iterator<Item = Window> {
        let today = days.number(now);
        let on = |day: &i64| {
            let weekday = (*day + FIRST_WEEKDAY).rem_euclid(7);
            u8::try_from(weekday).is_ok_and(|weekday| self.weekdays.contains(&weekday))
        };
        let window = move |day| {
            let from = days.clock(day, self.from);
            Window { from, until: from + self.length }
        };
        (today - 1..=today + 7).filter(on).map(window)
    }
}

impl Rules {
    /// The agent's shift that is on, or may be signed in for; the one that began first.
    fn window(&self, agent: AgentId, now: Timestamp) -> Option<Window> {
        let shifts = self.shifts.get(&agent)?;
        let open = |window: &Window| {
            window.from - self.attendance.sign_in_before <= now && now < window.until
        };
        let windows = shifts.iter().flat_map(|shift| shift.around(self.days, now));
        windows.filter(open).min_by_key(|window| window.from)
    }
}

impl Agents {
    /// Whether the agent's shifts let them sign in now.
    ///
    /// # Errors
    /// No shift of theirs is on.
    pub(crate) fn may_come(&self, agent: AgentId, now: Timestamp) -> Result<(), Refusal> {
        let is_free = !self.rules.shifts.contains_key(&agent);
        let may = is_free || self.rules.window(agent, now).is_some();
        if may { Ok(()) } else { Err(Refusal::OutsideShift) }
    }

    /// When the agent is signed out for the end of the shift that is on.
    pub(crate) fn shift_ends(&self, agent: AgentId, now: Timestamp) -> Option<Timestamp> {
        let window = self.rules.window(agent, now)?;
        self.rules.attendance.linger.map(|linger| window.until + linger)
    }

    /// The deadline after the shift passed: another shift goes on, or the agent is signed out, at
    /// once or when nothing holds them.
    pub(crate) fn shift_over(&mut self, fired: Fired, now: Timestamp) -> Option<Change> {
        let agent = fired.agent;
        let seat = self.seats.get_mut(&agent)?;
        if seat.shift_ends != Some(fired.armed) {
            return None;
        }
        seat.shift_ends = None;
        let next = self.shift_ends(agent, now);
        self.step(agent, now, |seat, _| {
            seat.shift_until = next;
            seat.shift_over = next.is_none();
            let idle = matches!(seat.state.name(), StateName::Ready | StateName::Busy);
            let to = AgentState::SignedOut { since: now };
            (seat.shift_over && idle).then_some(Step { to, cause: Cause::ShiftOver })
        })
    }
}

impl Seat {
    /// The agent has come: says so where it is late. Only the first time in a shift counts.
    pub(crate) fn come(&mut self, agent: AgentId, rules: &Rules, now: Timestamp) {
        let before = self.attended.replace(now);
        let Some(window) = rules.window(agent, now) else { return };
        let opened = window.from - rules.attendance.sign_in_before;
        let late = window.from + rules.attendance.late_after < now;
        if late && before.is_none_or(|before| before < opened) {
            let by_ms = millis(now.since(window.from));
            self.notices.push(EventKind::AgentLate { due: window.from, by_ms });
        }
    }

    /// The agent goes: says so where it is early.
    pub(crate) fn go(&mut self, agent: AgentId, rules: &Rules, now: Timestamp) {
        let Some(window) = rules.window(agent, now) else { return };
        if window.from <= now && now + rules.attendance.early_before < window.until {
            let by_ms = millis(window.until.since(now));
            self.notices.push(EventKind::AgentLeftEarly { due: window.until, by_ms });
        }
    }
}
