//! What users of other systems have reported, lived through here. docs/known-failures.md says which
//! report is which scenario, and names those that are told elsewhere in the tests.

use std::collections::BTreeMap;
use std::time::Duration;

use acd::{Ringing, Routing};
use insight::Calls;
use model::{AgentState, CallKind, EventKind, FloorSnapshot, LegId, Next, OfferEnd, StateName};
use switchboard::config::FloorConfig;
use switchboard::ports::{
    Input, LegCommand, LegFact, MediaCommand, MediaFact, Origin, Reply, Request, Target,
};

use crate::centre::{Centre, agent, config, description};

fn centre_with(change: impl FnOnce(&mut FloorConfig)) -> Centre {
    let mut config = config();
    change(&mut config);
    Centre::open_with(config, 1, FloorSnapshot::default(), &[])
}

fn all_ring() -> Centre {
    let mut centre = centre_with(|config| {
        config.acd.queues.get_mut("presales").unwrap().ringing = Ringing::All;
    });
    centre.sign_in(1001).sign_in(1002).sign_in(1003);
    centre
}

/// How often each phone was called.
fn dialled(centre: &Centre) -> BTreeMap<String, u32> {
    let mut dialled = BTreeMap::new();
    for (_, command) in &centre.seen {
        if let LegCommand::Dial { target: Target::Phone(phone), .. } = command {
            *dialled.entry(phone.to_string()).or_default() += 1;
        }
    }
    dialled
}

fn once_each<const N: usize>(phones: [&str; N]) -> BTreeMap<String, u32> {
    phones.map(|phone| (phone.to_owned(), 1)).into()
}

fn names(centre: &mut Centre) -> Vec<StateName> {
    [1001, 1002, 1003].map(|number| centre.state(number).name()).into()
}

fn answered_by(centre: &Centre) -> Vec<(u32, u32)> {
    let talks =
        centre.events.iter().filter(|event| matches!(event.kind, EventKind::TalkStarted { .. }));
    let who = talks.filter_map(|event| Some((event.call?.number(), event.agent?.number())));
    who.collect()
}

// Stuck, ghost and wrong states

/// FreeSWITCH 2540; Asterisk 176.
#[test]
fn two_phones_answer_in_the_same_instant_and_the_one_that_lost_is_free_at_once() {
    let mut centre = all_ring();
    centre.queues();
    centre.slow = true;
    let (first, second) = (centre.rings_at("1002"), centre.rings_at("1003"));
    centre.leg(first, LegFact::Answered { answer: description(41_000) });
    centre.leg(second, LegFact::Answered { answer: description(41_002) });
    centre.end_legs();
    assert_eq!(names(&mut centre), [StateName::Ready, StateName::OnCall, StateName::Ready]);
    assert_eq!(answered_by(&centre), [(1, 1002)]);
    let joined = |leg| {
        let command = centre.media.iter().rev().find(|(of, _)| *of == leg);
        command.is_some_and(|(_, command)| matches!(command, MediaCommand::Join(_)))
    };
    assert!(!joined(second), "the caller hears one voice");
}

/// FreeSWITCH 1973; livekit/sip 366.
#[test]
fn a_caller_who_hung_up_is_on_no_list_and_in_no_recording() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let caller = centre.queues();
    centre.answers("1001");
    centre.hangs_up(caller);
    assert!(centre.look().calls.is_empty());
    assert_eq!(centre.recordings, ["start 1-1.1", "finish 1-1.1"]);
    assert_eq!(centre.state(1001).name(), StateName::WrapUp);
}

/// FreeSWITCH 1216.
#[test]
fn an_agent_without_a_phone_at_the_end_of_the_order_stops_nobody() {
    let mut centre = centre_with(|config| {
        let queue = config.acd.queues.get_mut("presales").unwrap();
        (queue.routing, queue.order) = (Routing::Linear, [1001, 1002, 1003].map(agent).into());
    });
    centre.sign_in(1001).sign_in(1002).sign_in(1003).unbind("1003");
    for phone in ["1001", "1002"] {
        centre.queues();
        centre.answers(phone);
    }
    assert_eq!(answered_by(&centre), [(1, 1001), (2, 1002)]);
}

/// FreeSWITCH 2529.
#[test]
fn a_caller_who_hangs_up_before_the_phone_has_rung_leaves_no_phone_ringing() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let caller = centre.queues();
    let phone = centre.rings_at("1001");
    centre.slow = true;
    centre.hangs_up(caller);
    assert!(centre.ending_legs().contains(&phone), "it is told to stop in the same step");
    centre.leg(phone, LegFact::Ringing { early: None });
    centre.leg(phone, LegFact::Answered { answer: description(41_000) });
    centre.end_legs();
    assert!(answered_by(&centre).is_empty());
    assert_eq!(centre.state(1001).name(), StateName::Ready);
}

