//! Facts, and what follows from each. None can be refused.
//!
//! | fact | in | leads to |
//! |---|---|---|
//! | reserved | ready | `reserved`, under a lease |
//! | ringing | reserved for that call | `ringing` |
//! | offer ended | reserved or ringing for that call | what comes next, else `ready`, or `busy(no_answer)` |
//! | answered | signed in | `on_call` with kind `queue` |
//! | call started | ready, busy, wrap-up | `on_call`, and back afterwards |
//! | | reserved, ringing, on call | kept beside; it names the state when the other is over |
//! | call ended | on that call | wrap-up, else what comes next, else the state before, else `ready` |
//! | | kept beside | nothing yet; wrap-up when the call or the offer in front is over |
//! | phone lost | ready, busy, wrap-up | `busy(device_lost)` with its grace |
//! | | reserved, ringing, on call | the same when that is over |
//! | phone bound | busy(device_lost) | what it was |
//!
//! Anything else is the echo of something already over (a lease that ran out, a call that was
//! counted as ended) or concerns nobody who is signed in; it changes nothing.

use std::time::Duration;

use model::{AgentState, CallId, CallKind, Cause, Next, OfferEnd, Reason, Timestamp};

use crate::deadlines::Ends;
use crate::seat::{Seat, Step, is_device_lost};
use crate::{Agents, Change, Fact, PhoneState, Rules, WrapUp};

/// How much longer than the ring time an offer's lease lasts. The ring time ends the offer; the
/// lease is for the offer that nobody ended.
const LEASE_SLACK: Duration = Duration::from_secs(5);

/// More calls than this on one phone beside the one the state names are not kept.
const MOST_CALLS_BESIDE: usize = 16;

impl Agents {
    /// Takes in what has happened; gives back what changed by it, in order.
    pub fn fact(&mut self, fact: Fact, now: Timestamp) -> Vec<Change> {
        let change = match fact {
            Fact::Reserved { agent, call, until } => {
                self.step(agent, now, |seat, _| reserved(seat, call, until, now))
            }
            Fact::Ringing { agent, call } => {
                self.step(agent, now, |seat, _| ringing(seat, call, now))
            }
            Fact::OfferEnded { agent, call, end } => self.step(agent, now, |seat, rules| {
                (seat.state.call() == Some(call)).then(|| seat.offer_over(end, rules, now))?
            }),
            Fact::Answered { agent, call } => {
                self.step(agent, now, |seat, _| answered(seat, call, now))
            }
            Fact::CallStarted { agent, call, kind } => {
                self.step(agent, now, |seat, rules| started(seat, (call, kind), rules, now))
            }
            Fact::CallEnded { agent, call, wrap_up } => {
                self.step(agent, now, |seat, rules| ended(seat, (call, wrap_up), rules, now))
            }
            Fact::PhoneBound { phone } => self
                .agent_at(&phone)
                .and_then(|agent| self.step(agent, now, |seat, rules| bound(seat, rules, now))),
            Fact::PhoneLost { phone } => self
                .agent_at(&phone)
                .and_then(|agent| self.step(agent, now, |seat, rules| lost(seat, rules, now))),
        };
        let mut changes = change.into_iter().collect();
        self.grant_slots(&mut changes, now);
        changes
    }

    /// Takes in that time has passed; gives back what changed by it, in order.
    #[must_use]
    pub fn handle_timeout(&mut self, now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        while let Some(fired) = self.deadlines.fire(now) {
            changes.extend(match fired.ends {
                Ends::State => self.step(fired.agent, now, |seat, rules| {
                    if seat.state_ends != Some(fired.armed) {
                        return None;
                    }
                    time_over(seat, rules, now)
                }),
                Ends::CoolDown => self.step(fired.agent, now, |seat, _| {
                    if seat.cool_down_ends != Some(fired.armed) {
                        return None;
                    }
                    seat.pause = None;
                    let ready = matches!(seat.state, AgentState::Ready { .. });
                    ready.then(|| Step { to: seat.state.clone(), cause: Cause::CoolDownOver })
                }),
                Ends::Shift => self.shift_over(fired, now),
                Ends::Plan => self.plan_turns(fired, now),
                Ends::Notice => self.step(fired.agent, now, |seat, rules| {
                    if seat.notice_due != Some(fired.armed) {
                        return None;
                    }
                    seat.notice_due = None;
                    seat.say(rules);
                    Some(Step { to: seat.state.clone(), cause: Cause::BusyOverstayed })
                }),
            });
        }
        self.grant_slots(&mut changes, now);
        changes
    }

    /// When [`Agents::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.deadlines.next()
    }
}

fn reserved(seat: &Seat, call: CallId, until: Timestamp, now: Timestamp) -> Option<Step> {
    let AgentState::Ready { idle_since, .. } = seat.state else { return None };
    let until = until + LEASE_SLACK;
    let to = AgentState::Reserved { call, since: now, until, next: None, idle_since };
    Some(Step { to, cause: Cause::Distributed })
}

