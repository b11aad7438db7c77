//! Before the call is answered: reliable provisional responses (RFC 3262) and changes of early
//! sessions (RFC 3311).

use std::time::Duration;

use super::network::{CALL, Network, STRANGER, Side, busy, sdp};
use crate::endpoint::{Order, OrderError, Rejection};
use crate::header::HeaderName;
use crate::message::{Message, Method, Request, Response, StatusCode};
use crate::session::SessionId;

const MOMENT: Duration = Duration::from_millis(50);

/// A call that rings with early media, acknowledged.
fn early(net: &mut Network) -> SessionId {
    net.dial();
    let session = net.rung();
    let status = StatusCode::SESSION_PROGRESS;
    net.order(Side::Callee, Order::Progress { session, status, body: Some(sdp("answer")) });
    session
}

#[test]
fn an_answer_given_early_is_acknowledged_and_not_given_again() {
    let mut net = Network::perfect();
    let session = early(&mut net);
    net.run(MOMENT);
    assert_eq!(net.take(Side::Caller), ["progressed 183 answer"]);
    net.order(Side::Callee, Order::Accept { session, body: sdp("answer") });
    net.run(MOMENT);
    assert_eq!(
        net.take(Side::Caller),
        ["answered answer"],
        "the early one, though the 200 has none"
    );
    let ladder = ["caller INVITE", "callee 100 INVITE", "callee 183 INVITE", "caller PRACK"];
    assert_eq!(net.ladder[..4], ladder);
    assert_eq!(net.ladder[4..], ["callee 200 PRACK", "callee 200 INVITE", "caller ACK"]);
}

#[test]
fn an_answer_given_early_is_repeated_until_it_is_acknowledged_and_the_call_answered_after() {
    let mut net = Network::perfect();
    net.swallowed = vec!["PRACK"];
    let session = early(&mut net);
    net.order(Side::Callee, Order::Accept { session, body: sdp("answer") });
    net.run(Duration::from_secs(3));
    let sent = |net: &Network, line: &str| net.ladder.iter().filter(|it| *it == line).count();
    assert_eq!(sent(&net, "callee 183 INVITE"), 3, "at 0, 0.5 and 1.5 s");
    assert_eq!(sent(&net, "callee 200 INVITE"), 0, "not before the PRACK");
    assert_eq!(net.take(Side::Caller), ["progressed 183 answer"], "heard once");
    net.swallowed.clear();
    net.run(Duration::from_secs(2));
    assert_eq!(net.take(Side::Caller), ["answered answer"]);
}

#[test]
fn a_call_whose_early_answer_nobody_acknowledges_is_refused() {
    let mut net = Network::perfect();
    net.swallowed = vec!["PRACK"];
    early(&mut net);
    net.run(Duration::from_secs(40));
    assert_eq!(net.take(Side::Callee)[1..], ["released NoAck"]);
    assert!(net.take(Side::Caller)[1].starts_with("refused 500"));
    net.run(Duration::from_mins(1));
    assert!(net.is_clear());
}

#[test]
fn provisional_responses_wait_for_one_another_and_for_nothing_once_the_call_is_refused() {
    let mut net = Network::perfect();
    let session = early(&mut net);
    let status = StatusCode::SESSION_PROGRESS;
    let again = Order::Progress { session, status, body: Some(sdp("again")) };
    net.order(Side::Callee, again);
    net.order(Side::Callee, Order::Reject { session, refusal: busy() });
    net.run(MOMENT);
    assert_eq!(net.ladder.iter().filter(|it| *it == "callee 183 INVITE").count(), 1);
    net.run(Duration::from_mins(1));
    assert!(net.is_clear());
}

