//! The call flows of RFC 3665, each in a file of its own, played against the endpoint.
//!
//! A file opens with what it is: `rfc:` and the section, `part:` the part that we play, `title:`,
//! `peer:` a name and an address for each of the others, perhaps `transport:`, `realm:` and
//! `account:`. After a line of dashes each line is a step; indented lines belong to the step above.
//!
//! | step | means |
//! |---|---|
//! | `bob -> INVITE [uri]` | a request of Bob's reaches us; field lines stand in place of the usual ones |
//! | `bob -> 180 INVITE` | so does his response to our last INVITE |
//! | `bob <- 100 INVITE` | this is what we send him next; each field line must be found in it |
//! | `bob <- INVITE again` | we send it once more, octet for octet |
//! | `bob ! invited …` | this is what the application is told next |
//! | `bob : accept …` | this is what the application orders |
//! | `wait 32s` | so much time passes |
//!
//! In a field line `$name` stands for any text, the same wherever it stands; `$_` for any at all;
//! a lone `-` says that there is no such field, `Name#: 2` how many there are. A body is written
//! `sdp address [direction]`.
//!
//! Beside the steps, what holds of every message and at every end is checked in `watch` and `stage`.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads its flows, and stops where it is broken"
)]

mod desk;
mod pattern;
mod peer;
mod script;
mod stage;
mod watch;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use script::Script;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flows");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    // Whatever lies there and is no code is a flow, whatever its name ends with.
    let is_code = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "rs");
    let mut files: Vec<_> = entries.filter(|path| !is_code(path)).collect();
    files.sort();
    files
}

fn scripts() -> Vec<Script> {
    let read = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(path).unwrap();
        Script::read(&name, &text).unwrap_or_else(|fault| panic!("{fault}"))
    };
    files().iter().map(read).collect()
}

#[test]
fn every_flow_goes_as_it_is_written() {
    let played: Vec<_> = scripts().iter().map(stage::play).collect();
    assert!(!played.is_empty(), "there is no flow");
    let faults: Vec<_> = played.into_iter().filter_map(Result::err).collect();
    assert!(faults.is_empty(), "{} went otherwise:\n{}", faults.len(), faults.join("\n"));
}

/// Sections 2.1 to 2.5 are registrations, 3.1 to 3.11 sessions.
#[test]
fn every_section_of_rfc_3665_is_played() {
    let scripts = scripts();
    let played: BTreeSet<&str> = scripts.iter().map(|script| script.section.as_str()).collect();
    let sections = (1..=5).map(|it| format!("3665 2.{it}"));
    let sections = sections.chain((1..=11).map(|it| format!("3665 3.{it}")));
    let missing: Vec<_> = sections.filter(|it| !played.contains(it.as_str())).collect();
    assert!(missing.is_empty(), "not played: {missing:?}");
}

const WRONG: &str = "\
rfc: 3665 3.1
part: callee
title: A step that does not happen
peer: bob 192.0.2.66:5060
---
bob -> INVITE
bob <- 180 INVITE
";

#[test]
fn a_flow_that_goes_otherwise_is_found() {
    let play = |text: &str| stage::play(&Script::read("wrong.flow", text).unwrap()).unwrap_err();
    let fault = play(WRONG);
    assert!(fault.starts_with("wrong.flow:7: 100 INVITE was sent"), "{fault}");
    // What is sent and not written is as wrong as what is written and not sent.
    let unwritten = play(&WRONG.replace("bob <- 180 INVITE\n", ""));
    assert!(unwritten.starts_with("wrong.flow:6: left at the end"), "{unwritten}");
    let field = play(&WRONG.replace("<- 180 INVITE\n", "<- 100 INVITE\n  Via: nowhere\n"));
    assert!(field.starts_with("wrong.flow:7: no Via is `nowhere`"), "{field}");
    let event = play(&WRONG.replace("<- 180 INVITE\n", "<- 100 INVITE\nbob ! nothing\n"));
    assert!(event.starts_with("wrong.flow:8: `invited` happened"), "{event}");
}

#[test]
fn a_flow_that_cannot_be_read_is_refused() {
    let read = |from: &str, to: &str| Script::read("x.flow", &WRONG.replace(from, to)).unwrap_err();
    assert!(read("part: callee\n", "").contains("part"));
    assert!(read("---\n", "").starts_with("x.flow:5: no `name: value`"));
    assert!(Script::read("x.flow", "rfc: 3665 3.1\n").unwrap_err().contains("dashes"));
    assert!(read("bob <- 180", "eve <- 180").starts_with("x.flow:7: no peer is called eve"));
    assert!(read("<-", "=>").starts_with("x.flow:7:"));
}
