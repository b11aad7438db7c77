//! WAV files of 8 kHz A-law (format tag 6), from octets already read.

use std::fmt;

const ALAW_TAG: u16 = 6;

/// The A-law samples of a WAV file with one channel at 8000 samples a second.
///
/// # Errors
/// [`WavError`], saying what the file is instead.
pub fn wav_alaw(file: &[u8]) -> Result<&[u8], WavError> {
    let body = file.strip_prefix(b"RIFF").and_then(|rest| rest.get(4..));
    let mut rest = body.and_then(|body| body.strip_prefix(b"WAVE")).ok_or(WavError::NotWav)?;
    let mut described = false;
    while let Some((id, chunk, after)) = next_chunk(rest) {
        match id {
            b"fmt " => {
                check_format(chunk)?;
                described = true;
            }
            b"data" if described => return Ok(chunk),
            _ => {}
        }
        rest = after;
    }
    Err(WavError::Truncated)
}

/// Why a file is no prompt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WavError {
    /// It does not begin as a WAV file does.
    NotWav,
    /// It ends before its audio, or its parts contradict each other.
    Truncated,
    /// It holds something else than A-law.
    Format {
        /// Its format tag: 1 is PCM, 7 is µ-law.
        tag: u16,
        /// Its number of channels.
        channels: u16,
        /// Its sample rate in Hz.
        rate: u32,
    },
}

impl fmt::Display for WavError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWav => out.write_str("file is not a WAV file"),
            Self::Truncated => out.write_str("file ends before its audio"),
            Self::Format { tag, channels, rate } => write!(
                out,
                "file is not A-law, one channel, 8000 Hz (it has format tag {tag}, {channels} \
                 channels, {rate} Hz)"
            ),
        }
    }
}

impl std::error::Error for WavError {}

fn check_format(chunk: &[u8]) -> Result<(), WavError> {
    let Some(&[tag0, tag1, channels0, channels1, rate0, rate1, rate2, rate3, ..]) =
        chunk.first_chunk::<14>()
    else {
        return Err(WavError::Truncated);
    };
    let tag = u16::from_le_bytes([tag0, tag1]);
    let channels = u16::from_le_bytes([channels0, channels1]);
    let rate = u32::from_le_bytes([rate0, rate1, rate2, rate3]);
    if (tag, channels, rate) == (ALAW_TAG, 1, crate::SAMPLE_RATE) {
        Ok(())
    } else {
        Err(WavError::Format { tag, channels, rate })
    }
}

/// The next chunk's id, its content and what follows it. The last chunk may be cut short or carry a
/// length of nonsense, as files do whose writer was interrupted; it then reaches to the end.
fn next_chunk(rest: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (id, rest) = rest.split_at_checked(4)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let Some((chunk, after)) = rest.split_at_checked(length) else {
        return Some((id, rest, &[]));
    };
    // Chunks begin at even places.
    Some((id, chunk, after.get(length % 2..).unwrap_or(&[])))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wav(tag: u16, channels: u16, rate: u32, audio: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        file.extend(tag.to_le_bytes());
        file.extend(channels.to_le_bytes());
        file.extend(rate.to_le_bytes());
        file.extend([0; 8]);
        file.extend(b"data");
        file.extend(u32::try_from(audio.len()).unwrap().to_le_bytes());
        file.extend(audio);
        file
    }

    #[test]
    fn the_audio_of_an_a_law_file_is_found_behind_other_chunks() {
        assert_eq!(wav_alaw(&wav(6, 1, 8_000, b"sound")), Ok(&b"sound"[..]));
    }

    #[test]
    fn another_format_is_named() {
        let error = wav_alaw(&wav(1, 2, 44_100, b"")).unwrap_err();
        assert_eq!(error, WavError::Format { tag: 1, channels: 2, rate: 44_100 });
        assert_eq!(wav_alaw(b"ID3"), Err(WavError::NotWav));
        assert_eq!(wav_alaw(&wav(6, 1, 8_000, b"")[..30]), Err(WavError::Truncated));
    }

    proptest! {
        #[test]
        fn no_file_panics(cut in 0_usize..80, at in 0_usize..80, octet in any::<u8>()) {
            let mut file = wav(6, 1, 8_000, b"sound");
            if let Some(place) = file.get_mut(at) {
                *place = octet;
            }
            file.truncate(cut);
            let _ = wav_alaw(&file);
        }
    }
}
