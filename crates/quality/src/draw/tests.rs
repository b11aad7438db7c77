use model::{Epoch, QueueId, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::plan::Filter;

fn at(second: u64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + second)
}

fn day() -> Filter {
    Filter::between(at(0), at(86_400))
}

fn plan(seed: &str, size: u32, per_agent_min: u32) -> Plan {
    Plan { seed: seed.into(), size, per_agent_min, filter: day() }
}

/// One part of a minute's length.
fn part(call: u32, part: u16, agent: u32) -> Candidate {
    Candidate {
        recording: RecordingId { call: CallId::new(Epoch::new(1), call), part },
        agent: (agent > 0).then(|| AgentId::new(agent)),
        queue: Some(QueueId::from("sales")),
        at: at(u64::from(call)),
        duration_ms: 60_000,
        sha256: format!("{call:064x}"),
        complete: true,
    }
}

/// `calls` calls, the agents 1 to `agents` taking turns.
fn calls(calls: u32, agents: u32) -> Vec<Candidate> {
    (0..calls).map(|call| part(call, 1, 1 + call % agents)).collect()
}

#[test]
fn a_draw_is_what_another_program_computes_from_the_description() {
    let draw = draw(&plan("seed", 3, 1), &calls(20, 2));
    let ids: Vec<String> = draw.drawn.iter().map(|one| one.call.to_string()).collect();
    assert_eq!(ids, ["1-13", "1-5", "1-4"]);
    assert_eq!(draw.id, "f66e9973816b1733");
}

#[test]
fn the_parts_of_a_held_call_are_one_conversation() {
    let candidates = [part(1, 1, 7), part(1, 2, 7), part(1, 3, 8), part(1, 4, 7)];
    let draw = draw(&plan("x", 10, 0), &candidates);
    assert_eq!((draw.population, draw.drawn.len()), (2, 2));
    let of_seven = draw.drawn.iter().find(|one| one.agent == AgentId::new(7)).unwrap();
    let parts: Vec<u16> = of_seven.recordings.iter().map(|recording| recording.part).collect();
    assert_eq!(parts, [1, 2, 4]);
}

#[test]
fn a_conversation_of_which_a_part_is_not_complete_is_counted_and_not_drawn() {
    let lost = Candidate { complete: false, ..part(1, 2, 7) };
    let draw = draw(&plan("x", 10, 0), &[part(1, 1, 7), lost, part(2, 1, 7)]);
    assert_eq!((draw.population, draw.drawn.len()), (1, 1));
    assert_eq!(draw.excluded.get(&Exclusion::NotComplete), Some(&1));
}

#[test]
fn what_does_not_count_is_counted_by_reason() {
    let mut filter = day();
    filter.agents = [1, 2].map(AgentId::new).into();
    filter.queues = ["sales".into()].into();
    (filter.min_duration_ms, filter.max_duration_ms) = (30_000, Some(90_000));
    let candidates = [
        part(1, 1, 1),
        part(1, 1, 1),
        part(2, 1, 0),
        part(3, 1, 3),
        Candidate { queue: None, ..part(4, 1, 1) },
        Candidate { at: at(0) - std::time::Duration::from_secs(61), ..part(5, 1, 1) },
        Candidate { at: at(86_340), ..part(6, 1, 1) },
        Candidate { duration_ms: 29_999, ..part(7, 1, 1) },
        Candidate { duration_ms: 90_001, ..part(8, 1, 1) },
    ];
    let draw = draw(&Plan { filter, ..plan("x", 10, 1) }, &candidates);
    assert_eq!((draw.population, draw.drawn.len(), draw.excluded.len()), (1, 1, 8));
    assert!(draw.excluded.values().all(|count| *count == 1));
    let shortage = Shortage { agent: AgentId::new(2), eligible: 0, drawn: 0 };
    assert_eq!(draw.shortages, [shortage]);
}

#[test]
fn a_call_over_midnight_belongs_to_the_day_it_ended_in_and_to_no_other() {
    let over = Candidate { at: at(86_370), ..part(1, 1, 1) };
    let drawn =
        |filter| draw(&Plan { filter, ..plan("x", 1, 0) }, std::slice::from_ref(&over)).drawn.len();
    assert_eq!(drawn(day()), 0);
    assert_eq!(drawn(Filter::between(at(86_400), at(172_800))), 1);
}

