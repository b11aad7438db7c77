//! The figures side by side: a row a figure, a column a configuration.

use std::collections::BTreeSet;

use model::QueueId;
use simulation::{Across, Figures, QueueFigures};

use super::Comparison;
use crate::report;

/// One figure of a queue: what it is called, and how it reads.
type Row = (&'static str, fn(&QueueFigures) -> String);

const QUEUE: &[Row] = &[
    ("entered 进入", |queue| queue.entered.to_string()),
    ("answered 接通", |queue| queue.answered.to_string()),
    ("abandoned 放弃", |queue| format!("{} ({})", queue.abandoned, percent(queue.abandon_rate))),
    ("left otherwise 其他离开", otherwise),
    ("service level 服务水平", |queue| percent(queue.service_level)),
    ("average wait 平均等待", |queue| seconds(queue.average_wait_ms)),
    ("95 % waited at most 95分位等待", |queue| seconds(queue.p95_wait_ms)),
    ("longest wait 最长等待", |queue| seconds(queue.longest_wait_ms)),
];

/// Prints a comparison.
pub(super) fn show(comparison: &Comparison, utc_offset: i64) {
    let Comparison { seed, begins, ends, threshold_ms, columns } = comparison;
    report::line(&format!(
        "simulated 模拟: {begins} to {ends} (UTC; the centre is {utc_offset:+} h), seed {seed}; \
         service level within {}\n",
        seconds(*threshold_ms)
    ));
    let header: Vec<&str> =
        std::iter::once("").chain(columns.iter().map(|column| column.name.as_str())).collect();
    let figures: Vec<&Figures> = columns.iter().map(|column| &column.figures).collect();
    let mut rows = vec![
        row("calls 来电", &figures, |it| it.calls.to_string()),
        row("kept out by limits 受限", &figures, |it| it.barred.to_string()),
    ];
    let queues: BTreeSet<&QueueId> =
        figures.iter().flat_map(|it| it.queues.iter().map(|queue| &queue.queue)).collect();
    for queue in queues {
        rows.push(vec![String::new()]);
        rows.push(vec![format!("queue 队列 {queue}")]);
        for (name, read) in QUEUE {
            let of = |it: &Figures| it.queues.iter().find(|it| it.queue == *queue).map(read);
            rows.push(row(&format!("  {name}"), &figures, |it| of(it).unwrap_or("–".into())));
        }
    }
    rows.push(vec![String::new()]);
    rows.push(vec!["each agent 每坐席: least, mean, most 最少、平均、最多".to_owned()]);
    rows.push(row("  agents 坐席", &figures, |it| it.agents.len().to_string()));
    rows.push(row("  calls 接听量", &figures, |it| {
        across(&it.calls_each, |it| format!("{it:.0}"))
    }));
    let share = |share: f64| percent(Some(share));
    rows.push(row("  talk share 通话占比", &figures, |it| across(&it.talk_share, share)));
    rows.push(row("  occupancy 占用率", &figures, |it| across(&it.occupancy, share)));
    report::table(&header, &rows);
}

fn row(name: &str, figures: &[&Figures], read: impl Fn(&Figures) -> String) -> Vec<String> {
    std::iter::once(name.to_owned()).chain(figures.iter().map(|it| read(it))).collect()
}

fn across(across: &Across, read: impl Fn(f64) -> String) -> String {
    let Across { least, mean, most } = *across;
    [least, mean, most].map(read).join(" / ")
}

fn otherwise(queue: &QueueFigures) -> String {
    let waiting = (queue.waiting > 0).then(|| format!("waiting {}", queue.waiting));
    let left = queue.otherwise.iter().map(|(outcome, many)| format!("{outcome} {many}"));
    let all: Vec<String> = left.chain(waiting).collect();
    if all.is_empty() { "–".to_owned() } else { all.join(", ") }
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

fn seconds(millis: u64) -> String {
    format!("{}.{} s", millis / 1_000, millis % 1_000 / 100)
}
