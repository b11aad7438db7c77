//! What the documentation says of the API, and that it is so.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::house::House;
use crate::problem::PROBLEMS;
use crate::routes::roles::EVERYONE;
use crate::routes::{ROUTES, Route};

/// Each role, and whose token has it; `wang` is agent 1001.
const PEOPLE: [(&str, &str); 5] = [
    ("admin", "admin"),
    ("team_lead", "lead"),
    ("agent", "wang"),
    ("reviewer", "qa"),
    ("viewer", "wall"),
];

#[tokio::test]
async fn each_path_is_open_to_the_roles_that_are_named_and_to_no_other() {
    let house = House::open().await;
    for Route { method, path, roles, .. } in ROUTES {
        let place = path
            .replace("{agent}", "1001")
            .replace("{call}", "1-1")
            .replace("{draw}", "none")
            .replace("{source}", "192.0.2.1")
            .replace("{phone}", "1001")
            .replace("{recording}", "1-1.1");
        for (role, who) in PEOPLE {
            let answer = house.ask(who, &method.to_uppercase(), &place).await;
            let may = role == "admin" || roles.contains(&role);
            assert_eq!(answer.status != 403, may, "{method} {path} as {role}: {}", answer.head);
        }
    }
}

#[test]
fn the_document_of_every_path_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api.md");
    let document = document();
    if std::env::var_os("HOTLINE_WRITE_DOCS").is_some() {
        fs::write(&path, &document).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == document, "docs/api.md is out of date: run `cargo xtask docs`");
}

/// The text of `docs/api.md`.
fn document() -> String {
    let mut text = INTRODUCTION.to_owned();
    text.push_str(
        "\n## Paths\n\n| | path | takes | who, beside `admin` | does |\n|---|---|---|---|---|\n",
    );
    for Route { method, path, roles, takes, text: does } in ROUTES {
        let method = method.to_uppercase();
        let who = if *roles == EVERYONE { "every role".to_owned() } else { roles.join(", ") };
        let _ = writeln!(text, "| {method} | `{path}` | {takes} | {who} | {does} |");
    }
    text.push_str(AFTER_PATHS);
    for (code, status, title) in PROBLEMS {
        let _ = writeln!(text, "| `{code}` | {status} | {title} |");
    }
    text
}

const INTRODUCTION: &str = "\
# HTTP API

Made from `crates/api/src/routes.rs` by `cargo xtask docs`.

Everything is JSON, under the address of `api.listen`. A request carries a token:
`Authorization: Bearer <token>`. Browsers' players and WebSockets, which can send no headers, may give it as
`?access_token=<token>`; a WebSocket also as the subprotocol `bearer.<token>`. Tokens are made by
`hotline secrets`; each has a role. An `agent:<work number>` commands that agent alone; a `viewer` sees no
customer's number whole.

```console
$ curl -H \"Authorization: Bearer $HOTLINE_TOKEN\" http://127.0.0.1:8080/v1/status
$ curl -H \"Authorization: Bearer $HOTLINE_TOKEN\" -H 'Idempotency-Key: 7f3a' \\
    -d '{\"reason\": \"break\"}' http://127.0.0.1:8080/v1/agents/1001/busy
```

A command may carry an `Idempotency-Key`: sent again with the same key it is not carried out twice, and has the
same answer. A command that takes effect after the call is answered 202 with what is `remembered`. Points in
time are like `2026-11-22T05:13:57.123456Z`, in UTC; spans end in `_ms`. A list is read on by giving its `next` as
`after`.

`/provision/<token>/<file>` is what `POST /v1/phones/<phone>/provisioning` gives out: phones fetch their configuration
there without a token of a role ([operating.md](operating.md#setting-a-phone-up)). What is not good there is `path_unknown`.

`/healthz` says without a token whether calls can be taken and written down; `/metrics` is for Prometheus, with a token unless
`api.metrics` is `open`;
`/` is the live status page.
";

const AFTER_PATHS: &str = "
## Event stream

Each message of `/v1/events` is one event of the log, in order, once it is on disk ([events.md](events.md)). Keep
the `epoch` and `seq` of the last one, and come back with `?after=epoch:seq`: nothing is missed and nothing told
twice. Whoever reads too slowly is closed with 1013 and comes back the same way.

## Problems

Errors are `application/problem+json` (RFC 9457) with a stable `code`. Those of agents' states and calls are in
[operating.md](operating.md), and so is what to do about each of these:

| code | status | means |
|---|---|---|
";
