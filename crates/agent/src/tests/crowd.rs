//! How many of a group are busy for a reason at once.

use super::*;

/// Half of the three who work here may be at tea at once: one.
fn tea_house(when_full: WhenFull) -> Team {
    let mut rules = rules();
    let share = Some(Share { percent: 50, when_full });
    let tea = BusyRule { share, ..BusyRule::default() };
    rules.reasons.insert("tea".into(), tea);
    rules.groups.insert("sales".into(), (1001..=1003).map(AgentId::new).collect());
    let mut team = Team::new(rules);
    for number in 1001..=1003 {
        team.at("09:00:00").sign_in(number, number).unwrap();
    }
    team
}

fn awaited() -> EventKind {
    EventKind::AgentSlotAwaited { reason: "tea".into() }
}

#[test]
fn when_as_many_of_the_group_are_busy_as_may_be_the_next_is_refused() {
    let mut team = tea_house(WhenFull::Refuse);
    team.become_(1001, busy("tea")).unwrap();
    assert_eq!(team.become_(1002, busy("tea")), Err(Refusal::GroupFull));
    assert!(team.become_(1002, busy("lunch")).is_ok(), "another reason has its own share");
    team.become_(1001, Next::Ready).unwrap();
    assert!(team.become_(1002, busy("tea")).is_ok());
}

#[test]
fn who_waits_works_on_and_gets_the_place_of_the_first_who_returns() {
    let mut team = tea_house(WhenFull::Wait);
    team.become_(1001, busy("tea")).unwrap();
    let done = team.become_(1002, busy("tea")).unwrap();
    assert_eq!((done.awaits, &done.changes[0].notices[..]), (Some(busy("tea")), &[awaited()][..]));
    team.become_(1003, busy("tea")).unwrap();
    assert!(team.is_available(1002) && team.is_available(1003));
    let done = team.become_(1001, Next::Ready).unwrap();
    let [_, granted] = done.changes.as_slice() else { panic!("{done:?}") };
    assert_eq!((granted.agent, granted.cause), (agent(1002), Cause::SlotFree));
    assert_eq!((team.reason(1002), team.name(1003)), ("tea", StateName::Ready));
    team.become_(1002, Next::SignedOut).unwrap();
    assert_eq!(team.reason(1003), "tea");
}

#[test]
fn a_place_waits_for_nobody_who_is_on_a_call() {
    let mut team = tea_house(WhenFull::Wait);
    team.become_(1001, busy("tea")).unwrap();
    team.become_(1002, busy("tea")).unwrap();
    team.become_(1003, busy("tea")).unwrap();
    team.talk(1002, 1);
    team.become_(1001, Next::Ready).unwrap();
    assert_eq!((team.name(1002), team.reason(1003)), (StateName::OnCall, "tea"));
    team.hang_up(1002, 1, 10);
    team.become_(1003, Next::Ready).unwrap();
    assert_eq!(team.name(1002), StateName::WrapUp);
    team.after(10).pass();
    assert_eq!(team.reason(1002), "tea", "the place in line was kept");
}

#[test]
fn what_was_asked_for_in_a_call_waits_or_is_refused_after_it() {
    for (when_full, told) in [
        (WhenFull::Wait, awaited()),
        (WhenFull::Refuse, EventKind::AgentRequestRefused { refusal: Refusal::GroupFull }),
    ] {
        let mut team = tea_house(when_full);
        team.talk(1002, 1);
        team.become_(1002, busy("tea")).unwrap();
        team.become_(1001, busy("tea")).unwrap();
        let changes = team.hang_up(1002, 1, 0);
        assert_eq!(changes[0].notices, [told]);
        assert!(team.is_available(1002));
        let waits = team.agents.awaits(agent(1002)).is_some();
        assert_eq!(waits, when_full == WhenFull::Wait);
    }
}

#[test]
fn who_asks_for_something_else_waits_no_longer() {
    for (next, told) in [(Next::Ready, true), (busy("lunch"), true), (Next::SignedOut, true)] {
        let mut team = tea_house(WhenFull::Wait);
        team.become_(1001, busy("tea")).unwrap();
        team.become_(1002, busy("tea")).unwrap();
        let done = team.become_(1002, next).unwrap();
        let given_up = EventKind::AgentSlotGivenUp { reason: "tea".into() };
        assert_eq!(done.changes[0].notices == [given_up], told);
        assert_eq!(team.agents.awaits(agent(1002)), None);
    }
}

