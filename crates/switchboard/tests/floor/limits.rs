//! How many calls there may be and how fast they may come; what is kept for a hotline; and by which
//! trunk a number outside is called when one cannot serve.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Cause, EventKind, HotlineId, LegId, Limit, StateName, Timestamp, TrunkId};
use switchboard::config::{FloorConfig, HotlineConfig, TrunkConfig};
use switchboard::numbering::{Inbound, Outbound, OutboundForm};
use switchboard::ports::{Input, LegCommand, LegFact, Origin, Target};

use crate::centre::{Centre, config};
use crate::simulation::Chance;

fn open(config: FloorConfig) -> Centre {
    Centre::open_with(config, 1, Default::default(), &[])
}

fn by(trunk: &str) -> Origin {
    Origin::Trunk(TrunkId::from(trunk))
}

fn refusal(centre: &Centre, leg: LegId) -> Option<(Cause, Option<u16>)> {
    centre.seen.iter().find_map(|(seen, command)| match command {
        LegCommand::Release { cause, status } if *seen == leg => Some((*cause, *status)),
        _ => None,
    })
}

/// What kept calls out, in order: the limit or the cause, and the trunk.
fn barred(centre: &Centre) -> Vec<(String, Option<String>)> {
    let told = centre.events.iter().filter_map(|event| match &event.kind {
        EventKind::CallBarred { limit, trunk, .. } => {
            let why = limit.map_or_else(|| event.cause.unwrap().as_str(), Limit::as_str);
            Some((why.to_owned(), trunk.as_ref().map(ToString::to_string)))
        }
        _ => None,
    });
    told.collect()
}

/// What was dialled: trunk, number and the number shown.
fn dialled(centre: &Centre) -> Vec<(String, String, String)> {
    let dialled = centre.seen.iter().filter_map(|(_, command)| match command {
        LegCommand::Dial { target: Target::Trunk { trunk, number }, from, .. } => {
            Some((trunk.to_string(), number.to_string(), from.to_string()))
        }
        _ => None,
    });
    dialled.collect()
}

fn trunk(max_calls: u32, calls_per_second: Option<u32>) -> TrunkConfig {
    TrunkConfig { max_calls, calls_per_second, ..TrunkConfig::default() }
}

/// Two trunks for numbers outside, and these changes.
fn two_trunks(change: impl FnOnce(&mut FloorConfig)) -> Centre {
    let mut config = config();
    config.trunks.insert("second".into(), trunk(100, None));
    config.outbound[0].trunks.push("second".into());
    change(&mut config);
    let mut centre = open(config);
    centre.bind("8000");
    centre
}

#[test]
fn calls_that_come_too_fast_by_a_trunk_are_to_come_again_a_moment_later() {
    let mut config = config();
    config.trunks.insert("carrier".into(), trunk(100, Some(2)));
    let mut centre = open(config);
    assert_eq!(refusal_of(&mut centre), None);
    assert_eq!(refusal_of(&mut centre), None);
    assert_eq!(refusal_of(&mut centre), Some((Cause::RateReached, Some(503))));
    assert_eq!(barred(&centre), [("trunk_rate".to_owned(), Some("carrier".to_owned()))]);
    centre.wait_until(centre.now + Duration::from_millis(500));
    assert_eq!(refusal_of(&mut centre), None);
    assert_eq!(refusal_of(&mut centre), Some((Cause::RateReached, Some(503))));
    let status = centre.look();
    assert_eq!((status.trunks[0].calls, status.barred[0].times), (3, 2));
    assert_eq!((status.calls.len(), status.ports.0), (3, 3));
}

fn refusal_of(centre: &mut Centre) -> Option<(Cause, Option<u16>)> {
    let leg = centre.calls();
    refusal(centre, leg)
}

#[test]
fn a_hotline_has_limits_of_its_own_which_the_log_names() {
    let mut config = config();
    let hotline = config.hotlines.get_mut("main").unwrap();
    hotline.limits.max_calls = Some(2);
    hotline.limits.calls_per_second = Some(5);
    let mut centre = open(config);
    for _ in 0..2 {
        assert_eq!(refusal_of(&mut centre), None);
    }
    assert_eq!(refusal_of(&mut centre), Some((Cause::LimitReached, Some(503))));
    assert_eq!(barred(&centre)[0].0, "hotline_calls");
    for leg in centre.live.clone() {
        centre.hangs_up(leg);
    }
    // What was refused has used up nothing of the second.
    for _ in 0..3 {
        let leg = centre.calls();
        assert_eq!(refusal(&centre, leg), None);
        centre.hangs_up(leg);
    }
    assert_eq!(refusal_of(&mut centre), Some((Cause::RateReached, Some(503))));
    assert_eq!(barred(&centre).last().unwrap().0, "hotline_rate");
    centre.bind("8000");
    let leg = centre.dials("8000", "4008001234");
    assert_eq!(refusal(&centre, leg), Some((Cause::RateReached, Some(503))));
}

