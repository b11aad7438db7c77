//! Calls that we make, to phones and to trunks; bindings over a restart.

use std::net::SocketAddr;

use model::{CallId, Carried, Cause, Epoch};
use sip::digest::{Algorithm, Login};
use sip::registrar::{ChangeKind, Removal};
use sip::sdp::parse_description;
use sip::{HeaderName, Method, Request, StatusCode};
use sip_net::{Listen, Serves, Trunk};
use switchboard::ports::{Alert, LegCommand, LegFact, Origin, Target};

use crate::house::{House, dialled, number, ours, trunk};
use crate::peer::{Peer, sdp};

fn dial(target: Target) -> LegCommand {
    LegCommand::Dial {
        target,
        from: number("13800138000"),
        display: Some("王芳".into()),
        offer: ours(20_000),
        call: CallId::new(Epoch::new(1), 7),
        carried: Carried::default(),
        alert: Alert::Ring,
    }
}

fn to_phone(phone: &str) -> LegCommand {
    dial(Target::Phone(phone.into()))
}

async fn with_phones(ports: usize) -> (House, Vec<Peer>) {
    let mut house = House::open().await;
    let mut phones = Vec::new();
    for _ in 0..ports {
        let mut phone = Peer::at(1, "1001", house.handle.phones()).await;
        phone.registered().await;
        house.bindings().await;
        phones.push(phone);
    }
    (house, phones)
}

#[tokio::test]
async fn a_phone_is_rung_where_it_registered_and_its_answer_reported() {
    let (mut house, phones) = with_phones(1).await;
    let leg = dialled(1);
    house.command(leg, to_phone("1001"));
    let invite = phones[0].request_of(&Method::Invite).await;
    assert_eq!(invite.uri.address(), Some(phones[0].address()));
    assert_eq!(invite.from().unwrap().uri.user_name().as_deref(), Some("13800138000"));
    assert_eq!(invite.from().unwrap().display_text(), "王芳");
    assert_eq!(invite.headers.text(&HeaderName::Other("X-Hotline-Call".into())), Some("1-7"));
    assert_eq!(parse_description(&invite.body).unwrap().address.port(), 20_000);
    phones[0].answer(&invite, StatusCode::RINGING, b"").await;
    assert_eq!(house.fact(leg).await, LegFact::Ringing { early: None });
    let answer = sdp(phones[0].address(), 1);
    phones[0].answer(&invite, StatusCode::OK, &answer).await;
    let expected = parse_description(&answer).unwrap();
    assert_eq!(house.fact(leg).await, LegFact::Answered { answer: expected });
    phones[0].request_of(&Method::Ack).await;
}

#[tokio::test]
async fn all_of_a_phones_bindings_ring_and_the_first_answer_wins() {
    let (mut house, phones) = with_phones(2).await;
    let leg = dialled(1);
    house.command(leg, to_phone("1001"));
    let first = phones[0].request_of(&Method::Invite).await;
    let second = phones[1].request_of(&Method::Invite).await;
    for (phone, invite) in [(&phones[0], &first), (&phones[1], &second)] {
        phone.answer(invite, StatusCode::RINGING, b"").await;
    }
    assert_eq!(house.fact(leg).await, LegFact::Ringing { early: None });
    phones[1].answer(&second, StatusCode::OK, &sdp(phones[1].address(), 1)).await;
    assert!(matches!(house.fact(leg).await, LegFact::Answered { .. }));
    let cancel = phones[0].request_of(&Method::Cancel).await;
    let reason = "SIP;cause=200;text=\"Call completed elsewhere\"";
    assert_eq!(cancel.headers.text(&HeaderName::Reason), Some(reason));
    phones[0].answer(&cancel, StatusCode::OK, b"").await;
    phones[0].answer(&first, StatusCode::REQUEST_TERMINATED, b"").await;
    phones[0].request_of(&Method::Ack).await;
    assert!(house.is_quiet());
}

#[tokio::test]
async fn when_both_bindings_refuse_the_more_telling_refusal_counts() {
    let (mut house, phones) = with_phones(2).await;
    let leg = dialled(1);
    house.command(leg, to_phone("1001"));
    let first = phones[0].request_of(&Method::Invite).await;
    let second = phones[1].request_of(&Method::Invite).await;
    phones[0].answer(&first, StatusCode::BUSY_HERE, b"").await;
    phones[0].request_of(&Method::Ack).await;
    phones[1].answer(&second, StatusCode::TEMPORARILY_UNAVAILABLE, b"").await;
    let over = LegFact::Released { cause: Cause::Refused, status: Some(486), reason: None };
    assert_eq!(house.fact(leg).await, over);
}

