//! How many of a group or a team are busy for a reason at once, and who waits until one of them returns.
//!
//! A reason may have a largest share of the agents of a skill group who are signed in, and one of those
//! of a team. Who asks for it when so many are is refused, or stays what they are and waits: then the
//! first who waits gets the place that comes free, as soon as no call or offer holds them. An agent of
//! several groups needs a place in each, and one in the team; those of no group are one together, and
//! those of no team. One may always go.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    AgentId, AgentState, Cause, EventKind, GroupId, Next, Reason, Refusal, TeamId, Timestamp,
};

use crate::rules::WhenFull;
use crate::seat::{Seat, Step, is_device_lost};
use crate::{Agents, Change, Done, Rules};

/// People who are counted together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Circle {
    Group(GroupId),
    /// Those of no group.
    NoGroup,
    Team(TeamId),
    /// Those of no team.
    NoTeam,
}

/// Of what a share is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Of {
    Groups,
    Team,
}

impl Circle {
    const fn is(&self) -> Of {
        match self {
            Self::Group(_) | Self::NoGroup => Of::Groups,
            Self::Team(_) | Self::NoTeam => Of::Team,
        }
    }
}

/// Who is there, counted by circle and reason, and who waits for what.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    /// The groups and the team of each agent who has any.
    circles: BTreeMap<AgentId, BTreeSet<Circle>>,
    /// Everybody signed in, with what they are busy for.
    counted: BTreeMap<AgentId, Option<Reason>>,
    signed_in: BTreeMap<Circle, u32>,
    busy: BTreeMap<(Circle, Reason), u32>,
    /// Who waits for what, by ticket.
    waiting: BTreeMap<u64, (AgentId, Reason)>,
    last_ticket: u64,
}

impl Crowd {
    /// Counts everybody anew, by the groups and teams of these rules.
    pub(crate) fn regroup(&mut self, rules: &Rules) {
        self.circles.clear();
        let groups = rules.groups.iter().map(|(id, of)| (Circle::Group(id.clone()), of));
        let teams = rules.teams.iter().map(|(id, of)| (Circle::Team(id.clone()), of));
        for (circle, members) in groups.chain(teams) {
            for member in members {
                self.circles.entry(*member).or_default().insert(circle.clone());
            }
        }
        self.signed_in.clear();
        self.busy.clear();
        for (agent, busy_for) in std::mem::take(&mut self.counted) {
            self.count(agent, Some(busy_for));
        }
    }

    /// Takes note of whether the agent is signed in, and busy for what.
    pub(crate) fn count(&mut self, agent: AgentId, is: Option<Option<Reason>>) {
        let was = self.counted.get(&agent).cloned();
        if was == is {
            return;
        }
        for circle in self.circles_of(agent) {
            if was.is_some() != is.is_some() {
                let signed_in = self.signed_in.entry(circle.clone()).or_default();
                *signed_in =
                    if is.is_some() { *signed_in + 1 } else { signed_in.saturating_sub(1) };
            }
            if let Some(reason) = was.clone().flatten() {
                let busy = self.busy.entry((circle.clone(), reason)).or_default();
                *busy = busy.saturating_sub(1);
            }
            if let Some(reason) = is.clone().flatten() {
                *self.busy.entry((circle, reason)).or_default() += 1;
            }
        }
        match is {
            Some(busy_for) => self.counted.insert(agent, busy_for),
            None => self.counted.remove(&agent),
        };
    }

    fn circles_of(&self, agent: AgentId) -> BTreeSet<Circle> {
        let mut circles = self.circles.get(&agent).cloned().unwrap_or_default();
        for (of, none) in [(Of::Groups, Circle::NoGroup), (Of::Team, Circle::NoTeam)] {
            if circles.iter().all(|circle| circle.is() != of) {
                circles.insert(none);
            }
        }
        circles
    }

