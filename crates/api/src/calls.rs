//! Calls: their records, their events, and ending one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use insight::Cdr;
use model::{AgentId, CallId, Event, Outcome, QueueId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{CallFilter, Cursor, NumberFilter, Page, Position};
use switchboard::ports::Request;

use crate::agents::answer;
use crate::app::App;
use crate::problem::{Kind, Problem};
use crate::request::{Named, Octets, Parameters, body, id, parameter};
use crate::token::{Person, Right};

/// The most events of one call that are shown.
const EVENTS: usize = 2_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    since: Option<String>,
    until: Option<String>,
    agent: Option<String>,
    queue: Option<String>,
    outcome: Option<String>,
    number: Option<String>,
    limit: Option<u32>,
    after: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Assign {
    agent: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    queue: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Calls {
    calls: Vec<Cdr>,
    /// To be given as `after` for the page that follows; `None` when there is none.
    next: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Call {
    call: Cdr,
    events: Vec<Event>,
}

/// A command about a live call on its way to the floor.
struct Asked {
    app: Arc<App>,
    person: Person,
    call: CallId,
}

impl Asked {
    fn new(app: Arc<App>, person: Person, right: Right, call: &str) -> Result<Self, Problem> {
        person.may(right)?;
        Ok(Self { app, person, call: id(call)? })
    }

    async fn ask(self, request: Request) -> Result<Response, Problem> {
        let reply = self.app.wiring.floor.ask(self.person.actor(), request).await?;
        Ok(answer(&reply))
    }
}

pub(crate) async fn release(
    State(app): State<Arc<App>>,
    person: Person,
    Named(call): Named,
    octets: Octets,
) -> Result<Response, Problem> {
    let asked = Asked::new(app, person, Right::Release, &call)?;
    let Nothing {} = body(&octets)?;
    let call = asked.call;
    asked.ask(Request::Release { call }).await
}

/// Gives a waiting call to an agent.
pub(crate) async fn assign(
    State(app): State<Arc<App>>,
    person: Person,
    Named(call): Named,
    octets: Octets,
) -> Result<Response, Problem> {
    let asked = Asked::new(app, person, Right::Distribute, &call)?;
    let Assign { agent } = body(&octets)?;
    let (call, agent) = (asked.call, AgentId::new(agent));
    asked.ask(Request::Assign { call, agent }).await
}

/// Lets a waiting call wait in another queue.
pub(crate) async fn move_to(
    State(app): State<Arc<App>>,
    person: Person,
    Named(call): Named,
    octets: Octets,
) -> Result<Response, Problem> {
    let asked = Asked::new(app, person, Right::Distribute, &call)?;
    let Move { queue } = body(&octets)?;
    let (call, queue) = (asked.call, QueueId::from(queue.as_str()));
    asked.ask(Request::Move { call, queue }).await
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    person: Person,
    Parameters(wanted): Parameters<Wanted>,
) -> Result<Json<Calls>, Problem> {
    person.may(Right::Records)?;
    let filter = CallFilter {
        since: parameter::<Timestamp>("since", wanted.since.as_deref())?,
        until: parameter::<Timestamp>("until", wanted.until.as_deref())?,
        agent: parameter::<AgentId>("agent", wanted.agent.as_deref())?,
        queue: wanted.queue.as_deref().map(QueueId::from),
        outcome: wanted.outcome.as_deref().map(outcome).transpose()?,
        number: wanted.number.map(|number| number_filter(&app, number)),
    };
    let page = page(wanted.limit, wanted.after.as_deref())?;
    let calls = app.wiring.database.calls(&filter, &page).await?;
    let last = calls.last().map(|cdr| (cdr.arrived_at, cdr.call.to_string()));
    let next = next(&page, calls.len(), last);
    Ok(Json(Calls { calls, next }))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    person: Person,
    Named(call): Named,
) -> Result<Json<Call>, Problem> {
    person.may(Right::Records)?;
    let (call, events) = find(&app, id::<CallId>(&call)?).await?;
    Ok(Json(Call { call, events }))
}

/// A call's record.
pub(crate) async fn record(app: &App, id: CallId) -> Result<Cdr, Problem> {
    app.wiring.database.call(id).await?.ok_or_else(|| Kind::CallUnknown.into())
}

/// A call's record and its events.
pub(crate) async fn find(app: &App, id: CallId) -> Result<(Cdr, Vec<Event>), Problem> {
    let call = record(app, id).await?;
    let (journal, began) = (app.wiring.journal.clone(), Position::from(call.began));
    let read = tokio::task::spawn_blocking(move || journal.events_of(id, began, EVENTS));
    let events = read.await.map_err(|_| Problem::from(Kind::Fault))??;
    Ok((call, events))
}

/// A number that is looked for, in any spelling.
fn number_filter(app: &App, written: String) -> NumberFilter {
    let canonical = written.parse().map(|number| app.wiring.numbering.canonical(&number));
    let canonical = canonical.map_or_else(|_| written.clone(), |number| number.to_string());
    NumberFilter { written, canonical }
}

fn outcome(text: &str) -> Result<Outcome, Problem> {
    let unknown = || Problem::new(Kind::QueryMalformed, "outcome is none that a wait can have");
    serde_json::from_value(Value::String(text.into())).map_err(|_| unknown())
}

/// The page asked for.
pub(crate) fn page(limit: Option<u32>, after: Option<&str>) -> Result<Page, Problem> {
    let limit = limit.unwrap_or(Page::default().limit).clamp(1, store::LONGEST_PAGE);
    Ok(Page { limit, after: parameter::<Cursor>("after", after)? })
}

/// Where the page that follows begins, when this one is full.
pub(crate) fn next(page: &Page, rows: usize, last: Option<(Timestamp, String)>) -> Option<String> {
    let is_full = rows >= usize::try_from(page.limit).unwrap_or(usize::MAX);
    last.filter(|_| is_full).map(|(at, id)| Cursor { at, id }.to_string())
}
