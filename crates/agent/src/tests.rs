//! The team that the tests watch; they are parted by what they are about.

mod breaks;
mod crowd;
mod forced;
mod lost_phone;
mod offers;
mod other_calls;
mod queues;
mod requests;
mod restart;
mod sessions;
mod shifts;
mod stays;
mod wrap_up;

use std::collections::BTreeSet;
use std::time::Duration;

use model::{
    Actor, AgentId, AgentSnapshot, AgentState, CallId, CallKind, Cause, Epoch, EventKind, Next,
    OfferEnd, Pause, PhoneId, Reason, Refusal, Spent, StateName, Timestamp, WrapUpMode,
};

use crate::{
    Agents, Attendance, Availability, Break, BusyRule, Change, CoolDown, Done, Fact, ForceNote,
    Overstay, PhoneState, Request, Rules, SecondSession, Share, Shift, WhenFull, WrapUp,
};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn an_agents_morning_reads_like_this() {
    let mut team = Team::new(rules());
    let mut log = Vec::new();
    let mut tell = |team: &Team, changes: Vec<Change>| {
        for change in changes {
            let clock = team.now.to_string()[11..19].to_owned();
            let next = change.to.deadline().map(|at| format!(" until {}", &at.to_string()[11..19]));
            let (to, next) = (change.to.name().as_str(), next.unwrap_or_default());
            log.push(format!("{clock}  {to}{next}, because {}", change.cause));
        }
    };
    let changes = team.at("09:00:00").sign_in(1001, 1001).unwrap().changes;
    tell(&team, changes);
    let changes = team.at("09:05:00").reserve(1001, 1);
    tell(&team, changes);
    let ringing = Fact::Ringing { agent: agent(1001), call: call(1) };
    let changes = team.at("09:05:01").fact(ringing);
    tell(&team, changes);
    let changes = team.at("09:05:04").fact(Fact::Answered { agent: agent(1001), call: call(1) });
    tell(&team, changes);
    team.at("09:06:00").become_(1001, busy("lunch")).unwrap();
    let changes = team.at("09:07:00").hang_up(1001, 1, 10);
    tell(&team, changes);
    let changes = team.at("09:07:10").pass();
    tell(&team, changes);
    let changes = team.at("09:20:00").fact(Fact::PhoneLost { phone: phone(1001) });
    tell(&team, changes);
    let changes = team.at("09:20:30").fact(Fact::PhoneBound { phone: phone(1001) });
    tell(&team, changes);
    let changes = team.at("09:37:10").pass();
    tell(&team, changes);
    insta::assert_snapshot!(log.join("\n"), @"
    09:00:00  ready, because requested
    09:05:00  reserved until 09:05:20, because distributed
    09:05:01  ringing until 09:05:20, because distributed
    09:05:04  on_call, because distributed
    09:07:00  wrap_up until 09:07:10, because call_ended
    09:07:10  busy until 09:37:10, because remembered
    09:20:00  busy until 09:21:00, because phone_lost
    09:20:30  busy until 09:37:10, because phone_registered
    09:37:10  signed_out, because busy_overstayed
    ");
}

struct Team {
    agents: Agents,
    now: Timestamp,
}

impl Team {
    fn new(rules: Rules) -> Self {
        let mut agents = Agents::new(rules.clone());
        let now = time("08:30:00");
        let known = (1001..=1003).map(AgentId::new).collect();
        assert_eq!(agents.configure(rules, &known, now), []);
        Self { agents, now }
    }

    fn with<const N: usize>(numbers: [u32; N]) -> Self {
        let mut team = Self::new(rules());
        for number in numbers {
            team.sign_in(number, number).unwrap();
        }
        team
    }

    fn at(&mut self, text: &str) -> &mut Self {
        self.now = time(text);
        self
    }

    fn after(&mut self, seconds: u64) -> &mut Self {
        self.now = self.now + Duration::from_secs(seconds);
        self
    }

    fn ask(&mut self, request: Request) -> Result<Done, Refusal> {
        let done = self.agents.request(request, self.now);
        self.agents.check().unwrap();
        done
    }

    fn fact(&mut self, fact: Fact) -> Vec<Change> {
        let changes = self.agents.fact(fact, self.now);
        self.agents.check().unwrap();
        changes
    }

    fn pass(&mut self) -> Vec<Change> {
        let changes = self.agents.handle_timeout(self.now);
        self.agents.check().unwrap();
        changes
    }

    /// Lets time pass; tells what the log is told besides states.
    fn told(&mut self) -> Vec<(u32, EventKind)> {
        let changes = self.pass();
        let told = |change: Change| {
            let agent = change.agent.number();
            change.notices.into_iter().map(move |notice| (agent, notice))
        };
        changes.into_iter().flat_map(told).collect()
    }

    fn expect(&mut self, number: u32, state: StateName, cause: Cause) {
        let changes = self.pass();
        let [change] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!((change.agent, change.to.name(), change.cause), (agent(number), state, cause));
    }

    fn expect_wrap_up_of(&mut self, number: u32, seconds: u64) {
        assert_eq!(self.name(number), StateName::WrapUp);
        let until = self.now + Duration::from_secs(seconds);
        assert_eq!(self.agents.state(agent(number)).unwrap().deadline(), Some(until));
    }

    fn sign_in(&mut self, number: u32, at: u32) -> Result<Done, Refusal> {
        let phone_state = PhoneState::Bound;
        self.ask(Request::SignIn { agent: agent(number), phone: phone(at), phone_state })
    }

    fn become_(&mut self, number: u32, next: Next) -> Result<Done, Refusal> {
        self.ask(Request::Become { agent: agent(number), next })
    }

    fn force(&mut self, number: u32, next: Next) -> Result<Done, Refusal> {
        let by = Actor::user("lead", "api");
        let note = Some("因培训".to_owned());
        self.ask(Request::Force { agent: agent(number), next, by, note })
    }

    fn end_wrap_up(&mut self, number: u32) -> Result<Done, Refusal> {
        self.ask(Request::EndWrapUp { agent: agent(number) })
    }

    fn extend(&mut self, number: u32, by: Duration) -> Result<Done, Refusal> {
        self.ask(Request::ExtendWrapUp { agent: agent(number), by })
    }

    fn reserve(&mut self, number: u32, of: u32) -> Vec<Change> {
        let until = self.now + Duration::from_secs(15);
        self.fact(Fact::Reserved { agent: agent(number), call: call(of), until })
    }

    fn ring(&mut self, number: u32, of: u32) {
        self.reserve(number, of);
        self.fact(Fact::Ringing { agent: agent(number), call: call(of) });
    }

    fn talk(&mut self, number: u32, of: u32) {
        self.ring(number, of);
        self.fact(Fact::Answered { agent: agent(number), call: call(of) });
    }

    fn start(&mut self, number: u32, of: u32, kind: CallKind) {
        self.fact(Fact::CallStarted { agent: agent(number), call: call(of), kind });
    }

    fn end_offer(&mut self, number: u32, of: u32, end: OfferEnd) -> Vec<Change> {
        self.fact(Fact::OfferEnded { agent: agent(number), call: call(of), end })
    }

    fn hang_up(&mut self, number: u32, of: u32, wrap_up: u64) -> Vec<Change> {
        self.hang_up_with(number, of, (wrap_up, None))
    }

    fn hang_up_with(
        &mut self,
        number: u32,
        of: u32,
        (span, mode): (u64, Option<WrapUpMode>),
    ) -> Vec<Change> {
        let wrap_up = WrapUp { span: Duration::from_secs(span), mode };
        self.fact(Fact::CallEnded { agent: agent(number), call: call(of), wrap_up })
    }

    fn lose_and_find(&mut self, number: u32, seconds: u64) {
        self.fact(Fact::PhoneLost { phone: phone(number) });
        assert_eq!(self.reason(number), Reason::DEVICE_LOST);
        self.after(seconds).pass();
        self.fact(Fact::PhoneBound { phone: phone(number) });
    }

    fn restore(&mut self, number: u32, state: &AgentState, phone_state: PhoneState) -> Vec<Change> {
        let snapshot = AgentSnapshot::new(state.clone(), Some(phone(number)));
        let changes = self.agents.restore(agent(number), snapshot, phone_state, self.now);
        self.agents.check().unwrap();
        changes
    }

    fn name(&self, number: u32) -> StateName {
        self.agents.state(agent(number)).unwrap().name()
    }

    fn reason(&self, number: u32) -> &str {
        let state = self.agents.state(agent(number)).unwrap();
        let AgentState::Busy { reason, .. } = state else { panic!("{number} is {state:?}") };
        reason.as_str()
    }

    fn is_available(&self, number: u32) -> bool {
        self.agents.availability(agent(number)).is_available()
    }
}

fn rules() -> Rules {
    let lunch = BusyRule { longest: Some(30 * MINUTE), ..BusyRule::default() };
    Rules {
        reasons: [
            ("lunch".into(), lunch),
            ("meeting".into(), BusyRule::default()),
            ("setting_up".into(), BusyRule::default()),
        ]
        .into(),
        wrap_up_at_most: 5 * MINUTE,
        cool_down: CoolDown { unreachable: Duration::from_secs(7), ..CoolDown::default() },
        ..Rules::default()
    }
}

fn rule<'a>(rules: &'a mut Rules, reason: &str) -> &'a mut BusyRule {
    rules.reasons.get_mut(&Reason::from(reason)).unwrap()
}

fn busy(reason: &str) -> Next {
    Next::Busy(reason.into())
}

fn agent(number: u32) -> AgentId {
    AgentId::new(number)
}

fn phone(number: u32) -> PhoneId {
    PhoneId::from(number.to_string().as_str())
}

fn call(number: u32) -> CallId {
    CallId::new(Epoch::new(1), number)
}

fn time(text: &str) -> Timestamp {
    format!("2026-11-22T{text}.000000Z").parse().unwrap()
}
