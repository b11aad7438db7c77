//! Sessions that are refreshed, and those that are not (RFC 4028).

use std::time::Duration;

use super::network::{CALL, Network, STRANGER, Side, sdp};
use crate::endpoint::{EndpointEvent, Order, Transport};
use crate::header::HeaderName;
use crate::message::{Message, Method, Request, Response, StatusCode};
use crate::session::SessionId;

const HALF_AN_HOUR: Duration = Duration::from_mins(30);

fn sent(net: &Network, line: &str) -> usize {
    net.ladder.iter().filter(|it| *it == line).count()
}

#[test]
fn a_long_call_is_refreshed_by_one_side_and_its_ends_are_not_told() {
    let mut net = Network::perfect();
    net.connect();
    net.run(Duration::from_mins(91));
    assert_eq!(sent(&net, "callee UPDATE"), 6, "every quarter of an hour");
    assert_eq!(sent(&net, "caller UPDATE"), 0, "one of the two does it");
    assert_eq!(net.take(Side::Caller), [""; 0]);
    assert_eq!(net.take(Side::Callee), [""; 0]);
}

#[test]
fn a_call_whose_peer_is_gone_is_over_at_the_next_refresh() {
    let mut net = Network::perfect();
    net.connect();
    net.swallowed = vec!["UPDATE", "BYE"];
    net.run(Duration::from_mins(17));
    assert_eq!(net.take(Side::Callee), ["released PeerLost"]);
    net.run(HALF_AN_HOUR);
    assert_eq!(net.take(Side::Caller), ["released PeerLost"], "who waits for refreshes, too");
    assert!(net.is_clear());
}

#[test]
fn a_change_of_the_call_refreshes_it_as_well() {
    let mut net = Network::perfect();
    let session = net.connect();
    net.run(Duration::from_mins(10));
    net.order(Side::Caller, Order::Reinvite { session: CALL, body: sdp("hold") });
    net.run(Duration::from_secs(1));
    net.order(Side::Callee, Order::AnswerOffer { session, body: sdp("held") });
    net.run(Duration::from_mins(14));
    assert_eq!(sent(&net, "callee UPDATE"), 0, "a quarter of an hour after the change");
    net.run(Duration::from_mins(2));
    assert_eq!(sent(&net, "callee UPDATE"), 1);
}

#[test]
fn a_session_that_would_expire_too_soon_is_refused_with_the_least_we_allow() {
    let mut net = Network::perfect();
    let refused = answer_to(&mut net, "Supported: timer\nSession-Expires: 60\n");
    assert_eq!(refused.status.code(), 422);
    assert_eq!(refused.headers.text(&HeaderName::MinSe), Some("90"));
    assert_eq!(net.callee.session_count(), 0);
}

#[test]
fn what_is_agreed_on_depends_on_what_the_caller_knows_and_wants() {
    let cases = [
        ("", None, false),
        ("Supported: timer\n", Some("1800;refresher=uas"), false),
        ("Supported: timer\nSession-Expires: 600\n", Some("600;refresher=uas"), false),
        ("Supported: timer\nSession-Expires: 600;refresher=uac\n", Some("600;refresher=uac"), true),
        ("Session-Expires: 3600\n", Some("1800;refresher=uas"), false),
        (
            "Supported: timer\nSession-Expires: 3600\nMin-SE: 2400\n",
            Some("2400;refresher=uas"),
            false,
        ),
        ("Session-Expires: 5\n", Some("90;refresher=uas"), false),
    ];
    for (more, agreed, required) in cases {
        let mut net = Network::perfect();
        let answer = accepted(&mut net, more).1;
        assert_eq!(answer.headers.text(&HeaderName::SessionExpires), agreed, "{more}");
        assert_eq!(answer.headers.lists(&HeaderName::Require, "timer"), required, "{more}");
    }
}

#[test]
fn a_caller_that_promised_to_refresh_and_does_not_is_hung_up() {
    let mut net = Network::perfect();
    let more = "Supported: timer\nSession-Expires: 90;refresher=uac\n";
    accepted(&mut net, more);
    acknowledge(&mut net);
    net.run(Duration::from_secs(59));
    assert_eq!(net.astray.len(), 0);
    net.run(Duration::from_secs(2));
    let Some((_, Message::Request(bye))) = net.astray.first() else { panic!("no request") };
    assert_eq!(bye.method, Method::Bye);
    assert!(bye.headers.text(&HeaderName::Reason).unwrap().contains("not refreshed"));
}

