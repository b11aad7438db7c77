//! Points in time.

use std::fmt;
use std::ops::{Add, Range, Sub};
use std::str::FromStr;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MICROS_PER_SECOND: u64 = 1_000_000;
const SECONDS_PER_DAY: u64 = 86_400;

/// A point in time: microseconds since the Unix epoch, in UTC. Written in JSON as RFC 3339 with
/// six decimals (`2026-11-22T05:13:57.123456Z`), so that text order is time order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The Unix epoch; earlier than every real time.
    pub const EPOCH: Self = Self(0);

    /// The point `micros` microseconds after the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The point `millis` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// The point `seconds` seconds after the Unix epoch.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(MICROS_PER_SECOND))
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / MICROS_PER_SECOND
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The calendar day in UTC as `YYYY-MM-DD`.
    #[must_use]
    pub fn day(self) -> String {
        let (year, month, day) = civil_from_days(self.as_secs() / SECONDS_PER_DAY);
        format!("{year:04}-{month:02}-{day:02}")
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(Written::of(*self).as_str())
    }
}

/// A time as text, on the stack: each event and each row has several, which go through no formatter.
struct Written([u8; 27]);

impl Written {
    /// The last year that has four digits ends here; later times are written as this.
    const LAST: Timestamp = Timestamp(253_402_300_799_999_999);

    fn of(time: Timestamp) -> Self {
        let time = time.min(Self::LAST);
        let seconds = time.as_secs();
        let (year, month, day) = civil_from_days(seconds / SECONDS_PER_DAY);
        let of_day = seconds % SECONDS_PER_DAY;
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let clock = [(11, of_day / 3600), (14, of_day / 60 % 60), (17, of_day % 60)];
        put(&mut text, 0..4, year);
        for (place, number) in [(5, month), (8, day)].into_iter().chain(clock) {
            put(&mut text, place..place + 2, number);
        }
        put(&mut text, 20..26, time.0 % MICROS_PER_SECOND);
        Self(text)
    }

    fn as_str(&self) -> &str {
        // Digits and signs only.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Writes a number's last digits over these places.
fn put(text: &mut [u8], places: Range<usize>, mut number: u64) {
    for digit in text.get_mut(places).into_iter().flatten().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for Timestamp {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or("time is not of the form 2026-11-22T05:13:57.123456Z")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Written::of(*self).as_str())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z')?;
    let (date, clock) = text.split_once('T')?;
    let mut date = date.splitn(3, '-');
    let year = number(date.next()?, 4)?;
    let month = number(date.next()?, 2).filter(|month| (1..=12).contains(month))?;
    let day = number(date.next()?, 2).filter(|day| (1..=31).contains(day))?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut clock = clock.splitn(3, ':');
    let hour = number(clock.next()?, 2).filter(|hour| *hour < 24)?;
    let minute = number(clock.next()?, 2).filter(|minute| *minute < 60)?;
    let second = number(clock.next()?, 2).filter(|second| *second < 60)?;
    if fraction.is_empty() || fraction.len() > 6 {
        return None;
    }
    let micros = number(&format!("{fraction:0<6}"), 6)?;
    let days = days_from_civil(year, month, day)?;
    let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    Some(Timestamp(seconds * MICROS_PER_SECOND + micros))
}

fn number(text: &str, digits: usize) -> Option<u64> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Days since 1970-01-01 to a proleptic Gregorian date. The year is counted from March, so that
/// the leap day is its last.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

fn days_from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let era = year / 400;
    let year_of_era = year % 400;
    let march_month = (month + 9) % 12;
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + of_era).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_known_moment_is_written_in_rfc_3339() {
        assert_eq!(
            Timestamp::from_micros(1_000_000_000_123_456).to_string(),
            "2001-09-09T01:46:40.123456Z"
        );
        assert_eq!(Timestamp::from_secs(1_709_164_800).day(), "2024-02-29");
    }

    #[test]
    fn a_time_beyond_four_digits_of_years_is_written_as_the_last_there_is() {
        let last = "9999-12-31T23:59:59.999999Z";
        assert_eq!(Timestamp::from_micros(253_402_300_799_999_999).to_string(), last);
        assert_eq!(Timestamp::from_micros(u64::MAX).to_string(), last);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in
            ["", "2026", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00"]
        {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(micros in 0_u64..253_402_300_800_000_000) {
            let at = Timestamp::from_micros(micros);
            prop_assert_eq!(at.to_string().parse::<Timestamp>(), Ok(at));
        }
    }
}
