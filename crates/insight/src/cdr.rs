//! Call detail records (话单): one row a call, with its segments.
//!
//! A call is open from `call.arrived` to `call.ended`; then its row is handed out and forgotten.
//! Sums are kept over all segments, details of the first [`LISTED`] only, so that a call which
//! goes round in circles for days cannot fill the memory.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    AgentId, Attested, CallId, CallKind, Cause, Epoch, Event, EventKind, HotlineId, LegId, Number,
    OfferEnd, Outcome, PhoneId, QueueId, RecordingId, SegmentId, Timestamp, TrunkId, UserToUser,
};
use serde::{Deserialize, Serialize};

/// How many segments, offers of a segment, and parts of a recording a row lists at most.
const LISTED: usize = 200;

/// One call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cdr {
    /// Which.
    pub call: CallId,
    /// The event that began it: its events lie from there on.
    pub began: (Epoch, u64),
    /// The calling number, as it arrived.
    pub from: Number,
    /// The number dialled, as it arrived.
    pub to: Number,
    /// The calling number in the form that is matched, when it is one from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_canonical: Option<Number>,
    /// The number dialled in the form that is matched, when it is a public one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_canonical: Option<Number>,
    /// The hotline dialled.
    pub hotline: Option<HotlineId>,
    /// The trunk it came by.
    pub trunk: Option<TrunkId>,
    /// The phone it came from.
    pub phone: Option<PhoneId>,
    /// SIP's Call-ID of the first leg.
    pub sip_call_id: String,
    /// What the calling side tells the called one (User-to-User).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_to_user: Vec<UserToUser>,
    /// What the trunk says of whether the calling number is the caller's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attested: Option<Attested>,
    /// The call reached us.
    pub arrived_at: Timestamp,
    /// We answered it: charging begins.
    pub answered_at: Option<Timestamp>,
    /// It first began to wait in a queue.
    pub queued_at: Option<Timestamp>,
    /// It was first joined to somebody.
    pub joined_at: Option<Timestamp>,
    /// Its last leg was released; `None` while it lasts.
    pub ended_at: Option<Timestamp>,
    /// The queues waited in, in order.
    pub queues: Vec<QueueId>,
    /// The agents talked to, in order.
    pub agents: Vec<AgentId>,
    /// How the last wait ended; `None` when the call never waited.
    pub outcome: Option<Outcome>,
    /// Why the call ended.
    pub cause: Option<Cause>,
    /// Where it was handed on to.
    pub transferred_to: Option<Number>,
    /// The call in which it went on: what came then is told there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<CallId>,
    /// The call in which somebody asked to be called back, where it is that callback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_of: Option<CallId>,
    /// The calls that went on in it, by which somebody was consulted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<CallId>,
    /// Time in queues, in milliseconds.
    pub waited_ms: u64,
    /// Time joined and not on hold, in milliseconds.
    pub talk_ms: u64,
    /// Time on hold, in milliseconds.
    pub held_ms: u64,
    /// The parts of its recording, in order.
    pub recordings: Vec<RecordingId>,
    /// Its stays, in order of their beginning.
    pub segments: Vec<Segment>,
    /// Segments that are in the sums and not in the list.
    pub unlisted: u32,
}

/// What a segment is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentKind {
    /// A greeting or a menu.
    Flow,
    /// A wait.
    Queue,
    /// Two parties joined.
    Talk,
}

impl SegmentKind {
    /// The value in JSON and SQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Queue => "queue",
            Self::Talk => "talk",
        }
    }
}

/// One stay of a call: in a flow, in a queue or with somebody.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Segment {
    /// Its number within the call.
    pub segment: SegmentId,
    /// What it is.
    pub kind: SegmentKind,
    /// When it began.
    pub since: Timestamp,
    /// When it ended; `None` while it lasts.
    pub until: Option<Timestamp>,
    /// The flow.
    pub flow: Option<String>,
    /// The queue waited in, or that the talk came from.
    pub queue: Option<QueueId>,
    /// The agent talked to.
    pub agent: Option<AgentId>,
    /// What kind of call it was for the agent.
    pub call_kind: Option<CallKind>,
    /// The other party when it is not an agent.
    pub with: Option<Number>,
    /// How the wait ended.
    pub outcome: Option<Outcome>,
    /// Why it ended.
    pub cause: Option<Cause>,
    /// Time on hold, in milliseconds.
    pub held_ms: u64,
    /// On hold since.
    pub held_since: Option<Timestamp>,
    /// The legs that hold: either party may, or both.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub holders: BTreeSet<LegId>,
    /// Agents the waiting call was offered to, in order.
    pub offers: Vec<OfferRow>,
}

/// One offer of a waiting call to an agent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OfferRow {
    /// Whom.
    pub agent: AgentId,
    /// When.
    pub at: Timestamp,
    /// How it came to nothing; `None` when the agent answered or it is open.
    pub end: Option<OfferEnd>,
}

