//! Everything the floor is configured with. `hotline` reads and checks it; the floor trusts it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use agent::Days;
use model::{
    AgentId, HotlineId, Number, PhoneId, PromptId, QueueId, TenantId, Timestamp, TrunkId,
    WrapUpMode,
};

use crate::numbering::{Inbound, Numbering, Outbound};
use crate::ports::Alert;

/// One tenant's configuration.
#[derive(Clone, Debug)]
pub struct FloorConfig {
    /// Whose floor it is.
    pub tenant: TenantId,
    /// SHA-256 of the file it was read from, in hexadecimal.
    pub sha256: String,
    /// Queues, and what agents offer.
    pub acd: acd::AcdConfig,
    /// What the floor itself does for each queue.
    pub queues: BTreeMap<QueueId, QueueRules>,
    /// What is enforced about agents' states.
    pub rules: agent::Rules,
    /// The agents.
    pub agents: BTreeMap<AgentId, AgentConfig>,
    /// The phones; a phone's id is its extension.
    pub phones: BTreeMap<PhoneId, PhoneConfig>,
    /// The public numbers.
    pub hotlines: BTreeMap<HotlineId, HotlineConfig>,
    /// The trunks, with how many calls each may carry at once.
    pub trunks: BTreeMap<TrunkId, TrunkConfig>,
    /// What may be dialled out, and by which trunk; the first rule that fits decides.
    pub outbound: Vec<OutboundRule>,
    /// What phones dial to change an agent's state.
    pub feature_codes: FeatureCodes,
    /// What callers and agents hear.
    pub sounds: Sounds,
    /// Which calls are recorded.
    pub recording: RecordingRules,
    /// How long an extension or a number outside rings before the caller is told.
    pub ring: Duration,
    /// The most calls at once; above it new ones get 503.
    pub max_calls: u32,
    /// How numbers are written where we are.
    pub numbering: Numbering,
}

/// One agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AgentConfig {
    /// What people read.
    pub name: String,
    /// The phone used when sign-in names none.
    pub phone: Option<PhoneId>,
}

/// What the floor itself does for a queue, beside what the distribution does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct QueueRules {
    /// A caller is kept for whoever served that caller last.
    pub last_agent: Option<LastAgent>,
    /// A caller who gave up and calls again within so much has the old place.
    pub resume_within: Option<Duration>,
    /// What agents may do about the wrap-up it gives; what holds for the tenant when not said.
    pub wrap_up_mode: Option<WrapUpMode>,
    /// Where keys lead that a caller presses who waits.
    pub keys: BTreeMap<char, Exit>,
    /// What tells callers of these keys.
    pub keys_prompt: Option<PromptId>,
    /// How callers are called back, where they are.
    pub callback: Option<CallbackRules>,
}

/// How callers are called back who have left the line and kept the place.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CallbackRules {
    /// How often a caller is called at most.
    pub attempts: u8,
    /// How long it is until the next attempt.
    pub pause: Duration,
    /// How long after the wish it is given up.
    pub expires: Duration,
    /// From when until when callers are called, from local midnight; after midnight, where the end is
    /// no later than the beginning.
    pub hours: Option<(Duration, Duration)>,
    /// What is dialled before the caller's number.
    pub prefix: String,
    /// The role that decides by which rule the number is dialled.
    pub role: Option<String>,
    /// What the caller hears who will be called back.
    pub accepted: Option<PromptId>,
    /// What the caller hears who cannot be.
    pub refused: Option<PromptId>,
}

impl CallbackRules {
    /// When callers may be called from `at` on: then, within the hours.
    pub(crate) fn opens(&self, days: Days, at: Timestamp) -> Timestamp {
        self.windows(days, at).map(|(from, _)| from.max(at)).min().unwrap_or(at)
    }

    /// When the hours end that hold `at`.
    pub(crate) fn closes(&self, days: Days, at: Timestamp) -> Option<Timestamp> {
        self.windows(days, at).find(|(from, _)| *from <= at).map(|(_, until)| until)
    }

