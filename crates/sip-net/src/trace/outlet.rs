//! A way out of signalling for what is traced: a bounded queue, and a thread that empties it.
//!
//! Signalling waits for neither disk nor network: what does not fit is counted and let go.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use model::{LegId, Timestamp};
use tokio::sync::oneshot;

use super::Said;
use crate::counters::{Counted, Counters};

/// What may wait, in number.
const MOST: usize = 8_192;
/// What may wait, in octets of messages.
const MOST_OCTETS: usize = 32 << 20;
/// What is taken at most before what was taken is brought to its end.
const TURN: usize = 256;
/// How long the thread rests once nothing is waiting: to wake it for each message would cost
/// signalling more than the message.
const REST: Duration = Duration::from_millis(20);

/// One thing a trace is told.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    /// A message, and what tells it from those of other calls.
    Said(u64, Said),
    /// A leg is told of under this Call-ID.
    Leg { leg: LegId, since: Timestamp, call_id: Arc<str> },
}

impl Told {
    fn octets(&self) -> usize {
        match self {
            Self::Said(_, said) => said.bytes.len(),
            Self::Leg { call_id, .. } => call_id.len(),
        }
    }
}

/// Where what is told ends.
pub(crate) trait Sink: Send {
    /// Takes one thing.
    fn take(&mut self, told: &Told);
    /// Brings what was taken to its end: nothing more is waiting.
    fn flush(&mut self);
}

/// The way to a [`Sink`]; its thread ends when this is gone and everything was taken.
pub(crate) struct Outlet {
    queue: SyncSender<Told>,
    octets: Arc<AtomicUsize>,
    counters: Arc<Counters>,
    lost: Counted,
}

impl fmt::Debug for Outlet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Outlet").field("lost", &self.lost).finish_non_exhaustive()
    }
}

/// Resolves when an outlet's thread has ended.
pub(crate) type Ended = oneshot::Receiver<()>;

impl Outlet {
    /// Starts the thread. What does not fit is counted as `lost`.
    pub(crate) fn open(
        name: &str,
        sink: impl Sink + 'static,
        (counters, lost): (Arc<Counters>, Counted),
    ) -> io::Result<(Self, Ended)> {
        let (queue, told) = sync_channel(MOST);
        let (end, ended) = oneshot::channel::<()>();
        let octets = Arc::new(AtomicUsize::new(0));
        let waiting = Arc::clone(&octets);
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            run(&told, &waiting, sink);
            drop(end);
        })?;
        Ok((Self { queue, octets, counters, lost }, ended))
    }

    /// Tells one thing; never waits.
    pub(crate) fn tell(&self, told: Told) {
        let octets = told.octets();
        let waiting = self.octets.fetch_add(octets, Ordering::Relaxed) + octets;
        if waiting > MOST_OCTETS || self.queue.try_send(told).is_err() {
            self.octets.fetch_sub(octets, Ordering::Relaxed);
            self.counters.count(self.lost);
        }
    }
}

fn run(queue: &Receiver<Told>, waiting: &AtomicUsize, mut sink: impl Sink) {
    while let Ok(told) = queue.recv() {
        let mut next = Some(told);
        let mut left = TURN;
        while let Some(told) = next.take() {
            waiting.fetch_sub(told.octets(), Ordering::Relaxed);
            sink.take(&told);
            left -= 1;
            next = if left > 0 { queue.try_recv().ok() } else { None };
        }
        sink.flush();
        if left > 0 {
            thread::sleep(REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use model::Epoch;

    use super::*;

    /// Takes nothing before it is let.
    struct Stuck(Receiver<()>, SyncSender<usize>, usize);

    impl Sink for Stuck {
        fn take(&mut self, _: &Told) {
            let _ = self.0.recv();
            self.2 += 1;
        }

        fn flush(&mut self) {
            let _ = self.1.try_send(self.2);
        }
    }

    fn leg(call_id: &str) -> Told {
        let leg = LegId::new(Epoch::new(1), 1);
        Told::Leg { leg, since: Timestamp::EPOCH, call_id: call_id.into() }
    }

    #[expect(clippy::disallowed_methods, reason = "holds one word, which a test says")]
    fn stuck() -> (Stuck, std::sync::mpsc::Sender<()>, Receiver<usize>) {
        let (go, wait) = channel();
        let (taken, count) = sync_channel(MOST);
        (Stuck(wait, taken, 0), go, count)
    }

    #[tokio::test]
    async fn a_sink_that_takes_nothing_costs_what_does_not_fit_and_no_time() {
        let counters = Arc::new(Counters::default());
        let (sink, go, _count) = stuck();
        let (outlet, ended) =
            Outlet::open("stuck", sink, (Arc::clone(&counters), Counted::TraceLost)).unwrap();
        for _ in 0..MOST + 100 {
            outlet.tell(leg("x"));
        }
        // One more may have been taken off the queue, to be held.
        let lost = counters.of(Counted::TraceLost);
        assert!((99..=100).contains(&lost), "{lost}");
        drop((go, outlet));
        ended.await.unwrap_err();
    }

    #[tokio::test]
    async fn what_waits_is_bounded_in_octets_and_what_fits_is_taken_in_the_end() {
        let counters = Arc::new(Counters::default());
        let (sink, go, count) = stuck();
        let (outlet, ended) =
            Outlet::open("stuck", sink, (Arc::clone(&counters), Counted::TraceLost)).unwrap();
        let large = "x".repeat(1 << 20);
        for _ in 0..40 {
            outlet.tell(leg(&large));
        }
        let lost = counters.of(Counted::TraceLost);
        assert!((7..=8).contains(&lost), "{lost}");
        drop((go, outlet));
        ended.await.unwrap_err();
        let taken = count.iter().last().unwrap();
        assert_eq!(u64::try_from(taken).unwrap(), 40 - lost);
    }
}
