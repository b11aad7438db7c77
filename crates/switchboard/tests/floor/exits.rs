//! Callers who leave a queue by a key.

use std::sync::Arc;

use flow::{Flow, Step};
use model::{AgentState, Cause, EventKind, LegId, Outcome, PromptId, QueueId, StateName};
use switchboard::config::{Exit, FloorConfig, QueueRules};
use switchboard::ports::{Input, LegFact, MediaCommand, MediaFact};

use crate::centre::{Centre, config, description};

fn with_keys<const N: usize>(keys: [(char, Exit); N]) -> FloorConfig {
    let mut config = config();
    let rules =
        QueueRules { keys: keys.into(), keys_prompt: Some("keys".into()), ..QueueRules::default() };
    config.queues.insert("presales".into(), rules);
    config
}

fn open<const N: usize>(keys: [(char, Exit); N]) -> Centre {
    Centre::open_with(with_keys(keys), 1, Default::default(), &[])
}

fn presses(centre: &mut Centre, leg: LegId, key: char) {
    centre.input(Input::Media { leg, fact: MediaFact::Digit(key) });
}

/// The last prompts played to this leg that end.
fn hears(centre: &Centre, leg: LegId) -> Vec<PromptId> {
    let played = centre.media.iter().rev().find_map(|(to, command)| match command {
        MediaCommand::Play { prompts, repeat: false, .. } if *to == leg => Some(prompts.clone()),
        _ => None,
    });
    played.unwrap_or_default()
}

/// How a wait ended, where to, and by which key.
fn left(centre: &Centre) -> Vec<(Outcome, Option<QueueId>, Option<char>)> {
    let left = centre.events.iter().filter_map(|event| match &event.kind {
        EventKind::QueueLeft { outcome, to, key, .. } => Some((*outcome, to.clone(), *key)),
        _ => None,
    });
    left.collect()
}

#[test]
fn a_key_leads_from_one_queue_to_another_and_a_key_that_leads_nowhere_is_not_heard() {
    let mut centre = open([('0', Exit::Queue("spill".into()))]);
    let caller = centre.queues();
    assert_eq!(hears(&centre, caller), ["keys".into()]);
    presses(&mut centre, caller, '9');
    assert_eq!(left(&centre), []);
    centre.wait(5);
    presses(&mut centre, caller, '0');
    assert_eq!(left(&centre), [(Outcome::LeftByKey, Some("spill".into()), Some('0'))]);
    let told = centre.events.iter().find(|it| matches!(it.kind, EventKind::QueueLeft { .. }));
    let told = told.unwrap();
    assert_eq!((told.actor.as_str(), told.cause), ("caller", Some(Cause::Requested)));
    let queues = centre.look().queues;
    assert_eq!((queues[0].waiting, queues[1].waiting), (0, 1));
}

#[test]
fn a_phone_that_rings_for_a_caller_who_leaves_by_key_is_free_for_the_next() {
    let mut centre = open([('0', Exit::Release(Some("bye".into())))]);
    centre.sign_in(1001);
    let before = centre.state(1001);
    centre.wait(3);
    let caller = centre.queues();
    let second = centre.queues();
    let ringing = centre.rings_at("1001");
    presses(&mut centre, caller, '0');
    assert_eq!(hears(&centre, caller), ["bye".into()]);
    let again = centre.rings_at("1001");
    assert_ne!(ringing, again, "it rings for the second caller");
    centre.hears_all(caller);
    centre.hangs_up(second);
    let (AgentState::Ready { idle_since, .. }, AgentState::Ready { idle_since: idle, .. }) =
        (centre.state(1001), before)
    else {
        panic!("{}", centre.log())
    };
    assert_eq!(idle_since, idle, "nothing was missed");
    assert_eq!(centre.outcomes(), [(1, "left_by_key"), (2, "abandoned")]);
    assert!(centre.look().calls.is_empty());
}

#[test]
fn a_key_that_crosses_an_answer_has_one_winner() {
    let exits = || open([('0', Exit::Release(None))]);
    let mut answered = exits();
    answered.sign_in(1001);
    let caller = answered.queues();
    answered.answers("1001");
    presses(&mut answered, caller, '0');
    assert_eq!(answered.outcomes(), [(1, "answered")]);
    assert_eq!(answered.state(1001).name(), StateName::OnCall);

    let mut pressed = exits();
    pressed.slow = true;
    pressed.sign_in(1001);
    let caller = pressed.queues();
    let leg = pressed.rings_at("1001");
    presses(&mut pressed, caller, '0');
    pressed.leg(leg, LegFact::Answered { answer: description(41_000) });
    pressed.end_legs();
    assert_eq!(pressed.outcomes(), [(1, "left_by_key")]);
    assert_eq!(pressed.state(1001).name(), StateName::Ready);
    assert!(pressed.look().calls.is_empty());
}

#[test]
fn a_key_leads_to_a_flow_and_from_there_to_a_queue_again() {
    let steps = [
        ("ask", Step::Play { prompts: vec!["other".into()], next: "queue".into() }),
        ("queue", Step::Queue { queue: "spill".into(), priority: 7 }),
    ];
    let steps = steps.into_iter().map(|(name, step)| (name.to_owned(), step)).collect();
    let flow = Flow { name: "other".into(), start: "ask".into(), steps };
    let mut centre = open([('*', Exit::Flow(Arc::new(flow)))]);
    let caller = centre.queues();
    centre.wait(1);
    presses(&mut centre, caller, '*');
    assert_eq!(left(&centre), [(Outcome::LeftByKey, None, Some('*'))]);
    assert_eq!(hears(&centre, caller), ["other".into()]);
    centre.hears_all(caller);
    assert_eq!(centre.look().queues[1].waiting, 1);
    centre.hangs_up(caller);
    assert_eq!(centre.outcomes(), [(1, "left_by_key"), (1, "abandoned")]);
}

#[test]
fn a_key_that_leads_to_a_full_queue_ends_the_call_as_a_full_queue_does() {
    let mut config = with_keys([('0', Exit::Queue("spill".into()))]);
    config.acd.queues.get_mut("spill").unwrap().max_length = Some(0);
    let mut centre = Centre::open_with(config, 1, Default::default(), &[]);
    let caller = centre.queues();
    presses(&mut centre, caller, '0');
    assert_eq!(centre.outcomes(), [(1, "left_by_key"), (1, "rejected")]);
    centre.hears_all(caller);
    assert!(centre.look().calls.is_empty());
}