#[test]
fn a_caller_that_wants_so_must_acknowledge_every_ringing() {
    let mut net = Network::perfect();
    let session = stranger_calls(&mut net, "Require: 100rel\n");
    let first = rings(&mut net, session);
    let rseq = number(&first);
    assert!(first.headers.lists(&HeaderName::Require, "100rel"));
    let status = StatusCode::RINGING;
    net.order(Side::Callee, Order::Progress { session, status, body: None });
    net.run(MOMENT);
    assert!(net.astray.is_empty(), "the second waits");
    let to = String::from_utf8(first.headers.first(&HeaderName::To).unwrap().to_vec()).unwrap();
    for (rack, cseq, status) in [
        (format!("{} 1 INVITE", rseq + 1), 2, 481),
        (format!("{rseq} 2 INVITE"), 3, 481),
        (format!("{rseq} 1 INVITE"), 4, 200),
        (format!("{rseq} 1 INVITE"), 5, 481),
    ] {
        let answer = prack(&mut net, &to, &rack, cseq);
        assert_eq!(answer, status, "{rack}");
        if status == 200 {
            let Message::Response(second) = &net.astray[1].1 else { panic!("no response") };
            assert_eq!(number(second), rseq + 1);
        }
    }
}

#[test]
fn an_early_session_is_changed_by_update_once_its_offer_is_answered() {
    let mut net = Network::perfect();
    let session = stranger_calls(&mut net, "Supported: 100rel\n");
    let status = StatusCode::SESSION_PROGRESS;
    net.astray.clear();
    net.order(Side::Callee, Order::Progress { session, status, body: Some(sdp("answer")) });
    let Message::Response(first) = net.astray[0].1.clone() else { panic!("no response") };
    let to = String::from_utf8(first.headers.first(&HeaderName::To).unwrap().to_vec()).unwrap();
    let too_soon = update(&mut net, &to, 2);
    assert_eq!(too_soon, Some(500), "their offer is not answered for sure");
    let rack = format!("{} 1 INVITE", number(&first));
    assert_eq!(prack(&mut net, &to, &rack, 3), 200);
    assert_eq!(update(&mut net, &to, 4), None, "it waits for the application");
    net.take(Side::Caller);
    assert_eq!(net.take(Side::Callee)[1..], ["offered v=2"]);
    net.order(Side::Callee, Order::AnswerOffer { session, body: sdp("yes") });
    let Message::Response(answer) = &net.astray.last().unwrap().1 else { panic!("no response") };
    assert_eq!((answer.status, answer.body.as_slice()), (StatusCode::OK, &b"yes"[..]));
    assert_eq!(update(&mut net, &to, 5), None);
    net.order(Side::Callee, Order::Bye { session, reason: None });
    let last = net.astray.iter().rev().filter_map(|(_, message)| match message {
        Message::Response(response) => Some(response.status.code()),
        Message::Request(_) => None,
    });
    assert_eq!(last.take(2).collect::<Vec<_>>(), [487, 480], "nothing is left unanswered");
    let gone = net.try_order(Side::Callee, Order::AnswerOffer { session, body: sdp("late") });
    assert_eq!(gone, Err(OrderError::NoSuchSession));
}

/// A stranger's call that was answered early, for sure, and then for good; how it names us.
fn answered_early(net: &mut Network) -> (SessionId, String) {
    let session = stranger_calls(net, "Supported: 100rel\n");
    let status = StatusCode::SESSION_PROGRESS;
    net.astray.clear();
    net.order(Side::Callee, Order::Progress { session, status, body: Some(sdp("answer")) });
    let Message::Response(first) = net.astray[0].1.clone() else { panic!("no response") };
    let to = String::from_utf8(first.headers.first(&HeaderName::To).unwrap().to_vec()).unwrap();
    assert_eq!(prack(net, &to, &format!("{} 1 INVITE", number(&first)), 2), 200);
    net.order(Side::Callee, Order::Accept { session, body: sdp("answer") });
    net.take(Side::Callee);
    net.astray.clear();
    (session, to)
}

/// What was sent to the stranger, as `200 INVITE` or `BYE`.
fn said(net: &Network) -> Vec<String> {
    let title = |message: &Message| match message {
        Message::Request(request) => request.method.to_string(),
        Message::Response(response) => {
            format!("{} {}", response.status, response.cseq().unwrap().method)
        }
    };
    net.astray.iter().map(|(_, message)| title(message)).collect()
}

