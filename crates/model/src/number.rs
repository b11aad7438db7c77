//! Telephone numbers as signalled.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest number kept: a 15-digit E.164 or 700 number with prefixes and room to spare.
const LONGEST: usize = 32;

/// A number as dialled or signalled: digits, `*`, `#`, a leading `+`, or the letters of an
/// extension or of a caller who withholds the number (`anonymous`). Never empty.
///
/// `Debug` masks all but the first three and the last four characters: numbers are personal data
/// and logs are read by many. `Display` writes it whole.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(Arc<str>);

/// Why a text is no number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NumberError {
    /// Nothing is there.
    Empty,
    /// More than 32 characters.
    TooLong,
    /// A character that no number has.
    Character,
}

impl fmt::Display for NumberError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Empty => "number is empty",
            Self::TooLong => "number is longer than 32 characters",
            Self::Character => "number has a character other than letters, digits, + * # . _ -",
        })
    }
}

impl std::error::Error for NumberError {}

/// Extensions and short codes have no more characters; numbers outside have.
const LONGEST_OF_OURS: usize = 6;

impl Number {
    /// The number whole, for dialling and matching.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number for people who need not see it: `138****1234`. At least four of its characters
    /// are hidden, and at most seven shown; what is so short that it can only be one of ours stays.
    #[must_use]
    pub fn masked(&self) -> String {
        let length = self.0.chars().count();
        if length <= LONGEST_OF_OURS {
            return self.0.to_string();
        }
        let shown = (length - 4).min(7);
        let head: String = self.0.chars().take(shown / 2).collect();
        let tail: String = self.0.chars().skip(length - (shown - shown / 2)).collect();
        format!("{head}{}{tail}", "*".repeat(length - shown))
    }
}

impl FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "+*#._-".contains(c);
        match text {
            "" => Err(NumberError::Empty),
            text if text.len() > LONGEST => Err(NumberError::TooLong),
            text if !text.chars().all(allowed) => Err(NumberError::Character),
            text => Ok(Self(text.into())),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.masked())
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mobile_number_is_masked_in_the_middle_and_an_extension_is_not() {
        let mobile: Number = "13800138000".parse().unwrap();
        assert_eq!(mobile.masked(), "138****8000");
        assert_eq!(format!("{mobile:?}"), "138****8000");
        for (number, masked) in [
            ("1001", "1001"),
            ("801001", "801001"),
            ("8888666", "8****66"),
            ("88886666", "88****66"),
            ("01088886666", "010****6666"),
            ("008613800138000", "008********8000"),
        ] {
            assert_eq!(number.parse::<Number>().unwrap().masked(), masked);
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        assert_eq!("".parse::<Number>(), Err(NumberError::Empty));
        assert_eq!("12 34".parse::<Number>(), Err(NumberError::Character));
        assert_eq!("1".repeat(33).parse::<Number>(), Err(NumberError::TooLong));
    }
}
