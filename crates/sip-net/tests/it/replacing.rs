//! A phone takes a call over from another of the same account (RFC 3891).

use model::Cause;
use sip::digest::Algorithm;
use sip::sdp::parse_description;
use sip::{HeaderName, Method, Request, StatusCode};
use switchboard::ports::{LegCommand, LegFact};

use crate::house::{House, dialled, ours, rings};
use crate::peer::{Peer, cancel, sdp};

const SECRET: (&str, Algorithm) = ("secret", Algorithm::Sha256);

/// A call that phone 1001 has answered, and the Replaces that names it.
async fn in_a_call(house: &mut House) -> (Peer, String) {
    let mut phone = Peer::at(1, "1001", house.handle.phones()).await;
    phone.registered().await;
    house.bindings().await;
    house.command(dialled(1), rings("1001"));
    let invite = phone.request_of(&Method::Invite).await;
    phone.answer(&invite, StatusCode::OK, &sdp(phone.address(), 1)).await;
    assert!(matches!(house.fact(dialled(1)).await, LegFact::Answered { .. }));
    phone.request_of(&Method::Ack).await;
    let replaces = format!(
        "{};to-tag={};from-tag=to-{}",
        invite.call_id().unwrap(),
        invite.from().unwrap().tag().unwrap(),
        phone.address()
    );
    (phone, replaces)
}

fn taking_over(phone: &mut Peer, replaces: &str) -> Request {
    let mut request = phone.invite("1001", &format!("over-{}", phone.address()));
    request.headers.push(HeaderName::Require, "replaces");
    request.headers.push(HeaderName::Replaces, replaces);
    request
}

#[tokio::test]
async fn the_leg_goes_on_with_the_other_phone_and_the_first_is_told() {
    let mut house = House::open().await;
    let (desk, replaces) = in_a_call(&mut house).await;
    let mut soft = Peer::at(1, "1001", house.handle.phones()).await;
    let request = taking_over(&mut soft, &replaces);
    let challenged = soft.ask(&request).await;
    soft.acknowledge_refusal(&request, &challenged).await;
    let again = soft.with_credentials(request, &challenged, SECRET);
    soft.send(&again.to_bytes()).await;
    let offer = parse_description(&again.body).unwrap();
    assert_eq!(house.fact(dialled(1)).await, LegFact::Reoffered { offer: Some(offer) });
    house.command(dialled(1), LegCommand::AnswerReoffer { answer: ours(20_000) });
    let answer = soft.response().await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(parse_description(&answer.body).unwrap().address.port(), 20_000);
    soft.acknowledge(&answer, b"").await;
    let bye = desk.request_of(&Method::Bye).await;
    let reason = "SIP;cause=200;text=\"Call completed elsewhere\"";
    assert_eq!(bye.headers.text(&HeaderName::Reason), Some(reason));
    desk.answer(&bye, StatusCode::OK, b"").await;
    assert!(house.is_quiet(), "the leg has not ended");
    let bye = soft.within("BYE", &answer);
    soft.send(&bye.to_bytes()).await;
    let over = LegFact::Released { cause: Cause::AgentHungUp, status: None, reason: None };
    assert_eq!(house.fact(dialled(1)).await, over);
}

#[tokio::test]
async fn nobody_else_takes_a_call_over_and_nobody_one_that_is_not_there() {
    let mut house = House::open().await;
    let (_desk, replaces) = in_a_call(&mut house).await;
    let mut other = Peer::at(1, "1002", house.handle.phones()).await;
    let request = taking_over(&mut other, &replaces);
    assert_eq!(other.ask_with(request, SECRET).await.status, StatusCode::FORBIDDEN);
    let mut mine = Peer::at(1, "1001", house.handle.phones()).await;
    let request = taking_over(&mut mine, "nothing;to-tag=a;from-tag=b");
    let status = mine.ask_with(request, SECRET).await.status;
    assert_eq!(status, StatusCode::CALL_DOES_NOT_EXIST);
    assert!(house.is_quiet());
}