#[test]
fn the_last_places_are_kept_for_the_hotline_they_are_reserved_for() {
    let mut config = config();
    config.max_calls = 3;
    let main = config.hotlines["main"].clone();
    let other = HotlineConfig { number: "4008005678".parse().unwrap(), ..main };
    config.hotlines.insert("other".into(), other);
    config.hotlines.get_mut("main").unwrap().limits.reserved = 2;
    let mut centre = open(config);
    let other = |centre: &mut Centre| {
        let leg = centre.arrives(by("carrier"), "13800138000", "4008005678");
        refusal(centre, leg)
    };
    assert_eq!(other(&mut centre), None);
    assert_eq!(other(&mut centre), Some((Cause::LimitReached, Some(503))));
    assert_eq!(barred(&centre)[0].0, "service_reserved");
    assert_eq!(refusal_of(&mut centre), None);
    assert_eq!(refusal_of(&mut centre), None);
    assert_eq!(refusal_of(&mut centre), Some((Cause::LimitReached, Some(503))));
    assert_eq!(barred(&centre).last().unwrap().0, "service_calls");
}

/// The phone 8000 has called a customer, and wants to hand them to the hotline; what it is told.
fn handed(centre: &mut Centre) -> (LegId, Vec<u16>) {
    centre.bind("8000");
    let caller = centre.dials("8000", "913900139000");
    let customer = centre.answers("13900139000");
    centre.leg(caller, LegFact::TransferAsked { to: "4008001234".parse().unwrap() });
    let told = centre.seen.iter().filter_map(|(leg, command)| match command {
        LegCommand::TransferProgress { status } if *leg == caller => Some(*status),
        _ => None,
    });
    (customer, told.collect())
}

#[test]
fn who_is_handed_to_a_hotline_takes_a_place_of_it_as_whoever_calls_it() {
    let mut config = config();
    config.hotlines.get_mut("main").unwrap().limits.max_calls = Some(2);
    let mut centre = open(config);
    let (first, told) = handed(&mut centre);
    assert_eq!(told, [100, 200]);
    assert_eq!(centre.look().calls[0].hotline, Some("main".into()));
    assert_eq!(refusal_of(&mut centre), None);
    assert_eq!(refusal_of(&mut centre), Some((Cause::LimitReached, Some(503))));
    let (second, told) = handed(&mut centre);
    assert_eq!(told, [503]);
    assert_eq!(barred(&centre).last().unwrap().0, "hotline_calls");
    // The two talk on, and the place of the first is free once it has gone.
    assert_eq!(centre.look().calls.last().unwrap().stage, "talking");
    centre.hangs_up(first);
    centre.hangs_up(second);
    assert_eq!(handed(&mut centre).1, [100, 200]);
}

#[test]
fn who_is_handed_to_a_hotline_counts_for_its_rate_and_for_no_trunks() {
    let mut config = config();
    config.trunks.insert("carrier".into(), trunk(100, Some(2)));
    config.hotlines.get_mut("main").unwrap().limits.calls_per_second = Some(1);
    let mut centre = open(config);
    assert_eq!(handed(&mut centre).1, [100, 200]);
    assert_eq!(handed(&mut centre).1, [503]);
    assert_eq!(barred(&centre), [("hotline_rate".to_owned(), Some("carrier".to_owned()))]);
    assert_eq!(refusal_of(&mut centre), Some((Cause::RateReached, Some(503))));
}

