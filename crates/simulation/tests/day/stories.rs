//! What a day keeps to, whatever its seed.

use model::AgentId;
use simulation::{
    Break, Caller, Centre, Day, Figures, Manner, Measure, Recorded, Shift, Spread, everybody,
};
use switchboard::config::FloorConfig;

use crate::centre::{config, live, nine, profile, prompt, sales, seconds};

fn caller(at: u64, talk: u64, patience: Option<u64>) -> Caller {
    let patience = patience.map(seconds);
    let at = nine() + seconds(at);
    Caller { at, hotline: None, wants: Some(sales()), talk: seconds(talk), patience }
}

fn day(callers: Vec<Caller>, manner: Manner) -> Day {
    Day { seed: 1, begins: nine(), ends: nine() + seconds(3600), callers, manner }
}

fn lived(config: FloorConfig, day: &Day, roster: &[Shift]) -> Figures {
    let mut centre = Centre::open(config, day, roster).unwrap();
    while centre.step() {
        centre.check().unwrap();
    }
    centre.figures(Measure::default())
}

#[test]
fn a_caller_waits_talks_and_is_counted_once() {
    // The second waits 50 s for the first to finish; the third gives up after 10 s.
    let callers = vec![caller(10, 60, None), caller(20, 60, None), caller(30, 60, Some(10))];
    let day = day(callers, prompt());
    let config = config(1);
    let roster = everybody(&config, &day);
    let figures = lived(config, &day, &roster);
    let queue = &figures.queues[0];
    assert_eq!((queue.entered, queue.answered, queue.abandoned), (3, 2, 1));
    assert_eq!((queue.in_time, queue.short_abandons, queue.longest_wait_ms), (1, 0, 50_000));
    assert_eq!(queue.average_wait_ms, 20_000);
    assert_eq!(queue.service_level, Some(1.0 / 3.0));
    assert_eq!((figures.agents[0].calls, figures.agents[0].talk_ms), (2, 120_000));
    assert_eq!(figures.agents[0].signed_in_ms, 3_600_000);
}

#[test]
fn more_agents_meet_the_same_callers() {
    let busy = profile(600.0, 8);
    let few = live(config(25), &busy, 5, Manner::default());
    let many = live(config(32), &busy, 5, Manner::default());
    assert_eq!(few.calls, many.calls);
    assert_eq!(few.queues[0].entered, many.queues[0].entered);
    assert!(few.queues[0].abandoned > many.queues[0].abandoned);
    assert!(few.queues[0].service_level < many.queues[0].service_level);
    assert!(few.occupancy.mean > many.occupancy.mean);
    assert_ne!(few.calls, live(config(25), &busy, 6, Manner::default()).calls, "another seed");
}

#[test]
fn whoever_is_not_at_the_phone_costs_waits_and_everything_still_holds() {
    let careless = Manner {
        no_answer: 0.1,
        refuse: 0.05,
        answer: Spread::Uniform(seconds(1), seconds(8)),
        wrap_up: Some(Spread::Exponential(seconds(15))),
        ..Manner::default()
    };
    let busy = profile(300.0, 8);
    let ideal = live(config(20), &busy, 2, Manner::default());
    let real = live(config(20), &busy, 2, careless);
    assert!(real.queues[0].average_wait_ms > ideal.queues[0].average_wait_ms);
    assert_eq!(real.queues[0].waiting, 0);
}

#[test]
fn shifts_and_breaks_are_kept() {
    let rest = Break { at: nine() + seconds(600), length: seconds(300), reason: "lunch".into() };
    let unknown = Break { reason: "golf".into(), at: nine() + seconds(1_200), ..rest.clone() };
    let agent = AgentId::new(1001);
    let (from, until) = (nine() + seconds(60), nine() + seconds(1_800));
    let roster = [Shift { agent, from, until, breaks: vec![rest, unknown] }];
    // One before the shift, one in the break, one too late.
    let callers = vec![
        caller(10, 30, None),
        caller(620, 30, None),
        caller(1_790, 60, None),
        caller(1_900, 1, Some(60)),
    ];
    let figures = lived(config(1), &day(callers, prompt()), &roster);
    let (queue, worked) = (&figures.queues[0], &figures.agents[0]);
    assert_eq!((queue.answered, queue.abandoned), (3, 1));
    assert_eq!(queue.longest_wait_ms, 280_000, "the break is over after 900 s");
    // The last conversation ends 50 s after the shift.
    assert_eq!(worked.signed_in_ms, 1_790_000);
    assert_eq!(worked.talk_ms, 120_000);
}

#[test]
fn a_day_that_was_lived_through_is_found_again_in_its_log() {
    let config = config(3);
    let day = profile(50.0, 2).day(9, prompt());
    let roster = everybody(&config, &day);
    let mut log = vec![];
    let mut centre = Centre::open(config.clone(), &day, &roster).unwrap();
    while centre.step_heard(|event| log.push(event.clone())) {}
    let lived_once = centre.figures(Measure::default());
    let mut recorded = Recorded::of(day.begins..day.ends);
    log.iter().for_each(|event| recorded.hear(event));
    let replay = recorded.finish(1, prompt());
    assert_eq!(replay.day.callers.len(), day.callers.len());
    assert_eq!(replay.unqueued, 0);
    assert_eq!(replay.shifts.len(), 3);
    assert!(replay.shifts.iter().all(|shift| shift.from == day.begins && shift.breaks.is_empty()));
    let again = lived(config, &replay.day, &replay.shifts);
    let figures = |it: &Figures| {
        let queue = &it.queues[0];
        (queue.entered, queue.answered, queue.abandoned, queue.in_time)
    };
    assert_eq!(figures(&again), figures(&lived_once));
}

#[test]
fn nobody_can_call_where_there_is_no_number() {
    let mut nowhere = config(1);
    nowhere.hotlines.clear();
    let day = day(vec![], prompt());
    assert!(Centre::open(nowhere, &day, &[]).is_err());
}
