//! What strangers may send, and what they get for it.

use std::time::Duration;

use super::network::{CALL, Network, STRANGER, Side, sdp};
use crate::endpoint::{EndpointEvent, Order, OrderError, Reach, Rejection};
use crate::header::HeaderName;
use crate::message::{Message, Response, StatusCode};
use crate::parse::ParseErrorKind;

/// Where somebody else is who has read the tags of a call.
pub(super) const ELSEWHERE: &str = "203.0.113.66:40000";

/// A request as a stranger writes it; `more` is header lines.
fn request(method: &str, more: &str) -> String {
    written(method, "a", more, "")
}

pub(super) fn written(method: &str, branch: &str, more: &str, body: &str) -> String {
    let has = |name: &str| more.lines().any(|line| line.starts_with(name));
    let mut text = format!("{method} sip:4008001234@192.0.2.2 SIP/2.0\n");
    let usual = [
        ("Via:", format!("Via: SIP/2.0/UDP {STRANGER};branch=z9hG4bK{branch}")),
        ("From:", "From: <sip:x@192.0.2.66>;tag=theirs".to_owned()),
        ("To:", "To: <sip:4008001234@192.0.2.2>".to_owned()),
        ("Call-ID:", "Call-ID: foreign".to_owned()),
        ("CSeq:", format!("CSeq: 1 {method}")),
        ("Contact:", format!("Contact: <sip:x@{STRANGER}>")),
        ("Max-Forwards:", "Max-Forwards: 70".to_owned()),
    ];
    for (_, line) in usual.iter().filter(|(name, _)| !has(name)) {
        text.push_str(line);
        text.push('\n');
    }
    text.push_str(more);
    text.push_str(&format!("Content-Length: {}\n\n{body}", body.len()));
    text
}

pub(super) fn refused(net: &mut Network, text: &str) -> Response {
    match net.stranger(text) {
        Some(Message::Response(response)) => response,
        other => panic!("no response but {other:?}"),
    }
}

fn header(response: &Response, name: &HeaderName) -> String {
    response.headers.text(name).unwrap_or_default().to_owned()
}

#[test]
fn what_the_endpoint_refuses_by_itself_and_why() {
    let foreign = "To: <sip:a@b>;tag=unknown\n";
    let cases = [
        (request("BYE", foreign), 481, "no such dialog"),
        (request("BYE", ""), 481, "no such dialog"),
        (request("INFO", foreign), 481, "no such dialog"),
        (request("INVITE", foreign), 481, "no such dialog"),
        (request("CANCEL", ""), 481, "nothing to cancel"),
        (request("REFER", "Refer-To: <sip:a@b>\n"), 403, "refer only within a call"),
        (request("MESSAGE", ""), 405, "method is not supported"),
        (request("DANCE", ""), 501, "method is not supported"),
        (request("INVITE", "Require: 100rel, dance\n"), 420, "Require"),
        (request("INVITE", "Accept: text/plain\n"), 406, "Accept"),
        (written("INVITE", "a", "Content-Type: text/plain\n", "hello"), 415, "Content-Type"),
        (request("INVITE", "CSeq: 1 BYE\n"), 400, "CSeq"),
        (request("INVITE", "Max-Forwards: many\n"), 400, "Max-Forwards"),
    ];
    for (text, status, why) in cases {
        let mut net = Network::perfect();
        let response = refused(&mut net, &text);
        assert_eq!(response.status.code(), status, "{text}");
        let reason = header(&response, &HeaderName::Reason);
        assert!(reason.starts_with(&format!("SIP;cause={status};text=\"")), "{reason}");
        assert!(reason.contains(why), "{reason}");
        assert!(response.to().unwrap().tag().is_some());
        assert_eq!(header(&response, &HeaderName::Server), "hotline");
        assert!(net.is_clear(), "nothing is remembered of {text}");
        assert!(net.events.is_empty());
        assert_eq!(net.callee.tally().refused.get(&status), Some(&1));
    }
}

#[test]
fn a_refusal_names_what_would_have_been_taken() {
    let mut net = Network::perfect();
    let response = refused(&mut net, &request("INVITE", "Require: 100rel, dance\n"));
    assert_eq!(header(&response, &HeaderName::Unsupported), "dance");
    let response = refused(&mut net, &request("MESSAGE", ""));
    let allow = header(&response, &HeaderName::Allow);
    let ours = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY, SUBSCRIBE, \
                REGISTER";
    assert_eq!(allow, ours);
    let response =
        refused(&mut net, &written("INVITE", "a", "Content-Type: text/plain\n", "hello"));
    assert_eq!(header(&response, &HeaderName::Accept), "application/sdp");
}

