use model::{CallId, Epoch, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::plan::{Filter, Plan};

fn plan() -> Plan {
    let filter = Filter::between(Timestamp::from_secs(0), Timestamp::from_secs(10_000));
    Plan { seed: "2026-W47".into(), size: 8, per_agent_min: 2, filter }
}

fn candidates() -> Vec<Candidate> {
    let candidate = |call| Candidate {
        recording: RecordingId { call: CallId::new(Epoch::new(1), call), part: 1 },
        agent: Some(AgentId::new(1001 + call % 3)),
        queue: Some("sales".into()),
        at: Timestamp::from_secs(u64::from(call)),
        duration_ms: 1_000,
        sha256: format!("{call:064x}"),
        complete: true,
    };
    (1..=30).map(candidate).collect()
}

fn differences(draw: &Draw, candidates: &[Candidate]) -> Vec<Difference> {
    verify(draw, candidates).unwrap_err().differences
}

#[test]
fn an_honest_draw_is_verified_whatever_the_order_of_the_recordings() {
    let mut candidates = candidates();
    let draw = draw(&plan(), &candidates);
    candidates.reverse();
    assert_eq!(verify(&draw, &candidates), Ok(()));
}

#[test]
fn a_drawn_recording_that_is_gone_is_named() {
    let mut candidates = candidates();
    let draw = draw(&plan(), &candidates);
    let gone = draw.drawn[0].recordings[0];
    let agent = draw.drawn[0].agent;
    candidates.retain(|part| part.recording != gone);
    let found = differences(&draw, &candidates);
    assert!(found.contains(&Difference::Gone(gone)));
    assert!(found.contains(&Difference::Population { claimed: 30, found: 29 }));
    assert!(found.contains(&Difference::Agent { agent, claimed: 10, found: 9 }));
}

#[test]
fn a_recording_that_was_added_or_changed_is_traced_to_its_agent() {
    let mut candidates = candidates();
    let draw = draw(&plan(), &candidates);
    candidates[4].sha256 = "0".repeat(64);
    let agent = candidates[4].agent.unwrap();
    let found = differences(&draw, &candidates);
    assert!(found.contains(&Difference::Agent { agent, claimed: 10, found: 10 }));
    let text = verify(&draw, &candidates).unwrap_err().to_string();
    assert!(
        text.contains("agent 1003: 10 conversations, but one was changed or exchanged"),
        "{text}"
    );
}

#[test]
fn a_pruned_and_refilled_list_is_caught_by_name() {
    let candidates = candidates();
    let honest = draw(&plan(), &candidates);
    let mut pruned = honest.clone();
    let unwelcome = pruned.drawn.remove(3);
    assert_eq!(differences(&pruned, &candidates), [Difference::LeftOut(unwelcome.clone())]);
    let pleasant = draw(&Plan { seed: "better".into(), ..plan() }, &candidates);
    let pleasant = pleasant.drawn.into_iter().find(|one| !honest.drawn.contains(one)).unwrap();
    pruned.drawn.push(pleasant.clone());
    let expected = [Difference::NotDrawn(pleasant), Difference::LeftOut(unwelcome)];
    assert_eq!(differences(&pruned, &candidates), expected);
}

#[test]
fn a_draw_by_another_algorithm_is_not_judged() {
    let mut draw = draw(&plan(), &candidates());
    draw.algorithm = "dice".into();
    let expected = Difference::Algorithm { claimed: "dice".into() };
    assert_eq!(differences(&draw, &candidates()), [expected]);
}

/// One change to a draw, each of a kind of its own.
fn tamper(draw: &mut Draw, kind: u8, place: usize) {
    let place = place % draw.drawn.len();
    match kind {
        0 => draw.id.push('0'),
        1 => draw.plan.seed.push('x'),
        2 => draw.plan.size += 1,
        3 => draw.plan.per_agent_min += 1,
        4 => draw.plan.filter.min_duration_ms = 1,
        5 => draw.population += 1,
        6 => draw.population_sha256.push('0'),
        7 => drop(draw.agents.pop_first()),
        8 => drop(draw.excluded.insert(Exclusion::TooShort, 1)),
        9 => drop(draw.drawn.remove(place)),
        10 => draw.drawn.push(draw.drawn[place].clone()),
        11 => draw.drawn[place].agent = AgentId::new(9),
        12 => draw.drawn[place].recordings.clear(),
        13 => draw.drawn.rotate_left(1),
        14 => draw.agents.values_mut().for_each(|stratum| stratum.drawn += 1),
        15 => draw.agents.values_mut().for_each(|stratum| stratum.sha256.push('0')),
        _ => draw.plan.filter.to = Timestamp::from_secs(9_999),
    }
}

proptest! {
    #[test]
    fn any_single_change_to_a_draw_is_caught(kind in 0..17_u8, place: usize) {
        let mut draw = draw(&plan(), &candidates());
        tamper(&mut draw, kind, place);
        let caught = verify(&draw, &candidates());
        prop_assert!(caught.is_err_and(|mismatch| !mismatch.differences.is_empty()));
    }

    #[test]
    fn any_single_change_to_the_recordings_is_caught(kind in 0..5_u8, place in 0..30_usize) {
        let mut candidates = candidates();
        let draw = draw(&plan(), &candidates);
        match kind {
            0 => drop(candidates.remove(place)),
            1 => candidates[place].duration_ms += 1,
            2 => candidates[place].sha256.push('0'),
            3 => candidates[place].agent = Some(AgentId::new(7)),
            _ => candidates.push(Candidate {
                recording: RecordingId { call: CallId::new(Epoch::new(2), 1), part: 1 },
                ..candidates[place].clone()
            }),
        }
        prop_assert!(verify(&draw, &candidates).is_err());
    }
}
