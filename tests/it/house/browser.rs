//! A browser as an agent's phone: Chromium with JsSIP over a secure WebSocket.
//!
//! The test serves the page. The page posts what happens to `/told`, and asks `/next` for what it
//! is to do; an answer comes when there is something.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{PASSWORD, Process, SOON, clients, root, wait};

/// How long a page waits for a command before it asks again.
const TURN: Duration = Duration::from_secs(5);

/// What everybody who starts a browser here says to it: no window, nothing looked up elsewhere.
const QUIET: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
];

/// Chromium with a profile of its own in this folder.
pub(crate) fn chromium(profile: &TempDir) -> Command {
    let mut command = Command::new("chromium");
    command.args(QUIET).arg(format!("--user-data-dir={}", profile.path().display()));
    command
}

/// Serves the page; what it says and is told meets here.
#[derive(Debug)]
pub(crate) struct Desk {
    address: SocketAddr,
    talk: Arc<Talk>,
}

#[derive(Debug, Default)]
struct Talk {
    told: Mutex<Vec<Value>>,
    commands: Mutex<Vec<String>>,
    something: Condvar,
}

impl Desk {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let talk = Arc::new(Talk::default());
        let shared = Arc::clone(&talk);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let talk = Arc::clone(&shared);
                std::thread::spawn(move || talk.serves(&stream));
            }
        });
        Self { address, talk }
    }

    /// Where the page comes from, as a browser names it.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Talk {
    /// Answers one request; a connection that breaks off is the browser's affair.
    fn serves(&self, stream: &TcpStream) {
        let Some((line, body)) = request(stream) else { return };
        let (kind, answer) = match line.split(' ').take(2).collect::<Vec<_>>()[..] {
            ["GET", "/"] => ("text/html", page("phone.html")),
            ["GET", "/phone.js"] => ("text/javascript", page("phone.js")),
            ["GET", "/jssip.js"] => {
                ("text/javascript", fs::read(clients("browser/jssip.js")).unwrap())
            }
            ["GET", "/next"] => ("text/plain", self.next().into_bytes()),
            ["POST", "/told"] => {
                self.told.lock().unwrap().extend(serde_json::from_slice::<Value>(&body));
                ("text/plain", Vec::new())
            }
            _ => ("text/plain", b"there is nothing here".to_vec()),
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            answer.len()
        );
        let mut stream = stream;
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&answer));
    }

    /// The next command; nothing when there was none for a turn.
    fn next(&self) -> String {
        let commands = self.commands.lock().unwrap();
        let idle = |commands: &mut Vec<String>| commands.is_empty();
        let (mut commands, _) = self.something.wait_timeout_while(commands, TURN, idle).unwrap();
        if commands.is_empty() { String::new() } else { commands.remove(0) }
    }
}

fn page(name: &str) -> Vec<u8> {
    fs::read(root().join("tests/clients").join(name)).unwrap()
}

/// The first line of a request, and its body.
fn request(stream: &TcpStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim_end().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let length = lines.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((lines.into_iter().next()?, body))
}

/// A browser that shows a desk's page.
#[derive(Debug)]
pub(crate) struct Browser {
    process: Process,
    talk: Arc<Talk>,
    _profile: TempDir,
}

impl Browser {
    /// Opens the page of this desk, as the phone of this number at a WebSocket.
    pub(crate) fn shows(desk: &Desk, number: &str, (scheme, server): (&str, SocketAddr)) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let server = format!("{scheme}://{server}/");
        let wanted = json!({ "number": number, "password": PASSWORD, "server": server });
        let mut command = chromium(&profile);
        // The certificate is the test's own, which no browser knows.
        command.arg("--ignore-certificate-errors").args(["--enable-logging=stderr", "--v=0"]);
        command.arg(format!("{}/#{}", desk.origin(), encoded(&wanted.to_string())));
        let process = Process::start("chromium", &mut command, &profile.path().join("said"));
        Self { process, talk: Arc::clone(&desk.talk), _profile: profile }
    }

    /// Refuses the call that rings: busy.
    pub(crate) fn refuses(&self) {
        self.told("refuse");
    }

    /// Calls a number.
    pub(crate) fn dials(&self, number: &str) {
        self.told(&format!("dial {number}"));
    }

    pub(crate) fn hangs_up(&self) {
        self.told("hang_up");
    }

    pub(crate) fn holds(&self) {
        self.told("hold");
    }

    pub(crate) fn retrieves(&self) {
        self.told("retrieve");
    }

    /// Waits until the loudest of what it hears is this tone, to within what its ear can tell.
    #[track_caller]
    pub(crate) fn wait_to_hear(&self, hz: f64) {
        wait(&format!("the page hears {hz} Hz"), SOON, || {
            self.told("hear");
            let heard = self.expects("hears");
            let loud = heard["level"].as_f64().is_some_and(|level| level > -50.0);
            (loud && (heard["hz"].as_f64()? - hz).abs() < 10.0).then_some(())
        });
    }

    /// Signs off, and closes its connection.
    pub(crate) fn signs_off(&self) {
        self.told("stop");
    }

    /// Closes the browser as its user does.
    pub(crate) fn closes(&self) {
        self.process.terminate();
    }

    /// Is gone without a word.
    pub(crate) fn crashes(&mut self) {
        self.process.kill();
    }

    fn told(&self, command: &str) {
        self.talk.commands.lock().unwrap().push(command.to_owned());
        self.talk.something.notify_all();
    }

    /// Waits for an event, and forgets it and all before it.
    #[track_caller]
    pub(crate) fn expects(&self, kind: &str) -> Value {
        wait(&format!("the page reports {kind}"), SOON, || {
            let mut told = self.talk.told.lock().unwrap();
            let at = told.iter().position(|event| event["type"] == kind)?;
            told.drain(..=at).next_back()
        })
    }
}

/// As it may stand in an address.
fn encoded(text: &str) -> String {
    text.bytes().map(|octet| format!("%{octet:02x}")).collect()
}