#[test]
fn the_same_request_is_refused_with_the_same_tag() {
    let mut net = Network::perfect();
    let once = refused(&mut net, &request("BYE", ""));
    let again = refused(&mut net, &request("BYE", ""));
    assert_eq!(once, again);
    let other = refused(&mut net, &written("BYE", "b", "", ""));
    assert_ne!(once.to().unwrap().tag(), other.to().unwrap().tag());
}

#[test]
fn a_response_goes_to_where_the_via_and_the_sender_say() {
    let cases = [
        // sent-by, the sender's address, and where the response goes
        ("192.0.2.66:5060;rport", "203.0.113.9:40000", "203.0.113.9:40000"),
        ("198.51.100.5:5070", "203.0.113.9:40000", "203.0.113.9:5070"),
        ("phone.example.cn", "203.0.113.9:40000", "203.0.113.9:5060"),
        ("203.0.113.9:5062", "203.0.113.9:40000", "203.0.113.9:5062"),
        ("198.51.100.5;received=192.0.2.99", "203.0.113.9:40000", "203.0.113.9:5060"),
    ];
    for (sent_by, from, to) in cases {
        let mut net = Network::perfect();
        let (host, params) = sent_by.split_once(';').unwrap_or((sent_by, ""));
        let via =
            format!("Via: SIP/2.0/UDP {host};branch=z9hG4bKv;{params}\n").replace(";\n", "\n");
        net.stranger_from(&request("BYE", &via), from).unwrap();
        assert_eq!(net.astray[0].0.peer, to.parse().unwrap(), "{sent_by}");
    }
}

#[test]
fn octets_that_are_no_message_are_answered_when_enough_can_be_read() {
    let mut net = Network::perfect();
    let text = request("OPTIONS", "").replace("SIP/2.0\n", "SIP/9.1\n").replace('\n', "\r\n");
    let error = Message::parse(text.as_bytes()).unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::Version);
    let now = net.now;
    let source = source();
    net.callee.receive_malformed(error, source);
    net.collect(Side::Callee);
    let (_, message) = net.astray.pop().unwrap();
    let Message::Response(response) = message else { panic!("{message:?}") };
    assert_eq!(response.status.code(), 505);
    assert!(header(&response, &HeaderName::Reason).contains("unknown SIP version"));
    assert!(response.to().unwrap().tag().is_some());
    net.callee.handle_timeout(now);
    assert_eq!(net.callee.tally().unanswerable, 0);
}

#[test]
fn a_request_whose_via_cannot_be_read_is_refused_where_it_came_from() {
    for (via, status) in [
        ("SIP/2.0/UDP 192.0.2.15;;,;,,", 400),
        ("SIP/7.0/UDP c.example.com;branch=z9hG4bKv", 400),
        ("SIP/2.0/UDP 192.0.2.15:65536;branch=z9hG4bKv", 400),
    ] {
        let mut net = Network::perfect();
        let response = refused(&mut net, &request("OPTIONS", &format!("Via: {via}\n")));
        assert_eq!(response.status.code(), status, "{via}");
        assert_eq!(net.astray[0].0.peer, STRANGER.parse().unwrap());
        assert_eq!(header(&response, &HeaderName::Via), via, "given back as it came");
        assert!(response.to().unwrap().tag().is_some());
        assert_eq!(net.callee.tally().unanswerable, 0);
        assert!(net.is_clear());
    }
}

fn source() -> crate::endpoint::Source {
    crate::endpoint::Source {
        listener: crate::endpoint::ListenerId(0),
        transport: crate::endpoint::Transport::Udp,
        connection: None,
        peer: STRANGER.parse().unwrap(),
        local: "192.0.2.2:5080".parse().unwrap(),
    }
}

#[test]
fn a_stranger_who_guesses_a_call_id_cannot_end_the_call() {
    let mut net = Network::perfect();
    let session = net.connect();
    let state = net.callee.sessions.get(session).unwrap();
    let (call_id, tag) = (state.call_id.clone(), state.local_tag.clone());
    let wrong_tags = [
        format!("Call-ID: {call_id}\n"),
        format!("Call-ID: {call_id}\nTo: <sip:a@b>;tag=guess\n"),
        format!("Call-ID: {call_id}\nTo: <sip:a@b>;tag={tag}\n"),
    ];
    for headers in wrong_tags {
        let response = refused(&mut net, &request("BYE", &headers));
        assert_eq!(response.status.code(), 481, "{headers}");
    }
    let response = refused(&mut net, &request("CANCEL", &format!("Call-ID: {call_id}\n")));
    assert_eq!(response.status.code(), 481);
    net.run(Duration::from_secs(1));
    assert_eq!(net.callee.session_count(), 1);
    assert!(net.events.is_empty());
}

