//! The header fields of a message in their order.

use std::fmt;

use bytes::Bytes;

use super::HeaderName;
use crate::parse::scan;

/// Fields of a usual message: room for so many is made at once.
pub(crate) const USUAL_FIELDS: usize = 16;

/// One header field. Its value never holds a line end, so writing it cannot make another field.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    name: HeaderName,
    written: Option<Box<str>>,
    /// Of a message that was received, a part of its octets: to copy a field copies no text.
    value: Bytes,
}

impl Header {
    /// A field; line ends in the value become spaces.
    #[must_use]
    pub fn new(name: HeaderName, value: impl Into<Vec<u8>>) -> Self {
        let mut value = value.into();
        if has_line_end(&value) {
            for octet in &mut value {
                if matches!(octet, b'\r' | b'\n') {
                    *octet = b' ';
                }
            }
        }
        Self { name, written: None, value: value.into() }
    }

    /// A field as received, whose name keeps its case and compact form.
    pub(crate) fn received(written: &str, value: Bytes) -> Self {
        let name = HeaderName::from(written);
        let kept = (name.as_str() != written).then(|| written.into());
        if has_line_end(&value) {
            return Self { written: kept, ..Self::new(name, value) };
        }
        Self { name, written: kept, value }
    }

    /// Which field it is.
    #[must_use]
    pub const fn name(&self) -> &HeaderName {
        &self.name
    }

    /// The name as it stands on the wire.
    #[must_use]
    pub fn written_name(&self) -> &str {
        self.written.as_deref().unwrap_or_else(|| self.name.as_str())
    }

    /// The octets of the value, without the white space around it and with folds undone.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }
}

fn has_line_end(value: &[u8]) -> bool {
    memchr::memchr2(b'\r', b'\n', value).is_some()
}

impl fmt::Debug for Header {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.written_name(), self.value.escape_ascii())
    }
}

/// The header fields of a message in their order. `Content-Length` is not among them: the
/// length of the body is the truth, and the writer states it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Headers(Vec<Header>);

