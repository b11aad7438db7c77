//! What a number is, however it is written (号码规整): `+8613800138000`, `008613800138000`,
//! `013800138000` and `13800138000` are one mobile.
//!
//! | kind | matched as | shown as |
//! |---|---|---|
//! | mobile | `+8613800138000` | `13800138000` |
//! | landline | `+861088886666` | `01088886666` |
//! | 400 and 800 numbers, 700 numbers, short codes | as inside the country | the same |
//! | from abroad | `+442079460000` | `00442079460000` |
//! | withheld | `anonymous` | `anonymous` |
//! | anything else: extensions, what we do not know | as written | the same |
//!
//! The rules for China are in `china`; elsewhere a national number is whatever follows the country
//! code or the trunk prefix.

mod china;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use model::Number;

/// The longest number of E.164, without the `+`.
const LONGEST_E164: usize = 15;
/// A country code and a subscriber: shorter ones are something else.
const SHORTEST_E164: usize = 7;
/// What is dialled before a country code.
const INTERNATIONAL: &str = "00";
/// How callers are named who withhold their number.
const WITHHELD: [&str; 7] =
    ["anonymous", "unavailable", "restricted", "withheld", "private", "unknown", "blocked"];

/// How numbers are written where we are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Numbering {
    /// The country code, without `+`.
    pub country: String,
    /// What is dialled before a national number.
    pub trunk_prefix: String,
    /// Our area code, without the trunk prefix: what numbers belong to that come without one.
    pub area: Option<String>,
}

impl Default for Numbering {
    fn default() -> Self {
        Self { country: china::COUNTRY.into(), trunk_prefix: "0".into(), area: None }
    }
}

/// What a number was found to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reading {
    /// What it is.
    pub kind: Kind,
    /// The form in which two numbers are the same or not.
    pub canonical: Number,
    /// The form that people of the country read and dial.
    pub display: Number,
}

/// What a number belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A mobile (手机).
    Mobile,
    /// A landline (固定电话), with its area.
    Landline,
    /// A number of another country's plan, inside that country.
    National,
    /// A 400 or 800 number: it takes calls, and may not be shown as a caller's (呼叫 only 被叫).
    Service,
    /// A 15-digit 700 number, which stands for a person for a while (隐私保护号).
    Protected,
    /// A short code: 10086, 12345, 95588, 96110.
    Short,
    /// A number abroad.
    International,
    /// The caller withholds it.
    Withheld,
    /// Anything else.
    Unknown,
}

/// How a carrier writes the numbers of calls it brings.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Inbound {
    /// What its digits mean.
    pub form: InboundForm,
    /// How many leading characters of the calling number are not part of it.
    pub strip: u8,
    /// What is missing at the beginning of the calling number.
    pub prefix: String,
}

/// What the digits of a carrier's numbers mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum InboundForm {
    /// Whatever they look like.
    #[default]
    Any,
    /// As dialled inside the country: leading digits that look like the country code are none.
    National,
    /// They begin with a country code, with or without `+`.
    E164,
}

/// How a carrier wants the numbers of calls that go out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outbound {
    /// How the number called, and the one shown, are written.
    pub form: OutboundForm,
    /// How many leading characters of the number called are left out then.
    pub strip: u8,
    /// What is written before what is left of the number called.
    pub prefix: String,
}

/// How numbers are written for a carrier.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OutboundForm {
    /// As they were dialled.
    #[default]
    AsDialled,
    /// As dialled inside the country: `13800138000`, `01088886666`, `0044…`.
    National,
    /// With the country code: `8613800138000`.
    E164,
    /// With `+` and the country code.
    PlusE164,
}

/// A number taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// Of our country, without trunk prefix.
    National(Kind, String),
    /// The same in every form.
    Special(Kind, String),
    /// With a country code, without `+`.
    Abroad(String),
}

impl Numbering {
    /// What a number is.
    #[must_use]
    pub fn read(&self, number: &Number) -> Reading {
        self.read_as(number, InboundForm::Any)
    }

    /// The form in which two numbers are the same or not.
    #[must_use]
    pub fn canonical(&self, number: &Number) -> Number {
        self.read(number).canonical
    }

    /// Whether it is a 400 or 800 number, which may not be shown to called parties.
    #[must_use]
    pub fn is_service(&self, number: &Number) -> bool {
        self.read(number).kind == Kind::Service
    }

    /// What a number is that came by a trunk which writes numbers so.
    #[must_use]
    pub fn read_as(&self, number: &Number, form: InboundForm) -> Reading {
        let as_written =
            || Reading { kind: Kind::Unknown, canonical: number.clone(), display: number.clone() };
        let text = number.as_str();
        if WITHHELD.contains(&text.to_ascii_lowercase().as_str()) {
            return reading(Kind::Withheld, WITHHELD[0], WITHHELD[0]).unwrap_or_else(as_written);
        }
        let plain = plain(text);
        self.found(&plain, form).and_then(|found| self.told(found)).unwrap_or_else(as_written)
    }

    /// What a calling number is that came by a trunk.
    #[must_use]
    pub fn caller(&self, number: &Number, inbound: &Inbound) -> Reading {
        let text = number.as_str();
        let is_dialled = text.chars().all(|c| c.is_ascii_digit() || c == '+');
        let corrected = is_dialled.then(|| changed(text, inbound.strip, &inbound.prefix));
        let corrected = corrected.flatten();
        self.read_as(corrected.as_ref().unwrap_or(number), inbound.form)
    }

