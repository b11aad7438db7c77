//! The keys of signalling and of trunks.

use super::{Kind, Table, else_, may, must};

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
        else_(
            "longest_backlog",
            Kind::Span("50ms", "1h"),
            "200ms",
            "When more comes in than is read for so long without a pause, or a call has waited so long to be looked at, new calls get 503 and are asked to come again (Retry-After); registrations after twenty times as long. Calls there are go on.",
        ),
        else_(
            "check_every",
            Kind::Span("0s", "10m"),
            "30s",
            "How often a registered phone is asked whether it is there (OPTIONS), which also keeps the way to it open through NATs. `0s`: never; then a phone that vanishes is missed when its registration ends.",
        ),
        else_(
            "longest_call",
            Kind::Span("1m", "168h"),
            "12h",
            "How long a call may last; then it is hung up. What hangs forgotten costs money.",
        ),
        else_(
            "longest_ringing",
            Kind::Span("10s", "1h"),
            "5m",
            "How long a call that we make may ring, wherever it goes.",
        ),
        else_(
            "longest_unanswered",
            Kind::Span("10s", "24h"),
            "30m",
            "How long a call that comes in may wait without being answered.",
        ),
        else_(
            "forks",
            Kind::Number(1, 100),
            "16",
            "In how many places at a time a call that we make may be heard to ring; what rings elsewhere is heard when it answers.",
        ),
        else_(
            "shortest_registration",
            Kind::Span("10s", "24h"),
            "60s",
            "Phones that want to register for a shorter time are told so (423).",
        ),
        else_(
            "longest_registration",
            Kind::Span("10s", "24h"),
            "10m",
            "Phones that want to register for longer get so long: one that vanishes is missed no later.",
        ),
        may(
            "md5_only",
            Kind::Texts,
            "How the User-Agent of a phone begins that must be challenged with MD5 alone, since it gives up at SHA-256; those of baresip up to version 2, when not said; a list takes their place.",
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
    text: "Against scanners, guessers and floods. Trunks' addresses are judged by their own rules; a place from which a phone is registered is never shut out. For what comes in datagrams, which anybody can send in another's name, only datagrams of a source are shut out, but for a few (`banned_rate`) and for those that answer a challenge; for what it does over connections or after it has answered a challenge, everything is, and its connections are closed.",
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
            "Requests a second from one source, in the long run; more are dropped. Datagrams, connections, new connections and keep-alives are counted apart, and each registered phone for itself.",
        ),
        else_("burst", Kind::Number(1, 1_000_000), "500", "Requests at once from one source."),
        else_(
            "offences",
            Kind::Number(1, 10_000),
            "20",
            "Wrong secrets, unknown users, broken messages and broken handshakes after which a source is shut out.",
        ),
        else_("within", Kind::Span("1s", "24h"), "10m", "The time in which they count."),
        else_(
            "ban",
            Kind::Span("1s", "24h"),
            "10m",
            "How long a source is shut out; each time twice as long.",
        ),
        else_("longest_ban", Kind::Span("1s", "24h"), "24h", "How long at most."),
        else_(
            "banned_rate",
            Kind::Number(1, 1_000),
            "10",
            "Datagrams a second that are answered all the same of a source whose datagrams are shut out: somebody else may have sent them in its name, and phones there must come in.",
        ),
        else_(
            "free_guesses",
            Kind::Number(1, 1_000),
            "5",
            "Wrong secrets in a row for one account, from one source, that cost nothing; then the next attempt from there waits, each time twice as long.",
        ),
        else_("longest_wait", Kind::Span("1s", "24h"), "60s", "How long it waits at most."),
        else_(
            "sources",
            Kind::Number(1_000, 10_000_000),
            "65536",
            "How many sources are remembered, twice, and how many may be shut out at a time.",
        ),
        may(
            "scanners",
            Kind::Texts,
            "How the User-Agent of a scanner begins; a list of well-known ones, when not said.",
        ),
        else_(
            "connections",
            Kind::Number(10, 1_000_000),
            "10000",
            "Connections at a time (TCP, TLS, WebSocket); a tenth is kept for those that we make.",
        ),
        else_(
            "connections_per_source",
            Kind::Number(1, 1_000_000),
            "200",
            "Connections at a time from one source: as many phones as are behind one NAT.",
        ),
        else_(
            "slowest_message",
            Kind::Span("1s", "5m"),
            "10s",
            "How long a message may take from its first octet to its last, and a new connection until its first; as long what we write may take to leave.",
        ),
        else_(
            "longest_silence",
            Kind::Span("10s", "24h"),
            "30m",
            "How long a connection may be silent by which a phone has registered or a call goes.",
        ),
        else_(
            "unread",
            Kind::Number(65_536, 67_108_864),
            "1048576",
            "Octets of ours that the other side of a connection may leave unread; more closes it. Who has proven nothing yet may leave 65536.",
        ),
        else_(
            "message",
            Kind::Number(2_048, 65_536),
            "65536",
            "Octets in a message, body included; a longer one gets 513.",
        ),
        else_("headers", Kind::Number(32, 256), "256", "Header fields in a message."),
        else_(
            "header",
            Kind::Number(256, 8_192),
            "8192",
            "Octets in the value of one header field.",
        ),
        else_("uri", Kind::Number(128, 2_048), "2048", "Octets in the address a request is for."),
        else_(
            "body",
            Kind::Number(1_024, 65_536),
            "65536",
            "Octets in the body of a message; a longer one gets 413.",
        ),
        else_(
            "nonces",
            Kind::Number(1_000, 10_000_000),
            "20000",
            "How many of the nonces that were used are remembered, so that nobody uses what was overheard; who brings one that is forgotten is challenged again.",
        ),
        else_("nonce_lifetime", Kind::Span("30s", "1h"), "5m", "How long a nonce is good."),
        else_(
            "bindings",
            Kind::Number(10, 10_000_000),
            "100000",
            "Places that all phones together are registered from; a further one gets 503.",
        ),
        else_(
            "transactions",
            Kind::Number(1_000, 10_000_000),
            "100000",
            "Requests under way at a time, and answers that are remembered for half a minute in case their requests come again.",
        ),
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

pub(crate) const TRUNKS: Table = Table {
    path: "trunks.<trunk>",
    text: "A carrier's SIP connection, trusted by its addresses on the trunk listener, or by digest.",
    keys: &[
        may(
            "addresses",
            Kind::Networks,
            "Where its calls come from. Must be there unless `inbound_user` is; beside that, its calls come from nowhere else.",
        ),
        may(
            "inbound_user",
            Kind::Text,
            "As whom it proves itself by digest when it calls, such as a gateway without an address of its own. The password is in `secrets.toml`, as `inbound_password` of [trunks.<trunk>], or in the environment.",
        ),
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
        else_(
            "caller_id",
            Kind::Word(&["from", "asserted", "withheld"]),
            "from",
            "How it is told who calls (主叫号码): in From; `asserted`, in P-Asserted-Identity too; `withheld`, in that alone, and the carrier is asked to show nobody (Privacy).",
        ),
        may(
            "host",
            Kind::Text,
            "The carrier's name, written in addresses in place of the proxy's; over TLS its certificate must be for it.",
        ),
        may(
            "certificate",
            Kind::Text,
            "The name of a host that its certificate must be for when it connects to a listener with `client_ca`; `host`, or the name in `proxy`, when not said. A trunk without any name may show every certificate of those authorities.",
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
