//! Calls that come in, and what happens in them.

use model::{Cause, LegId};
use sip::sdp::parse_description;
use sip::{HeaderName, Method, Request, Response, StatusCode};
use sip_net::Counted;
use switchboard::ports::{LegCommand, LegFact};

use crate::house::{House, number, ours};
use crate::peer::{Peer, cancel, sdp};

/// A carrier and its call to 4008001234, which has rung in.
struct Call {
    house: House,
    carrier: Peer,
    invite: Request,
    leg: LegId,
}

impl Call {
    async fn rings_in() -> Self {
        let mut house = House::open().await;
        let mut carrier = Peer::at(2, "13800138000", house.handle.trunks()).await;
        let invite = carrier.invite("4008001234", "call");
        carrier.send(&invite.to_bytes()).await;
        let (leg, _) = house.rings_in().await;
        Self { house, carrier, invite, leg }
    }

    async fn answered() -> (Self, Response) {
        let mut call = Self::rings_in().await;
        call.house.command(call.leg, LegCommand::Answer { answer: ours(20_000) });
        let answer = call.carrier.response().await;
        assert_eq!(answer.status, StatusCode::OK);
        call.carrier.acknowledge(&answer, b"").await;
        (call, answer)
    }

    async fn is_released(&mut self, cause: Cause, status: Option<u16>) {
        assert_eq!(
            self.house.fact(self.leg).await,
            LegFact::Released { cause, status, reason: None }
        );
        assert!(self.house.is_quiet());
    }
}

#[tokio::test]
async fn a_call_rings_is_answered_and_hung_up_by_the_caller() {
    let mut call = Call::rings_in().await;
    call.house.command(call.leg, LegCommand::Ring { answer: None });
    assert_eq!(call.carrier.response().await.status, StatusCode::RINGING);
    call.house.command(call.leg, LegCommand::Answer { answer: ours(20_000) });
    let answer = call.carrier.response().await;
    let described = parse_description(&answer.body).unwrap();
    assert_eq!(described.address, ([127, 0, 0, 1], 20_000).into());
    call.carrier.acknowledge(&answer, b"").await;
    let bye = call.carrier.within("BYE", &answer);
    assert_eq!(call.carrier.ask(&bye).await.status, StatusCode::OK);
    call.is_released(Cause::CallerHungUp, None).await;
}

#[tokio::test]
async fn a_released_call_gets_a_bye_that_tells_why_and_is_over_at_once() {
    let (mut call, _) = Call::answered().await;
    let release = LegCommand::Release { cause: Cause::AgentHungUp, status: None };
    call.house.command(call.leg, release);
    call.is_released(Cause::AgentHungUp, None).await;
    let bye = call.carrier.request_of(&Method::Bye).await;
    assert_eq!(
        bye.headers.text(&HeaderName::Reason),
        Some("Q.850;cause=16;text=\"agent_hung_up\"")
    );
    call.carrier.answer(&bye, StatusCode::OK, b"").await;
    let again = LegCommand::Release { cause: Cause::AgentHungUp, status: None };
    call.house.command(call.leg, again);
    call.house.handle.shutdown().await;
    assert!(call.house.is_quiet());
    assert_eq!(call.house.counted(Counted::LateCommand), 1);
}

#[tokio::test]
async fn a_refused_caller_gets_the_status_and_the_reason() {
    let mut call = Call::rings_in().await;
    call.house.command(call.leg, LegCommand::Release { cause: Cause::NoRoute, status: None });
    let refusal = call.carrier.response().await;
    assert_eq!(refusal.status, StatusCode::NOT_FOUND);
    let reason = refusal.headers.text(&HeaderName::Reason).unwrap();
    assert!(reason.contains("404") && reason.contains("no_route"), "{reason}");
    call.is_released(Cause::NoRoute, Some(404)).await;
}

#[tokio::test]
async fn a_caller_who_gives_up_leaves() {
    let mut call = Call::rings_in().await;
    call.carrier.send(&cancel(&call.invite).to_bytes()).await;
    let statuses = [call.carrier.response().await.status, call.carrier.response().await.status];
    assert!(statuses.contains(&StatusCode::OK), "{statuses:?}");
    assert!(statuses.contains(&StatusCode::REQUEST_TERMINATED), "{statuses:?}");
    call.is_released(Cause::CallerLeft, None).await;
}

#[tokio::test]
async fn early_media_goes_out_in_a_183_and_the_answer_stays_the_same_version() {
    let call = Call::rings_in().await;
    call.house.command(call.leg, LegCommand::Ring { answer: Some(ours(20_000)) });
    let early = call.carrier.response().await;
    assert_eq!(early.status, StatusCode::SESSION_PROGRESS);
    call.house.command(call.leg, LegCommand::Answer { answer: ours(20_000) });
    let answer = call.carrier.response().await;
    assert_eq!(early.body, answer.body);
}

