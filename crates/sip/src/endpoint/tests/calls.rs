//! One call at a time, over a network that loses only what the test says.

use std::collections::BTreeSet;
use std::time::Duration;

use super::network::{CALL, Network, Side, address, busy, sdp};
use crate::endpoint::{EndpointEvent, Order, OrderError, Rejection, RequestId, Transport, Within};
use crate::header::HeaderName;
use crate::message::{Message, Method, StatusCode};

const MOMENT: Duration = Duration::from_millis(50);
const MINUTE: Duration = Duration::from_mins(1);

#[test]
fn a_call_rings_is_answered_and_is_hung_up() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut net = Network::perfect();
        net.transport = transport;
        net.dial();
        let session = net.rung();
        assert_eq!(net.take(Side::Callee), ["invited offer"]);
        let status = StatusCode::RINGING;
        net.order(Side::Callee, Order::Progress { session, status, body: None });
        net.run(MOMENT);
        assert_eq!(net.take(Side::Caller), ["progressed 180"]);
        net.order(Side::Callee, Order::Accept { session, body: sdp("answer") });
        net.run(MOMENT);
        assert_eq!(net.take(Side::Caller), ["answered answer"]);
        assert_eq!(net.take(Side::Callee), ["acknowledged"]);
        net.order(Side::Caller, Order::Bye { session: CALL, reason: None });
        net.run(MOMENT);
        assert_eq!(net.take(Side::Caller), ["released OurBye"]);
        assert_eq!(net.take(Side::Callee), ["released PeerBye"]);
        assert_eq!(
            net.ladder,
            [
                "caller INVITE",
                "callee 100 INVITE",
                "callee 180 INVITE",
                "callee 200 INVITE",
                "caller ACK",
                "caller BYE",
                "callee 200 BYE",
            ]
        );
        net.run(MINUTE);
        assert!(net.is_clear());
        assert_eq!(net.caller.poll_timeout(), None);
        assert_eq!(net.callee.poll_timeout(), None);
    }
}

#[test]
fn the_callee_may_hang_up_too_and_tell_why() {
    let mut net = Network::perfect();
    let session = net.connect();
    let reason = Some("Q.850;cause=16".to_owned());
    net.order(Side::Callee, Order::Bye { session, reason });
    net.run(MOMENT);
    assert_eq!(net.take(Side::Caller), ["released PeerBye Q.850;cause=16"]);
    assert_eq!(net.take(Side::Callee), ["released OurBye"]);
}

#[test]
fn when_both_hang_up_at_once_each_is_released_once() {
    let mut net = Network::perfect();
    let session = net.connect();
    net.order(Side::Caller, Order::Bye { session: CALL, reason: None });
    net.order(Side::Callee, Order::Bye { session, reason: None });
    net.run(MINUTE);
    assert_eq!(net.take(Side::Caller), ["released OurBye"]);
    assert_eq!(net.take(Side::Callee), ["released OurBye"]);
    assert!(net.is_clear());
}

#[test]
fn a_refusal_reaches_the_caller_with_its_reason() {
    let mut net = Network::perfect();
    net.dial();
    let session = net.rung();
    net.order(Side::Callee, Order::Reject { session, refusal: busy() });
    net.run(MOMENT);
    let refused = r#"refused 486 SIP;cause=486;text="agent is busy""#;
    assert_eq!(net.take(Side::Caller), [refused]);
    assert_eq!(net.take(Side::Callee), ["invited offer", "released WeRefused"]);
    net.run(MINUTE);
    assert!(net.is_clear());
}

