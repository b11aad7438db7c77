//! A PostgreSQL server of its own for one test, from the binaries of Debian's `postgresql`.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const BINARIES: &str = "/usr/lib/postgresql";

/// A running server; ends with the value.
pub(crate) struct Cluster {
    binaries: PathBuf,
    folder: TempDir,
    url: String,
}

impl Cluster {
    /// Starts a server that listens at a socket in its own folder; none where none is installed.
    pub(crate) fn start() -> Option<Self> {
        let versions = fs::read_dir(BINARIES).ok()?.filter_map(Result::ok);
        let binaries = versions.map(|entry| entry.path().join("bin")).max()?;
        let folder = tempfile::tempdir().unwrap();
        if is_root(folder.path()) {
            done(&Command::new("chown").arg("postgres").arg(folder.path()).output().unwrap());
        }
        let place = folder.path().to_str().unwrap().to_owned();
        let url = format!("postgres://postgres@localhost/postgres?host={place}");
        let cluster = Self { binaries, folder, url };
        cluster.run("initdb", &["-A", "trust", "-U", "postgres", "--no-sync"]);
        // Nobody else is to find it: no TCP, and a socket in a folder of its own.
        let options = format!("-c listen_addresses= -c fsync=off -k {place}");
        let log = format!("{place}/log");
        cluster.run("pg_ctl", &["start", "-w", "-o", &options, "-l", &log]);
        Some(cluster)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn run(&self, program: &str, words: &[&str]) {
        let program = self.binaries.join(program);
        // The server refuses to run as root.
        let mut command = if is_root(Path::new("/proc/self")) {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.args(["-D", self.folder.path().join("data").to_str().unwrap()]).args(words);
        // A server that is started keeps what it inherits: nobody may wait for its output to end.
        let command = command.current_dir(self.folder.path()).stdin(std::process::Stdio::null());
        let status = command.stdout(std::process::Stdio::null()).status().unwrap();
        assert!(status.success(), "{command:?}: {status}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.run("pg_ctl", &["stop", "-w", "-m", "immediate"]);
    }
}

fn is_root(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.uid() == 0)
}

fn done(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}
