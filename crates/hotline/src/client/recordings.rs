//! Recordings: listed, shown, fetched.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Client, list, print_json, text};
use crate::cli::RecordingsAction;
use crate::failure::Failure;
use crate::report;

pub(crate) fn recordings(
    client: &Client,
    as_json: bool,
    action: RecordingsAction,
) -> Result<(), Failure> {
    match action {
        RecordingsAction::List { agent, queue, limit } => {
            let mut path = format!("/v1/recordings?limit={limit}");
            if let Some(agent) = agent {
                path.push_str(&format!("&agent={agent}"));
            }
            if let Some(queue) = queue {
                path.push_str(&format!("&queue={queue}"));
            }
            let value = client.get(&path)?;
            if as_json {
                return print_json(&value);
            }
            show_recordings(&value);
            Ok(())
        }
        RecordingsAction::Show { recording } => {
            print_json(&client.get(&format!("/v1/recordings/{recording}"))?)
        }
        RecordingsAction::Fetch { recording, output } => {
            let file = output.unwrap_or_else(|| PathBuf::from(format!("{recording}.wav")));
            fetch(client, &recording, &file)
        }
    }
}

pub(super) fn fetch(client: &Client, recording: &str, file: &Path) -> Result<(), Failure> {
    let octets = client.save(&format!("/v1/recordings/{recording}/audio"), file)?;
    report::line(&format!("{} ({octets} octets)", file.display()));
    Ok(())
}

fn show_recordings(value: &Value) {
    let rows = list(value, "recordings").into_iter().map(|row| {
        let duration = row.get("duration_ms").and_then(Value::as_u64);
        vec![
            text(&row, "recording"),
            text(&row, "at"),
            duration.map(report::span).unwrap_or_default(),
            text(&row, "agent"),
            text(&row, "queue"),
            text(&row, "left"),
            text(&row, "state"),
        ]
    });
    report::table(
        &[
            "recording 录音",
            "at 时间",
            "length 时长",
            "agent 坐席",
            "queue 队列",
            "caller 主叫",
            "state",
        ],
        &rows.collect::<Vec<_>>(),
    );
}
