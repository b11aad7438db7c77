//! A team that does anything at any moment: what must hold, holds after every step.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{
    Actor, AgentId, AgentState, CallId, CallKind, Cause, Epoch, EventKind, GroupId, Next, OfferEnd,
    PhoneId, QueueId, Reason, StateName, Timestamp, WrapUpMode,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::{
    Agents, Attendance, Break, BusyRule, Change, Days, Fact, Overstay, PhoneState, Request, Rules,
    SecondSession, Share, Shift, WhenFull, WrapUp,
};

/// One thing that happens, and how long after the last.
#[derive(Clone, Debug)]
enum Happens {
    Asked(Request),
    Fact(Fact),
    /// A fact about the call that the agent has.
    Fitting(Fact),
    Configured(BTreeSet<AgentId>),
    Nothing,
}

#[test]
fn whatever_happens_no_agent_is_in_a_state_that_nothing_ends() {
    let config = Config {
        cases: 500,
        failure_persistence: None,
        max_shrink_iters: 50_000,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let pause = prop_oneof![9 => 0_u64..1_000, 1 => 0_u64..40_000];
    let day = proptest::collection::vec((happens(), pause), 1..500);
    let seen = RefCell::new(Seen::new());
    runner.run(&day, |day| live_through(&day, &mut seen.borrow_mut())).unwrap();
    let seen = seen.into_inner();
    let rare: Vec<_> =
        WORTH_REACHING.iter().filter(|what| seen.get(**what).is_none_or(|n| *n < 10)).collect();
    assert!(rare.is_empty(), "never or hardly ever: {rare:?} of {seen:#?}");
}

/// How often what came about: causes, kinds of events, refusals.
type Seen = BTreeMap<&'static str, u32>;

/// What a simulation that is any good comes across.
const WORTH_REACHING: &[&str] = &[
    "requested",
    "forced",
    "agent.forced",
    "remembered",
    "busy_overstayed",
    "grace_over",
    "wrap_up_over",
    "caller_left",
    "refused",
    "unreachable",
    "offer_withdrawn",
    "phone_registered",
    "agent.stay_warned",
    "agent.stay_alerted",
    "agent.paused",
    "agent.queues_changed",
    "queue_not_served",
    "agent.late",
    "agent.break_due",
    "agent.back_late",
    "break_due",
    "agent.left_early",
    "shift_over",
    "outside_shift",
    "agent.allowance_spent",
    "agent.slot_awaited",
    "agent.slot_given_up",
    "slot_free",
    "group_full",
    "allowance_spent",
    "agent_signed_in",
    "device_lost",
    "not_in_wrap_up",
    "phone_taken",
    "reason_unknown",
    "wrap_up_at_limit",
    "wrap_up_not_endable",
    "wrap_up_not_extendable",
];

fn live_through(day: &[(Happens, u64)], seen: &mut Seen) -> Result<(), TestCaseError> {
    let mut books = Books::default();
    let rules = || rules(day.len());
    let mut team = Agents::new(rules());
    let mut now = Timestamp::from_secs(1_000_000);
    let everybody: BTreeSet<AgentId> = (1..=4).map(AgentId::new).collect();
    let _ = team.configure(rules(), &everybody, now);
    for (happens, millis) in day {
        now = now + Duration::from_millis(*millis);
        let mut changes = team.handle_timeout(now);
        match happens.clone() {
            Happens::Asked(request) => {
                let done = team.request(request, now);
                if let Err(refusal) = done {
                    *seen.entry(refusal.doc().code).or_default() += 1;
                }
                changes.extend(done.map(|done| done.changes).unwrap_or_default());
            }
            Happens::Fact(Fact::Reserved { agent, call, until }) => {
                let until = now + until.since(Timestamp::EPOCH);
                changes.extend(team.fact(Fact::Reserved { agent, call, until }, now));
            }
            Happens::Fact(fact) => changes.extend(team.fact(fact, now)),
            Happens::Fitting(fact) => changes.extend(team.fact(fitting(&team, fact), now)),
            Happens::Configured(agents) => changes.extend(team.configure(rules(), &agents, now)),
            Happens::Nothing => {}
        }
        changes.extend(team.handle_timeout(now));
        for change in &changes {
            let kinds = change.notices.iter().map(EventKind::name);
            for what in kinds.chain([change.cause.as_str()]) {
                *seen.entry(what).or_default() += 1;
            }
        }
        changes.iter().try_for_each(|change| books.read(change, now))?;
        books.tea.retain(|(agent, _), _| team.state(*agent).is_some());
        holds(&team, &changes, now)?;
        books.pauses(&team, now)?;
    }
    settles(&mut team, now)
}

/// How long everybody may be at tea in a day.
const ALLOWANCE: Duration = Duration::from_secs(40);

/// What the changes add up to, reckoned by somebody else.
#[derive(Default)]
struct Books {
    /// Who was at tea how long, on which day.
    tea: BTreeMap<(AgentId, i64), Duration>,
    /// What everybody is who is signed in.
    states: BTreeMap<AgentId, AgentState>,
    /// Until when the log says that somebody pauses.
    pauses: BTreeMap<AgentId, Timestamp>,
    /// Which queues the log says that somebody is signed out of.
    away: BTreeMap<AgentId, BTreeSet<QueueId>>,
}

impl Books {
    fn read(&mut self, change: &Change, now: Timestamp) -> Result<(), TestCaseError> {
        let at_tea = |state: &AgentState| matches!(state, AgentState::Busy { reason, .. } if reason.as_str() == "tea");
        for told in &change.notices {
            if let EventKind::AgentPaused { until, .. } = told {
                prop_assert!(now < *until, "no pause at all: {change:?}");
                self.pauses.insert(change.agent, *until);
            }
            if let EventKind::AgentQueuesChanged { away } = told {
                prop_assert!(away.is_subset(&served(change.agent.number())), "{change:?}");
                self.away.insert(change.agent, away.clone());
            }
        }
        if change.from == change.to {
            return Ok(());
        }
        if change.to.name() == StateName::SignedOut {
            self.pauses.remove(&change.agent);
            self.away.remove(&change.agent);
        }
        if change.agent == AgentId::new(2) && change.from.name() == StateName::SignedOut {
            prop_assert!(is_shift(now, BEFORE, 0), "signed in outside the shift: {change:?}");
        }
        let nowhere = change.to.name() == StateName::SignedOut && change.signed_in_at.is_some();
        prop_assert!(!nowhere, "signed in and out in one: {change:?}");
        // What ends by its deadline may come before the turn of what is planned, in the same step.
        if let AgentState::Busy { reason, planned_until, .. } = &change.to
            && matches!(change.cause, Cause::Requested | Cause::Forced)
            && matches!(change.from.name(), StateName::Ready | StateName::Busy)
        {
            let planned = break_until(now, reason).filter(|_| change.agent == AgentId::new(2));
            prop_assert_eq!(*planned_until, planned, "{:?}", change);
        }
        self.share(change)?;
        let had = self.tea.entry((change.agent, Days::default().number(now))).or_default();
        if let AgentState::Busy { since, planned_until, .. } = &change.from
            && at_tea(&change.from)
        {
            *had += now.since(planned_until.unwrap_or(*since).max(*since));
        }
        if let AgentState::Busy { stay_until: Some(end), .. } = &change.to
            && at_tea(&change.to)
            && matches!(change.cause, Cause::Requested | Cause::Remembered)
        {
            let left = ALLOWANCE.saturating_sub(*had);
            let planned =
                break_until(now, &"tea".into()).filter(|_| change.agent == AgentId::new(2));
            let counted = end.since(planned.unwrap_or(now));
            prop_assert!(counted <= left, "more than the allowance: {change:?}");
            prop_assert!(end.since(now) >= Duration::from_millis(900), "for nothing: {change:?}");
        }
        Ok(())
    }

    /// Whoever is ready may be offered a call, but for the pauses and the queues that were told.
    fn pauses(&self, team: &Agents, now: Timestamp) -> Result<(), TestCaseError> {
        for (agent, state) in team.iter() {
            let pauses = self.pauses.get(&agent).is_some_and(|until| now < *until);
            let free = state.name() == StateName::Ready && !pauses;
            let may = team.availability(agent).is_available();
            prop_assert_eq!(may, free, "{}: {:?}", agent, state);
            let away = self.away.get(&agent).cloned().unwrap_or_default();
            prop_assert_eq!(team.away(agent), away, "{}", agent);
        }
        Ok(())
    }

    /// No request is followed that would let more go than may be away at once.
    fn share(&mut self, change: &Change) -> Result<(), TestCaseError> {
        if change.to.name() == StateName::SignedOut {
            self.states.remove(&change.agent);
        } else {
            self.states.insert(change.agent, change.to.clone());
        }
        let asked = [Cause::Requested, Cause::Remembered, Cause::SlotFree].contains(&change.cause);
        let AgentState::Busy { reason, planned_until, .. } = &change.to else { return Ok(()) };
        if !asked
            || planned_until.is_some()
            || !["walk", "nap", "stroll"].contains(&reason.as_str())
        {
            return Ok(());
        }
        let circles = if reason.as_str() == "stroll" { teams() } else { groups() };
        for members in circles.values().filter(|members| members.contains(&change.agent)) {
            let of_group = || self.states.iter().filter(|(agent, _)| members.contains(agent));
            let away = of_group().filter(|(_, state)| is_away(state, reason)).count();
            let most = (of_group().count() / 2).max(1);
            prop_assert!(away <= most, "{away} of {most} are away after {change:?}");
        }
        Ok(())
    }
}

fn is_away(state: &AgentState, wanted: &Reason) -> bool {
    let is =
        |state: &AgentState| matches!(state, AgentState::Busy { reason, .. } if reason == wanted);
    let before = |state: &AgentState| matches!(state, AgentState::OnCall { before: Some(before), .. } if is(before));
    is(state) || before(state)
}

/// The fact, about the call that the agent has.
fn fitting(team: &Agents, fact: Fact) -> Fact {
    let of = |agent, else_| team.state(agent).and_then(AgentState::call).unwrap_or(else_);
    match fact {
        Fact::OfferEnded { agent, call, end } => {
            Fact::OfferEnded { agent, call: of(agent, call), end }
        }
        Fact::Ringing { agent, call } => Fact::Ringing { agent, call: of(agent, call) },
        Fact::Answered { agent, call } => Fact::Answered { agent, call: of(agent, call) },
        Fact::CallEnded { agent, call, wrap_up } => {
            Fact::CallEnded { agent, call: of(agent, call), wrap_up }
        }
        fact @ (Fact::Reserved { .. }
        | Fact::CallStarted { .. }
        | Fact::PhoneBound { .. }
        | Fact::PhoneLost { .. }) => fact,
    }
}

fn holds(team: &Agents, changes: &[Change], now: Timestamp) -> Result<(), TestCaseError> {
    team.check().map_err(TestCaseError::fail)?;
    prop_assert!(team.poll_timeout().is_none_or(|at| at > now), "a deadline passed unnoticed");
    for change in changes {
        let told = change.from != change.to
            || change.signed_in_at.is_some()
            || !change.notices.is_empty()
            || change.cause == Cause::CoolDownOver;
        prop_assert!(told, "a change that changes nothing: {change:?}");
    }
    if let Some(state) = team.state(AgentId::new(2)) {
        let idle = matches!(state.name(), StateName::Ready | StateName::Busy);
        prop_assert!(!idle || is_shift(now, BEFORE, LINGER), "idle outside the shift: {state:?}");
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
        for of in 0..4 {
            let (agent, call) = (AgentId::new(number), CallId::new(Epoch::new(1), of));
            let _ = team.fact(Fact::CallEnded { agent, call, wrap_up: WrapUp::default() }, now);
        }
    }
    for _ in 0..100 {
        let Some(at) = team.poll_timeout() else { break };
        now = at;
        let changes = team.handle_timeout(now);
        holds(team, &changes, now)?;
        for number in 1..=4 {
            for of in 0..4 {
                let (agent, call) = (AgentId::new(number), CallId::new(Epoch::new(1), of));
                let _ = team.fact(Fact::CallEnded { agent, call, wrap_up: WrapUp::default() }, now);
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
        20 => request().prop_map(Happens::Asked),
        14 => fact().prop_map(Happens::Fact),
        16 => fact().prop_map(Happens::Fitting),
        1 => proptest::collection::btree_set((1_u32..=4).prop_map(AgentId::new), 3..=4)
            .prop_map(Happens::Configured),
        2 => Just(Happens::Configured((1..=4).map(AgentId::new).collect())),
        1 => Just(Happens::Nothing),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        1 => (agent(), phone()).prop_map(|(agent, phone)| Request::SignIn {
            agent,
            phone,
            phone_state: PhoneState::Bound,
        }),
        5 => agent().prop_map(|agent| Request::SignIn {
            agent,
            phone: PhoneId::from(agent.to_string().as_str()),
            phone_state: PhoneState::Bound,
        }),
        7 => (agent(), next()).prop_map(|(agent, next)| Request::Become { agent, next }),
        1 => (agent(), next()).prop_map(|(agent, next)| Request::Force {
            agent,
            next,
            by: Actor::user("lead", "api"),
            note: None,
        }),
        1 => (agent(), queue()).prop_map(|(agent, queue)| Request::SignInTo { agent, queue }),
        1 => (agent(), queue()).prop_map(|(agent, queue)| Request::SignOutOf { agent, queue }),
        1 => agent().prop_map(|agent| Request::EndWrapUp { agent }),
        3 => (agent(), 0_u64..400).prop_map(|(agent, by)| Request::ExtendWrapUp {
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
        9 => (agent(), call(), 0_u64..30).prop_map(|(agent, call, ring)| {
            Fact::Reserved { agent, call, until: Timestamp::from_secs(ring) }
        }),
        3 => (agent(), call()).prop_map(|(agent, call)| Fact::Ringing { agent, call }),
        6 => (agent(), call(), end)
            .prop_map(|(agent, call, end)| Fact::OfferEnded { agent, call, end }),
        2 => (agent(), call()).prop_map(|(agent, call)| Fact::Answered { agent, call }),
        1 => (agent(), call(), kind)
            .prop_map(|(agent, call, kind)| Fact::CallStarted { agent, call, kind }),
        10 => (agent(), call(), wrap_up())
            .prop_map(|(agent, call, wrap_up)| Fact::CallEnded { agent, call, wrap_up }),
        3 => phone().prop_map(|phone| Fact::PhoneBound { phone }),
        1 => phone().prop_map(|phone| Fact::PhoneLost { phone }),
    ]
}

/// The mode is the queue's in half of the cases.
fn wrap_up() -> impl Strategy<Value = WrapUp> {
    let mode = prop_oneof![
        1 => Just(None),
        1 => proptest::sample::select(&MODES[..]).prop_map(Some),
    ];
    (0_u64..60, mode).prop_map(|(span, mode)| WrapUp { span: Duration::from_secs(span), mode })
}

fn queue() -> impl Strategy<Value = QueueId> {
    prop_oneof![Just("sales"), Just("support"), Just("gold")].prop_map(QueueId::from)
}

/// Number 5 is nobody's.
fn agent() -> impl Strategy<Value = AgentId> {
    prop_oneof![19 => 1_u32..=4, 1 => Just(5)].prop_map(AgentId::new)
}

fn phone() -> impl Strategy<Value = PhoneId> {
    (1_u32..=5).prop_map(|number| PhoneId::from(number.to_string().as_str()))
}

fn call() -> impl Strategy<Value = CallId> {
    (0_u32..4).prop_map(|number| CallId::new(Epoch::new(1), number))
}

fn next() -> impl Strategy<Value = Next> {
    prop_oneof![
        3 => Just(Next::Ready),
        4 => prop_oneof![
            1 => Just("lunch"),
            1 => Just("meeting"),
            2 => Just("tea"),
            3 => Just("walk"),
            3 => Just("nap"),
            2 => Just("stroll"),
            1 => Just("golf"),
        ]
            .prop_map(|reason| Next::Busy(reason.into())),
        1 => Just(Next::SignedOut),
    ]
}

/// The queues whose needs an agent meets.
fn served(agent: u32) -> BTreeSet<QueueId> {
    let queues = if agent == 4 { &["sales"][..] } else { &["sales", "support"] };
    queues.iter().copied().map(QueueId::from).collect()
}

/// Seconds in which agent 2 may sign in before a shift, and stay after it.
const BEFORE: u64 = 30;
const LINGER: u64 = 20;

/// Agent 2 has two shifts each evening, from 21:47 to 21:52 and from 21:54 to 22:10. The day of the
/// simulation begins at 21:46:40 in China.
fn shifts() -> Vec<Shift> {
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let shift = |from: u64, until: u64| Shift {
        weekdays: (0..7).collect(),
        from: minutes(from),
        length: minutes(until - from),
        breaks: BREAKS
            .iter()
            .filter(|(_, begins, ends)| from <= *begins && *ends <= until)
            .map(|(reason, begins, ends)| Break {
                reason: (*reason).into(),
                from: minutes(begins - from),
                length: minutes(ends - begins),
            })
            .collect(),
    };
    vec![shift(EVENING + 47, EVENING + 52), shift(EVENING + 54, EVENING + 70)]
}

/// The breaks that the shifts plan: why, and from when until when.
const BREAKS: &[(&str, u64, u64)] = &[
    ("tea", EVENING + 48, EVENING + 50),
    ("walk", EVENING + 50, EVENING + 51),
    ("nap", EVENING + 55, EVENING + 57),
    ("lunch", EVENING + 58, EVENING + 60),
];

/// When the break is over that is on for a reason.
fn break_until(now: Timestamp, reason: &Reason) -> Option<Timestamp> {
    let clock = Duration::from_micros((now.as_micros() + 8 * 3_600_000_000) % 86_400_000_000);
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let on = |(why, from, until): &&(&str, u64, u64)| {
        *why == reason.as_str() && minutes(*from) <= clock && clock < minutes(*until)
    };
    BREAKS.iter().find(on).map(|(_, _, until)| now + (minutes(*until) - clock))
}

const EVENING: u64 = 21 * 60;

/// Whether agent 2 may be there, so many seconds before a shift and after it.
fn is_shift(now: Timestamp, before: u64, after: u64) -> bool {
    let clock = (now.as_secs() + 8 * 3600) % 86_400;
    let on = |from: u64, until: u64| (from * 60 - before..until * 60 + after).contains(&clock);
    on(EVENING + 47, EVENING + 52) || on(EVENING + 54, EVENING + 70)
}

/// Agent 3 is in both.
fn groups() -> BTreeMap<GroupId, BTreeSet<AgentId>> {
    [("a".into(), people(&[1, 2, 3])), ("b".into(), people(&[3, 4]))].into()
}

/// Who is in a team, and who is in none.
fn teams() -> BTreeMap<GroupId, BTreeSet<AgentId>> {
    [("east".into(), people(&[1, 4])), ("none".into(), people(&[2, 3]))].into()
}

fn people(members: &[u32]) -> BTreeSet<AgentId> {
    members.iter().copied().map(AgentId::new).collect()
}

const MODES: [WrapUpMode; 6] = [
    WrapUpMode::Flexible,
    WrapUpMode::Fixed,
    WrapUpMode::Extendable,
    WrapUpMode::Endable,
    WrapUpMode::Manual,
    WrapUpMode::None,
];

/// The mode of wrap-up is another from day to day.
fn rules(day: usize) -> Rules {
    let secs = Duration::from_secs;
    let lunch = BusyRule { longest: Some(secs(120)), ..BusyRule::default() };
    let overstay = Overstay {
        warn_before: secs(10),
        alert_after: Some(secs(20)),
        sign_out_after: Some(secs(60)),
    };
    let meeting = BusyRule { longest: Some(secs(90)), overstay, ..BusyRule::default() };
    let tea = BusyRule { allowance: Some(ALLOWANCE), ..BusyRule::default() };
    let walk = |when_full| BusyRule {
        longest: Some(secs(60)),
        share: Some(Share { percent: 50, when_full }),
        ..BusyRule::default()
    };
    let team_share = Some(Share { percent: 50, when_full: WhenFull::Wait });
    let stroll = BusyRule { longest: Some(secs(60)), team_share, ..BusyRule::default() };
    let reasons = [
        ("lunch", lunch),
        ("meeting", meeting),
        ("tea", tea),
        ("walk", walk(WhenFull::Wait)),
        ("nap", walk(WhenFull::Refuse)),
        ("stroll", stroll),
    ];
    Rules {
        reasons: reasons.into_iter().map(|(name, rule)| (name.into(), rule)).collect(),
        shifts: [(AgentId::new(2), shifts())].into(),
        attendance: Attendance {
            sign_in_before: secs(BEFORE),
            linger: Some(secs(LINGER)),
            ..Attendance::default()
        },
        groups: groups(),
        teams: [("east".into(), people(&[1, 4]))].into(),
        serves: (1..=4).map(|agent| (AgentId::new(agent), served(agent))).collect(),
        first_queues: [(AgentId::new(1), ["sales".into()].into())].into(),
        second_session: SecondSession::TakeOver,
        wrap_up: MODES[day % MODES.len()],
        wrap_up_at_most: secs(40),
        ..Rules::default()
    }
}
