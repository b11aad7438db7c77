//! What must hold for every message, not only for those somebody thought of.
#![expect(clippy::unwrap_used, reason = "a test stops where it is broken")]

use model::{Codec, CodecChoice, Direction, MediaDescription, Security};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use sip::sdp::{SdpOrigin, parse_description, write_answer, write_offer};
use sip::{
    Frame, Framer, Header, HeaderName, Headers, Host, Limits, Message, Method, NameAddr, Request,
    Response, StatusCode, Uri, Via,
};

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9.!%*_+`'~-]{1,20}"
}

fn host() -> impl Strategy<Value = Host> {
    prop_oneof![
        "[a-z][a-z0-9-]{0,10}(\\.[a-z]{2,5}){0,3}".prop_map(|name| Host::Name(name.into())),
        any::<std::net::IpAddr>().prop_map(Host::Ip),
    ]
}

fn uri() -> impl Strategy<Value = Uri> {
    (host(), option::of(".{1,12}"), option::of(any::<u16>()), option::of("[a-z]{1,8}")).prop_map(
        |(host, user, port, value)| {
            let uri = match user {
                Some(user) => Uri::sip(&user, host),
                None => Uri::of_host(host),
            };
            let uri = uri.with_port(port);
            match value {
                Some(value) => uri.with_param("transport", &value),
                None => uri,
            }
        },
    )
}

fn address() -> impl Strategy<Value = NameAddr> {
    (uri(), "\\PC{0,12}", option::of(token())).prop_map(|(uri, display, tag)| {
        let address = NameAddr::new(uri).with_display(&display);
        match tag {
            Some(tag) => address.with_tag(&tag),
            None => address,
        }
    })
}

/// A value as it may stand on the wire: no line end, no white space around it.
fn value() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..60).prop_map(|mut value| {
        value.retain(|octet| !matches!(octet, b'\r' | b'\n'));
        value.trim_ascii().to_vec()
    })
}

fn headers() -> impl Strategy<Value = Headers> {
    vec((token(), value()), 0..12).prop_map(|fields| {
        let mut headers = Headers::new();
        for (name, value) in fields {
            let name = HeaderName::from(name.as_str());
            if name != HeaderName::ContentLength {
                headers.push(name, value);
            }
        }
        headers
    })
}

fn message() -> impl Strategy<Value = Message> {
    let body = || vec(any::<u8>(), 0..200);
    let request = (token(), uri(), headers(), body()).prop_map(|(method, uri, headers, body)| {
        Message::Request(Request { method: Method::from(method.as_str()), uri, headers, body })
    });
    let response = (100_u16..700, "\\PC{0,20}", headers(), body()).prop_map(
        |(code, reason, headers, body)| {
            let status = StatusCode::new(code).unwrap();
            Message::Response(Response { status, reason, headers, body })
        },
    );
    prop_oneof![request, response]
}

fn description() -> impl Strategy<Value = MediaDescription> {
    let codecs = prop_oneof![
        Just(vec![CodecChoice::PCMA]),
        Just(vec![CodecChoice::PCMU, CodecChoice::PCMA]),
        (96_u8..100)
            .prop_map(|payload_type| vec![CodecChoice { codec: Codec::Pcma, payload_type }]),
    ];
    let direction = prop_oneof![
        Just(Direction::SendRecv),
        Just(Direction::SendOnly),
        Just(Direction::RecvOnly),
        Just(Direction::Inactive),
    ];
    let address = (any::<[u8; 3]>(), 1_u16..)
        .prop_map(|([a, b, c], port)| std::net::SocketAddr::from(([10, a, b, c], port)));
    (address, codecs, option::of(100_u8..128), direction).prop_map(
        |(address, codecs, telephone_event, direction)| MediaDescription {
            address,
            codecs,
            telephone_event,
            direction,
            rtcp: model::Rtcp::NextPort,
            security: Security::None,
        },
    )
}

proptest! {
    #[test]
    fn a_message_reads_back_as_it_was_written(message in message()) {
        prop_assert_eq!(Message::parse(&message.to_bytes()), Ok(message));
    }

    #[test]
    fn octets_of_any_kind_do_no_harm(octets in vec(any::<u8>(), 0..300)) {
        let _outcome = Message::parse(&octets);
        let _outcome = parse_description(&octets);
        let mut framer = Framer::new(Limits::DEFAULT);
        framer.push(&octets);
        while let Ok(Some(_)) = framer.next_frame() {}
    }

    #[test]
    fn text_of_any_kind_is_an_address_or_is_refused(text in "\\PC{0,40}") {
        let mut headers = Headers::new();
        headers.push(HeaderName::Contact, text.as_str());
        headers.push(HeaderName::Via, text.as_str());
        let _outcome = (headers.contacts(), headers.vias(), text.parse::<Uri>());
    }

    #[test]
    fn a_uri_reads_back_as_it_was_written(uri in uri()) {
        let read: Uri = uri.to_string().parse().unwrap();
        prop_assert!(read.is_equivalent(&uri));
        prop_assert_eq!(read, uri);
    }

    #[test]
    fn an_address_reads_back_as_it_was_written(address in address()) {
        let mut headers = Headers::new();
        headers.push(HeaderName::From, &address);
        prop_assert_eq!(headers.from(), Ok(address));
    }

    #[test]
    fn addresses_of_one_list_do_not_run_into_each_other(addresses in vec(address(), 0..6)) {
        let values: Vec<_> = addresses.iter().map(NameAddr::to_bytes).collect();
        let mut headers = Headers::new();
        headers.push(HeaderName::Route, values.join(&b", "[..]));
        prop_assert_eq!(headers.addresses(&HeaderName::Route), Ok(addresses));
    }

    #[test]
    fn a_via_reads_back_as_it_was_written(host in host(), port in option::of(any::<u16>()), branch in token()) {
        let via = Via::new(sip::Transport::Tcp, host, port, &branch);
        let mut headers = Headers::new();
        headers.push(HeaderName::Via, &via);
        prop_assert_eq!(headers.via(), Ok(via));
    }

    #[test]
    fn a_stream_gives_the_same_messages_however_it_is_cut(
        messages in vec(message(), 1..5),
        cuts in vec(1_usize..400, 1..40),
    ) {
        let stream: Vec<u8> = messages.iter().flat_map(Message::to_bytes).collect();
        let mut framer = Framer::new(Limits::DEFAULT);
        let (mut seen, mut rest, mut cuts) = (Vec::new(), &stream[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            rest = after;
            framer.push(piece);
            while let Some(frame) = framer.next_frame().unwrap() {
                match frame {
                    Frame::Message(message) => seen.push(*message),
                    Frame::Malformed(error) => panic!("{error}"),
                    Frame::Keepalive => panic!("keep-alive"),
                }
            }
        }
        prop_assert_eq!(seen, messages);
    }

    #[test]
    fn no_value_makes_another_field(name in token(), value in vec(any::<u8>(), 0..60)) {
        let header = Header::new(HeaderName::from(name.as_str()), value);
        prop_assert!(!header.value().iter().any(|octet| matches!(octet, b'\r' | b'\n')));
    }

    #[test]
    fn a_description_reads_back_as_it_was_written(description in description()) {
        let origin = SdpOrigin { session_id: 1, version: 1 };
        let offer = write_offer(&description, None, origin);
        prop_assert_eq!(parse_description(&offer), Ok(description.clone()));
        let answer = description.answer("10.0.0.1:20000".parse().unwrap());
        let body = write_answer(&answer, &offer, origin).unwrap();
        prop_assert_eq!(parse_description(&body), Ok(answer));
    }
}
