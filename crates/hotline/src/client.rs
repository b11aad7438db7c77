//! The commands that ask a running service, through its HTTP API like everybody else.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use switchboard::status::Status;

use crate::cli::{AgentAction, DrawArgs, QaAction, RecordingsAction};
use crate::failure::Failure;
use crate::report;

/// The file by which the command line finds the service of this machine.
pub(crate) const LOCAL: &str = "local.json";

/// Where the command line looks when it is not told.
const USUAL: [&str; 3] = [".hotline", ".hotline/demo", "/var/lib/hotline"];

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which service is asked.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) server: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) state: Option<PathBuf>,
}

/// How to reach the service of this machine; readable by its owner alone.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Local {
    pub(crate) address: String,
    pub(crate) token: String,
}

/// A way to ask the API.
#[derive(Debug)]
pub(crate) struct Client {
    agent: ureq::Agent,
    local: Local,
}

impl Client {
    pub(crate) fn open(place: Place) -> Result<Self, Failure> {
        let local = match (place.server, place.token) {
            (Some(address), Some(token)) => Local { address, token },
            _ => local(place.state)?,
        };
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .build();
        Ok(Self { agent: config.into(), local })
    }

    fn get(&self, path: &str) -> Result<Value, Failure> {
        let request = self.agent.get(self.url(path)).header("Authorization", self.bearer());
        read(request.call().map_err(|error| self.unreachable(&error))?)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = self.agent.post(self.url(path)).header("Authorization", self.bearer());
        read(request.send_json(body).map_err(|error| self.unreachable(&error))?)
    }

    fn save(&self, path: &str, file: &Path) -> Result<u64, Failure> {
        let request = self.agent.get(self.url(path)).header("Authorization", self.bearer());
        let mut response = request.call().map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(read(response).err().unwrap_or_else(|| Failure::new("no audio came")));
        }
        let named = |error: std::io::Error| Failure::new(format!("{}: {error}", file.display()));
        let mut out = fs::File::create(file).map_err(named)?;
        std::io::copy(&mut response.body_mut().as_reader(), &mut out).map_err(named)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.local.address.trim_end_matches('/'))
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.local.token)
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        let address = &self.local.address;
        Failure::new(format!("{address} does not answer ({error}): is the service running?"))
    }
}

/// How the floor of this machine stands, in one line.
pub(crate) fn summary(state: &Path) -> Result<String, Failure> {
    let place = Place { server: None, token: None, state: Some(state.to_owned()) };
    let status: Status = serde_json::from_value(Client::open(place)?.get("/v1/status")?)?;
    let at_stage = |stage: &str| status.calls.iter().filter(|call| call.stage == stage).count();
    let waiting: u32 = status.queues.iter().map(|queue| queue.waiting).sum();
    let answered: u64 = status
        .queues
        .iter()
        .filter_map(|queue| queue.outcomes.get(&model::Outcome::Answered))
        .sum();
    let entered: u64 = status.queues.iter().map(|queue| queue.entered).sum();
    let ready = status.agents.iter().filter(|agent| agent.state.name() == model::StateName::Ready);
    Ok(format!(
        "waiting 等待 {waiting}  talking 通话 {}  ready 示闲 {}  queued so far 累计进入 {entered}  \
         answered 接听 {answered}",
        at_stage("talking") + at_stage("held"),
        ready.count(),
    ))
}

fn local(state: Option<PathBuf>) -> Result<Local, Failure> {
    let folders: Vec<PathBuf> = match state {
        Some(folder) => vec![folder],
        None => USUAL.iter().map(PathBuf::from).collect(),
    };
    let file = folders.iter().map(|folder| folder.join(LOCAL)).find(|file| file.exists());
    let Some(file) = file else {
        let looked: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
        return Err(Failure::new(format!(
            "no service runs on this machine (no {LOCAL} in {}): start one with `hotline serve`, \
             or name its state folder with --state",
            looked.join(", ")
        )));
    };
    let named = |error: String| Failure::new(format!("{}: {error}", file.display()));
    let text = fs::read_to_string(&file).map_err(|error| named(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| named(error.to_string()))
}

/// The body of an answer, or the API's own words of what is wrong.
fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Value, Failure> {
    let status = response.status();
    let text = response.body_mut().read_to_string()?;
    if status.is_success() {
        return Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? });
    }
    let problem: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    let said = |key: &str| problem.get(key).and_then(Value::as_str).map(str::to_owned);
    let detail = said("detail").or_else(|| said("title")).unwrap_or_else(|| status.to_string());
    let code = said("code").unwrap_or_else(|| status.as_u16().to_string());
    Err(Failure::new(format!("{detail} ({code})")))
}

