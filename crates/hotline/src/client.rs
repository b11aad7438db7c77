//! The commands that ask a running service, through its HTTP API like everybody else.

mod bans;
mod calls;
mod floor;
mod ladder;
mod phones;
mod qa;
mod recordings;
mod trunks;
mod why;
mod why_not;
mod zone;

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::Failure;
use crate::report;

pub(crate) use bans::bans;
pub(crate) use calls::{assign, move_to};
pub(crate) use floor::{agent, status, summary};
pub(crate) use ladder::ladder;
pub(crate) use phones::phones;
pub(crate) use qa::qa;
pub(crate) use recordings::recordings;
pub(crate) use trunks::trunks;
pub(crate) use why::why;
pub(crate) use why_not::why_not;

/// The file by which the command line finds the service of this machine.
pub(crate) const LOCAL: &str = "local.json";

/// Where the command line looks when it is not told.
const USUAL: [&str; 3] = [".hotline", ".hotline/demo", "/var/lib/hotline"];

/// The mode of a file that nobody else may read.
const OWNER_ALONE: u32 = 0o600;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which service is asked.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) server: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) state: Option<PathBuf>,
}

/// How to reach the service of this machine; readable by its owner alone.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Local {
    pub(crate) address: String,
    pub(crate) token: String,
}

/// A way to ask the API.
#[derive(Debug)]
pub(crate) struct Client {
    agent: ureq::Agent,
    local: Local,
}

impl Client {
    pub(crate) fn open(place: Place) -> Result<Self, Failure> {
        let local = match (place.server, place.token) {
            (Some(address), Some(token)) => Local { address, token },
            // What was given is used: nobody acts as the administrator by oversight.
            (None, Some(token)) => Local { token, ..local(place.state)? },
            (_, None) => local(place.state)?,
        };
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .build();
        Ok(Self { agent: config.into(), local })
    }

    fn get(&self, path: &str) -> Result<Value, Failure> {
        let request = self.agent.get(self.url(path)).header("Authorization", self.bearer());
        read(request.call().map_err(|error| self.unreachable(&error))?)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = self.agent.post(self.url(path)).header("Authorization", self.bearer());
        read(request.send_json(body).map_err(|error| self.unreachable(&error))?)
    }

    fn save(&self, path: &str, file: &Path) -> Result<u64, Failure> {
        let request = self.agent.get(self.url(path)).header("Authorization", self.bearer());
        // Two hours of audio take as long as they take.
        let request = request.config().timeout_global(None).timeout_recv_response(Some(PATIENCE));
        let request = request.build();
        let mut response = request.call().map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(read(response).err().unwrap_or_else(|| Failure::new("no audio came")));
        }
        let named = |error: std::io::Error| Failure::new(format!("{}: {error}", file.display()));
        // Whole or not at all, and for whoever asked alone: it is somebody's voice.
        let part = file.with_extension("part");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(OWNER_ALONE);
        let written = options.open(&part).and_then(|mut out| {
            let octets = std::io::copy(&mut response.body_mut().as_reader(), &mut out)?;
            fs::rename(&part, file)?;
            Ok(octets)
        });
        written.inspect_err(|_| drop(fs::remove_file(&part))).map_err(named)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.local.address.trim_end_matches('/'))
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.local.token)
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        let address = &self.local.address;
        Failure::new(format!("{address} does not answer ({error}): is the service running?"))
    }
}

fn local(state: Option<PathBuf>) -> Result<Local, Failure> {
    let folders: Vec<PathBuf> = match state {
        Some(folder) => vec![folder],
        None => USUAL.iter().map(PathBuf::from).collect(),
    };
    let mut files = folders.iter().map(|folder| folder.join(LOCAL)).filter(|file| file.exists());
    // One that a crash left behind is passed over where another service answers.
    let file = files.clone().find(|file| answers(file)).or_else(|| files.next());
    let Some(file) = file else {
        let looked: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
        return Err(Failure::new(format!(
            "no service runs on this machine (no {LOCAL} in {}): start one with `hotline serve`, \
             or name its state folder with --state",
            looked.join(", ")
        )));
    };
    read_local(&file)
}

fn read_local(file: &Path) -> Result<Local, Failure> {
    let named = |error: String| Failure::new(format!("{}: {error}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| named(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| named(error.to_string()))
}

/// Whether somebody listens where the file says.
fn answers(file: &Path) -> bool {
    let address = read_local(file).ok().and_then(|local| {
        local.address.trim_start_matches("http://").trim_end_matches('/').parse().ok()
    });
    address.is_some_and(|address| TcpStream::connect_timeout(&address, PATIENCE).is_ok())
}

/// The body of an answer, or the API's own words of what is wrong.
fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Value, Failure> {
    let status = response.status();
    let text = response.body_mut().read_to_string()?;
    if status.is_success() {
        return Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? });
    }
    let problem: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    let said = |key: &str| problem.get(key).and_then(Value::as_str).map(str::to_owned);
    let detail = said("detail").or_else(|| said("title")).unwrap_or_else(|| status.to_string());
    let code = said("code").unwrap_or_else(|| status.as_u16().to_string());
    Err(Failure::new(format!("{detail} ({code})")))
}

pub(crate) fn print_json(value: &Value) -> Result<(), Failure> {
    report::line(&serde_json::to_string_pretty(value)?);
    Ok(())
}

fn text(value: &Value, key: &str) -> String {
    match value.get(key) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn list(value: &Value, key: &str) -> Vec<Value> {
    value.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
}
