//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use model::{AgentId, CallId, PhoneId, QueueId};

use crate::client::{Client, Place};
use crate::failure::Failure;
use crate::{client, config, demo, report, secrets, service, simulate};

/// Call-centre telephony middleware 呼叫中心电话中间件: one number in front, queues, agents,
/// recordings and their review behind it.
#[derive(Debug, Parser)]
#[command(name = "hotline", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the service 启动服务.
    Serve {
        /// The configuration file.
        #[arg(long, default_value = "config/hotline.toml")]
        config: PathBuf,
        /// How the log is written.
        #[arg(long, value_enum, default_value_t = LogFormat::Text)]
        log: LogFormat,
    },
    /// Check a configuration: every fault with its line and its remedy 检查配置.
    Check {
        /// The configuration file.
        #[arg(long, default_value = "config/hotline.toml")]
        config: PathBuf,
    },
    /// Make the secrets of a configuration, once: a password for each phone, a token for each role
    /// of the API 生成话机密码与令牌.
    Secrets {
        /// The configuration file.
        #[arg(long, default_value = "config/hotline.toml")]
        config: PathBuf,
    },
    /// The floor as it is: queues, agents, calls 现场状态.
    Status {
        #[command(flatten)]
        server: Server,
        /// Show it again every second until interrupted.
        #[arg(long)]
        watch: bool,
    },
    /// Agents' states 坐席状态: sign in and out, ready, busy, wrap-up, force.
    Agent {
        #[command(flatten)]
        server: Server,
        #[command(subcommand)]
        action: AgentAction,
    },
    /// Recordings 录音: list, show, fetch.
    Recordings {
        #[command(flatten)]
        server: Server,
        #[command(subcommand)]
        action: RecordingsAction,
    },
    /// Quality assurance 质检: draw a sample, verify a draw, fetch what was drawn.
    Qa {
        #[command(flatten)]
        server: Server,
        #[command(subcommand)]
        action: QaAction,
    },
    /// What was said over SIP about a call, drawn as a ladder 信令梯形图.
    Ladder {
        #[command(flatten)]
        server: Server,
        /// Such as `3-17`.
        call: CallId,
        /// Show each message whole, too.
        #[arg(long)]
        full: bool,
    },
    /// Why a call met whom it met 分配解释: each offer with its candidates, what they were ranked by, and
    /// who was passed over; when nobody was there; how the wait ended.
    Why {
        #[command(flatten)]
        server: Server,
        /// Such as `3-17` 通话.
        call: CallId,
    },
    /// Why an agent did not get a call 未分配原因: what the agent was to each offer, and did while the
    /// call waited.
    WhyNot {
        #[command(flatten)]
        server: Server,
        /// The work number 工号.
        agent: AgentId,
        /// Such as `3-17` 通话.
        call: CallId,
    },
    /// Give a waiting call to an agent who is available, whatever the queue asks for 指派.
    Assign {
        #[command(flatten)]
        server: Server,
        /// Such as `3-17` 通话.
        call: CallId,
        /// The work number 工号.
        agent: AgentId,
    },
    /// Let a waiting call wait in another queue; what it has waited counts there 转队列.
    Move {
        #[command(flatten)]
        server: Server,
        /// Such as `3-17` 通话.
        call: CallId,
        /// The queue 队列.
        #[arg(value_parser = queue)]
        queue: QueueId,
    },
    /// The trunks 中继: where each is, whether it is there, whether we are registered.
    Trunks {
        #[command(flatten)]
        server: Server,
    },
    /// Phones 话机: set one up by an address or a QR code, lock one out.
    Phone {
        #[command(flatten)]
        server: Server,
        #[command(subcommand)]
        action: PhoneAction,
    },
    /// Sources that signalling has shut out 封禁: list, lift.
    Bans {
        #[command(flatten)]
        server: Server,
        #[command(subcommand)]
        action: BansAction,
    },
    /// A whole centre on this machine, with simulated phones and callers 演示.
    Demo(demo::Settings),
    /// A day in virtual time, generated or out of the log, against one configuration or several, side
    /// by side 话务模拟: service level, waits, abandoned calls, the load of each agent.
    Simulate(Box<simulate::Settings>),
}

