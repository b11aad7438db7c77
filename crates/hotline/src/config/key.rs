//! Every key of the configuration file: its kind, its default and what it is for. The reader takes
//! defaults and bounds from here, and `docs/configuration.md` is made from it, so that neither
//! knows a key the other does not.

/// What a key takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number between the two.
    Number(i64, i64),
    /// A span of time between the two.
    Span(&'static str, &'static str),
    /// One of the words.
    Word(&'static [&'static str]),
    /// The name of something else in the file.
    Name,
    /// Names of other things in the file.
    Names,
    /// Skills, each with a level from 1 to 10.
    Levels,
    /// A telephone number.
    Telephone,
    /// An address and a port.
    Socket,
    /// An address or a name, with a port or without.
    Peer,
    /// An address.
    Address,
    /// Addresses and blocks of addresses.
    Networks,
    /// A range of ports.
    Ports,
    /// A folder, from the file's own.
    Folder,
    /// A file, from this file's folder.
    File,
    /// Any texts.
    Texts,
    /// One digit.
    Digit,
    /// What a phone dials: `*` and digits.
    Dial,
    /// The fewest and the most characters.
    Length,
    /// Work numbers.
    Agents,
    /// Digits, each with the step it leads to.
    Choices,
    /// Digits.
    Digits,
    /// Trunks, each with a number of places.
    Places,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// As written in the file.
    pub(crate) name: &'static str,
    /// What it takes.
    pub(crate) kind: Kind,
    /// What holds when it is not there.
    pub(crate) when_absent: Absent,
    /// What it is for, as a sentence.
    pub(crate) text: &'static str,
}

/// What holds when a key is not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Absent {
    /// It must be there.
    Fault,
    /// Nothing of the kind.
    Nothing,
    /// This, as it would be written.
    Value(&'static str),
}

/// One table of the file; `<name>` stands for a name of the writer's choice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    /// Its path in the file.
    pub(crate) path: &'static str,
    /// What it describes, as a sentence.
    pub(crate) text: &'static str,
    /// Its keys.
    pub(crate) keys: &'static [Key],
}

const fn must(name: &'static str, kind: Kind, text: &'static str) -> Key {
    Key { name, kind, when_absent: Absent::Fault, text }
}

const fn may(name: &'static str, kind: Kind, text: &'static str) -> Key {
    Key { name, kind, when_absent: Absent::Nothing, text }
}

const fn else_(name: &'static str, kind: Kind, value: &'static str, text: &'static str) -> Key {
    Key { name, kind, when_absent: Absent::Value(value), text }
}

pub(crate) const SERVICE: Table = Table {
    path: "service",
    text: "The service as a whole.",
    keys: &[
        else_("tenant", Kind::Name, "default", "Whose centre it is."),
        else_(
            "state",
            Kind::Folder,
            ".hotline",
            "The folder for journal, database, recordings and secrets. `HOTLINE_STATE` in the environment comes first.",
        ),
        else_(
            "max_calls",
            Kind::Number(1, 20_000),
            "500",
            "The most calls at once; further ones are answered 503.",
        ),
        else_(
            "ring",
            Kind::Span("5s", "3m"),
            "60s",
            "How long an extension or a number outside rings before the caller is told.",
        ),
    ],
};

pub(crate) const NUMBERING: Table = Table {
    path: "numbering",
    text: "How numbers are written here (号码规整): every spelling of a number is the same number, for matching, for search and on agents' phones.",
    keys: &[
        else_("country", Kind::Digits, "86", "Our country code, without `+`."),
        else_("trunk_prefix", Kind::Digits, "0", "What is dialled before a national number."),
        may(
            "area",
            Kind::Digits,
            "Our area code (区号), like `010`: what local numbers belong to that come without one.",
        ),
    ],
};