#[test]
fn a_caller_that_takes_no_update_is_refreshed_by_a_re_invite_that_says_the_same_again() {
    let mut net = Network::perfect();
    accepted(&mut net, "Supported: timer\nAllow: INVITE, ACK, BYE\nSession-Expires: 90\n");
    acknowledge(&mut net);
    net.run(Duration::from_secs(46));
    let Some((_, Message::Request(again))) = net.astray.first() else { panic!("no request") };
    assert_eq!(again.method, Method::Invite);
    assert_eq!(again.body, b"answer");
    let asked = again.headers.text(&HeaderName::SessionExpires);
    assert_eq!(asked, Some("90;refresher=uac"));
}

#[test]
fn a_refresh_that_is_too_short_for_the_peer_is_sent_again_at_once_for_longer() {
    for (method, seen) in
        [(Method::Invite, ["offer refused 422"].as_slice()), (Method::Update, &[])]
    {
        let mut net = Network::perfect();
        let headers = "Supported: timer\nSession-Expires: 90\nAllow: ACK, BYE";
        accepted(&mut net, &format!("{headers}, {method}\n"));
        acknowledge(&mut net);
        net.run(Duration::from_secs(46));
        net.take(Side::Callee);
        let first = refresh(&net, &method).unwrap();
        let again = refused_for(&mut net, &first, "600").unwrap();
        assert_eq!(again.headers.text(&HeaderName::SessionExpires), Some("600;refresher=uac"));
        assert_eq!(again.body, first.body);
        assert_eq!(net.take(Side::Callee), [""; 0]);
        // It finds that too short as well, though it is what it asked for.
        assert_eq!(refused_for(&mut net, &again, "600"), None);
        assert_eq!(net.take(Side::Callee), seen);
        assert_eq!(net.callee.session_count(), 1);
    }
}

/// The refresh of ours that was sent last.
fn refresh(net: &Network, method: &Method) -> Option<Request> {
    net.astray.iter().rev().find_map(|(_, message)| match message {
        Message::Request(request) if request.method == *method => Some(request.clone()),
        Message::Request(_) | Message::Response(_) => None,
    })
}

/// The refresh that follows when the peer wants sessions of this length at least.
fn refused_for(net: &mut Network, before: &Request, least: &str) -> Option<Request> {
    let mut refusal = before.response(StatusCode::SESSION_INTERVAL_TOO_SMALL);
    refusal.headers.push(HeaderName::MinSe, least);
    net.astray.clear();
    let source = net.source(Side::Caller, Side::Callee);
    net.deliver(Side::Callee, Message::Response(refusal), source);
    net.run(Duration::from_millis(100));
    refresh(net, &before.method)
}

#[test]
fn a_call_is_made_again_for_longer_when_the_callee_wants_that() {
    let mut net = Network::perfect();
    net.dial();
    net.run(Duration::from_millis(50));
    let request = net.invite();
    let mut refusal = request.response(StatusCode::SESSION_INTERVAL_TOO_SMALL);
    refusal.headers.set(HeaderName::To, &request.to().unwrap().with_tag("callee"));
    refusal.headers.push(HeaderName::MinSe, "7200");
    net.events.clear();
    net.deliver(Side::Caller, Message::Response(refusal), net.callees_source());
    net.run(Duration::from_millis(50));
    let again = net.invite();
    assert_eq!(again.headers.text(&HeaderName::SessionExpires), Some("7200"));
    assert_eq!(again.headers.text(&HeaderName::MinSe), Some("7200"));
    assert_eq!(again.cseq().unwrap().number, request.cseq().unwrap().number + 1);
    assert_eq!(again.call_id(), request.call_id());
    assert_eq!(net.caller.session_ids(), [CALL], "the same call goes on");
}

/// The callee wants sessions of two hours at least.
fn too_short(net: &mut Network, request: &Request) {
    let mut refusal = request.response(StatusCode::SESSION_INTERVAL_TOO_SMALL);
    refusal.headers.set(HeaderName::To, &request.to().unwrap().with_tag("callee"));
    refusal.headers.push(HeaderName::MinSe, "7200");
    net.deliver(Side::Caller, Message::Response(refusal), net.callees_source());
}

