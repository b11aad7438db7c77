//! What a restart makes of the run before.

use std::time::Duration;

use insight::Floor;
use model::{Abandoned, Served, StateName};
use switchboard::config::{LastAgent, QueueRules};
use switchboard::ports::{Input, LegCommand, Origin, RecordingFact};

use crate::books::Books;
use crate::centre::{Centre, agent, config, opening};

const HOUR: Duration = Duration::from_secs(3_600);

fn crashed(centre: &Centre) -> model::FloorSnapshot {
    let mut fold = Floor::default();
    for event in &centre.events {
        fold.apply(event);
    }
    fold.into_snapshot()
}

#[test]
fn after_a_crash_calls_are_accounted_for_as_failed_and_agents_are_what_they_were() {
    let mut before = Centre::open();
    before.sign_in(1001).sign_in(1002).sign_in(1003);
    before.becomes(1002, model::Next::Busy("lunch".into())).unwrap();
    before.queues();
    before.queues();
    before.queues();
    before.answers("1001");
    let snapshot = crashed(&before);
    assert_eq!(snapshot.calls.len(), 3);

    let mut opening = opening(config(), 2, snapshot);
    opening.bindings = ["1001", "1002"].map(|phone| (phone.into(), 1)).into();
    let mut after = Centre::begin(opening, before.now, before.books.clone());
    assert_eq!(after.outcomes(), [(2, "failed"), (3, "failed")], "{}", after.log());
    assert_eq!(after.state(1001).name(), StateName::WrapUp);
    assert_eq!(after.state(1002).name(), StateName::Busy);
    let lost = after.look().agents.into_iter().find(|status| status.agent == agent(1003)).unwrap();
    assert_eq!(lost.state.name(), StateName::Busy, "the phone of 1003 has not come back yet");
    let ended = after.events.iter().filter(|event| event.kind.name() == "call.ended").count();
    assert_eq!(ended, 3);
    after.queues();
}

#[test]
fn what_an_agent_asked_for_during_a_call_is_still_done_after_a_crash() {
    let mut before = Centre::open();
    before.sign_in(1001);
    before.queues();
    before.answers("1001");
    before.becomes(1001, model::Next::Busy("lunch".into())).unwrap();
    let mut opening = opening(config(), 2, crashed(&before));
    opening.bindings = [("1001".into(), 1)].into();
    let mut after = Centre::begin(opening, before.now, before.books.clone());
    assert_eq!(after.state(1001).name(), StateName::WrapUp);
    after.wait(10);
    assert_eq!(after.state(1001).name(), StateName::Busy);
}

#[test]
fn what_agents_are_ranked_by_outlives_a_crash() {
    let by_calls = || {
        let mut config = config();
        config.acd.queues.get_mut("presales").unwrap().routing = acd::Routing::FewestCalls;
        config
    };
    let mut before = Centre::open_with(by_calls(), 1, model::FloorSnapshot::default(), &[]);
    before.sign_in(1001);
    let caller = before.queues();
    before.answers("1001");
    before.wait(60);
    before.hangs_up(caller);
    before.wait(60);
    before.sign_in(1002);
    let snapshot = crashed(&before);
    let record = snapshot.agents[&agent(1001)].record;
    assert_eq!((record.calls_taken, record.talked_us), (1, 60_000_000));
    let mut opening = opening(by_calls(), 2, snapshot);
    opening.bindings = ["1001", "1002"].map(|phone| (phone.into(), 1)).into();
    let mut after = Centre::begin(opening, before.now, before.books.clone());
    after.queues();
    assert!(after.rings("1002").is_some(), "though 1001 has been idle longer");
}

