//! SIPp as the carrier: it calls, or takes a call, by a scenario of `tests/scenarios`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
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
    pub(crate) fn calls_from(way: (u16, SocketAddr), earpiece: &Earpiece, talk: Duration) -> Self {
        Self::begin("caller.xml", way, earpiece, (("13800138000", HOTLINE), talk))
    }

    /// The same, with the calling number and the number called as this carrier writes them.
    pub(crate) fn calls_as(
        server: &Server,
        earpiece: &Earpiece,
        numbers: (&str, &str),
        talk: Duration,
    ) -> Self {
        Self::begin("caller.xml", (free_port(), server.trunk()), earpiece, (numbers, talk))
    }

    /// Calls it with data for whoever answers, and a verdict about the calling number.
    pub(crate) fn carries(server: &Server, earpiece: &Earpiece, talk: Duration) -> Self {
        let way = (free_port(), server.trunk());
        Self::begin("carrying.xml", way, earpiece, (("13800138000", HOTLINE), talk))
    }

    fn begin(
        scenario: &str,
        (port, at): (u16, SocketAddr),
        earpiece: &Earpiece,
        ((from, to), talk): ((&str, &str), Duration),
    ) -> Self {
        let mut command = sipp(scenario, port);
        command.args(["-s", to, "-m", "1", "-key", "caller", from]);
        command.args(["-d", &talk.as_millis().to_string()]);
        command.args(["-key", "audio_port", &earpiece.port().to_string()]);
        command.arg(at.to_string());
        Self::start(command)
    }

    /// Calls the hotline so often at once; each call is answered, or told with 503 to come again.
    pub(crate) fn brings(server: &Server, earpiece: &Earpiece, calls: usize) -> Self {
        let mut command = sipp("rate.xml", free_port());
        let calls = calls.to_string();
        command.args(["-s", HOTLINE, "-m", &calls, "-r", &calls, "-l", &calls, "-d", "500"]);
        command.args(["-key", "audio_port", &earpiece.port().to_string()]);
        command.arg(server.trunk().to_string());
        Self::start(command)
    }

    /// Calls the hotline over TCP.
    pub(crate) fn calls_over_tcp(server: &Server, earpiece: &Earpiece, talk: Duration) -> Self {
        let mut command = sipp("caller.xml", free_port());
        command.args(["-t", "t1"]);
        Self::calls_once(command, server.trunk(), earpiece, talk)
    }

    /// Calls it over IPv6.
    pub(crate) fn calls_over_ipv6(server: SocketAddr, earpiece: &Earpiece, talk: Duration) -> Self {
        let command = sipp_at("caller.xml", (Ipv6Addr::LOCALHOST.into(), free_port()));
        Self::calls_once(command, server, earpiece, talk)
    }

    /// Calls it, and proves who it is with this user and password when it is asked.
    pub(crate) fn proves(
        server: &Server,
        earpiece: &Earpiece,
        (user, password): (&str, &str),
        talk: Duration,
    ) -> Self {
        let mut command = sipp("proving.xml", free_port());
        // Left to itself it writes another address into its credentials than the one it calls.
        let called = format!("{HOTLINE}@{}", server.trunk());
        command.args(["-au", user, "-ap", password, "-auth_uri", &called]);
        Self::calls_once(command, server.trunk(), earpiece, talk)
    }

    fn calls_once(
        mut command: Command,
        at: SocketAddr,
        earpiece: &Earpiece,
        talk: Duration,
    ) -> Self {
        command.args(["-s", HOTLINE, "-m", "1", "-key", "caller", "13800138000"]);
        command.args(["-d", &talk.as_millis().to_string()]);
        command.args(["-key", "audio_port", &earpiece.port().to_string()]);
        command.arg(at.to_string());
        Self::start(command)
    }

    /// Waits at a port for one call from the service over TCP, and answers it.
    pub(crate) fn answers_over_tcp(port: u16, earpiece: &Earpiece) -> Self {
        let mut command = sipp("callee.xml", port);
        command.args(["-t", "t1", "-m", "1"]);
        command.args(["-key", "audio_port", &earpiece.port().to_string()]);
        Self::start(command)
    }

    /// Waits at a port for one call from the service, and cannot serve it.
    pub(crate) fn refuses(port: u16) -> Self {
        let mut command = sipp("unavailable.xml", port);
        command.args(["-m", "1"]);
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
    sipp_at(scenario, (Ipv4Addr::LOCALHOST.into(), port))
}

fn sipp_at(scenario: &str, (host, port): (IpAddr, u16)) -> Command {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(scenario);
    let mut command = Command::new("sipp");
    command.arg("-sf").arg(file).args(["-i", &host.to_string(), "-p", &port.to_string()]);
    command.args(["-nostdin", "-timeout", "40s", "-timeout_error"]);
    command
}
