//! What the layer says: of a request that came in, and to the users of transactions.

use std::sync::Arc;

use super::entry::Origin;
use super::{ServerKey, TransactionId};
use crate::endpoint::{Destination, Source};
use crate::message::{Request, Response};

/// What a transaction wants sent or tells its user; `U` is whatever its user gave it to be known by.
#[derive(Debug)]
pub enum TransactionOutput<U> {
    /// Send these octets.
    Send {
        /// A whole message.
        bytes: Arc<[u8]>,
        /// Where to.
        destination: Destination,
    },
    /// Something happened.
    Event {
        /// The transaction.
        transaction: TransactionId,
        /// Its user.
        user: U,
        /// What happened.
        event: TransactionEvent,
    },
}

/// What a transaction tells its user.
#[derive(Debug)]
pub enum TransactionEvent {
    /// A response to our request that is no repetition, or another 2xx to our INVITE.
    Response(Box<Response>, Source),
    /// An ACK of our 2xx, sent within the transaction as RFC 2543 did.
    Acknowledged(Box<Request>),
    /// Nobody answered our request, or acknowledged our refusal, in time.
    TimedOut,
    /// The transport could not send.
    Failed,
    /// The transaction is over. Always the last event.
    Ended,
}

/// What a request that came in is to the transactions under way.
#[derive(Debug)]
pub enum Matched {
    /// Part of one of them, and dealt with.
    Absorbed,
    /// Part of none.
    New(Fresh),
    /// A copy, by another way, of a request under way (RFC 3261 §8.2.2.2).
    Merged,
    /// Nobody can say: what it is known by cannot be read.
    Unreadable,
}

/// By what a request is known that is part of no transaction yet.
#[derive(Debug)]
pub struct Fresh {
    pub(super) key: ServerKey,
    pub(super) origin: Option<Origin>,
}
