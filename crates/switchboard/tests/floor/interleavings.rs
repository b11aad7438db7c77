//! Every order in which offers, answers, refusals, hang-ups, releases and deadlines can cross, for
//! small numbers of callers and agents: the floor itself is explored, breadth first, and what must
//! hold holds in every state that can be reached. From every one of them the floor comes to rest
//! when the network has said all it had to say.
//!
//! `HOTLINE_INTERLEAVINGS` gives the number of states to look at, where it should be more than a
//! test's.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use acd::Ringing;
use agent::Rules;
use flow::{Flow, Step};
use model::{Cause, FloorSnapshot, LegId, Next, StateName};
use switchboard::config::{CallbackRules, Exit, FloorConfig, QueueRules};
use switchboard::ports::{Input, LegCommand, LegFact, Origin, Request, Target};

use crate::centre::{Centre, agent, config, description};

/// How many states of each centre a test looks at.
const STATES: usize = 800;

/// What may happen next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Happens {
    /// A caller's INVITE arrives.
    Arrives,
    /// A phone says that it rings.
    Rings(LegId),
    /// A phone is answered, perhaps as we cancel.
    Answers(LegId),
    /// A phone declines.
    Declines(LegId),
    /// The first caller presses a key.
    Presses(LegId),
    /// Whoever is at the far end hangs up.
    HangsUp(LegId),
    /// What we told to end has ended.
    Ends(LegId),
    /// The next deadline passes.
    TimePasses,
    /// A team lead makes the first agent busy.
    Forced,
    /// The first agent's phone is gone.
    PhoneLost,
}

/// A leg as the network knows it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Line {
    caller: bool,
    rang: bool,
    answered: bool,
    told_to_end: bool,
    ended: bool,
}

/// A small centre and its network.
struct World {
    centre: Centre,
    lines: BTreeMap<LegId, Line>,
    read: usize,
    to_come: u32,
    ticks: u32,
    forced: bool,
    lost: bool,
    /// Whether keys lead anywhere, and none was pressed yet.
    keys: bool,
}

#[derive(Clone)]
struct Scene {
    agents: u32,
    callers: u32,
    ticks: u32,
    config: FloorConfig,
}

impl World {
    fn open(scene: &Scene) -> Self {
        let phones: Vec<String> = (1..=scene.agents).map(|n| (1_000 + n).to_string()).collect();
        let phones: Vec<&str> = phones.iter().map(String::as_str).collect();
        let mut centre =
            Centre::open_with(scene.config.clone(), 1, FloorSnapshot::default(), &phones);
        centre.slow = true;
        for number in 1..=scene.agents {
            centre.sign_in(1_000 + number);
        }
        let lines = BTreeMap::new();
        let read = centre.seen.len();
        let (to_come, ticks) = (scene.callers, scene.ticks);
        let keys = scene.config.queues.values().any(|rules| !rules.keys.is_empty());
        Self { centre, lines, read, to_come, ticks, forced: false, lost: false, keys }
    }

    /// Lives through what happened.
    fn lived(scene: &Scene, path: &[Happens]) -> Self {
        let mut world = Self::open(scene);
        path.iter().for_each(|happens| world.live(*happens));
        world
    }

    fn live(&mut self, happens: Happens) {
        match happens {
            Happens::Arrives => {
                self.to_come -= 1;
                let from = format!("1380000000{}", self.to_come);
                let trunk = Origin::Trunk("carrier".into());
                let leg = self.centre.arrives(trunk, &from, "4008001234");
                self.lines.insert(leg, Line { caller: true, answered: true, ..Line::default() });
            }
            Happens::Rings(leg) => {
                self.line(leg).rang = true;
                self.centre.leg(leg, LegFact::Ringing { early: None });
            }
            Happens::Answers(leg) => {
                self.line(leg).answered = true;
                self.centre.leg(leg, LegFact::Answered { answer: description(41_000) });
            }
            Happens::Presses(leg) => {
                self.keys = false;
                self.centre.leg(leg, LegFact::Digit('1'));
            }
            Happens::Declines(leg) => self.end(leg, Cause::Refused, Some(486)),
            Happens::HangsUp(leg) => self.end(leg, Cause::CallerHungUp, None),
            Happens::Ends(leg) => self.end(leg, Cause::CallEnded, None),
            Happens::TimePasses => {
                self.ticks -= 1;
                self.tick();
            }
            Happens::Forced => {
                self.forced = true;
                let next = Next::Busy("lunch".into());
                // Refused where the agent is signed out by then.
                let _ = self.centre.ask(Request::Force { agent: agent(1001), next, note: None });
            }
            Happens::PhoneLost => {
                self.lost = true;
                self.centre.unbind("1001");
            }
        }
        self.read_commands();
        self.one_winner();
    }

    fn line(&mut self, leg: LegId) -> &mut Line {
        self.lines.get_mut(&leg).expect("a line that is there")
    }

    fn end(&mut self, leg: LegId, cause: Cause, status: Option<u16>) {
        self.line(leg).ended = true;
        self.centre.leg(leg, LegFact::Released { cause, status, reason: None });
    }

