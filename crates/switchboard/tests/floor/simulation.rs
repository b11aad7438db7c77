//! A centre in which everything happens at random, from a seed: after every step the floor's
//! invariants hold and its log reads well, and at the end everybody is accounted for. After a
//! crash at any event the next run closes what was open, once.

mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use insight::{AgentHistory, Calls, Floor, StateInterval};
use model::{
    Actor, AgentId, Cause, Direction, Epoch, Event, EventKind, LegId, MediaDescription, Next,
    Outcome, QueueId, StateName,
};
use switchboard::config::FloorConfig;
use switchboard::ports::{Input, LegCommand, LegFact, MediaFact, Origin, Request, RingsIn};

use crate::books::Books;
use crate::centre::{Centre, agent, config, description, opening, rings};
use rules::vary;

/// How many random days are lived through.
const SEEDS: u64 = 300;

/// What happens in one of them.
const STEPS: usize = 500;

const PHONES: [&str; 4] = ["1001", "1002", "1003", "8000"];

/// Small, seeded, good enough to shuffle with.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % below
    }

    pub(crate) fn one_in(&mut self, many: usize) -> bool {
        self.next(many) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.next(from.len())])
    }
}

#[test]
fn whatever_happens_nobody_is_stuck_and_every_caller_is_accounted_for() {
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 1..=SEEDS {
        let mut day = Day::dawn(seed);
        for _ in 0..STEPS {
            day.act();
        }
        day.dusk();
        for (thing, times) in &day.centre.books.seen {
            *seen.entry(thing.clone()).or_default() += times;
        }
    }
    let reached = |thing: &&str| seen.get(*thing).is_some_and(|times| *times >= 20);
    let unreached: Vec<_> = WORTH_REACHING.iter().filter(|thing| !reached(thing)).collect();
    assert!(unreached.is_empty(), "never or hardly ever: {unreached:?}\nof {seen:#?}");
}

#[test]
fn after_a_crash_at_any_event_everything_is_closed_once_and_nobody_is_stuck() {
    for seed in 1..=SEEDS / 3 {
        let mut day = Day::dawn(seed);
        for _ in 0..STEPS / 2 {
            day.act();
        }
        for _ in 0..5 {
            let written = 1 + day.chance.next(day.centre.events.len());
            day.crash(written);
        }
    }
}

/// Lives through one random day, with crashes; says how many inputs the floor has handled. Panics
/// where anything does not hold.
pub(crate) fn live(seed: u64) -> u64 {
    let mut day = Day::dawn(seed);
    for _ in 0..STEPS {
        day.act();
    }
    if seed.is_multiple_of(3) {
        let written = 1 + day.chance.next(day.centre.events.len());
        day.crash(written);
    }
    day.dusk();
    day.after_crashes + day.centre.handled
}

/// What a simulation that is any good comes across.
const WORTH_REACHING: &[&str] = &[
    "483",
    "answer that comes again",
    "answer that crosses a release",
    "BYE that is lost",
    "reload in mid-offer",
    "clock that steps",
    "early media",
    "fact that crosses",
    "transfer 100",
    "transfer 200",
    "transfer 403",
    "transfer 480",
    "transfer 481",
    "transfer 486",
    "transfer 491",
    "transfer 503",
    "transfer 603",
    "agent.queues_changed",
    "agent.request_refused",
    "agent.request_remembered",
    "agent.state_changed busy on_call",
    "agent.state_changed on_call busy",
    "agent.state_changed on_call on_call",
    "agent.state_changed on_call ready",
    "agent.state_changed on_call signed_out",
    "agent.state_changed on_call wrap_up",
    "agent.state_changed ready on_call",
    "agent.state_changed reserved busy",
    "agent.state_changed reserved on_call",
    "agent.state_changed reserved ready",
    "agent.state_changed ringing on_call",
    "agent.state_changed ringing signed_out",
    "agent.state_changed wrap_up on_call",
    "agent.state_changed wrap_up ready",
    "call.barred",
    "call.ended forced",
    "call.ended max_wait",
    "call.ended media_failed",
    "call.ended no_answer",
    "call.ended queue_full",
    "call.ended rate_reached",
    "call.ended reconfigured",
    "call.ended shutdown",
    "call.ended transferred",
    "call.merged",
    "call.transferred",
    "config.applied",
    "leg.moved",
    "queue.left abandoned",
    "call.callback_asked",
    "call.callback_refused",
    "call.callback_tried",
    "call.callback_ended cancelled",
    "call.callback_ended expired",
    "call.callback_ended joined",
    "call.callback_ended not_reached",
    "queue.left answered",
    "queue.left callback",
    "queue.left failed",
    "queue.left left_by_key",
    "queue.left overflowed",
    "queue.left rejected",
    "queue.left timed_out",
    "queue.offer_ended CallerLeft",
    "queue.offer_ended NoAnswer",
    "queue.offer_ended Refused",
    "queue.offer_ended Unreachable",
    "queue.offer_ended Withdrawn",
    "segment.held",
    "segment.retrieved",
    "system.phone_lost",
];