    /// The hours around `at` that are not over.
    fn windows(&self, days: Days, at: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let today = days.number(at);
        let windows = self.hours.into_iter().flat_map(move |(from, until)| {
            let next = i64::from(until <= from);
            let window = move |day| (days.clock(day, from), days.clock(day + next, until));
            (today - 1..=today + 1).map(window)
        });
        windows.filter(move |(_, until)| at < *until)
    }
}

/// Where a key leads that a caller presses who waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Exit {
    /// To another queue.
    Queue(QueueId),
    /// To the beginning of a flow.
    Flow(Arc<flow::Flow>),
    /// Off the line, to be called back in the same place.
    Callback,
    /// Out, after a prompt where there is one.
    Release(Option<PromptId>),
}

/// How a caller is kept for whoever served that caller last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LastAgent {
    /// How long ago that was at most.
    pub within: Duration,
    /// How long the caller is kept at most.
    pub wait: Duration,
}

/// One phone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PhoneConfig {
    /// Its role decides which numbers outside it may dial.
    pub role: Option<String>,
    /// What it is asked to do when the distribution gives its agent a call.
    pub alert: Alert,
}

/// One public number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HotlineConfig {
    /// The number, in any spelling of it.
    pub number: Number,
    /// What a caller meets.
    pub flow: Arc<flow::Flow>,
    /// How many calls it may have, and how many places are kept for it.
    pub limits: HotlineLimits,
}

/// How many calls a public number may have, and how many places are kept for it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HotlineLimits {
    /// The most calls at once.
    pub max_calls: Option<u32>,
    /// The most calls in a second, in the long run; as many may come at once.
    pub calls_per_second: Option<u32>,
    /// How many of the service's places no other call may take.
    pub reserved: u32,
    /// How many places of each trunk no other call may take.
    pub reserved_on: BTreeMap<TrunkId, u32>,
}

/// One trunk.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TrunkConfig {
    /// The most calls at once, in and out.
    pub max_calls: u32,
    /// The most calls in a second, in and out, in the long run; as many may come at once.
    pub calls_per_second: Option<u32>,
    /// How the carrier writes numbers.
    pub inbound: Inbound,
    /// How the carrier wants numbers written.
    pub outbound: Outbound,
}

/// A rule for dialling out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutboundRule {
    /// Roles it holds for; empty means all.
    pub roles: BTreeSet<String>,
    /// What the number dialled must begin with.
    pub prefix: String,
    /// How many of its leading characters are not sent on.
    pub strip: u8,
    /// Fewest and most characters of the number dialled.
    pub length: (u8, u8),
    /// The trunks in the order they are tried; none forbids the number.
    pub trunks: Vec<TrunkId>,
    /// The number shown to the called party.
    pub show: Option<Number>,
}

/// What phones dial. Each is the code before any digits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FeatureCodes {
    /// 签入.
    pub sign_in: String,
    /// 签出.
    pub sign_out: String,
    /// 示闲.
    pub ready: String,
    /// 示忙, followed by the reason's digit.
    pub busy: String,
    /// 结束话后处理.
    pub end_wrap_up: String,
}

impl Default for FeatureCodes {
    fn default() -> Self {
        Self {
            sign_in: "*11".into(),
            sign_out: "*12".into(),
            ready: "*13".into(),
            busy: "*14".into(),
            end_wrap_up: "*15".into(),
        }
    }
}

/// What callers and agents hear.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sounds {
    /// While waiting in a queue.
    pub queue_music: PromptId,
    /// While on hold.
    pub hold_music: PromptId,
    /// The first time in a queue, before the music.
    pub queue_welcome: Option<PromptId>,
    /// Before a call ends because nobody can take it.
    pub nobody: Option<PromptId>,
    /// A feature code was obeyed.
    pub done: PromptId,
    /// A feature code was refused.
    pub refused: PromptId,
}

/// Which calls are recorded. Calls from a queue always are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordingRules {
    /// Calls between extensions.
    pub internal: bool,
    /// Calls to numbers outside.
    pub outbound: bool,
}

/// The ports media lends the floor. Even ports carry RTP, the odd ones above them RTCP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortLease {
    /// The address peers send audio to.
    pub address: IpAddr,
    /// The first RTP port, even.
    pub first: u16,
    /// The last RTP port, even.
    pub last: u16,
}
