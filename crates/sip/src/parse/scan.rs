//! Scanning octets as RFC 3261 §25.1 spells them: tokens, quoted strings, lists.

/// Whether the octet may stand in a `token`.
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// Whether the octets are a `token`: not empty, no separator.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_token_byte)
}

/// The `token` as text, if it is one.
pub(crate) fn token(bytes: &[u8]) -> Option<&str> {
    if is_token(bytes) { std::str::from_utf8(bytes).ok() } else { None }
}

/// Without the linear white space at both ends.
pub(crate) const fn trim(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii()
}

/// The octets before and after position `at`, leaving out the octet there.
pub(crate) fn split_at_byte(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    let before = bytes.get(..at).unwrap_or(bytes);
    let after = bytes.get(at.saturating_add(1)..).unwrap_or_default();
    (before, after)
}

/// A decimal number of digits alone.
pub(crate) fn number(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Longer than any field may be is out of range of every field.
    Some(bytes.iter().fold(0_u64, |sum, digit| {
        sum.saturating_mul(10).saturating_add(u64::from(digit.wrapping_sub(b'0')))
    }))
}

/// The position of the quote that closes the quoted string these octets open with.
pub(crate) fn closing_quote(bytes: &[u8]) -> Option<usize> {
    let mut from = 1;
    loop {
        let rest = bytes.get(from..)?;
        let length = rest.iter().position(|byte| b"\"\\".contains(byte))?;
        let (run, at) = (rest.get(..length)?, from + length);
        if bytes.get(at) == Some(&b'"') {
            return Some(at);
        }
        from = if lacks_its_second_half(run) { at + 1 } else { at + 2 };
    }
}

/// Whether the octets end with the first half of a GBK character: a backslash after them is then
/// its second half (`0x5C` is a legal one) and no escape. UTF-8 never ends so.
fn lacks_its_second_half(run: &[u8]) -> bool {
    if std::str::from_utf8(run).is_ok() {
        return false;
    }
    let mut octets = run.iter();
    while let Some(octet) = octets.next() {
        if matches!(octet, 0x81..=0xFE) && octets.next().is_none() {
            return true;
        }
    }
    false
}

/// The position of the first `wanted` outside quoted strings and angle brackets.
pub(crate) fn find_outside(bytes: &[u8], wanted: u8) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr3(wanted, b'"', b'<', bytes.get(from..)?)?;
        let rest = bytes.get(at..)?;
        from = match rest.first()? {
            b'"' => at + closing_quote(rest)? + 1,
            b'<' => at + memchr::memchr(b'>', rest)? + 1,
            _ => return Some(at),
        };
    }
}

/// The trimmed elements of a list, parted by a separator outside quotes and angle brackets.
#[derive(Clone, Debug)]
pub(crate) struct Elements<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

/// Parts `bytes` at every `separator` outside quotes and angle brackets.
pub(crate) const fn elements(bytes: &[u8], separator: u8) -> Elements<'_> {
    Elements { rest: Some(bytes), separator }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.take()?;
        let Some(at) = find_outside(rest, self.separator) else {
            return Some(trim(rest));
        };
        let (element, after) = split_at_byte(rest, at);
        self.rest = Some(after);
        Some(trim(element))
    }
}

/// Takes the backslashes out of the inside of a quoted string.
pub(crate) fn unescape_quoted(inside: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (run, after) = split_at_byte(rest, at);
        plain.extend_from_slice(run);
        if lacks_its_second_half(run) {
            plain.push(b'\\');
            rest = after;
        } else {
            plain.extend(after.first());
            rest = after.get(1..).unwrap_or_default();
        }
    }
    plain.extend_from_slice(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_in_quotes_or_brackets_does_not_part_a_list() {
        let list = br#""Wang, Fang" <sip:1001,2@a> , <sip:b>"#;
        let parts: Vec<_> = elements(list, b',').collect();
        assert_eq!(parts, [&br#""Wang, Fang" <sip:1001,2@a>"#[..], b"<sip:b>"]);
    }

    #[test]
    fn an_escaped_quote_does_not_close_a_string() {
        assert_eq!(closing_quote(br#""a\"b" c"#), Some(5));
        assert_eq!(closing_quote(br#""a\""#), None);
        assert_eq!(unescape_quoted(br#"a\"\\b"#), br#"a"\b"#);
    }

    #[test]
    fn a_backslash_as_second_half_of_a_gbk_character_is_no_escape() {
        assert_eq!(closing_quote(b"\"\x83\\\""), Some(3));
        assert_eq!(unescape_quoted(b"\x83\\"), b"\x83\\");
        let mixed = b"\"\xcd\xf5\\\"\x83\\\xb7\xbc\"";
        assert_eq!(closing_quote(mixed), Some(mixed.len() - 1));
        assert_eq!(unescape_quoted(&mixed[1..9]), b"\xcd\xf5\"\x83\\\xb7\xbc");
    }

    #[test]
    fn a_backslash_after_utf_8_is_an_escape() {
        assert_eq!(closing_quote("\"王\\\"芳\"".as_bytes()), Some(9));
        assert_eq!(unescape_quoted("王\\\"芳".as_bytes()), "王\"芳".as_bytes());
    }

    #[test]
    fn a_number_is_digits_alone_and_saturates() {
        assert_eq!(number(b"0068"), Some(68));
        assert_eq!(number(b"99999999999999999999999"), Some(u64::MAX));
        for text in [&b""[..], b"-1", b"+1", b"1 2", b"0x1"] {
            assert_eq!(number(text), None);
        }
    }
}
