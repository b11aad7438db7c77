//! Every agent of one tenant.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{
    AgentId, AgentSnapshot, AgentState, Cause, Next, Pause, PhoneId, StateName, Timestamp,
};

use crate::crowd::Crowd;
use crate::deadlines::{Armed, Deadlines, Ends};
use crate::seat::{Seat, Step};
use crate::{Availability, Change, PhoneState, Rules};

/// Wrap-up of those whom a restart tore out of an offer or a call.
const WRAP_UP_AFTER_RESTART: Duration = Duration::from_secs(10);

/// The machine for all agents of one tenant, with one ordered structure for all deadlines.
///
/// It knows those agents alone that [`Agents::configure`] has named.
#[derive(Debug)]
pub struct Agents {
    pub(crate) rules: Rules,
    pub(crate) seats: BTreeMap<AgentId, Seat>,
    /// Who is signed in at each phone.
    pub(crate) phones: BTreeMap<PhoneId, AgentId>,
    pub(crate) deadlines: Deadlines,
    pub(crate) crowd: Crowd,
}

impl Agents {
    /// A machine without agents.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            seats: BTreeMap::new(),
            phones: BTreeMap::new(),
            deadlines: Deadlines::default(),
            crowd: Crowd::default(),
        }
    }

    /// Puts rules and agents into force, on a live floor too. Whoever is no longer named is signed
    /// out: at once, or when the offer, the call and its wrap-up end. Deadlines of states already
    /// running keep their time; new ones, and warnings, follow the new rules.
    #[must_use]
    pub fn configure(
        &mut self,
        rules: Rules,
        agents: &BTreeSet<AgentId>,
        now: Timestamp,
    ) -> Vec<Change> {
        let old = std::mem::replace(&mut self.rules, rules);
        self.crowd.regroup(&self.rules);
        for agent in agents {
            self.seats.entry(*agent).or_insert_with(|| Seat::signed_out(now)).leaving = false;
        }
        let known: Vec<AgentId> = self.seats.keys().copied().collect();
        for agent in known {
            self.reshift(agent, now);
            self.arm_beside(agent);
        }
        let gone: Vec<AgentId> =
            self.seats.keys().copied().filter(|agent| !agents.contains(agent)).collect();
        let mut changes = Vec::new();
        for agent in agents {
            changes.extend(self.requeue(*agent, &old.served_by(*agent), now));
        }
        for agent in gone {
            changes.extend(self.step(agent, now, |seat, _| {
                seat.leaving = true;
                let at_once = matches!(seat.state.name(), StateName::Ready | StateName::Busy);
                let to = AgentState::SignedOut { since: now };
                at_once.then_some(Step { to, cause: Cause::Reconfigured })
            }));
            if self.seats.get(&agent).is_some_and(Seat::is_signed_out) {
                self.seats.remove(&agent);
            }
        }
        self.grant_slots(&mut changes, now);
        changes
    }

    /// Takes up an agent as the log last told of them, after a restart, once configured.
    ///
    /// Ready, busy and wrap-up are as they were if the phone is there, else `busy(device_lost)`
    /// with a new grace; those who were reserved, ringing or on call go through wrap-up. A session
    /// that cannot go on (agent no longer configured, phone unknown or taken) ends.
    ///
    /// Every agent still signed in comes back as a change, where all is as it was with `from` equal
    /// to `to`: the distribution has forgotten everything and must be told who is signed in.
    #[must_use]
    pub fn restore(
        &mut self,
        agent: AgentId,
        snapshot: AgentSnapshot,
        phone_state: PhoneState,
        now: Timestamp,
    ) -> Vec<Change> {
        let Some(seat) = self.seats.get_mut(&agent) else {
            return session_lost(agent, snapshot.state, Cause::Reconfigured, now);
        };
        (seat.spent, seat.attended) = (snapshot.spent, snapshot.attended);
        if let AgentState::SignedOut { .. } = snapshot.state {
            seat.state = snapshot.state;
            return Vec::new();
        }
        let free = snapshot.phone.filter(|phone| !self.phones.contains_key(phone));
        let (Some(phone), true) = (free, seat.is_signed_out()) else {
            return session_lost(agent, snapshot.state, Cause::Crash, now);
        };
        self.phones.insert(phone.clone(), agent);
        seat.phone = Some(phone);
        seat.phone_state = phone_state;
        seat.state = snapshot.state.clone();
        seat.away = snapshot.away;
        seat.away.retain(|queue| {
            self.rules.serves.get(&agent).is_some_and(|serves| serves.contains(queue))
        });
        seat.pause = snapshot.pause.filter(|pause| now < pause.until);
        let shift_until = self.shift_until_after(agent, now);
        let change = self.step(agent, now, |seat, rules| {
            seat.shift_until = shift_until;
            seat.plan = rules.plan(agent, now);
            Some(after_restart(seat, rules, now))
        });
        let mut changes = change.into_iter().collect();
        self.grant_slots(&mut changes, now);
        changes
    }

    /// The agent's state; nothing for an agent who is not configured.
    #[must_use]
    pub fn state(&self, agent: AgentId) -> Option<&AgentState> {
        self.seats.get(&agent).map(|seat| &seat.state)
    }

    /// The phone the agent is signed in at.
    #[must_use]
    pub fn phone(&self, agent: AgentId) -> Option<&PhoneId> {
        self.seats.get(&agent)?.phone.as_ref()
    }

    /// Who is signed in at the phone.
    #[must_use]
    pub fn agent_at(&self, phone: &PhoneId) -> Option<AgentId> {
        self.phones.get(phone).copied()
    }

    /// Whether the agent may be offered a call now.
    #[must_use]
    pub fn availability(&self, agent: AgentId) -> Availability {
        match self.seats.get(&agent) {
            Some(Seat { state: AgentState::Ready { idle_since, .. }, pause: None, .. }) => {
                Availability::Available { idle_since: *idle_since }
            }
            Some(_) | None => Availability::Unavailable,
        }
    }

    /// The pause in which the agent is offered nothing.
    #[must_use]
    pub fn pause(&self, agent: AgentId) -> Option<Pause> {
        self.seats.get(&agent)?.pause
    }

    /// Every agent with the state, by work number.
    pub fn iter(&self) -> impl Iterator<Item = (AgentId, &AgentState)> {
        self.seats.iter().map(|(agent, seat)| (*agent, &seat.state))
    }

    /// Lets `decide` find the agent's next state and takes it.
    pub(crate) fn step(
        &mut self,
        agent: AgentId,
        now: Timestamp,
        decide: impl FnOnce(&mut Seat, &Rules) -> Option<Step>,
    ) -> Option<Change> {
        let seat = self.seats.get_mut(&agent)?;
        let step = decide(seat, &self.rules);
        let change = step.and_then(|step| {
            let step = self.gate(agent, step, now);
            self.enter(agent, step, now)
        });
        self.arm_beside(agent);
        self.recount(agent);
        change
    }

    /// New rules, new shifts: whom the old ones were about to sign out as well.
    fn reshift(&mut self, agent: AgentId, now: Timestamp) {
        let shift_until = self.shift_until_after(agent, now);
        let plan = self.rules.plan(agent, now);
        let Some(seat) = self.seats.get_mut(&agent) else { return };
        if !seat.is_signed_out() {
            (seat.shift_until, seat.shift_over) = (shift_until, false);
            seat.plan = plan;
        }
    }

    /// When a session that goes on is ended for the shift: now, where an agent has shifts and none
    /// is on.
    fn shift_until_after(&self, agent: AgentId, now: Timestamp) -> Option<Timestamp> {
        let stays =
            self.rules.attendance.linger.is_none() || !self.rules.shifts.contains_key(&agent);
        self.shift_ends(agent, now).or_else(|| (!stays).then_some(now))
    }

    /// Keeps the counts of the groups in step with the agent.
    pub(crate) fn recount(&mut self, agent: AgentId) {
        let presence = self.seats.get(&agent).and_then(Seat::presence);
        if presence.is_none() {
            self.crowd.leave(agent);
        }
        self.crowd.count(agent, presence);
    }

    fn enter(&mut self, agent: AgentId, step: Step, now: Timestamp) -> Option<Change> {
        let seat = self.seats.get_mut(&agent)?;
        let from = std::mem::replace(&mut seat.state, step.to);
        if let Some(armed) = seat.state_ends.take() {
            self.deadlines.disarm(armed);
        }
        seat.state_ends =
            seat.state.deadline().map(|at| self.deadlines.arm(at, agent, Ends::State));
        let to = seat.state.clone();
        if from != to {
            seat.spend(&from, &self.rules, now);
            seat.be_back(&from, &to, now);
        }
        if seat.is_signed_out() && step.cause != Cause::Reconfigured {
            seat.go(agent, &self.rules, now);
        }
        let (notices, by) = (std::mem::take(&mut seat.notices), seat.by.take());
        if seat.is_signed_out() {
            self.end_session(agent, now);
        }
        Some(Change { agent, from, to, cause: step.cause, by, signed_in_at: None, notices })
    }

    /// Forgets what was only true of the session.
    fn end_session(&mut self, agent: AgentId, now: Timestamp) {
        let Some(seat) = self.seats.get_mut(&agent) else { return };
        let old = std::mem::replace(seat, Seat::signed_out(now));
        (seat.spent, seat.attended) = (old.spent, old.attended);
        let beside = [old.cool_down_ends, old.notice_due, old.shift_ends, old.plan_turns];
        for armed in beside.into_iter().flatten() {
            self.deadlines.disarm(armed);
        }
        if let Some(phone) = old.phone {
            self.phones.remove(&phone);
        }
        if old.leaving {
            self.seats.remove(&agent);
        }
    }

    /// Keeps the armed deadlines of what stands beside the state in step with it.
    pub(crate) fn arm_beside(&mut self, agent: AgentId) {
        let Self { rules, seats, deadlines, .. } = self;
        let Some(seat) = seats.get_mut(&agent) else { return };
        let notice = seat.next_notice(rules).map(|(at, _)| at);
        let pause = seat.pause.map(|pause| pause.until);
        keep(deadlines, &mut seat.cool_down_ends, pause, (agent, Ends::CoolDown));
        keep(deadlines, &mut seat.shift_ends, seat.shift_until, (agent, Ends::Shift));
        keep(deadlines, &mut seat.plan_turns, seat.plan.turns(), (agent, Ends::Plan));
        keep(deadlines, &mut seat.notice_due, notice, (agent, Ends::Notice));
    }
}

