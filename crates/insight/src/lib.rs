//! Folds over the log: call detail records, agents' history, queues' accounts, the floor as a restart
//! needs it, and why a call met whom it met; and the formulas that reports are held against.
//!
//! A fold takes one event at a time, in order, and keeps only what is still open; a row that is
//! complete is handed out and forgotten. Each fold's state can be serialised, put aside and taken
//! up again: folding in pieces and folding in one go give the same rows. Those that explain one call are
//! made for one question and are not put aside.

mod accounts;
mod cdr;
mod erlang;
mod floor;
mod history;
#[cfg(test)]
mod story;
mod why;
mod why_not;

pub use accounts::{Accounts, Imbalance, QueueAccount};
pub use cdr::{Calls, Cdr, OfferRow, Segment, SegmentKind};
pub use erlang::{erlang_b, erlang_c, erlang_c_wait};
pub use floor::Floor;
pub use history::{AgentHistory, StateInterval};
pub use why::{
    Candidate, Decisions, Gap, Left, Offer, OfferClosed, OfferResult, PassedOver, Present, Step,
    Wait,
};
pub use why_not::{Behind, Judged, RankedBy, Share, Standing, Stay, WhyNot};
