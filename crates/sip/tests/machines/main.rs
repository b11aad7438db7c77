//! The four transaction machines against the RFC's tables, state by state: in every state, over
//! both kinds of transport, everything that can happen at all, and what must come of it.
//!
//! A row is a state, a column what happens; a cell is the next state and what is done, `·` that
//! nothing changes and nothing is done. Where a transport decides, the reliable one stands behind a
//! slash. Below each table is which timer each state waits for, and for how long.
//!
//! The tables are those of RFC 3261 §17 with what RFC 6026 §7 changes in them; what the figures there
//! do not draw is a cell of its own here, with the sentence that decides it.
//!
//! `lossy` lets the machines speak with one another in a network that loses, doubles and reorders,
//! and looks up each of their steps.
#![expect(clippy::panic, reason = "a test stops where its table is broken")]

mod lossy;

use std::collections::BTreeSet;
use std::time::Duration;

use model::Timestamp;
use sip::transaction::Reliability::{Reliable, Unreliable};
use sip::transaction::ResponseClass::{Failure, Provisional, Success};
use sip::transaction::{
    Action, InviteClient, InviteServer, NonInviteClient, NonInviteServer, Reliability,
    ResponseClass, Timer, Timing,
};

const START: Timestamp = Timestamp::from_secs(1_000);

/// §17.1.1 as RFC 6026 §7.2 changes it. A 2xx after a refusal, or a refusal after a 2xx, is no
/// response of this transaction any more; a late 1xx says nothing.
const INVITE_CLIENT: &str = "
             | 1xx             | 2xx           | 3xx-6xx                                 | error             | repeat       | end
 Calling     | Proceeding pass | Accepted pass | Completed/Terminated acknowledge pass   | Terminated failed | Calling send | Terminated timed-out
 Proceeding  | Proceeding pass | Accepted pass | Completed/Terminated acknowledge pass   | ·                 | ·            | ·
 Completed   | ·               | ·             | Completed acknowledge                   | Terminated failed | ·            | Terminated
 Accepted    | ·               | Accepted pass | ·                                       | ·                 | ·            | Terminated
 Terminated  | ·               | ·             | ·                                       | ·                 | ·            | ·
";
const INVITE_CLIENT_TIMERS: &str = "
 Calling     A 500 B 32000 / B 32000
 Proceeding  none
 Completed   D 32000 / none
 Accepted    M 32000
 Terminated  none
";

/// §17.1.2.
const NON_INVITE_CLIENT: &str = "
             | 1xx             | 2xx                       | 3xx-6xx                   | error             | repeat          | end
 Trying      | Proceeding pass | Completed/Terminated pass | Completed/Terminated pass | Terminated failed | Trying send     | Terminated timed-out
 Proceeding  | Proceeding pass | Completed/Terminated pass | Completed/Terminated pass | Terminated failed | Proceeding send | Terminated timed-out
 Completed   | ·               | ·                         | ·                         | ·                 | ·               | Terminated
 Terminated  | ·               | ·                         | ·                         | ·                 | ·               | ·
";
const NON_INVITE_CLIENT_TIMERS: &str = "
 Trying      E 500 F 32000 / F 32000
 Proceeding  E 500 F 32000 / F 32000
 Completed   K 5000 / none
 Terminated  none
";

/// §17.2.1 as RFC 6026 §7.1 changes it: an error is told, and the state stays.
const INVITE_SERVER: &str = "
             | 1xx             | 2xx           | 3xx-6xx        | error             | request         | ACK                  | repeat         | end
 Proceeding  | Proceeding send | Accepted send | Completed send | Proceeding failed | Proceeding send | ·                    | ·              | ·
 Completed   | ·               | ·             | ·              | Completed failed  | Completed send  | Confirmed/Terminated | Completed send | Terminated timed-out
 Confirmed   | ·               | ·             | ·              | ·                 | ·               | ·                    | ·              | Terminated
 Accepted    | ·               | Accepted send | ·              | Accepted failed   | ·               | Accepted pass        | ·              | Terminated
 Terminated  | ·               | ·             | ·              | ·                 | ·               | ·                    | ·              | ·
";
const INVITE_SERVER_TIMERS: &str = "
 Proceeding  none
 Completed   G 500 H 32000 / H 32000
 Confirmed   I 5000 / none
 Accepted    L 32000
 Terminated  none
";

