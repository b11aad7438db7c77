//! The journal: the log on disk, one folder a tenant, and the truth of everything else.
//!
//! One thread writes. Events are gathered for a few milliseconds, written as one batch and synced;
//! only then does the durable mark move, and only up to it does any reader see. A file is named by
//! its first event; a new one begins at every start, every day, and when one has grown long.
//!
//! | when | then |
//! |---|---|
//! | the process is killed | what no reader has seen may be missing; the torn tail is cut at open |
//! | a file is damaged before its tail | open refuses and names file, place and remedy |
//! | the disk is full or read-only | events wait in a bounded queue and are tried again; health says so |
//! | that queue is full | whoever appends waits, and it is counted; nothing is dropped |

mod checkpoint;
mod error;
mod frame;
mod lock;
mod past;
mod reader;
mod segment;
mod shared;
mod writer;

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Sender, TrySendError, bounded};
use insight::Accounts;
use model::{CallId, Epoch, Event, FloorSnapshot, TenantId};
use tokio::sync::watch;

use self::checkpoint::Checkpoint;
use self::lock::Lock;
use self::segment::Tail;
use self::shared::{Counters, Durable, Recent, Shared, lock};
use self::writer::{Message, Writer};
use crate::Position;

pub use self::error::JournalError;
pub use self::past::read_past;
pub use self::reader::{Reader, Subscription};

/// How long after a call its recordings are sealed, as a rule: what comes later is found by them.
const AFTERMATH: Duration = Duration::from_secs(60);

/// The journal's bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Events that may wait for the disk; above it whoever appends waits.
    pub queue: usize,
    /// The length in octets at which a new file is begun.
    pub segment: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { queue: 32_768, segment: 64 << 20 }
    }
}

/// What was found when the journal was opened.
#[derive(Debug)]
pub struct Opened {
    /// This run's epoch: later than every other.
    pub epoch: Epoch,
    /// The floor as the log tells it.
    pub snapshot: FloorSnapshot,
    /// The last event; `None` when the log is empty.
    pub last: Option<Position>,
    /// Octets of a torn tail that were cut: events that no reader had seen.
    pub cut: u64,
}

/// How the journal does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JournalHealth {
    /// In short.
    pub state: JournalState,
    /// Events that wait for the disk.
    pub waiting: u64,
    /// The last event that is on disk.
    pub durable: Option<Position>,
    /// Events written since open.
    pub events: u64,
    /// Octets written since open.
    pub octets: u64,
    /// Batches written since open; each one wait for the disk.
    pub commits: u64,
    /// Batches the disk refused; they are tried again.
    pub failures: u64,
    /// Times whoever appended had to wait because the queue was full.
    pub blocked: u64,
    /// Events not numbered after the one before; anything but 0 is a fault of ours.
    pub misnumbered: u64,
}

/// How the journal does, in short.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JournalState {
    /// It keeps up.
    Well,
    /// The disk is slow: much waits for it.
    Lagging,
    /// The disk refuses; the text says why and what to do. Nothing is lost yet.
    Failing(String),
    /// It was closed.
    Closed,
}

/// One tenant's journal. Cheap to clone. The last clone's end closes it.
#[derive(Clone, Debug)]
pub struct Journal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    queue: Sender<Message>,
    shared: Arc<Shared>,
    limits: Limits,
    thread: Mutex<Option<JoinHandle<()>>>,
    _lock: Lock,
}

impl Journal {
    /// Opens `tenant`'s journal in the state folder, making it where there is none, and begins a
    /// new epoch. Blocks on the disk.
    ///
    /// # Errors
    /// When another process works there, a file is damaged, or the system refuses. Each error's
    /// text names the remedy.
    pub fn open(state: &Path, tenant: &TenantId) -> Result<(Self, Opened), JournalError> {
        Self::open_with(state, tenant, Limits::default())
    }

