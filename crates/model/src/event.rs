//! The events of the log: one envelope, and the kinds in families.
//!
//! The call record, reports, the wallboard and the WebSocket are folds over these and nothing
//! else. Kinds are past tense. A field is only ever added, with a default; anything else is a new
//! kind, and [`SCHEMA_VERSION`] rises.

use std::collections::BTreeSet;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    Actor, AgentId, AgentState, Attested, CallId, CallKind, CallbackEnd, Cause, Choice, Epoch,
    HotlineId, LegId, Limit, Next, Number, OfferEnd, OpenCallback, Outcome, PhoneId, QueueId, Rank,
    Reason, RecordingId, Refusal, SegmentId, TenantId, Timestamp, TrunkId, UserToUser,
};

/// The version of the envelope and of every kind together.
pub const SCHEMA_VERSION: u16 = 5;

/// The schema version that an event was written with. An event of a later version is not read: what
/// it means is for a later program to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Schema(u16);

impl Schema {
    /// What this program writes.
    pub const CURRENT: Self = Self(SCHEMA_VERSION);

    /// What events had before they said it.
    const fn first() -> Self {
        Self(1)
    }
}

impl Serialize for Schema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.0)
    }
}

impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u16::deserialize(deserializer)? {
            version @ 1..=SCHEMA_VERSION => Ok(Self(version)),
            version => Err(D::Error::custom(format!(
                "this event has schema version {version}, and this program knows {SCHEMA_VERSION}: \
                 it was written by a later one"
            ))),
        }
    }
}

/// One numbered entry of the log (事件). (`epoch`, `seq`) is unique and gap-free.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// The schema version of envelope and kind.
    #[serde(default = "Schema::first")]
    pub schema: Schema,
    /// Whose event it is.
    pub tenant: TenantId,
    /// The run of the service.
    pub epoch: Epoch,
    /// The number within the run, from 1, without gaps.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The call concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// The segment of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<SegmentId>,
    /// The leg of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leg: Option<LegId>,
    /// The agent concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// The queue concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueId>,
    /// Who did it, and from where.
    pub actor: Actor,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The version of the configuration in force.
    pub config_version: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// A kind's entry in the generated list of events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KindDoc {
    /// The value of `kind` in JSON.
    pub name: &'static str,
    /// One sentence.
    pub text: &'static str,
}

/// What a part of a recording holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    /// Caller and agent, or calling and called party, joined.
    Talk,
    /// What the caller hears and says before.
    Waiting,
}

