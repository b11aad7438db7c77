//! Automatic call distribution: which caller meets which agent, when, and why.
//!
//! [`Acd`] keeps ordered indexes of waiting callers and available agents; the floor feeds it in the
//! same step in which calls and agents change ([`AcdEvent`]), and obeys what it decides
//! ([`Decision`]), in order.
//!
//! A queue never has both a caller and an agent who may be given that caller: whichever comes second
//! is matched in that very step. Who may be given whom is a matter of tiers: agents stand in the tier
//! of a queue that they fit, callers wait by the outermost tier open to them, and so an agent looks at
//! the first caller of a few lines, whatever their length.
//!
//! - Callers are served by weight of their queue, then priority, then arrival; a caller who is kept for
//!   an agent comes first with that agent.
//! - Agents are ranked by tier, then by share, then by the queue's strategy, then longest idle, then
//!   lowest work number.
//!
//! | file | concern |
//! |---|---|
//! | `callers` | how callers enter and leave |
//! | `stay` | what is known of a caller in a queue |
//! | `desks` | who is signed in, who is available, who fits where |
//! | `queue` | one queue: its lines and its books |
//! | `choose` | whom a caller is offered to, and why |
//! | `strategy` | what agents are ranked by |
//! | `needs` | what a queue asks of an agent |
//! | `offers` | what comes of an offer |
//! | `pace` | how long a newcomer would probably wait |
//! | `check` | the invariants |

mod acd;
mod callers;
mod check;
mod choose;
mod config;
mod deadlines;
mod desks;
mod events;
mod needs;
mod offers;
mod pace;
mod queue;
mod stay;
mod strategy;

pub use acd::{Acd, Unassignable};
pub use config::{AcdConfig, MOST_RINGING, Nobody, QueueConfig, Ringing, Share, Tier, WhenNobody};
pub use events::{
    Absence, AcdEvent, Decision, Explanation, MOST_EXPLAINED, Preferred, Waiter, Wants,
};
pub use needs::{Needs, Skills};
pub use queue::Tally;
pub use strategy::{Routing, Standing};

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
