use std::time::Duration;

use model::Timestamp;
use serde_json::json;

use super::house::{BEGIN, House};

#[tokio::test]
async fn the_status_tells_where_an_event_stream_has_to_begin() {
    let house = House::open().await;
    house.records(1, 10).await;
    let status = house.ask("lead", "GET", "/v1/status").await.json();
    assert_eq!(status["durable"], "1:4");
    assert_eq!(status["role"], "team_lead");
    assert_eq!(status["agents"][0]["state"], "ready");
    assert_eq!(status["queues"][0]["waiting"], 2);
    assert_eq!(status["calls"][0]["to"], "13912345678");
    let wall = house.ask("wall", "GET", "/v1/status").await.json();
    assert_eq!(wall["calls"][0]["to"], "139****5678");
    assert_eq!(house.ask("wall", "GET", "/v1/agents/7").await.code(), "agent_unknown");
}

#[tokio::test]
async fn a_call_is_shown_with_its_events_and_lists_come_a_page_at_a_time() {
    let house = House::open().await;
    for call in 1..=3 {
        house.records(call, 10).await;
    }
    let call = house.ask("qa", "GET", "/v1/calls/1-2").await.json();
    assert_eq!(call["call"]["from"], "13800138000");
    let kinds: Vec<_> = call["events"].as_array().unwrap().iter().map(|it| &it["kind"]).collect();
    assert_eq!(kinds, ["call.arrived", "recording.started", "call.ended", "recording.sealed"]);

    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = house.ask("qa", "GET", &format!("/v1/calls?limit=2{next}")).await.json();
        seen.extend(page["calls"].as_array().unwrap().iter().map(|row| row["call"].clone()));
        let Some(cursor) = page["next"].as_str() else { break };
        next = format!("&after={cursor}");
    }
    assert_eq!(seen, ["1-3", "1-2", "1-1"]);
    assert_eq!(house.ask("qa", "GET", "/v1/calls/1-99").await.code(), "call_unknown");
    let of_agent = house.ask("qa", "GET", "/v1/recordings?agent=1001&state=sealed").await.json();
    assert_eq!(of_agent["recordings"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_call_is_found_by_any_spelling_of_its_numbers() {
    let house = House::open().await;
    house.records(1, 10).await;
    let found = async |number: &str| {
        let path = format!("/v1/calls?number={number}");
        let found = house.ask("qa", "GET", &path).await.json();
        found["calls"].as_array().unwrap().len()
    };
    for number in [
        "13800138000",
        "%2B8613800138000",
        "8613800138000",
        "008613800138000",
        "013800138000",
        "138-0013-8000",
        "4008001234",
        "%2B864008001234",
        "400-800-1234",
    ] {
        assert_eq!(found(number).await, 1, "{number}");
    }
    assert_eq!(found("13800138001").await, 0);
    assert_eq!(found("3800138000").await, 0);
}

#[tokio::test]
async fn every_playback_is_in_the_log_with_who_listened() {
    let house = House::open().await;
    let audio = house.records(1, 200_000).await;
    let path = "/v1/recordings/1-1.1/audio";
    let whole = house.ask("qa", "GET", path).await;
    assert_eq!((whole.status, whole.body == audio), (200, true));
    assert!(whole.head.contains("content-type: audio/wav"));
    assert!(whole.head.contains(&format!("etag: \"{:064x}\"", 1)));
    let part = house.ask_with("lead", ("GET", path), "Range: bytes=100000-100009\r\n", "").await;
    assert_eq!((part.status, &part.body[..]), (206, &audio[100_000..100_010]));
    assert!(part.head.contains("content-range: bytes 100000-100009/200000"));
    let head = house.ask("lead", "HEAD", path).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    let outside = house.ask_with("lead", ("GET", path), "Range: bytes=200000-\r\n", "").await;
    assert_eq!((outside.status, outside.code().as_str()), (416, "range_unsatisfiable"));
    house.settle().await;
    let played = house.journal.read_after(None).map(|event| event.unwrap());
    let played = played.filter(|event| event.kind.name() == "recording.played");
    let actors: Vec<_> = played.map(|event| event.actor.to_string()).collect();
    assert_eq!(actors, ["user:qa/api", "user:lead/api"]);
}

#[tokio::test]
async fn nothing_is_played_that_the_log_cannot_hold() {
    let house = House::open().await;
    house.records(1, 10).await;
    let journal = house.journal.clone();
    tokio::task::spawn_blocking(move || journal.close()).await.unwrap();
    let refused = house.ask("qa", "GET", "/v1/recordings/1-1.1/audio").await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "journal_unavailable"));
}

