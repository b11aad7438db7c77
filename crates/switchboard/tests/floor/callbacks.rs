//! Callers who leave the line, keep the place, and are called back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use flow::{Flow, Step};
use insight::Floor;
use model::{AgentState, CallbackEnd, Cause, EventKind, LegId, Next, StateName};
use switchboard::config::{CallbackRules, Exit, FloorConfig, QueueRules};
use switchboard::ports::{
    Input, LegCommand, LegFact, MediaCommand, MediaFact, Origin, Request, Target,
};

use crate::centre::{Centre, agent, config, description, opening};

const CUSTOMER: &str = "13800138000";

pub(crate) fn rules() -> CallbackRules {
    CallbackRules {
        attempts: 2,
        pause: Duration::from_secs(600),
        expires: Duration::from_secs(4 * 3600),
        hours: None,
        prefix: "9".into(),
        role: None,
        accepted: Some("accepted".into()),
        refused: Some("refused".into()),
    }
}

fn config_with(callback: CallbackRules) -> FloorConfig {
    let mut config = config();
    let queue = config.acd.queues.get_mut("presales").unwrap();
    (queue.max_wait, queue.overflow) = (None, None);
    config.outbound[0].show = Some("01088886666".parse().unwrap());
    let keys = [('1', Exit::Callback)].into();
    let rules = QueueRules { keys, callback: Some(callback), ..QueueRules::default() };
    config.queues.insert("presales".into(), rules);
    config
}

fn open(callback: CallbackRules) -> Centre {
    Centre::open_with(config_with(callback), 1, Default::default(), &[])
}

fn calls_from(centre: &mut Centre, number: &str) -> LegId {
    let leg = centre.arrives(Origin::Trunk("carrier".into()), number, "4008001234");
    centre.hears_all(leg);
    leg
}

fn presses(centre: &mut Centre, leg: LegId) {
    centre.input(Input::Media { leg, fact: MediaFact::Digit('1') });
}

/// A caller waits, presses the key, hears the promise and is off the line.
fn wishes(centre: &mut Centre, number: &str) {
    let leg = calls_from(centre, number);
    presses(centre, leg);
    centre.hears_all(leg);
    assert!(!centre.live.contains(&leg), "{}", centre.log());
}

fn ends(centre: &Centre) -> Vec<CallbackEnd> {
    let ends = centre.events.iter().filter_map(|event| match event.kind {
        EventKind::CallbackEnded { end } => Some(end),
        _ => None,
    });
    ends.collect()
}

fn stage(centre: &mut Centre, call: u32) -> Option<String> {
    let calls = centre.look().calls;
    calls.into_iter().find(|it| it.call.number() == call).map(|call| call.stage)
}

#[test]
fn a_caller_is_called_back_when_an_agent_has_answered() {
    let mut centre = open(rules());
    wishes(&mut centre, CUSTOMER);
    assert_eq!(centre.outcomes(), [(1, "callback")]);
    let status = centre.look();
    assert_eq!((status.queues[0].waiting, status.queues[0].callbacks), (1, 1));
    assert_eq!(status.calls[0].callback_of.unwrap().number(), 1);
    centre.wait(60).sign_in(1001);
    assert!(centre.rings(CUSTOMER).is_none(), "first the agent");
    let agent_leg = centre.answers("1001");
    assert_eq!(centre.state(1001).name(), StateName::OnCall);
    assert!(centre.media.contains(&(agent_leg, MediaCommand::Ringback)));
    let shown = centre.seen.iter().rev().find_map(|(_, command)| match command {
        LegCommand::Dial { target: Target::Trunk { .. }, from, .. } => Some(from.to_string()),
        _ => None,
    });
    assert_eq!(shown.as_deref(), Some("01088886666"));
    centre.wait(5);
    let customer = centre.answers(CUSTOMER);
    assert!(centre.media.contains(&(customer, MediaCommand::Join(agent_leg))));
    assert_eq!(centre.outcomes(), [(1, "callback"), (2, "answered")]);
    assert_eq!(ends(&centre), [CallbackEnd::Joined]);
    centre.wait(30);
    centre.hangs_up(customer);
    centre.wait(10);
    assert_eq!(centre.state(1001).name(), StateName::Ready);
    assert!(centre.look().calls.is_empty());
    insta::assert_snapshot!(centre.log());
}