/// The open calls, and the rows of those that ended.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Calls {
    open: BTreeMap<CallId, Cdr>,
}

impl Calls {
    /// Takes in the next event; hands out the row of the call it ended.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a fold hears only what it is about")]
    pub fn apply(&mut self, event: &Event) -> Option<Cdr> {
        let id = event.call?;
        match &event.kind {
            EventKind::CallArrived { .. } => {
                self.open.extend(arrived(id, event).map(|cdr| (id, cdr)));
                None
            }
            EventKind::CallEnded {} => {
                let mut cdr = self.open.remove(&id)?;
                cdr.end(event);
                Some(cdr)
            }
            _ => {
                if let Some(cdr) = self.open.get_mut(&id) {
                    cdr.apply(event);
                }
                None
            }
        }
    }

    /// The calls that have not ended, as their rows stand.
    #[must_use]
    pub const fn open(&self) -> &BTreeMap<CallId, Cdr> {
        &self.open
    }

    /// Takes up a call that was put aside.
    pub fn restore(&mut self, cdr: Cdr) {
        self.open.insert(cdr.call, cdr);
    }
}

fn arrived(call: CallId, event: &Event) -> Option<Cdr> {
    let EventKind::CallArrived {
        from,
        to,
        from_canonical,
        to_canonical,
        hotline,
        trunk,
        phone,
        sip_call_id,
        user_to_user,
        attested,
        callback_of,
    } = &event.kind
    else {
        return None;
    };
    Some(Cdr {
        call,
        began: (event.epoch, event.seq),
        from: from.clone(),
        to: to.clone(),
        from_canonical: from_canonical.clone(),
        to_canonical: to_canonical.clone(),
        hotline: hotline.clone(),
        trunk: trunk.clone(),
        phone: phone.clone(),
        sip_call_id: sip_call_id.clone(),
        user_to_user: user_to_user.clone(),
        attested: *attested,
        callback_of: *callback_of,
        arrived_at: event.at,
        answered_at: None,
        queued_at: None,
        joined_at: None,
        ended_at: None,
        queues: Vec::new(),
        agents: Vec::new(),
        outcome: None,
        cause: None,
        transferred_to: None,
        merged_into: None,
        merged: Vec::new(),
        waited_ms: 0,
        talk_ms: 0,
        held_ms: 0,
        recordings: Vec::new(),
        segments: Vec::new(),
        unlisted: 0,
    })
}

impl Cdr {
    #[expect(clippy::wildcard_enum_match_arm, reason = "a fold hears only what it is about")]
    fn apply(&mut self, event: &Event) {
        match &event.kind {
            EventKind::CallAnswered {} => {
                self.answered_at.get_or_insert(event.at);
            }
            EventKind::CallTransferred { to } => self.transferred_to = Some(to.clone()),
            EventKind::CallMerged { into } => self.merged_into = Some(*into),
            EventKind::LegMoved { from } => list(&mut self.merged, Some(*from)),
            EventKind::FlowStarted { .. }
            | EventKind::QueueEntered { .. }
            | EventKind::TalkStarted { .. } => self.begin(event),
            EventKind::FlowEnded {} | EventKind::TalkEnded {} => self.end_segment(event),
            EventKind::Held {} => self.hold(event),
            EventKind::Retrieved {} => self.retrieve(event),
            EventKind::QueueOffered { .. } => self.offered(event),
            EventKind::QueueOfferEnded { end, .. } => self.offer_ended(event, *end),
            EventKind::QueueLeft { outcome, .. } => {
                self.outcome = Some(*outcome);
                if let Some(segment) = self.open_segment(event) {
                    segment.outcome = Some(*outcome);
                    segment.end_offers(*outcome);
                }
                self.end_segment(event);
            }
            EventKind::RecordingStarted { recording, .. } if self.recordings.len() < LISTED => {
                self.recordings.push(*recording);
            }
            _ => {}
        }
    }

    fn begin(&mut self, event: &Event) {
        let segment = begun(event);
        match segment.kind {
            SegmentKind::Flow => {}
            SegmentKind::Queue => {
                self.queued_at.get_or_insert(event.at);
                list(&mut self.queues, event.queue.clone());
            }
            SegmentKind::Talk => {
                self.joined_at.get_or_insert(event.at);
                list(&mut self.agents, event.agent);
            }
        }
        self.make_room();
        self.segments.push(segment);
    }

    /// The oldest segment that ended gives way to a new one, so that open ones are always kept.
    fn make_room(&mut self) {
        if self.segments.len() >= LISTED {
            let ended = self.segments.iter().position(|segment| segment.until.is_some());
            self.segments.remove(ended.unwrap_or(0));
            self.unlisted = self.unlisted.saturating_add(1);
        }
    }

    fn open_segment(&mut self, event: &Event) -> Option<&mut Segment> {
        let id = event.segment.unwrap_or_default();
        self.segments.iter_mut().rfind(|row| row.segment == id && row.until.is_none())
    }

