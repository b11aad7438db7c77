//! What comes in for calls that are there, from where it should and from elsewhere.

use super::*;
use sip::Request;

/// A world in which nothing is lost and nobody acts by chance.
fn quiet() -> World {
    let mut world = World::new(1);
    world.losses = 0;
    world
}

/// A call of the carrier that has come in and rings; its INVITE as it was sent.
fn rings(world: &mut World) -> (LegId, Request) {
    world.carrier.calls(TRUNK_SIDE.into(), world.now);
    let Some(Output::Send { bytes, .. }) = world.carrier.endpoint.poll_output() else {
        panic!("no invite")
    };
    world.delivers(&bytes, world.carrier.address, TRUNK_SIDE.into());
    world.settles();
    let leg = *world.legs.keys().next().unwrap();
    (leg, request_in(&bytes))
}

fn request_in(bytes: &[u8]) -> Request {
    match Message::parse(bytes).unwrap() {
        Message::Request(request) => request,
        Message::Response(response) => panic!("{response:?}"),
    }
}

/// What is answered to these octets from there, if anything is.
fn answered(world: &mut World, bytes: &[u8], from: SocketAddr, to: SocketAddr) -> Vec<StatusCode> {
    world.delivers(bytes, from, to);
    let sends = std::iter::from_fn(|| world.exchange.poll_send());
    let messages = sends.map(|(bytes, _)| Message::parse(&bytes).unwrap());
    let responses = messages.filter_map(|it| match it {
        Message::Response(response) => Some(response.status),
        Message::Request(_) => None,
    });
    responses.collect()
}

#[test]
fn under_strain_an_invite_that_comes_again_is_answered_as_before() {
    let mut world = quiet();
    let (leg, invite) = rings(&mut world);
    world.exchange.command(leg, LegCommand::Ring { answer: None }, world.now);
    world.settles();
    world.exchange.strain = Strain::Registrations;
    let (from, to) = (world.carrier.address, TRUNK_SIDE.into());
    let again = answered(&mut world, &invite.to_bytes(), from, to);
    assert_eq!(again, [StatusCode::RINGING]);
    let mut other = invite;
    other.headers.set(HeaderName::CallId, "another");
    other.headers.set(HeaderName::Via, "SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKanother");
    let new = answered(&mut world, &other.to_bytes(), from, to);
    assert_eq!(new, [StatusCode::SERVICE_UNAVAILABLE]);
}

const STRANGER: ([u8; 4], u16) = ([198, 51, 100, 7], 5060);

/// The one request or acknowledgement that this far side now sends, on its way.
fn sent(far: &mut Far) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(output) = far.endpoint.poll_output() {
        if let Output::Send { bytes: sent, .. } = output {
            bytes = sent.to_vec();
        }
    }
    bytes
}

fn orders(far: &mut Far, order: Order, now: Timestamp) -> Vec<u8> {
    far.endpoint.order(order, now).unwrap();
    sent(far)
}

/// What the floor has been told of the leg's end.
fn is_over(world: &mut World, leg: LegId) -> bool {
    world.listens();
    world.legs[&leg]
}

/// A call of the carrier that is answered.
fn talks(world: &mut World) -> (LegId, SessionId) {
    let (leg, _) = rings(world);
    let answer = world.ours();
    world.exchange.command(leg, LegCommand::Answer { answer }, world.now);
    world.settles();
    (leg, world.carrier.sessions[0])
}

/// A call to the phone, which may be at its own address alone, that is answered.
fn phone_talks(world: &mut World) -> (LegId, SessionId) {
    let rules =
        AccountRules { networks: vec![world.phone.address.ip().into()], ..AccountRules::default() };
    let (phone, secrets) = ("1001".into(), Vec::new());
    let account = Account { phone, display: None, secrets, rules };
    world.exchange.replace_accounts([account].into_iter().collect(), world.now);
    let leg = LegId::new(Epoch::new(1), 2);
    let command = LegCommand::Dial {
        target: Target::Phone("1001".into()),
        from: "13800138000".parse().unwrap(),
        display: None,
        offer: world.ours(),
        call: CallId::default(),
        carried: model::Carried::default(),
        alert: switchboard::ports::Alert::Ring,
    };
    world.legs.insert(leg, false);
    world.exchange.command(leg, command, world.now);
    world.settles();
    let session = world.phone.sessions[0];
    let body = world.phone.body();
    world.phone.endpoint.order(Order::Accept { session, body }, world.now).unwrap();
    world.settles();
    (leg, session)
}