/// Keeps one armed deadline at the time that is wanted, if one is.
fn keep(
    deadlines: &mut Deadlines,
    armed: &mut Option<Armed>,
    wanted: Option<Timestamp>,
    (agent, ends): (AgentId, Ends),
) {
    if armed.map(|armed| armed.at) == wanted {
        return;
    }
    if let Some(armed) = armed.take() {
        deadlines.disarm(armed);
    }
    *armed = wanted.map(|at| deadlines.arm(at, agent, ends));
}

fn session_lost(agent: AgentId, from: AgentState, cause: Cause, now: Timestamp) -> Vec<Change> {
    let to = AgentState::SignedOut { since: now };
    let change =
        Change { agent, from, to, cause, by: None, signed_in_at: None, notices: Vec::new() };
    if change.from.name() == StateName::SignedOut { Vec::new() } else { vec![change] }
}

fn after_restart(seat: &mut Seat, rules: &Rules, now: Timestamp) -> Step {
    let cause = Cause::Crash;
    let to = match seat.state.clone() {
        AgentState::Busy { .. } if seat.is_device_lost() => {
            let before = seat.before_loss(rules, now);
            return seat.settle(Step { to: before, cause: Cause::PhoneRegistered }, rules, now);
        }
        AgentState::Reserved { call, next, .. }
        | AgentState::Ringing { call, next, .. }
        | AgentState::OnCall { call, next, before: None, .. } => torn(call, next, rules, now),
        AgentState::OnCall { call, next, before: Some(before), .. } => {
            torn(call, next.or_else(|| wish_of(*before)), rules, now)
        }
        state @ (AgentState::SignedOut { .. }
        | AgentState::Ready { .. }
        | AgentState::Busy { .. }
        | AgentState::WrapUp { .. }) => state,
    };
    seat.settle(Step { to, cause }, rules, now)
}

fn torn(call: model::CallId, next: Option<Next>, rules: &Rules, now: Timestamp) -> AgentState {
    let at_most = now + WRAP_UP_AFTER_RESTART.max(rules.wrap_up_at_most);
    let until = now + WRAP_UP_AFTER_RESTART;
    AgentState::WrapUp { call, since: now, until, at_most, mode: None, next }
}

/// The wish that leads back to a state.
fn wish_of(state: AgentState) -> Option<Next> {
    match state {
        AgentState::Busy { reason, .. } => Some(Next::Busy(reason)),
        AgentState::WrapUp { next, .. } => next,
        AgentState::SignedOut { .. } => Some(Next::SignedOut),
        AgentState::Ready { .. }
        | AgentState::Reserved { .. }
        | AgentState::Ringing { .. }
        | AgentState::OnCall { .. } => None,
    }
}
