//! Draws from a seed. Every thing that is drawn has a stream of its own, so that one draw more
//! here changes nothing there.

use std::time::Duration;

/// No span drawn is longer: a day has an end.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// A stream of chance (SplitMix64): small, fast, and good enough for queues. Not for keys.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The stream of this seed.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// One of many streams of a seed: those of two things share nothing.
    #[must_use]
    pub fn of(seed: u64, thing: u64, number: u64) -> Self {
        let mut chance = Self(seed ^ thing.rotate_left(48));
        let salt = chance.draw();
        Self(salt ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93))
    }

    /// Any number.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A share of the whole: at least 0, less than 1.
    pub const fn share(&mut self) -> f64 {
        // 53 bits are as many as there are between 0 and 1.
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something happens that does in this share of cases.
    pub const fn happens(&mut self, share: f64) -> bool {
        self.share() < share
    }

    /// An exponential draw with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -(1.0 - self.share()).ln()
    }

    /// A normal draw with mean 0 and deviation 1 (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (std::f64::consts::TAU * self.share()).cos()
    }
}

/// How a span of time is spread.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Spread {
    /// Always this long.
    Fixed(Duration),
    /// Exponential with this mean: what Erlang assumes.
    Exponential(Duration),
    /// Log-normal with this mean: what talk times are like. `deviation` is that of the logarithm.
    LogNormal {
        /// The mean.
        mean: Duration,
        /// The standard deviation of the logarithm, without unit; 0.5 to 1 is usual.
        deviation: f64,
    },
    /// Any span between the two, each as likely.
    Uniform(Duration, Duration),
}

impl Spread {
    /// Draws a span; at most a week.
    pub fn draw(&self, chance: &mut Chance) -> Duration {
        match *self {
            Self::Fixed(span) => span.min(LONGEST),
            Self::Exponential(mean) => span(mean.as_secs_f64() * chance.exponential()),
            Self::LogNormal { mean, deviation } => {
                let middle = mean.as_secs_f64() * (-deviation * deviation / 2.0).exp();
                span(middle * (deviation * chance.normal()).exp())
            }
            Self::Uniform(least, most) => {
                let width = most.saturating_sub(least).as_secs_f64();
                span(least.as_secs_f64() + width * chance.share())
            }
        }
    }
}

/// Seconds as a span, at most a week.
pub(crate) fn span(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_of(spread: Spread) -> f64 {
        let mut chance = Chance::seeded(7);
        let draws = 200_000;
        (0..draws).map(|_| spread.draw(&mut chance).as_secs_f64()).sum::<f64>() / f64::from(draws)
    }

    #[test]
    fn every_spread_has_the_mean_it_is_named_by() {
        let mean = Duration::from_secs(180);
        for spread in [
            Spread::Fixed(mean),
            Spread::Exponential(mean),
            Spread::LogNormal { mean, deviation: 0.6 },
            Spread::Uniform(Duration::from_secs(60), Duration::from_secs(300)),
        ] {
            let measured = mean_of(spread);
            assert!((measured / 180.0 - 1.0).abs() < 0.01, "{spread:?}: {measured}");
        }
    }

    #[test]
    fn streams_of_one_seed_differ_and_come_again() {
        let first = |thing, number| Chance::of(1, thing, number).draw();
        assert_eq!(first(1, 1), first(1, 1));
        let draws = [first(1, 1), first(1, 2), first(2, 1), first(2, 2)];
        assert!((1..4).all(|at| !draws[..at].contains(&draws[at])), "{draws:?}");
    }
}
