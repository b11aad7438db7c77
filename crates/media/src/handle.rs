//! The way to the media threads.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use clock::Clock;
use model::{Fingerprint, LegId};
use switchboard::ports::{Capture, Inbox, Input, MediaCommand, MediaFact};

use crate::counters::{Count, Counters, CountersSnapshot};
use crate::directory::{Directory, Entries};
use crate::identity::Identity;
use crate::order::{Order, Post};
use crate::prompts::PromptLibrary;
use crate::settings::{MediaSettings, StartError};
use crate::sys::{Poller, Waker};
use crate::worker::{Common, WAKE, Worker};

/// The media threads, from outside. Stops them when dropped.
pub struct Media {
    settings: MediaSettings,
    posts: Vec<Post>,
    directory: Arc<Directory>,
    inbox: Arc<dyn Inbox>,
    counters: Vec<Arc<Counters>>,
    refused: Count,
    certificate: Fingerprint,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Media {
    /// Starts the threads, named `media-0` and so on. Each takes one of `captures`, so there must
    /// be as many as [`MediaSettings::threads`]. Facts go to `inbox`.
    ///
    /// # Errors
    /// [`StartError`] when a setting makes no sense or the system refuses.
    pub fn start(
        settings: MediaSettings,
        prompts: PromptLibrary,
        inbox: Arc<dyn Inbox>,
        captures: Vec<Box<dyn Capture>>,
        clock: Clock,
    ) -> Result<Self, StartError> {
        settings.check(captures.len())?;
        let mut posts = Vec::new();
        let mut waiting = Vec::new();
        for capture in captures {
            let poller = Poller::new().map_err(|error| refused(&error))?;
            let waker = Arc::new(Waker::new().map_err(|error| refused(&error))?);
            poller.watch(&*waker, WAKE).map_err(|error| refused(&error))?;
            let (post, letterbox) = Post::new(waker, &settings);
            posts.push(post);
            waiting.push((poller, letterbox, capture));
        }
        let directory = Arc::new(Directory::new(posts.len()));
        let identity = Identity::new(clock).map_err(|what| StartError { what })?;
        let identity = Arc::new(identity);
        let certificate = identity.fingerprint;
        let common = Common {
            settings,
            identity,
            prompts,
            ringback: rtp::ringback().into(),
            inbox: Arc::clone(&inbox),
            clock,
            directory: Arc::clone(&directory),
            posts: posts.clone(),
        };
        let (refused_commands, threads) = (Count::default(), Mutex::default());
        let counters = Vec::new();
        let mut media = Self {
            settings,
            posts,
            directory,
            inbox,
            counters,
            refused: refused_commands,
            certificate,
            threads,
        };
        for (number, (poller, letterbox, capture)) in waiting.into_iter().enumerate() {
            let counters = Arc::new(Counters::default());
            let shared = Arc::clone(&counters);
            let worker = Worker::new(common.clone(), poller, letterbox, capture, shared);
            media.spawn(number, worker)?;
            media.counters.push(counters);
        }
        Ok(media)
    }

    /// Commands a stream. Never blocks. A command for a stream that is not open does nothing; one
    /// that finds the thread too far behind is refused and counted, and an `Open` then fails.
    pub fn command(&self, leg: LegId, command: MediaCommand) {
        let mut entries = self.directory.lock();
        let thread = match &command {
            MediaCommand::Open { local, .. } => match self.admit(&mut entries, leg, *local) {
                Ok(thread) => Some(thread),
                Err(why) => {
                    drop(entries);
                    return self.fail_open(leg, why);
                }
            },
            MediaCommand::StopRecord { recording } => {
                for post in &self.posts {
                    self.order(leg, post, Order::StopRecord { recording: *recording });
                }
                return;
            }
            MediaCommand::Join(other) | MediaCommand::Record { right: other, .. } => {
                self.bring_together(&mut entries, leg, *other)
            }
            MediaCommand::Close => entries.remove(leg),
            MediaCommand::Remote(_)
            | MediaCommand::Protect(_)
            | MediaCommand::Play { .. }
            | MediaCommand::Ringback
            | MediaCommand::Silence => entries.thread(leg),
        };
        if let Some(post) = thread.and_then(|thread| self.posts.get(thread)) {
            self.order(leg, post, Order::Command { leg, command: Box::new(command) });
        }
    }

    /// What the threads have counted so far.
    #[must_use]
    pub fn counters(&self) -> CountersSnapshot {
        let refused = CountersSnapshot::refused(&self.refused);
        self.counters.iter().fold(refused, |sum, counters| sum.with(counters))
    }

    /// The certificate that streams show in handshakes, for descriptions to announce.
    #[must_use]
    pub const fn certificate(&self) -> Fingerprint {
        self.certificate
    }

    /// Whether all threads are alive. Once one has ended by itself its streams are dead, and only
    /// a restart of the service brings them back.
    #[must_use]
    pub fn is_running(&self) -> bool {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        !threads.is_empty() && threads.iter().all(|thread| !thread.is_finished())
    }

    /// Closes all streams, with a goodbye, and ends the threads. Waits for them; a second call does
    /// nothing.
    pub fn stop(&self) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if threads.is_empty() {
            return;
        }
        for post in &self.posts {
            post.order(Order::Stop);
        }
        for thread in threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a media thread had panicked");
            }
        }
    }

    fn spawn(&mut self, number: usize, worker: Worker) -> Result<(), StartError> {
        let thread = Builder::new()
            .name(format!("media-{number}"))
            .spawn(|| worker.run())
            .map_err(|error| refused(&error))?;
        self.threads.get_mut().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    /// A thread for a new stream, or why there is none.
    fn admit(
        &self,
        entries: &mut Entries,
        leg: LegId,
        local: SocketAddr,
    ) -> Result<usize, &'static str> {
        if entries.thread(leg).is_some() {
            return Err("the stream is already open");
        }
        if entries.len() >= self.settings.max_streams {
            return Err("too many streams are open: raise the limit or wait for calls to end");
        }
        let thread = entries.assign(leg, local);
        if self.posts.get(thread).is_some_and(Post::has_room) {
            return Ok(thread);
        }
        entries.remove(leg);
        self.refused.add(1);
        Err("media is too far behind: too many calls for this machine")
    }

    /// Moves a stream to the thread of the one it is to meet; gives back that thread.
    ///
    /// The thread it leaves is told before the one that waits for it. As all orders are given under
    /// one lock, a thread that waits only ever waits for an order given before its own, so that no
    /// two wait for each other.
    fn bring_together(&self, entries: &mut Entries, leg: LegId, other: LegId) -> Option<usize> {
        let from = entries.thread(leg)?;
        let to = entries.thread(other).unwrap_or(from);
        let (Some(old), Some(new)) = (self.posts.get(from), self.posts.get(to)) else {
            return None;
        };
        if from == to {
            return Some(from);
        }
        if !(old.has_room() && new.has_room()) {
            self.refuse(leg);
            return None;
        }
        self.order(leg, old, Order::Leave { leg, to });
        self.order(leg, new, Order::Expect { leg });
        entries.relocate(leg, to);
        Some(to)
    }

    fn order(&self, leg: LegId, post: &Post, order: Order) {
        if !post.order(order) {
            self.refuse(leg);
        }
    }

    fn refuse(&self, leg: LegId) {
        self.refused.add(1);
        tracing::warn!(%leg, "media is too far behind and has refused a command");
    }

    fn fail_open(&self, leg: LegId, why: &str) {
        tracing::warn!(%leg, error = why, "stream cannot be opened");
        let fact = MediaFact::OpenFailed { error: why.to_owned() };
        if self.inbox.put(Input::Media { leg, fact }).is_err() {
            tracing::error!(%leg, "the floor did not take a fact of media");
        }
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Media {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Media")
            .field("settings", &self.settings)
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}

fn refused(error: &std::io::Error) -> StartError {
    StartError { what: format!("media cannot start: {error}; check the limits of the system") }
}
