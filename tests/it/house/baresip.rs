//! baresip: a telephone that nobody here wrote, as a process of its own.
//!
//! It sends a sine, writes down what it hears, and is told what to do over its control port.

use std::fs;
use std::io::{BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{PASSWORD, Process, SOON, free_port, free_ports, samples_in, wait};

/// Audio ports of one phone.
const AUDIO_PORTS: u16 = 20;

/// What it needs to watch others.
const WATCHING: &str = "module_app contact.so\nmodule_app presence.so\n";

/// A millisecond after it is loaded, baresip's mailbox module subscribes once more for each
/// subscription it finds, those it has just made among them: for ever, where one was made before.
/// Loaded first, it looks before the phone has registered.
const MAILBOX: &str = "module mwi.so\n";

/// How SIP reaches the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Over {
    Udp,
    Tcp,
    Tls,
}

impl Over {
    /// As an address's `transport` says it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// What it does when it rings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answers {
    AtOnce,
    WhenTold,
}

#[derive(Debug)]
pub(crate) struct Baresip {
    process: Process,
    control: TcpStream,
    events: Arc<Mutex<Vec<Value>>>,
    folder: TempDir,
    server: SocketAddr,
}

impl Baresip {
    /// An agent's phone, registered.
    pub(crate) fn agent(
        number: &str,
        server: SocketAddr,
        (over, answers): (Over, Answers),
        hz: u32,
    ) -> Self {
        let transport = over.as_str();
        let mode = match answers {
            Answers::AtOnce => "auto",
            Answers::WhenTold => "manual",
        };
        let account = format!(
            "<sip:{number}@{server};transport={transport}>;auth_user={number};\
             auth_pass={PASSWORD};regint=600;answermode={mode};audio_codecs=PCMA,PCMU"
        );
        let phone = Self::start(&account, server, hz);
        phone.is_registered();
        phone
    }

    /// A phone with this line in its accounts, whatever comes of it.
    pub(crate) fn of_account(account: &str, server: SocketAddr) -> Self {
        Self::start(account.trim_end(), server, 1_000)
    }

    /// Waits until it is registered.
    #[track_caller]
    pub(crate) fn is_registered(&self) {
        // It may have registered before it could be asked: what it prints tells both.
        wait("baresip is registered", SOON, || {
            self.process.said().contains("[1 binding]").then_some(())
        });
    }

    /// Waits until its registration is refused with this status.
    #[track_caller]
    pub(crate) fn is_refused(&self, status: &str) {
        wait(&format!("baresip is refused with {status}"), SOON, || {
            let said = self.process.said();
            let refused = |line: &str| line.contains("reg:") && line.contains(status);
            said.lines().any(refused).then_some(())
        });
    }

    /// An agent's phone that subscribes to its mailbox, and to the agent at another phone.
    pub(crate) fn watching(number: &str, server: SocketAddr, watched: &str) -> Self {
        let account = format!(
            "<sip:{number}@{server};transport=udp>;auth_user={number};auth_pass={PASSWORD};\
             regint=600;answermode=manual;audio_codecs=PCMA;mwi=yes"
        );
        let contact = format!("\"Watched\" <sip:{watched}@{server}>;presence=p2p\n");
        Self::start_with(&account, server, 440, &contact)
    }

    /// Somebody who calls from outside: not registered, known by the address alone. It speaks
    /// PCMU and nothing else, while agents' phones prefer PCMA.
    pub(crate) fn caller(number: &str, trunk: SocketAddr, hz: u32) -> Self {
        let account = format!(
            "<sip:{number}@{trunk};transport=udp>;regint=0;answermode=manual;audio_codecs=PCMU"
        );
        Self::start(&account, trunk, hz)
    }

    /// The same over TLS, whoever's certificate the service shows.
    pub(crate) fn caller_over_tls(number: &str, trunk: SocketAddr, hz: u32) -> Self {
        let account = format!(
            "<sip:{number}@{trunk};transport=tls>;regint=0;answermode=manual;audio_codecs=PCMU"
        );
        Self::start(&account, trunk, hz)
    }

    /// The same, with keys for its audio in what it offers: it takes no call without.
    pub(crate) fn secured_caller(number: &str, trunk: SocketAddr, hz: u32) -> Self {
        let account = format!(
            "<sip:{number}@{trunk};transport=udp>;regint=0;answermode=manual;audio_codecs=PCMU;\
             mediaenc=srtp-mand"
        );
        Self::start(&account, trunk, hz)
    }

    fn start(account: &str, server: SocketAddr, hz: u32) -> Self {
        Self::start_with(account, server, hz, "")
    }