#[test]
fn a_callback_keeps_the_place_and_overtakes_nobody_who_came_before() {
    let mut centre = open(rules());
    let first = calls_from(&mut centre, "13800000001");
    centre.wait(1);
    wishes(&mut centre, CUSTOMER);
    centre.wait(1);
    calls_from(&mut centre, "13800000003");
    centre.sign_in(1001);
    centre.answers("1001");
    assert!(centre.rings(CUSTOMER).is_none());
    centre.hangs_up(first);
    centre.wait(10);
    centre.answers("1001");
    let customer = centre.answers(CUSTOMER);
    centre.hangs_up(customer);
    centre.wait(10);
    centre.answers("1001");
    let served = centre.outcomes();
    assert_eq!(served, [(2, "callback"), (1, "answered"), (3, "answered"), (4, "answered")]);
}

#[test]
fn there_are_never_more_callers_called_back_than_agents_for_them() {
    let mut centre = open(rules());
    for number in 1..=5 {
        wishes(&mut centre, &format!("1380000000{number}"));
    }
    centre.sign_in(1001).sign_in(1002);
    centre.answers("1001");
    centre.answers("1002");
    let called = centre.ringing.values().filter(|rings| rings.starts_with("138"));
    assert_eq!(called.collect::<Vec<_>>(), ["13800000001", "13800000002"]);
    assert_eq!(centre.look().queues[0].callbacks, 5);
}

