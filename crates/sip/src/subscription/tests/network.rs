//! Whole lives of subscriptions over a network that loses, delays and reorders, many times over.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::endpoint::{
    Endpoint, EndpointEvent, EndpointSettings, Order, Output, Source, Transport,
};
use crate::message::Method;
use crate::transaction::{Matched, Timing, TransactionEvent, TransactionLayer, TransactionOutput};

const SEEDS: u64 = 150;
/// How long the network is bad, in milliseconds.
const STORM: u64 = 120_000;

/// Chance from a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// A phone as plain as can be: what it subscribes to, and what it was told.
struct Phone {
    transactions: TransactionLayer<()>,
    branches: u64,
    calls: u64,
    /// Our tag and the CSeq of each of its subscriptions, by Call-ID; none once it has ended.
    dialogs: BTreeMap<String, Option<(String, u32)>>,
    /// Each NOTIFY heard: Call-ID, version, what was told, whether it is the last.
    heard: Vec<(String, u32, u64, bool)>,
}

impl Phone {
    fn new() -> Self {
        let transactions = TransactionLayer::new(Timing::default(), 1_000);
        let (dialogs, heard) = (BTreeMap::new(), Vec::new());
        Self { transactions, branches: 0, calls: 0, dialogs, heard }
    }

    fn sends(
        &mut self,
        (call_id, tag, cseq): (&str, Option<&str>, u32),
        expires: u64,
        now: Timestamp,
    ) {
        self.branches += 1;
        let more = format!("Expires: {expires}\r\n");
        let mut request = subscribe(call_id, cseq, tag, "dialog", &more);
        let via = format!("SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK-{}", self.branches);
        request.headers.set(HeaderName::Via, via);
        request.headers.remove(&HeaderName::RecordRoute);
        self.transactions.send(&request, flow(5060), (), now).unwrap();
    }

    fn subscribes(&mut self, expires: u64, now: Timestamp) {
        self.calls += 1;
        let call_id = format!("call-{}", self.calls);
        self.sends((&call_id, None, 1), expires, now);
    }

    /// Refreshes or ends one of those it has.
    fn refreshes(&mut self, dice: &mut Dice, expires: u64, now: Timestamp) {
        let live: Vec<_> = self.dialogs.iter().filter(|(_, dialog)| dialog.is_some()).collect();
        let Ok(count) = u64::try_from(live.len()) else { return };
        if count == 0 {
            return;
        }
        let call_id = live[usize::try_from(dice.below(count)).unwrap()].0.clone();
        let Some(Some((tag, cseq))) = self.dialogs.get_mut(&call_id) else { return };
        *cseq += 1;
        let (tag, cseq) = (tag.clone(), *cseq);
        self.sends((&call_id, Some(&tag), cseq), expires, now);
    }

    fn receives(&mut self, message: Message, now: Timestamp) {
        match message {
            Message::Response(response) => {
                self.transactions.receive_response(response, source(5062, 5060), now);
            }
            Message::Request(request) => {
                assert_eq!(request.method, Method::Notify);
                let matched = self.transactions.receive_request(&request, now);
                let Matched::New(fresh) = matched else { return };
                let user = (flow(5060), ());
                let transaction = self.transactions.open(&request, fresh, user, now).unwrap();
                let status = self.notified(&request);
                self.transactions.respond(transaction, &request.response(status), now);
            }
        }
    }

    fn notified(&mut self, notify: &Request) -> StatusCode {
        let call_id = notify.call_id().unwrap().to_owned();
        let tag = notify.from().unwrap().tag().unwrap().to_owned();
        let last =
            notify.headers.text(&HeaderName::SubscriptionState).unwrap().starts_with("terminated");
        let body = std::str::from_utf8(&notify.body).unwrap();
        let (version, told) = body.split_once(' ').unwrap();
        // The NOTIFY may come before the response to the SUBSCRIBE (RFC 6665 §4.1.2.4).
        let dialog = self.dialogs.entry(call_id.clone()).or_insert(Some((tag, 1)));
        if dialog.is_none() {
            return StatusCode::CALL_DOES_NOT_EXIST;
        }
        if last {
            *dialog = None;
        }
        self.heard.push((call_id, version.parse().unwrap(), told.parse().unwrap(), last));
        StatusCode::OK
    }