#[test]
fn a_cancel_with_the_right_branch_but_another_call_id_cancels_nothing() {
    let mut net = Network::perfect();
    net.stranger(&written("INVITE", "inv", "Content-Type: application/sdp\n", "v=0"));
    let cancel = written("CANCEL", "inv", "Call-ID: other\n", "");
    assert_eq!(refused(&mut net, &cancel).status.code(), 481);
    assert_eq!(net.callee.session_count(), 1);
    let cancel = written("CANCEL", "inv", "", "");
    assert_eq!(refused(&mut net, &cancel).status.code(), 200);
    assert_eq!(net.callee.session_count(), 0);
}

#[test]
fn a_second_copy_of_a_request_by_another_way_is_refused_482() {
    let mut net = Network::perfect();
    let offer = "Content-Type: application/sdp\n";
    net.stranger(&written("INVITE", "one", offer, "v=0"));
    let copy = refused(&mut net, &written("INVITE", "two", offer, "v=0"));
    assert_eq!(copy.status.code(), 482);
    assert_eq!(net.callee.session_count(), 1);
    let same = net.stranger(&written("INVITE", "one", offer, "v=0"));
    let Some(Message::Response(trying)) = same else { panic!("{same:?}") };
    assert_eq!(trying.status.code(), 100, "a repetition is answered as before");
}

#[test]
fn an_invite_played_again_after_its_transaction_is_refused_and_the_call_goes_on() {
    let mut net = Network::perfect();
    let session = answered_stranger(&mut net, "v=0");
    let to = to_of(&net, session);
    net.run(Duration::from_secs(33));
    net.take(Side::Callee);
    let offer = "Content-Type: application/sdp\n";
    let again = refused(&mut net, &written("INVITE", "inv", offer, "v=0"));
    assert_eq!(again.status.code(), 482);
    assert_eq!(net.take(Side::Callee), [""; 0], "the application is not asked");
    let bye = refused(&mut net, &written("BYE", "bye", &format!("CSeq: 2 BYE\n{to}"), ""));
    assert_eq!(bye.status.code(), 200);
    assert_eq!(net.take(Side::Callee), ["released PeerBye"]);
}

#[test]
fn the_end_of_a_session_unhooks_no_other() {
    let mut net = Network::perfect();
    let one = answered_stranger(&mut net, "v=0");
    net.stranger(&written("INVITE", "other", "Call-ID: other\n", ""));
    let sessions = &mut net.callee.sessions;
    let other = *sessions.ids().last().unwrap();
    let mut taken = sessions.remove(other).unwrap();
    let (call_id, tag) = sessions.get(one).map(|it| (&it.call_id, &it.local_tag)).unwrap();
    (taken.call_id, taken.local_tag) = (call_id.clone(), tag.clone());
    let (call_id, tag) = (call_id.clone(), tag.clone());
    sessions.insert(other, taken);
    sessions.remove(one);
    assert_eq!(sessions.find(&call_id, &tag), Some(other));
    sessions.remove(other);
    assert_eq!(sessions.find(&call_id, &tag), None);
}

#[test]
fn a_cseq_that_runs_backwards_is_refused_500_with_a_time_to_come_again() {
    let mut net = Network::perfect();
    let session = answered_stranger(&mut net, "v=0");
    let to = to_of(&net, session);
    let first = refused(&mut net, &written("INFO", "i1", &format!("CSeq: 9 INFO\n{to}"), ""));
    assert_eq!(first.status.code(), 200);
    let second = refused(&mut net, &written("INFO", "i2", &format!("CSeq: 8 INFO\n{to}"), ""));
    assert_eq!(second.status.code(), 500);
    assert!(second.headers.has(&HeaderName::RetryAfter));
    assert!(header(&second, &HeaderName::Reason).contains("cseq does not rise"));
}