/// FreeSWITCH 800.
#[test]
fn an_agent_who_asks_for_a_break_while_the_phone_rings_is_rung_once() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    centre.queues();
    for _ in 0..20 {
        assert!(centre.becomes(1001, Next::Busy("lunch".into())).is_ok());
        assert!(centre.becomes(1001, Next::Ready).is_ok());
    }
    assert!(centre.becomes(1001, Next::Busy("lunch".into())).is_ok());
    centre.wait(60);
    assert_eq!(dialled(&centre), once_each(["1001"]));
    assert_eq!(centre.state(1001).name(), StateName::Busy);
}

/// OpenSIPS 2530 and 3123.
#[test]
fn a_hang_up_that_never_arrived_ends_when_the_audio_does() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let caller = centre.queues();
    centre.answers("1001");
    centre.input(Input::Media { leg: caller, fact: MediaFact::Lost });
    assert!(centre.look().calls.is_empty());
    assert_eq!(centre.state(1001).name(), StateName::WrapUp);
    centre.wait(10);
    assert_eq!(centre.state(1001).name(), StateName::Ready);
}

/// OpenSIPS 2679.
#[test]
fn each_agents_wrap_up_ends_by_itself_though_all_are_busy() {
    let mut centre = Centre::open();
    centre.sign_in(1001).sign_in(1002).sign_in(1003);
    let callers = [(); 3].map(|()| centre.queues());
    for phone in ["1001", "1002", "1003"] {
        centre.answers(phone);
    }
    for caller in callers {
        centre.hangs_up(caller);
        centre.wait(4);
    }
    let waits = centre.queues();
    assert_eq!(names(&mut centre), [StateName::Reserved, StateName::WrapUp, StateName::WrapUp]);
    centre.hangs_up(waits);
}

/// Kazoo 6608 and 6609.
#[test]
fn an_agent_whom_missed_calls_set_busy_is_back_by_a_word_and_calls_are_missed_no_sooner() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    centre.queues();
    centre.wait(50);
    let AgentState::Busy { reason, .. } = centre.state(1001) else { panic!("{}", centre.log()) };
    assert_eq!(reason.as_str(), "no_answer");
    centre.becomes(1001, Next::Ready).unwrap();
    centre.answers("1001");
    assert_eq!(answered_by(&centre), [(1, 1001)]);
}

/// Kazoo 2689 and 2747.
#[test]
fn an_agent_who_dials_while_the_own_phone_rings_is_on_that_call_afterwards() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let caller = centre.queues();
    let outside = centre.dials("1001", "913900139000");
    centre.hangs_up(caller);
    assert_eq!(centre.state(1001).name(), StateName::OnCall);
    centre.hangs_up(outside);
    assert_eq!(centre.state(1001).name(), StateName::Ready);
}

/// Asterisk 1181.
#[test]
fn an_agent_with_one_call_on_hold_and_another_ended_is_still_on_a_call() {
    let mut centre = Centre::open();
    centre.sign_in(1001).bind("8000");
    centre.queues();
    let phone = centre.answers("1001");
    centre.holds(phone);
    let asks = centre.dials("1001", "8000");
    centre.answers("8000");
    centre.hangs_up(asks);
    centre.queues();
    assert_eq!(centre.state(1001).name(), StateName::OnCall);
    assert!(centre.rings("1001").is_none());
}

/// Asterisk 395, 1021 and 1022; wazo-calld 184 and 423 are about the same after a restart.
#[test]
fn the_log_says_why_an_agent_was_busy_when_that_begins_and_when_it_ends() {
    let mut centre = centre_with(|config| {
        config.rules.after_sign_in = Next::Busy("lunch".into());
    });
    centre.sign_in(1001);
    centre.becomes(1001, Next::Ready).unwrap();
    let reason = |state: &AgentState| match state {
        AgentState::Busy { reason, .. } => reason.to_string(),
        other => other.name().as_str().to_owned(),
    };
    let changes = centre.events.iter().filter_map(|event| match &event.kind {
        EventKind::AgentStateChanged { from, to } => Some((reason(from), reason(to))),
        _ => None,
    });
    let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let told = [pair("signed_out", "lunch"), pair("lunch", "ready")];
    assert_eq!(changes.collect::<Vec<_>>(), told);
}

