//! When agents work.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use agent::{Attendance, Break, BusyRule, Shift};
use model::{AgentId, Reason};
use toml_edit::TableLike;

use super::finding::Code;
use super::key;
use super::section::{Reader, Section, Spanned};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The days of the week as the file writes them.
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Reads every shift.
pub(super) fn read(
    reader: &Reader,
    root: &dyn TableLike,
    reasons: &BTreeMap<Reason, BusyRule>,
) -> BTreeMap<String, Shift> {
    let mut shifts = BTreeMap::new();
    for (name, section) in Section::named(reader, root, &key::SHIFTS) {
        let weekdays = weekdays(reader, &section);
        let (begins, until) = (section.clock("from"), section.clock("until"));
        let from = begins.as_ref().map(|from| from.value).unwrap_or_default();
        let until = until.map(|until| until.value).unwrap_or_default();
        if let Some(late) = begins.filter(|from| from.value >= DAY) {
            let message = "no shift begins at 24:00".to_owned();
            let help = "write \"00:00\", and the day after".to_owned();
            reader.report(Code::BadValue, &late.at, message, help);
        }
        let shift = Shift { weekdays, from, length: between(from, until), breaks: Vec::new() };
        let breaks = breaks(reader, &section, &shift, reasons);
        shifts.insert(name.value, Shift { breaks, ..shift });
    }
    shifts
}

/// From one time of day to the next time it is the other.
fn between(from: Duration, until: Duration) -> Duration {
    let after = if until > from { Duration::ZERO } else { DAY };
    (until + after).saturating_sub(from)
}

/// The breaks of a shift in their order; a finding for each that is not within it, or overlaps another.
fn breaks(
    reader: &Reader,
    section: &Section<'_>,
    shift: &Shift,
    reasons: &BTreeMap<Reason, BusyRule>,
) -> Vec<Break> {
    let Some(table) = section.table() else { return Vec::new() };
    let mut breaks: Vec<Break> = Vec::new();
    for section in Section::listed(reader, table, &key::BREAKS) {
        let (from, until) = (section.clock("from"), section.clock("until"));
        let reason = section.name("reason");
        let (Some(from), Some(until), Some(reason)) = (from, until, reason) else { continue };
        let id = Reason::from(reason.value.as_str());
        if !reasons.contains_key(&id) {
            let known = reasons.keys().map(Reason::as_str);
            reader.unknown(Code::UnknownValue, "busy reason", &reason, known);
        }
        let length = between(from.value, until.value);
        let after = if from.value < shift.from { DAY } else { Duration::ZERO };
        let planned =
            Break { reason: id, from: (from.value + after).saturating_sub(shift.from), length };
        if planned.from + planned.length > shift.length {
            let message = "this break is not within its shift".to_owned();
            let help = "let it begin and end between `from` and `until` of the shift".to_owned();
            reader.report(Code::BadValue, &from.at, message, help);
        }
        let overlaps = |other: &Break| {
            planned.from < other.from + other.length && other.from < planned.from + planned.length
        };
        if breaks.iter().any(overlaps) {
            let message = "this break overlaps another of its shift".to_owned();
            let help = "let one end before the other begins".to_owned();
            reader.report(Code::BadValue, &from.at, message, help);
        }
        breaks.push(planned);
    }
    breaks.sort_by_key(|planned| planned.from);
    breaks
}

fn weekdays(reader: &Reader, section: &Section<'_>) -> BTreeSet<u8> {
    let Some(names) = section.names("days") else { return (0..7).collect() };
    if section.is_empty_list("days") {
        let message = "a shift on no day is never on".to_owned();
        let help = "name days, or leave `days` out for all".to_owned();
        reader.report(Code::BadValue, &section.key_at("days"), message, help);
    }
    let mut weekdays = BTreeSet::new();
    for name in names {
        match (0_u8..).zip(WEEKDAYS).find(|(_, weekday)| *weekday == name.value) {
            Some((number, _)) => drop(weekdays.insert(number)),
            None => reader.unknown(Code::UnknownValue, "weekday", &name, WEEKDAYS),
        }
    }
    weekdays
}

/// The shifts of those who have any.
pub(super) fn assign(
    reader: &Reader,
    shifts: &BTreeMap<String, Shift>,
    named: &[(AgentId, Vec<Spanned<String>>)],
) -> BTreeMap<AgentId, Vec<Shift>> {
    let mut assigned: BTreeMap<AgentId, Vec<Shift>> = BTreeMap::new();
    for (agent, names) in named {
        for name in names {
            if let Some(shift) = shifts.get(&name.value) {
                assigned.entry(*agent).or_default().push(shift.clone());
            } else {
                let known = shifts.keys().map(String::as_str);
                reader.unknown(Code::UnknownValue, "shift", name, known);
            }
        }
    }
    assigned
}

/// What is enforced about shifts.
pub(super) fn attendance(section: &Section<'_>) -> Attendance {
    let span = |name| section.duration(name).map_or(Duration::ZERO, |span| span.value);
    let stays = section.word("shift_end").is_some_and(|word| word.value == "stay");
    let linger = span("linger");
    Attendance {
        sign_in_before: span("sign_in_before"),
        late_after: span("late_after"),
        early_before: span("early_before"),
        linger: (!stays).then_some(linger),
    }
}