    /// Opens with other bounds.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(
        state: &Path,
        tenant: &TenantId,
        limits: Limits,
    ) -> Result<(Self, Opened), JournalError> {
        let folder = folder(state, tenant)?;
        // The log holds customers' numbers: it is nobody else's to read.
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(JournalError::io("create", &folder))?;
        let lock = Lock::take(&folder.join("lock"))?;
        let (folds, cut) = read_through(&folder)?;
        let epoch = begin_epoch(&folder, folds.at)?;
        let snapshot = folds.floor.snapshot().clone();
        let opened = Opened { epoch, snapshot, last: folds.at, cut };
        let shared = Arc::new(shared(folder, &folds)?);
        let journal = Self::start(shared, folds, limits, lock)?;
        Ok((journal, opened))
    }

    fn start(
        shared: Arc<Shared>,
        folds: Checkpoint,
        limits: Limits,
        lock: Lock,
    ) -> Result<Self, JournalError> {
        let (queue, messages) = bounded(limits.queue.max(1));
        let writer = Writer {
            queue: messages,
            shared: Arc::clone(&shared),
            folds,
            limits,
            file: None,
            octets: Vec::new(),
        };
        let thread = std::thread::Builder::new().name("journal".into()).spawn(|| writer.run());
        let thread = thread.map_err(JournalError::io("start the writer for", &shared.folder))?;
        let thread = Mutex::new(Some(thread));
        Ok(Self { inner: Arc::new(Inner { queue, shared, limits, thread, _lock: lock }) })
    }

    /// Hands an event over to be written. Returns at once unless the disk has been stuck for so
    /// long that the queue is full; then it waits for room, because no event may be lost.
    ///
    /// # Errors
    /// [`JournalError::Closed`] when the journal was closed.
    pub fn append(&self, event: impl Into<Box<Event>>) -> Result<(), JournalError> {
        match self.inner.queue.try_send(Message::Append(event.into())) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(message)) => {
                Counters::add(&self.inner.shared.counters.blocked, 1);
                self.inner.queue.send(message).map_err(|_| JournalError::Closed)
            }
            Err(TrySendError::Disconnected(_)) => Err(JournalError::Closed),
        }
    }

    /// Waits until everything appended before is on disk.
    ///
    /// # Errors
    /// [`JournalError::Closed`] when the journal was closed before that.
    pub fn flush(&self) -> Result<(), JournalError> {
        let (done, wait) = bounded(1);
        self.inner.queue.send(Message::Flush(done)).map_err(|_| JournalError::Closed)?;
        wait.recv().map_err(|_| JournalError::Closed)
    }

    /// Writes what waits, and ends. A disk that refuses is given ten seconds.
    pub fn close(&self) {
        self.inner.close();
    }

    /// The last event that is on disk.
    #[must_use]
    pub fn durable(&self) -> Option<Position> {
        self.inner.shared.durable.borrow().position
    }

    /// Reads the log from disk from after `position`, or from its beginning. Blocks on the disk.
    #[must_use]
    pub fn read_after(&self, position: Option<Position>) -> Reader {
        Reader::new(Arc::clone(&self.inner.shared), position)
    }

    /// Follows the log from after `position`, or from its beginning, without a gap.
    ///
    /// # Errors
    /// [`JournalError::Ahead`] when `position` lies after the end of the log.
    pub fn subscribe(&self, position: Option<Position>) -> Result<Subscription, JournalError> {
        let end = self.durable();
        let position = position.filter(|asked| *asked > Position::BEGINNING);
        match position {
            Some(asked) if Some(asked) > end => Err(JournalError::Ahead { asked, end }),
            _ => Ok(Subscription::new(Arc::clone(&self.inner.shared), position)),
        }
    }

    /// The events of one call that began at `began`, at most `most`, and what became of its
    /// recordings in the minute after it. Blocks on the disk.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn events_of(
        &self,
        call: CallId,
        began: Position,
        most: usize,
    ) -> Result<Vec<Event>, JournalError> {
        let before = Position { seq: began.seq.saturating_sub(1), ..began };
        let mut events = Vec::new();
        let mut until = None;
        for event in self.read_after(Some(before)) {
            let event = event?;
            if events.len() >= most || until.is_some_and(|until| event.at > until) {
                break;
            }
            if event.call == Some(call) {
                if let model::EventKind::CallEnded {} = event.kind {
                    until = Some(event.at + AFTERMATH);
                }
                events.push(event);
            }
        }
        Ok(events)
    }

    /// The queues' accounts over the whole log.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        lock(&self.inner.shared.accounts).clone()
    }

    /// How it does.
    #[must_use]
    pub fn health(&self) -> JournalHealth {
        let shared = &self.inner.shared;
        let counters = &shared.counters;
        let waiting = self.inner.queue.len();
        let durable = *shared.durable.borrow();
        let state = match lock(&shared.failing).clone() {
            _ if durable.closed => JournalState::Closed,
            Some(error) => JournalState::Failing(error),
            None if waiting > self.inner.limits.queue / 4 => JournalState::Lagging,
            None => JournalState::Well,
        };
        JournalHealth {
            state,
            waiting: waiting as u64,
            durable: durable.position,
            events: counters.events.load(Ordering::Relaxed),
            octets: counters.octets.load(Ordering::Relaxed),
            commits: counters.commits.load(Ordering::Relaxed),
            failures: counters.failures.load(Ordering::Relaxed),
            blocked: counters.blocked.load(Ordering::Relaxed),
            misnumbered: counters.misnumbered.load(Ordering::Relaxed),
        }
    }
}

