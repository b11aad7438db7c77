//! As many random inputs as are asked for, outside the gate: the simulation that the gate runs for some
//! days goes on from seed to seed, and every invariant is looked at after every input.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Instant;

use crate::run;

const USUAL_EVENTS: u64 = 10_000_000;

/// What is run, after `cargo`. Optimised, or it would take ten times as long; with our own checks.
const COMMAND: &[&str] = &[
    "test",
    "--release",
    "--locked",
    "--quiet",
    "--package",
    "switchboard",
    "--test",
    "floor",
    "--",
    "--ignored",
    "--exact",
    "--nocapture",
    "soak::nothing_breaks_however_long",
];

/// What was asked for.
#[derive(PartialEq, Eq, Debug)]
struct Asked {
    events: u64,
    seed: u64,
}

/// Lives through random days until so many inputs were handled.
///
/// # Errors
/// A sentence that names the seed at which something broke, and the command that shows it again.
pub(crate) fn soak(words: &[String]) -> Result<(), String> {
    let asked = Asked::read(words)?;
    let mut command = run::prepared("cargo", COMMAND);
    command.env("HOTLINE_SOAK_EVENTS", asked.events.to_string());
    command.env("HOTLINE_SOAK_SEED", asked.seed.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("cargo cannot be run: {error}"))?;
    let mut told = Told { since: None, seed: asked.seed, events: 0 };
    for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
        told.hear(&line.map_err(|error| format!("what the test says cannot be read: {error}"))?);
    }
    let status = child.wait().map_err(|error| format!("the test cannot be waited for: {error}"))?;
    if status.success() && told.events >= asked.events {
        println!("{} events, seeds {} to {}: nothing broke", told.events, asked.seed, told.seed);
        return Ok(());
    }
    Err(match told.events {
        0 if !status.success() && told.since.is_none() => {
            format!("cargo did not run it ({status})")
        }
        _ => format!(
            "seed {seed} broke an invariant, which is above; it is shown again by\n  \
             cargo xtask soak floor --events 1 --seed {seed}",
            seed = told.seed
        ),
    })
}

impl Asked {
    fn read(words: &[String]) -> Result<Self, String> {
        const USAGE: &str = "say `cargo xtask soak floor [--events n] [--seed n]`";
        let mut asked = Self { events: USUAL_EVENTS, seed: 1 };
        let mut words = words.iter().map(String::as_str);
        if words.next() != Some("floor") {
            return Err(USAGE.to_owned());
        }
        while let Some(word) = words.next() {
            let number = words.next().and_then(|number| number.parse().ok()).filter(|n| *n > 0);
            let number = number.ok_or_else(|| format!("`{word}` needs a number; {USAGE}"))?;
            match word {
                "--events" => asked.events = number,
                "--seed" => asked.seed = number,
                _ => return Err(format!("there is no option `{word}`; {USAGE}")),
            }
        }
        Ok(asked)
    }
}

/// What the test has told so far.
struct Told {
    since: Option<Instant>,
    /// The seed last told of.
    seed: u64,
    events: u64,
}

impl Told {
    fn hear(&mut self, line: &str) {
        // Cargo has built it when the first line comes.
        let since = *self.since.get_or_insert_with(now);
        let Some(told) = line.trim_start_matches('.').strip_prefix("soak: seed ") else { return };
        let mut words = told.split(' ');
        let mut number = || words.find_map(|word| word.parse::<u64>().ok());
        let (seed, events) = (number(), number());
        self.seed = seed.unwrap_or(self.seed);
        if let Some(events) = events {
            self.events = events;
            let seconds = now().duration_since(since).as_secs_f64().max(0.001);
            let rate = events as f64 / seconds;
            eprintln!("{events} events in {seconds:.0} s, {rate:.0} a second; seed {}", self.seed);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the rate is shown and decides nothing")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Result<Asked, String> {
        Asked::read(&words.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn ten_million_events_from_the_first_seed_are_meant_unless_others_are_named() {
        assert_eq!(read("floor"), Ok(Asked { events: 10_000_000, seed: 1 }));
        assert_eq!(read("floor --seed 7 --events 5"), Ok(Asked { events: 5, seed: 7 }));
    }

    #[test]
    fn words_that_mean_nothing_are_told() {
        for words in ["", "roof", "floor --events", "floor --events 0", "floor --loops 3"] {
            assert!(read(words).is_err(), "{words}");
        }
    }

    #[test]
    fn the_seed_that_failed_is_heard() {
        let mut told = Told { since: None, seed: 1, events: 0 };
        told.hear("soak: seed 100 events 65000");
        told.hear("soak: seed 117 failed");
        assert_eq!((told.seed, told.events), (117, 65_000));
    }
}
