//! Trunks over each transport that they have, over IPv6, and such as prove who they are.

use std::time::Duration;

use model::StateName;

use crate::house::{
    Answers, Baresip, Carrier, Earpiece, Over, PASSWORD, Plan, SOON, Server, assert_heard, certify,
    free_port, last, trunk_listener, wait_to_hear, wait_until,
};

const AT_ONCE: (Over, Answers) = (Over::Udp, Answers::AtOnce);

/// The voices of both are in the recording of the only call.
fn both_are_recorded(server: &Server) {
    let row = server.sealed_recordings(1).remove(0);
    let recorded = server.audio(&row);
    assert_heard("left, the caller", &recorded.left, 600.0, 2.0);
    assert_heard("right, the agent", &recorded.right, 1_000.0, 2.0);
}

#[test]
fn a_carrier_over_tcp_brings_a_call_and_takes_one() {
    let port = free_port();
    let callee = Earpiece::open(600.0);
    let mut takes = Carrier::answers_over_tcp(port, &callee);
    let server = Server::start_with(Plan { carrier: Some(port), ..Plan::default() }, |text| {
        text.replace("options_every", "transport = \"tcp\"\noptions_every")
    });
    let agent = Baresip::agent("1001", server.phones(), AT_ONCE, 1_000);
    server.sign_in(1001);
    let earpiece = Earpiece::open(600.0);
    let mut carrier = Carrier::calls_over_tcp(&server, &earpiece, Duration::from_secs(5));
    server.wait_for_state(1001, StateName::OnCall, SOON);
    carrier.is_content();
    both_are_recorded(&server);
    server.wait_for_state(1001, StateName::Ready, SOON);

    agent.dials("013800138000");
    wait_until("the callee hears the agent", SOON, || callee.heard().len() > 3 * 8_000);
    agent.hangs_up();
    takes.is_content();
    assert_heard("the callee", last(&callee.heard(), 2), 1_000.0, 1.5);
}

#[test]
fn a_carrier_over_tls_brings_a_call() {
    let files = tempfile::tempdir().unwrap();
    certify(files.path());
    let port = free_port();
    let server =
        Server::start_with(Plan::default(), |text| text + &trunk_listener(port, files.path()));
    let agent = Baresip::agent("1001", server.phones(), AT_ONCE, 1_000);
    server.sign_in(1001);
    let caller = Baresip::caller_over_tls("13900139000", ([127, 0, 0, 1], port).into(), 600);
    caller.dials_over_tls("4008001234");
    agent.expects("CALL_ESTABLISHED");
    wait_to_hear("the caller", || caller.heard(), 1_000.0);
    wait_until("they talk", SOON, || agent.heard().len() > 4 * 8_000);
    agent.hangs_up();
    caller.expects("CALL_CLOSED");
    both_are_recorded(&server);
    server.assert_all_at_rest(1);
}

#[test]
fn carrier_and_agent_meet_over_ipv6() {
    let server = Server::start_with(Plan::default(), |text| {
        let (signalling, rest) = text.split_once("[api]").unwrap();
        let signalling = signalling
            .replace("\"127.0.0.1:", "\"[::1]:")
            .replace("address = \"127.0.0.1\"", "address = \"::1\"");
        format!("{signalling}[api]{}", rest.replace("127.0.0.0/8", "::1"))
    });
    let (phones, trunk) = server.over_ipv6();
    let agent = Baresip::agent("1001", phones, AT_ONCE, 1_000);
    server.sign_in(1001);
    let earpiece = Earpiece::open_at(trunk.ip(), 600.0);
    let mut carrier = Carrier::calls_over_ipv6(trunk, &earpiece, Duration::from_secs(5));
    server.wait_for_state(1001, StateName::OnCall, SOON);
    carrier.is_content();
    agent.expects("CALL_CLOSED");
    both_are_recorded(&server);
    assert_heard("the agent's ear", &agent.heard(), 600.0, 2.0);
    assert_heard("the caller's ear", last(&earpiece.heard(), 3), 1_000.0, 1.5);
    server.assert_all_at_rest(1);
}

#[test]
fn a_gateway_without_an_address_of_its_own_proves_itself_and_nobody_else_does() {
    // SIPp knows MD5 alone.
    let plan = Plan { inbound_user: Some("branch"), ..Plan::default() };
    let server = Server::start_with(plan, |text| {
        text.replace("[media]", "md5_only = [\"gateway/\", \"baresip v1.\"]\n[media]")
    });
    let agent = Baresip::agent("1001", server.phones(), AT_ONCE, 1_000);
    server.sign_in(1001);
    let earpiece = Earpiece::open(600.0);
    let talk = Duration::from_secs(5);
    // It is where the carrier of other tests is.
    let stranger = Baresip::caller("13900139000", server.trunk(), 600);
    stranger.dials("4008001234");
    let closed = stranger.expects("CALL_CLOSED");
    let why = closed["param"].as_str().unwrap();
    assert!(why.starts_with("401") || why.starts_with("407"), "{closed}");
    assert!(!agent.has_rung());
    let mut carrier = Carrier::proves(&server, &earpiece, ("branch", PASSWORD), talk);
    server.wait_for_state(1001, StateName::OnCall, SOON);
    carrier.is_content();
    both_are_recorded(&server);
    let call = server.ended_calls(1).remove(0);
    assert_eq!(call.trunk, Some("carrier".into()));
    server.assert_all_at_rest(1);
}