#[test]
fn who_is_handed_to_a_hotline_gives_up_the_place_held_before_and_takes_none_kept_for_another() {
    for (reserved_on, limit) in [(None, "service_reserved"), (Some(1), "trunk_reserved")] {
        let mut config = config();
        config.max_calls = 2;
        config.trunks.insert("carrier".into(), trunk(2, None));
        let main = config.hotlines["main"].clone();
        let mut vip = HotlineConfig { number: "4008005678".parse().unwrap(), ..main };
        match reserved_on {
            None => vip.limits.reserved = 1,
            Some(kept) => vip.limits.reserved_on = [("carrier".into(), kept)].into(),
        }
        config.hotlines.insert("vip".into(), vip);
        let mut centre = open(config);
        centre.sign_in(1001);
        // The last place that is free is kept; the call has one already.
        assert_eq!(handed(&mut centre).1, [100, 200], "{limit}");
        let caller = centre.arrives(by("carrier"), "13800138000", "4008005678");
        assert_eq!(refusal(&centre, caller), None);
        // That one is a call of the hotline for which it is kept, and is handed to the other.
        centre.hears_all(caller);
        let agent = centre.answers("1001");
        centre.leg(agent, LegFact::TransferAsked { to: "4008001234".parse().unwrap() });
        assert!(centre.seen.contains(&(agent, LegCommand::TransferProgress { status: 503 })));
        assert_eq!(barred(&centre), [(limit.to_owned(), Some("carrier".to_owned()))]);
        // Back to its own, it has what it needs.
        centre.leg(agent, LegFact::TransferAsked { to: "4008005678".parse().unwrap() });
        assert!(centre.seen.contains(&(agent, LegCommand::TransferProgress { status: 200 })));
    }
}

#[test]
fn who_is_there_already_can_be_handed_to_a_hotline_when_a_live_change_has_left_no_room() {
    for change in
        [(|config| _ = config.trunks.remove("carrier")) as fn(&mut FloorConfig), |config| {
            config.max_calls = 0
        }]
    {
        let mut centre = Centre::open();
        centre.bind("8000");
        let caller = centre.dials("8000", "913900139000");
        centre.answers("13900139000");
        let mut changed = config();
        change(&mut changed);
        centre.input(Input::Configure(Box::new(changed)));
        centre.leg(caller, LegFact::TransferAsked { to: "4008001234".parse().unwrap() });
        assert!(centre.seen.contains(&(caller, LegCommand::TransferProgress { status: 200 })));
    }
}

#[test]
fn a_caller_who_is_handed_back_to_the_same_hotline_is_no_new_call() {
    let mut config = config();
    let limits = &mut config.hotlines.get_mut("main").unwrap().limits;
    (limits.max_calls, limits.calls_per_second) = (Some(1), Some(1));
    let mut centre = open(config);
    centre.sign_in(1001);
    centre.queues();
    let agent = centre.answers("1001");
    centre.leg(agent, LegFact::TransferAsked { to: "4008001234".parse().unwrap() });
    assert!(centre.seen.contains(&(agent, LegCommand::TransferProgress { status: 200 })));
    assert!(barred(&centre).is_empty());
}

#[test]
fn a_call_out_leaves_the_places_of_the_trunk_that_are_kept_for_a_hotline() {
    let mut centre = two_trunks(|config| {
        config.trunks.insert("carrier".into(), trunk(1, None));
        let hotline = config.hotlines.get_mut("main").unwrap();
        hotline.limits.reserved_on.insert("carrier".into(), 1);
    });
    centre.dials("8000", "913800138000");
    assert_eq!(barred(&centre), [("trunk_reserved".to_owned(), Some("carrier".to_owned()))]);
    assert_eq!(dialled(&centre)[0].0, "second");
    let leg = centre.arrives(by("carrier"), "13800138000", "4008001234");
    assert_eq!(refusal(&centre, leg), None);
}

#[test]
fn a_trunk_that_is_full_or_too_fast_is_passed_over_for_the_next() {
    for (first, why) in [(trunk(0, None), "trunk_calls"), (trunk(9, Some(1)), "trunk_rate")] {
        let too_fast = why == "trunk_rate";
        let mut centre = two_trunks(|config| {
            config.trunks.insert("carrier".into(), first);
        });
        if too_fast {
            let leg = centre.dials("8000", "913800138000");
            centre.hangs_up(leg);
            centre.forget();
        }
        let caller = centre.dials("8000", "913800138000");
        assert_eq!(barred(&centre), [(why.to_owned(), Some("carrier".to_owned()))]);
        assert_eq!(dialled(&centre).len(), 1);
        centre.answers("13800138000");
        assert_eq!((refusal(&centre, caller), centre.look().calls.len()), (None, 1));
        assert_eq!(centre.look().trunks[1].calls, 1);
    }
}

