//! One tenant's live floor: calls and their legs; joins the cores; writes the log.

pub mod config;
pub mod ports;
pub mod status;
