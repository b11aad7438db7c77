//! The words every other crate uses: ids, time, numbers, media descriptions, agent states and the
//! events of the log. Types only: nothing here decides.

mod agent;
mod audio;
mod carried;
mod cause;
mod distribution;
mod event;
mod id;
mod media;
mod number;
mod record;
mod reply;
mod security;
mod snapshot;
mod time;

pub use agent::{AgentState, CallKind, Next, OfferEnd, Pause, Reason, StateName, WrapUpMode};
pub use audio::{AudioFrame, Channel, FRAME_PAYLOAD};
pub use carried::{Attestation, Attested, Carried, UserToUser, Verdict};
pub use cause::{Actor, CallbackEnd, Cause, Limit, Outcome};
pub use distribution::{Choice, Occupancy, Rank, Stretch};
pub use event::{Event, EventKind, KINDS, KindDoc, PartKind, SCHEMA_VERSION, Schema};
pub use id::{
    AgentId, CallId, Epoch, GroupId, HotlineId, LegId, PhoneId, PromptId, QueueId, RecordingId,
    SegmentId, SkillId, TeamId, TenantId, TrunkId,
};
pub use media::{Codec, CodecChoice, Direction, MediaDescription, Rtcp};
pub use number::{Number, NumberError};
pub use record::Record;
pub use reply::{Refusal, RefusalDoc};
pub use security::{
    Dtls, Fingerprint, IceCredentials, MOST_KEYING, Sdes, Security, Setup, SrtpKey, SrtpSuite,
};
pub use snapshot::{
    Abandoned, AgentSnapshot, FloorSnapshot, OpenCall, OpenCallback, Served, Spent,
};
pub use time::Timestamp;