#[test]
fn a_call_of_a_trunk_is_not_ended_or_changed_from_the_phones_side_or_by_a_stranger() {
    let no_dialog = [StatusCode::CALL_DOES_NOT_EXIST];
    for (from, to) in [
        (PHONE_SIDE, PHONE_SIDE),
        (([192, 0, 2, 2], 5060), PHONE_SIDE),
        (([192, 0, 2, 3], 5060), PHONE_SIDE),
        (STRANGER, TRUNK_SIDE),
        (([192, 0, 2, 3], 5060), TRUNK_SIDE),
    ] {
        let mut world = quiet();
        let (leg, session) = talks(&mut world);
        let body = world.carrier.body();
        let now = world.now;
        for order in [Order::Reinvite { session, body }, Order::Bye { session, reason: None }] {
            let request = orders(&mut world.carrier, order, now);
            let answers = answered(&mut world, &request, from.into(), to.into());
            assert_eq!(answers, no_dialog, "{from:?} {to:?}");
            assert!(!is_over(&mut world, leg));
        }
    }
    let mut world = quiet();
    let (leg, session) = talks(&mut world);
    let bye = orders(&mut world.carrier, Order::Bye { session, reason: None }, world.now);
    let (from, to) = (world.carrier.address, TRUNK_SIDE.into());
    assert_eq!(answered(&mut world, &bye, from, to), [StatusCode::OK]);
    assert!(is_over(&mut world, leg));
}

#[test]
fn a_call_that_rings_is_not_cancelled_from_elsewhere() {
    let mut world = quiet();
    let (leg, _) = rings(&mut world);
    let session = world.carrier.sessions[0];
    let cancel = orders(&mut world.carrier, Order::Cancel { session, reason: None }, world.now);
    assert_eq!(request_in(&cancel).method, Method::Cancel);
    let no_dialog = [StatusCode::CALL_DOES_NOT_EXIST];
    for (from, to) in [(STRANGER, TRUNK_SIDE), (([192, 0, 2, 2], 5060), PHONE_SIDE)] {
        assert_eq!(answered(&mut world, &cancel, from.into(), to.into()), no_dialog);
        assert!(!is_over(&mut world, leg));
    }
    let from = world.carrier.address;
    let answers = answered(&mut world, &cancel, from, TRUNK_SIDE.into());
    assert_eq!(answers, [StatusCode::OK, StatusCode::REQUEST_TERMINATED]);
    assert!(is_over(&mut world, leg));
}

#[test]
fn a_phones_call_is_not_ended_or_changed_from_outside_its_networks_or_by_a_trunk() {
    let mut world = quiet();
    let (leg, session) = phone_talks(&mut world);
    let (body, now) = (world.phone.body(), world.now);
    let reinvite = orders(&mut world.phone, Order::Reinvite { session, body }, now);
    let bye = orders(&mut world.phone, Order::Bye { session, reason: None }, now);
    let elsewhere = [(STRANGER, PHONE_SIDE), (([192, 0, 2, 2], 5060), TRUNK_SIDE)];
    for request in [&reinvite, &bye] {
        for (from, to) in elsewhere {
            let answers = answered(&mut world, request, from.into(), to.into());
            assert_eq!(answers, [StatusCode::CALL_DOES_NOT_EXIST], "{from:?} {to:?}");
            assert!(!is_over(&mut world, leg));
        }
    }
    let moved = SocketAddr::new(world.phone.address.ip(), 5099);
    assert_eq!(answered(&mut world, &bye, moved, PHONE_SIDE.into()), [StatusCode::OK]);
    assert!(is_over(&mut world, leg));
}

#[test]
fn an_ack_from_elsewhere_is_not_heard() {
    let mut world = quiet();
    let (leg, _) = rings(&mut world);
    let answer = world.ours();
    world.exchange.command(leg, LegCommand::Answer { answer }, world.now);
    while let Some((bytes, _)) = world.exchange.poll_send() {
        world.delivers(&bytes, TRUNK_SIDE.into(), world.carrier.address);
    }
    let ack = sent(&mut world.carrier);
    assert_eq!(request_in(&ack).method, Method::Ack);
    world.delivers(&ack, STRANGER.into(), TRUNK_SIDE.into());
    assert!(world.exchange.poll_send().is_none());
    world.passes(Duration::from_millis(600));
    let (from, to) = (world.carrier.address, TRUNK_SIDE.into());
    world.delivers(&ack, from, to);
    assert_eq!(world.exchange.ports.counters.of(Counted::OutOfPlace), 1);
}