/// FusionPBX 2736 and 2712.
#[test]
fn a_queue_and_an_agent_that_are_given_another_name_keep_their_calls() {
    let mut centre = Centre::open();
    centre.queues();
    let mut renamed = config();
    renamed.acd.queues.get_mut("presales").unwrap().label = "售前咨询".into();
    renamed.agents.get_mut(&agent(1001)).unwrap().name = "小王".into();
    centre.input(Input::Configure(Box::new(renamed)));
    centre.sign_in(1001);
    centre.answers("1001");
    let status = centre.look();
    assert_eq!(status.agents[0].name, "小王");
    assert!(status.queues.iter().any(|queue| queue.label == "售前咨询" && queue.entered == 1));
    assert_eq!(centre.outcomes(), [(1, "answered")]);
}

/// Amazon Connect streams 292.
#[test]
fn a_call_that_the_only_agent_declines_does_not_come_back_in_a_loop() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    centre.queues();
    centre.declines("1001", 486);
    for _ in 0..9 {
        assert!(centre.rings("1001").is_none(), "the pause after declining is ten seconds");
        centre.wait(1);
    }
    centre.wait(1);
    assert!(centre.rings("1001").is_some(), "and the caller is not forgotten");
}

/// Amazon Connect streams 613.
#[test]
fn the_latest_wish_for_afterwards_is_the_one_that_counts() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let caller = centre.queues();
    centre.answers("1001");
    let lunch = || Next::Busy("lunch".into());
    assert_eq!(centre.becomes(1001, lunch()), Ok(Reply::Remembered(lunch())));
    assert_eq!(centre.becomes(1001, Next::Ready), Ok(Reply::Remembered(Next::Ready)));
    centre.hangs_up(caller);
    centre.wait(10);
    assert_eq!(centre.state(1001).name(), StateName::Ready);
}

/// Amazon Connect streams 241.
#[test]
fn a_call_out_that_fails_leaves_who_is_at_lunch_at_lunch() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    centre.becomes(1001, Next::Busy("lunch".into())).unwrap();
    centre.dials("1001", "913900139000");
    assert_eq!(centre.state(1001).name(), StateName::OnCall);
    centre.declines("13900139000", 503);
    centre.queues();
    let AgentState::Busy { reason, .. } = centre.state(1001) else { panic!("{}", centre.log()) };
    assert_eq!(reason.as_str(), "lunch");
    assert!(centre.rings("1001").is_none());
}

// Double ringing, two winners, unfair order

/// Asterisk 1557.
#[test]
fn of_phones_that_ring_together_one_that_declines_stops_none_of_the_others() {
    let mut centre = all_ring();
    centre.queues();
    centre.declines("1002", 603);
    assert_eq!(dialled(&centre), once_each(["1001", "1002", "1003"]), "no round begins again");
    assert!(centre.rings("1001").is_some() && centre.rings("1003").is_some());
    centre.answers("1003");
    assert_eq!(centre.outcomes(), [(1, "answered")]);
}

/// FreeSWITCH 2901; ivozprovider 1096 asks what those are told who did not win.
#[test]
fn phones_that_ring_together_ring_once_each_and_losing_counts_as_missing_nothing() {
    let mut centre = all_ring();
    centre.queues();
    assert_eq!(dialled(&centre), once_each(["1001", "1002", "1003"]));
    centre.answers("1002");
    let ends = centre.events.iter().filter_map(|event| match &event.kind {
        EventKind::QueueOfferEnded { end, .. } => Some((event.agent?.number(), *end)),
        _ => None,
    });
    let elsewhere = [1001, 1003].map(|number| (number, OfferEnd::AnsweredElsewhere));
    assert_eq!(ends.collect::<Vec<_>>(), elsewhere);
}

/// FreeSWITCH 2511.
#[test]
fn of_thirteen_who_wait_the_first_is_served_first_and_so_on() {
    let mut centre = centre_with(|config| {
        config.acd.queues.get_mut("presales").unwrap().max_wait = None;
    });
    for _ in 0..13 {
        centre.queues();
        centre.wait(1);
    }
    centre.sign_in(1001);
    for _ in 0..13 {
        let phone = centre.answers("1001");
        centre.hangs_up(phone);
        centre.wait(10);
    }
    let served = answered_by(&centre).into_iter().map(|(call, _)| call);
    assert_eq!(served.collect::<Vec<_>>(), (1..=13).collect::<Vec<_>>());
}

