//! Sources that are shut out: listed, let in again.

use serde_json::json;

use super::{Client, list, print_json, text};
use crate::cli::BansAction;
use crate::failure::Failure;
use crate::report;

pub(crate) fn bans(client: &Client, as_json: bool, action: &BansAction) -> Result<(), Failure> {
    match action {
        BansAction::List => {
            let value = client.get("/v1/bans")?;
            if as_json {
                return print_json(&value);
            }
            let rows = list(&value, "bans").into_iter();
            let columns = ["source", "scope", "account", "until", "why", "times"];
            let rows: Vec<_> =
                rows.map(|row| columns.map(|column| text(&row, column)).to_vec()).collect();
            let heading = [
                "source 来源",
                "what 范围",
                "account 话机",
                "until 直到",
                "why 原因",
                "times 次数",
            ];
            report::table(&heading, &rows);
            Ok(())
        }
        BansAction::Lift { source } => {
            client.post(&format!("/v1/bans/{source}/lift"), &json!({}))?;
            report::line(&format!("{source} is let in again 已解封"));
            Ok(())
        }
    }
}
