//! A queued call through the whole floor, from its INVITE to its sealed recording, beside a book that
//! only remembers who waits and who talks.

use std::collections::{HashMap, VecDeque};
use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use acd::{AcdConfig, QueueConfig};
use clock::Clock;
use flow::{Flow, Step};
use hotline_benches::figures::nanos_each;
use model::{
    Actor, AgentId, Cause, Epoch, Event, Fingerprint, FloorSnapshot, LegId, MediaDescription,
    Number, PhoneId, RecordingId, TenantId, Timestamp, TrunkId,
};
use switchboard::config::{
    AgentConfig, FeatureCodes, FloorConfig, HotlineConfig, HotlineLimits, PhoneConfig, PortLease,
    RecordingRules, Sounds, TrunkConfig,
};
use switchboard::numbering::Numbering;
use switchboard::ports::{
    Command, Input, LegCommand, LegFact, LegIds, Origin, RecordingCommand, RecordingFact, ReplyId,
    Request, RingsIn,
};
use switchboard::{Opening, Secrets, Switchboard};

use crate::Row;

const AGENTS: u32 = 100;
const STEPS: u32 = 500;

/// A floor whose phones answer at once and whose recordings are sealed at once.
pub(crate) struct Floor {
    floor: Switchboard,
    now: Timestamp,
    ids: LegIds,
    inputs: VecDeque<Input>,
    /// Callers' legs in order of arrival.
    callers: VecDeque<LegId>,
    talking: VecDeque<LegId>,
    pub(crate) events: Vec<Event>,
    keeps_events: bool,
}

impl Floor {
    pub(crate) fn open(epoch: Epoch, keeps_events: bool) -> Self {
        let phones = (0..AGENTS).map(|agent| (PhoneId::from(agent.to_string().as_str()), 1));
        let opening = Opening {
            config: config(),
            lease: PortLease { address: [127, 0, 0, 1].into(), first: 20_000, last: 39_998 },
            secrets: Secrets { seed: [7; 32], certificate: Fingerprint([7; 32]) },
            epoch,
            snapshot: FloorSnapshot::default(),
            served: vec![],
            abandoned: vec![],
            bindings: phones.collect(),
            version: "bench".into(),
        };
        let now = Timestamp::from_secs(1_700_000_000);
        let (floor, commands) = Switchboard::open(opening, now);
        let mut floor = Self {
            floor,
            now,
            ids: LegIds::new(epoch),
            inputs: VecDeque::new(),
            callers: VecDeque::new(),
            talking: VecDeque::new(),
            events: vec![],
            keeps_events,
        };
        commands.into_iter().for_each(|command| floor.carry_out(command));
        for agent in 0..AGENTS {
            let request = Request::SignIn { agent: AgentId::new(agent), phone: None };
            let actor = Actor::user("bench", "api");
            floor.input(Input::Request { reply: ReplyId(0), actor, request });
        }
        floor
    }

    pub(crate) fn call(&mut self) {
        let leg = self.ids.arriving();
        let rings = RingsIn {
            origin: Origin::Trunk(TrunkId::from("carrier")),
            from: number("13800138000"),
            display: None,
            to: number("4008001234"),
            offer: Some(description(40_000)),
            sip_call_id: "5c1f0e9ab2d34417@198.51.100.4".into(),
            carried: model::Carried::default(),
            max_forwards: 70,
        };
        self.callers.push_back(leg);
        self.input(Input::Leg { leg, fact: LegFact::RingsIn(Box::new(rings)) });
    }

    /// The caller who has talked longest hangs up.
    pub(crate) fn hang_up(&mut self) {
        let leg = self.talking.pop_front().expect("somebody talks");
        let fact = LegFact::Released { cause: Cause::CallerHungUp, status: None, reason: None };
        self.input(Input::Leg { leg, fact });
    }

    fn input(&mut self, input: Input) {
        self.inputs.push_back(input);
        while let Some(input) = self.inputs.pop_front() {
            self.now = self.now + Duration::from_micros(50);
            for command in self.floor.handle(input, self.now) {
                self.carry_out(command);
            }
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Leg { leg, command: LegCommand::Dial { .. } } => {
                let answered = LegFact::Answered { answer: description(41_000) };
                for fact in [LegFact::Ringing { early: None }, answered] {
                    self.inputs.push_back(Input::Leg { leg, fact });
                }
                self.talking.extend(self.callers.pop_front());
            }
            Command::Leg { leg, command: LegCommand::Release { cause, status } } => {
                let fact = LegFact::Released { cause, status, reason: None };
                self.inputs.push_back(Input::Leg { leg, fact });
            }
            Command::Recording { recording, command: RecordingCommand::Finish } => {
                self.inputs.push_back(Input::Recording { recording, fact: sealed(recording) });
            }
            Command::Publish(event) if self.keeps_events => self.events.push(*event),
            command => drop(black_box(command)),
        }
    }
}