    /// Starts it with these contacts.
    fn start_with(account: &str, server: SocketAddr, hz: u32, contacts: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (sip, control) = (free_port(), free_port());
        let (first, last) = free_ports(AUDIO_PORTS);
        let text = format!(
            "poll_method epoll\n\
             sip_listen {host}:{sip}\n\
             audio_source ausine,{hz}\n\
             audio_player aubridge,nowhere\n\
             audio_alert aubridge,alert\n\
             ausrc_srate 48000\n\
             ausrc_channels 2\n\
             auplay_channels 1\n\
             audio_buffer 20-160\n\
             jitter_buffer_delay 2-10\n\
             rtp_ports {first}-{last}\n\
             module_path /usr/lib/baresip/modules\n\
             {mailbox}\
             module g711.so\n\
             module srtp.so\n\
             module ausine.so\n\
             module aubridge.so\n\
             module sndfile.so\n\
             snd_path {heard}\n\
             module_tmp account.so\n\
             module_app menu.so\n\
             {watching}\
             module_app ctrl_tcp.so\n\
             ctrl_tcp_listen 127.0.0.1:{control}\n\
             ringback_disabled yes\n\
             menu_bell no\n",
            host = if server.is_ipv4() { "127.0.0.1" } else { "[::1]" },
            heard = folder.path().display(),
            watching = if contacts.is_empty() { "" } else { WATCHING },
            mailbox = if contacts.is_empty() { "" } else { MAILBOX },
        );
        fs::write(folder.path().join("config"), text).unwrap();
        fs::write(folder.path().join("accounts"), format!("{account}\n")).unwrap();
        fs::write(folder.path().join("contacts"), contacts).unwrap();
        let mut command = Command::new("baresip");
        command.arg("-s").arg("-f").arg(folder.path());
        let mut process = Process::start("baresip", &mut command, &folder.path().join("log"));
        let control = wait("baresip takes commands", SOON, || {
            assert!(process.has_ended().is_none(), "baresip has ended");
            TcpStream::connect(("127.0.0.1", control)).ok()
        });
        let events = Arc::new(Mutex::new(Vec::new()));
        let (heard, stream) = (Arc::clone(&events), control.try_clone().unwrap());
        std::thread::spawn(move || listen(stream, &heard));
        Self { process, control, events, folder, server }
    }

    /// Dials a number at the server.
    pub(crate) fn dials(&self, number: &str) {
        let server = self.server;
        self.told("dial", &format!("sip:{number}@{server}"));
    }

    /// The same over TLS.
    pub(crate) fn dials_over_tls(&self, number: &str) {
        let server = self.server;
        self.told("dial", &format!("sip:{number}@{server};transport=tls"));
    }

    pub(crate) fn accepts(&self) {
        self.told("accept", "");
    }

    /// Ends its call, or refuses the one that rings.
    pub(crate) fn hangs_up(&self) {
        self.told("hangup", "");
    }

    /// Presses a key during its call.
    pub(crate) fn presses(&self, key: char) {
        self.told("sndcode", &key.to_string());
    }

    pub(crate) fn holds(&self) {
        self.told("hold", "");
    }

    pub(crate) fn retrieves(&self) {
        self.told("resume", "");
    }

    /// Hands its call on (REFER).
    pub(crate) fn transfers_to(&self, number: &str) {
        let server = self.server;
        self.told("transfer", &format!("sip:{number}@{server}"));
    }

    /// Vanishes without a word.
    pub(crate) fn vanishes(mut self) {
        self.process.kill();
    }

    /// What it printed.
    pub(crate) fn said(&self) -> String {
        self.process.said()
    }

    /// The list of its contacts, each with what it knows of them.
    #[track_caller]
    pub(crate) fn contacts(&self) -> String {
        self.told("contacts", "");
        wait("baresip lists its contacts", SOON, || {
            let mut events = self.events.lock().unwrap();
            let at = events.iter().position(|event| event["token"] == "contacts")?;
            events.remove(at)["data"].as_str().map(str::to_owned)
        })
    }

    fn told(&self, command: &str, params: &str) {
        let ask = json!({ "command": command, "params": params, "token": command }).to_string();
        let netstring = format!("{}:{ask},", ask.len());
        (&self.control).write_all(netstring.as_bytes()).unwrap();
    }

    /// Waits for an event, and forgets it and all before it.
    #[track_caller]
    pub(crate) fn expects(&self, kind: &str) -> Value {
        self.expects_within(kind, SOON)
    }

    #[track_caller]
    pub(crate) fn expects_within(&self, kind: &str, patience: Duration) -> Value {
        wait(&format!("baresip reports {kind}"), patience, || {
            let mut events = self.events.lock().unwrap();
            let at = events.iter().position(|event| event["type"] == kind)?;
            events.drain(..=at).next_back()
        })
    }

    pub(crate) fn has_rung(&self) -> bool {
        let events = self.events.lock().unwrap();
        events.iter().any(|event| event["type"] == "CALL_INCOMING")
    }

    /// Everything it has heard, one recording after another.
    pub(crate) fn heard(&self) -> Vec<i16> {
        samples_in(self.folder.path())
    }
}

/// Reads netstrings until the connection ends.
fn listen(stream: TcpStream, events: &Mutex<Vec<Value>>) {
    let mut octets = BufReader::new(stream).bytes().map_while(Result::ok);
    loop {
        let length: Vec<u8> = octets.by_ref().take_while(|octet| *octet != b':').collect();
        let Some(length) = String::from_utf8(length).ok().and_then(|text| text.parse().ok()) else {
            return;
        };
        let body: Vec<u8> = octets.by_ref().take(length).collect();
        octets.next();
        if let Ok(event) = serde_json::from_slice::<Value>(&body) {
            events.lock().unwrap().push(event);
        }
    }
}
