//! Attended transfer: an agent on pjsua consults somebody and has the two joined (REFER with
//! Replaces), the caller and the colleague on other phones.

use insight::Cdr;
use model::{Cause, Outcome, StateName};
use serde_json::Value;

use crate::house::{
    Answers, Baresip, Over, Pjsua, Plan, SOON, Server, assert_heard, wait_for_music, wait_to_hear,
};

/// A caller of the hotline whom agent 1001 has on hold, while 1002's phone rings for 1001.
struct Consultation {
    server: Server,
    agent: Pjsua,
    caller: Baresip,
    colleague: Baresip,
}

impl Consultation {
    fn begun(answers: Answers) -> Self {
        // Who is consulted rings for long enough that the caller hears it.
        let ring = |text: String| text.replace("ring = \"5s\"", "ring = \"30s\"");
        let server = Server::start_with(Plan::default(), ring);
        let agent = Pjsua::agent("1001", server.phones(), Over::Udp, 1_000);
        let colleague = Baresip::agent("1002", server.phones(), (Over::Udp, answers), 1_400);
        server.sign_in(1001);
        let caller = Baresip::caller("13900139000", server.trunk(), 600);
        caller.dials("4008001234");
        agent.expects("incoming");
        agent.answers();
        agent.expects("established");
        wait_to_hear("the caller", || caller.heard(), 1_000.0);
        agent.holds();
        wait_for_music("the caller", || caller.heard(), 1_000.0);
        server.sign_in(1002);
        agent.dials("1002");
        Self { server, agent, caller, colleague }
    }

    /// Caller and colleague hear each other, to the end of the call and in its recording. The phone
    /// that joined them has so many calls left, which end.
    fn ends_as_one_call(self, left: usize, parts: usize) -> (Cdr, Cdr) {
        let Self { server, agent, caller, colleague } = self;
        for _ in 0..left {
            agent.expects("closed");
        }
        wait_to_hear("the colleague", || colleague.heard(), 600.0);
        wait_to_hear("the caller", || caller.heard(), 1_400.0);
        server.wait_for_state(1001, StateName::Ready, SOON);
        assert_eq!(server.agent(1002).name(), StateName::OnCall);
        std::thread::sleep(std::time::Duration::from_secs(2));
        caller.hangs_up();
        colleague.expects("CALL_CLOSED");
        server.wait_for_state(1002, StateName::WrapUp, SOON);

        let calls = server.ended_calls(2);
        let of = |is: fn(&Cdr) -> bool| calls.iter().find(|call| is(call)).unwrap().clone();
        let (call, other) = (of(|call| call.hotline.is_some()), of(|call| call.hotline.is_none()));
        assert_eq!(call.merged, [other.call]);
        assert_eq!(other.merged_into, Some(call.call));
        assert_eq!(other.cause, Some(Cause::Transferred));
        assert_eq!((call.outcome, other.outcome), (Some(Outcome::Answered), None));
        assert_eq!(call.agents.iter().map(|it| it.number()).collect::<Vec<_>>(), [1001, 1002]);

        let rows = server.sealed_recordings(parts);
        assert_eq!(rows.len(), parts, "{rows:?}");
        let own = |row: &&Value| row["call"] == call.call.to_string();
        let last = rows.iter().filter(own).max_by_key(|row| row["recording"].as_str().map(part));
        let recorded = server.audio(last.unwrap());
        assert_heard("left, the caller", &recorded.left, 600.0, 2.0);
        assert_heard("right, the colleague", &recorded.right, 1_400.0, 2.0);
        let ladder = server.command_line(&["ladder", &call.call.to_string()]);
        assert!(ladder.contains("REFER") && ladder.matches("INVITE").count() >= 3, "{ladder}");
        server.assert_all_at_rest(1);
        (call, other)
    }
}

/// The phone hears that the transfer came to its end well. How often it tells of 100 is its own affair.
fn is_transferred(agent: &Pjsua) {
    loop {
        let told = agent.expects("transfer");
        if told["final"] == true {
            return assert_eq!(told["status"], 200);
        }
    }
}

/// The number of a part within its call.
fn part(recording: &str) -> u32 {
    recording.rsplit('.').next().unwrap().parse().unwrap()
}

#[test]
fn a_caller_on_hold_is_joined_to_the_colleague_who_was_asked() {
    let scene = Consultation::begun(Answers::AtOnce);
    scene.colleague.expects("CALL_ESTABLISHED");
    scene.agent.expects("established");
    wait_to_hear("the colleague", || scene.colleague.heard(), 1_000.0);
    scene.agent.joins();
    assert_eq!(scene.agent.expects("transfer")["status"], 100);
    is_transferred(&scene.agent);
    // Talk, hold and talk of the caller, and the consultation.
    scene.ends_as_one_call(2, 4);
}

#[test]
fn a_caller_on_hold_hears_the_colleague_ring_and_then_talks_to_them() {
    let scene = Consultation::begun(Answers::WhenTold);
    scene.colleague.expects("CALL_INCOMING");
    scene.agent.expects("ringing");
    scene.agent.joins();
    assert_eq!(scene.agent.expects("transfer")["status"], 100);
    // What rings is no longer this phone's.
    scene.agent.expects("closed");
    wait_to_hear("the caller, ringback", || scene.caller.heard(), 450.0);
    scene.colleague.accepts();
    is_transferred(&scene.agent);
    scene.ends_as_one_call(1, 3);
}
