//! What differs from day to day.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use acd::{Nobody, QueueConfig, Ringing, Routing, Tier, WhenNobody};
use flow::{Flow, Step};
use model::WrapUpMode;
use switchboard::config::{CallbackRules, Exit, FloorConfig, LastAgent, QueueRules, TrunkConfig};

use super::Chance;
use crate::centre::agent;

/// Rules that differ from day to day.
pub(super) fn vary(config: &mut FloorConfig, chance: &mut Chance) {
    if chance.one_in(3) {
        config.sounds.queue_welcome = Some("wait".into());
    }
    if chance.one_in(3) {
        config.sounds.nobody = None;
    }
    if chance.one_in(3) {
        config.rules.second_session = agent::SecondSession::TakeOver;
    }
    if chance.one_in(3) {
        config.rules.first_queues = [(agent(1003), ["presales".into()].into())].into();
    }
    if !chance.one_in(6) {
        config.outbound[0].show = Some("01066667777".parse().unwrap());
    }
    if chance.one_in(6) {
        config.max_calls = 4;
    }
    if chance.one_in(3) {
        config.trunks.insert("second".into(), TrunkConfig { max_calls: 3, ..Default::default() });
        config.outbound[0].trunks.push("second".into());
    }
    if chance.one_in(6) {
        config.trunks.get_mut("carrier").unwrap().calls_per_second = Some(1);
    }
    if chance.one_in(6) {
        let limits = &mut config.hotlines.get_mut("main").unwrap().limits;
        limits.calls_per_second = Some(1);
        limits.reserved = 2;
    }
    if chance.one_in(2) {
        let hotline = config.hotlines.get_mut("main").unwrap();
        hotline.flow = Arc::new(menu());
    }
    for queue in config.acd.queues.values_mut() {
        if chance.one_in(4) {
            queue.max_length = Some(1);
        }
        if chance.one_in(4) {
            queue.when_nobody = WhenNobody::TurnAway;
        }
        if chance.one_in(4) {
            queue.overflow = None;
        }
        change_distribution(queue, chance);
    }
    for queue in config.acd.queues.keys().cloned() {
        let last_agent = chance.one_in(2).then_some(LastAgent {
            within: Duration::from_secs(600),
            wait: Duration::from_secs(20),
        });
        let resume_within = chance.one_in(2).then_some(Duration::from_secs(60));
        let wrap_up_mode = match chance.next(4) {
            0 => Some(WrapUpMode::Fixed),
            1 => Some(WrapUpMode::Manual),
            _ => None,
        };
        let rules = QueueRules {
            last_agent,
            resume_within,
            wrap_up_mode,
            keys: keys(chance),
            keys_prompt: chance.one_in(4).then(|| "keys".into()),
            callback: (!chance.one_in(6)).then(|| callback(chance)),
        };
        config.queues.insert(queue, rules);
    }
}

/// How callers are called back: it is over within the hour in which a day ends.
fn callback(chance: &mut Chance) -> CallbackRules {
    let hours = [None, None, None, None, None, Some((6, 7)), Some((23, 5))];
    let hours = hours[chance.next(7)];
    let hour = |hour: u64| Duration::from_secs(hour * 3_600);
    CallbackRules {
        attempts: [1, 1, 1, 2][chance.next(4)],
        pause: Duration::from_secs(60),
        expires: Duration::from_secs([120, 1_800, 1_800, 1_800][chance.next(4)]),
        hours: hours.map(|(from, until)| (hour(from), hour(until))),
        prefix: "9".into(),
        role: None,
        accepted: chance.one_in(2).then(|| "accepted".into()),
        refused: chance.one_in(2).then(|| "refused".into()),
    }
}

/// Where the keys lead that callers press while they wait.
fn keys(chance: &mut Chance) -> BTreeMap<char, Exit> {
    let exits = [
        Exit::Queue("spill".into()),
        Exit::Queue("presales".into()),
        Exit::Flow(Arc::new(menu())),
        Exit::Callback,
        Exit::Callback,
        Exit::Release(Some("bye".into())),
        Exit::Release(None),
    ];
    let keys = ['1', '2', '#'].into_iter().filter(|_| chance.one_in(3)).collect::<Vec<_>>();
    keys.into_iter().map(|key| (key, exits[chance.next(exits.len())].clone())).collect()
}

fn change_distribution(queue: &mut QueueConfig, chance: &mut Chance) {
    queue.routing = chance.pick(&Routing::ALL).unwrap();
    queue.ringing = match chance.next(4) {
        0 => Ringing::All,
        1 => Ringing::Progressive { every: Duration::from_secs(3) },
        _ => Ringing::One,
    };
    if chance.one_in(4) {
        queue.most_at_once = Some(1);
    }
    if chance.one_in(4) {
        queue.priority_worth = Some(Duration::from_secs(30));
    }
    if chance.one_in(4) {
        queue.leave_after = Some(Duration::from_secs(10));
        queue.nobody = Nobody::Working;
    }
    if chance.one_in(3) {
        // Nobody has the skill: all come in the outer tier.
        let needs = std::mem::replace(&mut queue.needs, [("expert".into(), 1)].into());
        queue.tiers = vec![Tier { needs, after: Some(Duration::from_secs(5)), waiting: Some(3) }];
    }
}

/// A flow in which a key leads to either queue, and none to the end.
fn menu() -> Flow {
    let ask = Step::Menu {
        prompts: vec!["press".into()],
        wait: Duration::from_secs(5),
        tries: 2,
        choices: [('1', "queue".to_owned()), ('2', "spill".to_owned()), ('#', "back".to_owned())]
            .into(),
        otherwise: "bye".into(),
    };
    let steps = [
        ("ask", ask),
        ("queue", Step::Queue { queue: "presales".into(), priority: 0 }),
        ("spill", Step::Queue { queue: "spill".into(), priority: 3 }),
        (
            "back",
            Step::Callback { queue: "presales".into(), priority: 1, otherwise: "spill".into() },
        ),
        ("bye", Step::Release { prompts: vec!["bye".into()] }),
    ];
    let steps = steps.into_iter().map(|(name, step)| (name.to_owned(), step)).collect();
    Flow { name: "menu".into(), start: "ask".into(), steps }
}
