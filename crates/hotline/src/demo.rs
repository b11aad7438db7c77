//! A whole centre on one machine: the service, agents on simulated phones, and a trickle of callers
//! through the trunk. Everything between them is real SIP and RTP over loopback.

mod callers;
mod chance;
mod secrets;
mod staff;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use switchboard::config::FloorConfig;

use crate::cli::{LogFormat, read};
use crate::config::Config;
use crate::failure::Failure;
use crate::service::{Running, StopSignals, block_on, start_log};
use crate::{client, report};

/// How often the demo tells how things stand.
const TOLD_EVERY: Duration = Duration::from_secs(15);

/// How the demo runs.
#[derive(Clone, Debug, Args)]
pub(crate) struct Settings {
    /// The configuration file.
    #[arg(long, default_value = "config/hotline.toml")]
    config: PathBuf,
    /// How many agents sign in; fewer leave their phones free for real softphones.
    #[arg(long, default_value_t = 8)]
    agents: usize,
    /// How many callers a minute dial the hotline.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=600))]
    calls_per_minute: u32,
    /// End by itself after so many seconds.
    #[arg(long)]
    seconds: Option<u64>,
}

pub(crate) fn run(settings: &Settings) -> Result<(), Failure> {
    start_log(LogFormat::Text, "warn");
    let secrets = secrets::Secrets::of(&settings.config)?;
    let config = read(&settings.config)?;
    block_on(play(settings.clone(), config, secrets))?
}

async fn play(
    settings: Settings,
    config: Config,
    secrets: secrets::Secrets,
) -> Result<(), Failure> {
    let mut stop = StopSignals::listen()?;
    let floor = config.floor.clone();
    let state = config.store.state.clone();
    let service = tokio::select! {
        started = Running::start(config) => started?,
        () = stop.stop_asked() => return Ok(()),
    };
    let opened = tokio::select! {
        opened = open(&settings, &service, &secrets, &floor) => opened.map(Some),
        () = stop.stop_asked() => Ok(None),
    };
    let (centre, ended) = match opened {
        Ok(None) => (None, Ok(())),
        Err(failure) => (None, Err(failure)),
        Ok(centre) => {
            let ended = tokio::select! {
                () = stop.stop_asked() => Ok(()),
                failure = service.broken() => Err(failure),
                () = over(settings.seconds) => Ok(()),
                () = tell_on(state) => Ok(()),
            };
            (centre, ended)
        }
    };
    report::line("\nstopping: callers hang up, agents sign out, recordings are sealed");
    tokio::select! {
        () = close(centre, service) => {}
        () = stop.insisted() => return Err(Failure::new("asked twice to stop: ended at once")),
    }
    report::line("stopped 已停止");
    ended
}

/// Who plays on the simulated phones.
struct Centre {
    staff: staff::Staff,
    callers: callers::Callers,
}

async fn open(
    settings: &Settings,
    service: &Running,
    secrets: &secrets::Secrets,
    floor: &FloorConfig,
) -> Result<Centre, Failure> {
    let number = hotline_number(floor)?;
    let server = secrets.phones_at(service.phones());
    let staff = staff::Staff::sign_in(floor, settings.agents, &server).await?;
    tell(settings, service, secrets, (floor, &staff));
    let callers = callers::Callers::start(service.trunks(), number, settings.calls_per_minute)?;
    Ok(Centre { staff, callers })
}

async fn close(centre: Option<Centre>, service: Running) {
    if let Some(Centre { staff, callers }) = centre {
        callers.stop().await;
        staff.sign_out().await;
    }
    service.stop().await;
}

fn hotline_number(floor: &FloorConfig) -> Result<model::Number, Failure> {
    let first = floor.hotlines.values().next();
    first.map(|hotline| hotline.number.clone()).ok_or_else(|| {
        Failure::new("the configuration has no [hotlines.*]: there is nothing to call")
    })
}

async fn over(seconds: Option<u64>) {
    match seconds {
        Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        None => std::future::pending().await,
    }
}

fn tell(
    settings: &Settings,
    service: &Running,
    secrets: &secrets::Secrets,
    (floor, staff): (&FloorConfig, &staff::Staff),
) {
    let number = hotline_number(floor).map(|number| number.to_string()).unwrap_or_default();
    let free = floor.phones.keys().find(|phone| !staff.uses(phone));
    report::line("\nhotline demo 演示\n");
    for line in service.greeting(true) {
        report::line(&line);
    }
    report::line(&format!(
        "\n{} agents are signed in on simulated phones; {} callers a minute dial {number}.\n",
        staff.len(),
        settings.calls_per_minute,
    ));
    let program = std::env::args().next().unwrap_or_else(|| "hotline".to_owned());
    let state = secrets.state().display();
    report::line(&format!("look 查看              {program} status --watch --state {state}"));
    report::line(&format!("list recordings 录音   {program} recordings --state {state} list"));
    report::line(&format!("draw a sample 抽检     {program} qa --state {state} draw --size 5"));
    if let Some(phone) = free {
        let password = secrets.password(phone).unwrap_or_default();
        report::line("\nYour own softphone 使用自己的软电话:");
        report::line(&format!(
            "  server {}  user {phone}  password {password}  (UDP or TCP)",
            service.phones()
        ));
        if service.phones().ip().is_loopback() {
            report::line(
                "  that address is this machine alone 仅限本机: for a phone elsewhere, set \
                 `media.address` in the configuration to the address it reaches",
            );
        }
        report::line(&format!("  dial the hotline 拨打热线 {number}{}", staff.extension()));
        if let Some(last) = staff.last() {
            let (fewer, code) = (staff.len() - 1, &floor.feature_codes.sign_in);
            let password = secrets.password(last).unwrap_or_default();
            report::line(&format!(
                "  to be an agent yourself 自己当坐席: start the demo with --agents {fewer}, register \
                 as {last} (password {password}) and dial {code}"
            ));
        }
    }
    report::line("\nCtrl-C ends everything 按 Ctrl-C 结束\n");
}

/// One line now and then, for those who only watch the terminal.
async fn tell_on(state: PathBuf) {
    loop {
        tokio::time::sleep(TOLD_EVERY).await;
        let state = state.clone();
        let asked = tokio::task::spawn_blocking(move || client::summary(&state)).await;
        match asked {
            Ok(Ok(summary)) => report::line(&summary),
            Ok(Err(failure)) => report::warning(&failure.to_string()),
            Err(_) => return,
        }
    }
}
