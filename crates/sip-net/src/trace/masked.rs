//! Messages without what could be replayed or guessed at.
//!
//! Credentials and the proofs that answer them are tried against lists of passwords by whoever has
//! them, keys of SRTP open what was said, and a password of ICE moves its path: none of them is
//! shown, written or sent on.

/// What is shown in place of a header field's value.
const HIDDEN: &[u8] = b"(hidden)";

/// Header fields that hold what was made of a secret.
const FIELDS: [&[u8]; 4] = [
    b"authorization",
    b"proxy-authorization",
    b"authentication-info",
    b"proxy-authentication-info",
];

/// The lines of a description that hold keys (RFC 4568) and the password of its path (RFC 8839).
const LINES: [&[u8]; 2] = [b"a=crypto", b"a=ice-pwd"];

/// The message, with the value of each such field hidden. A body keeps its length, as the
/// Content-Length says it: there, in parts that are messages themselves, values are crossed out.
pub(crate) fn masked(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len());
    let mut place = Place::Head { hides: false };
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        let end = line.len() - line.trim_ascii_end().len();
        let (text, end) = line.split_at(line.len() - end);
        place = match place {
            Place::Head { .. } if text.is_empty() => {
                out.extend_from_slice(line);
                Place::Body { hides: false }
            }
            Place::Head { hides } => head_line(&mut out, (text, end), hides),
            Place::Body { hides } => body_line(&mut out, (text, end), hides),
        };
    }
    out
}

/// Where a line is, and whether the field it may go on with is hidden.
#[derive(Clone, Copy)]
enum Place {
    Head { hides: bool },
    Body { hides: bool },
}

fn head_line(out: &mut Vec<u8>, (text, end): (&[u8], &[u8]), hides: bool) -> Place {
    if goes_on(text) {
        if !hides {
            out.extend_from_slice(text);
            out.extend_from_slice(end);
        }
        return Place::Head { hides };
    }
    let name = secret(text);
    match name {
        Some(name) => {
            out.extend_from_slice(name);
            out.extend_from_slice(b": ");
            out.extend_from_slice(HIDDEN);
        }
        None => out.extend_from_slice(text),
    }
    out.extend_from_slice(end);
    Place::Head { hides: name.is_some() }
}

fn body_line(out: &mut Vec<u8>, (text, end): (&[u8], &[u8]), hides: bool) -> Place {
    let name = secret(text);
    let hides = if goes_on(text) { hides } else { name.is_some() };
    let shown = match name {
        _ if !hides => text.len(),
        Some(name) => (name.len() + 1).min(text.len()),
        None => 0,
    };
    out.extend_from_slice(text.get(..shown).unwrap_or_default());
    out.resize(out.len() + text.len() - shown, b'*');
    out.extend_from_slice(end);
    Place::Body { hides }
}

/// Whether the line goes on with the field above it (RFC 3261 §7.3.1).
fn goes_on(line: &[u8]) -> bool {
    line.first().is_some_and(|octet| matches!(octet, b' ' | b'\t'))
}

/// The name on this line, if what follows it is not to be seen.
fn secret(line: &[u8]) -> Option<&[u8]> {
    let colon = line.iter().position(|octet| *octet == b':')?;
    let (name, _) = line.split_at(colon);
    let bare = name.trim_ascii();
    let is_secret = FIELDS.iter().any(|field| bare.eq_ignore_ascii_case(field))
        || LINES.iter().any(|line| bare.eq_ignore_ascii_case(line));
    is_secret.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(message: &str) -> String {
        String::from_utf8(masked(message.as_bytes())).unwrap()
    }

    #[test]
    fn credentials_are_hidden_whole_however_they_are_written() {
        let message = "INVITE sip:a@b SIP/2.0\r\nFrom: <sip:1001@b>\r\n\
             Proxy-Authorization: Digest username=\"1001\", response=\"abc\"\r\n\
             AUTHORIZATION : Digest username=\"1001\",\r\n nonce=\"n\",\r\n\tresponse=\"def\"\r\n\
             Authentication-Info: rspauth=\"abc\"\r\nSubject: one\r\n two\r\n\r\n";
        let expected = "INVITE sip:a@b SIP/2.0\r\nFrom: <sip:1001@b>\r\n\
             Proxy-Authorization: (hidden)\r\nAUTHORIZATION : (hidden)\r\n\
             Authentication-Info: (hidden)\r\nSubject: one\r\n two\r\n\r\n";
        assert_eq!(shown(message), expected);
        assert_eq!(shown(expected), expected);
    }

    #[test]
    fn lines_that_end_without_a_return_hide_no_less() {
        let message =
            "BYE sip:a@b SIP/2.0\nAuthorization: Digest response=\"abc\"\nTo: <sip:b>\n\n";
        let expected = "BYE sip:a@b SIP/2.0\nAuthorization: (hidden)\nTo: <sip:b>\n\n";
        assert_eq!(shown(message), expected);
    }

    #[test]
    fn a_body_keeps_its_length_and_neither_credentials_nor_keys() {
        let head = "NOTIFY sip:a@b SIP/2.0\r\n\r\n";
        let body = "INVITE sip:c@d SIP/2.0\r\nAuthorization: Digest x,\r\n y\r\n\r\n\
             m=audio 4000 RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19\r\na=ice-ufrag:me\r\n\
             a=ice-pwd:very secret\r\na=ptime:20";
        let shown = shown(&format!("{head}{body}"));
        let crossed = |text: &str| "*".repeat(text.len());
        let expected = format!(
            "INVITE sip:c@d SIP/2.0\r\nAuthorization:{}\r\n{}\r\n\r\n\
             m=audio 4000 RTP/SAVP 8\r\na=crypto:{}\r\na=ice-ufrag:me\r\n\
             a=ice-pwd:{}\r\na=ptime:20",
            crossed(" Digest x,"),
            crossed(" y"),
            crossed("1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19"),
            crossed("very secret"),
        );
        assert_eq!(shown.strip_prefix(head), Some(expected.as_str()));
        assert_eq!(shown.len(), head.len() + body.len());
    }

    #[test]
    fn what_is_no_message_comes_back_as_it_is() {
        for octets in [&b""[..], b"\r\n", b"\xff\xfe\n:", b"a", b" x\r\n"] {
            assert_eq!(masked(octets), octets);
        }
    }
}
