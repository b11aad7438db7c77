//! The demo: a whole centre that plays by itself.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::house::{Process, SOON, free_port, free_ports, hotline, output, root, wait};

/// The example configuration, on ports of its own and with a state folder of its own.
fn example() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(root().join("config/hotline.toml")).unwrap();
    let (first, last) = free_ports(800);
    let prompts = root().join("config/prompts");
    let text = [
        ("0.0.0.0:5060", format!("127.0.0.1:{}", free_port())),
        ("0.0.0.0:5080", format!("127.0.0.1:{}", free_port())),
        ("127.0.0.1:8080", format!("127.0.0.1:{}", free_port())),
        ("20000-39999", format!("{first}-{last}")),
        ("\"prompts\"\nqueue_music", format!("\"{}\"\nqueue_music", prompts.display())),
        ("../.hotline", "state".to_owned()),
    ]
    .iter()
    .fold(text, |text, (old, new)| {
        assert!(text.contains(old), "the example has no {old}");
        text.replace(old, new)
    });
    let file = folder.path().join("hotline.toml");
    fs::write(&file, text).unwrap();
    (folder, file)
}

#[test]
fn the_demo_plays_is_looked_at_is_drawn_from_and_ends_at_ctrl_c() {
    let (folder, config) = example();
    let mut demo = Command::new(hotline());
    demo.arg("demo").arg("--config").arg(&config).args(["--calls-per-minute", "60"]);
    let mut demo = Process::start("hotline", &mut demo, &folder.path().join("log"));
    wait("the demo says how to look at it", SOON, || {
        assert!(demo.has_ended().is_none(), "{}", demo.said());
        demo.said().contains("Ctrl-C").then_some(())
    });
    for told in ["status --watch", "qa --state", "password", "*11", "4008001234"] {
        assert!(demo.said().contains(told), "{told}: {}", demo.said());
    }
    let state = folder.path().join("state");
    let ask = |words: &[&str]| -> Value {
        let mut command = Command::new(hotline());
        let done = output(command.args(words).arg("--state").arg(&state).arg("--json"));
        serde_json::from_slice(&done.stdout).unwrap_or(Value::Null)
    };
    let status = wait("callers talk to agents", SOON * 4, || {
        let status = ask(&["status"]);
        let calls = status["calls"].as_array().cloned().unwrap_or_default();
        calls.iter().any(|call| call["stage"] == "talking").then_some(status)
    });
    assert_eq!(status["agents"].as_array().map(Vec::len), Some(8), "{status}");
    wait("a recording is complete", SOON * 6, || {
        let rows = ask(&["recordings", "list"]);
        let rows = rows["recordings"].as_array().cloned().unwrap_or_default();
        rows.iter().any(|row| row["state"] == "sealed").then_some(())
    });
    let draw = ask(&["qa", "draw", "--size", "1"]);
    assert_eq!(draw["content"]["drawn"].as_array().map(Vec::len), Some(1), "{draw}");
    let verified = ask(&["qa", "verify", draw["draw"].as_str().unwrap()]);
    assert_eq!(verified["verified"], true, "{verified}");

    demo.interrupt();
    let ended = demo.ends(Duration::from_secs(60));
    assert!(ended.success(), "{ended}: {}", demo.said());
    assert!(!state.join("local.json").exists(), "nobody is led to a service that has ended");
    assert!(!demo.said().contains("panicked"), "{}", demo.said());
}
