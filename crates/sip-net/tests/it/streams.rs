//! Phones over TCP, and connections that misbehave.

use std::time::Duration;

use model::Cause;
use sip::digest::Algorithm;
use sip::{HeaderName, Message, Method, Request, StatusCode};
use sip_net::{Account, AccountRules, Counted};
use switchboard::ports::{LegCommand, LegFact, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::house::{House, account, dialled, number, ours, rings, trunk};
use crate::line::Line;
use crate::peer::{Peer, sdp};

const PATIENCE: Duration = Duration::from_secs(5);

async fn connected(house: &House) -> Line<TcpStream> {
    Line::new(TcpStream::connect(house.handle.phones()).await.unwrap(), "SIP/2.0/TCP")
}

/// A phone's connection, over which it has registered.
async fn registered(house: &mut House, voice: &mut Peer) -> Line<TcpStream> {
    let mut line = connected(house).await;
    let request = voice.register("tcp");
    line.send(&request.to_bytes()).await;
    let challenged = line.response().await;
    let again = voice.with_credentials(request, &challenged, ("secret", Algorithm::Sha256));
    line.send(&again.to_bytes()).await;
    assert_eq!(line.response().await.status, StatusCode::OK);
    assert_eq!(house.bindings().await, ("1001".into(), 1));
    line
}

#[tokio::test]
async fn a_phone_over_a_connection_is_rung_by_it_and_lost_with_it() {
    let mut house = House::open().await;
    let mut voice = Peer::at(1, "1001", house.handle.phones()).await;
    let mut line = registered(&mut house, &mut voice).await;
    let leg = dialled(1);
    house.command(leg, rings("1001"));
    let Message::Request(invite) = line.receive().await else { panic!("not a request") };
    assert_eq!(invite.method, Method::Invite);
    let mut answer = invite.response(StatusCode::OK);
    answer.headers.set(HeaderName::To, &invite.to().unwrap().with_tag("phone"));
    answer.headers.push(HeaderName::Contact, "<sip:1001@127.0.0.1;transport=tcp>");
    answer.headers.push(HeaderName::ContentType, "application/sdp");
    answer.body = sdp(voice.address(), 1);
    line.stream.write_all(&answer.to_bytes()).await.unwrap();
    assert!(matches!(house.fact(leg).await, LegFact::Answered { .. }));
    drop(line);
    assert_eq!(house.bindings().await, ("1001".into(), 0));
}

/// Rings the phone by its connection, which answers; our INVITE.
async fn answers(house: &mut House, line: &mut Line<TcpStream>, voice: &Peer) -> Request {
    let leg = dialled(1);
    house.command(leg, rings("1001"));
    let Message::Request(invite) = line.receive().await else { panic!("not a request") };
    let mut answer = invite.response(StatusCode::OK);
    answer.headers.set(HeaderName::To, &invite.to().unwrap().with_tag("phone"));
    answer.headers.push(HeaderName::Contact, "<sip:1001@127.0.0.1;transport=tcp>");
    answer.headers.push(HeaderName::ContentType, "application/sdp");
    answer.body = sdp(voice.address(), 1);
    line.stream.write_all(&answer.to_bytes()).await.unwrap();
    assert!(matches!(house.fact(leg).await, LegFact::Answered { .. }));
    invite
}

#[tokio::test]
async fn much_at_once_over_one_connection_arrives_in_order() {
    let mut house = House::open().await;
    let mut voice = Peer::at(1, "1001", house.handle.phones()).await;
    let mut line = registered(&mut house, &mut voice).await;
    for n in 0..500 {
        house.command(dialled(n), rings("1001"));
    }
    let mut calls = Vec::new();
    for _ in 0..500 {
        let Message::Request(invite) = line.receive().await else { panic!("not a request") };
        calls.push(invite.call_id().unwrap().to_owned());
    }
    calls.sort();
    calls.dedup();
    assert_eq!(calls.len(), 500);
    assert_eq!(house.counted(Counted::SlowConnection), 0);
}

#[tokio::test]
async fn a_phone_whose_stream_breaks_goes_on_with_its_call_when_it_has_registered_again() {
    let mut house = House::open().await;
    let mut voice = Peer::at(1, "1001", house.handle.phones()).await;
    let mut line = registered(&mut house, &mut voice).await;
    let leg = dialled(1);
    let invite = answers(&mut house, &mut line, &voice).await;
    drop(line);
    assert_eq!(house.bindings().await, ("1001".into(), 0));
    let mut line = registered(&mut house, &mut voice).await;
    house.command(leg, LegCommand::Reoffer { offer: ours(20_002) });
    let Message::Request(change) = line.receive().await else { panic!("not a request") };
    assert_eq!(change.method, Method::Invite);
    assert_eq!(change.call_id(), invite.call_id());
}

#[tokio::test]
async fn a_call_over_a_living_stream_stays_there_when_another_device_takes_the_registration() {
    let rules = AccountRules { most_bindings: 1, ..AccountRules::default() };
    let mut house = House::with(|setup| {
        let one = Account { rules, ..account("1001") };
        setup.accounts = [one].into_iter().collect();
    })
    .await;
    let mut voice = Peer::at(1, "1001", house.handle.phones()).await;
    let mut line = registered(&mut house, &mut voice).await;
    let leg = dialled(1);
    let invite = answers(&mut house, &mut line, &voice).await;
    let Message::Request(ack) = line.receive().await else { panic!("not a request") };
    assert_eq!(ack.method, Method::Ack);
    // The desk phone is switched on.
    let mut desk = Peer::at(1, "1001", house.handle.phones()).await;
    desk.registered().await;
    house.command(leg, LegCommand::Release { cause: Cause::CallerLeft, status: None });
    let Message::Request(bye) = line.receive().await else { panic!("not a request") };
    assert_eq!((bye.method.clone(), bye.call_id()), (Method::Bye, invite.call_id()));
}

#[tokio::test]
async fn a_ping_is_answered_with_a_pong() {
    let house = House::open().await;
    let mut line = connected(&house).await;
    line.stream.write_all(b"\r\n\r\n").await.unwrap();
    let mut pong = [0; 2];
    timeout(PATIENCE, line.stream.read_exact(&mut pong)).await.unwrap().unwrap();
    assert_eq!(&pong, b"\r\n");
}

#[tokio::test]
async fn a_connection_that_says_nothing_or_half_a_message_is_closed() {
    let house = House::with(|setup| {
        setup.settings.connections.slowest_message = Duration::from_millis(50);
    })
    .await;
    let mut silent = connected(&house).await;
    let mut slow = connected(&house).await;
    slow.stream.write_all(b"REGISTER sip:400.example.cn SIP/2.0\r\nVia: ").await.unwrap();
    silent.is_closed().await;
    slow.is_closed().await;
    assert_eq!(house.counted(Counted::SlowConnection), 2);
}

#[tokio::test]
async fn only_a_connection_that_was_of_use_may_be_silent_for_long() {
    let mut house = House::with(|setup| {
        setup.settings.guard.trusted.clear();
        setup.settings.connections.slowest_message = Duration::from_millis(300);
    })
    .await;
    let mut voice = Peer::at(1, "1001", house.handle.phones()).await;
    let mut phone = registered(&mut house, &mut voice).await;
    let mut stranger = connected(&house).await;
    let options = voice.request("OPTIONS", "sip:400.example.cn", "o1");
    stranger.send(&options.to_bytes()).await;
    assert_eq!(stranger.response().await.status, StatusCode::OK);
    stranger.is_closed().await;
    // It was silent for longer than the stranger.
    let options = voice.request("OPTIONS", "sip:400.example.cn", "o2");
    phone.send(&options.to_bytes()).await;
    assert_eq!(phone.response().await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_connection_that_carries_no_sip_is_closed_and_others_live_on() {
    let mut house = House::open().await;
    let mut voice = Peer::at(1, "1001", house.handle.phones()).await;
    let mut good = registered(&mut house, &mut voice).await;
    let mut bad = connected(&house).await;
    bad.stream.write_all(b"GET / HTTP/1.1\r\nHost: example\r\n\r\n").await.unwrap();
    bad.is_closed().await;
    assert!(house.counted(Counted::Malformed) > 0);
    let options = voice.request("OPTIONS", "sip:400.example.cn", "o1");
    good.send(&options.to_bytes()).await;
    assert_eq!(good.response().await.status, StatusCode::OK);
}

#[tokio::test]
async fn one_address_may_have_so_many_connections_and_no_more() {
    let house = House::with(|setup| {
        setup.settings.guard.trusted.clear();
        setup.settings.connections.per_source = 2;
    })
    .await;
    let mut first = connected(&house).await;
    let _second = connected(&house).await;
    let mut third = connected(&house).await;
    third.is_closed().await;
    assert_eq!(house.counted(Counted::TooManyConnections), 1);
    first.stream.write_all(b"\r\n\r\n").await.unwrap();
    let mut pong = [0; 2];
    timeout(PATIENCE, first.stream.read_exact(&mut pong)).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_call_too_large_for_a_datagram_reaches_the_carrier_over_tcp_or_else_in_one() {
    let nobody = ([127, 0, 0, 1], 9).into();
    for takes_connections in [true, false] {
        let mut carrier = Peer::at(2, "carrier", nobody).await;
        let at = carrier.address();
        let listener = match takes_connections {
            true => Some(TcpListener::bind(at).await.unwrap()),
            false => None,
        };
        let known = trunk(([127, 0, 0, 2], at.port()), None);
        let mut house = House::with(|setup| setup.trunks = [known].into_iter().collect()).await;
        carrier.server = house.handle.trunks();
        let dial = LegCommand::Dial {
            target: Target::Trunk { trunk: "carrier".into(), number: number("13900139000") },
            from: number("02087654321"),
            display: Some("a".repeat(1_300)),
            offer: ours(20_000),
            call: model::CallId::new(model::Epoch::new(1), 7),
            carried: model::Carried::default(),
            alert: switchboard::ports::Alert::Ring,
        };
        house.command(dialled(1), dial);
        if let Some(listener) = listener {
            let (stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
            let mut line = Line::new(stream, "SIP/2.0/TCP");
            let Message::Request(invite) = line.receive().await else { panic!("no request") };
            assert_eq!(invite.via().unwrap().transport.as_str(), "TCP");
            let mut busy = invite.response(StatusCode::BUSY_HERE);
            busy.headers.set(HeaderName::To, &invite.to().unwrap().with_tag("busy"));
            line.stream.write_all(&busy.to_bytes()).await.unwrap();
        } else {
            let invite = carrier.request_of(&Method::Invite).await;
            assert_eq!(invite.via().unwrap().transport.as_str(), "UDP");
            carrier.answer(&invite, StatusCode::BUSY_HERE, b"").await;
        }
        let over = house.fact(dialled(1)).await;
        assert!(matches!(over, LegFact::Released { status: Some(486), .. }), "{over:?}");
    }
}
