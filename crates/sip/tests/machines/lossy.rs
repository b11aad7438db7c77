//! A client and a server machine with a network between them that loses, doubles, delays and reorders,
//! breaks off, fails whoever sends, and now and then brings what nobody sent.
//!
//! Each step of each machine is looked up in its table, and in the end every cell has been stepped on
//! in which anything can happen.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;

/// Pairs of machines for each kind and transport.
const RUNS: u64 = 4_000;

/// A generator for tests: a Weyl sequence, mixed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 33) % bound
    }

    fn of_a_hundred(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    fn within(&mut self, millis: u64) -> Duration {
        Duration::from_millis(self.below(millis))
    }

    fn class(&mut self) -> ResponseClass {
        match self.below(3) {
            0 => Provisional,
            1 => Success,
            _ => Failure,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Client,
    Server,
}

/// What comes to pass at a time.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A message reaches a side.
    Arrives(Side, Happening),
    /// A side is told that what it sent has failed.
    Fails(Side),
    /// The server's application answers.
    Answers(ResponseClass),
}

/// What was stepped on in each table.
struct Seen {
    table: Table,
    cells: BTreeSet<(String, String)>,
}

impl Seen {
    fn new(table: &str) -> Self {
        Self { table: Table::read(table), cells: BTreeSet::new() }
    }

    /// Steps, as the table says.
    fn step<M: Machine>(
        &mut self,
        machine: &mut M,
        happening: Happening,
        (reliability, now): (Reliability, Timestamp),
    ) -> Vec<Action> {
        let state = machine.state();
        let expected = self.table.expected(&state, happening, reliability);
        let actions = machine.happen(happening, reliability, now);
        let given = (machine.state(), actions.clone());
        assert_eq!(given, expected, "{state}, {happening:?}, {reliability:?}");
        self.cells.insert((state, format!("{happening:?}")));
        actions
    }

    /// The cells that nobody has stepped on and somebody could.
    fn missed(&self, timers: &str, reliability: Reliability) -> Vec<(String, Happening)> {
        let mut missed = Vec::new();
        for (state, _) in &self.table.rows {
            if reliability == Reliable && skipped_over_a_stream(timers, state) {
                continue;
            }
            for (happening, cell) in self.table.cells(state) {
                let is_timer = matches!(happening, Happening::Repeat | Happening::End);
                let runs =
                    cell != "·" && (happening != Happening::Repeat || reliability == Unreliable);
                let seen = self.cells.contains(&(state.clone(), format!("{happening:?}")));
                if !seen && (!is_timer || runs) {
                    missed.push((state.clone(), happening));
                }
            }
        }
        missed
    }
}

/// One client, one server, and what is between them.
struct World<'a, C, S> {
    reliability: Reliability,
    now: Timestamp,
    dice: Dice,
    client: C,
    /// None before the first request has come.
    server: Option<S>,
    /// What the server says again.
    last: Option<ResponseClass>,
    due: BTreeMap<(Timestamp, u64), Event>,
    count: u64,
    /// From when on nothing gets through.
    severed: Timestamp,
    /// Of a hundred sendings, how many fail their sender.
    failing: u64,
    seen: (&'a mut Seen, &'a mut Seen),
    /// Whether there are ACKs.
    invites: bool,
}

