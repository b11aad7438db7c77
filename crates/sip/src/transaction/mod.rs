//! Transactions: a request and the responses to it, kept whole over a network that loses,
//! doubles and reorders (RFC 3261 §17, with the `Accepted` state of RFC 6026).
//!
//! Four machines, one file each; every file opens with its table. They own no message and no
//! socket: they take what happened and answer with [`Action`]s in order. [`TransactionLayer`]
//! matches messages to machines (§17.1.3, §17.2.3), keeps the messages to repeat, and knows the
//! next deadline of all.
//!
//! | timer | armed with | in | for |
//! |---|---|---|---|
//! | A | T1, doubling | INVITE client, `Calling` | repeating the INVITE, unreliable only |
//! | B | 64·T1 | INVITE client, `Calling` | giving up |
//! | D | 32 s, reliable 0 | INVITE client, `Completed` | repeated final responses |
//! | E | T1, doubling to T2 | non-INVITE client | repeating the request, unreliable only |
//! | F | 64·T1 | non-INVITE client | giving up |
//! | G | T1, doubling to T2 | INVITE server, `Completed` | repeating the response, unreliable only |
//! | H | 64·T1 | INVITE server, `Completed` | giving up on the ACK |
//! | I | T4, reliable 0 | INVITE server, `Confirmed` | repeated ACKs |
//! | J | 64·T1, reliable 0 | non-INVITE server, `Completed` | repeated requests |
//! | K | T4, reliable 0 | non-INVITE client, `Completed` | repeated responses |
//! | L | 64·T1 | INVITE server, `Accepted` | repeated INVITEs after a 2xx (RFC 6026) |
//! | M | 64·T1 | INVITE client, `Accepted` | more 2xx, repeated or forked (RFC 6026) |

mod derived;
mod entry;
mod invite_client;
mod invite_server;
mod key;
mod layer;
mod non_invite_client;
mod non_invite_server;
#[cfg(test)]
mod tests;
mod told;

use std::time::Duration;

use model::Timestamp;

pub(crate) use derived::cancellation;
pub use invite_client::InviteClient;
pub use invite_server::InviteServer;
pub use key::{ClientKey, OldKey, ServerKey};
pub use layer::{Full, TransactionId, TransactionLayer};
pub use non_invite_client::NonInviteClient;
pub use non_invite_server::NonInviteServer;
pub use told::{Fresh, Matched, TransactionEvent, TransactionOutput};

/// The estimates of the network that every timer is made of (RFC 3261 §17.1.1.1, Table 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// A round trip; 500 ms.
    pub t1: Duration,
    /// The longest pause between repetitions of a non-INVITE request or INVITE response; 4 s.
    pub t2: Duration,
    /// The longest a message stays in the network; 5 s.
    pub t4: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl Timing {
    /// 64·T1: how long anything is tried before it is given up.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.t1 * 64
    }

    /// Timer D: at least 32 s (RFC 3261 §17.1.1.2), and not less than Timer H of the other side.
    fn d(&self) -> Duration {
        self.patience().max(Duration::from_secs(32))
    }
}

/// Whether the transport itself repeats what was lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reliability {
    /// TCP, TLS, WebSocket.
    Reliable,
    /// UDP.
    Unreliable,
}

/// The timers of RFC 3261 Table 4 and RFC 6026; C is a proxy's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Timer {
    /// INVITE request repetition.
    A,
    /// INVITE transaction time-out.
    B,
    /// Wait for repeated final responses to an INVITE.
    D,
    /// Non-INVITE request repetition.
    E,
    /// Non-INVITE transaction time-out.
    F,
    /// INVITE response repetition.
    G,
    /// Wait for the ACK.
    H,
    /// Wait for repeated ACKs.
    I,
    /// Wait for repeated non-INVITE requests.
    J,
    /// Wait for repeated responses to a non-INVITE request.
    K,
    /// Wait for repeated INVITEs after a 2xx was sent.
    L,
    /// Wait for repeated and forked 2xx.
    M,
}

/// What a machine wants done, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Send the request (client) or the last response (server) again.
    Resend,
    /// Send the ACK of a final response that is no 2xx.
    Acknowledge,
    /// Hand the message that came in up to the transaction's user.
    Pass,
    /// Tell the user that nobody answered in time.
    TimedOut,
    /// Tell the user that the transport failed.
    Failed,
}

/// A machine's orders: always one of a few fixed lists.
pub type Actions = &'static [Action];

/// Which of the three kinds of responses a machine distinguishes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResponseClass {
    /// 1xx.
    Provisional,
    /// 2xx.
    Success,
    /// 3xx to 6xx.
    Failure,
}

impl ResponseClass {
    /// The class of a status code.
    #[must_use]
    pub const fn of(status: u16) -> Self {
        match status {
            0..=199 => Self::Provisional,
            200..=299 => Self::Success,
            _ => Self::Failure,
        }
    }
}

/// A repetition that backs off: due at a time, then after twice the pause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resend {
    at: Timestamp,
    pause: Duration,
}

impl Resend {
    /// The first repetition, one T1 from now.
    #[must_use]
    pub fn first(timing: &Timing, now: Timestamp) -> Self {
        Self { at: now + timing.t1, pause: timing.t1 }
    }

    /// When the repetition is due.
    #[must_use]
    pub const fn due(&self) -> Timestamp {
        self.at
    }

    /// The repetition after this one. It counts from now, so that a late caller sends one and not
    /// a burst.
    #[must_use]
    pub fn next(&self, longest: Duration, now: Timestamp) -> Self {
        let pause = (self.pause * 2).min(longest);
        Self { at: now + pause, pause }
    }

    /// A repetition one pause from now, the pause no longer growing.
    #[must_use]
    pub fn steady(&self, pause: Duration, now: Timestamp) -> Self {
        Self { at: now + pause, pause }
    }
}

/// The earlier of a repetition and a time-out.
fn sooner(resend: Option<(Timestamp, Timer)>, end: (Timestamp, Timer)) -> (Timestamp, Timer) {
    match resend {
        Some(resend) if resend.0 < end.0 => resend,
        _ => end,
    }
}
