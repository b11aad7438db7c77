//! The fields of extensions that decide something: RAck (RFC 3262), Session-Expires (RFC 4028),
//! Replaces (RFC 3891).

use std::fmt;

use super::Params;
use crate::message::Method;
use crate::parse::scan;

/// Which provisional response a PRACK acknowledges (RFC 3262 §7.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RAck {
    /// The response's RSeq.
    pub response: u32,
    /// The CSeq number of the request that it answers.
    pub request: u32,
    /// The method of that request.
    pub method: Method,
}

impl RAck {
    /// Reads the value of the field.
    pub(crate) fn parse(value: &[u8]) -> Result<Self, &'static str> {
        let mut words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let mut number = || {
            let number = words.next().and_then(scan::number)?;
            u32::try_from(number).ok()
        };
        let (response, request) = (number(), number());
        let method = words.next().and_then(scan::token);
        match (response, request, method, words.next()) {
            (Some(response), Some(request), Some(method), None) => {
                Ok(Self { response, request, method: Method::from(method) })
            }
            _ => Err("is not two numbers and a method"),
        }
    }
}

impl fmt::Display for RAck {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} {}", self.response, self.request, self.method)
    }
}

/// Who refreshes a session, seen from the request that agrees on it (RFC 4028 §4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refresher {
    /// Who sends the request.
    Uac,
    /// Who answers it.
    Uas,
}

impl Refresher {
    /// The value of the parameter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Uac => "uac",
            Self::Uas => "uas",
        }
    }
}

/// How long a session lasts without a refresh (RFC 4028 §4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionExpires {
    /// In seconds.
    pub seconds: u32,
    /// Who refreshes it; none when that is left to the other.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads the value of the field.
    pub(crate) fn parse(value: &[u8]) -> Result<Self, &'static str> {
        let (seconds, params) = split_params(value).ok_or("parameters are malformed")?;
        let seconds = scan::number(seconds).ok_or("no number")?;
        let refresher = params.value("refresher").map(str::to_ascii_lowercase);
        Ok(Self {
            seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
            refresher: match refresher.as_deref() {
                Some("uac") => Some(Refresher::Uac),
                Some("uas") => Some(Refresher::Uas),
                _ => None,
            },
        })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.seconds)?;
        match self.refresher {
            Some(refresher) => write!(out, ";refresher={}", refresher.as_str()),
            None => Ok(()),
        }
    }
}

/// The dialog whose place an INVITE takes (RFC 3891 §6.1), as its receiver sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replaces {
    /// Its Call-ID.
    pub call_id: String,
    /// Our tag in it.
    pub to_tag: String,
    /// The tag of who is replaced.
    pub from_tag: String,
    /// Whether it is to be replaced only while nobody has answered.
    pub early_only: bool,
}

impl Replaces {
    /// Reads the value of the field.
    pub(crate) fn parse(value: &[u8]) -> Result<Self, &'static str> {
        let (call_id, params) = split_params(value).ok_or("parameters are malformed")?;
        let call_id = std::str::from_utf8(call_id).ok().filter(|it| !it.is_empty());
        let tag = |name| params.value(name).map(str::to_owned).ok_or("a tag is missing");
        Ok(Self {
            call_id: call_id.ok_or("no call-id")?.to_owned(),
            to_tag: tag("to-tag")?,
            from_tag: tag("from-tag")?,
            early_only: params.has("early-only"),
        })
    }
}

/// What stands before the first semicolon, and the parameters after it.
fn split_params(value: &[u8]) -> Option<(&[u8], Params)> {
    match value.iter().position(|byte| *byte == b';') {
        Some(at) => {
            let (head, params) = scan::split_at_byte(value, at);
            Some((scan::trim(head), Params::parse_header(params)?))
        }
        None => Some((scan::trim(value), Params::default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_names_response_request_and_method() {
        let rack = RAck::parse(b"776656  1 INVITE").unwrap();
        assert_eq!(rack, RAck { response: 776_656, request: 1, method: Method::Invite });
        assert_eq!(rack.to_string(), "776656 1 INVITE");
        for text in ["", "1 INVITE", "1 2", "1 2 INVITE more", "-1 2 INVITE", "4294967296 1 INVITE"]
        {
            assert!(RAck::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_session_expires_says_when_and_perhaps_who() {
        let read = |text: &str| SessionExpires::parse(text.as_bytes());
        let ours = SessionExpires { seconds: 1800, refresher: Some(Refresher::Uas) };
        assert_eq!(read("1800 ; Refresher=UAS"), Ok(ours));
        assert_eq!(ours.to_string(), "1800;refresher=uas");
        assert_eq!(read("90"), Ok(SessionExpires { seconds: 90, refresher: None }));
        assert_eq!(read("90;refresher=me"), Ok(SessionExpires { seconds: 90, refresher: None }));
        assert_eq!(read("99999999999").map(|it| it.seconds), Ok(u32::MAX));
        assert!(read("soon").is_err() && read("").is_err() && read("90;=").is_err());
    }

    #[test]
    fn a_replaces_names_a_dialog_whole() {
        let read = |text: &str| Replaces::parse(text.as_bytes());
        let dialog = read("12@host;to-tag=ours;from-tag=theirs;early-only").unwrap();
        assert_eq!((dialog.call_id.as_str(), dialog.to_tag.as_str()), ("12@host", "ours"));
        assert_eq!((dialog.from_tag.as_str(), dialog.early_only), ("theirs", true));
        assert!(!read("12;from-tag=a;to-tag=b").unwrap().early_only);
        assert!(read("12;from-tag=a").is_err() && read(";to-tag=a;from-tag=b").is_err());
    }
}
