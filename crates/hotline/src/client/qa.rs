//! Draws: made, shown, verified, fetched.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::recordings::fetch;
use super::{Client, list, print_json};
use crate::cli::{DrawArgs, QaAction};
use crate::failure::Failure;
use crate::report;

pub(crate) fn qa(client: &Client, as_json: bool, action: QaAction) -> Result<(), Failure> {
    match action {
        QaAction::Draw(args) => {
            let plan = serde_json::to_value(plan(args)?)?;
            show_draw(&client.post("/v1/draws", &plan)?, as_json)
        }
        QaAction::Show { draw } => show_draw(&client.get(&format!("/v1/draws/{draw}"))?, as_json),
        QaAction::Verify { draw } => {
            let value = client.post(&format!("/v1/draws/{draw}/verify"), &json!({}))?;
            if as_json {
                return print_json(&value);
            }
            if value.get("verified").and_then(Value::as_bool).unwrap_or(false) {
                report::line(&format!("{draw}: verified, the same recordings come out again"));
                return Ok(());
            }
            let differences: Vec<String> = list(&value, "differences")
                .iter()
                .map(|difference| {
                    difference.as_str().map_or_else(|| difference.to_string(), str::to_owned)
                })
                .collect();
            Err(Failure::new(format!("{draw}: not verified: {}", differences.join("; "))))
        }
        QaAction::Fetch { draw, output } => {
            let drawn = content(&client.get(&format!("/v1/draws/{draw}"))?)?;
            let folder = output.unwrap_or_else(|| PathBuf::from(&draw));
            fs::create_dir_all(&folder)?;
            for recording in drawn.drawn.iter().flat_map(|one| &one.recordings) {
                let file = folder.join(format!("{recording}.wav"));
                fetch(client, &recording.to_string(), &file)?;
            }
            Ok(())
        }
    }
}

fn plan(args: DrawArgs) -> Result<api::DrawRequest, Failure> {
    let time =
        |text: Option<String>| text.map(|text| text.parse()).transpose().map_err(Failure::new);
    Ok(api::DrawRequest {
        seed: args.seed,
        size: args.size,
        per_agent_min: args.per_agent,
        agents: args.agent.into_iter().collect(),
        queues: args.queue.iter().map(|queue| queue.as_str().into()).collect(),
        from: time(args.from)?,
        to: time(args.to)?,
        min_duration_ms: args.min_seconds.unwrap_or(0).saturating_mul(1_000),
        max_duration_ms: None,
    })
}

/// The draw itself, out of the row that keeps it.
fn content(row: &Value) -> Result<quality::Draw, Failure> {
    let content = row.get("content").cloned().unwrap_or(Value::Null);
    Ok(serde_json::from_value(content)?)
}

fn show_draw(value: &Value, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return print_json(value);
    }
    let draw = content(value)?;
    report::line(&format!("draw 抽检        {}", draw.id));
    report::line(&format!("seed 种子        {}", draw.plan.seed));
    report::line(&format!("population 总体  {} conversations", draw.population));
    report::line(&format!("sha256           {}", draw.population_sha256));
    for (why, count) in &draw.excluded {
        let why = serde_json::to_value(why)?;
        report::line(&format!("excluded 排除    {count} {}", why.as_str().unwrap_or_default()));
    }
    for shortage in &draw.shortages {
        report::line(&format!(
            "shortage 不足    agent {} had {} to draw from, {} drawn",
            shortage.agent, shortage.eligible, shortage.drawn
        ));
    }
    report::line("");
    let rows = draw.drawn.iter().map(|one| {
        let parts: Vec<String> = one.recordings.iter().map(ToString::to_string).collect();
        let why = match one.why {
            quality::Why::Minimum => "minimum",
            quality::Why::Random => "random",
        };
        vec![one.call.to_string(), one.agent.to_string(), why.to_owned(), parts.join(" ")]
    });
    report::table(
        &["call 通话", "agent 坐席", "drawn by 方式", "recordings 录音"],
        &rows.collect::<Vec<_>>(),
    );
    report::line(&format!("\nlisten 试听: hotline qa fetch {}", draw.id));
    Ok(())
}
