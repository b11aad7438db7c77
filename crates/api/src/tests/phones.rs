//! Phones set up by an address of their own.

use clock::Clock;
use model::EventKind;
use provision::{Fingerprint, Generation, Grant};
use serde_json::{Value, json};

use super::client::{Answer, send};
use super::house::{House, key};

const ISSUE: &str = "/v1/phones/1001/provisioning";

impl House {
    /// Asks without a token of a role.
    async fn fetch(&self, path: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nHost: pbx:8080\r\nConnection: close\r\n\r\n");
        send(self.address, &request).await
    }

    async fn issued(&self, body: &Value) -> Value {
        let answer = self.post("admin", ISSUE, &body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    async fn metric(&self, result: &str) -> String {
        let text = self.ask("wall", "GET", "/metrics").await.text();
        let name = format!("hotline_provisioning_total{{result=\"{result}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&name)).unwrap().to_owned()
    }

    /// What is in the log.
    async fn told(&self) -> Vec<EventKind> {
        let mut log = self.journal.subscribe(None).unwrap();
        log.next().await.unwrap().into_iter().map(|event| event.kind.clone()).collect()
    }
}

/// The path of an address.
fn path(url: &str) -> String {
    let (_, path) = url.split_once("/provision/").unwrap();
    format!("/provision/{path}")
}

#[tokio::test]
async fn a_phone_fetches_its_configuration_with_the_address_alone_and_it_is_in_the_log() {
    let house = House::open().await;
    let issued = house.issued(&json!({})).await;
    let url = issued["url"].as_str().unwrap();
    assert!(url.starts_with("http://hotline/provision/1001."), "{url}");
    let files: Vec<_> = issued["files"].as_array().unwrap().iter().collect();
    assert_eq!(files.len(), 6);
    for (name, kind) in [
        ("phone.json", "application/json"),
        ("805ec0123456.cfg", "text/plain; charset=utf-8"),
        ("cfg000b82123456.xml", "application/xml; charset=utf-8"),
        ("linphone.xml", "application/xml; charset=utf-8"),
        ("qr.svg", "image/svg+xml"),
    ] {
        let answer = house.fetch(&format!("{}{name}", path(url))).await;
        assert_eq!(answer.status, 200, "{name}");
        assert!(answer.head.contains(&format!("content-type: {kind}")), "{}", answer.head);
        assert!(answer.head.contains("cache-control: no-store"), "{}", answer.head);
    }
    let generation = Generation::new(issued["generation"].as_u64().unwrap());
    let told = house.fetch(&path(&format!("{url}phone.json"))).await.json();
    assert_eq!(told["password"], key().password(&"1001".into(), generation));
    assert_eq!(house.metric("served").await, "6");
    let kinds = house.told().await;
    assert!(matches!(kinds[0], EventKind::PhoneProvisioned { .. }), "{kinds:?}");
    let fetched = |kind: &&EventKind| matches!(kind, EventKind::PhoneConfigFetched { source, .. } if source == "127.0.0.1");
    assert_eq!(kinds.iter().filter(fetched).count(), 6);
}

#[tokio::test]
async fn an_address_begins_as_asked_or_as_the_service_was_reached() {
    let house = House::open().await;
    let issued = house.issued(&json!({ "url_base": "https://pbx.example.cn/" })).await;
    let linphone = issued["linphone"].as_str().unwrap();
    assert!(linphone.starts_with("https://pbx.example.cn/provision/1001."), "{linphone}");
    for (body, code) in [
        (json!({ "url_base": "javascript:alert(1)" }), "body_malformed"),
        (json!({ "valid_ms": 0 }), "body_malformed"),
        (json!({ "valid_ms": 86_400_001 }), "body_malformed"),
        (json!({ "valid": 1 }), "body_malformed"),
    ] {
        let refused = house.post("admin", ISSUE, &body.to_string()).await;
        assert_eq!(refused.code(), code, "{body}");
    }
}

#[tokio::test]
async fn what_is_tampered_with_expired_or_revoked_is_not_there_and_counted() {
    let house = House::open().await;
    let issued = house.issued(&json!({})).await;
    let good = path(issued["url"].as_str().unwrap()) + "phone.json";
    assert_eq!(house.fetch(&good).await.status, 200);
    let generation = Generation::new(issued["generation"].as_u64().unwrap());
    let gone = async |path: &str| {
        let answer = house.fetch(path).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "path_unknown"), "{path}");
    };
    gone(&good.replace("/1001.", "/1002.")).await;
    gone("/provision/x/phone.json").await;
    gone("/provision/%ff/phone.json").await;
    gone(&good.replace("phone.json", "secrets.toml")).await;
    gone(&good.replace("phone.json", "../phone.json")).await;
    let past = Grant { phone: "1001".into(), generation, expires_at: Clock::start().now() };
    let password = key().password(&"1001".into(), generation);
    let late = key().sign(&past, &Fingerprint::of([password.as_str()]));
    gone(&format!("/provision/{late}/phone.json")).await;
    assert_eq!(house.metric("expired").await, "1");
    assert_eq!(house.metric("invalid").await, "1");
    assert_eq!(house.metric("malformed").await, "1");
    assert_eq!(house.metric("served").await, "1");

    assert_eq!(house.post("admin", &format!("{ISSUE}/revoke"), "").await.status, 200);
    gone(&good).await;
    let other = house.issued(&json!({})).await;
    gone(&good).await;
    let good = path(other["url"].as_str().unwrap()) + "phone.json";
    assert_eq!(house.fetch(&good).await.status, 200);
}

#[tokio::test]
async fn a_phone_that_cannot_be_given_a_password_is_told_so() {
    let house = House::open().await;
    for (phone, status, code) in [
        ("9999", 404, "phone_unknown"),
        ("2001", 409, "phone_secret_fixed"),
        ("3001", 500, "secrets_unwritable"),
    ] {
        for path in ["provisioning", "provisioning/revoke"] {
            let answer = house.post("admin", &format!("/v1/phones/{phone}/{path}"), "").await;
            assert_eq!((answer.status, answer.code().as_str()), (status, code));
        }
    }
}
