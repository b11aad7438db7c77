//! What the handlers share, and what every request passes on its way to one.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use axum::{Router, middleware};
use clock::Clock;
use store::{Database, Journal, Projector};
use switchboard::numbering::Numbering;
use tokio::sync::{Semaphore, watch};

use crate::bans::Signalling;
use crate::idempotency::Answers;
use crate::metrics::{Counted, Sample};
use crate::problem::{Kind, Problem};
use crate::provisioning::{self, Fetches, Provisioning};
use crate::{Floor, Tokens};
use crate::{gate, idempotency, metrics, page, routes, status};

/// The longest body in octets.
pub(crate) const LONGEST_BODY: usize = 64 << 10;

/// The most event streams at once.
pub(crate) const STREAMS: usize = 256;

/// What the API is connected to.
pub struct Wiring {
    /// The floor.
    pub floor: Floor,
    /// The log.
    pub journal: Journal,
    /// The log's projections, draws and bindings.
    pub database: Database,
    /// What keeps the projections.
    pub projector: Arc<Projector>,
    /// The folder of recordings, to which the index's file names are relative.
    pub recordings: PathBuf,
    /// Who may come in.
    pub tokens: Tokens,
    /// Who may read `/metrics`.
    pub metrics: MetricsAccess,
    /// Signalling, where sources are shut out.
    pub signalling: Box<dyn Signalling>,
    /// Who sets phones up.
    pub provisioning: Box<dyn Provisioning>,
    /// How numbers are written here: a call is found by any spelling of its numbers.
    pub numbering: Numbering,
    /// Metrics of the drivers, beside ours.
    pub samples: Vec<Box<dyn Fn() -> Vec<Sample> + Send + Sync>>,
    /// The time.
    pub clock: Clock,
}

/// Who may read `/metrics`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MetricsAccess {
    /// Whoever can reach the address.
    Open,
    /// Whoever has a token, of any role.
    Token,
}

impl fmt::Debug for Wiring {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Wiring").field("recordings", &self.recordings).finish_non_exhaustive()
    }
}

pub(crate) struct App {
    pub(crate) wiring: Wiring,
    pub(crate) answers: Answers,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) counted: Counted,
    pub(crate) fetches: Fetches,
    pub(crate) stop: watch::Receiver<bool>,
}

/// All paths. Event streams are closed when `stop` becomes true.
pub fn router(wiring: Wiring, stop: watch::Receiver<bool>) -> Router {
    let access = wiring.metrics;
    let app = Arc::new(App {
        wiring,
        answers: Answers::default(),
        streams: Arc::new(Semaphore::new(STREAMS)),
        counted: Counted::default(),
        fetches: Fetches::default(),
        stop,
    });
    let mut closed = routes::router();
    let mut open = Router::new()
        .route("/", get(page::show))
        .route("/status", get(page::show))
        .route("/healthz", get(status::health))
        .route("/provision/{token}/{file}", get(provisioning::fetch));
    match access {
        MetricsAccess::Open => open = open.route("/metrics", get(metrics::show)),
        MetricsAccess::Token => closed = closed.route("/metrics", get(metrics::show)),
    }
    let closed = closed
        .layer(middleware::from_fn_with_state(Arc::clone(&app), idempotency::remember))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), gate::authenticate));
    open.merge(closed)
        .fallback(|| async { Problem::from(Kind::PathUnknown) })
        .method_not_allowed_fallback(|| async { Problem::from(Kind::MethodUnknown) })
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), gate::guard))
        .with_state(app)
}