#[tokio::test]
async fn a_caller_without_an_offer_is_offered_and_answers_in_the_ack() {
    let mut house = House::open().await;
    let mut carrier = Peer::at(2, "13800138000", house.handle.trunks()).await;
    let mut invite = carrier.invite("4008001234", "call");
    invite.body.clear();
    invite.headers.remove(&HeaderName::ContentType);
    carrier.send(&invite.to_bytes()).await;
    let (leg, rings) = house.rings_in().await;
    assert_eq!(rings.offer, None);
    house.command(leg, LegCommand::Answer { answer: ours(20_000) });
    let offer = carrier.response().await;
    assert!(parse_description(&offer.body).is_ok());
    let answer = sdp(carrier.address(), 1);
    carrier.acknowledge(&offer, &answer).await;
    let expected = parse_description(&answer).unwrap();
    assert_eq!(house.fact(leg).await, LegFact::Answered { answer: expected });
}

#[tokio::test]
async fn an_ack_without_the_answer_we_wait_for_ends_the_leg() {
    let mut house = House::open().await;
    let mut carrier = Peer::at(2, "13800138000", house.handle.trunks()).await;
    let mut invite = carrier.invite("4008001234", "call");
    invite.body.clear();
    invite.headers.remove(&HeaderName::ContentType);
    carrier.send(&invite.to_bytes()).await;
    let (leg, _) = house.rings_in().await;
    house.command(leg, LegCommand::Answer { answer: ours(20_000) });
    let offer = carrier.response().await;
    carrier.acknowledge(&offer, b"").await;
    let over = LegFact::Released { cause: Cause::NotAcceptable, status: None, reason: None };
    assert_eq!(house.fact(leg).await, over);
    carrier.request_of(&Method::Bye).await;
}

#[tokio::test]
async fn a_hold_reaches_the_floor_and_its_answer_has_a_higher_version() {
    let (mut call, answer) = Call::answered().await;
    let mut hold = call.carrier.within("INVITE", &answer);
    hold.headers.push(HeaderName::ContentType, "application/sdp");
    let held = String::from_utf8(sdp(call.carrier.address(), 2)).unwrap();
    hold.body = held.replace("sendrecv", "sendonly").into_bytes();
    call.carrier.send(&hold.to_bytes()).await;
    let LegFact::Reoffered { offer: Some(offer) } = call.house.fact(call.leg).await else {
        panic!("not a change of the session");
    };
    let ours = offer.answer(([127, 0, 0, 1], 20_000).into());
    call.house.command(call.leg, LegCommand::AnswerReoffer { answer: ours });
    let changed = call.carrier.response().await;
    assert_eq!(changed.status, StatusCode::OK);
    assert!(version(&changed.body) > version(&answer.body));
    assert!(String::from_utf8(changed.body).unwrap().contains("a=recvonly"));
}

fn version(body: &[u8]) -> u64 {
    let text = std::str::from_utf8(body).unwrap();
    let origin = text.lines().find(|line| line.starts_with("o=")).unwrap();
    origin.split(' ').nth(2).unwrap().parse().unwrap()
}

#[tokio::test]
async fn our_own_change_is_offered_and_its_answer_reported() {
    let (mut call, _) = Call::answered().await;
    call.house.command(call.leg, LegCommand::Reoffer { offer: ours(20_002) });
    let reinvite = call.carrier.request_of(&Method::Invite).await;
    let offered = parse_description(&reinvite.body).unwrap();
    assert_eq!(offered.address.port(), 20_002);
    let answer = sdp(call.carrier.address(), 2);
    call.carrier.answer(&reinvite, StatusCode::OK, &answer).await;
    let expected = parse_description(&answer).unwrap();
    let fact = call.house.fact(call.leg).await;
    assert_eq!(fact, LegFact::Reanswered { answer: expected });
}

#[tokio::test]
async fn a_digit_by_info_is_a_fact() {
    let (mut call, answer) = Call::answered().await;
    let mut info = call.carrier.within("INFO", &answer);
    info.headers.push(HeaderName::ContentType, "application/dtmf-relay");
    info.body = b"Signal=5\r\nDuration=160\r\n".to_vec();
    assert_eq!(call.carrier.ask(&info).await.status, StatusCode::OK);
    assert_eq!(call.house.fact(call.leg).await, LegFact::Digit('5'));
}

#[tokio::test]
async fn a_transfer_is_asked_for_accepted_and_told_how_it_goes() {
    let (mut call, answer) = Call::answered().await;
    let mut refer = call.carrier.within("REFER", &answer);
    refer.headers.push(HeaderName::ReferTo, "<sip:1002@400.example.cn>");
    call.carrier.send(&refer.to_bytes()).await;
    let fact = call.house.fact(call.leg).await;
    assert_eq!(fact, LegFact::TransferAsked { to: number("1002") });
    call.house.command(call.leg, LegCommand::TransferProgress { status: 100 });
    assert_eq!(call.carrier.response().await.status, StatusCode::ACCEPTED);
    let trying = call.carrier.request_of(&Method::Notify).await;
    assert!(trying.body.starts_with(b"SIP/2.0 100"));
    call.carrier.answer(&trying, StatusCode::OK, b"").await;
    let mut again = call.carrier.within("REFER", &answer);
    again.headers.push(HeaderName::ReferTo, "<sip:1003@400.example.cn>");
    again.headers.set(HeaderName::CSeq, "99 REFER");
    assert_eq!(call.carrier.ask(&again).await.status, StatusCode::SERVER_INTERNAL_ERROR);
    call.house.command(call.leg, LegCommand::TransferProgress { status: 200 });
    let done = call.carrier.request_of(&Method::Notify).await;
    assert!(done.body.starts_with(b"SIP/2.0 200"));
    let state = done.headers.text(&HeaderName::SubscriptionState).unwrap();
    assert!(state.starts_with("terminated"), "{state}");
}