impl Headers {
    /// No fields.
    pub const EMPTY: Self = Self(Vec::new());

    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn with_room_for(fields: usize) -> Self {
        Self(Vec::with_capacity(fields))
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Header> {
        self.0.iter()
    }

    /// The value of the first field of this name.
    #[must_use]
    pub fn first(&self, name: &HeaderName) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// The value of the first field of this name, when it is UTF-8.
    #[must_use]
    pub fn text(&self, name: &HeaderName) -> Option<&str> {
        std::str::from_utf8(self.first(name)?).ok()
    }

    /// The values of every field of this name.
    pub fn all<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |header| header.name == *name).map(|header| &header.value[..])
    }

    /// The elements of every field of this name that is a list: parted at the commas outside
    /// quotes and angle brackets (RFC 3261 §7.3.1). An empty field has none.
    pub fn list<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        let elements = |value: &'a [u8]| {
            scan::elements(value, b',')
                .filter(move |element| !(value.is_empty() && element.is_empty()))
        };
        self.all(name).flat_map(elements)
    }

    /// Whether a list field names this token, without regard to case: an option tag, a method.
    #[must_use]
    pub fn lists(&self, name: &HeaderName, token: &str) -> bool {
        self.list(name).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// Whether a field of this name is there.
    #[must_use]
    pub fn has(&self, name: &HeaderName) -> bool {
        self.first(name).is_some()
    }

    /// Adds a field at the end.
    pub fn push(&mut self, name: HeaderName, value: impl Into<Vec<u8>>) {
        self.0.push(Header::new(name, value));
    }

    /// Adds a field as it is at the end.
    pub fn push_header(&mut self, header: Header) {
        self.0.push(header);
    }

    /// Adds a field before the first of its name, or before all where there is none: a Via, a
    /// Record-Route.
    pub fn push_top(&mut self, name: HeaderName, value: impl Into<Vec<u8>>) {
        let at = self.0.iter().position(|header| header.name == name).unwrap_or(0);
        self.0.insert(at, Header::new(name, value));
    }

    /// Makes this the only field of its name, in the place of the first or at the end.
    pub fn set(&mut self, name: HeaderName, value: impl Into<Vec<u8>>) {
        let place = self.0.iter().position(|header| header.name == name);
        self.remove(&name);
        let at = place.unwrap_or(self.0.len());
        self.0.insert(at, Header::new(name, value));
    }

    /// Takes out every field of this name.
    pub fn remove(&mut self, name: &HeaderName) {
        self.0.retain(|header| header.name != *name);
    }

    /// Takes the first element out of the first field of this name and gives it back: the top
    /// Via, the next Route. The field goes when its last element does.
    pub(crate) fn pop_top(&mut self, name: &HeaderName) -> Option<Bytes> {
        let at = self.0.iter().position(|header| header.name == *name)?;
        let header = self.0.get_mut(at)?;
        let Some(comma) = scan::find_outside(&header.value, b',') else {
            return Some(self.0.remove(at).value);
        };
        let (top, rest) = scan::split_at_byte(&header.value, comma);
        let (top, rest) = (scan::trim(top), scan::trim(rest));
        let (top, rest) = (header.value.slice_ref(top), header.value.slice_ref(rest));
        header.value = rest;
        Some(top)
    }

    /// Puts another element in the place of the first of this name; adds it where there is none.
    pub fn replace_top(&mut self, name: HeaderName, value: impl Into<Vec<u8>>) {
        let _replaced = self.pop_top(&name);
        self.push_top(name, value);
    }

    /// The same fields, apart from the message they came in: what is kept for long must not keep all
    /// of that.
    #[must_use]
    pub(crate) fn detached(&self) -> Self {
        let mut all = Vec::with_capacity(self.0.iter().map(|header| header.value.len()).sum());
        self.0.iter().for_each(|header| all.extend_from_slice(&header.value));
        let all = Bytes::from(all);
        let mut from = 0;
        let own = |header: &Header| {
            let start = from;
            from += header.value.len();
            Header { value: all.slice(start..from), ..header.clone() }
        };
        Self(self.0.iter().map(own).collect())
    }

    /// Copies every field of this name from another message.
    pub fn copy(&mut self, name: &HeaderName, from: &Self) {
        self.0.extend(from.0.iter().filter(|header| header.name == *name).cloned());
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = &'a Header;
    type IntoIter = std::slice::Iter<'a, Header>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_vias() -> Headers {
        let mut headers = Headers::new();
        headers.push(HeaderName::To, "<sip:a@x>");
        headers.push(HeaderName::Via, "SIP/2.0/UDP a , SIP/2.0/UDP b");
        headers.push(HeaderName::Via, "SIP/2.0/UDP c");
        headers
    }

    #[test]
    fn a_line_end_in_a_value_cannot_make_another_field() {
        let header = Header::new(HeaderName::Subject, "hi\r\nVia: x");
        assert_eq!(header.value(), b"hi  Via: x");
    }

    #[test]
    fn the_top_via_is_popped_one_element_at_a_time() {
        let mut headers = two_vias();
        for top in ["SIP/2.0/UDP a", "SIP/2.0/UDP b", "SIP/2.0/UDP c"] {
            assert_eq!(headers.pop_top(&HeaderName::Via).unwrap(), top.as_bytes());
        }
        assert_eq!(headers.pop_top(&HeaderName::Via), None);
        assert_eq!(headers.len(), 1);
    }

    #[test]
    fn a_via_is_pushed_before_the_others() {
        let mut headers = two_vias();
        headers.push_top(HeaderName::Via, "SIP/2.0/UDP z");
        let vias: Vec<_> = headers.list(&HeaderName::Via).collect();
        assert_eq!(
            vias,
            [&b"SIP/2.0/UDP z"[..], b"SIP/2.0/UDP a", b"SIP/2.0/UDP b", b"SIP/2.0/UDP c"]
        );
    }

    #[test]
    fn setting_a_field_leaves_one_in_the_first_place() {
        let mut headers = two_vias();
        headers.set(HeaderName::Via, "only");
        headers.set(HeaderName::Expires, "60");
        let written: Vec<_> = headers.iter().map(|header| format!("{header:?}")).collect();
        assert_eq!(written, ["To: <sip:a@x>", "Via: only", "Expires: 60"]);
    }

    #[test]
    fn a_list_is_searched_without_regard_to_case_and_an_empty_one_is_empty() {
        let mut headers = Headers::new();
        headers.push(HeaderName::Supported, "100rel, Timer");
        headers.push(HeaderName::Supported, "");
        assert!(headers.lists(&HeaderName::Supported, "timer"));
        assert_eq!(headers.list(&HeaderName::Supported).count(), 2);
    }
}
