//! Running other programs from the root of the repository.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root.pop();
    root
}

/// Runs a program to its end, with its output on ours.
///
/// # Errors
/// A sentence, when it could not be started or did not succeed.
pub(crate) fn command(program: &str, words: &[&str]) -> Result<(), String> {
    finish(prepared(program, words), program, words)
}

/// Runs a program as [`command`] does, with one more variable in its environment.
///
/// # Errors
/// A sentence, when it could not be started or did not succeed.
pub(crate) fn command_with(
    program: &str,
    words: &[&str],
    (name, value): (&str, &str),
) -> Result<(), String> {
    let mut command = prepared(program, words);
    command.env(name, value);
    finish(command, program, words)
}

/// Becomes another program: signals reach it, and whoever waits for us waits for it.
///
/// # Errors
/// A sentence, when it could not be started; otherwise this does not return.
pub(crate) fn become_command(program: &str, words: &[&str]) -> Result<(), String> {
    let error = prepared(program, words).exec();
    Err(format!("`{program} {}` could not be started: {error}", words.join(" ")))
}

fn finish(mut command: Command, program: &str, words: &[&str]) -> Result<(), String> {
    let line = format!("{program} {}", words.join(" "));
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("`{line}` could not be started: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed ({status})")) }
}

/// Runs a program to its end and gives back what it printed.
///
/// # Errors
/// A sentence with what it said, when it could not be started or did not succeed.
pub(crate) fn output(program: &str, words: &[&str]) -> Result<String, String> {
    let line = format!("{program} {}", words.join(" "));
    let output = prepared(program, words)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("`{line}` could not be started: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("`{line}` failed:\n{}", String::from_utf8_lossy(&output.stderr)))
}

/// Whether a program can be started and likes these words.
pub(crate) fn works(program: &str, words: &[&str]) -> bool {
    prepared(program, words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// A program with its words, to be run from the root. It is told nothing of this package: some build
/// scripts look at that, and what depends on them would be built again whenever cargo is called
/// by hand in between.
pub(crate) fn prepared(program: &str, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(words).current_dir(root());
    for (name, _) in std::env::vars_os() {
        let of_package =
            |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(of_package) {
            command.env_remove(name);
        }
    }
    command
}
