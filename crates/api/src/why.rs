//! Why a call met whom it met, and why an agent did not get it: read from the log when asked.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use insight::{Cdr, Decisions, SegmentKind, Share, Wait};
use model::{AgentId, CallId, Event, EventKind, Refusal, Timestamp};
use serde::{Deserialize, Serialize};
use store::{JournalError, Position};

use crate::app::App;
use crate::calls;
use crate::problem::{Kind, Problem};
use crate::request::{Named, NamedPair, id};
use crate::status;
use crate::token::{Person, Right};

/// The most events that are read for one answer: some seconds' work of one thread.
const READ: usize = 500_000;

/// What was decided about a call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Why {
    /// Which.
    pub call: CallId,
    /// Its waits in queues, in order.
    pub waits: Vec<Wait>,
    /// Waits that came later and are not listed.
    pub unlisted: u32,
    /// Whether more was written in the log while the call waited than is read for one answer: what came
    /// later is missing.
    pub cut: bool,
}

/// What an agent was to the decisions about a call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WhyNot {
    /// Which.
    pub call: CallId,
    /// Who.
    pub agent: AgentId,
    /// The agent's share in each wait of the call, in order.
    pub waits: Vec<Share>,
    /// As in [`Why`].
    pub cut: bool,
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    person: Person,
    Named(call): Named,
) -> Result<Json<Why>, Problem> {
    person.may(Right::Decisions)?;
    let record = calls::record(&app, id::<CallId>(&call)?).await?;
    let call = record.call;
    let mut decisions = Decisions::of(call);
    let states = app.wiring.database.states_before(record.began.into(), None).await?;
    states.into_iter().for_each(|state| decisions.restore(state));
    let (decisions, cut) = folded(&app, record, decisions, Decisions::apply).await?;
    let (waits, unlisted) = decisions.told();
    Ok(Json(Why { call, waits, unlisted, cut }))
}

pub(crate) async fn show_not(
    State(app): State<Arc<App>>,
    person: Person,
    NamedPair(call, agent): NamedPair,
) -> Result<Json<WhyNot>, Problem> {
    person.may(Right::Decisions)?;
    let agent = id::<AgentId>(&agent)?;
    let record = calls::record(&app, id::<CallId>(&call)?).await?;
    let call = record.call;
    let mut why_not = insight::WhyNot::of(agent, call);
    let states = app.wiring.database.states_before(record.began.into(), Some(agent)).await?;
    if states.is_empty() && !is_known(&app, &person, agent).await? {
        return Err(Refusal::AgentUnknown.into());
    }
    states.into_iter().for_each(|state| why_not.restore(state));
    let (why_not, cut) = folded(&app, record, why_not, insight::WhyNot::apply).await?;
    Ok(Json(WhyNot { call, agent, waits: why_not.told(), cut }))
}

/// Whether there is, or was, such an agent.
async fn is_known(app: &App, person: &Person, agent: AgentId) -> Result<bool, Problem> {
    let database = &app.wiring.database;
    let history = database.agent_history(agent, None, None, 1).await?;
    let status = status::ask(app, person.actor()).await?;
    Ok(!history.is_empty() || status.agents.iter().any(|row| row.agent == agent))
}

/// Tells a fold what was written from a call's first event to the end of its last wait, and whether
/// that is all. The disk is read elsewhere: nothing waits for it but this answer.
async fn folded<T: Send + 'static>(
    app: &App,
    call: Cdr,
    mut fold: T,
    apply: fn(&mut T, &Event),
) -> Result<(T, bool), Problem> {
    let journal = app.wiring.journal.clone();
    let read = tokio::task::spawn_blocking(move || {
        let began = Position::from(call.began);
        let before = Position { seq: began.seq.saturating_sub(1), ..began };
        let end = waited_until(&call);
        for (read, event) in journal.read_after(Some(before)).enumerate() {
            let event = event?;
            if end.is_some_and(|end| event.at > end) {
                break;
            }
            if read >= READ {
                return Ok((fold, true));
            }
            apply(&mut fold, &event);
            if event.call == Some(call.call) && matches!(event.kind, EventKind::CallEnded {}) {
                break;
            }
        }
        Ok::<_, JournalError>((fold, false))
    });
    Ok(read.await.map_err(|_| Problem::from(Kind::Fault))??)
}

/// When the last wait of a call was over, where that is known.
fn waited_until(call: &Cdr) -> Option<Timestamp> {
    if call.ended_at.is_none() || call.unlisted > 0 {
        return None;
    }
    let waits = call.segments.iter().filter(|segment| segment.kind == SegmentKind::Queue);
    waits.map(|wait| wait.until).max().unwrap_or(Some(call.arrived_at))
}
