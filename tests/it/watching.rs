//! A telephone that nobody here wrote hears of its mailbox, and sees what a colleague does.

use serde_json::json;

use crate::house::{Answers, Baresip, Over, Plan, SOON, Server, wait_until};

#[test]
fn a_telephone_hears_of_its_mailbox_and_sees_a_colleague_come_and_go() {
    let server = Server::start(Plan::default());
    let colleague = Baresip::agent("1002", server.phones(), (Over::Udp, Answers::WhenTold), 440);
    let watcher = Baresip::watching("1001", server.phones(), "1002");
    // Its own words, not those of the trace it prints beside: it may have heard before it could be
    // asked.
    wait_until("the telephone has heard of its mailbox", SOON, || {
        let said = watcher.said();
        let heard = said.split("----- MWI for ").nth(1);
        heard.is_some_and(|heard| heard.contains("Messages-Waiting: no"))
    });
    let sees = |word: &str| {
        wait_until(&format!("the colleague is shown as {word}"), SOON, || {
            watcher.contacts().contains(word)
        });
    };
    sees("Offline");
    server.sign_in(1002);
    sees("Online");
    let pause = json!({ "reason": "break" });
    assert_eq!(server.post("/v1/agents/1002/busy", &pause).0, 200);
    sees("Busy");
    assert_eq!(server.post("/v1/agents/1002/sign-out", &json!({})).0, 200);
    sees("Offline");
    drop(colleague);
}
