//! Sealed recordings: 8 kHz A-law WAV (format tag 6) of two channels, the caller or calling party
//! on the left, the agent or called party on the right.
//!
//! After the audio stands a chunk of ours, `hlix`, with an [`Index`] in JSON; players skip it.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use model::RecordingId;
use rtp::{SAMPLE_RATE, alaw_decode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use switchboard::ports::PartDetails;

use crate::ReadError;

/// Octets from the beginning of the file to the audio.
pub(crate) const HEADER: usize = 58;
/// Longest part kept, in samples: a day. Well below what a WAV file can say of its length.
pub(crate) const LONGEST: u64 = 24 * 3_600 * SAMPLE_RATE as u64;
const ALAW: u16 = 6;
const CHANNELS: u16 = 2;
const INDEX: &[u8; 4] = b"hlix";

/// What a sealed file says of itself besides its audio.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Index {
    /// The part.
    pub recording: RecordingId,
    /// Whose voices, when, from which queue.
    pub details: PartDetails,
    /// Whether it was sealed after a crash.
    pub recovered: bool,
    /// Frames that never reached the file.
    pub lost_frames: u64,
    /// Where the left channel has silence because nothing was captured.
    pub left_gaps: Vec<Gap>,
    /// The same for the right channel.
    pub right_gaps: Vec<Gap>,
    /// Gaps beyond those listed.
    pub further_gaps: u64,
}

/// A stretch without captured audio, in milliseconds since the part began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gap {
    /// Where it begins.
    pub from_ms: u64,
    /// Where audio goes on.
    pub to_ms: u64,
}

/// A recording read back.
#[derive(Clone, Debug)]
pub struct Wav {
    /// Linear samples of the caller or calling party, 8000 a second.
    pub left: Vec<i16>,
    /// Linear samples of the agent or called party.
    pub right: Vec<i16>,
    /// What the file says of itself; `None` when some other program wrote it.
    pub index: Option<Index>,
}

impl Wav {
    /// How long it plays.
    #[must_use]
    pub fn duration(&self) -> Duration {
        duration(self.left.len() as u64)
    }
}

/// How long so many samples of a channel play.
pub(crate) const fn duration(samples: u64) -> Duration {
    Duration::from_micros(samples.saturating_mul(1_000_000 / SAMPLE_RATE as u64))
}

/// Reads a sealed recording whole and decodes it.
///
/// # Errors
/// [`ReadError`] when it cannot be read or is no two-channel 8 kHz A-law WAV.
pub fn open_wav(path: &Path) -> Result<Wav, ReadError> {
    let not_ours = |why| ReadError::NotOurs(path.into(), why);
    let file_error = |error| ReadError::File(path.into(), error);
    let longest = HEADER as u64 + LONGEST * u64::from(CHANNELS) + (1 << 24);
    if fs::metadata(path).map_err(file_error)?.len() > longest {
        return Err(not_ours("it is longer than a day"));
    }
    let bytes = fs::read(path).map_err(file_error)?;
    let chunks = Chunks::of(&bytes).ok_or_else(|| not_ours("it is no WAV file"))?;
    let (mut audio, mut index) = (None, None);
    for (name, body) in chunks {
        match name {
            b"fmt " if !is_ours(body) => {
                return Err(not_ours("it is not two channels of 8 kHz A-law"));
            }
            b"data" => audio = Some(body),
            INDEX => index = serde_json::from_slice(body).ok(),
            _ => {}
        }
    }
    let audio = audio.ok_or_else(|| not_ours("it has no audio"))?;
    let (pairs, _) = audio.as_chunks::<2>();
    let left = pairs.iter().map(|[left, _]| alaw_decode(*left)).collect();
    let right = pairs.iter().map(|[_, right]| alaw_decode(*right)).collect();
    Ok(Wav { left, right, index })
}

/// Checks that a file is as it was sealed. `sha256` is in hexadecimal.
///
/// # Errors
/// [`ReadError::Changed`] when it is not, [`ReadError::File`] when it cannot be read.
pub fn verify(path: &Path, sha256: &str) -> Result<(), ReadError> {
    let file_error = |error| ReadError::File(path.into(), error);
    let file = File::open(path).map_err(file_error)?;
    let found = checksum(file).map_err(file_error)?;
    if found.eq_ignore_ascii_case(sha256) {
        return Ok(());
    }
    Err(ReadError::Changed { path: path.into(), expected: sha256.into(), found })
}