#[test]
fn when_no_trunk_has_a_place_the_caller_is_told_so() {
    let mut centre = two_trunks(|config| {
        config.trunks.insert("carrier".into(), trunk(0, None));
        config.trunks.insert("second".into(), trunk(0, None));
    });
    let caller = centre.dials("8000", "913800138000");
    assert_eq!(refusal(&centre, caller), Some((Cause::LimitReached, Some(503))));
    assert_eq!(barred(&centre).len(), 2);
    assert!(dialled(&centre).is_empty() && centre.look().calls.is_empty());
}

#[test]
fn a_trunk_that_cannot_serve_is_followed_by_the_next_and_the_caller_hears_nothing_of_it() {
    for (cause, status) in [
        (Cause::Unreachable, Some(503)),
        (Cause::Unreachable, Some(500)),
        (Cause::Unreachable, Some(408)),
        (Cause::SignallingLost, Some(408)),
        (Cause::Unreachable, None),
    ] {
        let mut centre = two_trunks(|_| {});
        let caller = centre.dials("8000", "913800138000");
        let first = centre.rings_at("13800138000");
        centre.leg(first, LegFact::Released { cause, status, reason: None });
        let trunks: Vec<_> = dialled(&centre).into_iter().map(|(trunk, ..)| trunk).collect();
        assert_eq!(trunks, ["carrier", "second"], "{cause} {status:?}");
        assert!(centre.seen.iter().all(|(leg, _)| *leg != caller));
        centre.answers("13800138000");
        assert_eq!(centre.look().calls[0].stage, "talking");
        let told: Vec<_> = centre.events.iter().filter(|it| it.leg == Some(first)).collect();
        let released = told.last().unwrap();
        assert_eq!(released.kind, EventKind::LegReleased { status, reason: None });
        assert_eq!(released.cause, Some(cause));
    }
}

#[test]
fn what_speaks_for_the_called_party_is_passed_on_and_no_further_trunk_is_tried() {
    for status in [403, 404, 480, 484, 486, 488, 600, 603] {
        let mut centre = two_trunks(|_| {});
        let caller = centre.dials("8000", "913800138000");
        centre.declines("13800138000", status);
        assert_eq!(dialled(&centre).len(), 1, "{status}");
        assert_eq!(refusal(&centre, caller).unwrap().1, Some(status));
    }
}

/// What a carrier says of our request or of our login, and not of the called party.
const OF_OUR_REQUEST: [u16; 7] = [401, 407, 420, 421, 422, 482, 483];

#[test]
fn what_a_carrier_says_of_our_request_is_followed_by_the_next_trunk_too() {
    for status in OF_OUR_REQUEST {
        let mut centre = two_trunks(|_| {});
        let caller = centre.dials("8000", "913800138000");
        centre.declines("13800138000", status);
        let trunks: Vec<_> = dialled(&centre).into_iter().map(|(trunk, ..)| trunk).collect();
        assert_eq!(trunks, ["carrier", "second"], "{status}");
        assert!(centre.seen.iter().all(|(leg, _)| *leg != caller));
    }
}

#[test]
fn what_is_said_of_our_request_never_reaches_the_callers_phone() {
    for status in OF_OUR_REQUEST {
        let mut centre = two_trunks(|_| {});
        centre.bind("1001");
        let caller = centre.dials("8000", "913800138000");
        centre.declines("13800138000", 503);
        centre.declines("13800138000", status);
        assert_eq!(refusal(&centre, caller), Some((Cause::Unreachable, Some(500))), "{status}");

        // Nor where it comes late, or from one of our own phones.
        let caller = centre.dials("8000", "913800138000");
        let leg = centre.rings_at("13800138000");
        centre.leg(leg, LegFact::Ringing { early: None });
        centre.declines("13800138000", status);
        assert_eq!(refusal(&centre, caller).unwrap().1, Some(500), "{status}");
        let caller = centre.dials("8000", "1001");
        centre.declines("1001", status);
        assert_eq!(refusal(&centre, caller).unwrap().1, Some(500), "{status}");
    }
}

#[test]
fn nor_does_it_reach_the_phone_that_hands_its_caller_on_outside() {
    for status in OF_OUR_REQUEST {
        let mut centre = Centre::open();
        centre.sign_in(1001);
        centre.queues();
        let agent = centre.answers("1001");
        centre.leg(agent, LegFact::TransferAsked { to: "913900139000".parse().unwrap() });
        centre.declines("13900139000", status);
        let told: Vec<_> = centre.seen.iter().filter(|(leg, _)| *leg == agent).collect();
        let progress = LegCommand::TransferProgress { status: 500 };
        assert_eq!(told.last(), Some(&&(agent, progress)), "{status}");
        assert_eq!(centre.look().calls[0].stage, "talking");
    }
}

