//! Calls beside the hotline: extensions, numbers outside, feature codes, transfers.

use model::{AgentState, CallKind, Cause, StateName};
use switchboard::ports::{LegCommand, LegFact, Origin};

use crate::centre::{Centre, config, description};

fn refusal(centre: &Centre, leg: model::LegId) -> Option<(Cause, Option<u16>)> {
    centre.seen.iter().find_map(|(seen, command)| match command {
        LegCommand::Release { cause, status } if *seen == leg => Some((*cause, *status)),
        _ => None,
    })
}

#[test]
fn extensions_call_each_other_and_the_call_is_recorded() {
    let mut centre = Centre::open();
    centre.bind("8000").bind("1001");
    let caller = centre.dials("8000", "1001");
    let callee = centre.answers("1001");
    assert!(
        centre.seen.iter().any(|(leg, command)| {
            *leg == caller && matches!(command, LegCommand::Answer { .. })
        })
    );
    centre.hangs_up(callee);
    assert_eq!(centre.recordings, ["start 1-1.1", "finish 1-1.1"]);
    assert!(centre.look().calls.is_empty());
}

#[test]
fn an_agent_on_an_internal_call_is_not_offered_a_queue_call_and_returns_to_the_state_before() {
    let mut centre = Centre::open();
    centre.sign_in(1001).bind("8000");
    centre.wait(3);
    let caller = centre.dials("8000", "1001");
    assert!(matches!(centre.state(1001), AgentState::OnCall { kind: CallKind::Internal, .. }));
    centre.answers("1001");
    centre.queues();
    assert!(centre.rings("1001").is_none());
    centre.hangs_up(caller);
    assert!(centre.rings("1001").is_some(), "the waiting caller is offered at once");
}

#[test]
fn an_extension_without_a_phone_is_unavailable_and_an_engaged_one_is_busy() {
    let mut centre = Centre::open();
    centre.bind("8000").sign_in(1001);
    let leg = centre.dials("8000", "1002");
    assert_eq!(refusal(&centre, leg), Some((Cause::Unreachable, Some(480))));
    centre.queues();
    let leg = centre.dials("8000", "1001");
    assert_eq!(refusal(&centre, leg), Some((Cause::Refused, Some(486))));
}

#[test]
fn an_unknown_number_is_404_for_a_trunk_and_403_for_a_phone() {
    let mut centre = Centre::open();
    centre.bind("8000");
    let carrier = Origin::Trunk("carrier".into());
    let leg = centre.arrives(carrier, "13800138000", "1001");
    assert_eq!(refusal(&centre, leg), Some((Cause::NoRoute, Some(404))));
    let leg = centre.dials("8000", "55555");
    assert_eq!(refusal(&centre, leg), Some((Cause::NotAllowed, Some(403))));
}

#[test]
fn a_number_outside_goes_by_the_trunk_of_its_rule() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let caller = centre.dials("1001", "913800138000");
    centre.answers("13800138000");
    assert!(matches!(centre.state(1001), AgentState::OnCall { kind: CallKind::Outbound, .. }));
    centre.hangs_up(caller);
    assert_eq!(centre.state(1001).name(), StateName::Ready);
}

#[test]
fn a_called_extension_that_declines_passes_its_status_on() {
    let mut centre = Centre::open();
    centre.bind("8000").bind("1001");
    let caller = centre.dials("8000", "1001");
    centre.declines("1001", 603);
    assert_eq!(refusal(&centre, caller), Some((Cause::Refused, Some(603))));
    assert!(centre.look().calls.is_empty());
}

#[test]
fn an_extension_that_does_not_answer_is_given_up_after_the_ring_time() {
    let mut centre = Centre::open();
    centre.bind("8000").bind("1001");
    let caller = centre.dials("8000", "1001");
    centre.wait(30);
    assert_eq!(refusal(&centre, caller), Some((Cause::NoAnswer, Some(480))));
    assert!(centre.rings("1001").is_none());
}

#[test]
fn a_caller_who_gives_up_stops_the_ringing() {
    let mut centre = Centre::open();
    centre.bind("8000").sign_in(1001);
    let caller = centre.dials("8000", "1001");
    centre.hangs_up(caller);
    assert!(centre.rings("1001").is_none());
    assert_eq!(centre.state(1001).name(), StateName::Ready);
}

