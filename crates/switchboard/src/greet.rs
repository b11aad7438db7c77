//! What a caller meets before the queue.

use std::sync::Arc;
use std::time::Duration;

use flow::{Flow, Meet, Walk};
use model::{CallId, Cause, EventKind, HotlineId, LegId, PromptId, QueueId, Timestamp};

use crate::Switchboard;
use crate::call::{Leg, Stage};
use crate::ledger::About;
use crate::ports::MediaCommand;

/// An announcement that has not ended by itself by then is cut: the caller must not hang on a
/// media fault.
pub(crate) const LONGEST_ANNOUNCEMENT: Duration = Duration::from_secs(60);

/// Prompts of a flow that have not ended by then are taken to have: so are callers kept moving when
/// media forgets them.
const LONGEST_PROMPTS: Duration = Duration::from_secs(600);

impl Switchboard {
    pub(crate) fn greet(&mut self, id: CallId, hotline: &HotlineId) {
        let Some(hotline) = self.config.hotlines.get(hotline) else { return };
        let flow = hotline.flow.clone();
        self.answer_caller(id);
        self.begin_flow(id, flow);
    }

    /// The caller enters a flow, from wherever.
    pub(crate) fn begin_flow(&mut self, id: CallId, flow: Arc<Flow>) {
        let (walk, meet) = Walk::begin(flow);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let segment = call.next_segment();
        let flow = walk.flow().to_owned();
        call.stage = Stage::Flow { walk, play: 0, segment };
        self.ledger.event(About::call(id).with_segment(segment), EventKind::FlowStarted { flow });
        self.meet(id, meet);
    }

    /// What was waited for did not come: a digit, or the end of the prompts.
    pub(crate) fn flow_timed_out(&mut self, id: CallId) {
        self.walk_on(id, |walk, now| {
            if walk.deadline().is_some() { walk.time_passed(now) } else { walk.prompts_ended(now) }
        });
    }

    /// Tells the walk what happened and carries out what the caller meets next.
    pub(crate) fn walk_on(&mut self, id: CallId, tell: impl FnOnce(&mut Walk, Timestamp) -> Meet) {
        let now = self.ledger.now;
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Stage::Flow { walk, .. } = &mut call.stage else { return };
        let meet = tell(walk, now);
        if let Some(until) = walk.deadline() {
            self.set_deadline(id, Some(until));
        }
        self.meet(id, meet);
    }

    fn meet(&mut self, id: CallId, meet: Meet) {
        match meet {
            Meet::Nothing => {}
            Meet::Prompts(prompts) => {
                let play = self.play_to_caller(id, prompts);
                self.set_deadline(id, Some(self.ledger.now + LONGEST_PROMPTS));
                if let Some(call) = self.calls.get_mut(&id)
                    && let Stage::Flow { play: playing, .. } = &mut call.stage
                {
                    *playing = play;
                }
            }
            Meet::Queue { queue, priority } => {
                self.end_flow(id, None);
                self.queue_call(id, queue, priority);
            }
            Meet::Callback { queue, priority } => self.callback_by_flow(id, &queue, priority),
            Meet::Release => {
                self.end_flow(id, Some(Cause::FlowEnded));
                self.end_call(id, Cause::FlowEnded);
            }
        }
    }

    /// Closes the flow's segment, if the call is in one.
    pub(crate) fn end_flow(&mut self, id: CallId, cause: Option<Cause>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Stage::Flow { segment, .. } = call.stage else { return };
        call.stage = Stage::Ending;
        self.set_deadline(id, None);
        let about = About { cause, ..About::call(id).with_segment(segment) };
        self.ledger.event(about, EventKind::FlowEnded {});
    }

    pub(crate) fn queue_call(&mut self, id: CallId, queue: QueueId, priority: u8) {
        if !self.config.acd.queues.contains_key(&queue) {
            // A live change took the queue away meanwhile.
            return self.announce_and_end(id, Cause::NoRoute);
        }
        let now = self.ledger.now;
        let wants = self.wants(id, &queue, priority);
        let decisions = self.acd.handle(acd::AcdEvent::CallQueued { call: id, queue, wants }, now);
        self.decisions.extend(decisions);
    }

    /// Tells the caller that nobody can take the call, then ends it.
    pub(crate) fn announce_and_end(&mut self, id: CallId, cause: Cause) {
        match self.config.sounds.nobody.clone() {
            Some(prompt) => self.announce(id, prompt, cause),
            None => self.end_call(id, cause),
        }
    }

    /// Plays one prompt to the caller, then ends the call.
    pub(crate) fn announce(&mut self, id: CallId, prompt: PromptId, cause: Cause) {
        let play = self.play_to_caller(id, vec![prompt]);
        if let Some(call) = self.calls.get_mut(&id) {
            call.stage = Stage::Announcing { play, cause };
        }
        self.set_deadline(id, Some(self.ledger.now + LONGEST_ANNOUNCEMENT));
    }

    pub(crate) fn play_to_caller(&mut self, id: CallId, prompts: Vec<PromptId>) -> u32 {
        let Some(call) = self.calls.get_mut(&id) else { return 0 };
        let play = call.next_play();
        let caller = call.caller;
        self.ledger.media(caller, MediaCommand::Play { play, prompts, repeat: false });
        play
    }

    pub(crate) fn play_ended(&mut self, leg: LegId, ended: u32) {
        let Some(id) = self.call_of(leg) else { return };
        let Some(call) = self.calls.get_mut(&id) else { return };
        match &mut call.stage {
            Stage::Flow { play, .. } if *play == ended => {
                self.walk_on(id, |walk, now| walk.prompts_ended(now));
            }
            Stage::Queued(wait) if wait.welcome == Some(ended) => {
                wait.welcome = None;
                self.queue_music(id);
            }
            Stage::Announcing { play, cause } if *play == ended => {
                let cause = *cause;
                self.end_call(id, cause);
            }
            // An earlier prompt, cut short by what the caller met next.
            Stage::Flow { .. }
            | Stage::Resting
            | Stage::Queued(_)
            | Stage::CallingBack(_)
            | Stage::Announcing { .. }
            | Stage::Dialling(_)
            | Stage::Talking(_)
            | Stage::Transferring(_)
            | Stage::Ending => {}
        }
    }

    pub(crate) fn digit(&mut self, leg: LegId, digit: char) {
        let Some(id) = self.call_of(leg) else { return };
        let Some(call) = self.calls.get(&id).filter(|call| call.caller == leg) else { return };
        // A callback that waits has no caller on the line: the key comes late, from one called in vain.
        let on_line = self.legs.get(&leg).is_some_and(Leg::is_live) && call.callback.is_none();
        if !on_line {
            return;
        }
        match &call.stage {
            Stage::Flow { .. } => self.walk_on(id, |walk, _| walk.digit(digit)),
            Stage::Queued(_) => self.key_while_waiting(id, digit),
            // Nothing is asked there; two who talk hear each other's keys.
            Stage::Announcing { .. }
            | Stage::Resting
            | Stage::CallingBack(_)
            | Stage::Dialling(_)
            | Stage::Talking(_)
            | Stage::Transferring(_)
            | Stage::Ending => {}
        }
    }
}