    /// Whether one more of each of the agent's groups, or of the team, may be busy for the reason.
    fn has_room(&self, agent: AgentId, reason: &Reason, (of, percent): (Of, u8)) -> bool {
        let is_one = self.counted.get(&agent).is_some_and(|busy| busy.as_ref() == Some(reason));
        let mut circles = self.circles_of(agent).into_iter().filter(|circle| circle.is() == of);
        circles.all(|circle| {
            let signed_in = self.signed_in.get(&circle).copied().unwrap_or_default();
            let most = (signed_in * u32::from(percent) / 100).max(1);
            let busy = self.busy.get(&(circle, reason.clone())).copied().unwrap_or_default();
            busy - u32::from(is_one).min(busy) < most
        })
    }

    fn queue(&mut self, agent: AgentId, reason: &Reason) {
        self.leave(agent);
        self.last_ticket += 1;
        self.waiting.insert(self.last_ticket, (agent, reason.clone()));
    }

    /// The agent waits no longer; says for what they did.
    pub(crate) fn leave(&mut self, agent: AgentId) -> Option<Reason> {
        let ticket = self.waiting.iter().find(|(_, (waits, _))| *waits == agent);
        let ticket = ticket.map(|(ticket, _)| *ticket)?;
        self.waiting.remove(&ticket).map(|(_, reason)| reason)
    }
}

impl Agents {
    /// What the agent waits for a place in.
    #[must_use]
    pub fn awaits(&self, agent: AgentId) -> Option<&Reason> {
        let waits = self.crowd.waiting.values().find(|(waits, _)| *waits == agent);
        waits.map(|(_, reason)| reason)
    }

    /// What becomes of the wish for a reason while its group or team is full; nothing where none is.
    pub(crate) fn when_full(&self, agent: AgentId, reason: &Reason) -> Option<WhenFull> {
        let rule = self.rules.reasons.get(reason)?;
        if self.seats.get(&agent).is_some_and(|seat| seat.plan.on(reason).is_some()) {
            return None;
        }
        let shares = [(Of::Groups, rule.share), (Of::Team, rule.team_share)];
        let full = shares.into_iter().find_map(|(of, share)| {
            let share = share?;
            (!self.crowd.has_room(agent, reason, (of, share.percent))).then_some(share)
        });
        full.map(|share| share.when_full)
    }

    /// The agent stays what they are and waits for a place.
    pub(crate) fn await_slot(&mut self, agent: AgentId, reason: &Reason, now: Timestamp) -> Done {
        let awaits = Some(Next::Busy(reason.clone()));
        if self.awaits(agent) == Some(reason) {
            return Done { awaits, ..Done::default() };
        }
        self.crowd.queue(agent, reason);
        let told = EventKind::AgentSlotAwaited { reason: reason.clone() };
        let changes = self.tell(agent, told, Cause::Requested, now).into_iter().collect();
        Done { changes, awaits, ..Done::default() }
    }

    /// The agent asks for something else, and waits no longer.
    pub(crate) fn give_up_slot(&mut self, agent: AgentId, now: Timestamp) -> Option<Change> {
        let reason = self.crowd.leave(agent)?;
        let told = EventKind::AgentSlotGivenUp { reason };
        self.tell(agent, told, Cause::Requested, now)
    }

    /// Tells the log something of an agent who stays what they are.
    pub(crate) fn tell(
        &mut self,
        agent: AgentId,
        told: EventKind,
        cause: Cause,
        now: Timestamp,
    ) -> Option<Change> {
        self.step(agent, now, |seat, _| {
            seat.notices.push(told);
            Some(Step { to: seat.state.clone(), cause })
        })
    }

    /// What was remembered does not take effect while the group is full.
    pub(crate) fn gate(&mut self, agent: AgentId, step: Step, now: Timestamp) -> Step {
        let AgentState::Busy { reason, .. } = &step.to else { return step };
        if step.cause != Cause::Remembered {
            return step;
        }
        let Some(when_full) = self.when_full(agent, reason) else { return step };
        let told = match when_full {
            WhenFull::Refuse => EventKind::AgentRequestRefused { refusal: Refusal::GroupFull },
            WhenFull::Wait => {
                self.crowd.queue(agent, reason);
                EventKind::AgentSlotAwaited { reason: reason.clone() }
            }
        };
        let Some(seat) = self.seats.get_mut(&agent) else { return step };
        seat.notices.push(told);
        let idle_since = match &seat.state {
            AgentState::Reserved { idle_since, .. } | AgentState::Ringing { idle_since, .. } => {
                *idle_since
            }
            AgentState::SignedOut { .. }
            | AgentState::Ready { .. }
            | AgentState::Busy { .. }
            | AgentState::OnCall { .. }
            | AgentState::WrapUp { .. } => now,
        };
        Step { to: AgentState::Ready { since: now, idle_since }, cause: step.cause }
    }

