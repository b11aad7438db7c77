//! When what a recording was sealed from may go: once the log holds for certain that it is sealed.
//! A fact that is lost on the way, by a crash or by a disk that stayed full, is reported again at
//! the next start.

use std::path::PathBuf;
use std::time::Duration;

use model::EventKind;
use store::{JournalError, Subscription};
use tokio::task::JoinHandle;

/// How long a log that cannot be read is left alone.
const RETRY: Duration = Duration::from_secs(1);

/// Follows the log until it is closed. Must be called within a tokio runtime.
pub(crate) fn follow_sealed(log: Subscription, recordings: PathBuf) -> JoinHandle<()> {
    tokio::spawn(follow(log, recordings))
}

async fn follow(mut log: Subscription, recordings: PathBuf) {
    loop {
        let events = match log.next().await {
            Ok(events) => events,
            Err(JournalError::Closed) => return,
            Err(error) => {
                tracing::warn!(%error, "the log cannot be read; sealed parts stay where they are");
                tokio::time::sleep(RETRY).await;
                continue;
            }
        };
        let sealed: Vec<String> = events.iter().filter_map(|event| file(&event.kind)).collect();
        if sealed.is_empty() {
            continue;
        }
        let folder = recordings.clone();
        let forgotten = tokio::task::spawn_blocking(move || {
            sealed.iter().for_each(|file| recording::forget_part(&folder, file));
        });
        if forgotten.await.is_err() {
            return;
        }
    }
}

fn file(kind: &EventKind) -> Option<String> {
    if let EventKind::RecordingSealed { file, .. } = kind { Some(file.clone()) } else { None }
}

#[cfg(test)]
mod tests {
    use model::{Actor, CallId, Epoch, Event, RecordingId, TenantId, Timestamp};
    use store::Journal;

    use super::*;

    fn sealed(epoch: Epoch, file: &str) -> Event {
        let call = CallId::new(epoch, 1);
        Event {
            schema: model::Schema::CURRENT,
            tenant: TenantId::from("default"),
            epoch,
            seq: 1,
            at: Timestamp::from_secs(1_763_800_000),
            call: Some(call),
            segment: None,
            leg: None,
            agent: None,
            queue: None,
            actor: Actor::system(),
            cause: None,
            config_version: 1,
            kind: EventKind::RecordingSealed {
                recording: RecordingId { call, part: 1 },
                file: file.to_owned(),
                octets: 1,
                duration_ms: 1,
                sha256: String::new(),
                lost_frames: 0,
                recovered: false,
            },
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_recording_was_sealed_from_goes_when_the_log_holds_it_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let (told, untold) = (folder.path().join("1-1.1.part"), folder.path().join("1-1.2.part"));
        std::fs::write(&told, "").unwrap();
        std::fs::write(&untold, "").unwrap();
        let (journal, opened) = Journal::open(folder.path(), &TenantId::from("default")).unwrap();
        let log = journal.subscribe(opened.last).unwrap();
        let following = follow_sealed(log, folder.path().to_path_buf());
        journal.append(sealed(opened.epoch, "1-1.1.wav")).unwrap();
        tokio::task::spawn_blocking(move || journal.close()).await.unwrap();
        following.await.unwrap();
        assert!(!told.exists() && untold.exists());
    }
}
