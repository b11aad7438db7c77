//! What happens at the same time, out of order, or where nobody expects it.

use std::time::Duration;

use insight::Calls;
use model::{
    AgentState, CallKind, Cause, Direction, EventKind, MediaDescription, Next, OfferEnd, StateName,
};
use switchboard::ports::{
    Input, LegCommand, LegFact, MediaCommand, MediaFact, Origin, Reply, Request, Target,
};

use crate::centre::{Centre, agent, config, description, rings};

fn commands(centre: &Centre, leg: model::LegId) -> Vec<&LegCommand> {
    centre.seen.iter().filter(|(seen, _)| *seen == leg).map(|(_, command)| command).collect()
}

fn progress(centre: &Centre, leg: model::LegId) -> Vec<u16> {
    let statuses = commands(centre, leg).into_iter().filter_map(|command| match command {
        LegCommand::TransferProgress { status } => Some(*status),
        _ => None,
    });
    statuses.collect()
}

fn released(centre: &Centre, leg: model::LegId) -> bool {
    commands(centre, leg).iter().any(|command| matches!(command, LegCommand::Release { .. }))
}

fn held() -> MediaDescription {
    MediaDescription { direction: Direction::SendOnly, ..description(41_000) }
}

#[test]
fn a_caller_who_hangs_up_while_the_phone_rings_leaves_no_offer_open_in_the_call_record() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let caller = centre.queues();
    centre.wait(4);
    centre.hangs_up(caller);
    let mut calls = Calls::default();
    let rows: Vec<_> = centre.events.iter().filter_map(|event| calls.apply(event)).collect();
    let offers: Vec<_> = rows[0].segments.iter().flat_map(|segment| &segment.offers).collect();
    assert_eq!(offers.len(), 1);
    assert_eq!(offers[0].end, Some(OfferEnd::CallerLeft));
}

#[test]
fn an_answer_that_crosses_the_end_of_the_ring_time_is_too_late_and_the_next_agent_rings() {
    let mut centre = Centre::open();
    centre.sign_in(1001).wait(1).sign_in(1002);
    centre.queues();
    centre.slow = true;
    let late = centre.rings_at("1001");
    centre.wait(15);
    centre.leg(late, LegFact::Answered { answer: description(41_000) });
    centre.end_legs();
    assert!(centre.outcomes().is_empty());
    centre.answers("1002");
    assert_eq!(centre.outcomes(), [(1, "answered")]);
    assert_eq!(centre.state(1001).name(), StateName::Ready);
}

#[test]
fn an_answer_before_the_deadline_is_looked_at_wins() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    centre.queues();
    let leg = centre.rings_at("1001");
    centre.now = centre.now + Duration::from_secs(40);
    centre.leg(leg, LegFact::Answered { answer: description(41_000) });
    assert_eq!(centre.outcomes(), [(1, "answered")]);
    assert_eq!(centre.look().repairs, 0);
}

#[test]
fn a_floor_that_slept_past_the_ring_time_ends_the_offer_once_and_mends_nothing() {
    let mut centre = Centre::open();
    centre.sign_in(1001).wait(1).sign_in(1002);
    centre.queues();
    centre.now = centre.now + Duration::from_secs(40);
    centre.input(Input::Tick);
    assert!(centre.rings("1001").is_none() && centre.rings("1002").is_some());
    assert_eq!(centre.look().repairs, 0);
}

#[test]
fn an_answer_that_crosses_the_callers_hanging_up_joins_nobody() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let caller = centre.queues();
    let leg = centre.rings_at("1001");
    centre.slow = true;
    centre.hangs_up(caller);
    centre.leg(leg, LegFact::Answered { answer: description(41_000) });
    assert_eq!(centre.state(1001).name(), StateName::Ready);
    centre.end_legs();
    assert_eq!(centre.outcomes(), [(1, "abandoned")]);
    assert!(centre.look().calls.is_empty());
}

#[test]
fn an_agent_who_dials_the_hotline_is_not_offered_the_own_call() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let leg = centre.dials("1001", "4008001234");
    assert!(matches!(centre.state(1001), AgentState::OnCall { kind: CallKind::Internal, .. }));
    centre.hears_all(leg);
    assert!(centre.rings("1001").is_none());
    centre.hangs_up(leg);
    assert_eq!(centre.state(1001).name(), StateName::Ready);
}

#[test]
fn an_agent_who_signs_in_while_the_phone_is_in_a_call_is_on_that_call() {
    let mut centre = Centre::open();
    centre.bind("8000").bind("1001");
    let caller = centre.dials("8000", "1001");
    centre.answers("1001");
    centre.sign_in(1001);
    assert!(matches!(centre.state(1001), AgentState::OnCall { kind: CallKind::Internal, .. }));
    centre.queues();
    assert!(centre.rings("1001").is_none());
    centre.hangs_up(caller);
    assert!(centre.rings("1001").is_some());
}

