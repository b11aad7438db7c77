//! Taking a service down: nothing said is lost, and nothing waits for ever.

use std::future::Future;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::timeout;

use super::{Running, STOP_PATIENCE};

/// How long one part may take to end, beyond what it allows itself: the journal tries for ten
/// seconds to write to a disk that refuses.
const PATIENCE: Duration = Duration::from_secs(15);

impl Running {
    /// Takes everything down in order. What does not end in time is said in the log and left as a
    /// crash would leave it, which costs nothing that was on disk.
    pub(crate) async fn stop(self) {
        let Self { runtime, sip, media, recorder, journal, projector, database, http, .. } = self;
        // The floor waits for calls to end and recordings to be sealed, on its own thread.
        within("the floor", blocking(move || runtime.stop(STOP_PATIENCE))).await;
        within("signalling", sip.shutdown()).await;
        let closing = journal.clone();
        let audio = move || {
            media.stop();
            let recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Waits for the last file; metrics must not wait with it.
            drop(recorder);
        };
        within("audio", blocking(audio)).await;
        within("the journal", blocking(move || closing.close())).await;
        within("registrations", async { drop(self.keeping.await) }).await;
        within("recordings", async { drop(self.following.await) }).await;
        within("the API", http.stop()).await;
        within("the projections", projector.stop()).await;
        within("the database", database.close()).await;
    }
}

async fn within(part: &str, end: impl Future<Output = ()>) {
    if timeout(PATIENCE, end).await.is_err() {
        tracing::error!(part, "does not end in time and is left behind");
    }
}

async fn blocking(end: impl FnOnce() + Send + 'static) {
    if tokio::task::spawn_blocking(end).await.is_err() {
        tracing::error!("a part could not be stopped in order");
    }
}
