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

#[cfg(test)]
mod tests {
    use model::{CallId, Epoch};

    use super::*;

    /// Has room for so many frames.
    struct Shelf(Vec<AudioFrame>, usize);

    impl Capture for Shelf {
        fn put(&mut self, frame: &AudioFrame) -> bool {
            let room = self.0.len() < self.1;
            if room {
                self.0.push(*frame);
            }
            room
        }
    }

    fn taken(codec: Codec, octets: usize, room: usize) -> (Vec<AudioFrame>, u64, u64) {
        let recording = RecordingId { call: CallId::new(Epoch::new(1), 1), part: 1 };
        let began = Timestamp::from_secs(1_000);
        let header = Header { marker: false, payload_type: 8, sequence: 0, timestamp: 0, ssrc: 1 };
        let (mut shelf, counters) = (Shelf(Vec::new(), room), Counters::default());
        let mut ring = Ring { capture: &mut shelf, counters: &counters };
        let mut tap = Tap::new(recording, Channel::Left, began);
        tap.take(&header, (codec, &vec![0x80; octets]), began, &mut ring);
        let counts = crate::CountersSnapshot::default().with(&counters);
        (shelf.0, counts.captured, counts.uncaptured)
    }

    #[test]
    fn a_long_packet_is_several_frames_one_after_another() {
        let (frames, captured, _) = taken(Codec::Pcma, 700, 9);
        let places: Vec<_> = frames.iter().map(|frame| (frame.offset, frame.length)).collect();
        assert_eq!((places, captured), (vec![(0, 320), (320, 320), (640, 60)], 3));
    }

    #[test]
    fn what_is_captured_is_a_law() {
        assert_eq!(taken(Codec::Pcma, 160, 1).0[0].samples(), [0x80; 160]);
        assert_eq!(taken(Codec::Pcmu, 160, 1).0[0].samples(), [ulaw_to_alaw(0x80); 160]);
    }

    #[test]
    fn a_frame_for_which_there_is_no_room_is_counted() {
        let (frames, captured, uncaptured) = taken(Codec::Pcma, 640, 1);
        assert_eq!((frames.len(), captured, uncaptured), (1, 1, 1));
    }
}