#[tokio::test]
async fn who_declines_does_so_at_all_bindings() {
    let (mut house, phones) = with_phones(2).await;
    let leg = dialled(1);
    house.command(leg, to_phone("1001"));
    let first = phones[0].request_of(&Method::Invite).await;
    let second = phones[1].request_of(&Method::Invite).await;
    phones[1].answer(&second, StatusCode::RINGING, b"").await;
    house.fact(leg).await;
    phones[0].answer(&first, StatusCode::DECLINE, b"").await;
    let over = LegFact::Released { cause: Cause::Refused, status: Some(603), reason: None };
    assert_eq!(house.fact(leg).await, over);
    phones[1].request_of(&Method::Cancel).await;
}

#[tokio::test]
async fn a_phone_that_is_not_registered_is_unavailable_at_once() {
    let mut house = House::open().await;
    house.command(dialled(1), to_phone("1002"));
    let over = LegFact::Released { cause: Cause::Unreachable, status: Some(480), reason: None };
    assert_eq!(house.fact(dialled(1)).await, over);
}

#[tokio::test]
async fn a_leg_released_while_it_rings_is_cancelled() {
    let (mut house, phones) = with_phones(1).await;
    let leg = dialled(1);
    house.command(leg, to_phone("1001"));
    let invite = phones[0].request_of(&Method::Invite).await;
    phones[0].answer(&invite, StatusCode::RINGING, b"").await;
    house.fact(leg).await;
    house.command(leg, LegCommand::Release { cause: Cause::CallerLeft, status: None });
    let over = LegFact::Released { cause: Cause::CallerLeft, status: None, reason: None };
    assert_eq!(house.fact(leg).await, over);
    phones[0].request_of(&Method::Cancel).await;
    // Its answer crosses: it is acknowledged and ended at once, and nobody is told.
    phones[0].answer(&invite, StatusCode::OK, &sdp(phones[0].address(), 1)).await;
    phones[0].request_of(&Method::Ack).await;
    phones[0].request_of(&Method::Bye).await;
    assert!(house.is_quiet());
}

#[tokio::test]
async fn the_agent_hangs_up() {
    let (mut house, mut phones) = with_phones(1).await;
    let leg = dialled(1);
    house.command(leg, to_phone("1001"));
    let invite = phones[0].request_of(&Method::Invite).await;
    phones[0].answer(&invite, StatusCode::OK, &sdp(phones[0].address(), 1)).await;
    house.fact(leg).await;
    phones[0].request_of(&Method::Ack).await;
    let bye = bye_of_called(&mut phones[0], &invite);
    assert_eq!(phones[0].ask(&bye).await.status, StatusCode::OK);
    let over = LegFact::Released { cause: Cause::AgentHungUp, status: None, reason: None };
    assert_eq!(house.fact(leg).await, over);
}

/// The BYE of the side that was called.
fn bye_of_called(phone: &mut Peer, invite: &Request) -> Request {
    let target = invite.contact().unwrap().unwrap().uri.to_string();
    let mut bye = phone.request("BYE", &target, invite.call_id().unwrap());
    let tag = format!("to-{}", phone.address());
    bye.headers.set(HeaderName::From, &invite.to().unwrap().with_tag(&tag));
    bye.headers.set(HeaderName::To, invite.headers.first(&HeaderName::From).unwrap());
    bye
}

