//! Scanners, guessers and floods.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use model::Cause;
use sip::digest::{Algorithm, Ha1};
use sip::{HeaderName, Limits, Method, StatusCode};
use sip_net::{Account, Counted, GuardSettings, Listen, Scope, Serves};
use switchboard::ports::LegFact;
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::house::{House, REALM, account};
use crate::line::Line;
use crate::peer::{Peer, cancel};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));

/// A house that trusts nobody, and somebody at 127.0.0.3.
async fn attacked(user: &str) -> (House, Peer) {
    let house = House::with(|setup| {
        setup.settings.guard = GuardSettings {
            trusted: Vec::new(),
            offences: 10,
            burst: 50,
            rate: 50,
            ..GuardSettings::default()
        };
    })
    .await;
    let attacker = Peer::at(3, user, house.handle.phones()).await;
    (house, attacker)
}

async fn counted(house: &House, what: Counted, least: u64) {
    let reached = async {
        while house.counted(what) < least {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(5), reached).await.unwrap();
}

#[tokio::test]
async fn who_guesses_at_many_accounts_is_shut_out_until_somebody_lets_it_in_again() {
    let (mut house, mut guesser) = attacked("").await;
    for turn in 0..10 {
        guesser.user = format!("77{turn}");
        let request = guesser.register(&format!("guess-{turn}"));
        guesser.ask_with(request, ("password", Algorithm::Sha256)).await;
    }
    let bans = house.handle.bans().await.unwrap();
    assert_eq!((bans.len(), bans[0].source, bans[0].why), (1, HERE, "unknown_user"));
    assert_eq!(bans[0].scope, Scope::Everything, "who answers challenges is where it says");
    guesser.user = "1001".to_owned();
    let request = guesser.register("again");
    guesser.send(&request.to_bytes()).await;
    counted(&house, Counted::Banned, 1).await;
    let mut neighbour = Peer::at(4, "1002", house.handle.phones()).await;
    neighbour.registered().await;
    assert_eq!(house.bindings().await, ("1002".into(), 1));

    assert!(house.handle.lift(HERE).await.unwrap());
    assert!(!house.handle.lift(HERE).await.unwrap());
    guesser.registered().await;
}

#[tokio::test]
async fn who_guesses_at_one_account_must_wait_and_its_phone_need_not() {
    let (mut house, mut guesser) = attacked("1001").await;
    let mut phone = Peer::at(4, "1001", house.handle.phones()).await;
    phone.registered().await;
    assert_eq!(house.bindings().await, ("1001".into(), 1));
    let mut waits = 0;
    for turn in 0..8 {
        let request = guesser.register(&format!("guess-{turn}"));
        let answer = guesser.ask_with(request, ("password", Algorithm::Sha256)).await;
        if answer.status == StatusCode::FORBIDDEN {
            assert!(answer.headers.text(&HeaderName::RetryAfter).is_some());
            waits += 1;
        }
    }
    assert_eq!((waits, house.counted(Counted::AccountWaits)), (2, 2));
    // The right secret is not looked at either, from there; from the phone's place it is, and from
    // wherever nobody guessed.
    let request = guesser.register("right");
    let answer = guesser.ask_with(request, ("secret", Algorithm::Sha256)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    phone.registered().await;
    let mut moved = Peer::at(5, "1001", house.handle.phones()).await;
    moved.registered().await;
}

#[tokio::test]
async fn who_sends_guesses_in_anothers_name_makes_nobody_wait() {
    let (house, mut stranger) = attacked("1001").await;
    let request = stranger.register("stranger");
    let given_to_another = stranger.ask(&request).await;
    let mut phone = Peer::at(4, "1001", house.handle.phones()).await;
    for turn in 0..8 {
        let request = phone.register(&format!("forged-{turn}"));
        let secret = ("guess", Algorithm::Sha256);
        let forged = phone.with_credentials(request, &given_to_another, secret);
        assert_eq!(phone.ask(&forged).await.status, StatusCode::UNAUTHORIZED);
    }
    phone.registered().await;
    assert_eq!(house.counted(Counted::AccountWaits), 0);
}

#[tokio::test]
async fn wrong_secrets_of_before_do_not_count_against_a_new_one() {
    let (house, mut former) = attacked("1001").await;
    for turn in 0..7 {
        let request = former.register(&format!("former-{turn}"));
        former.ask_with(request, ("former", Algorithm::Sha256)).await;
    }
    assert_eq!(house.counted(Counted::AccountWaits), 1);
    let secret = Ha1::of(Algorithm::Sha256, "1001", REALM, "renewed");
    let renewed = Account { secrets: vec![secret], ..account("1001") };
    house.handle.replace_accounts([renewed].into_iter().collect()).await.unwrap();
    let request = former.register("renewed");
    let answer = former.ask_with(request, ("renewed", Algorithm::Sha256)).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_flood_is_dropped_beyond_its_rate_and_costs_nobody_else_anything() {
    let (mut house, mut flood) = attacked("1001").await;
    for turn in 0..500 {
        let request = flood.register(&format!("flood-{turn}"));
        flood.send(&request.to_bytes()).await;
    }
    counted(&house, Counted::RateLimited, 300).await;
    let mut phone = Peer::at(4, "1002", house.handle.phones()).await;
    phone.registered().await;
    assert_eq!(house.bindings().await, ("1002".into(), 1));
}

#[tokio::test]
async fn while_the_floor_does_not_look_at_calls_new_ones_are_to_come_again_and_registrations_go_on()
{
    let most = Duration::from_millis(100);
    let mut house = House::with(|setup| setup.settings.longest_backlog = most).await;
    let mut carrier = Peer::at(2, "13800138000", house.handle.trunks()).await;
    let waiting = carrier.invite("4008001234", "waits");
    carrier.send(&waiting.to_bytes()).await;
    let (leg, _) = house.rings_in().await;
    tokio::time::sleep(most).await;
    let late = carrier.invite("4008001234", "comes-too-soon");
    let answer = carrier.ask(&late).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers.has(&HeaderName::RetryAfter));
    assert_eq!(house.counted(Counted::Strained), 1);
    Peer::at(1, "1001", house.handle.phones()).await.registered().await;
    assert_eq!(house.bindings().await, ("1001".into(), 1));
    house.handle.looked_at(leg);
    let again = carrier.invite("4008001234", "comes-again");
    carrier.send(&again.to_bytes()).await;
    let (_, rings) = house.rings_in().await;
    assert_eq!(rings.sip_call_id, "comes-again");
}

#[tokio::test]
async fn a_scanner_gets_no_answer_and_is_shut_out_at_once() {
    let (house, mut scanner) = attacked("100").await;
    let mut request = scanner.request("OPTIONS", "sip:100@400.example.cn", "scan");
    request.headers.set(HeaderName::UserAgent, "friendly-scanner");
    scanner.send(&request.to_bytes()).await;
    counted(&house, Counted::Scanner, 1).await;
    let bans = house.handle.bans().await.unwrap();
    assert_eq!((bans.len(), bans[0].why, bans[0].scope), (1, "scanner", Scope::Datagrams));
}

#[tokio::test]
async fn what_is_forged_at_night_keeps_no_phone_out_in_the_morning() {
    let (mut house, mut forger) = attacked("100").await;
    let scan = |forger: &mut Peer, turn: u32| {
        let mut request = forger.request("OPTIONS", "sip:100@400.example.cn", &format!("{turn}"));
        request.headers.set(HeaderName::UserAgent, "friendly-scanner");
        request.to_bytes()
    };
    let first = scan(&mut forger, 0);
    forger.send(&first).await;
    counted(&house, Counted::Scanner, 1).await;
    let mut phone = Peer::at(3, "1001", house.handle.phones()).await;
    let request = phone.register("morning");
    let challenged = phone.ask(&request).await;
    assert_eq!(challenged.status, StatusCode::UNAUTHORIZED);
    // Much is forged, and nothing of it is answered any more.
    for turn in 1..20 {
        let again = scan(&mut forger, turn);
        forger.send(&again).await;
    }
    counted(&house, Counted::Banned, 5).await;
    let request = phone.with_credentials(request, &challenged, ("secret", Algorithm::Sha256));
    assert_eq!(phone.ask(&request).await.status, StatusCode::OK);
    assert_eq!(house.bindings().await, ("1001".into(), 1));
}

#[tokio::test]
async fn who_guesses_from_behind_the_phones_own_address_must_wait_and_the_phone_need_not() {
    let (mut house, mut guesser) = attacked("1001").await;
    let mut phone = Peer::at(3, "1001", house.handle.phones()).await;
    let registration = phone.register("the-phones-own");
    let registered = phone.ask_with(registration, ("secret", Algorithm::Sha256)).await;
    assert_eq!(registered.status, StatusCode::OK);
    assert_eq!(house.bindings().await, ("1001".into(), 1));
    for turn in 0..8 {
        let request = guesser.register(&format!("guess-{turn}"));
        guesser.ask_with(request, ("password", Algorithm::Sha256)).await;
    }
    assert_eq!(house.counted(Counted::AccountWaits), 2);
    let call = phone.invite("1002", "calls-on");
    let challenged = phone.ask(&call).await;
    phone.acknowledge_refusal(&call, &challenged).await;
    let call = phone.with_credentials(call, &challenged, ("secret", Algorithm::Sha256));
    phone.send(&call.to_bytes()).await;
    house.rings_in().await;
    // Its NAT gives it another port; it goes on with its registration.
    let mut moved = Peer::at(3, "1001", house.handle.phones()).await;
    moved.sent = 50;
    let registration = moved.register("the-phones-own");
    let answer = moved.ask_with(registration, ("secret", Algorithm::Sha256)).await;
    assert_eq!(answer.status, StatusCode::OK);
}

/// A connection from 127.0.0.3.
async fn connected(house: &House) -> Line<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(HERE, 0)).unwrap();
    Line::new(socket.connect(house.handle.phones()).await.unwrap(), "SIP/2.0/TCP")
}

