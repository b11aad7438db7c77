//! What must hold after every step.

use std::collections::BTreeSet;

use agent::Availability;
use model::{AgentId, AgentState, LegId};

use crate::Switchboard;
use crate::call::{FarEnd, Leg, Stage};

impl Switchboard {
    /// Checks the floor's invariants. Simulations call it after every step.
    ///
    /// # Errors
    /// Says which one is broken, and where.
    pub fn check(&self) -> Result<(), String> {
        self.agents.check()?;
        self.acd.check()?;
        self.check_legs()?;
        self.check_stages()?;
        self.check_agents()?;
        self.check_engaged()?;
        self.check_index()?;
        self.check_deadlines()?;
        self.check_callbacks()?;
        self.check_places()?;
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
        if let Some(call) = self.calls.values().find(|call| call.legs.is_empty() && !call.is_kept())
        {
            return Err(format!("call {} has no leg", call.id));
        }
        let alive = |leg: &LegId| self.legs.get(leg).is_some_and(Leg::is_live);
        let stuck = self
            .calls
            .values()
            .find(|call| matches!(call.stage, Stage::Ending) && call.legs.iter().any(alive));
        match stuck {
            Some(call) => Err(format!("call {} is ending but a leg was not told", call.id)),
            None => Ok(()),
        }
    }

    /// What a stage is about is there, and what must end it by itself is armed.
    fn check_stages(&self) -> Result<(), String> {
        for call in self.calls.values() {
            let live = |leg: &LegId| self.legs.get(leg).is_some_and(Leg::is_live);
            let parties = match &call.stage {
                Stage::Flow { .. } | Stage::Announcing { .. } => vec![call.caller],
                Stage::Resting => vec![],
                Stage::CallingBack(back) => vec![back.customer, back.offer.leg],
                Stage::Queued(wait) if call.callback.is_some() => {
                    wait.offers.values().map(|offer| offer.leg).collect()
                }
                Stage::Queued(wait) => {
                    let offers = wait.offers.values().map(|offer| offer.leg);
                    offers.chain([call.caller]).collect()
                }
                Stage::Dialling(dialling) => vec![call.caller, dialling.callee],
                Stage::Talking(talk) => vec![talk.left, talk.right],
                Stage::Transferring(transfer) => {
                    vec![transfer.talk.peer(transfer.transferor), transfer.target]
                }
                Stage::Ending => vec![],
            };
            let needs_deadline = matches!(
                call.stage,
                Stage::Flow { .. }
                    | Stage::Announcing { .. }
                    | Stage::Dialling(_)
                    | Stage::Transferring(_)
                    | Stage::Resting
                    | Stage::CallingBack(_)
            ) || call.callback.is_some();
            if !parties.iter().all(live) || needs_deadline && call.deadline.is_none() {
                return Err(format!("call {} is stuck: {call:?}", call.id));
            }
            let queue = call.stage.wait().map(|wait| &wait.queue);
            if queue != self.acd.position(call.id).map(|(queue, _)| queue) {
                return Err(format!("call {} waits here or there, not in both", call.id));
            }
        }
        Ok(())
    }

    /// There is one callback for whoever wishes one, and it is a call that is not over.
    fn check_callbacks(&self) -> Result<(), String> {
        let known: BTreeSet<_> = self.callbacks.values().copied().collect();
        let calls = self.calls.values().filter(|call| call.callback.is_some());
        let calls: BTreeSet<_> = calls.map(|call| call.id).collect();
        if known != calls || known.len() != self.callbacks.len() {
            return Err(format!("callbacks are {calls:?} and known are {:?}", self.callbacks));
        }
        Ok(())
    }

    /// Each call's deadline is the one that is armed.
    fn check_deadlines(&self) -> Result<(), String> {
        let of_calls = self.calls.values().filter_map(|call| Some((call.deadline?, call.id)));
        if of_calls.collect::<BTreeSet<_>>() == self.deadlines {
            Ok(())
        } else {
            Err(format!("armed are {:?}, which the calls do not know", self.deadlines))
        }
    }

    /// Whoever is signed in at a phone that is in a call is given no other.
    fn check_engaged(&self) -> Result<(), String> {
        for leg in self.legs.values().filter(|leg| leg.is_live()) {
            let FarEnd::Phone(phone) = &leg.far_end else { continue };
            let Some(agent) = self.agents.agent_at(phone) else { continue };
            if leg.engages().is_some() && !self.is_engaged(phone)
                || leg.agent.is_none() && !self.is_ending(leg)
            {
                return Err(format!("leg {} is in a call and agent {agent} is not", leg.id));
            }
        }
        Ok(())
    }

    fn is_ending(&self, leg: &Leg) -> bool {
        self.calls.get(&leg.call).is_none_or(|call| matches!(call.stage, Stage::Ending))
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
                    wait.is_some_and(|wait| wait.offers.contains_key(&agent))
                }
                AgentState::OnCall { call, .. } => {
                    let on_leg = |leg: &LegId| {
                        self.legs.get(leg).is_some_and(|leg| leg.engages() == Some(agent))
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
