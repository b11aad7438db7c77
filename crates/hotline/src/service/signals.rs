//! Being asked to stop: SIGINT, SIGTERM, and SIGHUP when the terminal goes. Where there is no
//! terminal, SIGHUP asks to read certificates again, as supervisors mean it.

use std::io::IsTerminal as _;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// The signals that ask for a stop; from now on they do not kill.
#[derive(Debug)]
pub(crate) struct StopSignals {
    interrupted: Signal,
    terminated: Signal,
    hung_up: Signal,
    has_terminal: bool,
}

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    /// To stop.
    Stop,
    /// To read certificates again.
    Reload,
}

impl StopSignals {
    pub(crate) fn listen() -> Result<Self, Failure> {
        Ok(Self {
            interrupted: signal(SignalKind::interrupt())?,
            terminated: signal(SignalKind::terminate())?,
            hung_up: signal(SignalKind::hangup())?,
            has_terminal: std::io::stdin().is_terminal(),
        })
    }

    /// Returns when a person who has asked for a stop will not wait for it. Only that signal
    /// counts: supervisors and terminals that close send others twice.
    pub(crate) async fn insisted(&mut self) {
        self.interrupted.recv().await;
    }

    /// Returns when a stop is asked for.
    pub(crate) async fn stop_asked(&mut self) {
        while self.asked().await != Asked::Stop {}
    }

    /// Returns when something is asked for.
    pub(crate) async fn asked(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupted.recv() => Asked::Stop,
            _ = self.terminated.recv() => Asked::Stop,
            _ = self.hung_up.recv() => {
                if self.has_terminal { Asked::Stop } else { Asked::Reload }
            }
        }
    }
}
