//! The way from a media thread to the writer: a bounded ring that never makes the thread wait.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use model::{AudioFrame, RecordingId};
use rtrb::{Consumer, Producer, RingBuffer};
use switchboard::ports::Capture;

/// More parts than one media thread serves; losses of further ones count only in total.
const LARGEST_LIST: usize = 4_096;

/// Frames lost, by part.
pub(crate) type Losses = BTreeMap<RecordingId, u64>;

/// The media thread's end of a ring.
#[derive(Debug)]
pub struct RingCapture {
    frames: Producer<AudioFrame>,
    shared: Arc<Overflow>,
    /// Losses the writer has not been told of.
    untold: Losses,
}

/// What did not fit, told beside the ring.
#[derive(Debug, Default)]
struct Overflow {
    by_part: Mutex<Losses>,
    total: AtomicU64,
}

impl RingCapture {
    fn lose(&mut self, recording: RecordingId) {
        self.shared.total.fetch_add(1, Ordering::Relaxed);
        add(&mut self.untold, recording, 1);
    }

    /// Hands the losses over unless the writer is looking at them this very moment.
    fn tell(&mut self) {
        let Ok(mut by_part) = self.shared.by_part.try_lock() else {
            return;
        };
        while let Some((recording, frames)) = self.untold.pop_first() {
            add(&mut by_part, recording, frames);
        }
    }
}

impl Capture for RingCapture {
    fn put(&mut self, frame: &AudioFrame) -> bool {
        let fits = self.frames.push(*frame).is_ok();
        if !fits {
            self.lose(frame.recording);
        }
        if !self.untold.is_empty() {
            self.tell();
        }
        fits
    }
}

/// The writer's end of a ring.
#[derive(Debug)]
pub(crate) struct Ring {
    frames: Consumer<AudioFrame>,
    shared: Arc<Overflow>,
}

impl Ring {
    /// A ring of `capacity` frames: the media thread's end and the writer's.
    pub(crate) fn new(capacity: usize) -> (RingCapture, Self) {
        let (producer, consumer) = RingBuffer::new(capacity);
        let shared = Arc::new(Overflow::default());
        let capture =
            RingCapture { frames: producer, shared: shared.clone(), untold: Losses::new() };
        (capture, Self { frames: consumer, shared })
    }

    /// How many frames wait.
    pub(crate) fn waiting(&self) -> usize {
        self.frames.slots()
    }

    /// Takes the next `count` frames, oldest first.
    pub(crate) fn drain(&mut self, count: usize, mut take: impl FnMut(&AudioFrame)) {
        let Ok(chunk) = self.frames.read_chunk(count.min(self.frames.slots())) else {
            return;
        };
        let (older, newer) = chunk.as_slices();
        older.iter().chain(newer).for_each(&mut take);
        chunk.commit_all();
    }

    /// Takes the losses told since the last time.
    pub(crate) fn losses(&self) -> Losses {
        let mut by_part = self.shared.by_part.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *by_part)
    }

    /// Every frame that ever found the ring full.
    pub(crate) fn total_lost(&self) -> u64 {
        self.shared.total.load(Ordering::Relaxed)
    }
}

fn add(losses: &mut Losses, recording: RecordingId, frames: u64) {
    if losses.len() < LARGEST_LIST || losses.contains_key(&recording) {
        *losses.entry(recording).or_default() += frames;
    }
}

#[cfg(test)]
mod tests {
    use model::{CallId, Channel, Epoch, FRAME_PAYLOAD};

    use super::*;

    fn frame(part: u16) -> AudioFrame {
        let recording = RecordingId { call: CallId::new(Epoch::new(1), 1), part };
        let payload = [0; FRAME_PAYLOAD];
        AudioFrame { recording, channel: Channel::Left, offset: 0, length: 160, payload }
    }

    #[test]
    fn a_full_ring_refuses_and_tells_the_writer_whose_frames_were_lost() {
        let (mut capture, mut ring) = Ring::new(2);
        assert!(capture.put(&frame(1)) && capture.put(&frame(1)));
        assert!(!capture.put(&frame(2)) && !capture.put(&frame(2)) && !capture.put(&frame(1)));
        assert_eq!(ring.losses(), [(frame(1).recording, 1), (frame(2).recording, 2)].into());
        assert_eq!((ring.losses(), ring.total_lost()), (Losses::new(), 3));
        let mut taken = 0;
        ring.drain(9, |_| taken += 1);
        assert_eq!(taken, 2);
        assert!(capture.put(&frame(1)));
    }

    #[test]
    fn losses_are_kept_while_the_writer_holds_the_list() {
        let (mut capture, ring) = Ring::new(1);
        let held = ring.shared.by_part.lock().unwrap();
        assert!(capture.put(&frame(1)) && !capture.put(&frame(1)));
        drop(held);
        assert!(!capture.put(&frame(1)));
        assert_eq!(ring.losses(), [(frame(1).recording, 2)].into());
    }
}
