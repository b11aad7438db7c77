//! The gate: every step that a change passes before it lands. CI runs this and nothing else.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::{clients, debian, docs, layers, run, source, tidy};

/// One step of the gate.
struct Step {
    name: &'static str,
    /// What to do when it fails.
    remedy: &'static str,
    run: fn() -> Result<(), String>,
}

const STEPS: &[Step] = &[
    Step { name: "programs", remedy: "install what is named above", run: programs },
    Step { name: "format", remedy: "run `cargo fmt --all`", run: format },
    Step {
        name: "lint",
        remedy: "mend what clippy names; an exception is written `#[expect(…, reason = \"…\")]`",
        run: lint,
    },
    Step {
        name: "layers",
        remedy: "move the code to the crate where the arrow points down (ARCHITECTURE.md)",
        run: layers::check,
    },
    Step {
        name: "tidy",
        remedy: "split the file, name the thing, link the document",
        run: tidy::check,
    },
    Step {
        name: "licences",
        remedy: "choose another package, or say in deny.toml why this one",
        run: licences,
    },
    Step { name: "docs", remedy: "run `cargo xtask docs` and commit", run: docs::check },
    Step {
        name: "tests",
        remedy: "run the test named above alone: `cargo test --package <crate> <name>`",
        run: tests,
    },
    Step {
        name: "doc-tests",
        remedy: "run `cargo test --doc --package <crate>` for the crate named above",
        run: doc_tests,
    },
    Step {
        name: "end-to-end",
        remedy: "run the test named above alone; what the real phone said is in its output",
        run: end_to_end,
    },
];

/// Runs the steps named, or all of them, each whatever became of the others.
///
/// # Errors
/// A sentence that names the steps that failed.
pub(crate) fn test(names: &[String]) -> Result<(), String> {
    if let Some(name) = names.iter().find(|name| !STEPS.iter().any(|step| step.name == **name)) {
        let known: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        return Err(format!("there is no step `{name}`; the steps are {}", known.join(", ")));
    }
    let wanted = |step: &&Step| names.is_empty() || names.iter().any(|name| name == step.name);
    let results: Vec<_> = STEPS.iter().filter(wanted).map(take).collect();
    summary(&results)
}

struct Taken {
    step: &'static Step,
    time: Duration,
    result: Result<(), String>,
}

fn take(step: &'static Step) -> Taken {
    println!("\n── {} ──", step.name);
    let since = now();
    let result = (step.run)();
    let time = now().duration_since(since);
    match &result {
        Ok(()) => println!("{}: in order ({:.1} s)", step.name, time.as_secs_f64()),
        Err(fault) => println!(
            "{}: FAILED ({:.1} s)\n{fault}\nwhat to do: {}",
            step.name,
            time.as_secs_f64(),
            step.remedy
        ),
    }
    Taken { step, time, result }
}

fn summary(results: &[Taken]) -> Result<(), String> {
    println!("\n── summary ──");
    for taken in results {
        let verdict = if taken.result.is_ok() { "in order" } else { "FAILED" };
        println!("{:<12} {verdict:<9} {:>7.1} s", taken.step.name, taken.time.as_secs_f64());
    }
    not_run().iter().for_each(|note| println!("not run: {note}"));
    let failed: Vec<_> =
        results.iter().filter(|taken| taken.result.is_err()).map(|taken| taken.step.name).collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!("failed: {}", failed.join(", ")))
}

#[expect(clippy::disallowed_methods, reason = "the time a step took is shown and decides nothing")]
fn now() -> Instant {
    Instant::now()
}

fn programs() -> Result<(), String> {
    debian::need(debian::TEST)?;
    clients::install()
}

fn format() -> Result<(), String> {
    run::command("cargo", &["fmt", "--all", "--check"])
}

fn lint() -> Result<(), String> {
    run::command(
        "cargo",
        &["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"],
    )
}

fn licences() -> Result<(), String> {
    if !has_deny() {
        return Ok(());
    }
    run::command("cargo", &["deny", "--offline", "check", "bans", "licenses", "sources"])
}

fn has_deny() -> bool {
    run::works("cargo", &["deny", "--version"])
}

/// What a machine lacks that would have been checked: passing tests say nothing of it.
fn not_run() -> Vec<String> {
    let mut notes = Vec::new();
    if !has_deny() {
        notes.push("licences and sources of packages (cargo-deny is not installed)".to_owned());
    }
    let folder = std::env::var_os("HOTLINE_RFC_CORPUS").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| run::root().join("../shared/reference"));
    for rfc in ["rfc4475", "rfc5118"] {
        if !folder.join(rfc).is_dir() {
            let place = folder.display();
            notes.push(format!(
                "the messages of {rfc} (not in {place}; HOTLINE_RFC_CORPUS names them)"
            ));
        }
    }
    notes
}

fn tests() -> Result<(), String> {
    let end_to_end = source::end_to_end_package();
    let mut words = test_command();
    words.extend(["--workspace", "--locked"]);
    let others = end_to_end.as_ref().map(|package| format!("not package(={package})"));
    if has_nextest() {
        words.extend(others.iter().flat_map(|others| ["-E", others]));
    } else {
        words.extend(end_to_end.iter().flat_map(|package| ["--exclude", package]));
        // Not --all-targets: that would run the benchmarks, too.
        words.extend(["--lib", "--bins", "--tests", "--examples"]);
    }
    run::command("cargo", &words)
}

fn doc_tests() -> Result<(), String> {
    run::command("cargo", &["test", "--doc", "--workspace", "--locked", "--quiet"])
}

/// Audio is judged by RTP time, and a test waits for most of its time: two run at once, except what
/// `.config/nextest.toml` says needs the machine to itself. Without nextest, which alone knows that,
/// they run one after another.
///
/// Everything is built with the features of the whole workspace, as the step before built it: those
/// of one package would mean most of it twice.
fn end_to_end() -> Result<(), String> {
    let Some(package) = source::end_to_end_package() else {
        println!("tests/ has no package: nothing to run");
        return Ok(());
    };
    // The service under test; a build of minutes inside a test would look like a test that hangs.
    run::command("cargo", &["build", "--workspace", "--bins", "--tests", "--locked"])?;
    let here = std::env::current_exe().map_err(|error| format!("where this runs: {error}"))?;
    let binary = here.with_file_name("hotline").display().to_string();
    let mut words = test_command();
    let these = format!("package(={package})");
    if has_nextest() {
        words.extend(["--workspace", "-E", &these, "--locked", "--test-threads", "2"]);
    } else {
        words.extend(["--workspace", "--test", "end_to_end", "--locked"]);
        words.extend(["--", "--test-threads", "1"]);
    }
    run::command_with("cargo", &words, ("HOTLINE_BINARY", &binary))
}

fn test_command() -> Vec<&'static str> {
    if has_nextest() {
        vec!["nextest", "run", "--profile", "ci"]
    } else {
        vec!["test", "--no-fail-fast"]
    }
}

fn has_nextest() -> bool {
    run::works("cargo", &["nextest", "--version"])
}