#[test]
fn a_phone_that_has_rung_is_not_rung_again_by_another_trunk() {
    let mut centre = two_trunks(|_| {});
    let caller = centre.dials("8000", "913800138000");
    let leg = centre.rings_at("13800138000");
    centre.leg(leg, LegFact::Ringing { early: None });
    let gone = LegFact::Released { cause: Cause::Unreachable, status: Some(503), reason: None };
    centre.leg(leg, gone);
    assert_eq!(dialled(&centre).len(), 1);
    assert_eq!(refusal(&centre, caller), Some((Cause::Unreachable, Some(500))));
}

#[test]
fn a_trunk_that_stays_silent_for_the_ring_time_is_given_up_for_the_next() {
    let mut centre = two_trunks(|_| {});
    let caller = centre.dials("8000", "913800138000");
    let first = centre.rings_at("13800138000");
    centre.wait(30);
    assert_eq!(refusal(&centre, first), Some((Cause::NoAnswer, None)));
    assert_eq!(refusal(&centre, caller), None);
    assert_eq!(dialled(&centre).len(), 2);
    assert_eq!(centre.ringing.len(), 1, "one rings at a time");
    centre.wait(30);
    assert_eq!(refusal(&centre, caller), Some((Cause::NoAnswer, Some(480))));
    assert!(centre.look().calls.is_empty());
}

#[test]
fn the_last_trunks_answer_is_the_callers() {
    let mut centre = two_trunks(|_| {});
    let caller = centre.dials("8000", "913800138000");
    centre.declines("13800138000", 503);
    centre.declines("13800138000", 502);
    assert_eq!(refusal(&centre, caller), Some((Cause::Unreachable, Some(502))));
    // That a carrier is down does not mean that we are.
    let caller = centre.dials("8000", "913800138000");
    centre.declines("13800138000", 502);
    centre.declines("13800138000", 503);
    assert_eq!(refusal(&centre, caller), Some((Cause::Unreachable, Some(500))));
    assert!(centre.look().calls.is_empty());
    assert_eq!(centre.look().trunks.iter().map(|row| row.calls).sum::<u32>(), 0);
}

#[test]
fn a_caller_who_is_handed_on_outside_goes_by_the_next_trunk_too() {
    let mut centre = two_trunks(|_| {});
    centre.sign_in(1001);
    centre.queues();
    let agent = centre.answers("1001");
    centre.leg(agent, LegFact::TransferAsked { to: "913900139000".parse().unwrap() });
    centre.hangs_up(agent);
    centre.declines("13900139000", 503);
    let trunks: Vec<_> = dialled(&centre).into_iter().map(|(trunk, ..)| trunk).collect();
    assert_eq!(trunks, ["carrier", "second"]);
    centre.answers("13900139000");
    assert_eq!(centre.look().calls[0].stage, "talking");
    assert_eq!(centre.state(1001).name(), StateName::WrapUp);
}

#[test]
fn a_400_number_is_shown_to_nobody_whoever_it_belongs_to() {
    // A caller who comes with one is handed on by a rule that shows the caller.
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let caller = centre.arrives(by("carrier"), "+864001112222", "4008001234");
    centre.hears_all(caller);
    let agent = centre.answers("1001");
    centre.leg(agent, LegFact::TransferAsked { to: "913900139000".parse().unwrap() });
    let progress = LegCommand::TransferProgress { status: 403 };
    assert!(centre.seen.contains(&(agent, progress)));
    assert_eq!(centre.look().calls[0].stage, "talking");
    assert_eq!(barred(&centre), [("caller_id_forbidden".to_owned(), None)]);

    // A rule that shows one is not to be; were it there all the same, nobody would see it.
    let mut config = config();
    config.outbound[0].show = Some("4008001234".parse().unwrap());
    let mut centre = open(config);
    centre.bind("8000");
    let caller = centre.dials("8000", "913800138000");
    assert_eq!(refusal(&centre, caller), Some((Cause::CallerIdForbidden, Some(403))));
    assert_eq!(barred(&centre), [("caller_id_forbidden".to_owned(), None)]);
    assert_eq!(centre.events.last().unwrap().cause, Some(Cause::CallerIdForbidden));
    assert!(dialled(&centre).is_empty() && centre.look().calls.is_empty());
    assert_eq!(centre.look().barred[0].reason, "caller_id_forbidden");
}

