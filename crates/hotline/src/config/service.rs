//! The service as a whole: listeners, audio, folders, database.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::TenantId;
use sip::endpoint::LargeRequests;
use sip::subscription::SubscriptionSettings;
use sip_net::CallLimits;
use switchboard::config::{PortLease, RecordingRules};
use switchboard::numbering::Numbering;
use toml_edit::TableLike;

use super::Paths;
use super::finding::Code;
use super::section::{Reader, Section, Spanned};
use super::{key, numbering};

/// For signalling.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SipSettings {
    /// The realm phones authenticate in.
    pub(crate) realm: String,
    /// Where phones reach us, UDP and TCP.
    pub(crate) listen: SocketAddr,
    /// Where trunks reach us, UDP and TCP.
    pub(crate) trunk_listen: SocketAddr,
    /// The address phones are told.
    pub(crate) advertise: IpAddr,
    /// The address trunks are told.
    pub(crate) trunk_advertise: IpAddr,
    /// How requests to trunks leave that are too large for a datagram.
    pub(crate) large_requests: LargeRequests,
    /// How long a call lasts without a refresh.
    pub(crate) session_timer: Duration,
    /// How long whoever is called may say nothing.
    pub(crate) answer_within: Duration,
    /// How long more may come in than is read.
    pub(crate) longest_backlog: Duration,
    /// How often phones are asked whether they are there.
    pub(crate) check_every: Option<Duration>,
    /// Phones that know MD5 alone, by their User-Agent; the usual ones when none are said.
    pub(crate) md5_only: Option<Vec<String>>,
    /// Whom to ask for names.
    pub(crate) name_servers: Vec<SocketAddr>,
    /// How many octets of messages about calls are kept.
    pub(crate) trace: usize,
    /// How much phones may watch.
    pub(crate) subscriptions: SubscriptionSettings,
    /// How long calls may take.
    pub(crate) calls: CallLimits,
    /// The shortest registration, and the longest.
    pub(crate) registrations: (Duration, Duration),
}

/// For audio.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct MediaSettings {
    /// The ports the floor is lent, at the address peers send audio to.
    pub(crate) lease: PortLease,
    /// Media threads; `None` leaves it to the number of processors.
    pub(crate) threads: Option<u16>,
    /// A party from whom no audio has come for so long is taken for lost.
    pub(crate) lost_after: Duration,
    /// Where the prompts are.
    pub(crate) prompts: PathBuf,
}

/// For recording.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct RecordingSettings {
    /// Where recordings are kept.
    pub(crate) folder: PathBuf,
}

/// For journal and database.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct StoreSettings {
    /// The folder for journal, database and secrets.
    pub(crate) state: PathBuf,
    /// Where projections are kept.
    pub(crate) database: Database,
}

/// Where projections are kept.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Database {
    /// A file.
    Sqlite(PathBuf),
    /// A server, by its address with user and password.
    Postgres(String),
}

impl std::fmt::Debug for Database {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(file) => write!(out, "Sqlite({})", file.display()),
            Self::Postgres(_) => out.write_str("Postgres(hidden)"),
        }
    }
}

/// For HTTP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ApiSettings {
    /// Where the API, the status page and the metrics are served.
    pub(crate) listen: SocketAddr,
    /// Whether `/metrics` asks for no token.
    pub(crate) open_metrics: bool,
}

/// What the service's tables say.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) tenant: TenantId,
    pub(super) max_calls: u32,
    pub(super) numbering: Numbering,
    /// The ports that are taken.
    pub(super) ports: Taken,
    pub(super) ring: Duration,
    pub(super) sip: SipSettings,
    pub(super) media: MediaSettings,
    pub(super) recording: RecordingSettings,
    pub(super) recording_rules: RecordingRules,
    pub(super) store: StoreSettings,
    pub(super) api: ApiSettings,
}

