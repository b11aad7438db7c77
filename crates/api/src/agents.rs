//! Agents' states: what people ask for, and what was when.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use insight::StateInterval;
use model::{AgentId, Next, PhoneId, QueueId, Reason, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use switchboard::ports::{Reply, Request};

use crate::app::App;
use crate::problem::{Kind, Problem};
use crate::request::{Named, NamedPair, Octets, Parameters, body, id, parameter};
use crate::token::{Person, Right};

/// The longest text a client may put into the log as a reason or a phone.
const LONGEST_WORD: usize = 64;

/// The longest note of a team lead in the log, in characters.
const LONGEST_NOTE: usize = 200;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    phone: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Busy {
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Extend {
    by_ms: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Force {
    state: ForcedState,
    reason: Option<String>,
    note: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ForcedState {
    Ready,
    Busy,
    SignedOut,
}

/// An agent's request on its way to the floor.
struct Asked {
    app: Arc<App>,
    person: Person,
    agent: AgentId,
}

impl Asked {
    fn new(app: Arc<App>, person: Person, agent: &str) -> Result<Self, Problem> {
        let agent = id(agent)?;
        person.may(Right::Act(agent))?;
        Ok(Self { app, person, agent })
    }

    async fn ask(self, request: Request) -> Result<Response, Problem> {
        let reply = self.app.wiring.floor.ask(self.person.actor(), request).await?;
        Ok(answer(&reply))
    }
}

/// A reply as JSON: the state now; or, with 202, what was remembered for after the call.
pub(crate) fn answer(reply: &Reply) -> Response {
    match reply {
        Reply::Agent(state) => Json(json!({ "agent": state })).into_response(),
        Reply::Remembered(next) => {
            (StatusCode::ACCEPTED, Json(json!({ "remembered": next }))).into_response()
        }
        Reply::Done | Reply::Status(_) => Json(json!({ "done": true })).into_response(),
    }
}

fn word(text: &str) -> Result<&str, Problem> {
    let is_word = !text.is_empty() && text.len() <= LONGEST_WORD;
    let refused = || Problem::new(Kind::BodyMalformed, "a name is empty or longer than 64 octets");
    is_word.then_some(text).ok_or_else(refused)
}

fn words(text: &str) -> Result<&str, Problem> {
    let fits = !text.trim().is_empty() && text.chars().count() <= LONGEST_NOTE;
    let refused =
        || Problem::new(Kind::BodyMalformed, "a note is empty or longer than 200 characters");
    fits.then_some(text).ok_or_else(refused)
}

pub(crate) async fn sign_in(
    State(app): State<Arc<App>>,
    person: Person,
    Named(agent): Named,
    octets: Octets,
) -> Result<Response, Problem> {
    let asked = Asked::new(app, person, &agent)?;
    let SignIn { phone } = body(&octets)?;
    let phone = phone.as_deref().map(word).transpose()?.map(PhoneId::from);
    let agent = asked.agent;
    asked.ask(Request::SignIn { agent, phone }).await
}

pub(crate) async fn sign_out(
    State(app): State<Arc<App>>,
    person: Person,
    Named(agent): Named,
    octets: Octets,
) -> Result<Response, Problem> {
    become_next(Asked::new(app, person, &agent)?, &octets, Next::SignedOut).await
}

pub(crate) async fn ready(
    State(app): State<Arc<App>>,
    person: Person,
    Named(agent): Named,
    octets: Octets,
) -> Result<Response, Problem> {
    become_next(Asked::new(app, person, &agent)?, &octets, Next::Ready).await
}

async fn become_next(asked: Asked, octets: &Octets, next: Next) -> Result<Response, Problem> {
    let Nothing {} = body(octets)?;
    let agent = asked.agent;
    asked.ask(Request::Become { agent, next }).await
}

pub(crate) async fn busy(
    State(app): State<Arc<App>>,
    person: Person,
    Named(agent): Named,
    octets: Octets,
) -> Result<Response, Problem> {
    let asked = Asked::new(app, person, &agent)?;
    let Busy { reason } = body(&octets)?;
    let (agent, next) = (asked.agent, Next::Busy(Reason::from(word(&reason)?)));
    asked.ask(Request::Become { agent, next }).await
}

pub(crate) async fn end_wrap_up(
    State(app): State<Arc<App>>,
    person: Person,
    Named(agent): Named,
    octets: Octets,
) -> Result<Response, Problem> {
    let asked = Asked::new(app, person, &agent)?;
    let Nothing {} = body(&octets)?;
    let agent = asked.agent;
    asked.ask(Request::EndWrapUp { agent }).await
}

pub(crate) async fn extend_wrap_up(
    State(app): State<Arc<App>>,
    person: Person,
    Named(agent): Named,
    octets: Octets,
) -> Result<Response, Problem> {
    let asked = Asked::new(app, person, &agent)?;
    let Extend { by_ms } = body(&octets)?;
    let (agent, by) = (asked.agent, Duration::from_millis(by_ms));
    asked.ask(Request::ExtendWrapUp { agent, by }).await
}

pub(crate) async fn sign_in_to(
    State(app): State<Arc<App>>,
    person: Person,
    NamedPair(agent, queue): NamedPair,
    octets: Octets,
) -> Result<Response, Problem> {
    let (asked, queue) = queue_asked(Asked::new(app, person, &agent)?, &queue, &octets)?;
    let agent = asked.agent;
    asked.ask(Request::SignInTo { agent, queue }).await
}

pub(crate) async fn sign_out_of(
    State(app): State<Arc<App>>,
    person: Person,
    NamedPair(agent, queue): NamedPair,
    octets: Octets,
) -> Result<Response, Problem> {
    let (asked, queue) = queue_asked(Asked::new(app, person, &agent)?, &queue, &octets)?;
    let agent = asked.agent;
    asked.ask(Request::SignOutOf { agent, queue }).await
}

fn queue_asked(asked: Asked, queue: &str, octets: &Octets) -> Result<(Asked, QueueId), Problem> {
    let Nothing {} = body(octets)?;
    Ok((asked, QueueId::from(word(queue)?)))
}

pub(crate) async fn force(
    State(app): State<Arc<App>>,
    person: Person,
    Named(agent): Named,
    octets: Octets,
) -> Result<Response, Problem> {
    person.may(Right::Force)?;
    let asked = Asked::new(app, person, &agent)?;
    let Force { state, reason, note } = body(&octets)?;
    let note = note.as_deref().map(words).transpose()?.map(str::to_owned);
    let next = match (state, reason) {
        (ForcedState::Ready, None) => Next::Ready,
        (ForcedState::SignedOut, None) => Next::SignedOut,
        (ForcedState::Busy, Some(reason)) => Next::Busy(Reason::from(word(&reason)?)),
        (ForcedState::Busy, None) | (ForcedState::Ready | ForcedState::SignedOut, Some(_)) => {
            let detail = "busy needs a reason; ready and signed_out have none";
            return Err(Problem::new(Kind::BodyMalformed, detail));
        }
    };
    let agent = asked.agent;
    asked.ask(Request::Force { agent, next, note }).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Span {
    since: Option<String>,
    until: Option<String>,
    limit: Option<u32>,
}

#[derive(Debug, Serialize)]
pub(crate) struct History {
    states: Vec<StateInterval>,
}

/// What an agent was when. Agents may see their own.
pub(crate) async fn history(
    State(app): State<Arc<App>>,
    person: Person,
    Named(agent): Named,
    Parameters(span): Parameters<Span>,
) -> Result<Json<History>, Problem> {
    let agent = id::<AgentId>(&agent)?;
    person.may(Right::Act(agent)).or_else(|_| person.may(Right::Records))?;
    let since = parameter::<Timestamp>("since", span.since.as_deref())?;
    let until = parameter::<Timestamp>("until", span.until.as_deref())?;
    let database = &app.wiring.database;
    let states = database.agent_history(agent, since, until, span.limit.unwrap_or(100)).await?;
    Ok(Json(History { states }))
}
