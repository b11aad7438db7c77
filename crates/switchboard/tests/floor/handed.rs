//! Whose number is shown and written down once a call has been handed on: that of the party who is
//! still there, whoever dialled first.

use insight::Calls;
use model::{EventKind, LegId, Number};
use switchboard::ports::{LegCommand, LegFact};

use crate::centre::Centre;

const HOTLINE: &str = "4008001234";
const CUSTOMER: &str = "13900139000";

/// The phone 8000 has called a customer by this number, who has answered; 1002 is ready.
fn called(dialled: &str) -> (Centre, LegId, LegId) {
    let mut centre = Centre::open();
    centre.bind("8000").bind("1001").sign_in(1002);
    let phone = centre.dials("8000", dialled);
    let customer = centre.answers(dialled.strip_prefix('9').unwrap());
    (centre, phone, customer)
}

/// A customer who was called has been handed to the hotline, and 1002 has answered.
fn answered() -> (Centre, LegId) {
    let (mut centre, phone, customer) = called("913900139000");
    hands(&mut centre, phone, HOTLINE);
    centre.hears_all(customer);
    let agent = centre.answers("1002");
    (centre, agent)
}

fn hands(centre: &mut Centre, leg: LegId, to: &str) {
    centre.leg(leg, LegFact::TransferAsked { to: to.parse().unwrap() });
}

/// The number that was shown to the last party called.
fn shown(centre: &Centre) -> Option<String> {
    centre.seen.iter().rev().find_map(|(_, command)| match command {
        LegCommand::Dial { from, .. } => Some(from.to_string()),
        _ => None,
    })
}

/// Who is heard on the last part of a recording, left and right.
fn recorded(centre: &Centre) -> (String, String) {
    let text = |number: &Option<Number>| number.as_ref().unwrap().to_string();
    let heard = centre.events.iter().rev().find_map(|event| match &event.kind {
        EventKind::RecordingStarted { left, right, .. } => Some((text(left), text(right))),
        _ => None,
    });
    heard.unwrap()
}

fn pair(left: &str, right: &str) -> (String, String) {
    (left.to_owned(), right.to_owned())
}

#[test]
fn the_next_agent_and_the_recording_have_the_number_of_the_customer_who_was_called() {
    let (mut centre, phone, customer) = called("913900139000");
    assert_eq!(recorded(&centre), pair("8000", CUSTOMER));
    hands(&mut centre, phone, HOTLINE);
    centre.hears_all(customer);
    centre.rings_at("1002");
    assert_eq!(shown(&centre).as_deref(), Some(CUSTOMER));
    centre.answers("1002");
    assert_eq!(recorded(&centre), pair(CUSTOMER, "1002"));
    centre.hangs_up(customer);
    let mut calls = Calls::default();
    let rows: Vec<_> = centre.events.iter().filter_map(|event| calls.apply(event)).collect();
    assert_eq!(rows[0].to_canonical, "+8613900139000".parse().ok());
}

#[test]
fn a_customer_who_was_called_is_shown_as_if_they_had_called() {
    for (dialled, read) in [
        ("9+8613900139000", CUSTOMER),
        ("9013900139000", CUSTOMER),
        ("9861088886666", "01088886666"),
        ("900442079460000", "00442079460000"),
    ] {
        let (mut centre, phone, customer) = called(dialled);
        hands(&mut centre, phone, HOTLINE);
        centre.hears_all(customer);
        assert_eq!(shown(&centre).as_deref(), Some(read));
    }
}

#[test]
fn a_colleague_sees_the_customer_who_was_called_and_not_the_agent_who_hands_over() {
    let (mut centre, phone, customer) = called("913900139000");
    hands(&mut centre, phone, "1001");
    assert_eq!(shown(&centre).as_deref(), Some(CUSTOMER));
    let colleague = centre.answers("1001");
    assert_eq!(recorded(&centre), pair("1001", CUSTOMER));
    hands(&mut centre, colleague, HOTLINE);
    centre.hears_all(customer);
    assert_eq!(shown(&centre).as_deref(), Some(CUSTOMER));
}

#[test]
fn a_customer_who_was_called_is_shown_outside_and_whoever_is_called_there_is_written_down() {
    let (mut centre, agent) = answered();
    hands(&mut centre, agent, "915900159000");
    assert_eq!(shown(&centre).as_deref(), Some(CUSTOMER));
    centre.answers("15900159000");
    assert_eq!(recorded(&centre), pair(CUSTOMER, "15900159000"));

    let (mut centre, phone, _) = called("913900139000");
    hands(&mut centre, phone, "915900159000");
    assert_eq!(shown(&centre).as_deref(), Some(CUSTOMER));
    centre.answers("15900159000");
    assert_eq!(recorded(&centre), pair("15900159000", CUSTOMER));
}

#[test]
fn a_customer_who_was_called_and_falls_back_into_the_queue_is_shown_to_the_next_agent() {
    let (mut centre, agent) = answered();
    hands(&mut centre, agent, "8000");
    assert_eq!(shown(&centre).as_deref(), Some(CUSTOMER));
    centre.hangs_up(agent);
    centre.declines("8000", 486);
    centre.forget();
    centre.wait(10);
    centre.rings_at("1002");
    assert_eq!(shown(&centre).as_deref(), Some(CUSTOMER));
}

#[test]
fn of_two_colleagues_the_one_who_is_handed_on_is_shown() {
    let mut centre = Centre::open();
    centre.bind("8000").bind("1001").bind("1002");
    let caller = centre.dials("8000", "1001");
    centre.answers("1001");
    hands(&mut centre, caller, "1002");
    assert_eq!(shown(&centre).as_deref(), Some("1001"));
}
