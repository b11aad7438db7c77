//! Follows the journal and keeps the SQL projections.
//!
//! A batch of events and the mark of the last of them go into the database in one transaction, so
//! that every event counts exactly once whatever ends the process when. A database that stalls or
//! refuses is tried again; nothing else waits for it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use insight::{AgentHistory, Calls, Cdr, Segment, StateInterval};
use model::{CallId, Event, EventKind, RecordingId};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::sleep;

use crate::recording::{RecordingRow, RecordingState, concerned};
use crate::rows::Rows;
use crate::{Database, DatabaseError, Journal, JournalError, Position, Subscription};

/// How long a refused batch waits before it is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// How long the projector rests once it has caught up, unless somebody waits for it: what comes
/// meanwhile shares a transaction, and a call that changes often is written less often.
const REST: Duration = Duration::from_secs(1);

/// So many events end the rest: half of what the journal keeps in memory.
const FULL: u64 = 8_192;

/// How often it looks whether so many have come.
const LOOK: Duration = Duration::from_millis(100);

/// After so many events the projector lets others have its thread.
const TURN: usize = 256;

/// So many rows are written before more are gathered: as many as one statement takes. In one place for
/// thousands, fresh memory costs more than the rows.
const MUCH: usize = 64;

/// The most recordings under way that are kept in memory.
const UNDER_WAY: usize = 10_000;

/// How the projections do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProjectorHealth {
    /// The last event they hold.
    pub mark: Option<Position>,
    /// Batches applied since start.
    pub batches: u64,
    /// Batches refused since start; they are tried again.
    pub failures: u64,
    /// Why they do not go on, while they do not.
    pub failing: Option<String>,
}

/// Keeps one tenant's projections, until stopped or dropped.
#[derive(Debug)]
pub struct Projector {
    task: Mutex<Option<JoinHandle<()>>>,
    stop: watch::Sender<bool>,
    marks: watch::Receiver<Option<Position>>,
    awaited: Arc<Notify>,
    health: Arc<Mutex<ProjectorHealth>>,
}

impl Projector {
    /// Starts to follow `journal`. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(journal: Journal, database: Database) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (mark, marks) = watch::channel(None);
        let health = Arc::<Mutex<ProjectorHealth>>::default();
        let awaited = Arc::new(Notify::new());
        let (their_awaited, their_health) = (Arc::clone(&awaited), Arc::clone(&health));
        let follower =
            Follower { journal, database, mark, awaited: their_awaited, health: their_health };
        let task = Mutex::new(Some(tokio::spawn(follower.run(stopped))));
        Self { task, stop, marks, awaited, health }
    }

    /// How it does.
    #[must_use]
    pub fn health(&self) -> ProjectorHealth {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the projections hold everything up to `position`. Where a database refuses, that
    /// is when it no longer does.
    pub async fn reached(&self, position: Position) {
        let mut marks = self.marks.clone();
        if *marks.borrow() < Some(position) {
            self.awaited.notify_one();
        }
        // An end of the projector is no answer, but there will be no other.
        let _ = marks.wait_for(|mark| *mark >= Some(position)).await;
    }

    /// Stops after the batch at hand.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the projector ended by a fault of ours");
        }
    }
}

struct Follower {
    journal: Journal,
    database: Database,
    mark: watch::Sender<Option<Position>>,
    /// Somebody waits for the projections.
    awaited: Arc<Notify>,
    health: Arc<Mutex<ProjectorHealth>>,
}

/// What the projections hold that is still open, and where they stand.
struct Place {
    calls: Calls,
    history: AgentHistory,
    recordings: BTreeMap<RecordingId, RecordingRow>,
    subscription: Subscription,
}

/// Why the projections do not go on.
enum Halt {
    /// The journal was closed.
    Closed,
    /// To be tried again.
    Trouble(String),
}

impl From<DatabaseError> for Halt {
    fn from(error: DatabaseError) -> Self {
        Self::Trouble(error.to_string())
    }
}

impl From<JournalError> for Halt {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Closed => Self::Closed,
            JournalError::Ahead { .. } => Self::Trouble(format!(
                "the database is not of this journal ({error}): name another, or rebuild the \
                 projections"
            )),
            error @ (JournalError::Tenant { .. }
            | JournalError::InUse { .. }
            | JournalError::Io { .. }
            | JournalError::Missing { .. }
            | JournalError::Damaged { .. }) => Self::Trouble(error.to_string()),
        }
    }
}