#[test]
fn an_agent_sees_the_number_as_people_dial_it_and_the_log_has_both_spellings() {
    for (written, shown) in [
        ("+8613800138000", "13800138000"),
        ("013800138000", "13800138000"),
        ("861088886666", "01088886666"),
        ("+442079460000", "00442079460000"),
        ("Anonymous", "anonymous"),
        ("700123456789012", "700123456789012"),
    ] {
        let mut centre = Centre::open();
        centre.sign_in(1001);
        let leg = centre.arrives(by("carrier"), written, "+864008001234");
        centre.hears_all(leg);
        let seen = centre.seen.iter().find_map(|(_, command)| match command {
            LegCommand::Dial { from, .. } => Some(from.to_string()),
            _ => None,
        });
        assert_eq!(seen.as_deref(), Some(shown), "{written}");
        let arrived = centre.events.iter().find_map(|event| match &event.kind {
            EventKind::CallArrived { from, to, to_canonical, hotline, .. } => {
                Some((from.to_string(), to.to_string(), to_canonical.clone(), hotline.clone()))
            }
            _ => None,
        });
        let (from, to, canonical, hotline) = arrived.unwrap();
        assert_eq!((from.as_str(), to.as_str()), (written, "+864008001234"));
        assert_eq!(canonical.unwrap().as_str(), "4008001234");
        assert_eq!(hotline, Some("main".into()));
    }
}

#[test]
fn each_carrier_writes_numbers_in_its_own_way_and_gets_them_so() {
    let mut centre = two_trunks(|config| {
        let first = config.trunks.get_mut("carrier").unwrap();
        first.outbound = Outbound { form: OutboundForm::PlusE164, strip: 0, prefix: "".into() };
        first.inbound = Inbound { strip: 1, ..Inbound::default() };
        let second = config.trunks.get_mut("second").unwrap();
        second.outbound = Outbound { form: OutboundForm::E164, strip: 0, prefix: "77".into() };
        config.outbound[0].show = Some("01088886666".parse().unwrap());
    });
    centre.dials("8000", "9013800138000");
    centre.declines("+8613800138000", 503);
    let expected = [
        ("carrier", "+8613800138000", "+861088886666"),
        ("second", "778613800138000", "861088886666"),
    ];
    let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(dialled(&centre), expected);
    centre.arrives(by("carrier"), "913800138000", "4008001234");
    let from = centre.events.iter().rev().find_map(|event| match &event.kind {
        EventKind::CallArrived { from, from_canonical, .. } => {
            Some((from.to_string(), from_canonical.clone()))
        }
        _ => None,
    });
    assert_eq!(from, Some(("913800138000".into(), "+8613800138000".parse().ok())));
}

/// Calls that live, as a stranger counts them.
#[derive(Default)]
struct Ward {
    /// Legs, each with its trunk, and the hotline of the call it brought.
    trunks: BTreeMap<LegId, (TrunkId, Option<HotlineId>)>,
    /// Legs that began a call, each with its hotline.
    calls: BTreeMap<LegId, Option<HotlineId>>,
    /// Legs of customers who were called and then handed to a hotline.
    handed: BTreeMap<LegId, Option<HotlineId>>,
    /// When calls came by each trunk, and to each hotline.
    came: BTreeMap<String, Vec<Timestamp>>,
}

const HOTLINES: [(&str, &str); 3] =
    [("main", "4008001234"), ("vip", "4008005678"), ("other", "4009990000")];

fn crowded(chance: &mut Chance) -> FloorConfig {
    let mut config = config();
    config.max_calls = 6 + u32::try_from(chance.next(6)).unwrap();
    let main = config.hotlines["main"].clone();
    for (name, number) in HOTLINES {
        let hotline = HotlineConfig { number: number.parse().unwrap(), ..main.clone() };
        config.hotlines.insert(name.into(), hotline);
    }
    config.trunks.insert("carrier".into(), trunk(5, Some(4)));
    config.trunks.insert("second".into(), trunk(4, chance.one_in(2).then_some(1)));
    config.outbound[0].trunks.push("second".into());
    let vip = &mut config.hotlines.get_mut("vip").unwrap().limits;
    vip.reserved = 3;
    vip.reserved_on = [("carrier".into(), 2), ("second".into(), 1)].into();
    let main = &mut config.hotlines.get_mut("main").unwrap().limits;
    main.reserved = 1;
    main.reserved_on = [("carrier".into(), 1)].into();
    main.max_calls = Some(2);
    main.calls_per_second = Some(2);
    config
}

