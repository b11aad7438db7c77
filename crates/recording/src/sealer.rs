//! The sealer: turns finished parts into WAV files and reports them.
//!
//! A sealed part's own file stays for [`GRACE`] after the report: should the service be killed
//! before the report is in the journal, the next start finds the file and reports again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use clock::Clock;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use model::{RecordingId, Timestamp};
use switchboard::ports::RecordingFact;

use crate::error::failure;
use crate::folder::{Folder, Place};
use crate::recorder::Shared;
use crate::seal::{Circumstances, Sealed, seal};

/// Much longer than the journal takes to make an event durable.
const GRACE: Duration = Duration::from_secs(2);
/// How long a part that could not be sealed waits before the next attempt.
const RETRY: Duration = Duration::from_secs(30);
/// Most things put off; what does not fit is done by the next start.
const MOST_LATER: usize = 16_384;

/// A finished part.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) recording: RecordingId,
    pub(crate) place: Place,
    /// Frames lost of which the file does not speak.
    pub(crate) lost_frames: u64,
    /// Whether a failure of this part has been reported.
    pub(crate) failed: bool,
}

/// What the sealer thread owns.
#[derive(Debug)]
pub(crate) struct Sealer {
    folder: Arc<Folder>,
    shared: Arc<Shared>,
    later: BTreeMap<(Timestamp, u64), Later>,
    deferred: u64,
}

/// What is put off.
#[derive(Debug)]
enum Later {
    Seal(Job),
    Remove(Place),
}

impl Sealer {
    pub(crate) const fn new(folder: Arc<Folder>, shared: Arc<Shared>) -> Self {
        Self { folder, shared, later: BTreeMap::new(), deferred: 0 }
    }

    /// Works until the writer is gone and every part is sealed or left to the next start.
    pub(crate) fn run(mut self, jobs: &Receiver<Job>, clock: Clock) {
        loop {
            let job = match self.later.first_key_value() {
                Some((&(due, _), _)) => jobs.recv_deadline(clock.instant(due)),
                None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match job {
                Ok(job) => {
                    self.seal(job, clock.now());
                    self.shared.sealing_ends();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.catch_up(clock.now());
        }
        for later in std::mem::take(&mut self.later).into_values() {
            if let Later::Remove(place) = later {
                remove(&place);
            }
        }
    }

    /// Does what was put off and is due.
    fn catch_up(&mut self, now: Timestamp) {
        while let Some(entry) = self.later.first_entry()
            && entry.key().0 <= now
        {
            match entry.remove() {
                Later::Seal(job) => self.seal(job, now),
                Later::Remove(place) => remove(&place),
            }
        }
    }

    fn seal(&mut self, mut job: Job, now: Timestamp) {
        let circumstances = Circumstances { recovered: false, lost_frames: job.lost_frames };
        match seal(&job.place, circumstances) {
            Ok(sealed) => {
                self.shared.report_sealed(job.recording, fact(&self.folder, &job.place, &sealed));
                settle(&job.place, &sealed, |place| {
                    self.put_off(now + GRACE, Later::Remove(place))
                });
            }
            Err(error) => {
                let text = give_up_or_wait(&job.place, &error);
                if !std::mem::replace(&mut job.failed, true) {
                    self.shared.report_failure(job.recording, text);
                }
                if error.kind() != io::ErrorKind::InvalidData {
                    self.put_off(now + RETRY, Later::Seal(job));
                }
            }
        }
    }

    fn put_off(&mut self, until: Timestamp, later: Later) {
        if self.later.len() < MOST_LATER {
            self.deferred += 1;
            self.later.insert((until, self.deferred), later);
        }
    }
}

/// The fact that says a part is complete on disk.
pub(crate) fn fact(folder: &Folder, place: &Place, sealed: &Sealed) -> RecordingFact {
    RecordingFact::Sealed {
        file: folder.relative(&place.sealed()),
        octets: sealed.octets,
        duration: sealed.duration,
        sha256: sealed.sha256.clone(),
        lost_frames: sealed.lost_frames,
        recovered: sealed.recovered,
    }
}

/// Decides what becomes of the file of a part that is sealed: `remove` takes it, or it is kept
/// aside because some of it could not be read.
pub(crate) fn settle(place: &Place, sealed: &Sealed, remove: impl FnOnce(Place)) {
    if sealed.damaged {
        keep_aside(place);
    } else {
        remove(place.clone());
    }
}

/// Keeps aside a part that no further attempt could seal; gives the words for either case.
pub(crate) fn give_up_or_wait(place: &Place, error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::InvalidData {
        keep_aside(place);
        return failure("read; it is kept for inspection", &place.damaged(), error);
    }
    failure("sealed; what was captured is kept and will be tried again", &place.part(), error)
}

/// Removes the file of a part that is sealed. When that fails it is found at the next start, which
/// reports the sealed file again.
pub(crate) fn remove(place: &Place) {
    if let Err(error) = fs::remove_file(place.part()) {
        tracing::warn!(part = %place.part().display(), %error, "sealed part could not be removed");
    }
}

fn keep_aside(place: &Place) {
    if let Err(error) = fs::rename(place.part(), place.damaged()) {
        tracing::warn!(part = %place.part().display(), %error, "part could not be kept aside");
    }
}
