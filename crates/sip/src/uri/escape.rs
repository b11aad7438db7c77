//! Percent escapes (RFC 3261 §19.1.2).

use super::UriError;

/// What a user part may hold unescaped.
fn plain_in_user(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte)
}

/// Gives plain text the escapes it needs as a user.
pub(super) fn user(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if plain_in_user(byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// Undoes the escapes; a percent sign that starts none stays.
pub(super) fn undo(text: &str) -> Vec<u8> {
    undo_where(text, |_| true)
}

/// Undoes the escapes of octets that mean the same unescaped: those that are not reserved.
pub(super) fn undo_unreserved(text: &str) -> Vec<u8> {
    undo_where(text, |byte| !b";/?:@&=+$,%".contains(&byte))
}

/// Whether every percent sign starts an escape.
pub(super) fn check(text: &str) -> Result<(), UriError> {
    if memchr::memchr(b'%', text.as_bytes()).is_none() {
        return Ok(());
    }
    let mut parts = text.split('%');
    parts.next();
    let escape =
        |part: &str| part.len() >= 2 && part.bytes().take(2).all(|b| b.is_ascii_hexdigit());
    if parts.all(escape) { Ok(()) } else { Err(UriError("uri has a malformed escape")) }
}

fn undo_where(text: &str, wanted: impl Fn(u8) -> bool) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%').then(|| octet(bytes.get(at + 1..at + 3)?)).flatten();
        match escaped {
            Some(octet) if wanted(octet) => {
                plain.push(octet);
                at += 3;
            }
            Some(octet) => {
                plain.extend_from_slice(format!("%{octet:02x}").as_bytes());
                at += 3;
            }
            None => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    plain
}

fn octet(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0_u8, |sum, digit| {
        let value = char::from(*digit).to_digit(16).and_then(|value| u8::try_from(value).ok())?;
        Some(sum.wrapping_mul(16) | value)
    })
}
