//! A centre with one queue and nothing before it.

use std::sync::Arc;
use std::time::Duration;

use acd::{AcdConfig, QueueConfig};
use agent::{BusyRule, Rules};
use flow::{Flow, Step};
use model::{AgentId, PhoneId, QueueId, Timestamp};
use simulation::{Centre, Figures, Manner, Measure, Profile, Spread, everybody, staff};
use switchboard::config::{
    AgentConfig, FeatureCodes, FloorConfig, HotlineConfig, HotlineLimits, PhoneConfig,
    RecordingRules, Sounds,
};

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn nine() -> Timestamp {
    Timestamp::from_secs(1_700_000_000 / 86_400 * 86_400 + 9 * 3600)
}

pub(crate) fn sales() -> QueueId {
    QueueId::from("sales")
}

/// So many agents, one queue without greeting, no after-call work.
pub(crate) fn config(agents: usize) -> FloorConfig {
    let queue = QueueConfig {
        wrap_up: Duration::ZERO,
        needs: [("sales".into(), 1)].into(),
        ..QueueConfig::default()
    };
    let steps = [("queue".to_owned(), Step::Queue { queue: sales(), priority: 0 })];
    let flow = Flow { name: "main".into(), start: "queue".into(), steps: steps.into() };
    let first = AgentId::new(1001);
    let phone = PhoneId::from("1001");
    let hotline = HotlineConfig {
        number: "4008001234".parse().unwrap(),
        flow: Arc::new(flow),
        limits: HotlineLimits::default(),
    };
    let lunch = BusyRule { label: "午餐".into(), ..BusyRule::default() };
    let mut config = FloorConfig {
        tenant: "default".into(),
        sha256: String::new(),
        acd: AcdConfig {
            queues: [(sales(), queue)].into(),
            agents: [(first, [("sales".into(), 5)].into())].into(),
            seed: 1,
        },
        queues: std::collections::BTreeMap::new(),
        rules: Rules { reasons: [("lunch".into(), lunch)].into(), ..Rules::default() },
        agents: [(first, AgentConfig { name: "坐席".into(), phone: Some(phone.clone()) })].into(),
        phones: [(phone, PhoneConfig::default())].into(),
        hotlines: [("main".into(), hotline)].into(),
        trunks: [].into(),
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
        recording: RecordingRules { internal: false, outbound: false },
        ring: seconds(30),
        max_calls: 20_000,
        numbering: switchboard::numbering::Numbering::default(),
    };
    staff(&mut config, agents);
    config
}

/// Calls at a steady rate for so many hours, for the one queue.
pub(crate) fn profile(calls_per_hour: f64, hours: usize) -> Profile {
    Profile {
        begins: nine(),
        interval: seconds(3600),
        calls: vec![calls_per_hour; hours],
        talk: Spread::Exponential(seconds(180)),
        patience: Some(Spread::Exponential(seconds(60))),
        wants: vec![(sales(), 1.0)],
    }
}

/// Everybody answers at once.
pub(crate) fn prompt() -> Manner {
    Manner { answer: Spread::Fixed(Duration::ZERO), ..Manner::default() }
}

/// Lives through a day with everybody there.
pub(crate) fn live(config: FloorConfig, profile: &Profile, seed: u64, manner: Manner) -> Figures {
    let day = profile.day(seed, manner);
    let roster = everybody(&config, &day);
    let mut centre = Centre::open(config, &day, &roster).unwrap();
    while centre.step() {}
    centre.check().unwrap();
    centre.figures(Measure::default())
}
