//! Who is signed in where.

use super::*;

#[test]
fn signing_in_needs_a_registered_phone() {
    let mut team = Team::new(rules());
    let phone_state = PhoneState::Unbound;
    let request = Request::SignIn { agent: agent(1001), phone: phone(1001), phone_state };
    assert_eq!(team.ask(request), Err(Refusal::PhoneNotRegistered));
    assert_eq!(team.name(1001), StateName::SignedOut);
}

#[test]
fn signing_in_leads_to_ready_and_names_the_phone() {
    let mut team = Team::new(rules());
    team.at("09:00:00");
    let done = team.sign_in(1001, 8001).unwrap();
    let [change] = done.changes.as_slice() else { panic!("{done:?}") };
    assert_eq!(change.signed_in_at, Some(phone(8001)));
    assert_eq!(change.to, AgentState::Ready { since: team.now, idle_since: team.now });
    assert_eq!(team.agents.agent_at(&phone(8001)), Some(agent(1001)));
}

#[test]
fn signing_in_leads_to_busy_where_the_rules_say_so() {
    let mut team = Team::new(Rules { after_sign_in: Next::Busy("setting_up".into()), ..rules() });
    team.sign_in(1001, 1001).unwrap();
    assert_eq!(team.reason(1001), "setting_up");
}

#[test]
fn a_phone_has_one_agent() {
    let mut team = Team::with([1001, 1002]);
    assert_eq!(team.sign_in(1003, 1001), Err(Refusal::PhoneTaken));
    team.become_(1001, Next::SignedOut).unwrap();
    assert!(team.sign_in(1003, 1001).is_ok());
}

#[test]
fn a_second_session_is_refused() {
    let mut team = Team::with([1001]);
    assert_eq!(team.sign_in(1001, 1001), Err(Refusal::AgentSignedIn));
    assert_eq!(team.sign_in(1001, 8001), Err(Refusal::AgentSignedIn));
}

#[test]
fn a_second_session_takes_over_where_the_rules_say_so() {
    let mut team = Team::new(Rules { second_session: SecondSession::TakeOver, ..rules() });
    team.sign_in(1001, 1001).unwrap();
    team.become_(1001, busy("lunch")).unwrap();
    let done = team.sign_in(1001, 8001).unwrap();
    assert_eq!(done.changes[0].signed_in_at, Some(phone(8001)));
    assert!(!done.changes[0].is_of_state());
    assert_eq!((team.reason(1001), team.agents.agent_at(&phone(1001))), ("lunch", None));
    team.ring(1002, 1);
    team.sign_in(1002, 1002).unwrap();
    team.ring(1002, 1);
    assert_eq!(team.sign_in(1002, 8002), Err(Refusal::AgentSignedIn), "not during an offer");
}

#[test]
fn taking_over_at_another_phone_ends_the_loss_of_the_first() {
    let mut team = Team::new(Rules { second_session: SecondSession::TakeOver, ..rules() });
    team.sign_in(1001, 1001).unwrap();
    team.fact(Fact::PhoneLost { phone: phone(1001) });
    team.sign_in(1001, 8001).unwrap();
    assert_eq!(team.name(1001), StateName::Ready);
}

/// Signing in is the later word: neither the sign-out asked for before nor the stay that ran out
/// meanwhile may end the session that it begins.
#[test]
fn taking_over_outlives_a_sign_out_that_was_remembered_before_the_loss() {
    let take_over = Rules { second_session: SecondSession::TakeOver, ..rules() };
    let mut wrapping_up = Team::new(take_over.clone());
    wrapping_up.sign_in(1001, 1001).unwrap();
    wrapping_up.ring(1001, 1);
    wrapping_up.fact(Fact::Answered { agent: agent(1001), call: call(1) });
    wrapping_up.hang_up(1001, 1, 10);
    wrapping_up.become_(1001, Next::SignedOut).unwrap();
    let mut overstaying = Team::new(take_over);
    overstaying.sign_in(1001, 1001).unwrap();
    overstaying.become_(1001, busy("lunch")).unwrap();
    overstaying.after(30 * 60 - 20);
    for mut team in [wrapping_up, overstaying] {
        team.fact(Fact::PhoneLost { phone: phone(1001) });
        let done = team.after(30).sign_in(1001, 8001).unwrap();
        let [change] = done.changes.as_slice() else { panic!("{done:?}") };
        assert_eq!((change.to.name(), change.cause), (StateName::Ready, Cause::Requested));
        assert_eq!(change.signed_in_at, Some(phone(8001)));
    }
}

#[test]
fn nobody_unknown_and_nobody_signed_out_is_obeyed() {
    let mut team = Team::new(rules());
    assert_eq!(team.become_(9999, Next::Ready), Err(Refusal::AgentUnknown));
    assert_eq!(team.become_(1001, Next::Ready), Err(Refusal::AgentSignedOut));
    assert_eq!(team.become_(1001, Next::SignedOut), Err(Refusal::AgentSignedOut));
    assert_eq!(team.end_wrap_up(1001), Err(Refusal::AgentSignedOut));
}
