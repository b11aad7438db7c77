//! The agent-state machine and what it enforces.

mod rules;

pub use rules::{BusyRule, CoolDown, Rules, SecondSession};
