//! Draws (抽检): samples of recordings that anyone can recompute.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::{AgentId, EventKind, QueueId, Timestamp};
use quality::{Candidate, Draw, Filter, Plan};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{DrawRow, RecordingRow, RecordingState};

use crate::app::App;
use crate::calls::{next, page};
use crate::problem::{Kind, Problem};
use crate::request::{Named, Octets, Parameters, body};
use crate::status;
use crate::token::{Person, Right};

/// The longest seed, in octets.
const LONGEST_SEED: usize = 256;

/// The most conversations drawn at once.
const LARGEST: u32 = 10_000;

/// No call lasts longer: a conversation that ended in a period began at most so long before it.
const LONGEST_CALL: Duration = Duration::from_secs(86_400);

/// What is asked of a draw.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawRequest {
    /// Decides the outcome; made by chance when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// Most conversations drawn.
    pub size: u32,
    /// Conversations each agent is to have in the sample, as far as `size` allows.
    #[serde(default)]
    pub per_agent_min: u32,
    /// These agents; all when empty.
    #[serde(default)]
    pub agents: BTreeSet<AgentId>,
    /// Callers of these queues; all when empty.
    #[serde(default)]
    pub queues: BTreeSet<QueueId>,
    /// Ended at this time or later; from the beginning when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Ended before this time, which lies in the past; before now when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// At least so long, in milliseconds.
    #[serde(default)]
    pub min_duration_ms: u64,
    /// At most so long, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration_ms: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    limit: Option<u32>,
    after: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Draws {
    draws: Vec<DrawRow>,
    next: Option<String>,
}

pub(crate) async fn make(
    State(app): State<Arc<App>>,
    person: Person,
    octets: Octets,
) -> Result<Response, Problem> {
    person.may(Right::Recordings)?;
    let now = app.wiring.clock.now();
    let plan = plan(body(&octets)?, now)?;
    status::caught_up(&app, person.actor()).await?;
    let candidates = candidates(&app, &plan.filter, now).await?;
    let made = tokio::task::spawn_blocking(move || quality::draw(&plan, &candidates));
    let draw = made.await.map_err(|_| Problem::from(Kind::Fault))?;
    if let Some(row) = app.wiring.database.draw(&draw.id).await? {
        // The same plan over the same recordings is the same draw: it was made once.
        return Ok(Json(row).into_response());
    }
    let content = serde_json::to_value(&draw).map_err(|_| Problem::from(Kind::Fault))?;
    let actor = person.actor();
    let row = DrawRow { draw: draw.id.clone(), at: now, actor: actor.to_string(), content };
    app.wiring.floor.note(actor, None, drawn(&draw))?;
    app.wiring.database.save_draw(&row).await?;
    Ok((StatusCode::CREATED, Json(row)).into_response())
}

fn drawn(draw: &Draw) -> EventKind {
    EventKind::RecordingsDrawn {
        draw: draw.id.clone(),
        seed: draw.plan.seed.clone(),
        population: draw.population,
        drawn: draw.drawn.len() as u64,
        population_sha256: draw.population_sha256.clone(),
    }
}

fn plan(request: DrawRequest, now: Timestamp) -> Result<Plan, Problem> {
    let refused = |detail: &str| Err(Problem::new(Kind::PlanMalformed, detail));
    let (from, to) = (request.from.unwrap_or(Timestamp::EPOCH), request.to.unwrap_or(now));
    let seed = request.seed.map_or_else(chance, Ok)?;
    if seed.is_empty() || seed.len() > LONGEST_SEED {
        return refused("the seed is empty or longer than 256 octets");
    }
    if request.size == 0 || request.size > LARGEST {
        return refused("size is not between 1 and 10000");
    }
    if from >= to {
        return refused("from is not before to");
    }
    if to > now {
        return Err(Kind::PeriodOpen.into());
    }
    let filter = Filter {
        agents: request.agents,
        queues: request.queues,
        from,
        to,
        min_duration_ms: request.min_duration_ms,
        max_duration_ms: request.max_duration_ms,
    };
    Ok(Plan { seed, size: request.size, per_agent_min: request.per_agent_min, filter })
}