pub(crate) fn measure(clock: Clock, waiting: u32) -> Row {
    let mut floor = Floor::open(Epoch::new(1), false);
    for _ in 0..AGENTS + waiting {
        floor.call();
    }
    let nanos = nanos_each(clock, STEPS, || {
        floor.hang_up();
        floor.call();
    });
    let mut book = Book::default();
    for _ in 0..AGENTS + waiting {
        book.call();
    }
    let baseline_nanos = nanos_each(clock, STEPS, || {
        book.hang_up();
        book.call();
    });
    Row {
        step: format!("a queued call, all its inputs, {waiting} waiting, {AGENTS} talking"),
        nanos,
        baseline: "a map of calls and a line of callers",
        baseline_nanos,
    }
}

/// Who waits and who talks, and no rule, event or command.
#[derive(Default)]
struct Book {
    calls: HashMap<u32, (MediaDescription, Option<u32>)>,
    waiting: VecDeque<u32>,
    talking: VecDeque<u32>,
    last: u32,
}

impl Book {
    fn call(&mut self) {
        self.last += 1;
        self.calls.insert(self.last, (description(40_000), None));
        self.waiting.push_back(self.last);
        if self.talking.len() < AGENTS as usize {
            self.serve();
        }
    }

    fn serve(&mut self) {
        let Some(call) = self.waiting.pop_front() else { return };
        if let Some((_, agent)) = self.calls.get_mut(&call) {
            *agent = Some(call % AGENTS);
        }
        self.talking.push_back(call);
    }

    fn hang_up(&mut self) {
        let call = self.talking.pop_front().expect("somebody talks");
        black_box(self.calls.remove(&call));
        self.serve();
    }
}

fn number(text: &str) -> Number {
    text.parse().expect("a number")
}

fn description(port: u16) -> MediaDescription {
    MediaDescription::ours(SocketAddr::from(([127, 0, 0, 1], port)))
}

fn sealed(recording: RecordingId) -> RecordingFact {
    RecordingFact::Sealed {
        file: format!("2026-01-01/{recording}.wav"),
        octets: 960_044,
        duration: Duration::from_secs(60),
        sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        lost_frames: 0,
        recovered: false,
    }
}

fn config() -> FloorConfig {
    let queue = QueueConfig {
        label: "Support".into(),
        needs: [("support".into(), 1)].into(),
        wrap_up: Duration::ZERO,
        ..QueueConfig::default()
    };
    let step = Step::Queue { queue: "support".into(), priority: 0 };
    let flow = Flow {
        name: "main".into(),
        start: "queue".into(),
        steps: [("queue".to_owned(), step)].into(),
    };
    let agents = || (0..AGENTS).map(AgentId::new);
    let phone = |agent: AgentId| PhoneId::from(agent.to_string().as_str());
    let staff = |agent| (agent, AgentConfig { name: "A".into(), phone: Some(phone(agent)) });
    FloorConfig {
        tenant: TenantId::from("default"),
        sha256: "00".into(),
        acd: AcdConfig {
            queues: [("support".into(), queue)].into(),
            agents: agents().map(|agent| (agent, [("support".into(), 5)].into())).collect(),
            seed: 1,
        },
        queues: std::collections::BTreeMap::new(),
        rules: agent::Rules::default(),
        agents: agents().map(staff).collect(),
        phones: agents().map(|agent| (phone(agent), PhoneConfig::default())).collect(),
        hotlines: [(
            "main".into(),
            HotlineConfig {
                number: number("4008001234"),
                flow: Arc::new(flow),
                limits: HotlineLimits::default(),
            },
        )]
        .into(),
        trunks: [("carrier".into(), TrunkConfig { max_calls: 5_000, ..TrunkConfig::default() })]
            .into(),
        outbound: vec![],
        feature_codes: FeatureCodes::default(),
        sounds: Sounds {
            queue_music: "music".into(),
            hold_music: "hold".into(),
            queue_welcome: None,
            nobody: None,
            done: "done".into(),
            refused: "refused".into(),
        },
        recording: RecordingRules { internal: true, outbound: true },
        ring: Duration::from_secs(30),
        max_calls: 5_000,
        numbering: Numbering::default(),
    }
}