#[tokio::test]
async fn what_is_forged_in_datagrams_keeps_nobodys_connections_out() {
    let (mut house, mut forger) = attacked("1001").await;
    let mut phone = connected(&house).await;
    for turn in 0..40 {
        forger.send(format!("OPTIONS {turn}\r\n\r\n").as_bytes()).await;
    }
    counted(&house, Counted::Banned, 1).await;
    let request = forger.register("over-tcp");
    phone.send(&request.to_bytes()).await;
    let challenged = phone.response().await;
    let again = forger.with_credentials(request, &challenged, ("secret", Algorithm::Sha256));
    phone.send(&again.to_bytes()).await;
    assert_eq!(phone.response().await.status, StatusCode::OK);
    assert_eq!(house.bindings().await, ("1001".into(), 1));
}

#[tokio::test]
async fn who_is_shut_out_over_a_connection_loses_all_of_them() {
    let (house, mut scanner) = attacked("100").await;
    let (mut first, mut second) = (connected(&house).await, connected(&house).await);
    let mut request = scanner.request("OPTIONS", "sip:100@400.example.cn", "scan");
    request.headers.set(HeaderName::UserAgent, "friendly-scanner");
    first.send(&request.to_bytes()).await;
    first.is_closed().await;
    // It has said nothing.
    second.is_closed().await;
    connected(&house).await.is_closed().await;
    let bans = house.handle.bans().await.unwrap();
    assert_eq!((bans.len(), bans[0].scope), (1, Scope::Everything));
}