#[test]
fn a_second_wish_of_the_same_caller_is_that_of_the_first() {
    let mut centre = open(rules());
    wishes(&mut centre, CUSTOMER);
    centre.wait(5);
    wishes(&mut centre, "+8613800138000");
    assert_eq!(centre.look().queues[0].callbacks, 1);
    let asked = centre.events.iter().filter_map(|event| match event.kind {
        EventKind::CallbackAsked { callback } => Some(callback.number()),
        _ => None,
    });
    assert_eq!(asked.collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn a_caller_who_does_not_answer_is_called_again_after_a_pause_and_given_up_in_the_end() {
    let mut centre = open(rules());
    wishes(&mut centre, CUSTOMER);
    centre.sign_in(1001);
    centre.answers("1001");
    centre.wait(30);
    assert!(centre.rings(CUSTOMER).is_none());
    assert_eq!(centre.state(1001).name(), StateName::Ready);
    assert_eq!(stage(&mut centre, 2).as_deref(), Some("resting"));
    centre.wait(599);
    assert!(centre.rings("1001").is_none());
    centre.wait(1);
    centre.answers("1001");
    centre.declines(CUSTOMER, 486);
    assert_eq!(centre.state(1001).name(), StateName::Ready);
    assert_eq!(centre.outcomes(), [(1, "callback"), (2, "callback"), (2, "abandoned")]);
    assert_eq!(ends(&centre), [CallbackEnd::NotReached]);
    assert!(centre.look().calls.is_empty());
}

/// The telephone that was called in vain says afterwards that a key was pressed.
#[test]
fn a_key_from_a_leg_of_an_attempt_that_is_over_leads_the_callback_nowhere() {
    let mut config = config_with(rules());
    config.queues.get_mut("presales").unwrap().keys.insert('0', Exit::Release(None));
    let mut centre = Centre::open_with(config, 1, Default::default(), &[]);
    wishes(&mut centre, CUSTOMER);
    centre.sign_in(1001);
    centre.answers("1001");
    let called = centre.rings_at(CUSTOMER);
    centre.slow = true;
    centre.wait(30);
    centre.becomes(1001, Next::Busy("lunch".into())).unwrap();
    centre.wait(600);
    assert_eq!(stage(&mut centre, 2).as_deref(), Some("queue"));
    for digit in ['0', '1'] {
        centre.input(Input::Media { leg: called, fact: MediaFact::Digit(digit) });
        assert_eq!(stage(&mut centre, 2).as_deref(), Some("queue"), "{}", centre.log());
    }
}

#[test]
fn an_agent_who_lets_it_ring_costs_the_caller_neither_place_nor_attempt() {
    let mut centre = open(rules());
    wishes(&mut centre, CUSTOMER);
    centre.sign_in(1001).wait(1).sign_in(1002);
    centre.wait(15);
    centre.answers("1002");
    centre.answers(CUSTOMER);
    assert_eq!(centre.outcomes(), [(1, "callback"), (2, "answered")]);
}

#[test]
fn an_agent_who_hangs_up_before_the_caller_answers_leaves_the_callback_for_later() {
    let mut centre = open(rules());
    wishes(&mut centre, CUSTOMER);
    centre.sign_in(1001);
    let leg = centre.answers("1001");
    centre.hangs_up(leg);
    assert!(centre.rings(CUSTOMER).is_none(), "nobody would be there for the caller");
    assert_eq!(stage(&mut centre, 2).as_deref(), Some("resting"));
    assert_eq!(centre.state(1001).name(), StateName::Ready);
}

#[test]
fn who_cannot_be_called_back_is_told_so_and_keeps_waiting() {
    for (number, cause) in [("anonymous", Cause::NumberWithheld), ("12345", Cause::NoRoute)] {
        let mut centre = open(rules());
        let leg = calls_from(&mut centre, number);
        presses(&mut centre, leg);
        assert_eq!(centre.outcomes(), []);
        let refused = centre.events.iter().find(|it| it.kind.name() == "call.callback_refused");
        assert_eq!(refused.unwrap().cause, Some(cause), "{number}");
        centre.hears_all(leg);
        let status = centre.look();
        assert_eq!((status.queues[0].waiting, status.queues[0].callbacks), (1, 0));
    }
    let mut config = config_with(rules());
    config.outbound.clear();
    let mut centre = Centre::open_with(config, 1, Default::default(), &[]);
    let leg = calls_from(&mut centre, CUSTOMER);
    presses(&mut centre, leg);
    assert_eq!(centre.outcomes(), [], "no rule lets it be dialled");
}

#[test]
fn a_callback_that_is_not_due_in_time_expires() {
    let mut centre = open(CallbackRules { expires: Duration::from_secs(3600), ..rules() });
    wishes(&mut centre, CUSTOMER);
    centre.wait(3599);
    assert_eq!(ends(&centre), []);
    centre.wait(1);
    assert_eq!(ends(&centre), [CallbackEnd::Expired]);
    assert_eq!(centre.outcomes(), [(1, "callback"), (2, "timed_out")]);
    assert!(centre.look().calls.is_empty());
}

#[test]
fn nobody_is_called_back_outside_the_hours() {
    let hour = |hour: u64| Duration::from_secs(hour * 3600);
    // It is 09:00 UTC, and 17:00 in China.
    let hours = Some((hour(9), hour(18)));
    let mut centre = open(CallbackRules { hours, expires: hour(48), ..rules() });
    wishes(&mut centre, CUSTOMER);
    assert_eq!(stage(&mut centre, 2).as_deref(), Some("queue"));
    centre.wait(3600);
    assert_eq!(stage(&mut centre, 2).as_deref(), Some("resting"));
    centre.sign_in(1001).wait(14 * 3600);
    assert!(centre.rings("1001").is_none());
    centre.wait(3600);
    centre.answers("1001");
    centre.answers(CUSTOMER);
    assert_eq!(ends(&centre), [CallbackEnd::Joined]);
}

#[test]
fn a_callback_survives_a_crash_and_an_orderly_stop_with_its_place_and_attempts() {
    for orderly in [true, false] {
        let mut before = open(rules());
        wishes(&mut before, "13800000002");
        before.sign_in(1001);
        before.answers("1001");
        before.wait(30);
        before.wait(5);
        wishes(&mut before, CUSTOMER);
        if orderly {
            before.input(Input::Shutdown);
        }
        let mut fold = Floor::default();
        before.events.iter().for_each(|event| fold.apply(event));
        let snapshot = fold.into_snapshot();
        assert_eq!(snapshot.callbacks.len(), 2);
        let attempts: BTreeSet<_> = snapshot.callbacks.values().map(|it| it.attempts).collect();
        assert!(attempts.contains(&1), "{snapshot:?}");
        let opening = opening(config_with(rules()), 2, snapshot);
        let mut after = Centre::begin(opening, before.now, before.books.clone());
        let status = after.look();
        assert_eq!(
            (status.calls.len(), status.queues[0].callbacks),
            (2, 1),
            "one rests, one waits"
        );
        after.bind("1001");
        let _ = after.ask(Request::SignIn { agent: agent(1001), phone: None });
        after.wait(120);
        let _ = after.becomes(1001, Next::Ready);
        after.answers("1001");
        let joined = after.answers(CUSTOMER);
        assert_eq!(ends(&after), [CallbackEnd::Joined], "who was never called in vain");
        after.hangs_up(joined);
        after.wait(475);
        after.answers("1001");
        after.declines("13800000002", 486);
        let second = [CallbackEnd::Joined, CallbackEnd::NotReached];
        assert_eq!(ends(&after), second, "the second of two attempts");
    }
}

#[test]
fn the_pause_after_an_attempt_goes_on_over_a_restart() {
    let mut before = open(rules());
    wishes(&mut before, CUSTOMER);
    before.sign_in(1001);
    before.answers("1001");
    before.declines(CUSTOMER, 486);
    before.wait(60);
    let mut fold = Floor::default();
    before.events.iter().for_each(|event| fold.apply(event));
    let mut opening = opening(config_with(rules()), 2, fold.into_snapshot());
    opening.bindings = [("1001".into(), 1)].into();
    let mut after = Centre::begin(opening, before.now, before.books.clone());
    after.wait(539);
    assert!(after.rings("1001").is_none(), "nobody is called twice within the pause");
    after.wait(1);
    assert!(after.rings("1001").is_some());
}

#[test]
fn who_calls_again_and_is_served_is_not_called_back() {
    let mut centre = open(rules());
    wishes(&mut centre, CUSTOMER);
    centre.wait(1);
    let again = calls_from(&mut centre, CUSTOMER);
    centre.sign_in(1001);
    // The callback came first; a lead gives the caller to somebody else.
    centre.sign_in(1002);
    let ringing = centre.rings("1001").is_some();
    assert!(ringing && centre.rings("1002").is_some());
    centre.declines("1001", 486);
    centre.answers("1002");
    assert_eq!(ends(&centre), [CallbackEnd::Served], "{}", centre.log());
    centre.hangs_up(again);
    assert!(centre.look().calls.is_empty());
}

#[test]
fn somebody_ends_a_callback() {
    let mut centre = open(rules());
    wishes(&mut centre, CUSTOMER);
    let call = centre.look().calls[0].call;
    centre.ask(Request::Release { call }).unwrap();
    assert_eq!(ends(&centre), [CallbackEnd::Cancelled]);
    assert!(centre.look().calls.is_empty());
}

#[test]
fn a_flow_leads_to_a_callback_and_elsewhere_where_there_can_be_none() {
    let mut config = config_with(rules());
    let steps = [
        (
            "back",
            Step::Callback { queue: "presales".into(), priority: 0, otherwise: "queue".into() },
        ),
        ("queue", Step::Queue { queue: "presales".into(), priority: 0 }),
    ];
    let steps = steps.into_iter().map(|(name, step)| (name.to_owned(), step)).collect();
    let flow = Flow { name: "back".into(), start: "back".into(), steps };
    config.hotlines.get_mut("main").unwrap().flow = Arc::new(flow);
    let mut centre = Centre::open_with(config, 1, Default::default(), &[]);
    let leg = centre.calls();
    centre.hears_all(leg);
    centre.arrives(Origin::Trunk("carrier".into()), "anonymous", "4008001234");
    let status = centre.look();
    assert_eq!((status.queues[0].waiting, status.queues[0].callbacks), (2, 1));
    assert_eq!(centre.outcomes(), []);
}

#[test]
fn a_trunk_that_cannot_serve_gives_the_caller_to_the_next() {
    let mut config = config_with(rules());
    let trunk = config.trunks["carrier"].clone();
    config.trunks.insert("second".into(), trunk);
    config.outbound[0].trunks.push("second".into());
    let mut centre = Centre::open_with(config, 1, Default::default(), &[]);
    wishes(&mut centre, CUSTOMER);
    centre.sign_in(1001);
    centre.answers("1001");
    let leg = centre.rings_at(CUSTOMER);
    let (cause, status) = (Cause::Unreachable, Some(503));
    centre.leg(leg, LegFact::Released { cause, status, reason: None });
    centre.answers(CUSTOMER);
    assert_eq!(ends(&centre), [CallbackEnd::Joined]);
    let AgentState::OnCall { .. } = centre.state(1001) else { panic!("{}", centre.log()) };
}

#[test]
fn an_answer_that_crosses_the_agents_hang_up_leaves_nobody_in_the_air() {
    let mut centre = open(rules());
    wishes(&mut centre, CUSTOMER);
    centre.slow = true;
    centre.sign_in(1001);
    let agent_leg = centre.answers("1001");
    let customer = centre.rings_at(CUSTOMER);
    centre.hangs_up(agent_leg);
    centre.leg(customer, LegFact::Answered { answer: description(41_000) });
    centre.end_legs();
    assert!(!centre.live.contains(&customer));
    assert_eq!(stage(&mut centre, 2).as_deref(), Some("resting"));
}
