//! `/metrics` in Prometheus' text format. Read at each scrape from those who know; nothing is
//! counted twice.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{Actor, StateName};
use prometheus::{CounterVec, GaugeVec, Opts, Registry, TextEncoder};
use store::JournalState;
use switchboard::status::Status;

use crate::app::{self, App};
use crate::problem::{Kind, Problem};

/// One figure of a driver. A name that ends in `_total` is a counter, others are gauges.
#[derive(Clone, PartialEq, Debug)]
pub struct Sample {
    /// The metric, as `hotline_media_packets_total`.
    pub name: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// What tells it from others of its name. The same keys for all of one name.
    pub labels: Vec<(&'static str, String)>,
    /// The figure.
    pub value: f64,
}

impl Sample {
    /// A figure without labels.
    #[must_use]
    pub const fn of(name: &'static str, help: &'static str, value: f64) -> Self {
        Self { name, help, labels: Vec::new(), value }
    }

    fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.labels.push((key, value.to_string()));
        self
    }
}

/// What this crate counts itself.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    classes: [AtomicU64; 6],
    unauthorized: AtomicU64,
}

impl Counted {
    pub(crate) fn response(&self, status: StatusCode) {
        let class = self.classes.get(usize::from(status.as_u16() / 100));
        class.into_iter().for_each(|count| {
            count.fetch_add(1, Ordering::Relaxed);
        });
    }

