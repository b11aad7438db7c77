//! Asterisk's `app_queue`, to compare with: the same callers, phones and calls, nothing recorded.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::CALLERS;
use crate::phones::FIRST;
use crate::process::Process;
use crate::server::{HOTLINE, PASSWORD, wait};

/// Where packages put its modules.
const MODULES: [&str; 2] =
    ["/usr/lib/x86_64-linux-gnu/asterisk/modules", "/usr/lib/asterisk/modules"];

/// What a queue needs of it, and nothing else.
const LOADED: [&str; 33] = [
    "app_queue",
    "bridge_builtin_features",
    "bridge_native_rtp",
    "bridge_simple",
    "bridge_softmix",
    "chan_pjsip",
    "codec_alaw",
    "func_timeout",
    "pbx_config",
    "res_musiconhold",
    "res_pjproject",
    "res_pjsip",
    "res_pjsip_acl",
    "res_pjsip_authenticator_digest",
    "res_pjsip_caller_id",
    "res_pjsip_dtmf_info",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_endpoint_identifier_user",
    "res_pjsip_header_funcs",
    "res_pjsip_logger",
    "res_pjsip_nat",
    "res_pjsip_outbound_authenticator_digest",
    "res_pjsip_pubsub",
    "res_pjsip_registrar",
    "res_pjsip_rfc3326",
    "res_pjsip_sdp_rtp",
    "res_pjsip_session",
    "res_rtp_asterisk",
    "res_sorcery_astdb",
    "res_sorcery_config",
    "res_sorcery_memory",
    "res_timing_timerfd",
    "app_dial",
];

/// A running Asterisk.
#[derive(Debug)]
pub struct Asterisk {
    process: Process,
    address: SocketAddr,
    _folder: TempDir,
}

impl Asterisk {
    /// Starts it with a queue of so many agents; none where it is not installed.
    #[must_use]
    pub fn start(ip: IpAddr, agents: u16) -> Option<Self> {
        Command::new("asterisk").arg("-V").output().ok().filter(|it| it.status.success())?;
        let folder = tempfile::tempdir().expect("a folder");
        let address = UdpSocket::bind(SocketAddr::new(ip, 0)).and_then(|it| it.local_addr());
        let address = address.expect("a free port");
        let write = |file: &str, text: String| {
            fs::write(folder.path().join(file), text).expect("a configuration");
        };
        write("asterisk.conf", directories(folder.path()));
        write("modules.conf", modules());
        write("pjsip.conf", phones(address, agents));
        write("queues.conf", queue(agents));
        write(
            "extensions.conf",
            format!(
                "[carrier]\nexten => {HOTLINE},1,Answer(0,i)\n same => n,Queue(support)\n same => n,Hangup()\n"
            ),
        );
        write("logger.conf", "[logfiles]\nconsole => error\n".to_owned());
        write("rtp.conf", "[general]\nrtpstart=20000\nrtpend=39999\nicesupport=no\n".to_owned());
        write("musiconhold.conf", String::new());
        let log = folder.path().join("log");
        let mut process = Process::start(Path::new("asterisk"), &log, |command| {
            command.arg("-f").arg("-C").arg(folder.path().join("asterisk.conf"));
        });
        wait(|| {
            let said = || fs::read_to_string(&log).unwrap_or_default();
            assert!(!process.has_ended(), "asterisk ended: {}", said());
            said().contains("Asterisk Ready")
        });
        Some(Self { process, address, _folder: folder })
    }

    /// Where phones register and carriers call.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it costs.
    #[must_use]
    pub const fn process(&self) -> &Process {
        &self.process
    }

    /// Which one it is.
    #[must_use]
    pub fn version() -> String {
        let said = Command::new("asterisk").arg("-V").output();
        said.map(|it| String::from_utf8_lossy(&it.stdout).trim().to_owned()).unwrap_or_default()
    }
}

fn directories(folder: &Path) -> String {
    let modules = MODULES.iter().find(|path| Path::new(path).is_dir()).unwrap_or(&MODULES[0]);
    let folder = folder.display();
    format!(
        "[directories]\nastetcdir => {folder}\nastmoddir => {modules}\nastvarlibdir => {folder}\n\
         astdbdir => {folder}\nastkeydir => {folder}\nastdatadir => /usr/share/asterisk\n\
         astspooldir => {folder}\nastrundir => {folder}\nastlogdir => {folder}\n\
         [options]\nverbose = 0\ndebug = 0\n"
    )
}

fn modules() -> String {
    let mut text = "[modules]\nautoload = no\n".to_owned();
    for module in LOADED {
        let _ = writeln!(text, "load = {module}.so");
    }
    text
}

fn phones(address: SocketAddr, agents: u16) -> String {
    let mut text = format!(
        "[udp]\ntype = transport\nprotocol = udp\nbind = {address}\n\
         [carrier]\ntype = endpoint\ntransport = udp\ncontext = carrier\ndisallow = all\n\
         allow = alaw\ndirect_media = no\ntimers = no\n\
         [carrier]\ntype = identify\nendpoint = carrier\nmatch = {CALLERS}\n"
    );
    for agent in FIRST..FIRST + agents {
        let _ = write!(
            text,
            "[{agent}]\ntype = endpoint\ntransport = udp\ncontext = none\ndisallow = all\n\
             allow = alaw\ndirect_media = no\ntimers = no\nauth = {agent}\naors = {agent}\n\
             [{agent}]\ntype = auth\nauth_type = userpass\nusername = {agent}\n\
             password = {PASSWORD}\n\
             [{agent}]\ntype = aor\nmax_contacts = 1\nqualify_frequency = 0\n"
        );
    }
    text
}

fn queue(agents: u16) -> String {
    let mut text = "[general]\npersistentmembers = no\n[support]\nstrategy = rrmemory\n\
                    autofill = yes\nringinuse = no\nretry = 1\ntimeout = 30\nwrapuptime = 0\n"
        .to_owned();
    for agent in FIRST..FIRST + agents {
        let _ = writeln!(text, "member => PJSIP/{agent}");
    }
    text
}
