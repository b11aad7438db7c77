//! What each agent was when: one row a state.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    Actor, AgentId, AgentState, CallId, Cause, Epoch, Event, EventKind, Pause, PhoneId, QueueId,
    Reason, StateName, Timestamp,
};
use serde::{Deserialize, Serialize};

/// One stay of an agent in one state, signed in to the same queues all the while.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StateInterval {
    /// Who.
    pub agent: AgentId,
    /// The event that began it.
    pub began: (Epoch, u64),
    /// Which state.
    pub state: StateName,
    /// Why the agent was busy.
    pub reason: Option<Reason>,
    /// The call that explains the state.
    pub call: Option<CallId>,
    /// The phone signed in at, where it is known.
    pub phone: Option<PhoneId>,
    /// When it began.
    pub since: Timestamp,
    /// When it ended; `None` while it lasts.
    pub until: Option<Timestamp>,
    /// The pause that it began with, after an offer that came to nothing; `None` where there was none,
    /// and in the logs of programs that did not tell of pauses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// The queues that the agent is signed out of, of those whose needs the agent meets.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub away: BTreeSet<QueueId>,
    /// Why it began.
    pub cause: Option<Cause>,
    /// Who brought it about.
    pub actor: Actor,
}

/// The states agents are in, and the rows of those they have left.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct AgentHistory {
    open: BTreeMap<AgentId, StateInterval>,
    phones: BTreeMap<AgentId, PhoneId>,
}

impl AgentHistory {
    /// Takes in the next event; hands out the row of the state it ended.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a fold hears only what it is about")]
    pub fn apply(&mut self, event: &Event) -> Option<StateInterval> {
        let agent = event.agent?;
        match &event.kind {
            EventKind::AgentSignedIn { phone } => {
                self.phones.insert(agent, phone.clone());
                if let Some(open) = self.open.get_mut(&agent).filter(|open| open.since == event.at)
                {
                    open.phone = Some(phone.clone());
                }
                None
            }
            EventKind::AgentStateChanged { to, .. } => self.change(agent, to, event),
            EventKind::AgentQueuesChanged { away } => self.change_queues(agent, away, event),
            EventKind::AgentPaused { until, after } => {
                let open = self.open.get_mut(&agent)?;
                open.pause = Some(Pause { until: *until, after: *after });
                None
            }
            _ => None,
        }
    }

    /// The state each agent is in, as a row without end.
    #[must_use]
    pub const fn open(&self) -> &BTreeMap<AgentId, StateInterval> {
        &self.open
    }

    /// Takes up a row without end that was put aside.
    pub fn restore(&mut self, open: StateInterval) {
        if let Some(phone) = open.phone.clone() {
            self.phones.insert(open.agent, phone);
        }
        self.open.insert(open.agent, open);
    }

    fn change(&mut self, agent: AgentId, to: &AgentState, event: &Event) -> Option<StateInterval> {
        if self.open.get(&agent).is_some_and(|open| is_same_stay(open, to)) {
            return None;
        }
        if is_signed_out(to) {
            self.phones.remove(&agent);
        }
        let phone = self.phones.get(&agent).cloned();
        let row = interval(agent, to, phone, event);
        let ended = self.open.remove(&agent);
        // These go on through another state, to the end of the working session.
        let before = ended.as_ref().filter(|_| !is_signed_out(to));
        let pause = before.and_then(|row| row.pause).filter(|pause| event.at < pause.until);
        let away = before.map(|row| row.away.clone()).unwrap_or_default();
        self.open.insert(agent, StateInterval { pause, away, ..row });
        ended.map(|row| StateInterval { until: Some(event.at.max(row.since)), ..row })
    }
}

impl AgentHistory {
    /// A row of its own from here on, but where the state itself has only begun.
    fn change_queues(
        &mut self,
        agent: AgentId,
        away: &BTreeSet<QueueId>,
        event: &Event,
    ) -> Option<StateInterval> {
        let open = self.open.get_mut(&agent)?;
        if open.since == event.at {
            open.away.clone_from(away);
            return None;
        }
        let row = StateInterval {
            began: (event.epoch, event.seq),
            since: event.at,
            pause: open.pause.filter(|pause| event.at < pause.until),
            away: away.clone(),
            cause: event.cause,
            actor: event.actor.clone(),
            ..open.clone()
        };
        let ended = std::mem::replace(open, row);
        Some(StateInterval { until: Some(event.at), ..ended })
    }
}