const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Reads the tables `service`, `numbering`, `sip`, `media`, `recording`, `store` and `api`.
pub(super) fn read(reader: &Reader, root: &dyn TableLike, paths: &Paths<'_>) -> Settings {
    let service = Section::of_root(reader, root, &key::SERVICE);
    let sip = Section::of_root(reader, root, &key::SIP);
    let media = Section::of_root(reader, root, &key::MEDIA);
    let recording = Section::of_root(reader, root, &key::RECORDING);
    let store = Section::of_root(reader, root, &key::STORE);
    let api = Section::of_root(reader, root, &key::API);

    let max_calls: u32 = service.small("max_calls").unwrap_or(1);
    let audio = read_address(reader, &media);
    let lease = read_lease(reader, &media, audio, max_calls);
    let sip_settings = read_sip(reader, &sip, audio);
    let listen = api.socket("listen");
    let listeners = [sip.socket("listen"), sip.socket("trunk_listen"), listen.clone()];
    let ports = check_ports(reader, listeners, lease);

    let state = state_folder(reader, &service, paths);
    let recordings = recordings_folder(reader, &recording, &state.value, paths);
    let database = read_database(reader, &store, &state.value, paths);
    let tenant = service.name("tenant").map_or_else(|| "default".to_owned(), |name| name.value);
    Settings {
        tenant: TenantId::from(tenant.as_str()),
        max_calls,
        numbering: numbering::read(reader, root),
        ports,
        ring: service.duration("ring").map_or(Duration::ZERO, |ring| ring.value),
        sip: sip_settings,
        media: MediaSettings {
            lease,
            threads: media.small("threads"),
            lost_after: media.duration("lost_after").map_or(Duration::ZERO, |span| span.value),
            prompts: PathBuf::new(),
        },
        recording: RecordingSettings { folder: recordings },
        recording_rules: RecordingRules {
            internal: recording.flag("internal"),
            outbound: recording.flag("outbound"),
        },
        store: StoreSettings { state: state.value, database },
        api: ApiSettings {
            listen: listen.map_or(NOWHERE, |listen| listen.value),
            open_metrics: api.word("metrics").is_some_and(|word| word.value == "open"),
        },
    }
}

/// The address peers send audio to.
fn read_address(reader: &Reader, media: &Section<'_>) -> IpAddr {
    let Some(address) = media.address("address") else { return NOWHERE.ip() };
    check_reachable(reader, &address, "audio");
    address.value
}

fn check_reachable(reader: &Reader, address: &Spanned<IpAddr>, what: &str) {
    if address.value.is_unspecified() || address.value.is_multicast() {
        let message = format!("nobody can send {what} to {}", address.value);
        let help = "write the address of this machine that phones and trunks reach".to_owned();
        reader.report(Code::AddressUnusable, &address.at, message, help);
    }
}

fn report_family(reader: &Reader, here: &Spanned<IpAddr>, there: IpAddr) {
    let message =
        format!("{} and {there} cannot reach each other: one is IPv4, one IPv6", here.value);
    let help = "write both as IPv4 or both as IPv6".to_owned();
    reader.report(Code::AddressFamily, &here.at, message, help);
}

fn read_lease(reader: &Reader, media: &Section<'_>, address: IpAddr, max_calls: u32) -> PortLease {
    let Some(Spanned { value: (first, last), at }) = media.ports("ports") else {
        return PortLease { address, first: 0, last: 0 };
    };
    if first % 2 != 0 || last % 2 == 0 {
        let message = format!("audio ports {first}-{last} do not come in pairs");
        let help = "RTP takes an even port and RTCP the odd one above it: begin with an even port \
                    and end with an odd one";
        reader.report(Code::PortsOdd, &at, message, help.into());
    }
    let ports = u32::from(last - first) + 1;
    let needed = max_calls.saturating_mul(4);
    if ports < needed {
        let message = format!("{ports} ports are too few for {max_calls} calls");
        let help = format!(
            "a call has two parties with two ports each: {needed} ports, or fewer `max_calls`"
        );
        reader.report(Code::PortsTooFew, &at, message, help);
    }
    PortLease { address, first, last: last & !1 }
}

fn name_servers(reader: &Reader, sip: &Section<'_>) -> Vec<SocketAddr> {
    let read = |text: &String| {
        let server = text.parse().ok();
        if server.is_none() {
            let message = format!("`{text}` is no address with a port");
            let help = "write it like \"192.0.2.53:53\"".to_owned();
            reader.report(Code::BadValue, &sip.key_at("name_servers"), message, help);
        }
        server
    };
    sip.texts("name_servers").iter().filter_map(read).collect()
}

