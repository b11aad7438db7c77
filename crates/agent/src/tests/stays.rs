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
