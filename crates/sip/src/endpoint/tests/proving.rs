//! Challenges to what we send within a call.

use std::time::Duration;

use super::network::{CALL, Network, Side, sdp};
use crate::digest::{Credentials, Login};
use crate::endpoint::{Order, RequestId, Transport, Within};
use crate::header::HeaderName;
use crate::message::{Message, Method, Request, StatusCode};

const MOMENT: Duration = Duration::from_millis(50);
const CHALLENGE: &str = "Digest realm=\"carrier\", nonce=\"n\", algorithm=MD5, qop=\"auth\"";

fn proves(net: &mut Network) {
    let login = Login::Password { user: "us".into(), password: "secret".into() };
    net.order(Side::Caller, Order::Prove { session: CALL, login: Box::new(login) });
}

/// The caller's last request is challenged on its way; what is sent instead, not yet arrived.
fn challenged(net: &mut Network) -> (Request, Option<Request>) {
    let Message::Request(asked) = net.intercept(Side::Callee) else { panic!("no request") };
    let mut response = asked.response(StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    response.headers.push(HeaderName::ProxyAuthenticate, CHALLENGE);
    let before = net.ladder.len();
    let source = net.callees_source();
    net.deliver(Side::Caller, Message::Response(response), source);
    let title = format!("caller {}", asked.method);
    let again = net.ladder[before..].contains(&title);
    let again = again.then(|| match net.last_to(Side::Callee) {
        Message::Request(request) => request,
        Message::Response(response) => panic!("{response:?}"),
    });
    (asked, again)
}

fn credentials(request: &Request) -> Option<Credentials> {
    Credentials::parse(request.headers.text(&HeaderName::ProxyAuthorization)?).ok()
}

#[test]
fn a_request_within_a_call_that_is_challenged_is_sent_once_more_with_credentials() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let within = Within { method: Method::Info, headers: Vec::new(), body: None };
        let orders = [
            Order::Reinvite { session: CALL, body: sdp("hold") },
            Order::RequestWithin { session: CALL, request: RequestId(7), within: within.into() },
            Order::Bye { session: CALL, reason: None },
        ];
        for order in orders {
            let mut net = Network::perfect();
            net.transport = transport;
            net.connect();
            proves(&mut net);
            net.order(Side::Caller, order);
            let (asked, again) = challenged(&mut net);
            let again = again.unwrap();
            assert_eq!(credentials(&again).unwrap().realm, "carrier");
            assert_eq!(credentials(&again).unwrap().uri, again.uri.to_string());
            let number = |request: &Request| request.cseq().unwrap().number;
            assert_eq!(number(&again), number(&asked) + 1);
            assert_eq!(again.body, asked.body);
            assert_ne!(again.via().unwrap().branch(), asked.via().unwrap().branch());
            assert!(net.take(Side::Caller).is_empty(), "nothing has come to an end");
            let (_, third) = challenged(&mut net);
            assert!(third.is_none(), "a second challenge refuses the credentials");
        }
    }
}

#[test]
fn a_change_sent_with_credentials_is_answered_and_its_ack_has_them_too() {
    let mut net = Network::perfect();
    let session = net.connect();
    proves(&mut net);
    net.order(Side::Caller, Order::Reinvite { session: CALL, body: sdp("hold") });
    let (_, again) = challenged(&mut net);
    net.run(MOMENT);
    net.order(Side::Callee, Order::AnswerOffer { session, body: sdp("held") });
    net.run(Duration::from_micros(1_500));
    assert_eq!(net.take(Side::Caller), ["offer answered held"]);
    let Message::Request(ack) = net.last_to(Side::Callee) else { panic!("no ack") };
    assert_eq!(ack.method, Method::Ack);
    let sent = again.unwrap().headers.text(&HeaderName::ProxyAuthorization).map(str::to_owned);
    assert_eq!(ack.headers.text(&HeaderName::ProxyAuthorization), sent.as_deref());
}

#[test]
fn the_ack_of_a_call_has_the_credentials_of_its_invite() {
    let mut net = Network::perfect();
    let mut outgoing = net.outgoing();
    outgoing.headers = vec![(HeaderName::Authorization, b"Digest x".to_vec())];
    net.order(Side::Caller, Order::Invite { session: CALL, outgoing: Box::new(outgoing) });
    let session = net.rung();
    net.order(Side::Callee, Order::Accept { session, body: sdp("answer") });
    net.run(Duration::from_micros(1_500));
    let Message::Request(ack) = net.last_to(Side::Callee) else { panic!("no ack") };
    assert_eq!(ack.headers.text(&HeaderName::Authorization), Some("Digest x"));
}

#[test]
fn a_prack_that_is_challenged_is_sent_once_more_with_credentials() {
    let mut net = Network::perfect();
    net.dial();
    proves(&mut net);
    let session = net.rung();
    let status = StatusCode::SESSION_PROGRESS;
    net.order(Side::Callee, Order::Progress { session, status, body: Some(sdp("answer")) });
    net.run(Duration::from_micros(1_500));
    let (asked, again) = challenged(&mut net);
    let again = again.unwrap();
    assert_eq!(again.method, Method::Prack);
    assert_eq!(again.headers.text(&HeaderName::RAck), asked.headers.text(&HeaderName::RAck));
    net.run(MOMENT);
    assert!(net.ladder.contains(&"callee 200 PRACK".to_owned()));
}

#[test]
fn a_call_without_a_login_ends_when_its_bye_is_challenged() {
    let mut net = Network::perfect();
    net.connect();
    net.order(Side::Caller, Order::Bye { session: CALL, reason: None });
    let (_, again) = challenged(&mut net);
    assert!(again.is_none());
    assert_eq!(net.take(Side::Caller), ["released OurBye"]);
}
