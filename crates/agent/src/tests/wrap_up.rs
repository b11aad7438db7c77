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