#[test]
fn an_agent_signs_in_goes_busy_and_signs_out_with_codes_dialled_at_the_phone() {
    let mut centre = Centre::open();
    centre.bind("1001");
    for (code, state) in [
        ("*11", StateName::Ready),
        ("*141", StateName::Busy),
        ("*13", StateName::Ready),
        ("*12", StateName::SignedOut),
    ] {
        let leg = centre.dials("1001", code);
        centre.hears_all(leg);
        assert_eq!(centre.state(1001).name(), state, "{code}");
        assert!(centre.look().calls.is_empty());
    }
}

#[test]
fn a_transferred_caller_talks_to_the_new_party_and_the_first_agent_wraps_up() {
    let mut centre = Centre::open();
    centre.sign_in(1001).sign_in(1002);
    let caller = centre.queues();
    let first = centre.answers("1001");
    centre.leg(first, LegFact::TransferAsked { to: "1002".parse().unwrap() });
    let second = centre.answers("1002");
    assert_eq!(centre.state(1001).name(), StateName::WrapUp);
    let talking = &centre.look().calls[0];
    assert_eq!(
        (talking.stage.as_str(), talking.agent.map(|agent| agent.number())),
        ("talking", Some(1002))
    );
    assert_eq!(centre.recordings, ["start 1-1.1", "finish 1-1.1", "start 1-1.2"]);
    centre.hangs_up(second);
    assert!(centre.look().calls.is_empty());
    let _ = caller;
}

#[test]
fn a_transfer_that_fails_gives_the_caller_back_to_the_first_agent() {
    let mut centre = Centre::open();
    centre.sign_in(1001).bind("8000");
    centre.queues();
    let first = centre.answers("1001");
    centre.leg(first, LegFact::TransferAsked { to: "8000".parse().unwrap() });
    centre.declines("8000", 486);
    let talking = &centre.look().calls[0];
    assert_eq!(
        (talking.stage.as_str(), talking.agent.map(|agent| agent.number())),
        ("talking", Some(1001))
    );
}

#[test]
fn a_transfer_that_fails_after_the_first_agent_left_leads_the_caller_back_into_the_queue() {
    let mut centre = Centre::open();
    centre.sign_in(1001).bind("8000");
    centre.queues();
    let first = centre.answers("1001");
    centre.leg(first, LegFact::TransferAsked { to: "8000".parse().unwrap() });
    centre.hangs_up(first);
    centre.declines("8000", 486);
    assert_eq!(centre.look().calls[0].stage, "queue");
    centre.wait(10);
    assert!(centre.rings("1001").is_some(), "wrap-up is over and the caller still waits");
}

#[test]
fn a_caller_may_be_transferred_back_to_the_hotline() {
    let mut centre = Centre::open();
    centre.sign_in(1001);
    let caller = centre.queues();
    let first = centre.answers("1001");
    centre.leg(first, LegFact::TransferAsked { to: "4008001234".parse().unwrap() });
    assert_eq!(centre.look().calls[0].stage, "flow");
    centre.hears_all(caller);
    assert_eq!(centre.look().calls[0].stage, "queue");
}

#[test]
fn above_the_limit_a_new_call_is_503() {
    let mut config = config();
    config.max_calls = 1;
    let mut centre = Centre::open_with(config, 1, Default::default(), &[]);
    centre.calls();
    let leg = centre.calls();
    assert_eq!(refusal(&centre, leg), Some((Cause::LimitReached, Some(503))));
}

#[test]
fn an_offer_without_a_codec_we_speak_is_488() {
    let mut centre = Centre::open();
    let mut offer = description(40_000);
    offer.codecs.clear();
    let rings = switchboard::ports::RingsIn {
        origin: Origin::Trunk("carrier".into()),
        from: "13800138000".parse().unwrap(),
        display: None,
        to: "4008001234".parse().unwrap(),
        offer: Some(offer),
        sip_call_id: "x".into(),
        carried: model::Carried::default(),
        max_forwards: 70,
    };
    let leg = model::LegId::new(model::Epoch::new(1), 99);
    centre.leg(leg, LegFact::RingsIn(Box::new(rings)));
    assert_eq!(refusal(&centre, leg), Some((Cause::NotAcceptable, Some(488))));
}

#[test]
fn a_caller_who_waits_is_offered_only_after_the_tone_that_confirms_the_sign_in() {
    let mut centre = Centre::open();
    centre.bind("1001");
    centre.queues();
    let leg = centre.dials("1001", "*11");
    assert!(centre.rings("1001").is_none());
    centre.hears_all(leg);
    assert!(centre.rings("1001").is_some());
}
