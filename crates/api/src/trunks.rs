//! The trunks: where they are, whether they are there.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use model::Timestamp;
use serde::Serialize;

use crate::app::App;
use crate::problem::Problem;
use crate::token::{Person, Right};

/// A trunk.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Trunk {
    /// Its name.
    pub trunk: String,
    /// Where it is, in the order in which it is tried.
    pub places: Vec<Place>,
    /// Why its name leads nowhere, if it does not.
    pub unknown: Option<String>,
    /// Our registration there, where there is to be one.
    pub registration: Option<Registration>,
}

/// Where a trunk is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Place {
    /// `UDP`, `TCP` or `TLS`.
    pub transport: String,
    /// The address.
    pub peer: SocketAddr,
    /// `up`, `down`, or `unknown` where it was not asked yet.
    pub health: String,
    /// Since when it is down.
    pub since: Option<Timestamp>,
    /// Why it is taken to be down.
    pub why: Option<String>,
}

/// Our registration at a trunk.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Registration {
    /// `registered`, `failed` or `trying`.
    pub state: String,
    /// Until when it holds, or when it is tried again.
    pub until: Option<Timestamp>,
    /// Why it failed.
    pub why: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Trunks {
    trunks: Vec<Trunk>,
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    person: Person,
) -> Result<Json<Trunks>, Problem> {
    person.may(Right::Signalling)?;
    Ok(Json(Trunks { trunks: app.wiring.signalling.trunks() }))
}