    fn tick(&mut self) {
        if let Some(at) = self.centre.floor.poll_timeout() {
            self.centre.now = self.centre.now.max(at);
            self.centre.input(Input::Tick);
        }
        self.read_commands();
    }

    fn read_commands(&mut self) {
        for (leg, command) in &self.centre.seen[self.read..] {
            match command {
                LegCommand::Dial { target, .. } => {
                    // Whoever is called back is a caller.
                    let caller = matches!(target, Target::Trunk { .. });
                    self.lines.insert(*leg, Line { caller, ..Line::default() });
                }
                LegCommand::Release { .. } => {
                    self.lines.entry(*leg).or_default().told_to_end = true;
                }
                _ => {}
            }
        }
        self.read = self.centre.seen.len();
    }

    /// Of the phones that rang for one caller, one at most is left in the call once it is answered.
    fn one_winner(&self) {
        let answered = self
            .lines
            .values()
            .filter(|it| !it.caller && it.answered && !it.told_to_end && !it.ended);
        let talking = self.lines.values().filter(|it| it.caller && !it.ended && !it.told_to_end);
        assert!(answered.count() <= talking.count(), "two agents for one caller");
    }

    fn may_happen(&self) -> Vec<Happens> {
        let mut may = Vec::new();
        if self.to_come > 0 {
            may.push(Happens::Arrives);
        }
        for (leg, line) in self.lines.iter().filter(|(_, line)| !line.ended) {
            if line.told_to_end {
                may.push(Happens::Ends(*leg));
            } else if line.answered {
                may.push(Happens::HangsUp(*leg));
            } else {
                may.push(Happens::Declines(*leg));
                if !line.rang {
                    may.push(Happens::Rings(*leg));
                }
            }
            if !line.answered {
                may.push(Happens::Answers(*leg));
            }
        }
        if self.ticks > 0 && self.centre.floor.poll_timeout().is_some() {
            may.push(Happens::TimePasses);
        }
        let is_caller = |line: &&Line| line.caller && !line.ended && !line.told_to_end;
        let caller = self.lines.iter().find(|(_, line)| is_caller(line)).map(|(leg, _)| *leg);
        may.extend(caller.filter(|_| self.keys).map(Happens::Presses));
        if !self.forced {
            may.push(Happens::Forced);
        }
        if !self.lost {
            may.push(Happens::PhoneLost);
        }
        may
    }

    /// Everybody hangs up, everything told to end ends, every deadline passes: nobody and nothing is
    /// left over.
    fn comes_to_rest(mut self) {
        while let Some((leg, _)) = self.lines.iter().find(|(_, line)| !line.ended) {
            let leg = *leg;
            self.end(leg, Cause::CallEnded, None);
            self.read_commands();
        }
        for _ in 0..50 {
            self.tick();
            while let Some((leg, _)) = self.lines.iter().find(|(_, line)| !line.ended) {
                let leg = *leg;
                self.end(leg, Cause::CallEnded, None);
                self.read_commands();
            }
        }
        let status = self.centre.look();
        assert!(status.calls.is_empty(), "a call is left over: {:?}", status.calls);
        assert_eq!(status.repairs, 0, "the floor had to be mended");
        let stuck = status.agents.iter().find(|agent| {
            !matches!(agent.state.name(), StateName::Ready | StateName::Busy | StateName::SignedOut)
        });
        assert!(stuck.is_none(), "stuck: {stuck:?}");
    }

    /// What tells this state from others: the floor whole, but for how often things happened.
    fn fingerprint(&self) -> u64 {
        let text = format!("{:?}", self.centre.floor);
        let mut hasher = DefaultHasher::new();
        canonical(&text).hash(&mut hasher);
        (&self.lines, self.to_come, self.ticks, self.forced, self.lost, self.keys)
            .hash(&mut hasher);
        hasher.finish()
    }
}

/// The text of a state with its running numbers replaced by their order, and the configuration, which
/// is the same in all, left out.
fn canonical(text: &str) -> String {
    const COUNTED: [&str; 5] = ["generation: ", "entry: ", "last_offer: ", "number: ", "last: "];
    const DROPPED: [&str; 4] = ["seq: ", "draws: ", "next_leg: ", "next_call: "];
    let text = text.split_once("ledger: ").map_or(text, |(_, rest)| rest);
    let mut numbers = BTreeSet::new();
    each_number(text, &COUNTED, |number| {
        numbers.insert(number);
    });
    let order: BTreeMap<u64, usize> =
        numbers.into_iter().enumerate().map(|(at, number)| (number, at)).collect();
    let text = replaced(text, &COUNTED, |number| order.get(&number).copied().unwrap_or(0));
    replaced(&text, &DROPPED, |_| 0)
}

fn each_number(text: &str, names: &[&str], mut take: impl FnMut(u64)) {
    for name in names {
        for (at, _) in text.match_indices(name) {
            let digits: String =
                text[at + name.len()..].chars().take_while(char::is_ascii_digit).collect();
            if let Ok(number) = digits.parse() {
                take(number);
            }
        }
    }
}

