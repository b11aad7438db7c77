//! The file of a day: how many call, how long they talk and wait, who works when.
//!
//! ```toml
//! date = "2026-11-27"
//! begins = "08:00"
//! interval = "30m"
//! calls = [12, 30, 44, 51, 40, 18]     # of each interval 每时段来电
//! talk = "lognormal:180s/0.6"
//! patience = "60s"
//! wants = { presales = 3, aftersales = 1 }
//!
//! [[shifts]]                           # 班次
//! agents = [1001, 1002]
//! from = "08:00"
//! until = "11:00"
//! breaks = [{ at = "09:30", for = "15m", reason = "break" }]
//! ```

use std::fs;
use std::path::Path;
use std::time::Duration;

use model::{AgentId, QueueId, Reason, Timestamp};
use simulation::{Break, Manner, Shift, Spread};
use toml_edit::{Document, Item, TableLike, Value};

use super::words::{self, Patience};
use crate::failure::Failure;

const KEYS: &[&str] = &[
    "date",
    "begins",
    "interval",
    "calls",
    "talk",
    "patience",
    "wants",
    "answer",
    "wrap_up",
    "no_answer",
    "refuse",
    "back_after",
    "shifts",
];
const SHIFT_KEYS: &[&str] = &["agents", "from", "until", "breaks"];
const BREAK_KEYS: &[&str] = &["at", "for", "reason"];

/// What the file says; times are spans since midnight.
#[derive(Debug)]
pub(super) struct DayFile {
    pub(super) date: Option<Timestamp>,
    pub(super) begins: Duration,
    pub(super) interval: Duration,
    pub(super) calls: Vec<f64>,
    pub(super) talk: Option<Spread>,
    pub(super) patience: Option<Patience>,
    pub(super) wants: Vec<(QueueId, f64)>,
    answer: Option<Spread>,
    wrap_up: Option<Spread>,
    no_answer: Option<f64>,
    refuse: Option<f64>,
    back_after: Option<Duration>,
    shifts: Option<Vec<ShiftRow>>,
}

/// One shift of several people.
#[derive(Debug)]
struct ShiftRow {
    agents: Vec<AgentId>,
    from: Duration,
    until: Duration,
    breaks: Vec<(Duration, Duration, Reason)>,
}

/// Reads the file of a day.
pub(super) fn read(path: &Path) -> Result<DayFile, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("{} cannot be read: {error}", path.display())))?;
    parse(&text).map_err(|fault| Failure::new(format!("{}: {fault}", path.display())))
}

fn parse(text: &str) -> Result<DayFile, String> {
    let document = Document::parse(text).map_err(|error| error.to_string())?;
    let day = Section { table: document.as_table(), name: "the day" };
    day.knows(KEYS)?;
    let shifts = day.tables("shifts")?.map(|shifts| {
        shifts.into_iter().map(|table| shift(&Section { table, name: "a shift" })).collect()
    });
    Ok(DayFile {
        date: day.text("date", words::date)?,
        begins: day.text("begins", words::clock)?.unwrap_or(words::NINE),
        interval: day.text("interval", interval)?.unwrap_or(Duration::from_secs(1_800)),
        calls: day.numbers("calls")?.unwrap_or_default(),
        talk: day.text("talk", words::spread)?,
        patience: day.text("patience", words::patience)?,
        wants: day.weights("wants")?,
        answer: day.text("answer", words::spread)?,
        wrap_up: day.text("wrap_up", words::spread)?,
        no_answer: day.share("no_answer")?,
        refuse: day.share("refuse")?,
        back_after: day.text("back_after", words::span)?,
        shifts: shifts.transpose()?,
    })
}

fn interval(text: &str) -> Result<Duration, &'static str> {
    let span = words::span(text)?;
    if span.is_zero() { Err("write an interval longer than nothing") } else { Ok(span) }
}

fn shift(section: &Section<'_>) -> Result<ShiftRow, String> {
    section.knows(SHIFT_KEYS)?;
    let agents = section.numbers("agents")?.unwrap_or_default();
    let id = |number: &f64| format!("{number}").parse::<AgentId>().ok();
    let agents: Option<Vec<AgentId>> = agents.iter().map(id).collect();
    let breaks = section.tables("breaks")?.unwrap_or_default();
    let breaks = breaks.into_iter().map(|table| rest(&Section { table, name: "a break" }));
    let row = ShiftRow {
        agents: agents.ok_or("the `agents` of a shift are work numbers, like `[1001, 1002]`")?,
        from: section.must("from", words::clock)?,
        until: section.must("until", words::clock)?,
        breaks: breaks.collect::<Result<_, _>>()?,
    };
    if row.from < row.until { Ok(row) } else { Err("a shift ends before it begins".to_owned()) }
}

fn rest(section: &Section<'_>) -> Result<(Duration, Duration, Reason), String> {
    section.knows(BREAK_KEYS)?;
    let reason = |text: &str| Ok(Reason::from(text));
    Ok((
        section.must("at", words::clock)?,
        section.must("for", words::span)?,
        section.must("reason", reason)?,
    ))
}

impl DayFile {
    /// How people behave, where the file says so.
    pub(super) fn manner(&self) -> Manner {
        let usual = Manner::default();
        Manner {
            answer: self.answer.unwrap_or(usual.answer),
            wrap_up: self.wrap_up,
            no_answer: self.no_answer.unwrap_or(usual.no_answer),
            refuse: self.refuse.unwrap_or(usual.refuse),
            back_after: self.back_after.unwrap_or(usual.back_after),
            ..usual
        }
    }