#[test]
fn an_agent_with_fewer_calls_than_the_minimum_is_named() {
    let mut candidates = calls(30, 3);
    candidates.push(part(99, 1, 9));
    let draw = draw(&plan("x", 20, 2), &candidates);
    let shortage = Shortage { agent: AgentId::new(9), eligible: 1, drawn: 1 };
    assert_eq!((draw.drawn.len(), draw.shortages), (20, vec![shortage]));
}

#[test]
fn a_size_too_small_for_all_minimums_gives_everybody_one_before_anybody_two() {
    let draw = draw(&plan("x", 6, 2), &calls(40, 4));
    assert!(draw.agents.values().all(|stratum| (1..=2).contains(&stratum.drawn)));
    assert_eq!((draw.drawn.len(), draw.shortages.len()), (6, 2));
    assert!(draw.drawn.iter().all(|one| one.why == Why::Minimum));
}

#[test]
fn a_plan_reads_back_from_json_and_unknown_keys_are_refused() {
    let plan = plan("x", 6, 2);
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    assert!(serde_json::from_str::<Plan>(&text.replace("size", "sise")).is_err());
    let draw = draw(&plan, &calls(20, 2));
    let text = serde_json::to_string(&draw).unwrap();
    assert_eq!(serde_json::from_str::<Draw>(&text).unwrap(), draw);
}

/// Pearson's statistic over 4000 draws of 5 from 50, against the 99.9 % point of 49 degrees.
#[test]
fn every_call_is_equally_likely_to_be_drawn() {
    let candidates = calls(50, 5);
    let mut times: BTreeMap<CallId, f64> = BTreeMap::new();
    for seed in 0..4_000 {
        for one in draw(&plan(&seed.to_string(), 5, 0), &candidates).drawn {
            *times.entry(one.call).or_default() += 1.0;
        }
    }
    let expected = 4_000.0 * 5.0 / 50.0;
    // A sample without replacement varies less by the share not drawn.
    let square = |times: &f64| (times - expected).powi(2) / (expected * 0.9 * 50.0 / 49.0);
    let statistic: f64 = times.values().map(square).sum();
    assert!(times.len() == 50 && statistic < 85.4, "{statistic}");
    assert!(statistic > 23.0, "too even to be random: {statistic}");
}

proptest! {
    #[test]
    fn the_order_of_the_candidates_does_not_matter(
        (sorted, shuffled) in prop::collection::vec((0..20_u32, 1..4_u16, 0..5_u32), 0..40)
            .prop_map(|parts| parts.into_iter().map(|(a, b, c)| part(a, b, c)).collect::<Vec<_>>())
            .prop_flat_map(|parts| (Just(parts.clone()), Just(parts).prop_shuffle())),
        size in 0..30_u32,
        per_agent_min in 0..4_u32,
    ) {
        let plan = plan("seed", size, per_agent_min);
        prop_assert_eq!(draw(&plan, &sorted), draw(&plan, &shuffled));
    }

    #[test]
    fn nothing_is_drawn_twice_and_minimums_are_kept_where_they_can_be(
        seed: String,
        calls_made in 0..80_u32,
        agents in 1..8_u32,
        size in 0..100_u32,
        per_agent_min in 0..6_u32,
    ) {
        let draw = draw(&plan(&seed, size, per_agent_min), &calls(calls_made, agents));
        let distinct: BTreeSet<_> = draw.drawn.iter().map(|one| (one.call, one.agent)).collect();
        prop_assert_eq!(distinct.len(), draw.drawn.len());
        prop_assert_eq!(draw.drawn.len(), calls_made.min(size) as usize);
        let wanted = |eligible: u64| eligible.min(u64::from(per_agent_min));
        let sum: u64 = draw.agents.values().map(|stratum| wanted(stratum.eligible)).sum();
        if sum <= u64::from(size) {
            let kept = |stratum: &Stratum| stratum.drawn >= wanted(stratum.eligible);
            prop_assert!(draw.agents.values().all(kept));
        } else {
            prop_assert!(draw.drawn.iter().all(|one| one.why == Why::Minimum));
        }
        let short = |stratum: &&Stratum| stratum.drawn < u64::from(per_agent_min);
        prop_assert_eq!(draw.shortages.len(), draw.agents.values().filter(short).count());
    }

    #[test]
    fn a_larger_sample_contains_the_smaller_one(size in 0..40_u32) {
        let candidates = calls(50, 5);
        let calls = |size| -> BTreeSet<CallId> {
            draw(&plan("seed", size, 0), &candidates).drawn.iter().map(|one| one.call).collect()
        };
        prop_assert!(calls(size + 1).is_superset(&calls(size)));
    }
}