/// Asterisk 1691.
#[test]
fn a_call_that_enters_at_the_head_of_one_queue_stops_none_of_the_queues() {
    let mut centre = centre_with(|config| {
        config.acd.queues.get_mut("spill").unwrap().weight = 5;
    });
    let first = centre.queues();
    centre.queues();
    let call = centre.look().calls[1].call;
    assert_eq!(centre.ask(Request::Move { call, queue: "spill".into() }), Ok(Reply::Done));
    centre.sign_in(1001).wait(1).sign_in(1002);
    for phone in ["1001", "1002"] {
        centre.answers(phone);
    }
    assert_eq!(answered_by(&centre), [(2, 1001), (1, 1002)]);
    centre.hangs_up(first);
}

/// FreePBX 40.
#[test]
fn the_agent_who_lets_it_ring_is_not_rung_again_and_again_while_another_is_free() {
    let mut centre = Centre::open();
    centre.sign_in(1001).wait(1).sign_in(1002);
    let caller = centre.queues();
    assert!(centre.rings("1001").is_some(), "who has been idle the longest");
    centre.wait(15);
    assert!(centre.rings("1001").is_none() && centre.rings("1002").is_some());
    centre.hangs_up(caller);
}

/// rustpbx 8aa3fc4b: three callers, two agents.
#[test]
fn a_ring_time_that_is_over_after_the_answer_calls_nobody_into_the_talk() {
    let mut centre = Centre::open();
    centre.sign_in(1001).wait(1).sign_in(1002);
    for _ in 0..3 {
        centre.queues();
    }
    centre.wait(14);
    centre.answers("1001");
    centre.answers("1002");
    centre.wait(20);
    assert_eq!(dialled(&centre), once_each(["1001", "1002"]));
    assert_eq!(answered_by(&centre), [(1, 1001), (2, 1002)]);
    assert_eq!(centre.look().calls[2].stage, "queue");
}

/// Chatwoot 15675.
#[test]
fn caller_and_agent_hear_each_other_and_no_music() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let caller = centre.queues();
    let phone = centre.answers("1001");
    let sounds = |(_, command): &&(LegId, MediaCommand)| {
        matches!(
            command,
            MediaCommand::Join(_)
                | MediaCommand::Play { .. }
                | MediaCommand::Silence
                | MediaCommand::Ringback
        )
    };
    let last = centre.media.iter().rev().find(sounds);
    assert_eq!(last, Some(&(caller, MediaCommand::Join(phone))), "which joins both");
}

// Lost calls

/// siphon-ai 343; active-call 117.
#[test]
fn a_floor_that_is_being_stopped_calls_nobody() {
    let mut centre = Centre::open();
    centre.queues();
    centre.input(Input::Shutdown);
    centre.forget();
    centre.bind("1001").bind("8000");
    let _ = centre.ask(Request::SignIn { agent: agent(1001), phone: None });
    centre.calls();
    centre.dials("8000", "913900139000");
    let dials =
        centre.seen.iter().filter(|(_, command)| matches!(command, LegCommand::Dial { .. }));
    assert_eq!(dials.count(), 0, "{}", centre.log());
}

/// Asterisk 1255.
#[test]
fn new_rules_end_no_wrap_up_and_clear_no_reason() {
    let mut centre = Centre::open();
    centre.sign_in(1001).sign_in(1002);
    centre.becomes(1002, Next::Busy("lunch".into())).unwrap();
    let caller = centre.queues();
    centre.answers("1001");
    centre.hangs_up(caller);
    let before = (centre.state(1001), centre.state(1002));
    let mut changed = config();
    changed.acd.queues.get_mut("presales").unwrap().wrap_up = Duration::ZERO;
    centre.input(Input::Configure(Box::new(changed)));
    assert_eq!((centre.state(1001), centre.state(1002)), before);
}

// Wrap-up

/// Asterisk 1006 and 607.
#[test]
fn wrap_up_after_one_queues_call_keeps_every_queues_calls_away() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let caller = centre.queues();
    centre.answers("1001");
    centre.hangs_up(caller);
    centre.queues();
    let call = centre.look().calls[0].call;
    assert_eq!(centre.ask(Request::Move { call, queue: "spill".into() }), Ok(Reply::Done));
    centre.wait(9);
    assert!(centre.rings("1001").is_none());
    centre.wait(1);
    assert!(centre.rings("1001").is_some());
}

// Statistics

/// rustpbx 77.
#[test]
fn a_misdialled_number_is_one_record_and_hides_no_other() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let caller = centre.queues();
    centre.answers("1001");
    for _ in 0..3 {
        centre.arrives(Origin::Trunk("carrier".into()), "13900139000", "4009999999");
    }
    centre.hangs_up(caller);
    let mut calls = Calls::default();
    let rows: Vec<_> = centre.events.iter().filter_map(|event| calls.apply(event)).collect();
    assert_eq!(rows.len(), 4, "one for each call");
    assert_eq!(rows.iter().filter(|row| !row.agents.is_empty()).count(), 1);
}

