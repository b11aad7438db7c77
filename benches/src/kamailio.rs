//! Kamailio as a registrar, to compare with: one worker, bindings in memory, digest in its script.

use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::process::Process;
use crate::server::{PASSWORD, wait};

/// A running Kamailio.
#[derive(Debug)]
pub struct Kamailio {
    process: Process,
    address: SocketAddr,
    _folder: TempDir,
}

impl Kamailio {
    /// Starts it; none where it is not installed.
    #[must_use]
    pub fn start(ip: IpAddr) -> Option<Self> {
        Command::new("kamailio").arg("-v").output().ok()?;
        let folder = tempfile::tempdir().expect("a folder");
        let address = UdpSocket::bind(SocketAddr::new(ip, 0)).and_then(|it| it.local_addr());
        let address = address.expect("a free port");
        let file = folder.path().join("kamailio.cfg");
        fs::write(&file, script(address)).expect("a script");
        let log = folder.path().join("log");
        let mut process = Process::start(Path::new("kamailio"), &log, |command| {
            command.args(["-DD", "-E", "-m", "1024", "-M", "32", "-f"]).arg(&file);
            command.arg("-P").arg(folder.path().join("pid"));
            command.arg("-Y").arg(folder.path());
        });
        let probe = UdpSocket::bind(SocketAddr::new(ip, 0)).expect("a free port");
        probe.set_read_timeout(Some(crate::wire::PATIENCE)).expect("a read time-out");
        let own = probe.local_addr().expect("a bound socket");
        let options = format!(
            "OPTIONS sip:{address} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKprobe\r\n\
             Max-Forwards: 70\r\nFrom: <sip:probe@{own}>;tag=p\r\nTo: <sip:{address}>\r\n\
             Call-ID: probe\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        wait(|| {
            let said = || fs::read_to_string(&log).unwrap_or_default();
            assert!(!process.has_ended(), "kamailio ended: {}", said());
            let _ = probe.send_to(options.as_bytes(), address);
            probe.recv(&mut [0; 2_048]).is_ok()
        });
        Some(Self { process, address, _folder: folder })
    }

    /// Where phones register.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it costs.
    #[must_use]
    pub const fn process(&self) -> &Process {
        &self.process
    }
}

fn script(address: SocketAddr) -> String {
    let SocketAddr::V4(_) = address else { panic!("an IPv4 address") };
    format!(
        r#"
debug=0
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
listen=udp:{address}
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("usrloc", "db_mode", 0)
modparam("usrloc", "hash_size", 14)
modparam("registrar", "max_contacts", 0)
modparam("registrar", "max_expires", 600)
request_route {{
    if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
    if (!is_method("REGISTER")) {{ sl_send_reply("405", "no"); exit; }}
    if (!pv_www_authenticate("bench.example", "{PASSWORD}", "0")) {{
        www_challenge("bench.example", "1");
        exit;
    }}
    save("location");
    exit;
}}
"#
    )
}
