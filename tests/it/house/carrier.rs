//! SIPp as the carrier: it calls, or takes a call, by a scenario of `tests/scenarios`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::{Earpiece, Process, Server, free_port, server::HOTLINE};

/// How long one of its calls may take in all.
const PATIENCE: Duration = Duration::from_secs(40);

#[derive(Debug)]
pub(crate) struct Carrier {
    process: Process,
    _folder: TempDir,
}

impl Carrier {
    /// Calls the hotline, with the audio of this earpiece, and hangs up after `talk`.
    pub(crate) fn calls(server: &Server, earpiece: &Earpiece, talk: Duration) -> Self {
        Self::calls_from((free_port(), server.trunk()), earpiece, talk)
    }

    /// Calls it from this port, at whatever leads there.
    pub(crate) fn calls_from(
        (port, to): (u16, SocketAddr),
        earpiece: &Earpiece,
        talk: Duration,
    ) -> Self {
        let mut command = sipp("caller.xml", port);
        command.args(["-s", HOTLINE, "-m", "1"]);
        command.args(["-d", &talk.as_millis().to_string()]);
        command.args(["-key", "audio_port", &earpiece.port().to_string()]);
        command.arg(to.to_string());
        Self::start(command)
    }

    /// Waits at a port for one call from the service, and answers it.
    pub(crate) fn answers(port: u16, earpiece: &Earpiece) -> Self {
        let mut command = sipp("callee.xml", port);
        command.args(["-m", "1", "-key", "audio_port", &earpiece.port().to_string()]);
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let errors = folder.path().join("errors");
        command.arg("-error_file").arg(&errors).arg("-trace_err");
        let process = Process::start("sipp", &mut command, &folder.path().join("log"));
        Self { process, _folder: folder }
    }

    /// Waits until its call is over, which must have gone as the scenario says.
    #[track_caller]
    pub(crate) fn is_content(&mut self) {
        let status = self.process.ends(PATIENCE);
        assert!(status.success(), "SIPp's scenario failed: {status}");
    }
}

fn sipp(scenario: &str, port: u16) -> Command {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(scenario);
    let mut command = Command::new("sipp");
    command.arg("-sf").arg(file).args(["-i", "127.0.0.1", "-p", &port.to_string()]);
    command.args(["-nostdin", "-timeout", "40s", "-timeout_error"]);
    command
}
