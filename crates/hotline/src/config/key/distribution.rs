//! The keys of queues: who may serve them, how agents are ranked, how long callers wait.

use super::{Kind, Table, WRAP_UP_MODES, else_, may, must};

pub(crate) const QUEUES: Table = Table {
    path: "queues.<queue>",
    text: "Where callers wait.",
    keys: &[
        must("label", Kind::Text, "What people read."),
        must("needs", Kind::Levels, "The skills an agent must have, each with its lowest level."),
        may(
            "needs_one_of",
            Kind::Levels,
            "Skills of which an agent must have one, at its lowest level.",
        ),
        may("needs_not", Kind::Names, "Skills an agent must not have."),
        else_(
            "routing",
            Kind::Word(&[
                "longest_idle",
                "longest_since_call",
                "highest_skill",
                "fewest_calls",
                "fewest_calls_here",
                "least_talk_time",
                "least_occupied",
                "round_robin",
                "linear",
                "random",
                "weighted_random",
            ]),
            "longest_idle",
            "How ready agents of one tier are ranked; ties go to the longest idle, then to the lowest work number. Chance is drawn from a seed that the configuration gives, and told in the log.",
        ),
        may("order", Kind::Agents, "The order of `linear`; the others follow by work number."),
        may(
            "shares",
            Kind::Levels,
            "How calls are divided between agents by a skill of theirs, like `{ inhouse = 7, partner = 3 }`; who has none of the skills comes last.",
        ),
        else_(
            "ringing",
            Kind::Word(&["one", "all", "progressive"]),
            "one",
            "How many phones ring for one caller: `one` 单振, those of `all` who are free, at most 16 同振, or one more every `ring_another` 渐进.",
        ),
        else_(
            "ring_another",
            Kind::Span("1s", "1m"),
            "10s",
            "After how long one more phone rings, where `ringing` is `progressive`.",
        ),
        else_(
            "ring",
            Kind::Span("3s", "3m"),
            "15s",
            "How long one agent's phone rings before the call is offered to the next.",
        ),
        else_("wrap_up", Kind::Span("0s", "1h"), "10s", "After-call work; 0s gives none."),
        may(
            "wrap_up_mode",
            Kind::Word(WRAP_UP_MODES),
            "What agents may do about it, in place of `rules.wrap_up`.",
        ),
        may("max_wait", Kind::Span("5s", "24h"), "The longest wait; for ever when not said."),
        may("max_length", Kind::Number(1, 100_000), "The most callers who may wait."),
        may(
            "max_estimate",
            Kind::Span("5s", "24h"),
            "A caller who would probably wait longer is not let in (预计等待).",
        ),
        may(
            "most_at_once",
            Kind::Number(1, 100_000),
            "The most callers of the queue who may talk to agents or ring their phones at once.",
        ),
        may(
            "priority_worth",
            Kind::Span("1s", "24h"),
            "So much waiting counts as much as one step of priority; when not said, priority comes first however long others have waited.",
        ),
        may(
            "overflow",
            Kind::Name,
            "The queue a caller goes to whose wait ran out or who was not let in; the call ends when not said.",
        ),
        else_(
            "when_nobody",
            Kind::Word(&["wait", "turn_away"]),
            "wait",
            "What becomes of a caller while there is nobody who could serve the queue: waits, or goes to `overflow`.",
        ),
        else_(
            "nobody",
            Kind::Word(&["signed_in", "working"]),
            "signed_in",
            "When there is nobody: nobody who fits is signed in, or all who are have made themselves busy (示忙).",
        ),
        may(
            "leave_after",
            Kind::Span("1s", "24h"),
            "When there has been nobody for so long, those who wait go to `overflow` too.",
        ),
        may(
            "last_agent_within",
            Kind::Span("1m", "8760h"),
            "A caller whom an agent served no longer ago is kept for that agent at first (熟客).",
        ),
        else_("last_agent_wait", Kind::Span("1s", "1h"), "20s", "How long such a caller is kept."),
        may(
            "resume_within",
            Kind::Span("5s", "24h"),
            "A caller who gave up and calls again within so much has the old place.",
        ),
        may(
            "keys",
            Kind::Exits,
            "The keys by which a caller leaves the queue (退出键): for another queue, for a flow, to be called back in the same place (`\"callback\"`, 回拨), or to be released, after a prompt where one is named. A phone that rings for the caller stops ringing.",
        ),
        may("keys_prompt", Kind::Name, "What tells callers of these keys, before the music."),
        else_(
            "weight",
            Kind::Number(0, 255),
            "0",
            "Among queues that share an agent, the higher weight is served first.",
        ),
    ],
};

pub(crate) const TIERS: Table = Table {
    path: "queues.<queue>.tiers",
    text: "Who may be given the queue's calls later (梯队), from the inside out, each a table `[[queues.NAME.tiers]]`. A tier inside which nobody is signed in is not waited for.",
    keys: &[
        must("needs", Kind::Levels, "The skills an agent must have, each with its lowest level."),
        may(
            "needs_one_of",
            Kind::Levels,
            "Skills of which an agent must have one, at its lowest level.",
        ),
        may("needs_not", Kind::Names, "Skills an agent must not have."),
        may(
            "after",
            Kind::Span("1s", "24h"),
            "Opens the tier for a caller who has waited so long.",
        ),
        may("waiting", Kind::Number(1, 100_000), "Opens the tier for all while so many wait."),
    ],
};

pub(crate) const CALLBACK: Table = Table {
    path: "queues.<queue>.callback",
    text: "How callers of the queue are called back (回拨，保留排位) who ask for it by a key or in a flow. The agent is rung first, and the caller is called when the agent has answered. A caller has one callback for a queue, however often asked for.",
    keys: &[
        else_("attempts", Kind::Number(1, 9), "3", "How often the caller is called at most."),
        else_("pause", Kind::Span("1m", "24h"), "10m", "How long it is until the next attempt."),
        else_(
            "expires",
            Kind::Span("10m", "72h"),
            "8h",
            "How long after the wish the callback is given up.",
        ),
        may(
            "from",
            Kind::Clock,
            "When callers are called from, by the clock of `rules.utc_offset`.",
        ),
        may(
            "until",
            Kind::Clock,
            "Until when; after midnight, where that is no later than `from`.",
        ),
        else_(
            "prefix",
            Kind::Text,
            "",
            "What is dialled before the caller's number, so that a rule of `[[outbound]]` takes it; that rule says by which trunk, and which number is shown.",
        ),
        may("role", Kind::Name, "The role for which that rule holds."),
        may("accepted", Kind::Name, "What a caller hears who will be called back."),
        may(
            "refused",
            Kind::Name,
            "What a caller hears who cannot be called back, and waits on: the number is withheld, or may not be dialled.",
        ),
    ],
};
