//! Every way a call may end: nobody is stuck, and the log accounts for every caller.

use insight::Cdr;
use model::{OfferEnd, Outcome, StateName};

use crate::house::{Answers, Baresip, Over, Plan, SOON, Server, wait_until};

const OVER_UDP_WHEN_TOLD: (Over, Answers) = (Over::Udp, Answers::WhenTold);

struct Scene {
    server: Server,
    agent: Baresip,
    caller: Baresip,
}

/// An agent signed in, and a caller who has dialled.
fn call_for(plan: Plan) -> Scene {
    let server = Server::start(plan);
    let agent = Baresip::agent("1001", server.phones(), OVER_UDP_WHEN_TOLD, 1_000);
    server.sign_in(1001);
    let caller = Baresip::caller("13900139000", server.trunk(), 600);
    caller.dials("4008001234");
    caller.expects("CALL_ESTABLISHED");
    Scene { server, agent, caller }
}

impl Scene {
    fn record(&self) -> Cdr {
        self.server.ended_calls(1).remove(0)
    }

    fn offers(&self) -> Vec<OfferEnd> {
        let record = self.record();
        record.segments.iter().flat_map(|it| &it.offers).filter_map(|offer| offer.end).collect()
    }
}

#[test]
fn a_caller_who_hangs_up_while_waiting_is_counted_as_abandoned() {
    let server = Server::start(Plan::default());
    let caller = Baresip::caller("13900139000", server.trunk(), 600);
    caller.dials("4008001234");
    caller.expects("CALL_ESTABLISHED");
    server.wait_for_waiting(1);
    caller.hangs_up();
    let call = server.ended_calls(1).remove(0);
    assert_eq!(call.outcome, Some(Outcome::Abandoned));
    server.assert_all_at_rest(1);
}

#[test]
fn a_caller_who_hangs_up_while_the_agent_is_rung_frees_the_agent() {
    let scene = call_for(Plan::default());
    scene.agent.expects("CALL_INCOMING");
    scene.caller.hangs_up();
    scene.agent.expects("CALL_CLOSED");
    scene.server.wait_for_state(1001, StateName::Ready, SOON);
    assert_eq!(scene.record().outcome, Some(Outcome::Abandoned));
    assert_eq!(scene.offers(), [OfferEnd::CallerLeft]);
    scene.server.assert_all_at_rest(1);
}

#[test]
fn a_caller_who_hangs_up_while_talking_leaves_the_agent_in_wrap_up_and_then_ready() {
    let scene = call_for(Plan { wrap_up: "5s", ..Plan::default() });
    scene.agent.expects("CALL_INCOMING");
    scene.agent.accepts();
    scene.server.wait_for_state(1001, StateName::OnCall, SOON);
    scene.caller.hangs_up();
    scene.agent.expects("CALL_CLOSED");
    scene.server.wait_for_state(1001, StateName::WrapUp, SOON);
    scene.server.wait_for_state(1001, StateName::Ready, SOON);
    assert_eq!(scene.record().outcome, Some(Outcome::Answered));
    scene.server.assert_all_at_rest(1);
}

#[test]
fn an_agent_who_refuses_is_asked_again_after_a_pause_and_the_caller_keeps_waiting() {
    let scene = call_for(Plan::default());
    scene.agent.expects("CALL_INCOMING");
    scene.agent.hangs_up();
    scene.agent.expects("CALL_CLOSED");
    scene.server.wait_for_waiting(1);
    // The pause after a refusal is two seconds in this house.
    scene.agent.expects("CALL_INCOMING");
    scene.agent.accepts();
    scene.server.wait_for_state(1001, StateName::OnCall, SOON);
    scene.agent.hangs_up();
    scene.caller.expects("CALL_CLOSED");
    assert_eq!(scene.record().outcome, Some(Outcome::Answered));
    assert_eq!(scene.offers()[..1], [OfferEnd::Refused]);
    scene.server.assert_all_at_rest(1);
}