impl Ward {
    /// Looks at what became of the step.
    fn look(&mut self, centre: &Centre, config: &FloorConfig, seed: u64) {
        for (leg, command) in &centre.seen {
            if let LegCommand::Dial { target: Target::Trunk { trunk, .. }, .. } = command {
                let hotline = self.handed.get(leg).cloned().flatten();
                self.trunks.insert(*leg, (trunk.clone(), hotline));
                self.come(trunk.as_str(), centre.now);
            }
        }
        self.trunks.retain(|leg, _| centre.live.contains(leg));
        self.calls.retain(|leg, _| centre.live.contains(leg));
        let all = u32::try_from(self.calls.len()).unwrap();
        let kept = config.hotlines.iter().map(|(id, hotline)| {
            let own = count(self.calls.values(), |it| it.as_ref() == Some(id));
            assert!(hotline.limits.max_calls.is_none_or(|most| own <= most), "seed {seed}: {id}");
            hotline.limits.reserved.saturating_sub(own)
        });
        assert!(all + kept.sum::<u32>() <= config.max_calls, "seed {seed}: service");
        for (trunk, limits) in &config.trunks {
            let on = count(self.trunks.values(), |(it, _)| it == trunk);
            let kept = config.hotlines.iter().map(|(id, hotline)| {
                let is_own = |(by, it): &(TrunkId, Option<HotlineId>)| {
                    by == trunk && it.as_ref() == Some(id)
                };
                let kept = hotline.limits.reserved_on.get(trunk).copied().unwrap_or(0);
                kept.saturating_sub(count(self.trunks.values(), is_own))
            });
            assert!(on + kept.sum::<u32>() <= limits.max_calls, "seed {seed}: {trunk}");
        }
    }

    fn come(&mut self, by: &str, now: Timestamp) {
        self.came.entry(by.to_owned()).or_default().push(now);
    }

    /// A second's worth, and then as many as time brings: whichever calls one looks at.
    fn assert_rate(&self, by: &str, most: Option<u32>, seed: u64) {
        let (Some(most), Some(came)) = (most, self.came.get(by)) else { return };
        let most = u64::from(most);
        for (first, from) in came.iter().enumerate() {
            for (last, until) in came.iter().enumerate().skip(first) {
                let calls = u64::try_from(last - first).unwrap() + 1;
                let micros = u64::try_from(until.since(*from).as_micros()).unwrap();
                let allowed = (most * 1_000_000 + most * micros) / 1_000_000;
                assert!(calls <= allowed, "seed {seed}: {calls} calls by {by} in {micros} µs");
            }
        }
    }
}

fn count<'a, T: 'a>(all: impl Iterator<Item = &'a T>, is_one: impl Fn(&T) -> bool) -> u32 {
    u32::try_from(all.filter(|it| is_one(it)).count()).unwrap()
}

#[test]
fn no_limit_is_ever_exceeded_and_kept_places_are_always_there() {
    let (mut let_in_by_reserve, mut handed) = (0, 0);
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 1..=150 {
        let mut chance = Chance::seeded(seed);
        let config = crowded(&mut chance);
        let mut centre = open(config.clone());
        centre.bind("8000");
        let mut ward = Ward::default();
        for _ in 0..300 {
            centre.forget();
            act(&mut centre, &mut ward, &mut chance);
            ward.look(&centre, &config, seed);
            let_in_by_reserve += u64::from(assert_kept(&centre, &ward, &config, seed));
            for (why, _) in barred(&centre) {
                *seen.entry(why).or_default() += 1;
            }
        }
        handed += ward.handed.len();
        for (trunk, limits) in &config.trunks {
            ward.assert_rate(trunk.as_str(), limits.calls_per_second, seed);
        }
        for (hotline, of) in &config.hotlines {
            ward.assert_rate(hotline.as_str(), of.limits.calls_per_second, seed);
        }
    }
    assert!(let_in_by_reserve > 100, "{let_in_by_reserve} calls took a place kept for them");
    assert!(handed > 100, "{handed} customers were handed to a hotline");
    for limit in Limit::ALL.iter().filter(|limit| **limit != Limit::Ports) {
        assert!(seen.get(limit.as_str()).is_some_and(|times| *times > 20), "{limit}: {seen:?}");
    }
}

