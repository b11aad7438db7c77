//! What is known of one agent, and where the agent goes when something ends.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{
    Actor, AgentState, CallId, CallKind, Cause, EventKind, Next, OfferEnd, Pause, PhoneId, QueueId,
    Reason, Spent, StateName, Timestamp,
};

use crate::breaks::Plan;
use crate::deadlines::Armed;
use crate::stays::Said;
use crate::{PhoneState, Rules, WrapUp};

/// Some offers end in the very step in which they begin (no phone, no port, a forced state): without
/// a pause the same agent could be offered the same call again at once, for ever.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// A state to take, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Step {
    pub(crate) to: AgentState,
    pub(crate) cause: Cause,
}

/// One agent: the state, and what stands beside it.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) state: AgentState,
    /// Known exactly while signed in.
    pub(crate) phone: Option<PhoneId>,
    pub(crate) phone_state: PhoneState,
    /// The deadline of the state, where it has one.
    pub(crate) state_ends: Option<Armed>,
    /// The pause after an offer that came to nothing.
    pub(crate) pause: Option<Pause>,
    pub(crate) cool_down_ends: Option<Armed>,
    /// What has been said of the busy stay that is over at this time.
    pub(crate) said: Option<(Timestamp, Said)>,
    pub(crate) notice_due: Option<Armed>,
    /// What the log is to tell besides, with the next change.
    pub(crate) notices: Vec<EventKind>,
    /// Offers in a row that were let ring.
    pub(crate) unanswered: u8,
    /// Calls on the phone beside the one the state names. Not empty only while reserved, ringing
    /// or on call.
    pub(crate) also: BTreeMap<CallId, CallKind>,
    /// Wrap-up earned by a call from a queue while another call, or an offer, still holds the
    /// agent.
    pub(crate) owed: Option<(CallId, WrapUp)>,
    /// The busy or wrap-up that the lost phone interrupted.
    pub(crate) lost_from: Option<AgentState>,
    /// When the agent last signed in; outlives the session.
    pub(crate) attended: Option<Timestamp>,
    /// When the agent is signed out for the end of the shift.
    pub(crate) shift_until: Option<Timestamp>,
    pub(crate) shift_ends: Option<Armed>,
    /// What the shifts plan.
    pub(crate) plan: Plan,
    pub(crate) plan_turns: Option<Armed>,
    /// The shift is over: signed out as soon as nothing holds the agent.
    pub(crate) shift_over: bool,
    /// Who forced what comes next, where a team lead did.
    pub(crate) forced_by: Option<Actor>,
    /// Who forced the state that is taken now.
    pub(crate) by: Option<Actor>,
    /// No longer in the configuration: signed out as soon as nothing holds the agent.
    pub(crate) leaving: bool,
    /// The queues signed out of, of those whose needs the agent meets.
    pub(crate) away: BTreeSet<QueueId>,
    /// What has been used of the allowances for busy reasons; outlives the session.
    pub(crate) spent: BTreeMap<Reason, Spent>,
}

impl Seat {
    pub(crate) const fn signed_out(now: Timestamp) -> Self {
        Self {
            state: AgentState::SignedOut { since: now },
            phone: None,
            phone_state: PhoneState::Unbound,
            state_ends: None,
            pause: None,
            cool_down_ends: None,
            said: None,
            notice_due: None,
            notices: Vec::new(),
            unanswered: 0,
            also: BTreeMap::new(),
            owed: None,
            lost_from: None,
            attended: None,
            shift_until: None,
            shift_ends: None,
            plan: Plan::Nothing,
            plan_turns: None,
            shift_over: false,
            forced_by: None,
            by: None,
            leaving: false,
            away: BTreeSet::new(),
            spent: BTreeMap::new(),
        }
    }

    pub(crate) fn is_signed_out(&self) -> bool {
        self.state.name() == StateName::SignedOut
    }

