use model::OfferEnd;
use proptest::prelude::*;

use super::*;
use crate::story::{Fold, Story, busy, ready};
use crate::{Accounts, AgentHistory, Floor};

/// Greeted for 5 s, waits 20 s, one agent lets it ring, the next talks 60 s of which 10 s held.
fn a_call_through_the_house() -> Story {
    let mut story = Story::default();
    story.arrives(1);
    story.of_call(1, 0, EventKind::CallAnswered {});
    story.of_call(1, 1, EventKind::FlowStarted { flow: "welcome".into() });
    story.later(5);
    story.of_call(1, 1, EventKind::FlowEnded {});
    story.waits(1, 2, "sales");
    story.offered(1, 2, "sales", 1001);
    story.later(15);
    story.of_call(1, 2, EventKind::QueueOfferEnded { end: OfferEnd::NoAnswer, rang_ms: 15_000 });
    story.events.last_mut().unwrap().agent = Some(AgentId::new(1001));
    story.offered(1, 2, "sales", 1002);
    story.later(5);
    story.leaves(1, 2, "sales", Outcome::Answered);
    story.talks(1, 3, 1002);
    story.records(1, 1);
    story.later(20);
    story.of_call(1, 3, EventKind::Held {});
    story.later(10);
    story.of_call(1, 3, EventKind::Retrieved {});
    story.later(30);
    story.of_call(1, 3, EventKind::TalkEnded {});
    story.ends(1);
    story
}

fn row(story: &Story) -> Cdr {
    let mut calls = Calls::default();
    let mut rows: Vec<_> = story.events.iter().filter_map(|event| calls.apply(event)).collect();
    assert!(calls.open().is_empty());
    rows.pop().unwrap()
}

#[test]
fn a_row_tells_how_long_the_caller_waited_talked_and_was_held() {
    let cdr = row(&a_call_through_the_house());
    assert_eq!((cdr.waited_ms, cdr.talk_ms, cdr.held_ms), (20_000, 50_000, 10_000));
    assert_eq!(cdr.outcome, Some(Outcome::Answered));
    assert_eq!(cdr.cause, Some(Cause::CallerHungUp));
    assert_eq!(cdr.agents, [AgentId::new(1002)]);
    assert_eq!(cdr.queues, [QueueId::from("sales")]);
    assert_eq!(cdr.recordings.len(), 1);
    let kinds: Vec<_> = cdr.segments.iter().map(|segment| segment.kind).collect();
    assert_eq!(kinds, [SegmentKind::Flow, SegmentKind::Queue, SegmentKind::Talk]);
    assert!(cdr.segments.iter().all(|segment| segment.until.is_some()));
}

#[test]
fn an_offer_that_rings_when_the_caller_leaves_ends_with_the_wait() {
    let ended = |outcome| {
        let mut story = Story::default();
        story.arrives(1);
        story.waits(1, 1, "sales");
        story.offered(1, 1, "sales", 1001);
        story.later(5);
        story.leaves(1, 1, "sales", outcome);
        story.ends(1);
        row(&story).segments[0].offers[0].end
    };
    assert_eq!(ended(Outcome::Abandoned), Some(OfferEnd::CallerLeft));
    assert_eq!(ended(Outcome::Failed), Some(OfferEnd::Withdrawn));
    assert_eq!(ended(Outcome::Answered), None);
}

#[test]
fn a_row_tells_who_let_it_ring() {
    let cdr = row(&a_call_through_the_house());
    let offers = &cdr.segments[1].offers;
    assert_eq!((offers[0].agent, offers[0].end), (AgentId::new(1001), Some(OfferEnd::NoAnswer)));
    assert_eq!((offers[1].agent, offers[1].end), (AgentId::new(1002), None));
}

#[test]
fn a_call_that_ends_while_held_counts_the_hold_to_its_end() {
    let mut story = Story::default();
    story.arrives(1);
    story.talks(1, 1, 1001);
    story.later(10);
    story.of_call(1, 1, EventKind::Held {});
    story.later(20);
    story.ends(1);
    let cdr = row(&story);
    assert_eq!((cdr.talk_ms, cdr.held_ms), (10_000, 20_000));
    assert_eq!(cdr.segments[0].held_since, None);
}