    pub(crate) fn unauthorized(&self) {
        self.unauthorized.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) async fn show(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let mut samples = of_api(&app);
    // Without a floor the other figures are worth all the more.
    if let Ok(status) = crate::status::ask(&app, Actor::system()).await {
        samples.extend(of_floor(&status));
    }
    samples.extend(app.fetches.samples());
    samples.extend(of_accounts(&app));
    samples.extend(of_store(&app));
    for driver in &app.wiring.samples {
        samples.extend(driver());
    }
    let text = encode(samples).map_err(|error| {
        tracing::error!(%error, "metrics cannot be written");
        Problem::from(Kind::Fault)
    })?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

#[expect(clippy::cast_precision_loss, reason = "no count here comes near 2⁵³")]
pub(crate) const fn figure(count: u64) -> f64 {
    count as f64
}

fn of_api(app: &App) -> Vec<Sample> {
    let counted = &app.counted;
    let classes = counted.classes.iter().enumerate().skip(1).map(|(class, count)| {
        let help = "HTTP responses, by the first digit of their status.";
        let count = figure(count.load(Ordering::Relaxed));
        Sample::of("hotline_http_responses_total", help, count).with("class", class)
    });
    let refused = Sample::of(
        "hotline_http_unauthorized_total",
        "Requests without a token that is accepted.",
        figure(counted.unauthorized.load(Ordering::Relaxed)),
    );
    let open = app::STREAMS.saturating_sub(app.streams.available_permits());
    let help = "Event streams that are open.";
    let streams = Sample::of("hotline_event_streams", help, figure(open as u64));
    classes.chain([refused, streams]).collect()
}

fn of_floor(status: &Status) -> Vec<Sample> {
    let agents = StateName::ALL.map(|state| {
        let count = status.agents.iter().filter(|row| row.state.name() == state).count();
        let help = "Agents, by state.";
        Sample::of("hotline_agents", help, figure(count as u64)).with("state", state.as_str())
    });
    let queues = status.queues.iter().flat_map(|row| {
        [
            ("hotline_queue_waiting", "Callers waiting.", figure(u64::from(row.waiting))),
            (
                "hotline_queue_longest_wait_seconds",
                "How long the first of them has waited.",
                figure(row.longest_wait_ms) / 1_000.0,
            ),
            ("hotline_queue_ready", "Agents ready for the queue.", figure(u64::from(row.ready))),
        ]
        .map(|(name, help, value)| Sample::of(name, help, value).with("queue", &row.queue))
    });
    let calls = figure(status.calls.len() as u64);
    let ports = status.ports;
    let rest = [
        Sample::of("hotline_calls", "Live calls.", calls),
        Sample::of("hotline_ports_used", "Media ports in use.", figure(u64::from(ports.0))),
        Sample::of("hotline_ports", "Media ports in all.", figure(u64::from(ports.1))),
        Sample::of(
            "hotline_repairs_total",
            "Invariants found broken and mended; anything but 0 is a fault of ours.",
            figure(status.repairs),
        ),
    ];
    let limits = of_limits(status);
    agents.into_iter().chain(queues).chain(rest).chain(limits).collect()
}

/// How full the trunks are, and what kept calls out.
fn of_limits(status: &Status) -> impl Iterator<Item = Sample> {
    let trunks = status.trunks.iter().flat_map(|row| {
        [
            ("hotline_trunk_calls", "Calls on the trunk, in and out.", row.calls),
            ("hotline_trunk_max_calls", "The most it may carry.", row.max_calls),
        ]
        .map(|(name, help, calls)| {
            Sample::of(name, help, figure(u64::from(calls))).with("trunk", &row.trunk)
        })
    });
    let barred = status.barred.iter().map(|row| {
        let help = "Calls kept out, or kept from a trunk, since start, by the limit or the cause.";
        let barred = Sample::of("hotline_calls_barred_total", help, figure(row.times));
        let trunk = row.trunk.as_ref().map(ToString::to_string).unwrap_or_default();
        let hotline = row.hotline.as_ref().map(ToString::to_string).unwrap_or_default();
        barred.with("reason", &row.reason).with("trunk", trunk).with("hotline", hotline)
    });
    trunks.chain(barred)
}

/// The accounting identity, over the whole log: entered = left + waiting in every queue.
fn of_accounts(app: &App) -> Vec<Sample> {
    let accounts = app.wiring.journal.accounts();
    let imbalance = accounts.check().err();
    if let Some(imbalance) = &imbalance {
        tracing::error!(%imbalance, "a queue's books do not agree");
    }
    let mut samples = vec![Sample::of(
        "hotline_queue_imbalance",
        "1 when in some queue those who entered are not those who left and those who wait.",
        figure(u64::from(imbalance.is_some())),
    )];
    for (queue, account) in accounts.queues() {
        let help = "Callers who entered, over the whole log.";
        let entered = figure(account.entered);
        samples.push(Sample::of("hotline_queue_entered_total", help, entered).with("queue", queue));
        samples.extend(account.outcomes.iter().map(|(outcome, count)| {
            let help = "Callers who left, by outcome, over the whole log.";
            let left = Sample::of("hotline_queue_left_total", help, figure(*count));
            left.with("queue", queue).with("outcome", outcome)
        }));
    }
    samples
}

fn of_store(app: &App) -> Vec<Sample> {
    let health = app.wiring.journal.health();
    let projector = app.wiring.projector.health();
    let failing = matches!(health.state, JournalState::Failing(_) | JournalState::Closed);
    let behind = match (health.durable, projector.mark) {
        (Some(end), Some(mark)) if end.epoch == mark.epoch => end.seq.saturating_sub(mark.seq),
        (Some(end), _) => end.seq,
        (None, _) => 0,
    };
    let figures = [
        ("hotline_journal_waiting", "Events that wait for the disk.", health.waiting),
        ("hotline_journal_events_total", "Events written since start.", health.events),
        ("hotline_journal_octets_total", "Octets written since start.", health.octets),
        ("hotline_journal_commits_total", "Batches written since start.", health.commits),
        ("hotline_journal_failures_total", "Batches the disk refused.", health.failures),
        ("hotline_journal_blocked_total", "Times the floor waited for the disk.", health.blocked),
        ("hotline_journal_misnumbered_total", "Events out of order.", health.misnumbered),
        ("hotline_journal_failing", "1 while the disk refuses.", u64::from(failing)),
        ("hotline_projection_behind", "Events not yet in the database.", behind),
        ("hotline_projection_failures_total", "Batches refused.", projector.failures),
    ];
    figures.map(|(name, help, value)| Sample::of(name, help, figure(value))).into()
}

fn encode(samples: Vec<Sample>) -> Result<String, prometheus::Error> {
    let mut by_name = BTreeMap::<_, Vec<Sample>>::new();
    for sample in samples {
        by_name.entry(sample.name).or_default().push(sample);
    }
    let registry = Registry::new();
    for (name, samples) in by_name {
        register(&registry, name, &samples)?;
    }
    TextEncoder::new().encode_to_string(&registry.gather())
}

fn register(registry: &Registry, name: &str, samples: &[Sample]) -> Result<(), prometheus::Error> {
    let Some(first) = samples.first() else { return Ok(()) };
    let keys: Vec<_> = first.labels.iter().map(|(key, _)| *key).collect();
    let options = Opts::new(name, first.help);
    let values = |sample: &Sample| -> Vec<String> {
        sample.labels.iter().map(|(_, value)| value.clone()).collect()
    };
    if name.ends_with("_total") {
        let counters = CounterVec::new(options, &keys)?;
        registry.register(Box::new(counters.clone()))?;
        for sample in samples {
            let counter = counters.get_metric_with_label_values(&values(sample))?;
            counter.inc_by(sample.value.max(0.0));
        }
    } else {
        let gauges = GaugeVec::new(options, &keys)?;
        registry.register(Box::new(gauges.clone()))?;
        for sample in samples {
            gauges.get_metric_with_label_values(&values(sample))?.set(sample.value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_one_name_stand_together_with_their_labels_escaped() {
        let sample = |queue| Sample::of("hotline_x_total", "X.", 2.0).with("queue", queue);
        let text = encode(vec![sample("b\"\n"), Sample::of("hotline_a", "A.", 0.5), sample("a")]);
        assert_eq!(
            text.unwrap(),
            "# HELP hotline_a A.\n# TYPE hotline_a gauge\nhotline_a 0.5\n\
             # HELP hotline_x_total X.\n# TYPE hotline_x_total counter\n\
             hotline_x_total{queue=\"a\"} 2\nhotline_x_total{queue=\"b\\\"\\n\"} 2\n"
        );
    }
}