/// A floor that was told of the runs before what the database knew, ten minutes after.
fn recalls(rules: QueueRules) -> Centre {
    let mut config = config();
    config.queues.insert("presales".into(), rules);
    let caller = || "+8613800138000".parse().unwrap();
    let begun = Centre::open().now;
    let at = begun - Duration::from_secs(600);
    let mut opening = opening(config, 2, model::FloorSnapshot::default());
    opening.served = vec![Served { caller: caller(), agent: agent(1002), at }];
    let (queue, arrived) = ("presales".into(), at - Duration::from_secs(45));
    opening.abandoned = vec![Abandoned { caller: caller(), queue, arrived, at }];
    Centre::begin(opening, begun, Books::default())
}

#[test]
fn who_served_a_caller_last_is_recalled_after_a_restart() {
    let last_agent = Some(LastAgent { within: HOUR, wait: Duration::from_secs(30) });
    let mut centre = recalls(QueueRules { last_agent, ..QueueRules::default() });
    centre.sign_in(1001).wait(60).sign_in(1002);
    centre.queues();
    assert!(centre.rings("1002").is_some(), "who served this caller, and not the longest idle");
}

#[test]
fn the_place_of_a_caller_who_gave_up_is_kept_over_a_restart() {
    let mut centre = recalls(QueueRules { resume_within: Some(HOUR), ..QueueRules::default() });
    let first = centre.arrives(Origin::Trunk("carrier".into()), "13900139000", "4008001234");
    centre.hears_all(first);
    centre.wait(60);
    centre.queues();
    centre.sign_in(1001);
    centre.answers("1001");
    let talks = centre.events.iter().find_map(|event| match &event.kind {
        model::EventKind::TalkStarted { .. } => event.call.map(model::CallId::number),
        _ => None,
    });
    assert_eq!(talks, Some(2), "who waited before the restart");
}

#[test]
fn a_pause_after_an_offer_is_told_shown_and_goes_on_after_a_crash() {
    let mut before = Centre::open();
    before.sign_in(1001);
    before.queues();
    before.wait(15);
    let told = before.events.iter().find(|event| event.kind.name() == "agent.paused").unwrap();
    let model::EventKind::AgentPaused { until, after } = told.kind else { unreachable!() };
    assert_eq!((until.since(before.now).as_secs(), after), (5, model::OfferEnd::NoAnswer));
    let pause = |centre: &mut Centre| {
        centre.look().agents.into_iter().find(|status| status.agent == agent(1001)).unwrap().pause
    };
    assert_eq!(pause(&mut before), Some(model::Pause { until, after }));
    let mut opening = opening(config(), 2, crashed(&before));
    opening.bindings = [("1001".into(), 1)].into();
    let mut after = Centre::begin(opening, before.now, before.books.clone());
    after.queues();
    assert!(after.rings("1001").is_none());
    after.wait(5);
    assert!(after.rings("1001").is_some());
    assert_eq!(pause(&mut after), None);
}

#[test]
fn a_session_of_an_agent_who_is_no_longer_configured_ends_in_the_log() {
    let mut before = Centre::open();
    before.sign_in(1001);
    let mut config = config();
    config.agents.remove(&agent(1001));
    let opening = opening(config, 2, crashed(&before));
    let after = Centre::begin(opening, before.now, before.books.clone());
    let ended = after.events.iter().find(|event| event.agent == Some(agent(1001)));
    assert_eq!(ended.unwrap().cause, Some(model::Cause::Reconfigured));
}

#[test]
fn a_stop_ends_every_call_and_waits_for_the_last_recording() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    centre.queues();
    centre.answers("1001");
    centre.input(Input::Shutdown);
    assert!(centre.look().calls.is_empty());
    assert!(!centre.floor.is_idle(), "the recording is not sealed yet");
    let recording = "1-1.1".parse().unwrap();
    let fact = RecordingFact::Failed { error: "disk full".into() };
    centre.input(Input::Recording { recording, fact });
    assert!(centre.floor.is_idle());
    assert_eq!(centre.events.last().unwrap().kind.name(), "system.stopped");
    let late = centre.calls();
    let refused = |(leg, command): &(_, LegCommand)| {
        *leg == late && matches!(command, LegCommand::Release { status: Some(503), .. })
    };
    assert!(centre.seen.iter().any(refused));
}
