//! What a restart keeps.

use super::*;

#[test]
fn a_restart_keeps_ready_busy_and_wrap_up_where_the_phone_is_there() {
    let since = time("08:00:00");
    let until = time("09:30:00");
    let at_most = time("09:40:00");
    let busy_state = AgentState::Busy {
        reason: "lunch".into(),
        since,
        until: Some(until),
        stay_until: None,
        planned_until: None,
        back_to: None,
    };
    for state in [
        AgentState::Ready { since, idle_since: since },
        busy_state,
        AgentState::WrapUp {
            call: call(1),
            since,
            until,
            at_most,
            mode: Some(WrapUpMode::Fixed),
            next: None,
        },
    ] {
        let mut team = Team::new(rules());
        let changes = team.at("09:00:00").restore(1001, &state, PhoneState::Bound);
        assert!(changes.iter().all(|change| !change.is_of_state()), "{changes:?}");
        assert_eq!(changes.len(), 1, "the distribution must be told");
        assert_eq!(team.agents.state(agent(1001)), Some(&state));
        assert_eq!(team.agents.poll_timeout(), state.deadline());
    }
}

#[test]
fn a_pause_goes_on_after_a_restart_until_it_is_over() {
    let since = time("08:00:00");
    let pause = Pause { until: time("09:00:05"), after: OfferEnd::Refused };
    for (at, is_available) in [("09:00:00", false), ("09:00:05", true)] {
        let state = AgentState::Ready { since, idle_since: since };
        let snapshot =
            AgentSnapshot { pause: Some(pause), ..AgentSnapshot::new(state, Some(phone(1001))) };
        let mut team = Team::new(rules());
        let now = time(at);
        let _ = team.agents.restore(agent(1001), snapshot, PhoneState::Bound, now);
        team.agents.check().unwrap();
        assert_eq!(team.is_available(1001), is_available, "{at}");
        team.at("09:00:05").pass();
        assert!(team.is_available(1001));
    }
}

#[test]
fn a_restart_gives_an_agent_without_a_phone_the_grace() {
    let mut team = Team::new(rules());
    let since = time("08:00:00");
    let state = AgentState::Ready { since, idle_since: since };
    team.at("09:00:00").restore(1001, &state, PhoneState::Unbound);
    assert_eq!(team.reason(1001), Reason::DEVICE_LOST);
    team.at("09:00:30").fact(Fact::PhoneBound { phone: phone(1001) });
    assert!(team.is_available(1001));
}

#[test]
fn a_restart_takes_up_a_lost_phone_where_it_was() {
    let since = time("08:00:00");
    let reason = Reason::from(Reason::DEVICE_LOST);
    let back_to = Some(busy("lunch"));
    let state = AgentState::Busy {
        reason,
        since,
        until: Some(since),
        stay_until: None,
        planned_until: None,
        back_to,
    };
    let mut team = Team::new(rules());
    team.at("09:00:00").restore(1001, &state, PhoneState::Unbound);
    assert_eq!(team.agents.poll_timeout(), Some(time("09:01:00")), "a new grace");
    team.fact(Fact::PhoneBound { phone: phone(1001) });
    assert_eq!(team.reason(1001), "lunch");

    let mut team = Team::new(rules());
    team.at("09:00:00").restore(1001, &state, PhoneState::Bound);
    assert_eq!(team.reason(1001), "lunch");
}

#[test]
fn a_restart_leads_those_in_an_offer_or_a_call_through_wrap_up() {
    let since = time("08:00:00");
    let lunch = Some(busy("lunch"));
    let (call, next) = (call(1), lunch.clone());
    let before = AgentState::Busy {
        reason: "lunch".into(),
        since,
        until: None,
        stay_until: None,
        planned_until: None,
        back_to: None,
    };
    for state in [
        AgentState::Reserved { call, since, until: since, next: next.clone(), idle_since: since },
        AgentState::Ringing { call, since, until: since, next: next.clone(), idle_since: since },
        AgentState::OnCall { call, kind: CallKind::Queue, since, next, before: None },
        AgentState::OnCall {
            call,
            kind: CallKind::Internal,
            since,
            next: None,
            before: Some(Box::new(before)),
        },
    ] {
        let mut team = Team::new(rules());
        let changes = team.at("09:00:00").restore(1001, &state, PhoneState::Bound);
        assert_eq!(changes[0].cause, Cause::Crash);
        assert_eq!(team.name(1001), StateName::WrapUp);
        team.after(10).expect(1001, StateName::Busy, Cause::Remembered);
    }
}

#[test]
fn a_restart_ends_sessions_that_cannot_go_on() {
    let since = time("08:00:00");
    let state = AgentState::Ready { since, idle_since: since };
    let mut team = Team::new(rules());
    let changes = team.restore(4711, &state, PhoneState::Bound);
    assert_eq!(changes[0].to.name(), StateName::SignedOut, "no longer configured");
    let snapshot = AgentSnapshot::new(state.clone(), Some(phone(8001)));
    let _ = team.agents.restore(agent(1001), snapshot.clone(), PhoneState::Bound, team.now);
    let changes = team.agents.restore(agent(1002), snapshot, PhoneState::Bound, team.now);
    assert_eq!(changes[0].to.name(), StateName::SignedOut, "the phone is another's");
    let snapshot = AgentSnapshot::new(state, None);
    let changes = team.agents.restore(agent(1003), snapshot, PhoneState::Bound, team.now);
    assert_eq!(changes[0].to.name(), StateName::SignedOut, "nobody knows where");
    team.agents.check().unwrap();
}
