//! The floor's commands, each to the driver that carries it out.

use std::sync::{Arc, Mutex, PoisonError};

use media::Media;
use model::EventKind;
use recording::Recorder;
use runtime::Drivers;
use store::Journal;
use switchboard::ports::Command;

/// The recorder, until the stop takes it out to wait for its last file.
pub(crate) type RecorderCell = Arc<Mutex<Option<Recorder>>>;

/// What the floor commands goes through here, on the floor's thread.
#[derive(Debug)]
pub(crate) struct Outlets {
    pub(crate) sip: sip_net::Handle,
    pub(crate) media: Arc<Media>,
    pub(crate) recorder: RecorderCell,
    pub(crate) journal: Journal,
    pub(crate) replies: Arc<api::Replies>,
}

impl Drivers for Outlets {
    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Leg { leg, command } => {
                if self.sip.command_waiting(leg, command).is_err() {
                    tracing::error!(%leg, "signalling has ended; a command to it is lost");
                }
            }
            Command::Media { leg, command } => self.media.command(leg, command),
            Command::Recording { recording, command } => {
                let recorder = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(recorder) = recorder.as_ref() {
                    recorder.command(recording, command);
                }
            }
            Command::Reply { reply, result } => self.replies.complete(reply, result),
            Command::Publish(event) => {
                trace(&event);
                if let (EventKind::CallArrived { .. }, Some(leg)) = (&event.kind, event.leg) {
                    self.sip.looked_at(leg);
                }
                if self.journal.append(event).is_err() {
                    tracing::error!("the journal is closed; an event is lost");
                }
            }
        }
    }
}

/// One line for each event, so that one call can be followed by its id.
fn trace(event: &model::Event) {
    let show = |it: Option<String>| it.unwrap_or_default();
    tracing::info!(
        kind = event.kind.name(),
        seq = event.seq,
        call = show(event.call.map(|call| call.to_string())),
        leg = show(event.leg.map(|leg| leg.to_string())),
        agent = show(event.agent.map(|agent| agent.to_string())),
        queue = show(event.queue.as_ref().map(ToString::to_string)),
        cause = show(event.cause.map(|cause| cause.to_string())),
        actor = %event.actor,
        "event"
    );
}
