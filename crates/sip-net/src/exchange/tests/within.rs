//! What comes in for calls that are there, from where it should and from elsewhere.

use super::*;

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