#[test]
fn an_agent_who_does_not_answer_is_set_busy_and_the_caller_keeps_the_place() {
    let scene = call_for(Plan { ring: "3s", ..Plan::default() });
    scene.agent.expects("CALL_INCOMING");
    scene.server.wait_for_state(1001, StateName::Busy, SOON);
    scene.agent.expects("CALL_CLOSED");
    scene.server.wait_for_waiting(1);
    let (status, answer) = scene.server.post("/v1/agents/1001/ready", &serde_json::json!({}));
    assert_eq!(status, 200, "{answer}");
    scene.agent.expects("CALL_INCOMING");
    scene.agent.accepts();
    scene.server.wait_for_state(1001, StateName::OnCall, SOON);
    scene.caller.hangs_up();
    assert_eq!(scene.record().outcome, Some(Outcome::Answered));
    assert_eq!(scene.offers()[..1], [OfferEnd::NoAnswer]);
    scene.server.assert_all_at_rest(1);
}

#[test]
fn a_caller_is_served_by_another_when_the_agents_phone_vanishes_while_ringing() {
    let Scene { server, agent, caller } = call_for(Plan { ring: "3s", ..Plan::default() });
    agent.expects("CALL_INCOMING");
    agent.vanishes();
    let other = Baresip::agent("1002", server.phones(), (Over::Tcp, Answers::AtOnce), 1_000);
    server.sign_in(1002);
    other.expects("CALL_ESTABLISHED");
    caller.hangs_up();
    other.expects("CALL_CLOSED");
    let call = server.ended_calls(1).remove(0);
    assert_eq!(call.outcome, Some(Outcome::Answered));
    assert_eq!(call.agents, [model::AgentId::new(1002)]);
    server.assert_all_at_rest(1);
}

#[test]
fn a_call_ends_when_the_agents_phone_vanishes_while_talking() {
    let Scene { server, agent, caller } = call_for(Plan::default());
    agent.expects("CALL_INCOMING");
    agent.accepts();
    server.wait_for_state(1001, StateName::OnCall, SOON);
    agent.vanishes();
    // Five seconds without audio are a loss in this house.
    caller.expects("CALL_CLOSED");
    server.assert_all_at_rest(1);
    let call = server.ended_calls(1).remove(0);
    assert_eq!(call.outcome, Some(Outcome::Answered));
}

#[test]
fn an_agent_whose_phone_over_tcp_vanishes_is_signed_out_after_the_grace() {
    let server = Server::start(Plan::default());
    let agent = Baresip::agent("1001", server.phones(), (Over::Tcp, Answers::AtOnce), 1_000);
    server.sign_in(1001);
    agent.vanishes();
    server.wait_for_state(1001, StateName::SignedOut, SOON);
    let caller = Baresip::caller("13900139000", server.trunk(), 600);
    caller.dials("4008001234");
    server.wait_for_waiting(1);
    caller.hangs_up();
    wait_until("nobody waits", SOON, || server.status().queues[0].waiting == 0);
    server.assert_all_at_rest(1);
}

#[test]
fn a_caller_is_served_by_another_when_the_longest_idle_agents_phone_has_vanished() {
    let server = Server::start(Plan::default());
    let gone = Baresip::agent("1001", server.phones(), (Over::Udp, Answers::AtOnce), 1_000);
    let here = Baresip::agent("1002", server.phones(), (Over::Udp, Answers::AtOnce), 1_400);
    server.sign_in(1001);
    server.sign_in(1002);
    gone.vanishes();
    let caller = Baresip::caller("13900139000", server.trunk(), 600);
    caller.dials("4008001234");
    here.expects("CALL_ESTABLISHED");
    caller.hangs_up();
    let call = server.ended_calls(1).remove(0);
    assert_eq!(call.agents, [model::AgentId::new(1002)]);
    server.assert_all_at_rest(1);
}