    pub(crate) fn is_device_lost(&self) -> bool {
        matches!(&self.state, AgentState::Busy { reason, .. } if is_device_lost(reason))
    }

    /// The rules that hold whatever comes to an end: who has left the configuration, or
    /// whose shift is over, is signed out, and nobody stays available without a phone.
    pub(crate) fn settle(&mut self, step: Step, rules: &Rules, now: Timestamp) -> Step {
        match step.to.name() {
            StateName::Ready | StateName::Busy if self.leaving => {
                Step { to: AgentState::SignedOut { since: now }, cause: Cause::Reconfigured }
            }
            StateName::WrapUp if self.shift_over && self.phone_state == PhoneState::Unbound => {
                Step { to: AgentState::SignedOut { since: now }, cause: Cause::ShiftOver }
            }
            StateName::Ready | StateName::Busy if self.shift_over => {
                Step { to: AgentState::SignedOut { since: now }, cause: Cause::ShiftOver }
            }
            StateName::Ready | StateName::Busy | StateName::WrapUp
                if self.phone_state == PhoneState::Unbound =>
            {
                self.lose(step.to, rules, now)
            }
            StateName::SignedOut
            | StateName::Ready
            | StateName::Busy
            | StateName::Reserved
            | StateName::Ringing
            | StateName::OnCall
            | StateName::WrapUp => step,
        }
    }

    /// The phone is gone: busy for the grace, then back to `from` if it returns. Ready comes back
    /// with a fresh idle time, for nobody could have been offered anything meanwhile.
    pub(crate) fn lose(&mut self, from: AgentState, rules: &Rules, now: Timestamp) -> Step {
        let back_to = match &from {
            AgentState::Busy { reason, .. } => Next::Busy(reason.clone()),
            AgentState::WrapUp { next, .. } => next.clone().unwrap_or(Next::Ready),
            AgentState::SignedOut { .. } => Next::SignedOut,
            AgentState::Ready { .. }
            | AgentState::Reserved { .. }
            | AgentState::Ringing { .. }
            | AgentState::OnCall { .. } => Next::Ready,
        };
        let interrupted = matches!(from.name(), StateName::Busy | StateName::WrapUp);
        self.lost_from = interrupted.then_some(from);
        let to = AgentState::Busy {
            reason: Reason::from(Reason::DEVICE_LOST),
            since: now,
            until: Some(now + rules.device_lost_grace),
            stay_until: None,
            planned_until: None,
            back_to: Some(back_to),
        };
        Step { to, cause: Cause::PhoneLost }
    }

    /// What a lost phone's return leads back to.
    pub(crate) fn found(&mut self, rules: &Rules, now: Timestamp) -> Step {
        let before = self.before_loss(rules, now);
        let step = self.resume(before, Cause::PhoneRegistered, rules, now);
        self.settle(step, rules, now)
    }

    /// The state that a lost phone interrupted.
    pub(crate) fn before_loss(&mut self, rules: &Rules, now: Timestamp) -> AgentState {
        let back_to = match &self.state {
            AgentState::Busy { back_to, .. } => back_to.clone(),
            AgentState::SignedOut { .. }
            | AgentState::Ready { .. }
            | AgentState::Reserved { .. }
            | AgentState::Ringing { .. }
            | AgentState::OnCall { .. }
            | AgentState::WrapUp { .. } => None,
        };
        let lost_from = self.lost_from.take();
        lost_from.unwrap_or_else(|| self.taken(&back_to.unwrap_or(Next::Ready), rules, now))
    }

