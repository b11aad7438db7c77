//! A program started by a test; it never outlives the test.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::wait;

/// How much of what it said is shown when a test fails.
const SHOWN: usize = 6_000;

#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    said: PathBuf,
}

impl Process {
    /// Starts a program; what it says goes into `said`.
    pub(crate) fn start(name: &'static str, command: &mut Command, said: &Path) -> Self {
        let out = File::options().create(true).append(true).open(said).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start ({error}): {}", remedy(name)));
        Self { name, child, said: said.to_owned() }
    }

    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.said).unwrap_or_default()).into_owned()
    }

    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ends(&mut self, patience: Duration) -> ExitStatus {
        wait(&format!("{} ends", self.name), patience, || self.has_ended())
    }

    /// Asks it to end in order.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Ends it as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        self.signal("-INT");
    }

    /// Tells it that there is something new to read.
    pub(crate) fn hang_up(&self) {
        self.signal("-HUP");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Ends it as a crash or a power cut does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The memory it holds, in kibibytes.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let said = self.said();
            let from = said.floor_char_boundary(said.len().saturating_sub(SHOWN));
            eprintln!("── what {} said last ──\n{}", self.name, &said[from..]);
        }
    }
}

/// How long a program may take that does one thing and ends.
const PATIENCE: Duration = Duration::from_secs(90);

/// Runs a program to its end, and gives what it said.
#[track_caller]
pub(crate) fn output(command: &mut Command) -> Output {
    let name = command.get_program().to_string_lossy().into_owned();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.unwrap_or_else(|error| panic!("{name} ({error}): {}", remedy(&name)));
    let id = child.id().to_string();
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || done.send(child.wait_with_output()));
    let output = ended.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        let _ = Command::new("kill").args(["-KILL", &id]).status();
        panic!("{name} does not end");
    });
    output.unwrap()
}

fn remedy(name: &str) -> &'static str {
    match name {
        "baresip" => "run `sudo apt-get install -y --no-install-recommends baresip-core`",
        "sipp" => "run `sudo apt-get install -y --no-install-recommends sip-tester`",
        "chromium" => "run `sudo apt-get install -y --no-install-recommends chromium`",
        "kamailio" => {
            "run `sudo apt-get install -y --no-install-recommends kamailio kamailio-outbound-modules`"
        }
        _ => "is it installed?",
    }
}
