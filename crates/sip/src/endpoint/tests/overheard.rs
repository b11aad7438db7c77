//! What somebody may do who has read the tags of a call, and from where: numbers made up elsewhere do
//! not keep the peer from its own call.

use super::hostile::{ELSEWHERE, answered_stranger, refused, to_of, written};
use super::network::{Network, STRANGER, Side};
use crate::endpoint::{Destination, ListenerId, Order, Reach};
use crate::message::Message;
use crate::session::SessionId;

/// The highest number there is (RFC 3261 §8.1.1.5).
const HIGHEST: u32 = (1 << 31) - 1;

/// The status that a request with this number gets from there.
fn asks(net: &mut Network, session: SessionId, cseq: u32, from: &str) -> u16 {
    let headers = format!("CSeq: {cseq} OPTIONS\n{}", to_of(net, session));
    let text = written("OPTIONS", &format!("{cseq}-{from}"), &headers, "");
    match net.stranger_from(&text, from) {
        Some(Message::Response(response)) => response.status.code(),
        other => panic!("no response but {other:?}"),
    }
}

fn way(net: &Network, session: SessionId) -> String {
    net.callee.way_of(session).unwrap().peer.to_string()
}

#[test]
fn a_number_made_up_elsewhere_does_not_shut_out_the_peer() {
    let mut net = Network::perfect();
    let session = answered_stranger(&mut net, "v=0");
    assert_eq!(asks(&mut net, session, 1000, ELSEWHERE), 200);
    assert_eq!(way(&net, session), ELSEWHERE, "it may be the peer behind another port");
    assert_eq!(asks(&mut net, session, 2, STRANGER), 200, "the peer has counted to one");
    assert_eq!(way(&net, session), STRANGER);
    assert_eq!(asks(&mut net, session, 2, ELSEWHERE), 500, "what the peer has said is over");
    assert_eq!(asks(&mut net, session, 3, ELSEWHERE), 200, "the peer may move on from there");
    let bye = format!("CSeq: 3 BYE\n{}", to_of(&net, session));
    assert_eq!(refused(&mut net, &written("BYE", "bye", &bye, "")).status.code(), 200);
    assert_eq!(net.callee.session_count(), 0);
}

#[test]
fn from_elsewhere_no_number_is_taken_that_the_peer_cannot_have_come_to() {
    let mut net = Network::perfect();
    let session = answered_stranger(&mut net, "v=0");
    for cseq in [HIGHEST, 2 + (1 << 16)] {
        assert_eq!(asks(&mut net, session, cseq, ELSEWHERE), 500);
        assert_eq!(way(&net, session), STRANGER);
    }
    assert_eq!(asks(&mut net, session, 1 + (1 << 16), ELSEWHERE), 200);
    assert_eq!(asks(&mut net, session, HIGHEST, ELSEWHERE), 500, "nor once it has been heard");
    assert_eq!(asks(&mut net, session, HIGHEST, STRANGER), 200, "the peer counts as it likes");
}

#[test]
fn a_peer_that_we_called_may_begin_at_any_number_from_any_port() {
    let mut net = Network::perfect();
    let session = net.connect();
    let state = net.caller.sessions.get(super::network::CALL).unwrap();
    let (call_id, local_tag) = (state.call_id.clone(), state.local_tag.clone());
    let remote_tag = net.callee.sessions.get(session).unwrap().local_tag.clone();
    let mut asks = |branch: &str, cseq: u32, from: &str| {
        let text = written(
            "OPTIONS",
            branch,
            &format!(
                "CSeq: {cseq} OPTIONS\nCall-ID: {call_id}\nFrom: <sip:a@b>;tag={remote_tag}\n\
                 To: <sip:a@b>;tag={local_tag}\n"
            ),
            "",
        );
        let message = Message::parse(text.replace('\n', "\r\n").as_bytes()).unwrap();
        net.astray.clear();
        let source = net.callees_source();
        let peer = if from.is_empty() { source.peer } else { from.parse().unwrap() };
        net.deliver(Side::Caller, message, crate::endpoint::Source { peer, ..source });
        net.caller.way_of(super::network::CALL).unwrap().peer
    };
    assert_eq!(asks("o1", HIGHEST, ELSEWHERE), ELSEWHERE.parse().unwrap());
    let callee = super::network::address(Side::Callee);
    assert_eq!(asks("o2", 7, ""), callee, "the peer itself is not shut out by it");
}

#[test]
fn a_peer_that_has_proven_itself_by_another_way_counts_on_from_there() {
    let mut net = Network::perfect();
    let session = answered_stranger(&mut net, "v=0");
    let destination = Destination::udp(ListenerId(0), "198.51.100.9:5090".parse().unwrap());
    net.order(Side::Callee, Order::Move { session, destination });
    assert_eq!(asks(&mut net, session, 1000, ELSEWHERE), 200);
    assert_eq!(asks(&mut net, session, 2, STRANGER), 500, "the peer has left");
    assert_eq!(asks(&mut net, session, 2, "198.51.100.9:5090"), 200);
    assert_eq!(asks(&mut net, session, 2, "198.51.100.9:5090"), 200, "said again");
}

#[test]
fn a_carrier_that_is_known_by_its_addresses_speaks_from_any_of_them() {
    let mut net = Network::perfect();
    net.callee.settings.listeners[0].reach = Reach::Signalled;
    let session = answered_stranger(&mut net, "v=0");
    assert_eq!(asks(&mut net, session, 2_000_000, ELSEWHERE), 200);
    assert_eq!(asks(&mut net, session, 1_999_999, STRANGER), 500);
    assert_eq!(way(&net, session), STRANGER);
}
