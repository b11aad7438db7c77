//! Owns the switchboards: one thread and one bounded inbox for each.
//!
//! The thread takes one input, hands it over with the time, and gives every command that comes
//! back to the [`Drivers`], in order. It sleeps until the next input or the floor's own deadline;
//! nothing polls.
//!
//! A panic on that thread is a broken invariant: the floor is over, [`Runtime::is_over`] says so,
//! and whoever owns it must end the process with an error, so that a new one begins from the log.

mod inbox;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use clock::Clock;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use switchboard::Switchboard;
use switchboard::ports::{Command, Inbox, Input};

pub use inbox::{Bounds, Handle, Inputs};

/// Those who carry out what the floor commands. Called on the floor's thread: must not block.
pub trait Drivers: Send {
    /// Carries out one command.
    fn carry_out(&mut self, command: Command);
}

/// How much longer than its patience a stop waits for the command that is being carried out.
const GRACE: Duration = Duration::from_secs(1);

/// A running floor.
#[derive(Debug)]
pub struct Runtime {
    handle: Handle,
    thread: JoinHandle<()>,
    /// Disconnected when the thread is over, however it ended.
    over: Receiver<Never>,
}

/// What is never sent.
#[derive(Debug)]
enum Never {}

impl Runtime {
    /// An inbox for a floor that does not run yet: drivers are made with its handle first.
    #[must_use]
    pub fn inbox(bounds: Bounds) -> (Handle, Inputs) {
        inbox::bounded(bounds)
    }

    /// Starts the floor's thread. `opening` are the commands that opening the floor gave.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        floor: (Switchboard, Vec<Command>),
        (handle, inputs): (Handle, Inputs),
        drivers: Box<dyn Drivers>,
        clock: Clock,
    ) -> std::io::Result<Self> {
        let (floor, opening) = floor;
        let (running, over) = crossbeam_channel::bounded(1);
        let floor = Floor { floor, inputs, drivers, clock, _running: running };
        let thread =
            std::thread::Builder::new().name("floor".into()).spawn(move || floor.run(opening))?;
        Ok(Self { handle, thread, over })
    }

    /// Where facts and requests are left.
    #[must_use]
    pub fn handle(&self) -> Arc<dyn Inbox> {
        Arc::new(self.handle.clone())
    }

    /// Refuses new calls, releases live ones, waits at most `patience` for them to end, and ends
    /// the thread. A thread that a driver blocks is left behind.
    pub fn stop(self, patience: Duration) {
        self.handle.stop(patience);
        if matches!(self.over.recv_timeout(patience + GRACE), Err(RecvTimeoutError::Timeout)) {
            tracing::error!("the floor's thread does not end: a driver blocks it");
        } else if self.thread.join().is_err() {
            tracing::error!("the floor's thread had panicked");
        }
    }

    /// Whether the floor's thread has ended, which before [`Runtime::stop`] is a fault.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.thread.is_finished()
    }
}

struct Floor {
    floor: Switchboard,
    inputs: Inputs,
    drivers: Box<dyn Drivers>,
    clock: Clock,
    _running: Sender<Never>,
}

impl Floor {
    fn run(mut self, opening: Vec<Command>) {
        for command in opening {
            self.drivers.carry_out(command);
        }
        let mut stopping = false;
        while !(stopping && self.floor.is_idle()) {
            let now = self.clock.now();
            let patience = self.floor.poll_timeout().map(|at| at.since(now));
            let input = match self.inputs.next(patience) {
                inbox::Next::Input(input) => input,
                inbox::Next::TimedOut => Input::Tick,
                inbox::Next::Stop => {
                    stopping = true;
                    continue;
                }
                inbox::Next::Over => return,
            };
            for command in self.floor.handle(input, self.clock.now()) {
                self.drivers.carry_out(command);
            }
        }
    }
}

#[cfg(test)]
mod tests;