/// SHA-256 of all that can be read, in hexadecimal.
pub(crate) fn checksum(mut file: impl Read) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut block = vec![0; 64 * 1024];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex::encode(hash.finalize())),
            read => hash.update(block.get(..read).unwrap_or_default()),
        }
    }
}

/// The head of a file with `samples` samples a channel and `after` octets of chunks after them.
pub(crate) fn head(samples: u64, after: usize) -> [u8; HEADER] {
    let octets = u32::try_from(samples * u64::from(CHANNELS)).unwrap_or(u32::MAX);
    let after = u32::try_from(HEADER - 8 + after).unwrap_or(u32::MAX);
    let per_channel = u32::try_from(samples).unwrap_or(u32::MAX);
    let mut out = Vec::with_capacity(HEADER);
    out.extend_from_slice(b"RIFF");
    out.extend_from_slice(&octets.saturating_add(after).to_le_bytes());
    out.extend_from_slice(b"WAVEfmt ");
    out.extend_from_slice(&18_u32.to_le_bytes());
    out.extend_from_slice(&format());
    out.extend_from_slice(&0_u16.to_le_bytes());
    out.extend_from_slice(b"fact");
    out.extend_from_slice(&4_u32.to_le_bytes());
    out.extend_from_slice(&per_channel.to_le_bytes());
    out.extend_from_slice(b"data");
    out.extend_from_slice(&octets.to_le_bytes());
    let mut head = [0; HEADER];
    head.iter_mut().zip(out).for_each(|(place, octet)| *place = octet);
    head
}

/// The chunk that follows the audio.
pub(crate) fn index_chunk(index: &Index) -> std::io::Result<Vec<u8>> {
    let mut json = serde_json::to_vec(index)?;
    // Chunks begin at even places.
    if json.len() % 2 == 1 {
        json.push(b' ');
    }
    let length = u32::try_from(json.len()).map_err(std::io::Error::other)?;
    Ok([INDEX.as_slice(), &length.to_le_bytes(), &json].concat())
}

/// The first 16 octets of the `fmt ` chunk: what the audio is.
fn format() -> [u8; 16] {
    let mut out = [0; 16];
    let fields = ALAW
        .to_le_bytes()
        .into_iter()
        .chain(CHANNELS.to_le_bytes())
        .chain(SAMPLE_RATE.to_le_bytes())
        .chain((SAMPLE_RATE * u32::from(CHANNELS)).to_le_bytes())
        .chain(CHANNELS.to_le_bytes())
        .chain(8_u16.to_le_bytes());
    out.iter_mut().zip(fields).for_each(|(place, octet)| *place = octet);
    out
}

fn is_ours(chunk: &[u8]) -> bool {
    chunk.starts_with(&format())
}

/// The chunks of a RIFF file; the last may be shorter than it claims.
#[derive(Debug)]
struct Chunks<'a> {
    rest: &'a [u8],
}

impl<'a> Chunks<'a> {
    fn of(file: &'a [u8]) -> Option<Self> {
        let rest = file.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
        Some(Self { rest })
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = (&'a [u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.rest.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = (u32::from_le_bytes(*length) as usize).min(rest.len());
        let (body, rest) = rest.split_at(length);
        self.rest = rest.get(length % 2..).unwrap_or_default();
        Some((name, body))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_changed_file_does_not_pass_verification() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1-1.1.wav");
        fs::write(&path, b"abc").unwrap();
        let sealed = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(verify(&path, sealed).is_ok());
        assert!(verify(&path, &sealed.to_uppercase()).is_ok());
        fs::write(&path, b"abd").unwrap();
        assert!(matches!(verify(&path, sealed), Err(ReadError::Changed { .. })));
        fs::remove_file(&path).unwrap();
        assert!(matches!(verify(&path, sealed), Err(ReadError::File(..))));
    }

    #[test]
    fn what_is_no_recording_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.wav");
        let mut mono = head(2, 0).to_vec();
        mono[22] = 1;
        for bytes in [&b"no"[..], b"RIFF\0\0\0\0WAVE", &mono] {
            fs::write(&path, bytes).unwrap();
            assert!(matches!(open_wav(&path), Err(ReadError::NotOurs(..))));
        }
    }

    proptest! {
        #[test]
        fn no_file_makes_the_reader_panic(tail: Vec<u8>) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.wav");
            fs::write(&path, [&b"RIFF\0\0\0\0WAVE"[..], &tail].concat()).unwrap();
            let _ = open_wav(&path);
        }
    }
}
