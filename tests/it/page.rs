//! The status page, in a browser that nobody here wrote.

use std::process::Command;

use crate::house::{Answers, Baresip, Over, Plan, Server};

#[test]
fn the_status_page_shows_queue_and_agent_in_a_browser() {
    let server = Server::start(Plan::default());
    let _phone = Baresip::agent("1001", server.phones(), (Over::Udp, Answers::AtOnce), 1_000);
    server.sign_in(1001);
    let profile = tempfile::tempdir().unwrap();
    let mut chromium = Command::new("chromium");
    chromium
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--virtual-time-budget=4000", "--dump-dom", &server.page()]);
    let shown = chromium.output().unwrap_or_else(|error| {
        panic!(
            "chromium does not start ({error}): run `sudo apt-get install -y \
             --no-install-recommends chromium`"
        )
    });
    let page = String::from_utf8_lossy(&shown.stdout);
    for text in ["Support", "A1001", "A1002", "示闲"] {
        assert!(page.contains(text), "{text} is not on the page:\n{page}");
    }
}