/// The other phone of the account wants the call; its INVITE.
async fn wants(house: &mut House, soft: &mut Peer, replaces: &str) -> Request {
    let request = taking_over(soft, replaces);
    let challenged = soft.ask(&request).await;
    soft.acknowledge_refusal(&request, &challenged).await;
    let again = soft.with_credentials(request, &challenged, SECRET);
    soft.send(&again.to_bytes()).await;
    assert!(matches!(house.fact(dialled(1)).await, LegFact::Reoffered { .. }));
    again
}

async fn gives_up(soft: &Peer, invite: &Request) {
    soft.send(&cancel(invite).to_bytes()).await;
}

#[tokio::test]
async fn a_change_by_the_phone_before_waits_for_what_becomes_of_taking_over() {
    let mut house = House::open().await;
    let (mut desk, replaces) = in_a_call(&mut house).await;
    let mut soft = Peer::at(1, "1001", house.handle.phones()).await;
    wants(&mut house, &mut soft, &replaces).await;
    let parts: Vec<_> = replaces.split(';').collect();
    let tag = |name: &str| parts.iter().find_map(|part| part.strip_prefix(name)).unwrap();
    let target = format!("sip:{}", house.handle.phones());
    let mut change = desk.request("INVITE", &target, parts[0]);
    let to = format!("<sip:13800138000@400.example.cn>;tag={}", tag("to-tag="));
    change.headers.set(HeaderName::To, to);
    let from = format!("<sip:1001@400.example.cn>;tag={}", tag("from-tag="));
    change.headers.set(HeaderName::From, from);
    change.headers.push(HeaderName::ContentType, "application/sdp");
    change.body = sdp(desk.address(), 2);
    assert_eq!(desk.ask(&change).await.status, StatusCode::REQUEST_PENDING);
    assert!(house.is_quiet(), "the floor is asked one thing at a time");
}

#[tokio::test]
async fn who_gives_up_taking_over_leaves_the_call_as_it_was() {
    let mut house = House::open().await;
    let (desk, replaces) = in_a_call(&mut house).await;
    let mut soft = Peer::at(1, "1001", house.handle.phones()).await;
    let invite = wants(&mut house, &mut soft, &replaces).await;
    gives_up(&soft, &invite).await;
    let before = parse_description(&sdp(desk.address(), 1)).unwrap();
    assert_eq!(house.fact(dialled(1)).await, LegFact::Reanswered { answer: before });
    house.command(dialled(1), LegCommand::Release { cause: Cause::CallerHungUp, status: None });
    desk.request_of(&Method::Bye).await;
}

#[tokio::test]
async fn when_the_phone_before_has_hung_up_a_call_ends_that_is_not_taken_over() {
    for is_refused in [false, true] {
        let mut house = House::open().await;
        let (mut desk, replaces) = in_a_call(&mut house).await;
        let mut soft = Peer::at(1, "1001", house.handle.phones()).await;
        let invite = wants(&mut house, &mut soft, &replaces).await;
        let (call_id, tags) = replaces.split_once(";to-tag=").unwrap();
        let (ours, theirs) = tags.split_once(";from-tag=").unwrap();
        let mut bye = desk.request("BYE", "sip:1001@400.example.cn", call_id);
        bye.headers.set(HeaderName::To, format!("<sip:x@400.example.cn>;tag={ours}"));
        bye.headers.set(HeaderName::From, format!("<sip:1001@400.example.cn>;tag={theirs}"));
        assert_eq!(desk.ask(&bye).await.status, StatusCode::OK);
        assert!(house.is_quiet(), "the other may still have it");
        if is_refused {
            house.command(dialled(1), LegCommand::RefuseReoffer { status: 488 });
        } else {
            gives_up(&soft, &invite).await;
        }
        let over = LegFact::Released { cause: Cause::AgentHungUp, status: None, reason: None };
        assert_eq!(house.fact(dialled(1)).await, over);
        assert!(house.is_quiet());
    }
}
