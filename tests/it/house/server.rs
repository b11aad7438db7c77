//! The service under test: a configuration of its own, ports of its own, a folder of its own.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use insight::Cdr;
use model::{AgentId, AgentState, StateName};
use serde_json::{Value, json};
use switchboard::status::Status;
use tempfile::TempDir;

use super::{Process, Recorded, SOON, free_port, free_ports, hotline, output, wait, wait_until};

/// The password of every phone.
pub(crate) const PASSWORD: &str = "secret-of-a-test";

/// The token of an administrator.
const TOKEN: &str = "token-of-a-test-that-is-long-enough";

/// The number that is called.
pub(crate) const HOTLINE: &str = "4008001234";

/// The configuration but for its agents.
const TEMPLATE: &str = include_str!("house.toml");

/// What the configuration says where tests differ.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// How many agents, from 1001 on.
    pub(crate) agents: u16,
    /// How long an agent's phone rings.
    pub(crate) ring: &'static str,
    /// After-call work.
    pub(crate) wrap_up: &'static str,
    /// Whether callers hear a greeting before the queue.
    pub(crate) greeting: bool,
    /// The most calls at once.
    pub(crate) max_calls: u16,
    /// Where calls go out to.
    pub(crate) carrier: Option<u16>,
    /// As whom the carrier proves itself, with [`PASSWORD`], in place of its address.
    pub(crate) inbound_user: Option<&'static str>,
    /// Where phones have their passwords from.
    pub(crate) passwords: Passwords,
}

/// Where phones have their passwords from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Passwords {
    /// The service's environment: each has [`PASSWORD`].
    Given,
    /// The service, once it is asked for one.
    Issued,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            agents: 2,
            ring: "8s",
            wrap_up: "1s",
            greeting: false,
            max_calls: 20,
            carrier: None,
            inbound_user: None,
            passwords: Passwords::Given,
        }
    }
}

impl Plan {
    fn text(&self, ports: &Ports) -> String {
        let Ports { sip, trunk, api, audio: (first, last) } = ports;
        let Self { ring, wrap_up, max_calls, .. } = self;
        let prompts = root().join("config/prompts");
        let (start, greeting) = if self.greeting { ("welcome", GREETING) } else { ("support", "") };
        // SIPp takes whatever comes first for its call: nobody asks it whether it is there.
        let proxy = self
            .carrier
            .map(|port| format!("proxy = \"127.0.0.1:{port}\"\noptions_every = \"0s\"\n"));
        let proxy = proxy.unwrap_or_default();
        let members: Vec<_> = self.numbers().map(|number| number.to_string()).collect();
        let mut text = [
            ("{sip}", sip.to_string()),
            ("{trunk}", trunk.to_string()),
            ("{api}", api.to_string()),
            ("{audio}", format!("{first}-{last}")),
            ("{max_calls}", max_calls.to_string()),
            ("{ring}", (*ring).to_owned()),
            ("{wrap_up}", (*wrap_up).to_owned()),
            ("{number}", HOTLINE.to_owned()),
            ("{start}", start.to_owned()),
            ("{greeting}", greeting.to_owned()),
            ("{proxy}", proxy),
            ("{members}", members.join(", ")),
            ("{prompts}", prompts.display().to_string()),
        ]
        .iter()
        .fold(TEMPLATE.to_owned(), |text, (name, value)| text.replace(name, value));
        for number in self.numbers() {
            let agent = format!("\n[agents.{number}]\nname = \"A{number}\"\n");
            let _ = write!(text, "{agent}[phones.{number}]\nrole = \"agent\"\n");
        }
        if self.carrier.is_some() {
            text.push_str(OUTBOUND);
        }
        if let Some(user) = self.inbound_user {
            let by_digest = format!("inbound_user = \"{user}\"");
            text = text.replace("addresses = [\"127.0.0.0/8\"]", &by_digest);
        }
        text
    }

    fn numbers(&self) -> impl Iterator<Item = u16> {
        1001..1001 + self.agents
    }
}

const GREETING: &str = r#"
[flows.main.steps.welcome]
kind = "play"
prompts = ["done"]
next = "support"
"#;

const OUTBOUND: &str = r#"
[[outbound]]
roles = ["agent"]
prefix = "01"
strip = 1
length = "12"
trunk = "carrier"
show = "01088886666"
"#;

#[derive(Clone, Copy, Debug)]
struct Ports {
    sip: u16,
    trunk: u16,
    api: u16,
    audio: (u16, u16),
}

impl Ports {
    fn free(plan: &Plan) -> Self {
        Self {
            sip: free_port(),
            trunk: free_port(),
            api: free_port(),
            audio: free_ports(plan.max_calls * 4),
        }
    }
}

/// The service, running; gone with the value.
#[derive(Debug)]
pub(crate) struct Server {
    process: Process,
    plan: Plan,
    ports: Ports,
    http: ureq::Agent,
    folder: TempDir,
}

