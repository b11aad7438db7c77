//! SRTP and SRTCP (RFC 3711, RFC 7714): one direction each, in the buffer a packet came in.
//!
//! The ciphers are RustCrypto's; what is here is the framing around them. Nothing is allocated for
//! a packet. A packet that fails changes nothing.

use model::SrtpKey;

mod cipher;
mod index;
#[cfg(test)]
mod tests;

use cipher::Cipher;
use index::{Window, guess};

/// The most octets protection adds to a packet: a tag and, on reports, an index.
pub(crate) const MOST_ADDED: usize = 20;
/// Fixed part of the header of RTP.
const HEADER: usize = 12;
/// What of a report stays readable: its first header and its sender (RFC 3711 §3.4).
const REPORT_HEADER: usize = 8;
/// The index of a report, with whether it is encrypted.
const REPORT_INDEX: usize = 4;
const ENCRYPTED: u32 = 1 << 31;
/// Talkers one far side may have at a time. A new one takes the place of who was heard longest ago.
const MOST_TALKERS: usize = 4;

/// Why a packet is not let through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// It is too short, or its own lengths contradict each other.
    Malformed,
    /// It does not come from who has the key, or was changed on its way.
    Forged,
    /// It was here before, or is too old to tell.
    Replayed,
}

/// What we send.
#[derive(Debug)]
pub(crate) struct Sender {
    cipher: Cipher,
    sent: Talker,
    reports: u32,
}

impl Sender {
    pub(crate) fn new(key: &SrtpKey) -> Self {
        Self { cipher: Cipher::new(key), sent: Talker::default(), reports: 0 }
    }

    /// Protects the packet that fills the first `length` octets of `buffer`, which has room for
    /// [`MOST_ADDED`] more; gives back its new length. `None` when it is no packet, or its number
    /// has been used: two packets under one number would give each other away.
    pub(crate) fn protect(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        let header = header_length(buffer.get(..length)?)?;
        let numbers = Numbers::of(buffer)?;
        let index = self.sent.index(numbers.sequence);
        if self.sent.window.has(index) {
            return None;
        }
        let length = self.cipher.seal(buffer, header..length, numbers.ssrc, index)?;
        self.sent.window.note(index);
        Some(length)
    }

    /// Protects a report in the same way.
    pub(crate) fn protect_report(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        let ssrc = word(buffer.get(..length)?, 4)?;
        let index = self.reports;
        self.reports = (index + 1) & !ENCRYPTED;
        self.cipher.seal_report(buffer, length, ssrc, index)
    }
}

/// What a far side sends.
#[derive(Debug)]
pub(crate) struct Receiver {
    cipher: Cipher,
    /// The one heard last comes last.
    talkers: Vec<(u32, Talker)>,
    reports: Window,
}

impl Receiver {
    pub(crate) fn new(key: &SrtpKey) -> Self {
        Self {
            cipher: Cipher::new(key),
            talkers: Vec::with_capacity(MOST_TALKERS),
            reports: Window::default(),
        }
    }

    /// Opens the packet in `packet` where it lies; gives back its length without protection.
    ///
    /// # Errors
    /// Why it is not to be heard.
    pub(crate) fn open(&mut self, packet: &mut [u8]) -> Result<usize, Fault> {
        let header = header_length(packet).ok_or(Fault::Malformed)?;
        let numbers = Numbers::of(packet).ok_or(Fault::Malformed)?;
        let place = self.talkers.iter().position(|(ssrc, _)| *ssrc == numbers.ssrc);
        let known = place.and_then(|place| self.talkers.get(place)).map(|(_, talker)| talker);
        let index = known.unwrap_or(&Talker::default()).index(numbers.sequence);
        if known.is_some_and(|talker| talker.window.has(index)) {
            return Err(Fault::Replayed);
        }
        let length = self.cipher.open(packet, header, numbers.ssrc, index)?;
        let mut talker = match place {
            Some(place) => self.talkers.remove(place).1,
            None => Talker::default(),
        };
        talker.window.note(index);
        if self.talkers.len() >= MOST_TALKERS {
            self.talkers.remove(0);
        }
        self.talkers.push((numbers.ssrc, talker));
        Ok(length)
    }

    /// Opens a report in the same way.
    ///
    /// # Errors
    /// Why it is not to be believed.
    pub(crate) fn open_report(&mut self, packet: &mut [u8]) -> Result<usize, Fault> {
        let ssrc = word(packet, 4).ok_or(Fault::Malformed)?;
        let trailer = self.cipher.report_trailer(packet).ok_or(Fault::Malformed)?;
        let index = u64::from(trailer & !ENCRYPTED);
        if self.reports.has(index) {
            return Err(Fault::Replayed);
        }
        // A suite of ours encrypts; one that does not was not agreed on.
        if trailer & ENCRYPTED == 0 {
            return Err(Fault::Forged);
        }
        let length = self.cipher.open_report(packet, ssrc, trailer)?;
        self.reports.note(index);
        Ok(length)
    }
}

/// The numbers of one talker's packets.
#[derive(Clone, Debug, Default)]
struct Talker {
    window: Window,
}

impl Talker {
    /// The number of a packet counted from the first, from the sixteen bits of it that it carries.
    fn index(&self, sequence: u16) -> u64 {
        self.window.newest().map_or(u64::from(sequence), |newest| guess(newest, sequence))
    }
}

/// What of a header protection depends on.
#[derive(Clone, Copy)]
struct Numbers {
    sequence: u16,
    ssrc: u32,
}

impl Numbers {
    fn of(packet: &[u8]) -> Option<Self> {
        let [high, low] = *packet.get(2..4)?.first_chunk()?;
        Some(Self { sequence: u16::from_be_bytes([high, low]), ssrc: word(packet, 8)? })
    }
}

/// How long the readable part of a packet is: fixed header, contributors and extension
/// (RFC 3550 §5.1).
fn header_length(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let mut length = HEADER + usize::from(first & 0x0f) * 4;
    if first & 0x10 != 0 {
        let [high, low] = *packet.get(length + 2..length + 4)?.first_chunk()?;
        length += 4 + usize::from(u16::from_be_bytes([high, low])) * 4;
    }
    (first >> 6 == 2 && packet.len() >= length).then_some(length)
}

fn word(packet: &[u8], at: usize) -> Option<u32> {
    packet.get(at..at + 4)?.first_chunk().map(|octets| u32::from_be_bytes(*octets))
}
