//! Parts of recordings, as the log tells of them.

use insight::Cdr;
use model::{AgentId, CallId, Event, EventKind, Number, PartKind, QueueId, RecordingId, Timestamp};
use serde::{Deserialize, Serialize};

/// One part of a call's recording.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RecordingRow {
    /// Which.
    pub recording: RecordingId,
    /// The call that is heard.
    pub call: CallId,
    /// What it holds; `None` when the log does not tell of its beginning.
    pub part: Option<PartKind>,
    /// How far it is.
    pub state: RecordingState,
    /// When it began.
    pub at: Timestamp,
    /// The agent heard.
    pub agent: Option<AgentId>,
    /// The queue the caller came from.
    pub queue: Option<QueueId>,
    /// Who is heard on the left.
    pub left: Option<Number>,
    /// Who is heard on the right.
    pub right: Option<Number>,
    /// The file, relative to the recordings folder.
    pub file: Option<String>,
    /// Its size in octets.
    pub octets: Option<u64>,
    /// Its length in milliseconds.
    pub duration_ms: Option<u64>,
    /// When it was complete on disk.
    pub sealed_at: Option<Timestamp>,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: Option<String>,
    /// Frames that never reached the file.
    pub lost_frames: u64,
    /// Whether it was sealed after a crash.
    pub recovered: bool,
    /// What went wrong, when it could not be written.
    pub error: Option<String>,
}

/// How far a part of a recording is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingState {
    /// It is being written.
    Started,
    /// It is complete on disk.
    Sealed,
    /// It could not be written.
    Failed,
}

impl RecordingState {
    /// The value in JSON and SQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Sealed => "sealed",
            Self::Failed => "failed",
        }
    }
}

/// The part an event is about, when the event changes what is known of it.
#[expect(clippy::wildcard_enum_match_arm, reason = "a fold hears only what it is about")]
pub(crate) const fn concerned(event: &Event) -> Option<RecordingId> {
    match &event.kind {
        EventKind::RecordingStarted { recording, .. }
        | EventKind::RecordingSealed { recording, .. }
        | EventKind::RecordingFailed { recording, .. } => Some(*recording),
        _ => None,
    }
}

impl RecordingRow {
    /// The row as it begins; `call` is what is known of its call.
    pub(crate) fn begin(recording: RecordingId, event: &Event, call: Option<&Cdr>) -> Self {
        let talk = call.and_then(|call| call.segments.last());
        Self {
            recording,
            call: recording.call,
            part: None,
            state: RecordingState::Started,
            at: event.at,
            agent: event.agent.or_else(|| talk?.agent),
            queue: event.queue.clone().or_else(|| call?.queues.last().cloned()),
            left: None,
            right: None,
            file: None,
            octets: None,
            duration_ms: None,
            sealed_at: None,
            sha256: None,
            lost_frames: 0,
            recovered: false,
            error: None,
        }
    }

    /// Takes in an event about this part.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a fold hears only what it is about")]
    pub(crate) fn apply(&mut self, event: &Event) {
        match &event.kind {
            EventKind::RecordingStarted { part, left, right, .. } => {
                self.part = Some(*part);
                self.left.clone_from(left);
                self.right.clone_from(right);
            }
            EventKind::RecordingSealed {
                file,
                octets,
                duration_ms,
                sha256,
                lost_frames,
                recovered,
                ..
            } => {
                // After a crash it may be told again: it was complete when it was first.
                if self.state != RecordingState::Sealed || self.sha256.as_ref() != Some(sha256) {
                    self.sealed_at = Some(event.at);
                }
                self.state = RecordingState::Sealed;
                self.file = Some(file.clone());
                self.octets = Some(*octets);
                self.duration_ms = Some(*duration_ms);
                self.sha256 = Some(sha256.clone());
                self.lost_frames = *lost_frames;
                self.recovered = *recovered;
            }
            EventKind::RecordingFailed { error, .. } => {
                self.state = RecordingState::Failed;
                self.error = Some(error.clone());
            }
            _ => {}
        }
    }
}
