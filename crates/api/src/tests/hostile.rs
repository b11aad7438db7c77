use super::client::{raw, send};
use super::house::House;

#[tokio::test]
async fn a_body_that_is_not_what_is_expected_is_refused_and_asks_nothing() {
    let house = House::open().await;
    for (path, body) in [
        ("/v1/agents/1001/busy", ""),
        ("/v1/agents/1001/busy", "{"),
        ("/v1/agents/1001/busy", "[]"),
        ("/v1/agents/1001/busy", r#"{"reason":7}"#),
        ("/v1/agents/1001/busy", r#"{"reason":""}"#),
        ("/v1/agents/1001/busy", r#"{"reason":"lunch","until":"noon"}"#),
        ("/v1/agents/1001/busy", "\u{0}\u{1}"),
        ("/v1/agents/1001/ready", r#"{"reason":"lunch"}"#),
        ("/v1/agents/1001/force", r#"{"state":"on_call"}"#),
        ("/v1/agents/1001/force", r#"{"state":"busy"}"#),
        ("/v1/agents/1001/force", r#"{"state":"ready","note":" "}"#),
        ("/v1/agents/1001/force", r#"{"state":"ready","reason":"x"}"#),
        ("/v1/agents/1001/extend-wrap-up", r#"{"by_ms":-1}"#),
        ("/v1/agents/1001/extend-wrap-up", r#"{"by_ms":1e99}"#),
    ] {
        let refused = house.post("admin", path, body).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (400, "body_malformed"),
            "{path} {body}"
        );
    }
    let deep = format!(r#"{{"reason":{}"#, "[".repeat(30_000));
    assert_eq!(house.post("admin", "/v1/agents/1001/busy", &deep).await.code(), "body_malformed");
    let long = format!(r#"{{"reason":"{}"}}"#, "x".repeat(60_000));
    assert_eq!(house.post("admin", "/v1/agents/1001/busy", &long).await.code(), "body_malformed");
    assert!(house.desk.asked().is_empty());
}

#[tokio::test]
async fn a_body_over_the_bound_is_refused_before_it_is_read() {
    let house = House::open().await;
    let body = "x".repeat(70_000);
    for key in ["", "Idempotency-Key: k\r\n"] {
        let refused = house.ask_with("admin", ("POST", "/v1/agents/1001/busy"), key, &body).await;
        assert_eq!((refused.status, refused.code().as_str()), (413, "body_too_large"));
    }
}

#[tokio::test]
async fn paths_methods_and_ids_that_are_not_ours_get_a_problem() {
    let house = House::open().await;
    for (method, path, status, code) in [
        ("GET", "/v2/status", 404, "path_unknown"),
        ("GET", "/v1", 404, "path_unknown"),
        ("DELETE", "/v1/calls/1-1", 405, "method_unknown"),
        ("GET", "/v1/agents/1001/ready", 405, "method_unknown"),
        ("POST", "/v1/agents/x/ready", 400, "id_malformed"),
        ("POST", "/v1/agents/99999999999999999999/ready", 400, "id_malformed"),
        ("GET", "/v1/calls/..%2f..%2fetc", 400, "id_malformed"),
        ("GET", "/v1/calls/%ff", 400, "id_malformed"),
        ("GET", "/v1/calls?limit=many", 400, "query_malformed"),
        ("GET", "/v1/calls?agent=x", 400, "query_malformed"),
        ("GET", "/v1/calls?after=x", 400, "query_malformed"),
        ("GET", "/v1/calls?outcome=happy", 400, "query_malformed"),
        ("GET", "/v1/calls?colour=red", 400, "query_malformed"),
        ("GET", "/v1/recordings?since=yesterday", 400, "query_malformed"),
    ] {
        let refused = house.ask("admin", method, path).await;
        assert_eq!((refused.status, refused.code().as_str()), (status, code), "{method} {path}");
    }
    let quoted = house.ask("admin", "GET", "/v1/calls?number=1'%20OR%20'1'='1&queue=%27;--").await;
    assert_eq!(quoted.json()["calls"], serde_json::json!([]));
}

#[tokio::test]
async fn octets_that_are_no_proper_http_end_their_connection_alone() {
    let house = House::open().await;
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000));
    let heads = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(5_000));
    let garbage: [&[u8]; 6] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"INVITE sip:1001@hotline SIP/2.0\r\n\r\n",
        &[0; 4096],
        b"GET / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        long.as_bytes(),
        heads.as_bytes(),
    ];
    for octets in garbage {
        let answer = raw(house.address, octets).await;
        let is_answer = answer.starts_with(b"HTTP/1.1 4") || answer.starts_with(b"HTTP/1.1 200");
        assert!(answer.is_empty() || is_answer, "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(house.ask("wall", "GET", "/v1/status").await.status, 200);
}

#[tokio::test]
async fn a_client_that_says_nothing_or_never_ends_its_head_is_let_go() {
    let house = House::open().await;
    assert!(raw(house.address, b"").await.is_empty());
    raw(house.address, b"GET /v1/status HTTP/1.1\r\nHost: h\r\n").await;
    let whole = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n";
    assert!(raw(house.address, whole).await.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn after_hundreds_of_mutated_requests_the_next_is_served() {
    let house = House::open().await;
    let seed = "POST /v1/agents/1001/busy HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
                Authorization: Bearer admin-token\r\nContent-Length: 18\r\n\r\n{\"reason\":\"lunch\"}";
    // A generator of our own, so that every run sends the same.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut chance = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    for _ in 0..500 {
        let mut octets = seed.as_bytes().to_vec();
        for _ in 0..=chance(6) {
            let at = chance(octets.len());
            match chance(3) {
                0 => octets[at] = u8::try_from(chance(256)).unwrap(),
                1 => drop(octets.remove(at)),
                _ => octets.insert(at, u8::try_from(chance(256)).unwrap()),
            }
        }
        // What follows makes a request whole that waits for more.
        octets.extend_from_slice(&[b'\r', b'\n'].repeat(32));
        let mut stream = tokio::net::TcpStream::connect(house.address).await.unwrap();
        use tokio::io::AsyncWriteExt as _;
        let _ = stream.write_all(&octets).await;
    }
    let request = "GET /v1/status HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
                   Authorization: bearer wall-token\r\n\r\n";
    assert_eq!(send(house.address, request).await.status, 200);
}