fn chance() -> Result<String, Problem> {
    let mut octets = [0; 16];
    getrandom::fill(&mut octets).map_err(|_| Problem::from(Kind::Fault))?;
    Ok(hex::encode(octets))
}

/// What there was to draw from at this time: all parts of the conversations that touch the period,
/// of calls that were over. What a slow disk or a crash completes later, and what a call does that
/// still lasts, changes nothing of what a draw says of its population.
async fn candidates(
    app: &App,
    filter: &Filter,
    made: Timestamp,
) -> Result<Vec<Candidate>, Problem> {
    let since = filter.from - LONGEST_CALL;
    let rows = app.wiring.database.drawable(since, made).await?;
    let touches = |row: &RecordingRow| row.at < filter.to && filter.from <= ended(row);
    let conversation = |row: &RecordingRow| (row.agent, row.call);
    let wanted: BTreeSet<_> = rows.iter().filter(|row| touches(row)).map(conversation).collect();
    let wanted = rows.into_iter().filter(|row| wanted.contains(&conversation(row)));
    Ok(wanted.map(|row| candidate(row, made)).collect())
}

fn ended(row: &RecordingRow) -> Timestamp {
    row.at + Duration::from_millis(row.duration_ms.unwrap_or(0))
}

fn candidate(row: RecordingRow, made: Timestamp) -> Candidate {
    let in_time = row.sealed_at.is_none_or(|sealed| sealed < made);
    Candidate {
        complete: row.state == RecordingState::Sealed && in_time,
        recording: row.recording,
        agent: row.agent,
        queue: row.queue,
        at: row.at,
        duration_ms: row.duration_ms.unwrap_or(0),
        sha256: row.sha256.unwrap_or_default(),
    }
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    person: Person,
    Parameters(wanted): Parameters<Wanted>,
) -> Result<Json<Draws>, Problem> {
    person.may(Right::Recordings)?;
    let page = page(wanted.limit, wanted.after.as_deref())?;
    let draws = app.wiring.database.draws(&page).await?;
    let last = draws.last().map(|row| (row.at, row.draw.clone()));
    let next = next(&page, draws.len(), last);
    Ok(Json(Draws { draws, next }))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    person: Person,
    Named(draw): Named,
) -> Result<Json<DrawRow>, Problem> {
    person.may(Right::Recordings)?;
    find(&app, &draw).await.map(Json)
}

async fn find(app: &App, draw: &str) -> Result<DrawRow, Problem> {
    app.wiring.database.draw(draw).await?.ok_or_else(|| Kind::DrawUnknown.into())
}

/// Draws again from the recordings that were complete when the draw was made, as they are now, and
/// compares.
pub(crate) async fn verify(
    State(app): State<Arc<App>>,
    person: Person,
    Named(draw): Named,
    octets: Octets,
) -> Result<Response, Problem> {
    person.may(Right::Recordings)?;
    let Nothing {} = body(&octets)?;
    let row = find(&app, &draw).await?;
    let made = row.at;
    let draw: Draw = serde_json::from_value(row.content).map_err(|error| {
        tracing::error!(draw = row.draw, %error, "a draw that was kept cannot be read");
        Problem::from(Kind::Fault)
    })?;
    let named = draw.id.clone();
    let candidates = candidates(&app, &draw.plan.filter, made).await?;
    let compared = tokio::task::spawn_blocking(move || quality::verify(&draw, &candidates));
    let compared = compared.await.map_err(|_| Problem::from(Kind::Fault))?;
    let differences = compared.err().map(|mismatch| mismatch.differences).unwrap_or_default();
    let mut differences: Vec<_> = differences.iter().map(ToString::to_string).collect();
    if named != row.draw {
        differences.push(format!("what is kept as {} is draw {named}", row.draw));
    }
    let verified = differences.is_empty();
    let body = json!({ "draw": row.draw, "verified": verified, "differences": differences });
    Ok(Json(body).into_response())
}
