//! Points in time as people at this machine read them.

use model::Timestamp;
use time::{OffsetDateTime, UtcOffset};

/// How far local time is from UTC at a point in time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Zone(fn(OffsetDateTime) -> UtcOffset);

impl Zone {
    /// This machine's. Where it cannot be told, UTC, which [`Self::offset`] says.
    pub(super) const HERE: Self =
        Self(|at| UtcOffset::local_offset_at(at).unwrap_or(UtcOffset::UTC));

    /// The local day, such as `2026-11-22`.
    pub(super) fn day(self, at: Timestamp) -> String {
        self.local(at).map_or_else(|| at.day(), |local| local.date().to_string())
    }

    /// The local time of day, such as `14:03:10.250`.
    pub(super) fn clock(self, at: Timestamp) -> String {
        let Some(local) = self.local(at) else { return at.to_string() };
        let (hour, minute, second) = local.to_hms();
        let millis = at.as_micros() / 1_000 % 1_000;
        format!("{hour:02}:{minute:02}:{second:02}.{millis:03}")
    }

    /// The time of day, and the day where it is another than that of `reference`.
    pub(super) fn beside(self, at: Timestamp, reference: Timestamp) -> String {
        if self.day(at) == self.day(reference) {
            return self.clock(at);
        }
        format!("{} {}", self.day(at), self.clock(at))
    }

    /// How local time is written in relation to UTC, such as `+08:00`.
    pub(super) fn offset(self, at: Timestamp) -> String {
        let offset = self.local(at).map_or(UtcOffset::UTC, OffsetDateTime::offset);
        let (hours, minutes, _) = offset.as_hms();
        let sign = if offset.is_negative() { '-' } else { '+' };
        format!("UTC{sign}{:02}:{:02}", hours.abs(), minutes.abs())
    }

    fn local(self, at: Timestamp) -> Option<OffsetDateTime> {
        let utc = OffsetDateTime::from_unix_timestamp(i64::try_from(at.as_secs()).ok()?).ok()?;
        utc.checked_to_offset((self.0)(utc))
    }
}

#[cfg(test)]
impl Zone {
    /// China's, whatever the machine's is.
    pub(super) const CHINA: Self = Self(|_| UtcOffset::from_hms(8, 0, 0).unwrap_or(UtcOffset::UTC));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_local_time_with_the_day_where_it_is_another() {
        let at: Timestamp = "2026-11-22T17:03:10.250999Z".parse().unwrap();
        let earlier: Timestamp = "2026-11-22T15:59:59Z".parse().unwrap();
        let zone = Zone::CHINA;
        assert_eq!((zone.day(at), zone.clock(at)), ("2026-11-23".into(), "01:03:10.250".into()));
        assert_eq!(zone.beside(earlier, at), "2026-11-22 23:59:59.000");
        assert_eq!(zone.beside(at, at), "01:03:10.250");
        assert_eq!(zone.offset(at), "UTC+08:00");
    }

    #[test]
    fn a_time_that_no_calendar_has_is_told_as_it_is() {
        let never = Timestamp::from_micros(u64::MAX);
        assert_eq!(Zone::HERE.clock(never), never.to_string());
    }
}
