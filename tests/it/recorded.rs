//! A call from the carrier to an agent: heard at both ends, and in the recording.

use std::time::Duration;

use serde_json::Value;

use crate::house::{
    Answers, Baresip, Carrier, Earpiece, Over, Plan, Recorded, SOON, Server, assert_heard,
    wait_to_hear, wait_until,
};

/// The tones are whole multiples of 100 Hz, which ten milliseconds tell apart.
const CALLER: u32 = 600;
const AGENT: u32 = 1_000;

/// How long they talk at least.
const TALK: f64 = 4.0;

/// The end of what was heard: the talk, without the music before it. At the very end the one who
/// hangs up has already fallen silent, and at the beginning both are still joining.
fn talk(samples: &[i16], seconds: f64) -> &[i16] {
    let length = (seconds * 8_000.0) as usize;
    &samples[samples.len().saturating_sub(length)..]
}

fn carrier_calls_agent(over: Over) {
    let server = Server::start(Plan { greeting: true, ..Plan::default() });
    let agent = Baresip::agent("1001", server.phones(), (over, Answers::AtOnce), AGENT);
    server.sign_in(1001);
    let earpiece = Earpiece::open(f64::from(CALLER));

    let mut carrier = Carrier::calls(&server, &earpiece, Duration::from_secs(9));
    agent.expects("CALL_ESTABLISHED");
    agent.expects("CALL_CLOSED");
    carrier.is_content();

    let row = server.sealed_recordings(1).remove(0);
    assert_eq!((&row["agent"], &row["queue"]), (&1001.into(), &"support".into()), "{row}");
    let recorded = server.audio(&row);
    assert_heard("left, the caller", &recorded.left, f64::from(CALLER), TALK);
    assert_heard("right, the agent", &recorded.right, f64::from(AGENT), TALK);
    assert!(rtp::heard(talk(&recorded.left, TALK), f64::from(AGENT)).is_none(), "left has both");
    assert!(rtp::heard(talk(&recorded.right, TALK), f64::from(CALLER)).is_none(), "right has both");
    assert_heard("the agent's ear", &agent.heard(), f64::from(CALLER), TALK);
    assert_heard("the caller's ear", talk(&earpiece.heard(), 5.0), f64::from(AGENT), TALK);

    let call = server.ended_calls(1).remove(0);
    assert_eq!(call.outcome, Some(model::Outcome::Answered));
    assert_eq!(call.recordings.len(), 1);
    server.assert_all_at_rest(1);
}

#[test]
fn a_carriers_call_reaches_an_agent_over_udp_and_both_are_heard_and_recorded() {
    carrier_calls_agent(Over::Udp);
}

#[test]
fn a_carriers_call_reaches_an_agent_over_tcp_and_both_are_heard_and_recorded() {
    carrier_calls_agent(Over::Tcp);
}

#[test]
fn two_real_phones_hear_each_other_through_the_hotline() {
    let mut server = Server::start(Plan::default());
    let agent = Baresip::agent("1001", server.phones(), (Over::Udp, Answers::WhenTold), AGENT);
    server.sign_in(1001);
    let caller = Baresip::caller("13900139000", server.trunk(), CALLER);
    caller.dials("4008001234");
    caller.expects("CALL_ESTABLISHED");
    agent.expects("CALL_INCOMING");
    agent.accepts();
    agent.expects("CALL_ESTABLISHED");
    wait_until("the agent hears the caller for long enough", SOON, || {
        agent.heard().len() >= 5 * 8_000
    });
    agent.hangs_up();
    caller.expects("CALL_CLOSED");

    let row = server.sealed_recordings(1).remove(0);
    let recorded = server.audio(&row);
    assert_heard("left, the caller", &recorded.left, f64::from(CALLER), TALK);
    assert_heard("right, the agent", &recorded.right, f64::from(AGENT), TALK);
    assert_heard("the agent's ear", &agent.heard(), f64::from(CALLER), TALK);
    assert_heard("the caller's ear", talk(&caller.heard(), 4.5), f64::from(AGENT), 4.0);
    server.assert_all_at_rest(1);
    server.stop();
}

#[test]
fn a_reviewer_draws_the_recording_and_hears_both_voices() {
    let server = Server::start(Plan::default());
    let agent = Baresip::agent("1001", server.phones(), (Over::Udp, Answers::AtOnce), AGENT);
    agent.dials("*11");
    agent.expects("CALL_CLOSED");
    let earpiece = Earpiece::open(f64::from(CALLER));
    Carrier::calls(&server, &earpiece, Duration::from_secs(6)).is_content();
    let row = server.sealed_recordings(1).remove(0);
    let recording = row["recording"].as_str().unwrap();

    assert!(server.command_line(&["recordings", "list"]).contains(recording));
    let asked = ["qa", "--json", "draw", "--size", "1", "--seed", "a seed", "--per-agent", "1"];
    let draw: Value = serde_json::from_str(&server.command_line(&asked)).unwrap();
    let id = draw["draw"].as_str().unwrap();
    server.command_line(&["qa", "verify", id]);
    let folder = server.folder().join("drawn");
    server.command_line(&["qa", "fetch", id, "--output", folder.to_str().unwrap()]);
    let file = std::fs::read(folder.join(format!("{recording}.wav"))).unwrap();
    let recorded = Recorded::read(&file, &row);
    assert_heard("left, the caller", &recorded.left, f64::from(CALLER), 2.0);
    assert_heard("right, the agent", &recorded.right, f64::from(AGENT), 2.0);

    let status = server.command_line(&["status"]);
    assert!(status.contains("A1001") && status.contains("Support"), "{status}");
}

#[test]
fn a_caller_with_keys_and_an_agent_without_hear_each_other_and_are_recorded() {
    let server = Server::start(Plan::default());
    let agent = Baresip::agent("1001", server.phones(), (Over::Udp, Answers::AtOnce), AGENT);
    server.sign_in(1001);
    let caller = Baresip::secured_caller("13900139000", server.trunk(), CALLER);
    caller.dials("4008001234");
    agent.expects("CALL_ESTABLISHED");
    wait_to_hear("the caller", || caller.heard(), f64::from(AGENT));
    wait_to_hear("the agent", || agent.heard(), f64::from(CALLER));
    assert!(caller.said().contains("AES_CM_128_HMAC_SHA1_80 inline:"), "no keys were said");
    agent.hangs_up();
    caller.expects("CALL_CLOSED");

    let row = server.sealed_recordings(1).remove(0);
    let recorded = server.audio(&row);
    assert_heard("left, the caller", &recorded.left, f64::from(CALLER), 1.0);
    assert_heard("right, the agent", &recorded.right, f64::from(AGENT), 1.0);
    server.assert_all_at_rest(1);
}
