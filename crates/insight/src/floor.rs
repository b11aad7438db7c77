//! The floor as the log tells it: what a restart begins from.

use model::{
    AgentId, AgentSnapshot, AgentState, CallId, Cause, Event, EventKind, FloorSnapshot, OpenCall,
    Pause, RecordingId, SegmentId, Spent, Timestamp,
};
use serde::{Deserialize, Serialize};

/// The last state of every agent and what is open of every call. A call that ended is forgotten.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Floor {
    snapshot: FloorSnapshot,
}

impl Floor {
    /// The fold of everything applied so far.
    #[must_use]
    pub const fn snapshot(&self) -> &FloorSnapshot {
        &self.snapshot
    }

    /// The fold of everything applied so far, without the machine.
    #[must_use]
    pub fn into_snapshot(self) -> FloorSnapshot {
        self.snapshot
    }

    /// Takes in the next event.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a fold hears only what it is about")]
    pub fn apply(&mut self, event: &Event) {
        match &event.kind {
            EventKind::ConfigApplied { .. } => self.snapshot.config_version = event.config_version,
            EventKind::AgentSignedIn { .. }
            | EventKind::AgentStateChanged { .. }
            | EventKind::AgentPaused { .. }
            | EventKind::AgentQueuesChanged { .. }
            | EventKind::AgentRequestRemembered { .. }
            | EventKind::AgentAllowanceSpent { .. } => self.apply_to_agent(event),
            _ => self.apply_to_call(event),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a fold hears only what it is about")]
    fn apply_to_agent(&mut self, event: &Event) {
        let Some(agent) = event.agent else { return };
        let row = self.agent(agent, event.at);
        match &event.kind {
            EventKind::AgentSignedIn { phone } => {
                row.phone = Some(phone.clone());
                row.attended = Some(event.at);
            }
            EventKind::AgentRequestRemembered { next } => {
                if let Some(wish) = row.state.wish_mut() {
                    *wish = Some(next.clone());
                }
            }
            EventKind::AgentAllowanceSpent { reason, since, used_ms, .. } => {
                let spent = Spent { since: *since, used_ms: *used_ms };
                row.spent.insert(reason.clone(), spent);
            }
            EventKind::AgentQueuesChanged { away } => row.away.clone_from(away),
            EventKind::AgentPaused { until, after } => {
                row.pause = Some(Pause { until: *until, after: *after });
            }
            EventKind::AgentStateChanged { from, to } => {
                row.record.apply((from, to), event.cause.unwrap_or(Cause::Requested), event.at);
                row.state = to.clone();
                if matches!(to, AgentState::SignedOut { .. }) {
                    (row.phone, row.pause) = (None, None);
                    row.away.clear();
                }
            }
            _ => {}
        }
    }

    fn agent(&mut self, agent: AgentId, at: Timestamp) -> &mut AgentSnapshot {
        let signed_out = || AgentSnapshot::new(AgentState::SignedOut { since: at }, None);
        self.snapshot.agents.entry(agent).or_insert_with(signed_out)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a fold hears only what it is about")]
    fn apply_to_call(&mut self, event: &Event) {
        let Some(id) = event.call else { return };
        match &event.kind {
            EventKind::CallArrived { .. } => {
                self.snapshot.calls.insert(id, OpenCall { since: event.at, ..OpenCall::default() });
            }
            EventKind::CallEnded {} => {
                self.snapshot.calls.remove(&id);
            }
            EventKind::CallbackPlanned { callback, before } => {
                self.snapshot.callbacks.insert(id, (**callback).clone());
                before.as_ref().map(|before| self.snapshot.callbacks.remove(before));
            }
            EventKind::CallbackTried { attempt } => {
                if let Some(callback) = self.snapshot.callbacks.get_mut(&id) {
                    callback.attempts = *attempt;
                }
            }
            EventKind::CallbackEnded { .. } => {
                self.snapshot.callbacks.remove(&id);
            }
            EventKind::LegMoved { from } => {
                if let Some(old) = self.snapshot.calls.get_mut(from) {
                    old.legs.retain(|leg| Some(*leg) != event.leg);
                }
                if let Some(call) = self.snapshot.calls.get_mut(&id) {
                    take_leg(call, event);
                }
            }
            _ => {
                if let Some(call) = self.snapshot.calls.get_mut(&id) {
                    apply_to_open(call, id, event);
                }
            }
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a fold hears only what it is about")]
fn apply_to_open(call: &mut OpenCall, id: CallId, event: &Event) {
    let segment = event.segment.unwrap_or_default();
    match &event.kind {
        EventKind::FlowStarted { .. } | EventKind::TalkStarted { .. } => {
            call.segments.insert(segment, None);
        }
        EventKind::QueueEntered { .. } => {
            call.segments.insert(segment, event.queue.clone());
        }
        EventKind::FlowEnded {} | EventKind::TalkEnded {} | EventKind::QueueLeft { .. } => {
            end_segment(call, segment);
        }
        EventKind::LegCreated { .. } => take_leg(call, event),
        EventKind::LegReleased { .. } => call.legs.retain(|leg| Some(*leg) != event.leg),
        EventKind::RecordingStarted { recording, .. } if recording.call == id => {
            call.recordings.push(*recording);
        }
        EventKind::RecordingSealed { recording, .. }
        | EventKind::RecordingFailed { recording, .. } => end_recording(call, *recording),
        _ => {}
    }
}

fn take_leg(call: &mut OpenCall, event: &Event) {
    if let Some(leg) = event.leg.filter(|leg| !call.legs.contains(leg)) {
        call.legs.push(leg);
    }
}

fn end_segment(call: &mut OpenCall, segment: SegmentId) {
    call.segments.remove(&segment);
}

fn end_recording(call: &mut OpenCall, recording: RecordingId) {
    call.recordings.retain(|open| *open != recording);
}

#[cfg(test)]
mod tests {
    use model::{LegId, PhoneId};

    use super::*;
    use crate::story::{Story, ready};

    #[test]
    fn an_agent_keeps_the_phone_until_signed_out() {
        let mut story = Story::default();
        story.agent(1001, EventKind::AgentSignedIn { phone: PhoneId::from("1001") });
        story.agent_becomes(1001, ready(story.at));
        let mut floor = story.fold::<Floor>();
        let row = &floor.snapshot().agents[&AgentId::new(1001)];
        assert_eq!(row.phone, Some(PhoneId::from("1001")));
        assert!(matches!(row.state, AgentState::Ready { .. }));

        story.agent_becomes(1001, AgentState::SignedOut { since: story.at });
        floor = story.fold();
        assert_eq!(floor.snapshot().agents[&AgentId::new(1001)].phone, None);
    }

    #[test]
    fn a_pause_and_the_queues_signed_out_of_are_kept_for_the_session() {
        let mut story = Story::default();
        let pause = Pause { until: story.at, after: model::OfferEnd::Refused };
        let Pause { until, after } = pause;
        story.agent(1001, EventKind::AgentPaused { until, after });
        let row = |story: &Story| {
            story.fold::<Floor>().into_snapshot().agents.remove(&AgentId::new(1001)).unwrap()
        };
        let away: std::collections::BTreeSet<_> = ["sales".into()].into();
        story.agent(1001, EventKind::AgentQueuesChanged { away: away.clone() });
        assert_eq!((row(&story).pause, row(&story).away), (Some(pause), away));
        story.agent_becomes(1001, AgentState::SignedOut { since: story.at });
        assert_eq!((row(&story).pause, row(&story).away.len()), (None, 0));
    }

    #[test]
    fn what_was_spent_of_an_allowance_outlives_the_session() {
        let mut story = Story::default();
        let since = story.at;
        let spent = |used_ms| EventKind::AgentAllowanceSpent {
            reason: "tea".into(),
            since,
            used_ms,
            allowance_ms: 900_000,
        };
        story.agent(1001, spent(60_000));
        story.agent(1001, spent(90_000));
        story.agent_becomes(1001, AgentState::SignedOut { since: story.at });
        let floor = story.fold::<Floor>();
        let row = &floor.snapshot().agents[&AgentId::new(1001)];
        assert_eq!(row.spent[&"tea".into()], Spent { since, used_ms: 90_000 });
    }

    #[test]
    fn an_open_call_names_its_waits_legs_and_parts_and_an_ended_one_is_forgotten() {
        let mut story = Story::default();
        story.arrives(1);
        story.leg(1, 1, EventKind::LegCreated { phone: None, trunk: None, inbound: true });
        story.leg(1, 2, EventKind::LegCreated { phone: None, trunk: None, inbound: false });
        story.waits(1, 2, "sales");
        story.records(1, 1);
        story.leg(1, 2, EventKind::LegReleased { status: Some(486), reason: None });
        let floor = story.fold::<Floor>();
        let open = &floor.snapshot().calls[&Story::call(1)];
        assert_eq!(open.legs, [LegId::new(Story::EPOCH, 1)]);
        assert_eq!(open.segments[&SegmentId::new(2)].as_ref().unwrap().as_str(), "sales");
        assert_eq!(open.recordings.len(), 1);

        story.ends(1);
        assert!(story.fold::<Floor>().snapshot().calls.is_empty());
    }

    #[test]
    fn a_leg_that_moved_is_open_in_the_call_it_moved_to() {
        let mut story = Story::default();
        story.arrives(1);
        story.arrives(2);
        story.leg(2, 3, EventKind::LegCreated { phone: None, trunk: None, inbound: true });
        story.leg(2, 4, EventKind::LegCreated { phone: None, trunk: None, inbound: false });
        story.of_call(2, 0, EventKind::CallMerged { into: Story::call(1) });
        story.leg(1, 4, EventKind::LegMoved { from: Story::call(2) });
        let floor = story.fold::<Floor>();
        let legs = |call| floor.snapshot().calls[&Story::call(call)].legs.clone();
        assert_eq!(legs(1), [LegId::new(Story::EPOCH, 4)]);
        assert_eq!(legs(2), [LegId::new(Story::EPOCH, 3)]);
    }

    #[test]
    fn the_version_last_applied_is_kept() {
        let mut story = Story::default();
        story.push(|event| {
            event.config_version = 7;
            event.kind = EventKind::ConfigApplied { sha256: String::new() };
        });
        assert_eq!(story.fold::<Floor>().snapshot().config_version, 7);
    }
}
