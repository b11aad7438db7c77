//! Busy stays: how long, and what follows one that is too long.

use super::*;

/// Lunch is half an hour; a warning five minutes before, a word to the leads five minutes after,
/// signed out after ten.
fn patient() -> Rules {
    let mut rules = rules();
    let overstay = Overstay {
        warn_before: 5 * MINUTE,
        alert_after: Some(5 * MINUTE),
        sign_out_after: Some(10 * MINUTE),
    };
    rule(&mut rules, "lunch").overstay = overstay;
    rules
}

fn at_lunch(rules: Rules) -> Team {
    let mut team = Team::new(rules);
    team.at("11:00:00").sign_in(1001, 1001).unwrap();
    team.at("12:00:00").become_(1001, busy("lunch")).unwrap();
    team
}

fn warned(signed_out: &str) -> (u32, EventKind) {
    let reason = "lunch".into();
    let (stay_until, signed_out_at) = (time("12:30:00"), Some(time(signed_out)));
    (1001, EventKind::AgentStayWarned { reason, stay_until, signed_out_at })
}

fn alerted(signed_out: &str) -> (u32, EventKind) {
    let reason = "lunch".into();
    let (stay_until, signed_out_at) = (time("12:30:00"), Some(time(signed_out)));
    (1001, EventKind::AgentStayAlerted { reason, stay_until, signed_out_at })
}

#[test]
fn who_stays_too_long_is_warned_then_the_leads_are_told_then_signed_out() {
    let mut team = at_lunch(patient());
    assert_eq!(team.at("12:24:59").told(), []);
    assert_eq!(team.at("12:25:00").told(), [warned("12:40:00")]);
    assert_eq!(team.at("12:34:59").told(), []);
    assert_eq!(team.at("12:35:00").told(), [alerted("12:40:00")]);
    assert_eq!(team.reason(1001), "lunch");
    team.at("12:40:00").expect(1001, StateName::SignedOut, Cause::BusyOverstayed);
    assert_eq!(team.agents.poll_timeout(), None);
}

#[test]
fn nothing_is_said_that_would_come_no_sooner_than_signing_out() {
    let mut team = at_lunch(rules());
    let changes = team.at("12:30:00").pass();
    assert_eq!(changes.len(), 1);
    assert_eq!((changes[0].to.name(), changes[0].notices.len()), (StateName::SignedOut, 0));
}

#[test]
fn who_returns_in_time_hears_nothing_more() {
    let mut team = at_lunch(patient());
    assert_eq!(team.at("12:25:00").told().len(), 1);
    team.at("12:29:00").become_(1001, Next::Ready).unwrap();
    assert_eq!(team.agents.poll_timeout(), None);
    team.at("13:00:00").become_(1001, busy("lunch")).unwrap();
    assert_eq!(team.at("13:25:00").told().len(), 1, "another stay is another warning");
}

#[test]
fn where_nobody_is_signed_out_the_stay_goes_on() {
    let mut rules = patient();
    rule(&mut rules, "lunch").overstay.sign_out_after = None;
    let mut team = at_lunch(rules);
    assert_eq!(team.at("12:25:00").told().len(), 1);
    assert_eq!(team.at("12:35:00").told().len(), 1);
    assert_eq!(team.agents.poll_timeout(), None);
    assert_eq!(team.at("18:00:00").reason(1001), "lunch");
}

#[test]
fn what_came_due_in_a_call_is_said_at_its_end_and_nothing_twice() {
    let mut team = at_lunch(patient());
    assert_eq!(team.at("12:25:00").told(), [warned("12:40:00")]);
    team.at("12:26:00").start(1001, 1, CallKind::Internal);
    assert_eq!(team.at("12:36:00").told(), []);
    team.hang_up(1001, 1, 0);
    assert_eq!(team.told(), [alerted("12:40:00")]);
    team.at("12:40:00").expect(1001, StateName::SignedOut, Cause::BusyOverstayed);
}

#[test]
fn warnings_go_on_after_a_phone_was_lost_and_after_a_restart() {
    let mut team = at_lunch(patient());
    team.at("12:24:30").lose_and_find(1001, 40);
    assert_eq!(team.told(), [warned("12:40:00")]);

    let state = team.agents.state(agent(1001)).unwrap().clone();
    let mut next = Team::new(patient());
    next.at("12:35:00").restore(1001, &state, PhoneState::Bound);
    assert_eq!(next.told(), [warned("12:40:00"), alerted("12:40:00")], "rather twice than never");
    next.at("12:40:00").expect(1001, StateName::SignedOut, Cause::BusyOverstayed);
}

#[test]
fn new_rules_hold_for_the_warnings_of_stays_that_have_begun() {
    let mut team = at_lunch(patient());
    let mut rules = patient();
    rule(&mut rules, "lunch").overstay.warn_before = MINUTE;
    let everybody = (1001..=1003).map(AgentId::new).collect();
    assert_eq!(team.agents.configure(rules, &everybody, team.now), []);
    team.agents.check().unwrap();
    assert_eq!(team.at("12:28:59").told(), []);
    assert_eq!(team.at("12:29:00").told(), [warned("12:40:00")]);
}

