use super::*;
use crate::message::Method;

const HEAD: &str = "OPTIONS sip:pbx.example.cn SIP/2.0\r\n\
    Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\n\
    From: <sip:a@b>;tag=1\r\n\
    To: <sip:pbx.example.cn>\r\n\
    Call-ID: 1\r\n\
    CSeq: 1 OPTIONS\r\n";

fn options(body: &str) -> Vec<u8> {
    format!("{HEAD}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn framer() -> Framer {
    Framer::new(Limits::DEFAULT)
}

fn bodies(framer: &mut Framer) -> Vec<String> {
    let mut bodies = Vec::new();
    while let Some(frame) = framer.next_frame().unwrap() {
        bodies.push(match frame {
            Frame::Message(message) => String::from_utf8_lossy(message.body()).into_owned(),
            Frame::Malformed(error) => error.to_string(),
            Frame::Keepalive => "ping".to_owned(),
        });
    }
    bodies
}

fn fatal(text: &str) -> (ParseErrorKind, bool) {
    let mut framer = framer();
    framer.push(text.as_bytes());
    let error = framer.next_frame().unwrap_err();
    (error.kind, error.answer.is_some())
}

#[test]
fn messages_come_out_whole_however_the_stream_is_cut() {
    let stream = [options("one"), b"\r\n\r\n".to_vec(), options(""), options("three")].concat();
    for size in 1..stream.len() {
        let mut framer = framer();
        let mut seen = Vec::new();
        for piece in stream.chunks(size) {
            framer.push(piece);
            seen.extend(bodies(&mut framer));
        }
        assert_eq!(seen, ["one", "ping", "", "three"], "in pieces of {size}");
        assert_eq!(framer.pending(), 0);
    }
}

#[test]
fn a_single_line_end_between_messages_is_no_ping() {
    let mut framer = framer();
    framer.push(&[b"\r\n", &options("x")[..], b"\r\n", &options("y")[..]].concat());
    assert_eq!(bodies(&mut framer), ["x", "y"]);
}

#[test]
fn a_malformed_message_with_a_length_does_not_end_the_connection() {
    let mut framer = framer();
    let bad =
        String::from_utf8(options("bad")).unwrap().replace("sip:pbx.example.cn SIP", "<x> SIP");
    framer.push(&[bad.as_bytes(), &options("good")[..]].concat());
    assert_eq!(bodies(&mut framer), ["malformed Request-URI", "good"]);
}

#[test]
fn a_message_without_a_length_to_trust_ends_the_connection_with_an_answer() {
    use ParseErrorKind::{ContentLength, NoContentLength, StartLine, TooLarge};
    assert_eq!(fatal(&format!("{HEAD}\r\n")), (NoContentLength, true));
    assert_eq!(fatal(&format!("{HEAD}l: -1\r\n\r\n")), (ContentLength, true));
    assert_eq!(fatal(&format!("{HEAD}l: 1\r\nl: 2\r\n\r\n")), (ContentLength, true));
    assert_eq!(fatal(&format!("{HEAD}l: 9999999\r\n\r\n")), (TooLarge, true));
    assert_eq!(fatal("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), (StartLine, false));
}

#[test]
fn a_header_that_never_ends_is_cut_off() {
    let mut framer = framer();
    framer.push(HEAD.as_bytes());
    for _ in 0..20_000 {
        framer.push(b"A: b\r\n");
        match framer.next_frame() {
            Ok(frame) => assert_eq!(frame, None),
            Err(error) => {
                assert_eq!(error.kind, ParseErrorKind::TooLarge);
                assert!(framer.pending() < 66 * 1024);
                return;
            }
        }
    }
    panic!("took everything");
}

#[test]
fn a_message_too_long_for_one_packet_waits_for_its_body() {
    let mut framer = framer();
    let bytes = options(&"x".repeat(10_000));
    let (one, two) = bytes.split_at(5000);
    framer.push(one);
    assert_eq!(framer.next_frame(), Ok(None));
    framer.push(two);
    let Ok(Some(Frame::Message(message))) = framer.next_frame() else { panic!("no message") };
    let Message::Request(request) = *message else { panic!("no request") };
    assert_eq!((request.method, request.body.len()), (Method::Options, 10_000));
}

#[test]
fn a_header_that_is_not_read_to_its_end_is_fatal_whatever_else_is_wrong_with_it() {
    let long = "x".repeat(Limits::DEFAULT.header);
    let bad_uri = HEAD.replace("pbx.example.cn SIP", "pbx example cn SIP");
    for head in [HEAD, &bad_uri] {
        // What stands after the long field could contradict the length before it.
        let text =
            format!("{head}Content-Length: 0\r\nSubject: {long}\r\nContent-Length: 9\r\n\r\n");
        assert_eq!(fatal(&text), (ParseErrorKind::TooLarge, true), "{head}");
    }
}
