//! A floor with drivers that obey at once: what is released is released, what is dialled waits for
//! the story to say what the phone does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use acd::{AcdConfig, QueueConfig};
use agent::{BusyRule, Rules};
use flow::{Flow, Step};
use model::{
    Actor, AgentId, AgentState, CallId, Cause, Direction, Epoch, Event, EventKind, Fingerprint,
    FloorSnapshot, LegId, MediaDescription, Next, Number, PhoneId, QueueId, Refusal, TenantId,
    Timestamp, TrunkId,
};
use switchboard::config::{
    AgentConfig, FeatureCodes, FloorConfig, HotlineConfig, HotlineLimits, OutboundRule,
    PhoneConfig, PortLease, RecordingRules, Sounds, TrunkConfig,
};
use switchboard::numbering::Numbering;
use switchboard::ports::{
    Command, Input, LegCommand, LegFact, LegIds, MediaCommand, MediaFact, Origin, RecordingCommand,
    Reply, ReplyId, Request, RingsIn, Target,
};
use switchboard::status::Status;
use switchboard::{Opening, Secrets, Switchboard};

use crate::books::Books;

pub(crate) struct Centre {
    pub(crate) floor: Switchboard,
    pub(crate) now: Timestamp,
    ids: LegIds,
    /// Phones that ring, and numbers outside that are dialled, by leg.
    pub(crate) ringing: BTreeMap<LegId, String>,
    /// Commands to legs, as a peer would see them.
    pub(crate) seen: Vec<(LegId, LegCommand)>,
    pub(crate) media: Vec<(LegId, MediaCommand)>,
    pub(crate) recordings: Vec<String>,
    pub(crate) events: Vec<Event>,
    pub(crate) replies: Vec<Result<Reply, Refusal>>,
    pub(crate) status: Option<Status>,
    /// Prompts being played, to be ended by the story.
    pub(crate) plays: BTreeMap<LegId, u32>,
    /// Legs that have not been released.
    pub(crate) live: BTreeSet<LegId>,
    /// All legs there ever were, by the phone they lead to.
    phones: BTreeMap<PhoneId, BTreeSet<LegId>>,
    /// Whether legs that are told to end do so only when the story says so.
    pub(crate) slow: bool,
    /// Legs that were told to end and have not.
    ending: VecDeque<(LegId, LegFact)>,
    pub(crate) books: Books,
    /// Inputs given to the floor.
    pub(crate) handled: u64,
}

pub(crate) fn config() -> FloorConfig {
    let queue = |wait: Option<u64>, overflow: Option<&str>| QueueConfig {
        label: "售前".into(),
        needs: [("sales".into(), 1)].into(),
        ring: Duration::from_secs(15),
        wrap_up: Duration::from_secs(10),
        max_wait: wait.map(Duration::from_secs),
        overflow: overflow.map(QueueId::from),
        ..QueueConfig::default()
    };
    let steps = [
        ("hello", Step::Play { prompts: vec!["welcome".into()], next: "queue".into() }),
        ("queue", Step::Queue { queue: "presales".into(), priority: 0 }),
    ];
    let flow = Flow {
        name: "main".into(),
        start: "hello".into(),
        steps: steps.into_iter().map(|(name, step)| (name.to_owned(), step)).collect(),
    };
    let agents = [1001, 1002, 1003];
    FloorConfig {
        tenant: TenantId::from("default"),
        sha256: "00".into(),
        acd: AcdConfig {
            queues: [
                ("presales".into(), queue(Some(120), Some("spill"))),
                ("spill".into(), queue(Some(60), None)),
            ]
            .into(),
            agents: agents
                .iter()
                .map(|agent| (AgentId::new(*agent), [("sales".into(), 5)].into()))
                .collect(),
            seed: 1,
        },
        queues: std::collections::BTreeMap::new(),
        rules: Rules {
            reasons: [(
                "lunch".into(),
                BusyRule { label: "午餐".into(), digit: Some('1'), ..BusyRule::default() },
            )]
            .into(),
            ..Rules::default()
        },
        agents: agents
            .iter()
            .map(|agent| {
                let phone = Some(PhoneId::from(agent.to_string().as_str()));
                (AgentId::new(*agent), AgentConfig { name: format!("坐席{agent}"), phone })
            })
            .collect(),
        phones: ["1001", "1002", "1003", "8000"]
            .iter()
            .map(|phone| (PhoneId::from(*phone), PhoneConfig::default()))
            .collect(),
        hotlines: [(
            "main".into(),
            HotlineConfig {
                number: "4008001234".parse().unwrap(),
                flow: Arc::new(flow),
                limits: HotlineLimits::default(),
            },
        )]
        .into(),
        trunks: [("carrier".into(), TrunkConfig { max_calls: 100, ..TrunkConfig::default() })]
            .into(),
        outbound: vec![OutboundRule {
            roles: std::collections::BTreeSet::new(),
            prefix: "9".into(),
            strip: 1,
            length: (4, 20),
            trunks: vec![TrunkId::from("carrier")],
            show: None,
        }],
        feature_codes: FeatureCodes::default(),
        sounds: Sounds {
            queue_music: "music".into(),
            hold_music: "hold".into(),
            queue_welcome: None,
            nobody: Some("nobody".into()),
            done: "done".into(),
            refused: "refused".into(),
        },
        recording: RecordingRules { internal: true, outbound: true },
        ring: Duration::from_secs(30),
        max_calls: 100,
        numbering: Numbering::default(),
    }
}