#[tokio::test]
async fn what_is_malformed_is_answered_no_more_often_than_requests() {
    let house = House::with(|setup| {
        setup.settings.guard = GuardSettings {
            trusted: Vec::new(),
            offences: 10_000,
            burst: 5,
            rate: 1,
            ..GuardSettings::default()
        };
    })
    .await;
    let mut flood = Peer::at(3, "1001", house.handle.phones()).await;
    let request = flood.request("OPTIONS", "sip:400.example.cn", "o");
    let text = String::from_utf8(request.to_bytes()).unwrap();
    let malformed = text.replace("Content-Length: 0", "Content-Length: 9");
    for _ in 0..50 {
        flood.send(malformed.as_bytes()).await;
    }
    counted(&house, Counted::Malformed, 50).await;
    assert_eq!(flood.response().await.status, StatusCode::BAD_REQUEST);
    assert!(house.counted(Counted::RateLimited) >= 40);
    assert!(house.counted(Counted::Sent) <= 10);
}

/// A Binding request with its transaction, 12 octets.
fn binding_request(transaction: &[u8; 12]) -> Vec<u8> {
    [b"\x00\x01\x00\x00\x21\x12\xa4\x42", &transaction[..]].concat()
}

#[tokio::test]
async fn a_stun_keep_alive_is_answered_with_where_it_came_from() {
    for own in ["127.0.0.1:0", "[::1]:0"] {
        let own: SocketAddr = own.parse().unwrap();
        let house = House::with(|setup| {
            setup.settings.listeners.insert(0, Listen::plain(Serves::Phones, own));
        })
        .await;
        let socket = UdpSocket::bind(own).await.unwrap();
        let garbage = [&binding_request(b"half of it.."), &b"\x00\x20\x00\x08"[..]].concat();
        for octets in [garbage, binding_request(b"twelve octet")] {
            socket.send_to(&octets, house.handle.phones()).await.unwrap();
        }
        let mut response = [0; 128];
        let received = timeout(Duration::from_secs(5), socket.recv_from(&mut response));
        let (length, from) = received.await.unwrap().unwrap();
        assert_eq!(from, house.handle.phones());
        assert_eq!(&response[..2], b"\x01\x01");
        assert_eq!(&response[8..20], b"twelve octet");
        let port = u16::from_be_bytes([response[26] ^ 0x21, response[27] ^ 0x12]);
        assert_eq!(port, socket.local_addr().unwrap().port());
        assert_eq!(length, if own.is_ipv4() { 32 } else { 44 });
        let counted = (house.counted(Counted::KeptAlive), house.counted(Counted::Malformed));
        assert_eq!(counted, (1, 1));
    }
}

