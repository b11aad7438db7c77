//! What threads are told, and by which way.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use model::{LegId, RecordingId};
use switchboard::ports::MediaCommand;

use crate::settings::MediaSettings;
use crate::stream::Stream;
use crate::sys::Waker;

/// What a thread is told.
#[derive(Debug)]
pub(crate) enum Order {
    /// Do this with a stream.
    Command {
        /// The stream.
        leg: LegId,
        /// What to do.
        command: Box<MediaCommand>,
    },
    /// Give a stream to another thread.
    Leave {
        /// The stream.
        leg: LegId,
        /// The thread.
        to: usize,
    },
    /// Wait for a stream to arrive before doing anything else that is ordered.
    Expect {
        /// The stream.
        leg: LegId,
    },
    /// Stop capturing into a part.
    StopRecord {
        /// The part.
        recording: RecordingId,
    },
    /// Close all streams and end.
    Stop,
}

impl Order {
    /// Whether the order must get through. Each of these is bounded by what was ordered before.
    pub(crate) fn is_vital(&self) -> bool {
        match self {
            Self::Command { command, .. } => matches!(**command, MediaCommand::Close),
            Self::Leave { .. } | Self::Expect { .. } | Self::StopRecord { .. } | Self::Stop => true,
        }
    }
}

/// A stream that changes threads; without it where it had never been opened.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) leg: LegId,
    pub(crate) stream: Option<Box<Stream>>,
}

/// How to reach a thread.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    orders: Sender<Order>,
    arrivals: Sender<Arrival>,
    waker: Arc<Waker>,
    max_orders: usize,
}

/// The thread's end of it.
#[derive(Debug)]
pub(crate) struct Letterbox {
    pub(crate) orders: Receiver<Order>,
    pub(crate) arrivals: Receiver<Arrival>,
    pub(crate) waker: Arc<Waker>,
}

impl Post {
    /// A way that holds `max_commands` orders and more for those that are vital, which are about
    /// one for each stream.
    pub(crate) fn new(waker: Arc<Waker>, settings: &MediaSettings) -> (Self, Letterbox) {
        let max_orders = settings.max_commands;
        let (orders, taken) =
            bounded(max_orders.saturating_mul(2).saturating_add(settings.max_streams));
        let (arrivals, arriving) = bounded(settings.max_streams);
        let letterbox = Letterbox { orders: taken, arrivals: arriving, waker: Arc::clone(&waker) };
        (Self { orders, arrivals, waker, max_orders }, letterbox)
    }

    /// Whether an order that is not vital still gets in.
    pub(crate) fn has_room(&self) -> bool {
        self.orders.len() < self.max_orders
    }

    /// Leaves an order; `false` when there is no room for it.
    pub(crate) fn order(&self, order: Order) -> bool {
        let taken = (order.is_vital() || self.has_room()) && self.orders.try_send(order).is_ok();
        self.waker.wake();
        taken
    }

    /// Hands over a stream. Without room it is closed, and its far side hears no more.
    pub(crate) fn hand_over(&self, arrival: Arrival) {
        if let Err(lost) = self.arrivals.try_send(arrival) {
            tracing::error!(leg = %lost.into_inner().leg, "stream lost between media threads");
        }
        self.waker.wake();
    }
}
