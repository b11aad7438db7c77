//! Requests, and which are refused.
//!
//! | request | signed out | ready, busy | reserved, ringing | on call | wrap-up | busy(device_lost) |
//! |---|---|---|---|---|---|---|
//! | sign in | yes, at a registered phone that nobody has, while a shift is on | refused, or takes over | refused | refused | refused, or takes over | refused, or takes over |
//! | ready | refused | now | remembered | remembered | now | refused |
//! | busy, sign out | refused | now | remembered | remembered | remembered | busy remembered, sign-out now |
//! | end, extend wrap-up | refused | refused | refused | refused | now, where its mode allows | refused |
//! | sign in to, out of a queue | refused | now | now | now | now | now |
//! | force | refused, sign-out is no change | now | ends the offer | remembered | now | remembered, sign-out now |
//!
//! Ready in wrap-up that cannot be ended early is remembered.
//!
//! What is remembered takes effect when the call and its wrap-up end. Busy for a reason whose
//! allowance is used up is refused, and while as many of the group are busy for it as may be it is
//! refused or waits, but for a planned break that is on; a team lead may force it all the same. Asking for the state one has
//! changes nothing: the longest stay is not begun anew.

use std::time::Duration;

use model::{
    Actor, AgentId, AgentState, CallId, Cause, EventKind, Next, PhoneId, Refusal, StateName,
    Timestamp, WrapUpMode,
};

use crate::queues::Queueing;
use crate::seat::{Seat, Step, is_device_lost};
use crate::{Agents, Done, ForceNote, PhoneState, Request, Rules, SecondSession, WhenFull};

/// Whether an agent asks or a team lead forces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum By {
    Agent,
    Lead,
}

impl Agents {
    /// Does what is asked, now or later.
    ///
    /// # Errors
    /// Why it is refused; nothing has changed then.
    pub fn request(&mut self, request: Request, now: Timestamp) -> Result<Done, Refusal> {
        let mut done = self.obey(request, now)?;
        self.grant_slots(&mut done.changes, now);
        Ok(done)
    }

    fn obey(&mut self, request: Request, now: Timestamp) -> Result<Done, Refusal> {
        match request {
            Request::SignIn { agent, phone, phone_state } => {
                if phone_state == PhoneState::Unbound {
                    return Err(Refusal::PhoneNotRegistered);
                }
                self.sign_in(agent, &phone, now)
            }
            Request::Become { agent, next } => self.wish(agent, next, By::Agent, now),
            Request::Force { agent, next, by, note } => self.force(agent, next, (by, note), now),
            Request::EndWrapUp { agent } => {
                if !self.mode_of(self.wrap_up_of(agent)?).ends() {
                    return Err(Refusal::WrapUpNotEndable);
                }
                Ok(self.done(agent, now, |seat, rules| {
                    seat.wrap_up_over(Cause::Requested, rules, now)
                }))
            }
            Request::ExtendWrapUp { agent, by } => self.extend_wrap_up(agent, by, now),
            Request::SignInTo { agent, queue } => self.queue(agent, queue, Queueing::SignIn, now),
            Request::SignOutOf { agent, queue } => self.queue(agent, queue, Queueing::SignOut, now),
        }
    }

    fn sign_in(
        &mut self,
        agent: AgentId,
        phone: &PhoneId,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let seat = self.seats.get(&agent).ok_or(Refusal::AgentUnknown)?;
        if self.phones.get(phone).is_some_and(|other| *other != agent) {
            return Err(Refusal::PhoneTaken);
        }
        match seat.state.name() {
            StateName::SignedOut => self.may_come(agent, now)?,
            StateName::Ready | StateName::Busy | StateName::WrapUp
                if self.rules.second_session == SecondSession::TakeOver =>
            {
                return Ok(self.take_over(agent, phone, now));
            }
            StateName::Ready
            | StateName::Busy
            | StateName::Reserved
            | StateName::Ringing
            | StateName::OnCall
            | StateName::WrapUp => return Err(Refusal::AgentSignedIn),
        }
        self.phones.insert(phone.clone(), agent);
        let shift_until = self.shift_ends(agent, now);
        let mut done = self.done(agent, now, |seat, rules| {
            seat.phone = Some(phone.clone());
            seat.phone_state = PhoneState::Bound;
            seat.come(agent, rules, now);
            seat.begin_in_queues(agent, rules);
            seat.shift_until = shift_until;
            seat.plan = rules.plan(agent, now);
            Some(Step { to: seat.taken(rules.first(), rules, now), cause: Cause::Requested })
        });
        for change in &mut done.changes {
            change.signed_in_at = Some(phone.clone());
        }
        Ok(done)
    }

