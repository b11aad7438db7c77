//! Who imports whom: arrows point down only, never to the own row, and nothing that acts is in a
//! pure crate's dependency tree.
//!
//! | row | crates | may import |
//! |---|---|---|
//! | words | `model` | – |
//! | cores | `sip rtp agent acd flow dialer quality insight provision` | words |
//! | floor | `switchboard` | words, cores |
//! | simulated day | `simulation` | words, cores, floor |
//! | clock | `clock` | all above |
//! | drivers | `sip-net media recording store runtime` | all above |
//! | surface | `api` | all above |
//! | simulated centre | `testkit` | all above |
//! | binary | `hotline` | all above |
//! | tools | `xtask` | all above |

use crate::source::Crate;
use crate::{run, source};

const ROWS: &[&[&str]] = &[
    &["model"],
    &["sip", "rtp", "agent", "acd", "flow", "dialer", "quality", "insight", "provision"],
    &["switchboard"],
    &["simulation"],
    &["clock"],
    &["sip-net", "media", "recording", "store", "runtime"],
    &["api"],
    &["testkit"],
    &["hotline"],
    &["xtask"],
];

/// The rows from the top whose crates touch nothing.
const PURE_ROWS: usize = 4;

/// Packages that read clocks, sockets, files, databases or chance.
const IMPURE: &[&str] = &[
    "async-std",
    "axum",
    "chrono",
    "crossbeam-channel",
    "getrandom",
    "hyper",
    "iana-time-zone",
    "mio",
    "native-tls",
    "nix",
    "polling",
    "rand",
    "reqwest",
    "rusqlite",
    "rustls",
    "smol",
    "socket2",
    "sqlx",
    "sqlx-core",
    "tempfile",
    "time",
    "tokio",
    "tracing",
    "ureq",
];

/// Checks the import rules of every crate and the purity of the pure ones.
///
/// # Errors
/// Every arrow that points the wrong way, one a line.
pub(crate) fn check() -> Result<(), String> {
    let crates = source::crates()?;
    let mut findings = Vec::new();
    for member in &crates {
        findings.extend(arrows(member));
        if row(&member.name).is_some_and(|row| row < PURE_ROWS) {
            findings.extend(purity(member)?);
        }
    }
    if findings.is_empty() {
        println!("{} crates, every arrow points down", crates.len());
        return Ok(());
    }
    Err(findings.join("\n"))
}

fn arrows(member: &Crate) -> Vec<String> {
    let Some(own) = row(&member.name) else {
        return vec![format!(
            "{} has no row: give it one in crates/xtask/src/layers.rs and in ARCHITECTURE.md",
            member.name
        )];
    };
    let mut findings: Vec<_> = member
        .dependencies
        .iter()
        .filter(|name| row(name).is_some_and(|row| row >= own))
        .map(|name| format!("{} imports {name}, which is not above it", member.name))
        .collect();
    if !member.has_workspace_lints {
        findings.push(format!("{} does not take the lints of the workspace", member.name));
    }
    findings
}

fn purity(member: &Crate) -> Result<Vec<String>, String> {
    let tree = run::output(
        "cargo",
        &["tree", "--package", &member.name, "--edges", "normal", "--prefix", "none", "--locked"],
    )?;
    let mut findings: Vec<_> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| IMPURE.contains(name))
        .map(|name| format!("{} is pure, but {name} is in its dependency tree", member.name))
        .collect();
    findings.sort();
    findings.dedup();
    let rules = source::read(&member.folder.join("clippy.toml")).unwrap_or_default();
    if !rules.contains("std::net::UdpSocket") || !rules.contains("std::time::Instant") {
        findings.push(format!("{} is pure, but has no clippy.toml that says so", member.name));
    }
    Ok(findings)
}

fn row(name: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, dependencies: &[&str]) -> Crate {
        Crate {
            name: name.into(),
            folder: "crates".into(),
            has_workspace_lints: true,
            dependencies: dependencies.iter().map(|&name| name.into()).collect(),
        }
    }

    #[test]
    fn a_core_imports_no_other_core() {
        assert_eq!(
            arrows(&member("acd", &["agent"])),
            ["acd imports agent, which is not above it"]
        );
        assert!(arrows(&member("acd", &["model"])).is_empty());
    }

    #[test]
    fn a_driver_imports_no_driver_but_the_clock() {
        assert!(arrows(&member("media", &["clock", "rtp", "switchboard"])).is_empty());
        assert_eq!(arrows(&member("media", &["store"])).len(), 1);
    }

    #[test]
    fn nobody_imports_the_binary() {
        assert_eq!(arrows(&member("testkit", &["hotline"])).len(), 1);
    }

    #[test]
    fn a_crate_without_a_row_is_named() {
        assert_eq!(arrows(&member("newcomer", &[])).len(), 1);
    }
}