pub(crate) const SIP: Table = Table {
    path: "sip",
    text: "Signalling. Phones and trunks have listeners of their own, so that an address alone never makes a phone a trunk.",
    keys: &[
        must(
            "realm",
            Kind::Text,
            "The realm phones authenticate in. Secrets are made for it: it cannot be changed without making them again.",
        ),
        else_("listen", Kind::Socket, "0.0.0.0:5060", "Where phones reach us, UDP and TCP."),
        else_("trunk_listen", Kind::Socket, "0.0.0.0:5080", "Where trunks reach us, UDP and TCP."),
        may(
            "advertise",
            Kind::Address,
            "The address phones are told, where it is not the one listened on: needed behind a NAT.",
        ),
        may(
            "trunk_advertise",
            Kind::Address,
            "The address trunks are told, where it is not the one listened on: needed behind a NAT.",
        ),
        else_(
            "large_requests",
            Kind::Word(&["tcp", "udp"]),
            "tcp",
            "How requests to trunks over UDP leave that have more than 1300 octets: over TCP, and over UDP after all where the carrier refuses it. `udp` for carriers that leave TCP unanswered.",
        ),
        else_(
            "session_timer",
            Kind::Span("90s", "24h"),
            "30m",
            "How long a call lasts whose two sides no longer hear each other in signalling: one of them says in half that time that it is still there (session timer, RFC 4028). Asked for of everybody who knows it.",
        ),
        else_(
            "answer_within",
            Kind::Span("1s", "32s"),
            "5s",
            "Who is called and says nothing at all for so long, not even that it tries, is taken for gone: the next place or agent is called.",
        ),
        may(
            "name_servers",
            Kind::Texts,
            "Whom to ask for the names of trunks, addresses with port; without it, those of the system.",
        ),
        else_(
            "tls_ca",
            Kind::File,
            "/etc/ssl/certs/ca-certificates.crt",
            "The authorities, PEM, that certify carriers we call over TLS. Read again at SIGHUP, like the two below.",
        ),
        may(
            "tls_certificate",
            Kind::File,
            "The certificate, PEM, that we show such a carrier when it asks for one.",
        ),
        may("tls_key", Kind::File, "Its private key, PEM."),
        may(
            "networks",
            Kind::Networks,
            "The networks phones may register and call from, where theirs are not said in `[phones.<extension>]`; anywhere, when not said. What counts is the address we see.",
        ),
        else_(
            "bindings",
            Kind::Word(&["all_ring", "newest_rings"]),
            "all_ring",
            "What rings of a phone that is registered from several places, where it is not said there: every device, or the one that registered last alone.",
        ),
        else_(
            "most_bindings",
            Kind::Number(1, 20),
            "5",
            "The most places a phone is registered from at a time, where it is not said there; a further one takes the place of that refreshed longest ago.",
        ),
        else_(
            "trace",
            Kind::Number(0, 4_096),
            "16",
            "Mebibytes of messages about calls that are kept in memory, to be shown by `hotline ladder`; 0 keeps none.",
        ),
        else_(
            "subscriptions",
            Kind::Number(1, 100_000),
            "20000",
            "The most that all phones together may watch: busy lamps (忙灯), agents, mailboxes. Further subscriptions are answered 503.",
        ),
        else_(
            "subscriptions_per_phone",
            Kind::Number(1, 2_000),
            "200",
            "The most that one phone may watch; further subscriptions are answered 403.",
        ),
    ],
};