impl<C: Machine, S: Machine> World<'_, C, S> {
    fn at(&mut self, after: Duration, event: Event) {
        self.count += 1;
        self.due.insert((self.now + after, self.count), event);
    }

    fn send(&mut self, from: Side, message: Happening) {
        let to = if from == Side::Client { Side::Server } else { Side::Client };
        if self.dice.of_a_hundred(self.failing) {
            self.at(Duration::ZERO, Event::Fails(from));
            return;
        }
        let lossy = self.reliability == Unreliable;
        let copies = match self.dice.below(100) {
            _ if self.now >= self.severed => 0,
            0..30 if lossy => 0,
            30..45 if lossy => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let delay = self.dice.within(900);
            self.at(delay, Event::Arrives(to, message));
        }
    }

    fn client_does(&mut self, what: Happening) {
        let now = (self.reliability, self.now);
        for action in self.seen.0.step(&mut self.client, what, now) {
            match action {
                Action::Resend => self.send(Side::Client, Happening::Request),
                Action::Acknowledge => self.send(Side::Client, Happening::Ack),
                // The ACK of a 2xx is its user's to send (RFC 3261 §13.2.2.4).
                Action::Pass if self.invites && what == Happening::Response(Success) => {
                    self.send(Side::Client, Happening::Ack);
                }
                Action::Pass | Action::TimedOut | Action::Failed => {}
            }
        }
    }

    fn server_does(&mut self, what: Happening) {
        if what == Happening::Request && self.server.is_none() {
            self.server = Some(S::begun(self.reliability, self.now));
            self.plan();
            return;
        }
        let Some(server) = &mut self.server else { return };
        let actions = self.seen.1.step(server, what, (self.reliability, self.now));
        if let Happening::Response(class) = what
            && actions.contains(&Action::Resend)
        {
            self.last = Some(class);
        }
        for _ in actions.iter().filter(|it| **it == Action::Resend) {
            // An invitation that comes again before its application has said anything is not answered.
            let Some(last) = self.last else { continue };
            self.send(Side::Server, Happening::Response(last));
        }
    }

    /// What the server's application will say, and when: mostly with sense.
    fn plan(&mut self) {
        let final_after = self.dice.within(45_000);
        for _ in 0..self.dice.below(3) {
            let after = self.dice.within(45_000).min(final_after);
            self.at(after, Event::Answers(Provisional));
        }
        if self.dice.of_a_hundred(85) {
            let class = if self.dice.of_a_hundred(50) { Success } else { Failure };
            self.at(final_after, Event::Answers(class));
            // A 2xx to an INVITE is its user's to repeat (RFC 6026 §7.1).
            for seconds in 1..4 {
                self.at(final_after + Duration::from_secs(seconds), Event::Answers(class));
            }
        }
        if self.dice.of_a_hundred(30) {
            let (after, class) = (self.dice.within(90_000), self.dice.class());
            self.at(after, Event::Answers(class));
        }
    }

    /// What nobody sent.
    fn stray(&mut self) {
        let (side, message) = match self.dice.below(3) {
            0 => (Side::Client, Happening::Response(self.dice.class())),
            1 => (Side::Server, Happening::Request),
            _ => (Side::Server, Happening::Ack),
        };
        let after = self.dice.within(120_000);
        self.at(after, Event::Arrives(side, message));
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Arrives(Side::Client, message) => self.client_does(message),
            Event::Arrives(Side::Server, message) => self.server_does(message),
            Event::Fails(Side::Client) => self.client_does(Happening::Error),
            Event::Fails(Side::Server) => self.server_does(Happening::Error),
            Event::Answers(class) => self.server_does(Happening::Response(class)),
        }
    }

    fn runs(&mut self) {
        self.send(Side::Client, Happening::Request);
        for _ in 0..self.dice.below(4) {
            self.stray();
        }
        if self.dice.of_a_hundred(20) {
            let side = if self.dice.of_a_hundred(50) { Side::Client } else { Side::Server };
            let after = self.dice.within(120_000);
            self.at(after, Event::Fails(side));
        }
        while let Some(next) = self.next() {
            self.now = next.0;
            match next.1 {
                None => self.happens_next(),
                Some((side, timer)) => {
                    let repeats = REPEATING.contains(&timer);
                    let what = if repeats { Happening::Repeat } else { Happening::End };
                    match side {
                        Side::Client => self.client_does(what),
                        Side::Server => self.server_does(what),
                    }
                }
            }
        }
    }

    fn happens_next(&mut self) {
        if let Some((_, event)) = self.due.pop_first() {
            self.happens(event);
        }
    }

    /// When something happens next, and which timer that is, if it is one.
    fn next(&self) -> Option<(Timestamp, Option<(Side, Timer)>)> {
        let network = self.due.keys().next().map(|(at, _)| (*at, None));
        let timer = |side| move |(at, timer): (Timestamp, Timer)| (at, Some((side, timer)));
        let client = self.client.deadline().map(timer(Side::Client));
        let server = self.server.and_then(|it| it.deadline()).map(timer(Side::Server));
        [network, client, server].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}

/// All runs of a pair of machines; the states in which one may wait for ever: nobody answers.
fn every_cell_is_stepped_on<C: Machine, S: Machine>(
    (client, client_timers): (&str, &str),
    (server, server_timers): (&str, &str),
    waiting: &[&str],
) {
    let invites = !waiting.is_empty();
    for reliability in [Unreliable, Reliable] {
        let mut seen = (Seen::new(client), Seen::new(server));
        for seed in 0..RUNS {
            let mut dice = Dice(seed);
            let severed = if dice.of_a_hundred(30) { dice.below(60_000) } else { u64::MAX >> 20 };
            let failing = if dice.of_a_hundred(20) { 20 } else { 0 };
            let mut world: World<'_, C, S> = World {
                reliability,
                now: START,
                client: C::begun(reliability, START),
                server: None,
                last: None,
                due: BTreeMap::new(),
                count: 0,
                severed: START + Duration::from_millis(severed),
                failing,
                dice,
                seen: (&mut seen.0, &mut seen.1),
                invites,
            };
            world.runs();
            let states = [Some(world.client.state()), world.server.map(|it| it.state())];
            for state in states.into_iter().flatten() {
                let ends = state == "Terminated" || waiting.contains(&state.as_str());
                assert!(ends, "seed {seed}, {reliability:?}: it ends {state}");
            }
        }
        assert_eq!(seen.0.missed(client_timers, reliability), [], "client, {reliability:?}");
        assert_eq!(seen.1.missed(server_timers, reliability), [], "server, {reliability:?}");
    }
}

#[test]
fn invitations_step_on_every_cell_and_on_no_other() {
    every_cell_is_stepped_on::<InviteClient, InviteServer>(
        (INVITE_CLIENT, INVITE_CLIENT_TIMERS),
        (INVITE_SERVER, INVITE_SERVER_TIMERS),
        &["Proceeding"],
    );
}

#[test]
fn other_requests_step_on_every_cell_and_on_no_other() {
    every_cell_is_stepped_on::<NonInviteClient, NonInviteServer>(
        (NON_INVITE_CLIENT, NON_INVITE_CLIENT_TIMERS),
        (NON_INVITE_SERVER, NON_INVITE_SERVER_TIMERS),
        &[],
    );
}
