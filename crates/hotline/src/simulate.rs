//! A day in a simulated centre, against one configuration or several: what callers would have met.
//!
//! | module | concern |
//! |---|---|
//! | `words` | spreads, times and shares as people write them |
//! | `file` | the file of a day: calls, shifts, manners |
//! | `log` | a day out of the journal |
//! | `table` | the figures side by side |

mod file;
mod log;
mod table;
mod words;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use model::{PromptId, QueueId, Timestamp};
use serde::Serialize;
use simulation::{Centre, Day, Figures, Manner, Measure, Profile, Shift, Spread, everybody, staff};
use switchboard::config::FloorConfig;

use crate::cli::read;
use crate::config::Config;
use crate::failure::Failure;
use crate::{client, report};

/// Days with more callers than this take long enough to be told about.
const LONG: usize = 50_000;

/// A-law has so many octets a second; a header is too short to be heard.
const OCTETS_PER_SECOND: u64 = 8_000;

/// What is simulated. Spans are exponential around their mean, or as they say:
/// `fixed:3s`, `uniform:1s-8s`, `lognormal:180s/0.6`.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// The configuration file.
    #[arg(long, default_value = "config/hotline.toml")]
    config: PathBuf,
    /// Another configuration for the same day, beside it; may be said again 对比配置.
    #[arg(long, value_name = "OTHER")]
    against: Vec<PathBuf>,
    /// A file with the calls of the day, and who works when 话务与班表.
    #[arg(long, conflicts_with = "from_log")]
    day: Option<PathBuf>,
    /// Take the day out of the log in this state folder 重放历史话务.
    #[arg(long, value_name = "STATE_FOLDER", requires = "date")]
    from_log: Option<PathBuf>,
    /// Which day, such as `2026-11-27` 日期.
    #[arg(long, value_parser = words::date)]
    date: Option<Timestamp>,
    /// By how many hours the centre's clock is ahead of UTC 时区.
    #[arg(long, default_value_t = 8, allow_hyphen_values = true,
          value_parser = clap::value_parser!(i64).range(-12..=14))]
    utc_offset: i64,
    /// How many calls an hour brings on average; 60 when nothing is said 每小时来电.
    #[arg(long, conflicts_with_all = ["day", "from_log"], value_parser = words::positive)]
    calls_per_hour: Option<f64>,
    /// How many hours 小时数.
    #[arg(long, conflicts_with_all = ["day", "from_log"], default_value_t = 8,
          value_parser = clap::value_parser!(u16).range(1..=744))]
    hours: u16,
    /// A queue that callers want, with its weight, such as `presales=3`; may be said again 来电意向.
    #[arg(long, value_name = "QUEUE=WEIGHT", value_parser = words::weight, conflicts_with = "from_log")]
    wants: Vec<(QueueId, f64)>,
    /// How long conversations are; `180s` when nothing is said 通话时长.
    #[arg(long, value_parser = words::spread, conflicts_with = "from_log")]
    talk: Option<Spread>,
    /// How long callers wait before they hang up, or `never`; `60s` when nothing is said 等待耐心.
    #[arg(long, value_parser = words::patience, conflicts_with = "from_log")]
    patience: Option<words::Patience>,
    #[command(flatten)]
    people: People,
    /// What else is drawn is drawn from this; the same seed gives the same day 随机种子.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// An answer within this is in time: the service level's threshold 服务水平阈值.
    #[arg(long, default_value = "20s", value_parser = words::span)]
    threshold: Duration,
    /// Who hangs up within this is not counted in the service level 短时放弃.
    #[arg(long, default_value = "5s", value_parser = words::span)]
    short: Duration,
    /// Print the figures as JSON, those of each agent too.
    #[arg(long)]
    json: bool,
}

