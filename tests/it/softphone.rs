//! pjsua as an agent's phone: another make than baresip, which writes and reads SIP in its own way.

use std::time::Duration;

use insight::Cdr;
use model::{Outcome, StateName};

use crate::house::{
    Baresip, Carrier, Earpiece, Over, Pjsua, Plan, SOON, Server, assert_heard, certify, free_port,
    listener, wait_for_music, wait_to_hear, wait_until,
};

/// A caller of the hotline reaches this phone, which answers.
fn answered_by(phone: &Pjsua, server: &Server) {
    let invite = phone.expects("incoming");
    let invite = invite["text"].as_str().unwrap();
    assert!(invite.contains("\r\nX-Hotline-Call: "), "{invite}");
    server.wait_for_state(1001, StateName::Ringing, SOON);
    phone.answers();
    phone.expects("established");
    server.wait_for_state(1001, StateName::OnCall, SOON);
}

/// Registers over a connection, takes a call that is heard at both ends and recorded, and signs off.
fn a_recorded_call(server: &Server, phone: &Pjsua) {
    server.sign_in(1001);
    let earpiece = Earpiece::open(600.0);
    let mut carrier = Carrier::calls(server, &earpiece, Duration::from_secs(6));
    answered_by(phone, server);
    carrier.is_content();
    phone.expects("closed");
    assert_heard("the agent's ear", &phone.heard(), 600.0, 2.0);
    let row = server.sealed_recordings(1).remove(0);
    let recorded = server.audio(&row);
    assert_heard("left, the caller", &recorded.left, 600.0, 2.0);
    assert_heard("right, the agent", &recorded.right, 1_000.0, 2.0);
    phone.unregisters();
    phone.expects("unregistered");
    wait_until("the binding is gone", SOON, || server.status().agents[0].bindings == 0);
    server.assert_all_at_rest(1);
}

#[test]
fn a_softphone_over_udp_takes_a_caller_holds_retrieves_and_hangs_up() {
    let server = Server::start(Plan::default());
    let phone = Pjsua::agent("1001", server.phones(), Over::Udp, 1_000);
    // Of the challenges it is given, it answers the better.
    let said = phone.said();
    let credentials = said.lines().filter(|line| line.starts_with("Authorization: "));
    let algorithms: Vec<_> = credentials.map(|line| line.contains("algorithm=SHA-256")).collect();
    assert_eq!(algorithms, [true], "{said}");
    server.sign_in(1001);
    let caller = Baresip::caller("13900139000", server.trunk(), 600);
    caller.dials("4008001234");
    answered_by(&phone, &server);
    wait_to_hear("the agent", || phone.heard(), 600.0);
    wait_to_hear("the caller", || caller.heard(), 1_000.0);

    phone.holds();
    wait_for_music("the caller", || caller.heard(), 1_000.0);
    phone.retrieves();
    wait_to_hear("the caller", || caller.heard(), 1_000.0);
    wait_to_hear("the agent", || phone.heard(), 600.0);
    phone.hangs_up();
    phone.expects("closed");
    caller.expects("CALL_CLOSED");
    server.wait_for_state(1001, StateName::Ready, SOON);
    let call: Cdr = server.ended_calls(1).remove(0);
    assert_eq!(call.outcome, Some(Outcome::Answered));
    server.audio(&server.sealed_recordings(1).remove(0));
    server.assert_all_at_rest(1);
}

#[test]
fn a_softphone_over_tcp_takes_a_recorded_call() {
    let server = Server::start(Plan::default());
    let phone = Pjsua::agent("1001", server.phones(), Over::Tcp, 1_000);
    a_recorded_call(&server, &phone);
}

#[test]
fn a_softphone_over_tls_takes_a_recorded_call() {
    let files = tempfile::tempdir().unwrap();
    certify(files.path());
    let port = free_port();
    let server = Server::start_with(Plan::default(), |text| {
        text + &listener(Over::Tls.as_str(), port, files.path())
    });
    let phone = Pjsua::agent("1001", ([127, 0, 0, 1], port).into(), Over::Tls, 1_000);
    a_recorded_call(&server, &phone);
}