    fn end_segment(&mut self, event: &Event) {
        let Some(segment) = self.open_segment(event) else { return };
        let (kind, total, held) = segment.close(event.at, event.cause);
        match kind {
            SegmentKind::Flow => {}
            SegmentKind::Queue => self.waited_ms = self.waited_ms.saturating_add(total),
            SegmentKind::Talk => {
                self.held_ms = self.held_ms.saturating_add(held);
                self.talk_ms = self.talk_ms.saturating_add(total.saturating_sub(held));
            }
        }
    }

    fn hold(&mut self, event: &Event) {
        if let Some(segment) = self.open_segment(event) {
            segment.held_since.get_or_insert(event.at);
            segment.holders.extend(event.leg);
        }
    }

    fn retrieve(&mut self, event: &Event) {
        if let Some(segment) = self.open_segment(event) {
            segment.retrieved_by(event);
        }
    }

    fn offered(&mut self, event: &Event) {
        let (Some(agent), Some(segment)) = (event.agent, self.open_segment(event)) else { return };
        if segment.offers.len() >= LISTED {
            segment.offers.remove(0);
        }
        segment.offers.push(OfferRow { agent, at: event.at, end: None });
    }

    fn offer_ended(&mut self, event: &Event, end: OfferEnd) {
        let Some(segment) = self.open_segment(event) else { return };
        let of_agent = |row: &&mut OfferRow| Some(row.agent) == event.agent && row.end.is_none();
        if let Some(offer) = segment.offers.iter_mut().rfind(of_agent) {
            offer.end = Some(end);
        }
    }

    fn end(&mut self, event: &Event) {
        let open: Vec<_> = self.segments.iter().filter(|row| row.until.is_none()).collect();
        for segment in open.into_iter().map(|row| row.segment).collect::<Vec<_>>() {
            self.end_segment(&Event { segment: Some(segment), ..event.clone() });
        }
        self.ended_at = Some(event.at);
        self.cause = event.cause;
    }
}

impl Segment {
    fn close(&mut self, at: Timestamp, cause: Option<Cause>) -> (SegmentKind, u64, u64) {
        self.holders.clear();
        self.retrieve(at);
        self.until = Some(at);
        self.cause = cause;
        (self.kind, millis(self.since, at), self.held_ms)
    }

    /// An offer still open when the wait ends without an answer has come to nothing with it.
    fn end_offers(&mut self, outcome: Outcome) {
        let Some(end) = end_of_offer(outcome) else { return };
        for offer in &mut self.offers {
            offer.end.get_or_insert(end);
        }
    }

    /// The hold is over when the last of those who hold has taken the other back.
    fn retrieved_by(&mut self, event: &Event) {
        match event.leg {
            Some(leg) => {
                self.holders.remove(&leg);
            }
            None => self.holders.clear(),
        }
        if self.holders.is_empty() {
            self.retrieve(event.at);
        }
    }

    fn retrieve(&mut self, at: Timestamp) {
        if let Some(since) = self.held_since.take() {
            self.held_ms = self.held_ms.saturating_add(millis(since, at));
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "called for kinds that begin a segment")]
fn begun(event: &Event) -> Segment {
    let (kind, flow, call_kind, with) = match &event.kind {
        EventKind::FlowStarted { flow } => (SegmentKind::Flow, Some(flow.clone()), None, None),
        EventKind::TalkStarted { call_kind, with } => {
            (SegmentKind::Talk, None, Some(*call_kind), with.clone())
        }
        _ => (SegmentKind::Queue, None, None, None),
    };
    Segment {
        segment: event.segment.unwrap_or_default(),
        kind,
        since: event.at,
        until: None,
        flow,
        queue: event.queue.clone(),
        agent: event.agent,
        call_kind,
        with,
        outcome: None,
        cause: None,
        held_ms: 0,
        held_since: None,
        holders: BTreeSet::new(),
        offers: Vec::new(),
    }
}

fn list<T: PartialEq>(rows: &mut Vec<T>, row: Option<T>) {
    if let Some(row) = row.filter(|row| rows.len() < LISTED && !rows.contains(row)) {
        rows.push(row);
    }
}

/// How an offer that is still open ends with the wait; `None` when it was answered.
pub(crate) const fn end_of_offer(outcome: Outcome) -> Option<OfferEnd> {
    match outcome {
        Outcome::Answered => None,
        Outcome::Abandoned | Outcome::LeftByKey | Outcome::Callback => Some(OfferEnd::CallerLeft),
        Outcome::Overflowed | Outcome::TimedOut | Outcome::Rejected | Outcome::Failed => {
            Some(OfferEnd::Withdrawn)
        }
    }
}

pub(crate) fn millis(since: Timestamp, until: Timestamp) -> u64 {
    u64::try_from(until.since(since).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