pub(crate) const LISTENERS: Table = Table {
    path: "listeners.<listener>",
    text: "Further listeners, beside `sip.listen` and `sip.trunk_listen`. Certificates, keys and authorities are read again at SIGHUP, for connections from then on.",
    keys: &[
        must(
            "serves",
            Kind::Word(&["phones", "trunks"]),
            "Whom: phones must authenticate, trunks are known by their addresses.",
        ),
        must(
            "transport",
            Kind::Word(&["udp_tcp", "tls", "ws", "wss"]),
            "What is spoken; `ws` and `wss` are WebSocket, for browsers.",
        ),
        must("listen", Kind::Socket, "Where."),
        may(
            "advertise",
            Kind::Address,
            "The address others are told, where it is not the one listened on.",
        ),
        may(
            "certificate",
            Kind::File,
            "For `tls` and `wss`: our certificate and those above it, PEM.",
        ),
        may("key", Kind::File, "For `tls` and `wss`: the certificate's private key, PEM."),
        may(
            "client_ca",
            Kind::File,
            "For `tls`: who connects must show a certificate of these authorities, PEM.",
        ),
        may(
            "origins",
            Kind::Texts,
            "For `ws` and `wss`: the pages that may connect, like `https://desk.example.cn`; any, when not said.",
        ),
    ],
};

pub(crate) const GUARD: Table = Table {
    path: "guard",
    text: "Against scanners, guessers and floods. Trunks' addresses are judged by their own rules; a place from which a phone is registered is never shut out.",
    keys: &[
        may(
            "trusted",
            Kind::Networks,
            "Sources that may do anything; this machine alone, when not said.",
        ),
        else_(
            "rate",
            Kind::Number(1, 100_000),
            "100",
            "Requests a second from one source, in the long run; more are dropped.",
        ),
        else_("burst", Kind::Number(1, 1_000_000), "500", "Requests at once from one source."),
        else_(
            "offences",
            Kind::Number(1, 10_000),
            "20",
            "Wrong secrets, unknown users and broken messages after which a source is shut out.",
        ),
        else_("within", Kind::Span("1s", "24h"), "10m", "The time in which they count."),
        else_(
            "ban",
            Kind::Span("1s", "24h"),
            "10m",
            "How long a source is shut out; each time twice as long.",
        ),
        else_("longest_ban", Kind::Span("1s", "24h"), "24h", "How long at most."),
    ],
};

pub(crate) const TRACE: Table = Table {
    path: "trace",
    text: "What was said over SIP about calls (信令跟踪): on disk, and sent to a capture server. Registrations and OPTIONS are in neither; credentials and the keys of SRTP are hidden in both.",
    keys: &[
        else_(
            "disk",
            Kind::Number(0, 1_048_576),
            "256",
            "Mebibytes of messages that are kept on disk, in `trace` in the state folder, for `hotline ladder` after a restart and once `sip.trace` has forgotten them; the oldest are given up. 0 keeps none.",
        ),
        may(
            "hep",
            Kind::Socket,
            "The capture server (信令采集服务器), such as Homer or heplify-server: it is sent a copy of every message by HEP version 3 over UDP. What it asks for as a key is `hep_key` in `secrets.toml`, or `HOTLINE_SECRET_HEP`.",
        ),
        else_(
            "hep_id",
            Kind::Number(0, 4_294_967_295),
            "1",
            "The number (capture agent id) by which the capture server tells us from others.",
        ),
    ],
};

pub(crate) const MEDIA: Table = Table {
    path: "media",
    text: "Audio.",
    keys: &[
        must("address", Kind::Address, "The address peers send audio to."),
        else_(
            "ports",
            Kind::Ports,
            "20000-39999",
            "The ports audio uses: the first even, the last odd. A call needs four.",
        ),
        may(
            "threads",
            Kind::Number(1, 64),
            "Media threads; one for every two processors when not said.",
        ),
        else_(
            "lost_after",
            Kind::Span("5s", "10m"),
            "30s",
            "A party from whom no audio has come for so long is taken for lost.",
        ),
    ],
};

pub(crate) const RECORDING: Table = Table {
    path: "recording",
    text: "Recording. Calls from a queue are always recorded.",
    keys: &[
        may(
            "folder",
            Kind::Folder,
            "Where recordings are kept; `recordings` in the state folder when not said.",
        ),
        else_("internal", Kind::Flag, "true", "Whether calls between extensions are recorded."),
        else_("outbound", Kind::Flag, "true", "Whether calls to numbers outside are recorded."),
    ],
};

