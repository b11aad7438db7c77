//! Captured audio on its way from media to the recording.

use crate::RecordingId;

/// The largest payload one frame carries, in octets: 40 ms of G.711. Longer packets are captured
/// as several frames.
pub const FRAME_PAYLOAD: usize = 320;

/// Which side of a two-channel recording.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Channel {
    /// The caller, or the calling party.
    Left,
    /// The agent, or the called party.
    Right,
}

/// Up to 40 ms of one channel's audio, G.711 A-law at 8 kHz, on the clock the two channels share.
/// Fixed in size, so that capture allocates nothing.
#[derive(Clone, Copy, Debug)]
pub struct AudioFrame {
    /// The part it belongs to.
    pub recording: RecordingId,
    /// Which side is heard.
    pub channel: Channel,
    /// Where the frame begins, in samples (1/8000 s) since the part began, judged by RTP time.
    pub offset: u64,
    /// How many octets of `payload` count.
    pub length: u16,
    /// A-law samples.
    pub payload: [u8; FRAME_PAYLOAD],
}

impl AudioFrame {
    /// The samples that count.
    #[must_use]
    pub fn samples(&self) -> &[u8] {
        self.payload.get(..usize::from(self.length)).unwrap_or(&self.payload)
    }
}
