//! Keys pressed, as sent in INFO: `application/dtmf-relay` and `application/dtmf`. Neither is
//! standardised; both are what phones send.

use crate::header::HeaderName;
use crate::message::Request;

/// The media types we take in INFO, as listed in `Accept`.
pub(super) const ACCEPTED: &str = "application/dtmf-relay, application/dtmf";

/// The packages of INFO that we take (RFC 6086 §4.1): none, for keys come without one.
pub(super) const PACKAGES: &str = "";

/// What an INFO says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Said {
    /// A key was pressed.
    Digit(char),
    /// Nothing: an INFO without body only asks whether we are there.
    Nothing,
    /// A body that is no key.
    Unreadable,
    /// A media type we do not take.
    Foreign,
    /// Something of a package we do not take.
    Package,
}

/// Reads an INFO.
pub(super) fn read(request: &Request) -> Said {
    if request.headers.has(&HeaderName::InfoPackage) {
        return Said::Package;
    }
    if request.body.is_empty() {
        return Said::Nothing;
    }
    let Some(kind) = request.headers.content_type() else {
        return Said::Foreign;
    };
    let body = String::from_utf8_lossy(&request.body);
    let key = match kind.as_str() {
        "application/dtmf-relay" => body.lines().find_map(signal),
        "application/dtmf" => body.lines().find_map(signal).or(Some(body.trim())),
        _ => return Said::Foreign,
    };
    key.and_then(digit).map_or(Said::Unreadable, Said::Digit)
}

/// The value of `Signal=5`, with or without spaces.
fn signal(line: &str) -> Option<&str> {
    let (name, value) = line.split_once('=')?;
    name.trim().eq_ignore_ascii_case("signal").then(|| value.trim())
}

/// Some phones number the star 10 and the hash 11, as RFC 4733 does.
fn digit(key: &str) -> Option<char> {
    let mut chars = key.chars();
    match (key, chars.next(), chars.next()) {
        ("10", ..) => Some('*'),
        ("11", ..) => Some('#'),
        (_, Some(key), None) if "0123456789*#ABCD".contains(key.to_ascii_uppercase()) => {
            Some(key.to_ascii_uppercase())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Method;
    use crate::uri::{Host, Uri};

    fn info(kind: &str, body: &str) -> Said {
        let uri = Uri::of_host(Host::Name("x".into()));
        let mut request = Request::new(Method::Info, uri);
        request.headers.push(HeaderName::ContentType, kind);
        request.body = body.as_bytes().to_vec();
        read(&request)
    }

    #[test]
    fn a_key_is_read_from_either_media_type() {
        let relay = |body| info("application/dtmf-relay", body);
        assert_eq!(relay("Signal=5\r\nDuration=160\r\n"), Said::Digit('5'));
        assert_eq!(relay("Duration=100\r\nsignal = *\r\n"), Said::Digit('*'));
        assert_eq!(relay("Signal=11\r\n"), Said::Digit('#'));
        assert_eq!(relay("Signal=a"), Said::Digit('A'));
        assert_eq!(info("application/dtmf", "9"), Said::Digit('9'));
        assert_eq!(info("Application/DTMF;x=y", "Signal=9"), Said::Digit('9'));
    }

    #[test]
    fn what_is_no_key_is_told_from_what_is_no_dtmf() {
        assert_eq!(info("application/dtmf-relay", "Signal=55\r\n"), Said::Unreadable);
        assert_eq!(info("application/dtmf", "flash"), Said::Unreadable);
        assert_eq!(info("application/sdp", "v=0"), Said::Foreign);
        assert_eq!(info("application/dtmf", ""), Said::Nothing);
    }
}
