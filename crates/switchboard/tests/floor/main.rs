//! Stories and simulations of a whole floor, without sockets and in virtual time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::too_many_lines,
    clippy::cognitive_complexity,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking, and a story may be long"
)]

mod attended;
mod books;
mod callbacks;
mod calls;
mod carried;
mod centre;
mod crossings;
mod elsewhere;
mod exits;
mod handed;
mod interleavings;
mod leads;
mod limits;
mod queue;
mod restart;
mod simulation;
mod soak;
mod staff;