/// §17.2.2. In Trying there is nothing to repeat or to fail; a request that nobody answers is
/// forgotten when its sender has given up (RFC 4320 §4.2).
const NON_INVITE_SERVER: &str = "
             | 1xx             | 2xx                       | 3xx-6xx                   | error             | request         | ACK | repeat | end
 Trying      | Proceeding send | Completed/Terminated send | Completed/Terminated send | ·                 | ·               | ·   | ·      | Terminated
 Proceeding  | Proceeding send | Completed/Terminated send | Completed/Terminated send | Terminated failed | Proceeding send | ·   | ·      | Terminated
 Completed   | ·               | ·                         | ·                         | Terminated failed | Completed send  | ·   | ·      | Terminated
 Terminated  | ·               | ·                         | ·                         | ·                 | ·               | ·   | ·      | ·
";
const NON_INVITE_SERVER_TIMERS: &str = "
 Trying      F 32000
 Proceeding  F 32000
 Completed   J 32000 / none
 Terminated  none
";

/// What can happen to a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Happening {
    Response(ResponseClass),
    Error,
    Request,
    Ack,
    /// The timer of a repetition fires.
    Repeat,
    /// The timer that ends the state fires.
    End,
}

impl Happening {
    fn named(name: &str) -> Self {
        match name {
            "1xx" => Self::Response(Provisional),
            "2xx" => Self::Response(Success),
            "3xx-6xx" => Self::Response(Failure),
            "error" => Self::Error,
            "request" => Self::Request,
            "ACK" => Self::Ack,
            "repeat" => Self::Repeat,
            "end" => Self::End,
            _ => panic!("nothing is called {name}"),
        }
    }
}

const REPEATING: [Timer; 3] = [Timer::A, Timer::E, Timer::G];

/// A machine of any of the four kinds.
trait Machine: Copy + std::fmt::Debug {
    /// The machine as it begins.
    fn begun(reliability: Reliability, now: Timestamp) -> Self;
    fn happen(
        &mut self,
        happening: Happening,
        reliability: Reliability,
        now: Timestamp,
    ) -> Vec<Action>;
    fn deadline(&self) -> Option<(Timestamp, Timer)>;

    /// The name of its state.
    fn state(&self) -> String {
        let shown = format!("{self:?}");
        shown.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
    }
}

macro_rules! client {
    ($machine:ty) => {
        impl Machine for $machine {
            fn begun(reliability: Reliability, now: Timestamp) -> Self {
                Self::start(&Timing::default(), reliability, now)
            }

            fn happen(&mut self, what: Happening, on: Reliability, now: Timestamp) -> Vec<Action> {
                let timing = Timing::default();
                match what {
                    Happening::Response(class) => self.respond(class, &timing, on, now),
                    Happening::Error => self.fail(),
                    Happening::Repeat | Happening::End => self.expire(&timing, now),
                    Happening::Request | Happening::Ack => panic!("a client is asked nothing"),
                }
                .to_vec()
            }

            fn deadline(&self) -> Option<(Timestamp, Timer)> {
                self.deadline()
            }
        }
    };
}

client!(InviteClient);
client!(NonInviteClient);

impl Machine for InviteServer {
    fn begun(_: Reliability, _: Timestamp) -> Self {
        Self::start()
    }

    fn happen(&mut self, what: Happening, on: Reliability, now: Timestamp) -> Vec<Action> {
        let timing = Timing::default();
        match what {
            Happening::Response(class) => self.send(class, &timing, on, now),
            Happening::Error => self.fail(),
            Happening::Request => self.repeat(),
            Happening::Ack => self.acknowledge(&timing, on, now),
            Happening::Repeat | Happening::End => self.expire(&timing, now),
        }
        .to_vec()
    }

    fn deadline(&self) -> Option<(Timestamp, Timer)> {
        self.deadline()
    }
}

impl Machine for NonInviteServer {
    fn begun(_: Reliability, now: Timestamp) -> Self {
        Self::start(&Timing::default(), now)
    }

    fn happen(&mut self, what: Happening, on: Reliability, now: Timestamp) -> Vec<Action> {
        match what {
            Happening::Response(class) => self.send(class, &Timing::default(), on, now),
            Happening::Error => self.fail(),
            Happening::Request => self.repeat(),
            // It has no ACK.
            Happening::Ack => &[],
            Happening::Repeat | Happening::End => self.expire(),
        }
        .to_vec()
    }