pub(crate) fn agent(number: u32) -> AgentId {
    AgentId::new(number)
}

pub(crate) fn description(port: u16) -> MediaDescription {
    MediaDescription::ours(SocketAddr::from(([127, 0, 0, 1], port)))
}

pub(crate) fn opening(config: FloorConfig, epoch: u32, snapshot: FloorSnapshot) -> Opening {
    Opening {
        config,
        lease: PortLease { address: [127, 0, 0, 1].into(), first: 20_000, last: 20_998 },
        secrets: Secrets { seed: [7; 32], certificate: Fingerprint([7; 32]) },
        epoch: Epoch::new(epoch),
        snapshot,
        served: vec![],
        abandoned: vec![],
        bindings: BTreeMap::new(),
        version: "test".into(),
    }
}

/// An ordinary INVITE.
pub(crate) fn rings(origin: Origin, from: &str, to: &str) -> RingsIn {
    let number = |text: &str| text.parse::<Number>().unwrap();
    RingsIn {
        origin,
        from: number(from),
        display: None,
        to: number(to),
        offer: Some(description(40_000)),
        sip_call_id: format!("{from}-{to}"),
        carried: model::Carried::default(),
        max_forwards: 70,
    }
}

/// 09:00:00 on an ordinary day.
const NINE: u64 = 1_700_000_000 / 86_400 * 86_400 + 9 * 3600;

impl Centre {
    pub(crate) fn open() -> Self {
        Self::open_with(config(), 1, FloorSnapshot::default(), &[])
    }

    pub(crate) fn open_with(
        config: FloorConfig,
        epoch: u32,
        snapshot: FloorSnapshot,
        bound: &[&str],
    ) -> Self {
        let mut opening = opening(config, epoch, snapshot);
        opening.bindings = bound.iter().map(|phone| (PhoneId::from(*phone), 1)).collect();
        Self::begin(opening, Timestamp::from_secs(NINE), Books::default())
    }

    /// Opens a floor at any time, with the books of the run before.
    pub(crate) fn begin(opening: Opening, now: Timestamp, books: Books) -> Self {
        let epoch = opening.epoch.number();
        let (floor, commands) = Switchboard::open(opening, now);
        let mut centre = Self {
            floor,
            now,
            ids: LegIds::new(Epoch::new(epoch)),
            ringing: BTreeMap::new(),
            seen: vec![],
            media: vec![],
            recordings: vec![],
            events: vec![],
            replies: vec![],
            status: None,
            plays: BTreeMap::new(),
            live: BTreeSet::new(),
            phones: BTreeMap::new(),
            slow: false,
            ending: VecDeque::new(),
            books,
            handled: 0,
        };
        centre.carry_out(commands);
        centre.check();
        centre
    }

    /// Time passes; every deadline on the way is kept.
    pub(crate) fn wait(&mut self, seconds: u64) -> &mut Self {
        self.wait_until(self.now + Duration::from_secs(seconds));
        self
    }

