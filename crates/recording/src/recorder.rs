//! The recorder as others see it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use clock::Clock;
use crossbeam_channel::{Sender, TrySendError, bounded};
use model::RecordingId;
use switchboard::ports::{Inbox, Input, RecordingCommand, RecordingFact};

use crate::StartError;
use crate::folder::Folder;
use crate::ring::{Ring, RingCapture};
use crate::sealer::Sealer;
use crate::writer::{Order, Writer};

/// The longest time between two writes of a part: half of what a crash may cost, the rest being
/// the way through the ring.
const LONGEST_FLUSH: Duration = Duration::from_millis(100);
/// What one call fills a ring with: two channels, 50 frames a second each.
const FRAMES_A_SECOND: usize = 100;
const SHORTEST_FLUSH: Duration = Duration::from_millis(10);

const STOPPED: &str = "the recording thread has stopped: restart the service";

/// How recording is set up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Where recordings go; must exist.
    pub folder: PathBuf,
    /// How often what was captured is written: 10 to 100 ms.
    pub flush: Duration,
    /// Frames each ring holds; a call fills 100 a second.
    pub ring_frames: usize,
    /// Most parts open or waiting to be sealed at once.
    pub parts: usize,
}

impl Settings {
    /// The usual settings: written every 100 ms, room for 8192 frames a ring and 4096 parts.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), flush: LONGEST_FLUSH, ring_frames: 8_192, parts: 4_096 }
    }

    /// The same with room for so many calls, each ring taking all of them: a second of their audio,
    /// in which a disk may pause, and a part that is written and one that is sealed of each.
    #[must_use]
    pub fn with_room_for(self, calls: usize) -> Self {
        Self {
            ring_frames: self.ring_frames.max(calls.saturating_mul(FRAMES_A_SECOND)),
            parts: self.parts.max(calls.saturating_mul(2)),
            ..self
        }
    }
}

/// Writes and seals recordings on threads of its own. When dropped it ends every open part, seals
/// what is finished, and returns when all is on disk.
#[derive(Debug)]
pub struct Recorder {
    orders: Option<Sender<Order>>,
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
}

impl Recorder {
    /// Takes the folder and starts recording into it; gives one capture for each media thread.
    ///
    /// [`crate::recover`] comes first: it seals what a crash left.
    ///
    /// # Errors
    /// [`StartError`], with what to do.
    pub fn start(
        settings: &Settings,
        rings: usize,
        inbox: Arc<dyn Inbox>,
        clock: Clock,
    ) -> Result<(Self, Vec<RingCapture>), StartError> {
        let folder = Arc::new(Folder::take(&settings.folder)?);
        let shared = Arc::new(Shared::new(inbox, settings.parts));
        let (captures, rings) = (0..rings).map(|_| Ring::new(settings.ring_frames.max(1))).unzip();
        // Each open part has at most a start and a finish under way.
        let (orders, ordered) = bounded(settings.parts.max(1) * 2);
        let (sealing, jobs) = bounded(settings.parts.max(1));
        let writer = Writer {
            folder: folder.clone(),
            rings,
            orders: ordered,
            sealing,
            shared: shared.clone(),
            flush: settings.flush.clamp(SHORTEST_FLUSH, LONGEST_FLUSH),
            parts: std::collections::BTreeMap::new(),
            next_flush: None,
        };
        let sealer = Sealer::new(folder, shared.clone());
        let threads = vec![
            spawn("rec-seal", move || sealer.run(&jobs, clock))?,
            spawn("rec-write", move || writer.run(clock))?,
        ];
        Ok((Self { orders: Some(orders), threads, shared }, captures))
    }

    /// Gives a command; never blocks. `Start` comes before media is told to capture, `Finish`
    /// after media was told to stop. What cannot be done is reported as [`RecordingFact::Failed`].
    pub fn command(&self, recording: RecordingId, command: RecordingCommand) {
        let starts = matches!(command, RecordingCommand::Start(_));
        if starts && !self.shared.admit_part() {
            self.shared.report_failure(recording, self.shared.overload());
            return;
        }
        let Some(orders) = &self.orders else { return };
        let refusal = match orders.try_send(Order { recording, command }) {
            Ok(()) => return,
            Err(TrySendError::Full(_)) => self.shared.overload(),
            Err(TrySendError::Disconnected(_)) => STOPPED.into(),
        };
        if starts {
            self.shared.release_part();
            self.shared.report_failure(recording, refusal);
        } else {
            tracing::warn!(%recording, refusal, "part was not ended; the next start seals it");
        }
    }

    /// What has happened since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.counters()
    }

    /// Whether both threads are alive. Once one has ended by itself nothing more is recorded, and
    /// only a restart of the service brings it back.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.threads.iter().all(|thread| !thread.is_finished())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.orders = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!(
                    "a recording thread panicked; its parts are sealed at the next start"
                );
            }
        }
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StartError> {
    thread::Builder::new().name(name.into()).spawn(run).map_err(StartError::Thread)
}

