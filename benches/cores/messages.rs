//! A SIP message is read and written again.

use std::fmt::Write as _;
use std::hint::black_box;

use clock::Clock;
use hotline_benches::figures::nanos_each;
use sip::Message;

use crate::Row;

/// An INVITE of one kilobyte, as a carrier sends it.
fn invite() -> String {
    let body = "v=0\r\no=- 1700000000 1700000001 IN IP4 203.0.113.9\r\ns=-\r\n\
                c=IN IP4 203.0.113.9\r\nt=0 0\r\nm=audio 31000 RTP/AVP 8 0 18 101\r\n\
                a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:18 G729/8000\r\n\
                a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n\
                a=sendrecv\r\n";
    let mut text = String::from(
        "INVITE sip:4008001234@203.0.113.20:5080 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bK7d1c9e20a4;rport\r\n\
         Via: SIP/2.0/UDP 198.51.100.4:5060;branch=z9hG4bK11aa22bb33;received=198.51.100.4\r\n\
         Record-Route: <sip:203.0.113.9;lr>\r\nMax-Forwards: 68\r\n\
         From: \"13800138000\" <sip:13800138000@carrier.example>;tag=8f3e21\r\n\
         To: <sip:4008001234@carrier.example>\r\nCall-ID: 5c1f0e9ab2d34417@198.51.100.4\r\n\
         CSeq: 102 INVITE\r\nContact: <sip:13800138000@198.51.100.4:5060;transport=udp>\r\n\
         Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO\r\n\
         Supported: timer, 100rel\r\nSession-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\n\
         P-Asserted-Identity: <sip:13800138000@carrier.example>\r\n\
         User-Agent: carrier/4.2\r\nContent-Type: application/sdp\r\n",
    );
    let _ = write!(text, "Content-Length: {}\r\n\r\n{body}", body.len());
    text
}

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
