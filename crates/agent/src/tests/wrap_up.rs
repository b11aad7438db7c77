//! Wrap-up: how it ends, early or late.

use super::*;

#[test]
fn wrap_up_ends_by_itself() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.hang_up(1001, 1, 10);
    assert_eq!(team.after(9).pass(), []);
    team.after(1).expect(1001, StateName::Ready, Cause::WrapUpOver);
}

#[test]
fn without_wrap_up_time_the_agent_is_ready_at_once() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.hang_up(1001, 1, 0);
    assert!(team.is_available(1001));
}

#[test]
fn wrap_up_can_be_ended_early() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.hang_up(1001, 1, 10);
    team.end_wrap_up(1001).unwrap();
    assert!(team.is_available(1001));
    assert_eq!(team.end_wrap_up(1001), Err(Refusal::NotInWrapUp));
}

#[test]
fn ready_ends_wrap_up_at_once() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.hang_up(1001, 1, 10);
    team.become_(1001, Next::Ready).unwrap();
    assert!(team.is_available(1001));
}

#[test]
fn ending_wrap_up_early_brings_what_was_asked_for() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.hang_up(1001, 1, 10);
    team.become_(1001, busy("lunch")).unwrap();
    team.end_wrap_up(1001).unwrap();
    assert_eq!(team.reason(1001), "lunch");
}

#[test]
fn wrap_up_can_be_extended_up_to_its_limit() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.at("09:00:00").hang_up(1001, 1, 10);
    team.extend(1001, MINUTE).unwrap();
    assert_eq!(team.agents.poll_timeout(), Some(time("09:01:10")));
    team.extend(1001, 60 * MINUTE).unwrap();
    assert_eq!(team.agents.poll_timeout(), Some(time("09:05:00")));
    assert_eq!(team.extend(1001, MINUTE), Err(Refusal::WrapUpAtLimit));
    team.at("09:05:00").expect(1001, StateName::Ready, Cause::WrapUpOver);
    assert_eq!(team.extend(1001, MINUTE), Err(Refusal::NotInWrapUp));
}

#[test]
fn a_queue_may_give_more_wrap_up_than_may_be_asked_for() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.hang_up(1001, 1, 3_600);
    assert_eq!(team.extend(1001, MINUTE), Err(Refusal::WrapUpAtLimit));
    team.after(3_600).expect(1001, StateName::Ready, Cause::WrapUpOver);
}

fn in_wrap_up(mode: WrapUpMode) -> Team {
    let mut team = Team::new(Rules { wrap_up: mode, ..rules() });
    team.at("09:00:00").sign_in(1001, 1001).unwrap();
    team.talk(1001, 1);
    team.hang_up(1001, 1, 30);
    team
}

#[test]
fn the_mode_says_whether_wrap_up_may_be_ended_or_extended() {
    for (mode, ends, extends) in [
        (WrapUpMode::Flexible, true, true),
        (WrapUpMode::Fixed, false, false),
        (WrapUpMode::Extendable, false, true),
        (WrapUpMode::Endable, true, false),
        (WrapUpMode::Manual, true, false),
    ] {
        let extended = in_wrap_up(mode).extend(1001, MINUTE).map(drop);
        let not_extended = Err(Refusal::WrapUpNotExtendable);
        assert_eq!(extended, if extends { Ok(()) } else { not_extended }, "{mode:?}");
        let ended = in_wrap_up(mode).end_wrap_up(1001).map(drop);
        let not_ended = Err(Refusal::WrapUpNotEndable);
        assert_eq!(ended, if ends { Ok(()) } else { not_ended }, "{mode:?}");
    }
}

#[test]
fn ready_in_wrap_up_that_cannot_be_ended_is_remembered() {
    let mut team = in_wrap_up(WrapUpMode::Fixed);
    let done = team.become_(1001, Next::Ready).unwrap();
    assert_eq!(done.remembered, Some(Next::Ready));
    team.after(30).expect(1001, StateName::Ready, Cause::Remembered);
}

#[test]
fn a_team_lead_ends_any_wrap_up() {
    let mut team = in_wrap_up(WrapUpMode::Fixed);
    team.force(1001, Next::Ready).unwrap();
    assert!(team.is_available(1001));
}

#[test]
fn manual_wrap_up_lasts_until_it_is_ended_or_the_limit() {
    let mut team = in_wrap_up(WrapUpMode::Manual);
    team.expect_wrap_up_of(1001, 300);
    team.after(200).end_wrap_up(1001).unwrap();
    assert!(team.is_available(1001));
    in_wrap_up(WrapUpMode::Manual).after(300).expect(1001, StateName::Ready, Cause::WrapUpOver);
}

#[test]
fn where_there_is_no_wrap_up_no_queue_gives_any() {
    assert!(in_wrap_up(WrapUpMode::None).is_available(1001));
}

#[test]
fn the_mode_of_the_queue_comes_before_that_of_the_tenant() {
    let with = |mode| {
        let mut team = Team::new(Rules { wrap_up: WrapUpMode::Fixed, ..rules() });
        team.at("09:00:00").sign_in(1001, 1001).unwrap();
        team.talk(1001, 1);
        team.hang_up_with(1001, 1, (30, Some(mode)));
        team
    };
    with(WrapUpMode::Flexible).extend(1001, MINUTE).unwrap();
    with(WrapUpMode::Endable).end_wrap_up(1001).unwrap();
    let extended = with(WrapUpMode::Endable).extend(1001, MINUTE).map(drop);
    assert_eq!(extended, Err(Refusal::WrapUpNotExtendable));
    with(WrapUpMode::Manual).expect_wrap_up_of(1001, 300);
    assert!(with(WrapUpMode::None).is_available(1001));
}

#[test]
fn the_mode_of_the_queue_survives_an_interruption_and_a_restart() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.hang_up_with(1001, 1, (60, Some(WrapUpMode::Fixed)));
    team.start(1001, 2, CallKind::Outbound);
    team.hang_up(1001, 2, 0);
    team.lose_and_find(1001, 5);
    assert_eq!(team.end_wrap_up(1001), Err(Refusal::WrapUpNotEndable));
    let state = team.agents.state(agent(1001)).unwrap().clone();
    let mut after = Team::new(rules());
    after.restore(1001, &state, PhoneState::Bound);
    assert_eq!(after.end_wrap_up(1001), Err(Refusal::WrapUpNotEndable));
}

#[test]
fn of_several_calls_the_one_whose_wrap_up_lasts_longest_has_the_say() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.start(1001, 2, CallKind::Queue);
    team.hang_up_with(1001, 2, (20, Some(WrapUpMode::Manual)));
    team.hang_up_with(1001, 1, (60, Some(WrapUpMode::Fixed)));
    team.expect_wrap_up_of(1001, 300);
    team.end_wrap_up(1001).unwrap();
}
