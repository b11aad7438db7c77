//! Where Erlang's assumptions hold, the centre does what Erlang C says: Poisson arrivals,
//! exponential conversations, nobody hangs up, no after-call work, phones answered at once.

use insight::{erlang_c, erlang_c_wait};
use model::Outcome;
use simulation::{Centre, Profile, Wait, everybody};

use crate::centre::{config, live, nine, profile, prompt, sales, seconds};

/// Batches of a run; neighbouring waits are alike, batches hardly.
const BATCHES: usize = 30;

/// Student's t for 29 degrees of freedom: 99 of 100 runs lie within.
const T_99: f64 = 2.756;

/// A mean and half the width of its confidence interval, from batch means.
fn interval(waits: &[Wait], figure: impl Fn(&Wait) -> f64) -> (f64, f64) {
    let size = waits.len() / BATCHES;
    let means: Vec<f64> = waits
        .chunks_exact(size)
        .take(BATCHES)
        .map(|batch| batch.iter().map(&figure).sum::<f64>() / size as f64)
        .collect();
    let many = means.len() as f64;
    let mean = means.iter().sum::<f64>() / many;
    let variance = means.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / (many - 1.0);
    (mean, T_99 * (variance / many).sqrt())
}

/// The waits of a run, without those of the first hours, when the centre was still empty.
fn waits(agents: usize, calls_per_hour: f64, (hours, seed): (usize, u64)) -> Vec<Wait> {
    let steady = Profile { patience: None, ..profile(calls_per_hour, hours) };
    let day = steady.day(seed, prompt());
    let config = config(agents);
    let roster = everybody(&config, &day);
    let mut centre = Centre::open(config, &day, &roster).unwrap();
    while centre.now() < day.ends && centre.step() {}
    let warm = nine() + seconds(5 * 3600);
    let waits = centre.waits(&sales()).iter().filter(|wait| wait.until > warm);
    waits.copied().collect()
}

fn holds(agents: u32, calls_per_hour: f64, (hours, seed): (usize, u64)) {
    let load = calls_per_hour * 180.0 / 3600.0;
    let waits = waits(usize::try_from(agents).unwrap(), calls_per_hour, (hours, seed));
    assert!(waits.iter().all(|wait| wait.outcome == Outcome::Answered));
    let (share, share_within) = interval(&waits, |wait| f64::from(u8::from(wait.waited_ms > 0)));
    let (mean, mean_within) = interval(&waits, |wait| wait.waited_ms as f64 / 1_000.0);
    let share_told = erlang_c(agents, load);
    let mean_told = erlang_c_wait(agents, load, seconds(180)).unwrap().as_secs_f64();
    let told = format!(
        "{agents} agents, {load} erlangs, seed {seed}, {} calls: wait {share:.4} ± {share_within:.4} \
         (Erlang {share_told:.4}), {mean:.3} ± {mean_within:.3} s (Erlang {mean_told:.3} s)",
        waits.len(),
    );
    assert!((share - share_told).abs() <= share_within, "{told}");
    assert!((mean - mean_told).abs() <= mean_within, "{told}");
    // An interval so wide that everything is within says nothing.
    assert!(share_within < 0.25 * share_told && mean_within < 0.4 * mean_told, "{told}");
}

#[test]
fn two_agents_at_one_erlang_are_as_erlang_says() {
    for seed in 1..=3 {
        holds(2, 20.0, (1_500, seed));
    }
}

#[test]
fn ten_agents_at_seven_erlangs_are_as_erlang_says() {
    for seed in 1..=3 {
        holds(10, 140.0, (250, seed));
    }
}

#[test]
fn forty_agents_at_thirty_four_erlangs_are_as_erlang_says() {
    for seed in 1..=2 {
        holds(40, 680.0, (120, seed));
    }
}

#[test]
fn whoever_hangs_up_makes_the_waits_of_the_others_shorter_than_erlang_says() {
    let figures = live(config(10), &profile(190.0, 100), 1, prompt());
    let told = erlang_c_wait(10, 9.5, seconds(180)).unwrap();
    let queue = &figures.queues[0];
    assert!(queue.abandoned > 0);
    assert!(u128::from(queue.average_wait_ms) < told.as_millis(), "{queue:?}");
    assert!(figures.queues[0].service_level > Some(0.0));
    assert_eq!(figures, live(config(10), &profile(190.0, 100), 1, prompt()), "the same seed");
}
