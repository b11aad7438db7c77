//! The command line against a live service, as its admin and its team lead use it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use model::StateName;
use serde_json::Value;

use crate::house::{
    Answers, Baresip, Carrier, Earpiece, Over, Plan, Recorded, SOON, Server, hotline, output,
    wait_until,
};

#[test]
fn a_team_lead_commands_agents_states_from_the_command_line() {
    let server = Server::start(Plan::default());
    let _phone = Baresip::agent("1001", server.phones(), (Over::Udp, Answers::AtOnce), 1_000);
    wait_until("the phone is registered", SOON, || server.status().agents[0].bindings > 0);
    let is = |state| server.wait_for_state(1001, state, SOON);
    server.command_line(&["agent", "sign-in", "1001"]);
    is(StateName::Ready);
    server.command_line(&["agent", "busy", "1001", "break"]);
    is(StateName::Busy);
    let listed = server.command_line(&["agent", "list"]);
    assert!(listed.contains("A1001") && listed.contains("break"), "{listed}");
    server.command_line(&["agent", "ready", "1001"]);
    is(StateName::Ready);
    server.command_line(&["agent", "force", "1001", "busy", "--reason", "break"]);
    is(StateName::Busy);
    server.command_line(&["agent", "sign-out", "1001"]);
    is(StateName::SignedOut);

    let mut refused = Command::new(hotline());
    refused.args(["agent", "sign-in", "1002", "--state"]).arg(server.folder().join("state"));
    let refused = output(&mut refused);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("phone_not_registered"), "{said}");
}

#[test]
fn a_call_is_followed_by_its_id_from_the_log_to_the_recording() {
    let server = Server::start_logging_json(Plan::default());
    let agent = Baresip::agent("1001", server.phones(), (Over::Udp, Answers::AtOnce), 1_000);
    server.sign_in(1001);
    let earpiece = Earpiece::open(600.0);
    Carrier::calls(&server, &earpiece, Duration::from_secs(3)).is_content();
    agent.expects("CALL_CLOSED");
    let row = server.sealed_recordings(1).remove(0);
    let (call, recording) = (row["call"].as_str().unwrap(), row["recording"].as_str().unwrap());

    let said = server.said();
    let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_call = lines.filter(|line| line["call"] == call);
    let kinds: Vec<_> =
        of_call.filter_map(|line| line["kind"].as_str().map(str::to_owned)).collect();
    let order = [
        "call.arrived",
        "call.answered",
        "queue.entered",
        "queue.offered",
        "leg.ringing",
        "queue.left",
        "segment.talk_started",
        "recording.started",
        "segment.talk_ended",
        "call.ended",
        "recording.sealed",
    ];
    let mut rest = kinds.iter();
    for kind in order {
        assert!(rest.any(|it| it == kind), "{kind} is not in its place in {kinds:?}");
    }
    assert!(!said.contains("13800138000"), "numbers are masked in the log");

    let ladder = server.command_line(&["ladder", call, "--full"]);
    for rung in ["INVITE (SDP)", "100 Trying", "180 Ringing", "200 OK (SDP)", "ACK", "BYE"] {
        assert!(ladder.contains(rung), "{rung} is not in\n{ladder}");
    }
    assert!(ladder.contains("m=audio") && ladder.contains("13800138000"), "{ladder}");

    let shown = server.command_line(&["recordings", "show", recording]);
    assert!(shown.contains(row["sha256"].as_str().unwrap()), "{shown}");
    let file = server.folder().join("fetched.wav");
    server.command_line(&["recordings", "fetch", recording, "-o", file.to_str().unwrap()]);
    Recorded::read(&fs::read(file).unwrap(), &row);
}

#[test]
fn a_call_is_explained_with_who_was_offered_it_and_why_another_was_not() {
    let server = Server::start(Plan::default());
    let agent = Baresip::agent("1001", server.phones(), (Over::Udp, Answers::AtOnce), 1_000);
    server.sign_in(1001);
    let earpiece = Earpiece::open(600.0);
    Carrier::calls(&server, &earpiece, Duration::from_secs(2)).is_content();
    agent.expects("CALL_CLOSED");
    let call = server.ended_calls(1).remove(0).call.to_string();

    let why = server.command_line(&["why", &call]);
    for told in ["entered 进入 support", "offered 分配 to 1001", "1001 answered 接听", "idle since"]
    {
        assert!(why.contains(told), "{told} is not in\n{why}");
    }
    let why_not = server.command_line(&["why-not", "1002", &call]);
    assert!(why_not.contains("not signed in 未签入"), "{why_not}");
    let own = server.command_line(&["why-not", "1001", &call]);
    assert!(own.contains("the call was offered to this agent"), "{own}");
    let told = server.command_line(&["why-not", "1002", &call, "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["waits"][0]["offers"][0]["standing"], "signed_out", "{told}");
}

#[test]
fn a_call_is_drawn_after_a_crash_and_a_restart_as_it_was_before() {
    let mut server = Server::start(Plan::default());
    let agent = Baresip::agent("1001", server.phones(), (Over::Udp, Answers::AtOnce), 1_000);
    server.sign_in(1001);
    let earpiece = Earpiece::open(600.0);
    Carrier::calls(&server, &earpiece, Duration::from_secs(2)).is_content();
    agent.expects("CALL_CLOSED");
    let row = server.sealed_recordings(1).remove(0);
    let call = row["call"].as_str().unwrap();
    let before = server.command_line(&["ladder", call, "--full"]);
    let folder = server.folder().join("state/trace");
    let messages = |text: &str| text.matches("CSeq:").count();
    let on_disk = || -> usize {
        let files = fs::read_dir(&folder).into_iter().flatten().flatten();
        let text = files.map(|file| fs::read(file.path()).unwrap());
        text.map(|octets| messages(&String::from_utf8_lossy(&octets))).sum()
    };
    // A message is written a moment after it was sent.
    wait_until("the call is on disk", SOON, || on_disk() >= messages(&before));

    server.kill();
    server.restart();
    let after = server.command_line(&["ladder", call, "--full"]);
    for rung in ["INVITE (SDP)", "180 Ringing", "200 OK (SDP)", "ACK", "BYE"] {
        assert!(after.contains(rung), "{rung} is not in\n{after}");
    }
    assert_eq!(after, before);
    for file in fs::read_dir(&folder).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let drawn = server.ask(&format!("/v1/calls/{call}/ladder"));
    assert!(drawn["ladder"].as_array().unwrap().len() >= 10, "{drawn}");
}

#[test]
fn secrets_are_made_once_and_shown_once() {
    let folder = tempfile::tempdir().unwrap();
    Server::prepare(&Plan::default(), folder.path());
    let config = folder.path().join("hotline.toml");
    let secrets = || output(Command::new(hotline()).arg("secrets").arg("--config").arg(&config));
    let (first, second) = (secrets(), secrets());
    let said = String::from_utf8_lossy(&first.stdout).into_owned();
    assert!(first.status.success() && said.contains("1001") && said.contains("admin"), "{said}");
    assert!(!second.status.success());
    let kept = fs::read_to_string(folder.path().join("state/secrets.toml")).unwrap();
    let shown: Vec<_> = said.split_whitespace().filter(|word| word.len() >= 16).collect();
    assert!(shown.len() >= 6 && shown.iter().all(|secret| !kept.contains(secret)), "{kept}");
}

#[test]
fn a_second_service_on_the_same_state_folder_is_told_who_holds_it() {
    let server = Server::start(Plan::default());
    let said = output(&mut server.another()).stderr;
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("already works in this state folder"), "{said}");
    assert!(server.is_healthy());
}
