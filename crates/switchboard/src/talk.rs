//! Two parties joined, held, recorded, parted.

use std::collections::BTreeSet;

use model::{CallId, CallKind, EventKind, LegId, MediaDescription, Number, PartKind, RecordingId};

use crate::Switchboard;
use crate::call::{FarEnd, FromQueue, Leg, Stage, Talk};
use crate::ledger::About;
use crate::ports::{LegCommand, MediaCommand, PartDetails, RecordingCommand};

impl Switchboard {
    /// Joins two parties: the caller on the left, the called on the right.
    pub(crate) fn join(
        &mut self,
        id: CallId,
        (left, right): (LegId, LegId),
        kind: CallKind,
        from_queue: Option<FromQueue>,
    ) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let segment = call.next_segment();
        call.stage = Stage::Talking(Talk {
            left,
            right,
            kind,
            segment,
            holding: BTreeSet::new(),
            recording: None,
            from_queue,
        });
        let with = self.party(right);
        let about = self.about_talk(id);
        self.ledger.event(about, EventKind::TalkStarted { call_kind: kind, with });
        self.ledger.media(left, MediaCommand::Join(right));
        for leg in [left, right] {
            // Whoever held before the two were joined still does.
            self.hold_as_described(leg);
        }
        self.record(id);
    }

    /// Begins a part, where the policy says so: that of when the call first came to talking, and a
    /// call of which a part exists is recorded to its end, whoever takes it over. Recording is told
    /// before media, so that no frame finds its file closed.
    fn record(&mut self, id: CallId) {
        let Some(talk) = self.talk(id).cloned() else { return };
        let Some(call) = self.calls.get_mut(&id) else { return };
        let rules = *call.recording.get_or_insert(self.config.recording);
        let wanted = match talk.kind {
            CallKind::Queue => true,
            CallKind::Internal | CallKind::Consult => rules.internal,
            CallKind::Outbound => rules.outbound,
        };
        if !wanted && call.parts == 0 {
            return;
        }
        let recording = call.next_recording();
        if let Some(talk) = call.stage.talk_mut() {
            talk.recording = Some(recording);
        }
        let agent = [talk.right, talk.left]
            .iter()
            .find_map(|leg| self.legs.get(leg).and_then(|leg| leg.agent));
        let details = PartDetails {
            part: PartKind::Talk,
            at: self.ledger.now,
            agent,
            queue: talk.from_queue.as_ref().map(|from| from.queue.clone()),
            left: self.party(talk.left),
            right: self.party(talk.right),
        };
        let kind = EventKind::RecordingStarted {
            recording,
            part: PartKind::Talk,
            left: details.left.clone(),
            right: details.right.clone(),
        };
        self.unsealed.insert(recording);
        let about = self.about_talk(id);
        self.ledger.event(about.with_agent(agent), kind);
        self.ledger.recording(recording, RecordingCommand::Start(Box::new(details)));
        self.ledger.media(talk.left, MediaCommand::Record { recording, right: talk.right });
    }

    fn stop_recording(&mut self, left: LegId, recording: RecordingId) {
        self.ledger.media(left, MediaCommand::StopRecord { recording });
        self.ledger.recording(recording, RecordingCommand::Finish);
    }

    /// Parts the two: the segment ends, and with it the part.
    pub(crate) fn part(&mut self, id: CallId, cause: model::Cause) -> Option<Talk> {
        let about = self.about_talk(id);
        let call = self.calls.get_mut(&id)?;
        call.stage.talk()?;
        let stage = std::mem::replace(&mut call.stage, Stage::Ending);
        let Stage::Talking(talk) = stage else { return None };
        if let Some(recording) = talk.recording {
            self.stop_recording(talk.left, recording);
        }
        self.ledger.event(about.because(cause), EventKind::TalkEnded {});
        self.not_talking_any_more(id);
        Some(talk)
    }

    /// The far side changes the session: hold, retrieve, a new address.
    pub(crate) fn reoffered(&mut self, leg: LegId, offer: Option<MediaDescription>) {
        let Some(known) = self.legs.get(&leg).filter(|leg| leg.is_live()) else { return };
        let Some(offer) = offer else {
            let answer = known.offer();
            return self.ledger.leg(leg, LegCommand::AnswerReoffer { answer });
        };
        if offer.codecs.is_empty() {
            return self.ledger.leg(leg, LegCommand::RefuseReoffer { status: 488 });
        }
        self.protect(leg, &offer.security);
        self.remote_described(leg, offer);
        if let Some(answer) = self.legs.get(&leg).map(Leg::answer) {
            self.ledger.leg(leg, LegCommand::AnswerReoffer { answer });
        }
        self.hold_as_described(leg);
    }

    /// The far side answered a change of the session that we offered, at its wish or ours.
    pub(crate) fn reanswered(&mut self, leg: LegId, answer: MediaDescription) {
        self.remote_described(leg, answer);
        self.hold_as_described(leg);
    }

    /// Takes the far side's latest description for what it says about holding.
    pub(crate) fn hold_as_described(&mut self, leg: LegId) {
        if let Some(known) = self.legs.get(&leg).filter(|leg| leg.is_live()) {
            self.hold(known.call, leg, known.holds());
        }
    }

    /// Takes note of who holds. The held party hears music; a hold and what follows it are parts
    /// of their own.
    fn hold(&mut self, id: CallId, leg: LegId, holds: bool) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let play = call.next_play();
        let Some(talk) = call.stage.talk_mut() else { return };
        let changed = if holds { talk.holding.insert(leg) } else { talk.holding.remove(&leg) };
        if !changed {
            return;
        }
        let (peer, joined) = (talk.peer(leg), talk.holding.is_empty());
        let (left, right, part) = (talk.left, talk.right, talk.recording.take());
        let agent = self.legs.get(&leg).and_then(|leg| leg.agent);
        let about = self.about_talk(id).with_leg(leg).with_agent(agent);
        if let Some(part) = part {
            self.stop_recording(left, part);
        }
        if holds {
            self.ledger.event(about, EventKind::Held {});
            let prompts = vec![self.config.sounds.hold_music.clone()];
            self.ledger.media(leg, MediaCommand::Silence);
            self.ledger.media(peer, MediaCommand::Play { play, prompts, repeat: true });
        } else {
            self.ledger.event(about, EventKind::Retrieved {});
            if joined {
                self.ledger.media(left, MediaCommand::Join(right));
            }
        }
        if part.is_some() {
            self.record(id);
        }
    }

    pub(crate) fn talk(&self, id: CallId) -> Option<&Talk> {
        self.calls.get(&id)?.stage.talk()
    }

    fn about_talk(&self, id: CallId) -> About {
        let about = About::call(id);
        let Some(talk) = self.talk(id) else { return about };
        let agent = [talk.right, talk.left]
            .iter()
            .find_map(|leg| self.legs.get(leg).and_then(|leg| leg.agent));
        let queue = talk.from_queue.as_ref().map(|from| from.queue.clone());
        About { queue, agent, ..about.with_segment(talk.segment) }
    }

    /// Who is at the far end, for the index of a recording and for whoever is joined to it next.
    pub(crate) fn party(&self, leg: LegId) -> Option<Number> {
        let leg = self.legs.get(&leg)?;
        match &leg.far_end {
            FarEnd::Phone(phone) => phone.as_str().parse().ok(),
            FarEnd::Trunk(_) => leg.number.clone(),
        }
    }

    /// The number shown to whoever is called for this party of a call. Who called and who was called
    /// may both be handed on, so that it need not be the number that dialled first.
    pub(crate) fn shown_for(&self, party: LegId) -> Option<Number> {
        let dialled_first = || Some(self.calls.get(&self.call_of(party)?)?.from.clone());
        self.party(party).or_else(dialled_first)
    }
}
