//! The service under load: built as it is released, with a configuration, ports and a folder of its
//! own.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::Duration;

use model::{AgentId, EventKind, StateName, TenantId, Timestamp};
use sip::digest::{Algorithm, Ha1};
use store::Journal;
use tempfile::TempDir;

use crate::phones::FIRST;
use crate::process::Process;
use crate::{CALLERS, SERVICE, registering};

/// The number that is called.
pub const HOTLINE: &str = "4008001234";
/// The password of every phone.
pub const PASSWORD: &str = "secret-of-a-benchmark";
/// What phones authenticate in.
const REALM: &str = "bench.example";
const TOKEN: &str = "token-of-a-benchmark-that-is-long-enough";
/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);
/// Where ports for audio begin.
const FIRST_AUDIO_PORT: u16 = 20_000;

/// The running service.
#[derive(Debug)]
pub struct Server {
    process: Process,
    ports: [u16; 3],
    folder: TempDir,
}

impl Server {
    /// Starts the service for so many agents and so many callers at once.
    #[must_use]
    pub fn start(agents: u16, callers: u16) -> Self {
        Self::launch(|_, ports| configuration(agents, callers, ports))
    }

    fn launch(configure: impl FnOnce(&Path, [u16; 3]) -> String) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ports = [free_port(), free_port(), free_port()];
        let file = folder.path().join("hotline.toml");
        let text = configure(folder.path(), ports);
        fs::write(&file, &text).expect("a configuration");
        let mut process = Process::start(&binary(), &folder.path().join("log"), |command| {
            command.arg("serve").arg("--config").arg(&file);
            command.env("HOTLINE_SECRET_TOKEN_ADMIN", TOKEN).env("HOTLINE_LOG", "warn");
            let agents = text.matches("[agents.").count();
            for agent in FIRST..FIRST + u16::try_from(agents).expect("fewer agents") {
                command.env(format!("HOTLINE_SECRET_PHONE_{agent}"), PASSWORD);
            }
        });
        let health = format!("http://{}/healthz", SocketAddr::new(SERVICE, ports[2]));
        let log = folder.path().join("log");
        wait(|| {
            let said = || fs::read_to_string(&log).unwrap_or_default();
            assert!(!process.has_ended(), "the service ended: {}", said());
            ureq::get(&health).call().is_ok()
        });
        Self { process, ports, folder }
    }

    /// Starts the service for so many phones that only register.
    #[must_use]
    pub fn registrar(phones: u32) -> Self {
        Self::launch(|folder, ports| {
            let mut text = configuration(1, 1, ports);
            let mut secrets = String::new();
            for phone in registering::FIRST..registering::FIRST + phones {
                let _ = write!(text, "[phones.{phone}]\nrole = \"agent\"\n");
                let user = phone.to_string();
                let ha1 = |it| Ha1::of(it, &user, REALM, PASSWORD).hex().to_owned();
                let (sha256, md5) = (ha1(Algorithm::Sha256), ha1(Algorithm::Md5));
                let _ = write!(
                    secrets,
                    "[phones.{phone}]\nha1_sha256 = \"{sha256}\"\nha1_md5 = \"{md5}\"\n"
                );
            }
            let state = folder.join("state");
            fs::create_dir(&state).expect("a folder for the state");
            let file = state.join("secrets.toml");
            fs::write(&file, secrets).expect("secrets");
            fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("a mode");
            text
        })
    }

    /// Where phones register.
    #[must_use]
    pub const fn phones(&self) -> SocketAddr {
        SocketAddr::new(SERVICE, self.ports[0])
    }

    /// Where carriers call.
    #[must_use]
    pub const fn trunk(&self) -> SocketAddr {
        SocketAddr::new(SERVICE, self.ports[1])
    }

    /// What it costs.
    #[must_use]
    pub const fn process(&self) -> &Process {
        &self.process
    }

    /// Signs the agents in; their phones are registered.
    pub fn sign_in(&self, agents: u16) {
        let address = SocketAddr::new(SERVICE, self.ports[2]);
        let http = ureq::Agent::new_with_defaults();
        for agent in FIRST..FIRST + agents {
            let url = format!("http://{address}/v1/agents/{agent}/sign-in");
            wait(|| {
                let request = http.post(&url).header("Authorization", format!("Bearer {TOKEN}"));
                request.send_json(std::collections::BTreeMap::<String, String>::new()).is_ok()
            });
        }
    }

    /// Ends the service, and reads from its log how long agents stood ready before a leg to their
    /// phone was created while somebody waited: from each end of wrap-up or call to the next dial,
    /// in microseconds.
    #[must_use]
    pub fn stop_and_read_waits(self) -> Vec<u64> {
        self.process.stop();
        let state = self.folder.path().join("state");
        let opened = Journal::open(&state, &TenantId::from("default"));
        let (journal, _) = opened.expect("the journal of a service that has ended");
        let mut ready: std::collections::BTreeMap<AgentId, Timestamp> = Default::default();
        let mut waits = Vec::new();
        for event in journal.read_after(None).map_while(Result::ok) {
            let Some(agent) = event.agent else { continue };
            if let EventKind::AgentStateChanged { from, to } = &event.kind {
                if to.name() == StateName::Ready && from.call().is_some() {
                    ready.insert(agent, event.at);
                }
            } else if matches!(event.kind, EventKind::LegCreated { .. })
                && let Some(since) = ready.remove(&agent)
            {
                waits.push(event.at.since(since).as_micros() as u64);
            }
        }
        waits
    }
}