    fn settles(&mut self) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        while let Some(output) = self.transactions.poll_output() {
            match output {
                TransactionOutput::Send { bytes, .. } => sent.push(bytes.to_vec()),
                TransactionOutput::Event {
                    event: TransactionEvent::Response(response, _), ..
                } => {
                    let gone = response.status == StatusCode::CALL_DOES_NOT_EXIST;
                    if gone && let Some(dialog) = self.dialogs.get_mut(response.call_id().unwrap())
                    {
                        *dialog = None;
                    }
                }
                TransactionOutput::Event { .. } => {}
            }
        }
        sent
    }
}

fn source(peer: u16, local: u16) -> Source {
    Source {
        listener: ListenerId(0),
        transport: Transport::Udp,
        connection: None,
        peer: ([192, 0, 2, 7], peer).into(),
        local: ([192, 0, 2, 1], local).into(),
    }
}

struct World {
    dice: Dice,
    now: Timestamp,
    begin: Timestamp,
    endpoint: Endpoint,
    subscriptions: Subscriptions,
    phone: Phone,
    /// Due when, its number, whether for the phone, what.
    wire: BTreeMap<(Timestamp, u64), (bool, Vec<u8>)>,
    numbers: u64,
    state: u64,
    /// When each subscription was last told.
    told_at: BTreeMap<String, Timestamp>,
    /// Those whose next NOTIFY answers a SUBSCRIBE.
    at_once: BTreeSet<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let begin = Timestamp::from_secs(1_000_000);
        let settings = EndpointSettings::listening([([192, 0, 2, 1], 5060).into()]);
        Self {
            dice: Dice(seed),
            now: begin,
            begin,
            endpoint: Endpoint::new(settings, [1; 32]),
            subscriptions: Subscriptions::new(SubscriptionSettings::default(), SEED),
            phone: Phone::new(),
            wire: BTreeMap::new(),
            numbers: 0,
            state: 0,
            told_at: BTreeMap::new(),
            at_once: BTreeSet::new(),
        }
    }

    fn is_bad(&self) -> bool {
        self.now.since(self.begin) < Duration::from_millis(STORM)
    }

    fn carry(&mut self, for_phone: bool, bytes: Vec<u8>) {
        if self.is_bad() && self.dice.below(100) < 20 {
            return;
        }
        self.numbers += 1;
        let delay = if self.is_bad() { self.dice.below(400) } else { 5 };
        let at = self.now + Duration::from_millis(delay);
        self.wire.insert((at, self.numbers), (for_phone, bytes));
    }

    fn settle(&mut self) {
        loop {
            for bytes in self.phone.settles() {
                self.carry(false, bytes);
            }
            while let Some(output) = self.endpoint.poll_output() {
                match output {
                    Output::Send { bytes, .. } => self.carry(true, bytes.to_vec()),
                    Output::Event(event) => self.hear(event),
                }
            }
            let Some(owed) = self.subscriptions.poll(self.now) else { return };
            self.tell(&owed);
        }
    }

    fn hear(&mut self, event: EndpointEvent) {
        if let EndpointEvent::Requested { arrival, request, source } = event {
            let flow = source.destination();
            let subscriber = Subscriber { phone: &"1001".into(), flow, contact: &contact() };
            let answered =
                self.subscriptions.subscribe(&request, &subscriber, |_| Ok(()), self.now);
            if answered.is_ok() {
                self.at_once.insert(request.call_id().unwrap().to_owned());
            }
            let response = answered.unwrap_or_else(|refusal| request.response(refusal.status()));
            let order = Order::Respond { arrival, response: Box::new(response) };
            // Given up by its sender, perhaps.
            let _answered = self.endpoint.order(order, self.now);
        } else if let EndpointEvent::Responded { request, response, .. } = event {
            self.subscriptions.notified(request, &response, self.now);
        }
    }

    fn tell(&mut self, owed: &Owed) {
        self.numbers += 1;
        let request = RequestId(self.numbers);
        let body = format!("{} {}", owed.version, self.state).into_bytes();
        let outgoing = self.subscriptions.notify(owed, request, body, self.now).unwrap();
        let call_id = outgoing.attempt.as_ref().unwrap().call_id.clone();
        let state = outgoing.headers.iter().find(|(it, _)| *it == HeaderName::SubscriptionState);
        let last = state.unwrap().1.starts_with(b"terminated");
        let at_once = self.at_once.remove(&call_id);
        let before = self.told_at.insert(call_id, self.now);
        let pause = before.map(|before| self.now.since(before));
        if !last && !at_once {
            assert!(pause.is_none_or(|pause| pause >= Duration::from_secs(1)), "{pause:?}");
        }
        let order =
            Order::Request { request, method: Method::Notify, outgoing: Box::new(outgoing) };
        self.endpoint.order(order, self.now).unwrap();
    }

    /// Lets time pass until `until`.
    fn pass(&mut self, until: Timestamp) {
        loop {
            self.settle();
            let due = [
                self.wire.keys().next().map(|(at, _)| *at),
                self.endpoint.poll_timeout(),
                self.phone.transactions.poll_timeout(),
                self.subscriptions.poll_timeout(),
            ];
            let Some(at) = due.into_iter().flatten().min().filter(|at| *at <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(at);
            if let Some(((at, _), _)) = self.wire.first_key_value()
                && *at <= self.now
            {
                let (_, (for_phone, bytes)) = self.wire.pop_first().unwrap();
                let message = Message::parse(&bytes).unwrap();
                if for_phone {
                    self.phone.receives(message, self.now);
                } else {
                    self.endpoint.receive(message, source(5062, 5060), self.now);
                }
            }
            self.endpoint.handle_timeout(self.now);
            self.phone.transactions.handle_timeout(self.now);
        }
    }

    fn live_through_a_storm(&mut self) {
        self.phone.subscribes(600, self.now);
        while self.is_bad() {
            match self.dice.below(12) {
                0 => self.phone.subscribes(60 + self.dice.below(600), self.now),
                1 => self.phone.subscribes(0, self.now),
                2 | 3 => {
                    let expires = 60 + self.dice.below(600);
                    self.phone.refreshes(&mut self.dice, expires, self.now);
                }
                4 => self.phone.refreshes(&mut self.dice, 0, self.now),
                _ => {
                    self.state += 1;
                    self.subscriptions.changed(&lamp());
                }
            }
            let pause = Duration::from_millis(self.dice.below(4_000));
            self.pass(self.now + pause);
        }
    }
}

