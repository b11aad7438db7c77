//! The agent-state machine and what it enforces.
//!
//! One [`Agents`] holds every agent of a tenant. People ask ([`Request`]) and may be refused; the
//! floor reports facts ([`Fact`]) that cannot be. Both lead to [`Change`]s, which the floor writes
//! into the log and tells the distribution about.

mod agents;
mod check;
mod deadlines;
mod events;
mod facts;
mod requests;
mod rules;
mod seat;

pub use agents::Agents;
pub use events::{Availability, Change, Done, Fact, PhoneState, Request};
pub use rules::{BusyRule, CoolDown, Rules, SecondSession};

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
