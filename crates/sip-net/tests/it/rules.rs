//! Where phones may be, how many places they may have, and which of these ring.

use sip::digest::Algorithm;
use sip::registrar::{ChangeKind, Removal};
use sip::{HeaderName, Method, Request, Response, StatusCode};
use sip_net::{Account, AccountRules, Accounts, Counted, Rings};
use switchboard::ports::{LegFact, Origin};

use crate::house::{House, account, dialled, rings};
use crate::peer::Peer;

const SECRET: (&str, Algorithm) = ("secret", Algorithm::Sha256);

/// Phone 1001 with these rules, beside 1002 with none.
fn accounts(rules: AccountRules) -> Accounts {
    [Account { rules, ..account("1001") }, account("1002")].into_iter().collect()
}

fn within(network: &str) -> AccountRules {
    AccountRules { networks: vec![network.parse().unwrap()], ..AccountRules::default() }
}

fn at_most(most_bindings: usize) -> AccountRules {
    AccountRules { most_bindings, ..AccountRules::default() }
}

const fn newest() -> AccountRules {
    AccountRules { networks: Vec::new(), rings: Rings::Newest, most_bindings: 5 }
}

async fn house(rules: AccountRules) -> House {
    House::with(|setup| setup.accounts = accounts(rules)).await
}

async fn phone(host: u8, house: &House) -> Peer {
    Peer::at(host, "1001", house.handle.phones()).await
}

fn assert_refused(answer: &Response) {
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let reason = answer.headers.text(&HeaderName::Reason).unwrap();
    assert!(reason.contains("outside the networks of this phone"), "{reason}");
}

fn registration(phone: &mut Peer, expires: u32) -> Request {
    let mut request = phone.register(&format!("again-{}", phone.address()));
    request.headers.set(HeaderName::Expires, expires.to_string());
    request
}

/// Rings the phone once; the place that is meant to ring declines, and no other has rung.
async fn rings_alone(house: &mut House, leg: u32, rung: &Peer, others: &[&Peer]) {
    house.command(dialled(leg), rings("1001"));
    let invite = rung.request_of(&Method::Invite).await;
    rung.answer(&invite, StatusCode::DECLINE, b"").await;
    rung.request_of(&Method::Ack).await;
    let over = house.fact(dialled(leg)).await;
    assert!(matches!(over, LegFact::Released { status: Some(603), .. }), "{over:?}");
    for other in others {
        // Had it been rung, the datagram were here: it would have left before the leg was over.
        assert!(other.socket.try_recv_from(&mut [0; 64]).is_err(), "another place rang too");
    }
}

#[tokio::test]
async fn a_phone_registers_and_calls_from_its_networks_alone() {
    let mut house = house(within("127.0.0.3/32")).await;
    let mut outside = phone(1, &house).await;
    let request = outside.register("outside");
    assert_refused(&outside.ask_with(request, SECRET).await);
    let invite = outside.invite("1002", "call-from-outside");
    assert_refused(&outside.ask_with(invite, SECRET).await);
    assert_eq!(house.counted(Counted::OutsideNetworks), 2);
    assert!(house.is_quiet());

    let mut inside = phone(3, &house).await;
    inside.registered().await;
    assert_eq!(house.bindings().await, ("1001".into(), 1));
    let invite = inside.invite("1002", "call-from-inside");
    let challenged = inside.ask(&invite).await;
    inside.acknowledge_refusal(&invite, &challenged).await;
    let invite = inside.with_credentials(invite, &challenged, SECRET);
    inside.send(&invite.to_bytes()).await;
    let (_, rings) = house.rings_in().await;
    assert_eq!(rings.origin, Origin::Phone("1001".into()));
    // Another phone is bound to nothing.
    Peer::at(1, "1002", house.handle.phones()).await.registered().await;
    assert_eq!(house.bindings().await, ("1002".into(), 1));
    assert_eq!(house.counted(Counted::OutsideNetworks), 2);
}

#[tokio::test]
async fn who_has_no_secret_learns_nothing_of_a_phones_networks() {
    let house = house(within("127.0.0.3/32")).await;
    let mut outside = phone(1, &house).await;
    let request = outside.register("guess");
    let answer = outside.ask_with(request, ("password", Algorithm::Sha256)).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.counted(Counted::OutsideNetworks), 0);
}