struct Day {
    seed: u64,
    chance: Chance,
    centre: Centre,
    config: FloorConfig,
    /// Legs that were told to end, or have ended: facts about them still cross.
    gone: Vec<LegId>,
    /// Legs whose far end has gone and whose BYE was lost: nothing is heard of them until that is
    /// noticed.
    silent: BTreeSet<LegId>,
    /// Inputs that floors handled which went on after a crash.
    after_crashes: u64,
}

impl Day {
    fn dawn(seed: u64) -> Self {
        let mut chance = Chance::seeded(seed);
        let mut config = config();
        vary(&mut config, &mut chance);
        let mut opening = opening(config.clone(), 1, Default::default());
        if chance.one_in(4) {
            opening.lease.last = opening.lease.first + 20;
        }
        let now = model::Timestamp::from_secs(1_700_000_000);
        let mut centre = Centre::begin(opening, now, Books::default());
        centre.slow = chance.one_in(2);
        for phone in PHONES {
            centre.bind(phone);
        }
        let (gone, silent) = (vec![], BTreeSet::new());
        Self { seed, chance, centre, config, gone, silent, after_crashes: 0 }
    }

    fn act(&mut self) {
        let all = [
            Self::somebody_calls,
            Self::somebody_calls,
            Self::a_phone_dials,
            Self::a_phone_comes_or_goes,
            Self::somebody_asks,
            Self::somebody_asks,
            Self::a_phone_answers,
            Self::a_phone_answers,
            Self::a_phone_rings_or_declines,
            Self::a_prompt_ends,
            Self::a_prompt_ends,
            Self::a_leg_says_something,
            Self::a_leg_says_something,
            Self::a_callback_goes_on,
            Self::a_callback_goes_on,
            Self::somebody_hands_on,
            Self::somebody_consults,
            Self::somebody_joins_two_calls,
            Self::a_stream_says_something,
            Self::an_answer_comes_again_or_too_late,
            Self::a_bye_is_lost_or_noticed,
            Self::the_clock_steps,
            Self::time_passes,
            Self::time_passes,
        ];
        let what = all[self.chance.next(all.len())];
        what(self);
        if self.chance.one_in(3) {
            self.centre.end_legs();
        }
    }

    /// Everybody hangs up, every deadline passes, and the books are closed.
    fn dusk(&mut self) {
        let seed = self.seed;
        self.centre.slow = false;
        self.centre.end_legs();
        if self.chance.one_in(4) {
            self.centre.input(Input::Shutdown);
        }
        self.everybody_hangs_up();
        let status = self.centre.look();
        assert_eq!(status.repairs, 0, "seed {seed}");
        assert!(status.calls.is_empty(), "seed {seed}: {:?}\n{}", status.calls, self.centre.log());
        assert_eq!(status.ports.0, 0, "seed {seed}");
        for agent in &status.agents {
            let rests = [StateName::SignedOut, StateName::Ready, StateName::Busy];
            assert!(rests.contains(&agent.state.name()), "seed {seed}: {agent:?}");
        }
        self.agree(&status);
        for (_, command) in &self.centre.seen {
            let thing = match command {
                LegCommand::TransferProgress { status } => format!("transfer {status}"),
                LegCommand::Ring { answer: Some(_) } => "early media".to_owned(),
                LegCommand::Release { status: Some(483), .. } => "483".to_owned(),
                _ => continue,
            };
            *self.centre.books.seen.entry(thing).or_default() += 1;
        }
    }

