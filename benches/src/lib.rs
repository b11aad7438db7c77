//! What the benchmarks share: the service under load, a lean generator of calls and audio, the bare
//! relay it is compared with, and how figures are taken and shown.
//!
//! The generator is not `testkit`'s phones: a task and two sockets for each phone cost more than the
//! service does, and would be measured with it on a small machine. Here one thread plays all
//! callers, one all agents, and audio has one socket a side.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::missing_errors_doc,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    reason = "a benchmark that goes wrong says so by panicking, and prints its figures"
)]

pub mod asterisk;
pub mod audio;
pub mod bare;
pub mod callers;
pub mod figures;
pub mod kamailio;
pub mod peers;
pub mod phones;
pub mod process;
pub mod registering;
pub mod samples;
pub mod server;
mod wire;
pub mod words;

use std::net::{IpAddr, Ipv4Addr};

/// Where the service is.
pub const SERVICE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 77, 0, 1));
/// Where callers are.
pub const CALLERS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 77, 0, 2));
/// Where agents are.
pub const AGENTS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 77, 0, 3));
