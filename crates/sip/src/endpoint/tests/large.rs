//! Requests that are too large for a datagram (RFC 3261 §18.1.1).

use std::time::Duration;

use model::Timestamp;

use super::network::{CALL, Network, START};
use crate::endpoint::{
    ConnectionId, Destination, Endpoint, EndpointEvent, EndpointSettings, LargeRequests, Order,
    Outgoing, Output, Reach, Source, Transport,
};
use crate::header::HeaderName;
use crate::message::{Message, Request, StatusCode};

/// An INVITE with a User-to-User field of this length.
fn outgoing(length: usize) -> Outgoing {
    let field = (HeaderName::Other("User-to-User".into()), vec![b'a'; length]);
    Outgoing { headers: vec![field], ..Network::perfect().outgoing() }
}

fn caller(large: LargeRequests) -> Endpoint {
    let mut settings = EndpointSettings::listening(["192.0.2.1:5060".parse().unwrap()]);
    settings.listeners[0].large = large;
    settings.listeners[0].reach = Reach::Signalled;
    Endpoint::new(settings, [1; 32])
}

fn dial(caller: &mut Endpoint, length: usize) -> (Request, Destination) {
    let outgoing = Box::new(outgoing(length));
    caller.order(Order::Invite { session: CALL, outgoing }, START).unwrap();
    sent(caller)
}

fn sent(caller: &mut Endpoint) -> (Request, Destination) {
    match caller.poll_output() {
        Some(Output::Send { bytes, destination }) => match Message::parse(&bytes).unwrap() {
            Message::Request(request) => (request, destination),
            Message::Response(response) => panic!("a response: {response:?}"),
        },
        other => panic!("nothing sent: {other:?}"),
    }
}

#[test]
fn a_request_goes_over_tcp_when_it_is_too_large_for_a_datagram() {
    let short = dial(&mut caller(LargeRequests::OverTcp), 0).0.to_bytes().len();
    for (length, transport, name) in
        [(1_300 - short, Transport::Udp, "UDP"), (1_301 - short, Transport::Tcp, "TCP")]
    {
        let (request, destination) = dial(&mut caller(LargeRequests::OverTcp), length);
        assert_eq!((destination.transport, destination.connection), (transport, None));
        assert_eq!(request.via().unwrap().transport.as_str(), name);
        let (_, destination) = dial(&mut caller(LargeRequests::OverUdp), length);
        assert_eq!(destination.transport, Transport::Udp);
    }
}

#[test]
fn where_no_connection_is_taken_the_datagram_is_sent_after_all_and_repeated() {
    let mut caller = caller(LargeRequests::OverTcp);
    let (by_stream, stream) = dial(&mut caller, 1_300);
    let later = START + Duration::from_secs(4);
    caller.transport_failed(&stream, later);
    let (by_datagram, datagram) = sent(&mut caller);
    assert_eq!(datagram, outgoing(0).destination);
    let via = by_datagram.via().unwrap();
    assert_eq!(via.transport.as_str(), "UDP");
    // Who has seen the first all the same knows this for a copy.
    assert_eq!(via.branch(), by_stream.via().unwrap().branch());
    assert!(caller.poll_output().is_none());

    let again = caller.poll_timeout().unwrap();
    assert_eq!(again, later + Duration::from_millis(500));
    caller.handle_timeout(again);
    assert_eq!(sent(&mut caller).0, by_datagram);
    caller.transport_failed(&datagram, again);
    refused(&mut caller);
}

#[test]
fn what_was_heard_over_the_stream_is_not_sent_again_when_it_breaks() {
    for status in [StatusCode::TRYING, StatusCode::RINGING] {
        let mut caller = caller(LargeRequests::OverTcp);
        let (request, stream) = dial(&mut caller, 1_300);
        answer(&mut caller, (&request, stream), status, START);
        while caller.poll_output().is_some() {}
        caller.transport_failed(&stream, START);
        assert!(caller.poll_output().is_none());
    }
}

#[test]
fn the_cancel_and_the_ack_of_a_refusal_take_the_way_of_their_invite() {
    for fails in [false, true] {
        let mut caller = caller(LargeRequests::OverTcp);
        let (mut invite, mut way) = dial(&mut caller, 1_300);
        if fails {
            caller.transport_failed(&way, START);
            (invite, way) = sent(&mut caller);
        }
        answer(&mut caller, (&invite, way), StatusCode::TRYING, START);
        caller.order(Order::Cancel { session: CALL, reason: None }, START).unwrap();
        let (cancel, to) = sent(&mut caller);
        assert_eq!((cancel.via(), to), (invite.via(), way));
        answer(&mut caller, (&invite, way), StatusCode::REQUEST_TERMINATED, START);
        let (ack, to) = sent(&mut caller);
        assert_eq!((ack.via(), to), (invite.via(), way));
        refused(&mut caller);
    }
}

#[test]
fn what_follows_a_large_invite_goes_where_its_answer_says() {
    for (contact, transport, peer) in [
        ("<sip:400@192.0.2.2:5070>", Transport::Udp, "192.0.2.2:5070"),
        ("<sip:400@192.0.2.2:5070;transport=tcp>", Transport::Tcp, "192.0.2.2:5070"),
        ("<sip:400@sbc.example.cn>", Transport::Udp, "192.0.2.2:5080"),
    ] {
        let mut caller = caller(LargeRequests::OverTcp);
        let (request, stream) = dial(&mut caller, 1_300);
        let source = source(stream);
        let mut response = request.response(StatusCode::OK);
        response.headers.set(HeaderName::To, &request.to().unwrap().with_tag("theirs"));
        response.headers.push(HeaderName::Contact, contact);
        caller.receive(Message::Response(response), source, START);
        let (ack, to) = sent(&mut caller);
        assert_eq!((to.transport, to.peer), (transport, peer.parse().unwrap()), "{contact}");
        assert_eq!(ack.via().unwrap().transport.as_str(), transport.as_str());
    }
}

fn source(to: Destination) -> Source {
    let Destination { listener, transport, peer, .. } = to;
    let local = "192.0.2.1:5060".parse().unwrap();
    let connection = (transport == Transport::Tcp).then_some(ConnectionId(7));
    Source { listener, transport, connection, peer, local }
}

fn answer(
    caller: &mut Endpoint,
    (request, to): (&Request, Destination),
    status: StatusCode,
    now: Timestamp,
) {
    let mut response = request.response(status);
    response.headers.set(HeaderName::To, &request.to().unwrap().with_tag("theirs"));
    caller.receive(Message::Response(response), source(to), now);
}

fn refused(caller: &mut Endpoint) {
    let event = caller.poll_output();
    assert!(matches!(event, Some(Output::Event(EndpointEvent::Refused { .. }))), "{event:?}");
    assert_eq!(caller.session_count(), 0);
}