    /// The folds of the log and the floor's own figures are the same.
    fn agree(&self, status: &switchboard::status::Status) {
        let (seed, centre) = (self.seed, &self.centre);
        centre.books.accounts.check().unwrap();
        let told = centre.books.accounts.queues();
        for queue in &status.queues {
            assert_eq!(queue.waiting, 0);
            let account = told.get(&queue.queue).cloned().unwrap_or_default();
            if self.config.sha256 == "00" {
                assert_eq!(account.outcomes, queue.outcomes, "seed {seed}: {}", queue.queue);
                assert_eq!(account.entered, queue.entered);
            }
        }
        let (rows, open) = call_records(&centre.events);
        assert_eq!(open, 0, "seed {seed}");
        let mut outcomes: BTreeMap<(QueueId, Outcome), u64> = BTreeMap::new();
        for segment in rows.iter().flat_map(|row| &row.segments) {
            let Some(outcome) = segment.outcome else { continue };
            *outcomes.entry((segment.queue.clone().unwrap(), outcome)).or_default() += 1;
            // The one that was answered has no other end.
            let open = segment.offers.iter().filter(|offer| offer.end.is_none()).count();
            assert_eq!(open, usize::from(outcome == Outcome::Answered), "{seed}: {segment:?}");
        }
        let told = told.iter().flat_map(|(queue, account)| {
            account.outcomes.iter().map(|(outcome, times)| ((queue.clone(), *outcome), *times))
        });
        assert_eq!(outcomes, told.collect(), "seed {seed}");
        assert_no_gap(seed, &centre.events);
    }

    /// The service ends when this many events were in the journal, and starts again.
    fn crash(&mut self, written: usize) {
        let events = &self.centre.events[..written];
        let (mut fold, mut books) = (Floor::default(), Books::default());
        for event in events {
            fold.apply(event);
            books.read(event).unwrap();
        }
        let mut config = self.config.clone();
        if self.chance.one_in(3) {
            config.agents.remove(&agent(1003));
            config.acd.agents.remove(&agent(1003));
        }
        let mut again = opening(config, 2, fold.into_snapshot());
        for phone in PHONES {
            let bindings = u32::from(!self.chance.one_in(3));
            again.bindings.insert(phone.into(), bindings);
        }
        let now = events[written - 1].at + Duration::from_secs(30);
        let mut centre = Centre::begin(again, now, books);
        let calls = centre.look().calls;
        assert!(calls.iter().all(|call| call.callback_of.is_some()), "seed {}", self.seed);
        let all: Vec<Event> = events.iter().chain(&centre.events).cloned().collect();
        let (rows, open) = call_records(&all);
        let old = rows.iter().filter(|row| row.call.epoch() == Epoch::new(1));
        assert_eq!(open, calls.len(), "seed {}", self.seed);
        assert!(old.count() > 0 || rows.is_empty());
        let events = events.to_vec();
        self.live_on(centre, events);
    }