#[test]
fn a_call_without_hops_left_is_answered_by_the_hotline_and_passed_on_to_nobody() {
    let mut centre = Centre::open();
    centre.bind("8000").bind("1001");
    let without_hops = |from: &str, to: &str| switchboard::ports::RingsIn {
        max_forwards: 0,
        ..rings(Origin::Phone("8000".into()), from, to)
    };
    for to in ["1001", "913800138000"] {
        let leg = centre.invites(without_hops("8000", to));
        let refused = LegCommand::Release { cause: Cause::NoRoute, status: Some(483) };
        assert_eq!(commands(&centre, leg), [&refused]);
    }
    let leg = centre.invites(without_hops("8000", "4008001234"));
    assert!(matches!(commands(&centre, leg)[0], LegCommand::Answer { .. }));
}

#[test]
fn a_caller_without_an_offer_is_made_one_and_may_hold_in_the_acknowledgement() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let caller = centre.invites(switchboard::ports::RingsIn {
        offer: None,
        ..rings(Origin::Trunk("carrier".into()), "13800138000", "4008001234")
    });
    let offered = |command: &&LegCommand| matches!(command, LegCommand::Answer { answer } if answer.codecs.len() == 2);
    assert!(commands(&centre, caller).iter().any(offered));
    centre.leg(caller, LegFact::Answered { answer: description(40_000) });
    centre.hears_all(caller);
    centre.answers("1001");
    assert_eq!(centre.look().calls[0].stage, "talking");
}

#[test]
fn a_hold_that_is_taken_back_in_an_acknowledgement_is_over() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    centre.queues();
    let leg = centre.answers("1001");
    centre.holds(leg);
    assert_eq!(centre.look().calls[0].stage, "held");
    centre.leg(leg, LegFact::Reoffered { offer: None });
    centre.leg(leg, LegFact::Reanswered { answer: description(41_000) });
    assert_eq!(centre.look().calls[0].stage, "talking");
}

#[test]
fn a_transfer_that_fails_finds_the_transferor_still_holding() {
    let mut centre = Centre::open();
    centre.sign_in(1001).bind("8000");
    let caller = centre.queues();
    let first = centre.answers("1001");
    centre.holds(first);
    centre.leg(first, LegFact::TransferAsked { to: "8000".parse().unwrap() });
    centre.forget();
    centre.declines("8000", 486);
    assert_eq!(centre.look().calls[0].stage, "held");
    let heard = centre
        .media
        .iter()
        .rfind(|(leg, command)| *leg == caller && !matches!(command, MediaCommand::Record { .. }));
    assert!(matches!(heard, Some((_, MediaCommand::Play { repeat: true, .. }))), "{heard:?}");
    centre.retrieves(first);
    assert_eq!(centre.look().calls[0].stage, "talking");
}

#[test]
fn a_hold_during_a_transfer_holds_when_the_two_talk_on() {
    let mut centre = Centre::open();
    centre.sign_in(1001).bind("8000");
    centre.queues();
    let first = centre.answers("1001");
    centre.leg(first, LegFact::TransferAsked { to: "8000".parse().unwrap() });
    centre.leg(first, LegFact::Reoffered { offer: Some(held()) });
    centre.wait(30);
    assert_eq!(progress(&centre, first), [100, 480]);
    assert_eq!(centre.look().calls[0].stage, "held");
}

#[test]
fn a_second_transfer_while_one_is_under_way_is_refused_and_the_first_goes_on() {
    let mut centre = Centre::open();
    centre.sign_in(1001).sign_in(1002).bind("8000");
    centre.queues();
    let first = centre.answers("1001");
    centre.leg(first, LegFact::TransferAsked { to: "1002".parse().unwrap() });
    centre.leg(first, LegFact::TransferAsked { to: "8000".parse().unwrap() });
    assert_eq!(progress(&centre, first), [100, 491]);
    assert!(centre.rings("8000").is_none());
    centre.answers("1002");
    assert_eq!(centre.state(1001).name(), StateName::WrapUp);
}

#[test]
fn nobody_is_transferred_to_the_transferor() {
    let mut centre = Centre::open();
    centre.bind("8000").bind("1001");
    let caller = centre.dials("8000", "1001");
    centre.answers("1001");
    centre.leg(caller, LegFact::TransferAsked { to: "8000".parse().unwrap() });
    assert_eq!(progress(&centre, caller), [486]);
    assert_eq!(centre.look().calls[0].stage, "talking");
}