#[test]
fn a_change_played_again_after_its_transaction_is_refused_500_and_not_carried_out() {
    let mut net = Network::perfect();
    let session = answered_stranger(&mut net, "v=0");
    let to = to_of(&net, session);
    let hold = format!("CSeq: 2 INVITE\nContent-Type: application/sdp\n{to}");
    let hold = written("INVITE", "hold", &hold, "v=hold");
    net.stranger(&hold);
    net.order(Side::Callee, Order::AnswerOffer { session, body: sdp("held") });
    net.stranger(&written("ACK", "ack2", &format!("CSeq: 2 ACK\n{to}"), ""));
    net.run(Duration::from_secs(33));
    net.take(Side::Callee);
    let way = net.callee.way_of(session);
    let again = net.stranger_from(&hold, ELSEWHERE);
    let Some(Message::Response(again)) = again else { panic!("{again:?}") };
    assert_eq!(again.status.code(), 500);
    assert!(header(&again, &HeaderName::Reason).contains("cseq does not rise"));
    assert_eq!(net.take(Side::Callee), [""; 0], "the application is not asked");
    assert_eq!(net.callee.way_of(session), way, "the call stays with the peer");
    let bye = refused(&mut net, &written("BYE", "bye", &format!("CSeq: 3 BYE\n{to}"), ""));
    assert_eq!(bye.status.code(), 200);
}

#[test]
fn what_is_refused_within_a_call_moves_neither_its_way_nor_its_cseq() {
    let mut net = Network::perfect();
    let session = answered_stranger(&mut net, "v=0");
    let to = to_of(&net, session);
    let way = net.callee.way_of(session);
    let offer = "Content-Type: application/sdp\n";
    // Ours is under way.
    net.order(Side::Callee, Order::Reinvite { session, body: sdp("hold") });
    let cases = [
        ("INVITE", offer, 491),
        ("UPDATE", offer, 491),
        ("INVITE", "Content-Type: text/plain\n", 415),
        ("UPDATE", &format!("{offer}Supported: timer\nSession-Expires: 10\n"), 422),
        ("PRACK", "RAck: 1 1 INVITE\n", 481),
        ("INFO", "Content-Type: application/dtmf\n", 400),
        ("REFER", "", 400),
        ("MESSAGE", "", 405),
        ("INFO", "Require: dance\n", 420),
    ];
    for (number, (method, more, status)) in (100..).zip(cases) {
        let headers = format!("CSeq: {number} {method}\nContact: <sip:x@{ELSEWHERE}>\n{more}{to}");
        let text = written(method, &format!("b{number}"), &headers, "v=0");
        let Some(Message::Response(answer)) = net.stranger_from(&text, ELSEWHERE) else {
            panic!("no answer to {text}");
        };
        assert_eq!(answer.status.code(), status, "{text}");
        assert_eq!(net.callee.way_of(session), way, "{text}");
    }
    net.take(Side::Callee);
    let bye = refused(&mut net, &written("BYE", "bye", &format!("CSeq: 2 BYE\n{to}"), ""));
    assert_eq!(bye.status.code(), 200, "the peer has counted to one");
    assert_eq!(net.take(Side::Callee), ["released PeerBye"]);
}

#[test]
fn a_phone_that_goes_on_from_another_port_is_followed() {
    for (method, status) in [("OPTIONS", 200), ("INVITE", 100), ("UPDATE", 200), ("INFO", 200)] {
        let mut net = Network::perfect();
        let session = answered_stranger(&mut net, "v=0");
        let headers = format!("CSeq: 2 {method}\n{}", to_of(&net, session));
        let text = written(method, "moved", &headers, "");
        let Some(Message::Response(answer)) = net.stranger_from(&text, ELSEWHERE) else {
            panic!("no answer to {text}");
        };
        assert_eq!(answer.status.code(), status);
        let way = net.callee.way_of(session).unwrap();
        assert_eq!(way.peer, ELSEWHERE.parse().unwrap(), "{method}");
    }
}

#[test]
fn a_key_whose_answer_was_forgotten_is_not_taken_twice() {
    let mut net = Network::perfect();
    let session = answered_stranger(&mut net, "v=0");
    let to = to_of(&net, session);
    net.take(Side::Callee);
    // No answer is remembered.
    net.callee.transactions = crate::transaction::TransactionLayer::new(Default::default(), 0);
    let kind = "Content-Type: application/dtmf\n";
    let key = written("INFO", "key", &format!("CSeq: 2 INFO\n{kind}{to}"), "5");
    assert_eq!(refused(&mut net, &key).status.code(), 200);
    assert_eq!(refused(&mut net, &key).status.code(), 500);
    assert_eq!(net.take(Side::Callee), ["digit 5"]);
}

