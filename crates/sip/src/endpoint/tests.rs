//! The endpoint over a simulated network: virtual time, and losses drawn from a seed.

mod calls;
mod chaos;
mod early;
mod hostile;
mod large;
mod moving;
mod network;
mod overheard;
mod proving;
mod refreshing;
mod registering;
