//! How figures are taken: spreads of delays, medians of runs, tables.

use std::fmt;

use clock::Clock;

/// How delays are spread, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Spread {
    /// How many were measured.
    pub count: usize,
    /// Half were shorter.
    pub median: u64,
    /// One in a hundred was longer.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

impl Spread {
    /// The spread of these delays.
    #[must_use]
    pub fn of(mut delays: Vec<u64>) -> Self {
        delays.sort_unstable();
        let at = |share: usize| delays.get((delays.len() * share / 100).min(delays.len() - 1));
        match delays.last() {
            None => Self::default(),
            Some(max) => Self {
                count: delays.len(),
                median: at(50).copied().unwrap_or_default(),
                p99: at(99).copied().unwrap_or_default(),
                max: *max,
            },
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |micros: u64| micros as f64 / 1_000.0;
        let (median, p99, max) = (millis(self.median), millis(self.p99), millis(self.max));
        write!(out, "{median:.2} / {p99:.2} / {max:.2} ms ({})", self.count)
    }
}

/// How often a step is measured; the median is what is told.
const RUNS: usize = 15;

/// The median time of one step, in nanoseconds, over runs of `steps` steps each.
pub fn nanos_each(clock: Clock, steps: u32, mut step: impl FnMut()) -> f64 {
    let mut runs: Vec<f64> = (0..RUNS)
        .map(|_| {
            let began = clock.now();
            for _ in 0..steps {
                step();
            }
            clock.now().since(began).as_nanos() as f64 / f64::from(steps)
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    runs[RUNS / 2]
}

/// Prints rows under a heading, in columns as wide as they need.
pub fn print_table(title: &str, heading: &[&str], rows: &[Vec<String>]) {
    let widths: Vec<usize> = (0..heading.len())
        .map(|column| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([heading[column].len()]).max().unwrap_or_default()
        })
        .collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        println!("| {} |", padded.collect::<Vec<_>>().join(" | "));
    };
    println!("\n{title}\n");
    line(&heading.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>());
    line(&widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>());
    for row in rows {
        line(row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_tells_the_median_the_99th_of_a_hundred_and_the_longest() {
        let spread = Spread::of((1..=1_000).rev().collect());
        assert_eq!(spread, Spread { count: 1_000, median: 501, p99: 991, max: 1_000 });
    }

    #[test]
    fn nothing_measured_is_no_spread() {
        assert_eq!(Spread::of(vec![]), Spread::default());
        assert_eq!(Spread::of(vec![7]), Spread { count: 1, median: 7, p99: 7, max: 7 });
    }
}
