//! Calls over a network that loses, doubles, delays and reorders, many times over.

use std::collections::BTreeMap;
use std::time::Duration;

use super::network::{CALL, Dice, Faults, Harm, Network, PERFECT, Side, busy, sdp};
use crate::endpoint::{EndpointEvent, Order, Transport};
use crate::message::StatusCode;
use crate::session::SessionId;

const LOSSY: Faults = Faults { lost: 20, doubled: 15, mangled: 0, delay: 300 };

/// What each side's application means to do in one run.
#[derive(Debug)]
struct Plan {
    ringing: bool,
    early: bool,
    accept: bool,
    answer_after: u64,
    cancel_after: Option<u64>,
    hold_after: Option<u64>,
    caller_hangs_up_after: u64,
    callee_hangs_up_after: u64,
}

impl Plan {
    fn draw(dice: &mut Dice) -> Self {
        let mut maybe =
            |chance: u64, bound: u64| (dice.below(100) < chance).then(|| dice.below(bound));
        Self {
            ringing: maybe(60, 1).is_some(),
            early: maybe(50, 1).is_some(),
            accept: maybe(75, 1).is_some(),
            answer_after: maybe(100, 4_000).unwrap_or(0),
            cancel_after: maybe(30, 6_000),
            hold_after: maybe(40, 9_000),
            caller_hangs_up_after: 8_000 + maybe(100, 20_000).unwrap_or(0),
            callee_hangs_up_after: 8_000 + maybe(100, 20_000).unwrap_or(0),
        }
    }