/// Figures for the metrics; all but the first two only rise.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counters {
    /// Parts open or waiting to be sealed.
    pub open_parts: u64,
    /// Parts waiting to be sealed.
    pub sealing_parts: u64,
    /// Parts sealed.
    pub sealed_parts: u64,
    /// Parts of which a failure was reported.
    pub failed_parts: u64,
    /// Frames taken for writing.
    pub frames: u64,
    /// Frames lost: the ring or the memory of a failing part was full, or their time was absurd.
    pub lost_frames: u64,
    /// Frames of parts that were not open.
    pub stray_frames: u64,
    /// Octets written while calls last.
    pub octets_written: u64,
    /// Octets of sealed files.
    pub octets_sealed: u64,
}

/// What the threads share: where they report, and what they count.
pub(crate) struct Shared {
    inbox: Arc<dyn Inbox>,
    most_parts: u64,
    open_parts: AtomicU64,
    sealing_parts: AtomicU64,
    sealed_parts: AtomicU64,
    failed_parts: AtomicU64,
    frames: AtomicU64,
    refused_frames: AtomicU64,
    overflow: AtomicU64,
    stray_frames: AtomicU64,
    octets_written: AtomicU64,
    octets_sealed: AtomicU64,
}

impl Shared {
    pub(crate) fn new(inbox: Arc<dyn Inbox>, most_parts: usize) -> Self {
        Self {
            inbox,
            most_parts: most_parts as u64,
            open_parts: AtomicU64::new(0),
            sealing_parts: AtomicU64::new(0),
            sealed_parts: AtomicU64::new(0),
            failed_parts: AtomicU64::new(0),
            frames: AtomicU64::new(0),
            refused_frames: AtomicU64::new(0),
            overflow: AtomicU64::new(0),
            stray_frames: AtomicU64::new(0),
            octets_written: AtomicU64::new(0),
            octets_sealed: AtomicU64::new(0),
        }
    }

    /// Makes room for one more part, if there is any.
    pub(crate) fn admit_part(&self) -> bool {
        let admit = |open: u64| (open < self.most_parts).then_some(open + 1);
        self.open_parts.fetch_update(Ordering::Relaxed, Ordering::Relaxed, admit).is_ok()
    }

    pub(crate) fn release_part(&self) {
        self.open_parts.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn sealing_begins(&self) {
        add(&self.sealing_parts, 1);
    }

    pub(crate) fn sealing_ends(&self) {
        self.sealing_parts.fetch_sub(1, Ordering::Relaxed);
        self.release_part();
    }

    /// Adds a turn's frames; `overflow` is the sum of all turns.
    pub(crate) fn count_frames(&self, written: u64, stray: u64, refused: u64, overflow: u64) {
        add(&self.frames, written);
        add(&self.stray_frames, stray);
        add(&self.refused_frames, refused);
        self.overflow.store(overflow, Ordering::Relaxed);
    }

    pub(crate) fn count_octets(&self, octets: u64) {
        add(&self.octets_written, octets);
    }

    pub(crate) fn report_sealed(&self, recording: RecordingId, fact: RecordingFact) {
        if let RecordingFact::Sealed { octets, .. } = &fact {
            add(&self.octets_sealed, *octets);
        }
        add(&self.sealed_parts, 1);
        self.report(recording, fact);
    }

    pub(crate) fn report_failure(&self, recording: RecordingId, error: String) {
        add(&self.failed_parts, 1);
        tracing::warn!(%recording, error, "part could not be recorded");
        self.report(recording, RecordingFact::Failed { error });
    }

    fn report(&self, recording: RecordingId, fact: RecordingFact) {
        // Only an inbox whose floor has ended takes no fact: then the part's own file is still
        // there, and the next start reports it.
        let _ = self.inbox.put(Input::Recording { recording, fact });
    }

    fn overload(&self) -> String {
        format!(
            "{} parts are open or waiting to be sealed, which is the limit: raise it, or give the \
             recordings a faster disk",
            self.open_parts.load(Ordering::Relaxed)
        )
    }

    pub(crate) fn counters(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            open_parts: read(&self.open_parts),
            sealing_parts: read(&self.sealing_parts),
            sealed_parts: read(&self.sealed_parts),
            failed_parts: read(&self.failed_parts),
            frames: read(&self.frames),
            lost_frames: read(&self.refused_frames) + read(&self.overflow),
            stray_frames: read(&self.stray_frames),
            octets_written: read(&self.octets_written),
            octets_sealed: read(&self.octets_sealed),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counters().fmt(out)
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

#[cfg(test)]
mod tests;
