//! Reading one table of the file, key by key. Whatever is wrong becomes a finding and reading goes
//! on with what is left.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use sip::locate::Wanted;
use toml_edit::{Item, TableLike, Value};

use super::finding::{Code, Finding, Source};
use super::key::{Absent, Key, Kind, Table};
use super::value::{self, Network};

/// A value with its place in the file, for findings that only show later.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Spanned<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it is written.
    pub(crate) at: Range<usize>,
}

impl<T> Spanned<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned { value: change(self.value), at: self.at }
    }
}

/// One file being read, with what was found.
#[derive(Debug)]
pub(crate) struct Reader {
    source: Source,
    findings: RefCell<Vec<Finding>>,
}

impl Reader {
    /// Begins.
    pub(crate) const fn new(source: Source) -> Self {
        Self { source, findings: RefCell::new(Vec::new()) }
    }

    /// Notes what is wrong at a place.
    pub(crate) fn report(&self, code: Code, at: &Range<usize>, message: String, help: String) {
        self.findings.borrow_mut().push(Finding {
            file: self.source.name.clone(),
            place: Some(self.source.place(at)),
            code,
            message,
            help: (!help.is_empty()).then_some(help),
        });
    }

    /// Everything found.
    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings.into_inner()
    }

    /// Notes a name that does not exist, with the one that was perhaps meant.
    pub(crate) fn unknown<'a>(
        &self,
        code: Code,
        what: &str,
        name: &Spanned<String>,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        let known: Vec<_> = known.into_iter().collect();
        let message = format!("there is no {what} `{}`", name.value);
        self.report(code, &name.at, message, alternatives(&name.value, &known, what));
    }
}

/// What could have been meant.
fn alternatives(name: &str, known: &[&str], what: &str) -> String {
    const MOST: usize = 12;
    if let Some(nearest) = value::nearest(name, known.iter().copied()) {
        return format!("did you mean `{nearest}`?");
    }
    match known {
        [] => format!("the file has no {what} yet"),
        known if known.len() <= MOST => format!("there are: {}", known.join(", ")),
        known => format!("there are {} others", known.len()),
    }
}

/// One table of the file.
#[derive(Clone, Copy)]
pub(crate) struct Section<'a> {
    reader: &'a Reader,
    schema: &'static Table,
    table: Option<&'a dyn TableLike>,
    /// Where the table begins, in octets.
    start: usize,
    length: usize,
}

impl std::fmt::Debug for Section<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "[{}] at {}", self.schema.path, self.start)
    }
}

impl<'a> Section<'a> {
    /// The table with the schema's path, directly under the root.
    pub(crate) fn of_root(
        reader: &'a Reader,
        root: &'a dyn TableLike,
        schema: &'static Table,
    ) -> Self {
        let Some((key, item)) = root.get_key_value(schema.path) else {
            return Self { reader, schema, table: None, start: 0, length: 0 };
        };
        let at = key.span().or_else(|| item.span()).unwrap_or(0..0);
        Self::open(reader, schema, &Spanned { value: item, at })
    }

    /// The same for a table that has been read before: what is wrong with it has been told.
    pub(crate) fn of_root_again(
        reader: &'a Reader,
        root: &'a dyn TableLike,
        schema: &'static Table,
    ) -> Self {
        let found = root.get_key_value(schema.path);
        let at = found.as_ref().and_then(|(key, _)| key.span()).unwrap_or(0..0);
        let table = found.and_then(|(_, item)| item.as_table_like());
        Self { reader, schema, table, start: at.start, length: at.len() }
    }

    fn open(reader: &'a Reader, schema: &'static Table, item: &Spanned<&'a Item>) -> Self {
        let table = item.value.as_table_like();
        let section = Self { reader, schema, table, start: item.at.start, length: item.at.len() };
        match table {
            Some(table) => section.find_unknown_keys(table),
            None => {
                let message = format!("[{}] is {}", schema.path, kind_of(item.value));
                reader.report(Code::WrongType, &item.at, message, schema.text.into());
            }
        }
        section
    }

