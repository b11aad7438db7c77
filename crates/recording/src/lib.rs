//! Recordings on disk: written as the call goes on, recovered after a crash, sealed and indexed.
//!
//! ```text
//! media thread ─ ring ┐            ┌ <day>/<call>.<part>.part   grows at least every 100 ms
//! media thread ─ ring ┼─▶ writer ──┤
//!           commands ─┘            └─▶ sealer ─▶ <day>/<call>.<part>.wav, then the fact
//! ```
//!
//! The `.part` stays until the log holds the fact for certain ([`forget_part`]): whatever happens
//! before, the next start reports it again ([`recover`]).
//!
//! The *writer* thread empties the rings and appends to the open parts; the *sealer* thread turns
//! a finished part into a WAV file, so that a long seal never keeps the writer from the rings.
//! Both sleep while there is nothing to do. No error on disk reaches the call: it is reported once
//! for the part concerned, and writing is tried again until the part ends.

mod error;
mod folder;
mod part;
mod recorder;
mod recover;
mod ring;
mod seal;
mod sealer;
#[cfg(test)]
mod testing;
mod wav;
mod writer;

pub use error::{ReadError, StartError};
pub use recorder::{Counters, Recorder, Settings};
pub use recover::recover;
pub use ring::RingCapture;
pub use sealer::forget_part;
pub use wav::{Gap, Index, Wav, open_wav, verify};
