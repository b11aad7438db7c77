//! Capture: what a far side says, on its way into a part of a recording.

use model::{AudioFrame, Channel, Codec, FRAME_PAYLOAD, RecordingId, Timestamp};
use rtp::{Header, Timeline, ulaw_to_alaw};
use switchboard::ports::Capture;

use crate::counters::Counters;

/// The most parts one stream can go into at once.
pub(crate) const MAX_TAPS: usize = 4;

/// One channel of one part.
#[derive(Debug)]
pub(crate) struct Tap {
    pub(crate) recording: RecordingId,
    channel: Channel,
    timeline: Timeline,
}

impl Tap {
    /// The channel of a part that begins at `began`.
    pub(crate) const fn new(recording: RecordingId, channel: Channel, began: Timestamp) -> Self {
        Self { recording, channel, timeline: Timeline::new(began) }
    }

    /// Takes a packet's audio; A-law is what a part holds.
    pub(crate) fn take(
        &mut self,
        header: &Header,
        (codec, audio): (Codec, &[u8]),
        now: Timestamp,
        ring: &mut Ring<'_>,
    ) {
        let Some(mut offset) = self.timeline.place(header, audio.len(), now) else { return };
        for piece in audio.chunks(FRAME_PAYLOAD) {
            let mut payload = [0; FRAME_PAYLOAD];
            for (to, from) in payload.iter_mut().zip(piece) {
                *to = match codec {
                    Codec::Pcma => *from,
                    Codec::Pcmu => ulaw_to_alaw(*from),
                };
            }
            let (recording, channel) = (self.recording, self.channel);
            let length = u16::try_from(piece.len()).unwrap_or(0);
            ring.put(&AudioFrame { recording, channel, offset, length, payload });
            offset = offset.saturating_add(u64::from(length));
        }
    }
}

/// The thread's way into recording, counted.
pub(crate) struct Ring<'a> {
    pub(crate) capture: &'a mut dyn Capture,
    pub(crate) counters: &'a Counters,
}

impl Ring<'_> {
    fn put(&mut self, frame: &AudioFrame) {
        if self.capture.put(frame) {
            self.counters.captured.one();
        } else {
            self.counters.uncaptured.one();
        }
    }
}
