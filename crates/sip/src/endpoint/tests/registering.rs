//! Registrations over a network that loses, doubles and reorders: what the phone is told, and what
//! the registrar has in the end.

use std::collections::BTreeMap;
use std::time::Duration;

use model::PhoneId;

use super::network::{Dice, Faults, Harm, Network, Side};
use crate::endpoint::{Attempt, EndpointEvent, Order, RequestId, Transport};
use crate::header::HeaderName;
use crate::message::{Method, StatusCode};
use crate::registrar::{Registrar, RegistrarSettings};

const SEEDS: u64 = 600;
/// How often the phone registers in one run.
const TIMES: u64 = 6;

/// One run: a phone that registers, refreshes and takes back, one after the other.
struct Run {
    net: Network,
    registrar: Registrar,
    phone: PhoneId,
    /// For each CSeq number: how often the application saw it, and whether it carried it out.
    seen: BTreeMap<u32, (u32, bool)>,
    /// What the phone was told of each of its requests.
    told: BTreeMap<RequestId, Vec<Result<StatusCode, StatusCode>>>,
    attempt: Option<Attempt>,
}

impl Run {
    fn new(seed: u64, faults: Faults) -> Self {
        Self {
            net: Network::new(faults, seed),
            registrar: Registrar::new(RegistrarSettings::default()),
            phone: PhoneId::from("1001"),
            seen: BTreeMap::new(),
            told: BTreeMap::new(),
            attempt: None,
        }
    }

    /// The number of the request is how many seconds it asks for, so that one can tell them apart.
    fn register(&mut self, request: RequestId, seconds: u64) {
        let mut outgoing = self.net.outgoing();
        outgoing.body = None;
        outgoing.headers = vec![(HeaderName::Expires, seconds.to_string().into_bytes())];
        outgoing.attempt = self.attempt.clone();
        let (method, outgoing) = (Method::Register, Box::new(outgoing));
        self.net.order(Side::Caller, Order::Request { request, method, outgoing });
        self.told.insert(request, Vec::new());
    }

    /// Until the phone has been told of this request, and a little longer.
    fn wait(&mut self, request: RequestId, pause: Duration) {
        for _ in 0..2_000 {
            if !self.told[&request].is_empty() {
                break;
            }
            let end = self.net.now + Duration::from_secs(1);
            while self.net.step(end) {
                self.hear();
            }
            self.net.now = end;
        }
        let end = self.net.now + pause;
        while self.net.step(end) {
            self.hear();
        }
        self.net.now = end;
    }

    fn hear(&mut self) {
        for (_, event) in std::mem::take(&mut self.net.events) {
            if let EndpointEvent::Requested { arrival, request, source } = event {
                let number = request.cseq().unwrap().number;
                let now = self.net.now;
                let flow = source.destination();
                let outcome = self.registrar.register(&self.phone, &request, flow, now);
                let row = self.seen.entry(number).or_default();
                *row = (row.0 + 1, row.1 || outcome.is_ok());
                let status = outcome.map_or_else(|refusal| refusal.status(), |_| StatusCode::OK);
                let response = Box::new(request.response(status));
                self.net.order(Side::Callee, Order::Respond { arrival, response });
            } else if let EndpointEvent::Responded { request, response, attempt } = event {
                let told = response.map(|response| response.status);
                self.told.get_mut(&request).unwrap().push(told);
                self.attempt = attempt;
            }
        }
    }
}

fn play(seed: u64, faults: Faults, transport: Transport) -> Harm {
    let mut run = Run::new(seed, faults);
    run.net.transport = transport;
    let mut dice = Dice(seed ^ 0x5eed);
    let mut asked = BTreeMap::new();
    for number in 1..=TIMES {
        let seconds = if dice.below(4) == 0 { 0 } else { 400 + number };
        asked.insert(u32::try_from(number).unwrap(), seconds);
        let request = RequestId(number);
        run.register(request, seconds);
        run.wait(request, Duration::from_millis(dice.below(3_000)));
    }
    run.wait(RequestId(TIMES), Duration::from_secs(70));
    assert!(run.net.is_clear(), "seed {seed}: something is left");
    for (number, (times, _)) in &run.seen {
        assert_eq!(*times, 1, "seed {seed}: number {number} came up {times} times");
    }
    for (request, told) in &run.told {
        assert_eq!(told.len(), 1, "seed {seed}: {request:?} was told {told:?}");
        let number = u32::try_from(request.0).unwrap();
        let done = run.seen.get(&number).is_some_and(|(_, done)| *done);
        // Whoever is told 200 is registered. Who is told nothing may be, all the same.
        assert!(told[0] != Ok(StatusCode::OK) || done, "seed {seed}: {request:?} was never done");
        assert!(told[0].is_ok() || told[0] == Err(StatusCode::REQUEST_TIMEOUT), "{told:?}");
    }
    // What the newest that was carried out asked for is what is there.
    let newest = run.seen.iter().rev().find(|(_, (_, done))| *done).map(|(number, _)| *number);
    let seconds = newest.map_or(0, |number| asked[&number]);
    let bindings = run.registrar.bindings(&run.phone);
    let there = bindings.iter().map(|it| (it.cseq, it.expires_at.since(it.refreshed_at).as_secs()));
    let expected = newest.filter(|_| seconds > 0).map(|number| (number, seconds));
    assert_eq!(there.collect::<Vec<_>>(), Vec::from_iter(expected), "seed {seed}");
    run.net.harm
}

#[test]
fn each_registration_is_carried_out_once_and_told_once_whatever_the_network_does() {
    let mut worst = Harm::default();
    for seed in 0..SEEDS {
        let faults = Faults { lost: 25, doubled: 20, mangled: 0, delay: 900 };
        let harm = play(seed, faults, Transport::Udp);
        worst.lost += harm.lost;
        worst.doubled += harm.doubled;
        worst.overtaken += harm.overtaken;
    }
    assert!(worst.lost > SEEDS && worst.doubled > SEEDS && worst.overtaken > SEEDS, "{worst:?}");
}

#[test]
fn each_registration_is_told_once_even_where_most_is_lost() {
    // A copy that is under way for longer than half a second may come when Timer J is over.
    for seed in 10_000..10_000 + SEEDS {
        play(seed, Faults { lost: 80, doubled: 5, mangled: 0, delay: 499 }, Transport::Udp);
    }
}

#[test]
fn over_a_stream_every_registration_is_carried_out() {
    for seed in 0..50 {
        let harm =
            play(seed, Faults { lost: 50, doubled: 50, mangled: 0, delay: 1 }, Transport::Tcp);
        assert_eq!(harm, Harm::default(), "a stream harms nothing");
    }
}