#[test]
fn the_agent_to_whom_a_queues_caller_is_handed_wraps_up_as_well() {
    let mut centre = Centre::open();
    centre.sign_in(1001).sign_in(1002);
    let caller = centre.queues();
    let first = centre.answers("1001");
    centre.leg(first, LegFact::TransferAsked { to: "1002".parse().unwrap() });
    centre.answers("1002");
    centre.wait(20);
    centre.hangs_up(caller);
    assert_eq!(centre.state(1001).name(), StateName::Ready);
    assert_eq!(centre.state(1002).name(), StateName::WrapUp);
}

#[test]
fn a_transfer_outside_shows_the_number_of_its_rule_and_keeps_to_the_trunks_limit() {
    for (most, rings) in [(2, true), (1, false)] {
        let mut config = config();
        config.outbound[0].show = Some("01088886666".parse().unwrap());
        config.trunks.get_mut("carrier").unwrap().max_calls = most;
        let mut centre = Centre::open_with(config, 1, Default::default(), &[]);
        centre.sign_in(1001);
        centre.queues();
        let first = centre.answers("1001");
        centre.leg(first, LegFact::TransferAsked { to: "913800138000".parse().unwrap() });
        assert_eq!(progress(&centre, first), if rings { [100] } else { [503] });
        let shown = centre.seen.iter().find_map(|(_, command)| match command {
            LegCommand::Dial { target: Target::Trunk { .. }, from, .. } => Some(from.to_string()),
            _ => None,
        });
        assert_eq!(shown.as_deref(), rings.then_some("01088886666"));
    }
}

#[test]
fn when_the_caller_hands_the_agent_on_and_leaves_the_agent_is_not_put_in_the_queue() {
    let mut centre = Centre::open();
    centre.sign_in(1001).bind("8000").bind("1002");
    let caller = centre.dials("8000", "4008001234");
    centre.hears_all(caller);
    centre.answers("1001");
    centre.leg(caller, LegFact::TransferAsked { to: "1002".parse().unwrap() });
    centre.hangs_up(caller);
    centre.declines("1002", 486);
    assert!(centre.look().calls.is_empty());
    assert_eq!(centre.state(1001).name(), StateName::WrapUp);
}

#[test]
fn audio_that_cannot_be_opened_while_the_phone_rings_gives_the_caller_to_the_next_agent() {
    for fact in [MediaFact::OpenFailed { error: "port is taken".into() }, MediaFact::Lost] {
        let mut centre = Centre::open();
        centre.sign_in(1001).wait(1).sign_in(1002);
        centre.queues();
        let leg = centre.rings_at("1001");
        centre.input(Input::Media { leg, fact });
        assert!(released(&centre, leg));
        assert!(centre.rings("1002").is_some());
        centre.answers("1002");
        assert_eq!(centre.outcomes(), [(1, "answered")]);
    }
}

#[test]
fn audio_that_cannot_be_opened_for_the_caller_ends_the_call_as_our_fault() {
    let mut centre = Centre::open();
    let leg = centre.queues();
    centre.input(Input::Media { leg, fact: MediaFact::OpenFailed { error: "taken".into() } });
    assert_eq!(centre.outcomes(), [(1, "failed")]);
    assert!(centre.look().calls.is_empty());
}

#[test]
fn a_phone_that_says_again_and_again_that_it_rings_is_written_down_once() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    centre.queues();
    let leg = centre.rings_at("1001");
    for _ in 0..5 {
        centre.leg(leg, LegFact::Ringing { early: None });
    }
    let rang = centre.events.iter().filter(|event| event.kind == EventKind::LegRinging {});
    assert_eq!(rang.count(), 1);
    assert_eq!(centre.state(1001).name(), StateName::Ringing);
}

#[test]
fn early_media_is_heard_and_the_answer_joins_the_two() {
    let mut centre = Centre::open();
    centre.bind("8000");
    let caller = centre.dials("8000", "913800138000");
    let callee = centre.rings_at("13800138000");
    centre.leg(callee, LegFact::Ringing { early: Some(description(42_000)) });
    let early = |command: &&LegCommand| matches!(command, LegCommand::Ring { answer: Some(_) });
    assert!(commands(&centre, caller).iter().any(early));
    centre.leg(callee, LegFact::Answered { answer: description(42_000) });
    assert_eq!(centre.look().calls[0].stage, "talking");
}

#[test]
fn a_caller_who_changes_the_session_before_the_answer_is_answered() {
    let mut centre = Centre::open();
    centre.bind("8000").bind("1001");
    let caller = centre.dials("8000", "1001");
    centre.leg(caller, LegFact::Reoffered { offer: Some(held()) });
    centre.answers("1001");
    assert_eq!(centre.look().calls[0].stage, "held", "the caller held before the two were joined");
}