    /// What is due when, in milliseconds.
    fn schedule(&self) -> Vec<(u64, Side, Step)> {
        let mut steps = Vec::new();
        if self.ringing {
            let step = if self.early { Step::Early } else { Step::Ring };
            steps.push((self.answer_after / 2, Side::Callee, step));
        }
        let answer = if self.accept { Step::Accept } else { Step::Reject };
        steps.push((self.answer_after, Side::Callee, answer));
        steps.extend(self.cancel_after.map(|after| (after, Side::Caller, Step::Cancel)));
        for side in [Side::Caller, Side::Callee] {
            steps.extend(self.hold_after.map(|after| (after, side, Step::Hold)));
        }
        steps.push((self.caller_hangs_up_after, Side::Caller, Step::HangUp));
        steps.push((self.callee_hangs_up_after, Side::Callee, Step::HangUp));
        steps.sort_by_key(|(after, ..)| *after);
        steps
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Ring,
    Early,
    Accept,
    Reject,
    Cancel,
    Hold,
    HangUp,
}

fn order(step: Step, session: SessionId) -> Order {
    match step {
        Step::Ring => Order::Progress { session, status: StatusCode::RINGING, body: None },
        Step::Early => {
            let (status, body) = (StatusCode::SESSION_PROGRESS, Some(sdp("answer")));
            Order::Progress { session, status, body }
        }
        Step::Accept => Order::Accept { session, body: sdp("answer") },
        Step::Reject => Order::Reject { session, refusal: busy() },
        Step::Cancel => Order::Cancel { session, reason: None },
        Step::Hold => Order::Reinvite { session, body: sdp("hold") },
        Step::HangUp => Order::Bye { session, reason: None },
    }
}

/// How the sessions of a side ended: each must have exactly one end.
#[derive(Default, Debug)]
struct Ends(BTreeMap<(Side, SessionId), Vec<String>>);

impl Ends {
    /// Answers offers, and takes note of beginnings and ends.
    fn hear(&mut self, net: &mut Network) {
        for (side, event) in std::mem::take(&mut net.events) {
            if let EndpointEvent::Invited { session, .. } = event {
                self.0.entry((side, session)).or_default();
            } else if let EndpointEvent::Offered { session, .. } = event {
                let order = Order::AnswerOffer { session, body: sdp("yes") };
                let _ended = net.try_order(side, order);
            } else if let EndpointEvent::Refused { session, .. }
            | EndpointEvent::Released { session, .. } = event
            {
                self.0.entry((side, session)).or_default().push(format!("{event:?}"));
            }
        }
    }
}

fn play(seed: u64, faults: Faults) -> (Network, Ends, Plan) {
    play_over(Network::new(faults, seed), seed, u64::MAX)
}

/// Plays a plan over this network, which breaks after so many milliseconds.
fn play_over(mut net: Network, seed: u64, breaks_after: u64) -> (Network, Ends, Plan) {
    let plan = Plan::draw(&mut Dice(seed ^ 0x5eed));
    let mut ends = Ends::default();
    ends.0.entry((Side::Caller, CALL)).or_default();
    net.dial();
    let begin = net.now;
    let mut callee = None;
    for (after, side, step) in plan.schedule() {
        let at = begin + Duration::from_millis(after);
        while net.step(at) {
            ends.hear(&mut net);
        }
        net.now = net.now.max(at);
        net.broken = after >= breaks_after;
        callee = callee.or_else(|| net.callee.session_ids().first().copied());
        let session = if side == Side::Caller { Some(CALL) } else { callee };
        if let Some(session) = session {
            let _late = net.try_order(side, order(step, session));
        }
        ends.hear(&mut net);
    }
    // Whatever rings in after the plan is over is refused when it is seen.
    for _ in 0..40 {
        let end = net.now + Duration::from_secs(10);
        while net.step(end) {
            ends.hear(&mut net);
        }
        net.now = end;
        for side in [Side::Caller, Side::Callee] {
            let sessions = net.side(side).session_ids();
            for session in sessions.into_iter().filter(|id| *id >= SessionId::FIRST_INCOMING) {
                let _ended = net.try_order(side, order(Step::HangUp, session));
            }
        }
        ends.hear(&mut net);
    }
    (net, ends, plan)
}

fn every_call_ends_once(seeds: std::ops::Range<u64>, faults: Faults) {
    for seed in seeds {
        let (net, ends, plan) = play(seed, faults);
        assert!(net.is_clear(), "seed {seed}: something is left; {plan:?}\n{:#?}", net.ladder);
        let timers = (net.caller.poll_timeout(), net.callee.poll_timeout());
        assert_eq!(timers, (None, None), "seed {seed}: a timer is left");
        for (session, ends) in &ends.0 {
            let ladder = &net.ladder;
            assert_eq!(ends.len(), 1, "seed {seed}: {session:?} {ends:?}; {plan:?}\n{ladder:#?}");
        }
    }
}

#[test]
fn the_network_loses_doubles_and_reorders() {
    let harms: Vec<_> = (1_000..1_100).map(|seed| play(seed, LOSSY).0.harm).collect();
    for harmed in [|it: &Harm| it.lost, |it: &Harm| it.doubled, |it: &Harm| it.overtaken] {
        assert!(harms.iter().map(harmed).sum::<u64>() >= 10, "{harms:?}");
    }
}

#[test]
fn every_call_ends_exactly_once_on_both_sides_of_a_slow_network() {
    every_call_ends_once(0..500, Faults { lost: 0, doubled: 10, mangled: 0, delay: 800 });
}

#[test]
fn every_call_ends_exactly_once_on_both_sides_of_a_lossy_network() {
    every_call_ends_once(1_000..2_500, LOSSY);
}

#[test]
fn every_call_ends_exactly_once_even_where_most_is_lost() {
    every_call_ends_once(10_000..11_000, Faults { lost: 70, doubled: 5, mangled: 0, delay: 2_000 });
}

#[test]
fn every_call_ends_exactly_once_while_broken_copies_of_its_messages_come_in() {
    let faults = Faults { lost: 10, doubled: 5, mangled: 50, delay: 200 };
    for seed in 20_000..21_000 {
        let (net, ends, plan) = play(seed, faults);
        // A broken INVITE is a call of its own, whose caller is nowhere.
        assert!(net.is_clear(), "seed {seed}: something is left; {plan:?}\n{:#?}", net.ladder);
        for (session, ends) in &ends.0 {
            assert_eq!(ends.len(), 1, "seed {seed}: {session:?} {ends:?}; {plan:?}");
        }
    }
}

#[test]
fn every_call_over_a_stream_ends_exactly_once_though_the_connection_breaks() {
    for seed in 30_000..30_500 {
        let mut net = Network::new(PERFECT, seed);
        net.transport = Transport::Tcp;
        let breaks_after = Dice(seed).below(20_000);
        let (net, ends, plan) = play_over(net, seed, breaks_after);
        assert!(net.is_clear(), "seed {seed}: something is left; {plan:?}\n{:#?}", net.ladder);
        for (session, ends) in &ends.0 {
            assert_eq!(ends.len(), 1, "seed {seed}: {session:?} {ends:?}; {plan:?}");
        }
    }
}

#[test]
fn over_a_good_network_a_call_that_is_accepted_is_answered() {
    for seed in 0..200 {
        let (net, _, plan) = play(seed, Faults { lost: 10, doubled: 5, mangled: 0, delay: 50 });
        if plan.accept && plan.cancel_after.is_none() {
            assert!(
                net.ladder.contains(&"caller ACK".to_owned()),
                "seed {seed}: {:#?}",
                net.ladder
            );
        }
    }
}