impl Follower {
    async fn run(self, mut stopped: watch::Receiver<bool>) {
        loop {
            let halt = tokio::select! {
                halt = self.follow() => halt,
                // Between two batches, or in one: then the transaction is not committed.
                _ = stopped.wait_for(|stopped| *stopped) => return,
            };
            let Halt::Trouble(error) = halt else { return };
            self.report(error);
            tokio::select! {
                () = sleep(RETRY) => {}
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
        }
    }

    /// Follows until something is wrong; begins from what is in the database.
    async fn follow(&self) -> Halt {
        let mut place = match self.take_up().await {
            Ok(place) => place,
            Err(halt) => return halt,
        };
        loop {
            let events = match place.subscription.next().await {
                Ok(events) => events,
                Err(error) => return error.into(),
            };
            if let Err(error) = self.apply(&mut place, &events).await {
                return error.into();
            }
            if place.subscription.position() == self.journal.durable() {
                self.rest(&place.subscription).await;
            }
        }
    }

    async fn rest(&self, subscription: &Subscription) {
        let full = async {
            while subscription.waiting() < FULL {
                sleep(LOOK).await;
            }
        };
        tokio::select! {
            () = sleep(REST) => {}
            () = self.awaited.notified() => {}
            () = full => {}
        }
    }

    async fn take_up(&self) -> Result<Place, Halt> {
        let mark = self.database.mark().await?;
        let (mut calls, mut history) = (Calls::default(), AgentHistory::default());
        self.database.open_calls().await?.into_iter().for_each(|cdr| calls.restore(cdr));
        self.database.open_states().await?.into_iter().for_each(|row| history.restore(row));
        let subscription = self.journal.subscribe(mark)?;
        self.mark.send_replace(mark);
        self.change(|health| health.mark = mark);
        Ok(Place { calls, history, recordings: BTreeMap::new(), subscription })
    }

    async fn apply(&self, place: &mut Place, events: &[Arc<Event>]) -> Result<(), DatabaseError> {
        let Some(last) = events.last().map(|event| Position::of(event)) else { return Ok(()) };
        let mut transaction = self.database.pool.begin().await?;
        let mut rows = Rows { connection: &mut transaction, tenant: &self.database.tenant };
        let mut changed = Changed::default();
        for (n, event) in events.iter().enumerate() {
            if n % TURN == TURN - 1 {
                yield_now().await;
            }
            changed.recording(&mut rows, event, place).await?;
            if let Some(cdr) = place.calls.apply(event) {
                changed.ended(cdr);
            }
            changed.intervals.extend(place.history.apply(event));
            if changed.is_much() {
                changed.write_what_is_over(&mut rows).await?;
            }
        }
        // What changed and is still open, once for the batch.
        let calls: BTreeSet<_> = events.iter().filter_map(|event| event.call).collect();
        let agents: BTreeSet<_> = events.iter().filter_map(|event| event.agent).collect();
        changed.calls.extend(calls.iter().filter_map(|it| place.calls.open().get(it)).cloned());
        let states = place.history.open();
        changed.intervals.extend(agents.iter().filter_map(|agent| states.get(agent)).cloned());
        changed.keep(place);
        changed.write(&mut rows).await?;
        rows.put_mark(last).await?;
        transaction.commit().await?;
        self.went_well(last);
        Ok(())
    }

    fn went_well(&self, last: Position) {
        self.mark.send_replace(Some(last));
        self.change(|health| {
            if health.failing.take().is_some() {
                tracing::info!("the projections go on");
            }
            health.mark = Some(last);
            health.batches += 1;
        });
    }

    fn report(&self, error: String) {
        self.change(|health| {
            health.failures += 1;
            if health.failing.as_ref() != Some(&error) {
                tracing::warn!(%error, "the projections wait");
                health.failing = Some(error);
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut ProjectorHealth)) {
        change(&mut self.health.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The rows that a batch changes, each once.
#[derive(Default)]
struct Changed {
    calls: Vec<Cdr>,
    segments: Vec<(CallId, u64, Segment)>,
    intervals: Vec<StateInterval>,
    recordings: BTreeMap<RecordingId, RecordingRow>,
}

impl Changed {
    async fn recording(
        &mut self,
        rows: &mut Rows<'_>,
        event: &Event,
        place: &mut Place,
    ) -> Result<(), DatabaseError> {
        let Some(recording) = concerned(event) else { return Ok(()) };
        let row = match self.recordings.entry(recording) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let kept = match place.recordings.remove(&recording) {
                    Some(row) => Some(row),
                    // Nothing is known of what begins.
                    None if matches!(event.kind, EventKind::RecordingStarted { .. }) => None,
                    None => rows.recording(recording).await?,
                };
                let call = place.calls.open().get(&recording.call);
                unknown.insert(kept.unwrap_or_else(|| RecordingRow::begin(recording, event, call)))
            }
        };
        row.apply(event);
        Ok(())
    }

    /// Keeps recordings that are under way for the batches to come.
    fn keep(&self, place: &mut Place) {
        let under_way =
            self.recordings.iter().filter(|(_, row)| row.state == RecordingState::Started);
        for (recording, row) in under_way {
            if place.recordings.len() < UNDER_WAY {
                place.recordings.insert(*recording, row.clone());
            }
        }
    }

    /// A call is over, and with it its segments.
    fn ended(&mut self, cdr: Cdr) {
        let segments = (0..).zip(cdr.segments.iter().cloned());
        self.segments.extend(segments.map(|(n, segment)| (cdr.call, n, segment)));
        self.calls.push(cdr);
    }

    fn is_much(&self) -> bool {
        self.calls.len() >= MUCH || self.segments.len() >= MUCH || self.intervals.len() >= MUCH
    }

    /// Writes calls, segments and intervals, and forgets them: what is over changes no more.
    async fn write_what_is_over(&mut self, rows: &mut Rows<'_>) -> Result<(), DatabaseError> {
        rows.put_calls(&self.calls).await?;
        self.calls.clear();
        rows.put_segments(&self.segments).await?;
        self.segments.clear();
        rows.put_intervals(&self.intervals).await?;
        self.intervals.clear();
        Ok(())
    }

    async fn write(mut self, rows: &mut Rows<'_>) -> Result<(), DatabaseError> {
        self.write_what_is_over(rows).await?;
        let recordings: Vec<_> = self.recordings.into_values().collect();
        rows.put_recordings(&recordings).await
    }
}

#[cfg(test)]
mod tests;
