//! The system calls that the standard library lacks: epoll, eventfd and the limit of open files.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// The most sockets taken from one wake; the rest come with the next, none is passed over.
pub(crate) const BATCH: usize = 256;

/// What is ready after a wait.
#[derive(Debug)]
pub(crate) struct Ready {
    events: Vec<libc::epoll_event>,
    count: usize,
}

impl Ready {
    pub(crate) fn new() -> Self {
        Self { events: vec![libc::epoll_event { events: 0, u64: 0 }; BATCH], count: 0 }
    }

    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// The token of the `at`-th ready socket.
    pub(crate) fn token(&self, at: usize) -> Option<u64> {
        self.events.get(..self.count)?.get(at).map(|event| event.u64)
    }
}

/// An epoll instance.
#[derive(Debug)]
pub(crate) struct Poller(OwnedFd);

impl Poller {
    #[expect(unsafe_code, reason = "the standard library has no epoll")]
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: the call takes no pointer; a descriptor it returns is new and ours alone.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` is open and owned by nobody else.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Watches a socket for packets, under a token. Level-triggered: what is left unread is
    /// reported again. Closing the socket ends the watch.
    #[expect(unsafe_code, reason = "the standard library has no epoll")]
    pub(crate) fn watch(&self, socket: &impl AsRawFd, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN.cast_unsigned(), u64: token };
        // SAFETY: both descriptors are open for as long as they are borrowed, and `event` lives
        // until the call returns, which keeps no pointer to it.
        let result = unsafe {
            libc::epoll_ctl(
                self.0.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                socket.as_raw_fd(),
                &raw mut event,
            )
        };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Stops watching a socket that stays open: it goes to another thread.
    #[expect(unsafe_code, reason = "the standard library has no epoll")]
    pub(crate) fn forget(&self, socket: &impl AsRawFd) {
        // SAFETY: both descriptors are open for as long as they are borrowed; deletion takes no
        // event (Linux since 2.6.9).
        unsafe {
            libc::epoll_ctl(
                self.0.as_raw_fd(),
                libc::EPOLL_CTL_DEL,
                socket.as_raw_fd(),
                std::ptr::null_mut(),
            );
        }
    }

    /// Sleeps until something is ready or `timeout` has passed; for ever without one. Rounded up to
    /// whole milliseconds, so that a deadline has passed when it returns.
    #[expect(unsafe_code, reason = "the standard library has no epoll")]
    pub(crate) fn wait(&self, ready: &mut Ready, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout.map_or(-1, |timeout| {
            i32::try_from(timeout.as_micros().div_ceil(1_000)).unwrap_or(i32::MAX)
        });
        let room = i32::try_from(ready.events.len()).unwrap_or(i32::MAX);
        ready.count = 0;
        // SAFETY: `events` has room for as many events as is said, and is borrowed for the call.
        let count = unsafe {
            libc::epoll_wait(self.0.as_raw_fd(), ready.events.as_mut_ptr(), room, timeout)
        };
        match usize::try_from(count) {
            Ok(count) => {
                ready.count = count;
                Ok(())
            }
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => Ok(()),
                error => Err(error),
            },
        }
    }
}

/// Wakes a thread that waits in a [`Poller`].
#[derive(Debug)]
pub(crate) struct Waker(File);

impl Waker {
    #[expect(unsafe_code, reason = "the standard library has no eventfd")]
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: the call takes no pointer; a descriptor it returns is new and ours alone.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` is open and owned by nobody else.
        Ok(Self(File::from(unsafe { OwnedFd::from_raw_fd(fd) })))
    }

    /// Wakes the thread. Never blocks: a counter that is full is as awake as can be.
    pub(crate) fn wake(&self) {
        let _ = (&self.0).write(&1_u64.to_ne_bytes());
    }

    /// Takes the wake-ups so far.
    pub(crate) fn clear(&self) {
        let _ = (&self.0).read(&mut [0; 8]);
    }
}

impl AsRawFd for Waker {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.0.as_raw_fd()
    }
}

/// Lets this process have as many files open as the system allows it, and says how many that is.
/// Streams take two sockets each, and systems begin with a limit of 1024 for programs that cannot
/// do with more.
///
/// # Errors
/// When the system refuses; the limit stays as it is then.
#[expect(unsafe_code, reason = "the standard library cannot change limits")]
pub fn raise_open_files() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` lives until the call returns, which keeps no pointer to it.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: as above.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(limit.rlim_cur)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_open_files_only_rises() {
        let raised = raise_open_files().unwrap();
        assert!(raised >= 256);
        assert_eq!(raise_open_files().unwrap(), raised);
    }
}
