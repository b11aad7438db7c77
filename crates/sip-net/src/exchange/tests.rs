//! Whole lives of legs under chance: a floor that commands anything at any time, a carrier and a
//! phone that do anything at any time, and a network that loses messages. Time is virtual.

mod registering;
mod within;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::{CallId, Epoch, MediaDescription};
use sip::endpoint::{Body, Outgoing, Rejection, Transport, Within};
use sip::locate::Wanted;
use sip::registrar::{Binding, BindingId, Preference};
use sip::sdp::{SdpOrigin, write_offer};
use sip::{HeaderName, Method, NameAddr, Uri};
use switchboard::ports::{Full, Inbox, LegIds, Target};

use super::*;
use crate::accounts::{Account, AccountRules, Trunk};
use crate::ports::NoStore;
use crate::settings::Listen;

/// The listener for phones, and the one for trunks.
const PHONES: ListenerId = ListenerId(0);
const TRUNKS: ListenerId = ListenerId(1);

const SEEDS: u64 = 300;
const STEPS: u64 = 120;

/// Chance from a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

#[derive(Default)]
struct Heard(Mutex<Vec<Input>>);

impl Inbox for Heard {
    fn put(&self, input: Input) -> Result<(), Full> {
        self.0.lock().unwrap().push(input);
        Ok(())
    }
}

/// A far side: a carrier or a phone, doing as chance says.
struct Far {
    endpoint: Endpoint,
    address: SocketAddr,
    sessions: Vec<SessionId>,
    last: u64,
}

impl Far {
    fn at(address: SocketAddr, seed: u8) -> Self {
        let settings = EndpointSettings::listening([address]);
        let endpoint = Endpoint::new(settings, [seed; 32]);
        Self { endpoint, address, sessions: Vec::new(), last: 0 }
    }

    fn body(&mut self) -> Body {
        self.last += 1;
        let description = MediaDescription::ours(SocketAddr::new(self.address.ip(), 30_000));
        let origin = SdpOrigin { session_id: 1, version: self.last };
        Body::sdp(write_offer(&description, None, origin))
    }

    fn calls(&mut self, to: SocketAddr, now: Timestamp) {
        self.last += 1;
        let session = SessionId(self.last);
        let outgoing = Outgoing {
            target: "sip:4008001234@192.0.2.1".parse().unwrap(),
            destination: Destination::udp(ListenerId(0), to),
            from: NameAddr::new("sip:13800138000@192.0.2.2".parse().unwrap()),
            to: NameAddr::new("sip:4008001234@192.0.2.1".parse().unwrap()),
            routes: Vec::new(),
            headers: Vec::new(),
            body: Some(self.body()),
            max_forwards: 70,
            attempt: None,
        };
        let _ = self.endpoint.order(Order::Invite { session, outgoing: Box::new(outgoing) }, now);
        self.sessions.push(session);
    }

    /// Does anything with any of its sessions, sensible or not.
    fn acts(&mut self, dice: &mut Dice, now: Timestamp) {
        let Some(count) = u64::try_from(self.sessions.len()).ok().filter(|count| *count > 0) else {
            return;
        };
        let session = self.sessions[usize::try_from(dice.roll(count)).unwrap()];
        let refusal = Box::new(Rejection::new(StatusCode::BUSY_HERE, "busy"));
        let order = match dice.roll(10) {
            0 => Order::Progress { session, status: StatusCode::RINGING, body: None },
            1 | 2 => Order::Accept { session, body: self.body() },
            3 => Order::Reject { session, refusal },
            4 => Order::Cancel { session, reason: None },
            5 => Order::Bye { session, reason: None },
            6 => Order::Reinvite { session, body: self.body() },
            7 => Order::AnswerOffer { session, body: self.body() },
            8 => Order::RequestWithin {
                session,
                request: RequestId(self.last),
                within: Box::new(Within {
                    method: Method::Refer,
                    headers: vec![(HeaderName::ReferTo, b"<sip:1002@400.example.cn>".to_vec())],
                    body: None,
                }),
            },
            _ => Order::RefuseOffer { session, refusal },
        };
        let _ = self.endpoint.order(order, now);
    }
}

/// Everything at once.
struct World {
    dice: Dice,
    now: Timestamp,
    exchange: Exchange,
    heard: Arc<Heard>,
    carrier: Far,
    phone: Far,
    network: VecDeque<(Vec<u8>, SocketAddr, SocketAddr)>,
    losses: u64,
    dialled: u32,
    /// Of each leg the floor knows: whether it has been released.
    legs: BTreeMap<LegId, bool>,
}

const PHONE_SIDE: ([u8; 4], u16) = ([192, 0, 2, 1], 5060);
const TRUNK_SIDE: ([u8; 4], u16) = ([192, 0, 2, 1], 5080);