/// Waits until it is so.
pub fn wait(mut is_so: impl FnMut() -> bool) {
    for _ in 0..PATIENCE.as_millis() / POLL.as_millis() {
        if is_so() {
            return;
        }
        sleep(POLL);
    }
    panic!("it did not come to pass within {PATIENCE:?}");
}

fn configuration(agents: u16, callers: u16, [sip, trunk, api]: [u16; 3]) -> String {
    let prompts = root().join("config/prompts");
    let prompts = prompts.display();
    let most = callers + 10;
    let last = FIRST_AUDIO_PORT + 1 + most * 4;
    let members: Vec<_> = (FIRST..FIRST + agents).map(|agent| agent.to_string()).collect();
    let members = members.join(", ");
    let mut text = format!(
        r#"
[service]
state = "state"
max_calls = {most}
[sip]
realm = "{REALM}"
longest_backlog = "1h"
listen = "{SERVICE}:{sip}"
trunk_listen = "{SERVICE}:{trunk}"
[media]
address = "{SERVICE}"
ports = "{FIRST_AUDIO_PORT}-{last}"
lost_after = "10m"
[api]
listen = "{SERVICE}:{api}"
[sounds]
folder = "{prompts}"
[hotlines.main]
number = "{HOTLINE}"
flow = "main"
[flows.main]
start = "queue"
[flows.main.steps.queue]
kind = "queue"
queue = "support"
[queues.support]
label = "Support"
needs = {{ support = 1 }}
wrap_up = "0s"
[skill_groups.support]
label = "Support"
skills = {{ support = 5 }}
members = [{members}]
[trunks.carrier]
addresses = ["{CALLERS}"]
max_calls = {most}
"#
    );
    for agent in FIRST..FIRST + agents {
        let _ = write!(text, "[agents.{agent}]\nname = \"A{agent}\"\n");
        let _ = write!(text, "[phones.{agent}]\nrole = \"agent\"\n");
    }
    text
}

/// Below those for audio, of which ten thousand who wait need most of what there is.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(10_000);
    let free = |port: &u16| UdpSocket::bind(SocketAddr::new(SERVICE, *port)).is_ok();
    let mut ports = std::iter::repeat_with(|| NEXT.fetch_add(1, Ordering::Relaxed));
    ports.find(free).filter(|port| *port < FIRST_AUDIO_PORT).expect("a free port")
}

/// The released service. It is built once, with all cores and before anything is measured, which
/// may take minutes; `HOTLINE_BINARY` names another to be measured instead.
pub fn binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(build).clone()
}

fn build() -> PathBuf {
    if let Some(named) = std::env::var_os("HOTLINE_BINARY") {
        return named.into();
    }
    // …/<target>/<profile>/deps/calls-<hash>
    let own = std::env::current_exe().expect("the path of this program");
    let folder = own.parent().and_then(Path::parent).expect("a profile's folder");
    let target = folder.parent().expect("a target folder");
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--locked", "--release", "--package", "hotline"])
        .arg("--target-dir")
        .arg(target)
        .current_dir(root())
        .status();
    assert!(built.is_ok_and(|status| status.success()), "the service does not build");
    target.join("release/hotline")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