    /// After a crash at which these events were written: life goes on, facts about legs of the run
    /// before come late, and in the end everybody is accounted for. Then it was all a dream.
    fn live_on(&mut self, centre: Centre, mut events: Vec<Event>) {
        let day = (std::mem::replace(&mut self.centre, centre), self.config.clone());
        self.gone.extend(day.0.live.iter().copied());
        for _ in 0..STEPS / 10 {
            self.act();
        }
        self.everybody_hangs_up();
        let seed = self.seed;
        self.centre.books.accounts.check().unwrap();
        for (queue, account) in self.centre.books.accounts.queues() {
            assert!(account.waiting.is_empty(), "seed {seed}: {queue}");
        }
        for agent in self.centre.look().agents {
            let rests = [StateName::SignedOut, StateName::Ready, StateName::Busy];
            assert!(rests.contains(&agent.state.name()), "seed {seed}: {agent:?}");
        }
        events.append(&mut self.centre.events);
        assert_eq!(call_records(&events).1, 0, "seed {seed}");
        assert_no_gap(seed, &events);
        self.after_crashes += self.centre.handled;
        (self.centre, self.config) = day;
    }

    fn everybody_hangs_up(&mut self) {
        self.centre.slow = false;
        self.centre.end_legs();
        for leg in self.centre.live.clone() {
            self.centre.hangs_up(leg);
        }
        self.centre.wait(3600);
    }

    fn somebody_calls(&mut self) {
        let from = ["13800138000", "13900139000", "01088880000", "13800138000", "anonymous"];
        let from = from[self.chance.next(5)];
        let mut rings = rings(Origin::Trunk("carrier".into()), from, "4008001234");
        if self.chance.one_in(8) {
            rings.offer = None;
        }
        self.invite(rings);
    }

    fn a_phone_dials(&mut self) {
        let to = [
            "1001",
            "1002",
            "1003",
            "8000",
            "913800138000",
            "4008001234",
            "*11",
            "*12",
            "*13",
            "*141",
            "*15",
            "*99",
            "777",
        ];
        let phone = PHONES[self.chance.next(PHONES.len())];
        let to = to[self.chance.next(to.len())];
        self.invite(rings(Origin::Phone(phone.into()), phone, to));
    }

    fn invite(&mut self, mut rings: RingsIn) {
        if self.chance.one_in(20) {
            rings.max_forwards = 0;
        }
        if self.chance.one_in(40) {
            rings.offer = Some(MediaDescription { codecs: vec![], ..description(40_000) });
        }
        let leg = self.centre.invites(rings);
        self.gone.push(leg);
    }

    fn a_phone_comes_or_goes(&mut self) {
        let phone = PHONES[self.chance.next(PHONES.len())];
        match self.chance.next(12) {
            0 | 1 => drop(self.centre.unbind(phone)),
            2 => self.reconfigure(),
            _ => drop(self.centre.bind(phone)),
        }
    }

    fn reconfigure(&mut self) {
        if !self.centre.ringing.is_empty() {
            self.saw("reload in mid-offer");
        }
        self.config = config();
        vary(&mut self.config, &mut self.chance);
        self.config.sha256 = "01".into();
        if self.chance.one_in(3) {
            let queue = ["presales", "spill"][self.chance.next(2)];
            self.config.acd.queues.remove(queue);
        }
        if self.chance.one_in(3) {
            let gone = self.some_agent();
            self.config.agents.remove(&gone);
            self.config.acd.agents.remove(&gone);
        }
        if self.chance.one_in(3) {
            let unskilled = self.some_agent();
            self.config.acd.agents.insert(unskilled, BTreeMap::new());
        }
        self.centre.input(Input::Configure(Box::new(self.config.clone())));
    }

    fn some_agent(&mut self) -> AgentId {
        agent([1001, 1002, 1003][self.chance.next(3)])
    }