impl World {
    fn new(seed: u64) -> Self {
        let heard = Arc::new(Heard::default());
        let ports = Ports {
            inbox: Arc::clone(&heard) as Arc<dyn Inbox>,
            legs: Arc::new(LegIds::new(Epoch::new(1))),
            store: Arc::new(NoStore),
            counters: Arc::default(),
        };
        let carrier = Far::at(([192, 0, 2, 2], 5060).into(), 2);
        let phone = Far::at(([192, 0, 2, 3], 5060).into(), 3);
        let phones = Listen::plain(Serves::Phones, PHONE_SIDE.into());
        let trunks = Listen::plain(Serves::Trunks, TRUNK_SIDE.into());
        let mut settings = Settings::new(vec![phones, trunks], "400.example.cn");
        settings.check_every = None;
        let trunk = Trunk {
            sources: vec![carrier.address.ip().into()],
            proxy: Some(Wanted {
                host: Host::Ip(carrier.address.ip()),
                port: Some(carrier.address.port()),
                transport: Some(Transport::Udp),
            }),
            ..Trunk::of("carrier")
        };
        let account = Account {
            phone: "1001".into(),
            display: None,
            secrets: Vec::new(),
            rules: AccountRules::default(),
        };
        let accounts = [account].into_iter().collect();
        let sides = [PHONE_SIDE.into(), TRUNK_SIDE.into()];
        let secrets = Secrets { endpoint: [1; 32], nonces: [1; 32], subscriptions: [9; 32] };
        let mut exchange = Exchange::new(&settings, &sides, accounts, ports, secrets);
        let now = Timestamp::from_secs(1_000_000);
        exchange.replace_trunks([trunk].into_iter().collect(), now);
        exchange.restore(vec![bound(phone.address, now)], now);
        let mut dice = Dice(seed);
        let losses = dice.roll(3) * 10;
        let network = VecDeque::new();
        let legs = BTreeMap::new();
        Self { dice, now, exchange, heard, carrier, phone, network, losses, dialled: 0, legs }
    }

    fn step(&mut self) {
        match self.dice.roll(10) {
            0 => self.carrier.calls(TRUNK_SIDE.into(), self.now),
            1 => self.dials(),
            2 => self.carrier.acts(&mut self.dice, self.now),
            3 | 4 => self.phone.acts(&mut self.dice, self.now),
            5..=7 => self.commands(),
            _ => {
                let span = self.dice.roll(3_000);
                self.passes(Duration::from_millis(span));
            }
        }
        self.settles();
    }

    fn dials(&mut self) {
        self.dialled += 2;
        let leg = LegId::new(Epoch::new(1), self.dialled);
        let target = match self.dice.roll(3) {
            0 => Target::Trunk { trunk: "carrier".into(), number: "13900139000".parse().unwrap() },
            _ => Target::Phone("1001".into()),
        };
        let command = LegCommand::Dial {
            target,
            from: "13800138000".parse().unwrap(),
            display: None,
            offer: self.ours(),
            call: CallId::default(),
            carried: model::Carried::default(),
            alert: switchboard::ports::Alert::Ring,
        };
        self.legs.insert(leg, false);
        self.exchange.command(leg, command, self.now);
    }

    /// The floor commands anything of any leg it has ever known.
    fn commands(&mut self) {
        let known: Vec<_> = self.legs.keys().copied().collect();
        let Some(count) = u64::try_from(known.len()).ok().filter(|count| *count > 0) else {
            return;
        };
        let leg = known[usize::try_from(self.dice.roll(count)).unwrap()];
        let command = match self.dice.roll(10) {
            0 => LegCommand::Ring { answer: None },
            1 => LegCommand::Ring { answer: Some(self.ours()) },
            2 | 3 => LegCommand::Answer { answer: self.ours() },
            4 => LegCommand::AnswerReoffer { answer: self.ours() },
            5 => LegCommand::RefuseReoffer { status: 488 },
            6 => LegCommand::Reoffer { offer: self.ours() },
            7 => LegCommand::TransferProgress { status: 100 },
            8 => LegCommand::TransferProgress { status: 200 },
            _ => LegCommand::Release { cause: Cause::CallEnded, status: None },
        };
        self.exchange.command(leg, command, self.now);
    }

    fn ours(&mut self) -> MediaDescription {
        let port = u16::try_from(20_000 + self.dice.roll(100) * 2).unwrap();
        MediaDescription::ours(([192, 0, 2, 1], port).into())
    }

