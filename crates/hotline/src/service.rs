//! Start, wire, stop.
//!
//! The order of the start is the order of need: what a crash left is closed first, ports are opened
//! before the floor can command them, and calls are let in last. A stop goes the other way: the
//! floor releases its calls and waits for the last recording, then each driver ends.

mod http;
mod local;
mod log;
mod metrics;
mod start;

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::failure::Failure;
use crate::report;

pub(crate) use log::start_log;
pub(crate) use start::Running;

/// How long calls and recordings may take to end at a stop.
pub(crate) const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// Runs a future on a new runtime for signalling, storage and HTTP; audio and the floor have
/// threads of their own.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("signalling")
        .enable_all()
        .build()?;
    Ok(runtime.block_on(future))
}

/// Serves until SIGINT or SIGTERM.
pub(crate) async fn serve(config: Config) -> Result<(), Failure> {
    let service = Running::start(config).await?;
    for line in service.greeting() {
        report::line(&line);
    }
    let ended = tokio::select! {
        stop = stop_asked() => stop,
        () = service.broken() => Err(Failure::new("the floor has ended by a fault of ours; see the log")),
    };
    report::line("stopping: calls are released, recordings sealed");
    service.stop().await;
    ended
}

pub(crate) async fn stop_asked() -> Result<(), Failure> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    Ok(())
}