/// Who works, and how.
#[derive(Debug, Args)]
struct People {
    /// So many of the configuration's agents, or copies of them where it has fewer, work all day; may
    /// be said again, to compare. Without it the shifts of the day, or everybody 坐席数.
    #[arg(long, value_parser = words::staff)]
    agents: Vec<usize>,
    /// The shifts of another file of a day; may be said again, to compare 对比班表.
    #[arg(long, value_name = "DAY")]
    roster: Vec<PathBuf>,
    /// How long agents let it ring; `fixed:3s` when nothing is said 应答时长.
    #[arg(long, value_parser = words::spread)]
    answer: Option<Spread>,
    /// How long after-call work takes; the queue's time when nothing is said 话后处理时长.
    #[arg(long, value_parser = words::spread)]
    wrap_up: Option<Spread>,
    /// The share of offers that nobody answers, 0 to 1 无人接听比例.
    #[arg(long, value_parser = words::share)]
    no_answer: Option<f64>,
    /// The share of offers that are declined, 0 to 1 拒接比例.
    #[arg(long, value_parser = words::share)]
    refuse: Option<f64>,
}

/// Who is there.
#[derive(Clone, Debug)]
enum Staffing {
    /// The shifts of the day; everybody where it has none.
    Own,
    /// So many, all day.
    Count(usize),
    /// These.
    Roster(String, Vec<Shift>),
}

/// A day, with its shifts where it has any.
#[derive(Debug)]
struct Known {
    day: Day,
    shifts: Option<Vec<Shift>>,
}

/// One column: a configuration, who was there, and what came of it.
#[derive(Debug, Serialize)]
struct Column {
    name: String,
    figures: Figures,
}

/// Everything that is printed.
#[derive(Debug, Serialize)]
struct Comparison {
    seed: u64,
    begins: Timestamp,
    ends: Timestamp,
    threshold_ms: u64,
    columns: Vec<Column>,
}

pub(crate) fn run(settings: &Settings) -> Result<(), Failure> {
    let comparison = compare(settings)?;
    if settings.json {
        return client::print_json(&serde_json::to_value(&comparison)?);
    }
    table::show(&comparison, settings.utc_offset);
    Ok(())
}

fn compare(settings: &Settings) -> Result<Comparison, Failure> {
    let mut configs = vec![];
    for path in std::iter::once(&settings.config).chain(&settings.against) {
        configs.push((stem(path), read(path)?));
    }
    let first = configs.first().map(|(_, config)| config);
    let known = settings.known(first.ok_or_else(|| Failure::new("there is no configuration"))?)?;
    let staffings = settings.staffings()?;
    let mut columns = vec![];
    for (name, config) in &configs {
        for staffing in &staffings {
            columns.push(settings.column(name, config, (&known, staffing))?);
        }
    }
    Ok(Comparison {
        seed: settings.seed,
        begins: known.day.begins,
        ends: known.day.ends,
        threshold_ms: u64::try_from(settings.threshold.as_millis()).unwrap_or(u64::MAX),
        columns,
    })
}

impl Settings {
    fn known(&self, config: &Config) -> Result<Known, Failure> {
        if let Some(state) = &self.from_log {
            let begins = self.midnight();
            return log::read(state, &config.floor.tenant, (begins, self.seed), self.manner());
        }
        let file = self.day.as_deref().map(file::read).transpose()?;
        let profile = self.profile(file.as_ref(), &config.floor);
        let manner = file.as_ref().map_or_else(|| self.manner(), |file| self.manner_of(file));
        let shifts = file.as_ref().and_then(|file| file.shifts(self.midnight_of(file)));
        Ok(Known { day: profile.day(self.seed, manner), shifts })
    }

    fn profile(&self, file: Option<&file::DayFile>, floor: &FloorConfig) -> Profile {
        let patience = self.patience.or(file.and_then(|file| file.patience));
        let usual = words::Patience(Some(Spread::Exponential(Duration::from_secs(60))));
        let talk = self.talk.or(file.and_then(|file| file.talk));
        let mut wants = self.wants.clone();
        if wants.is_empty() {
            wants = file.map(|file| file.wants.clone()).unwrap_or_default();
        }
        if wants.is_empty() {
            wants = led_to(floor).into_iter().map(|queue| (queue, 1.0)).collect();
        }
        let (begins, interval, calls) = match file {
            Some(file) => (self.midnight_of(file) + file.begins, file.interval, file.calls.clone()),
            None => {
                let calls = vec![self.calls_per_hour.unwrap_or(60.0); usize::from(self.hours)];
                (self.midnight() + words::NINE, Duration::from_secs(3_600), calls)
            }
        };
        Profile {
            begins,
            interval,
            calls,
            talk: talk.unwrap_or(Spread::Exponential(Duration::from_secs(180))),
            patience: patience.unwrap_or(usual).0,
            wants,
        }
    }

