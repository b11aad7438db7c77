//! Sources that signalling has shut out: seen, and let in again.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use futures_util::future::BoxFuture;
use model::{LegId, PhoneId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::App;
use crate::ladder::Rung;
use crate::problem::{Kind, Problem};
use crate::request::{Named, Octets, body, id};
use crate::token::{Person, Right};
use crate::trunks::Trunk;

/// A source that is shut out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Ban {
    /// The address; of IPv6 the first half, which is what one customer has.
    pub source: IpAddr,
    /// Until when.
    pub until: Timestamp,
    /// What it did last.
    pub why: String,
    /// How often it was shut out, this time included; of an account's attempts, how many were wrong.
    pub times: u32,
    /// What is not read: `datagrams`, whose source anybody can write; `everything` from there; or only
    /// attempts for the `account`, which wait.
    pub scope: &'static str,
    /// The account, where it is that alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<PhoneId>,
}

/// What the API may ask of signalling. Nothing is answered once signalling has ended.
pub trait Signalling: Send + Sync {
    /// Who is shut out.
    fn bans(&self) -> BoxFuture<'_, Option<Vec<Ban>>>;
    /// How the trunks are, by name.
    fn trunks(&self) -> Vec<Trunk>;
    /// What was said about these legs, in order, as far as it is still kept.
    fn ladder(&self, legs: Vec<LegId>) -> BoxFuture<'_, Option<Vec<Rung>>>;
    /// Lets a source in again; false when it was not shut out.
    fn lift(&self, source: IpAddr) -> BoxFuture<'_, Option<bool>>;
}

#[derive(Debug, Serialize)]
pub(crate) struct Bans {
    bans: Vec<Ban>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    person: Person,
) -> Result<Json<Bans>, Problem> {
    person.may(Right::Signalling)?;
    let bans = app.wiring.signalling.bans().await;
    bans.map(|bans| Json(Bans { bans })).ok_or_else(|| model::Refusal::Unavailable.into())
}

pub(crate) async fn lift(
    State(app): State<Arc<App>>,
    person: Person,
    Named(source): Named,
    octets: Octets,
) -> Result<Json<Value>, Problem> {
    person.may(Right::Signalling)?;
    let source = id::<IpAddr>(&source)?;
    let Nothing {} = body(&octets)?;
    match app.wiring.signalling.lift(source).await {
        Some(true) => {
            tracing::info!(%source, actor = %person.actor(), "a ban was lifted");
            Ok(Json(json!({ "lifted": source })))
        }
        Some(false) => Err(Kind::BanUnknown.into()),
        None => Err(model::Refusal::Unavailable.into()),
    }
}
