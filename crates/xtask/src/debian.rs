//! Programs that come from Debian packages: installed when we are root, named otherwise.

use std::path::Path;

use crate::run;

/// A program, and the Debian package that brings it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    /// Its file's name; with words behind it where it is there only when it can be started so.
    name: &'static str,
    package: &'static str,
}

const COMPILER: Program = Program { name: "cc", package: "build-essential" };

/// What a build needs beside Rust: SQLite is compiled from its C source.
pub(crate) const BUILD: &[Program] = &[COMPILER];

/// What the tests need: phones, a carrier, a proxy, a browser and a database that nobody here
/// wrote, and what `clients` takes other phones from.
pub(crate) const TEST: &[Program] = &[
    COMPILER,
    Program { name: "baresip", package: "baresip-core" },
    Program { name: "sipp", package: "sip-tester" },
    Program { name: "kamailio", package: "kamailio" },
    Program { name: "dpkg -s kamailio-outbound-modules", package: "kamailio-outbound-modules" },
    Program { name: "chromium", package: "chromium" },
    Program { name: "npm", package: "npm" },
    Program { name: "python3 -m ensurepip --version", package: "python3-venv" },
    Program { name: "pg_ctlcluster", package: "postgresql" },
];

/// What making the prompts needs.
pub(crate) const PROMPTS: &[Program] =
    &[Program { name: "espeak-ng", package: "espeak-ng" }, Program { name: "sox", package: "sox" }];

/// Sees to it that the programs are there.
///
/// # Errors
/// The one line to run, when a program is missing and we may not install it.
pub(crate) fn need(programs: &[Program]) -> Result<(), String> {
    let packages = missing(programs);
    if packages.is_empty() {
        return Ok(());
    }
    let line = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    let is_root = run::output("id", &["-u"]).is_ok_and(|id| id.trim() == "0");
    if !is_root || !run::works("apt-get", &["--version"]) {
        return Err(format!("packages are missing: run `sudo {line}` and try again"));
    }
    println!("installing {}", packages.join(", "));
    let mut words = vec!["install", "-y", "--no-install-recommends"];
    words.extend(&packages);
    // A package list that is already there is enough; on a fresh system there is none yet.
    if run::command("apt-get", &words).is_err() {
        run::command("apt-get", &["update"])?;
        run::command("apt-get", &words)?;
    }
    match missing(programs).as_slice() {
        [] => Ok(()),
        still => Err(format!("still missing after `{line}`: {}", still.join(" "))),
    }
}

fn missing(programs: &[Program]) -> Vec<&'static str> {
    programs
        .iter()
        .filter(|program| !is_there(program.name))
        .map(|program| program.package)
        .collect()
}

fn is_there(name: &str) -> bool {
    if let Some((program, words)) = name.split_once(' ') {
        return run::works(program, &words.split(' ').collect::<Vec<_>>());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| is_file(&folder.join(name)))
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file())
}