    fn passes(&mut self, span: Duration) {
        let until = self.now + span;
        loop {
            let due = [
                self.exchange.poll_timeout(),
                self.carrier.endpoint.poll_timeout(),
                self.phone.endpoint.poll_timeout(),
            ];
            let Some(at) = due.into_iter().flatten().min().filter(|at| *at <= until) else { break };
            self.now = self.now.max(at);
            self.exchange.handle_timeout(self.now);
            self.carrier.endpoint.handle_timeout(self.now);
            self.phone.endpoint.handle_timeout(self.now);
            self.settles();
        }
        self.now = until;
    }

    /// Carries messages until nobody has anything to say.
    fn settles(&mut self) {
        loop {
            while let Some((bytes, destination)) = self.exchange.poll_send() {
                let from = if destination.listener == PHONES { PHONE_SIDE } else { TRUNK_SIDE };
                self.network.push_back((bytes.to_vec(), from.into(), destination.peer));
            }
            for far in [&mut self.carrier, &mut self.phone] {
                while let Some(output) = far.endpoint.poll_output() {
                    match output {
                        Output::Send { bytes, destination } => {
                            let way = (bytes.to_vec(), far.address, destination.peer);
                            self.network.push_back(way);
                        }
                        Output::Event(EndpointEvent::Invited { session, .. }) => {
                            far.sessions.push(session);
                        }
                        Output::Event(_) => {}
                    }
                }
            }
            self.listens();
            let Some((bytes, from, to)) = self.network.pop_front() else { break };
            if self.dice.roll(100) >= self.losses {
                self.delivers(&bytes, from, to);
            }
        }
    }

    fn delivers(&mut self, bytes: &[u8], from: SocketAddr, to: SocketAddr) {
        let message = Message::parse(bytes).unwrap();
        let source = |listener| Source {
            listener,
            transport: Transport::Udp,
            connection: None,
            peer: from,
            local: to,
        };
        if to == SocketAddr::from(PHONE_SIDE) {
            self.exchange.receive(message, source(PHONES), self.now);
        } else if to == SocketAddr::from(TRUNK_SIDE) {
            self.exchange.receive(message, source(TRUNKS), self.now);
        } else if to == self.carrier.address {
            self.carrier.endpoint.receive(message, source(ListenerId(0)), self.now);
        } else {
            assert_eq!(to, self.phone.address);
            self.phone.endpoint.receive(message, source(ListenerId(0)), self.now);
        }
    }

    /// What the floor hears must be about a leg it knows that is not yet over.
    fn listens(&mut self) {
        for input in std::mem::take(&mut *self.heard.0.lock().unwrap()) {
            let Input::Leg { leg, fact } = input else { continue };
            match fact {
                LegFact::RingsIn(_) => {
                    assert_eq!(self.legs.insert(leg, false), None, "leg {leg} rings in twice");
                }
                LegFact::Released { .. } => {
                    assert_eq!(self.legs.insert(leg, true), Some(false), "leg {leg} ends twice");
                }
                LegFact::Ringing { .. }
                | LegFact::Answered { .. }
                | LegFact::Reoffered { .. }
                | LegFact::Reanswered { .. }
                | LegFact::Digit(_)
                | LegFact::TransferAsked { .. }
                | LegFact::MergeAsked { .. } => {
                    assert_eq!(self.legs.get(&leg), Some(&false), "leg {leg}: {fact:?}");
                }
            }
        }
    }
}

fn bound(at: SocketAddr, now: Timestamp) -> BindingRow {
    let contact = Uri::sip("1001", Host::Ip(at.ip())).with_port(Some(at.port()));
    BindingRow {
        phone: "1001".into(),
        binding: Binding {
            id: BindingId(0),
            contact,
            preference: Preference::HIGHEST,
            instance: None,
            sip_call_id: "r".into(),
            cseq: 1,
            flow: Destination::udp(PHONES, at),
            path: Box::default(),
            user_agent: None,
            registered_at: now,
            refreshed_at: now,
            expires_at: now + Duration::from_secs(86_400),
        },
    }
}

#[test]
fn every_leg_ends_exactly_once_whatever_happens() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
        }
        world.exchange.shut_down(world.now);
        world.settles();
        let open: Vec<_> = world.legs.iter().filter(|(_, over)| !**over).collect();
        assert!(open.is_empty(), "seed {seed}: {open:?}");
        assert_eq!(world.exchange.legs.len(), 0, "seed {seed}");
        world.losses = 0;
        world.passes(Duration::from_secs(600));
        assert!(world.exchange.is_idle(world.now), "seed {seed}");
        assert_eq!(world.exchange.legs.sessions(), 0, "seed {seed}");
        assert_eq!(world.exchange.legs.of_phone(&"1001".into()).count(), 0, "seed {seed}");
    }
}