    pub(crate) fn wait_until(&mut self, until: Timestamp) {
        while let Some(at) = self.floor.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            let before = self.floor.poll_timeout();
            self.input(Input::Tick);
            assert!(self.floor.poll_timeout() != before, "a deadline that passed is still armed");
        }
        self.now = until;
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.handled += 1;
        let commands = self.floor.handle(input, self.now);
        self.carry_out(commands);
        self.check();
    }

    fn check(&self) {
        if let Err(broken) = self.floor.check() {
            panic!("{}\n{broken}", self.last_lines());
        }
    }

    fn carry_out(&mut self, commands: Vec<Command>) {
        let mut released = VecDeque::new();
        for command in commands {
            match command {
                Command::Leg { leg, command } => {
                    if matches!(command, LegCommand::Dial { .. }) {
                        self.live.insert(leg);
                    }
                    match &command {
                        LegCommand::Dial { target: Target::Phone(phone), .. } => {
                            self.phones.entry(phone.clone()).or_default().insert(leg);
                            self.ringing.insert(leg, phone.to_string());
                        }
                        LegCommand::Dial { target: Target::Trunk { number, .. }, .. } => {
                            self.ringing.insert(leg, number.to_string());
                        }
                        LegCommand::Release { cause, status } => {
                            released.push_back((leg, *cause, *status));
                        }
                        _ => {}
                    }
                    self.seen.push((leg, command));
                }
                Command::Media { leg, command } => {
                    if let MediaCommand::Play { play, repeat: false, .. } = &command {
                        self.plays.insert(leg, *play);
                    }
                    self.media.push((leg, command));
                }
                Command::Recording { recording, command } => self.recordings.push(match command {
                    RecordingCommand::Start(_) => format!("start {recording}"),
                    RecordingCommand::Finish => format!("finish {recording}"),
                }),
                Command::Reply { result, .. } => {
                    if let Ok(Reply::Status(status)) = &result {
                        self.status = Some((**status).clone());
                    }
                    self.replies.push(result);
                }
                Command::Publish(event) => {
                    let read = self.books.read(&event);
                    self.events.push(*event);
                    if let Err(broken) = read {
                        panic!("{}\n{broken}", self.last_lines());
                    }
                }
            }
        }
        for (leg, cause, status) in released {
            self.ringing.remove(&leg);
            self.ending.push_back((leg, LegFact::Released { cause, status, reason: None }));
        }
        if !self.slow {
            self.end_legs();
        }
    }

    /// Legs that were told to end have ended.
    pub(crate) fn end_legs(&mut self) {
        while let Some((leg, fact)) = self.ending.pop_front() {
            self.leg(leg, fact);
        }
    }

    /// Legs that were told to end and have not.
    pub(crate) fn ending_legs(&self) -> Vec<LegId> {
        self.ending.iter().map(|(leg, _)| *leg).collect()
    }

    pub(crate) fn leg(&mut self, leg: LegId, fact: LegFact) {
        match fact {
            LegFact::RingsIn(ref rings) => {
                self.live.insert(leg);
                if let Origin::Phone(phone) = &rings.origin {
                    self.phones.entry(phone.clone()).or_default().insert(leg);
                }
            }
            LegFact::Released { .. } => {
                self.ringing.remove(&leg);
                self.plays.remove(&leg);
                self.live.remove(&leg);
            }
            _ => {}
        }
        self.input(Input::Leg { leg, fact });
    }

    pub(crate) fn bind(&mut self, phone: &str) -> &mut Self {
        self.input(Input::Binding { phone: PhoneId::from(phone), bindings: 1 });
        self
    }

    pub(crate) fn unbind(&mut self, phone: &str) -> &mut Self {
        self.input(Input::Binding { phone: PhoneId::from(phone), bindings: 0 });
        self
    }

    pub(crate) fn ask(&mut self, request: Request) -> Result<Reply, Refusal> {
        let actor = Actor::user("test", "api");
        self.input(Input::Request { reply: ReplyId(0), actor, request });
        self.replies.pop().expect("every request is answered in the same step")
    }

    pub(crate) fn sign_in(&mut self, number: u32) -> &mut Self {
        self.bind(&number.to_string());
        self.ask(Request::SignIn { agent: agent(number), phone: None }).unwrap();
        self
    }

    pub(crate) fn becomes(&mut self, number: u32, next: Next) -> Result<Reply, Refusal> {
        self.ask(Request::Become { agent: agent(number), next })
    }

    /// A call arrives at the 400 number.
    pub(crate) fn calls(&mut self) -> LegId {
        self.arrives(Origin::Trunk(TrunkId::from("carrier")), "13800138000", "4008001234")
    }

    /// A call arrives, hears the welcome to its end, and waits in the queue.
    pub(crate) fn queues(&mut self) -> LegId {
        let leg = self.calls();
        self.hears_all(leg);
        leg
    }

    pub(crate) fn arrives(&mut self, origin: Origin, from: &str, to: &str) -> LegId {
        self.invites(rings(origin, from, to))
    }

    /// An INVITE as it is.
    pub(crate) fn invites(&mut self, rings: RingsIn) -> LegId {
        let leg = self.ids.arriving();
        self.leg(leg, LegFact::RingsIn(Box::new(rings)));
        leg
    }

    pub(crate) fn dials(&mut self, phone: &str, to: &str) -> LegId {
        self.arrives(Origin::Phone(PhoneId::from(phone)), phone, to)
    }

    /// The prompt on this leg ends.
    pub(crate) fn hears_all(&mut self, leg: LegId) {
        let play = self.plays.remove(&leg).expect("a prompt is being played");
        self.input(Input::Media { leg, fact: MediaFact::PlayEnded { play } });
    }

    /// The leg on which this phone rings.
    pub(crate) fn rings_at(&self, phone: &str) -> LegId {
        self.rings(phone).unwrap_or_else(|| panic!("{phone} does not ring\n{}", self.log()))
    }

    pub(crate) fn rings(&self, phone: &str) -> Option<LegId> {
        self.ringing.iter().find(|(_, rings)| *rings == phone).map(|(leg, _)| *leg)
    }

    pub(crate) fn answers(&mut self, phone: &str) -> LegId {
        let leg = self.rings_at(phone);
        self.ringing.remove(&leg);
        self.leg(leg, LegFact::Ringing { early: None });
        self.leg(leg, LegFact::Answered { answer: description(41_000) });
        leg
    }

    pub(crate) fn declines(&mut self, phone: &str, status: u16) {
        let leg = self.rings_at(phone);
        self.ringing.remove(&leg);
        self.leg(
            leg,
            LegFact::Released { cause: Cause::Refused, status: Some(status), reason: None },
        );
    }

    pub(crate) fn hangs_up(&mut self, leg: LegId) {
        self.leg(leg, LegFact::Released { cause: Cause::CallerHungUp, status: None, reason: None });
    }

    pub(crate) fn holds(&mut self, leg: LegId) {
        let offer = MediaDescription { direction: Direction::SendOnly, ..description(41_000) };
        self.leg(leg, LegFact::Reoffered { offer: Some(offer) });
    }

    pub(crate) fn retrieves(&mut self, leg: LegId) {
        self.leg(leg, LegFact::Reoffered { offer: Some(description(41_000)) });
    }

    pub(crate) fn look(&mut self) -> Status {
        self.ask(Request::Status).unwrap();
        self.status.take().unwrap()
    }

    pub(crate) fn state(&mut self, number: u32) -> AgentState {
        let status = self.look();
        let found = status.agents.into_iter().find(|status| status.agent == agent(number));
        found.unwrap().state
    }

    /// How each wait ended, in order: call and outcome.
    pub(crate) fn outcomes(&self) -> Vec<(u32, &'static str)> {
        let left = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::QueueLeft { outcome, .. } => {
                Some((event.call.map_or(0, CallId::number), outcome.as_str()))
            }
            _ => None,
        });
        left.collect()
    }

    /// The log as one reads it aloud.
    pub(crate) fn log(&self) -> String {
        self.events.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// Its last lines, for a failure after a long day.
    pub(crate) fn last_lines(&self) -> String {
        let first = self.events.len().saturating_sub(60);
        self.events[first..].iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// The legs that have not been released, by the phone they lead to.
    pub(crate) fn legs_by_phone(&self) -> Vec<Vec<LegId>> {
        self.phones.values().map(|legs| legs.intersection(&self.live).copied().collect()).collect()
    }

    /// Forgets the log so far.
    pub(crate) fn forget(&mut self) {
        self.events.clear();
        self.seen.clear();
        self.media.clear();
        self.recordings.clear();
    }
}

fn line(event: &Event) -> String {
    let clock = event.at.to_string();
    let mut line = clock[11..19].to_owned();
    if let Some(call) = event.call {
        line += &format!(" call {}", call.number());
    }
    if let Some(agent) = event.agent {
        line += &format!(" {agent}");
    }
    line += &format!(" {}", event.kind.name());
    match &event.kind {
        EventKind::AgentStateChanged { to, .. } => line += &format!(" {}", to.name().as_str()),
        EventKind::QueueLeft { outcome, .. } => line += &format!(" {outcome}"),
        EventKind::QueueOfferEnded { end, .. } => line += &format!(" {end:?}"),
        EventKind::RecordingStarted { recording, .. } => line += &format!(" {recording}"),
        _ => {}
    }
    if let Some(cause) = event.cause {
        line += &format!(" ({cause})");
    }
    line
}
