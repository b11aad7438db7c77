//! `CSeq` (RFC 3261 §20.16).

use std::fmt;

use crate::message::Method;
use crate::parse::scan;

/// The sequence number and method of a request within its dialog.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CSeq {
    /// Below 2³¹ (RFC 3261 §8.1.1.5).
    pub number: u32,
    /// The method of the request.
    pub method: Method,
}

impl CSeq {
    /// Reads the value of the field.
    pub(crate) fn parse(value: &[u8]) -> Result<Self, &'static str> {
        let value = scan::trim(value);
        let at = value.iter().position(u8::is_ascii_whitespace).ok_or("no method")?;
        let (number, method) = scan::split_at_byte(value, at);
        let number = scan::number(number).ok_or("number is malformed")?;
        let number = u32::try_from(number).ok().filter(|number| *number < 1 << 31);
        let method = scan::token(scan::trim(method)).ok_or("method is no token")?;
        Ok(Self { number: number.ok_or("number is out of range")?, method: Method::from(method) })
    }
}

impl From<&CSeq> for Vec<u8> {
    fn from(cseq: &CSeq) -> Self {
        cseq.to_string().into_bytes()
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.number, self.method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zeros_and_folds_do_not_matter() {
        let cseq = CSeq::parse(b"0009   INVITE").unwrap();
        assert_eq!(cseq, CSeq { number: 9, method: Method::Invite });
        assert_eq!(cseq.to_string(), "9 INVITE");
    }

    #[test]
    fn numbers_of_2_to_the_31_and_above_are_refused() {
        assert_eq!(CSeq::parse(b"2147483647 BYE").unwrap().number, 2_147_483_647);
        for text in
            ["2147483648 BYE", "36893488147419103232 BYE", "-1 BYE", "1", "1 ", "BYE", "1 A B"]
        {
            assert!(CSeq::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