#[test]
fn who_is_called_at_tea_or_loses_the_phone_keeps_the_place() {
    let mut team = tea_house(WhenFull::Refuse);
    team.become_(1001, busy("tea")).unwrap();
    team.start(1001, 1, CallKind::Internal);
    assert_eq!(team.become_(1002, busy("tea")), Err(Refusal::GroupFull));
    team.hang_up(1001, 1, 0);
    team.fact(Fact::PhoneLost { phone: phone(1001) });
    assert_eq!(team.become_(1002, busy("tea")), Err(Refusal::GroupFull));
    team.after(60).pass();
    assert!(team.become_(1002, busy("tea")).is_ok(), "signed out");
}

#[test]
fn a_team_lead_may_send_more_than_the_share() {
    let mut team = tea_house(WhenFull::Wait);
    team.become_(1001, busy("tea")).unwrap();
    team.become_(1002, busy("tea")).unwrap();
    team.force(1002, busy("tea")).unwrap();
    assert_eq!((team.reason(1002), team.agents.awaits(agent(1002))), ("tea", None));
}

#[test]
fn a_larger_share_lets_in_who_waits() {
    let mut team = tea_house(WhenFull::Wait);
    team.become_(1001, busy("tea")).unwrap();
    team.become_(1002, busy("tea")).unwrap();
    let mut rules = team.agents.rules.clone();
    rule(&mut rules, "tea").share = Some(Share { percent: 100, when_full: WhenFull::Wait });
    let everybody = (1001..=1003).map(AgentId::new).collect();
    let changes = team.agents.configure(rules, &everybody, team.now);
    team.agents.check().unwrap();
    assert_eq!((changes.len(), changes[0].cause), (1, Cause::SlotFree));
}

#[test]
fn an_agent_of_two_groups_needs_a_place_in_both() {
    let mut team = tea_house(WhenFull::Refuse);
    let mut rules = team.agents.rules.clone();
    rules.groups = [
        ("a".into(), [agent(1001), agent(1002)].into()),
        ("b".into(), [agent(1002), agent(1003)].into()),
    ]
    .into();
    let everybody = (1001..=1003).map(AgentId::new).collect();
    assert_eq!(team.agents.configure(rules, &everybody, team.now), []);
    team.become_(1001, busy("tea")).unwrap();
    assert_eq!(team.become_(1002, busy("tea")), Err(Refusal::GroupFull));
    assert!(team.become_(1003, busy("tea")).is_ok(), "of the other group alone");
}

/// Half of a team may be at tea at once: 1001 and 1002 are one, and 1003 is in none.
fn teams() -> Team {
    let mut rules = rules();
    let team_share = Some(Share { percent: 50, when_full: WhenFull::Refuse });
    let tea = BusyRule { team_share, ..BusyRule::default() };
    rules.reasons.insert("tea".into(), tea);
    rules.groups.insert("sales".into(), (1001..=1003).map(AgentId::new).collect());
    rules.teams.insert("east".into(), (1001..=1002).map(AgentId::new).collect());
    let mut team = Team::new(rules);
    for number in 1001..=1003 {
        team.at("09:00:00").sign_in(number, number).unwrap();
    }
    team
}

#[test]
fn a_share_may_be_of_the_team() {
    let mut team = teams();
    team.become_(1001, busy("tea")).unwrap();
    assert_eq!(team.become_(1002, busy("tea")), Err(Refusal::GroupFull));
    team.become_(1003, busy("tea")).unwrap();
    team.become_(1001, Next::Ready).unwrap();
    team.become_(1002, busy("tea")).unwrap();
}

#[test]
fn who_is_in_a_group_and_a_team_needs_a_place_in_both() {
    let mut team = teams();
    let mut rules = team.agents.rules.clone();
    rule(&mut rules, "tea").share = Some(Share { percent: 34, when_full: WhenFull::Wait });
    let known = (1001..=1003).map(AgentId::new).collect();
    let _ = team.agents.configure(rules, &known, team.now);
    team.become_(1003, busy("tea")).unwrap();
    let done = team.become_(1001, busy("tea")).unwrap();
    assert_eq!(done.awaits, Some(busy("tea")), "the group is full, the team is not");
    team.become_(1003, Next::Ready).unwrap();
    assert_eq!(team.reason(1001), "tea");
    team.become_(1002, busy("tea")).unwrap();
    assert_eq!(team.name(1002), StateName::Ready);
}
