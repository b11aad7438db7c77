//! Trunks that prove who they are when they call, since their address does not say it; and calls that
//! stay with the trunk they came by.

use model::{Cause, LegId};
use sip::digest::{Algorithm, Ha1};
use sip::{HeaderName, StatusCode};
use sip_net::{AddressRange, Counted, Trunk, TrunkCaller};
use switchboard::ports::{LegCommand, LegFact, Origin};

use crate::house::{House, REALM, number, ours, trunk};
use crate::peer::{Peer, cancel};

const SECRET: (&str, Algorithm) = ("secret", Algorithm::Sha256);

/// A service whose trunk is a gateway that proves itself; from these places alone, where there are any.
async fn house(places: &[&str]) -> House {
    let places: Vec<AddressRange> = places.iter().map(|place| place.parse().unwrap()).collect();
    House::with(|setup| {
        let secret = |algorithm| Ha1::of(algorithm, "gateway", REALM, "secret");
        let secrets = Algorithm::OFFERED.map(secret).to_vec();
        let caller = Some(TrunkCaller::new(&"branch".into(), "gateway", secrets, &places));
        let known = trunk(([127, 0, 0, 9], 1), None);
        let trunk = Trunk { id: "branch".into(), proxy: None, sources: places, caller, ..known };
        setup.trunks = [trunk].into_iter().collect();
        setup.settings.guard.trusted.clear();
    })
    .await
}

async fn gateway(house: &House) -> Peer {
    Peer::at(9, "gateway", house.handle.trunks()).await
}

fn called_by(gateway: &mut Peer) -> sip::Request {
    let mut invite = gateway.invite("4008001234", "from-the-branch");
    invite.headers.push(HeaderName::PAssertedIdentity, "<sip:13800138000@branch.example>");
    invite
}

/// A call of the gateway, which has proven itself, and its INVITE.
async fn calls(house: &mut House, gateway: &mut Peer) -> (LegId, sip::Request) {
    let invite = called_by(gateway);
    let challenged = gateway.ask(&invite).await;
    gateway.acknowledge_refusal(&invite, &challenged).await;
    let invite = gateway.with_credentials(invite, &challenged, SECRET);
    gateway.send(&invite.to_bytes()).await;
    (house.rings_in().await.0, invite)
}

