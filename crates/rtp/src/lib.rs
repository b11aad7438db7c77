//! RTP, RTCP, telephone-event and G.711 as data: no sockets, no clock, no chance.
//!
//! Everything here is a value or a small machine that is told of packets and of the time. Audio is
//! G.711 at 8000 samples a second; a *sample* is the unit of all RTP timestamps and offsets.

mod g711;
mod latch;
mod outgoing;
mod packet;
mod reception;
pub mod rtcp;
mod telephone_event;
mod timeline;
mod tone;
mod wav;

pub use g711::{
    ALAW_SILENCE, ULAW_SILENCE, alaw_decode, alaw_encode, alaw_to_ulaw, ulaw_decode, ulaw_encode,
    ulaw_to_alaw,
};
pub use latch::{LONG_SILENCE, Latch, PROBATION, SILENCE, Verdict};
pub use outgoing::{Outgoing, Source};
pub use packet::{HEADER, Header, Malformed, Packet, is_rtcp, sequence_after, timestamp_after};
pub use reception::Reception;
pub use telephone_event::{DigitReceiver, DigitSender, EventPacket, TelephoneEvent};
pub use timeline::Timeline;
pub use tone::{Heard, Tone, heard, ringback, share_of};
pub use wav::{WavError, wav_alaw};

/// Samples a second of all our audio.
pub const SAMPLE_RATE: u32 = 8_000;

/// Samples in a packet of 20 ms.
pub const FRAME: usize = 160;

/// Samples in a span of time, rounded down.
#[must_use]
pub const fn samples_in(span: std::time::Duration) -> u64 {
    let whole = span.as_secs().saturating_mul(SAMPLE_RATE as u64);
    whole.saturating_add(span.subsec_micros() as u64 / (1_000_000 / SAMPLE_RATE as u64))
}
