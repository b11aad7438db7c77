//! Folds over the log: call detail records, agents' history, queues' accounts, and the floor as a
//! restart needs it.
//!
//! A fold takes one event at a time, in order, and keeps only what is still open; a row that is
//! complete is handed out and forgotten. Each fold's state can be serialised, put aside and taken
//! up again: folding in pieces and folding in one go give the same rows.

mod accounts;
mod cdr;
mod floor;
mod history;
#[cfg(test)]
mod story;

pub use accounts::{Accounts, Imbalance, QueueAccount};
pub use cdr::{Calls, Cdr, OfferRow, Segment, SegmentKind};
pub use floor::Floor;
pub use history::{AgentHistory, StateInterval};