/// Asterisk 759, 313 and 393; FreePBX 124 and 590.
#[test]
fn an_agents_talk_ends_with_the_transfer_and_not_with_the_customers_call() {
    let mut centre = Centre::open();
    centre.sign_in(1001).wait(1).sign_in(1002);
    let caller = centre.queues();
    let first = centre.answers("1001");
    centre.wait(30);
    centre.leg(first, LegFact::TransferAsked { to: "1002".parse().unwrap() });
    centre.answers("1002");
    centre.wait(300);
    centre.hangs_up(caller);
    let mut calls = Calls::default();
    let row = centre.events.iter().find_map(|event| calls.apply(event)).unwrap();
    let talks = row.segments.iter().filter_map(|segment| {
        let agent = segment.agent?;
        Some((agent.number(), segment.until?.since(segment.since).as_secs()))
    });
    assert_eq!(talks.collect::<Vec<_>>(), [(1001, 30), (1002, 300)]);
}

/// Issabel 41 and 40: what was answered is never shown as abandoned, whoever hangs up first.
#[test]
fn a_call_that_was_answered_is_answered_whoever_hangs_up_and_however_soon() {
    for by_agent in [true, false] {
        let mut centre = Centre::open();
        centre.sign_in(1001);
        let caller = centre.queues();
        let phone = centre.answers("1001");
        centre.hangs_up(if by_agent { phone } else { caller });
        assert_eq!(centre.outcomes(), [(1, "answered")]);
    }
}

// Recordings

/// MikoPBX 1084 and 1125.
#[test]
fn each_part_of_a_recording_names_who_is_heard_though_phones_rang_together_and_the_call_went_on() {
    let mut centre = all_ring();
    centre.queues();
    let first = centre.answers("1003");
    centre.leg(first, LegFact::TransferAsked { to: "1001".parse().unwrap() });
    centre.answers("1001");
    let parts = centre.events.iter().filter_map(|event| match &event.kind {
        EventKind::RecordingStarted { recording, .. } => {
            Some((recording.to_string(), event.agent?.number()))
        }
        _ => None,
    });
    let part = |name: &str, number| (name.to_owned(), number);
    assert_eq!(parts.collect::<Vec<_>>(), [part("1-1.1", 1003), part("1-1.2", 1001)]);
}

/// Chatwoot 15598.
#[test]
fn whether_a_call_is_recorded_is_decided_once() {
    for recorded in [true, false] {
        let mut centre = centre_with(|config| config.recording.internal = recorded);
        centre.bind("8000").bind("1001");
        centre.dials("8000", "1001");
        let called = centre.answers("1001");
        let mut changed = config();
        changed.recording.internal = !recorded;
        centre.input(Input::Configure(Box::new(changed)));
        centre.holds(called);
        centre.retrieves(called);
        let parts = centre.recordings.iter().filter(|line| line.starts_with("start"));
        assert_eq!(parts.count(), if recorded { 3 } else { 0 }, "{:?}", centre.recordings);
    }
}

/// MikoPBX 1125 again: where calls between colleagues are not recorded, a queue's call that one
/// hands to another still is.
#[test]
fn a_queues_call_is_recorded_to_its_end_whoever_takes_it_over() {
    let mut centre = centre_with(|config| {
        (config.recording.internal, config.recording.outbound) = (false, false);
    });
    centre.sign_in(1001);
    centre.queues();
    for to in ["1002", "913900139000"] {
        let from = centre.look().calls[0].call;
        let phone = centre.answers(if to == "1002" { "1001" } else { "1002" });
        assert_eq!(centre.look().calls[0].call, from);
        centre.bind("1002");
        centre.leg(phone, LegFact::TransferAsked { to: to.parse().unwrap() });
    }
    centre.answers("13900139000");
    assert_eq!(centre.recordings.last().map(String::as_str), Some("start 1-1.3"));
}

/// NethServer 7562.
#[test]
fn a_queues_call_is_recorded_whatever_the_rules_say_of_other_calls() {
    let mut centre = centre_with(|config| {
        (config.recording.internal, config.recording.outbound) = (false, false);
    });
    centre.sign_in(1001);
    centre.queues();
    centre.answers("1001");
    assert_eq!(centre.recordings, ["start 1-1.1"]);
    assert!(matches!(centre.state(1001), AgentState::OnCall { kind: CallKind::Queue, .. }));
}