fn act(centre: &mut Centre, ward: &mut Ward, chance: &mut Chance) {
    match chance.next(11) {
        0..=4 => {
            let (hotline, number) = HOTLINES[chance.next(3)];
            let trunk = ["carrier", "second"][chance.next(2)];
            let leg = centre.arrives(by(trunk), "13800138000", number);
            if centre.live.contains(&leg) {
                let hotline = Some(HotlineId::from(hotline));
                ward.come(hotline.as_ref().unwrap().as_str(), centre.now);
                ward.come(trunk, centre.now);
                ward.trunks.insert(leg, (trunk.into(), hotline.clone()));
                ward.calls.insert(leg, hotline);
            }
        }
        5 => {
            let leg = centre.dials("8000", "913800138000");
            if centre.live.contains(&leg) {
                ward.calls.insert(leg, None);
            }
        }
        6 => {
            let ringing: Vec<LegId> = centre.ringing.keys().copied().collect();
            if let Some(leg) = chance.pick(&ringing) {
                let status = [408, 486, 503][chance.next(3)];
                let gone = LegFact::Released {
                    cause: Cause::Unreachable,
                    status: Some(status),
                    reason: None,
                };
                centre.leg(leg, gone);
            }
        }
        7 => hand_over(centre, ward, chance),
        8 | 9 => {
            let live: Vec<LegId> = centre.live.iter().copied().collect();
            if let Some(leg) = chance.pick(&live) {
                centre.hangs_up(leg);
            }
        }
        _ => {
            let millis = [1, 90, 400, 1_500][chance.next(4)];
            centre.wait_until(centre.now + Duration::from_millis(millis));
        }
    }
}

/// A customer is called, answers, and is handed to a hotline: a call of the hotline's from then on
/// where it lets them in.
fn hand_over(centre: &mut Centre, ward: &mut Ward, chance: &mut Chance) {
    let caller = centre.dials("8000", "913900139000");
    let Some(customer) = centre.rings("13900139000") else { return };
    ward.calls.insert(caller, None);
    centre.answers("13900139000");
    let (hotline, number) = HOTLINES[chance.next(3)];
    centre.leg(caller, LegFact::TransferAsked { to: number.parse().unwrap() });
    if centre.seen.contains(&(caller, LegCommand::TransferProgress { status: 200 })) {
        let hotline = Some(HotlineId::from(hotline));
        ward.come(hotline.as_ref().unwrap().as_str(), centre.now);
        ward.handed.insert(customer, hotline.clone());
        ward.calls.insert(customer, hotline);
    }
}

/// A call for which places are kept was let in, unless a rate or a limit of its own kept it out;
/// true when it took such a place.
fn assert_kept(centre: &Centre, ward: &Ward, config: &FloorConfig, seed: u64) -> bool {
    let arrived = centre.events.iter().find_map(|event| match &event.kind {
        EventKind::CallArrived { hotline: Some(hotline), trunk: Some(trunk), .. } => {
            Some((event.leg.unwrap(), hotline.clone(), trunk.clone()))
        }
        _ => None,
    });
    let Some((leg, hotline, trunk)) = arrived else { return false };
    let limits = &config.hotlines[&hotline].limits;
    let others = |it: &&LegId| **it != leg;
    let own = ward.calls.iter().filter(|(it, by)| others(it) && by.as_ref() == Some(&hotline));
    let on_trunk = |(it, by): &(&LegId, &(TrunkId, Option<HotlineId>))| {
        others(it) && by.0 == trunk && by.1.as_ref() == Some(&hotline)
    };
    let own = u32::try_from(own.count()).unwrap();
    let on_trunk = u32::try_from(ward.trunks.iter().filter(on_trunk).count()).unwrap();
    let kept = limits.reserved_on.get(&trunk).copied().unwrap_or(0);
    if own >= limits.reserved || on_trunk >= kept {
        return false;
    }
    let kept_out = barred(centre).into_iter().map(|(why, _)| why).next();
    let by_rate = |why: &String| why.ends_with("_rate") || why == "hotline_calls";
    assert!(kept_out.as_ref().is_none_or(by_rate), "seed {seed}: {hotline} {kept_out:?}");
    kept_out.is_none()
}