    /// The table of this name within another; `None` where there is none.
    pub(crate) fn within(
        reader: &'a Reader,
        parent: &'a dyn TableLike,
        schema: &'static Table,
    ) -> Option<Self> {
        let name = schema.path.rsplit('.').next().unwrap_or(schema.path);
        let (key, item) = parent.get_key_value(name)?;
        let at = key.span().or_else(|| item.span()).unwrap_or(0..0);
        Some(Self::open(reader, schema, &Spanned { value: item, at }))
    }

    /// The tables of the writer's naming under `path.`, in the order of the file.
    pub(crate) fn named(
        reader: &'a Reader,
        parent: &'a dyn TableLike,
        schema: &'static Table,
    ) -> Vec<(Spanned<String>, Self)> {
        let key = schema.path.rsplit('.').nth(1).unwrap_or(schema.path);
        let Some(item) = parent.get(key) else { return Vec::new() };
        let Some(table) = item.as_table_like() else {
            let at = item.span().unwrap_or(0..0);
            let message = format!("`{key}` is {}", kind_of(item));
            reader.report(
                Code::WrongType,
                &at,
                message,
                format!("write tables `[{}]`", schema.path),
            );
            return Vec::new();
        };
        let mut found = Vec::new();
        for (name, item) in table.iter() {
            let at = table
                .key(name)
                .and_then(toml_edit::Key::span)
                .or_else(|| item.span())
                .unwrap_or(0..0);
            if !value::is_name(name) {
                let message = format!("`{name}` cannot be a name");
                let help = "names have letters a to z, digits, `_` and `-`, at most 32 of them";
                reader.report(Code::BadName, &at, message, help.into());
                continue;
            }
            let section = Self::open(reader, schema, &Spanned { value: item, at: at.clone() });
            found.push((Spanned { value: name.to_owned(), at }, section));
        }
        found
    }

    /// The tables of an array `[[path]]`, in the order of the file.
    pub(crate) fn listed(
        reader: &'a Reader,
        root: &'a dyn TableLike,
        schema: &'static Table,
    ) -> Vec<Self> {
        let key = schema.path.rsplit('.').next().unwrap_or(schema.path);
        let Some(item) = root.get(key) else { return Vec::new() };
        let Some(tables) = item.as_array_of_tables() else {
            let at = item.span().unwrap_or(0..0);
            let message = format!("`{}` is {}", schema.path, kind_of(item));
            let help = format!("write tables `[[{}]]`", schema.path);
            reader.report(Code::WrongType, &at, message, help);
            return Vec::new();
        };
        let mut found = Vec::new();
        for table in tables {
            let at = table.span().unwrap_or(0..0);
            let section =
                Self { reader, schema, table: Some(table), start: at.start, length: at.len() };
            section.find_unknown_keys(table);
            found.push(section);
        }
        found
    }

