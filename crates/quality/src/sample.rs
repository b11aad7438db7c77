//! What a sample can tell: how many conversations are needed, and how sure a rate is.

use serde::{Deserialize, Serialize};

/// How often an interval is to hold the truth.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Confidence {
    /// Nine times in ten.
    #[serde(rename = "90")]
    Ninety,
    /// Nineteen times in twenty; the usual one.
    #[serde(rename = "95")]
    NinetyFive,
    /// 99 times in a hundred.
    #[serde(rename = "99")]
    NinetyNine,
}

impl Confidence {
    /// The two-sided quantile of the normal distribution.
    const fn z(self) -> f64 {
        match self {
            Self::Ninety => 1.644_853_627,
            Self::NinetyFive => 1.959_963_985,
            Self::NinetyNine => 2.575_829_304,
        }
    }
}

/// Between what bounds a rate lies, both from 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Interval {
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

/// Conversations to review so that a pass rate near `expected` (0 to 1; 0.5 when nothing is known)
/// is known to ± `margin` (above 0, at most 1), of a population of `population`.
///
/// Out of these ranges the whole population is needed.
#[must_use]
pub fn sample_size(population: u64, expected: f64, margin: f64, confidence: Confidence) -> u64 {
    let sensible = (0.0..=1.0).contains(&expected) && margin > 0.0 && margin <= 1.0;
    if !sensible || population == 0 {
        return population;
    }
    let z = confidence.z();
    let unlimited = z * z * expected * (1.0 - expected) / (margin * margin);
    let needed = unlimited / (1.0 + (unlimited - 1.0) / real(population));
    whole(needed.ceil().max(1.0)).min(population)
}

/// The pass rate's interval by Wilson's score when `passed` of `reviewed` passed; from 0 to 1 when
/// nothing was reviewed. More passed than reviewed counts as all.
#[must_use]
pub fn wilson(passed: u64, reviewed: u64, confidence: Confidence) -> Interval {
    if reviewed == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let (n, z) = (real(reviewed), confidence.z());
    let rate = real(passed.min(reviewed)) / n;
    let shrink = 1.0 + z * z / n;
    let middle = (rate + z * z / (2.0 * n)) / shrink;
    let half = z / shrink * (rate * (1.0 - rate) / n + z * z / (4.0 * n * n)).sqrt();
    Interval { low: (middle - half).max(0.0), high: (middle + half).min(1.0) }
}

#[expect(clippy::cast_precision_loss, reason = "counts beyond 2^52 do not occur")]
const fn real(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the caller has rounded a number from 1 up; a larger one than u64 holds saturates"
)]
const fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use Confidence::{Ninety, NinetyFive, NinetyNine};

    #[test]
    fn a_thousand_calls_to_five_points_need_278() {
        assert_eq!(sample_size(1_000, 0.5, 0.05, NinetyFive), 278);
        assert_eq!(sample_size(u64::MAX >> 12, 0.5, 0.03, NinetyFive), 1_068);
        assert_eq!(sample_size(1_000_000, 0.5, 0.05, Ninety), 271);
        assert_eq!(sample_size(1_000_000, 0.5, 0.05, NinetyNine), 664);
    }

    #[test]
    fn a_sample_is_never_larger_than_the_population_nor_empty_without_need() {
        assert_eq!(sample_size(3, 0.5, 0.01, NinetyFive), 3);
        assert_eq!(sample_size(0, 0.5, 0.05, NinetyFive), 0);
        assert_eq!(sample_size(100, 1.0, 0.05, NinetyFive), 1);
    }

    #[test]
    fn senseless_wishes_ask_for_everything() {
        for (expected, margin) in [(0.5, 0.0), (0.5, -1.0), (2.0, 0.1), (f64::NAN, 0.1)] {
            assert_eq!(sample_size(50, expected, margin, NinetyFive), 50);
        }
    }

    fn close(interval: Interval, low: f64, high: f64) {
        assert!((interval.low - low).abs() < 5e-4 && (interval.high - high).abs() < 5e-4);
    }

    #[test]
    fn five_reviews_say_little_about_an_agent() {
        close(wilson(4, 5, NinetyFive), 0.3755, 0.9638);
        close(wilson(5, 5, NinetyFive), 0.5655, 1.0);
        close(wilson(0, 10, NinetyFive), 0.0, 0.2775);
        close(wilson(0, 0, NinetyFive), 0.0, 1.0);
        close(wilson(900, 1_000, NinetyFive), 0.8799, 0.9171);
    }
}
