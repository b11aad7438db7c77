//! Where signalling listens, and with which certificates.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use model::Timestamp;
use sip_net::{
    Dates, Listen, Protocol, Serves, Tls, TlsClient, TlsClientFiles, TlsError, TlsFiles,
};
use toml_edit::TableLike;

use super::Paths;
use super::finding::Code;
use super::key;
use super::section::{Reader, Section, Spanned};
use super::service::{Settings, check_port, read_listener};

/// Keys that mean something for some transports alone.
const TLS_ALONE: &[&str] = &["certificate", "key"];

/// How long before its last day a certificate is told of.
const SOON: Duration = Duration::from_hours(14 * 24);

/// Where signalling listens, and with what it calls over TLS.
#[derive(Clone, Debug)]
pub(crate) struct Listeners {
    /// The listeners; the first two are those of `sip`, for phones and for trunks.
    pub(crate) all: Vec<Listen>,
    /// With what trunks are called over TLS.
    pub(crate) tls_client: Option<TlsClient>,
}

impl Listeners {
    /// Whether a listener for trunks speaks TLS.
    pub(super) fn have_tls_for_trunks(&self) -> bool {
        self.all.iter().any(|listen| {
            listen.serves == Serves::Trunks && matches!(listen.protocol, Protocol::Tls(_))
        })
    }

    /// Whom each listener serves, and what it speaks.
    pub(crate) fn spoken(&self) -> Vec<(Serves, &'static str)> {
        let spoken = |listen: &Listen| match listen.protocol {
            Protocol::Plain => "UDP, TCP",
            Protocol::Tls(_) => "TLS",
            Protocol::WebSocket(_) => "WebSocket",
            Protocol::SecureWebSocket(..) => "WebSocket over TLS",
        };
        self.all.iter().map(|listen| (listen.serves, spoken(listen))).collect()
    }

    /// Reads the files of TLS again; says of each side, by one of its files, what came of it.
    pub(crate) fn read_again(&self) -> Vec<(PathBuf, Result<(), TlsError>)> {
        let server = |listen: &Listen| match &listen.protocol {
            Protocol::Tls(tls) | Protocol::SecureWebSocket(tls, _) => {
                Some((tls.certificate().to_owned(), tls.reload()))
            }
            Protocol::Plain | Protocol::WebSocket(_) => None,
        };
        let client = self.tls_client.iter().map(|tls| (tls.ca().to_owned(), tls.reload()));
        self.all.iter().filter_map(server).chain(client).collect()
    }
}

/// Reads the tables of further listeners.
pub(super) fn read(
    reader: &Reader,
    root: &dyn TableLike,
    settings: &Settings,
    paths: &Paths<'_>,
) -> Listeners {
    let sip = &settings.sip;
    let plain =
        |serves, address, public| Listen { public: Some(public), ..Listen::plain(serves, address) };
    let mut all = vec![
        plain(Serves::Phones, sip.listen, sip.advertise),
        plain(Serves::Trunks, sip.trunk_listen, sip.trunk_advertise),
    ];
    let mut taken = settings.ports.clone();
    for (name, section) in Section::named(reader, root, &key::LISTENERS) {
        let one = One { reader, section, paths };
        if let Some(place) = one.section.socket("listen") {
            let what = format!("listener `{}`", name.value);
            check_port(reader, (&what, &place), &taken, settings.media.lease, one.speaks_udp());
            taken.push((what, place.value));
        }
        all.extend(one.listen(settings));
    }
    Listeners { all, tls_client: read_client(reader, root, paths) }
}

/// With what we call over TLS, as far as it is said or usual.
fn read_client(reader: &Reader, root: &dyn TableLike, paths: &Paths<'_>) -> Option<TlsClient> {
    let sip = Section::of_root_again(reader, root, &key::SIP);
    let file = |name: &str| sip.text(name).map(|file| paths.resolved(&file.value));
    let ca = file("tls_ca")?;
    let identity = match (file("tls_certificate"), file("tls_key")) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (Some(_), None) | (None, Some(_)) => {
            let message = "`tls_certificate` and `tls_key` belong together".to_owned();
            let help = "write both, or none of them".to_owned();
            reader.report(Code::MissingKey, &sip.at(), message, help);
            return None;
        }
    };
    // Where nobody is called over TLS, the usual file need not be there.
    if !sip.has("tls_ca") && identity.is_none() && !ca.exists() {
        return None;
    }
    if let Some((certificate, _)) = &identity {
        check_dates(reader, &sip.key_at("tls_certificate"), certificate);
    }
    match TlsClient::load(TlsClientFiles { ca, identity }) {
        Ok(client) => Some(client),
        Err(error) => {
            report_file(reader, &sip.key_at("tls_ca"), &error);
            None
        }
    }
}