impl Inner {
    fn close(&self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        // A writer that has ended already needs no telling.
        let _ = self.queue.send(Message::Stop);
        if let Some(thread) = lock(&self.thread).take()
            && thread.join().is_err()
        {
            tracing::error!("the journal's writer ended by a fault of ours");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

/// The tenant's folder within the state folder.
fn folder(state: &Path, tenant: &TenantId) -> Result<PathBuf, JournalError> {
    let name = tenant.as_str();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_plain) {
        return Err(JournalError::Tenant { tenant: name.into() });
    }
    Ok(state.join("journal").join(name))
}

/// Folds the log from the checkpoint to its end, and cuts a torn tail. Returns how much was cut.
fn read_through(folder: &Path) -> Result<(Checkpoint, u64), JournalError> {
    let segments = segment::list(folder)?;
    let mut folds = Checkpoint::load(folder).unwrap_or_default();
    let from = segments.partition_point(|segment| Some(segment.first) <= folds.at);
    let (mut end, mut cut) = (None, 0);
    for (index, segment) in segments.iter().enumerate().skip(from.saturating_sub(1)) {
        match fold_segment(segment, &mut folds, &mut end)? {
            Tail::Whole => {}
            // What the checkpoint stands for was on disk: then the tail is not torn but damaged.
            Tail::Torn(offset) if index + 1 == segments.len() && end >= folds.at => {
                cut = segment::cut(segment, offset)?;
                tracing::warn!(file = %segment.path.display(), octets = cut, "torn tail cut");
            }
            Tail::Torn(offset) | Tail::Damaged(offset) => {
                let path = segment.path.clone();
                return Err(JournalError::Damaged { path, offset, last: end });
            }
        }
    }
    match folds.at {
        Some(expected) if end < folds.at => {
            Err(JournalError::Missing { folder: folder.to_path_buf(), end, expected })
        }
        _ => Ok((folds, cut)),
    }
}

fn fold_segment(
    segment: &segment::Segment,
    folds: &mut Checkpoint,
    end: &mut Option<Position>,
) -> Result<Tail, JournalError> {
    segment::scan(segment, |position, json| {
        if Some(position) > folds.at {
            let event = segment::decode(json)?;
            folds.floor.apply(&event);
            folds.accounts.apply(&event);
            folds.at = Some(position);
        }
        *end = Some(position);
        Ok(())
    })
}

/// The next epoch, put on disk before anything is done in it: ids made of it may be seen outside
/// before the first event is written.
fn begin_epoch(folder: &Path, last: Option<Position>) -> Result<Epoch, JournalError> {
    let path = folder.join("epoch");
    let kept = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse::<u32>().ok());
    let logged = last.map_or(0, |last| last.epoch.number());
    let epoch = kept.unwrap_or(0).max(logged).saturating_add(1);
    let octets = format!("{epoch}\n");
    let written = checkpoint::replace(&folder.join("epoch.tmp"), &path, octets.as_bytes());
    written.map_err(JournalError::io("write", &path))?;
    segment::sync_folder(folder).map_err(JournalError::io("write", folder))?;
    Ok(Epoch::new(epoch))
}

fn shared(folder: PathBuf, folds: &Checkpoint) -> Result<Shared, JournalError> {
    let (durable, _) = watch::channel(Durable { position: folds.at, closed: false });
    Ok(Shared {
        durable,
        recent: Mutex::new(Recent::after(folds.at)),
        segments: Mutex::new(segment::list(&folder)?),
        accounts: Mutex::new(folds.accounts.clone()),
        failing: Mutex::default(),
        stopping: false.into(),
        counters: Counters::default(),
        folder,
    })
}

#[cfg(test)]
mod tests;
