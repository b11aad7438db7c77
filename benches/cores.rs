//! What the parts that decide cost, each beside the simplest thing that could do its work.
//!
//! `cargo bench -p hotline-benches --bench cores`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a benchmark that goes wrong says so by panicking, and prints its figures"
)]

#[path = "cores/distribution.rs"]
mod distribution;
#[path = "cores/floor.rs"]
mod floor;
#[path = "cores/journal.rs"]
mod journal;
#[path = "cores/messages.rs"]
mod messages;

use clock::Clock;
use hotline_benches::figures::print_table;
use hotline_benches::process::{machine, pin_generator};

/// What a step costs beside its baseline, in nanoseconds.
struct Row {
    step: String,
    nanos: f64,
    baseline: &'static str,
    baseline_nanos: f64,
}

fn main() {
    println!("{}", machine());
    pin_generator();
    let clock = Clock::start();
    let rows = [
        messages::measure(clock),
        distribution::measure_free_agent(clock),
        distribution::measure_arriving_caller(clock),
        floor::measure(clock, 0),
        floor::measure(clock, 2_000),
        journal::measure(clock),
    ];
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.step.clone(),
                format!("{:.0}", row.nanos),
                row.baseline.to_owned(),
                format!("{:.0}", row.baseline_nanos),
                format!("{:.2}", row.nanos / row.baseline_nanos),
            ]
        })
        .collect();
    print_table(
        "One step, in nanoseconds (median of 15 runs)",
        &["step", "ns", "baseline", "ns", "ratio"],
        &cells,
    );
    println!();
    print_table(
        "One decision of the distribution, in nanoseconds",
        &["agents", "waiting", "median", "99 of 100"],
        &distribution::decision_times(),
    );
}
