//! Kamailio: a proxy that nobody here wrote, as a carrier's or at the edge before phones.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{LOOK, Process, SOON, Server, free_port, root, wait, wait_until};

/// How long its children may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Kamailio {
    process: Process,
    port: u16,
    _folder: TempDir,
}

impl Kamailio {
    /// A carrier's proxy at this port: calls from us go on to a switch, all others come to us.
    pub(crate) fn carrier(port: u16, server: &Server, switch: u16) -> Self {
        let trunk = server.trunk().port();
        Self::start("carrier.cfg", port, &[("{trunk}", trunk), ("{switch}", switch)])
    }

    /// An edge that phones register through.
    pub(crate) fn edge(server: &Server) -> Self {
        Self::start("edge.cfg", free_port(), &[("{phones}", server.phones().port())])
    }

    fn start(file: &str, port: u16, ports: &[(&str, u16)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = fs::read_to_string(root().join("tests/proxies").join(file)).unwrap();
        let text = ports
            .iter()
            .chain([&("{port}", port)])
            .fold(text, |text, (name, port)| text.replace(name, &port.to_string()));
        let config = folder.path().join("kamailio.cfg");
        fs::write(&config, text).unwrap();
        let mut command = Command::new("kamailio");
        // In the foreground, its log on stderr, little memory, its own places for its own files.
        command.arg("-f").arg(&config).args(["-DD", "-E", "-m", "32", "-M", "8"]);
        command.arg("-Y").arg(folder.path()).arg("-w").arg(folder.path());
        let process = Process::start("kamailio", &mut command, &folder.path().join("log"));
        let mut kamailio = Self { process, port, _folder: folder };
        kamailio.waits_to_be_there();
        kamailio
    }

    fn waits_to_be_there(&mut self) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let (us, proxy) = (socket.local_addr().unwrap(), self.address());
        let ask = format!(
            "OPTIONS sip:{proxy} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bK-there\r\n\
             From: <sip:test@{us}>;tag=1\r\nTo: <sip:{proxy}>\r\nCall-ID: there@{us}\r\n\
             CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        wait("Kamailio answers", SOON, || {
            assert!(self.process.has_ended().is_none(), "Kamailio has ended");
            // While nobody listens there yet, even sending may fail.
            let _ = socket.send_to(ask.as_bytes(), proxy);
            socket.recv(&mut [0; 2_048]).ok()
        });
    }

    pub(crate) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Waits until a request of this method from this port has passed by it within a call.
    #[track_caller]
    pub(crate) fn has_passed_on(&self, method: &str, from: u16) {
        let line = format!("passes on {method} from {from} ");
        wait_until(&format!("Kamailio {line}"), SOON, || self.process.said().contains(&line));
    }
}

impl Drop for Kamailio {
    /// Its children end when it is asked to end, and would stay if it were killed: whatever became
    /// of the test, and without a word, which here would hide what went wrong.
    fn drop(&mut self) {
        let until = Instant::now() + PATIENCE;
        if self.process.has_ended().is_none() {
            self.process.terminate();
        }
        while self.process.has_ended().is_none() && Instant::now() < until {
            std::thread::sleep(LOOK);
        }
    }
}
