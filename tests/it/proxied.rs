//! Kamailio between us and others: a carrier's proxy, which stays on the way of a call, and an edge
//! that phones register through (Path, RFC 3327).

use std::time::Duration;

use model::StateName;

use crate::house::{
    Answers, Baresip, Carrier, Earpiece, Kamailio, Over, Pjsua, Plan, SOON, Server, assert_heard,
    free_port, last, wait_to_hear, wait_until,
};

const AT_ONCE: (Over, Answers) = (Over::Udp, Answers::AtOnce);

/// A service whose trunk is behind a proxy; where the carrier's switch is.
fn behind_a_proxy() -> (Server, Kamailio, u16) {
    let (port, switch) = (free_port(), free_port());
    let server = Server::start(Plan { carrier: Some(port), ..Plan::default() });
    let proxy = Kamailio::carrier(port, &server, switch);
    (server, proxy, switch)
}

#[test]
fn a_caller_through_a_carriers_proxy_is_known_served_and_hangs_up_through_it() {
    let (server, proxy, switch) = behind_a_proxy();
    let agent = Baresip::agent("1001", server.phones(), AT_ONCE, 1_000);
    server.sign_in(1001);
    let earpiece = Earpiece::open(600.0);
    let talk = Duration::from_secs(5);
    let mut carrier = Carrier::calls_from((switch, proxy.address()), &earpiece, talk);
    server.wait_for_state(1001, StateName::OnCall, SOON);
    carrier.is_content();
    agent.expects("CALL_CLOSED");
    proxy.has_passed_on("ACK", switch);
    proxy.has_passed_on("BYE", switch);
    let row = server.sealed_recordings(1).remove(0);
    let recorded = server.audio(&row);
    assert_heard("left, the caller", &recorded.left, 600.0, 2.0);
    assert_heard("right, the agent", &recorded.right, 1_000.0, 2.0);
    // From says 13800138000; the proxy asserts the number with its country.
    let call = server.ended_calls(1).remove(0);
    assert_eq!(call.from, "+8613800138000".parse().unwrap());
    server.assert_all_at_rest(1);
}

#[test]
fn an_agent_hangs_up_through_a_carriers_proxy() {
    let (server, proxy, _) = behind_a_proxy();
    let agent = Baresip::agent("1001", server.phones(), AT_ONCE, 1_000);
    server.sign_in(1001);
    let caller = Baresip::caller("13900139000", proxy.address(), 600);
    caller.dials("4008001234");
    agent.expects("CALL_ESTABLISHED");
    wait_to_hear("the caller", || caller.heard(), 1_000.0);
    agent.hangs_up();
    caller.expects("CALL_CLOSED");
    proxy.has_passed_on("BYE", server.trunk().port());
    server.assert_all_at_rest(1);
}

#[test]
fn an_agent_calls_out_through_a_carriers_proxy() {
    let (server, proxy, switch) = behind_a_proxy();
    let earpiece = Earpiece::open(600.0);
    let mut carrier = Carrier::answers(switch, &earpiece);
    let phone = Baresip::agent("1001", server.phones(), AT_ONCE, 1_000);
    phone.dials("013800138000");
    phone.expects("CALL_ESTABLISHED");
    wait_to_hear("the agent", || phone.heard(), 600.0);
    wait_until("the callee hears the agent", SOON, || earpiece.heard().len() > 3 * 8_000);
    phone.hangs_up();
    carrier.is_content();
    proxy.has_passed_on("ACK", server.trunk().port());
    proxy.has_passed_on("BYE", server.trunk().port());
    assert_heard("the callee", last(&earpiece.heard(), 2), 1_000.0, 1.5);
    server.assert_all_at_rest(0);
}

#[test]
fn phones_behind_an_edge_take_calls_and_hang_up_through_it() {
    let server = Server::start(Plan::default());
    let edge = Kamailio::edge(&server);
    let agent = Baresip::agent("1001", edge.address(), AT_ONCE, 1_000);
    server.sign_in(1001);
    let caller = Baresip::caller("13900139000", server.trunk(), 600);
    caller.dials("4008001234");
    agent.expects("CALL_ESTABLISHED");
    edge.has_passed_on("INVITE", server.phones().port());
    edge.has_passed_on("ACK", server.phones().port());
    wait_to_hear("the agent", || agent.heard(), 600.0);
    wait_to_hear("the caller", || caller.heard(), 1_000.0);
    caller.hangs_up();
    agent.expects("CALL_CLOSED");
    edge.has_passed_on("BYE", server.phones().port());
    server.wait_for_state(1001, StateName::Ready, SOON);
    // What a phone dials passes the edge, too.
    agent.dials("*12");
    server.wait_for_state(1001, StateName::SignedOut, SOON);
    agent.expects("CALL_CLOSED");
    server.assert_all_at_rest(1);
}

#[test]
fn a_phone_over_tcp_is_rung_through_its_connection_to_the_edge() {
    let server = Server::start(Plan::default());
    let edge = Kamailio::edge(&server);
    let phone = Pjsua::agent("1001", edge.address(), Over::Tcp, 1_000);
    server.sign_in(1001);
    let caller = Baresip::caller("13900139000", server.trunk(), 600);
    caller.dials("4008001234");
    phone.expects("incoming");
    phone.answers();
    phone.expects("established");
    wait_to_hear("the agent", || phone.heard(), 600.0);
    wait_to_hear("the caller", || caller.heard(), 1_000.0);
    phone.hangs_up();
    caller.expects("CALL_CLOSED");
    edge.has_passed_on("INVITE", server.phones().port());
    phone.unregisters();
    phone.expects("unregistered");
    wait_until("the binding is gone", SOON, || server.status().agents[0].bindings == 0);
    server.assert_all_at_rest(1);
}
