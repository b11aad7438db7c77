//! What was heard: WAV files read strictly, and the judgement of tones.

use std::fs;
use std::path::Path;

use rtp::{alaw_decode, heard};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{SOON, wait_until};

const RATE: usize = 8_000;

/// The longest gap that is no fault: 60 ms.
const GAP: usize = RATE * 60 / 1_000;

/// A recording: left the caller, right the agent.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) left: Vec<i16>,
    pub(crate) right: Vec<i16>,
}

impl Recorded {
    /// Reads a recording as any player would: every length in the file must be right. The row says
    /// what the file ought to be.
    #[track_caller]
    pub(crate) fn read(file: &[u8], row: &Value) -> Self {
        assert_eq!(Some(file.len() as u64), row["octets"].as_u64(), "the size is as indexed");
        let sha256 = hex::encode(Sha256::digest(file));
        assert_eq!(Some(sha256.as_str()), row["sha256"].as_str(), "the checksum is as indexed");
        let audio = audio(file, &[6, 0, 2, 0]);
        let left: Vec<i16> = audio.chunks(2).map(|pair| alaw_decode(pair[0])).collect();
        let right = audio.chunks(2).map(|pair| alaw_decode(pair[1])).collect();
        let duration = (left.len() * 1_000 / RATE) as u64;
        assert_eq!(Some(duration), row["duration_ms"].as_u64(), "the length is as indexed");
        Self { left, right }
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.left.len() as f64 / RATE as f64
    }
}

/// The audio of a WAV file of this format and number of channels, 8 kHz.
#[track_caller]
fn audio<'a>(file: &'a [u8], format: &[u8; 4]) -> &'a [u8] {
    let length = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    assert_eq!((&file[..4], &file[8..12]), (&b"RIFF"[..], &b"WAVE"[..]));
    assert_eq!(length(4), file.len() - 8, "RIFF's length");
    let (mut at, mut audio) = (12, None);
    while at < file.len() {
        let body = at + 8..at + 8 + length(at + 4);
        match &file[at..at + 4] {
            b"fmt " => {
                assert_eq!(&file[at + 8..at + 12], format);
                assert_eq!(length(at + 12), RATE);
            }
            b"data" => audio = Some(&file[body.clone()]),
            _ => {}
        }
        at = body.end + body.len() % 2;
    }
    assert_eq!(at, file.len(), "the last chunk ends with the file");
    audio.expect("a chunk with audio")
}

/// A tone of `hz` is there without a gap from soon after the beginning to shortly before the end,
/// for so many seconds at least.
#[track_caller]
pub(crate) fn assert_heard(who: &str, samples: &[i16], hz: f64, seconds: f64) {
    let found = heard(samples, hz).unwrap_or_else(|| panic!("{who}: no tone of {hz} Hz"));
    let length = (found.to - found.from) as f64 / RATE as f64;
    let of = samples.len() as f64 / RATE as f64;
    assert!(found.longest_gap <= GAP, "{who}: {} ms without {hz} Hz", found.longest_gap / 8);
    assert!(length >= seconds, "{who}: {hz} Hz for {length:.2} s of {of:.2} s");
}

/// Waits until this tone has been heard for the last second.
#[track_caller]
pub(crate) fn wait_to_hear(who: &str, ear: impl Fn() -> Vec<i16>, hz: f64) {
    wait_until(&format!("{who} hears {hz} Hz"), SOON, || {
        let samples = ear();
        let second = last(&samples, 1);
        second.len() == RATE
            && heard(second, hz).is_some_and(|found| found.to - found.from > RATE * 7 / 8)
    });
}

/// Waits until this tone has made way for something else that is not silence.
#[track_caller]
pub(crate) fn wait_for_music(who: &str, ear: impl Fn() -> Vec<i16>, hz: f64) {
    wait_until(&format!("{who} hears music instead of {hz} Hz"), SOON, || {
        let samples = ear();
        let second = last(&samples, 1);
        let loud = second.iter().filter(|sample| sample.unsigned_abs() > 200).count();
        heard(second, hz).is_none_or(|found| found.to - found.from < RATE / 4) && loud > RATE / 10
    });
}

/// The end of what was heard.
pub(crate) fn last(samples: &[i16], seconds: usize) -> &[i16] {
    &samples[samples.len().saturating_sub(seconds * RATE)..]
}

/// What a phone wrote down of its calls into this folder, one recording after another.
pub(crate) fn samples_in(folder: &Path) -> Vec<i16> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with("-dec.wav"))
        .collect();
    files.sort();
    files.iter().flat_map(|file| samples(file)).collect()
}

/// 16-bit samples after the header; its lengths are not right before the file is closed.
fn samples(file: &Path) -> Vec<i16> {
    let octets = fs::read(file).unwrap();
    let audio = octets.get(44..).unwrap_or_default();
    audio.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}