    fn deadline(&self) -> Option<(Timestamp, Timer)> {
        self.deadline()
    }
}

/// The machine in every state that it can be brought to from its beginning at once, with whatever
/// happens but time.
fn states<M: Machine>(happenings: &[Happening], reliability: Reliability) -> Vec<M> {
    let mut seen = BTreeSet::new();
    let mut found: Vec<M> = Vec::new();
    let mut open = vec![M::begun(reliability, START)];
    while let Some(machine) = open.pop() {
        if !seen.insert(machine.state()) {
            continue;
        }
        found.push(machine);
        for happening in happenings {
            if !matches!(happening, Happening::Repeat | Happening::End) {
                let mut next = machine;
                next.happen(*happening, reliability, START);
                open.push(next);
            }
        }
        let mut ended = machine;
        if ended.deadline().is_some() {
            ended.happen(Happening::End, reliability, START + Duration::from_hours(1));
            open.push(ended);
        }
    }
    found
}

/// A table, read.
struct Table {
    happenings: Vec<Happening>,
    /// Each state with its cells, in the order of the happenings.
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    fn read(text: &str) -> Self {
        let mut rows = text.lines().filter(|line| !line.trim().is_empty()).map(|line| {
            let mut words = line.split('|').map(|it| it.trim().to_owned());
            (words.next().unwrap_or_default(), words.collect::<Vec<_>>())
        });
        let (_, names) = rows.next().unwrap_or_default();
        let happenings: Vec<_> = names.iter().map(|it| Happening::named(it)).collect();
        let rows: Vec<_> = rows.collect();
        for (state, cells) in &rows {
            assert_eq!(cells.len(), happenings.len(), "cells of {state}");
        }
        Self { happenings, rows }
    }

    fn cells(&self, state: &str) -> impl Iterator<Item = (Happening, &str)> {
        let row = self.rows.iter().find(|(name, _)| name == state);
        let (_, cells) = row.unwrap_or_else(|| panic!("no {state}"));
        self.happenings.iter().copied().zip(cells.iter().map(String::as_str))
    }

    /// What a cell says for this transport: the next state, and what is done.
    fn expected(
        &self,
        state: &str,
        happening: Happening,
        reliability: Reliability,
    ) -> (String, Vec<Action>) {
        let cell = self.cells(state).find(|(it, _)| *it == happening);
        let (_, cell) = cell.unwrap_or_else(|| panic!("no {happening:?}"));
        let mut words = cell.split_whitespace();
        let next = words.next().unwrap_or("·");
        if next == "·" {
            return (state.to_owned(), Vec::new());
        }
        let (unreliable, reliable) = next.split_once('/').unwrap_or((next, next));
        let next = if reliability == Reliable { reliable } else { unreliable };
        (next.to_owned(), words.map(action).collect())
    }
}

fn action(word: &str) -> Action {
    match word {
        "pass" => Action::Pass,
        "acknowledge" => Action::Acknowledge,
        "send" => Action::Resend,
        "failed" => Action::Failed,
        "timed-out" => Action::TimedOut,
        _ => panic!("nothing is called {word}"),
    }
}

/// Brings about a happening; none where a timer is meant that does not run.
fn brought_about<M: Machine>(
    machine: &mut M,
    happening: Happening,
    reliability: Reliability,
) -> Option<Vec<Action>> {
    if !matches!(happening, Happening::Repeat | Happening::End) {
        return Some(machine.happen(happening, reliability, START));
    }
    // Repetitions come before the end, and none is the end.
    while let Some((due, timer)) = machine.deadline() {
        let repeats = REPEATING.contains(&timer);
        let wanted = repeats == (happening == Happening::Repeat);
        if !wanted && !repeats {
            return None;
        }
        let actions = machine.happen(happening, reliability, due);
        if wanted {
            return Some(actions);
        }
    }
    None
}

