//! Messages that are written to do harm, each with its verdict: what comes of it in a datagram, and
//! on a stream. The messages of `tests/corpus` are odd; these are hostile.
//!
//! A file is a message with line feeds for line ends. `{300*text}` is the text so many times, `\r`,
//! `\n`, `\\` and `\xNN` are octets, `{len}` is the length of the body.
//!
//! | verdict | means |
//! |---|---|
//! | `accept` | the application is asked or told |
//! | a status | refused by the endpoint itself |
//! | `drop` | nothing is answered |
//! | `ping` | a keep-alive |
//! | `wait` | on a stream: more must come |
//! | `close`, perhaps with a status | on a stream: nothing after it can be believed |
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads its corpus, and stops where it is broken"
)]

use std::fs;
use std::path::{Path, PathBuf};

use model::Timestamp;
use sip::endpoint::{
    ConnectionId, Endpoint, EndpointSettings, ListenerId, Output, Source, Transport,
};
use sip::{Frame, Framer, Limits, Message, ParseError};

const NOW: Timestamp = Timestamp::from_secs(1_000_000);
/// What an answer may be longer than what asked for it: a refusal names itself, its reason and what
/// would have been taken.
const MOST_GAIN: usize = 400;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile")
}

/// The octets that a file stands for.
fn message(name: &str) -> Vec<u8> {
    let text = fs::read_to_string(folder().join(name).with_extension("sip")).unwrap();
    let (head, body) = text.split_once("\n\n").map_or((text.as_str(), None), |(head, body)| {
        (head, Some(body.strip_suffix('\n').unwrap_or(body)))
    });
    let body = body.map(|body| octets(&repeated(body)));
    let length = body.as_ref().map_or(0, Vec::len);
    let head = head.replace("{len}", &length.to_string());
    let mut message = octets(&repeated(&head.replace('\n', "\r\n")));
    if let Some(body) = body {
        message.extend(b"\r\n\r\n");
        message.extend(body);
    }
    message
}

/// The text with every `{300*text}` written out.
fn repeated(text: &str) -> String {
    let Some((before, rest)) = text.split_once('{') else { return text.to_owned() };
    let (what, after) = rest.split_once('}').unwrap();
    let (count, what) = what.split_once('*').unwrap();
    format!("{before}{}{}", what.repeat(count.parse().unwrap()), repeated(after))
}

/// The octets of a text with every escape undone.
fn octets(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((octet, after)) = rest.split_first() {
        rest = after;
        if *octet != b'\\' {
            octets.push(*octet);
            continue;
        }
        let (kind, after) = rest.split_first().unwrap();
        rest = after;
        octets.push(match kind {
            b'r' => b'\r',
            b'n' => b'\n',
            b'\\' => b'\\',
            b'x' => {
                let (digits, after) = rest.split_at(2);
                rest = after;
                u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap()
            }
            other => panic!("\\{other} is no escape"),
        });
    }
    octets
}

/// Each line of the table: a message's name, and its two verdicts.
fn verdicts() -> Vec<[String; 3]> {
    let table = fs::read_to_string(folder().join("verdicts.tsv")).unwrap();
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    let row = |line: &str| {
        let mut cells = line.split('\t').map(str::to_owned);
        [cells.next().unwrap(), cells.next().unwrap(), cells.next().unwrap()]
    };
    lines.map(row).collect()
}

fn endpoint() -> Endpoint {
    let us = "192.0.2.1:5060".parse().unwrap();
    Endpoint::new(EndpointSettings::listening([us]), [7; 32])
}

fn source(transport: Transport) -> Source {
    let connection = transport.is_connected().then_some(ConnectionId(1));
    let (peer, local) = ("192.0.2.66:5060".parse().unwrap(), "192.0.2.1:5060".parse().unwrap());
    Source { listener: ListenerId(0), transport, connection, peer, local }
}

/// What an endpoint does when it is given this, and the longest of its answers.
fn judged(read: Result<Message, ParseError>, transport: Transport) -> (String, usize) {
    let mut endpoint = endpoint();
    match read {
        Ok(message) => endpoint.receive(message, source(transport), NOW),
        Err(error) => endpoint.receive_malformed(error, source(transport)),
    }
    let (mut verdict, mut longest) = ("drop".to_owned(), 0);
    while let Some(output) = endpoint.poll_output() {
        match output {
            Output::Event(_) => "accept".clone_into(&mut verdict),
            Output::Send { bytes, .. } => {
                longest = longest.max(bytes.len());
                let Ok(Message::Response(response)) = Message::parse(&bytes) else {
                    panic!("no response: {}", String::from_utf8_lossy(&bytes))
                };
                if response.status.is_final() && verdict == "drop" {
                    verdict = response.status.to_string();
                }
            }
        }
    }
    let kept = endpoint.transaction_count() + endpoint.remembered_count();
    assert!(endpoint.session_count() + kept <= 2, "too much is kept");
    (verdict, longest)
}

fn in_a_datagram(octets: &[u8]) -> String {
    let (verdict, longest) = judged(Message::parse(octets), Transport::Udp);
    // Whoever forges the source of a datagram must gain nothing by our answer.
    assert!(longest <= octets.len() + MOST_GAIN, "{longest} octets for {}", octets.len());
    verdict
}

fn on_a_stream(octets: &[u8]) -> String {
    let mut framer = Framer::new(Limits::DEFAULT);
    framer.push(octets);
    match framer.next_frame() {
        Ok(None) => "wait".to_owned(),
        Ok(Some(Frame::Keepalive)) => "ping".to_owned(),
        Ok(Some(Frame::Message(message))) => judged(Ok(*message), Transport::Tcp).0,
        Ok(Some(Frame::Malformed(error))) => judged(Err(error), Transport::Tcp).0,
        Err(error) => match error.answer {
            Some(answer) => format!("close {}", answer.status),
            None => "close".to_owned(),
        },
    }
}

#[test]
fn every_hostile_message_gets_its_verdicts() {
    let judge = |[name, ..]: &[String; 3]| {
        let octets = message(name);
        [name.clone(), in_a_datagram(&octets), on_a_stream(&octets)]
    };
    let given: Vec<_> = verdicts().iter().map(judge).collect();
    let wrong: Vec<_> = given
        .iter()
        .zip(&verdicts())
        .filter(|(given, due)| given != due)
        .map(|(given, due)| format!("{given:?}, and not {due:?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_hostile_message_has_a_row_in_the_table() {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let is_message = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "sip");
    let name = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    let mut files: Vec<_> = entries.filter(is_message).map(name).collect();
    let mut rows: Vec<_> = verdicts().into_iter().map(|[name, ..]| name).collect();
    files.sort();
    rows.sort();
    assert_eq!(files, rows);
}

#[test]
fn a_hostile_stream_ends_the_same_however_it_is_cut() {
    for [name, ..] in verdicts() {
        let octets = message(&name);
        let whole = on_a_stream(&octets);
        for size in [1, 7, 1_000] {
            let mut framer = Framer::new(Limits::DEFAULT);
            let mut closed = false;
            let mut first = None;
            for piece in octets.chunks(size) {
                framer.push(piece);
                match framer.next_frame() {
                    Ok(frame) => first = first.or(frame),
                    Err(_) => closed = true,
                }
                if closed || first.is_some() {
                    break;
                }
            }
            assert_eq!(closed, whole.starts_with("close"), "{name} in pieces of {size}");
            assert_eq!(first.is_none() && !closed, whole == "wait", "{name} in pieces of {size}");
        }
    }
}