fn read_sip(reader: &Reader, sip: &Section<'_>, audio: IpAddr) -> SipSettings {
    let realm = sip.label("realm");
    if let Some(realm) = &realm
        && !realm.value.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '\\')
    {
        let message = format!("`{}` cannot be a realm", realm.value);
        let help = "a realm is like a domain: letters, digits, points and hyphens".to_owned();
        reader.report(Code::BadValue, &realm.at, message, help);
    }
    let (listen, advertise) = read_listener(reader, sip, ("listen", "advertise"), audio);
    let trunks = ("trunk_listen", "trunk_advertise");
    let (trunk_listen, trunk_advertise) = read_listener(reader, sip, trunks, audio);
    let realm = realm.map(|realm| realm.value).unwrap_or_default();
    let trace = sip.small::<usize>("trace").unwrap_or(0).saturating_mul(1 << 20);
    let by_datagram = sip.word("large_requests").is_some_and(|word| word.value == "udp");
    let large_requests = if by_datagram { LargeRequests::OverUdp } else { LargeRequests::OverTcp };
    let answer_within = sip.duration("answer_within").map(|span| span.value).unwrap_or_default();
    let backlog = sip.duration("longest_backlog").map(|span| span.value).unwrap_or_default();
    let check_every = sip.duration("check_every").map(|span| span.value);
    let session_timer = sip.duration("session_timer").map(|span| span.value).unwrap_or_default();
    let usual = SubscriptionSettings::default();
    let subscriptions = SubscriptionSettings {
        total: sip.small("subscriptions").unwrap_or(usual.total),
        per_phone: sip.small("subscriptions_per_phone").unwrap_or(usual.per_phone),
        ..usual
    };
    let shortest = sip.duration("shortest_registration").map(|span| span.value);
    let longest = sip.duration("longest_registration").map(|span| span.value);
    if let (Some(least), Some(most)) = (shortest, longest)
        && most < least
    {
        let message = "`longest_registration` is shorter than `shortest_registration`".to_owned();
        let help = "phones that want less than the one are told so, and get no more than the other";
        let at = sip.key_at("longest_registration");
        reader.report(Code::BadValue, &at, message, help.to_owned());
    }
    SipSettings {
        calls: call_limits(sip),
        registrations: (shortest.unwrap_or_default(), longest.unwrap_or_default()),
        realm,
        listen,
        trunk_listen,
        advertise,
        trunk_advertise,
        large_requests,
        session_timer,
        answer_within,
        longest_backlog: backlog,
        check_every: check_every.filter(|every| !every.is_zero()),
        md5_only: sip.has("md5_only").then(|| sip.texts("md5_only")),
        name_servers: name_servers(reader, sip),
        trace,
        subscriptions,
    }
}

fn call_limits(sip: &Section<'_>) -> CallLimits {
    let usual = CallLimits::default();
    let span = |name, usual| sip.duration(name).map_or(usual, |span| span.value);
    CallLimits {
        forks: sip.small("forks").unwrap_or(usual.forks),
        longest_ringing: span("longest_ringing", usual.longest_ringing),
        longest_unanswered: span("longest_unanswered", usual.longest_unanswered),
        longest_call: span("longest_call", usual.longest_call),
    }
}

/// Where a listener listens, and at which address others reach it: its own; or, when it listens on
/// all addresses and nothing is said, the one that audio is sent to.
pub(super) fn read_listener(
    reader: &Reader,
    sip: &Section<'_>,
    (listen, advertise): (&str, &str),
    audio: IpAddr,
) -> (SocketAddr, IpAddr) {
    let listen = sip.socket(listen);
    let advertise = sip.address(advertise);
    if let Some(advertise) = &advertise {
        check_reachable(reader, advertise, "signalling");
    }
    if let (Some(listen), Some(advertise)) = (&listen, &advertise)
        && listen.value.is_ipv4() != advertise.value.is_ipv4()
    {
        report_family(reader, advertise, listen.value.ip());
    }
    let listen = listen.map_or(NOWHERE, |listen| listen.value);
    let own = if listen.ip().is_unspecified() { audio } else { listen.ip() };
    (listen, advertise.map_or(own, |advertise| advertise.value))
}

