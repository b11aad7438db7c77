//! User-to-User: what the calling side tells the called one (RFC 7433 §4.1).

use model::UserToUser;

use super::{HeaderError, HeaderName, Headers, Params};
use crate::parse::scan;

/// The most octets a value may hold. ISDN carries 128 at most (RFC 7434 §4); SIP has no limit.
const MOST_OCTETS: usize = 512;
/// The most octets a parameter may have.
const LONGEST_PARAM: usize = 64;

impl Headers {
    /// Every value of User-to-User in order, each with its own error: it is malformed, or longer
    /// than 512 octets.
    #[must_use]
    pub fn user_to_user(&self) -> Vec<Result<UserToUser, HeaderError>> {
        let wrong = |what| HeaderError { header: HeaderName::UserToUser, what };
        let values = self.list(&HeaderName::UserToUser);
        values.map(|value| parse(value).map_err(wrong)).collect()
    }
}

/// The value of the field, quoted where it is no token.
#[must_use]
pub fn user_to_user_value(value: &UserToUser) -> Vec<u8> {
    let mut written = Vec::new();
    if scan::is_token(value.data.as_bytes()) {
        written.extend_from_slice(value.data.as_bytes());
    } else {
        written.push(b'"');
        for byte in value.data.bytes() {
            if matches!(byte, b'"' | b'\\') {
                written.push(b'\\');
            }
            written.push(byte);
        }
        written.push(b'"');
    }
    let mut params = Params::default();
    for (name, param) in
        [("purpose", &value.purpose), ("content", &value.content), ("encoding", &value.encoding)]
    {
        if let Some(param) = param {
            params.set(name, param);
        }
    }
    written.extend_from_slice(params.to_string().as_bytes());
    written
}

fn parse(value: &[u8]) -> Result<UserToUser, &'static str> {
    let (data, params) = if value.first() == Some(&b'"') {
        let close = scan::closing_quote(value).ok_or("quote is not closed")?;
        let (quoted, rest) = scan::split_at_byte(value, close);
        (scan::unescape_quoted(quoted.get(1..).unwrap_or_default()), scan::trim(rest))
    } else {
        let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
        let (data, rest) = value.split_at_checked(end).unwrap_or_default();
        (scan::token(scan::trim(data)).ok_or("data is no token")?.into(), rest)
    };
    let params = match params.strip_prefix(b";") {
        Some(params) => Params::parse_header(params).ok_or("parameters are malformed")?,
        None if params.is_empty() => Params::default(),
        None => return Err("something odd follows the data"),
    };
    let data = String::from_utf8(data).map_err(|_| "data is not UTF-8")?;
    if data.chars().any(char::is_control) {
        return Err("data has control characters");
    }
    let value = UserToUser {
        data,
        encoding: token_of(&params, "encoding")?,
        purpose: token_of(&params, "purpose")?,
        content: token_of(&params, "content")?,
    };
    if octets(&value)? > MOST_OCTETS { Err("data is too long") } else { Ok(value) }
}

/// How many octets the data stands for.
fn octets(value: &UserToUser) -> Result<usize, &'static str> {
    let is_hex = value.encoding.as_deref().is_some_and(|it| it.eq_ignore_ascii_case("hex"));
    match value.data.len() {
        length if !is_hex => Ok(length),
        length if length % 2 == 0 && value.data.bytes().all(|it| it.is_ascii_hexdigit()) => {
            Ok(length / 2)
        }
        _ => Err("data is not hexadecimal"),
    }
}

fn token_of(params: &Params, name: &str) -> Result<Option<String>, &'static str> {
    let Some(value) = params.unquoted(name) else { return Ok(None) };
    let fits = scan::is_token(value.as_bytes()) && value.len() <= LONGEST_PARAM;
    if fits { Ok(Some(value)) } else { Err("a parameter is no token") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<UserToUser, &'static str> {
        parse(text.as_bytes())
    }

    fn of(data: &str) -> UserToUser {
        UserToUser { data: data.into(), ..UserToUser::default() }
    }

    #[test]
    fn a_value_is_read_with_its_parameters_and_written_as_it_was() {
        let text = "56a390f3d2b7310023a2;purpose=isdn-uui;content=isdn-uui;encoding=hex";
        let value = read(text).unwrap();
        assert_eq!(value.data, "56a390f3d2b7310023a2");
        assert_eq!(value.encoding.as_deref(), Some("hex"));
        assert_eq!(value.purpose.as_deref(), Some("isdn-uui"));
        assert_eq!(value.content.as_deref(), Some("isdn-uui"));
        assert_eq!(user_to_user_value(&value), text.as_bytes());
        assert_eq!(read("00FA ; Encoding=hex").unwrap().encoding.as_deref(), Some("hex"));
    }

    #[test]
    fn what_is_no_token_is_quoted() {
        let text = r#""订单 \"88\", VIP""#;
        assert_eq!(read(text), Ok(of("订单 \"88\", VIP")));
        assert_eq!(user_to_user_value(&of("订单 \"88\", VIP")), text.as_bytes());
        assert_eq!(user_to_user_value(&of("")), b"\"\"");
    }

    #[test]
    fn what_is_malformed_is_told() {
        for text in [
            "",
            ";encoding=hex",
            "a b",
            "\"a",
            "\"a\"b",
            "a;;",
            "a;purpose=\"b c\"",
            "a=b",
            "\"\u{7}\"",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        for text in ["5;encoding=hex", "xy;encoding=HEX"] {
            assert_eq!(read(text), Err("data is not hexadecimal"), "{text}");
        }
        assert!(parse(b"\"\xff\"").is_err());
    }

    #[test]
    fn a_value_holds_512_octets_and_no_more() {
        assert!(read(&"a".repeat(512)).is_ok());
        assert_eq!(read(&"a".repeat(513)), Err("data is too long"));
        assert!(read(&format!("{};encoding=hex", "ab".repeat(512))).is_ok());
        assert!(read(&format!("{};encoding=hex", "ab".repeat(513))).is_err());
        assert!(read(&format!("a;purpose={}", "p".repeat(65))).is_err());
    }

    #[test]
    fn one_bad_value_does_not_spoil_the_others() {
        let mut headers = Headers::new();
        headers.push(HeaderName::UserToUser, "aa;encoding=hex, \"a,b\"");
        headers.push(HeaderName::UserToUser, "a b");
        let read: Vec<_> =
            headers.user_to_user().into_iter().map(|it| it.ok().map(|it| it.data)).collect();
        assert_eq!(read, [Some("aa".to_owned()), Some("a,b".to_owned()), None]);
    }
}