#[tokio::test]
async fn a_trunk_that_proves_itself_calls_from_wherever_it_is() {
    let mut house = house(&[]).await;
    let mut gateway = gateway(&house).await;
    let options = gateway.request("OPTIONS", "sip:400.example.cn", "are-you-there");
    assert_eq!(gateway.ask(&options).await.status, StatusCode::OK);
    let invite = called_by(&mut gateway);
    let challenged = gateway.ask(&invite).await;
    assert_eq!(challenged.status, StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    gateway.acknowledge_refusal(&invite, &challenged).await;
    let invite = gateway.with_credentials(invite, &challenged, SECRET);
    gateway.send(&invite.to_bytes()).await;
    let (leg, rings) = house.rings_in().await;
    assert_eq!(rings.origin, Origin::Trunk("branch".into()));
    assert_eq!((rings.from, rings.to), (number("13800138000"), number("4008001234")));
    // Who saw the call go by cannot end it from elsewhere.
    let elsewhere = Peer::at(10, "gateway", house.handle.trunks()).await;
    let mut gives_up = cancel(&invite);
    let answer = elsewhere.ask(&gives_up).await;
    assert_eq!(answer.status, StatusCode::CALL_DOES_NOT_EXIST);
    assert_eq!(house.counted(Counted::OutOfPlace), 1);
    let reason = "Q.850;cause=16;text=\"Normal call clearing\"";
    gives_up.headers.push(HeaderName::Reason, reason);
    gateway.send(&gives_up.to_bytes()).await;
    let reason = Some(reason.to_owned());
    let over = LegFact::Released { cause: Cause::CallerLeft, status: None, reason };
    assert_eq!(house.fact(leg).await, over);
}

#[tokio::test]
async fn a_trunk_that_proves_itself_speaks_of_its_call_from_each_of_its_places() {
    let mut house = house(&["127.0.0.8", "127.0.0.9"]).await;
    let mut gateway = gateway(&house).await;
    let (leg, invite) = calls(&mut house, &mut gateway).await;
    let neighbour = Peer::at(8, "gateway", house.handle.trunks()).await;
    let elsewhere = Peer::at(10, "gateway", house.handle.trunks()).await;
    let gives_up = cancel(&invite);
    assert_eq!(elsewhere.ask(&gives_up).await.status, StatusCode::CALL_DOES_NOT_EXIST);
    neighbour.send(&gives_up.to_bytes()).await;
    let over = LegFact::Released { cause: Cause::CallerLeft, status: None, reason: None };
    assert_eq!(house.fact(leg).await, over);
}

#[tokio::test]
async fn a_trunk_that_may_be_anywhere_proves_itself_again_where_it_speaks_from_elsewhere() {
    let mut house = house(&[]).await;
    let mut gateway = gateway(&house).await;
    let (leg, _) = calls(&mut house, &mut gateway).await;
    house.command(leg, LegCommand::Answer { answer: ours(20_000) });
    let answer = gateway.response().await;
    assert_eq!(answer.status, StatusCode::OK);
    gateway.acknowledge(&answer, b"").await;
    let mut half = Peer::at(8, "gateway", house.handle.trunks()).await;
    half.sent = 50;
    let bye = half.within("BYE", &answer);
    let challenged = half.ask(&bye).await;
    assert_eq!(challenged.status, StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    let guess = half.with_credentials(bye.clone(), &challenged, ("guess", Algorithm::Sha256));
    assert_eq!(half.ask(&guess).await.status, StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    let bye = half.with_credentials(bye, &challenged, SECRET);
    assert_eq!(half.ask(&bye).await.status, StatusCode::OK);
    let over = LegFact::Released { cause: Cause::CallerHungUp, status: None, reason: None };
    assert_eq!(house.fact(leg).await, over);
}

#[tokio::test]
async fn who_cannot_prove_it_is_refused_and_counted() {
    let mut house = house(&[]).await;
    let mut gateway = gateway(&house).await;
    let invite = called_by(&mut gateway);
    let answer = gateway.ask_with(invite, ("guess", Algorithm::Sha256)).await;
    assert_eq!(answer.status, StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    assert_eq!(house.counted(Counted::WrongSecret), 1);
    let mut phone = Peer::at(9, "1001", house.handle.trunks()).await;
    let invite = phone.invite("4008001234", "a-phone");
    let answer = phone.ask_with(invite, SECRET).await;
    assert_eq!(answer.status, StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    assert_eq!(house.counted(Counted::UnknownUser), 1, "a phone is no trunk");
    let register = phone.register("a-phone-registers");
    assert_eq!(phone.ask(&register).await.status, StatusCode::FORBIDDEN);
    // What it says of calls that are over is no offence.
    let counted = house.counted(Counted::UnknownTrunk);
    let mut bye = phone.request("BYE", "sip:4008001234@400.example.cn", "a-call-that-is-over");
    bye.headers.set(HeaderName::To, "<sip:4008001234@400.example.cn>;tag=gone");
    assert_eq!(phone.ask(&bye).await.status, StatusCode::CALL_DOES_NOT_EXIST);
    assert_eq!(house.counted(Counted::UnknownTrunk), counted);
    assert!(house.is_quiet());
}

#[tokio::test]
async fn a_trunk_that_proves_itself_may_be_kept_to_its_places() {
    let mut house = house(&["127.0.0.8"]).await;
    let mut gateway = gateway(&house).await;
    let invite = called_by(&mut gateway);
    assert_eq!(gateway.ask(&invite).await.status, StatusCode::FORBIDDEN);
    assert_eq!(house.counted(Counted::UnknownTrunk), 1);
    let mut moved = Peer::at(8, "gateway", house.handle.trunks()).await;
    let invite = called_by(&mut moved);
    let challenged = moved.ask(&invite).await;
    moved.acknowledge_refusal(&invite, &challenged).await;
    let invite = moved.with_credentials(invite, &challenged, SECRET);
    moved.send(&invite.to_bytes()).await;
    house.rings_in().await;
}

#[tokio::test]
async fn another_trunk_cannot_end_a_call() {
    let mut house = House::with(|setup| {
        let known = trunk(([127, 0, 0, 2], 1), None);
        let other = Trunk {
            id: "other".into(),
            sources: vec!["127.0.0.3".parse().unwrap()],
            proxy: None,
            ..known.clone()
        };
        setup.trunks = [known, other].into_iter().collect();
    })
    .await;
    let mut carrier = Peer::at(2, "13800138000", house.handle.trunks()).await;
    let invite = carrier.invite("4008001234", "a-call");
    carrier.send(&invite.to_bytes()).await;
    let (leg, _) = house.rings_in().await;
    let other = Peer::at(3, "other", house.handle.trunks()).await;
    let answer = other.ask(&cancel(&invite)).await;
    assert_eq!(answer.status, StatusCode::CALL_DOES_NOT_EXIST);
    assert!(house.is_quiet());
    carrier.send(&cancel(&invite).to_bytes()).await;
    let over = house.fact(leg).await;
    assert!(matches!(over, LegFact::Released { cause: Cause::CallerLeft, .. }), "{over:?}");
}