    /// Gives the places that are free to those who wait for them.
    pub(crate) fn grant_slots(&mut self, changes: &mut Vec<Change>, now: Timestamp) {
        while let Some((agent, reason)) = self.next_granted() {
            self.crowd.leave(agent);
            changes.extend(self.step(agent, now, |seat, rules| {
                if let Err(refusal) = seat.allows(&reason, rules, now) {
                    seat.notices.push(EventKind::AgentRequestRefused { refusal });
                    return Some(Step { to: seat.state.clone(), cause: Cause::SlotFree });
                }
                let to = seat.taken(&Next::Busy(reason), rules, now);
                Some(Step { to, cause: Cause::SlotFree })
            }));
        }
    }

    /// The first who waits for a place that is free, and is free themselves. A reason that has no
    /// share any more has room for everybody.
    fn next_granted(&self) -> Option<(AgentId, Reason)> {
        let granted = |(agent, reason): &&(AgentId, Reason)| {
            self.seats.get(agent).is_some_and(is_free) && self.when_full(*agent, reason).is_none()
        };
        self.crowd.waiting.values().find(granted).cloned()
    }

    /// Says what is wrong with the counts, if anything is.
    pub(crate) fn check_crowd(&self) -> Option<&'static str> {
        let mut again = Crowd { circles: self.crowd.circles.clone(), ..Crowd::default() };
        for (agent, seat) in &self.seats {
            again.count(*agent, seat.presence());
        }
        let counts = |crowd: &Crowd| {
            let busy = crowd.busy.clone().into_iter().filter(|(_, busy)| *busy > 0);
            let there = crowd.signed_in.clone().into_iter().filter(|(_, there)| *there > 0);
            (busy.collect::<BTreeMap<_, _>>(), there.collect::<BTreeMap<_, _>>())
        };
        let waits = |(agent, _): &(AgentId, Reason)| self.crowd.counted.contains_key(agent);
        if counts(&again) != counts(&self.crowd) {
            Some("the groups and teams are not counted as they are")
        } else if !self.crowd.waiting.values().all(waits) {
            Some("somebody waits who is not there")
        } else if self.next_granted().is_some() {
            Some("somebody waits for a place that is free")
        } else {
            None
        }
    }
}

/// Whether what the agent waited for may be taken up now.
fn is_free(seat: &Seat) -> bool {
    match &seat.state {
        AgentState::Ready { .. } => true,
        AgentState::Busy { reason, .. } => !is_device_lost(reason),
        AgentState::SignedOut { .. }
        | AgentState::Reserved { .. }
        | AgentState::Ringing { .. }
        | AgentState::OnCall { .. }
        | AgentState::WrapUp { .. } => false,
    }
}

impl Seat {
    /// Whether the agent is signed in, and what they are busy for: in a call, or without a phone,
    /// as well, for they go back to it.
    pub(crate) fn presence(&self) -> Option<Option<Reason>> {
        let busy_for = |state: &AgentState| match state {
            AgentState::Busy { reason, .. } => Some(reason.clone()),
            AgentState::SignedOut { .. }
            | AgentState::Ready { .. }
            | AgentState::Reserved { .. }
            | AgentState::Ringing { .. }
            | AgentState::OnCall { .. }
            | AgentState::WrapUp { .. } => None,
        };
        match &self.state {
            AgentState::SignedOut { .. } => None,
            AgentState::OnCall { before: Some(before), .. } => Some(busy_for(before)),
            state @ AgentState::Busy { .. } if !self.is_device_lost() => Some(busy_for(state)),
            AgentState::Busy { .. } => Some(self.lost_from.as_ref().and_then(busy_for)),
            AgentState::Ready { .. }
            | AgentState::Reserved { .. }
            | AgentState::Ringing { .. }
            | AgentState::OnCall { .. }
            | AgentState::WrapUp { .. } => Some(None),
        }
    }
}
