//! The log as a stream over WebSocket.
//!
//! The first message says after which position the stream begins, `{"after":"3:17"}`; every other
//! is one event. A consumer that is cut off connects again with `?after=` and the position of the
//! last event it has dealt with, and misses nothing. Only events that are on disk are sent.
//!
//! | closed with | when |
//! |---|---|
//! | 1001 | the service stops; or nothing was heard from the consumer for a minute |
//! | 1011 | the journal cannot be read |
//! | 1013 | the consumer takes events more slowly than they come to be sent |

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use model::Event;
use serde::Deserialize;
use serde_json::json;
use store::{JournalError, Position, Subscription};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::app::App;
use crate::problem::{Kind, Problem};
use crate::request::{Parameters, parameter};
use crate::serve::stopped;
use crate::token::Person;

/// How long one message may take to be taken. Tests need not wait as long as people.
const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 10 });

/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// How often a silent consumer is asked whether it is there.
const PING: Duration = Duration::from_secs(20);

/// How many pings may go unheard.
const UNHEARD: u32 = 3;

/// The longest message taken from a consumer, in octets: it has nothing to say.
const LONGEST: usize = 4 << 10;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    after: Option<String>,
}

pub(crate) async fn stream(
    State(app): State<Arc<App>>,
    person: Person,
    Parameters(wanted): Parameters<Wanted>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|_| Problem::from(Kind::UpgradeRequired))?;
    let after = parameter::<Position>("after", wanted.after.as_deref())?;
    let journal = &app.wiring.journal;
    // The beginning of the log is before the first event: 0:0.
    let after = after.or_else(|| journal.durable());
    let events = journal.subscribe(after)?;
    let permit = Arc::clone(&app.streams).try_acquire_owned();
    let permit = permit.map_err(|_| Problem::from(Kind::TooMany))?;
    let stop = app.stop.clone();
    let numbers = if person.role.sees_numbers() { Numbers::Whole } else { Numbers::Masked };
    let upgrade = upgrade.max_message_size(LONGEST).protocols(["hotline"]);
    Ok(upgrade.on_upgrade(move |socket| {
        let consumer = Consumer { socket, events, place: after, stop, numbers, _permit: permit };
        consumer.serve()
    }))
}

struct Consumer {
    socket: WebSocket,
    events: Subscription,
    /// The last event the socket took.
    place: Option<Position>,
    stop: watch::Receiver<bool>,
    numbers: Numbers,
    _permit: OwnedSemaphorePermit,
}

/// How customers' numbers are shown.
#[derive(Clone, Copy)]
enum Numbers {
    Whole,
    Masked,
}

/// Why a stream ends.
enum End {
    /// The consumer has gone.
    Gone,
    /// We close it.
    Close(u16, &'static str),
}

/// What happens next to a stream.
enum Step {
    Events(Result<Vec<Arc<Event>>, JournalError>),
    Heard,
    Gone,
    Ping,
    Stop,
}

impl Consumer {
    async fn serve(mut self) {
        let End::Close(code, reason) = self.send_all().await else { return };
        let reason = format!("{reason}; resume after {}", self.place());
        let frame = CloseFrame { code, reason: reason.into() };
        // Whoever does not take the close frame in time loses the connection without one.
        let _ = timeout(GOODBYE, self.socket.send(Message::Close(Some(frame)))).await;
    }

    fn place(&self) -> String {
        self.place.map_or_else(|| "0:0".into(), |position| position.to_string())
    }

    async fn send_all(&mut self) -> End {
        let mut ping = interval(PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut unheard = 0;
        let hello = json!({ "after": self.place() }).to_string();
        let mut sent = self.send(Message::text(hello)).await;
        while sent.is_ok() {
            let step = tokio::select! {
                events = self.events.next() => Step::Events(events),
                heard = self.socket.recv() => match heard {
                    Some(Ok(_)) => Step::Heard,
                    Some(Err(_)) | None => Step::Gone,
                },
                _ = ping.tick() => Step::Ping,
                () = stopped(&mut self.stop) => Step::Stop,
            };
            unheard = match step {
                Step::Heard => 0,
                Step::Ping => unheard + 1,
                Step::Events(_) | Step::Gone | Step::Stop => unheard,
            };
            sent = self.take(step, unheard).await;
        }
        sent.err().unwrap_or(End::Gone)
    }

    async fn take(&mut self, step: Step, unheard: u32) -> Result<(), End> {
        match step {
            Step::Events(Ok(events)) => self.send_events(&events).await,
            Step::Events(Err(error)) => Err(failed(&error)),
            Step::Heard => Ok(()),
            Step::Gone => Err(End::Gone),
            Step::Ping if unheard > UNHEARD => Err(End::Close(1001, "nothing was heard")),
            Step::Ping => self.send(Message::Ping(Bytes::new())).await,
            Step::Stop => Err(End::Close(1001, "the service stops")),
        }
    }

    async fn send_events(&mut self, events: &[Arc<Event>]) -> Result<(), End> {
        for event in events {
            let text = self.text(event).map_err(|_| End::Close(1011, "an event has no JSON"))?;
            self.send(Message::text(text)).await?;
            self.place = Some(Position::of(event));
        }
        Ok(())
    }

    fn text(&self, event: &Event) -> Result<String, serde_json::Error> {
        match self.numbers {
            Numbers::Whole => serde_json::to_string(event),
            Numbers::Masked => {
                let mut masked = event.clone();
                crate::mask::event(&mut masked);
                serde_json::to_string(&masked)
            }
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(PATIENCE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Close(1013, "events come faster than they are taken")),
        }
    }
}

fn failed(error: &JournalError) -> End {
    if matches!(error, JournalError::Closed) {
        return End::Close(1001, "the service stops");
    }
    tracing::error!(%error, "an event stream cannot read the journal");
    End::Close(1011, "the journal cannot be read")
}
