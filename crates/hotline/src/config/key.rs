//! Every key of the configuration file: its kind, its default and what it is for. The reader takes
//! defaults and bounds from here, and `docs/configuration.md` is made from it, so that neither
//! knows a key the other does not.

mod distribution;
mod signalling;

pub(crate) use distribution::{CALLBACK, QUEUES, TIERS};
pub(crate) use signalling::{GUARD, LISTENERS, SIP, TRACE, TRUNKS};

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
    /// Keys of a telephone, each with where it leads.
    Exits,
    /// Digits.
    Digits,
    /// Trunks, each with a number of places.
    Places,
    /// How far local time is ahead of UTC.
    Offset,
    /// A time of day.
    Clock,
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

/// What agents may do about wrap-up.
const WRAP_UP_MODES: &[&str] = &["flexible", "fixed", "extendable", "endable", "manual", "none"];

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
            "force_note",
            Kind::Word(&["optional", "needed"]),
            "optional",
            "Whether a team lead who forces a state (强制) must say why.",
        ),
        else_(
            "wrap_up",
            Kind::Word(WRAP_UP_MODES),
            "flexible",
            "What agents may do about wrap-up (话后处理): end it early and extend it, nothing, only extend it, only end it; `manual` lasts until the agent ends it, at most `wrap_up_at_most`; `none` is none, whatever the queue gives.",
        ),
        else_(
            "wrap_up_at_most",
            Kind::Span("0s", "8h"),
            "10m",
            "How far wrap-up may be extended in all.",
        ),
        else_(
            "sign_in_before",
            Kind::Span("0s", "4h"),
            "15m",
            "How long before a shift agents who have one may sign in (提前签入).",
        ),
        else_(
            "late_after",
            Kind::Span("0s", "4h"),
            "0s",
            "Who signs in for the first time more than this after the shift has begun is late (迟到), and the log says so.",
        ),
        else_(
            "early_before",
            Kind::Span("0s", "4h"),
            "0s",
            "Who signs out more than this before the shift's end leaves early (早退), and the log says so.",
        ),
        else_(
            "shift_end",
            Kind::Word(&["sign_out", "stay"]),
            "sign_out",
            "What becomes of agents when their shift is over: they are signed out as soon as nothing holds them, or stay.",
        ),
        else_(
            "linger",
            Kind::Span("0s", "8h"),
            "10m",
            "How long after the shift's end agents are signed out.",
        ),
        else_(
            "utc_offset",
            Kind::Offset,
            "+08:00",
            "How far the clock on the wall is ahead of UTC. There is no daylight saving.",
        ),
        else_(
            "day_begins",
            Kind::Clock,
            "00:00",
            "When the working day begins that allowances are for.",
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

pub(crate) const SHIFTS: Table = Table {
    path: "shifts.<shift>",
    text: "When agents work (班次), by the clock of `rules.utc_offset`. Agents without shifts come and go.",
    keys: &[
        must("from", Kind::Clock, "When it begins."),
        must(
            "until",
            Kind::Clock,
            "When it ends; after midnight, where that is no later than `from`.",
        ),
        may(
            "days",
            Kind::Names,
            "The days of the week it begins on: `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`; all, when not said.",
        ),
    ],
};

pub(crate) const BREAKS: Table = Table {
    path: "shifts.<shift>.breaks",
    text: "The breaks that a shift plans (计划小休), each a table `[[shifts.NAME.breaks]]`. While one is on, the agent may be busy for its reason whatever its `allowance` and `share` say; its beginning and a late return are in the log.",
    keys: &[
        must("from", Kind::Clock, "When it begins."),
        must(
            "until",
            Kind::Clock,
            "When it ends; after midnight, where that is no later than `from`.",
        ),
        must("reason", Kind::Name, "What the agent is busy for."),
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
            "The longest stay; `overstay` says what happens then.",
        ),
        else_(
            "overstay",
            Kind::Word(&["sign_out", "alert", "warn"]),
            "sign_out",
            "How far it goes with a stay that is too long: the agent is warned, then team leads are told too, then the agent is signed out as well.",
        ),
        else_(
            "warn_before",
            Kind::Span("0s", "1h"),
            "0s",
            "How long before the end of the longest stay the agent is warned.",
        ),
        else_(
            "alert_after",
            Kind::Span("0s", "8h"),
            "0s",
            "How long after it team leads (班长) are told.",
        ),
        else_(
            "sign_out_after",
            Kind::Span("0s", "8h"),
            "0s",
            "How long after it the agent is signed out.",
        ),
        may(
            "allowance",
            Kind::Span("1m", "24h"),
            "How long an agent may be busy for it in a day (每日总时长), all stays together. The last of them is no longer than what is left; when nothing is, the request is refused.",
        ),
        may(
            "share",
            Kind::Number(1, 100),
            "How many of a hundred agents of a skill group who are signed in may be busy for it at once (同时小休比例); one always may. Who is of several groups needs a place in each; those of none are one together.",
        ),
        may(
            "team_share",
            Kind::Number(1, 100),
            "The same of a team's agents (班组) who are signed in; those of no team are one together.",
        ),
        else_(
            "when_full",
            Kind::Word(&["refuse", "wait"]),
            "refuse",
            "What becomes of a request when so many are: it is refused, or the agent works on and is busy as soon as one of the others returns (排队小休).",
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
    text: "One step. `play` takes `prompts` and `next`; `menu` takes `prompts`, `wait`, `tries`, `choices` and `otherwise`; `queue` takes `queue` and `priority`; `callback` takes `queue`, `priority` and `otherwise`; `release` takes `prompts`.",
    keys: &[
        must(
            "kind",
            Kind::Word(&["play", "menu", "queue", "callback", "release"]),
            "What happens.",
        ),
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
            "The step for a caller who pressed nothing that leads anywhere, or cannot be called back.",
        ),
        may("queue", Kind::Name, "The queue to wait in, or to be called back from."),
        else_(
            "priority",
            Kind::Number(0, 255),
            "0",
            "The caller's priority in the queue; higher is served first.",
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

pub(crate) const TEAMS: Table = Table {
    path: "teams.<team>",
    text: "People who work together (班组); an agent is in one team at most.",
    keys: &[
        must("label", Kind::Text, "What people read."),
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
        may(
            "shifts",
            Kind::Names,
            "The shifts the agent works in; without any the agent may sign in at any time.",
        ),
        may(
            "queues",
            Kind::Names,
            "The queues the agent is signed in to at first (初始签入队列), of those whose needs the agent meets; all of them when not said.",
        ),
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
        else_(
            "auto_answer",
            Kind::Flag,
            "false",
            "Asks the phone to answer by itself the calls that queues give its agent (自动应答); other calls ring.",
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
            "The trunks in the order they are tried (故障切换): the next one when a trunk is full, over its rate, cannot be reached, or answers 408, 5xx or what concerns our request or login (401, 407, 420 to 422, 482, 483 and the like) before the far phone has rung.",
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
    SHIFTS,
    BREAKS,
    REASONS,
    FEATURE_CODES,
    TRUNKS,
    HOTLINES,
    FLOWS,
    STEPS,
    QUEUES,
    TIERS,
    CALLBACK,
    GROUPS,
    TEAMS,
    AGENTS,
    PHONES,
    OUTBOUND,
];
