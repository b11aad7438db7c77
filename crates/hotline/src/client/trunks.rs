//! The trunks, listed.

use serde_json::Value;

use super::{Client, list, print_json, text};
use crate::failure::Failure;
use crate::report;

pub(crate) fn trunks(client: &Client, as_json: bool) -> Result<(), Failure> {
    let value = client.get("/v1/trunks")?;
    if as_json {
        return print_json(&value);
    }
    let rows: Vec<_> = list(&value, "trunks").iter().flat_map(rows).collect();
    report::table(&["trunk 中继", "place 地址", "health 状态", "registration 注册"], &rows);
    Ok(())
}

/// A row a place; one for a trunk that is nowhere.
fn rows(trunk: &Value) -> Vec<Vec<String>> {
    let name = text(trunk, "trunk");
    let registration = trunk.get("registration").filter(|it| !it.is_null());
    let registered = registration.map_or_else(String::new, |it| told(it, "state", "until"));
    let row = |place: String, health: String| vec![name.clone(), place, health, registered.clone()];
    let places = list(trunk, "places");
    if places.is_empty() {
        let why = text(trunk, "unknown");
        let why = if why.is_empty() { "only brings calls 仅呼入".to_owned() } else { why };
        return vec![row("–".to_owned(), why)];
    }
    let place = |place: &Value| format!("{} {}", text(place, "transport"), text(place, "peer"));
    places.iter().map(|it| row(place(it), told(it, "health", "since"))).collect()
}

/// A state, since or until when, and why.
fn told(value: &Value, state: &str, time: &str) -> String {
    let parts = [text(value, state), text(value, time), text(value, "why")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}
