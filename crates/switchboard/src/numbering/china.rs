//! The numbers of China.
//!
//! | number | digits |
//! |---|---|
//! | mobile | 11: `1`, `3` to `9`, and nine more |
//! | area | `10`, `20` to `29`, or three that begin with `3` to `9` (none is `x00`) |
//! | landline | area and 8 digits (7 in smaller places) that begin with `2` to `8` |
//! | 400, 800 | 10 |
//! | 700, standing for a person | 15 |
//! | short codes | `1xx`, `10xxx`, `12xxx`, `95xxx`, `96xxx` and longer ones |

use super::{Found, Kind};

pub(super) const COUNTRY: &str = "86";

/// A number that needs nothing before it inside the country, but perhaps the trunk prefix.
pub(super) fn whole(digits: &str) -> Option<Found> {
    if is_mobile(digits) {
        return Some(Found::National(Kind::Mobile, digits.to_owned()));
    }
    special(digits).or_else(|| landline(digits))
}

/// A number as it is dialled without the trunk prefix.
pub(super) fn bare(digits: &str, area: Option<&str>) -> Option<Found> {
    if is_mobile(digits) {
        return Some(Found::National(Kind::Mobile, digits.to_owned()));
    }
    let local = || {
        let area = area.filter(|area| is_local(digits, area))?;
        Some(Found::National(Kind::Landline, format!("{area}{digits}")))
    };
    let is_code = (3..=8).contains(&digits.len())
        && ["1", "95", "96"].iter().any(|first| digits.starts_with(first));
    let code = || is_code.then(|| Found::Special(Kind::Short, digits.to_owned()));
    special(digits).or_else(local).or_else(code)
}

/// A short code that is the same all over the country, after the country code.
pub(super) fn short(digits: &str) -> Option<Found> {
    let is_one = match digits.len() {
        3 => starts_with_one_of(digits, &["11", "12"]),
        5..=8 => starts_with_one_of(digits, &["10", "12", "95", "96"]),
        _ => false,
    };
    is_one.then(|| Found::Special(Kind::Short, digits.to_owned()))
}

/// A number that is the same in every form, and as long as others.
pub(super) fn special(digits: &str) -> Option<Found> {
    let kind = match digits.len() {
        10 if starts_with_one_of(digits, &["400", "800"]) => Kind::Service,
        15 if digits.starts_with("700") => Kind::Protected,
        _ => return None,
    };
    Some(Found::Special(kind, digits.to_owned()))
}

/// An area and what follows it. A code that is the same everywhere loses its area.
fn landline(digits: &str) -> Option<Found> {
    let (area, rest) = digits.split_at_checked(area_length(digits)?)?;
    if rest.starts_with("95") && (5..=8).contains(&rest.len()) {
        return Some(Found::Special(Kind::Short, rest.to_owned()));
    }
    let is_code_of_place = match rest.len() {
        3 => starts_with_one_of(rest, &["11", "12"]),
        5 | 6 => starts_with_one_of(rest, &["12", "96"]),
        _ => false,
    };
    let is_one = is_local(rest, area) || is_code_of_place;
    is_one.then(|| Found::National(Kind::Landline, digits.to_owned()))
}

fn area_length(digits: &str) -> Option<usize> {
    match digits.as_bytes() {
        [b'1', b'0', ..] | [b'2', ..] => Some(2),
        [b'3'..=b'9', second, third, ..] if (*second, *third) != (b'0', b'0') => Some(3),
        _ => None,
    }
}

/// Whether this is a subscriber's number of the area: of 8 digits in the great cities.
fn is_local(digits: &str, area: &str) -> bool {
    let has_length =
        if area.len() == 2 { digits.len() == 8 } else { matches!(digits.len(), 7 | 8) };
    has_length && digits.bytes().next().is_some_and(|first| (b'2'..=b'8').contains(&first))
}

fn is_mobile(digits: &str) -> bool {
    digits.len() == 11 && matches!(digits.as_bytes(), [b'1', b'3'..=b'9', ..])
}

fn starts_with_one_of(digits: &str, firsts: &[&str]) -> bool {
    firsts.iter().any(|first| digits.starts_with(first))
}