#[test]
fn an_ack_and_a_cancel_share_the_number_of_their_invite() {
    let mut net = Network::perfect();
    let session = answered_stranger(&mut net, "v=0");
    let to = to_of(&net, session);
    let offer = format!("CSeq: 2 INVITE\nContent-Type: application/sdp\n{to}");
    net.stranger(&written("INVITE", "re", &offer, "v=1"));
    let cancel = written("CANCEL", "re", &format!("CSeq: 2 CANCEL\n{to}"), "");
    assert_eq!(refused(&mut net, &cancel).status.code(), 200);
    let offer = format!("CSeq: 3 INVITE\nContent-Type: application/sdp\n{to}");
    net.stranger(&written("INVITE", "re3", &offer, "v=1"));
    net.order(Side::Callee, Order::AnswerOffer { session, body: sdp("answer") });
    net.take(Side::Callee);
    net.stranger(&written("ACK", "ack3", &format!("CSeq: 3 ACK\n{to}"), ""));
    assert_eq!(net.take(Side::Callee), ["acknowledged"]);
}

/// A call from the stranger that has been answered, and acknowledged with this body.
pub(super) fn answered_stranger(net: &mut Network, body: &str) -> crate::SessionId {
    let offer = "Content-Type: application/sdp\n";
    net.stranger(&written("INVITE", "inv", offer, body));
    let session = net.callee.session_ids()[0];
    net.order(Side::Callee, Order::Accept { session, body: sdp("answer") });
    let ack = format!("CSeq: 1 ACK\n{offer}{}", to_of(net, session));
    net.stranger(&written("ACK", "ack", &ack, "v=late"));
    session
}

pub(super) fn to_of(net: &Network, session: crate::SessionId) -> String {
    format!("To: <sip:a@b>;tag={}\n", net.callee.sessions.get(session).unwrap().local_tag)
}

#[test]
fn the_answer_to_an_invite_without_offer_comes_with_the_ack() {
    let mut net = Network::perfect();
    answered_stranger(&mut net, "");
    assert_eq!(net.take(Side::Callee), ["invited ", "acknowledged v=late"]);
}

#[test]
fn an_ack_of_nothing_is_counted_and_never_answered() {
    let mut net = Network::perfect();
    assert_eq!(net.stranger(&request("ACK", "")), None);
    assert_eq!(net.stranger(&request("ACK", "To: <sip:a@b>;tag=x\n")), None);
    assert_eq!(net.stranger(&request("ACK", "CSeq: 1 INVITE\n")), None);
    assert_eq!(net.callee.tally().stray_acks, 3);
}

#[test]
fn the_ack_of_an_answer_that_nobody_remembers_is_known_by_its_tag() {
    let mut net = Network::perfect();
    let Some(Message::Response(refusal)) = net.stranger(&request("REFER", "")) else { panic!() };
    let tag = refusal.to().unwrap().tag().unwrap().to_owned();
    assert_eq!(net.stranger(&request("ACK", &format!("To: <sip:a@b>;tag={tag}\n"))), None);
    assert_eq!(net.callee.tally().stray_acks, 0);
    assert_eq!(net.stranger(&request("ACK", &format!("To: <sip:a@b>;tag={tag}x\n"))), None);
    assert_eq!(net.callee.tally().stray_acks, 1);
}

#[test]
fn a_response_to_nothing_is_counted_and_never_answered() {
    let mut net = Network::perfect();
    let text = request("OPTIONS", "")
        .replace("OPTIONS sip:4008001234@192.0.2.2 SIP/2.0", "SIP/2.0 200 OK");
    assert_eq!(net.stranger(&text), None);
    assert_eq!(net.callee.tally().stray_responses, 1);
    assert!(net.is_clear());
}

#[test]
fn above_the_bound_of_sessions_a_call_is_refused_503_with_a_time_to_come_again() {
    let mut net = Network::perfect();
    net.callee.settings.bounds.sessions = 3;
    let invite = |number: usize| {
        let headers = format!("Call-ID: call{number}\nContent-Type: application/sdp\n");
        written("INVITE", &format!("b{number}"), &headers, "v=0")
    };
    for number in 0..3 {
        assert_eq!(refused(&mut net, &invite(number)).status.code(), 100);
    }
    for number in 3..1_000 {
        let response = refused(&mut net, &invite(number));
        assert_eq!(response.status.code(), 503);
        assert_eq!(header(&response, &HeaderName::RetryAfter), "5");
    }
    assert_eq!(net.callee.session_count(), 3);
    assert_eq!(net.callee.transaction_count() + net.callee.remembered_count(), 3);
}