#[tokio::test]
async fn a_binding_that_no_longer_fits_ends_when_the_rules_change() {
    let mut house = house(AccountRules::default()).await;
    for host in [1, 3] {
        phone(host, &house).await.registered().await;
        house.bindings().await;
        assert_eq!(house.change().await.0, ChangeKind::Registered);
    }
    house.handle.replace_accounts(accounts(within("127.0.0.3"))).await.unwrap();
    assert_eq!(house.bindings().await, ("1001".into(), 1));
    let (kind, row) = house.change().await;
    assert_eq!(kind, ChangeKind::Removed(Removal::OutOfPlace));
    assert_eq!(row.binding.flow.peer.ip().to_string(), "127.0.0.1");
    house.handle.replace_accounts(accounts(within("192.0.2.0/24"))).await.unwrap();
    assert_eq!(house.bindings().await, ("1001".into(), 0));
}

#[tokio::test]
async fn a_binding_kept_over_a_restart_ends_where_the_rules_have_changed() {
    let mut before = house(AccountRules::default()).await;
    phone(1, &before).await.registered().await;
    let (_, row) = before.change().await;
    let mut after = House::with(|setup| {
        setup.accounts = accounts(within("127.0.0.3"));
        setup.bindings = vec![row];
    })
    .await;
    assert_eq!(after.bindings().await, ("1001".into(), 1));
    assert_eq!(after.bindings().await, ("1001".into(), 0));
}

#[tokio::test]
async fn where_the_newest_rings_it_is_the_one_that_registered_last_and_no_other() {
    let mut house = house(newest()).await;
    let (mut desk, mut soft) = (phone(1, &house).await, phone(3, &house).await);
    for phone in [&mut desk, &mut soft] {
        phone.registered().await;
        house.bindings().await;
    }
    rings_alone(&mut house, 1, &soft, &[&desk]).await;
    // The other one refreshes: that makes it no newer.
    let request = registration(&mut desk, 300);
    assert_eq!(desk.ask_with(request, SECRET).await.status, StatusCode::OK);
    rings_alone(&mut house, 2, &soft, &[&desk]).await;
    // The newest goes, and the other takes its place.
    let request = registration(&mut soft, 0);
    assert_eq!(soft.ask_with(request, SECRET).await.status, StatusCode::OK);
    assert_eq!(house.bindings().await, ("1001".into(), 1));
    rings_alone(&mut house, 3, &desk, &[&soft]).await;
}

#[tokio::test]
async fn a_phone_of_one_place_is_where_it_registered_last() {
    let mut house = house(at_most(1)).await;
    let (mut old, mut new) = (phone(1, &house).await, phone(3, &house).await);
    old.registered().await;
    assert_eq!(house.bindings().await, ("1001".into(), 1));
    new.registered().await;
    // It is never without: the new place is there when the old one ends.
    assert_eq!(house.bindings().await, ("1001".into(), 1));
    assert_eq!(house.bindings().await, ("1001".into(), 1));
    rings_alone(&mut house, 1, &new, &[&old]).await;
}

#[tokio::test]
async fn places_beyond_a_new_bound_end_the_oldest_first() {
    let mut house = house(AccountRules::default()).await;
    let mut phones = Vec::new();
    for host in [1, 3, 4] {
        let mut phone = phone(host, &house).await;
        phone.registered().await;
        house.bindings().await;
        house.change().await;
        phones.push(phone);
    }
    house.handle.replace_accounts(accounts(at_most(1))).await.unwrap();
    for (peer, left) in phones.iter().zip([1, 1]) {
        let (kind, row) = house.change().await;
        assert_eq!(kind, ChangeKind::Removed(Removal::Replaced));
        assert_eq!(house.bindings().await, ("1001".into(), left));
        assert!(
            row.binding.flow.peer.ip() != phones[2].address().ip(),
            "{peer:?}",
            peer = peer.address()
        );
    }
    rings_alone(&mut house, 1, &phones[2], &[&phones[0], &phones[1]]).await;
}
