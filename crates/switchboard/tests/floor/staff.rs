//! Agents, their phones and what is enforced.

use std::time::Duration;

use model::{AgentState, FloorSnapshot, Next, Reason, Refusal, StateName, WrapUpMode};
use switchboard::config::QueueRules;
use switchboard::ports::{Reply, Request};

use crate::centre::{Centre, agent, config, opening};

#[test]
fn sign_in_needs_a_registered_phone() {
    let mut centre = Centre::open();
    let sign_in = Request::SignIn { agent: agent(1001), phone: None };
    assert_eq!(centre.ask(sign_in.clone()), Err(Refusal::PhoneNotRegistered));
    centre.bind("1001");
    assert!(centre.ask(sign_in).is_ok());
}

#[test]
fn a_request_made_during_a_call_takes_effect_after_it() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let caller = centre.queues();
    centre.answers("1001");
    let reply = centre.becomes(1001, Next::Busy("lunch".into()));
    assert_eq!(reply, Ok(Reply::Remembered(Next::Busy("lunch".into()))));
    centre.hangs_up(caller);
    centre.wait(10);
    assert_eq!(centre.state(1001).name(), StateName::Busy);
}

#[test]
fn an_agent_whose_phone_is_lost_gets_nothing_and_is_signed_out_after_the_grace() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    centre.unbind("1001");
    centre.queues();
    assert!(centre.rings("1001").is_none());
    centre.wait(60);
    assert_eq!(centre.state(1001).name(), StateName::SignedOut);
}

#[test]
fn an_agents_state_follows_the_registration_in_the_same_step() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let happened = |centre: &mut Centre| {
        let kinds = centre.events.iter().map(|event| event.kind.name().to_owned());
        let kinds: Vec<_> = kinds.collect();
        centre.events.clear();
        kinds
    };
    centre.events.clear();
    // Nothing but one input is between the events of each pair.
    centre.unbind("1001");
    assert_eq!(happened(&mut centre), ["system.phone_lost", "agent.state_changed"]);
    centre.bind("1001");
    assert_eq!(happened(&mut centre), ["system.phone_registered", "agent.state_changed"]);
}

#[test]
fn an_agent_whose_phone_returns_in_time_is_what_they_were() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    centre.unbind("1001");
    centre.wait(30).bind("1001");
    assert_eq!(centre.state(1001).name(), StateName::Ready);
}

#[test]
fn a_forced_state_ends_the_offer_first_and_the_caller_keeps_the_place() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    centre.queues();
    assert!(centre.rings("1001").is_some());
    centre.ask(Request::Force { agent: agent(1001), next: Next::SignedOut, note: None }).unwrap();
    assert!(centre.rings("1001").is_none());
    assert!(matches!(centre.state(1001), AgentState::SignedOut { .. }));
    assert_eq!(centre.look().queues[0].waiting, 1);
}

#[test]
fn the_log_tells_of_a_stay_that_is_too_long_before_the_agent_is_signed_out() {
    let mut config = config();
    let lunch = config.rules.reasons.get_mut(&Reason::from("lunch")).unwrap();
    lunch.longest = Some(Duration::from_secs(600));
    lunch.overstay.warn_before = Duration::from_secs(60);
    lunch.overstay.sign_out_after = Some(Duration::from_secs(120));
    let mut centre = Centre::open_with(config, 1, FloorSnapshot::default(), &[]);
    centre.sign_in(1001);
    centre.becomes(1001, Next::Busy("lunch".into())).unwrap();
    centre.events.clear();
    centre.wait(3600);
    let kinds: Vec<_> = centre.events.iter().map(|event| event.kind.name()).collect();
    assert_eq!(kinds, ["agent.stay_warned", "agent.stay_alerted", "agent.state_changed"]);
    assert_eq!(centre.state(1001).name(), StateName::SignedOut);
}