#[test]
fn an_update_that_crosses_our_answer_is_answered_and_the_answer_repeated_all_the_same() {
    let mut net = Network::perfect();
    let (session, to) = answered_early(&mut net);
    assert_eq!(update(&mut net, &to, 3), None, "it waits for the application");
    net.order(Side::Callee, Order::AnswerOffer { session, body: sdp("yes") });
    assert_eq!(net.take(Side::Callee), ["offered v=2"], "nothing is acknowledged");
    net.run(Duration::from_secs(2));
    assert_eq!(said(&net), ["200 UPDATE", "200 INVITE", "200 INVITE"], "after 0.5 and 1.5 s");
    acknowledge(&mut net, &to);
    assert_eq!(net.take(Side::Callee), ["acknowledged"]);
    net.run(Duration::from_secs(40));
    assert_eq!(net.astray.len(), 0, "nothing is repeated any more");
    assert_eq!(net.callee.session_ids(), [session]);
}

#[test]
fn an_update_that_crosses_our_answer_brings_no_bye_before_the_ack() {
    let mut net = Network::perfect();
    let (session, to) = answered_early(&mut net);
    net.order(Side::Callee, Order::Bye { session, reason: None });
    assert_eq!(update(&mut net, &to, 3), Some(500), "the caller's dialog goes on until the bye");
    assert_eq!(said(&net), ["500 UPDATE"]);
    acknowledge(&mut net, &to);
    assert_eq!(said(&net), ["BYE"]);
    assert_eq!(net.take(Side::Callee), ["acknowledged"]);
}

#[test]
fn a_bye_that_crosses_our_answer_ends_the_call_and_the_invite_gets_its_answer_once_more() {
    let mut net = Network::perfect();
    let (_, to) = answered_early(&mut net);
    let tag = to.split_once("tag=").unwrap().1;
    net.stranger(&text("BYE", 3, tag, "", ""));
    assert_eq!(said(&net), ["200 INVITE", "200 BYE"]);
    assert_eq!(net.take(Side::Callee), ["released PeerBye"]);
    net.run(Duration::from_secs(40));
    assert_eq!(net.astray.len(), 2);
    assert!(net.is_clear());
}

#[test]
fn a_bye_after_the_ack_says_nothing_of_the_invite() {
    let mut net = Network::perfect();
    let (_, to) = answered_early(&mut net);
    acknowledge(&mut net, &to);
    let tag = to.split_once("tag=").unwrap().1;
    net.stranger(&text("BYE", 3, tag, "", ""));
    assert_eq!(said(&net), ["200 BYE"]);
}

fn acknowledge(net: &mut Network, to: &str) {
    let tag = to.split_once("tag=").unwrap().1;
    let ack = text("ACK", 1, tag, "", "").replace("z9hG4bK-1", "z9hG4bK-ack");
    net.stranger(&ack);
}

#[test]
fn a_reliable_response_out_of_order_is_as_if_lost() {
    let mut net = Network::perfect();
    net.dial();
    net.run(MOMENT);
    net.ladder.clear();
    let invite = net.invite();
    let source = net.callees_source();
    for (rseq, body) in [(7, "one"), (9, "three"), (7, "one"), (8, "two")] {
        net.deliver(Side::Caller, progress(&invite, "fork", rseq, body), source);
    }
    assert_eq!(net.take(Side::Caller), ["progressed 183 one", "progressed 183 two"]);
    assert_eq!(net.ladder, ["caller PRACK", "caller PRACK"]);
}

/// A call of ours that was answered early, for sure, and that the other side changes by UPDATE.
fn changed_early(net: &mut Network) -> Request {
    net.dial();
    net.run(MOMENT);
    let invite = net.invite();
    let source = net.callees_source();
    net.deliver(Side::Caller, progress(&invite, "fork", 7, "one"), source);
    net.deliver(Side::Caller, change(&invite, "two"), source);
    assert_eq!(net.take(Side::Caller), ["progressed 183 one", "offered two"]);
    net.take(Side::Callee);
    invite
}

fn refuses() -> Order {
    let refusal = Box::new(Rejection::new(StatusCode::NOT_ACCEPTABLE_HERE, "no"));
    Order::RefuseOffer { session: CALL, refusal }
}

