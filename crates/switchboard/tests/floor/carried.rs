//! What calls carry beside their numbers, and how far it goes.

use model::{Attestation, Attested, Carried, EventKind, UserToUser, Verdict};
use switchboard::config::PhoneConfig;
use switchboard::ports::{Alert, LegCommand, LegFact, Origin, RingsIn, Target};

use crate::centre::{Centre, config, rings};

fn told() -> Vec<UserToUser> {
    vec![UserToUser { data: "order-88".into(), ..UserToUser::default() }]
}

const ATTESTED: Attested = Attested {
    verdict: Some(Verdict::Passed),
    attestation: Some(Attestation::Full),
    unverified_attestation: None,
};

fn from_carrier() -> RingsIn {
    let identity = vec!["a.b.c;info=<https://c.example>".to_owned()];
    let carried =
        Carried { user_to_user: told(), attested: Some(ATTESTED), identity, referred_by: None };
    RingsIn { carried, ..rings(Origin::Trunk("carrier".into()), "13800138000", "4008001234") }
}

fn from_phone(phone: &str, to: &str) -> RingsIn {
    let carried = Carried { user_to_user: told(), ..Carried::default() };
    RingsIn { carried, ..rings(Origin::Phone(phone.into()), phone, to) }
}

/// What went on with the last call made, and what the phone was asked.
fn dialled(centre: &Centre) -> (Target, Carried, Alert) {
    let dialled = centre.seen.iter().rev().find_map(|(_, command)| match command {
        LegCommand::Dial { target, carried, alert, .. } => {
            Some((target.clone(), carried.clone(), *alert))
        }
        _ => None,
    });
    dialled.unwrap()
}

fn only_told() -> Carried {
    Carried { user_to_user: told(), ..Carried::default() }
}

#[test]
fn the_agents_phone_and_the_log_are_told_what_the_caller_says() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let leg = centre.invites(from_carrier());
    centre.hears_all(leg);
    assert_eq!(dialled(&centre), (Target::Phone("1001".into()), only_told(), Alert::Ring));
    let arrived = centre.events.iter().find_map(|event| match &event.kind {
        EventKind::CallArrived { user_to_user, attested, .. } => {
            Some((user_to_user.clone(), *attested))
        }
        _ => None,
    });
    assert_eq!(arrived, Some((told(), Some(ATTESTED))));
}

#[test]
fn a_phone_answers_by_itself_what_a_queue_gives_its_agent_and_nothing_else() {
    let mut config = config();
    let phone = PhoneConfig { alert: Alert::Answer, ..PhoneConfig::default() };
    config.phones.insert("1001".into(), phone);
    let mut centre = Centre::open_with(config, 1, Default::default(), &[]);
    centre.sign_in(1001).bind("1002").bind("8000");
    centre.dials("8000", "1001");
    assert_eq!(dialled(&centre).2, Alert::Ring);
    centre.declines("1001", 486);
    centre.queues();
    assert_eq!(dialled(&centre).2, Alert::Answer);
    let agent = centre.answers("1001");
    centre.leg(agent, LegFact::TransferAsked { to: "1002".parse().unwrap() });
    let (target, carried, alert) = dialled(&centre);
    assert_eq!((target, alert), (Target::Phone("1002".into()), Alert::Ring));
    // Who is rung learns from whom the caller comes.
    assert_eq!(carried.referred_by, Some("1001".into()));
}

#[test]
fn who_gets_a_caller_that_was_sent_back_into_the_queue_learns_by_whom() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let caller = centre.queues();
    let first = centre.answers("1001");
    centre.leg(first, LegFact::TransferAsked { to: "4008001234".parse().unwrap() });
    centre.sign_in(1002);
    centre.hears_all(caller);
    let (target, carried, _) = dialled(&centre);
    assert_eq!(target, Target::Phone("1002".into()));
    assert_eq!(carried.referred_by, Some("1001".into()));
}

#[test]
fn what_a_phone_says_goes_to_colleagues_and_outside() {
    for (to, is_outside) in [("1002", false), ("913900139000", true)] {
        let mut centre = Centre::open();
        centre.bind("1002");
        centre.invites(from_phone("8000", to));
        let (target, carried, _) = dialled(&centre);
        assert_eq!(matches!(target, Target::Trunk { .. }), is_outside);
        assert_eq!(carried, only_told(), "{to}");
    }
}

#[test]
fn a_caller_handed_on_takes_the_identity_outside_under_the_same_number_alone() {
    for shown in [None, Some("01088886666")] {
        let mut config = config();
        config.outbound[0].show = shown.map(|number| number.parse().unwrap());
        let mut centre = Centre::open_with(config, 1, Default::default(), &[]);
        centre.sign_in(1001);
        let caller = centre.invites(from_carrier());
        centre.hears_all(caller);
        let agent = centre.answers("1001");
        centre.leg(agent, LegFact::TransferAsked { to: "913900139000".parse().unwrap() });
        let (target, carried, _) = dialled(&centre);
        assert!(matches!(target, Target::Trunk { .. }));
        let identity = match shown {
            None => from_carrier().carried.identity,
            Some(_) => vec![],
        };
        assert_eq!(carried, Carried { identity, ..Carried::default() });
    }
}
