//! A centre in which everything happens at random, from a seed: after every step the floor's
//! invariants hold, and at the end everybody is accounted for.

use std::time::Duration;

use model::{Cause, LegId, Next, Outcome, StateName};
use switchboard::ports::{Input, LegFact, MediaFact, Request};

use crate::centre::{Centre, agent};

/// How many random days are lived through.
const SEEDS: u64 = 300;

/// Small, seeded, good enough to shuffle with.
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % below
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.next(from.len())])
    }
}

#[test]
fn whatever_happens_nobody_is_stuck_and_every_caller_is_accounted_for() {
    for seed in 1..=SEEDS {
        simulate(seed);
    }
}

fn simulate(seed: u64) {
    let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut centre = Centre::open();
    let mut legs: Vec<LegId> = vec![];
    for _ in 0..400 {
        act(&mut centre, &mut chance, &mut legs);
    }
    // The day ends: everybody hangs up, every deadline passes.
    for leg in legs {
        centre.leg(leg, LegFact::Released { cause: Cause::CallerHungUp, status: None });
    }
    centre.wait(3600);
    let status = centre.look();
    assert!(status.calls.is_empty(), "seed {seed}: {:?}\n{}", status.calls, centre.log());
    for queue in &status.queues {
        assert_eq!(queue.waiting, 0);
        assert!(!queue.outcomes.contains_key(&Outcome::Failed), "seed {seed}");
    }
    for agent in &status.agents {
        let rests = [StateName::SignedOut, StateName::Ready, StateName::Busy];
        assert!(rests.contains(&agent.state.name()), "seed {seed}: {agent:?}");
    }
}

fn act(centre: &mut Centre, chance: &mut Chance, legs: &mut Vec<LegId>) {
    let number = [1001, 1002, 1003][chance.next(3)];
    let phone = number.to_string();
    match chance.next(20) {
        0 | 1 => legs.push(centre.calls()),
        2 => {
            let to = ["1001", "1002", "1003", "913800138000", "4008001234", "*11", "*12", "*141"];
            legs.push(centre.dials(&phone, to[chance.next(to.len())]));
        }
        3 => drop(centre.bind(&phone)),
        4 if chance.next(4) == 0 => drop(centre.unbind(&phone)),
        5 => drop(centre.ask(Request::SignIn { agent: agent(number), phone: None })),
        6 => {
            let next =
                [Next::Ready, Next::Busy("lunch".into()), Next::SignedOut][chance.next(3)].clone();
            drop(centre.becomes(number, next));
        }
        7 => drop(centre.becomes(number, Next::Ready)),
        8 if chance.next(3) == 0 => {
            drop(centre.ask(Request::Force { agent: agent(number), next: Next::Ready }));
        }
        9 => drop(centre.ask(Request::EndWrapUp { agent: agent(number) })),
        10 | 11 => {
            if let Some(phone) = ringing(centre, chance) {
                legs.push(centre.answers(&phone));
            }
        }
        12 => {
            if let Some(phone) = ringing(centre, chance) {
                let status = [408, 480, 486, 603][chance.next(4)];
                centre.declines(&phone, status);
            }
        }
        13 => {
            if let Some(leg) = chance.pick(legs) {
                legs.retain(|known| *known != leg);
                centre.hangs_up(leg);
            }
        }
        14 => {
            if let Some(leg) = chance.pick(legs) {
                let play = u32::try_from(chance.next(6)).unwrap();
                centre.input(Input::Media { leg, fact: MediaFact::PlayEnded { play } });
            }
        }
        15 => {
            if let Some(leg) = chance.pick(legs) {
                let to = ["1001", "1002", "1003", "912345678", "4008001234", "999"];
                let to = to[chance.next(to.len())].parse().unwrap();
                centre.leg(leg, LegFact::TransferAsked { to });
            }
        }
        16 => {
            if let Some(leg) = chance.pick(legs) {
                if chance.next(2) == 0 { centre.holds(leg) } else { centre.retrieves(leg) }
            }
        }
        17 if chance.next(5) == 0 => {
            if let Some(leg) = chance.pick(legs) {
                centre.input(Input::Media { leg, fact: MediaFact::Lost });
            }
        }
        _ => {
            let span = [10, 500, 3_000, 20_000][chance.next(4)];
            centre.wait_until(centre.now + Duration::from_millis(span));
        }
    }
}

fn ringing(centre: &Centre, chance: &mut Chance) -> Option<String> {
    let phones: Vec<&String> = centre.ringing.values().collect();
    chance.pick(&phones).cloned()
}
