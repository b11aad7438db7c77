//! Shifts: 1001 has one, on Sundays from 09:00 to 17:00; 1002 comes and goes.

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// 2026-11-22 is a Sunday, and the tests tell the time in UTC.
pub(super) fn on_sundays() -> Rules {
    let shift = Shift { weekdays: [6].into(), from: 9 * HOUR, length: 8 * HOUR, breaks: vec![] };
    let attendance = Attendance {
        sign_in_before: 15 * MINUTE,
        late_after: 5 * MINUTE,
        early_before: 5 * MINUTE,
        linger: Some(10 * MINUTE),
    };
    let days = crate::Days { utc_offset: 0, begin: Duration::ZERO };
    Rules { shifts: [(agent(1001), vec![shift])].into(), attendance, days, ..rules() }
}

pub(super) fn notices(changes: &[Change]) -> Vec<EventKind> {
    changes.iter().flat_map(|change| change.notices.clone()).collect()
}

fn signed_in(at: &str) -> (Team, Vec<EventKind>) {
    let mut team = Team::new(on_sundays());
    let done = team.at(at).sign_in(1001, 1001).unwrap();
    let told = notices(&done.changes);
    (team, told)
}

#[test]
fn signing_in_is_refused_but_for_the_shift_and_a_little_before_it() {
    for (at, expected) in [
        ("08:44:59", Err(Refusal::OutsideShift)),
        ("08:45:00", Ok(())),
        ("16:59:59", Ok(())),
        ("17:00:00", Err(Refusal::OutsideShift)),
    ] {
        let mut team = Team::new(on_sundays());
        assert_eq!(team.at(at).sign_in(1001, 1001).map(drop), expected, "{at}");
        assert!(team.sign_in(1002, 1002).is_ok(), "who has no shift comes and goes");
    }
    let mut rules = on_sundays();
    rules.shifts.get_mut(&agent(1001)).unwrap()[0].weekdays = [0, 1, 2, 3, 4, 5].into();
    let mut team = Team::new(rules);
    assert_eq!(team.at("12:00:00").sign_in(1001, 1001), Err(Refusal::OutsideShift));
}

#[test]
fn who_comes_late_is_recorded_once() {
    assert_eq!(signed_in("09:05:00").1, []);
    let late = EventKind::AgentLate { due: time("09:00:00"), by_ms: 301_000 };
    let (mut team, told) = signed_in("09:05:01");
    assert_eq!(told, [late]);
    team.at("10:00:00").become_(1001, Next::SignedOut).unwrap();
    let done = team.at("10:10:00").sign_in(1001, 1001).unwrap();
    assert_eq!(notices(&done.changes), [], "who returns is not late again");
}

#[test]
fn who_was_there_before_a_restart_is_not_late_after_it() {
    let mut team = Team::new(on_sundays());
    let state = AgentState::SignedOut { since: time("09:30:00") };
    let mut snapshot = AgentSnapshot::new(state, None);
    snapshot.attended = Some(time("08:50:00"));
    let _ = team.agents.restore(agent(1001), snapshot, PhoneState::Unbound, team.now);
    let done = team.at("10:00:00").sign_in(1001, 1001).unwrap();
    assert_eq!(notices(&done.changes), []);
}

#[test]
fn who_leaves_early_is_recorded() {
    let (mut team, _) = signed_in("08:50:00");
    let done = team.at("16:00:00").become_(1001, Next::SignedOut).unwrap();
    let early = EventKind::AgentLeftEarly { due: time("17:00:00"), by_ms: 3_600_000 };
    assert_eq!(notices(&done.changes), [early]);
    let (mut team, _) = signed_in("08:50:00");
    let done = team.at("16:55:00").become_(1001, Next::SignedOut).unwrap();
    assert_eq!(notices(&done.changes), [], "a few minutes are allowed");
    let (mut team, _) = signed_in("08:50:00");
    let done = team.at("08:51:00").become_(1001, Next::SignedOut).unwrap();
    assert_eq!(notices(&done.changes), [], "the shift has not begun");
}

