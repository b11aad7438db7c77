//! pjsua: another telephone that nobody here wrote, in a Python process of its own.
//!
//! `tests/clients/pjsua.py` tells what it can; it is told what to do over a connection.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Over, PASSWORD, Process, SOON, clients, free_port, free_ports, samples_in, wait};

/// Audio ports of one phone.
const AUDIO_PORTS: u16 = 8;

#[derive(Debug)]
pub(crate) struct Pjsua {
    process: Process,
    control: TcpStream,
    events: Arc<Mutex<Vec<Value>>>,
    folder: TempDir,
}

impl Pjsua {
    /// An agent's phone, registered.
    pub(crate) fn agent(number: &str, server: SocketAddr, over: Over, hz: u32) -> Self {
        let phone = Self::start(number, (server, over), hz, &json!({ "register": true }));
        phone.expects("registered");
        phone
    }

    /// A carrier's switch over TLS at this port: it shows the certificate of this name out of a
    /// folder, and asks whoever calls for one of the same authority.
    pub(crate) fn carrier(port: u16, trunk: SocketAddr, (folder, name): (&Path, &str)) -> Self {
        let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let tls = json!({
            "sip": port,
            "ca": file("ca.pem"),
            "certificate": file(&format!("{name}.pem")),
            "key": file(&format!("{name}.key")),
        });
        Self::start("13900139000", (trunk, Over::Tls), 600, &tls)
    }

    fn start(number: &str, (server, over): (SocketAddr, Over), hz: u32, more: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let mut wanted = json!({
            "number": number,
            "password": PASSWORD,
            "server": server.to_string(),
            "transport": over.as_str(),
            "control": listener.local_addr().unwrap().port(),
            "sip": free_port(),
            "audio": free_ports(AUDIO_PORTS).0,
            "hz": hz,
            "folder": folder.path().to_str().unwrap(),
        });
        wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut command = Command::new(clients("python/bin/python"));
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/clients/pjsua.py"));
        command.arg(wanted.to_string());
        let mut process = Process::start("pjsua", &mut command, &folder.path().join("log"));
        let control = wait("pjsua takes commands", SOON, || {
            assert!(process.has_ended().is_none(), "pjsua has ended");
            listener.accept().ok()
        });
        let control = control.0;
        control.set_nonblocking(false).unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let (heard, stream) = (Arc::clone(&events), control.try_clone().unwrap());
        std::thread::spawn(move || listen(stream, &heard));
        Self { process, control, events, folder }
    }

    pub(crate) fn answers(&self) {
        self.told("answer");
    }

    /// Dials a number at the server, beside the call there is.
    pub(crate) fn dials(&self, number: &str) {
        self.told(&format!("dial {number}"));
    }

    /// Has its two calls joined (REFER with Replaces).
    pub(crate) fn joins(&self) {
        self.told("join");
    }

    /// Ends its call.
    pub(crate) fn hangs_up(&self) {
        self.told("hang_up");
    }

    pub(crate) fn holds(&self) {
        self.told("hold");
    }

    pub(crate) fn retrieves(&self) {
        self.told("retrieve");
    }

    pub(crate) fn unregisters(&self) {
        self.told("unregister");
    }

    fn told(&self, command: &str) {
        writeln!(&self.control, "{command}").unwrap();
    }

    /// Waits for an event, and forgets it and all before it.
    #[track_caller]
    pub(crate) fn expects(&self, kind: &str) -> Value {
        wait(&format!("pjsua reports {kind}"), SOON, || {
            let mut events = self.events.lock().unwrap();
            let at = events.iter().position(|event| event["type"] == kind)?;
            events.drain(..=at).next_back()
        })
    }

    /// Everything it has heard, one call after another.
    pub(crate) fn heard(&self) -> Vec<i16> {
        samples_in(self.folder.path())
    }

    /// What it wrote into its log: every message among it.
    pub(crate) fn said(&self) -> String {
        self.process.said()
    }
}

/// Reads events, one a line, until the connection ends.
fn listen(stream: TcpStream, events: &Mutex<Vec<Value>>) {
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        if let Ok(event) = serde_json::from_str::<Value>(&line) {
            events.lock().unwrap().push(event);
        }
    }
}
