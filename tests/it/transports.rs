//! Phones that nobody here wrote, over TLS.

use model::StateName;

use crate::house::{
    Answers, Baresip, Carrier, Earpiece, Over, Plan, SOON, Server, assert_heard, certify,
    free_port, listener, wait_until,
};

#[test]
fn a_phone_over_tls_takes_a_recorded_call_and_outlives_a_new_certificate() {
    let files = tempfile::tempdir().unwrap();
    certify(files.path());
    let port = free_port();
    let server = Server::start_with(Plan::default(), |text| {
        text + &listener(Over::Tls.as_str(), port, files.path())
    });
    assert!(server.said().contains("(TLS)"), "{}", server.said());
    let address = ([127, 0, 0, 1], port).into();
    let agent = Baresip::agent("1001", address, (Over::Tls, Answers::AtOnce), 1_000);
    server.sign_in(1001);
    certify(files.path());
    server.hang_up();
    wait_until("the certificate is read again", SOON, || server.said().contains("read again"));

    let earpiece = Earpiece::open(600.0);
    let mut carrier = Carrier::calls(&server, &earpiece, std::time::Duration::from_secs(6));
    server.wait_for_state(1001, StateName::OnCall, SOON);
    carrier.is_content();
    let row = server.sealed_recordings(1).remove(0);
    let recorded = server.audio(&row);
    assert_heard("left, the caller", &recorded.left, 600.0, 2.0);
    assert_heard("right, the agent", &recorded.right, 1_000.0, 2.0);
    assert_heard("the agent's ear", &agent.heard(), 600.0, 2.0);
    server.assert_all_at_rest(1);
}
