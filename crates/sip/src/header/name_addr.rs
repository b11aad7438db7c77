//! `name-addr` and `addr-spec`: From, To, Contact, Route and their kin (RFC 3261 §20.10, §25.1).

use std::borrow::Cow;

use super::{Params, ParamsRef};
use crate::parse::scan;
use crate::uri::{Uri, UriRef};

/// A URI with a display name and the parameters of its header field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NameAddr {
    /// The display name as it stands between its quotes, escapes included and in whatever
    /// charset it was sent; empty where there is none.
    pub display: Vec<u8>,
    /// The URI.
    pub uri: Uri,
    /// The parameters of the header field: `tag`, `expires`, `q`, …
    pub params: Params,
}

impl NameAddr {
    /// `<uri>` without name or parameters.
    #[must_use]
    pub fn new(uri: Uri) -> Self {
        Self { display: Vec::new(), uri, params: Params::default() }
    }

    /// The same with this display name; quotes, backslashes and line ends are made harmless.
    #[must_use]
    pub fn with_display(mut self, name: &str) -> Self {
        self.display.clear();
        for byte in name.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')) {
            if matches!(byte, b'"' | b'\\') {
                self.display.push(b'\\');
            }
            self.display.push(byte);
        }
        self
    }

    /// The same with this tag.
    #[must_use]
    pub fn with_tag(mut self, tag: &str) -> Self {
        self.params.set("tag", tag);
        self
    }

    /// The tag of a From or To.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.params.value("tag").filter(|tag| !tag.is_empty())
    }

    /// The display name to be read: escapes undone, octets that are no UTF-8 as U+FFFD.
    #[must_use]
    pub fn display_text(&self) -> String {
        String::from_utf8_lossy(&scan::unescape_quoted(&self.display)).into_owned()
    }

    /// The `expires` of a Contact in seconds; larger values become the largest (RFC 3261 §20.19).
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        let seconds = scan::number(self.params.value("expires")?.as_bytes())?;
        Some(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    /// The `q` of a Contact in thousandths, 0 to 1000.
    #[must_use]
    pub fn q(&self) -> Option<u16> {
        let (whole, fraction) =
            self.params.value("q")?.split_once('.').unwrap_or((self.params.value("q")?, ""));
        let digits = format!("{fraction:0<3}");
        let thousandths = scan::number(digits.as_bytes()).filter(|_| digits.len() == 3)?;
        let whole = scan::number(whole.as_bytes()).filter(|whole| *whole <= 1)?;
        u16::try_from(whole * 1000 + thousandths).ok().filter(|q| *q <= 1000)
    }

    /// The value of the field. An address without display name is in angle brackets too.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if !self.display.is_empty() {
            bytes.push(b'"');
            bytes.extend_from_slice(&self.display);
            bytes.extend_from_slice(b"\" ");
        }
        bytes.extend_from_slice(format!("<{}>{}", self.uri, self.params).as_bytes());
        bytes
    }

    /// Reads one element of the field.
    pub(crate) fn parse(value: &[u8]) -> Result<Self, &'static str> {
        Ok(NameAddrRef::parse(value)?.to_name_addr())
    }
}

/// The same as [`NameAddr`], borrowed from the field it was read from.
#[derive(Clone, Debug)]
pub struct NameAddrRef<'a> {
    display: &'a [u8],
    /// The URI.
    pub uri: UriRef<'a>,
    /// The parameters of the header field.
    pub params: ParamsRef<'a>,
}

impl<'a> NameAddrRef<'a> {
    /// The tag of a From or To.
    #[must_use]
    pub fn tag(&self) -> Option<Cow<'a, str>> {
        self.params.value("tag").filter(|tag| !tag.is_empty())
    }

    /// The address on its own.
    #[must_use]
    pub fn to_name_addr(&self) -> NameAddr {
        NameAddr {
            display: self.display.to_vec(),
            uri: self.uri.to_uri(),
            params: self.params.to_params(),
        }
    }

    /// Reads one element of the field.
    pub(crate) fn parse(value: &'a [u8]) -> Result<Self, &'static str> {
        let value = scan::trim(value);
        if value.first() == Some(&b'"') {
            let close = scan::closing_quote(value).ok_or("quote is not closed")?;
            let (quoted, rest) = scan::split_at_byte(value, close);
            let display = quoted.get(1..).unwrap_or_default();
            let rest = scan::trim(rest).strip_prefix(b"<").ok_or("no < after the display name")?;
            return bracketed(display, rest);
        }
        // A bracket behind a semicolon stands in the value of a parameter.
        match memchr::memchr2(b'<', b';', value) {
            Some(at) if value.get(at) == Some(&b'<') => {
                let (display, rest) = scan::split_at_byte(value, at);
                bracketed(unquoted_display(display)?, rest)
            }
            Some(_) | None => bare(value),
        }
    }
}

impl From<&NameAddr> for Vec<u8> {
    fn from(address: &NameAddr) -> Self {
        address.to_bytes()
    }
}

