//! Planned breaks: 1001 has lunch from 12:00 to 12:30 on Sundays.

use super::shifts::{notices, on_sundays};
use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// No more than one may have lunch, and 1002 has it already.
fn planned(longest: Option<Duration>) -> Team {
    let mut rules = on_sundays();
    let lunch = Break { reason: "lunch".into(), from: 3 * HOUR, length: 30 * MINUTE };
    rules.shifts.get_mut(&agent(1001)).unwrap()[0].breaks = vec![lunch];
    let rule = rule(&mut rules, "lunch");
    rule.longest = longest;
    rule.share = Some(Share { percent: 50, when_full: WhenFull::Refuse });
    let mut team = Team::new(rules);
    team.at("09:00:00").sign_in(1001, 1001).unwrap();
    team.sign_in(1002, 1002).unwrap();
    team.become_(1002, busy("lunch")).unwrap();
    team
}

fn planned_until(team: &Team) -> Option<Timestamp> {
    let state = team.agents.state(agent(1001)).unwrap();
    let AgentState::Busy { planned_until, .. } = state else { panic!("{state:?}") };
    *planned_until
}

#[test]
fn a_planned_break_is_told_of_and_refused_to_nobody() {
    let mut team = planned(None);
    assert_eq!(team.at("11:59:59").become_(1001, busy("lunch")), Err(Refusal::GroupFull));
    let changes = team.at("12:00:00").pass();
    let until = time("12:30:00");
    assert_eq!(notices(&changes), [EventKind::AgentBreakDue { reason: "lunch".into(), until }]);
    assert_eq!(changes[0].cause, Cause::BreakDue);
    assert!(!changes[0].is_of_state(), "who does not go works on");
    team.at("12:10:00").become_(1001, busy("lunch")).unwrap();
    assert_eq!(planned_until(&team), Some(until));
    let done = team.at("12:30:00").become_(1001, Next::Ready).unwrap();
    assert_eq!(notices(&done.changes), [], "who comes back in time is not late");
    team.pass();
    assert_eq!(team.become_(1001, busy("lunch")), Err(Refusal::GroupFull), "it is over");
}

#[test]
fn who_comes_back_late_is_recorded() {
    let mut team = planned(None);
    team.at("12:00:00").pass();
    team.become_(1001, busy("lunch")).unwrap();
    team.at("12:30:00").pass();
    let done = team.at("12:34:00").become_(1001, Next::Ready).unwrap();
    let due = time("12:30:00");
    let late = EventKind::AgentBackLate { reason: "lunch".into(), due, by_ms: 240_000 };
    assert_eq!(notices(&done.changes), [late]);
}

#[test]
fn a_planned_break_is_no_shorter_for_the_longest_stay() {
    let mut team = planned(Some(10 * MINUTE));
    team.at("12:00:00").pass();
    team.become_(1001, busy("lunch")).unwrap();
    team.at("12:29:59").pass();
    assert_eq!(team.name(1001), StateName::Busy);
    let changes = team.at("12:30:00").pass();
    assert_eq!(changes.last().unwrap().cause, Cause::BusyOverstayed);
    let mut team = planned(Some(10 * MINUTE));
    team.at("12:25:00").pass();
    team.become_(1001, busy("lunch")).unwrap();
    team.at("12:34:59").pass();
    assert_eq!(team.name(1001), StateName::Busy, "nor longer");
}

#[test]
fn a_planned_break_takes_nothing_of_the_allowance_until_it_is_over() {
    let mut team = planned(None);
    let mut rules = team.agents.rules.clone();
    rule(&mut rules, "lunch").allowance = Some(5 * MINUTE);
    let known = (1001..=1003).map(AgentId::new).collect();
    let _ = team.agents.configure(rules, &known, team.now);
    team.at("12:00:00").pass();
    team.become_(1001, busy("lunch")).unwrap();
    let done = team.at("12:20:00").become_(1001, Next::Ready).unwrap();
    assert_eq!(notices(&done.changes), [], "nothing is spent");
    team.become_(1001, busy("lunch")).unwrap();
    let done = team.at("12:32:00").become_(1001, Next::Ready).unwrap();
    let told = notices(&done.changes);
    let Some(EventKind::AgentAllowanceSpent { used_ms, .. }) = told.first() else {
        panic!("{told:?}")
    };
    assert_eq!(*used_ms, 120_000);
}

#[test]
fn who_is_at_it_already_when_the_break_begins_is_on_the_break() {
    let mut team = planned(None);
    team.become_(1002, Next::Ready).unwrap();
    team.at("11:58:00").become_(1001, busy("lunch")).unwrap();
    assert_eq!(planned_until(&team), None);
    team.at("12:00:00").pass();
    assert_eq!(planned_until(&team), Some(time("12:30:00")));
}

#[test]
fn who_waits_for_a_place_goes_when_the_break_begins() {
    let mut team = planned(None);
    let mut rules = team.agents.rules.clone();
    let when_full = WhenFull::Wait;
    rule(&mut rules, "lunch").share = Some(Share { percent: 50, when_full });
    let known = (1001..=1003).map(AgentId::new).collect();
    let _ = team.agents.configure(rules, &known, team.now);
    let done = team.at("11:58:00").become_(1001, busy("lunch")).unwrap();
    assert_eq!(done.awaits, Some(busy("lunch")));
    team.at("12:00:00").pass();
    assert_eq!(planned_until(&team), Some(time("12:30:00")));
}

#[test]
fn what_was_asked_for_during_a_call_is_the_planned_break_if_that_is_on_then() {
    let mut team = planned(None);
    team.at("11:50:00").talk(1001, 1);
    team.become_(1001, busy("lunch")).unwrap();
    team.at("12:01:00").pass();
    team.hang_up(1001, 1, 0);
    assert_eq!(planned_until(&team), Some(time("12:30:00")));
}

#[test]
fn a_planned_break_goes_on_after_a_call_and_a_restart() {
    let mut team = planned(None);
    team.at("12:00:00").pass();
    team.become_(1001, busy("lunch")).unwrap();
    team.start(1001, 7, CallKind::Outbound);
    team.at("12:10:00").hang_up(1001, 7, 0);
    assert_eq!(planned_until(&team), Some(time("12:30:00")));
    let state = team.agents.state(agent(1001)).unwrap().clone();
    let mut after = Team::new(team.agents.rules.clone());
    after.at("12:31:00").restore(1001, &state, PhoneState::Bound);
    let done = after.become_(1001, Next::Ready).unwrap();
    let due = time("12:30:00");
    let late = EventKind::AgentBackLate { reason: "lunch".into(), due, by_ms: 60_000 };
    assert_eq!(notices(&done.changes), [late]);
}
