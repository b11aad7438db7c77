//! The floor as it is.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::{Actor, AgentId, Refusal};
use serde::Serialize;
use serde_json::json;
use store::JournalState;
use switchboard::ports::{Reply, Request};
use switchboard::status::{AgentStatus, QueueStatus, Status};
use tokio::time::timeout;

use crate::app::App;
use crate::problem::{Kind, Problem};
use crate::request::{Named, id};
use crate::token::Person;

/// How long the database may take to catch up with the log.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    #[serde(flatten)]
    status: Status,
    /// The last event on disk, where an event stream that is to miss nothing begins.
    durable: Option<String>,
    /// The token's role.
    role: String,
}

/// Asks the floor how it is.
pub(crate) async fn ask(app: &App, actor: Actor) -> Result<Status, Problem> {
    match app.wiring.floor.ask(actor, Request::Status).await? {
        Reply::Status(status) => Ok(*status),
        Reply::Agent(_) | Reply::Remembered(_) | Reply::Done => Err(Kind::Fault.into()),
    }
}

/// Waits until all that has happened on the floor so far is on disk.
pub(crate) async fn written(app: &App, actor: Actor) -> Result<(), Problem> {
    // What the floor answers comes after what it has written.
    ask(app, actor).await?;
    let journal = app.wiring.journal.clone();
    let flushed = tokio::task::spawn_blocking(move || journal.flush()).await;
    Ok(flushed.map_err(|_| Problem::from(Kind::Fault))??)
}

/// Waits until the database tells all that has happened on the floor so far.
pub(crate) async fn caught_up(app: &App, actor: Actor) -> Result<(), Problem> {
    written(app, actor).await?;
    let Some(end) = app.wiring.journal.durable() else { return Ok(()) };
    let told = timeout(PATIENCE, app.wiring.projector.reached(end)).await;
    told.map_err(|_| Kind::DatabaseDown.into())
}

async fn seen_by(app: &App, person: &Person) -> Result<Status, Problem> {
    let mut status = ask(app, person.actor()).await?;
    if !person.role.sees_numbers() {
        crate::mask::status(&mut status);
    }
    Ok(status)
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    person: Person,
) -> Result<Json<Shown>, Problem> {
    // The mark is taken first: an event that comes in between is told twice, never not at all.
    let durable = app.wiring.journal.durable().map(|position| position.to_string());
    let status = seen_by(&app, &person).await?;
    Ok(Json(Shown { status, durable, role: person.role.to_string() }))
}

#[derive(Debug, Serialize)]
pub(crate) struct Queues {
    queues: Vec<QueueStatus>,
}

pub(crate) async fn queues(
    State(app): State<Arc<App>>,
    person: Person,
) -> Result<Json<Queues>, Problem> {
    seen_by(&app, &person).await.map(|status| Json(Queues { queues: status.queues }))
}

#[derive(Debug, Serialize)]
pub(crate) struct Agents {
    agents: Vec<AgentStatus>,
}

pub(crate) async fn agents(
    State(app): State<Arc<App>>,
    person: Person,
) -> Result<Json<Agents>, Problem> {
    seen_by(&app, &person).await.map(|status| Json(Agents { agents: status.agents }))
}

pub(crate) async fn agent(
    State(app): State<Arc<App>>,
    person: Person,
    Named(agent): Named,
) -> Result<Json<AgentStatus>, Problem> {
    let agent = id::<AgentId>(&agent)?;
    let status = seen_by(&app, &person).await?;
    let found = status.agents.into_iter().find(|row| row.agent == agent);
    found.map(Json).ok_or_else(|| Refusal::AgentUnknown.into())
}

/// Whether calls can be taken and written down. Says nothing else, because it asks for no token.
pub(crate) async fn health(State(app): State<Arc<App>>) -> Response {
    let floor = ask(&app, Actor::system()).await.is_ok();
    let journal = match app.wiring.journal.health().state {
        JournalState::Well | JournalState::Lagging => true,
        JournalState::Failing(_) | JournalState::Closed => false,
    };
    let database = app.wiring.projector.health().failing.is_none();
    // A stalled database delays records and stops no call.
    let status = match floor && journal {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let body = json!({ "floor": floor, "journal": journal, "database": database });
    (status, Json(body)).into_response()
}
