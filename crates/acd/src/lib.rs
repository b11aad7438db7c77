//! Automatic call distribution: which caller meets which agent, when, and why.
//!
//! [`Acd`] keeps ordered indexes of waiting callers and available agents; the floor feeds it in the
//! same step in which calls and agents change ([`AcdEvent`]), and obeys what it decides
//! ([`Decision`]), in order.
//!
//! All callers of a queue ask for the same skills, so a queue never has both a caller who is not
//! being offered and an available agent: whichever comes second is matched in that very step. A
//! caller therefore looks at one queue's agents only, and an agent only at the first caller of each
//! queue served.
//!
//! - Callers are served by weight of their queue, then priority, then arrival in the queue.
//! - Agents are ranked by the queue's strategy, then longest idle, then lowest work number.

mod acd;
mod callers;
mod check;
mod config;
mod deadlines;
mod desks;
mod events;
mod offers;
mod queue;

pub use acd::Acd;
pub use config::{AcdConfig, QueueConfig, Routing, Skills, WhenNobody};
pub use events::{AcdEvent, Decision, Explanation, MOST_EXPLAINED};
pub use queue::Tally;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
