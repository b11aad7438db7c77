use model::{AgentId, Next, PhoneId, Reason};
use serde_json::json;
use switchboard::ports::Request;

use super::client::send;
use super::house::House;

#[tokio::test]
async fn each_command_reaches_the_floor_as_what_it_means() {
    let house = House::open().await;
    let agent = AgentId::new(1001);
    let path = |command: &str| format!("/v1/agents/1001/{command}");
    let signed_in = house.post("lead", &path("sign-in"), r#"{"phone":"1001"}"#).await;
    assert_eq!(
        (signed_in.status, signed_in.json()["agent"]["state"].clone()),
        (200, json!("ready"))
    );
    let busy = house.post("lead", &path("busy"), r#"{"reason":"lunch"}"#).await;
    assert_eq!((busy.status, busy.json()), (202, json!({ "remembered": { "busy": "lunch" } })));
    house.post("lead", &path("sign-in"), "").await;
    house.post("lead", &path("ready"), "").await;
    house.post("lead", &path("sign-out"), "{}").await;
    house.post("lead", &path("end-wrap-up"), "").await;
    house.post("lead", &path("extend-wrap-up"), r#"{"by_ms":30000}"#).await;
    for word in ["sign-in", "sign-out"] {
        let path = path(&format!("queues/vip/{word}"));
        assert_eq!(house.post("lead", &path, "").await.status, 200, "{word}");
        assert_eq!(house.post("qa", &path, "").await.code(), "not_allowed");
    }
    let forced = r#"{"state":"busy","reason":"meeting","note":"培训"}"#;
    assert_eq!(house.post("lead", &path("force"), forced).await.status, 200);
    for (command, wanted) in [("assign", r#"{"agent":1001}"#), ("move", r#"{"queue":"vip"}"#)] {
        let path = format!("/v1/calls/1-9/{command}");
        assert_eq!(house.post("lead", &path, wanted).await.status, 200, "{command}");
        for person in ["wang", "qa"] {
            assert_eq!(house.post(person, &path, wanted).await.code(), "not_allowed");
        }
    }
    let call = model::CallId::new(model::Epoch::new(1), 9);
    let become_next = |next| Request::Become { agent, next };
    let expected = [
        Request::SignIn { agent, phone: Some(PhoneId::from("1001")) },
        become_next(Next::Busy(Reason::from("lunch"))),
        Request::SignIn { agent, phone: None },
        become_next(Next::Ready),
        become_next(Next::SignedOut),
        Request::EndWrapUp { agent },
        Request::ExtendWrapUp { agent, by: std::time::Duration::from_secs(30) },
        Request::SignInTo { agent, queue: "vip".into() },
        Request::SignOutOf { agent, queue: "vip".into() },
        Request::Force {
            agent,
            next: Next::Busy(Reason::from("meeting")),
            note: Some("培训".into()),
        },
        Request::Assign { call, agent },
        Request::Move { call, queue: "vip".into() },
    ];
    let asked = house.desk.asked();
    assert!(asked.iter().all(|(actor, _)| actor == "user:lead/api"));
    assert_eq!(asked.into_iter().map(|(_, request)| request).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_refusal_keeps_its_code_and_status() {
    let house = House::open().await;
    let refused = house.post("admin", "/v1/agents/1002/sign-in", "").await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "phone_not_registered"));
    let refused = house.post("admin", "/v1/calls/1-77/release", "").await;
    assert_eq!((refused.status, refused.code().as_str()), (404, "call_unknown"));
    house.desk.fall_silent();
    let refused = house.post("admin", "/v1/agents/1001/ready", "").await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "unavailable"));
    assert!(refused.head.contains("retry-after: 1"));
}

#[tokio::test]
async fn an_agent_commands_only_the_own_state_and_acts_under_the_own_number() {
    let house = House::open().await;
    assert_eq!(house.post("wang", "/v1/agents/1001/ready", "").await.status, 200);
    assert_eq!(house.desk.asked()[0].0, "agent:1001/api");
    for (path, body) in [
        ("/v1/agents/1002/ready", ""),
        ("/v1/agents/1001/force", r#"{"state":"ready"}"#),
        ("/v1/calls/1-9/release", ""),
        ("/v1/draws", r#"{"size":1}"#),
    ] {
        let refused = house.post("wang", path, body).await;
        assert_eq!((refused.status, refused.code().as_str()), (403, "not_allowed"), "{path}");
    }
    assert_eq!(house.desk.asked().len(), 1);
}

#[tokio::test]
async fn a_viewer_sees_the_floor_and_changes_nothing() {
    let house = House::open().await;
    for path in ["/v1/status", "/v1/agents", "/v1/agents/1001", "/v1/queues", "/metrics"] {
        assert_eq!(house.ask("wall", "GET", path).await.status, 200, "{path}");
    }
    for path in ["/v1/calls", "/v1/calls/1-1", "/v1/recordings", "/v1/recordings/1-1.1/audio"] {
        assert_eq!(house.ask("wall", "GET", path).await.code(), "not_allowed", "{path}");
    }
    let commands = ["agents/1001/ready", "agents/1001/sign-in", "calls/1-9/release"];
    for command in commands {
        let refused = house.post("wall", &format!("/v1/{command}"), "").await;
        assert_eq!(refused.code(), "not_allowed", "{command}");
    }
    assert!(house.desk.asked().is_empty());
}

#[tokio::test]
async fn a_source_that_is_shut_out_is_seen_and_let_in_by_an_admin() {
    let house = House::open().await;
    let listed = house.ask("admin", "GET", "/v1/bans").await.json();
    assert_eq!(listed["bans"][0]["source"], "203.0.113.7");
    let lift = "/v1/bans/203.0.113.7/lift";
    assert_eq!(house.post("lead", lift, "").await.code(), "not_allowed");
    assert_eq!(house.post("admin", lift, "").await.status, 200);
    assert_eq!(house.post("admin", lift, "").await.code(), "ban_unknown");
    assert_eq!(house.post("admin", "/v1/bans/x/lift", "").await.code(), "id_malformed");
    let listed = house.ask("admin", "GET", "/v1/bans").await.json();
    assert_eq!(listed["bans"], json!([]));
}

#[tokio::test]
async fn an_admin_sees_which_trunk_is_down_and_why() {
    let house = House::open().await;
    let listed = house.ask("admin", "GET", "/v1/trunks").await.json();
    let place = &listed["trunks"][0]["places"][0];
    assert_eq!((&place["health"], &place["why"]), (&json!("down"), &json!("says nothing")));
    assert_eq!(house.ask("lead", "GET", "/v1/trunks").await.code(), "not_allowed");
}

#[tokio::test]
async fn without_a_token_nothing_is_told() {
    let house = House::open().await;
    for header in ["", "Authorization: Bearer wrong\r\n", "Authorization: Basic YTpi\r\n"] {
        for path in ["/v1/status", "/v1/events", "/v1/recordings", "/metrics", "/v1/draws"] {
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{header}\r\n");
            let refused = send(house.address, &request).await;
            assert_eq!(
                (refused.status, refused.code().as_str()),
                (401, "token_required"),
                "{path}"
            );
        }
    }
    for path in ["/", "/status", "/healthz"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        assert_eq!(send(house.address, &request).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_command_sent_again_with_its_key_is_carried_out_once() {
    let house = House::open().await;
    let key = "Idempotency-Key: 7f3a\r\n";
    let busy = |body| house.ask_with("lead", ("POST", "/v1/agents/1001/busy"), key, body);
    let first = busy(r#"{"reason":"lunch"}"#).await;
    let second = busy(r#"{"reason":"lunch"}"#).await;
    assert_eq!((first.status, &first.body), (second.status, &second.body));
    assert!(!first.head.contains("idempotent-replay") && second.head.contains("idempotent-replay"));
    assert_eq!(house.desk.asked().len(), 1);
    let other = busy(r#"{"reason":"meeting"}"#).await;
    assert_eq!((other.status, other.code().as_str()), (422, "idempotency_key_reused"));
    // The same key of somebody else is another key.
    let theirs = house
        .ask_with("admin", ("POST", "/v1/agents/1001/busy"), key, r#"{"reason":"lunch"}"#)
        .await;
    assert_eq!((theirs.status, house.desk.asked().len()), (202, 2));
}

#[tokio::test]
async fn our_own_fault_is_not_remembered_under_a_key() {
    let house = House::open().await;
    let key = "Idempotency-Key: 1\r\n";
    house.desk.fall_silent();
    let path = "/v1/agents/1001/ready";
    for _ in 0..2 {
        let refused = house.ask_with("lead", ("POST", path), key, "").await;
        assert!(refused.status == 503 && !refused.head.contains("idempotent-replay"));
    }
    for bad in ["Idempotency-Key: \r\n".into(), format!("Idempotency-Key: {}\r\n", "x".repeat(200))]
    {
        let refused = house.ask_with("lead", ("POST", path), &bad, "").await;
        assert_eq!(refused.code(), "idempotency_key_malformed");
    }
}
