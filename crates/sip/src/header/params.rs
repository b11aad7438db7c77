//! The `;name=value` parameters of header fields and URIs.

use std::borrow::Cow;
use std::fmt;

use crate::parse::scan;

/// One parameter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Param {
    /// Its name, in the case it was written; compared without regard to case.
    pub name: Box<str>,
    /// Its value as written, quotes and escapes included; none for a bare flag such as `lr`.
    pub value: Option<Box<str>>,
}

/// Parameters in their order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Params(Vec<Param>);

impl Params {
    /// The value of the first parameter of this name, as written; none for a flag too.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.find(name)?.value.as_deref()
    }

    /// The value of the first parameter of this name, without quotes and their escapes.
    #[must_use]
    pub fn unquoted(&self, name: &str) -> Option<String> {
        let value = self.value(name)?;
        match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
            Some(inside) => {
                let plain = scan::unescape_quoted(inside.as_bytes());
                Some(String::from_utf8_lossy(&plain).into_owned())
            }
            None => Some(value.to_owned()),
        }
    }

    /// Whether a parameter of this name is there, with or without value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Gives the parameter this value, in its place, or adds it at the end.
    pub fn set(&mut self, name: &str, value: &str) {
        self.put(name, Some(value.into()));
    }

    /// Makes the parameter a bare flag, in its place, or adds it at the end.
    pub fn set_flag(&mut self, name: &str) {
        self.put(name, None);
    }

    /// Takes out every parameter of this name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|param| !param.name.eq_ignore_ascii_case(name));
    }

    /// The parameters in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Param> {
        self.0.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the parameters of a header field, from after the first semicolon.
    pub(crate) fn parse_header(bytes: &[u8]) -> Option<Self> {
        ParamsRef::parse(bytes).map(ParamsRef::to_params)
    }

    /// The parameters of a URI, from after the first semicolon, none of them empty.
    pub(crate) fn of_uri(text: &str) -> Self {
        let param = |text: &str| match text.split_once('=') {
            Some((name, value)) => Param { name: name.into(), value: Some(value.into()) },
            None => Param { name: text.into(), value: None },
        };
        Self(text.split(';').map(param).collect())
    }

    fn find(&self, name: &str) -> Option<&Param> {
        self.0.iter().find(|param| param.name.eq_ignore_ascii_case(name))
    }

    fn put(&mut self, name: &str, value: Option<Box<str>>) {
        match self.0.iter_mut().find(|param| param.name.eq_ignore_ascii_case(name)) {
            Some(param) => param.value = value,
            None => self.0.push(Param { name: name.into(), value }),
        }
    }
}

impl<'a> IntoIterator for &'a Params {
    type Item = &'a Param;
    type IntoIter = std::slice::Iter<'a, Param>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Params {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Param { name, value } in &self.0 {
            out.write_str(";")?;
            out.write_str(name)?;
            if let Some(value) = value {
                out.write_str("=")?;
                out.write_str(value)?;
            }
        }
        Ok(())
    }
}

/// The parameters of a header field, checked but not copied.
#[derive(Clone, Copy, Debug, Default)]
pub struct ParamsRef<'a>(Option<&'a [u8]>);

impl<'a> ParamsRef<'a> {
    /// The value of the first parameter of this name, as written; none for a flag too.
    #[must_use]
    pub fn value(self, name: &str) -> Option<Cow<'a, str>> {
        self.find(name)?.1.map(lossy)
    }

    /// Whether a parameter of this name is there, with or without value.
    #[must_use]
    pub fn has(self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Reads the parameters, from after the first semicolon.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let all = scan::elements(bytes, b';').all(|param| param_of(param).is_some());
        all.then_some(Self(Some(bytes)))
    }

    pub(crate) fn to_params(self) -> Params {
        let param = |(name, value): (&str, Option<&[u8]>)| Param {
            name: name.into(),
            value: value.map(|value| lossy(value).into()),
        };
        Params(self.iter().map(param).collect())
    }

    /// Names and values as written, in their order.
    pub(crate) fn iter(self) -> impl Iterator<Item = (&'a str, Option<&'a [u8]>)> {
        let params = self.0.map(|bytes| scan::elements(bytes, b';').filter_map(param_of));
        params.into_iter().flatten()
    }

    fn find(self, wanted: &str) -> Option<(&'a str, Option<&'a [u8]>)> {
        self.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted))
    }
}

/// As [`String::from_utf8_lossy`], which is slower where nothing is lost.
fn lossy(octets: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(octets).map_or_else(|_| String::from_utf8_lossy(octets), Cow::Borrowed)
}

/// `generic-param = token [ EQUAL gen-value ]`, where the value is a token, a host or a quoted
/// string (RFC 3261 §25.1).
fn param_of(bytes: &[u8]) -> Option<(&str, Option<&[u8]>)> {
    let Some(at) = memchr::memchr(b'=', bytes) else {
        return Some((scan::token(bytes)?, None));
    };
    let (name, value) = scan::split_at_byte(bytes, at);
    let name = scan::token(scan::trim(name))?;
    let value = scan::trim(value);
    let quoted = value.first() == Some(&b'"');
    let fits = if quoted {
        scan::closing_quote(value) == value.len().checked_sub(1)
    } else {
        value.iter().all(|byte| byte.is_ascii_graphic() && !b"\"<>,;".contains(byte))
    };
    fits.then_some((name, Some(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_keep_their_order_and_spelling() {
        let params = Params::parse_header(br#" tag = 1;LR ; x="a;\"b" "#).unwrap();
        assert_eq!(params.to_string(), r#";tag=1;LR;x="a;\"b""#);
        assert_eq!(params.value("TAG"), Some("1"));
        assert!(params.has("lr") && params.value("lr").is_none());
        assert_eq!(params.unquoted("x").unwrap(), "a;\"b");
    }

    #[test]
    fn stray_separators_are_no_parameters() {
        for text in [&b""[..], b";", b"a=1;;b", b"a b=1", b"x=\"y", b"x=a b"] {
            assert_eq!(Params::parse_header(text), None, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn setting_a_parameter_keeps_its_place() {
        let mut params = Params::parse_header(b"rport;branch=z9hG4bK1").unwrap();
        params.set("rport", "5062");
        params.set("received", "192.0.2.1");
        assert_eq!(params.to_string(), ";rport=5062;branch=z9hG4bK1;received=192.0.2.1");
        params.remove("RPORT");
        assert!(!params.has("rport"));
    }
}