#[tokio::test]
async fn a_transfer_that_the_floor_refuses_is_refused() {
    let (mut call, answer) = Call::answered().await;
    let mut refer = call.carrier.within("REFER", &answer);
    refer.headers.push(HeaderName::ReferTo, "<sip:1002@400.example.cn>");
    call.carrier.send(&refer.to_bytes()).await;
    call.house.fact(call.leg).await;
    call.house.command(call.leg, LegCommand::TransferProgress { status: 403 });
    assert_eq!(call.carrier.response().await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn above_the_floors_limit_a_new_call_is_told_to_try_again() {
    let mut house = House::open().await;
    house.floor.fill();
    let mut carrier = Peer::at(2, "13800138000", house.handle.trunks()).await;
    let invite = carrier.invite("4008001234", "call");
    let refusal = carrier.ask(&invite).await;
    assert_eq!(refusal.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refusal.headers.has(&HeaderName::RetryAfter));
    assert_eq!(house.counted(Counted::Overload), 1);
    assert!(house.is_quiet());
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_with_its_status() {
    let mut house = House::open().await;
    let mut carrier = Peer::at(2, "13800138000", house.handle.trunks()).await;
    let mut secured = carrier.invite("4008001234", "c1");
    let text = String::from_utf8(sdp(carrier.address(), 1)).unwrap();
    secured.body = text.replace("RTP/AVP", "RTP/SAVP").into_bytes();
    assert_eq!(carrier.ask(&secured).await.status, StatusCode::NOT_ACCEPTABLE_HERE);
    let nobody = carrier.invite("%E5%AE%A2%E6%9C%8D", "c2");
    assert_eq!(carrier.ask(&nobody).await.status, StatusCode::NOT_FOUND);
    assert!(house.is_quiet());
}

#[tokio::test]
async fn a_stop_ends_calls_with_bye_and_refuses_new_ones() {
    let (mut call, _) = Call::answered().await;
    let handle = call.house.handle.clone();
    let stopping = tokio::spawn(async move { handle.shutdown().await });
    let bye = call.carrier.request_of(&Method::Bye).await;
    let mut late = Peer::at(2, "13900139000", call.house.handle.trunks()).await;
    let invite = late.invite("4008001234", "late");
    assert_eq!(late.ask(&invite).await.status, StatusCode::SERVICE_UNAVAILABLE);
    call.carrier.answer(&bye, StatusCode::OK, b"").await;
    stopping.await.unwrap();
    call.is_released(Cause::Shutdown, None).await;
}

#[tokio::test]
async fn an_announcement_before_the_answer_is_acknowledged_and_may_be_redirected() {
    let mut house = House::open().await;
    let mut carrier = Peer::at(2, "13800138000", house.handle.trunks()).await;
    let mut invite = carrier.invite("4008001234", "early");
    invite.headers.push(HeaderName::Supported, "100rel, timer");
    carrier.send(&invite.to_bytes()).await;
    let (leg, _) = house.rings_in().await;
    house.command(leg, LegCommand::Ring { answer: Some(ours(20_000)) });
    let early = carrier.response().await;
    assert_eq!(early.status, StatusCode::SESSION_PROGRESS);
    let rseq = early.headers.text(&HeaderName::RSeq).unwrap();
    let mut prack = carrier.within("PRACK", &early);
    let cseq = invite.cseq().unwrap().number;
    prack.headers.push(HeaderName::RAck, format!("{rseq} {cseq} INVITE"));
    assert_eq!(carrier.ask(&prack).await.status, StatusCode::OK);
    let mut update = carrier.within("UPDATE", &early);
    update.headers.push(HeaderName::ContentType, "application/sdp");
    update.body = sdp(([127, 0, 0, 9], 1).into(), 2);
    carrier.send(&update.to_bytes()).await;
    let LegFact::Reoffered { offer: Some(offer) } = house.fact(leg).await else { panic!() };
    assert_eq!(offer.address.ip(), std::net::IpAddr::from([127, 0, 0, 9]));
    house.command(leg, LegCommand::AnswerReoffer { answer: ours(20_000) });
    let answer = carrier.response().await;
    assert_eq!(answer.cseq().unwrap().method, Method::Update);
    assert_eq!(parse_description(&answer.body).unwrap().address.port(), 20_000);
    house.command(leg, LegCommand::Answer { answer: ours(20_000) });
    let answer = carrier.response().await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0), "answered already");
    let timer = answer.headers.text(&HeaderName::SessionExpires);
    assert_eq!(timer, Some("1800;refresher=uas"));
    carrier.acknowledge(&answer, b"").await;
    assert!(house.is_quiet());
}
