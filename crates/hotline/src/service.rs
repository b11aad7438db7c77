//! Start, wire, stop.
//!
//! The order of the start is the order of need: what a crash left is closed first, ports are opened
//! before the floor can command them, and calls are let in last. A stop goes the other way: the
//! floor releases its calls and waits for the last recording, then each driver ends. No part of a
//! stop waits for ever: what cannot be brought to an end is left as a crash would leave it.

mod http;
mod local;
mod log;
mod metrics;
mod needs;
mod signals;
mod start;
mod stop;
mod watch;

use std::future::Future;
use std::io::IsTerminal as _;
use std::time::Duration;

use crate::config::Config;
use crate::failure::Failure;
use crate::report;

pub(crate) use log::start_log;
pub(crate) use needs::{OWNER_ALONE, folder};
pub(crate) use signals::{Asked, StopSignals};
pub(crate) use start::Running;

/// How long calls and recordings may take to end at a stop.
pub(crate) const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// How long the process waits for work that a stop has left behind.
const LEFT_BEHIND: Duration = Duration::from_secs(1);

/// Runs a future on a new runtime for signalling, storage and HTTP; audio and the floor have
/// threads of their own.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("signalling")
        .enable_all()
        .build()?;
    let output = runtime.block_on(future);
    // Dropping it would wait for a disk that never answers.
    runtime.shutdown_timeout(LEFT_BEHIND);
    Ok(output)
}

/// Serves until asked to stop. At a second Ctrl-C it ends at once, as a crash would.
pub(crate) async fn serve(config: Config) -> Result<(), Failure> {
    let mut stop = StopSignals::listen()?;
    let service = tokio::select! {
        started = Running::start(config) => started?,
        () = stop.stop_asked() => return Ok(()),
    };
    for line in service.greeting(std::io::stdout().is_terminal()) {
        report::line(&line);
    }
    let ended = loop {
        tokio::select! {
            asked = stop.asked() => match asked {
                Asked::Stop => break Ok(()),
                Asked::Reload => service.reload(),
            },
            failure = service.broken() => break Err(failure),
        }
    };
    report::line("stopping: calls are released, recordings sealed");
    tokio::select! {
        () = service.stop() => ended,
        () = stop.insisted() => Err(Failure::new("asked twice to stop: ended at once")),
    }
}