#[test]
fn whoever_still_watches_after_any_storm_knows_the_latest_and_nothing_is_left_at_the_end() {
    let (mut told, mut ended) = (0, 0);
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        world.live_through_a_storm();
        // The weather clears: what is lost is given up within 64·T1, and one more change is told.
        world.pass(world.now + Duration::from_secs(40));
        world.state += 1;
        world.subscriptions.changed(&lamp());
        world.pass(world.now + Duration::from_secs(10));
        let mut versions: BTreeMap<&str, u32> = BTreeMap::new();
        for (call_id, version, ..) in &world.phone.heard {
            let before = versions.insert(call_id, *version);
            assert!(before.is_none_or(|before| before < *version), "seed {seed}: {call_id}");
        }
        for (key, id) in &world.subscriptions.dialogs {
            let latest = world.phone.heard.iter().rfind(|(call_id, ..)| *call_id == key.0);
            let latest = latest.map(|(_, _, state, _)| *state);
            assert_eq!(latest, Some(world.state), "seed {seed}: {id:?}");
            told += 1;
        }
        world.pass(world.now + Duration::from_secs(800));
        assert!(world.subscriptions.is_empty(), "seed {seed}");
        let left = &world.subscriptions;
        assert!(left.dialogs.is_empty() && left.watchers.is_empty() && left.phones.is_empty());
        assert!(left.requests.is_empty() && left.deadlines.is_empty());
        let mut lasts: BTreeMap<&str, u32> = BTreeMap::new();
        for (call_id, .., last) in &world.phone.heard {
            *lasts.entry(call_id).or_default() += u32::from(*last);
        }
        assert!(lasts.values().all(|count| *count <= 1), "seed {seed}: {lasts:?}");
        ended += lasts.values().sum::<u32>();
        let left = world.endpoint.transaction_count() + world.endpoint.remembered_count();
        assert_eq!(left, 0, "seed {seed}");
    }
    assert!(told > 200 && ended > 500, "the storms were too good or too bad: {told} {ended}");
}