#[test]
fn above_the_bound_of_transactions_a_request_is_refused_503() {
    let mut net = Network::perfect();
    net.callee.transactions = crate::transaction::TransactionLayer::new(Default::default(), 2);
    let session = answered_stranger(&mut net, "v=0");
    for (number, status) in [(0, None), (1, Some(503)), (2, Some(503))] {
        let headers = format!("Call-ID: o{number}\n");
        let answer = net.stranger(&written("OPTIONS", &format!("o{number}"), &headers, ""));
        let answer = answer.map(|message| match message {
            Message::Response(response) => response.status.code(),
            Message::Request(request) => panic!("{request:?}"),
        });
        assert_eq!(answer, status);
    }
    let bye = format!("CSeq: 2 BYE\n{}", to_of(&net, session));
    let bye = refused(&mut net, &written("BYE", "bye", &bye, ""));
    assert_eq!(bye.status.code(), 200, "a call can always be ended");
    net.run(Duration::from_secs(33));
    assert!(net.is_clear(), "what nobody answers is forgotten when its sender has given up");
}

#[test]
fn above_the_bound_the_oldest_answer_is_forgotten_and_nothing_is_refused() {
    let mut net = Network::perfect();
    net.callee.transactions = crate::transaction::TransactionLayer::new(Default::default(), 2);
    let session = answered_stranger(&mut net, "v=0");
    let mut ask = |number: u32| {
        let headers = format!("CSeq: {} OPTIONS\n{}", 10 + number, to_of(&net, session));
        let asked = written("OPTIONS", &format!("o{number}"), &headers, "");
        refused(&mut net, &asked).status.code()
    };
    assert_eq!([1, 2, 3, 4].map(&mut ask), [200; 4]);
    assert_eq!([3, 4].map(&mut ask), [200; 2], "what is remembered is said again");
    assert_eq!(ask(1), 500, "what is forgotten is a request out of order");
    assert_eq!(net.callee.remembered_count(), 2);
    net.run(Duration::from_secs(33));
    assert_eq!(net.callee.remembered_count(), 0);
}

#[test]
fn what_was_answered_last_is_remembered_longest_whenever_it_came() {
    let mut net = Network::perfect();
    net.callee.transactions = crate::transaction::TransactionLayer::new(Default::default(), 2);
    let session = answered_stranger(&mut net, "v=0");
    let to = to_of(&net, session);
    let asked = |method: &str, number: u32| {
        let headers = format!("CSeq: {} {method}\n{to}", 10 + number);
        written(method, &format!("o{number}"), &headers, "")
    };
    let transfer = |number: u32| {
        let headers = format!("CSeq: {} REFER\nRefer-To: <sip:1002@a>\n{to}", 10 + number);
        written("REFER", &format!("o{number}"), &headers, "")
    };
    assert!(net.stranger(&transfer(1)).is_none(), "the application has not answered yet");
    for number in [2, 3] {
        net.run(Duration::from_millis(10));
        assert_eq!(refused(&mut net, &asked("OPTIONS", number)).status.code(), 200);
    }
    net.run(Duration::from_millis(10));
    net.order(
        Side::Callee,
        Order::RefuseRefer {
            session,
            refusal: Box::new(Rejection::new(StatusCode::DECLINE, "no")),
        },
    );
    assert_eq!(refused(&mut net, &transfer(1)).status.code(), 603, "the latest answer is kept");
    assert_eq!(refused(&mut net, &asked("OPTIONS", 3)).status.code(), 200);
    assert_eq!(refused(&mut net, &asked("OPTIONS", 2)).status.code(), 500, "the oldest is not");
}

#[test]
fn a_transfer_that_is_taken_up_too_late_stands_in_no_others_way() {
    let mut net = Network::perfect();
    let session = answered_stranger(&mut net, "v=0");
    let to = to_of(&net, session);
    let transfer = |number: u32| {
        let headers = format!("CSeq: {number} REFER\nRefer-To: <sip:1002@a>\n{to}");
        written("REFER", &format!("o{number}"), &headers, "")
    };
    assert!(net.stranger(&transfer(2)).is_none());
    net.run(Duration::from_secs(33));
    let late = net.try_order(Side::Callee, Order::AcceptRefer { session });
    assert_eq!(late, Err(OrderError::NoSuchRequest), "its sender has given up");
    assert!(net.stranger(&transfer(3)).is_none(), "the application is asked");
    net.order(Side::Callee, Order::AcceptRefer { session });
    assert!(net.stranger(&transfer(4)).is_some(), "one at a time");
}

#[test]
fn a_challenge_is_forgotten_and_given_again_with_the_same_tag() {
    let mut net = Network::perfect();
    let mut tags = Vec::new();
    for _ in 0..3 {
        let trying = refused(&mut net, &request("INVITE", ""));
        assert_eq!(trying.status.code(), 100);
        let session = net.callee.session_ids()[0];
        let refusal = Rejection::new(StatusCode::UNAUTHORIZED, "who are you");
        net.order(Side::Callee, Order::Reject { session, refusal: Box::new(refusal) });
        let (_, Message::Response(challenge)) = net.astray.pop().unwrap() else { panic!() };
        assert_eq!(challenge.status.code(), 401);
        tags.push(challenge.to().unwrap().tag().unwrap().to_owned());
        assert!(net.is_clear());
    }
    tags.dedup();
    assert_eq!(tags.len(), 1);
}

