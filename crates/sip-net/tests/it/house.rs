//! A running signalling driver, and the floor's side of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::{CallId, Carried, Epoch, LegId, MediaDescription, Number, PhoneId};
use sip::Host;
use sip::digest::{Algorithm, Ha1, Login};
use sip::endpoint::Transport;
use sip::locate::Wanted;
use sip::registrar::{BindingChange, BindingRow, ChangeKind};
use sip_net::{
    Account, AccountRules, BindingStore, CallerIdentity, Counted, Counters, Dialled, Handle,
    Listen, Ports, Serves, Settings, Setup, Trunk,
};
use switchboard::ports::{Alert, Full, Inbox, Input, LegCommand, LegFact, LegIds, RingsIn, Target};
use tokio::sync::mpsc;
use tokio::time::timeout;

pub(crate) const REALM: &str = "400.example.cn";
/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running driver. Phones 1001 and 1002 have accounts, the secret is `secret`; the trunk
/// `carrier` is at 127.0.0.2.
pub(crate) struct House {
    pub(crate) handle: Handle,
    pub(crate) floor: Arc<Floor>,
    inputs: mpsc::Receiver<Input>,
    changes: mpsc::Receiver<BindingChange>,
}

/// The floor's inbox, as far as a test needs one.
pub(crate) struct Floor {
    inputs: mpsc::Sender<Input>,
    full: AtomicBool,
}

impl Inbox for Floor {
    fn put(&self, input: Input) -> Result<(), Full> {
        if self.full.load(Ordering::Relaxed) && !input.is_fact() {
            return Err(Full(Box::new(input)));
        }
        self.inputs.try_send(input).unwrap();
        Ok(())
    }
}

impl Floor {
    pub(crate) fn fill(&self) {
        self.full.store(true, Ordering::Relaxed);
    }
}

struct Store(mpsc::Sender<BindingChange>);

impl BindingStore for Store {
    fn changed(&self, change: &BindingChange) {
        self.0.try_send(change.clone()).unwrap();
    }
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(adjust: impl FnOnce(&mut Setup)) -> Self {
        let listen = |serves| Listen::plain(serves, ([127, 0, 0, 1], 0).into());
        let listeners = vec![listen(Serves::Phones), listen(Serves::Trunks)];
        let mut settings = Settings::new(listeners, REALM);
        settings.check_every = None;
        // Here the floor is the test, which takes its time.
        settings.longest_backlog = Duration::from_secs(20);
        let mut setup = Setup {
            settings,
            accounts: ["1001", "1002"].map(account).into_iter().collect(),
            trunks: [trunk(([127, 0, 0, 2], 5080), None)].into_iter().collect(),
            bindings: Vec::new(),
        };
        adjust(&mut setup);
        let (inputs_in, inputs) = mpsc::channel(1_000);
        let (changes_in, changes) = mpsc::channel(1_000);
        let floor = Arc::new(Floor { inputs: inputs_in, full: AtomicBool::new(false) });
        let ports = Ports {
            inbox: Arc::clone(&floor) as Arc<dyn Inbox>,
            legs: Arc::new(LegIds::new(Epoch::new(1))),
            store: Arc::new(Store(changes_in)),
            counters: Arc::new(Counters::default()),
        };
        let handle = sip_net::start(setup, ports, clock::Clock::start()).await.unwrap();
        Self { handle, floor, inputs, changes }
    }

    pub(crate) fn command(&self, leg: LegId, command: LegCommand) {
        self.handle.command(leg, command).unwrap();
    }

    /// The next input to the floor.
    pub(crate) async fn input(&mut self) -> Input {
        timeout(PATIENCE, self.inputs.recv()).await.expect("no input came").unwrap()
    }

    pub(crate) async fn rings_in(&mut self) -> (LegId, RingsIn) {
        match self.input().await {
            Input::Leg { leg, fact: LegFact::RingsIn(rings) } => (leg, *rings),
            other => panic!("not a new call: {other:?}"),
        }
    }

    pub(crate) async fn fact(&mut self, leg: LegId) -> LegFact {
        match self.input().await {
            Input::Leg { leg: of, fact } if of == leg => fact,
            other => panic!("not a fact about leg {leg}: {other:?}"),
        }
    }

    /// The phone's number of bindings, when the next input is about that.
    pub(crate) async fn bindings(&mut self) -> (PhoneId, u32) {
        match self.input().await {
            Input::Binding { phone, bindings } => (phone, bindings),
            other => panic!("not about bindings: {other:?}"),
        }
    }

    /// The next change the store is told of.
    pub(crate) async fn change(&mut self) -> (ChangeKind, BindingRow) {
        let change = timeout(PATIENCE, self.changes.recv()).await.expect("no change came").unwrap();
        (change.kind, BindingRow { phone: change.phone, binding: (*change.binding).clone() })
    }

    /// Whether the floor has been told nothing more.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.inputs.try_recv().is_err()
    }

    pub(crate) fn counted(&self, what: Counted) -> u64 {
        self.handle.counters().of(what)
    }
}

pub(crate) fn account(phone: &str) -> Account {
    let secret = |algorithm| Ha1::of(algorithm, phone, REALM, "secret");
    Account {
        phone: phone.into(),
        display: None,
        secrets: Algorithm::OFFERED.map(secret).to_vec(),
        rules: AccountRules::default(),
    }
}

pub(crate) fn trunk(destination: ([u8; 4], u16), login: Option<Login>) -> Trunk {
    Trunk {
        id: "carrier".into(),
        sources: vec!["127.0.0.2".parse().unwrap()],
        proxy: Some(at(destination.into())),
        host: None,
        login,
        registers: None,
        check_every: None,
        dialled: Dialled::RequestUri,
        certificate: None,
        caller: None,
        identity: CallerIdentity::From,
    }
}

/// A trunk's proxy at this address, over UDP.
pub(crate) fn at(address: SocketAddr) -> Wanted {
    let (host, port) = (Host::Ip(address.ip()), Some(address.port()));
    Wanted { host, port, transport: Some(Transport::Udp) }
}

/// Our description at a port of ours.
pub(crate) fn ours(port: u16) -> MediaDescription {
    MediaDescription::ours(([127, 0, 0, 1], port).into())
}

pub(crate) fn number(text: &str) -> Number {
    text.parse().unwrap()
}

/// A leg as the floor names those it dials.
pub(crate) fn dialled(number: u32) -> LegId {
    LegId::new(Epoch::new(1), number * 2)
}

/// A caller's call to a phone, as most tests make it.
pub(crate) fn rings(phone: &str) -> LegCommand {
    LegCommand::Dial {
        target: Target::Phone(phone.into()),
        from: number("13800138000"),
        display: None,
        offer: ours(20_000),
        call: CallId::new(Epoch::new(1), 7),
        carried: Carried::default(),
        alert: Alert::Ring,
    }
}
