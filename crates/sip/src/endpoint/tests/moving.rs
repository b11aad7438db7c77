//! Peers that move within a call (RFC 3261 §12.2.1.1, §12.2.2).

use std::time::Duration;

use super::hostile::{to_of, written};
use super::network::{CALL, Network, STRANGER, Side, sdp};
use crate::endpoint::{ConnectionId, Destination, Order, Reach, RequestId, Transport, Within};
use crate::header::HeaderName;
use crate::message::{Message, Method, Request, StatusCode};
use crate::session::SessionId;

const OFFER: &str = "Content-Type: application/sdp\n";
const MOVED: &str = "198.51.100.9:5090";

/// A carrier's call, answered; what follows goes where it says it is.
fn signalled(net: &mut Network, more: &str) -> SessionId {
    net.callee.settings.listeners[0].reach = Reach::Signalled;
    let more = format!("{OFFER}Contact: <sip:x@198.51.100.5:5070>\n{more}");
    net.stranger(&written("INVITE", "inv", &more, "v=0"));
    let session = net.callee.session_ids()[0];
    net.order(Side::Callee, Order::Accept { session, body: sdp("answer") });
    let ack = format!("CSeq: 1 ACK\n{}", to_of(net, session));
    net.stranger(&written("ACK", "ack", &ack, ""));
    net.astray.clear();
    session
}

fn moves(net: &mut Network, session: SessionId, method: &str, contact: &str) {
    let (to, cseq) = (to_of(net, session), format!("CSeq: 5 {method}\n"));
    let more = format!("{to}{cseq}Contact: <sip:x@{contact}>\n");
    net.stranger(&written(method, "moves", &more, ""));
}

/// Where our BYE goes, and to whom.
fn bye_goes_to(net: &mut Network, session: SessionId) -> (String, String) {
    net.order(Side::Callee, Order::Bye { session, reason: None });
    let (destination, message) = net.astray.pop().unwrap();
    let Message::Request(bye) = message else { panic!("{message:?}") };
    assert_eq!(bye.method, Method::Bye);
    (destination.peer.to_string(), bye.uri.to_string())
}

/// The last request of ours, which the peer takes from a new address of its own.
fn answers_from_elsewhere(net: &mut Network) -> Request {
    let Some((_, Message::Request(request))) = net.astray.pop() else { panic!("no request") };
    let mut response = request.response(StatusCode::OK);
    response.headers.push(HeaderName::Contact, format!("<sip:x@{MOVED}>"));
    response.headers.push(HeaderName::SessionExpires, "90;refresher=uac");
    net.astray.clear();
    let peer = STRANGER.parse().unwrap();
    let source = crate::endpoint::Source { peer, ..net.source(Side::Caller, Side::Callee) };
    net.deliver(Side::Callee, Message::Response(response), source);
    request
}

#[test]
fn a_carrier_that_moves_by_a_request_of_its_own_is_found_where_it_is() {
    for method in ["UPDATE", "INVITE"] {
        let mut net = Network::perfect();
        let session = signalled(&mut net, "");
        moves(&mut net, session, method, MOVED);
        if method == "INVITE" {
            net.order(Side::Callee, Order::AnswerOffer { session, body: sdp("offer") });
            let ack = format!("CSeq: 5 ACK\n{}", to_of(&net, session));
            net.stranger(&written("ACK", "ack5", &ack, "v=0"));
        }
        let (peer, target) = bye_goes_to(&mut net, session);
        assert_eq!(
            (peer.as_str(), target.as_str()),
            (MOVED, "sip:x@198.51.100.9:5090"),
            "{method}"
        );
    }
}

#[test]
fn a_carrier_that_moves_in_its_answer_is_acknowledged_and_called_where_it_is() {
    let mut net = Network::perfect();
    let session = signalled(&mut net, "");
    net.order(Side::Callee, Order::Reinvite { session, body: sdp("hold") });
    let invite = answers_from_elsewhere(&mut net);
    assert_eq!(invite.method, Method::Invite);
    let (destination, ack) = net.astray.pop().unwrap();
    assert!(matches!(ack, Message::Request(ack) if ack.method == Method::Ack));
    assert_eq!(destination.peer.to_string(), MOVED);
    assert_eq!(bye_goes_to(&mut net, session).0, MOVED);
}

#[test]
fn a_carrier_that_moves_in_its_answer_to_a_refresh_is_called_where_it_is() {
    let mut net = Network::perfect();
    let more = "Supported: timer\nAllow: UPDATE\nSession-Expires: 90\n";
    let session = signalled(&mut net, more);
    net.run(Duration::from_secs(46));
    let update = answers_from_elsewhere(&mut net);
    assert_eq!(update.method, Method::Update);
    assert_eq!(bye_goes_to(&mut net, session).0, MOVED);
}

#[test]
fn behind_a_proxy_and_by_a_name_a_carrier_is_called_as_before() {
    let route = "Record-Route: <sip:198.51.100.1:5061;lr>\n";
    for (route, contact, peer) in
        [(route, MOVED, "198.51.100.1:5061"), ("", "moved.example.cn", "198.51.100.5:5070")]
    {
        let mut net = Network::perfect();
        let session = signalled(&mut net, route);
        moves(&mut net, session, "UPDATE", contact);
        assert_eq!(bye_goes_to(&mut net, session), (peer.to_owned(), format!("sip:x@{contact}")));
    }
}

#[test]
fn what_was_sent_by_a_stream_that_broke_is_sent_again_by_the_one_the_peer_came_back_by() {
    let orders = [
        Order::Reinvite { session: CALL, body: sdp("hold") },
        Order::RequestWithin {
            session: CALL,
            request: RequestId(7),
            within: Box::new(Within { method: Method::Info, headers: Vec::new(), body: None }),
        },
    ];
    for order in orders {
        let mut net = Network::perfect();
        net.transport = Transport::Tcp;
        net.connect();
        let before = net.caller.way_of(CALL).unwrap();
        net.order(Side::Caller, order);
        let Message::Request(asked) = net.intercept(Side::Callee) else { panic!("no request") };
        let after = Destination { connection: Some(ConnectionId(2)), ..before };
        net.order(Side::Caller, Order::Move { session: CALL, destination: after });
        let now = net.now;
        net.caller.transport_failed(&before, now);
        net.collect(Side::Caller);
        let Message::Request(again) = net.last_to(Side::Callee) else { panic!("no request") };
        assert_eq!(again.method, asked.method);
        assert_eq!(again.body, asked.body);
        assert_eq!(again.cseq().unwrap().number, asked.cseq().unwrap().number + 1);
        assert_eq!(net.take(Side::Caller), [""; 0], "nothing has come to an end");
        net.caller.transport_failed(&after, now);
        net.collect(Side::Caller);
        assert_eq!(net.take(Side::Caller).len(), 1, "there is no other way");
    }
}
