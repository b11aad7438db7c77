//! The simulated centre: callers and phones that speak real SIP and RTP over UDP, on our own cores.
//!
//! The demo, load runs and large tests use them. They are no substitute for phones that nobody here
//! wrote; those are in the end-to-end tests.

mod audio;
mod line;
mod phone;

pub use audio::{Audio, Hearing};
pub use phone::{Answer, Manner, Phone, PhoneEvent, PhoneGone, Settings};
