//! Asking the floor: a request goes into its inbox, the reply comes back by its id.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::{Actor, CallId, EventKind, Refusal};
use switchboard::ports::{Inbox, Input, Reply, ReplyId, Request};
use tokio::sync::oneshot;

/// How long the floor may take. It answers in microseconds; this is for one that is stopping.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most requests waiting for their reply at once.
const PENDING: usize = 1_024;

/// Requests that wait for their reply. Whoever carries out the floor's commands completes them.
#[derive(Debug, Default)]
pub struct Replies {
    pending: Mutex<Pending>,
}

#[derive(Debug, Default)]
struct Pending {
    last: u64,
    waiting: BTreeMap<u64, oneshot::Sender<Result<Reply, Refusal>>>,
}

impl Replies {
    /// Hands a reply to whoever waits for it; one that nobody waits for any more is dropped. Never
    /// blocks.
    pub fn complete(&self, reply: ReplyId, result: Result<Reply, Refusal>) {
        let waiting = self.pending().waiting.remove(&reply.0);
        if let Some(waiting) = waiting {
            // The one who asked may have gone in this moment.
            let _ = waiting.send(result);
        }
    }

    fn expect(
        self: &Arc<Self>,
    ) -> Result<(Expected, oneshot::Receiver<Result<Reply, Refusal>>), Refusal> {
        let mut pending = self.pending();
        if pending.waiting.len() >= PENDING {
            return Err(Refusal::Unavailable);
        }
        pending.last += 1;
        let id = pending.last;
        let (sender, receiver) = oneshot::channel();
        pending.waiting.insert(id, sender);
        Ok((Expected { id, replies: Arc::clone(self) }, receiver))
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the table, given back when whoever asked waits no longer.
struct Expected {
    id: u64,
    replies: Arc<Replies>,
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.replies.pending().waiting.remove(&self.id);
    }
}

/// One tenant's floor, for those who ask. Cheap to clone.
#[derive(Clone)]
pub struct Floor {
    inbox: Arc<dyn Inbox>,
    replies: Arc<Replies>,
    patience: Duration,
}

impl fmt::Debug for Floor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Floor").field("replies", &self.replies).finish_non_exhaustive()
    }
}

impl Floor {
    /// The floor behind `inbox`, whose replies are completed in `replies`.
    #[must_use]
    pub const fn new(inbox: Arc<dyn Inbox>, replies: Arc<Replies>) -> Self {
        Self { inbox, replies, patience: PATIENCE }
    }

    /// Asks, and waits for the reply.
    ///
    /// # Errors
    /// The floor's refusal; [`Refusal::Unavailable`] when it takes no requests now, or does not
    /// answer within five seconds.
    pub async fn ask(&self, actor: Actor, request: Request) -> Result<Reply, Refusal> {
        let (expected, reply) = self.replies.expect()?;
        let reply_id = ReplyId(expected.id);
        let input = Input::Request { reply: reply_id, actor, request };
        self.inbox.put(input).map_err(|_| Refusal::Unavailable)?;
        let reply = tokio::time::timeout(self.patience, reply).await;
        drop(expected);
        reply.ok().and_then(Result::ok).unwrap_or(Err(Refusal::Unavailable))
    }

    /// Puts into the log what happened in the back office.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] when the floor is gone.
    pub fn note(&self, actor: Actor, call: Option<CallId>, kind: EventKind) -> Result<(), Refusal> {
        let kind = Box::new(kind);
        self.inbox.put(Input::Note { actor, call, kind }).map_err(|_| Refusal::Unavailable)
    }
}

#[cfg(test)]
mod tests {
    use switchboard::ports::Full;

    use super::*;

    /// A floor that keeps what it is asked and never answers by itself.
    #[derive(Default)]
    struct Silent {
        asked: Mutex<Vec<Input>>,
    }

    impl Inbox for Silent {
        fn put(&self, input: Input) -> Result<(), Full> {
            self.asked.lock().unwrap().push(input);
            Ok(())
        }
    }

    /// A floor that is given less time than whoever runs these tests has.
    fn floor(inbox: Arc<Silent>, replies: &Arc<Replies>) -> Floor {
        let patience = Duration::from_millis(20);
        Floor { patience, ..Floor::new(inbox, Arc::clone(replies)) }
    }

    #[tokio::test]
    async fn a_floor_that_does_not_answer_is_unavailable_and_leaves_nothing_behind() {
        let replies = Arc::new(Replies::default());
        let floor = floor(Arc::new(Silent::default()), &replies);
        let asked = floor.ask(Actor::system(), Request::Status).await;
        assert_eq!(asked, Err(Refusal::Unavailable));
        assert!(replies.pending().waiting.is_empty());
        replies.complete(ReplyId(1), Ok(Reply::Done));
    }

    #[tokio::test]
    async fn only_so_many_may_wait_at_once() {
        let replies = Arc::new(Replies::default());
        let places: Vec<_> = (0..PENDING).map(|_| replies.expect().unwrap()).collect();
        let floor = floor(Arc::new(Silent::default()), &replies);
        let asked = floor.ask(Actor::system(), Request::Status).await;
        assert_eq!(asked, Err(Refusal::Unavailable));
        drop(places);
        assert!(replies.expect().is_ok());
    }
}