#[test]
fn a_state_forced_during_a_call_keeps_who_forced_it_and_why() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let caller = centre.queues();
    centre.answers("1001");
    let note = Some("回来开会".to_owned());
    centre.ask(Request::Force { agent: agent(1001), next: Next::SignedOut, note }).unwrap();
    let forced = |event: &&model::Event| event.kind.name() == "agent.forced";
    let forced = centre.events.iter().find(forced).unwrap().actor.clone();
    centre.events.clear();
    centre.hangs_up(caller);
    centre.wait(10);
    let signed_out = centre.events.last().unwrap();
    assert_eq!(signed_out.kind.name(), "agent.state_changed");
    assert_eq!(signed_out.actor, forced);
}

#[test]
fn a_queue_has_its_own_mode_of_wrap_up() {
    let mut config = config();
    let rules = QueueRules { wrap_up_mode: Some(WrapUpMode::Fixed), ..QueueRules::default() };
    config.queues = [("presales".into(), rules)].into();
    let mut centre = Centre::open_with(config, 1, FloorSnapshot::default(), &[]);
    centre.sign_in(1001);
    let caller = centre.queues();
    centre.answers("1001");
    centre.hangs_up(caller);
    let ends = Request::EndWrapUp { agent: agent(1001) };
    assert_eq!(centre.ask(ends), Err(Refusal::WrapUpNotEndable));
    let reply = centre.becomes(1001, Next::Ready);
    assert_eq!(reply, Ok(Reply::Remembered(Next::Ready)));
    centre.wait(10);
    assert_eq!(centre.state(1001).name(), StateName::Ready);
}

#[test]
fn an_agent_who_signs_out_of_a_queue_is_offered_none_of_its_calls_after_a_crash_neither() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let queue = || model::QueueId::from("presales");
    let leave = Request::SignOutOf { agent: agent(1001), queue: queue() };
    centre.ask(leave.clone()).unwrap();
    assert_eq!(centre.look().agents[0].away, [queue()].into());
    centre.queues();
    assert!(centre.rings("1001").is_none());
    let mut fold = insight::Floor::default();
    centre.events.iter().for_each(|event| fold.apply(event));
    let mut opening = opening(config(), 2, fold.into_snapshot());
    opening.bindings = [("1001".into(), 1)].into();
    let mut after = Centre::begin(opening, centre.now, centre.books.clone());
    assert_eq!(after.look().agents[0].away, [queue()].into());
    after.queues();
    assert!(after.rings("1001").is_none());
    after.ask(Request::SignInTo { agent: agent(1001), queue: queue() }).unwrap();
    assert!(after.rings("1001").is_some());
    let unknown = Request::SignOutOf { agent: agent(1001), queue: "nowhere".into() };
    assert_eq!(after.ask(unknown), Err(Refusal::QueueUnknown));
}

#[test]
fn a_reload_offers_nobody_a_call_of_a_new_queue_that_their_sessions_do_not_begin_with() {
    let mut before = config();
    let spill = before.acd.queues.remove("spill").unwrap();
    let first = [(agent(1001), ["presales".into()].into())];
    before.rules.first_queues = first.into();
    let mut after = before.clone();
    after.acd.queues.insert("spill".into(), spill);
    let mut centre = Centre::open_with(before, 1, FloorSnapshot::default(), &[]);
    centre.sign_in(1001);
    assert!(centre.look().agents[0].away.is_empty());
    let mut narrow = after.clone();
    narrow.acd.queues.remove("presales");
    centre.input(switchboard::ports::Input::Configure(Box::new(after)));
    assert_eq!(centre.look().agents[0].away, ["spill".into()].into());
    centre.ask(Request::SignInTo { agent: agent(1001), queue: "spill".into() }).unwrap();
    centre.ask(Request::SignOutOf { agent: agent(1001), queue: "presales".into() }).unwrap();
    centre.input(switchboard::ports::Input::Configure(Box::new(narrow)));
    assert!(centre.look().agents[0].away.is_empty(), "the queue is gone");
}
