//! The floor: how it stands, and agents' states.

use std::path::Path;
use std::time::Duration;

use model::{AgentState, Outcome, Pause, StateName, Timestamp};
use serde_json::{Value, json};
use switchboard::status::{AgentStatus, CallStatus, QueueStatus, Status};

use super::{Client, Place, print_json, text};
use crate::cli::AgentAction;
use crate::failure::Failure;
use crate::report;

/// How the floor of this machine stands, in one line.
pub(crate) fn summary(state: &Path) -> Result<String, Failure> {
    let place = Place { server: None, token: None, state: Some(state.to_owned()) };
    let status: Status = serde_json::from_value(Client::open(place)?.get("/v1/status")?)?;
    let at_stage = |stage: &str| status.calls.iter().filter(|call| call.stage == stage).count();
    let waiting: u32 = status.queues.iter().map(|queue| queue.waiting).sum();
    let answered: u64 =
        status.queues.iter().filter_map(|queue| queue.outcomes.get(&Outcome::Answered)).sum();
    let entered: u64 = status.queues.iter().map(|queue| queue.entered).sum();
    let ready = status.agents.iter().filter(|agent| agent.state.name() == StateName::Ready);
    Ok(format!(
        "waiting 等待 {waiting}  talking 通话 {}  ready 示闲 {}  queued so far 累计进入 {entered}  \
         answered 接听 {answered}",
        at_stage("talking") + at_stage("held"),
        ready.count(),
    ))
}

pub(crate) fn status(client: &Client, as_json: bool, watch: bool) -> Result<(), Failure> {
    loop {
        let value = client.get("/v1/status")?;
        if as_json {
            print_json(&value)?;
        } else {
            if watch {
                // Home, and clear what is below.
                report::line("\u{1b}[H\u{1b}[J");
            }
            show_status(&serde_json::from_value(value)?);
        }
        if !watch {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn show_status(status: &Status) {
    let (used, total) = status.ports;
    report::line(&format!(
        "{}  configuration {}  calls {}  ports {used}/{total}",
        status.at,
        status.config_version,
        status.calls.len()
    ));
    if status.repairs > 0 {
        report::line(&format!("FAULT: {} invariants were found broken", status.repairs));
    }
    let queues: Vec<_> = status.queues.iter().map(queue_row).collect();
    report::line("");
    report::table(&QUEUES, &queues);
    show_agents(status);
    let calls: Vec<_> = status.calls.iter().map(|call| call_row(call, status)).collect();
    report::line("");
    report::table(&CALLS, &calls);
}

fn show_agents(status: &Status) {
    let agents: Vec<_> = status.agents.iter().map(|agent| agent_row(agent, status)).collect();
    report::line("");
    report::table(&AGENTS, &agents);
}

const QUEUES: [&str; 7] = [
    "queue 队列",
    "",
    "waiting 等待",
    "longest 最长",
    "ready 示闲",
    "entered 进入",
    "outcomes 结果",
];
const AGENTS: [&str; 7] =
    ["agent 坐席", "", "phone 话机", "state 状态", "", "for 时长", "not in 未签入队列"];
const CALLS: [&str; 7] =
    ["call 通话", "from 主叫", "to 被叫", "stage 阶段", "queue 队列", "agent 坐席", "for 时长"];

fn queue_row(queue: &QueueStatus) -> Vec<String> {
    let outcomes: Vec<String> =
        queue.outcomes.iter().map(|(outcome, count)| format!("{outcome} {count}")).collect();
    vec![
        queue.queue.to_string(),
        queue.label.clone(),
        queue.waiting.to_string(),
        report::span(queue.longest_wait_ms),
        format!("{}/{}", queue.ready, queue.signed_in),
        queue.entered.to_string(),
        outcomes.join(", "),
    ]
}

fn agent_row(agent: &AgentStatus, status: &Status) -> Vec<String> {
    let detail = match &agent.state {
        AgentState::Busy { reason, .. } => Some(reason.to_string()),
        AgentState::Ready { .. } => agent.pause.map(|pause| pausing(pause, status.at)),
        AgentState::SignedOut { .. }
        | AgentState::Reserved { .. }
        | AgentState::Ringing { .. }
        | AgentState::OnCall { .. }
        | AgentState::WrapUp { .. } => agent.state.call().map(|call| call.to_string()),
    };
    let since = agent.state.since();
    // Who never signed in has no since.
    let known = since != model::Timestamp::EPOCH;
    vec![
        agent.agent.to_string(),
        agent.name.clone(),
        agent.phone.as_ref().map(ToString::to_string).unwrap_or_default(),
        agent.state.name().as_str().to_owned(),
        detail.unwrap_or_default(),
        if known { report::span(millis(status.at.since(since))) } else { String::new() },
        agent.away.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    ]
}

fn pausing(pause: Pause, now: Timestamp) -> String {
    format!("pausing 冷却中 {}", report::span(millis(pause.until.since(now))))
}

fn call_row(call: &CallStatus, status: &Status) -> Vec<String> {
    vec![
        call.call.to_string(),
        call.from.clone(),
        call.to.to_string(),
        call.stage.clone(),
        call.queue.as_ref().map(ToString::to_string).unwrap_or_default(),
        call.agent.map(|agent| agent.to_string()).unwrap_or_default(),
        report::span(millis(status.at.since(call.since))),
    ]
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn agent(client: &Client, as_json: bool, action: &AgentAction) -> Result<(), Failure> {
    let (agent, verb, body): (_, String, _) = match action {
        AgentAction::List => {
            let value = client.get("/v1/status")?;
            if as_json {
                return print_json(value.get("agents").unwrap_or(&Value::Null));
            }
            show_agents(&serde_json::from_value(value)?);
            return Ok(());
        }
        AgentAction::SignIn { agent, phone } => {
            (agent, "sign-in".into(), json!({ "phone": phone }))
        }
        AgentAction::SignOut { agent } => (agent, "sign-out".into(), json!({})),
        AgentAction::SignInTo { agent, queue } => {
            (agent, format!("queues/{queue}/sign-in"), json!({}))
        }
        AgentAction::SignOutOf { agent, queue } => {
            (agent, format!("queues/{queue}/sign-out"), json!({}))
        }
        AgentAction::Ready { agent } => (agent, "ready".into(), json!({})),
        AgentAction::Busy { agent, reason } => (agent, "busy".into(), json!({ "reason": reason })),
        AgentAction::EndWrapUp { agent } => (agent, "end-wrap-up".into(), json!({})),
        AgentAction::Force { agent, state, reason, note } => {
            (agent, "force".into(), json!({ "state": state, "reason": reason, "note": note }))
        }
    };
    let value = client.post(&format!("/v1/agents/{agent}/{verb}"), &body)?;
    if as_json {
        return print_json(&value);
    }
    match value.get("remembered") {
        Some(next) => report::line(&format!("{agent}: after the call 通话后: {next}")),
        None => {
            let state = value.get("agent").map(|state| text(state, "state")).unwrap_or_default();
            report::line(&format!("{agent}: {state}"));
        }
    }
    Ok(())
}
