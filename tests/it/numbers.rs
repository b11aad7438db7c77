//! What trunks may carry, how numbers are written and what comes with them, as SIPp and a telephone see it.

use std::time::Duration;

use model::{Cause, EventKind};
use serde_json::{Value, json};

use crate::house::{
    Answers, Baresip, Carrier, Earpiece, Over, Plan, SOON, Server, free_port, wait,
};

/// How many calls come at once, far more than the hotline may have in a second.
const CALLS: usize = 40;

#[test]
fn calls_that_come_too_fast_get_503_with_retry_after_and_the_others_are_served() {
    let server = Server::start_with(Plan { max_calls: 100, ..Plan::default() }, |text| {
        text.replace("flow = \"main\"", "flow = \"main\"\ncalls_per_second = 2")
    });
    let earpiece = Earpiece::open(600.0);
    let mut carrier = Carrier::brings(&server, &earpiece, CALLS);
    carrier.is_content();

    let calls = server.ended_calls(CALLS);
    let (refused, served): (Vec<_>, Vec<_>) =
        calls.into_iter().partition(|call| call.cause == Some(Cause::RateReached));
    assert!(!refused.is_empty() && refused.iter().all(|call| call.answered_at.is_none()));
    assert!(served.len() >= 2 && served.iter().all(|call| call.answered_at.is_some()));
    // Two at once, and two more for each second that passed, whichever calls one looks at.
    let mut came: Vec<u64> = served.iter().map(|call| call.arrived_at.as_micros()).collect();
    came.sort_unstable();
    for (first, from) in came.iter().enumerate() {
        for (last, until) in came.iter().enumerate().skip(first) {
            let calls = (last - first + 1) as u64;
            assert!(calls <= 2 + (until - from) * 2 / 1_000_000, "{came:?}");
        }
    }
    let counted =
        server.metric("hotline_calls_barred_total{hotline=\"main\",reason=\"hotline_rate\"");
    assert_eq!(counted as usize, refused.len());
    let told = events(&server, &refused[0].call.to_string());
    assert!(told.iter().any(|event| event["data"]["limit"] == "hotline_rate"), "{told:?}");
    server.assert_all_at_rest(served.len() as u64);
}

#[test]
fn the_agents_phone_shows_a_number_as_people_dial_it_however_the_carrier_writes_it() {
    let server = Server::start(Plan { agents: 1, ..Plan::default() });
    let agent = Baresip::agent("1001", server.phones(), (Over::Udp, Answers::AtOnce), 1_000);
    server.sign_in(1001);
    let earpiece = Earpiece::open(600.0);
    let spellings = [
        ("+8613800138000", "+864008001234", "13800138000"),
        ("013800138000", "864008001234", "13800138000"),
        ("861088886666", "4008001234", "01088886666"),
        ("Anonymous", "04008001234", "anonymous"),
    ];
    for (from, to, shown) in spellings {
        let talk = Duration::from_millis(500);
        let mut carrier = Carrier::calls_as(&server, &earpiece, (from, to), talk);
        let rings = agent.expects("CALL_ESTABLISHED");
        let peer = rings["peeruri"].as_str().unwrap();
        assert!(peer.starts_with(&format!("sip:{shown}@")), "{from} is shown as {peer}");
        agent.expects("CALL_CLOSED");
        carrier.is_content();
        server.wait_for_state(1001, model::StateName::Ready, SOON);
    }

    // What arrived is in the record as it arrived, and any spelling finds it.
    server.ended_calls(spellings.len());
    for number in ["13800138000", "%2B8613800138000", "008613800138000", "138-0013-8000"] {
        let found = server.ask(&format!("/v1/calls?number={number}"));
        let found = found["calls"].as_array().unwrap();
        let from: Vec<_> = found.iter().map(|call| call["from"].as_str().unwrap()).collect();
        assert_eq!(from, ["013800138000", "+8613800138000"], "{number}");
    }
    server.assert_all_at_rest(spellings.len() as u64);
}