pub(crate) const STORE: Table = Table {
    path: "store",
    text: "The database for what is looked up. The journal beside it is the truth.",
    keys: &[else_(
        "database",
        Kind::Word(&["sqlite", "postgres"]),
        "sqlite",
        "`sqlite` is a file in the state folder; `postgres` takes its address from `HOTLINE_DATABASE_URL`.",
    )],
};

pub(crate) const API: Table = Table {
    path: "api",
    text: "HTTP and WebSocket. Tokens are in `secrets.toml`.",
    keys: &[
        else_(
            "listen",
            Kind::Socket,
            "127.0.0.1:8080",
            "Where the API, the status page and the metrics are served.",
        ),
        else_(
            "metrics",
            Kind::Word(&["token", "open"]),
            "token",
            "Who may read `/metrics`: `token` is whoever has a token of any role, `open` whoever reaches the address.",
        ),
    ],
};

pub(crate) const PROVISIONING: Table = Table {
    path: "provisioning",
    text: "Setting phones up by an address of their own (`hotline phone provision`), which is served where the API is.",
    keys: &[
        may(
            "url",
            Kind::Text,
            "What these addresses begin with, such as `https://pbx.example.cn`: the API as phones reach it. When not said, as whoever asks for one reached it.",
        ),
        else_(
            "valid",
            Kind::Span("1m", "720h"),
            "24h",
            "How long such an address is good, at most.",
        ),
        may(
            "server",
            Kind::Text,
            "The SIP server that phones are told, a name or an address, with or without a port; `sip.advertise` and the port of a listener when not said.",
        ),
        else_(
            "transport",
            Kind::Word(&["udp", "tcp", "tls"]),
            "udp",
            "How phones are told to reach it; `tls` needs a listener for phones that speaks it.",
        ),
    ],
};

pub(crate) const SOUNDS: Table = Table {
    path: "sounds",
    text: "What callers and agents hear. A prompt is named by its file, without `.wav`: 8 kHz A-law mono.",
    keys: &[
        else_("folder", Kind::Folder, "prompts", "Where the prompts are."),
        else_("queue_music", Kind::Name, "queue-music", "While waiting in a queue."),
        else_("hold_music", Kind::Name, "hold-music", "While on hold."),
        may("queue_welcome", Kind::Name, "The first time in a queue, before the music."),
        may("nobody", Kind::Name, "Before a call ends because nobody can take it."),
        else_("done", Kind::Name, "done", "A feature code was obeyed."),
        else_("refused", Kind::Name, "refused", "A feature code was refused."),
    ],
};

pub(crate) const RULES: Table = Table {
    path: "rules",
    text: "What is enforced about agents' states.",
    keys: &[
        else_(
            "after_sign_in",
            Kind::Word(&["ready", "busy"]),
            "ready",
            "The state sign-in leads to; `busy` takes the reason `after_sign_in_reason`.",
        ),
        may("after_sign_in_reason", Kind::Name, "The reason of `after_sign_in = \"busy\"`."),
        else_(
            "second_session",
            Kind::Word(&["refuse", "take_over"]),
            "refuse",
            "What a second sign-in of the same agent does.",
        ),
        else_(
            "max_no_answer",
            Kind::Number(0, 100),
            "2",
            "Calls left ringing in a row before the agent is set busy; 0 never does it.",
        ),
        else_(
            "device_lost_grace",
            Kind::Span("0s", "1h"),
            "60s",
            "How long an agent whose phone is lost stays signed in, waiting for it.",
        ),
        else_(
            "wrap_up_at_most",
            Kind::Span("0s", "8h"),
            "10m",
            "How far wrap-up may be extended in all.",
        ),
        else_(
            "pause_after_no_answer",
            Kind::Span("0s", "1h"),
            "5s",
            "How long an agent who let it ring is not offered the next call.",
        ),
        else_(
            "pause_after_refused",
            Kind::Span("0s", "1h"),
            "10s",
            "How long an agent who declined is not offered the next call.",
        ),
        else_(
            "pause_after_unreachable",
            Kind::Span("0s", "1h"),
            "5s",
            "How long an agent whose phone could not be reached is not offered the next call.",
        ),
    ],
};