impl Server {
    /// Starts the service and waits until it takes calls.
    pub(crate) fn start(plan: Plan) -> Self {
        Self::start_with(plan, |text| text)
    }

    /// Starts it with a change to the configuration's text.
    pub(crate) fn start_with(plan: Plan, change: impl FnOnce(String) -> String) -> Self {
        Self::begin(plan, change, &[])
    }

    /// Starts it with its log as JSON.
    pub(crate) fn start_logging_json(plan: Plan) -> Self {
        Self::begin(plan, |text| text, &["--log", "json"])
    }

    /// Another service on other ports that wants the same state folder.
    pub(crate) fn another(&self) -> Command {
        let text = self.plan.text(&Ports::free(&self.plan));
        let file = self.folder.path().join("another.toml");
        fs::write(&file, text).unwrap();
        serve(&file, &self.plan)
    }

    fn begin(plan: Plan, change: impl FnOnce(String) -> String, words: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports = Ports::free(&plan);
        fs::write(folder.path().join("hotline.toml"), change(plan.text(&ports))).unwrap();
        let mut serve = serve(&folder.path().join("hotline.toml"), &plan);
        let process = Process::start("hotline", serve.args(words), &folder.path().join("log"));
        let http = ureq::Agent::config_builder()
            .timeout_global(Some(SOON))
            .http_status_as_error(false)
            .build()
            .into();
        let mut server = Self { process, plan, ports, http, folder };
        server.wait_for_health();
        server
    }

    /// Writes a configuration without starting anything: for `hotline check` and refused starts.
    pub(crate) fn prepare(plan: &Plan, folder: &Path) -> Command {
        fs::write(folder.join("hotline.toml"), plan.text(&Ports::free(plan))).unwrap();
        serve(&folder.join("hotline.toml"), plan)
    }

    fn wait_for_health(&mut self) {
        let (url, http) = (self.url("/healthz"), self.http.clone());
        wait_until("the service is healthy", Duration::from_secs(20), || {
            if let Some(status) = self.process.has_ended() {
                panic!("the service ended with {status}");
            }
            is_success(&http, &url)
        });
    }

    pub(crate) fn is_healthy(&self) -> bool {
        is_success(&self.http, &self.url("/healthz"))
    }

    /// Ends the service as a crash does.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Tells it what a supervisor tells when it wants files read again.
    pub(crate) fn hang_up(&self) {
        self.process.hang_up();
    }

    /// Starts it again, in the same folder.
    pub(crate) fn restart(&mut self) {
        self.process = Process::start(
            "hotline",
            &mut serve(&self.folder.path().join("hotline.toml"), &self.plan),
            &self.folder.path().join("log"),
        );
        self.wait_for_health();
    }