/// How the log is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Which service is asked. Without any of these, the one on this machine, found by the file it
/// leaves in its state folder (`.hotline`, `.hotline/demo`, `/var/lib/hotline`).
#[derive(Debug, Args)]
struct Server {
    /// The address of its API, such as `http://127.0.0.1:8080`.
    #[arg(long, env = "HOTLINE_SERVER", requires = "token", global = true)]
    server: Option<String>,
    /// The token to use there.
    #[arg(long, env = "HOTLINE_TOKEN", hide_env_values = true, global = true)]
    token: Option<String>,
    /// The state folder of a service on this machine.
    #[arg(long, env = "HOTLINE_STATE", global = true)]
    state: Option<PathBuf>,
    /// Print what the API answers, as JSON.
    #[arg(long, global = true)]
    json: bool,
}

impl Server {
    fn client(&self) -> Result<Client, Failure> {
        Client::open(Place {
            server: self.server.clone(),
            token: self.token.clone(),
            state: self.state.clone(),
        })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgentAction {
    /// Every agent and their state.
    List,
    /// Begin a working session 签入.
    SignIn {
        /// The work number 工号.
        agent: AgentId,
        /// The phone, when it is not the agent's own.
        #[arg(long)]
        phone: Option<String>,
    },
    /// End the working session 签出.
    SignOut {
        /// The work number 工号.
        agent: AgentId,
    },
    /// Sign in to a queue, of those whose needs the agent meets 签入队列.
    SignInTo {
        /// The work number 工号.
        agent: AgentId,
        /// The queue 队列.
        #[arg(value_parser = queue)]
        queue: QueueId,
    },
    /// Sign out of a queue: none of its calls is offered 签出队列.
    SignOutOf {
        /// The work number 工号.
        agent: AgentId,
        /// The queue 队列.
        #[arg(value_parser = queue)]
        queue: QueueId,
    },
    /// Take calls 示闲.
    Ready {
        /// The work number 工号.
        agent: AgentId,
    },
    /// Take no calls, with a reason 示忙.
    Busy {
        /// The work number 工号.
        agent: AgentId,
        /// A reason from the configuration.
        reason: String,
    },
    /// End wrap-up early 结束话后处理.
    EndWrapUp {
        /// The work number 工号.
        agent: AgentId,
    },
    /// Force a state as a team lead 强制: `ready`, `signed_out`, or `busy` with a reason.
    Force {
        /// The work number 工号.
        agent: AgentId,
        /// `ready`, `busy` or `signed_out`.
        // The option `--state` has that name already.
        #[arg(id = "wanted", value_name = "STATE")]
        state: String,
        /// The reason of `busy`.
        #[arg(long)]
        reason: Option<String>,
        /// Why, for the log 原因.
        #[arg(long)]
        note: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RecordingsAction {
    /// The latest recordings.
    List {
        /// Of this agent only.
        #[arg(long)]
        agent: Option<AgentId>,
        /// Of this queue only.
        #[arg(long)]
        queue: Option<String>,
        /// How many at most.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// One recording: call, queue, agent, times, checksum.
    Show {
        /// Such as `3-17.1`.
        recording: String,
    },
    /// Save the audio: two channels, left the caller, right the agent.
    Fetch {
        /// Such as `3-17.1`.
        recording: String,
        /// Where to; `3-17.1.wav` in this folder when not said.
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum BansAction {
    /// Who is shut out, until when and why.
    List,
    /// Let a source in again 解封.
    Lift {
        /// Its address, as listed.
        source: IpAddr,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PhoneAction {
    /// Give a phone a new password, and an address to be set up by 话机配置. What it had is
    /// worthless at once.
    Provision {
        /// Its extension 分机号.
        phone: PhoneId,
        /// What the address begins with: the API as phones reach it, such as
        /// `https://pbx.example.cn`; `provisioning.url` when not said.
        #[arg(long)]
        url_base: Option<String>,
        /// How long it is good, such as `10m`; `provisioning.valid`, at most, when not said.
        #[arg(long, value_parser = span)]
        valid: Option<Duration>,
        /// Draw its QR code, for Linphone 二维码.
        #[arg(long)]
        qr: bool,
    },
    /// Take a phone's password and address away: it is locked out 停用.
    Revoke {
        /// Its extension 分机号.
        phone: PhoneId,
    },
}

fn queue(text: &str) -> Result<QueueId, &'static str> {
    let is_name = config::is_name(text);
    is_name.then(|| text.into()).ok_or("a queue's name has letters a to z, digits, `_` and `-`")
}

fn span(text: &str) -> Result<Duration, &'static str> {
    config::duration(text).ok_or("write a span of time with its unit, like `10m` or `1h`")
}

#[derive(Debug, Subcommand)]
pub(crate) enum QaAction {
    /// Draw a random sample that anyone can recompute 随机抽检.
    Draw(DrawArgs),
    /// Compute a draw again and say whether it is what it claims to be 复核.
    Verify {
        /// The draw's id.
        draw: String,
    },
    /// What was drawn.
    Show {
        /// The draw's id.
        draw: String,
    },
    /// Save the audio of everything drawn.
    Fetch {
        /// The draw's id.
        draw: String,
        /// The folder to save to; the draw's id when not said.
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
}

/// What is drawn from, and how much.
#[derive(Debug, Args)]
pub(crate) struct DrawArgs {
    /// How many recordings.
    #[arg(long, default_value_t = 10)]
    pub(crate) size: u32,
    /// The seed; made by chance when not said, and always stored with the draw.
    #[arg(long)]
    pub(crate) seed: Option<String>,
    /// At least so many of each agent, as far as there are.
    #[arg(long, default_value_t = 0)]
    pub(crate) per_agent: u32,
    /// Only these agents.
    #[arg(long)]
    pub(crate) agent: Vec<AgentId>,
    /// Only these queues.
    #[arg(long)]
    pub(crate) queue: Vec<String>,
    /// Only calls from then on, such as `2026-11-01T00:00:00Z`.
    #[arg(long)]
    pub(crate) from: Option<String>,
    /// Only calls before then.
    #[arg(long)]
    pub(crate) to: Option<String>,
    /// Only recordings of at least so many seconds.
    #[arg(long)]
    pub(crate) min_seconds: Option<u64>,
}

impl Cli {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Serve { config: file, log } => {
                let config = read(&file)?;
                warn_without_secrets(&file, &config);
                service::start_log(log, "info,sqlx=warn");
                service::block_on(service::serve(config))?
            }
            Command::Check { config } => {
                let (_, warnings) = read_with_warnings(&config)?;
                let said = match warnings {
                    0 => "nothing is wrong".to_owned(),
                    1 => "no errors, 1 warning".to_owned(),
                    warnings => format!("no errors, {warnings} warnings"),
                };
                report::line(&format!("{}: {said}", config.display()));
                Ok(())
            }
            Command::Secrets { config } => secrets::make(&config),
            Command::Status { server, watch } => {
                client::status(&server.client()?, server.json, watch)
            }
            Command::Agent { server, action } => {
                client::agent(&server.client()?, server.json, &action)
            }
            Command::Recordings { server, action } => {
                client::recordings(&server.client()?, server.json, action)
            }
            Command::Ladder { server, call, full } => {
                client::ladder(&server.client()?, server.json, (call, full))
            }
            Command::Why { server, call } => client::why(&server.client()?, server.json, call),
            Command::WhyNot { server, agent, call } => {
                client::why_not(&server.client()?, server.json, (agent, call))
            }
            Command::Assign { server, call, agent } => {
                client::assign(&server.client()?, server.json, (call, agent))
            }
            Command::Move { server, call, queue } => {
                client::move_to(&server.client()?, server.json, (call, &queue))
            }
            Command::Trunks { server } => client::trunks(&server.client()?, server.json),
            Command::Bans { server, action } => {
                client::bans(&server.client()?, server.json, &action)
            }
            Command::Phone { server, action } => {
                client::phones(&server.client()?, server.json, &action)
            }
            Command::Qa { server, action } => client::qa(&server.client()?, server.json, action),
            Command::Demo(settings) => demo::run(&settings),
            Command::Simulate(settings) => simulate::run(&settings),
        }
    }
}

/// A service nobody can register at is no fault of the configuration, but surely not meant.
fn warn_without_secrets(file: &std::path::Path, config: &config::Config) {
    if config.accounts.values().all(|account| account.ha1.is_empty()) {
        report::warning(&format!(
            "warning: no phone has a secret, so none can register: make them once with \
             `hotline secrets --config {}`",
            file.display()
        ));
    }
}

/// Reads and checks a configuration; prints what was found.
pub(crate) fn read(path: &std::path::Path) -> Result<config::Config, Failure> {
    read_with_warnings(path).map(|(config, _)| config)
}

/// The configuration, and the number of warnings that were shown.
fn read_with_warnings(path: &std::path::Path) -> Result<(config::Config, usize), Failure> {
    match config::load(path, &config::Environment::of_process()) {
        Ok((config, warnings)) => {
            for finding in warnings.iter() {
                report::warning(&finding.to_string());
            }
            Ok((*config, warnings.iter().count()))
        }
        Err(findings) => {
            let faults = findings.count(config::Severity::Error);
            for finding in findings.iter() {
                report::warning(&finding.to_string());
            }
            let noun = if faults == 1 { "fault" } else { "faults" };
            Err(Failure::new(format!("{faults} {noun} in {}: nothing is applied", path.display())))
        }
    }
}