    /// The table itself, for tables within it.
    pub(crate) const fn table(&self) -> Option<&'a dyn TableLike> {
        self.table
    }

    /// Where the table begins.
    pub(crate) const fn at(&self) -> Range<usize> {
        self.start..self.start + self.length
    }

    /// Whether the key is written.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(name))
    }

    /// Where a key is written; where the table begins when it is not.
    pub(crate) fn key_at(&self, name: &str) -> Range<usize> {
        let key = self.table.and_then(|table| table.key(name));
        key.and_then(toml_edit::Key::span).unwrap_or_else(|| self.at())
    }

    fn find_unknown_keys(&self, table: &dyn TableLike) {
        let known: Vec<_> = self.schema.keys.iter().map(|key| key.name).collect();
        for (name, item) in table.iter() {
            // These are tables with schemas of their own.
            let within = [
                ("flows.<flow>", "steps"),
                ("queues.<queue>", "tiers"),
                ("queues.<queue>", "callback"),
                ("shifts.<shift>", "breaks"),
            ];
            if known.contains(&name) || within.contains(&(self.schema.path, name)) {
                continue;
            }
            let at = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
            let message = format!("`{name}` is no key of [{}]", self.schema.path);
            let help = alternatives(name, &known, "key");
            self.reader.report(Code::UnknownKey, &at.unwrap_or(0..0), message, help);
        }
    }

    fn wrong_type(&self, name: &str, at: &Range<usize>, wanted: &str, found: &Item) {
        let message = format!("{wanted} is needed here, and this is {}", kind_of(found));
        let help = self.key(name).map_or("", |key| key.text);
        self.reader.report(Code::WrongType, at, message, help.into());
    }

    fn key(&self, name: &str) -> Option<&'static Key> {
        let key = self.schema.keys.iter().find(|key| key.name == name);
        debug_assert!(key.is_some(), "{name} is in no schema of {}", self.schema.path);
        key
    }

    /// What is written for a key; missing where it must be there is a finding.
    fn item(&self, name: &str) -> Option<Spanned<&'a Item>> {
        let found = self.table.and_then(|table| table.get(name));
        let Some(item) = found else {
            self.report_if_required(name);
            return None;
        };
        Some(Spanned { value: item, at: item.span().unwrap_or(self.start..self.start) })
    }

    fn report_if_required(&self, name: &str) {
        let Some(key) = self.key(name).filter(|key| key.when_absent == Absent::Fault) else {
            return;
        };
        if self.table.is_none() && self.start != 0 {
            return; // It is no table at all, which has been said.
        }
        let code = match (self.schema.path, name) {
            ("hotlines.<hotline>", "flow") => Code::NumberWithoutFlow,
            ("trunks.<trunk>", "addresses") => Code::TrunkWithoutAddress,
            _ => Code::MissingKey,
        };
        let message = format!("`{name}` is missing in [{}]", self.schema.path);
        self.reader.report(code, &self.at(), message, key.text.into());
    }

    fn default(&self, name: &str) -> Option<&'static str> {
        match self.key(name)?.when_absent {
            Absent::Value(text) => Some(text),
            Absent::Fault | Absent::Nothing => None,
        }
    }

    /// A text that is read further; `form` says what would be right.
    fn parsed<T>(
        &self,
        name: &str,
        form: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Spanned<T>> {
        let Some(item) = self.item(name) else {
            let value = self.default(name).and_then(parse)?;
            return Some(Spanned { value, at: self.at() });
        };
        let Some(text) = item.value.as_str() else {
            self.wrong_type(name, &item.at, form, item.value);
            return None;
        };
        let parsed = parse(text);
        if parsed.is_none() {
            let message = format!("`{text}` is not {form}");
            let help = self.key(name).map_or("", |key| key.text);
            self.reader.report(Code::BadValue, &item.at, message, help.into());
        }
        parsed.map(|value| Spanned { value, at: item.at })
    }

    /// Digits as text, so many of them.
    pub(crate) fn digits(
        &self,
        name: &str,
        length: RangeInclusive<usize>,
    ) -> Option<Spanned<String>> {
        let (fewest, most) = (length.start(), length.end());
        self.parsed(name, &format!("a text of {fewest} to {most} digits"), |text| {
            let is_one = length.contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit());
            is_one.then(|| text.to_owned())
        })
    }

    /// Any text.
    pub(crate) fn text(&self, name: &str) -> Option<Spanned<String>> {
        self.parsed(name, "a text", |text| Some(text.to_owned()))
    }

    /// A text that must not be empty.
    pub(crate) fn label(&self, name: &str) -> Option<Spanned<String>> {
        self.parsed(name, "a text with something in it", |text| {
            (!text.trim().is_empty()).then(|| text.to_owned())
        })
    }

    /// The name of something; whether it exists is for the caller to say.
    pub(crate) fn name(&self, name: &str) -> Option<Spanned<String>> {
        self.parsed(name, "a name", |text| value::is_name(text).then(|| text.to_owned()))
    }

    /// Yes or no.
    pub(crate) fn flag(&self, name: &str) -> bool {
        let Some(item) = self.item(name) else { return self.default(name) == Some("true") };
        item.value.as_bool().unwrap_or_else(|| {
            self.wrong_type(name, &item.at, "`true` or `false`", item.value);
            false
        })
    }

    /// A whole number within the schema's bounds.
    pub(crate) fn number(&self, name: &str) -> Option<Spanned<i64>> {
        let Some(item) = self.item(name) else {
            let value = self.default(name)?.parse().ok()?;
            return Some(Spanned { value, at: self.at() });
        };
        let Some(number) = item.value.as_integer() else {
            self.wrong_type(name, &item.at, "a whole number", item.value);
            return None;
        };
        if let Some(Key { kind: Kind::Number(least, most), .. }) = self.key(name)
            && !(*least..=*most).contains(&number)
        {
            let message = format!("{number} is out of range");
            let help = format!("`{name}` is between {least} and {most}");
            self.reader.report(Code::BadValue, &item.at, message, help);
            return None;
        }
        Some(Spanned { value: number, at: item.at })
    }

    /// A whole number that fits the type the bounds were chosen for.
    pub(crate) fn small<T: TryFrom<i64>>(&self, name: &str) -> Option<T> {
        self.number(name).and_then(|number| T::try_from(number.value).ok())
    }

    /// A span of time within the schema's bounds.
    pub(crate) fn duration(&self, name: &str) -> Option<Spanned<Duration>> {
        const FORM: &str =
            "a span of time with its unit, like \"500ms\", \"15s\", \"2m\" or \"1h\"";
        let span = self.parsed(name, FORM, value::duration)?;
        let Some(Key { kind: Kind::Span(least, most), .. }) = self.key(name) else {
            return Some(span);
        };
        let bounds = value::duration(least).zip(value::duration(most));
        if bounds.is_some_and(|(least, most)| span.value < least || span.value > most) {
            let message = format!("`{name}` is out of range");
            let help = format!("`{name}` is between {least} and {most}");
            self.reader.report(Code::BadValue, &span.at, message, help);
            return None;
        }
        Some(span)
    }

    /// One of the schema's words.
    pub(crate) fn word(&self, name: &str) -> Option<Spanned<String>> {
        let word = self.parsed(name, "a word", |text| Some(text.to_owned()))?;
        let Some(Key { kind: Kind::Word(words), .. }) = self.key(name) else { return Some(word) };
        if words.contains(&word.value.as_str()) {
            return Some(word);
        }
        let (code, what) = match name {
            "routing" => (Code::UnknownStrategy, "routing strategy"),
            _ => (Code::UnknownValue, "value"),
        };
        self.reader.unknown(code, what, &word, words.iter().copied());
        None
    }

    /// A word, whatever may be wrong with it: that is told by [`Self::word`].
    pub(crate) fn word_silently(&self, name: &str) -> Option<Spanned<String>> {
        let item = self.table?.get(name)?;
        let value = item.as_str()?.to_owned();
        Some(Spanned { value, at: item.span().unwrap_or(0..0) })
    }

    /// An address with a port.
    pub(crate) fn socket(&self, name: &str) -> Option<Spanned<SocketAddr>> {
        self.parsed(name, "an address with a port, like \"192.0.2.7:5060\"", |text| {
            text.parse().ok()
        })
    }

    /// An address or a name, with a port or without.
    pub(crate) fn peer(&self, name: &str) -> Option<Spanned<Wanted>> {
        const FORM: &str = "an address or a name, with a port or without, like \"192.0.2.7:5060\" or \"sip.carrier.cn\"";
        self.parsed(name, FORM, value::peer)
    }

    /// An address.
    pub(crate) fn address(&self, name: &str) -> Option<Spanned<IpAddr>> {
        self.parsed(name, "an address, like \"192.0.2.7\"", |text| text.parse().ok())
    }

    /// A range of ports.
    pub(crate) fn ports(&self, name: &str) -> Option<Spanned<(u16, u16)>> {
        self.parsed(name, "a range of ports, like \"20000-39999\"", value::ports)
    }

    /// A telephone number.
    pub(crate) fn telephone(&self, name: &str) -> Option<Spanned<model::Number>> {
        self.parsed(name, "a telephone number", |text| {
            let is_dialled = text.trim_start_matches('+').chars().all(|c| c.is_ascii_digit());
            text.parse().ok().filter(|_| is_dialled)
        })
    }

    /// What numbers begin with; may be empty.
    pub(crate) fn prefix(&self, name: &str) -> Option<String> {
        let prefix = self.parsed(name, "what a number begins with: digits, or `+`", |text| {
            let fits = text.chars().all(|c| c.is_ascii_digit() || c == '+') && text.len() <= 16;
            fits.then(|| text.to_owned())
        });
        prefix.map(|prefix| prefix.value)
    }

    /// What a phone dials for a feature.
    pub(crate) fn dial(&self, name: &str) -> Option<Spanned<String>> {
        self.parsed(name, "a feature code: `*` or `#` and one to four digits", |text| {
            let digits = text.strip_prefix(['*', '#'])?;
            let fits =
                (1..=4).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_digit());
            fits.then(|| text.to_owned())
        })
    }

    /// How far local time is ahead of UTC, in seconds.
    pub(crate) fn offset(&self, name: &str) -> Option<i32> {
        let form = "an offset from UTC, like \"+08:00\"";
        self.parsed(name, form, value::offset).map(|offset| offset.value)
    }

    /// A time of day, from midnight.
    pub(crate) fn clock(&self, name: &str) -> Option<Spanned<Duration>> {
        self.parsed(name, "a time of day, like \"08:30\"", value::clock)
    }

    /// One digit.
    pub(crate) fn digit(&self, name: &str) -> Option<Spanned<char>> {
        self.parsed(name, "one digit", |text| {
            text.chars().next().filter(|c| c.is_ascii_digit() && text.len() == 1)
        })
    }

    /// Fewest and most, as `8-12` or `4`.
    pub(crate) fn length(&self, name: &str) -> Option<(u8, u8)> {
        let parsed = self.parsed(name, "a length, like \"8-12\" or \"4\"", |text| {
            let (fewest, most) = text.split_once('-').unwrap_or((text, text));
            let (fewest, most) = (fewest.trim().parse().ok()?, most.trim().parse().ok()?);
            (fewest > 0 && fewest <= most && most <= 32).then_some((fewest, most))
        });
        parsed.map(|length| length.value)
    }

    /// The values of an array, each with its place.
    fn values(&self, name: &str, wanted: &str) -> Option<Vec<Spanned<&'a Value>>> {
        let item = self.item(name)?;
        let Some(array) = item.value.as_array() else {
            self.wrong_type(name, &item.at, wanted, item.value);
            return None;
        };
        let spanned =
            |value: &'a Value| Spanned { value, at: value.span().unwrap_or(item.at.clone()) };
        Some(array.iter().map(spanned).collect())
    }

    /// Whether the key is written with an empty list.
    pub(crate) fn is_empty_list(&self, name: &str) -> bool {
        let item = self.table.and_then(|table| table.get(name));
        item.and_then(Item::as_array).is_some_and(toml_edit::Array::is_empty)
    }

    /// A list of texts; empty when the key is not there.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        const FORM: &str = "a list of texts, like [\"one\", \"two\"]";
        let values = self.values(name, FORM).unwrap_or_default();
        let text = |value: Spanned<&'a Value>| {
            let text = value.value.as_str().map(str::to_owned);
            if text.is_none() {
                let help = self.key(name).map_or("", |key| key.text);
                let message = format!("{FORM} is needed here");
                self.reader.report(Code::WrongType, &value.at, message, help.into());
            }
            text
        };
        values.into_iter().filter_map(text).collect()
    }

    /// A list of names; `None` when the key is not there.
    pub(crate) fn names(&self, name: &str) -> Option<Vec<Spanned<String>>> {
        let values = self.values(name, "a list of names, like [\"one\", \"two\"]")?;
        Some(values.into_iter().filter_map(|value| self.one_name(value)).collect())
    }

    fn one_name(&self, value: Spanned<&'a Value>) -> Option<Spanned<String>> {
        let name = value.value.as_str().filter(|text| value::is_name(text)).map(str::to_owned);
        if name.is_none() {
            let message = "this is not a name".to_owned();
            self.reader.report(Code::WrongType, &value.at, message, "write it in quotes".into());
        }
        name.map(|name| Spanned { value: name, at: value.at })
    }

    /// A list of work numbers.
    pub(crate) fn agents(&self, name: &str) -> Vec<Spanned<i64>> {
        let values = self.values(name, "a list of work numbers, like [1001, 1002]");
        let read = |value: Spanned<&'a Value>| {
            let number = value.value.as_integer();
            if number.is_none() {
                let message = "this is not a work number".to_owned();
                self.reader.report(
                    Code::WrongType,
                    &value.at,
                    message,
                    "write it without quotes".into(),
                );
            }
            number.map(|number| value.map(|_| number))
        };
        values.unwrap_or_default().into_iter().filter_map(read).collect()
    }

    /// A list of addresses and blocks.
    pub(crate) fn networks(&self, name: &str) -> Vec<Spanned<Network>> {
        let values = self.values(name, "a list of addresses, like [\"192.0.2.0/24\"]");
        let read = |value: Spanned<&'a Value>| {
            let parsed = value.value.as_str().unwrap_or_default().parse::<Network>();
            if let Err(help) = parsed {
                let message = "this is not an address or a block of addresses".to_owned();
                self.reader.report(Code::BadValue, &value.at, message, help.into());
            }
            parsed.ok().map(|network| value.map(|_| network))
        };
        values.unwrap_or_default().into_iter().filter_map(read).collect()
    }

    /// A table of the writer's keys: each with its place and its value.
    fn pairs(&self, name: &str, wanted: &str) -> Vec<(Spanned<String>, Spanned<&'a Item>)> {
        let Some(item) = self.item(name) else { return Vec::new() };
        let Some(table) = item.value.as_table_like() else {
            self.wrong_type(name, &item.at, wanted, item.value);
            return Vec::new();
        };
        let mut pairs = Vec::new();
        for (key, value) in table.iter() {
            let at = table.key(key).and_then(toml_edit::Key::span).unwrap_or(item.at.clone());
            let value = Spanned { value, at: value.span().unwrap_or(at.clone()) };
            pairs.push((Spanned { value: key.to_owned(), at }, value));
        }
        pairs
    }

    /// Skills with levels.
    pub(crate) fn levels(&self, name: &str) -> Vec<(Spanned<String>, u8)> {
        let pairs = self.pairs(name, "skills with levels, like { presales = 3 }");
        let read = |(skill, level): (Spanned<String>, Spanned<&'a Item>)| {
            let number = level.value.as_integer().filter(|number| (1..=10).contains(number));
            if number.is_none() || !value::is_name(&skill.value) {
                let message = format!("`{}` has no level from 1 to 10", skill.value);
                let help = "a level is a whole number; higher is better".to_owned();
                self.reader.report(Code::BadValue, &level.at, message, help);
            }
            Some((skill, u8::try_from(number?).ok()?))
        };
        pairs.into_iter().filter_map(read).collect()
    }

    /// Trunks, each with a number of places.
    pub(crate) fn places(&self, name: &str) -> Vec<(Spanned<String>, u32)> {
        let pairs = self.pairs(name, "trunks with places, like { carrier = 10 }");
        let read = |(trunk, places): (Spanned<String>, Spanned<&'a Item>)| {
            let number = places.value.as_integer().filter(|number| (1..=20_000).contains(number));
            if number.is_none() {
                let message = format!("`{}` has no number of places", trunk.value);
                let help = "write a whole number from 1 to 20000".to_owned();
                self.reader.report(Code::BadValue, &places.at, message, help);
            }
            Some((trunk, u32::try_from(number?).ok()?))
        };
        pairs.into_iter().filter_map(read).collect()
    }

    /// Digits, each with the step it leads to.
    pub(crate) fn choices(&self, name: &str) -> Vec<(char, Spanned<String>)> {
        self.keys(name, "digits with steps, like { 1 = \"sales\" }")
    }

    /// Keys of a telephone, each with where it leads.
    pub(crate) fn keys(&self, name: &str, wanted: &str) -> Vec<(char, Spanned<String>)> {
        let pairs = self.pairs(name, wanted);
        let read = |(digit, step): (Spanned<String>, Spanned<&'a Item>)| {
            let mut characters = digit.value.chars();
            let key = characters.next().filter(|c| c.is_ascii_digit() || *c == '*' || *c == '#');
            let Some(key) = key.filter(|_| characters.next().is_none()) else {
                let message = format!("`{}` is no key of a telephone", digit.value);
                let help = "a key is one of 0 to 9, \"*\" and \"#\"".to_owned();
                self.reader.report(Code::BadValue, &digit.at, message, help);
                return None;
            };
            let Some(text) = step.value.as_str() else {
                self.wrong_type(name, &step.at, "a name in quotes", step.value);
                return None;
            };
            let text = text.to_owned();
            Some((key, step.map(|_| text)))
        };
        pairs.into_iter().filter_map(read).collect()
    }
}

fn kind_of(item: &Item) -> &'static str {
    match item.type_name() {
        "string" => "a text",
        "integer" => "a whole number",
        "float" => "a number with a fraction",
        "boolean" => "`true` or `false`",
        "datetime" => "a date",
        "array" => "a list",
        "array of tables" => "a list of tables",
        "inline table" | "table" => "a table",
        _ => "nothing",
    }
}