#[test]
fn an_agents_phone_gets_the_callers_data_and_the_record_who_answers_for_the_number() {
    let server = Server::start_with(Plan { agents: 1, ..Plan::default() }, |text| {
        text.replace("[phones.1001]", "[phones.1001]\nauto_answer = true")
    });
    let agent = Baresip::agent("1001", server.phones(), (Over::Udp, Answers::WhenTold), 1_000);
    server.sign_in(1001);
    let earpiece = Earpiece::open(600.0);
    let mut carrier = Carrier::carries(&server, &earpiece, Duration::from_millis(500));
    agent.expects("CALL_INCOMING");
    agent.accepts();
    carrier.is_content();

    // The phone prints the messages that it gets.
    let said = agent.said();
    for field in [
        "User-to-User: 6f726465722d3838;purpose=isdn-uui;encoding=hex",
        "Call-Info: <sip:test.example>;answer-after=0",
        "Alert-Info: <http://test.example>;info=alert-autoanswer;delay=0",
    ] {
        assert!(said.contains(field), "the phone got no {field}");
    }
    assert!(!said.contains("Identity: "), "an identity is no phone's business");

    let call = server.ended_calls(1).remove(0).call.to_string();
    let user_to_user =
        json!([{ "data": "6f726465722d3838", "encoding": "hex", "purpose": "isdn-uui" }]);
    let attested =
        json!({ "verdict": "passed", "attestation": "A", "unverified_attestation": "B" });
    let record = server.ask(&format!("/v1/calls/{call}"));
    assert_eq!(record["call"]["user_to_user"], user_to_user);
    assert_eq!(record["call"]["attested"], attested);
    let told = events(&server, &call);
    let arrived = of_kind(&told, "call.arrived").next().unwrap();
    assert_eq!(arrived["data"]["user_to_user"], user_to_user);
    assert_eq!(arrived["data"]["attested"], attested);
    server.assert_all_at_rest(1);
}

#[test]
fn a_carrier_that_answers_503_is_followed_by_the_next_which_gets_numbers_as_it_wants_them() {
    let (first, second) = (free_port(), free_port());
    let earpiece = Earpiece::open(600.0);
    let (mut down, mut up) = (Carrier::refuses(first), Carrier::answers(second, &earpiece));
    let plan = Plan { carrier: Some(second), ..Plan::default() };
    let server = Server::start_with(plan, |text| {
        let down = format!(
            "\n[trunks.down]\naddresses = [\"192.0.2.1\"]\nproxy = \"127.0.0.1:{first}\"\n\
             options_every = \"0s\"\n"
        );
        let wishes = "[trunks.carrier]\noutbound_numbers = \"plus_e164\"\noutbound_prefix = \"77\"";
        text.replace("[trunks.carrier]", wishes)
            .replace("trunk = \"carrier\"", "trunks = [\"down\", \"carrier\"]")
            + &down
    });
    let phone = Baresip::agent("1001", server.phones(), (Over::Udp, Answers::AtOnce), 1_000);
    phone.dials("013800138000");
    phone.expects("CALL_ESTABLISHED");
    down.is_content();
    phone.hangs_up();
    up.is_content();

    let call = server.ended_calls(1).remove(0);
    assert_eq!(call.to_canonical, "+8613800138000".parse().ok());
    let told = events(&server, &call.call.to_string());
    let trunks: Vec<_> = of_kind(&told, "leg.created").map(|it| &it["data"]["trunk"]).collect();
    assert_eq!(trunks, [&Value::Null, &"down".into(), &"carrier".into()]);
    let released = of_kind(&told, "leg.released").next().unwrap();
    assert_eq!(
        (&released["data"]["status"], &released["cause"]),
        (&503.into(), &"unreachable".into())
    );
    let ladder = server.ask(&format!("/v1/calls/{}/ladder", call.call)).to_string();
    assert!(ladder.contains("sip:77+8613800138000@"), "{ladder}");
    assert!(ladder.contains("sip:+861088886666@"), "{ladder}");
    server.assert_all_at_rest(0);
}

/// The events of a call.
fn events(server: &Server, call: &str) -> Vec<Value> {
    wait("the call's events are on disk", SOON, || {
        let mut answer = server.ask(&format!("/v1/calls/{call}"));
        let events = answer["events"].as_array_mut().map(std::mem::take).unwrap();
        let ended = EventKind::CallEnded {}.name();
        events.iter().any(|event| event["kind"] == ended).then_some(events)
    })
}

fn of_kind<'a>(events: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["kind"] == kind)
}