pub(crate) const REASONS: Table = Table {
    path: "busy_reasons.<reason>",
    text: "Why an agent may be busy.",
    keys: &[
        must("label", Kind::Text, "What people read."),
        may("digit", Kind::Digit, "The digit dialled after the feature code for busy."),
        may(
            "longest",
            Kind::Span("1s", "24h"),
            "The longest stay; after it the agent is signed out.",
        ),
    ],
};

pub(crate) const FEATURE_CODES: Table = Table {
    path: "feature_codes",
    text: "What agents dial at their phones.",
    keys: &[
        else_("sign_in", Kind::Dial, "*11", "Sign in (签入)."),
        else_("sign_out", Kind::Dial, "*12", "Sign out (签出)."),
        else_("ready", Kind::Dial, "*13", "Ready (示闲)."),
        else_("busy", Kind::Dial, "*14", "Busy (示忙), followed by a reason's digit."),
        else_("end_wrap_up", Kind::Dial, "*15", "End wrap-up (结束话后处理)."),
    ],
};

pub(crate) const TRUNKS: Table = Table {
    path: "trunks.<trunk>",
    text: "A carrier's SIP connection, trusted by its addresses on the trunk listener.",
    keys: &[
        must("addresses", Kind::Networks, "Where its calls come from."),
        may(
            "proxy",
            Kind::Peer,
            "Where calls go out to: an address, or a name that is looked up as RFC 3263 has it (with a port: its addresses; without: SRV). Of several places the next is tried when one does not answer or is busy. Without it the trunk only brings calls.",
        ),
        else_(
            "transport",
            Kind::Word(&["udp", "tcp", "tls", "auto"]),
            "udp",
            "How calls go out; `tls` needs a listener for trunks that speaks it; `auto` leaves it to the name (NAPTR).",
        ),
        may(
            "user",
            Kind::Text,
            "Who we are where the carrier asks for credentials. The password is in `secrets.toml`, as `password` of [trunks.<trunk>], or in the environment.",
        ),
        may(
            "register",
            Kind::Span("1m", "24h"),
            "For how long we register at the carrier as `user`, where it wants that; refreshed at half the time.",
        ),
        else_(
            "options_every",
            Kind::Span("0s", "1h"),
            "30s",
            "How often each place is asked whether it is there (OPTIONS); what does not answer is tried last. `0s`: never.",
        ),
        else_(
            "dialled",
            Kind::Word(&["request_uri", "to", "diversion", "history_info"]),
            "request_uri",
            "Where a call from it names the number dialled; forwarded calls name it in Diversion or History-Info. Where that is missing the Request-URI counts.",
        ),
        may(
            "host",
            Kind::Text,
            "The carrier's name, written in addresses in place of the proxy's; over TLS its certificate must be for it.",
        ),
        else_(
            "max_calls",
            Kind::Number(1, 20_000),
            "30",
            "The most calls at once, in and out, as the carrier sold them (中继并发).",
        ),
        may(
            "calls_per_second",
            Kind::Number(1, 10_000),
            "The most calls a second, in and out (每秒呼叫数); as many may come at once. Further calls in are answered 503 with Retry-After, further calls out take the next trunk.",
        ),
        else_(
            "inbound_numbers",
            Kind::Word(&["any", "national", "e164"]),
            "any",
            "What the digits of its numbers mean: whatever they look like; `national`, as dialled inside the country; `e164`, a country code first, with or without `+`.",
        ),
        else_(
            "inbound_strip",
            Kind::Number(0, 16),
            "0",
            "How many leading characters of a calling number are not part of it.",
        ),
        else_(
            "inbound_prefix",
            Kind::Text,
            "",
            "What is missing before a calling number, after `inbound_strip`.",
        ),
        else_(
            "outbound_numbers",
            Kind::Word(&["as_dialled", "national", "e164", "plus_e164"]),
            "as_dialled",
            "How it wants the number called and the one shown: `national` is 13800138000 and 01088886666, `e164` 8613800138000, `plus_e164` +8613800138000.",
        ),
        else_(
            "outbound_strip",
            Kind::Number(0, 16),
            "0",
            "How many leading characters of the number called are left out then.",
        ),
        else_(
            "outbound_prefix",
            Kind::Text,
            "",
            "What is written before the number called, after `outbound_strip`.",
        ),
    ],
};

