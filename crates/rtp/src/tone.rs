//! Tones made and found: ringback, test tones, and the Goertzel detector that finds them again.

use std::f64::consts::TAU;

use crate::{ALAW_SILENCE, SAMPLE_RATE, alaw_encode};

/// China's ringback: 450 Hz, one second on, four seconds off.
const RINGBACK_HZ: f64 = 450.0;
const RINGBACK_ON: usize = SAMPLE_RATE as usize;
const RINGBACK_CYCLE: usize = 5 * SAMPLE_RATE as usize;

/// Samples in a window of the detector: 10 ms, which tells apart tones 200 Hz from each other.
const WINDOW: usize = 80;

/// The share of a window's energy at the tone's frequency from which the tone counts as heard.
const PRESENT: f64 = 0.5;

/// Below this mean square there is nothing but noise.
const FAINT: f64 = 2_500.0;

/// A sine, sample after sample, for ever.
#[derive(Clone, Debug)]
pub struct Tone {
    step: f64,
    phase: f64,
    amplitude: f64,
}

impl Tone {
    /// A tone of `hz` at -12 dB below full scale.
    #[must_use]
    pub fn new(hz: f64) -> Self {
        Self { step: TAU * hz / f64::from(SAMPLE_RATE), phase: 0.0, amplitude: 8_192.0 }
    }

    /// Fills a frame with A-law.
    pub fn fill_alaw(&mut self, frame: &mut [u8]) {
        for (octet, sample) in frame.iter_mut().zip(self) {
            *octet = alaw_encode(sample);
        }
    }
}

impl Iterator for Tone {
    type Item = i16;

    #[expect(clippy::cast_possible_truncation, reason = "the amplitude is within 16 bits")]
    fn next(&mut self) -> Option<i16> {
        let sample = self.amplitude * self.phase.sin();
        self.phase = (self.phase + self.step) % TAU;
        Some(sample.round() as i16)
    }
}

/// One cycle of ringback tone, A-law: to be played over and over.
#[must_use]
pub fn ringback() -> Vec<u8> {
    let mut cycle = vec![ALAW_SILENCE; RINGBACK_CYCLE];
    if let Some(on) = cycle.get_mut(..RINGBACK_ON) {
        Tone::new(RINGBACK_HZ).fill_alaw(on);
    }
    cycle
}

/// The share of the energy of `samples` that lies at `hz`: 1 for a pure tone, near 0 for anything
/// else and for silence (Goertzel's algorithm).
#[must_use]
pub fn share_of(samples: &[i16], hz: f64) -> f64 {
    let twice_cosine = 2.0 * (TAU * hz / f64::from(SAMPLE_RATE)).cos();
    let (mut energy, mut last, mut before) = (0.0, 0.0, 0.0);
    let mut length = 0.0;
    for sample in samples.iter().copied().map(f64::from) {
        (last, before) = (sample + twice_cosine * last - before, last);
        energy += sample * sample;
        length += 1.0;
    }
    if energy <= FAINT * length {
        return 0.0;
    }
    let power = last * last + before * before - twice_cosine * last * before;
    2.0 * power / (length * energy)
}

/// Where a tone is heard, in samples, to 10 ms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heard {
    /// Where it is first heard.
    pub from: usize,
    /// Where it is last heard.
    pub to: usize,
    /// The longest stretch between without it.
    pub longest_gap: usize,
}

/// Finds a tone of `hz`; `None` when it is not heard.
#[must_use]
pub fn heard(samples: &[i16], hz: f64) -> Option<Heard> {
    let mut heard: Option<Heard> = None;
    for (at, window) in samples.chunks_exact(WINDOW).enumerate() {
        if share_of(window, hz) < PRESENT {
            continue;
        }
        let from = at * WINDOW;
        let so_far = heard.unwrap_or(Heard { from, to: from, longest_gap: 0 });
        let longest_gap = so_far.longest_gap.max(from - so_far.to);
        heard = Some(Heard { to: from + WINDOW, longest_gap, ..so_far });
    }
    heard
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alaw_decode;

    fn tone(hz: f64, samples: usize) -> Vec<i16> {
        Tone::new(hz).take(samples).collect()
    }

    #[test]
    fn a_tone_is_found_at_its_frequency_and_nowhere_else() {
        for hz in [300.0, 450.0, 1_000.0, 2_600.0] {
            let samples = tone(hz, 800);
            assert!(share_of(&samples, hz) > 0.95);
            assert!(share_of(&samples, hz + 250.0) < 0.1);
        }
        assert!(share_of(&[3; 800], 450.0) < 0.1);
        assert!(share_of(&[], 450.0) < 0.1);
    }

    #[test]
    fn the_gap_in_a_tone_is_measured() {
        let mut samples = vec![0; 800];
        samples.extend(tone(600.0, 1_600));
        samples.extend([0; 480]);
        samples.extend(tone(600.0, 800));
        samples.extend([0; 800]);
        let heard = heard(&samples, 600.0).unwrap();
        assert_eq!(heard, Heard { from: 800, to: 3_680, longest_gap: 480 });
        assert_eq!(super::heard(&samples, 1_000.0), None);
    }

    #[test]
    fn ringback_is_a_second_of_450_hz_in_five() {
        let samples: Vec<i16> = ringback().into_iter().map(alaw_decode).collect();
        assert_eq!(samples.len(), 40_000);
        let heard = heard(&samples, 450.0).unwrap();
        assert_eq!(heard, Heard { from: 0, to: 8_000, longest_gap: 0 });
    }
}