    fn somebody_asks(&mut self) {
        let ringing = self.ringing().filter(|_| self.chance.one_in(3));
        if let Some(leg) = ringing {
            self.centre.leg(leg, LegFact::Ringing { early: None });
        }
        let phone = ringing.and_then(|leg| self.centre.ringing.get(&leg)?.parse().ok());
        let agent = match phone {
            Some(number @ 1001..=1003) => agent(number),
            Some(_) | None => self.some_agent(),
        };
        let next = [Next::Ready, Next::Ready, Next::Busy("lunch".into()), Next::SignedOut];
        let next = next[self.chance.next(4)].clone();
        let request = match self.chance.next(14) {
            // A lead steps in while the phone rings.
            0..=7 if phone.is_some() => Request::Force { agent, next, note: None },
            0..=3 => {
                let phone = self.chance.one_in(6).then(|| "8000".into());
                Request::SignIn { agent, phone }
            }
            4..=7 => Request::Become { agent, next },
            8 => {
                let queue = ["presales", "spill"][self.chance.next(2)].into();
                match self.chance.next(3) {
                    0 => Request::SignOutOf { agent, queue },
                    _ => Request::SignInTo { agent, queue },
                }
            }
            9 => Request::EndWrapUp { agent },
            10 => Request::ExtendWrapUp { agent, by: Duration::from_secs(30) },
            11 | 12 => Request::Force { agent, next, note: None },
            _ => {
                let calls = self.centre.look().calls;
                let call = self.chance.pick(&calls.iter().map(|it| it.call).collect::<Vec<_>>());
                match (call, self.chance.next(4)) {
                    (Some(call), 0) => Request::Release { call },
                    (Some(call), 1) => {
                        let queue = ["presales", "spill"][self.chance.next(2)].into();
                        Request::Move { call, queue }
                    }
                    (Some(call), _) => Request::Assign { call, agent },
                    (None, _) => Request::Status,
                }
            }
        };
        drop(self.centre.ask(request));
    }

    fn ringing(&mut self) -> Option<LegId> {
        let ringing: Vec<LegId> = self.centre.ringing.keys().copied().collect();
        self.chance.pick(&ringing)
    }

    fn a_phone_answers(&mut self) {
        let Some(leg) = self.ringing() else { return };
        self.centre.ringing.remove(&leg);
        self.gone.push(leg);
        if !self.chance.one_in(3) {
            self.centre.leg(leg, LegFact::Ringing { early: None });
        }
        self.centre.leg(leg, LegFact::Answered { answer: description(41_000) });
    }

    fn a_phone_rings_or_declines(&mut self) {
        let Some(leg) = self.ringing() else { return };
        if !self.chance.one_in(3) {
            let early = self.chance.one_in(3).then(|| description(42_000));
            self.centre.leg(leg, LegFact::Ringing { early });
        } else {
            let status = [408, 480, 486, 503, 603][self.chance.next(5)];
            self.centre.leg(
                leg,
                LegFact::Released { cause: Cause::Refused, status: Some(status), reason: None },
            );
        }
    }

    fn a_prompt_ends(&mut self) {
        let playing: Vec<LegId> = self.centre.plays.keys().copied().collect();
        if let Some(leg) = self.chance.pick(&playing) {
            self.centre.hears_all(leg);
        }
    }

    /// The far end answers twice, or while it is being told that nobody wants the answer any more
    /// (CANCEL and 200 cross, RFC 3261 §9.1).
    fn an_answer_comes_again_or_too_late(&mut self) {
        let ending = self.centre.ending_legs();
        let answered: Vec<LegId> =
            self.centre.live.iter().copied().filter(|leg| self.gone.contains(leg)).collect();
        let (leg, what) = match self.chance.pick(&ending) {
            Some(leg) => (Some(leg), "answer that crosses a release"),
            None => (self.chance.pick(&answered), "answer that comes again"),
        };
        let Some(leg) = leg.filter(|leg| self.is_answered(*leg)) else { return };
        self.saw(what);
        self.centre.leg(leg, LegFact::Answered { answer: description(41_000) });
    }

    /// A far end goes and nothing is heard of it; the session's timer or the silence of its stream
    /// tells, much later.
    fn a_bye_is_lost_or_noticed(&mut self) {
        let silent: Vec<LegId> = self.silent.intersection(&self.centre.live).copied().collect();
        match self.chance.pick(&silent) {
            Some(leg) if self.chance.one_in(4) => {
                self.silent.remove(&leg);
                self.saw("BYE that is lost");
                if self.chance.one_in(2) {
                    return self.centre.input(Input::Media { leg, fact: MediaFact::Lost });
                }
                let cause = Cause::SignallingLost;
                self.centre.leg(leg, LegFact::Released { cause, status: None, reason: None });
            }
            Some(_) | None => {
                let leg = self.some_leg();
                self.silent.extend(leg);
            }
        }
    }