/// The listeners read so far: what each is called, and where it listens.
pub(super) type Taken = Vec<(String, SocketAddr)>;

/// No two listeners may want one port, and none that speaks UDP a port that audio is lent.
fn check_ports(
    reader: &Reader,
    listeners: [Option<Spanned<SocketAddr>>; 3],
    lease: PortLease,
) -> Taken {
    const NAMES: [(&str, bool); 3] = [
        ("phones (`sip.listen`)", true),
        ("trunks (`sip.trunk_listen`)", true),
        ("the API (`api.listen`)", false),
    ];
    let mut taken = Taken::new();
    for ((name, speaks_udp), listener) in NAMES.into_iter().zip(listeners) {
        let Some(listener) = listener else { continue };
        check_port(reader, (name, &listener), &taken, lease, speaks_udp);
        taken.push((name.to_owned(), listener.value));
    }
    taken
}

/// Checks one listener's port against those before it.
pub(super) fn check_port(
    reader: &Reader,
    (name, listener): (&str, &Spanned<SocketAddr>),
    taken: &Taken,
    lease: PortLease,
    speaks_udp: bool,
) {
    let port = listener.value.port();
    let clash = taken.iter().find(|(_, other)| is_same(*other, listener.value));
    let help = "give each a port of its own".to_owned();
    if let Some((other, _)) = clash {
        let message = format!("{name} and {other} want port {port}");
        reader.report(Code::PortsClash, &listener.at, message, help);
    } else if speaks_udp && port != 0 && (lease.first..=lease.last | 1).contains(&port) {
        let message = format!("port {port} of {name} is among the audio ports");
        reader.report(Code::PortsClash, &listener.at, message, help);
    }
}

fn is_same(left: SocketAddr, right: SocketAddr) -> bool {
    let overlap =
        left.ip() == right.ip() || left.ip().is_unspecified() || right.ip().is_unspecified();
    left.port() != 0 && left.port() == right.port() && overlap
}

fn state_folder(reader: &Reader, service: &Section<'_>, paths: &Paths<'_>) -> Spanned<PathBuf> {
    let written = service.text("state");
    let at = written.as_ref().map_or(0..0, |written| written.at.clone());
    let folder = match paths.environment.value("HOTLINE_STATE") {
        Some(folder) => PathBuf::from(folder),
        None => paths.resolved(&written.map(|written| written.value).unwrap_or_default()),
    };
    let folder = Spanned { value: folder, at };
    check_writable(reader, &folder);
    folder
}

fn recordings_folder(
    reader: &Reader,
    recording: &Section<'_>,
    state: &Path,
    paths: &Paths<'_>,
) -> PathBuf {
    let Some(written) = recording.text("folder") else { return state.join("recordings") };
    let folder = Spanned { value: paths.resolved(&written.value), at: written.at };
    check_writable(reader, &folder);
    folder.value
}

/// A folder is made when the service starts; here it is enough that it could be.
fn check_writable(reader: &Reader, folder: &Spanned<PathBuf>) {
    let there = folder.value.ancestors().find(|path| path.exists() && !path.as_os_str().is_empty());
    let there = there.unwrap_or(Path::new("."));
    let probe = there.join(format!(".hotline-probe-{}", std::process::id()));
    let written = fs::write(&probe, b"");
    let Err(error) = written.and_then(|()| fs::remove_file(&probe)) else { return };
    let message = format!("{} cannot be written: {error}", folder.value.display());
    let help = format!("let the user who runs the service write in {}", there.display());
    reader.report(Code::FolderNotWritable, &folder.at, message, help);
}

fn read_database(
    reader: &Reader,
    store: &Section<'_>,
    state: &Path,
    paths: &Paths<'_>,
) -> Database {
    let word = store.word("database");
    let Some(word) = word.filter(|word| word.value == "postgres") else {
        return Database::Sqlite(state.join("hotline.sqlite"));
    };
    let url = paths.environment.value("HOTLINE_DATABASE_URL");
    if url.is_none() {
        let message = "the database is a server, and nothing says which".to_owned();
        let help =
            "set `HOTLINE_DATABASE_URL` to postgres://user:password@host/database".to_owned();
        reader.report(Code::MissingKey, &word.at, message, help);
    }
    Database::Postgres(url.unwrap_or_default().to_owned())
}
