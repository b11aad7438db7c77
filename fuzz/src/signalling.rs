//! What reads SIP, SDP, authentication and STUN.

use std::net::SocketAddr;

use model::Timestamp;
use sip::digest::{
    Algorithm, Attempt, Authenticator, Challenge, Credentials, Ha1, NonceKey, NonceSettings,
};
use sip::sdp::{SdpOrigin, parse_description, write_answer, write_offer};
use sip::stun::BindingRequest;
use sip::{
    Abilities, Frame, Framer, Header, Limits, Message, Method, NameAddr, ParseError, Request, Uri,
    admit, validate, validate_response,
};

const SDP: &str = "application/sdp";

/// A datagram: read, looked at from all sides, and written so that it reads the same.
pub fn message(octets: &[u8]) {
    let message = match Message::parse(octets) {
        Ok(message) => message,
        Err(error) => return answered(&error),
    };
    let written = message.to_bytes();
    let again = Message::parse(&written);
    assert_eq!(again.as_ref(), Ok(&message), "reads back as something else");
    assert_eq!(message.to_bytes(), written, "is written in two ways");
    looked_at(&message);
    match &message {
        Message::Request(request) => judged(request),
        Message::Response(response) => {
            let _verdict = validate_response(response);
        }
    }
}

/// What is answered to no message is a message.
fn answered(error: &ParseError) {
    if let Some(response) = &error.answer {
        let read = Message::parse(&response.to_bytes());
        assert!(matches!(read, Ok(Message::Response(_))), "{read:?} is no answer");
    }
    assert!(!error.to_string().is_empty());
}

fn looked_at(message: &Message) {
    let headers = message.headers();
    let _views = (headers.vias(), headers.contacts(), headers.cseq(), headers.expires());
    let _texts = (headers.call_id(), headers.content_type(), headers.max_forwards());
    for name in headers.iter().map(Header::name) {
        let _view = (headers.address(name), headers.addresses(name), headers.number(name));
    }
    if let Ok(via) = headers.via_ref() {
        let source = SocketAddr::from(([203, 0, 113, 9], 40_000));
        let _target = (via.stamped(source), via.reply_to(source));
    }
}

/// A request gets a verdict, and a refusal of it is a message.
fn judged(request: &Request) {
    let methods = [Method::Invite, Method::Ack, Method::Bye, Method::Cancel, Method::Register];
    let abilities =
        Abilities { methods: &methods, extensions: &[], content_types: &[SDP], answers_with: SDP };
    let verdict = validate(request).and_then(|()| admit(request, &abilities));
    if let Err(violation) = verdict {
        let read = Message::parse(&violation.response(request).to_bytes());
        assert!(matches!(read, Ok(Message::Response(_))), "{read:?} is no refusal");
    }
}

/// An address: written, it reads the same, and it is equivalent to itself. One of our own
/// making from its user part, too.
pub fn uri(octets: &[u8]) {
    if let Ok(uri) = Uri::parse(octets) {
        let written = uri.to_string();
        assert_eq!(Uri::parse(written.as_bytes()).as_ref(), Ok(&uri), "{written:?}");
        assert!(uri.is_equivalent(&uri) || !uri.is_sip(), "{written:?} is not like itself");
        let _views = (uri.address(), uri.user_name(), uri.port_or_default());
        let address = NameAddr::new(uri).with_display(&String::from_utf8_lossy(octets));
        let mut headers = sip::Headers::new();
        headers.push(sip::HeaderName::From, &address);
        let read = headers.from();
        assert!(read.as_ref().is_ok_and(|read| read.uri == address.uri), "{read:?}");
    }
}

/// A session description: what can be read can be answered, and both sides then know the same.
pub fn sdp(octets: &[u8]) {
    let Ok(offer) = parse_description(octets) else { return };
    let origin = SdpOrigin { session_id: 1, version: 2 };
    let answer = offer.answer(SocketAddr::from(([10, 0, 0, 1], 20_000)));
    match write_answer(&answer, octets, origin) {
        Ok(body) => assert_eq!(parse_description(&body), Ok(answer.clone())),
        Err(error) => panic!("{error}: cannot answer {offer:?}"),
    }
    let next = write_offer(&answer, Some(octets), origin);
    assert_eq!(parse_description(&next), Ok(answer), "our next offer");
}

/// A stream: its first octet says how it is cut into pieces, and it gives the same messages cut
/// and whole.
pub fn frame(octets: &[u8]) {
    let Some((cut, stream)) = octets.split_first() else { return };
    let whole = frames([stream]);
    let even = usize::from(*cut).max(1);
    assert_eq!(frames(stream.chunks(even)), whole, "in pieces of {even}");
    let (first, rest) = stream.split_at(even.min(stream.len()));
    assert_eq!(frames([first, rest]), whole, "cut at {even}");
}

/// What a stream gives, and whether it must then be closed.
fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Frame>, bool) {
    let limits = Limits { message: 2_048, headers: 32, header: 512, uri: 128, body: 1_024 };
    let mut framer = Framer::new(limits);
    let mut seen = Vec::new();
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => seen.push(frame),
                Ok(None) => break,
                Err(error) => {
                    answered(&error);
                    return (seen, true);
                }
            }
        }
        assert!(framer.pending() <= limits.message, "{} octets are kept", framer.pending());
    }
    (seen, false)
}

/// Challenges and credentials: written, they read the same; and nobody is let in by chance.
pub fn digest(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    if let Ok(challenge) = Challenge::parse(text) {
        assert_eq!(Challenge::parse(&challenge.to_string()), Ok(challenge));
    }
    let Ok(credentials) = Credentials::parse(text) else { return };
    let written = credentials.to_string();
    assert_eq!(Credentials::parse(&written).as_ref(), Ok(&credentials), "{written}");
    let key = NonceKey::new([7; 32]);
    let mut door = Authenticator::new("example.cn", NonceSettings::default(), key);
    let secrets = Algorithm::OFFERED.map(|it| Ha1::of(it, "1001", "example.cn", "secret"));
    let attempt = Attempt { method: "REGISTER", uri: "sip:example.cn", credentials: &credentials };
    let now = Timestamp::from_secs(1_000);
    assert!(door.check(&attempt, Some(&secrets), now).is_err(), "{written} lets anybody in");
}

/// A datagram to a SIP port that may be a STUN request.
pub fn stun(octets: &[u8]) {
    let Some(request) = BindingRequest::parse(octets) else { return };
    for source in
        [([192, 0, 2, 1], 5_060).into(), ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 5_060).into()]
    {
        let answer = request.answer(source);
        assert!(answer.len() <= octets.len() + 48, "{} octets for {}", answer.len(), octets.len());
        assert!(BindingRequest::parse(&answer).is_none(), "an answer that could be answered");
    }
}
