//! Trunks over each transport that they have, over IPv6, and such as prove who they are.

use std::path::Path;
use std::time::Duration;

use model::StateName;

use crate::house::{
    Answers, Authority, Baresip, Carrier, Earpiece, Over, PASSWORD, Pjsua, Plan, SOON, Server,
    assert_heard, certify, free_port, last, trunk_listener, wait_to_hear, wait_until,
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

/// A service that shows carriers over TLS its certificate, asks them for theirs, and calls this one.
fn proving_itself(files: &Path, (port, carrier): (u16, u16)) -> Server {
    let plan = Plan { carrier: Some(carrier), ..Plan::default() };
    Server::start_with(plan, |text| {
        let folder = files.display();
        let ours = format!(
            "[sip]\ntls_ca = \"{folder}/ca.pem\"\ntls_certificate = \"{folder}/server.pem\"\n\
             tls_key = \"{folder}/server.key\"\n"
        );
        let trunk = "transport = \"tls\"\ncertificate = \"sbc.example.cn\"\noptions_every";
        let text = text.replace("[sip]\n", &ours).replace("options_every", trunk);
        text + &trunk_listener(port, files) + &format!("client_ca = \"{folder}/ca.pem\"\n")
    })
}

#[test]
fn carrier_and_service_prove_themselves_to_each_other_over_tls() {
    let files = tempfile::tempdir().unwrap();
    let authority = Authority::new(files.path());
    authority.certifies("server", &["127.0.0.1"]);
    authority.certifies("carrier", &["127.0.0.1", "sbc.example.cn"]);
    authority.certifies("customer", &["127.0.0.1", "customer.example.cn"]);
    let ports = (free_port(), free_port());
    let server = proving_itself(files.path(), ports);
    let trunk = ([127, 0, 0, 1], ports.0).into();
    let carrier = Pjsua::carrier(ports.1, trunk, (files.path(), "carrier"));
    let agent = Baresip::agent("1001", server.phones(), AT_ONCE, 1_000);
    server.sign_in(1001);

    let refused =
        |reason: &str| server.metric(&format!("hotline_sip_refused_total{{reason=\"{reason}\""));
    // Neither one who shows nothing nor another whom the same authority has certified.
    let stranger = Baresip::caller_over_tls("13900139000", trunk, 600);
    stranger.dials_over_tls("4008001234");
    wait_until("no certificate is no connection", SOON, || refused("handshake_failed") >= 1.0);
    let customer = Pjsua::carrier(free_port(), trunk, (files.path(), "customer"));
    customer.dials("4008001234");
    customer.expects("closed");
    assert!(refused("other_certificate") >= 1.0);
    assert!(!agent.has_rung());

    carrier.dials("4008001234");
    carrier.expects("established");
    agent.expects("CALL_ESTABLISHED");
    wait_to_hear("the caller", || carrier.heard(), 1_000.0);
    wait_until("they talk", SOON, || agent.heard().len() > 4 * 8_000);
    carrier.hangs_up();
    agent.expects("CALL_CLOSED");
    both_are_recorded(&server);
    server.wait_for_state(1001, StateName::Ready, SOON);

    agent.dials("013800138000");
    let invite = carrier.expects("incoming");
    let invite = invite["text"].as_str().unwrap();
    assert!(invite.contains("Via: SIP/2.0/TLS "), "{invite}");
    carrier.answers();
    agent.expects("CALL_ESTABLISHED");
    wait_to_hear("the callee", || carrier.heard(), 1_000.0);
    agent.hangs_up();
    carrier.expects("closed");
}

#[test]
fn a_carrier_whose_certificate_is_for_another_name_is_not_called_and_the_log_says_why() {
    let files = tempfile::tempdir().unwrap();
    let authority = Authority::new(files.path());
    authority.certifies("server", &["127.0.0.1"]).certifies("carrier", &["sbc.example.cn"]);
    let ports = (free_port(), free_port());
    let server = proving_itself(files.path(), ports);
    let trunk = ([127, 0, 0, 1], ports.0).into();
    let _carrier = Pjsua::carrier(ports.1, trunk, (files.path(), "carrier"));
    let agent = Baresip::agent("1001", server.phones(), AT_ONCE, 1_000);
    agent.dials("013800138000");
    agent.expects("CALL_CLOSED");
    let said = server.said();
    let line = said.lines().find(|line| line.contains("a certificate is not believed"));
    let line = line.unwrap_or_else(|| panic!("{said}"));
    for word in ["trunk=\"carrier\"", "name=127.0.0.1", "NotValidForName", "sbc.example.cn"] {
        assert!(line.contains(word), "no {word} in {line}");
    }
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