/// What is wrong with the dates of a certificate, or will be before anybody looks again.
pub(super) fn dates(certificate: &Path, now: Timestamp) -> Option<&'static str> {
    match sip_net::out_of_date(certificate, now) {
        Some(Dates::Over) => Some("has expired"),
        Some(Dates::NotYet) => Some("is not valid yet"),
        None => sip_net::out_of_date(certificate, now + SOON).map(|_| "expires within 14 days"),
    }
}

fn check_dates(reader: &Reader, at: &std::ops::Range<usize>, certificate: &Path) {
    let Some(what) = dates(certificate, Clock::start().now()) else { return };
    let message = format!("{} {what}", certificate.display());
    let help = "put a new certificate in its place and send SIGHUP: calls go on".to_owned();
    reader.report(Code::CertificateDates, at, message, help);
}

fn report_file(reader: &Reader, at: &std::ops::Range<usize>, error: &TlsError) {
    let help = "certificates and keys are PEM files that the user who runs the service can read; a \
                key must belong to its certificate";
    reader.report(Code::TlsFile, at, error.to_string(), help.to_owned());
}

/// One table of a further listener.
struct One<'a> {
    reader: &'a Reader,
    section: Section<'a>,
    paths: &'a Paths<'a>,
}

impl One<'_> {
    fn transport(&self) -> Option<Spanned<String>> {
        self.section.word_silently("transport")
    }

    fn speaks_udp(&self) -> bool {
        self.transport().is_some_and(|word| word.value == "udp_tcp")
    }

    fn listen(&self, settings: &Settings) -> Option<Listen> {
        let section = &self.section;
        let (serves, transport) = (section.word("serves"), section.word("transport"));
        let audio = settings.media.lease.address;
        let (address, public) = read_listener(self.reader, section, ("listen", "advertise"), audio);
        let (serves, transport) = (serves?, transport?);
        self.check_keys(&transport.value);
        let serves = if serves.value == "phones" { Serves::Phones } else { Serves::Trunks };
        let origins: Arc<[String]> = section.texts("origins").into();
        let protocol = match transport.value.as_str() {
            "tls" => Protocol::Tls(self.tls()?),
            "ws" => Protocol::WebSocket(origins),
            "wss" => Protocol::SecureWebSocket(self.tls()?, origins),
            _ => Protocol::Plain,
        };
        if serves == Serves::Trunks && transport.value.starts_with("ws") {
            let message = "trunks do not speak WebSocket".to_owned();
            let help = "take `udp_tcp` or `tls`, or serve phones".to_owned();
            self.reader.report(Code::BadValue, &transport.at, message, help);
        }
        let unset = address == SocketAddr::new(std::net::Ipv4Addr::UNSPECIFIED.into(), 0);
        (!unset).then_some(Listen { serves, protocol, address, public: Some(public) })
    }

    /// A key that this transport has no use for was meant for something.
    fn check_keys(&self, transport: &str) {
        let is_secure = matches!(transport, "tls" | "wss");
        let useless: [(&[&str], bool, &str); 3] = [
            (TLS_ALONE, is_secure, "`tls` and `wss`"),
            (&["client_ca"], transport == "tls", "`tls`"),
            (&["origins"], transport.starts_with("ws"), "`ws` and `wss`"),
        ];
        for (keys, fits, those) in useless {
            for name in keys.iter().filter(|name| !fits && self.section.has(name)) {
                let message = format!("`{name}` means nothing with `transport = \"{transport}\"`");
                let help = format!("it is for {those} alone");
                self.reader.report(Code::UnknownKey, &self.section.key_at(name), message, help);
            }
        }
    }

    fn tls(&self) -> Option<Tls> {
        let file = |name: &str| -> Option<PathBuf> {
            let file = self.section.text(name).map(|file| self.paths.resolved(&file.value));
            if file.is_none() && TLS_ALONE.contains(&name) && !self.section.has(name) {
                let message = format!("`{name}` is missing: TLS is not spoken without");
                let help = "name the PEM files of certificate and key".to_owned();
                self.reader.report(Code::MissingKey, &self.section.at(), message, help);
            }
            file
        };
        let (certificate, key) = (file("certificate"), file("key"));
        let files = TlsFiles { certificate: certificate?, key: key?, client_ca: file("client_ca") };
        check_dates(self.reader, &self.section.key_at("certificate"), &files.certificate);
        match Tls::load(files) {
            Ok(tls) => Some(tls),
            Err(error) => {
                report_file(self.reader, &self.section.key_at("certificate"), &error);
                None
            }
        }
    }
}
