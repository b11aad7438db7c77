//! Calls beside the hotline, and what phones dial to be understood by the house.

use model::{AgentState, CallKind, StateName};

use crate::house::{
    Answers, Baresip, Carrier, Earpiece, Over, Plan, SOON, Server, assert_heard, free_port, last,
    wait_for_music, wait_to_hear, wait_until,
};

const AT_ONCE: (Over, Answers) = (Over::Udp, Answers::AtOnce);

#[test]
fn extensions_call_each_other_with_hold_and_are_recorded() {
    let server = Server::start(Plan::default());
    let one = Baresip::agent("1001", server.phones(), AT_ONCE, 1_000);
    let two = Baresip::agent("1002", server.phones(), AT_ONCE, 1_400);
    server.sign_in(1001);
    one.dials("1002");
    one.expects("CALL_ESTABLISHED");
    two.expects("CALL_ESTABLISHED");
    wait_to_hear("1001", || one.heard(), 1_400.0);
    wait_to_hear("1002", || two.heard(), 1_000.0);

    // An agent on such a call is not offered a caller.
    let state = server.agent(1001);
    assert!(matches!(state, AgentState::OnCall { kind: CallKind::Internal, .. }), "{state:?}");
    let caller = Baresip::caller("13900139000", server.trunk(), 600);
    caller.dials("4008001234");
    server.wait_for_waiting(1);

    one.holds();
    wait_for_music("1002", || two.heard(), 1_000.0);
    one.retrieves();
    wait_to_hear("1002", || two.heard(), 1_000.0);
    wait_to_hear("1001", || one.heard(), 1_400.0);
    two.hangs_up();
    one.expects("CALL_CLOSED");

    // The caller is served as soon as the agent is free.
    one.expects("CALL_ESTABLISHED");
    caller.hangs_up();
    one.expects("CALL_CLOSED");
    server.assert_all_at_rest(1);
    let rows = server.sealed_recordings(2);
    assert!(rows.iter().any(|row| row["queue"].is_null() && row["left"] == "1001"), "{rows:?}");
    for row in &rows {
        server.audio(row);
    }
}

#[test]
fn a_blind_transfer_hands_the_call_to_another_extension() {
    let server = Server::start(Plan::default());
    let one = Baresip::agent("1001", server.phones(), AT_ONCE, 1_000);
    let two = Baresip::agent("1002", server.phones(), AT_ONCE, 1_400);
    let office = Baresip::agent("2001", server.phones(), (Over::Tcp, Answers::AtOnce), 600);
    one.dials("1002");
    one.expects("CALL_ESTABLISHED");
    wait_to_hear("1002", || two.heard(), 1_000.0);
    two.transfers_to("2001");
    office.expects("CALL_ESTABLISHED");
    two.expects("CALL_CLOSED");
    wait_to_hear("1001", || one.heard(), 600.0);
    wait_to_hear("2001", || office.heard(), 1_000.0);
    office.hangs_up();
    one.expects("CALL_CLOSED");
    let call = server.ended_calls(1).remove(0);
    assert_eq!(call.transferred_to, Some("2001".parse().unwrap()));
    server.assert_all_at_rest(0);
}

#[test]
fn an_agent_hands_a_caller_of_the_hotline_on_to_an_extension() {
    let server = Server::start(Plan::default());
    let agent = Baresip::agent("1001", server.phones(), AT_ONCE, 1_000);
    let office = Baresip::agent("2001", server.phones(), AT_ONCE, 1_400);
    server.sign_in(1001);
    let caller = Baresip::caller("13900139000", server.trunk(), 600);
    caller.dials("4008001234");
    agent.expects("CALL_ESTABLISHED");
    wait_to_hear("the agent", || agent.heard(), 600.0);
    agent.transfers_to("2001");
    office.expects("CALL_ESTABLISHED");
    wait_to_hear("the office", || office.heard(), 600.0);
    wait_to_hear("the caller", || caller.heard(), 1_400.0);
    server.wait_for_state(1001, StateName::Ready, SOON);
    caller.hangs_up();
    office.expects("CALL_CLOSED");
    server.assert_all_at_rest(1);
}

