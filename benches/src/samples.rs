//! Messages as carriers and phones send them.

use std::fmt::Write as _;

/// Messages of these kinds, each with its name.
#[must_use]
pub fn all() -> [(&'static str, String); 5] {
    [
        ("INVITE with SDP", invite()),
        ("180 Ringing", ringing()),
        ("200 OK with SDP", answer()),
        ("BYE", bye()),
        ("REGISTER with digest", register()),
    ]
}

const DESCRIPTION: &str = "v=0\r\no=- 1700000000 1700000001 IN IP4 203.0.113.9\r\ns=-\r\n\
     c=IN IP4 203.0.113.9\r\nt=0 0\r\nm=audio 31000 RTP/AVP 8 0 18 101\r\n\
     a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:18 G729/8000\r\n\
     a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n\
     a=sendrecv\r\n";

/// The fields every message of the call has.
const DIALOG: &str = "From: \"13800138000\" <sip:13800138000@carrier.example>;tag=8f3e21\r\n\
     To: <sip:4008001234@carrier.example>;tag=2b91c07d\r\n\
     Call-ID: 5c1f0e9ab2d34417@198.51.100.4\r\n";

const VIA: &str = "Via: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bK7d1c9e20a4;rport\r\n";

fn with_body(mut head: String, body: &str) -> String {
    let _ = write!(head, "Content-Length: {}\r\n\r\n{body}", body.len());
    head
}

/// An INVITE of one kilobyte, as a carrier sends it.
#[must_use]
pub fn invite() -> String {
    let head = String::from(
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
    with_body(head, DESCRIPTION)
}

fn ringing() -> String {
    let head = format!(
        "SIP/2.0 180 Ringing\r\n{VIA}{DIALOG}CSeq: 102 INVITE\r\n\
         Contact: <sip:8001@192.0.2.31:5060;transport=udp>\r\nUser-Agent: phone/2.1\r\n"
    );
    with_body(head, "")
}

fn answer() -> String {
    let head = format!(
        "SIP/2.0 200 OK\r\n{VIA}Record-Route: <sip:203.0.113.9;lr>\r\n{DIALOG}\
         CSeq: 102 INVITE\r\nContact: <sip:8001@192.0.2.31:5060;transport=udp>\r\n\
         Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, REFER, NOTIFY, INFO\r\n\
         Supported: timer, replaces\r\nUser-Agent: phone/2.1\r\n\
         Content-Type: application/sdp\r\n"
    );
    with_body(head, DESCRIPTION)
}

fn bye() -> String {
    let head = format!(
        "BYE sip:4008001234@203.0.113.20:5080 SIP/2.0\r\n{VIA}Max-Forwards: 69\r\n{DIALOG}\
         CSeq: 103 BYE\r\nReason: Q.850;cause=16;text=\"Normal call clearing\"\r\n\
         User-Agent: carrier/4.2\r\n"
    );
    with_body(head, "")
}

fn register() -> String {
    let head = format!(
        "REGISTER sip:hotline.example SIP/2.0\r\n{VIA}Max-Forwards: 70\r\n\
         From: <sip:8001@hotline.example>;tag=77a1\r\nTo: <sip:8001@hotline.example>\r\n\
         Call-ID: 9b2c40f1-7d1e@192.0.2.31\r\nCSeq: 4711 REGISTER\r\n\
         Contact: <sip:8001@192.0.2.31:5060;transport=udp>;expires=300\r\n\
         Authorization: Digest username=\"8001\", realm=\"hotline\", \
         nonce=\"QmFzZTY0IG9mIHNvbWV0aGluZyBvciBvdGhlcg==\", uri=\"sip:hotline.example\", \
         response=\"6629fae49393a05397450978507c4ef1\", algorithm=MD5, qop=auth, \
         nc=00000012, cnonce=\"0a4f113b\"\r\nUser-Agent: phone/2.1\r\n"
    );
    with_body(head, "")
}
