//! Taking a service down: nothing said is lost, and nothing waits for ever.

use std::future::Future;
use std::sync::PoisonError;
use std::time::Duration;

use clock::Clock;
use model::Timestamp;
use tokio::time::timeout;

use super::{Running, STOP_PATIENCE};

/// How long one part may take to end, beyond what it allows itself: the journal tries for ten
/// seconds to write to a disk that refuses.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long all of it may take: supervisors kill what takes longer than a minute and a half.
const IN_ALL: Duration = Duration::from_secs(50);

/// What a part is given when the others have used up the time.
const LEAST: Duration = Duration::from_millis(500);

impl Running {
    /// Takes everything down in order. What does not end in time is said in the log and left as a
    /// crash would leave it, which costs nothing that was on disk.
    pub(crate) async fn stop(self) {
        let Self { runtime, sip, media, recorder, journal, projector, database, http, .. } = self;
        let patience = Patience { clock: self.clock, until: self.clock.now() + IN_ALL };
        // The floor waits for calls to end and recordings to be sealed, on its own thread.
        patience.wait("the floor", blocking(move || runtime.stop(STOP_PATIENCE))).await;
        patience.wait("signalling", sip.shutdown()).await;
        let closing = journal.clone();
        let audio = move || {
            media.stop();
            let recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Waits for the last file; metrics must not wait with it.
            drop(recorder);
        };
        patience.wait("audio", blocking(audio)).await;
        patience.wait("the journal", blocking(move || closing.close())).await;
        patience.wait("registrations", async { drop(self.keeping.await) }).await;
        patience.wait("recordings", async { drop(self.following.await) }).await;
        patience.wait("those who watch agents", async { drop(self.telling.await) }).await;
        patience.wait("the API", http.stop()).await;
        patience.wait("the projections", projector.stop()).await;
        patience.wait("the database", database.close()).await;
    }
}

/// How long a stop may still take.
struct Patience {
    clock: Clock,
    until: Timestamp,
}

impl Patience {
    async fn wait(&self, part: &str, end: impl Future<Output = ()>) {
        let left = self.until.since(self.clock.now()).clamp(LEAST, PATIENCE);
        if timeout(left, end).await.is_err() {
            tracing::error!(part, "does not end in time and is left behind");
        }
    }
}

async fn blocking(end: impl FnOnce() + Send + 'static) {
    if tokio::task::spawn_blocking(end).await.is_err() {
        tracing::error!("a part could not be stopped in order");
    }
}
