//! What this crate's tests share: an inbox that can be waited on, and frames.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use model::{
    AgentId, AudioFrame, CallId, Channel, Epoch, FRAME_PAYLOAD, PartKind, RecordingId, Timestamp,
};
use switchboard::ports::{Full, Inbox, Input, PartDetails, RecordingFact};

/// An inbox that keeps the facts about recordings.
#[derive(Default, Debug)]
pub(crate) struct Facts {
    all: Mutex<Vec<(RecordingId, RecordingFact)>>,
    came: Condvar,
}

impl Facts {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Waits until `count` facts are there; gives them all.
    pub(crate) fn wait(&self, count: usize) -> Vec<(RecordingId, RecordingFact)> {
        let all = self.all.lock().unwrap();
        let patience = Duration::from_secs(20);
        let wait = self.came.wait_timeout_while(all, patience, |all| all.len() < count);
        let all = wait.unwrap().0.clone();
        assert!(all.len() >= count, "only these facts came: {all:?}");
        all
    }
}

impl Inbox for Facts {
    fn put(&self, input: Input) -> Result<(), Full> {
        if let Input::Recording { recording, fact } = input {
            self.all.lock().unwrap().push((recording, fact));
            self.came.notify_all();
        }
        Ok(())
    }
}

pub(crate) fn part(part: u16) -> RecordingId {
    RecordingId { call: CallId::new(Epoch::new(3), 17), part }
}

pub(crate) fn details() -> PartDetails {
    PartDetails {
        part: PartKind::Talk,
        at: "2026-11-22T05:13:57.000000Z".parse::<Timestamp>().unwrap(),
        agent: Some(AgentId::new(1001)),
        queue: Some("sales".into()),
        left: "13800138000".parse().ok(),
        right: "1001".parse().ok(),
    }
}

/// 20 ms of a channel, all samples alike.
pub(crate) fn frame(recording: RecordingId, channel: Channel, number: u64) -> AudioFrame {
    let octet = if channel == Channel::Left { 0x2A } else { 0xAA };
    let payload = [octet; FRAME_PAYLOAD];
    AudioFrame { recording, channel, offset: number * 160, length: 160, payload }
}
