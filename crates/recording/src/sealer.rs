//! The sealer: turns finished parts into WAV files and reports them.
//!
//! A sealed part's own file stays: only when the log says for certain that the part is sealed may
//! it go, and that is for whoever reads the log to say ([`forget_part`]). Whatever comes between,
//! the next start finds the file and reports again.

use std::collections::BTreeMap;
use std::path::{Component, Path};
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

/// How long a part that could not be sealed waits before the next attempt.
const RETRY: Duration = Duration::from_secs(30);
/// Most parts put off; what does not fit is sealed by the next start.
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
    /// Parts to be tried again, by when.
    later: BTreeMap<(Timestamp, u64), Job>,
    deferred: u64,
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
    }

    /// Tries again what was put off and is due.
    fn catch_up(&mut self, now: Timestamp) {
        while let Some(entry) = self.later.first_entry()
            && entry.key().0 <= now
        {
            let job = entry.remove();
            self.seal(job, now);
        }
    }

    fn seal(&mut self, mut job: Job, now: Timestamp) {
        let circumstances = Circumstances { recovered: false, lost_frames: job.lost_frames };
        match seal(&job.place, circumstances) {
            Ok(sealed) => {
                settle(&job.place, &sealed);
                self.shared.report_sealed(job.recording, fact(&self.folder, &job.place, &sealed));
            }
            Err(error) => {
                let text = give_up_or_wait(&job.place, &error);
                if !std::mem::replace(&mut job.failed, true) {
                    self.shared.report_failure(job.recording, text);
                }
                if error.kind() != io::ErrorKind::InvalidData {
                    self.put_off(now + RETRY, job);
                }
            }
        }
    }

    fn put_off(&mut self, until: Timestamp, job: Job) {
        if self.later.len() < MOST_LATER {
            self.deferred += 1;
            self.later.insert((until, self.deferred), job);
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

/// Gives the file of a sealed part a second name when some of it could not be read, under which it
/// stays when the first goes.
pub(crate) fn settle(place: &Place, sealed: &Sealed) {
    if sealed.damaged
        && let Err(error) = fs::hard_link(place.part(), place.damaged())
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        tracing::warn!(part = %place.part().display(), %error, "part could not be kept aside");
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

/// Removes what a part was sealed from, once the log says for certain that `file` (as in
/// [`RecordingFact::Sealed`], relative to `folder`) is complete. Until then the next start would
/// find it and report again, so that no crash and no disk that is full for a while can make the
/// log forget a recording. Does nothing when it is gone already.
pub fn forget_part(folder: &Path, file: &str) {
    let file = Path::new(file);
    if !file.components().all(|component| matches!(component, Component::Normal(_))) {
        return;
    }
    let part = folder.join(file).with_extension("part");
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(part = %part.display(), %error, "sealed part could not be removed");
        }
        _ => {}
    }
}

fn keep_aside(place: &Place) {
    if let Err(error) = fs::rename(place.part(), place.damaged()) {
        tracing::warn!(part = %place.part().display(), %error, "part could not be kept aside");
    }
}
