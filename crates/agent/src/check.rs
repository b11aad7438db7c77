//! What must hold after every step.

use model::{AgentId, StateName};

use crate::deadlines::Ends;
use crate::seat::Seat;
use crate::{Agents, PhoneState};

impl Agents {
    /// Says which invariant is broken, if one is. The floor asks now and then; tests always.
    ///
    /// # Errors
    /// One sentence that names the agent.
    pub fn check(&self) -> Result<(), String> {
        let mut armed = 0;
        for (agent, seat) in &self.seats {
            if let Some(broken) = self.broken(*agent, seat) {
                return Err(format!("agent {agent}: {broken}: {seat:?}"));
            }
            armed += usize::from(seat.state_ends.is_some());
            armed += usize::from(seat.cool_down_ends.is_some());
            armed += usize::from(seat.notice_due.is_some());
            armed += usize::from(seat.shift_ends.is_some());
            armed += usize::from(seat.plan_turns.is_some());
        }
        if armed != self.deadlines.len() {
            return Err("a deadline is armed that no agent has".into());
        }
        if let Some(broken) = self.check_crowd() {
            return Err(broken.into());
        }
        if self.phones.len() != self.seats.values().filter(|seat| seat.phone.is_some()).count() {
            return Err("a phone has an agent who is not signed in there".into());
        }
        Ok(())
    }

    fn broken(&self, agent: AgentId, seat: &Seat) -> Option<&'static str> {
        let name = seat.state.name();
        let held = matches!(name, StateName::Reserved | StateName::Ringing | StateName::OnCall);
        let free = matches!(name, StateName::Ready | StateName::Busy | StateName::WrapUp);
        let armed = |armed, ends| self.deadlines.contains(armed, agent, ends);
        let lost = seat.phone_state == PhoneState::Unbound;
        let rules = [
            (
                seat.state_ends.map(|armed| armed.at) != seat.state.deadline()
                    || seat.state_ends.is_some_and(|at| !armed(at, Ends::State)),
                "the state's deadline is not the one armed",
            ),
            (
                seat.cool_down_ends.map(|armed| armed.at) != seat.pause.map(|pause| pause.until)
                    || seat.cool_down_ends.is_some_and(|at| !armed(at, Ends::CoolDown)),
                "the cool-down's deadline is not the one armed",
            ),
            (
                seat.notice_due.map(|armed| armed.at)
                    != seat.next_notice(&self.rules).map(|(at, _)| at)
                    || seat.notice_due.is_some_and(|at| !armed(at, Ends::Notice)),
                "the next warning is not the one armed",
            ),
            (
                seat.shift_ends.map(|armed| armed.at) != seat.shift_until
                    || seat.shift_ends.is_some_and(|at| !armed(at, Ends::Shift)),
                "the end of the shift is not the one armed",
            ),
            (
                seat.plan_turns.map(|armed| armed.at) != seat.plan.turns()
                    || seat.plan_turns.is_some_and(|at| !armed(at, Ends::Plan)),
                "the turn of what is planned is not the one armed",
            ),
            (
                seat.shift_over && matches!(name, StateName::Ready | StateName::Busy),
                "the shift is over",
            ),
            (!seat.notices.is_empty(), "something is left untold"),
            (seat.phone.is_some() == seat.is_signed_out(), "phone and session disagree"),
            (
                seat.phone.as_ref().is_some_and(|phone| self.phones.get(phone) != Some(&agent)),
                "the phone's agent is another",
            ),
            (!held && !seat.also.is_empty(), "a call is left over"),
            (
                seat.state.call().is_some_and(|call| seat.also.contains_key(&call)),
                "a call is counted twice",
            ),
            (!held && seat.owed.is_some(), "wrap-up is owed and nothing holds the agent"),
            (free && lost != seat.is_device_lost(), "phone lost and state disagree"),
            (!seat.is_device_lost() && seat.lost_from.is_some(), "a lost state is left over"),
            (seat.leaving && seat.is_signed_out(), "somebody who left is still known"),
        ];
        rules.into_iter().find_map(|(broken, what)| broken.then_some(what))
    }
}