    /// Midnight of the day that is meant, as the centre's clock has it.
    fn midnight(&self) -> Timestamp {
        self.local(self.date.unwrap_or(words::SOME_DAY))
    }

    fn midnight_of(&self, file: &file::DayFile) -> Timestamp {
        self.local(self.date.or(file.date).unwrap_or(words::SOME_DAY))
    }

    fn local(&self, date: Timestamp) -> Timestamp {
        let offset = Duration::from_secs(self.utc_offset.unsigned_abs() * 3_600);
        if self.utc_offset < 0 { date + offset } else { date - offset }
    }

    fn manner(&self) -> Manner {
        self.manner_from(Manner::default())
    }

    fn manner_of(&self, file: &file::DayFile) -> Manner {
        self.manner_from(file.manner())
    }

    fn manner_from(&self, usual: Manner) -> Manner {
        Manner {
            answer: self.people.answer.unwrap_or(usual.answer),
            wrap_up: self.people.wrap_up.or(usual.wrap_up),
            no_answer: self.people.no_answer.unwrap_or(usual.no_answer),
            refuse: self.people.refuse.unwrap_or(usual.refuse),
            ..usual
        }
    }

    /// Every staffing to be compared.
    fn staffings(&self) -> Result<Vec<Staffing>, Failure> {
        let mut staffings: Vec<_> =
            self.people.agents.iter().map(|many| Staffing::Count(*many)).collect();
        for path in &self.people.roster {
            let file = file::read(path)?;
            let shifts = file
                .shifts(self.midnight_of(&file))
                .ok_or_else(|| Failure::new(format!("{} has no [[shifts]]", path.display())))?;
            staffings.push(Staffing::Roster(stem(path), shifts));
        }
        if staffings.is_empty() {
            staffings.push(Staffing::Own);
        }
        Ok(staffings)
    }

    fn column(
        &self,
        name: &str,
        config: &Config,
        (known, staffing): (&Known, &Staffing),
    ) -> Result<Column, Failure> {
        let mut floor = config.floor.clone();
        let mut day = known.day.clone();
        day.manner.prompts = prompt_lengths(&config.media.prompts);
        let (name, shifts) = match staffing {
            Staffing::Own => (name.to_owned(), known.shifts.clone()),
            Staffing::Count(many) => {
                staff(&mut floor, *many);
                (format!("{name}, {many} agents"), None)
            }
            Staffing::Roster(roster, shifts) => (format!("{name}, {roster}"), Some(shifts.clone())),
        };
        let shifts = shifts.unwrap_or_else(|| everybody(&floor, &day));
        warn_of_strangers(&name, &floor, &shifts);
        let mut centre = Centre::open(floor, &day, &shifts).map_err(Failure::new)?;
        live(&mut centre, &day, &name);
        let figures = centre.figures(Measure { threshold: self.threshold, short: self.short });
        Ok(Column { name, figures })
    }
}

/// Lives through the day; tells how far it is where that takes long.
fn live(centre: &mut Centre<'_>, day: &Day, name: &str) {
    let tenth = day.ends.since(day.begins) / 10;
    let (mut told, mut next) = (0, day.begins + tenth);
    while centre.step() {
        if day.callers.len() > LONG && centre.now() >= next && told < 10 {
            told += 1;
            next = next + tenth;
            let handled = centre.handled();
            report::warning(&format!("{name}: {told}0 % of the day, {handled} inputs"));
        }
    }
}

/// Shifts of people whom a configuration does not have are nobody's.
fn warn_of_strangers(name: &str, floor: &FloorConfig, shifts: &[Shift]) {
    let mut strangers: Vec<_> = shifts
        .iter()
        .map(|shift| shift.agent)
        .filter(|agent| floor.agents.get(agent).is_none_or(|agent| agent.phone.is_none()))
        .collect();
    strangers.sort_unstable();
    strangers.dedup();
    if !strangers.is_empty() {
        report::warning(&format!(
            "{name}: the shifts name {} agents without a phone in this configuration, the first \
             {}: they stay away",
            strangers.len(),
            strangers.first().copied().unwrap_or_default()
        ));
    }
}