#[test]
fn a_call_made_again_for_longer_proves_itself_anew_and_asks_for_no_less() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut net = Network::perfect();
        net.transport = transport;
        let mut outgoing = net.outgoing();
        outgoing.headers = vec![(HeaderName::Authorization, b"Digest used".to_vec())];
        let order = Order::Invite { session: CALL, outgoing: Box::new(outgoing.clone()) };
        net.order(Side::Caller, order);
        let Message::Request(first) = net.intercept(Side::Callee) else { panic!("no invite") };
        assert!(first.headers.has(&HeaderName::Authorization));
        too_short(&mut net, &first);
        net.run(Duration::from_millis(50));
        let longer = net.invite();
        assert_eq!(longer.headers.text(&HeaderName::SessionExpires), Some("7200"));
        assert!(!longer.headers.has(&HeaderName::Authorization), "a nonce is used once");
        let mut challenge = longer.response(StatusCode::UNAUTHORIZED);
        challenge.headers.set(HeaderName::To, &longer.to().unwrap().with_tag("callee"));
        net.events.clear();
        net.deliver(Side::Caller, Message::Response(challenge), net.callees_source());
        let Some((_, EndpointEvent::Refused { attempt, .. })) = net.events.pop() else { panic!() };
        assert_eq!(attempt.interval, Some(7200));
        outgoing.attempt = Some(attempt);
        outgoing.headers = vec![(HeaderName::Authorization, b"Digest new".to_vec())];
        net.order(Side::Caller, Order::Invite { session: CALL, outgoing: Box::new(outgoing) });
        net.run(Duration::from_millis(50));
        let again = net.invite();
        assert_eq!(again.headers.text(&HeaderName::SessionExpires), Some("7200"));
        assert_eq!(again.headers.text(&HeaderName::MinSe), Some("7200"));
        assert_eq!(again.headers.text(&HeaderName::Authorization), Some("Digest new"));
    }
}

#[test]
fn a_call_that_is_given_up_is_not_made_again_for_longer() {
    let mut net = Network::perfect();
    net.dial();
    net.run(Duration::from_millis(50));
    let request = net.invite();
    net.events.clear();
    net.swallowed = vec!["CANCEL"];
    net.order(Side::Caller, Order::Cancel { session: CALL, reason: None });
    too_short(&mut net, &request);
    net.run(Duration::from_millis(50));
    assert_eq!(net.take(Side::Caller), ["refused 422"]);
    assert_eq!(sent(&net, "caller INVITE"), 1);
}

fn answer_to(net: &mut Network, more: &str) -> Response {
    let text = format!(
        "INVITE sip:4008001234@192.0.2.2:5080 SIP/2.0\n\
         Via: SIP/2.0/UDP {STRANGER};branch=z9hG4bK-1\n\
         From: <sip:13800138000@192.0.2.66>;tag=theirs\nTo: <sip:4008001234@192.0.2.2>\n\
         Call-ID: timer\nCSeq: 1 INVITE\nMax-Forwards: 70\n\
         Contact: <sip:13800138000@192.0.2.66>\nContent-Type: application/sdp\n{more}\
         Content-Length: 3\n\nv=0"
    );
    match net.stranger(&text) {
        Some(Message::Response(response)) => response,
        other => panic!("not a response: {other:?}"),
    }
}

/// The 200 to an INVITE of a stranger with these header fields.
fn accepted(net: &mut Network, more: &str) -> (SessionId, Response) {
    answer_to(net, more);
    let session = net.callee.session_ids()[0];
    net.astray.clear();
    net.order(Side::Callee, Order::Accept { session, body: sdp("answer") });
    match &net.astray[0].1 {
        Message::Response(response) => (session, response.clone()),
        Message::Request(request) => panic!("not a response: {request:?}"),
    }
}

/// Acknowledges the 200 that was sent last.
fn acknowledge(net: &mut Network) {
    let Message::Response(response) = net.astray[0].1.clone() else { panic!("no response") };
    let to = String::from_utf8(response.headers.first(&HeaderName::To).unwrap().to_vec()).unwrap();
    let text = format!(
        "ACK sip:4008001234@192.0.2.2:5080 SIP/2.0\n\
         Via: SIP/2.0/UDP {STRANGER};branch=z9hG4bK-2\n\
         From: <sip:13800138000@192.0.2.66>;tag=theirs\nTo: {to}\n\
         Call-ID: timer\nCSeq: 1 ACK\nMax-Forwards: 70\nContent-Length: 0\n\n"
    );
    net.stranger(&text);
}