#[test]
fn a_change_of_an_early_session_is_what_its_answer_says_later() {
    let answers = || Order::AnswerOffer { session: CALL, body: sdp("yes") };
    for (order, answered) in [(answers(), "answered two"), (refuses(), "answered one")] {
        for said in ["", "one", "two"] {
            let mut net = Network::perfect();
            let invite = changed_early(&mut net);
            net.order(Side::Caller, order.clone());
            let source = net.callees_source();
            net.deliver(Side::Caller, answer(&invite, "fork", said), source);
            assert_eq!(net.take(Side::Caller), [answered], "{said}");
        }
    }
}

#[test]
fn a_change_of_an_early_session_is_no_other_forks() {
    let mut net = Network::perfect();
    let invite = changed_early(&mut net);
    let source = net.callees_source();
    net.deliver(Side::Caller, progress(&invite, "other", 3, "three"), source);
    net.order(Side::Caller, Order::AnswerOffer { session: CALL, body: sdp("yes") });
    net.deliver(Side::Caller, answer(&invite, "other", ""), source);
    assert_eq!(net.take(Side::Caller), ["progressed 183 three", "answered three"]);
}

#[test]
fn an_answer_that_crosses_a_change_of_the_early_session_is_told_when_that_is_settled() {
    let answers = Order::AnswerOffer { session: CALL, body: sdp("yes") };
    for (order, settled) in [
        (Some(answers), "answered two"),
        (Some(refuses()), "answered one"),
        (None, "answered one"),
        (Some(Order::Bye { session: CALL, reason: None }), "released OurBye"),
        (Some(Order::Cancel { session: CALL, reason: None }), "released OurBye"),
    ] {
        let mut net = Network::perfect();
        let invite = changed_early(&mut net);
        let source = net.callees_source();
        net.deliver(Side::Caller, answer(&invite, "fork", ""), source);
        assert_eq!(net.take(Side::Caller), [""; 0], "which of the two counts is not settled");
        if let Some(order) = order {
            net.order(Side::Caller, order);
        }
        // As long as a change waits for its answer.
        net.run(Duration::from_secs(31));
        assert_eq!(net.take(Side::Caller), [settled]);
    }
}

#[test]
fn what_rings_after_a_change_of_the_early_session_says_nothing_of_media() {
    for settled in [Some(Order::AnswerOffer { session: CALL, body: sdp("yes") }), None] {
        let mut net = Network::perfect();
        let invite = changed_early(&mut net);
        if let Some(order) = settled {
            net.order(Side::Caller, order);
        }
        let source = net.callees_source();
        let ringing = from_fork(&invite, "fork", StatusCode::RINGING, "one");
        net.deliver(Side::Caller, Message::Response(ringing), source);
        net.deliver(Side::Caller, progress(&invite, "other", 3, "three"), source);
        assert_eq!(net.take(Side::Caller), ["progressed 180", "progressed 183 three"]);
    }
}

#[test]
fn a_refresh_says_of_our_media_what_answered_the_change_of_the_early_session() {
    let mut net = Network::perfect();
    let invite = changed_early(&mut net);
    net.order(Side::Caller, Order::AnswerOffer { session: CALL, body: sdp("yes") });
    let source = net.callees_source();
    let mut answer = from_fork(&invite, "fork", StatusCode::OK, "");
    answer.headers.push(HeaderName::SessionExpires, "90;refresher=uac");
    net.deliver(Side::Caller, Message::Response(answer), source);
    net.run(Duration::from_secs(45));
    let Message::Request(refresh) = net.last_to(Side::Callee) else { panic!("no request") };
    assert_eq!((refresh.method, refresh.body.as_slice()), (Method::Invite, &b"yes"[..]));
}

/// A response to our INVITE by which a fork answers early.
fn progress(invite: &Request, fork: &str, rseq: u32, body: &str) -> Message {
    let mut response = from_fork(invite, fork, StatusCode::SESSION_PROGRESS, body);
    response.headers.push(HeaderName::Require, "100rel");
    response.headers.push(HeaderName::RSeq, rseq.to_string());
    Message::Response(response)
}

fn answer(invite: &Request, fork: &str, body: &str) -> Message {
    Message::Response(from_fork(invite, fork, StatusCode::OK, body))
}