    /// The session goes on at another phone, in the state it was in. Where the loss of the first
    /// phone would have ended in signing out by now, it begins anew: signing in is the later word.
    fn take_over(&mut self, agent: AgentId, phone: &PhoneId, now: Timestamp) -> Done {
        if let Some(old) = self.phone(agent).cloned() {
            self.phones.remove(&old);
        }
        self.phones.insert(phone.clone(), agent);
        let mut done = self.done(agent, now, |seat, rules| {
            seat.phone = Some(phone.clone());
            seat.phone_state = PhoneState::Bound;
            let cause = Cause::Requested;
            if !seat.is_device_lost() {
                return Some(Step { to: seat.state.clone(), cause });
            }
            let back = seat.found(rules, now);
            if back.to.name() != StateName::SignedOut {
                return Some(back);
            }
            seat.by = None;
            Some(Step { to: seat.taken(rules.first(), rules, now), cause })
        });
        for change in &mut done.changes {
            change.signed_in_at = Some(phone.clone());
        }
        done
    }

    fn wish(
        &mut self,
        agent: AgentId,
        next: Next,
        by: By,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let seat = self.seats.get(&agent).ok_or(Refusal::AgentUnknown)?;
        let mut ruling = ruling(&seat.state, &next, by)?;
        if (ruling, by) == (Ruling::Now, By::Agent) && !self.may_leave(&seat.state) {
            ruling = Ruling::Later;
        }
        if let Next::Busy(reason) = &next
            && (is_device_lost(reason) || !self.rules.reasons.contains_key(reason))
        {
            return Err(Refusal::ReasonUnknown);
        }
        if let (Next::Busy(reason), By::Agent, true) = (&next, by, ruling != Ruling::Nothing) {
            seat.allows(reason, &self.rules, now)?;
        }
        if let (Next::Busy(reason), By::Agent, Ruling::Now) = (&next, by, ruling) {
            match self.when_full(agent, reason) {
                None => {}
                Some(WhenFull::Refuse) => return Err(Refusal::GroupFull),
                Some(WhenFull::Wait) => return Ok(self.await_slot(agent, reason, now)),
            }
        }
        let given_up = self.give_up_slot(agent, now);
        let mut done = self.follow(agent, next, (ruling, by), now);
        done.changes.splice(0..0, given_up);
        Ok(done)
    }

    /// A team lead forces a state, and the log is told why.
    fn force(
        &mut self,
        agent: AgentId,
        next: Next,
        (by, note): (Actor, Option<String>),
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        if note.is_none() && self.rules.force_note == ForceNote::Needed {
            return Err(Refusal::NoteMissing);
        }
        let mut done = self.wish(agent, next.clone(), By::Lead, now)?;
        if done.remembered.is_some()
            && let Some(seat) = self.seats.get_mut(&agent)
        {
            seat.forced_by = Some(by);
        }
        let told = EventKind::AgentForced { next, note };
        match done.changes.last_mut() {
            Some(change) => change.notices.push(told),
            None if done.remembered.is_none() => {}
            None => done.changes.extend(self.tell(agent, told, Cause::Forced, now)),
        }
        Ok(done)
    }

    /// Does what was ruled about a wish.
    fn follow(
        &mut self,
        agent: AgentId,
        next: Next,
        (ruling, by): (Ruling, By),
        now: Timestamp,
    ) -> Done {
        let cause = if by == By::Lead { Cause::Forced } else { Cause::Requested };
        match ruling {
            Ruling::Nothing => Done::default(),
            Ruling::Now => self.done(agent, now, |seat, rules| {
                seat.lost_from = None;
                let to = seat.taken(&next, rules, now);
                Some(seat.settle(Step { to, cause }, rules, now))
            }),
            Ruling::Later => self.remember(agent, next),
            Ruling::Withdraw(call) => Done { withdraw: Some(call), ..self.remember(agent, next) },
        }
    }

    /// Whether the agent may take another state at once: not out of wrap-up that cannot be ended.
    fn may_leave(&self, state: &AgentState) -> bool {
        !matches!(state, AgentState::WrapUp { .. }) || self.mode_of(state).ends()
    }