    /// The shifts on the day that begins at `midnight`; `None` where the file has none.
    pub(super) fn shifts(&self, midnight: Timestamp) -> Option<Vec<Shift>> {
        let of_row = |row: &ShiftRow| {
            let breaks = row.breaks.iter().map(|(at, length, reason)| Break {
                at: midnight + *at,
                length: *length,
                reason: reason.clone(),
            });
            let breaks: Vec<Break> = breaks.collect();
            let (from, until) = (midnight + row.from, midnight + row.until);
            let shift =
                |agent: &AgentId| Shift { agent: *agent, from, until, breaks: breaks.clone() };
            row.agents.iter().map(shift).collect::<Vec<_>>()
        };
        self.shifts.as_ref().map(|rows| rows.iter().flat_map(of_row).collect())
    }
}

/// A table of the file, and what it is called in a fault.
struct Section<'a> {
    table: &'a dyn TableLike,
    name: &'static str,
}

impl<'a> Section<'a> {
    fn knows(&self, keys: &[&str]) -> Result<(), String> {
        match self.table.iter().find(|(key, _)| !keys.contains(key)) {
            Some((key, _)) => {
                Err(format!("{} has no `{key}`; it may have {}", self.name, keys.join(", ")))
            }
            None => Ok(()),
        }
    }

    fn text<T>(
        &self,
        key: &str,
        read: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Result<Option<T>, String> {
        let Some(item) = self.table.get(key) else { return Ok(None) };
        let text = item.as_str().ok_or_else(|| format!("`{key}` of {} is a text", self.name))?;
        read(text).map(Some).map_err(|fault| format!("`{key} = \"{text}\"`: {fault}"))
    }

    fn must<T>(
        &self,
        key: &str,
        read: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Result<T, String> {
        self.text(key, read)?.ok_or_else(|| format!("{} needs `{key}`", self.name))
    }

    fn numbers(&self, key: &str) -> Result<Option<Vec<f64>>, String> {
        let Some(item) = self.table.get(key) else { return Ok(None) };
        let list = |array: &toml_edit::Array| array.iter().map(number).collect::<Option<Vec<_>>>();
        let numbers = item.as_array().and_then(list);
        let fault = || format!("`{key}` of {} is a list of numbers from 0 to 1000000", self.name);
        numbers.ok_or_else(fault).map(Some)
    }

    fn share(&self, key: &str) -> Result<Option<f64>, String> {
        let Some(item) = self.table.get(key) else { return Ok(None) };
        let share = item.as_value().and_then(number).filter(|share| *share <= 1.0);
        share.map(Some).ok_or_else(|| format!("`{key}` is a share from 0 to 1"))
    }

    fn weights(&self, key: &str) -> Result<Vec<(QueueId, f64)>, String> {
        let Some(item) = self.table.get(key) else { return Ok(vec![]) };
        let weight = |(queue, item): (&str, &Item)| {
            Some((QueueId::from(queue), item.as_value().and_then(number)?))
        };
        let weights = item.as_table_like().and_then(|table| table.iter().map(weight).collect());
        weights.ok_or_else(|| format!("`{key}` names queues with their weights"))
    }

    fn tables(&self, key: &str) -> Result<Option<Vec<&'a dyn TableLike>>, String> {
        let Some(item) = self.table.get(key) else { return Ok(None) };
        if let Item::ArrayOfTables(tables) = item {
            return Ok(Some(tables.iter().map(|table| table as &dyn TableLike).collect()));
        }
        let inline = |value: &'a Value| value.as_inline_table().map(|it| it as &dyn TableLike);
        let tables = item.as_array().and_then(|array| array.iter().map(inline).collect());
        tables.map(Some).ok_or_else(|| format!("`{key}` is a list of tables"))
    }
}

fn number(value: &Value) -> Option<f64> {
    let number = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
    number.filter(|number| (0.0..=1e8).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: &str = r#"
        date = "2026-11-27"
        begins = "08:00"
        calls = [12, 30.5]
        talk = "fixed:90s"
        patience = "never"
        no_answer = 0.1
        wants = { presales = 3 }
        [[shifts]]
        agents = [1001, 1002]
        from = "08:00"
        until = "11:00"
        breaks = [{ at = "09:30", for = "15m", reason = "break" }]
    "#;

    #[test]
    fn a_day_says_who_calls_and_who_works() {
        let day = parse(DAY).unwrap();
        assert_eq!(day.calls, [12.0, 30.5]);
        assert_eq!(day.patience, Some(Patience(None)));
        assert!((day.manner().no_answer - 0.1).abs() < 1e-9);
        let midnight = words::date("2026-11-27").unwrap();
        let shifts = day.shifts(midnight).unwrap();
        assert_eq!(shifts.len(), 2);
        assert_eq!(shifts[1].agent, AgentId::new(1002));
        assert_eq!(shifts[1].from, midnight + Duration::from_secs(8 * 3_600));
        assert_eq!(shifts[1].breaks[0].length, Duration::from_secs(900));
    }

    #[test]
    fn what_is_wrong_is_told_by_its_key() {
        for (text, told) in [
            ("calls = 3", "`calls`"),
            ("talk = \"long\"", "`talk = \"long\"`"),
            ("tlak = \"90s\"", "no `tlak`"),
            ("no_answer = 2", "`no_answer`"),
            ("[[shifts]]\nagents = [1001.5]\nfrom = \"08:00\"\nuntil = \"09:00\"", "work numbers"),
            ("[[shifts]]\nfrom = \"08:00\"\nuntil = \"07:00\"", "before it begins"),
            ("[[shifts]]\nfrom = \"08:00\"", "needs `until`"),
            ("interval = \"0s\"", "longer than nothing"),
            ("calls = [", "TOML"),
        ] {
            let fault = parse(text).unwrap_err();
            assert!(fault.contains(told), "{text}: {fault}");
        }
    }
}
