//! Spreads, times and shares as people write them.

use std::time::Duration;

use model::{QueueId, Timestamp};
use simulation::Spread;

use crate::config;

/// A day that is no day in particular, where none is named: 2026-01-05, a Monday, in UTC.
pub(super) const SOME_DAY: Timestamp = Timestamp::from_secs(1_767_571_200);

/// When work begins where nothing is said.
pub(super) const NINE: Duration = Duration::from_secs(9 * 3_600);

/// The most agents that `--agents` takes.
const MOST_AGENTS: usize = 20_000;

/// How long callers wait: a spread, or for ever.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Patience(pub(super) Option<Spread>);

pub(super) fn span(text: &str) -> Result<Duration, &'static str> {
    config::duration(text).ok_or("write a span of time with its unit, like `20s` or `2m`")
}

/// A span that is drawn: `180s`, `fixed:3s`, `uniform:1s-8s`, `lognormal:180s/0.6`.
pub(super) fn spread(text: &str) -> Result<Spread, &'static str> {
    const FORM: &str = "write a mean like `180s`, which is exponential, or `fixed:3s`, \
                        `uniform:1s-8s`, `lognormal:180s/0.6`";
    let span = |text: &str| config::duration(text).ok_or(FORM);
    match text.split_once(':') {
        None => Ok(Spread::Exponential(span(text)?)),
        Some(("fixed", length)) => Ok(Spread::Fixed(span(length)?)),
        Some(("uniform", bounds)) => {
            let (least, most) = bounds.split_once('-').ok_or(FORM)?;
            let (least, most) = (span(least)?, span(most)?);
            if least <= most { Ok(Spread::Uniform(least, most)) } else { Err(FORM) }
        }
        Some(("lognormal", shape)) => {
            let (mean, deviation) = shape.split_once('/').ok_or(FORM)?;
            let deviation = deviation.parse().ok().filter(|it| (0.0..=3.0).contains(it));
            Ok(Spread::LogNormal { mean: span(mean)?, deviation: deviation.ok_or(FORM)? })
        }
        Some(_) => Err(FORM),
    }
}

pub(super) fn patience(text: &str) -> Result<Patience, &'static str> {
    if text == "never" { Ok(Patience(None)) } else { spread(text).map(|it| Patience(Some(it))) }
}

pub(super) fn positive(text: &str) -> Result<f64, &'static str> {
    let number = text.parse().ok().filter(|number| (0.0..=1e6).contains(number));
    number.ok_or("write a number from 0 to 1000000")
}

pub(super) fn share(text: &str) -> Result<f64, &'static str> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or("write a share from 0 to 1, like `0.02`")
}

pub(super) fn staff(text: &str) -> Result<usize, &'static str> {
    let number = text.parse().ok().filter(|number| (1..=MOST_AGENTS).contains(number));
    number.ok_or("write how many agents, from 1 to 20000")
}

pub(super) fn weight(text: &str) -> Result<(QueueId, f64), &'static str> {
    let (queue, weight) =
        text.split_once('=').ok_or("write a queue and its weight: `presales=3`")?;
    Ok((QueueId::from(queue), positive(weight)?))
}

/// Midnight in UTC of a day like `2026-11-27`.
pub(super) fn date(text: &str) -> Result<Timestamp, &'static str> {
    format!("{text}T00:00:00Z").parse().map_err(|_| "write a day like `2026-11-27`")
}

/// A time of day like `08:30`, as the span since midnight; `24:00` ends the day.
pub(super) fn clock(text: &str) -> Result<Duration, &'static str> {
    const FORM: &str = "write a time of day like `08:30`";
    let (hours, minutes) = text.split_once(':').ok_or(FORM)?;
    let (hours, minutes): (u64, u64) = hours.parse().ok().zip(minutes.parse().ok()).ok_or(FORM)?;
    let valid = minutes < 60 && hours * 60 + minutes <= 24 * 60 && text.len() == 5;
    if valid { Ok(Duration::from_secs(hours * 3_600 + minutes * 60)) } else { Err(FORM) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_says_how_it_is_spread() {
        let seconds = Duration::from_secs;
        assert_eq!(spread("180s"), Ok(Spread::Exponential(seconds(180))));
        assert_eq!(spread("fixed:3s"), Ok(Spread::Fixed(seconds(3))));
        assert_eq!(spread("uniform:1s-8s"), Ok(Spread::Uniform(seconds(1), seconds(8))));
        let lognormal = Spread::LogNormal { mean: seconds(180), deviation: 0.6 };
        assert_eq!(spread("lognormal:3m/0.6"), Ok(lognormal));
        for text in ["180", "gauss:3s", "uniform:8s-1s", "lognormal:3m", "lognormal:3m/9", ""] {
            assert!(spread(text).is_err(), "{text}");
        }
        assert_eq!(patience("never"), Ok(Patience(None)));
    }

    #[test]
    fn times_of_day_end_at_midnight() {
        assert_eq!(clock("08:30"), Ok(Duration::from_secs(30_600)));
        assert_eq!(clock("24:00"), Ok(Duration::from_secs(86_400)));
        for text in ["24:01", "8:30", "08:60", "0830", "-1:00"] {
            assert!(clock(text).is_err(), "{text}");
        }
        assert_eq!(date("2026-01-05"), Ok(SOME_DAY));
        assert!(date("tomorrow").is_err());
    }
}
