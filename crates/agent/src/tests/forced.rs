//! What a team lead or a new configuration does to agents.

use super::*;

#[test]
fn a_team_lead_forces_at_once_whoever_is_free() {
    let mut team = Team::with([1001]);
    team.force(1001, busy("meeting")).unwrap();
    assert_eq!(team.reason(1001), "meeting");
    team.force(1001, Next::Ready).unwrap();
    team.talk(1001, 1);
    team.hang_up(1001, 1, 60);
    let done = team.force(1001, Next::SignedOut).unwrap();
    assert_eq!(done.changes[0].cause, Cause::Forced);
    assert_eq!(team.name(1001), StateName::SignedOut);
    assert_eq!(team.force(1001, Next::SignedOut), Ok(Done::default()));
    assert_eq!(team.force(1001, Next::Ready), Err(Refusal::AgentSignedOut));
}

#[test]
fn forcing_during_an_offer_ends_the_offer_first() {
    let mut team = Team::with([1001]);
    team.ring(1001, 1);
    let done = team.force(1001, busy("meeting")).unwrap();
    assert_eq!(done.withdraw, Some(call(1)));
    assert_eq!(team.name(1001), StateName::Ringing);
    let changes = team.end_offer(1001, 1, OfferEnd::Withdrawn);
    assert_eq!((team.reason(1001), changes[0].cause), ("meeting", Cause::Forced));
}

#[test]
fn forcing_never_cuts_a_call() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    let done = team.force(1001, Next::SignedOut).unwrap();
    assert_eq!(done.remembered, Some(Next::SignedOut));
    team.hang_up(1001, 1, 10);
    team.after(10).expect(1001, StateName::SignedOut, Cause::Forced);
}

#[test]
fn forcing_an_agent_without_a_phone_is_kept_for_its_return() {
    let mut team = Team::with([1001]);
    team.become_(1001, busy("lunch")).unwrap();
    team.fact(Fact::PhoneLost { phone: phone(1001) });
    team.force(1001, Next::Ready).unwrap();
    assert_eq!(team.reason(1001), Reason::DEVICE_LOST);
    team.fact(Fact::PhoneBound { phone: phone(1001) });
    assert!(team.is_available(1001));
}

#[test]
fn who_leaves_the_configuration_is_signed_out_when_nothing_holds_them() {
    let mut team = Team::with([1001, 1002]);
    team.talk(1002, 1);
    let changes = team.agents.configure(rules(), &BTreeSet::from([agent(1003)]), team.now);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].cause, Cause::Reconfigured);
    assert_eq!(team.agents.state(agent(1001)), None);
    team.hang_up(1002, 1, 10);
    assert_eq!(team.name(1002), StateName::WrapUp);
    team.after(10).pass();
    assert_eq!(team.agents.state(agent(1002)), None);
    assert_eq!(team.agents.agent_at(&phone(1002)), None);
    assert_eq!(team.agents.iter().count(), 1);
}

#[test]
fn who_is_configured_again_in_time_stays() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    let _ = team.agents.configure(rules(), &BTreeSet::new(), team.now);
    let _ = team.agents.configure(rules(), &BTreeSet::from([agent(1001)]), team.now);
    team.hang_up(1001, 1, 0);
    assert!(team.is_available(1001));
}

#[test]
fn the_log_is_told_why_a_state_is_forced_and_by_whom_it_was() {
    let mut team = Team::with([1001]);
    let told = |next| EventKind::AgentForced { next, note: Some("因培训".into()) };
    let done = team.force(1001, busy("meeting")).unwrap();
    assert_eq!(done.changes[0].notices, [told(busy("meeting"))]);
    team.force(1001, Next::Ready).unwrap();
    team.talk(1001, 1);
    let done = team.force(1001, busy("meeting")).unwrap();
    assert_eq!(done.changes[0].notices, [told(busy("meeting"))], "when it is forced");
    assert!(!done.changes[0].is_of_state());
    let changes = team.hang_up(1001, 1, 0);
    let by = Some(Actor::user("lead", "api"));
    assert_eq!((changes[0].cause, &changes[0].by), (Cause::Forced, &by), "when it comes about");
    assert_eq!(team.force(1001, busy("meeting")), Ok(Done::default()), "nothing to tell");
}

#[test]
fn what_the_agent_asks_for_after_being_forced_is_their_own() {
    let mut team = Team::with([1001]);
    team.talk(1001, 1);
    team.force(1001, busy("meeting")).unwrap();
    team.become_(1001, busy("lunch")).unwrap();
    let changes = team.hang_up(1001, 1, 0);
    assert_eq!((changes[0].cause, &changes[0].by), (Cause::Remembered, &None));
}

#[test]
fn a_state_is_forced_without_a_word_only_where_that_is_allowed() {
    for (force_note, expected) in
        [(ForceNote::Optional, Ok(())), (ForceNote::Needed, Err(Refusal::NoteMissing))]
    {
        let mut team = Team::new(Rules { force_note, ..rules() });
        team.sign_in(1001, 1001).unwrap();
        let by = Actor::user("lead", "api");
        let force = Request::Force { agent: agent(1001), next: busy("meeting"), by, note: None };
        assert_eq!(team.ask(force).map(drop), expected);
    }
}