fn print_json(value: &Value) -> Result<(), Failure> {
    report::line(&serde_json::to_string_pretty(value)?);
    Ok(())
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
    let queues = status.queues.iter().map(|queue| {
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
    });
    report::line("");
    report::table(
        &[
            "queue 队列",
            "",
            "waiting 等待",
            "longest 最长",
            "ready 示闲",
            "entered 进入",
            "outcomes 结果",
        ],
        &queues.collect::<Vec<_>>(),
    );
    let agents = status.agents.iter().map(|agent| {
        let since = report::span(millis(status.at.since(agent.state.since())));
        let detail = match &agent.state {
            model::AgentState::Busy { reason, .. } => reason.to_string(),
            other => other.call().map(|call| call.to_string()).unwrap_or_default(),
        };
        let since =
            if agent.state.since() == model::Timestamp::EPOCH { String::new() } else { since };
        vec![
            agent.agent.to_string(),
            agent.name.clone(),
            agent.phone.as_ref().map(ToString::to_string).unwrap_or_default(),
            agent.state.name().as_str().to_owned(),
            detail,
            since,
        ]
    });
    report::line("");
    report::table(
        &["agent 坐席", "", "phone 话机", "state 状态", "", "for 时长"],
        &agents.collect::<Vec<_>>(),
    );
    let calls = status.calls.iter().map(|call| {
        vec![
            call.call.to_string(),
            call.from.clone(),
            call.to.to_string(),
            call.stage.clone(),
            call.queue.as_ref().map(ToString::to_string).unwrap_or_default(),
            call.agent.map(|agent| agent.to_string()).unwrap_or_default(),
            report::span(millis(status.at.since(call.since))),
        ]
    });
    report::line("");
    report::table(
        &[
            "call 通话",
            "from 主叫",
            "to 被叫",
            "stage 阶段",
            "queue 队列",
            "agent 坐席",
            "for 时长",
        ],
        &calls.collect::<Vec<_>>(),
    );
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn agent(client: &Client, as_json: bool, action: &AgentAction) -> Result<(), Failure> {
    let (agent, verb, body) = match action {
        AgentAction::List => {
            let value = client.get("/v1/status")?;
            if as_json {
                return print_json(value.get("agents").unwrap_or(&Value::Null));
            }
            let mut status: Status = serde_json::from_value(value)?;
            status.queues.clear();
            status.calls.clear();
            show_status(&status);
            return Ok(());
        }
        AgentAction::SignIn { agent, phone } => (agent, "sign-in", json!({ "phone": phone })),
        AgentAction::SignOut { agent } => (agent, "sign-out", json!({})),
        AgentAction::Ready { agent } => (agent, "ready", json!({})),
        AgentAction::Busy { agent, reason } => (agent, "busy", json!({ "reason": reason })),
        AgentAction::EndWrapUp { agent } => (agent, "end-wrap-up", json!({})),
        AgentAction::Force { agent, state, reason } => {
            (agent, "force", json!({ "state": state, "reason": reason }))
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

fn fetch(client: &Client, recording: &str, file: &Path) -> Result<(), Failure> {
    let octets = client.save(&format!("/v1/recordings/{recording}/audio"), file)?;
    report::line(&format!("{} ({octets} octets)", file.display()));
    Ok(())
}

fn text(value: &Value, key: &str) -> String {
    match value.get(key) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn list(value: &Value, key: &str) -> Vec<Value> {
    value.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
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