#[test]
fn an_offer_may_be_taken_back_by_cancel() {
    let mut net = Network::perfect();
    let session = answered_stranger(&mut net, "v=0");
    let to = to_of(&net, session);
    net.take(Side::Callee);
    let offer = format!("CSeq: 2 INVITE\nContent-Type: application/sdp\n{to}");
    net.stranger(&written("INVITE", "re", &offer, "v=1"));
    let cancel = written("CANCEL", "re", &format!("CSeq: 2 CANCEL\n{to}"), "");
    assert_eq!(refused(&mut net, &cancel).status.code(), 200);
    assert_eq!(net.take(Side::Callee), ["offered v=1", "offer withdrawn"]);
    assert_eq!(net.callee.session_count(), 1, "the call goes on as it was");
    let late = net.try_order(Side::Callee, Order::AnswerOffer { session, body: sdp("x") });
    assert_eq!(late, Err(OrderError::WrongState));
}

#[test]
fn a_second_offer_before_the_first_is_answered_is_refused_500() {
    let mut net = Network::perfect();
    let session = answered_stranger(&mut net, "v=0");
    let to = to_of(&net, session);
    for (cseq, status) in [(2, 100), (3, 500)] {
        let offer = format!("CSeq: {cseq} INVITE\nContent-Type: application/sdp\n{to}");
        let answer = refused(&mut net, &written("INVITE", &format!("re{cseq}"), &offer, "v=1"));
        assert_eq!(answer.status.code(), status);
    }
}

#[test]
fn a_method_within_a_call_that_we_do_not_take_leaves_the_call_as_it_is() {
    let mut net = Network::perfect();
    let session = answered_stranger(&mut net, "v=0");
    let to = to_of(&net, session);
    let cases = [("MESSAGE", 405), ("DANCE", 501), ("PRACK", 481), ("OPTIONS", 200)];
    for (cseq, (method, status)) in (5..).zip(cases) {
        let text = written(method, method, &format!("CSeq: {cseq} {method}\n{to}"), "");
        assert_eq!(refused(&mut net, &text).status.code(), status, "{method}");
    }
    assert_eq!(net.callee.session_count(), 1);
}

#[test]
fn requests_within_a_call_go_where_the_peer_was_heard_from_unless_told_otherwise() {
    for (reach, to) in
        [(Reach::Observed, "203.0.113.9:40000"), (Reach::Signalled, "198.51.100.5:5070")]
    {
        let mut net = Network::perfect();
        net.callee.settings.listeners[0].reach = reach;
        let headers = "Contact: <sip:x@198.51.100.5:5070>\n";
        net.stranger_from(&request("INVITE", headers), "203.0.113.9:40000");
        let session = net.callee.session_ids()[0];
        net.order(Side::Callee, Order::Accept { session, body: sdp("offer") });
        let ack = format!("CSeq: 1 ACK\n{}", to_of(&net, session));
        net.stranger_from(&written("ACK", "ack", &ack, ""), "203.0.113.9:40000");
        net.order(Side::Callee, Order::Bye { session, reason: None });
        let (destination, _) = net.astray.pop().unwrap();
        assert_eq!(destination.peer, to.parse().unwrap());
    }
}

#[test]
fn a_peer_of_rfc_2543_without_branch_and_tag_is_served() {
    let mut net = Network::perfect();
    let via = format!("Via: SIP/2.0/UDP {STRANGER}\nFrom: <sip:x@192.0.2.66>\n");
    let invite = request("INVITE", &via);
    assert_eq!(refused(&mut net, &invite).status.code(), 100);
    assert_eq!(refused(&mut net, &invite).status.code(), 100, "a repetition is known as one");
    let session = net.callee.session_ids()[0];
    net.order(Side::Callee, Order::Accept { session, body: sdp("offer") });
    let ack = request("ACK", &format!("{via}CSeq: 1 ACK\n{}", to_of(&net, session)));
    assert_eq!(net.stranger(&ack), None);
    assert_eq!(net.take(Side::Callee), ["invited ", "acknowledged"]);
    let bye = request("BYE", &format!("{via}CSeq: 2 BYE\n{}", to_of(&net, session)));
    assert_eq!(refused(&mut net, &bye).status.code(), 200);
}

