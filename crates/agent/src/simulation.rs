//! A team that does anything at any moment: what must hold, holds after every step.

use std::collections::BTreeSet;
use std::time::Duration;

use model::{AgentId, CallId, CallKind, Epoch, Next, OfferEnd, PhoneId, StateName, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::{Agents, BusyRule, Change, Fact, PhoneState, Request, Rules, SecondSession};

/// One thing that happens, and how long after the last.
#[derive(Clone, Debug)]
enum Happens {
    Asked(Request),
    Fact(Fact),
    Configured(BTreeSet<AgentId>),
    Nothing,
}

#[test]
fn whatever_happens_no_agent_is_in_a_state_that_nothing_ends() {
    let config = Config {
        cases: 600,
        failure_persistence: None,
        max_shrink_iters: 50_000,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let day = proptest::collection::vec((happens(), 0_u64..20_000), 1..500);
    runner.run(&day, |day| live_through(&day)).unwrap();
}

fn live_through(day: &[(Happens, u64)]) -> Result<(), TestCaseError> {
    let mut team = Agents::new(rules());
    let mut now = Timestamp::from_secs(1_000_000);
    let everybody: BTreeSet<AgentId> = (1..=4).map(AgentId::new).collect();
    let _ = team.configure(rules(), &everybody, now);
    for (happens, millis) in day {
        now = now + Duration::from_millis(*millis);
        let mut changes = team.handle_timeout(now);
        match happens.clone() {
            Happens::Asked(request) => {
                changes.extend(
                    team.request(request, now).map(|done| done.changes).unwrap_or_default(),
                );
            }
            Happens::Fact(Fact::Reserved { agent, call, until }) => {
                let until = now + until.since(Timestamp::EPOCH);
                changes.extend(team.fact(Fact::Reserved { agent, call, until }, now));
            }
            Happens::Fact(fact) => changes.extend(team.fact(fact, now)),
            Happens::Configured(agents) => changes.extend(team.configure(rules(), &agents, now)),
            Happens::Nothing => {}
        }
        holds(&team, &changes, now)?;
    }
    settles(&mut team, now)
}

fn holds(team: &Agents, changes: &[Change], now: Timestamp) -> Result<(), TestCaseError> {
    team.check().map_err(TestCaseError::fail)?;
    prop_assert!(team.poll_timeout().is_none_or(|at| at > now), "a deadline passed unnoticed");
    for change in changes {
        let told = change.from != change.to
            || change.signed_in_at.is_some()
            || change.cause == model::Cause::CoolDownOver;
        prop_assert!(told, "a change that changes nothing: {change:?}");
    }
    for (agent, _) in team.iter() {
        let phone = team.phone(agent);
        prop_assert_eq!(phone.and_then(|phone| team.agent_at(phone)), phone.map(|_| agent));
    }
    Ok(())
}

/// When calls end and time passes, everybody comes to rest as ready, busy or signed out.
fn settles(team: &mut Agents, mut now: Timestamp) -> Result<(), TestCaseError> {
    for number in 1..=4 {
        for of in 0..8 {
            let (agent, call) = (AgentId::new(number), CallId::new(Epoch::new(1), of));
            let _ = team.fact(Fact::CallEnded { agent, call, wrap_up: Duration::ZERO }, now);
        }
    }
    for _ in 0..100 {
        let Some(at) = team.poll_timeout() else { break };
        now = at;
        let changes = team.handle_timeout(now);
        holds(team, &changes, now)?;
        for number in 1..=4 {
            for of in 0..8 {
                let (agent, call) = (AgentId::new(number), CallId::new(Epoch::new(1), of));
                let _ = team.fact(Fact::CallEnded { agent, call, wrap_up: Duration::ZERO }, now);
            }
        }
    }
    prop_assert_eq!(team.poll_timeout(), None, "deadlines without end");
    for (agent, state) in team.iter() {
        let rests =
            matches!(state.name(), StateName::SignedOut | StateName::Ready | StateName::Busy);
        prop_assert!(rests, "{} is stuck in {:?}", agent, state);
    }
    Ok(())
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        6 => request().prop_map(Happens::Asked),
        14 => fact().prop_map(Happens::Fact),
        1 => proptest::collection::btree_set((1_u32..=4).prop_map(AgentId::new), 2..=4)
            .prop_map(Happens::Configured),
        1 => Just(Happens::Nothing),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        3 => (agent(), phone()).prop_map(|(agent, phone)| Request::SignIn {
            agent,
            phone,
            phone_state: PhoneState::Bound,
        }),
        3 => (agent(), next()).prop_map(|(agent, next)| Request::Become { agent, next }),
        1 => (agent(), next()).prop_map(|(agent, next)| Request::Force { agent, next }),
        1 => agent().prop_map(|agent| Request::EndWrapUp { agent }),
        1 => (agent(), 0_u64..400).prop_map(|(agent, by)| Request::ExtendWrapUp {
            agent,
            by: Duration::from_secs(by),
        }),
    ]
}

fn fact() -> impl Strategy<Value = Fact> {
    let kind = prop_oneof![
        Just(CallKind::Internal),
        Just(CallKind::Outbound),
        Just(CallKind::Consult),
        Just(CallKind::Queue)
    ];
    let end = prop_oneof![
        Just(OfferEnd::NoAnswer),
        Just(OfferEnd::Refused),
        Just(OfferEnd::Unreachable),
        Just(OfferEnd::CallerLeft),
        Just(OfferEnd::Withdrawn)
    ];
    prop_oneof![
        4 => (agent(), call(), 0_u64..30).prop_map(|(agent, call, ring)| {
            Fact::Reserved { agent, call, until: Timestamp::from_secs(ring) }
        }),
        3 => (agent(), call()).prop_map(|(agent, call)| Fact::Ringing { agent, call }),
        3 => (agent(), call(), end)
            .prop_map(|(agent, call, end)| Fact::OfferEnded { agent, call, end }),
        3 => (agent(), call()).prop_map(|(agent, call)| Fact::Answered { agent, call }),
        2 => (agent(), call(), kind)
            .prop_map(|(agent, call, kind)| Fact::CallStarted { agent, call, kind }),
        4 => (agent(), call(), 0_u64..30).prop_map(|(agent, call, wrap_up)| Fact::CallEnded {
            agent,
            call,
            wrap_up: Duration::from_secs(wrap_up),
        }),
        2 => phone().prop_map(|phone| Fact::PhoneBound { phone }),
        1 => phone().prop_map(|phone| Fact::PhoneLost { phone }),
    ]
}

/// Number 5 is nobody's.
fn agent() -> impl Strategy<Value = AgentId> {
    (1_u32..=5).prop_map(AgentId::new)
}

fn phone() -> impl Strategy<Value = PhoneId> {
    (1_u32..=5).prop_map(|number| PhoneId::from(number.to_string().as_str()))
}

fn call() -> impl Strategy<Value = CallId> {
    (0_u32..8).prop_map(|number| CallId::new(Epoch::new(1), number))
}

fn next() -> impl Strategy<Value = Next> {
    prop_oneof![
        3 => Just(Next::Ready),
        2 => prop_oneof![Just("lunch"), Just("meeting"), Just("golf")]
            .prop_map(|reason| Next::Busy(reason.into())),
        1 => Just(Next::SignedOut),
    ]
}

fn rules() -> Rules {
    let lunch = BusyRule { longest: Some(Duration::from_secs(120)), ..BusyRule::default() };
    Rules {
        reasons: [("lunch".into(), lunch), ("meeting".into(), BusyRule::default())].into(),
        second_session: SecondSession::TakeOver,
        ..Rules::default()
    }
}
