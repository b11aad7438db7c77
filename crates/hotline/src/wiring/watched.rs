//! What agents do, for phones that watch them: told to signalling as the log tells it.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{AgentId, AgentSnapshot, AgentState, Event, EventKind, PhoneId};
use sip::subscription::Presence;
use store::{JournalError, Subscription};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long a log that cannot be read, or signalling that has too much to do, is left alone.
const RETRY: Duration = Duration::from_millis(200);

/// Tells signalling what agents do, beginning with what they did when the log was last closed, until
/// either has ended. Must be called within a tokio runtime.
pub(crate) fn follow_agents(
    log: Subscription,
    agents: &BTreeMap<AgentId, AgentSnapshot>,
    sip: sip_net::Handle,
) -> JoinHandle<()> {
    tokio::spawn(follow(log, Agents::of(agents), sip))
}

async fn follow(mut log: Subscription, mut agents: Agents, sip: sip_net::Handle) {
    while sip.is_running() {
        agents.tell(|phone, presence| sip.publish(phone, presence).is_ok());
        let events = if agents.untold.is_empty() {
            log.next().await
        } else {
            timeout(RETRY, log.next()).await.unwrap_or_else(|_| Ok(Vec::new()))
        };
        match events {
            Ok(events) => events.iter().for_each(|event| agents.hear(event)),
            Err(JournalError::Closed) => return,
            Err(error) => {
                tracing::warn!(%error, "the log cannot be read; who watches agents is not told");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Who is where and does what, and what of it signalling has not been told yet: of each phone the
/// latest alone.
#[derive(Debug, Default)]
struct Agents {
    agents: BTreeMap<AgentId, (Option<PhoneId>, Presence)>,
    untold: BTreeMap<PhoneId, Presence>,
}

impl Agents {
    fn of(snapshot: &BTreeMap<AgentId, AgentSnapshot>) -> Self {
        let mut agents = Self::default();
        for (agent, row) in snapshot {
            if let Some(phone) = &row.phone {
                agents.signed_in(*agent, phone);
            }
            agents.does(*agent, &row.state);
        }
        agents
    }

    fn hear(&mut self, event: &Event) {
        let Some(agent) = event.agent else { return };
        if let EventKind::AgentSignedIn { phone } = &event.kind {
            self.signed_in(agent, phone);
        } else if let EventKind::AgentStateChanged { to, .. } = &event.kind {
            self.does(agent, to);
        }
    }

    fn signed_in(&mut self, agent: AgentId, phone: &PhoneId) {
        let row = self.agents.entry(agent).or_insert((None, Presence::NOBODY));
        if let Some(before) = row.0.replace(phone.clone())
            && before != *phone
        {
            self.untold.insert(before, Presence::NOBODY);
            self.untold.insert(phone.clone(), row.1.clone());
        }
    }

    fn does(&mut self, agent: AgentId, state: &AgentState) {
        let row = self.agents.entry(agent).or_insert((None, Presence::NOBODY));
        row.1 = presence(state);
        if let Some(phone) = &row.0 {
            self.untold.insert(phone.clone(), row.1.clone());
        }
        if matches!(state, AgentState::SignedOut { .. }) {
            self.agents.remove(&agent);
        }
    }

    /// Tells what has not been told, as much as is taken.
    fn tell(&mut self, mut told: impl FnMut(PhoneId, Presence) -> bool) {
        self.untold.retain(|phone, presence| !told(phone.clone(), presence.clone()));
    }
}

fn presence(state: &AgentState) -> Presence {
    let reason =
        if let AgentState::Busy { reason, .. } = state { Some(reason.clone()) } else { None };
    Presence { state: state.name(), reason }
}

#[cfg(test)]
mod tests {
    use model::{Actor, Epoch, Reason, Schema, StateName, TenantId, Timestamp};

    use super::*;

    const SINCE: Timestamp = Timestamp::EPOCH;

    fn event(agent: u32, kind: EventKind) -> Event {
        Event {
            schema: Schema::CURRENT,
            tenant: TenantId::from("default"),
            epoch: Epoch::new(1),
            seq: 1,
            at: SINCE,
            call: None,
            segment: None,
            leg: None,
            agent: Some(AgentId::new(agent)),
            queue: None,
            actor: Actor::system(),
            cause: None,
            config_version: 1,
            kind,
        }
    }

    fn signs_in(agent: u32, phone: &str) -> Event {
        event(agent, EventKind::AgentSignedIn { phone: phone.into() })
    }

    fn becomes(agent: u32, to: AgentState) -> Event {
        let from = AgentState::SignedOut { since: SINCE };
        event(agent, EventKind::AgentStateChanged { from, to })
    }

    const READY: AgentState = AgentState::Ready { since: SINCE, idle_since: SINCE };

    fn busy() -> AgentState {
        let reason = Reason::from("lunch");
        AgentState::Busy {
            reason,
            since: SINCE,
            until: None,
            stay_until: None,
            planned_until: None,
            back_to: None,
        }
    }

    fn told(agents: &mut Agents) -> Vec<(String, StateName)> {
        let mut told = Vec::new();
        agents.tell(|phone, presence| {
            told.push((phone.to_string(), presence.state));
            true
        });
        told
    }

    #[test]
    fn what_an_agent_does_is_told_of_the_phone_where_the_agent_is() {
        let mut agents = Agents::default();
        for event in [signs_in(1001, "8001"), becomes(1001, READY), becomes(1001, busy())] {
            agents.hear(&event);
        }
        assert_eq!(agents.untold["8001"].reason, Some(Reason::from("lunch")));
        assert_eq!(told(&mut agents), [("8001".to_owned(), StateName::Busy)]);
        agents.hear(&becomes(1001, AgentState::SignedOut { since: SINCE }));
        assert_eq!(told(&mut agents), [("8001".to_owned(), StateName::SignedOut)]);
        agents.hear(&becomes(1001, READY));
        assert_eq!(told(&mut agents), [], "who is nowhere is told of nowhere");
    }

    #[test]
    fn an_agent_who_goes_to_another_phone_leaves_the_one_before() {
        let mut agents = Agents::default();
        for event in [signs_in(1001, "8001"), becomes(1001, READY), signs_in(1001, "8002")] {
            agents.hear(&event);
        }
        let expected =
            [("8001".to_owned(), StateName::SignedOut), ("8002".into(), StateName::Ready)];
        assert_eq!(told(&mut agents), expected);
    }

    #[test]
    fn what_is_not_taken_is_told_later_and_only_the_latest_of_it() {
        let mut agents = Agents::default();
        agents.hear(&signs_in(1001, "8001"));
        agents.hear(&becomes(1001, READY));
        agents.tell(|_, _| false);
        agents.hear(&becomes(1001, busy()));
        assert_eq!(told(&mut agents), [("8001".to_owned(), StateName::Busy)]);
        assert_eq!(told(&mut agents), []);
    }

    #[test]
    fn after_a_start_what_agents_did_before_is_told() {
        let row = AgentSnapshot::new(READY, Some("8001".into()));
        let mut agents = Agents::of(&BTreeMap::from([(AgentId::new(1001), row)]));
        assert_eq!(told(&mut agents), [("8001".to_owned(), StateName::Ready)]);
    }
}