#[test]
fn an_agent_forced_out_while_the_phone_rings_is_out_and_the_next_one_rings() {
    let mut centre = Centre::open();
    centre.sign_in(1001).wait(1).sign_in(1002);
    centre.queues();
    let leg = centre.rings_at("1001");
    centre.leg(leg, LegFact::Ringing { early: None });
    let forced =
        Request::Force { agent: agent(1001), next: Next::Busy("lunch".into()), note: None };
    assert!(matches!(centre.ask(forced), Ok(Reply::Agent(_) | Reply::Remembered(_))));
    assert_eq!(centre.state(1001).name(), StateName::Busy);
    assert!(released(&centre, leg) && centre.rings("1002").is_some());
}

#[test]
fn without_a_free_port_the_caller_waits_and_the_log_says_that_the_offer_ended() {
    let lease = switchboard::config::PortLease {
        address: [127, 0, 0, 1].into(),
        first: 20_000,
        last: 20_002,
    };
    let opening =
        switchboard::Opening { lease, ..crate::centre::opening(config(), 1, Default::default()) };
    let mut centre = Centre::begin(opening, model::Timestamp::from_secs(9), Default::default());
    centre.sign_in(1001);
    centre.queues();
    let second = centre.calls();
    assert!(centre.rings("1001").is_some(), "the second call found no port: {}", centre.log());
    assert!(released(&centre, second));
    centre.declines("1001", 486);
    let third = centre.calls();
    centre.wait(12);
    assert!(centre.rings("1001").is_none());
    centre.hangs_up(third);
    centre.wait(2);
    assert!(centre.rings("1001").is_some());
}

#[test]
fn a_caller_whose_wait_was_too_long_is_let_go_when_the_announcement_never_ends() {
    let mut centre = Centre::open();
    centre.queues();
    centre.wait(180);
    assert_eq!(centre.look().calls[0].stage, "announcement");
    centre.wait(60);
    assert!(centre.look().calls.is_empty());
    let ended = centre.events.iter().rfind(|event| event.kind == EventKind::CallEnded {});
    assert_eq!(ended.unwrap().cause, Some(Cause::MaxWait));
}

#[test]
fn a_caller_is_turned_away_when_nobody_who_could_help_is_signed_in() {
    let mut config = config();
    for queue in config.acd.queues.values_mut() {
        queue.when_nobody = acd::WhenNobody::TurnAway;
    }
    let mut centre = Centre::open_with(config, 1, Default::default(), &[]);
    let caller = centre.queues();
    assert_eq!(centre.outcomes(), [(1, "overflowed"), (1, "rejected")]);
    centre.hears_all(caller);
    assert!(centre.look().calls.is_empty());
    centre.sign_in(1001);
    centre.queues();
    assert!(centre.rings("1001").is_some());
}

#[test]
fn a_call_ended_by_an_administrator_says_who_did_it() {
    let mut centre = Centre::open();
    let leg = centre.queues();
    let call = centre.look().calls[0].call;
    assert_eq!(centre.ask(Request::Release { call }), Ok(Reply::Done));
    let left = centre.events.iter().find(|event| event.kind.name() == "queue.left").unwrap();
    assert_eq!((left.actor.as_str(), left.cause), ("user:test/api", Some(Cause::Forced)));
    assert!(released(&centre, leg));
    let played = centre.media.iter().filter(|(_, command)| {
        matches!(command, MediaCommand::Play { prompts, .. } if prompts[0].as_str() == "nobody")
    });
    assert_eq!(played.count(), 0, "nothing is announced to a caller who is being released");
}

#[test]
fn every_leg_of_an_agent_names_the_agent_to_its_end() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let caller = centre.queues();
    let leg = centre.answers("1001");
    centre.hangs_up(caller);
    let told = centre.events.iter().filter(|event| event.leg == Some(leg));
    assert!(told.clone().count() >= 3);
    assert!(told.into_iter().all(|event| event.agent == Some(agent(1001))), "{}", centre.log());
}

#[test]
fn a_caller_whose_greeting_never_ends_gets_into_the_queue_all_the_same() {
    let mut centre = Centre::open();
    centre.calls();
    centre.wait(600);
    assert_eq!(centre.look().calls[0].stage, "queue");
}

#[test]
fn a_transfer_asked_for_by_a_leg_that_is_being_released_hands_nobody_on() {
    let mut centre = Centre::open();
    centre.sign_in(1001).bind("8000").bind("1002");
    let caller = centre.queues();
    let first = centre.answers("1001");
    centre.slow = true;
    centre.leg(first, LegFact::TransferAsked { to: "8000".parse().unwrap() });
    let second = centre.answers("8000");
    centre.forget();
    centre.leg(first, LegFact::TransferAsked { to: "1002".parse().unwrap() });
    assert!(centre.rings("1002").is_none());
    assert_eq!(centre.look().calls[0].stage, "talking");
    centre.end_legs();
    centre.hangs_up(caller);
    centre.end_legs();
    assert!(released(&centre, second));
}
