//! The program under test, and where its peers are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::root;

/// The `hotline` binary, built from this tree with the profile of these tests: a test binary
/// cannot depend on another package's binary, so it is built here, once a run. `HOTLINE_BINARY`
/// names another to be tested instead.
pub(crate) fn hotline() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("HOTLINE_BINARY") {
        Some(path) => path.into(),
        None => build(),
    })
}

/// A program or file of the clients that no Debian package brings: the gate's step `programs`
/// makes their folder from the lists in `tests/clients`.
#[track_caller]
pub(crate) fn clients(name: &str) -> PathBuf {
    let path = root().join("target/clients").join(name);
    let remedy = "run `cargo xtask test programs`";
    assert!(path.exists(), "{} is missing: {remedy}", path.display());
    path
}

fn build() -> PathBuf {
    // …/<target>/<profile>/deps/it-<hash>
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    let target = folder.parent().unwrap();
    let binary = folder.join("hotline");
    // Every test is a process of its own under nextest: what this run has built is not built again.
    let mark = folder.join(".hotline-built-for-run");
    let run = std::env::var("NEXTEST_RUN_ID").ok();
    if run.is_some() && fs::read_to_string(&mark).ok() == run && binary.exists() {
        return binary;
    }
    let profile = match folder.file_name().unwrap().to_str().unwrap() {
        "debug" => "dev",
        other => other,
    };
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--locked", "--package", "hotline", "--profile", profile])
        .arg("--target-dir")
        .arg(target)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
        .status()
        .unwrap();
    assert!(built.success(), "the service under test does not build");
    if let Some(run) = run {
        fs::write(mark, run).unwrap();
    }
    binary
}
