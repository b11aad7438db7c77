//! The status page, in a browser that nobody here wrote.

use model::StateName;

use crate::house::{Answers, Baresip, Over, Plan, SOON, Server, chromium, output};

#[test]
fn the_status_page_shows_queue_agents_and_a_call_in_a_browser() {
    let server = Server::start(Plan::default());
    let talker = Baresip::agent("1001", server.phones(), (Over::Udp, Answers::AtOnce), 1_000);
    server.sign_in(1001);
    let caller = Baresip::caller("13900139000", server.trunk(), 600);
    caller.dials("4008001234");
    server.wait_for_state(1001, StateName::OnCall, SOON);
    let second = Baresip::caller("13900139001", server.trunk(), 600);
    second.dials("4008001234");
    server.wait_for_waiting(1);

    let page = shown(&server);
    for text in [
        "Support",
        "A1001",
        "class=\"pill on_call\"",
        "A1002",
        "class=\"pill signed_out\"",
        "139****9000",
        "139****9001",
    ] {
        assert!(page.contains(text), "{text} is not on the page:\n{page}");
    }
    drop(talker);
}

/// The page as the browser has it, its script run.
fn shown(server: &Server) -> String {
    let profile = tempfile::tempdir().unwrap();
    let mut chromium = chromium(&profile);
    chromium.args(["--virtual-time-budget=4000", "--dump-dom", &server.page()]);
    String::from_utf8_lossy(&output(&mut chromium).stdout).into_owned()
}