#[test]
fn an_invite_that_may_go_no_further_says_so() {
    let mut net = Network::perfect();
    net.stranger(&request("INVITE", "Max-Forwards: 0\n"));
    let (_, event) = net.events.pop().unwrap();
    assert!(matches!(event, EndpointEvent::Invited { max_forwards: 0, .. }));
}

/// The caller's INVITE is on its way; a response to it that a fork writes.
fn fork(net: &Network, status: &str, tag: &str) -> String {
    let state = net.caller.sessions.get(CALL).unwrap();
    let crate::session::Phase::Calling(calling) = &state.phase else { panic!("{state:?}") };
    let invite = net.caller.transactions.request(calling.transaction).unwrap();
    let line = |name: HeaderName| {
        let value = String::from_utf8_lossy(invite.headers.first(&name).unwrap()).into_owned();
        format!("{name}: {value}\n")
    };
    format!(
        "SIP/2.0 {status}\n{}{}{}{}To: <sip:y@192.0.2.2>;tag={tag}\nContact: <sip:{tag}@{STRANGER}>\n\
         Content-Type: application/sdp\nContent-Length: 3\n\nv=0",
        line(HeaderName::Via),
        line(HeaderName::From),
        line(HeaderName::CallId),
        line(HeaderName::CSeq),
    )
}

#[test]
fn of_several_forks_the_first_answer_wins_and_the_others_are_hung_up() {
    let mut net = Network::perfect();
    net.swallowed = vec!["INVITE"];
    net.dial();
    let responses = [
        ("180 Ringing", "one"),
        ("183 Session Progress", "two"),
        ("200 OK", "two"),
        ("200 OK", "one"),
        ("200 OK", "two"),
    ]
    .map(|(status, tag)| fork(&net, status, tag));
    let mut sent = Vec::new();
    for text in responses {
        let message = Message::parse(text.replace('\n', "\r\n").as_bytes()).unwrap();
        net.deliver(Side::Caller, message, source());
        for (_, message) in net.astray.drain(..) {
            let Message::Request(request) = message else { panic!("{message:?}") };
            let user = request.uri.user.as_deref().unwrap_or_default();
            sent.push(format!("{} {user}", request.method));
        }
    }
    assert_eq!(sent, ["ACK two", "ACK one", "BYE one", "ACK two"]);
    assert_eq!(
        net.take(Side::Caller),
        ["progressed 180 v=0", "progressed 183 v=0", "answered v=0"]
    );
    net.order(Side::Caller, Order::Bye { session: CALL, reason: None });
    net.run(Duration::from_mins(2));
    assert!(net.is_clear());
}

#[test]
fn the_bye_of_a_fork_that_answers_too_late_follows_its_prack() {
    let mut net = Network::perfect();
    net.swallowed = vec!["INVITE"];
    net.dial();
    let reliable = |net: &Network, tag: &str| {
        let said = fork(net, "183 Session Progress", tag);
        said.replacen("Contact:", "Require: 100rel\nRSeq: 1\nContact:", 1)
    };
    let responses =
        [reliable(&net, "one"), fork(&net, "200 OK", "two"), fork(&net, "200 OK", "one")];
    let mut sent = Vec::new();
    for text in responses {
        let message = Message::parse(text.replace('\n', "\r\n").as_bytes()).unwrap();
        net.deliver(Side::Caller, message, source());
        for (_, message) in net.astray.drain(..) {
            let Message::Request(request) = message else { panic!("{message:?}") };
            let user = request.uri.user.as_deref().unwrap_or_default();
            sent.push(format!("{user} {}", request.cseq().unwrap()));
        }
    }
    assert_eq!(sent, ["one 2 PRACK", "two 1 ACK", "one 1 ACK", "one 3 BYE"]);
}

#[test]
fn a_flood_of_answers_from_forks_is_bounded() {
    let mut net = Network::perfect();
    net.swallowed = vec!["INVITE"];
    net.dial();
    let responses: Vec<_> =
        (0..100).map(|fork_| fork(&net, "200 OK", &format!("f{fork_}"))).collect();
    for text in responses {
        let message = Message::parse(text.replace('\n', "\r\n").as_bytes()).unwrap();
        net.deliver(Side::Caller, message, source());
    }
    assert_eq!(net.take(Side::Caller), ["answered v=0"]);
    assert_eq!(net.caller.tally().stray_responses, 84);
    assert_eq!(
        net.caller.transaction_count(),
        1 + 15,
        "the INVITE and a BYE for each fork but one"
    );
}