pub(crate) const HOTLINES: Table = Table {
    path: "hotlines.<hotline>",
    text: "A public number and what is behind it.",
    keys: &[
        must("number", Kind::Telephone, "The number, in any spelling of it."),
        must("flow", Kind::Name, "What a caller meets."),
        may("max_calls", Kind::Number(1, 20_000), "The most calls at once; further ones get 503."),
        may(
            "calls_per_second",
            Kind::Number(1, 10_000),
            "The most calls a second; as many may come at once. Further ones get 503 with Retry-After.",
        ),
        else_(
            "reserved",
            Kind::Number(0, 20_000),
            "0",
            "How many places of `service.max_calls` are kept for it (预留并发): no other call takes them.",
        ),
        may(
            "reserved_on",
            Kind::Places,
            "How many places of each trunk's `max_calls` are kept for it.",
        ),
    ],
};

pub(crate) const FLOWS: Table = Table {
    path: "flows.<flow>",
    text: "What a caller meets before the queue: a graph of steps.",
    keys: &[must("start", Kind::Name, "The step callers begin at.")],
};

pub(crate) const STEPS: Table = Table {
    path: "flows.<flow>.steps.<step>",
    text: "One step. `play` takes `prompts` and `next`; `menu` takes `prompts`, `wait`, `tries`, `choices` and `otherwise`; `queue` takes `queue` and `priority`; `release` takes `prompts`.",
    keys: &[
        must("kind", Kind::Word(&["play", "menu", "queue", "release"]), "What happens."),
        may("prompts", Kind::Names, "What is played, in order."),
        may("next", Kind::Name, "The step after `play`."),
        else_(
            "wait",
            Kind::Span("1s", "1m"),
            "5s",
            "How long a `menu` waits for a digit after its prompts.",
        ),
        else_("tries", Kind::Number(1, 9), "3", "How often a `menu` plays its prompts in all."),
        may("choices", Kind::Choices, "The step each digit leads to."),
        may(
            "otherwise",
            Kind::Name,
            "The step for a caller who pressed nothing that leads anywhere.",
        ),
        may("queue", Kind::Name, "The queue to wait in."),
        else_(
            "priority",
            Kind::Number(0, 255),
            "0",
            "The caller's priority in the queue; higher is served first.",
        ),
    ],
};

pub(crate) const QUEUES: Table = Table {
    path: "queues.<queue>",
    text: "Where callers wait.",
    keys: &[
        must("label", Kind::Text, "What people read."),
        must("needs", Kind::Levels, "The skills an agent must have, each with its lowest level."),
        else_(
            "routing",
            Kind::Word(&["longest_idle", "highest_skill", "fewest_calls"]),
            "longest_idle",
            "How ready agents are ranked; ties go to the longest idle, then to the lowest work number.",
        ),
        else_(
            "ring",
            Kind::Span("3s", "3m"),
            "15s",
            "How long one agent's phone rings before the call is offered to the next.",
        ),
        else_("wrap_up", Kind::Span("0s", "1h"), "10s", "After-call work; 0s gives none."),
        may("max_wait", Kind::Span("5s", "24h"), "The longest wait; for ever when not said."),
        may("max_length", Kind::Number(1, 100_000), "The most callers who may wait."),
        may(
            "overflow",
            Kind::Name,
            "The queue a caller goes to whose wait ran out or who was not let in; the call ends when not said.",
        ),
        else_(
            "when_nobody",
            Kind::Word(&["wait", "turn_away"]),
            "wait",
            "What becomes of a caller while nobody who could serve the queue is signed in: waits, or goes to `overflow`.",
        ),
        else_(
            "weight",
            Kind::Number(0, 255),
            "0",
            "Among queues that share an agent, the higher weight is served first.",
        ),
    ],
};

