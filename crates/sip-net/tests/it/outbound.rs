//! Phones behind an edge, or with several ways to them (RFC 3327, RFC 5626).

use model::Cause;
use sip::digest::Algorithm;
use sip::{HeaderName, Method, Request, StatusCode};
use switchboard::ports::LegFact;

use crate::house::{House, dialled, rings};
use crate::peer::{Peer, sdp};

const SECRET: (&str, Algorithm) = ("secret", Algorithm::Sha256);

/// A registration of the device's way of this number.
fn by_flow(phone: &mut Peer, flow: u8) -> Request {
    let mut request = phone.register(&format!("flow-{flow}"));
    let contact = format!(
        "<sip:1001@{};ob>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\";reg-id={flow}",
        phone.address()
    );
    request.headers.set(HeaderName::Contact, contact);
    request.headers.push(HeaderName::Supported, "path, outbound");
    request
}

#[tokio::test]
async fn a_phone_behind_an_edge_is_rung_through_it() {
    let mut house = House::open().await;
    let mut edge = Peer::at(1, "1001", house.handle.phones()).await;
    let mut request = edge.register("through-the-edge");
    request.headers.push(HeaderName::Path, "<sip:edge.example.cn;lr;ob>");
    request.headers.push(HeaderName::Supported, "path");
    request.headers.push(HeaderName::ProxyRequire, "path");
    let answer = edge.ask_with(request, SECRET).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers.text(&HeaderName::Path), Some("<sip:edge.example.cn;lr;ob>"));
    assert_eq!(house.bindings().await, ("1001".into(), 1));
    house.command(dialled(1), rings("1001"));
    let invite = edge.request_of(&Method::Invite).await;
    assert_eq!(invite.headers.text(&HeaderName::Route), Some("<sip:edge.example.cn;lr;ob>"));
    edge.answer(&invite, StatusCode::OK, &sdp(edge.address(), 1)).await;
    assert!(matches!(house.fact(dialled(1)).await, LegFact::Answered { .. }));
}

#[tokio::test]
async fn a_device_rings_by_its_newest_way_and_by_the_other_when_that_has_failed() {
    let mut house = House::open().await;
    let mut old = Peer::at(1, "1001", house.handle.phones()).await;
    let mut new = Peer::at(1, "1001", house.handle.phones()).await;
    for (flow, phone) in [(1, &mut old), (2, &mut new)] {
        let request = by_flow(phone, flow);
        let answer = phone.ask_with(request, SECRET).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.headers.text(&HeaderName::Require), Some("outbound"));
        assert!(answer.headers.has(&HeaderName::Other("Flow-Timer".into())));
        assert_eq!(house.bindings().await, ("1001".into(), u32::from(flow)));
    }
    house.command(dialled(1), rings("1001"));
    let invite = new.request_of(&Method::Invite).await;
    new.answer(&invite, StatusCode::FLOW_FAILED, b"").await;
    let invite = old.request_of(&Method::Invite).await;
    old.answer(&invite, StatusCode::BUSY_HERE, b"").await;
    let over = LegFact::Released { cause: Cause::Refused, status: Some(486), reason: None };
    assert_eq!(house.fact(dialled(1)).await, over);
    assert!(house.is_quiet());
}
