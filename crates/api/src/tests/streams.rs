use std::sync::Arc;

use model::{Actor, EventKind};
use serde_json::{Value, json};

use super::client::{Frame, Stream};
use super::house::House;

const STEPPED: EventKind = EventKind::ClockStepped { by_ms: 1 };

fn seq(event: &Value) -> u64 {
    event["seq"].as_u64().unwrap()
}

#[tokio::test]
async fn a_stream_cut_off_again_and_again_misses_nothing_and_repeats_nothing() {
    let house = House::open().await;
    let desk = Arc::clone(&house.desk);
    let writer = tokio::task::spawn_blocking(move || {
        (0..6_000).for_each(|_| desk.write(None, STEPPED, Actor::system()));
    });
    let (mut seen, mut after) = (Vec::new(), "0:0".to_owned());
    while seen.len() < 6_000 {
        let mut stream = house.stream("wall", &format!("&after={after}")).await;
        assert_eq!(stream.json().await, json!({ "after": after }));
        for _ in 0..700.min(6_000 - seen.len()) {
            let event = stream.json().await;
            after = format!("{}:{}", event["epoch"], event["seq"]);
            seen.push(seq(&event));
        }
    }
    writer.await.unwrap();
    assert_eq!(seen, (1..=6_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stream_without_a_position_begins_now_and_says_where_that_is() {
    let house = House::open().await;
    house.records(1, 10).await;
    let mut stream = house.stream("wall", "").await;
    assert_eq!(stream.json().await, json!({ "after": "1:4" }));
    house.desk.write(None, STEPPED, Actor::system());
    assert_eq!(seq(&stream.json().await), 5);
}

#[tokio::test]
async fn numbers_are_masked_for_those_who_need_not_see_them() {
    let house = House::open().await;
    house.records(1, 10).await;
    for (who, from) in [("wall", "138****8000"), ("wang", "138****8000"), ("lead", "13800138000")] {
        let mut stream = house.stream(who, "&after=0:0").await;
        stream.json().await;
        let arrived = stream.json().await;
        assert_eq!(
            (&arrived["data"]["from"], &arrived["data"]["to"]),
            (&json!(from), &json!("4008001234"))
        );
    }
}

#[tokio::test]
async fn a_browser_sends_its_token_as_a_subprotocol() {
    let house = House::open().await;
    let protocols = "Sec-WebSocket-Protocol: hotline, bearer.wall-token\r\n";
    let mut stream = Stream::open(house.address, "/v1/events", protocols).await.unwrap();
    assert_eq!(stream.json().await, json!({ "after": "0:0" }));
    let protocols = "Sec-WebSocket-Protocol: hotline, bearer.other\r\n";
    let refused = Stream::open(house.address, "/v1/events", protocols).await.err().unwrap();
    assert_eq!(refused.code(), "token_required");
}

#[tokio::test]
async fn a_stream_that_cannot_begin_is_refused_with_the_reason() {
    let house = House::open().await;
    for (query, code) in [
        ("&after=9:9", "position_ahead"),
        ("&after=nine", "query_malformed"),
        ("&from=1:1", "query_malformed"),
    ] {
        let path = format!("/v1/events?access_token=wall-token{query}");
        let refused = Stream::open(house.address, &path, "").await.err().unwrap();
        assert_eq!(refused.code(), code, "{query}");
    }
    let plain = house.ask("wall", "GET", "/v1/events").await;
    assert_eq!((plain.status, plain.code().as_str()), (426, "websocket_required"));
}

#[tokio::test]
async fn when_the_service_stops_a_stream_is_told_where_to_resume() {
    let house = House::open().await;
    house.records(1, 10).await;
    let mut stream = house.stream("wall", "&after=0:0").await;
    for _ in 0..5 {
        stream.json().await;
    }
    house.stop.send_replace(true);
    let Frame::Close(code, reason) = stream.next().await else { panic!() };
    assert_eq!((code, reason.as_str()), (1001, "the service stops; resume after 1:4"));
    house.server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_consumer_who_takes_nothing_is_let_go_the_others_go_on_and_it_can_resume() {
    const ALL: u64 = 80_000;
    let house = House::open().await;
    let mut stuck = house.stream("wall", "&after=0:0").await;
    let mut other = house.stream("wall", "&after=0:0").await;
    other.json().await;
    let desk = Arc::clone(&house.desk);
    let writer = tokio::task::spawn_blocking(move || {
        (0..ALL).for_each(|_| desk.write(None, STEPPED, Actor::system()));
    });
    for expected in 1..=ALL {
        assert_eq!(seq(&other.json().await), expected);
    }
    writer.await.unwrap();
    while !house.ask("wall", "GET", "/metrics").await.text().contains("hotline_event_streams 1") {}
    stuck.json().await;
    let mut seen = 0;
    while let Some(event) = stuck.event_or_end().await {
        seen += 1;
        assert_eq!(seq(&event), seen);
    }
    assert!(seen < ALL);
    let mut again = house.stream("wall", &format!("&after=1:{seen}")).await;
    again.json().await;
    assert_eq!(seq(&again.json().await), seen + 1);
}

#[tokio::test]
async fn nonsense_from_a_consumer_ends_its_stream_alone() {
    let house = House::open().await;
    let mut other = house.stream("wall", "").await;
    other.json().await;
    let garbage: [&[u8]; 4] = [&[0xff; 64], &[0x81, 0x05, b'h'], &[0x00; 16], &[0x81, 0xff, 0xff]];
    for octets in garbage {
        let mut stream = house.stream("wall", "").await;
        stream.json().await;
        stream.write(octets).await;
    }
    house.desk.write(None, STEPPED, Actor::system());
    assert_eq!(seq(&other.json().await), 1);
}
