use super::*;
use crate::message::StatusCode;

const INVITE: &str = "INVITE sip:4008001234@hotline.example.cn SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
    From: <sip:13800138000@carrier.example.cn>;tag=a\r\n\
    To: <sip:4008001234@hotline.example.cn>\r\n\
    Call-ID: 1@carrier\r\n\
    CSeq: 1 INVITE\r\n";

fn invite(rest: &str) -> Vec<u8> {
    format!("{INVITE}{rest}").into_bytes()
}

fn fault(bytes: &[u8]) -> (ParseErrorKind, Option<u16>) {
    let error = Message::parse(bytes).unwrap_err();
    (error.kind, error.answer.map(|answer| answer.status.code()))
}

fn request(bytes: &[u8]) -> Request {
    match Message::parse(bytes).unwrap() {
        Message::Request(request) => request,
        Message::Response(response) => panic!("{response:?}"),
    }
}

#[test]
fn a_message_is_written_as_it_was_read() {
    let bytes = invite("X-Queue: 售前\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(Message::parse(&bytes).unwrap().to_bytes(), bytes);
}

#[test]
fn names_keep_their_case_and_compact_form() {
    let bytes = invite("s: hi\r\nSUPPORTED: timer\r\nContent-Length: 0\r\n\r\n");
    let request = request(&bytes);
    assert_eq!(request.headers.text(&HeaderName::Subject), Some("hi"));
    assert_eq!(request.to_bytes(), bytes);
}

#[test]
fn octets_that_are_no_utf_8_are_kept() {
    let mut bytes = invite("Subject: ");
    bytes.extend_from_slice(b"\xcd\xf5\xb7\xbc\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(request(&bytes).headers.first(&HeaderName::Subject).unwrap(), b"\xcd\xf5\xb7\xbc");
    assert_eq!(Message::parse(&bytes).unwrap().to_bytes(), bytes);
}

#[test]
fn folded_lines_are_one_value() {
    let request = request(&invite("Subject: one\r\n  two\r\n\tthree\r\n\r\n"));
    assert_eq!(request.headers.text(&HeaderName::Subject), Some("one two three"));
}

#[test]
fn bare_line_feeds_are_tolerated() {
    let text = String::from_utf8(invite("\r\n")).unwrap().replace("\r\n", "\n");
    assert_eq!(request(text.as_bytes()).headers.len(), 5);
}

#[test]
fn without_content_length_the_body_runs_to_the_end() {
    assert_eq!(request(&invite("\r\nabc")).body, b"abc");
}

#[test]
fn octets_after_the_body_are_ignored() {
    assert_eq!(request(&invite("l: 2\r\n\r\nabc")).body, b"ab");
}

#[test]
fn a_content_length_that_cannot_be_trusted_is_refused_with_an_answer() {
    use ParseErrorKind::{ContentLength, Truncated};
    assert_eq!(fault(&invite("Content-Length: 9\r\n\r\nabc")), (Truncated, Some(400)));
    assert_eq!(fault(&invite("Content-Length: -3\r\n\r\nabc")), (ContentLength, Some(400)));
    assert_eq!(fault(&invite("l: 3\r\nl: 2\r\n\r\nabc")), (ContentLength, Some(400)));
    assert_eq!(fault(&invite("l: x\r\nl: 2\r\n\r\nabc")), (ContentLength, Some(400)));
    assert_eq!(request(&invite("l: 3\r\nl: 3\r\n\r\nabc")).body, b"abc");
}

#[test]
fn keep_alives_are_told_apart_from_noise() {
    assert_eq!(fault(b"\r\n\r\n"), (ParseErrorKind::Keepalive, None));
    assert_eq!(fault(b"\0\0\0\0"), (ParseErrorKind::Keepalive, None));
    assert_eq!(fault(b""), (ParseErrorKind::Keepalive, None));
    assert_eq!(fault(b"GET / HTTP/1.1\r\n\r\n"), (ParseErrorKind::StartLine, None));
    assert_eq!(fault(b"jaK"), (ParseErrorKind::StartLine, None));
}

#[test]
fn line_ends_before_a_message_are_skipped() {
    let bytes = [b"\r\n\r\n", &invite("\r\n")[..]].concat();
    assert_eq!(request(&bytes).method, Method::Invite);
}

#[test]
fn start_lines_are_read_strictly() {
    use ParseErrorKind::{StartLine, StatusCode, Uri, Version};
    let start = |line: &str| {
        let rest = invite("\r\n");
        let at = rest.iter().position(|byte| *byte == b'\n').unwrap();
        fault(&[line.as_bytes(), b"\r", &rest[at..]].concat())
    };
    assert_eq!(start("INVITE sip:a@b SIP/7.0"), (Version, Some(505)));
    assert_eq!(start("INVITE sip:a@b SIP/2.0 "), (StartLine, Some(400)));
    assert_eq!(start("INVITE  sip:a@b  SIP/2.0"), (Uri, Some(400)));
    assert_eq!(start("INVITE sip:a@b; lr SIP/2.0"), (Uri, Some(400)));
    assert_eq!(start("INVITE <sip:a@b> SIP/2.0"), (Uri, Some(400)));
    assert_eq!(start("INVITE sip:a@b?Route=x SIP/2.0"), (Uri, Some(400)));
    assert_eq!(start("ACK <sip:a@b> SIP/2.0"), (Uri, None));
    assert_eq!(start("SIP/2.0 4294967301 big"), (StatusCode, None));
    assert_eq!(start("SIP/2.0 099 small"), (StatusCode, None));
    assert_eq!(start("SIP/2.0 2OO OK"), (StatusCode, None));
}

#[test]
fn a_response_may_lack_its_phrase() {
    for line in ["SIP/2.0 100 \r\n\r\n", "SIP/2.0 100\r\n\r\n"] {
        let Message::Response(response) = Message::parse(line.as_bytes()).unwrap() else {
            panic!("{line}")
        };
        assert_eq!((response.status, response.reason.as_str()), (StatusCode::TRYING, ""));
    }
}

#[test]
fn header_lines_without_a_name_are_refused() {
    for line in ["no colon", ": no name", "two words: x", "a\rb: x", "Subject: a\rb", "名: x"] {
        let bytes = invite(&format!("{line}\r\n\r\n"));
        assert_eq!(fault(&bytes), (ParseErrorKind::HeaderLine, Some(400)), "{line:?}");
    }
}

#[test]
fn a_header_that_does_not_end_is_refused() {
    assert_eq!(fault(&invite("")), (ParseErrorKind::Unterminated, Some(400)));
}

#[test]
fn past_the_limits_a_message_is_refused() {
    use ParseErrorKind::{BodyTooLarge, TooLarge, UriTooLong};
    assert_eq!(fault(&invite(&"a: b\r\n".repeat(300))), (TooLarge, Some(513)));
    assert_eq!(fault(&invite(&format!("a: {}\r\n\r\n", "x".repeat(9000)))), (TooLarge, Some(513)));
    assert_eq!(fault(&invite(&format!("\r\n{}", "x".repeat(70_000)))), (TooLarge, Some(513)));
    let long = INVITE.replacen("4008001234", &"4".repeat(3000), 1) + "\r\n";
    assert_eq!(fault(long.as_bytes()), (UriTooLong, Some(414)));
    let limits = Limits { body: 1_000, ..Limits::DEFAULT };
    for (length, taken) in [(1_000, true), (1_001, false)] {
        let body = "x".repeat(length);
        let message = invite(&format!("l: {length}\r\n\r\n{body}"));
        let read = Message::parse_within(message.as_ref(), &limits);
        assert_eq!(read.as_ref().err().map(|it| it.kind), (!taken).then_some(BodyTooLarge));
    }
}