#[test]
fn feature_codes_dialled_at_the_phone_change_the_agents_state() {
    let server = Server::start(Plan::default());
    let phone = Baresip::agent("1001", server.phones(), AT_ONCE, 1_000);
    let codes = [
        ("*11", StateName::Ready),
        ("*141", StateName::Busy),
        ("*13", StateName::Ready),
        ("*12", StateName::SignedOut),
    ];
    for (code, state) in codes {
        phone.dials(code);
        server.wait_for_state(1001, state, SOON);
        // The house says that it is done, and hangs up.
        phone.expects("CALL_CLOSED");
    }
    server.assert_all_at_rest(0);
}

#[test]
fn wrap_up_is_ended_from_the_phone() {
    let server = Server::start(Plan { wrap_up: "5m", ..Plan::default() });
    let phone = Baresip::agent("1001", server.phones(), AT_ONCE, 1_000);
    server.sign_in(1001);
    let caller = Baresip::caller("13900139000", server.trunk(), 600);
    caller.dials("4008001234");
    phone.expects("CALL_ESTABLISHED");
    caller.hangs_up();
    phone.expects("CALL_CLOSED");
    server.wait_for_state(1001, StateName::WrapUp, SOON);
    phone.dials("*15");
    server.wait_for_state(1001, StateName::Ready, SOON);
    phone.expects("CALL_CLOSED");
}

#[test]
fn an_agent_calls_out_through_the_trunk_and_both_are_heard_and_recorded() {
    let port = free_port();
    let earpiece = Earpiece::open(600.0);
    let mut carrier = Carrier::answers(port, &earpiece);
    let server = Server::start(Plan { carrier: Some(port), ..Plan::default() });
    let phone = Baresip::agent("1001", server.phones(), AT_ONCE, 1_000);
    phone.dials("013800138000");
    phone.expects("CALL_ESTABLISHED");
    wait_to_hear("the agent", || phone.heard(), 600.0);
    wait_until("the callee hears the agent", SOON, || earpiece.heard().len() > 3 * 8_000);
    phone.hangs_up();
    carrier.is_content();
    assert_heard("the callee", last(&earpiece.heard(), 2), 1_000.0, 1.5);
    let row = server.sealed_recordings(1).remove(0);
    let recorded = server.audio(&row);
    assert_heard("left, who called", &recorded.left, 1_000.0, 1.5);
    assert_heard("right, who was called", &recorded.right, 600.0, 1.5);
    server.assert_all_at_rest(0);
}

#[test]
fn a_number_that_a_role_may_not_dial_is_refused_at_once() {
    let server = Server::start(Plan { carrier: Some(free_port()), ..Plan::default() });
    let office = Baresip::agent("2001", server.phones(), AT_ONCE, 1_000);
    for number in ["013800138000", "0013800138000", "7777"] {
        office.dials(number);
        let closed = office.expects("CALL_CLOSED");
        let why = closed["param"].as_str().unwrap();
        assert!(why.starts_with("403") || why.starts_with("404"), "{number}: {why}");
    }
    server.assert_all_at_rest(0);
}

#[test]
fn a_stranger_at_the_phones_listener_reaches_no_number() {
    let server = Server::start(Plan { carrier: Some(free_port()), ..Plan::default() });
    let agent = Baresip::agent("1001", server.phones(), AT_ONCE, 1_000);
    server.sign_in(1001);
    // The address is a carrier's, but this is not where carriers call.
    let stranger = Baresip::caller("13900139000", server.phones(), 600);
    for number in ["4008001234", "1001", "013800138000", "*11"] {
        stranger.dials(number);
        let closed = stranger.expects("CALL_CLOSED");
        let why = closed["param"].as_str().unwrap();
        assert!(why.starts_with("401") || why.starts_with("407"), "{number}: {closed}");
    }
    assert_eq!(server.agent(1001).name(), StateName::Ready);
    assert!(!agent.has_rung());
    let calls = server.ask("/v1/calls");
    assert_eq!(calls["calls"].as_array().map(Vec::len), Some(0), "{calls}");
    server.assert_all_at_rest(0);
}