#[test]
fn a_challenge_is_met_with_a_new_invite_of_the_same_call_id_and_a_higher_cseq() {
    let mut net = Network::perfect();
    net.dial();
    let session = net.rung();
    let refusal = Rejection::new(StatusCode::UNAUTHORIZED, "who are you")
        .with(HeaderName::WwwAuthenticate, "Digest realm=\"x\", nonce=\"y\"");
    net.order(Side::Callee, Order::Reject { session, refusal: Box::new(refusal) });
    net.run(MOMENT);
    let (_, event) = net.events.pop().unwrap();
    let EndpointEvent::Refused { response, attempt, .. } = event else { panic!("{event:?}") };
    assert!(response.unwrap().headers.has(&HeaderName::WwwAuthenticate));
    let mut outgoing = net.outgoing();
    outgoing.attempt = Some(attempt.clone());
    outgoing.headers = vec![(HeaderName::Authorization, b"Digest x".to_vec())];
    net.order(Side::Caller, Order::Invite { session: CALL, outgoing: Box::new(outgoing) });
    net.run(MOMENT);
    let (_, event) = net.events.pop().unwrap();
    let EndpointEvent::Invited { request: again, .. } = event else { panic!("{event:?}") };
    assert_eq!(again.call_id().unwrap(), attempt.call_id);
    assert_eq!(again.from().unwrap().tag(), Some(attempt.from_tag.as_str()));
    assert_eq!(again.cseq().unwrap().number, 2);
    assert_eq!(again.headers.text(&HeaderName::Authorization), Some("Digest x"));
}

#[test]
fn a_call_that_nobody_hears_is_refused_408_after_32_seconds() {
    let mut net = Network::perfect();
    net.swallowed = vec!["INVITE"];
    net.dial();
    net.run(Duration::from_millis(31_999));
    assert_eq!(net.take(Side::Caller), [""; 0]);
    net.run(Duration::from_millis(1));
    assert_eq!(net.take(Side::Caller), ["refused 408"]);
    assert!(net.is_clear());
}

#[test]
fn a_call_that_cannot_be_sent_is_refused_503_at_once() {
    let mut net = Network::perfect();
    net.dial();
    let destination = net.outgoing().destination;
    let now = net.now;
    net.caller.transport_failed(&destination, now);
    net.collect(Side::Caller);
    assert_eq!(net.take(Side::Caller), ["refused 503"]);
}