fn ringing(seat: &Seat, rings: CallId, now: Timestamp) -> Option<Step> {
    match seat.state.clone() {
        AgentState::Reserved { call, until, next, idle_since, .. } if call == rings => {
            let to = AgentState::Ringing { call, since: now, until, next, idle_since };
            Some(Step { to, cause: Cause::Distributed })
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

/// An agent who is busy and takes a call all the same is busy again afterwards.
fn answered(seat: &mut Seat, call: CallId, now: Timestamp) -> Option<Step> {
    let (next, before) = match seat.state.clone() {
        AgentState::SignedOut { .. } => return None,
        AgentState::Ready { .. } => (None, None),
        AgentState::Busy { reason, .. } if is_ours(&reason) => (None, None),
        AgentState::Busy { reason, .. } => (Some(Next::Busy(reason)), None),
        AgentState::Reserved { next, .. }
        | AgentState::Ringing { next, .. }
        | AgentState::WrapUp { next, .. } => (next, None),
        AgentState::OnCall { call: other, kind, next, before, .. } => {
            if other != call {
                seat.also.insert(other, kind);
            }
            (next, before)
        }
    };
    seat.also.remove(&call);
    seat.lost_from = None;
    seat.unanswered = 0;
    let to = AgentState::OnCall { call, kind: CallKind::Queue, since: now, next, before };
    Some(Step { to, cause: Cause::Distributed })
}

fn is_ours(reason: &Reason) -> bool {
    [Reason::NO_ANSWER, Reason::DEVICE_LOST].contains(&reason.as_str())
}

fn started(
    seat: &mut Seat,
    (call, kind): (CallId, CallKind),
    rules: &Rules,
    now: Timestamp,
) -> Option<Step> {
    let before = match &seat.state {
        AgentState::SignedOut { .. } => return None,
        AgentState::Reserved { call: held, .. }
        | AgentState::Ringing { call: held, .. }
        | AgentState::OnCall { call: held, .. } => {
            if *held != call && seat.also.len() < MOST_CALLS_BESIDE {
                seat.also.insert(call, kind);
            }
            return None;
        }
        AgentState::Busy { reason, .. } if is_device_lost(reason) => seat.before_loss(rules, now),
        AgentState::Ready { .. } | AgentState::Busy { .. } | AgentState::WrapUp { .. } => {
            seat.state.clone()
        }
    };
    let before = Some(Box::new(before));
    let to = AgentState::OnCall { call, kind, since: now, next: None, before };
    Some(Step { to, cause: Cause::Requested })
}

/// Wrap-up belongs to the agent: of several calls that give some, the longest counts.
fn ended(
    seat: &mut Seat,
    (call, wrap_up): (CallId, WrapUp),
    rules: &Rules,
    now: Timestamp,
) -> Option<Step> {
    let kind = match &seat.state {
        AgentState::OnCall { call: named, kind, .. } if *named == call => Some(*kind),
        AgentState::SignedOut { .. }
        | AgentState::Ready { .. }
        | AgentState::Busy { .. }
        | AgentState::Reserved { .. }
        | AgentState::Ringing { .. }
        | AgentState::OnCall { .. }
        | AgentState::WrapUp { .. } => None,
    };
    let ended = kind.or_else(|| seat.also.remove(&call))?;
    let length = |wrap_up: WrapUp| wrap_up.spans(rules).0;
    let owed = seat.owed.map_or(Duration::ZERO, |(_, owed)| length(owed));
    if ended == CallKind::Queue && length(wrap_up) > owed {
        seat.owed = Some((call, wrap_up));
    }
    kind.and_then(|_| seat.call_over(rules, now))
}

fn bound(seat: &mut Seat, rules: &Rules, now: Timestamp) -> Option<Step> {
    seat.phone_state = PhoneState::Bound;
    seat.is_device_lost().then(|| seat.found(rules, now))
}

fn lost(seat: &mut Seat, rules: &Rules, now: Timestamp) -> Option<Step> {
    seat.phone_state = PhoneState::Unbound;
    match seat.state.clone() {
        AgentState::Busy { reason, .. } if is_device_lost(&reason) => None,
        state
        @ (AgentState::Ready { .. } | AgentState::Busy { .. } | AgentState::WrapUp { .. }) => {
            // Wrap-up after the end of the shift is no reason to wait for the phone.
            Some(seat.settle(Step { to: state, cause: Cause::PhoneLost }, rules, now))
        }
        AgentState::SignedOut { .. }
        | AgentState::Reserved { .. }
        | AgentState::Ringing { .. }
        | AgentState::OnCall { .. } => None,
    }
}

/// The state's own deadline passed.
fn time_over(seat: &mut Seat, rules: &Rules, now: Timestamp) -> Option<Step> {
    match &seat.state {
        AgentState::Busy { reason, .. } => {
            let lost = is_device_lost(reason);
            let cause = if lost { Cause::GraceOver } else { Cause::BusyOverstayed };
            Some(Step { to: AgentState::SignedOut { since: now }, cause })
        }
        AgentState::Reserved { .. } | AgentState::Ringing { .. } => {
            seat.offer_over(OfferEnd::NoAnswer, rules, now)
        }
        AgentState::WrapUp { .. } => seat.wrap_up_over(Cause::WrapUpOver, rules, now),
        AgentState::SignedOut { .. } | AgentState::Ready { .. } | AgentState::OnCall { .. } => None,
    }
}