#[tokio::test]
async fn a_flood_of_keep_alives_is_answered_only_in_part() {
    let (house, attacker) = attacked("").await;
    for _ in 0..200 {
        attacker.send(&binding_request(b"twelve octet")).await;
    }
    counted(&house, Counted::RateLimited, 1).await;
    assert!(house.counted(Counted::KeptAlive) >= 50);
    assert!(house.handle.bans().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_cannot_be_read_in_time_is_refused_and_calls_there_are_go_on() {
    let mut house = House::with(|setup| setup.settings.longest_backlog = Duration::ZERO).await;
    let mut carrier = Peer::at(2, "13800138000", house.handle.trunks()).await;
    let invite = carrier.invite("4008001234", "before");
    carrier.send(&invite.to_bytes()).await;
    let (leg, _) = house.rings_in().await;
    house.handle.looked_at(leg);
    // More than one turn's worth, before anybody looks.
    let flood: Vec<_> = (0..100)
        .map(|number| {
            carrier.request("OPTIONS", "sip:4008001234@400.example.cn", &format!("o{number}"))
        })
        .collect();
    for request in &flood {
        carrier.socket.try_send_to(&request.to_bytes(), house.handle.trunks()).unwrap();
    }
    carrier.socket.try_send_to(&cancel(&invite).to_bytes(), house.handle.trunks()).unwrap();
    let over = LegFact::Released { cause: Cause::CallerLeft, status: None, reason: None };
    assert_eq!(house.fact(leg).await, over, "what ends a call is always heard");
    assert!(house.counted(Counted::Strained) > 0);
    let mut refused = 0;
    let mut answered = 0;
    while answered < flood.len() {
        let answer = carrier.response().await;
        // The INVITE is over, too.
        answered += usize::from(answer.cseq().unwrap().method == Method::Options);
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            let again = answer.headers.number(&HeaderName::RetryAfter).unwrap().unwrap();
            assert!((5..15).contains(&again), "{again}");
            refused += 1;
        }
    }
    assert!((1..=36).contains(&refused), "one turn is answered: {refused}");
}

#[tokio::test]
async fn a_message_that_is_longer_than_was_set_is_refused_over_any_transport() {
    let house = House::with(|setup| {
        setup.settings.connections.message = Limits { message: 2_000, ..Limits::DEFAULT };
    })
    .await;
    let mut phone = Peer::at(2, "1001", house.handle.phones()).await;
    let mut options = phone.request("OPTIONS", "sip:1001@400.example.cn", "long");
    assert_ne!(phone.ask(&options).await.status, StatusCode::MESSAGE_TOO_LARGE);
    options.body = vec![b'x'; 2_000];
    assert_eq!(phone.ask(&options).await.status, StatusCode::MESSAGE_TOO_LARGE);
    let stream = TcpStream::connect(house.handle.phones()).await.unwrap();
    let mut line = Line::new(stream, "SIP/2.0/TCP");
    line.send(&options.to_bytes()).await;
    assert_eq!(line.response().await.status, StatusCode::MESSAGE_TOO_LARGE);
}
