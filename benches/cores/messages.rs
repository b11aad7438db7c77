//! A SIP message is read and written again.

use std::hint::black_box;

use clock::Clock;
use hotline_benches::figures::nanos_each;
use hotline_benches::samples::invite;
use sip::Message;

use crate::Row;

pub(crate) fn measure(clock: Clock) -> Row {
    let invite = invite();
    let datagram = invite.as_bytes();
    let nanos = nanos_each(clock, 20_000, || {
        let message = Message::parse(black_box(datagram)).expect("a valid INVITE");
        black_box(message.to_bytes());
    });
    let baseline_nanos = nanos_each(clock, 20_000, || {
        black_box(scan(black_box(&invite)));
    });
    let step = format!("read and write an INVITE of {} octets", datagram.len());
    Row { step, nanos, baseline: "split at lines and colons, copy", baseline_nanos }
}

/// Lines, names and values, nothing checked.
fn scan(text: &str) -> Vec<u8> {
    let (head, body) = text.split_once("\r\n\r\n").expect("an empty line");
    let headers: Vec<(String, String)> = head
        .split("\r\n")
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut out = Vec::with_capacity(text.len());
    for (name, value) in &headers {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(body.as_bytes());
    out
}
