//! The log, read as a stranger would who knows nothing of the floor: everything that begins ends
//! once, in order, and says whom it is about.

use std::collections::{BTreeMap, BTreeSet};

use insight::Accounts;
use model::{
    AgentId, AgentState, CallId, Epoch, Event, EventKind, LegId, Outcome, SegmentId, StateName,
    Timestamp,
};

#[derive(Clone, Default)]
pub(crate) struct Books {
    last: Option<(Epoch, u64, Timestamp)>,
    calls: BTreeMap<CallId, Open>,
    states: BTreeMap<AgentId, AgentState>,
    ended: BTreeSet<CallId>,
    pub(crate) accounts: Accounts,
    /// How often each thing worth reaching happened.
    pub(crate) seen: BTreeMap<String, u64>,
}

/// A call that has not ended.
#[derive(Clone, Default)]
struct Open {
    segment: Option<(SegmentId, &'static str)>,
    begun: BTreeSet<SegmentId>,
    legs: BTreeMap<LegId, BTreeSet<&'static str>>,
    offered_to: BTreeSet<AgentId>,
    merged_into: Option<CallId>,
}

impl Books {
    /// Reads the next event; says what is wrong with it.
    pub(crate) fn read(&mut self, event: &Event) -> Result<(), String> {
        self.accounts.apply(event);
        self.count(event);
        self.read_number(event)?;
        self.read_agent(event)?;
        let broken = match event.call {
            Some(id) if !event.kind.name().starts_with("recording.") => self.read_call(id, event),
            _ => Ok(()),
        };
        broken.map_err(|what| format!("{what}: {event:?}"))
    }

    fn read_number(&mut self, event: &Event) -> Result<(), String> {
        let follows = match self.last {
            None => event.seq == 1,
            Some((epoch, _, at)) if event.epoch > epoch => event.seq == 1 && event.at >= at,
            Some((epoch, seq, at)) => {
                event.epoch == epoch && event.seq == seq + 1 && event.at >= at
            }
        };
        self.last = Some((event.epoch, event.seq, event.at));
        if follows { Ok(()) } else { Err(format!("does not follow: {event:?}")) }
    }

    fn read_agent(&mut self, event: &Event) -> Result<(), String> {
        let EventKind::AgentStateChanged { from, to } = &event.kind else { return Ok(()) };
        let Some(agent) = event.agent else { return Err("a state of nobody".into()) };
        let signed_out = AgentState::SignedOut { since: Timestamp::EPOCH };
        let before = self.states.insert(agent, to.clone()).unwrap_or(signed_out);
        // A wish for afterwards is remembered within the state, by an event of its own.
        let same = |a: &AgentState, b: &AgentState| {
            a.name() == b.name()
                && a.call() == b.call()
                && (a.since() == b.since() || is_signed_out(a))
        };
        if !same(&before, from) {
            return Err(format!("{agent} was {before:?}, not {from:?}"));
        }
        if from == to { Err(format!("{agent} changes into the same state {to:?}")) } else { Ok(()) }
    }