fn from_fork(invite: &Request, fork: &str, status: StatusCode, body: &str) -> Response {
    let mut response = invite.response(status);
    response.headers.set(HeaderName::To, &invite.to().unwrap().with_tag(fork));
    response.headers.push(HeaderName::Contact, "<sip:callee@192.0.2.2:5080>");
    if !body.is_empty() {
        response.headers.push(HeaderName::ContentType, "application/sdp");
    }
    response.body = body.as_bytes().to_vec();
    response
}

/// The UPDATE of a fork.
fn change(invite: &Request, body: &str) -> Message {
    let us = invite.contact().unwrap().unwrap();
    let mut update = Request::new(Method::Update, us.uri);
    let via = "SIP/2.0/UDP 192.0.2.2:5080;branch=z9hG4bK-update";
    update.headers.push(HeaderName::Via, via);
    update.headers.push(HeaderName::MaxForwards, "70");
    update.headers.push(HeaderName::From, &invite.to().unwrap().with_tag("fork"));
    update.headers.push(HeaderName::To, &invite.from().unwrap());
    update.headers.push(HeaderName::CallId, invite.call_id().unwrap());
    update.headers.push(HeaderName::CSeq, "1 UPDATE");
    update.headers.push(HeaderName::Contact, "<sip:callee@192.0.2.2:5080>");
    update.headers.push(HeaderName::ContentType, "application/sdp");
    update.body = body.as_bytes().to_vec();
    Message::Request(update)
}

fn stranger_calls(net: &mut Network, more: &str) -> SessionId {
    net.stranger(&text("INVITE", 1, "", more, "v=0")).unwrap();
    net.callee.session_ids()[0]
}

fn rings(net: &mut Network, session: SessionId) -> Response {
    net.astray.clear();
    let status = StatusCode::RINGING;
    net.order(Side::Callee, Order::Progress { session, status, body: None });
    let Message::Response(response) = net.astray[0].1.clone() else { panic!("no response") };
    net.astray.clear();
    response
}

fn prack(net: &mut Network, to: &str, rack: &str, cseq: u32) -> u16 {
    let to = to.split_once("tag=").unwrap().1;
    match net.stranger(&text("PRACK", cseq, to, &format!("RAck: {rack}\n"), "")) {
        Some(Message::Response(response)) => response.status.code(),
        other => panic!("not a response: {other:?}"),
    }
}

fn update(net: &mut Network, to: &str, cseq: u32) -> Option<u16> {
    let to = to.split_once("tag=").unwrap().1;
    match net.stranger(&text("UPDATE", cseq, to, "", "v=2")) {
        Some(Message::Response(response)) => Some(response.status.code()),
        Some(Message::Request(request)) => panic!("not a response: {request:?}"),
        None => None,
    }
}

fn text(method: &str, cseq: u32, tag: &str, more: &str, body: &str) -> String {
    let tag = if tag.is_empty() { String::new() } else { format!(";tag={tag}") };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\n" };
    format!(
        "{method} sip:4008001234@192.0.2.2:5080 SIP/2.0\n\
         Via: SIP/2.0/UDP {STRANGER};branch=z9hG4bK-{cseq}\n\
         From: <sip:13800138000@192.0.2.66>;tag=theirs\nTo: <sip:4008001234@192.0.2.2>{tag}\n\
         Call-ID: early\nCSeq: {cseq} {method}\nMax-Forwards: 70\n\
         Contact: <sip:13800138000@192.0.2.66>\n{kind}{more}Content-Length: {}\n\n{body}",
        body.len()
    )
}

/// The RSeq of a response.
fn number(response: &Response) -> u64 {
    response.headers.number(&HeaderName::RSeq).unwrap().unwrap()
}

#[test]
fn the_caller_of_an_early_session_takes_no_offer_but_by_update() {
    let mut net = Network::perfect();
    let session = early(&mut net);
    net.run(MOMENT);
    let wrong = net.try_order(Side::Callee, Order::Reinvite { session, body: sdp("hold") });
    assert_eq!(wrong, Err(OrderError::WrongState));
    assert_eq!(net.caller.session_ids(), [CALL]);
}