    /// The wall clock is set, and a time that was read before comes after one read later.
    fn the_clock_steps(&mut self) {
        self.saw("clock that steps");
        let by_ms = [-3_600_000, -1_500, 1_500, 86_400_000][self.chance.next(4)];
        let (actor, kind) = (Actor::system(), EventKind::ClockStepped { by_ms });
        self.centre.input(Input::Note { actor, call: None, kind: Box::new(kind) });
        let now = self.centre.now;
        self.centre.now = now - Duration::from_secs(3);
        self.centre.input(Input::Tick);
        self.centre.now = now;
    }

    fn saw(&mut self, what: &str) {
        *self.centre.books.seen.entry(what.to_owned()).or_default() += 1;
    }

    /// Mostly of legs that live, now and then of one that is over: such facts cross.
    fn some_leg(&mut self) -> Option<LegId> {
        let live: Vec<LegId> = self.centre.live.difference(&self.silent).copied().collect();
        if self.chance.one_in(10) { self.chance.pick(&self.gone) } else { self.chance.pick(&live) }
    }

    /// Somebody wishes to be called back, is called back, or a callback is ended.
    fn a_callback_goes_on(&mut self) {
        let outside = self.centre.ringing.iter().filter(|(_, rings)| rings.len() > 4);
        let outside: Vec<LegId> = outside.map(|(leg, _)| *leg).collect();
        if let Some(leg) = self.chance.pick(&outside) {
            self.centre.ringing.remove(&leg);
            self.gone.push(leg);
            if self.chance.one_in(2) {
                return self.centre.leg(leg, LegFact::Answered { answer: description(41_000) });
            }
            let (cause, status) = (Cause::Refused, Some([480, 486, 503][self.chance.next(3)]));
            return self.centre.leg(leg, LegFact::Released { cause, status, reason: None });
        }
        let calls = self.centre.look().calls;
        let callbacks = calls.iter().filter(|call| call.callback_of.is_some());
        let callbacks: Vec<_> = callbacks.map(|call| call.call).collect();
        match self.chance.pick(&callbacks) {
            Some(call) if self.chance.one_in(30) => {
                drop(self.centre.ask(Request::Release { call }));
            }
            _ => {
                let Some(leg) = self.some_leg() else { return };
                let fact = MediaFact::Digit(['1', '2', '#'][self.chance.next(3)]);
                self.centre.input(Input::Media { leg, fact });
            }
        }
    }

    fn somebody_hands_on(&mut self) {
        let to = ["1001", "1002", "1003", "8000", "912345678", "4008001234", "999", "*11"];
        let to = to[self.chance.next(to.len())].parse().unwrap();
        let dialled = self.centre.live.iter().copied().filter(|leg| leg.number().is_multiple_of(2));
        let dialled: Vec<LegId> = dialled.collect();
        if let Some(leg) = self.chance.pick(&dialled) {
            self.centre.leg(leg, LegFact::TransferAsked { to });
        }
    }

    /// Somebody on a call makes another, beside it.
    fn somebody_consults(&mut self) {
        let on_call = |status: &switchboard::status::AgentStatus| {
            status.state.call().is_some().then(|| status.agent.number().to_string())
        };
        let talking: Vec<String> = self.centre.look().agents.iter().filter_map(on_call).collect();
        if talking.is_empty() {
            return;
        }
        let phone = talking[self.chance.next(talking.len())].clone();
        let to = ["1001", "1002", "1003", "8000", "912345678"][self.chance.next(5)];
        let leg = self.centre.dials(&phone, to);
        self.gone.push(leg);
    }

