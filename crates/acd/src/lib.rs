//! Automatic call distribution: which caller meets which agent, when, and why.

mod config;

pub use config::{AcdConfig, QueueConfig, Routing, Skills};