#[tokio::test]
async fn a_trunk_that_challenges_us_is_answered_with_its_login() {
    let login = Login::Password { user: "acme".into(), password: "pw".into() };
    let mut carrier = Peer::at(2, "carrier", SocketAddr::from(([127, 0, 0, 1], 9))).await;
    let address = carrier.address();
    let mut house = House::with(move |setup| {
        let port = address.port();
        setup.trunks = [trunk(([127, 0, 0, 2], port), Some(login))].into_iter().collect();
    })
    .await;
    carrier.server = house.handle.trunks();
    let leg = dialled(1);
    let target = Target::Trunk { trunk: "carrier".into(), number: number("13900139000") };
    house.command(leg, dial(target));
    let invite = carrier.request_of(&Method::Invite).await;
    assert_eq!(invite.uri.to_string(), format!("sip:13900139000@{address}"));
    let challenge = "Digest realm=\"carrier.cn\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"";
    let mut refusal = invite.response(StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    refusal.headers.push(HeaderName::ProxyAuthenticate, challenge);
    carrier.send(&refusal.to_bytes()).await;
    carrier.request_of(&Method::Ack).await;
    let again = carrier.request_of(&Method::Invite).await;
    assert_eq!(again.call_id(), invite.call_id());
    assert_eq!(again.cseq().unwrap().number, invite.cseq().unwrap().number + 1);
    let credentials = again.headers.text(&HeaderName::ProxyAuthorization).unwrap();
    let credentials = sip::digest::Credentials::parse(credentials).unwrap();
    assert_eq!((credentials.user.as_str(), credentials.algorithm), ("acme", Algorithm::Md5));
    let mut refusal = again.response(StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    refusal.headers.push(HeaderName::ProxyAuthenticate, challenge);
    carrier.send(&refusal.to_bytes()).await;
    let over = LegFact::Released { cause: Cause::NotAllowed, status: Some(407), reason: None };
    assert_eq!(house.fact(leg).await, over);
}

#[tokio::test]
async fn a_trunk_that_wants_longer_sessions_as_well_may_challenge_us_again() {
    let login = Login::Password { user: "acme".into(), password: "pw".into() };
    let mut carrier = Peer::at(2, "carrier", SocketAddr::from(([127, 0, 0, 1], 9))).await;
    let port = carrier.address().port();
    let mut house = House::with(move |setup| {
        setup.trunks = [trunk(([127, 0, 0, 2], port), Some(login))].into_iter().collect();
    })
    .await;
    carrier.server = house.handle.trunks();
    let target = Target::Trunk { trunk: "carrier".into(), number: number("13900139000") };
    house.command(dialled(1), dial(target));
    for nonce in ["n1", "n2"] {
        let invite = carrier.request_of(&Method::Invite).await;
        assert!(!invite.headers.has(&HeaderName::ProxyAuthorization), "{nonce}");
        let challenge = format!("Digest realm=\"carrier.cn\", nonce=\"{nonce}\", qop=\"auth\"");
        let mut refusal = invite.response(StatusCode::PROXY_AUTHENTICATION_REQUIRED);
        refusal.headers.push(HeaderName::ProxyAuthenticate, challenge);
        carrier.send(&refusal.to_bytes()).await;
        carrier.request_of(&Method::Ack).await;
        let again = carrier.request_of(&Method::Invite).await;
        let credentials = again.headers.text(&HeaderName::ProxyAuthorization).unwrap();
        assert_eq!(sip::digest::Credentials::parse(credentials).unwrap().nonce, nonce);
        if nonce == "n1" {
            let mut refusal = again.response(StatusCode::SESSION_INTERVAL_TOO_SMALL);
            refusal.headers.push(HeaderName::MinSe, "7200");
            carrier.send(&refusal.to_bytes()).await;
            carrier.request_of(&Method::Ack).await;
        } else {
            assert_eq!(again.headers.text(&HeaderName::SessionExpires), Some("7200"));
            carrier.answer(&again, StatusCode::OK, &sdp(carrier.address(), 1)).await;
        }
    }
    assert!(matches!(house.fact(dialled(1)).await, LegFact::Answered { .. }));
}

#[tokio::test]
async fn a_trunk_may_challenge_the_bye_of_a_call_as_well() {
    let login = Login::Password { user: "acme".into(), password: "pw".into() };
    let mut carrier = Peer::at(2, "carrier", SocketAddr::from(([127, 0, 0, 1], 9))).await;
    let port = carrier.address().port();
    let mut house = House::with(move |setup| {
        setup.trunks = [trunk(([127, 0, 0, 2], port), Some(login))].into_iter().collect();
    })
    .await;
    carrier.server = house.handle.trunks();
    let target = Target::Trunk { trunk: "carrier".into(), number: number("13900139000") };
    house.command(dialled(1), dial(target));
    let invite = carrier.request_of(&Method::Invite).await;
    carrier.answer(&invite, StatusCode::OK, &sdp(carrier.address(), 1)).await;
    carrier.request_of(&Method::Ack).await;
    house.fact(dialled(1)).await;
    let invite = carrier.invite("4008001234", "from-the-carrier");
    carrier.send(&invite.to_bytes()).await;
    let (leg, _) = house.rings_in().await;
    house.command(leg, LegCommand::Answer { answer: ours(20_000) });
    let answer = carrier.response().await;
    carrier.acknowledge(&answer, b"").await;
    for leg in [dialled(1), leg] {
        house.command(leg, LegCommand::Release { cause: Cause::AgentHungUp, status: None });
        house.fact(leg).await;
        let bye = carrier.request_of(&Method::Bye).await;
        let challenge = "Digest realm=\"carrier.cn\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"";
        let mut refusal = bye.response(StatusCode::UNAUTHORIZED);
        refusal.headers.push(HeaderName::WwwAuthenticate, challenge);
        carrier.send(&refusal.to_bytes()).await;
        let again = carrier.request_of(&Method::Bye).await;
        let credentials = again.headers.text(&HeaderName::Authorization).unwrap();
        assert_eq!(sip::digest::Credentials::parse(credentials).unwrap().user, "acme");
        carrier.answer(&again, StatusCode::OK, b"").await;
    }
}

#[tokio::test]
async fn bindings_are_back_after_a_restart_and_asked_whether_they_are_there() {
    let (mut house, phones) = with_phones(1).await;
    let (kind, row) = house.change().await;
    assert_eq!(kind, ChangeKind::Registered);
    let kept = row.clone();
    let mut after = House::with(move |setup| setup.bindings = vec![kept]).await;
    assert_eq!(after.bindings().await, ("1001".into(), 1));
    let options = phones[0].request_of(&Method::Options).await;
    phones[0].answer(&options, StatusCode::OK, b"").await;
    after.command(dialled(1), to_phone("1001"));
    phones[0].request_of(&Method::Invite).await;
    // A phone without account is not taken back, whatever was kept.
    let stranger = sip::registrar::BindingRow { phone: "9999".into(), ..row };
    let mut without = House::with(move |setup| setup.bindings = vec![stranger]).await;
    assert!(without.is_quiet());
}

#[tokio::test]
async fn a_phone_takes_its_registration_back() {
    let (mut house, mut phones) = with_phones(1).await;
    let mut request = phones[0].register("r9");
    request.headers.set(HeaderName::Expires, "0");
    let answer = phones[0].ask_with(request, ("secret", Algorithm::Md5)).await;
    assert_eq!((answer.status, answer.headers.has(&HeaderName::Contact)), (StatusCode::OK, false));
    assert_eq!(house.bindings().await, ("1001".into(), 0));
    house.change().await;
    let (kind, _) = house.change().await;
    assert_eq!(kind, ChangeKind::Removed(Removal::Unregistered));
}

#[tokio::test]
async fn a_registration_too_brief_is_told_the_least_we_allow() {
    let house = House::open().await;
    let mut phone = Peer::at(1, "1001", house.handle.phones()).await;
    let mut request = phone.register("r1");
    request.headers.set(HeaderName::Expires, "10");
    let answer = phone.ask_with(request, ("secret", Algorithm::Md5)).await;
    assert_eq!(answer.status, StatusCode::INTERVAL_TOO_BRIEF);
    assert_eq!(answer.headers.text(&HeaderName::MinExpires), Some("60"));
}

#[tokio::test]
async fn a_phone_is_rung_from_each_listener_it_registered_at_over_ipv4_and_ipv6() {
    let mut house = House::with(|setup| {
        for address in ["127.0.0.1:0", "[::1]:0", "[::1]:0"] {
            let listen = Listen::plain(Serves::Phones, address.parse().unwrap());
            setup.settings.listeners.push(listen);
        }
    })
    .await;
    let bound = house.handle.bound().to_vec();
    let mut phones = Vec::new();
    for listener in bound.into_iter().skip(2) {
        let own = SocketAddr::new(listener.ip(), 0);
        let mut phone = Peer::bound(own, "1001", listener).await;
        phone.registered().await;
        house.bindings().await;
        phones.push(phone);
    }
    house.command(dialled(1), to_phone("1001"));
    for phone in &phones {
        let invite = phone.request_of(&Method::Invite).await;
        assert_eq!(invite.uri.address(), Some(phone.address()));
        let via = invite.via().unwrap();
        assert_eq!((via.host.ip(), via.port), (Some(phone.server.ip()), Some(phone.server.port())));
        assert_eq!(invite.contact().unwrap().unwrap().uri.address(), Some(phone.server));
        phone.answer(&invite, StatusCode::BUSY_HERE, b"").await;
        phone.request_of(&Method::Ack).await;
    }
    let over = house.fact(dialled(1)).await;
    assert!(matches!(over, LegFact::Released { status: Some(486), .. }), "{over:?}");
}

#[tokio::test]
async fn a_carrier_on_ipv6_is_known_at_a_listener_for_trunks_and_at_no_other() {
    let own: SocketAddr = "[::1]:0".parse().unwrap();
    let mut house = House::with(|setup| {
        let more = [Serves::Phones, Serves::Trunks].map(|serves| Listen::plain(serves, own));
        setup.settings.listeners.extend(more);
        let known = trunk(([127, 0, 0, 2], 5080), None);
        let sources = vec!["::1".parse().unwrap()];
        setup.trunks = [Trunk { sources, ..known }].into_iter().collect();
    })
    .await;
    let [for_phones, for_trunks] = house.handle.bound()[2..] else { panic!("two more listen") };
    let mut stranger = Peer::bound(own, "13900139000", for_phones).await;
    let invite = stranger.invite("4008001234", "as-a-phone");
    let challenged = stranger.ask(&invite).await;
    assert_eq!(challenged.status, StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    let mut carrier = Peer::bound(own, "13900139000", for_trunks).await;
    let invite = carrier.invite("4008001234", "as-a-trunk");
    carrier.send(&invite.to_bytes()).await;
    let (_, rings) = house.rings_in().await;
    assert_eq!(rings.origin, Origin::Trunk("carrier".into()));
}

#[tokio::test]
async fn who_saw_a_phones_call_go_by_cannot_end_it_from_elsewhere_and_the_phone_can() {
    let (mut house, mut phones) = with_phones(1).await;
    let phone = phones.pop().unwrap();
    let leg = dialled(1);
    house.command(leg, to_phone("1001"));
    let invite = phone.request_of(&Method::Invite).await;
    let body = sdp(phone.address(), 1);
    phone.answer(&invite, StatusCode::OK, &body).await;
    assert!(matches!(house.fact(leg).await, LegFact::Answered { .. }));
    phone.request_of(&Method::Ack).await;
    let phone_side = invite.to().unwrap().with_tag(&format!("to-{}", phone.address())).to_bytes();
    let mut elsewhere = Peer::at(2, "1001", house.handle.phones()).await;
    let bye = |peer: &mut Peer| {
        let target = invite.contact().unwrap().unwrap().uri.to_string();
        let mut bye = peer.request("BYE", &target, invite.call_id().unwrap());
        let ours = invite.from().unwrap().to_bytes();
        bye.headers.set(HeaderName::To, ours);
        bye.headers.set(HeaderName::From, phone_side.clone());
        bye
    };
    let forged = bye(&mut elsewhere);
    let challenged = elsewhere.ask(&forged).await;
    assert_eq!(challenged.status, StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    let guess = elsewhere.with_credentials(forged, &challenged, ("guess", Algorithm::Sha256));
    assert_eq!(elsewhere.ask(&guess).await.status, StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    assert!(house.is_quiet());
    // Its network has moved the phone.
    let moved = bye(&mut elsewhere);
    let moved = elsewhere.with_credentials(moved, &challenged, ("secret", Algorithm::Sha256));
    assert_eq!(elsewhere.ask(&moved).await.status, StatusCode::OK);
    assert!(matches!(house.fact(leg).await, LegFact::Released { .. }));
}

#[tokio::test]
async fn a_phone_to_which_its_nat_gives_another_port_is_spoken_to_there_once_it_has_registered() {
    let mut house = House::open().await;
    let mut before = Peer::at(1, "1001", house.handle.phones()).await;
    let registration = before.register("one-registration");
    let contact = registration.headers.text(&HeaderName::Contact).unwrap().to_owned();
    before.ask_with(registration, ("secret", Algorithm::Sha256)).await;
    assert_eq!(house.bindings().await, ("1001".into(), 1));
    let leg = dialled(1);
    house.command(leg, to_phone("1001"));
    let invite = before.request_of(&Method::Invite).await;
    let body = sdp(before.address(), 1);
    before.answer(&invite, StatusCode::OK, &body).await;
    assert!(matches!(house.fact(leg).await, LegFact::Answered { .. }));

    let mut after = Peer::at(2, "1001", house.handle.phones()).await;
    let challenged = after.register("one-registration");
    let mut again = after.register("one-registration");
    again.headers.set(HeaderName::Contact, contact);
    let challenged = after.ask(&challenged).await;
    let again = after.with_credentials(again, &challenged, ("secret", Algorithm::Sha256));
    assert_eq!(after.ask(&again).await.status, StatusCode::OK);
    house.command(leg, LegCommand::Release { cause: Cause::CallerLeft, status: None });
    assert_eq!(after.request_of(&Method::Bye).await.call_id(), invite.call_id());
}
