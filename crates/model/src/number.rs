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

impl Number {
    /// The number whole, for dialling and matching.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number for people who need not see it: `138****1234`.
    #[must_use]
    pub fn masked(&self) -> String {
        let length = self.0.chars().count();
        if length <= 7 {
            return self.0.to_string();
        }
        let (head, tail): (String, String) =
            (self.0.chars().take(3).collect(), self.0.chars().skip(length - 4).collect());
        format!("{head}{}{tail}", "*".repeat(length - 7))
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
        assert_eq!("1001".parse::<Number>().unwrap().masked(), "1001");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        assert_eq!("".parse::<Number>(), Err(NumberError::Empty));
        assert_eq!("12 34".parse::<Number>(), Err(NumberError::Character));
        assert_eq!("1".repeat(33).parse::<Number>(), Err(NumberError::TooLong));
    }
}