#[tokio::test]
async fn a_recording_that_is_not_there_is_told_apart_from_one_that_is_lost() {
    let house = House::open().await;
    house.records(1, 10).await;
    let audio = |id: &str| format!("/v1/recordings/{id}/audio");
    assert_eq!(house.ask("qa", "GET", &audio("1-2.1")).await.code(), "recording_unknown");
    assert_eq!(house.ask("qa", "GET", &audio("nonsense")).await.code(), "id_malformed");
    std::fs::remove_dir_all(house.recordings.join("2026-11-22")).unwrap();
    let lost = house.ask("qa", "GET", &audio("1-1.1")).await;
    assert_eq!((lost.status, lost.code().as_str()), (410, "recording_missing"));
}

#[tokio::test]
async fn a_draw_is_in_the_log_and_is_verified_until_a_recording_changes() {
    let house = House::open().await;
    for call in 1..=20 {
        house.records(call, 10).await;
    }
    let made = house.post("qa", "/v1/draws", r#"{"seed":"spring","size":5}"#).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let draw = made.json();
    let id = draw["draw"].as_str().unwrap().to_owned();
    assert_eq!(draw["content"]["drawn"].as_array().unwrap().len(), 5);
    assert_eq!(draw["content"]["population"], 20);
    assert_eq!(house.ask("qa", "GET", &format!("/v1/draws/{id}")).await.json(), draw);
    let listed = house.ask("qa", "GET", "/v1/draws").await.json();
    assert_eq!(listed["draws"][0]["draw"], json!(id));
    let verify = || async { house.post("qa", &format!("/v1/draws/{id}/verify"), "").await.json() };
    assert_eq!(verify().await, json!({ "draw": id, "verified": true, "differences": [] }));
    house.settle().await;
    let last = house.journal.read_after(None).last().unwrap().unwrap();
    assert_eq!(last.kind.name(), "recording.drawn");

    house.records(21, 10).await;
    let changed = verify().await;
    assert_eq!(changed["verified"], false);
    assert!(!changed["differences"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_recording_that_is_complete_only_after_a_draw_leaves_the_draw_as_it_was() {
    let house = House::open().await;
    for call in 1..=5 {
        house.records(call, 10).await;
    }
    // Its call is over; a slow disk or a crash holds up the file.
    house.begins(6, 1).await;
    let draw = house.post("qa", "/v1/draws", r#"{"seed":"spring","size":2}"#).await.json();
    assert_eq!(draw["content"]["population"], 5);
    assert_eq!(draw["content"]["excluded"]["not_complete"], 1, "{draw}");
    house.seals(6, 10, Some(Timestamp::from_secs(7_000_000_000))).await;
    let path = format!("/v1/draws/{}/verify", draw["draw"].as_str().unwrap());
    let verified = house.post("qa", &path, "").await.json();
    assert_eq!(verified["verified"], true, "{verified}");
}

#[tokio::test]
async fn a_conversation_is_drawn_whole_or_not_at_all() {
    let house = House::open().await;
    house.records(1, 10).await;
    // Held and retrieved: its second part was lost.
    house.records(2, 10).await;
    house.begins(2, 2).await;
    let draw = house.post("qa", "/v1/draws", r#"{"seed":"spring","size":9}"#).await.json();
    assert_eq!(draw["content"]["population"], 1, "{draw}");
    // The period ends within the first call: it belongs to the next one.
    let to =
        draw["content"]["drawn"][0]["call"].as_str().map(|_| BEGIN + Duration::from_millis(500));
    let plan = format!(r#"{{"seed":"x","size":9,"to":"{}"}}"#, to.unwrap());
    let draw = house.post("qa", "/v1/draws", &plan).await.json();
    assert_eq!(draw["content"]["population"], 0, "{draw}");
    assert_eq!(draw["content"]["excluded"]["after"], 1, "{draw}");
}

#[tokio::test]
async fn the_same_draw_is_made_once() {
    let house = House::open().await;
    house.records(1, 10).await;
    let plan = r#"{"seed":"spring","size":5,"to":"2025-01-01T00:00:00Z"}"#;
    let (first, second) =
        (house.post("qa", "/v1/draws", plan).await, house.post("lead", "/v1/draws", plan).await);
    assert_eq!((first.status, second.status), (201, 200));
    assert_eq!(first.json(), second.json());
    house.settle().await;
    let drawn = house.journal.read_after(None).map(|event| event.unwrap());
    assert_eq!(drawn.filter(|event| event.kind.name() == "recording.drawn").count(), 1);
}

#[tokio::test]
async fn a_draw_that_makes_no_sense_is_refused() {
    let house = House::open().await;
    for (body, code) in [
        (r#"{"size":0}"#, "draw_plan_malformed"),
        (r#"{"size":1,"seed":""}"#, "draw_plan_malformed"),
        (r#"{"size":1,"to":"2999-01-01T00:00:00Z"}"#, "draw_period_open"),
        (
            r#"{"size":1,"from":"2024-01-01T00:00:00Z","to":"2023-01-01T00:00:00Z"}"#,
            "draw_plan_malformed",
        ),
        (r#"{"seed":"x"}"#, "body_malformed"),
        (r#"{"size":1,"colour":"red"}"#, "body_malformed"),
    ] {
        assert_eq!(house.post("qa", "/v1/draws", body).await.code(), code, "{body}");
    }
    let unseeded = house.post("qa", "/v1/draws", r#"{"size":3}"#).await.json();
    assert_eq!(unseeded["content"]["plan"]["seed"].as_str().unwrap().len(), 32);
    assert_eq!(house.ask("qa", "GET", "/v1/draws/none").await.code(), "draw_unknown");
}

#[tokio::test]
async fn metrics_and_health_tell_of_floor_log_and_database() {
    let house = House::open().await;
    house.records(1, 10).await;
    let metrics = house.ask("wall", "GET", "/metrics").await.text();
    for line in [
        "hotline_agents{state=\"ready\"} 1",
        "hotline_queue_waiting{queue=\"sales\"} 2",
        "hotline_queue_imbalance 0",
        "hotline_journal_events_total 4",
        "hotline_projection_behind 0",
        "hotline_media_streams 4",
        "hotline_ports 100",
        "hotline_trunk_calls{trunk=\"carrier\"} 3",
        "hotline_trunk_max_calls{trunk=\"carrier\"} 30",
        "hotline_calls_barred_total{hotline=\"\",reason=\"trunk_rate\",trunk=\"carrier\"} 7",
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line} in\n{metrics}");
    }
    let health = house.ask("wall", "GET", "/healthz").await;
    let well = json!({ "floor": true, "journal": true, "database": true });
    assert_eq!((health.status, health.json()), (200, well));
    house.desk.fall_silent();
    assert_eq!(house.ask("wall", "GET", "/healthz").await.status, 503);
    let journal = house.journal.clone();
    tokio::task::spawn_blocking(move || journal.close()).await.unwrap();
    assert_eq!(house.ask("wall", "GET", "/healthz").await.json()["journal"], false);
}

#[tokio::test]
async fn a_database_that_is_gone_is_told_apart_from_a_fault_of_ours() {
    let house = House::open().await;
    house.projector.stop().await;
    house.database.close().await;
    let refused = house.ask("qa", "GET", "/v1/calls").await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "database_unavailable"));
    assert_eq!(house.ask("qa", "GET", "/v1/status").await.status, 200);
}

#[tokio::test]
async fn the_page_may_run_its_own_script_and_nothing_else() {
    let house = House::open().await;
    let page = house.ask("wall", "GET", "/").await;
    assert!(page.head.contains("content-security-policy: default-src 'none'"));
    assert!(page.text().contains("热线实时状态") && !page.text().contains("innerHTML"));
}