    /// An offer came to nothing.
    pub(crate) fn offer_over(
        &mut self,
        end: OfferEnd,
        rules: &Rules,
        now: Timestamp,
    ) -> Option<Step> {
        let (AgentState::Reserved { next, idle_since, .. }
        | AgentState::Ringing { next, idle_since, .. }) = self.state.clone()
        else {
            return None;
        };
        let too_often = self.count_offer(end, rules, now);
        let rest = if too_often {
            self.taken(&Next::Busy(Reason::from(Reason::NO_ANSWER)), rules, now)
        } else {
            AgentState::Ready { since: now, idle_since }
        };
        if let Some((call, kind)) = self.also.pop_first() {
            let before = Some(Box::new(rest));
            let to = AgentState::OnCall { call, kind, since: now, next, before };
            return Some(Step { to, cause: Cause::Requested });
        }
        if let Some(owed) = self.owed.take() {
            let no_answer = || Next::Busy(Reason::from(Reason::NO_ANSWER));
            let next = next.or_else(|| too_often.then(no_answer));
            let to = wrap_up(owed, next, rules, now);
            return Some(self.settle(Step { to, cause: end.into() }, rules, now));
        }
        let step = match next {
            None | Some(Next::Ready) => Step { to: rest, cause: end.into() },
            Some(next @ (Next::Busy(_) | Next::SignedOut)) => self.take_up(&next, rules, now),
        };
        Some(self.settle(step, rules, now))
    }

    /// Starts the pause the end asks for; says whether it was let ring once too often. A caller
    /// who left, another who was faster and an offer taken back never count; declining shows that somebody is there.
    fn count_offer(&mut self, end: OfferEnd, rules: &Rules, now: Timestamp) -> bool {
        let pause = match end {
            OfferEnd::NoAnswer => rules.cool_down.no_answer,
            OfferEnd::Refused => rules.cool_down.refused.max(SHORTEST_PAUSE),
            OfferEnd::Unreachable => rules.cool_down.unreachable.max(SHORTEST_PAUSE),
            OfferEnd::Withdrawn => SHORTEST_PAUSE,
            OfferEnd::CallerLeft | OfferEnd::AnsweredElsewhere => return false,
        };
        self.pause = (!pause.is_zero()).then(|| Pause { until: now + pause, after: end });
        let told = self.pause.map(|Pause { until, after }| EventKind::AgentPaused { until, after });
        self.notices.extend(told);
        match end {
            OfferEnd::NoAnswer => self.unanswered = self.unanswered.saturating_add(1),
            OfferEnd::Refused => self.unanswered = 0,
            OfferEnd::Unreachable
            | OfferEnd::CallerLeft
            | OfferEnd::AnsweredElsewhere
            | OfferEnd::Withdrawn => {}
        }
        let too_often = end == OfferEnd::NoAnswer
            && rules.max_no_answer > 0
            && self.unanswered >= rules.max_no_answer;
        if too_often {
            self.unanswered = 0;
        }
        too_often
    }

    /// The call that the state names is over for the agent. Another call on the phone comes
    /// first, then wrap-up, then what was asked for, then what a call beside the queues
    /// interrupted.
    pub(crate) fn call_over(&mut self, rules: &Rules, now: Timestamp) -> Option<Step> {
        let AgentState::OnCall { next, before, .. } = self.state.clone() else { return None };
        let cause = Cause::CallEnded;
        if let Some((call, kind)) = self.next_call() {
            let to = AgentState::OnCall { call, kind, since: now, next, before };
            return Some(Step { to, cause });
        }
        let step = match (self.owed.take(), next, before.map(|before| *before)) {
            (Some(owed), next, _) => Step { to: wrap_up(owed, next, rules, now), cause },
            (None, Some(wish), Some(AgentState::WrapUp { call, until, at_most, mode, .. }))
                if now < until =>
            {
                let (since, next) = (now, Some(wish));
                Step { to: AgentState::WrapUp { call, since, until, at_most, mode, next }, cause }
            }
            (None, Some(next), _) => self.take_up(&next, rules, now),
            (None, None, Some(before)) => self.resume(before, cause, rules, now),
            (None, None, None) => Step { to: self.taken(&Next::Ready, rules, now), cause },
        };
        Some(self.settle(step, rules, now))
    }