/// Tea is a quarter of an hour a day.
fn with_tea() -> Team {
    let mut rules = rules();
    let tea = BusyRule { allowance: Some(15 * MINUTE), ..BusyRule::default() };
    rules.reasons.insert("tea".into(), tea);
    let mut team = Team::new(rules);
    team.at("01:00:00").sign_in(1001, 1001).unwrap();
    team
}

#[test]
fn stays_of_a_day_together_are_no_longer_than_the_allowance() {
    let mut team = with_tea();
    team.at("02:00:00").become_(1001, busy("tea")).unwrap();
    assert_eq!(team.agents.poll_timeout(), Some(time("02:15:00")));
    let done = team.at("02:10:00").become_(1001, Next::Ready).unwrap();
    let since = "2026-11-21T16:00:00.000000Z".parse().unwrap();
    let spent = EventKind::AgentAllowanceSpent {
        reason: "tea".into(),
        since,
        used_ms: 600_000,
        allowance_ms: 900_000,
    };
    assert_eq!(done.changes[0].notices, [spent], "since midnight in China");
    team.at("04:00:00").become_(1001, busy("tea")).unwrap();
    assert_eq!(team.agents.poll_timeout(), Some(time("04:05:00")), "what is left");
    team.at("04:05:00").expect(1001, StateName::SignedOut, Cause::BusyOverstayed);
    team.sign_in(1001, 1001).unwrap();
    assert_eq!(team.become_(1001, busy("tea")), Err(Refusal::AllowanceSpent), "nor by signing in");
    assert!(team.become_(1001, busy("lunch")).is_ok(), "of tea alone");
}

#[test]
fn another_day_has_another_allowance() {
    let mut team = with_tea();
    team.at("15:50:00").become_(1001, busy("tea")).unwrap();
    team.at("16:02:00").become_(1001, Next::Ready).unwrap();
    team.at("16:03:00").become_(1001, busy("tea")).unwrap();
    assert_eq!(team.agents.poll_timeout(), Some(time("16:16:00")), "two minutes since midnight");
}

#[test]
fn calls_in_between_do_not_count_against_the_allowance() {
    let mut team = with_tea();
    team.at("02:00:00").become_(1001, busy("tea")).unwrap();
    team.at("02:05:00").start(1001, 1, CallKind::Internal);
    team.at("02:12:00").hang_up(1001, 1, 0);
    team.at("02:13:00").become_(1001, Next::Ready).unwrap();
    team.at("03:00:00").become_(1001, busy("tea")).unwrap();
    assert_eq!(team.agents.poll_timeout(), Some(time("03:09:00")), "six minutes are used");
}

#[test]
fn what_was_asked_for_in_a_call_is_refused_when_nothing_is_left_then() {
    let mut team = with_tea();
    team.at("02:00:00").become_(1001, busy("tea")).unwrap();
    team.at("02:14:00").start(1001, 1, CallKind::Internal);
    team.become_(1001, busy("tea")).unwrap();
    let mut rules = team.agents.rules.clone();
    rule(&mut rules, "tea").allowance = Some(5 * MINUTE);
    let everybody = (1001..=1003).map(AgentId::new).collect();
    assert_eq!(team.agents.configure(rules, &everybody, team.now), []);
    let changes = team.at("02:20:00").hang_up(1001, 1, 0);
    let refusal = Refusal::AllowanceSpent;
    assert_eq!(changes[0].notices, [EventKind::AgentRequestRefused { refusal }]);
    assert_eq!(team.name(1001), StateName::Ready);
}

#[test]
fn a_team_lead_may_grant_more_than_the_allowance() {
    let mut team = with_tea();
    team.at("02:00:00").become_(1001, busy("tea")).unwrap();
    team.at("02:14:59").become_(1001, Next::Ready).unwrap();
    team.at("02:30:00").become_(1001, busy("tea")).unwrap();
    team.at("02:30:01").pass();
    team.sign_in(1001, 1001).unwrap();
    team.force(1001, busy("tea")).unwrap();
    assert_eq!(team.reason(1001), "tea");
}

#[test]
fn what_was_used_of_an_allowance_outlives_a_restart() {
    let mut team = with_tea();
    let since = "2026-11-21T16:00:00.000000Z".parse().unwrap();
    let mut snapshot = AgentSnapshot::new(AgentState::SignedOut { since }, None);
    snapshot.spent.insert("tea".into(), Spent { since, used_ms: 840_000 });
    let _ = team.agents.restore(agent(1002), snapshot, PhoneState::Unbound, team.now);
    team.at("02:00:00").sign_in(1002, 1002).unwrap();
    team.become_(1002, busy("tea")).unwrap();
    assert_eq!(team.agents.poll_timeout(), Some(time("02:01:00")));
}