    /// Asks it to stop, and waits until it has.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        self.process.terminate();
        let status = self.process.ends(Duration::from_secs(15));
        assert!(status.success(), "a stop in order ends with {status}");
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where phones register.
    pub(crate) fn phones(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports.sip))
    }

    /// Where carriers call.
    pub(crate) fn trunk(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports.trunk))
    }

    /// The same places over IPv6, where the configuration says so: phones', carriers'.
    pub(crate) fn over_ipv6(&self) -> (SocketAddr, SocketAddr) {
        let at = |port| SocketAddr::from((Ipv6Addr::LOCALHOST, port));
        (at(self.ports.sip), at(self.ports.trunk))
    }

    pub(crate) fn resident_kib(&self) -> u64 {
        self.process.resident_kib()
    }

    /// What it wrote into its log.
    pub(crate) fn said(&self) -> String {
        self.process.said()
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports.api)
    }

    /// The status page's address, with a token that may look.
    pub(crate) fn page(&self) -> String {
        self.url(&format!("/#token={TOKEN}"))
    }

    #[track_caller]
    pub(crate) fn ask(&self, path: &str) -> Value {
        let request = self.http.get(self.url(path)).header("Authorization", bearer());
        let mut answer = request.call().unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert!(answer.status().is_success(), "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The figure of the metric whose line begins so.
    #[track_caller]
    pub(crate) fn metric(&self, begins: &str) -> f64 {
        let request = self.http.get(self.url("/metrics")).header("Authorization", bearer());
        let text = request.call().unwrap().body_mut().read_to_string().unwrap();
        let line = text.lines().find(|line| line.starts_with(begins));
        let figure = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
        figure.unwrap_or_else(|| panic!("no {begins} in\n{text}"))
    }

    /// Posts a command; gives its status and its answer.
    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.http.post(self.url(path)).header("Authorization", bearer());
        let mut answer = request.send_json(body).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// What the command line says, which finds the service by its state folder.
    #[track_caller]
    pub(crate) fn command_line(&self, words: &[&str]) -> String {
        let mut command = Command::new(hotline());
        command.args(words).env("HOTLINE_STATE", self.folder.path().join("state"));
        let done = output(command.current_dir(self.folder.path()));
        let said = String::from_utf8(done.stdout).unwrap();
        let complaint = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{words:?}: {said}{complaint}");
        said
    }

    /// The floor as it is.
    #[track_caller]
    pub(crate) fn status(&self) -> Status {
        serde_json::from_value(self.ask("/v1/status")).unwrap()
    }

    #[track_caller]
    pub(crate) fn agent(&self, agent: u32) -> AgentState {
        let status = self.status();
        let row = status.agents.into_iter().find(|row| row.agent == AgentId::new(agent));
        row.expect("the agent is configured").state
    }

    /// Waits until the agent's phone is registered, then signs the agent in.
    #[track_caller]
    pub(crate) fn sign_in(&self, agent: u32) {
        wait_until(&format!("phone {agent} is registered"), SOON, || {
            let status = self.status();
            status.agents.iter().any(|row| row.agent == AgentId::new(agent) && row.bindings > 0)
        });
        let (status, answer) = self.post(&format!("/v1/agents/{agent}/sign-in"), &json!({}));
        assert_eq!(status, 200, "{answer}");
    }

    #[track_caller]
    pub(crate) fn wait_for_state(&self, agent: u32, state: StateName, patience: Duration) {
        wait_until(&format!("agent {agent} is {}", state.as_str()), patience, || {
            self.agent(agent).name() == state
        });
    }

    /// Waits until so many callers wait.
    #[track_caller]
    pub(crate) fn wait_for_waiting(&self, callers: u32) {
        wait_until(&format!("{callers} callers wait"), SOON, || {
            self.status().queues[0].waiting == callers
        });
    }

    /// Waits until the log has so many ended calls; the newest first.
    #[track_caller]
    pub(crate) fn ended_calls(&self, count: usize) -> Vec<Cdr> {
        wait(&format!("{count} calls are recorded as ended"), SOON, || {
            let mut answer = self.ask("/v1/calls?limit=500");
            let calls: Vec<Cdr> = serde_json::from_value(answer["calls"].take()).unwrap();
            let ended: Vec<_> = calls.into_iter().filter(|call| call.ended_at.is_some()).collect();
            (ended.len() >= count).then_some(ended)
        })
    }

    /// Waits until so many recordings are sealed; the API's rows of them.
    #[track_caller]
    pub(crate) fn sealed_recordings(&self, count: usize) -> Vec<Value> {
        wait(&format!("{count} recordings are sealed"), SOON * 3, || {
            let mut answer = self.ask("/v1/recordings?state=sealed&limit=500");
            let rows = answer["recordings"].as_array_mut().map(std::mem::take).unwrap();
            (rows.len() >= count).then_some(rows)
        })
    }

    /// The audio of a recording as the API hands it out, checked against its row.
    #[track_caller]
    pub(crate) fn audio(&self, row: &Value) -> Recorded {
        let id = row["recording"].as_str().unwrap();
        let path = format!("/v1/recordings/{id}/audio");
        let request = self.http.get(self.url(&path)).header("Authorization", bearer());
        let mut answer = request.call().unwrap();
        assert_eq!(answer.status(), 200);
        let octets = answer.body_mut().read_to_vec().unwrap();
        Recorded::read(&octets, row)
    }

    /// Nobody is stuck, and every caller is accounted for.
    #[track_caller]
    pub(crate) fn assert_all_at_rest(&self, entered: u64) {
        wait_until("no call is left", SOON, || {
            let status = self.status();
            let is_free = |state: &AgentState| state.call().is_none();
            status.calls.is_empty() && status.agents.iter().all(|row| is_free(&row.state))
        });
        let status = self.status();
        let queue = &status.queues[0];
        assert_eq!(queue.entered, entered, "{queue:?}");
        assert_eq!(queue.waiting, 0, "{queue:?}");
        assert_eq!(queue.outcomes.values().sum::<u64>(), entered, "{queue:?}");
        assert_eq!(status.ports.0, 0, "audio ports are given back");
        assert_eq!(status.repairs, 0, "an invariant was broken");
        let said = self.said();
        assert!(!said.contains("panicked"), "{said}");
    }
}

fn is_success(http: &ureq::Agent, url: &str) -> bool {
    http.get(url).call().is_ok_and(|answer| answer.status().is_success())
}

fn bearer() -> String {
    format!("Bearer {TOKEN}")
}

fn serve(config: &Path, plan: &Plan) -> Command {
    let mut command = Command::new(hotline());
    command.arg("serve").arg("--config").arg(config);
    command.env("HOTLINE_SECRET_TOKEN_ADMIN", TOKEN).env("HOTLINE_LOG", "info,sqlx=warn");
    if plan.inbound_user.is_some() {
        command.env("HOTLINE_SECRET_INBOUND_CARRIER", PASSWORD);
    }
    let given = plan.numbers().chain([2001]).filter(|_| plan.passwords == Passwords::Given);
    for phone in given {
        command.env(format!("HOTLINE_SECRET_PHONE_{phone}"), PASSWORD);
    }
    command
}

/// The top of the tree.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
