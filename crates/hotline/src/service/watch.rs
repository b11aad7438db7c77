//! Looking after a running service: its parts, and the wall clock.

use std::sync::PoisonError;
use std::time::Duration;

use store::JournalState;
use switchboard::ports::Input;

use super::Running;
use crate::failure::Failure;

/// How often the parts are looked after.
const LOOK: Duration = Duration::from_millis(500);

/// A wall clock moved by more than this is written into the log.
const STEP_MICROS: i64 = 500_000;

impl Running {
    /// Returns when a part that all calls need has ended without being asked to: then whoever
    /// supervises the process must start it anew. Looks after the wall clock as well.
    pub(crate) async fn broken(&self) -> Failure {
        let mut look = tokio::time::interval(LOOK);
        let mut known = self.clock.wall_step();
        loop {
            if let Some(part) = self.ended_part() {
                let text = format!("{part} has ended by a fault of ours; see the log");
                return Failure::new(text);
            }
            look.tick().await;
            let step = self.clock.wall_step();
            if (step - known).abs() > STEP_MICROS {
                let kind = model::EventKind::ClockStepped { by_ms: (step - known) / 1_000 };
                let (actor, kind) = (model::Actor::system(), Box::new(kind));
                let note = Input::Note { actor, call: None, kind };
                // A floor that is gone is what this loop waits for.
                let _ = self.inbox().put(note);
                known = step;
            }
        }
    }

    fn ended_part(&self) -> Option<&'static str> {
        let recorder = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
        let records = recorder.as_ref().is_some_and(recording::Recorder::is_running);
        let writes = self.journal.health().state != JournalState::Closed;
        [
            (!self.runtime.is_over(), "the floor"),
            (self.sip.is_running(), "signalling"),
            (self.media.is_running(), "media"),
            (records, "recording"),
            (writes, "the journal"),
            (!self.http.is_over(), "the API"),
        ]
        .into_iter()
        .find_map(|(runs, part)| (!runs).then_some(part))
    }
}
