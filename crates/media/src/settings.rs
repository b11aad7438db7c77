//! How many threads, and the limits.

use std::fmt;
use std::thread::available_parallelism;
use std::time::Duration;

/// How media runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MediaSettings {
    /// Threads, each with its own streams.
    pub threads: usize,
    /// Zero to wake for each packet, which is quickest; else packets are collected this long, which
    /// costs less under load and delays each by as much. At most 20 ms.
    pub wake_every: Duration,
    /// How long a far side that ought to send may be silent before it counts as lost: one that
    /// says it sends and was heard before, is joined, or is played a prompt. Ringback alone does
    /// not count.
    pub lost_after: Duration,
    /// Streams open at once.
    pub max_streams: usize,
    /// Commands a thread may be behind before further ones are refused.
    pub max_commands: usize,
}

impl Default for MediaSettings {
    /// One thread for every two cores, at least one; awake for each packet; lost after 30 s.
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self {
            threads: (cores / 2).max(1),
            wake_every: Duration::ZERO,
            lost_after: Duration::from_secs(30),
            max_streams: 10_000,
            max_commands: 4_096,
        }
    }
}

impl MediaSettings {
    /// # Errors
    /// The first setting that makes no sense.
    pub(crate) fn check(&self, captures: usize) -> Result<(), StartError> {
        let wrong = |what: &str| Err(StartError { what: what.to_owned() });
        if self.threads == 0 {
            return wrong("media needs at least one thread: set its threads to 1 or more");
        }
        if self.threads != captures {
            return wrong("every media thread needs a capture of its own");
        }
        if self.wake_every > Duration::from_millis(20) {
            return wrong("media may collect packets for at most 20 ms: lower wake_every");
        }
        if self.lost_after.is_zero() || self.max_streams == 0 || self.max_commands == 0 {
            return wrong("the limits of media (lost_after, streams, commands) must not be zero");
        }
        Ok(())
    }
}

/// Media cannot start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StartError {
    pub(crate) what: String,
}

impl fmt::Display for StartError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.what)
    }
}

impl std::error::Error for StartError {}
