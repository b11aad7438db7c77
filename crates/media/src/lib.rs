//! RTP on its own threads: relay, prompts, DTMF, capture. Obeys media commands, never waits.
//!
//! ```text
//!            commands                    facts
//! floor ──────────────▶ Media ──┐   ┌──────────────▶ Inbox
//!                               ▼   │
//!  phones ◀── UDP ──▶ one thread: epoll, streams, players ──▶ Capture
//! ```
//!
//! Each thread owns its streams outright: nothing is locked and nothing allocated for a packet. The
//! two streams of a join, and those of a recording, live on one thread; [`Media`] moves a stream
//! where they do not. A thread sleeps until a packet, a command, the next 20 ms of a prompt or a
//! deadline (RTCP, a far side fallen silent); without streams it sleeps for ever.

mod allowance;
mod counters;
mod directory;
mod far_side;
mod handle;
mod handshake;
mod ice;
mod identity;
mod order;
mod player;
mod prompts;
mod reporting;
mod settings;
mod shield;
mod slots;
mod sockets;
mod srtp;
mod stream;
mod sys;
mod tap;
mod worker;

#[cfg(test)]
mod tests;

pub use counters::CountersSnapshot;
pub use handle::Media;
pub use prompts::{PromptError, PromptLibrary};
pub use settings::{MediaSettings, StartError};
pub use sys::raise_open_files;