#[test]
fn who_is_idle_when_the_shift_is_over_is_signed_out() {
    for is_busy in [false, true] {
        let (mut team, _) = signed_in("09:00:00");
        if is_busy {
            team.at("16:58:00").become_(1001, busy("meeting")).unwrap();
        }
        assert_eq!(team.at("17:09:59").pass(), []);
        team.at("17:10:00").expect(1001, StateName::SignedOut, Cause::ShiftOver);
        assert_eq!(team.agents.poll_timeout(), None);
    }
}

#[test]
fn whom_a_call_holds_is_signed_out_after_it_and_its_wrap_up() {
    let (mut team, _) = signed_in("09:00:00");
    team.at("17:05:00").talk(1001, 1);
    assert_eq!(team.at("17:30:00").pass(), []);
    team.hang_up(1001, 1, 30);
    assert_eq!(team.name(1001), StateName::WrapUp);
    team.at("17:30:30").expect(1001, StateName::SignedOut, Cause::ShiftOver);
}

#[test]
fn a_shift_that_follows_at_once_goes_on() {
    let mut rules = on_sundays();
    let late = Shift { weekdays: [6].into(), from: 17 * HOUR, length: 2 * HOUR, breaks: vec![] };
    rules.shifts.get_mut(&agent(1001)).unwrap().push(late);
    let mut team = Team::new(rules);
    team.at("09:00:00").sign_in(1001, 1001).unwrap();
    assert_eq!(team.at("17:10:00").pass(), []);
    team.at("19:10:00").expect(1001, StateName::SignedOut, Cause::ShiftOver);
}

#[test]
fn a_shift_over_midnight_belongs_to_the_day_it_begins_on() {
    let mut rules = on_sundays();
    let night = Shift { weekdays: [5].into(), from: 22 * HOUR, length: 8 * HOUR, breaks: vec![] };
    rules.shifts.insert(agent(1001), vec![night]);
    let mut team = Team::new(rules);
    assert!(team.at("05:59:00").sign_in(1001, 1001).is_ok(), "since Saturday evening");
    team.become_(1001, Next::SignedOut).unwrap();
    assert_eq!(team.at("22:30:00").sign_in(1001, 1001), Err(Refusal::OutsideShift));
}

#[test]
fn nobody_is_signed_out_where_the_rule_is_off() {
    let mut rules = on_sundays();
    rules.attendance.linger = None;
    let mut team = Team::new(rules);
    team.at("09:00:00").sign_in(1001, 1001).unwrap();
    assert_eq!(team.at("23:00:00").pass(), []);
    assert!(team.is_available(1001));
}

#[test]
fn new_shifts_hold_for_those_who_are_there() {
    let (mut team, _) = signed_in("09:00:00");
    let everybody: BTreeSet<_> = (1001..=1003).map(AgentId::new).collect();
    let mut longer = on_sundays();
    longer.shifts.get_mut(&agent(1001)).unwrap()[0].length = 10 * HOUR;
    let changes = team.agents.configure(longer, &everybody, team.now);
    assert_eq!(changes, []);
    assert_eq!(team.at("17:10:00").pass(), []);
    team.at("19:10:00").expect(1001, StateName::SignedOut, Cause::ShiftOver);
}

#[test]
fn who_loses_the_phone_in_wrap_up_after_the_shift_is_signed_out_at_once() {
    let (mut team, _) = signed_in("09:00:00");
    team.at("17:09:00").talk(1001, 1);
    team.at("17:10:00").pass();
    team.hang_up(1001, 1, 60);
    assert_eq!(team.name(1001), StateName::WrapUp);
    let changes = team.fact(Fact::PhoneLost { phone: phone(1001) });
    assert_eq!((team.name(1001), changes[0].cause), (StateName::SignedOut, Cause::ShiftOver));
}
