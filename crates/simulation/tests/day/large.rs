//! How long a large day takes. It measures and judges nothing, so the gate does not run it:
//! `cargo test --release --package simulation --test day -- --ignored --nocapture`.

use crate::centre::{config, live, profile};
use simulation::Manner;

#[test]
#[ignore = "a figure for the release profile, not a rule"]
fn ten_hours_of_a_thousand_agents() {
    let figures = live(config(1_000), &profile(17_000.0, 10), 1, Manner::default());
    println!("{} calls, {} inputs: {:?}", figures.calls, figures.inputs, figures.queues);
}
