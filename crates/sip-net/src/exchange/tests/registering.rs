//! Our registration at a trunk with several places.

use sip::Request;
use sip::Response;
use sip::digest::Login;
use sip::locate::Place;

use super::*;
use crate::carriers::RegistrationStatus;

fn place(last: u8) -> Place {
    Place { transport: Transport::Udp, peer: ([192, 0, 2, last], 5060).into() }
}

/// A trunk with these places at which we register.
fn registers(places: &[Place]) -> World {
    let mut world = World::new(1);
    let trunk = Trunk {
        sources: places.iter().map(|place| place.peer.ip().into()).collect(),
        proxy: Some(Wanted {
            host: Host::parse("carrier.example").unwrap(),
            port: None,
            transport: None,
        }),
        login: Some(Login::Password { user: "4001".into(), password: "pw".into() }),
        registers: Some(Duration::from_secs(300)),
        ..Trunk::of("carrier")
    };
    world.exchange.replace_trunks([trunk].into_iter().collect(), world.now);
    world.exchange.located(&"carrier".into(), Ok(places.to_vec()), world.now);
    world
}

/// What is sent next, and where to.
fn register(world: &mut World) -> Option<(Request, Destination)> {
    let (bytes, destination) = world.exchange.poll_send()?;
    match Message::parse(&bytes).unwrap() {
        Message::Request(request) => Some((request, destination)),
        Message::Response(response) => panic!("{response:?}"),
    }
}

fn answers(world: &mut World, response: &Response, place: Place) {
    world.delivers(&response.to_bytes(), place.peer, TRUNK_SIDE.into());
}

#[test]
fn a_registrar_that_is_busy_or_cannot_be_reached_is_left_for_the_next_of_its_trunk() {
    let places = [place(7), place(8), place(9)];
    let mut world = registers(&places);
    let (first, to) = register(&mut world).unwrap();
    assert_eq!(to.peer, places[0].peer);
    let mut busy = first.response(StatusCode::SERVICE_UNAVAILABLE);
    busy.headers.push(HeaderName::RetryAfter, "300");
    answers(&mut world, &busy, places[0]);
    let (second, to) = register(&mut world).unwrap();
    assert_eq!(to.peer, places[1].peer);
    assert_eq!(second.call_id(), first.call_id(), "one Call-ID for all (§10.2)");
    assert!(second.cseq().unwrap().number > first.cseq().unwrap().number);
    world.exchange.transport_failed(&to, world.now);
    let (third, to) = register(&mut world).unwrap();
    assert_eq!(to.peer, places[2].peer);
    let mut granted = third.response(StatusCode::OK);
    granted.headers.push(HeaderName::Expires, "120");
    answers(&mut world, &granted, places[2]);
    let status = world.exchange.carriers.status(world.now);
    let until = world.now + Duration::from_secs(120);
    assert_eq!(status[0].registration, Some(RegistrationStatus::Registered(until)));
    assert!(register(&mut world).is_none());
}

#[test]
fn when_every_registrar_is_busy_it_is_tried_again_later() {
    let mut world = registers(&[place(7), place(8)]);
    for _ in 0..2 {
        let (request, to) = register(&mut world).unwrap();
        let busy = request.response(StatusCode::SERVICE_UNAVAILABLE);
        let place = Place { transport: to.transport, peer: to.peer };
        answers(&mut world, &busy, place);
    }
    assert!(register(&mut world).is_none());
    let status = world.exchange.carriers.status(world.now);
    let Some(RegistrationStatus::Failed(why, at)) = &status[0].registration else { panic!() };
    assert!(why.starts_with("503") && *at > world.now);
}
