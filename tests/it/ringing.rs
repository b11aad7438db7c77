//! Several phones that ring for one caller, and a caller who is kept for one agent.

use std::time::Duration;

use model::StateName;

use crate::house::{Answers, Baresip, Carrier, Earpiece, Over, Plan, SOON, Server, wait_until};

const TALK: Duration = Duration::from_secs(2);

/// A queue with more rules.
fn house(rules: &str) -> Server {
    let queue = "[queues.support]\n";
    Server::start_with(Plan::default(), |text| text.replace(queue, &format!("{queue}{rules}")))
}

fn phone(server: &Server, number: u32, answers: Answers) -> Baresip {
    let phone = Baresip::agent(&number.to_string(), server.phones(), (Over::Udp, answers), 1_000);
    server.sign_in(number);
    phone
}

#[test]
fn of_two_phones_that_ring_together_the_one_that_answers_has_the_call_and_the_other_missed_nothing()
{
    let server = house("ringing = \"all\"\n");
    let (slow, fast) =
        (phone(&server, 1001, Answers::WhenTold), phone(&server, 1002, Answers::WhenTold));
    let earpiece = Earpiece::open(600.0);
    let mut carrier = Carrier::calls(&server, &earpiece, TALK);
    wait_until("both ring", SOON, || slow.has_rung() && fast.has_rung());
    server.wait_for_state(1001, StateName::Ringing, SOON);
    fast.accepts();
    slow.expects("CALL_CLOSED");
    server.wait_for_state(1002, StateName::OnCall, SOON);
    // The rule of this house makes busy who lets it ring once: this was none of that.
    server.wait_for_state(1001, StateName::Ready, SOON);
    carrier.is_content();
    let call = server.ended_calls(1).remove(0).call.to_string();
    let why = server.command_line(&["why", &call]);
    for told in ["1002 answered 接听", "1001 rings no more: another was faster 他人已接"] {
        assert!(why.contains(told), "{told} is not in\n{why}");
    }
    let ladder = server.command_line(&["ladder", &call, "--full"]);
    assert!(ladder.contains("cause=200"), "the phone shows a missed call:\n{ladder}");
    server.assert_all_at_rest(1);
}

#[test]
fn a_caller_is_kept_for_the_agent_who_served_the_caller_last() {
    let server = house("last_agent_within = \"1h\"\n");
    let _first = phone(&server, 1001, Answers::AtOnce);
    let earpiece = Earpiece::open(600.0);
    Carrier::calls(&server, &earpiece, TALK).is_content();
    server.wait_for_state(1001, StateName::Ready, SOON);
    let _second = phone(&server, 1002, Answers::AtOnce);
    server.ended_calls(1);
    Carrier::calls(&server, &earpiece, TALK).is_content();
    let calls = server.ended_calls(2);
    let agents: Vec<_> =
        calls.iter().map(|call| call.segments.iter().find_map(|segment| segment.agent)).collect();
    assert_eq!(agents, [Some(model::AgentId::new(1001)); 2]);
    let why = server.command_line(&["why", &calls[1].call.to_string()]);
    let other = server.command_line(&["why", &calls[0].call.to_string()]);
    // The longest idle would be the same agent: that it was not by rank, the log says.
    let kept = "kept for this agent 专属坐席";
    assert_eq!(usize::from(why.contains(kept)) + usize::from(other.contains(kept)), 1, "{why}");
}
