//! A caller who leaves the line by a key and is called back.

use model::{Outcome, StateName};

use crate::house::{
    Answers, Baresip, Carrier, Earpiece, Over, Plan, SOON, Server, assert_heard, free_port, last,
    wait_until,
};

#[test]
fn a_caller_leaves_the_line_by_a_key_and_is_called_back_when_an_agent_is_there() {
    let port = free_port();
    let callee = Earpiece::open(600.0);
    let mut takes = Carrier::answers(port, &callee);
    let plan = Plan { carrier: Some(port), ..Plan::default() };
    let server = Server::start_with(plan, |text| {
        let keys = "[queues.support]\nkeys = { 1 = \"callback\" }\n";
        let callback = "[queues.support.callback]\nprefix = \"0\"\nrole = \"agent\"\n";
        text.replace("[queues.support]\n", keys) + callback
    });
    let caller = Baresip::caller("13900139000", server.trunk(), 600);
    caller.dials("4008001234");
    server.wait_for_waiting(1);
    caller.expects("CALL_ESTABLISHED");
    caller.presses('1');
    caller.expects("CALL_CLOSED");
    wait_until("the place is kept", SOON, || server.status().queues[0].callbacks == 1);

    let agent = Baresip::agent("1001", server.phones(), (Over::Udp, Answers::AtOnce), 1_000);
    server.sign_in(1001);
    server.wait_for_state(1001, StateName::OnCall, SOON);
    wait_until("the callee hears the agent", SOON, || callee.heard().len() > 3 * 8_000);
    agent.hangs_up();
    takes.is_content();
    assert_heard("the callee", last(&callee.heard(), 2), 1_000.0, 1.5);

    let calls = server.ended_calls(2);
    let back = calls.iter().find(|call| call.callback_of.is_some()).expect("a callback");
    let asked = calls.iter().find(|call| Some(call.call) == back.callback_of).expect("its wish");
    assert_eq!((asked.outcome, back.outcome), (Some(Outcome::Callback), Some(Outcome::Answered)));
    let why = server.command_line(&["why", &asked.call.to_string()]);
    assert!(why.contains(&format!("要求回拨 {}", back.call)), "{why}");
    server.assert_all_at_rest(2);
}
