//! A phone in a browser that nobody here wrote: JsSIP in Chromium, over a WebSocket, nearly always a
//! secure one.
//!
//! Registration and the control of calls are shown: a call rings, is refused, is taken back; and
//! calls that the browser makes, heard at both ends. JsSIP reads the last challenge of an answer
//! alone and knows MD5 alone, so MD5 must be offered last.
//!
//! Not shown is a call that is answered in a browser: it speaks audio over DTLS-SRTP with ICE alone,
//! which the service answers and does not yet offer.

use std::net::SocketAddr;

use model::{AgentId, OfferEnd, Outcome, StateName};
use tempfile::TempDir;

use crate::house::{
    Answers, Baresip, Browser, Desk, Over, Plan, SOON, Server, assert_heard, certify, free_port,
    listener, wait_to_hear, wait_until,
};

struct Scene {
    server: Server,
    desk: Desk,
    /// Where browsers connect to, and by what.
    address: (&'static str, SocketAddr),
    _files: TempDir,
}

impl Scene {
    /// A service where browsers may connect from the page of one desk.
    fn open() -> Self {
        Self::open_over("wss")
    }

    fn open_over(scheme: &'static str) -> Self {
        let files = tempfile::tempdir().unwrap();
        certify(files.path());
        let (desk, port) = (Desk::open(), free_port());
        let server = Server::start_with(Plan::default(), |text| {
            let origins = format!("origins = [\"{}\"]\n", desk.origin());
            let listener = listener(scheme, port, files.path());
            let fits = |line: &&str| {
                scheme == "wss" || !(line.starts_with("certificate") || line.starts_with("key"))
            };
            let lines: Vec<&str> = listener.lines().filter(fits).collect();
            text + &lines.join("\n") + "\n" + &origins
        });
        Self { server, desk, address: (scheme, ([127, 0, 0, 1], port).into()), _files: files }
    }

    /// The phone of agent 1001, who is signed in.
    fn agent(&self) -> Browser {
        let browser = Browser::shows(&self.desk, "1001", self.address);
        browser.expects("registered");
        self.server.sign_in(1001);
        browser
    }

    fn bindings(&self) -> u32 {
        self.server.status().agents[0].bindings
    }
}

#[test]
fn a_call_rings_in_a_browser_is_refused_there_and_goes_to_the_next_agent() {
    let scene = Scene::open();
    let server = &scene.server;
    let browser = scene.agent();
    assert_eq!(scene.bindings(), 1);
    let other = Baresip::agent("1002", server.phones(), (Over::Udp, Answers::AtOnce), 1_000);
    server.sign_in(1002);
    let caller = Baresip::caller("13900139000", server.trunk(), 600);
    caller.dials("4008001234");
    let incoming = browser.expects("incoming");
    assert_eq!(incoming["by"], "remote", "{incoming}");
    assert_eq!(incoming["caller"], "13900139000", "{incoming}");
    let status = server.status();
    assert_eq!(incoming["call"], status.calls[0].call.to_string(), "{incoming}");
    assert!(incoming["body"].as_str().unwrap().contains("m=audio "), "{incoming}");
    server.wait_for_state(1001, StateName::Ringing, SOON);
    assert!(!other.has_rung());

    browser.refuses();
    browser.expects("ended");
    other.expects("CALL_ESTABLISHED");
    caller.hangs_up();
    other.expects("CALL_CLOSED");
    let call = server.ended_calls(1).remove(0);
    assert_eq!(call.outcome, Some(Outcome::Answered));
    assert_eq!(call.agents, [AgentId::new(1002)]);
    let offers = call.segments.iter().flat_map(|segment| &segment.offers);
    assert_eq!(offers.filter_map(|offer| offer.end).next(), Some(OfferEnd::Refused));
    server.assert_all_at_rest(1);
}

#[test]
fn a_browser_stops_ringing_when_the_caller_hangs_up_and_signs_off_in_order() {
    let scene = Scene::open();
    let server = &scene.server;
    let browser = scene.agent();
    let caller = Baresip::caller("13900139000", server.trunk(), 600);
    caller.dials("4008001234");
    browser.expects("incoming");
    caller.hangs_up();
    let ended = browser.expects("ended");
    assert_eq!((&ended["by"], &ended["cause"]), (&"remote".into(), &"Canceled".into()));
    server.wait_for_state(1001, StateName::Ready, SOON);

    browser.signs_off();
    assert_eq!(browser.expects("unregistered")["status"], 200);
    assert_eq!(scene.bindings(), 0);
    server.wait_for_state(1001, StateName::SignedOut, SOON);
    server.assert_all_at_rest(1);
}

#[test]
fn a_browser_over_a_websocket_in_the_clear_registers_and_rings() {
    let scene = Scene::open_over("ws");
    let browser = scene.agent();
    let caller = Baresip::caller("13900139000", scene.server.trunk(), 600);
    caller.dials("4008001234");
    assert_eq!(browser.expects("incoming")["by"], "remote");
    caller.hangs_up();
    assert_eq!(browser.expects("ended")["cause"], "Canceled");
    browser.signs_off();
    assert_eq!(browser.expects("unregistered")["status"], 200);
    scene.server.assert_all_at_rest(1);
}

#[test]
fn an_agent_is_signed_out_whose_browser_is_closed_or_crashes() {
    let scene = Scene::open();
    let mut browser = scene.agent();
    browser.closes();
    scene.server.wait_for_state(1001, StateName::SignedOut, SOON);
    assert_eq!(scene.bindings(), 0);

    browser = scene.agent();
    browser.crashes();
    wait_until("the binding is gone", SOON, || scene.bindings() == 0);
    scene.server.wait_for_state(1001, StateName::SignedOut, SOON);
    scene.server.assert_all_at_rest(0);
}

#[test]
fn a_page_from_elsewhere_is_given_no_connection() {
    let scene = Scene::open();
    let elsewhere = Desk::open();
    let browser = Browser::shows(&elsewhere, "1001", scene.address);
    browser.expects("disconnected");
    assert_eq!(scene.bindings(), 0);
}

#[test]
fn a_call_from_a_browser_is_heard_at_both_ends_and_recorded() {
    let scene = Scene::open();
    let server = &scene.server;
    let browser = Browser::shows(&scene.desk, "1001", scene.address);
    browser.expects("registered");
    let agent = Baresip::agent("1002", server.phones(), (Over::Udp, Answers::AtOnce), 1_000);
    server.sign_in(1002);
    browser.dials("4008001234");
    browser.expects("accepted");
    agent.expects("CALL_ESTABLISHED");
    browser.wait_to_hear(1_000.0);
    wait_to_hear("the agent", || agent.heard(), 600.0);

    browser.holds();
    browser.expects("held");
    browser.retrieves();
    browser.expects("retrieved");
    browser.wait_to_hear(1_000.0);
    browser.hangs_up();
    agent.expects("CALL_CLOSED");

    let parts = server.sealed_recordings(3);
    for row in [&parts[0], &parts[2]] {
        let recorded = server.audio(row);
        assert_heard("left, the browser", &recorded.left, 600.0, 0.5);
        assert_heard("right, the agent", &recorded.right, 1_000.0, 0.5);
    }
    server.assert_all_at_rest(1);
}
