//! What must hold after every step.

use std::collections::BTreeSet;

use agent::Availability;
use model::{AgentId, AgentState, LegId};

use crate::Switchboard;
use crate::call::{LegState, Stage};

impl Switchboard {
    /// Checks the floor's invariants. Simulations call it after every step.
    ///
    /// # Errors
    /// Says which one is broken, and where.
    pub fn check(&self) -> Result<(), String> {
        self.agents.check()?;
        self.check_legs()?;
        self.check_agents()?;
        self.check_index()?;
        self.check_accounts()
    }

    fn check_legs(&self) -> Result<(), String> {
        let of_calls: BTreeSet<LegId> =
            self.calls.values().flat_map(|call| call.legs.iter().copied()).collect();
        let known: BTreeSet<LegId> = self.legs.keys().copied().collect();
        if of_calls != known {
            return Err(format!("legs {known:?} but calls have {of_calls:?}"));
        }
        let used = usize::try_from(self.ports.usage().0).unwrap_or(usize::MAX);
        if used != known.len() {
            return Err(format!("{used} ports in use for {} legs", known.len()));
        }
        if let Some(call) = self.calls.values().find(|call| call.legs.is_empty()) {
            return Err(format!("call {} has no leg", call.id));
        }
        let alive =
            |leg: &LegId| self.legs.get(leg).is_some_and(|leg| leg.state != LegState::Releasing);
        let stuck = self
            .calls
            .values()
            .find(|call| matches!(call.stage, Stage::Ending) && call.legs.iter().any(alive));
        match stuck {
            Some(call) => Err(format!("call {} is ending but a leg was not told", call.id)),
            None => Ok(()),
        }
    }

    /// No agent is reserved, ringing, on a call or in wrap-up without what explains it.
    fn check_agents(&self) -> Result<(), String> {
        for (agent, state) in self.agents.iter() {
            let explained = match state {
                AgentState::SignedOut { .. }
                | AgentState::Ready { .. }
                | AgentState::Busy { .. }
                | AgentState::WrapUp { .. } => true,
                AgentState::Reserved { call, .. } | AgentState::Ringing { call, .. } => {
                    let wait = self.calls.get(call).and_then(|call| call.stage.wait());
                    let offer = wait.and_then(|wait| wait.offer.as_ref());
                    offer.is_some_and(|offer| offer.agent == agent)
                }
                AgentState::OnCall { call, .. } => {
                    let on_leg = |leg: &LegId| {
                        self.legs.get(leg).is_some_and(|leg| leg.agent == Some(agent))
                    };
                    self.calls.get(call).is_some_and(|call| call.legs.iter().any(on_leg))
                }
            };
            if !explained {
                return Err(format!("agent {agent} is {state:?} and nothing explains it"));
            }
        }
        Ok(())
    }

    /// `agent` is the truth and `acd` an index of it.
    fn check_index(&self) -> Result<(), String> {
        let free: BTreeSet<AgentId> = self
            .agents
            .iter()
            .map(|(agent, _)| agent)
            .filter(|agent| self.agents.availability(*agent) != Availability::Unavailable)
            .collect();
        let indexed: BTreeSet<AgentId> = self.acd.available().collect();
        if free != indexed {
            return Err(format!("available are {free:?} but the distribution has {indexed:?}"));
        }
        Ok(())
    }

    /// Entered = sum of the outcomes + waiting, for each queue, at any moment.
    fn check_accounts(&self) -> Result<(), String> {
        for queue in self.config.acd.queues.keys() {
            let tally = self.acd.tally(queue);
            let left: u64 = tally.outcomes.values().sum();
            if tally.entered != left + u64::from(tally.waiting) {
                return Err(format!("queue {queue}: {tally:?} does not add up"));
            }
        }
        Ok(())
    }
}