/// A longer wrap-up or another wish for afterwards is the same stay.
fn is_same_stay(open: &StateInterval, to: &AgentState) -> bool {
    open.state == to.name() && open.call == to.call() && open.reason.as_ref() == reason(to)
}

const fn is_signed_out(state: &AgentState) -> bool {
    matches!(state, AgentState::SignedOut { .. })
}

fn interval(
    agent: AgentId,
    to: &AgentState,
    phone: Option<PhoneId>,
    event: &Event,
) -> StateInterval {
    StateInterval {
        agent,
        began: (event.epoch, event.seq),
        state: to.name(),
        reason: reason(to).cloned(),
        call: to.call(),
        phone,
        since: event.at,
        until: None,
        pause: None,
        away: BTreeSet::new(),
        cause: event.cause,
        actor: event.actor.clone(),
    }
}

const fn reason(state: &AgentState) -> Option<&Reason> {
    if let AgentState::Busy { reason, .. } = state { Some(reason) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::{Story, busy, ready};

    #[test]
    fn a_row_lasts_from_one_state_to_the_next_without_a_gap() {
        let mut story = Story::default();
        story.agent_becomes(1001, ready(story.at));
        story.later(60);
        story.agent_becomes(1001, busy("lunch", story.at));
        story.later(30);
        story.agent_becomes(1001, ready(story.at));
        let mut history = AgentHistory::default();
        let rows: Vec<_> = story.events.iter().filter_map(|event| history.apply(event)).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].until, Some(rows[1].since));
        assert_eq!(rows[1].reason, Some(Reason::from("lunch")));
        assert_eq!(history.open()[&AgentId::new(1001)].since, rows[1].until.unwrap());
    }

    #[test]
    fn a_longer_wrap_up_is_the_same_stay() {
        let mut story = Story::default();
        story.agent_becomes(1001, Story::wrap_up(1, story.at, 10));
        story.later(5);
        story.agent_becomes(1001, Story::wrap_up(1, story.at, 60));
        let mut history = AgentHistory::default();
        assert!(story.events.iter().all(|event| history.apply(event).is_none()));
        assert_eq!(history.open()[&AgentId::new(1001)].began.1, 1);
    }

    #[test]
    fn a_row_tells_the_queues_signed_out_of_and_ends_where_they_change() {
        let mut story = Story::default();
        let away = |queue: &str| EventKind::AgentQueuesChanged { away: [queue.into()].into() };
        story.agent_becomes(1001, ready(story.at));
        story.agent(1001, away("sales"));
        story.later(60);
        story.agent(1001, away("support"));
        story.later(60);
        story.agent_becomes(1001, busy("lunch", story.at));
        story.later(60);
        story.agent_becomes(1001, AgentState::SignedOut { since: story.at });
        let mut history = AgentHistory::default();
        let rows: Vec<_> = story.events.iter().filter_map(|event| history.apply(event)).collect();
        let told: Vec<_> = rows
            .iter()
            .map(|row| (row.state, row.away.iter().map(QueueId::as_str).collect::<Vec<_>>()))
            .collect();
        assert_eq!(
            told,
            [
                (StateName::Ready, vec!["sales"]),
                (StateName::Ready, vec!["support"]),
                (StateName::Busy, vec!["support"]),
            ]
        );
        assert_eq!(rows[0].until, Some(rows[1].since));
        assert!(history.open()[&AgentId::new(1001)].away.is_empty());
    }

    #[test]
    fn the_phone_is_known_whichever_event_comes_first() {
        let phone = PhoneId::from("1001");
        for first in [true, false] {
            let mut story = Story::default();
            if first {
                story.agent(1001, EventKind::AgentSignedIn { phone: phone.clone() });
            }
            story.agent_becomes(1001, ready(story.at));
            if !first {
                story.agent(1001, EventKind::AgentSignedIn { phone: phone.clone() });
            }
            let mut history = AgentHistory::default();
            for event in &story.events {
                history.apply(event);
            }
            assert_eq!(history.open()[&AgentId::new(1001)].phone, Some(phone.clone()));
        }
    }
}
