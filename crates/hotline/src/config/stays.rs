//! How long agents may be busy, and what happens about a stay that is too long.

use std::time::Duration;

use agent::{Overstay, Share, WhenFull};

use super::finding::Code;
use super::section::{Reader, Section};

/// What happens about a stay that is too long.
pub(super) fn overstay(
    reader: &Reader,
    section: &Section<'_>,
    longest: Option<Duration>,
) -> Overstay {
    let span = |name| section.duration(name).map_or(Duration::ZERO, |span| span.value);
    let last = section.word("overstay").map(|word| word.value);
    let last = last.as_deref().unwrap_or("sign_out");
    let overstay = Overstay {
        warn_before: span("warn_before"),
        alert_after: Some(span("alert_after")).filter(|_| last != "warn"),
        sign_out_after: Some(span("sign_out_after")).filter(|_| last == "sign_out"),
    };
    check_needed(reader, section, last);
    check_order(reader, section, longest, &overstay);
    overstay
}

/// How long an agent may be busy in a day.
pub(super) fn allowance(
    reader: &Reader,
    section: &Section<'_>,
    longest: Option<Duration>,
) -> Option<Duration> {
    let allowance = section.duration("allowance")?;
    if longest.is_some_and(|longest| longest > allowance.value) {
        let message = "one stay may be longer than all stays of a day together".to_owned();
        let help = "`longest` is no longer than `allowance`".to_owned();
        reader.report(Code::BadValue, &allowance.at, message, help);
    }
    Some(allowance.value)
}

/// How many of a group, and how many of a team, may be busy at once.
pub(super) fn shares(reader: &Reader, section: &Section<'_>) -> (Option<Share>, Option<Share>) {
    let waits = section.word("when_full").is_some_and(|word| word.value == "wait");
    if section.has("when_full") && !section.has("share") && !section.has("team_share") {
        let message = "`when_full` is about a share, and there is none".to_owned();
        let at = section.key_at("when_full");
        reader.report(Code::MissingKey, &at, message, "add `share` or `team_share`".into());
    }
    let when_full = if waits { WhenFull::Wait } else { WhenFull::Refuse };
    let share = |name| section.small(name).map(|percent| Share { percent, when_full });
    (share("share"), share("team_share"))
}

/// What is written must be able to happen.
fn check_needed(reader: &Reader, section: &Section<'_>, last: &str) {
    let keys = ["overstay", "warn_before", "alert_after", "sign_out_after"];
    let written = |name: &&str| section.has(name);
    let bounded = section.has("longest") || section.has("allowance");
    if let Some(name) = keys.into_iter().find(written).filter(|_| !bounded) {
        let message = format!("`{name}` is about a longest stay, and there is none");
        let help = "add `longest`, or an `allowance`".to_owned();
        reader.report(Code::MissingKey, &section.key_at(name), message, help);
        return;
    }
    let idle = match last {
        "warn" => &["alert_after", "sign_out_after"][..],
        "alert" => &["sign_out_after"],
        _ => &[],
    };
    for name in idle.iter().filter(|name| section.has(name)) {
        let message = format!("`{name}` never comes about where `overstay` is \"{last}\"");
        let help = "leave it out, or let `overstay` go further".to_owned();
        reader.report(Code::BadValue, &section.key_at(name), message, help);
    }
}

/// One comes after the other.
fn check_order(
    reader: &Reader,
    section: &Section<'_>,
    longest: Option<Duration>,
    overstay: &Overstay,
) {
    if longest.is_some_and(|longest| overstay.warn_before >= longest) {
        let message = "the warning would come before the stay has begun".to_owned();
        let help = "`warn_before` is shorter than `longest`".to_owned();
        reader.report(Code::BadValue, &section.key_at("warn_before"), message, help);
    }
    let (Some(alert), Some(out)) = (overstay.alert_after, overstay.sign_out_after) else { return };
    if section.has("alert_after") && alert >= out {
        let message = "team leads would be told no sooner than the agent is signed out".to_owned();
        let help = "`alert_after` is shorter than `sign_out_after`".to_owned();
        reader.report(Code::BadValue, &section.key_at("alert_after"), message, help);
    }
}