    /// A number as a carrier wants it written that is to be called; `None` when nothing of it is
    /// left, or it became too long.
    #[must_use]
    pub fn called(&self, number: &Number, outbound: &Outbound) -> Option<Number> {
        let written = self.written(number, outbound.form);
        changed(written.as_str(), outbound.strip, &outbound.prefix)
    }

    /// A number as a carrier wants it written that is shown.
    #[must_use]
    pub fn written(&self, number: &Number, form: OutboundForm) -> Number {
        match form {
            OutboundForm::AsDialled => number.clone(),
            OutboundForm::National => self.read(number).display,
            OutboundForm::PlusE164 => self.canonical(number),
            OutboundForm::E164 => {
                let canonical = self.canonical(number);
                let digits = canonical.as_str().strip_prefix('+').map(str::parse);
                digits.and_then(Result::ok).unwrap_or(canonical)
            }
        }
    }

    fn found(&self, plain: &str, form: InboundForm) -> Option<Found> {
        let (has_country, digits) = match plain.strip_prefix('+') {
            Some(digits) => (true, digits),
            None => match plain.strip_prefix(INTERNATIONAL) {
                Some(digits) => (true, digits),
                None => (false, plain),
            },
        };
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        if has_country {
            return self.with_country(digits);
        }
        match form {
            InboundForm::Any => self.domestic(digits).or_else(|| self.bare_country(digits)),
            InboundForm::National => self.domestic(digits),
            InboundForm::E164 => match self.domestic(digits) {
                Some(Found::Special(Kind::Short, code)) if digits.len() < SHORTEST_E164 => {
                    Some(Found::Special(Kind::Short, code))
                }
                other => self.with_country(digits).or(other),
            },
        }
    }

    fn is_china(&self) -> bool {
        self.country == china::COUNTRY
    }

    /// Digits that begin with a country code.
    fn with_country(&self, digits: &str) -> Option<Found> {
        let national = digits.strip_prefix(self.country.as_str());
        let ours = national.and_then(|national| {
            if self.is_china() {
                china::whole(self.without_prefix(national)).or_else(|| china::short(national))
            } else {
                Some(Found::National(Kind::National, national.to_owned()))
            }
        });
        // No country's numbers look like our service numbers: these have lost the country code.
        let service = || self.is_china().then(|| china::special(digits)).flatten();
        let ours = ours.or_else(service);
        let has_length = (SHORTEST_E164..=LONGEST_E164).contains(&digits.len());
        let is_e164 = has_length && !digits.starts_with('0');
        let ours = ours.filter(|found| is_e164 || matches!(found, Found::Special(..)));
        ours.or_else(|| is_e164.then(|| Found::Abroad(digits.to_owned())))
    }

    /// Digits that begin with our country code though nothing says so: only where what follows is
    /// a whole number.
    fn bare_country(&self, digits: &str) -> Option<Found> {
        let national = digits.strip_prefix(self.country.as_str())?;
        self.is_china().then(|| china::whole(self.without_prefix(national))).flatten()
    }

    /// Digits as dialled inside the country.
    fn domestic(&self, digits: &str) -> Option<Found> {
        let after_prefix = digits.strip_prefix(self.trunk_prefix.as_str());
        if self.is_china() {
            let area = self.area.as_deref();
            let whole = after_prefix.and_then(china::whole);
            return whole.or_else(|| china::bare(digits, area));
        }
        // Without a prefix to tell them from extensions, national numbers must be long.
        let code = self.country.len();
        let least =
            SHORTEST_E164 - if self.trunk_prefix.is_empty() { 0 } else { code.min(SHORTEST_E164) };
        let most = LONGEST_E164.saturating_sub(code);
        let national = after_prefix.filter(|national| (least..=most).contains(&national.len()));
        let local = || {
            let area = self.area.as_ref().filter(|_| (5..=8).contains(&digits.len()))?;
            Some(format!("{area}{digits}"))
        };
        let national = national.map(str::to_owned).or_else(local)?;
        Some(Found::National(Kind::National, national))
    }

    fn without_prefix<'a>(&self, national: &'a str) -> &'a str {
        national.strip_prefix(self.trunk_prefix.as_str()).unwrap_or(national)
    }

    fn told(&self, found: Found) -> Option<Reading> {
        match found {
            Found::National(kind, national) => {
                let canonical = format!("+{}{national}", self.country);
                let display = if kind == Kind::Mobile {
                    national
                } else {
                    format!("{}{national}", self.trunk_prefix)
                };
                reading(kind, &canonical, &display)
            }
            Found::Special(kind, number) => reading(kind, &number, &number),
            Found::Abroad(digits) => {
                let display = format!("{INTERNATIONAL}{digits}");
                reading(Kind::International, &format!("+{digits}"), &display)
            }
        }
    }
}

fn reading(kind: Kind, canonical: &str, display: &str) -> Option<Reading> {
    Some(Reading { kind, canonical: canonical.parse().ok()?, display: display.parse().ok()? })
}

/// The number without what people write between its digits.
fn plain(text: &str) -> Cow<'_, str> {
    let between = |c: char| matches!(c, '-' | '.');
    let is_written_out = text.contains(between) && !text.starts_with(between);
    if is_written_out { text.replace(between, "").into() } else { text.into() }
}

fn changed(text: &str, strip: u8, prefix: &str) -> Option<Number> {
    let rest = text.get(usize::from(strip)..)?;
    if rest.is_empty() { None } else { format!("{prefix}{rest}").parse().ok() }
}
