//! The house under test and everybody who calls it.

mod baresip;
mod binary;
mod browser;
mod carrier;
mod certificate;
mod earpiece;
mod kamailio;
mod pjsua;
mod ports;
mod process;
mod server;
mod sound;

use std::time::{Duration, Instant};

pub(crate) use baresip::{Answers, Baresip, Over};
pub(crate) use binary::{clients, hotline};
pub(crate) use browser::{Browser, Desk, chromium};
pub(crate) use carrier::Carrier;
pub(crate) use certificate::{Authority, certify, listener, trunk_listener};
pub(crate) use earpiece::Earpiece;
pub(crate) use kamailio::Kamailio;
pub(crate) use pjsua::Pjsua;
pub(crate) use ports::{free_port, free_ports};
pub(crate) use process::{Process, output};
pub(crate) use server::{PASSWORD, Passwords, Plan, Server, root};
pub(crate) use sound::{Recorded, assert_heard, last, samples_in, wait_for_music, wait_to_hear};

/// How long anything may take that takes no time by rule.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(25);

/// Looks until there is something to see.
///
/// # Panics
/// When nothing came in time.
#[track_caller]
pub(crate) fn wait<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + patience;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < until, "not within {patience:?}: {what}");
        std::thread::sleep(LOOK);
    }
}

/// Looks until it holds.
///
/// # Panics
/// When it did not come to hold in time.
#[track_caller]
pub(crate) fn wait_until(what: &str, patience: Duration, mut holds: impl FnMut() -> bool) {
    wait(what, patience, || holds().then_some(()));
}