pub(crate) const GROUPS: Table = Table {
    path: "skill_groups.<skill_group>",
    text: "People and what they can do.",
    keys: &[
        must("label", Kind::Text, "What people read."),
        must(
            "skills",
            Kind::Levels,
            "What every member offers, at which level; an agent's own level comes first.",
        ),
        must("members", Kind::Agents, "The work numbers of its members."),
    ],
};

pub(crate) const AGENTS: Table = Table {
    path: "agents.<work number>",
    text: "A person who takes calls, by work number.",
    keys: &[
        must("name", Kind::Text, "What people read."),
        may(
            "phone",
            Kind::Name,
            "The phone used when sign-in names none; the one with the work number when not said.",
        ),
        may("skills", Kind::Levels, "What the agent offers beside the skill groups."),
    ],
};

pub(crate) const PHONES: Table = Table {
    path: "phones.<extension>",
    text: "A SIP account, and the extension that rings it. Its secret is in `secrets.toml`.",
    keys: &[
        else_("name", Kind::Text, "", "The name shown to phones it calls."),
        may("role", Kind::Name, "Decides which numbers outside it may dial."),
        may(
            "networks",
            Kind::Networks,
            "The networks it may register and call from, in place of `sip.networks`; `[]` is anywhere.",
        ),
        may(
            "bindings",
            Kind::Word(&["all_ring", "newest_rings"]),
            "What of it rings, in place of `sip.bindings`.",
        ),
        may(
            "most_bindings",
            Kind::Number(1, 20),
            "The most places it is registered from, in place of `sip.most_bindings`.",
        ),
    ],
};

pub(crate) const OUTBOUND: Table = Table {
    path: "outbound",
    text: "What may be dialled out, as `[[outbound]]`; the first rule that fits decides, and what fits none is refused.",
    keys: &[
        must("prefix", Kind::Text, "What the number dialled begins with; empty fits all."),
        may("roles", Kind::Names, "Roles of phones it holds for; all when not said."),
        else_("strip", Kind::Number(0, 16), "0", "How many leading characters are not sent on."),
        else_("length", Kind::Length, "1-32", "Fewest and most characters of the number dialled."),
        may("trunk", Kind::Name, "The trunk the call leaves by."),
        may(
            "trunks",
            Kind::Names,
            "The trunks in the order they are tried (故障切换): the next one when a trunk is full, over its rate, cannot be reached, or answers 408 or 5xx before the far phone has rung.",
        ),
        else_("forbid", Kind::Flag, "false", "Refuses the number instead."),
        may(
            "show",
            Kind::Telephone,
            "The number shown to the called party (主叫号码). 400 and 800 numbers may not be.",
        ),
    ],
};

/// Every table, in the order of the document.
pub(crate) const TABLES: &[Table] = &[
    SERVICE,
    NUMBERING,
    SIP,
    LISTENERS,
    GUARD,
    TRACE,
    MEDIA,
    RECORDING,
    STORE,
    API,
    PROVISIONING,
    SOUNDS,
    RULES,
    REASONS,
    FEATURE_CODES,
    TRUNKS,
    HOTLINES,
    FLOWS,
    STEPS,
    QUEUES,
    GROUPS,
    AGENTS,
    PHONES,
    OUTBOUND,
];