    /// What agents may do about a wrap-up: what its queue says, else what holds for all.
    const fn mode_of(&self, state: &AgentState) -> WrapUpMode {
        match state {
            AgentState::WrapUp { mode: Some(mode), .. } => *mode,
            AgentState::SignedOut { .. }
            | AgentState::Ready { .. }
            | AgentState::Busy { .. }
            | AgentState::Reserved { .. }
            | AgentState::Ringing { .. }
            | AgentState::OnCall { .. }
            | AgentState::WrapUp { mode: None, .. } => self.rules.wrap_up,
        }
    }

    fn remember(&mut self, agent: AgentId, wish: Next) -> Done {
        let Some(seat) = self.seats.get_mut(&agent) else { return Done::default() };
        let Some(next) = seat.state.wish_mut() else { return Done::default() };
        *next = Some(wish.clone());
        seat.forced_by = None;
        seat.lost_from = None;
        self.recount(agent);
        Done { remembered: Some(wish), ..Done::default() }
    }

    fn extend_wrap_up(
        &mut self,
        agent: AgentId,
        by: Duration,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let mut to = self.wrap_up_of(agent)?.clone();
        if !self.mode_of(&to).extends() {
            return Err(Refusal::WrapUpNotExtendable);
        }
        if let AgentState::WrapUp { until, at_most, .. } = &mut to {
            if *at_most <= *until {
                return Err(Refusal::WrapUpAtLimit);
            }
            *until = (*until + by).min(*at_most);
        }
        let longer = !by.is_zero();
        Ok(self.done(agent, now, |_, _| longer.then_some(Step { to, cause: Cause::Requested })))
    }

    fn wrap_up_of(&self, agent: AgentId) -> Result<&AgentState, Refusal> {
        match self.state(agent).ok_or(Refusal::AgentUnknown)? {
            AgentState::SignedOut { .. } => Err(Refusal::AgentSignedOut),
            state @ AgentState::WrapUp { .. } => Ok(state),
            AgentState::Ready { .. }
            | AgentState::Busy { .. }
            | AgentState::Reserved { .. }
            | AgentState::Ringing { .. }
            | AgentState::OnCall { .. } => Err(Refusal::NotInWrapUp),
        }
    }

    fn done(
        &mut self,
        agent: AgentId,
        now: Timestamp,
        decide: impl FnOnce(&mut Seat, &Rules) -> Option<Step>,
    ) -> Done {
        let changes = self.step(agent, now, decide).into_iter().collect();
        Done { changes, ..Done::default() }
    }
}

/// What is to be done about a wish for a state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ruling {
    /// It is so already.
    Nothing,
    Now,
    Later,
    /// Later, and the offer of this call must end first.
    Withdraw(CallId),
}

fn ruling(state: &AgentState, next: &Next, by: By) -> Result<Ruling, Refusal> {
    use AgentState as S;
    Ok(match (state, next, by) {
        (S::SignedOut { .. }, Next::SignedOut, By::Lead) => Ruling::Nothing,
        (S::SignedOut { .. }, _, _) => return Err(Refusal::AgentSignedOut),

        (S::Busy { reason, .. }, Next::Ready, By::Agent) if is_device_lost(reason) => {
            return Err(Refusal::DeviceLost);
        }
        (S::Busy { reason, .. }, Next::Ready | Next::Busy(_), _) if is_device_lost(reason) => {
            Ruling::Later
        }
        (S::Ready { .. }, Next::Ready, _) => Ruling::Nothing,
        (S::Busy { reason, .. }, Next::Busy(same), _) if reason == same => Ruling::Nothing,
        (S::Ready { .. } | S::Busy { .. }, _, _) => Ruling::Now,

        (S::Reserved { .. } | S::Ringing { .. }, _, By::Agent) => Ruling::Later,
        (S::Reserved { call, .. } | S::Ringing { call, .. }, _, By::Lead) => {
            Ruling::Withdraw(*call)
        }
        (S::OnCall { .. }, _, _) => Ruling::Later,

        (S::WrapUp { .. }, Next::Ready, _) | (S::WrapUp { .. }, _, By::Lead) => Ruling::Now,
        (S::WrapUp { .. }, Next::Busy(_) | Next::SignedOut, By::Agent) => Ruling::Later,
    })
}
