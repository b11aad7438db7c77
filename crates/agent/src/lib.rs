//! The agent-state machine and what it enforces.
