//! HTTP and WebSocket: the same commands for console, scripts and the command line.
//!
//! Nothing is decided here and no books are kept: what happens now is asked of the floor, what
//! happened is read from the log and its projections. Every request but the page's own, `/healthz` and
//! those of phones that fetch their configuration carries a token, and so does `/metrics` unless it is
//! open; the role decides. Errors are `application/problem+json` with a
//! stable code.

mod agents;
mod app;
mod bans;
mod calls;
mod draws;
mod events;
mod floor;
mod gate;
mod idempotency;
mod ladder;
mod mask;
mod metrics;
mod page;
mod problem;
mod provisioning;
mod recordings;
mod request;
mod routes;
mod serve;
mod status;
#[cfg(test)]
mod tests;
mod token;
mod trunks;
mod why;

pub use app::{MetricsAccess, Wiring, router};
pub use bans::{Ban, Signalling};
pub use draws::DrawRequest;
pub use floor::{Floor, Replies};
pub use futures_util::future::BoxFuture;
pub use ladder::Rung;
pub use metrics::Sample;
pub use problem::PROBLEMS;
pub use provisioning::{Issued, NotIssued, Provisioning, is_url};
pub use serve::serve;
pub use token::{Role, RoleError, TokenEntry, Tokens};
pub use trunks::{Place, Registration, Trunk};
pub use why::{Why, WhyNot};
