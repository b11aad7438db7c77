//! What was said over SIP about a call, message by message.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use model::{CallId, LegId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::calls;
use crate::problem::Problem;
use crate::request::{Named, id};
use crate::token::{Person, Right};

/// One message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rung {
    /// When it went or came.
    pub at: Timestamp,
    /// The leg it is about.
    pub leg: LegId,
    /// Whether we sent it.
    pub sent: bool,
    /// By which transport: `UDP`, `TLS` …
    pub transport: String,
    /// To whom, or from whom.
    pub peer: SocketAddr,
    /// The method of a request, or the status of a response with its words.
    pub what: String,
    /// The number and method of its CSeq.
    pub cseq: String,
    /// The value of its Reason, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it carries a description of media.
    pub describes: bool,
    /// The whole message, but for credentials.
    pub text: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Ladder {
    ladder: Vec<Rung>,
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    person: Person,
    Named(call): Named,
) -> Result<Json<Ladder>, Problem> {
    person.may(Right::Signalling)?;
    let id = id::<CallId>(&call)?;
    let (_, events) = calls::find(&app, id).await?;
    let legs: BTreeSet<LegId> = events.iter().filter_map(|event| event.leg).collect();
    let ladder = app.wiring.signalling.ladder(legs.into_iter().collect()).await;
    ladder.map(|ladder| Json(Ladder { ladder })).ok_or_else(|| model::Refusal::Unavailable.into())
}