    /// Mostly of two legs of one phone: others may not be joined.
    fn somebody_joins_two_calls(&mut self) {
        let of_phones = self.centre.legs_by_phone();
        let several: Vec<_> = of_phones.into_iter().filter(|legs| legs.len() > 1).collect();
        let legs = match several.len() {
            0 => self.centre.live.iter().copied().collect(),
            phones => several[self.chance.next(phones)].clone(),
        };
        let (leg, with) = (self.chance.pick(&legs), self.chance.pick(&legs));
        let with = if self.chance.one_in(20) { self.some_leg() } else { with };
        if let (Some(leg), Some(with)) = (leg, with) {
            self.centre.leg(leg, LegFact::MergeAsked { with });
        }
    }

    fn a_leg_says_something(&mut self) {
        let Some(leg) = self.some_leg() else { return };
        if !self.centre.live.contains(&leg) {
            self.saw("fact that crosses");
        }
        let directions = [Direction::SendRecv, Direction::SendOnly, Direction::Inactive];
        let direction = directions[self.chance.next(3)];
        let description = MediaDescription { direction, ..description(41_000) };
        let fact = match self.chance.next(16) {
            0..=2 => {
                let cause = [Cause::CallerHungUp, Cause::SignallingLost][self.chance.next(2)];
                LegFact::Released { cause, status: None, reason: None }
            }
            3 | 4 => {
                let to = ["1001", "1002", "1003", "8000", "912345678", "4008001234", "999", "*11"];
                let to = to[self.chance.next(to.len())].parse().unwrap();
                LegFact::TransferAsked { to }
            }
            5..=11 => LegFact::Reoffered { offer: Some(description) },
            12 => LegFact::Reoffered { offer: None },
            13 => LegFact::Reanswered { answer: description },
            14 if self.is_answered(leg) => LegFact::Answered { answer: description },
            _ => LegFact::Digit('1'),
        };
        self.centre.leg(leg, fact);
    }

    /// Whether an arriving leg was answered; signalling reports no answer before.
    fn is_answered(&self, leg: LegId) -> bool {
        let answered = |(seen, command): &(LegId, LegCommand)| {
            *seen == leg && matches!(command, LegCommand::Answer { .. })
        };
        leg.number().is_multiple_of(2) || self.centre.seen.iter().any(answered)
    }

    fn a_stream_says_something(&mut self) {
        let Some(leg) = self.some_leg() else { return };
        let fact = match self.chance.next(12) {
            0 => MediaFact::Lost,
            1 => MediaFact::OpenFailed { error: "port is taken".into() },
            2 => MediaFact::PlayEnded { play: u32::try_from(self.chance.next(6)).unwrap() },
            _ => MediaFact::Digit(['1', '2', '#'][self.chance.next(3)]),
        };
        self.centre.input(Input::Media { leg, fact });
    }

    fn time_passes(&mut self) {
        let span = [10, 500, 3_000, 3_000, 20_000, 130_000][self.chance.next(6)];
        let until = self.centre.now + Duration::from_millis(span);
        if self.chance.one_in(10) {
            // The floor was held up and finds many deadlines passed at once.
            self.centre.now = until;
            self.centre.input(Input::Tick);
        } else {
            self.centre.wait_until(until);
        }
    }
}

fn call_records(events: &[Event]) -> (Vec<insight::Cdr>, usize) {
    let mut calls = Calls::default();
    let rows = events.iter().filter_map(|event| calls.apply(event)).collect();
    (rows, calls.open().len())
}

/// Every agent is in one state at any time.
fn assert_no_gap(seed: u64, events: &[Event]) {
    let mut history = AgentHistory::default();
    let mut last: BTreeMap<AgentId, StateInterval> = BTreeMap::new();
    for row in events.iter().filter_map(|event| history.apply(event)) {
        if let Some(before) = last.insert(row.agent, row.clone()) {
            assert_eq!(before.until, Some(row.since), "seed {seed}: {before:?} {row:?}");
        }
    }
    for (agent, open) in history.open() {
        if let Some(before) = last.get(agent) {
            assert_eq!(before.until, Some(open.since), "seed {seed}");
        }
    }
}