    fn read_call(&mut self, id: CallId, event: &Event) -> Result<(), String> {
        if let EventKind::CallArrived { .. } = &event.kind {
            let twice = self.ended.contains(&id) || self.calls.contains_key(&id);
            self.calls.insert(id, Open::default());
            return if twice { Err("arrived twice".into()) } else { Ok(()) };
        }
        if let EventKind::LegMoved { from } = &event.kind {
            return self.move_leg((*from, id), event);
        }
        let about_agent = event.kind.name().starts_with("agent.")
            || matches!(event.kind, EventKind::Repaired { .. });
        let Some(call) = self.calls.get_mut(&id) else {
            return if about_agent { Ok(()) } else { Err("is about no open call".into()) };
        };
        let crashed = id.epoch() < event.epoch;
        match &event.kind {
            EventKind::FlowStarted { .. } => call.begin(event, "flow"),
            EventKind::QueueEntered { .. } => call.begin(event, "queue"),
            EventKind::TalkStarted { .. } => call.begin(event, "talk"),
            EventKind::FlowEnded {} => call.end(event, "flow"),
            EventKind::TalkEnded {} => call.end(event, "talk"),
            EventKind::Held {} | EventKind::Retrieved {} => call.within(event, "talk"),
            EventKind::QueueLeft { outcome, .. } => {
                let offered = std::mem::take(&mut call.offered_to);
                let answered = *outcome == Outcome::Answered;
                if !crashed && usize::from(answered) != offered.len() {
                    return Err(format!("left while offered to {offered:?}"));
                }
                call.end(event, "queue")
            }
            EventKind::QueueOffered { .. } => {
                let agent = event.agent.ok_or("offered to nobody")?;
                call.offered_to.insert(agent);
                let again = self.calls.values().filter(|call| call.offered_to.contains(&agent));
                if again.count() != 1 {
                    return Err("offered two calls".into());
                }
                self.calls.get(&id).map_or(Ok(()), |call| call.within(event, "queue"))
            }
            EventKind::QueueOfferEnded { .. } => {
                if !event.agent.is_some_and(|agent| call.offered_to.remove(&agent)) {
                    return Err("an offer that is not open ended".into());
                }
                call.within(event, "queue")
            }
            EventKind::LegCreated { .. } => call.leg(event, "created", None),
            EventKind::LegRinging {} => call.leg(event, "ringing", Some("created")),
            EventKind::LegAnswered {} => call.leg(event, "answered", Some("created")),
            EventKind::LegReleased { .. } => {
                call.leg(event, "released", Some("created"))?;
                call.legs.remove(&event.leg.unwrap());
                Ok(())
            }
            EventKind::CallMerged { into } => match call.merged_into.replace(*into) {
                Some(_) => Err("merged twice".into()),
                None if id == *into => Err("merged into itself".into()),
                None => Ok(()),
            },
            EventKind::CallEnded {} => {
                let call = self.calls.remove(&id).unwrap_or_default();
                self.ended.insert(id);
                let open = call.segment.is_some() || !call.offered_to.is_empty();
                if !call.legs.is_empty() || open && !crashed {
                    return Err(format!("ended with {:?} and {:?}", call.legs, call.segment));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A leg moves from one open call to another, once the one is told to go on in the other.
    fn move_leg(&mut self, (from, to): (CallId, CallId), event: &Event) -> Result<(), String> {
        let leg = event.leg.ok_or("no leg")?;
        let old = self.calls.get_mut(&from).ok_or("from no open call")?;
        if old.merged_into != Some(to) || old.segment.is_some() {
            return Err(format!("from a call that goes on in {:?}", old.merged_into));
        }
        let steps = old.legs.remove(&leg).ok_or("it was not there")?;
        let call = self.calls.get_mut(&to).ok_or("to no open call")?;
        if call.merged_into.is_some() || call.legs.insert(leg, steps).is_some() {
            return Err("to a call that is over, or twice".into());
        }
        Ok(())
    }

    fn count(&mut self, event: &Event) {
        let mut thing = event.kind.name().to_owned();
        match &event.kind {
            EventKind::QueueLeft { outcome, .. } => thing += &format!(" {outcome}"),
            EventKind::QueueOfferEnded { end, .. } => thing += &format!(" {end:?}"),
            EventKind::CallbackEnded { end } => thing += &format!(" {end}"),
            EventKind::AgentStateChanged { from, to } => {
                thing += &format!(" {} {}", from.name().as_str(), to.name().as_str());
            }
            _ => {}
        }
        if let (EventKind::CallEnded {}, Some(cause)) = (&event.kind, event.cause) {
            thing += &format!(" {cause}");
        }
        *self.seen.entry(thing).or_default() += 1;
    }
}

impl Open {
    fn begin(&mut self, event: &Event, kind: &'static str) -> Result<(), String> {
        let segment = event.segment.ok_or("no segment")?;
        if kind == "queue" && event.queue.is_none() {
            return Err("no queue".into());
        }
        let open = self.segment.replace((segment, kind));
        if open.is_some() || !self.begun.insert(segment) {
            return Err(format!("begins while {open:?} is open, or anew"));
        }
        Ok(())
    }

    fn end(&mut self, event: &Event, kind: &'static str) -> Result<(), String> {
        self.within(event, kind)?;
        self.segment = None;
        Ok(())
    }

    fn within(&self, event: &Event, kind: &'static str) -> Result<(), String> {
        let segment = event.segment.map(|segment| (segment, kind));
        if segment.is_none() || segment != self.segment {
            return Err(format!("not within the open segment {:?}", self.segment));
        }
        if kind == "queue" && event.queue.is_none() { Err("no queue".into()) } else { Ok(()) }
    }

    fn leg(
        &mut self,
        event: &Event,
        step: &'static str,
        after: Option<&'static str>,
    ) -> Result<(), String> {
        let steps = self.legs.entry(event.leg.ok_or("no leg")?).or_default();
        let first = steps.insert(step);
        if !first || after.is_some_and(|after| !steps.contains(after)) {
            return Err(format!("the leg has been {steps:?}"));
        }
        Ok(())
    }
}

fn is_signed_out(state: &AgentState) -> bool {
    state.name() == StateName::SignedOut
}