fn machine_is_as_its_table<M: Machine>(table: &str, timers: &str) {
    let table = Table::read(table);
    for reliability in [Unreliable, Reliable] {
        let reached = states::<M>(&table.happenings, reliability);
        let mut names: Vec<_> = reached.iter().map(Machine::state).collect();
        for machine in &reached {
            let state = machine.state();
            for happening in &table.happenings {
                let mut after = *machine;
                let actions = brought_about(&mut after, *happening, reliability);
                let given = (after.state(), actions.clone().unwrap_or_default());
                let mut expected = table.expected(&state, *happening, reliability);
                if *happening == Happening::Repeat && reliability == Reliable {
                    // Nothing is said twice over a stream.
                    assert_eq!(actions, None, "{state} repeats over a stream");
                    expected = (state.clone(), Vec::new());
                }
                assert_eq!(given, expected, "{state}, {happening:?}, {reliability:?}");
            }
            timers_are_as_listed(*machine, timers, reliability);
        }
        // Whoever draws a row that cannot be reached has drawn it wrong.
        names.sort();
        let mut drawn: Vec<_> = table.rows.iter().map(|(state, _)| state.clone()).collect();
        drawn.retain(|state| reliability == Unreliable || !skipped_over_a_stream(timers, state));
        drawn.sort();
        assert_eq!(names, drawn, "{reliability:?}");
    }
}

/// Whether a state lasts no time over a reliable transport.
fn skipped_over_a_stream(timers: &str, state: &str) -> bool {
    let line = timers.lines().find(|line| line.trim().starts_with(state));
    line.is_some_and(|line| line.ends_with("/ none"))
}

/// The timers that a machine waits for in its state, the first that ends it included.
fn timers_are_as_listed<M: Machine>(mut machine: M, timers: &str, reliability: Reliability) {
    let state = machine.state();
    let line = timers.lines().find(|line| line.trim().starts_with(&state));
    let listed = line.unwrap_or_else(|| panic!("no timers of {state}"));
    let listed = listed.trim().trim_start_matches(&state).trim();
    let (unreliable, reliable) = listed.split_once(" / ").unwrap_or((listed, listed));
    let expected = if reliability == Reliable { reliable } else { unreliable };
    let mut waited: Vec<String> = Vec::new();
    while let Some((due, timer)) = machine.deadline() {
        let name = format!("{timer:?} {}", due.since(START).as_millis());
        if !REPEATING.contains(&timer) {
            waited.push(name);
            break;
        }
        if waited.is_empty() {
            waited.push(name);
        }
        machine.happen(Happening::Repeat, reliability, due);
    }
    let waited = if waited.is_empty() { "none".to_owned() } else { waited.join(" ") };
    assert_eq!(waited, expected, "{state}, {reliability:?}");
}

#[test]
fn the_invite_client_is_as_its_table() {
    machine_is_as_its_table::<InviteClient>(INVITE_CLIENT, INVITE_CLIENT_TIMERS);
}

#[test]
fn the_non_invite_client_is_as_its_table() {
    machine_is_as_its_table::<NonInviteClient>(NON_INVITE_CLIENT, NON_INVITE_CLIENT_TIMERS);
}

#[test]
fn the_invite_server_is_as_its_table() {
    machine_is_as_its_table::<InviteServer>(INVITE_SERVER, INVITE_SERVER_TIMERS);
}

#[test]
fn the_non_invite_server_is_as_its_table() {
    machine_is_as_its_table::<NonInviteServer>(NON_INVITE_SERVER, NON_INVITE_SERVER_TIMERS);
}

/// How often and when a message is sent that nobody answers, in milliseconds (§17.1.1.2,
/// §17.1.2.2, §17.2.1).
#[test]
fn repetitions_come_when_the_rfc_says() {
    assert_eq!(repetitions::<InviteClient>(&[]), [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    let to_t2 = [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    assert_eq!(repetitions::<NonInviteClient>(&[]), to_t2);
    let proceeding = [Happening::Response(Provisional)];
    let every_t2 = [500, 4_500, 8_500, 12_500, 16_500, 20_500, 24_500, 28_500];
    assert_eq!(repetitions::<NonInviteClient>(&proceeding), every_t2);
    assert_eq!(repetitions::<InviteServer>(&[Happening::Response(Failure)]), to_t2);
    assert_eq!(repetitions::<InviteServer>(&proceeding), [0; 0]);
}

fn repetitions<M: Machine>(before: &[Happening]) -> Vec<u128> {
    let mut machine = M::begun(Unreliable, START);
    for happening in before {
        machine.happen(*happening, Unreliable, START);
    }
    let mut sent = Vec::new();
    while let Some((due, _)) = machine.deadline() {
        if machine.happen(Happening::Repeat, Unreliable, due).contains(&Action::Resend) {
            sent.push(due.since(START).as_millis());
        }
    }
    sent
}
