//! As many random days as are asked for: `cargo xtask soak floor`, which reads what this prints.

use std::panic::catch_unwind;

use crate::simulation::live;

/// Days from one line of progress to the next.
const TOLD_EVERY: u64 = 1_000;

#[test]
#[ignore = "as long as asked: `cargo xtask soak floor`"]
fn nothing_breaks_however_long() {
    let (events, first) = (asked("HOTLINE_SOAK_EVENTS"), asked("HOTLINE_SOAK_SEED"));
    let mut handled = 0;
    for seed in first.. {
        match catch_unwind(|| live(seed)) {
            Ok(inputs) => handled += inputs,
            Err(_) => {
                println!("soak: seed {seed} failed");
                panic!("seed {seed} broke something, told above");
            }
        }
        let done = handled >= events;
        if done || seed.is_multiple_of(TOLD_EVERY) {
            println!("soak: seed {seed} events {handled}");
        }
        if done {
            return;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no other words to be told by")]
fn asked(name: &str) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}
