//! Bad surroundings: a clear answer that says what to do, and nothing lost.

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use model::StateName;
use serde_json::{Value, json};

use crate::house::{Answers, Baresip, Over, Plan, SOON, Server, hotline, output, wait_until};

/// Changes the configuration in a folder.
fn change(folder: &Path, from: &str, to: &str) {
    let path = folder.join("hotline.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replace(from, to)).unwrap();
}

/// Runs what must refuse at once; gives all it said.
#[track_caller]
fn refuses(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = output(command);
    let said = [stdout, stderr].map(|said| String::from_utf8(said).unwrap()).concat();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

#[test]
fn a_port_in_use_is_named_and_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    let mut serve = Server::prepare(&Plan::default(), folder.path());
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let text = fs::read_to_string(folder.path().join("hotline.toml")).unwrap();
    let listen = text.lines().find(|line| line.starts_with("listen")).unwrap();
    change(folder.path(), listen, &format!("listen = \"127.0.0.1:{port}\""));
    let said = refuses(&mut serve);
    assert!(said.contains(&format!("127.0.0.1:{port}")), "{said}");
    assert!(said.contains("in use"), "{said}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut serve = Server::prepare(&Plan::default(), folder.path());
    // Not even root may write there.
    let to = "[recording]\nfolder = \"/proc/recordings\"\n\n[sounds]";
    change(folder.path(), "[sounds]", to);
    let line = line_of(folder.path(), "/proc/recordings");
    let said = refuses(&mut serve);
    assert!(said.contains(&format!("hotline.toml:{line}:")), "{said}");
    assert!(said.contains("cannot be written"), "{said}");
}

#[test]
fn everything_wrong_in_a_configuration_is_told_with_file_line_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let mut serve = Server::prepare(&Plan::default(), folder.path());
    change(folder.path(), "max_wait = \"1m\"", "max_wiat = \"1m\"\nrouting = \"fair\"");
    change(folder.path(), "flow = \"main\"", "flow = \"other\"");
    let mut check = Command::new(hotline());
    check.arg("check").arg("--config").arg(folder.path().join("hotline.toml"));
    for command in [&mut check, &mut serve] {
        let said = refuses(command);
        for wrong in ["max_wiat", "fair", "\"other\""] {
            let line = line_of(folder.path(), wrong);
            assert!(said.contains(&format!("hotline.toml:{line}:")), "{wrong}: {said}");
        }
        assert!(said.contains("max_wait"), "the right word is named: {said}");
    }
    assert!(!folder.path().join("state/local.json").exists(), "nothing was started");
}

fn line_of(folder: &Path, text: &str) -> usize {
    let file = fs::read_to_string(folder.join("hotline.toml")).unwrap();
    file.lines().position(|line| line.contains(text)).unwrap() + 1
}

#[test]
fn the_example_configuration_has_nothing_wrong() {
    let state = tempfile::tempdir().unwrap();
    let example = crate::house::root().join("config/hotline.toml");
    let mut check = Command::new(hotline());
    check.arg("check").arg("--config").arg(example).env("HOTLINE_STATE", state.path());
    let Output { status, stdout, stderr } = output(&mut check);
    let said = [stdout, stderr].map(|said| String::from_utf8(said).unwrap()).concat();
    assert!(status.success(), "{said}");
}

#[test]
fn bad_requests_get_a_problem_with_a_stable_code() {
    let server = Server::start(Plan::default());
    let problem = |path: &str, body: &Value, status: u16| {
        let (given, answer) = server.post(path, body);
        assert_eq!(given, status, "{path}: {answer}");
        assert!(answer["code"].is_string() && answer["title"].is_string(), "{path}: {answer}");
    };
    problem("/v1/agents/1001/sign-in", &json!({ "fone": "1001" }), 400);
    problem("/v1/agents/1001/sign-in", &json!({}), 409);
    problem("/v1/agents/77/sign-in", &json!({}), 404);
    problem("/v1/agents/1001/busy", &json!({ "reason": "sleepy" }), 409);
    problem("/v1/nothing", &json!({}), 404);
}

/// A file system of 256 kibibytes, there as long as the value is.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where we may not mount.
    fn at(folder: &Path) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(folder);
        let mounted = mount.output().is_ok_and(|done| done.status.success());
        mounted.then(|| Self(folder.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_costs_the_recording_and_not_the_call() {
    let disk = tempfile::tempdir().unwrap();
    let Some(_disk) = SmallDisk::at(disk.path()) else {
        assert!(std::env::var_os("CI").is_none(), "the gate fills a disk: run it as root");
        eprintln!("not run: only root may mount a small disk");
        return;
    };
    let server = Server::start_with(Plan::default(), |text| {
        let folder = disk.path().display();
        text.replace("[sounds]", &format!("[recording]\nfolder = \"{folder}\"\n\n[sounds]"))
    });
    fs::write(disk.path().join("filler"), vec![0; 200 << 10]).unwrap();
    let agent = Baresip::agent("1001", server.phones(), (Over::Udp, Answers::AtOnce), 1_000);
    server.sign_in(1001);
    let caller = Baresip::caller("13900139000", server.trunk(), 600);
    caller.dials("4008001234");
    agent.expects("CALL_ESTABLISHED");
    // 16 KiB a second fill what is left in a few seconds.
    wait_until("they talk on", SOON * 2, || agent.heard().len() > 8 * 8_000);
    assert_eq!(server.agent(1001).name(), StateName::OnCall);
    wait_until("somebody is told", SOON, || {
        !server.ask("/v1/recordings?state=failed")["recordings"].as_array().unwrap().is_empty()
    });
    caller.hangs_up();
    agent.expects_within("CALL_CLOSED", Duration::from_secs(5));
    server.assert_all_at_rest(1);
}