#[test]
fn a_hold_by_both_lasts_until_the_last_of_them_takes_the_other_back() {
    let mut story = Story::default();
    story.arrives(1);
    story.talks(1, 1, 1001);
    let mut step = |leg, kind: EventKind| {
        story.of_call(1, 1, kind);
        story.events.last_mut().unwrap().leg = Some(LegId::new(Story::EPOCH, leg));
        story.later(10);
    };
    step(1, EventKind::Held {});
    step(2, EventKind::Held {});
    step(1, EventKind::Retrieved {});
    step(2, EventKind::Retrieved {});
    story.ends(1);
    let cdr = row(&story);
    assert_eq!((cdr.held_ms, cdr.talk_ms), (30_000, 10_000));
}

#[test]
fn events_of_a_call_that_never_arrived_change_nothing() {
    let mut story = Story::default();
    story.waits(9, 1, "sales");
    story.ends(9);
    assert_eq!(story.fold::<Calls>(), Calls::default());
}

#[test]
fn a_call_that_goes_round_for_days_stays_small_and_keeps_its_sums() {
    let mut story = Story::default();
    story.arrives(1);
    for segment in 1..=300 {
        story.waits(1, segment, "sales");
        story.later(1);
        story.leaves(1, segment, "sales", Outcome::Overflowed);
    }
    story.ends(1);
    let cdr = row(&story);
    assert_eq!((cdr.segments.len(), cdr.unlisted), (LISTED, 100));
    assert_eq!(cdr.waited_ms, 300_000);
}

#[test]
fn a_row_reads_back_from_json() {
    let cdr = row(&a_call_through_the_house());
    let text = serde_json::to_string(&cdr).unwrap();
    assert_eq!(serde_json::from_str::<Cdr>(&text).unwrap(), cdr);
}

/// One thing that happens, in whatever order: folds must not care whether a floor would do it so.
fn happening() -> impl Strategy<Value = (u8, u32, u16, u64)> {
    (0_u8..14, 1_u32..5, 1_u16..4, 0_u64..3)
}

fn tell(story: &mut Story, (what, call, segment, seconds): (u8, u32, u16, u64)) {
    story.later(seconds);
    match what {
        0 => story.arrives(call),
        1 => story.waits(call, segment, "sales"),
        2 => story.offered(call, segment, "sales", 1000 + call),
        3 => story.leaves(call, segment, "sales", Outcome::Answered),
        4 => story.leaves(call, segment, "sales", Outcome::Abandoned),
        5 => story.talks(call, segment, 1000 + call),
        6 => story.of_call(call, segment, EventKind::Held {}),
        7 => story.of_call(call, segment, EventKind::Retrieved {}),
        8 => story.of_call(call, segment, EventKind::TalkEnded {}),
        9 => story.records(call, segment),
        10 => story.agent_becomes(1000 + call, ready(story.at)),
        11 => story.agent_becomes(1000 + call, busy("lunch", story.at)),
        12 => story.agent_becomes(1000 + call, Story::wrap_up(call, story.at, 5)),
        _ => story.ends(call),
    }
}

/// Folds the story in two pieces, the first put aside as JSON in between.
fn in_pieces<F: Fold + serde::Serialize + serde::de::DeserializeOwned>(
    story: &Story,
    cut: usize,
) -> F {
    let mut first = F::default();
    let (before, after) = story.events.split_at(cut);
    before.iter().for_each(|event| first.take(event));
    let aside = serde_json::to_string(&first).unwrap();
    let mut second: F = serde_json::from_str(&aside).unwrap();
    after.iter().for_each(|event| second.take(event));
    second
}

proptest! {
    #[test]
    fn folding_in_pieces_and_in_one_go_give_the_same(
        happenings in prop::collection::vec(happening(), 0..60),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut story = Story::default();
        happenings.into_iter().for_each(|it| tell(&mut story, it));
        let cut = cut.index(story.events.len() + 1);
        prop_assert_eq!(in_pieces::<Floor>(&story, cut), story.fold());
        prop_assert_eq!(in_pieces::<Calls>(&story, cut), story.fold());
        prop_assert_eq!(in_pieces::<Accounts>(&story, cut), story.fold());
        prop_assert_eq!(in_pieces::<AgentHistory>(&story, cut), story.fold());
    }
}
