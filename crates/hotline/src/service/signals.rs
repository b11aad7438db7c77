//! Being asked to stop: SIGINT, SIGTERM, and SIGHUP when the terminal goes.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// The signals that ask for a stop; from now on they do not kill.
#[derive(Debug)]
pub(crate) struct StopSignals {
    interrupted: Signal,
    terminated: Signal,
    hung_up: Signal,
}

impl StopSignals {
    pub(crate) fn listen() -> Result<Self, Failure> {
        Ok(Self {
            interrupted: signal(SignalKind::interrupt())?,
            terminated: signal(SignalKind::terminate())?,
            hung_up: signal(SignalKind::hangup())?,
        })
    }

    /// Returns when a person who has asked for a stop will not wait for it. Only that signal
    /// counts: supervisors and terminals that close send others twice.
    pub(crate) async fn insisted(&mut self) {
        self.interrupted.recv().await;
    }

    /// Returns when a stop is asked for.
    pub(crate) async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
            _ = self.hung_up.recv() => {}
        }
    }
}