fn replaced(text: &str, names: &[&str], by: impl Fn(u64) -> usize) -> String {
    let mut text = text.to_owned();
    for name in names {
        let mut out = String::with_capacity(text.len());
        let mut pieces = text.split(name);
        out.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let digits = piece.len() - piece.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            out.push_str(name);
            match piece[..digits].parse() {
                Ok(number) => out.push_str(&by(number).to_string()),
                Err(_) => out.push_str(&piece[..digits]),
            }
            out.push_str(&piece[digits..]);
        }
        text = out;
    }
    text
}

/// Looks at so many states, the nearest first; says how many there were, and whether that was all.
fn explore(scene: &Scene, most: usize) -> (usize, bool) {
    let mut seen = HashSet::new();
    let mut paths: VecDeque<Vec<Happens>> = VecDeque::from([vec![]]);
    while let Some(path) = paths.pop_front() {
        if seen.len() >= most {
            return (seen.len(), false);
        }
        for happens in World::lived(scene, &path).may_happen() {
            let mut path = path.clone();
            path.push(happens);
            let told = path.clone();
            let world = std::panic::catch_unwind(|| World::lived(scene, &told));
            let Ok(world) = world else { panic!("after {path:?}") };
            if seen.insert(world.fingerprint()) {
                let rests = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    world.comes_to_rest();
                }));
                assert!(rests.is_ok(), "after {path:?}");
                paths.push_back(path);
            }
        }
    }
    (seen.len(), true)
}

fn scene(agents: u32, callers: u32, ringing: Ringing) -> Scene {
    let mut config = config();
    let flow = Flow {
        name: "main".into(),
        start: "queue".into(),
        steps: [("queue".to_owned(), Step::Queue { queue: "presales".into(), priority: 0 })].into(),
    };
    config.hotlines.get_mut("main").unwrap().flow = Arc::new(flow);
    config.sounds.nobody = None;
    config.rules = Rules { max_no_answer: 0, ..config.rules };
    for queue in config.acd.queues.values_mut() {
        queue.ringing = ringing;
        queue.wrap_up = Duration::ZERO;
        queue.max_wait = None;
        queue.overflow = None;
    }
    Scene { agents, callers, ticks: 2, config }
}

#[expect(clippy::disallowed_methods, reason = "a test is told by its environment how far to look")]
fn most() -> usize {
    let asked = std::env::var("HOTLINE_INTERLEAVINGS").ok();
    asked.and_then(|most| most.parse().ok()).unwrap_or(STATES)
}

#[test]
fn one_agent_and_two_callers_whatever_crosses() {
    let (states, _) = explore(&scene(1, 2, Ringing::One), most());
    assert!(states >= STATES.min(500), "{states} states");
}

#[test]
fn two_agents_and_one_caller_whatever_crosses() {
    let (states, _) = explore(&scene(2, 1, Ringing::One), most());
    assert!(states >= STATES.min(500), "{states} states");
}

#[test]
fn two_phones_that_ring_together_whatever_crosses() {
    let (states, _) = explore(&scene(2, 1, Ringing::All), most());
    assert!(states >= STATES.min(500), "{states} states");
}

#[test]
fn two_agents_and_two_callers_whatever_crosses() {
    let (states, _) =
        explore(&scene(2, 2, Ringing::Progressive { every: Duration::from_secs(5) }), most());
    assert!(states >= STATES.min(500), "{states} states");
}

#[test]
fn a_key_that_leads_to_another_queue_whatever_crosses() {
    let mut scene = scene(2, 1, Ringing::All);
    let keys = [('1', Exit::Queue("spill".into()))].into();
    scene.config.queues.insert("presales".into(), QueueRules { keys, ..QueueRules::default() });
    let (states, _) = explore(&scene, most());
    assert!(states >= STATES.min(500), "{states} states");
}

#[test]
fn a_caller_who_is_called_back_whatever_crosses() {
    let mut scene = scene(2, 1, Ringing::All);
    scene.ticks = 3;
    scene.config.outbound[0].show = Some("01066667777".parse().unwrap());
    let callback = CallbackRules {
        attempts: 2,
        pause: Duration::from_secs(10),
        expires: Duration::from_secs(60),
        prefix: "9".into(),
        ..CallbackRules::default()
    };
    let keys = [('1', Exit::Callback)].into();
    let rules = QueueRules { keys, callback: Some(callback), ..QueueRules::default() };
    scene.config.queues.insert("presales".into(), rules);
    let (states, _) = explore(&scene, most());
    assert!(states >= STATES.min(500), "{states} states");
}

#[test]
fn running_numbers_count_by_their_order_alone() {
    let first = "ledger: seq: 4, entry: 7, generation: 9, at: 3";
    let second = "ledger: seq: 8, entry: 70, generation: 91, at: 3";
    assert_eq!(canonical(first), canonical(second));
    assert_ne!(canonical(first), canonical("ledger: seq: 4, entry: 9, generation: 7, at: 3"));
    assert_ne!(canonical(first), canonical("ledger: seq: 4, entry: 7, generation: 9, at: 4"));
}
