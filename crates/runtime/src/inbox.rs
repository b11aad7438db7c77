//! The bounded inbox of one floor.
//!
//! One channel, so that there is one order. Above the high-water mark new calls and requests are
//! handed back; the room above it is for facts. Only if even that were full would a fact wait for
//! the floor to catch up: it is never dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError};
use switchboard::ports::{Full, Inbox, Input};

/// How much an inbox holds.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Above this many inputs, new calls and requests are refused.
    pub high_water: usize,
    /// All it holds; the room above the high-water mark is for facts.
    pub capacity: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { high_water: 4_096, capacity: 65_536 }
    }
}

/// Where inputs are left. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    sender: Sender<Message>,
    high_water: usize,
    refused: Arc<AtomicU64>,
}

/// Where the floor takes them from.
#[derive(Debug)]
pub struct Inputs {
    receiver: Receiver<Message>,
    stop_at: Option<Instant>,
}

#[derive(Debug)]
enum Message {
    Input(Input),
    Stop { patience: Duration },
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "an input is handed on once; a box would cost more")]
pub(crate) enum Next {
    Input(Input),
    TimedOut,
    /// A stop was asked for: go on until all is over.
    Stop,
    /// Nothing more will come, or patience has run out.
    Over,
}

pub(crate) fn bounded(bounds: Bounds) -> (Handle, Inputs) {
    let (sender, receiver) = crossbeam_channel::bounded(bounds.capacity);
    let handle = Handle { sender, high_water: bounds.high_water, refused: Arc::default() };
    (handle, Inputs { receiver, stop_at: None })
}

impl Handle {
    /// How many inputs were handed back because the inbox was above its high-water mark.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// How many inputs wait now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.sender.len()
    }

    pub(crate) fn stop(&self, patience: Duration) {
        // A floor that is already gone needs no telling, and one that is stuck is given up.
        let _ = self.sender.send_timeout(Message::Input(Input::Shutdown), patience);
        let _ = self.sender.send_timeout(Message::Stop { patience }, patience);
    }
}

impl Inbox for Handle {
    fn put(&self, input: Input) -> Result<(), Full> {
        if !input.is_fact() && self.sender.len() >= self.high_water {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Full(Box::new(input)));
        }
        match self.sender.try_send(Message::Input(input)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(Message::Input(input))) if !input.is_fact() => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Err(Full(Box::new(input)))
            }
            Err(TrySendError::Full(message)) => {
                // The floor is far behind; the fact waits for it. A send fails only when the
                // floor is gone, and then there is nobody to tell.
                let _ = self.sender.send(message);
                Ok(())
            }
            Err(TrySendError::Disconnected(Message::Input(input))) => Err(Full(Box::new(input))),
            Err(TrySendError::Disconnected(Message::Stop { .. })) => Ok(()),
        }
    }
}

impl Inputs {
    #[expect(clippy::disallowed_methods, reason = "waits on a channel, which needs the real clock")]
    pub(crate) fn next(&mut self, patience: Option<Duration>) -> Next {
        let left = match self.stop_at {
            Some(at) => match at.checked_duration_since(Instant::now()) {
                Some(left) => Some(left),
                None => return Next::Over,
            },
            None => None,
        };
        let wait = [patience, left].into_iter().flatten().min();
        let message = match wait {
            Some(wait) => self.receiver.recv_timeout(wait),
            None => self.receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match message {
            Ok(Message::Input(input)) => Next::Input(input),
            Ok(Message::Stop { patience }) => {
                self.stop_at = Some(Instant::now() + patience);
                Next::Stop
            }
            Err(RecvTimeoutError::Timeout) => Next::TimedOut,
            Err(RecvTimeoutError::Disconnected) => Next::Over,
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{Actor, PhoneId};
    use switchboard::ports::{ReplyId, Request};

    use super::*;

    fn request() -> Input {
        Input::Request { reply: ReplyId(1), actor: Actor::system(), request: Request::Status }
    }

    #[test]
    fn above_the_high_water_mark_requests_are_handed_back_and_facts_are_taken() {
        let (handle, mut inputs) = bounded(Bounds { high_water: 1, capacity: 4 });
        handle.put(request()).unwrap();
        assert!(handle.put(request()).is_err());
        assert_eq!(handle.refused(), 1);
        handle.put(Input::Binding { phone: PhoneId::from("1001"), bindings: 0 }).unwrap();
        assert!(matches!(inputs.next(None), Next::Input(Input::Request { .. })));
        assert!(matches!(inputs.next(None), Next::Input(Input::Binding { .. })));
        assert!(matches!(inputs.next(Some(Duration::ZERO)), Next::TimedOut));
    }
}
