//! What a `kill -9` in the middle of a recorded call leaves.

use std::time::{Duration, SystemTime};

use model::{Cause, Outcome, StateName, Timestamp};

use crate::house::{
    Answers, Baresip, Carrier, Earpiece, Over, Plan, SOON, Server, assert_heard, wait_until,
};

/// What of a recording a crash may cost, in milliseconds.
const LOSS: u128 = 200;

#[test]
fn a_crash_in_mid_call_costs_a_fifth_of_a_second_of_the_recording_and_nothing_else() {
    let mut server = Server::start(Plan::default());
    let talker = Baresip::agent("1001", server.phones(), (Over::Udp, Answers::AtOnce), 1_000);
    let idle = Baresip::agent("1002", server.phones(), (Over::Udp, Answers::AtOnce), 1_400);
    server.sign_in(1001);
    server.sign_in(1002);
    let busy = serde_json::json!({ "reason": "break" });
    assert_eq!(server.post("/v1/agents/1002/busy", &busy).0, 200);
    let earpiece = Earpiece::open(600.0);
    let _carrier = Carrier::calls(&server, &earpiece, Duration::from_secs(30));
    talker.expects("CALL_ESTABLISHED");
    wait_until("they have talked for a while", SOON, || talker.heard().len() > 4 * 8_000);

    let killed_at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    server.kill();
    server.restart();

    let row = server.sealed_recordings(1).remove(0);
    assert_eq!(row["recovered"], true, "{row}");
    let recorded = server.audio(&row);
    let began: Timestamp = serde_json::from_value(row["at"].clone()).unwrap();
    let ended = u128::from(began.as_micros()) / 1_000 + (recorded.seconds() * 1_000.0) as u128;
    let lost = killed_at.as_millis().saturating_sub(ended);
    assert!(lost <= LOSS, "{lost} ms of the recording are lost");
    assert_heard("left, the caller", &recorded.left, 600.0, 3.5);
    assert_heard("right, the agent", &recorded.right, 1_000.0, 3.5);

    let call = server.ended_calls(1).remove(0);
    assert_eq!((call.outcome, call.cause), (Some(Outcome::Answered), Some(Cause::Crash)));
    server.wait_for_state(1001, StateName::Ready, SOON);
    assert_eq!(server.agent(1002).name(), StateName::Busy);
    server.assert_all_at_rest(0);

    // The house goes on: the same phone, still registered, takes the next call.
    let caller = Baresip::caller("13900139000", server.trunk(), 600);
    caller.dials("4008001234");
    server.wait_for_state(1001, StateName::OnCall, SOON);
    caller.hangs_up();
    server.assert_all_at_rest(1);
    drop(idle);
}

#[test]
fn a_caller_who_waits_at_a_crash_is_accounted_for_as_failed() {
    let mut server = Server::start(Plan::default());
    let caller = Baresip::caller("13900139000", server.trunk(), 600);
    caller.dials("4008001234");
    server.wait_for_waiting(1);
    // A crash may cost the last 20 ms of the log: the wait is older than that.
    wait_until("the caller hears music", SOON, || caller.heard().len() > 4_000);
    server.kill();
    server.restart();
    let call = server.ended_calls(1).remove(0);
    assert_eq!((call.outcome, call.cause), (Some(Outcome::Failed), Some(Cause::Crash)));
    server.assert_all_at_rest(0);
}