#[test]
fn the_caller_gives_up_while_it_rings() {
    let mut net = Network::perfect();
    net.dial();
    net.rung();
    let reason = Some("SIP;cause=200;text=\"call completed elsewhere\"".to_owned());
    net.order(Side::Caller, Order::Cancel { session: CALL, reason });
    net.run(MOMENT);
    assert_eq!(
        net.take(Side::Caller),
        [r#"refused 487 SIP;cause=487;text="cancelled by the caller""#]
    );
    assert_eq!(
        net.take(Side::Callee),
        [
            "invited offer",
            r#"released PeerCancelled SIP;cause=200;text="call completed elsewhere""#
        ]
    );
    net.run(MINUTE);
    assert!(net.is_clear());
}

#[test]
fn a_cancel_waits_for_a_provisional_response() {
    let mut net = Network::perfect();
    net.dial();
    net.order(Side::Caller, Order::Cancel { session: CALL, reason: None });
    assert_eq!(net.ladder, ["caller INVITE"]);
    net.run(MOMENT);
    assert_eq!(
        net.ladder,
        [
            "caller INVITE",
            "callee 100 INVITE",
            "caller CANCEL",
            "callee 200 CANCEL",
            "callee 487 INVITE",
            "caller ACK"
        ]
    );
}

#[test]
fn an_answer_that_crosses_the_cancel_is_acknowledged_and_hung_up() {
    let mut net = Network::perfect();
    net.dial();
    let session = net.rung();
    net.order(Side::Caller, Order::Cancel { session: CALL, reason: None });
    net.order(Side::Callee, Order::Accept { session, body: sdp("answer") });
    net.run(MINUTE);
    assert_eq!(net.take(Side::Caller), ["released OurBye"]);
    let seen = net.take(Side::Callee);
    assert_eq!(
        seen,
        ["invited offer", "acknowledged", r#"released PeerBye SIP;cause=487;text="cancelled""#]
    );
    assert!(net.is_clear());
}

#[test]
fn a_cancel_that_nobody_obeys_ends_the_call_here_all_the_same() {
    let mut net = Network::perfect();
    net.dial();
    net.rung();
    net.swallowed = vec!["487 INVITE", "200 CANCEL"];
    net.order(Side::Caller, Order::Cancel { session: CALL, reason: None });
    net.run(Duration::from_secs(33));
    assert_eq!(net.take(Side::Caller), ["refused 487"]);
}

#[test]
fn a_call_that_rings_for_ever_is_cancelled() {
    let mut net = Network::perfect();
    net.dial();
    let session = net.rung();
    let status = StatusCode::RINGING;
    net.order(Side::Callee, Order::Progress { session, status, body: None });
    net.run(Duration::from_mins(6));
    let seen = net.take(Side::Caller);
    let repeated = seen.iter().filter(|seen| *seen == "progressed 180").count();
    assert_eq!(repeated, 5, "the ringing is repeated every minute");
    assert!(seen.last().unwrap().starts_with("refused 487"));
    let seen = net.take(Side::Callee);
    let cause = r#"released PeerCancelled SIP;cause=408;text="rang too long""#;
    assert_eq!(seen.last().unwrap(), cause);
    net.run(MINUTE);
    assert!(net.is_clear());
}

#[test]
fn an_invite_that_the_application_forgets_is_refused_in_the_end() {
    let mut net = Network::perfect();
    net.caller.settings.bounds.longest_ringing = Duration::from_hours(2);
    net.dial();
    net.run(Duration::from_mins(32));
    assert_eq!(net.take(Side::Callee), ["invited offer", "released Unanswered"]);
    let refused = r#"refused 480 SIP;cause=480;text="nobody answered in time""#;
    assert_eq!(net.take(Side::Caller), [refused]);
    assert!(net.is_clear());
}

#[test]
fn an_answer_is_repeated_until_its_ack_and_without_one_the_call_ends() {
    let mut net = Network::perfect();
    net.swallowed = vec!["ACK"];
    net.dial();
    let session = net.rung();
    net.ladder.clear();
    net.order(Side::Callee, Order::Accept { session, body: sdp("answer") });
    net.run(Duration::from_secs(31));
    let answers = net.ladder.iter().filter(|line| *line == "callee 200 INVITE").count();
    let acks = net.ladder.iter().filter(|line| *line == "caller ACK").count();
    assert_eq!((answers, acks), (10, 10), "at 0, 0.5, 1.5, 3.5, 7.5, then every 4 s");
    assert_eq!(net.take(Side::Caller), ["answered answer"], "one answer, however often it comes");
    net.run(MINUTE);
    assert_eq!(net.take(Side::Callee), ["invited offer", "released NoAck"]);
    assert_eq!(net.take(Side::Caller), [r#"released PeerBye SIP;cause=408;text="no ack""#]);
    net.run(MINUTE);
    assert!(net.is_clear());
}

#[test]
fn a_bye_of_the_callee_waits_for_the_ack() {
    let mut net = Network::perfect();
    net.dial();
    let session = net.rung();
    net.ladder.clear();
    net.order(Side::Callee, Order::Accept { session, body: sdp("answer") });
    net.order(Side::Callee, Order::Bye { session, reason: None });
    net.run(MOMENT);
    assert_eq!(net.ladder, ["callee 200 INVITE", "caller ACK", "callee BYE", "caller 200 BYE"]);
}

#[test]
fn a_held_call_is_changed_by_either_side() {
    let mut net = Network::perfect();
    let session = net.connect();
    net.order(Side::Caller, Order::Reinvite { session: CALL, body: sdp("hold") });
    net.run(MOMENT);
    assert_eq!(net.take(Side::Callee), ["offered hold"]);
    net.order(Side::Callee, Order::AnswerOffer { session, body: sdp("held") });
    net.run(MOMENT);
    assert_eq!(net.take(Side::Caller), ["offer answered held"]);
    assert_eq!(net.take(Side::Callee), ["acknowledged"]);
    net.order(Side::Callee, Order::Reinvite { session, body: sdp("resume") });
    net.run(MOMENT);
    assert_eq!(net.take(Side::Caller), ["offered resume"]);
    let refusal = Box::new(Rejection::new(StatusCode::NOT_ACCEPTABLE_HERE, "no common codec"));
    net.order(Side::Caller, Order::RefuseOffer { session: CALL, refusal });
    net.run(MOMENT);
    assert_eq!(net.take(Side::Callee), ["offer refused 488"]);
    assert_eq!(net.caller.session_count(), 1, "the call goes on as it was");
}

#[test]
fn an_update_changes_the_call_without_an_ack() {
    let mut net = Network::perfect();
    let session = net.connect();
    let within = |body| Within { method: Method::Update, headers: Vec::new(), body };
    for body in [None, Some(sdp("hold"))] {
        let within = Box::new(within(body));
        let request = RequestId(1);
        net.order(Side::Caller, Order::RequestWithin { session: CALL, request, within });
        net.run(MOMENT);
    }
    assert_eq!(net.take(Side::Callee), ["offered hold"], "one without offer changes nothing");
    net.order(Side::Callee, Order::AnswerOffer { session, body: sdp("held") });
    net.run(MINUTE);
    assert_eq!(net.take(Side::Caller), ["responded 200", "responded 200"]);
    assert_eq!(net.take(Side::Callee), [""; 0], "nothing is awaited");
    assert_eq!(net.callee.session_count(), 1);
}

#[test]
fn offers_that_cross_are_tried_again_until_both_are_answered() {
    let mut net = Network::perfect();
    let session = net.connect();
    net.order(Side::Caller, Order::Reinvite { session: CALL, body: sdp("one") });
    net.order(Side::Callee, Order::Reinvite { session, body: sdp("two") });
    let mut answered = (Vec::new(), Vec::new());
    for _ in 0..200 {
        net.run(MOMENT);
        for seen in net.take(Side::Callee) {
            if seen.starts_with("offered") {
                net.order(Side::Callee, Order::AnswerOffer { session, body: sdp("yes") });
            }
            answered.0.push(seen);
        }
        for seen in net.take(Side::Caller) {
            if seen.starts_with("offered") {
                net.order(Side::Caller, Order::AnswerOffer { session: CALL, body: sdp("yes") });
            }
            answered.1.push(seen);
        }
    }
    assert!(net.ladder.contains(&"callee 491 INVITE".to_owned()));
    assert!(net.ladder.contains(&"caller 491 INVITE".to_owned()));
    assert_eq!(answered.0, ["offer answered yes", "offered one", "acknowledged"]);
    assert_eq!(answered.1, ["offered two", "acknowledged", "offer answered yes"]);
}

#[test]
fn a_change_that_meets_another_is_tried_again_after_a_pause_by_chance() {
    let (mut owners, mut others) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..200 {
        let mut net = Network::new(super::network::PERFECT, seed);
        let session = net.connect();
        net.order(Side::Caller, Order::Reinvite { session: CALL, body: sdp("one") });
        net.order(Side::Callee, Order::Reinvite { session, body: sdp("two") });
        // Each refuses the other's; nobody hears what is tried again.
        let met = net.now + Duration::from_millis(2);
        net.run(Duration::from_millis(5));
        net.swallowed = vec!["INVITE"];
        let pause = |endpoint: &crate::endpoint::Endpoint, id| {
            let state = endpoint.sessions.get(id).unwrap();
            let crate::session::Phase::Established(established) = &state.phase else { panic!() };
            established.postponed.as_ref().unwrap().at.since(met).as_millis()
        };
        owners.insert(pause(&net.caller, CALL));
        others.insert(pause(&net.callee, session));
    }
    // §14.1: whoever owns the Call-ID 2.1 to 4 s, the other 0 to 2 s, in steps of 10 ms.
    for (pauses, least, most) in [(&owners, 2_100, 4_000), (&others, 0, 2_000)] {
        let (first, last) = (*pauses.first().unwrap(), *pauses.last().unwrap());
        assert!(first >= least && last <= most, "{first} to {last}");
        assert!(pauses.iter().all(|pause| pause % 10 == 0), "{pauses:?}");
        assert!(pauses.len() > 50, "{} different ones", pauses.len());
        let span = most - least;
        assert!(first < least + span / 10 && last > most - span / 10, "{first} to {last}");
    }
}

#[test]
fn an_offer_that_the_application_forgets_is_refused_and_the_call_goes_on() {
    let mut net = Network::perfect();
    net.connect();
    net.order(Side::Caller, Order::Reinvite { session: CALL, body: sdp("hold") });
    net.run(Duration::from_secs(31));
    assert_eq!(net.take(Side::Caller), ["offer refused 500"]);
    assert_eq!(net.caller.session_count(), 1);
}

#[test]
fn only_one_change_at_a_time_may_be_ordered() {
    let mut net = Network::perfect();
    net.connect();
    net.order(Side::Caller, Order::Reinvite { session: CALL, body: sdp("hold") });
    let again = net.try_order(Side::Caller, Order::Reinvite { session: CALL, body: sdp("x") });
    assert_eq!(again, Err(OrderError::Pending));
}

#[test]
fn keys_sent_by_info_are_heard_and_other_bodies_refused() {
    let mut net = Network::perfect();
    net.connect();
    for (kind, body) in [("application/dtmf-relay", "Signal=7\r\n"), ("text/plain", "hello")] {
        let body = Some(crate::endpoint::Body {
            content_type: kind.to_owned(),
            bytes: body.as_bytes().to_vec(),
        });
        let within = Within { method: Method::Info, headers: Vec::new(), body };
        let order =
            Order::RequestWithin { session: CALL, request: RequestId(7), within: Box::new(within) };
        net.order(Side::Caller, order);
        net.run(MOMENT);
    }
    assert_eq!(net.take(Side::Callee), ["digit 7"]);
    assert_eq!(net.take(Side::Caller), ["responded 200", "responded 415"]);
}

#[test]
fn an_info_of_a_package_is_refused_with_the_packages_that_we_take() {
    let mut net = Network::perfect();
    net.connect();
    let body = crate::endpoint::Body {
        content_type: "application/dtmf-relay".to_owned(),
        bytes: b"Signal=7".to_vec(),
    };
    let headers = vec![(HeaderName::InfoPackage, b"conference".to_vec())];
    let within = Box::new(Within { method: Method::Info, headers, body: Some(body) });
    net.order(Side::Caller, Order::RequestWithin { session: CALL, request: RequestId(7), within });
    net.run(MOMENT);
    let Some((_, EndpointEvent::Responded { response, .. })) = net.events.pop() else { panic!() };
    let response = response.unwrap();
    assert_eq!(response.status.code(), 469);
    assert_eq!(response.headers.text(&HeaderName::RecvInfo), Some(""), "none (RFC 6086 §4.2.1)");
    assert!(net.take(Side::Callee).is_empty());
}

#[test]
fn a_refer_is_accepted_and_its_sender_told_how_the_new_call_goes() {
    let mut net = Network::perfect();
    let session = net.connect();
    refer(&mut net);
    assert_eq!(net.take(Side::Callee), ["refer to sip:1002@192.0.2.2"]);
    net.order(Side::Callee, Order::AcceptRefer { session });
    net.order(Side::Callee, Order::Notify { session, status: StatusCode::RINGING });
    net.order(Side::Callee, Order::Notify { session, status: StatusCode::OK });
    let late = net.try_order(Side::Callee, Order::Notify { session, status: StatusCode::OK });
    assert_eq!(late, Err(OrderError::WrongState), "the subscription has ended");
    net.run(MOMENT);
    assert_eq!(
        net.take(Side::Caller),
        [
            "responded 202",
            "notified SIP/2.0 100 Trying active;expires=180",
            "notified SIP/2.0 180 Ringing active;expires=180",
            "notified SIP/2.0 200 OK terminated;reason=noresource",
        ]
    );
}

#[test]
fn a_refer_may_be_refused() {
    let mut net = Network::perfect();
    let session = net.connect();
    refer(&mut net);
    let refusal = Box::new(Rejection::new(StatusCode::FORBIDDEN, "number is not allowed"));
    net.order(Side::Callee, Order::RefuseRefer { session, refusal });
    net.run(MOMENT);
    assert_eq!(net.take(Side::Caller), ["responded 403"]);
}

fn refer(net: &mut Network) {
    let headers = vec![(HeaderName::ReferTo, b"<sip:1002@192.0.2.2>".to_vec())];
    let within = Box::new(Within { method: Method::Refer, headers, body: None });
    net.order(Side::Caller, Order::RequestWithin { session: CALL, request: RequestId(1), within });
    net.run(MOMENT);
}

#[test]
fn a_request_outside_any_dialog_is_answered_by_the_application() {
    let mut net = Network::perfect();
    let outgoing = Box::new(crate::endpoint::Outgoing { body: None, ..net.outgoing() });
    let order = Order::Request { request: RequestId(3), method: Method::Options, outgoing };
    net.order(Side::Caller, order);
    net.run(MOMENT);
    let (_, event) = net.events.pop().unwrap();
    let EndpointEvent::Requested { arrival, request, source } = event else { panic!("{event:?}") };
    assert_eq!(source.peer, address(Side::Caller));
    let response = Box::new(request.response(StatusCode::OK));
    net.order(Side::Callee, Order::Respond { arrival, response: response.clone() });
    net.run(MOMENT);
    assert_eq!(net.take(Side::Caller), ["responded 200"]);
    let again = net.try_order(Side::Callee, Order::Respond { arrival, response });
    assert_eq!(again, Err(OrderError::NoSuchRequest));
    net.run(MINUTE);
    assert!(net.is_clear());
}

#[test]
fn a_peer_that_is_gone_ends_the_call_at_the_next_change() {
    let mut net = Network::perfect();
    net.connect();
    net.callee = Network::perfect().callee;
    net.order(Side::Caller, Order::Reinvite { session: CALL, body: sdp("hold") });
    net.run(MINUTE);
    assert_eq!(net.take(Side::Caller), ["offer refused 481", "released PeerLost"]);
    assert!(net.is_clear());
}

#[test]
fn a_peer_that_no_longer_hears_us_ends_the_call_at_the_next_change() {
    let mut net = Network::perfect();
    net.connect();
    net.swallowed = vec!["INVITE", "BYE"];
    net.order(Side::Caller, Order::Reinvite { session: CALL, body: sdp("hold") });
    net.run(MINUTE * 2);
    assert_eq!(net.take(Side::Caller), ["offer refused 408", "released PeerLost"]);
}

#[test]
fn an_ack_that_cannot_be_sent_leaves_the_change_alone_that_came_after() {
    let mut net = Network::perfect();
    let session = net.connect();
    net.order(Side::Caller, Order::Reinvite { session: CALL, body: sdp("hold") });
    net.run(MOMENT);
    let refusal = Box::new(Rejection::new(StatusCode::NOT_ACCEPTABLE_HERE, "no common codec"));
    net.order(Side::Callee, Order::RefuseOffer { session, refusal });
    net.run(MOMENT);
    net.order(Side::Callee, Order::Reinvite { session, body: sdp("resume") });
    net.run(MOMENT);
    let destination = net.caller.sessions.get(CALL).unwrap().destination().unwrap();
    let now = net.now;
    net.caller.transport_failed(&destination, now);
    net.collect(Side::Caller);
    assert_eq!(net.take(Side::Caller), ["offer refused 488", "offered resume"]);
    net.order(Side::Caller, Order::AnswerOffer { session: CALL, body: sdp("yes") });
    net.run(MOMENT);
    assert_eq!(net.take(Side::Callee), ["offered hold", "offer answered yes"]);
    net.order(Side::Caller, Order::Bye { session: CALL, reason: None });
    net.run(MINUTE);
    assert!(net.is_clear());
}

#[test]
fn another_2xx_to_our_change_leaves_the_change_alone_that_came_after() {
    let mut net = Network::perfect();
    let session = net.connect();
    net.order(Side::Caller, Order::Reinvite { session: CALL, body: sdp("hold") });
    net.run(MOMENT);
    net.order(Side::Callee, Order::AnswerOffer { session, body: sdp("held") });
    let answer = net.last_to(Side::Caller);
    net.run(MOMENT);
    net.order(Side::Callee, Order::Reinvite { session, body: sdp("resume") });
    net.run(MOMENT);
    let Message::Response(mut other) = answer else { panic!("{answer:?}") };
    let to = other.to().unwrap().with_tag("another");
    other.headers.set(HeaderName::To, &to);
    let source = net.source(Side::Callee, Side::Caller);
    net.deliver(Side::Caller, Message::Response(other), source);
    assert_eq!(net.take(Side::Caller), ["offer answered held", "offered resume"]);
    net.order(Side::Caller, Order::AnswerOffer { session: CALL, body: sdp("yes") });
    net.order(Side::Caller, Order::Bye { session: CALL, reason: None });
    net.run(MINUTE);
    assert!(net.is_clear());
}

#[test]
fn a_caller_whose_stream_breaks_while_it_waits_is_released() {
    for (transport, seen) in
        [(Transport::Tcp, vec!["released PeerLost"]), (Transport::Udp, Vec::new())]
    {
        let mut net = Network::perfect();
        net.transport = transport;
        net.dial();
        let session = net.rung();
        net.take(Side::Callee);
        let destination = net.callee.sessions.get(session).unwrap().destination().unwrap();
        let now = net.now;
        net.callee.transport_failed(&destination, now);
        net.collect(Side::Callee);
        assert_eq!(net.take(Side::Callee), seen);
    }
}

#[test]
fn a_session_ends_when_it_has_lasted_too_long() {
    let mut net = Network::perfect();
    net.connect();
    net.run(Duration::from_hours(13));
    let caller = net.take(Side::Caller);
    let callee = net.take(Side::Callee);
    assert_eq!((caller.len(), callee.len()), (1, 1));
    assert!([&caller[0], &callee[0]].iter().any(|seen| seen.contains("TooLong")));
    assert!(net.is_clear());
}

#[test]
fn orders_that_make_no_sense_are_refused_and_change_nothing() {
    let mut net = Network::perfect();
    let session = net.connect();
    let bye = Order::Bye { session: crate::SessionId(99), reason: None };
    assert_eq!(net.try_order(Side::Caller, bye), Err(OrderError::NoSuchSession));
    let reject = Order::Reject { session, refusal: busy() };
    assert_eq!(net.try_order(Side::Callee, reject), Err(OrderError::WrongState));
    let cancel = Order::Cancel { session: CALL, reason: None };
    assert_eq!(net.try_order(Side::Caller, cancel), Err(OrderError::WrongState));
    let outgoing = Box::new(net.outgoing());
    let again = Order::Invite { session: CALL, outgoing: outgoing.clone() };
    assert_eq!(net.try_order(Side::Caller, again), Err(OrderError::SessionTaken));
    let reserved = Order::Invite { session: crate::SessionId::FIRST_INCOMING, outgoing };
    assert_eq!(net.try_order(Side::Caller, reserved), Err(OrderError::SessionTaken));
    assert!(net.ladder.is_empty());
}

#[test]
fn a_bye_ends_a_call_in_every_state() {
    let mut net = Network::perfect();
    net.dial();
    let session = net.rung();
    net.order(Side::Callee, Order::Bye { session, reason: None });
    net.run(MOMENT);
    assert_eq!(net.take(Side::Callee), ["invited offer", "released WeRefused"]);
    assert_eq!(net.take(Side::Caller), [r#"refused 480 SIP;cause=480;text="call was given up""#]);
}

#[test]
fn a_bye_that_waits_for_a_lost_ack_is_sent_when_the_peer_sends_another_invite() {
    let mut net = Network::perfect();
    net.swallowed = vec!["ACK"];
    net.dial();
    let session = net.rung();
    net.order(Side::Callee, Order::Accept { session, body: sdp("answer") });
    net.run(MOMENT);
    net.order(Side::Callee, Order::Bye { session, reason: None });
    net.take(Side::Callee);
    assert!(!net.ladder.contains(&"callee BYE".to_owned()), "not before the ack");
    net.order(Side::Caller, Order::Reinvite { session: CALL, body: sdp("hold") });
    net.run(MOMENT);
    assert!(net.ladder.contains(&"callee BYE".to_owned()));
    assert_eq!(net.take(Side::Callee), ["released OurBye"], "and nothing is offered");
    net.run(MINUTE);
    assert!(net.is_clear());
}

#[test]
fn another_invite_stands_for_the_ack_that_was_lost() {
    let mut net = Network::perfect();
    net.swallowed = vec!["ACK"];
    net.dial();
    let session = net.rung();
    net.order(Side::Callee, Order::Accept { session, body: sdp("answer") });
    net.run(MOMENT);
    net.take(Side::Callee);
    net.order(Side::Caller, Order::Reinvite { session: CALL, body: sdp("hold") });
    net.run(MOMENT);
    assert_eq!(net.take(Side::Callee), ["acknowledged", "offered hold"]);
    assert!(net.callee.sessions.get(session).is_some());
}

#[test]
fn a_change_of_the_call_asks_for_no_reliable_responses() {
    let mut net = Network::perfect();
    net.connect();
    net.order(Side::Caller, Order::Reinvite { session: CALL, body: sdp("hold") });
    let Message::Request(change) = net.last_to(Side::Callee) else { panic!("no request") };
    assert!(!change.headers.lists(&HeaderName::Supported, "100rel"));
    assert!(change.headers.lists(&HeaderName::Supported, "timer"));
}