    /// The call beside the one that ended which now names the state: one from a queue if there is.
    fn next_call(&mut self) -> Option<(CallId, CallKind)> {
        let queue = self.also.iter().find(|(_, kind)| **kind == CallKind::Queue);
        let call = queue.or_else(|| self.also.iter().next()).map(|(call, _)| *call)?;
        self.also.remove_entry(&call)
    }

    /// Wrap-up is over, by its time or by request.
    pub(crate) fn wrap_up_over(
        &mut self,
        cause: Cause,
        rules: &Rules,
        now: Timestamp,
    ) -> Option<Step> {
        let AgentState::WrapUp { next, .. } = self.state.clone() else { return None };
        let step = self.after_wrap_up(next, cause, rules, now);
        Some(self.settle(step, rules, now))
    }

    fn after_wrap_up(
        &mut self,
        next: Option<Next>,
        cause: Cause,
        rules: &Rules,
        now: Timestamp,
    ) -> Step {
        match next {
            Some(next) => self.take_up(&next, rules, now),
            None => Step { to: self.taken(&Next::Ready, rules, now), cause },
        }
    }

    /// What was remembered takes effect.
    fn take_up(&mut self, next: &Next, rules: &Rules, now: Timestamp) -> Step {
        self.by = self.forced_by.take();
        let forced = self.by.is_some();
        let cause = if forced { Cause::Forced } else { Cause::Remembered };
        let allowed = match next {
            Next::Busy(reason) if !forced => self.allows(reason, rules, now),
            Next::Busy(_) | Next::Ready | Next::SignedOut => Ok(()),
        };
        if let Err(refusal) = allowed {
            self.notices.push(EventKind::AgentRequestRefused { refusal });
            return Step { to: self.taken(&Next::Ready, rules, now), cause };
        }
        Step { to: self.taken(next, rules, now), cause }
    }

    /// Back to an interrupted state. Its deadline stood all the while: a wrap-up that ran out is
    /// over, and a longest stay that passed signs the agent out now, though never in a call.
    fn resume(&mut self, state: AgentState, cause: Cause, rules: &Rules, now: Timestamp) -> Step {
        match state {
            AgentState::Ready { idle_since, .. } => {
                Step { to: AgentState::Ready { since: now, idle_since }, cause }
            }
            AgentState::Busy { until: Some(until), .. } if until <= now => {
                Step { to: AgentState::SignedOut { since: now }, cause: Cause::BusyOverstayed }
            }
            AgentState::Busy { reason, until, stay_until, planned_until, back_to, .. } => {
                let since = now;
                let to =
                    AgentState::Busy { reason, since, until, stay_until, planned_until, back_to };
                Step { to, cause }
            }
            AgentState::WrapUp { until, next, .. } if until <= now => {
                self.after_wrap_up(next, Cause::WrapUpOver, rules, now)
            }
            AgentState::WrapUp { call, until, at_most, mode, next, .. } => {
                let since = now;
                Step { to: AgentState::WrapUp { call, since, until, at_most, mode, next }, cause }
            }
            AgentState::SignedOut { .. } => {
                Step { to: AgentState::SignedOut { since: now }, cause }
            }
            AgentState::Reserved { .. }
            | AgentState::Ringing { .. }
            | AgentState::OnCall { .. } => Step { to: self.taken(&Next::Ready, rules, now), cause },
        }
    }
}

/// Wrap-up from now on.
fn wrap_up(
    (call, owed): (CallId, WrapUp),
    next: Option<Next>,
    rules: &Rules,
    now: Timestamp,
) -> AgentState {
    let (span, at_most) = owed.spans(rules);
    let (until, at_most, mode) = (now + span, now + at_most, owed.mode);
    AgentState::WrapUp { call, since: now, until, at_most, mode, next }
}

pub(crate) fn is_device_lost(reason: &Reason) -> bool {
    reason.as_str() == Reason::DEVICE_LOST
}