/// The queues that some flow leads to.
fn led_to(floor: &FloorConfig) -> Vec<QueueId> {
    let steps = floor.hotlines.values().flat_map(|hotline| hotline.flow.steps.values());
    let mut queues: Vec<QueueId> = steps
        .filter_map(|step| match step {
            flow::Step::Queue { queue, .. } => Some(queue.clone()),
            flow::Step::Play { .. }
            | flow::Step::Menu { .. }
            | flow::Step::Callback { .. }
            | flow::Step::Release { .. } => None,
        })
        .collect();
    queues.sort_unstable();
    queues.dedup();
    queues
}

/// How long the prompts of a folder are. One that cannot be read has the usual length.
fn prompt_lengths(folder: &Path) -> std::collections::BTreeMap<PromptId, Duration> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let length = |entry: fs::DirEntry| {
        let octets = entry.metadata().ok()?.len();
        let path = entry.path();
        let name = path.file_stem().filter(|_| path.extension().is_some_and(|end| end == "wav"))?;
        let millis = octets.saturating_mul(1_000) / OCTETS_PER_SECOND;
        Some((PromptId::from(name.to_str()?), Duration::from_millis(millis)))
    };
    files.filter_map(length).collect()
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use simulation::QueueFigures;

    use super::*;

    #[derive(Debug, Parser)]
    struct Only {
        #[command(flatten)]
        settings: Settings,
    }

    /// The example of the repository, which has eight agents and three queues.
    fn simulated(words: &str) -> Result<Comparison, Failure> {
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/hotline.toml");
        let words = ["simulate", "--config", example].into_iter().chain(words.split_whitespace());
        compare(&Only::try_parse_from(words).unwrap().settings)
    }

    fn sum(column: &Column, figure: fn(&QueueFigures) -> u64) -> u64 {
        column.figures.queues.iter().map(figure).sum()
    }

    #[test]
    fn the_same_callers_meet_few_agents_and_many() {
        let told = simulated("--calls-per-hour 120 --hours 4 --agents 4 --agents 12").unwrap();
        let [few, many] = told.columns.as_slice() else { panic!("{told:?}") };
        assert_eq!(few.name, "hotline, 4 agents");
        assert_eq!(few.figures.calls, many.figures.calls);
        assert_eq!(many.figures.agents.len(), 12);
        assert!(sum(few, |queue| queue.abandoned) > sum(many, |queue| queue.abandoned));
        assert!(few.figures.occupancy.mean > many.figures.occupancy.mean);
        table::show(&told, 8);
    }

    #[test]
    fn callers_press_the_key_of_the_queue_they_want() {
        let told = simulated("--hours 2 --wants complaints=1 --agents 8").unwrap();
        let queues: Vec<_> =
            told.columns[0].figures.queues.iter().map(|queue| queue.queue.as_str()).collect();
        assert_eq!(queues, ["complaints"]);
    }

    #[test]
    fn a_day_that_is_in_the_log_is_lived_again() {
        let state = tempfile::tempdir().unwrap();
        let Only { settings } =
            Only::try_parse_from(["simulate", "--calls-per-hour", "90"]).unwrap();
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/hotline.toml");
        let config = read(Path::new(example)).unwrap();
        let day = settings.known(&config).unwrap().day;
        let shifts = everybody(&config.floor, &day);
        let (journal, _) = store::Journal::open(state.path(), &config.floor.tenant).unwrap();
        let mut centre = Centre::open(config.floor, &day, &shifts).unwrap();
        while centre.step_heard(|event| journal.append(event.clone()).unwrap()) {}
        journal.flush().unwrap();
        let lived = centre.figures(Measure::default());

        let log = format!("--from-log {} --date 2026-01-05", state.path().display());
        let again = &simulated(&log).unwrap().columns[0].figures;
        assert_eq!((again.calls, again.agents.len()), (lived.calls, 8));
        let nothing = format!("--from-log {} --date 2026-01-07", state.path().display());
        assert!(simulated(&nothing).unwrap_err().to_string().contains("nobody came"));
    }
}
