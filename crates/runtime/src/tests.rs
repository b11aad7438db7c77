//! The floor's thread, with drivers that do as a test says.

use std::collections::BTreeMap;

use crossbeam_channel::Sender;
use model::{Actor, Epoch, Fingerprint, FloorSnapshot, PhoneId, TenantId};
use switchboard::config::{FeatureCodes, FloorConfig, PortLease, RecordingRules, Sounds};
use switchboard::ports::{ReplyId, Request};
use switchboard::{Opening, Secrets};

use super::*;

const SOON: Duration = Duration::from_secs(10);

/// Tells the test what it was to do, then does what the test wants.
struct Told {
    tell: Sender<String>,
    then: Box<dyn FnMut(&Command) + Send>,
}

impl Drivers for Told {
    fn carry_out(&mut self, command: Command) {
        let what = match &command {
            Command::Publish(event) => event.kind.name().to_owned(),
            Command::Reply { reply, .. } => format!("reply {}", reply.0),
            Command::Leg { .. } | Command::Media { .. } | Command::Recording { .. } => {
                format!("{command:?}")
            }
        };
        // A test that has seen enough listens no longer.
        let _ = self.tell.send(what);
        (self.then)(&command);
    }
}

fn config() -> FloorConfig {
    FloorConfig {
        tenant: TenantId::from("default"),
        sha256: "00".into(),
        acd: Default::default(),
        queues: BTreeMap::new(),
        rules: Default::default(),
        agents: BTreeMap::new(),
        phones: BTreeMap::new(),
        hotlines: BTreeMap::new(),
        trunks: BTreeMap::new(),
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
        max_calls: 10,
        numbering: Default::default(),
    }
}

fn start(then: impl FnMut(&Command) + Send + 'static) -> (Runtime, Receiver<String>) {
    let opening = Opening {
        config: config(),
        lease: PortLease { address: [127, 0, 0, 1].into(), first: 20_000, last: 20_010 },
        secrets: Secrets { seed: [7; 32], certificate: Fingerprint([7; 32]) },
        epoch: Epoch::new(1),
        snapshot: FloorSnapshot::default(),
        served: vec![],
        abandoned: vec![],
        bindings: BTreeMap::new(),
        version: "test".into(),
    };
    let clock = Clock::start();
    let floor = Switchboard::open(opening, clock.now());
    let (tell, told) = crossbeam_channel::bounded(1_000);
    let drivers = Box::new(Told { tell, then: Box::new(then) });
    let runtime = Runtime::start(floor, Runtime::inbox(Bounds::default()), drivers, clock);
    (runtime.unwrap(), told)
}

fn ask(runtime: &Runtime, reply: u64) {
    let (reply, actor) = (ReplyId(reply), Actor::system());
    runtime.handle().put(Input::Request { reply, actor, request: Request::Status }).unwrap();
}

#[test]
fn what_is_left_is_handled_in_order_after_what_opening_gave() {
    let (runtime, told) = start(|_| {});
    ask(&runtime, 1);
    let binding = Input::Binding { phone: PhoneId::from("1001"), bindings: 1 };
    runtime.handle().put(binding).unwrap();
    ask(&runtime, 2);
    let all: Vec<String> = (0..5).map(|_| told.recv_timeout(SOON).unwrap()).collect();
    let order =
        ["system.started", "config.applied", "reply 1", "system.phone_registered", "reply 2"];
    assert_eq!(all, order);
}

#[test]
fn a_stop_ends_the_floor_and_the_log_says_so_last() {
    let (runtime, told) = start(|_| {});
    runtime.stop(SOON);
    assert_eq!(told.iter().last().as_deref(), Some("system.stopped"));
}

#[test]
fn a_floor_that_panicked_is_over_and_takes_nothing_any_more() {
    let (runtime, told) = start(|command| {
        assert!(!matches!(command, Command::Reply { .. }), "broken on purpose");
    });
    ask(&runtime, 1);
    assert!(matches!(runtime.over.recv_timeout(SOON), Err(RecvTimeoutError::Disconnected)));
    let fact = Input::Binding { phone: PhoneId::from("1001"), bindings: 0 };
    assert!(runtime.handle().put(fact).is_err());
    assert_eq!(told.iter().last().as_deref(), Some("reply 1"));
    runtime.stop(SOON);
}

#[test]
fn a_stop_gives_up_a_floor_that_a_driver_blocks() {
    let (release, blocked) = crossbeam_channel::bounded::<()>(0);
    let (runtime, told) = start(move |command| {
        if matches!(command, Command::Reply { .. }) {
            let _ = blocked.recv();
        }
    });
    ask(&runtime, 1);
    while told.recv_timeout(SOON).unwrap() != "reply 1" {}
    runtime.stop(Duration::ZERO);
    drop(release);
}
