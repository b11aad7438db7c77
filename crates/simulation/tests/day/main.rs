//! Days in a simulated centre.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod centre;
mod erlang;
mod large;
mod stories;
