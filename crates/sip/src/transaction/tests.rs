//! What holds of every machine, whatever comes in whatever order.

use std::time::Duration;

use model::Timestamp;
use proptest::prelude::*;

use super::{
    Action, Actions, InviteClient, InviteServer, NonInviteClient, NonInviteServer, Reliability,
    ResponseClass, Timing,
};

const START: Timestamp = Timestamp::from_secs(1_000);
/// More timers than any machine fires in its life.
const ENOUGH: usize = 64;

#[derive(Clone, Copy, Debug)]
enum Happening {
    Response(ResponseClass),
    Repeated,
    Acknowledged,
    Failed,
    TimerFires,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        Just(Happening::Response(ResponseClass::Provisional)),
        Just(Happening::Response(ResponseClass::Success)),
        Just(Happening::Response(ResponseClass::Failure)),
        Just(Happening::Repeated),
        Just(Happening::Acknowledged),
        Just(Happening::Failed),
        Just(Happening::TimerFires),
    ]
}

fn story() -> impl Strategy<Value = (Vec<(Happening, u64)>, Reliability)> {
    let reliability = prop_oneof![Just(Reliability::Reliable), Just(Reliability::Unreliable)];
    (prop::collection::vec((happening(), 0..3_000_u64), 0..30), reliability)
}

/// Tells how often the user hears of an end: a final response, a time-out or a failure.
fn ends(actions: Actions, final_response: bool) -> usize {
    let end = |action: &&Action| match action {
        Action::Pass => final_response,
        Action::TimedOut | Action::Failed => true,
        Action::Resend | Action::Acknowledge => false,
    };
    actions.iter().filter(end).count()
}

proptest! {
    #[test]
    fn a_non_invite_client_tells_exactly_one_end((story, reliability) in story()) {
        let timing = Timing::default();
        let mut machine = NonInviteClient::start(&timing, reliability, START);
        let (mut now, mut told) = (START, 0);
        for (happening, millis) in story {
            now = now + Duration::from_millis(millis);
            told += match happening {
                Happening::Response(class) => {
                    let actions = machine.respond(class, &timing, reliability, now);
                    ends(actions, class != ResponseClass::Provisional)
                }
                Happening::Failed => ends(machine.fail(), false),
                Happening::TimerFires => ends(machine.expire(&timing, now), false),
                Happening::Repeated | Happening::Acknowledged => 0,
            };
        }
        for _ in 0..ENOUGH {
            if let Some((due, _)) = machine.deadline() {
                now = now.max(due);
                told += ends(machine.expire(&timing, now), false);
            }
        }
        prop_assert_eq!(machine, NonInviteClient::Terminated);
        prop_assert_eq!(told, 1);
    }

    #[test]
    fn an_invite_client_ends_by_itself_unless_it_rings((story, reliability) in story()) {
        let timing = Timing::default();
        let mut machine = InviteClient::start(&timing, reliability, START);
        let (mut now, mut refused, mut answered) = (START, 0, false);
        for (happening, millis) in story {
            now = now + Duration::from_millis(millis);
            match happening {
                Happening::Response(class) => {
                    let actions = machine.respond(class, &timing, reliability, now);
                    refused += ends(actions, class == ResponseClass::Failure);
                    answered |= class == ResponseClass::Success && !actions.is_empty();
                }
                Happening::Failed => { machine.fail(); }
                Happening::TimerFires => { machine.expire(&timing, now); }
                Happening::Repeated | Happening::Acknowledged => {}
            }
        }
        for _ in 0..ENOUGH {
            if let Some((due, _)) = machine.deadline() {
                now = now.max(due);
                machine.expire(&timing, now);
            }
        }
        let over = matches!(machine, InviteClient::Terminated | InviteClient::Proceeding);
        prop_assert!(over, "{:?}", machine);
        prop_assert!(refused <= 1, "a refusal is told once");
        prop_assert!(!(answered && refused > 0), "an answered call is not refused");
    }

    #[test]
    fn an_invite_server_ends_by_itself_once_answered((story, reliability) in story()) {
        let timing = Timing::default();
        let mut machine = InviteServer::start();
        let mut now = START;
        for (happening, millis) in story {
            now = now + Duration::from_millis(millis);
            match happening {
                Happening::Response(class) => {
                    let before = machine;
                    let sent = !machine.send(class, &timing, reliability, now).is_empty();
                    let answered = !matches!(before, InviteServer::Proceeding);
                    let success = class == ResponseClass::Success;
                    prop_assert!(!(answered && sent) || success, "{:?}", before);
                }
                Happening::Repeated => { machine.repeat(); }
                Happening::Acknowledged => { machine.acknowledge(&timing, reliability, now); }
                Happening::Failed => { machine.fail(); }
                Happening::TimerFires => { machine.expire(&timing, now); }
            }
        }
        for _ in 0..ENOUGH {
            if let Some((due, _)) = machine.deadline() {
                now = now.max(due);
                machine.expire(&timing, now);
            }
        }
        let over = matches!(machine, InviteServer::Terminated | InviteServer::Proceeding);
        prop_assert!(over, "{:?}", machine);
    }

    #[test]
    fn a_non_invite_server_always_ends_by_itself((story, reliability) in story()) {
        let timing = Timing::default();
        let mut machine = NonInviteServer::start(&timing, START);
        let (mut now, mut finals) = (START, 0);
        for (happening, millis) in story {
            now = now + Duration::from_millis(millis);
            match happening {
                Happening::Response(class) => {
                    let sent = !machine.send(class, &timing, reliability, now).is_empty();
                    finals += usize::from(sent && class != ResponseClass::Provisional);
                }
                Happening::Repeated => { machine.repeat(); }
                Happening::Failed => { machine.fail(); }
                Happening::Acknowledged | Happening::TimerFires => {}
            }
        }
        prop_assert!(finals <= 1);
        if machine.deadline().is_some() {
            machine.expire();
        }
        prop_assert_eq!(machine, NonInviteServer::Terminated);
    }
}