macro_rules! kinds {
    ($($name:literal, $text:literal, $variant:ident { $($(#[$doc:meta])* $field:ident: $type:ty,)* };)*) => {
        /// What happened.
        #[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
        #[serde(tag = "kind", content = "data")]
        pub enum EventKind {
            $(
                #[doc = $text]
                #[serde(rename = $name)]
                $variant { $($(#[$doc])* $field: $type,)* },
            )*
        }

        /// Every kind with a sentence, in families.
        pub const KINDS: &[KindDoc] = &[$(KindDoc { name: $name, text: $text },)*];

        impl EventKind {
            /// The value of `kind` in JSON.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $name,)* }
            }
        }
    };
}

kinds! {
    "call.arrived", "A call reached us, or one of our phones began one, or a caller is to be called back.", CallArrived {
        /// The calling number, as it arrived.
        from: Number,
        /// The number dialled, as it arrived.
        to: Number,
        /// The calling number in the form that is matched, when the call came by a trunk.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from_canonical: Option<Number>,
        /// The number dialled in the form that is matched, when it is a public one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to_canonical: Option<Number>,
        /// The hotline that was dialled.
        hotline: Option<HotlineId>,
        /// The trunk it came by.
        trunk: Option<TrunkId>,
        /// The phone it came from.
        phone: Option<PhoneId>,
        /// SIP's Call-ID of the first leg.
        sip_call_id: String,
        /// What the calling side tells the called one (User-to-User).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        user_to_user: Vec<UserToUser>,
        /// What the trunk says of whether the calling number is the caller's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attested: Option<Attested>,
        /// The call in which somebody asked to be called back, where this is that callback.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        callback_of: Option<CallId>,
    };
    "call.barred", "A limit or a rule kept a call out, or kept it from a trunk; the cause says why.", CallBarred {
        /// The limit, where it was one.
        limit: Option<Limit>,
        /// The trunk concerned.
        trunk: Option<TrunkId>,
        /// The hotline concerned.
        hotline: Option<HotlineId>,
        /// The number that may not be shown, where that is why.
        shown: Option<Number>,
    };
    "call.answered", "We answered the caller: charging begins.", CallAnswered {};
    "call.transferred", "The call was handed on to another number.", CallTransferred {
        /// Where it went.
        to: Number,
    };
    "call.merged", "The call went on in another one: an attended transfer made one of the two.", CallMerged {
        /// The call it went on in.
        into: CallId,
    };
    "call.callback_asked", "A caller asked to be called back; a second wish of the same number and queue is that of the first.", CallbackAsked {
        /// The call that is the callback.
        callback: CallId,
    };
    "call.callback_refused", "A caller asked to be called back and cannot be; the cause says why.", CallbackRefused {};
    "call.callback_planned", "A callback rests, and waits for its turn from a certain time on.", CallbackPlanned {
        /// All that is known of it.
        callback: Box<OpenCallback>,
        /// The same callback's call in the run of the service before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<CallId>,
    };
    "call.callback_tried", "An agent is on the line, and the caller is called back.", CallbackTried {
        /// Which attempt it is, from 1.
        attempt: u8,
    };
    "call.callback_ended", "A callback is over: the caller was joined to an agent, or nobody will be called any more.", CallbackEnded {
        /// How.
        end: CallbackEnd,
    };
    "call.ended", "The last leg of the call was released.", CallEnded {};
    "segment.flow_started", "The caller entered a greeting or menu.", FlowStarted {
        /// The flow's name.
        flow: String,
    };
    "segment.flow_ended", "The caller left the greeting or menu.", FlowEnded {};
    "segment.talk_started", "Two parties were joined.", TalkStarted {
        /// What kind of call it is for the agent.
        call_kind: CallKind,
        /// The other party when it is not an agent.
        with: Option<Number>,
    };
    "segment.held", "One party put the other on hold.", Held {};
    "segment.retrieved", "The held party was taken back.", Retrieved {};
    "segment.talk_ended", "The two parties were parted.", TalkEnded {};
    "leg.created", "A dialog began, towards us or from us.", LegCreated {
        /// The phone at the other end.
        phone: Option<PhoneId>,
        /// The trunk at the other end.
        trunk: Option<TrunkId>,
        /// Whether the other end began it.
        inbound: bool,
    };
    "leg.ringing", "The far phone rings.", LegRinging {};
    "leg.answered", "The dialog was established.", LegAnswered {};
    "leg.moved", "A dialog of another call went on in this one: an attended transfer made one of the two.", LegMoved {
        /// The call it was in.
        from: CallId,
    };
    "leg.released", "The dialog ended.", LegReleased {
        /// The SIP status that ended it, where one did.
        status: Option<u16>,
        /// What the far side said of it, where it said anything: the value of its Reason (RFC 3326),
        /// such as `Q.850;cause=17`.
        reason: Option<String>,
    };
    "agent.signed_in", "An agent began a working session.", AgentSignedIn {
        /// The phone used.
        phone: PhoneId,
    };
    "agent.state_changed", "An agent's state changed.", AgentStateChanged {
        /// The state before.
        from: AgentState,
        /// The state now.
        to: AgentState,
    };
    "agent.paused", "An agent is offered nothing for a while, after an offer that came to nothing.", AgentPaused {
        /// When the pause is over.
        until: Timestamp,
        /// How the offer ended.
        after: OfferEnd,
    };
    "agent.queues_changed", "The queues changed that an agent is signed in to.", AgentQueuesChanged {
        /// Those the agent is signed out of, of the queues whose needs the agent meets.
        away: BTreeSet<QueueId>,
    };
    "agent.request_remembered", "A request made during a call will take effect after it.", AgentRequestRemembered {
        /// What comes next.
        next: Next,
    };
    "agent.request_refused", "An agent's request was refused.", AgentRequestRefused {
        /// Why.
        refusal: Refusal,
    };
    "agent.late", "An agent signed in after the beginning of the shift.", AgentLate {
        /// When the shift began.
        due: Timestamp,
        /// How late it was, in milliseconds.
        by_ms: u64,
    };
    "agent.left_early", "An agent was signed out before the end of the shift.", AgentLeftEarly {
        /// When the shift ends.
        due: Timestamp,
        /// How early it was, in milliseconds.
        by_ms: u64,
    };
    "agent.break_due", "A planned break of an agent begins: the agent may go.", AgentBreakDue {
        /// Why the agent is busy then.
        reason: Reason,
        /// When it is over.
        until: Timestamp,
    };
    "agent.back_late", "An agent came back late from a planned break.", AgentBackLate {
        /// Why the agent was busy.
        reason: Reason,
        /// When the break was over.
        due: Timestamp,
        /// How late it was, in milliseconds.
        by_ms: u64,
    };
    "agent.forced", "A team lead forced a state: it is taken now, or when nothing holds the agent.", AgentForced {
        /// Which.
        next: Next,
        /// Why, in the team lead's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    };
    "agent.slot_awaited", "An agent waits to be busy for a reason until fewer of the group are.", AgentSlotAwaited {
        /// The reason.
        reason: Reason,
    };
    "agent.slot_given_up", "An agent no longer waits to be busy for a reason.", AgentSlotGivenUp {
        /// The reason.
        reason: Reason,
    };
    "agent.allowance_spent", "A busy stay that counts against an allowance ended.", AgentAllowanceSpent {
        /// Why the agent was busy.
        reason: Reason,
        /// When the day or the shift began that it counts for.
        since: Timestamp,
        /// How much has been used since, in milliseconds.
        used_ms: u64,
        /// How much may be, in milliseconds.
        allowance_ms: u64,
    };
    "agent.stay_warned", "An agent was warned that a busy stay is about to be too long, or is.", AgentStayWarned {
        /// Why the agent is busy.
        reason: Reason,
        /// When the longest stay is over.
        stay_until: Timestamp,
        /// When the agent is signed out, where the rules say so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed_out_at: Option<Timestamp>,
    };
    "agent.stay_alerted", "Team leads are told of a busy stay that is too long.", AgentStayAlerted {
        /// Why the agent is busy.
        reason: Reason,
        /// When the longest stay was over.
        stay_until: Timestamp,
        /// When the agent is signed out, where the rules say so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed_out_at: Option<Timestamp>,
    };
    "queue.entered", "A caller began to wait.", QueueEntered {
        /// The caller's priority; higher is served first.
        priority: u8,
        /// How many wait now, this one included.
        waiting: u32,
    };
    "queue.offered", "The distribution gave a waiting call to an agent.", QueueOffered {
        /// How long the caller has waited, in milliseconds.
        waited_ms: u64,
        /// The strategy that ranked the candidates.
        routing: String,
        /// The candidates in ranked order, the winner first; at most 16.
        candidates: Vec<AgentId>,
        /// Agents who would have ranked but were passed over, with why; at most 16.
        passed_over: Vec<(AgentId, String)>,
        /// What each candidate was ranked by, in the same order.
        #[serde(default)]
        ranks: Vec<Rank>,
        /// Why this agent.
        #[serde(default)]
        choice: Choice,
    };
    "queue.offer_ended", "An offer came to nothing; the caller keeps the place.", QueueOfferEnded {
        /// How.
        end: OfferEnd,
        /// How long it rang, in milliseconds.
        rang_ms: u64,
    };
    "queue.left", "A caller's wait ended, once and with one outcome.", QueueLeft {
        /// How.
        outcome: Outcome,
        /// How long the wait was, in milliseconds.
        waited_ms: u64,
        /// The queue the caller went to next, where there is one.
        to: Option<QueueId>,
        /// The key pressed, where that is how.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<char>,
    };
    "recording.started", "A part of a recording began.", RecordingStarted {
        /// The part.
        recording: RecordingId,
        /// What it holds.
        part: PartKind,
        /// Who is heard on the left.
        left: Option<Number>,
        /// Who is heard on the right.
        right: Option<Number>,
    };
    "recording.sealed", "A part of a recording is complete on disk.", RecordingSealed {
        /// The part.
        recording: RecordingId,
        /// The file, relative to the recordings folder.
        file: String,
        /// Its size in octets.
        octets: u64,
        /// Its length in milliseconds.
        duration_ms: u64,
        /// SHA-256 of the file, in hexadecimal.
        sha256: String,
        /// Frames that never reached the file.
        lost_frames: u64,
        /// Whether it was sealed after a crash.
        recovered: bool,
    };
    "recording.failed", "A part of a recording could not be written: somebody must act.", RecordingFailed {
        /// The part.
        recording: RecordingId,
        /// What went wrong and what to do.
        error: String,
    };
    "recording.played", "Somebody listened to a recording.", RecordingPlayed {
        /// The part.
        recording: RecordingId,
    };
    "recording.drawn", "A sample of recordings was drawn for review.", RecordingsDrawn {
        /// The draw's id.
        draw: String,
        /// Its seed.
        seed: String,
        /// How many recordings could have been drawn.
        population: u64,
        /// How many were.
        drawn: u64,
        /// SHA-256 over the population, in hexadecimal.
        population_sha256: String,
    };
    "config.applied", "A configuration came into force.", ConfigApplied {
        /// SHA-256 of its file, in hexadecimal.
        sha256: String,
    };
    "system.started", "The service started.", SystemStarted {
        /// The program's version.
        version: String,
    };
    "system.phone_registered", "A phone registered or renewed from a new address.", PhoneRegistered {
        /// The phone.
        phone: PhoneId,
        /// How many bindings it has now.
        bindings: u32,
    };
    "system.phone_lost", "A phone's last binding ended.", PhoneLost {
        /// The phone.
        phone: PhoneId,
    };
    "system.phone_provisioned", "A phone got a new password, and an address to fetch its configuration at.", PhoneProvisioned {
        /// The phone.
        phone: PhoneId,
        /// Which of its passwords that is.
        generation: u64,
        /// Until when the address is good.
        expires_at: Timestamp,
    };
    "system.phone_config_fetched", "A phone's configuration, with its password, was fetched.", PhoneConfigFetched {
        /// The phone.
        phone: PhoneId,
        /// Which of its passwords was in it.
        generation: u64,
        /// For which make.
        file: String,
        /// The network address it went to.
        source: String,
    };
    "system.phone_revoked", "A phone's password and the address of its configuration were made worthless.", PhoneRevoked {
        /// The phone.
        phone: PhoneId,
    };
    "system.clock_stepped", "The wall clock was moved; durations are unaffected.", ClockStepped {
        /// By how many milliseconds.
        by_ms: i64,
    };
    "system.repaired", "An invariant was found broken and mended: this is a fault of ours.", Repaired {
        /// What was found.
        what: String,
    };
    "system.stopped", "The service was stopped in order.", SystemStopped {};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_reads_back_from_json_as_it_was_written() {
        let event = Event {
            schema: Schema::CURRENT,
            tenant: TenantId::from("default"),
            epoch: Epoch::new(2),
            seq: 41,
            at: Timestamp::from_secs(1_700_000_000),
            call: Some(CallId::new(Epoch::new(2), 7)),
            segment: None,
            leg: None,
            agent: Some(AgentId::new(1001)),
            queue: None,
            actor: Actor::agent(AgentId::new(1001), "phone"),
            cause: Some(Cause::Requested),
            config_version: 1,
            kind: EventKind::AgentStateChanged {
                from: AgentState::SignedOut { since: Timestamp::EPOCH },
                to: AgentState::Busy {
                    reason: "lunch".into(),
                    since: Timestamp::from_secs(5),
                    until: None,
                    stay_until: None,
                    planned_until: None,
                    back_to: Some(Next::Ready),
                },
            },
        };
        let text = serde_json::to_string(&event).unwrap();
        assert!(
            text.contains(r#""kind":"agent.state_changed","data":{"from":{"state":"signed_out""#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);

        let said = format!(r#""schema":{SCHEMA_VERSION},"#);
        let unsaid = text.replace(&said, "");
        assert_ne!(unsaid, text);
        let first = Event { schema: Schema::first(), ..event };
        assert_eq!(serde_json::from_str::<Event>(&unsaid).unwrap(), first);
        let later = text.replace(&said, r#""schema":9,"#);
        let error = serde_json::from_str::<Event>(&later).unwrap_err().to_string();
        assert!(error.contains("version 9") && error.contains("later one"), "{error}");
    }

    #[test]
    fn every_kind_belongs_to_a_family() {
        let families =
            ["call", "segment", "leg", "agent", "queue", "recording", "config", "system"];
        for kind in KINDS {
            let (family, _) = kind.name.split_once('.').unwrap();
            assert!(families.contains(&family), "{}", kind.name);
        }
    }

    #[test]
    fn a_call_that_arrived_before_it_could_carry_anything_is_still_read() {
        let text = r#"{"kind":"call.arrived","data":{"from":"13800138000","to":"4008001234",
            "hotline":"support","trunk":"carrier","phone":null,"sip_call_id":"a@b"}}"#;
        let EventKind::CallArrived { user_to_user, attested, .. } =
            serde_json::from_str(text).unwrap()
        else {
            panic!("{text}")
        };
        assert_eq!((user_to_user, attested), (vec![], None));
    }

    #[test]
    fn what_a_call_carries_reads_back_as_it_was_written() {
        let data = r#""user_to_user":[{"data":"00fa","encoding":"hex"}],"attested":{"verdict":"passed","attestation":"A"}"#;
        let text = format!(
            r#"{{"kind":"call.arrived","data":{{"from":"13800138000","to":"4008001234","hotline":null,"trunk":"carrier","phone":null,"sip_call_id":"a@b",{data}}}}}"#
        );
        let kind: EventKind = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&kind).unwrap(), text);
    }

    #[test]
    fn a_kind_without_data_reads_back() {
        let text = serde_json::to_string(&EventKind::CallEnded {}).unwrap();
        assert_eq!(serde_json::from_str::<EventKind>(&text).unwrap(), EventKind::CallEnded {});
    }
}
