//! How phones are set up by an address of their own.

use std::time::Duration;

use provision::{Server, Transport};
use sip::Host;
use sip_net::{Protocol, Serves};
use toml_edit::TableLike;

use super::finding::Code;
use super::key;
use super::listeners::Listeners;
use super::section::{Reader, Section, Spanned};
use super::service::Settings;

/// How phones are set up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ProvisioningSettings {
    /// What addresses begin with, where it is said.
    pub(crate) url: Option<String>,
    /// How long an address is good, at most.
    pub(crate) valid: Duration,
    /// Where phones are told to register.
    pub(crate) server: Server,
}

/// Reads the table `provisioning`.
pub(super) fn read(
    reader: &Reader,
    root: &dyn TableLike,
    (settings, listeners): (&Settings, &Listeners),
) -> ProvisioningSettings {
    let section = Section::of_root(reader, root, &key::PROVISIONING);
    let transport = match section.word("transport") {
        Some(word) if word.value == "tls" => Transport::Tls,
        Some(word) if word.value == "tcp" => Transport::Tcp,
        Some(_) | None => Transport::Udp,
    };
    let port = match transport {
        Transport::Udp | Transport::Tcp => settings.sip.listen.port(),
        Transport::Tls => tls_port(reader, &section, listeners),
    };
    let usual = Server { host: settings.sip.advertise.to_string(), port, transport };
    ProvisioningSettings {
        url: section.text("url").and_then(|url| read_url(reader, url)),
        valid: section.duration("valid").map_or(Duration::ZERO, |valid| valid.value),
        server: section
            .text("server")
            .and_then(|server| read_server(reader, &server, &usual))
            .unwrap_or(usual),
    }
}

/// The port of the first listener for phones that speaks TLS.
fn tls_port(reader: &Reader, section: &Section<'_>, listeners: &Listeners) -> u16 {
    let speaks = listeners.all.iter().find(|listen| {
        listen.serves == Serves::Phones && matches!(listen.protocol, Protocol::Tls(_))
    });
    if speaks.is_none() {
        let message = "phones are told to use TLS, and no listener for phones speaks it".to_owned();
        let help = "add [listeners.<name>] with `serves = \"phones\"` and `transport = \"tls\"`";
        reader.report(Code::ListenerMissing, &section.key_at("transport"), message, help.into());
    }
    speaks.map_or(0, |listen| listen.address.port())
}

fn read_url(reader: &Reader, url: Spanned<String>) -> Option<String> {
    let is_one = api::is_url(&url.value);
    if !is_one {
        let message = format!("`{}` is not what an address can begin with", url.value);
        let help = "write it like `https://pbx.example.cn` or `http://10.0.0.5:8080`".to_owned();
        reader.report(Code::BadValue, &url.at, message, help);
    }
    is_one.then_some(url.value)
}

fn read_server(reader: &Reader, written: &Spanned<String>, usual: &Server) -> Option<Server> {
    let (host, port) = match written.value.rsplit_once(':') {
        // The colons of an IPv6 address alone are no port's.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, port.parse().ok().filter(|port| *port > 0))
        }
        _ => (written.value.as_str(), Some(usual.port)),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_host = Host::parse(host).is_ok() || bare.parse::<std::net::Ipv6Addr>().is_ok();
    let Some(port) = port.filter(|_| is_host) else {
        let message = format!("`{}` is not a server", written.value);
        let help = "write a name or an address, with a port where it is another than ours";
        reader.report(Code::BadValue, &written.at, message, help.into());
        return None;
    };
    Some(Server { host: bare.to_owned(), port, transport: usual.transport })
}