/// The Contact fields of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Contacts {
    /// `*`: every binding of the address of record (RFC 3261 §10.2.2).
    All,
    /// These, in their order; none where there is no Contact.
    These(Vec<NameAddr>),
}

/// What follows the opening bracket.
fn bracketed<'a>(display: &'a [u8], rest: &'a [u8]) -> Result<NameAddrRef<'a>, &'static str> {
    let close = memchr::memchr(b'>', rest).ok_or("bracket is not closed")?;
    let (uri, rest) = scan::split_at_byte(rest, close);
    let rest = scan::trim(rest);
    let params = match rest.strip_prefix(b";") {
        Some(rest) => ParamsRef::parse(rest).ok_or("parameters are malformed")?,
        None if rest.is_empty() => ParamsRef::default(),
        None => return Err("something odd follows the address"),
    };
    Ok(NameAddrRef { display, uri: UriRef::parse(uri).map_err(|_| "uri is malformed")?, params })
}

/// An address without brackets: its parameters belong to the header field, and it may hold
/// neither comma nor question mark (RFC 3261 §20).
fn bare(value: &[u8]) -> Result<NameAddrRef<'_>, &'static str> {
    let (uri, params) = match memchr::memchr(b';', value) {
        Some(at) => {
            let (uri, params) = scan::split_at_byte(value, at);
            (uri, ParamsRef::parse(params).ok_or("parameters are malformed")?)
        }
        None => (value, ParamsRef::default()),
    };
    if uri.iter().any(|byte| b",?".contains(byte)) {
        return Err("uri needs angle brackets");
    }
    let uri = UriRef::parse(scan::trim(uri)).map_err(|_| "uri is malformed")?;
    Ok(NameAddrRef { display: &[], uri, params })
}

/// The grammar has only tokens here. Names in other scripts and points are sent and harmless;
/// what parts lists and parameters is not.
fn unquoted_display(display: &[u8]) -> Result<&[u8], &'static str> {
    let display = scan::trim(display);
    if display
        .iter()
        .any(|byte| byte.is_ascii_control() && *byte != b'\t' || b"\",;\\>".contains(byte))
    {
        return Err("display name needs quotes");
    }
    Ok(display)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> NameAddr {
        NameAddr::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_quoted_name_may_hold_anything_but_its_quote() {
        let address = read(r#""客服 \"一号\" <vip>, ;"   <sip:1001@a;lr> ; tag = x"#);
        assert_eq!(address.display_text(), "客服 \"一号\" <vip>, ;");
        assert_eq!(address.uri.to_string(), "sip:1001@a;lr");
        assert_eq!(address.tag(), Some("x"));
    }

    #[test]
    fn a_gbk_name_keeps_its_octets() {
        let value = b"\"\xcd\xf5\x83\\\xb7\xbc\" <sip:1001@a>;tag=x";
        assert_eq!(NameAddr::parse(value).unwrap().to_bytes(), value);
    }

    #[test]
    fn parameters_after_a_bare_uri_are_the_fields() {
        let address = read("sip:1001@a;tag=x");
        assert!(address.uri.params.is_empty());
        assert_eq!(address.tag(), Some("x"));
        assert_eq!(address.to_bytes(), b"<sip:1001@a>;tag=x");
    }

    #[test]
    fn a_bracket_in_a_parameter_is_not_the_addresss() {
        let address = read("sip:1001@a;+sip.instance=\"<urn:uuid:1>\"");
        assert_eq!(address.uri.to_string(), "sip:1001@a");
        assert_eq!(address.params.unquoted("+sip.instance").unwrap(), "<urn:uuid:1>");
    }

    #[test]
    fn no_space_is_needed_before_the_bracket() {
        assert_eq!(read("caller<sip:a@b>").display, b"caller");
        assert_eq!(read(r#""caller"<sip:a@b>"#).display, b"caller");
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for text in [
            "",
            "<>",
            "\"a <sip:a@b>",
            "Bell, A <sip:a@b>",
            "< sip:a@b >",
            "<sip:a@b",
            "sip:a@b?x=y",
            "<sip:a@b>;;;",
            "<sip:a@b> x",
            "\"a\" sip:a@b",
            "sip:a,b@c",
        ] {
            assert!(NameAddr::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_made_name_is_escaped() {
        let address = NameAddr::new("sip:1001@a".parse().unwrap()).with_display("a\"\\\r\nb");
        assert_eq!(address.to_bytes(), br#""a\"\\b" <sip:1001@a>"#);
        assert_eq!(NameAddr::parse(&address.to_bytes()).unwrap(), address);
    }

    #[test]
    fn expires_and_q_are_numbers() {
        let address = read("<sip:a@b>;expires=99999999999;q=0.33");
        assert_eq!((address.expires(), address.q()), (Some(u32::MAX), Some(330)));
        for (text, q) in [
            ("1", Some(1000)),
            ("1.0", Some(1000)),
            ("0", Some(0)),
            ("1.1", None),
            ("0.1234", None),
            ("x", None),
        ] {
            assert_eq!(read(&format!("<sip:a@b>;q={text}")).q(), q, "{text}");
        }
    }
}
