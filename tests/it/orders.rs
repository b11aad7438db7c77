//! Two agents and three callers in every order: nobody is stuck, everybody is accounted for.

use std::time::Duration;

use model::Number;
use testkit::{Answer, Manner, Phone, PhoneEvent, Settings};

use crate::house::{PASSWORD, Plan, SOON, Server};

/// Which kind of person comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Comes {
    Agent,
    Caller,
}

/// How a caller ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Leaves {
    /// Stays until the agent hangs up.
    WithTheAgent,
    /// Hangs up a moment after, wherever the call is by then.
    SoonAfter,
    /// Hangs up as soon as the call is answered.
    AtOnce,
}

#[test]
fn two_agents_and_three_callers_are_served_in_every_order() {
    let plan = Plan { wrap_up: "0s", ..Plan::default() };
    let server = Server::start(plan);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut played = 0;
    for order in orders() {
        for manners in manners() {
            runtime.block_on(play(&server, &order, manners));
            played += 1;
            server.assert_all_at_rest(played * 3);
        }
    }
    assert_eq!(played, 60);
    assert_eq!(server.ended_calls(180).len(), 180);
}

/// Every order of two agents and three callers: agents are alike before they have come, and so are
/// callers, who differ by their manners.
fn orders() -> Vec<Vec<Comes>> {
    let all = 0..32_u32;
    let of_two = all.filter(|bits| bits.count_ones() == 2);
    let order = |bits: u32| {
        let comes = |at: u32| if (bits >> at) & 1 == 1 { Comes::Agent } else { Comes::Caller };
        (0..5).map(comes).collect()
    };
    of_two.map(order).collect()
}

fn manners() -> [[Leaves; 3]; 6] {
    use Leaves::{AtOnce, SoonAfter, WithTheAgent};
    [
        [WithTheAgent, SoonAfter, AtOnce],
        [WithTheAgent, AtOnce, SoonAfter],
        [SoonAfter, WithTheAgent, AtOnce],
        [SoonAfter, AtOnce, WithTheAgent],
        [AtOnce, WithTheAgent, SoonAfter],
        [AtOnce, SoonAfter, WithTheAgent],
    ]
}

async fn play(server: &Server, order: &[Comes], manners: [Leaves; 3]) {
    let mut agents = vec![phone(server, 1001).await, phone(server, 1002).await];
    let mut here = Vec::new();
    let mut callers = Vec::new();
    let mut manners = manners.into_iter();
    for comes in order {
        match comes {
            Comes::Agent => {
                server.sign_in(1001 + here.len() as u32);
                here.push(agents.remove(0));
            }
            Comes::Caller => {
                let leaves = manners.next().unwrap();
                let mut caller = caller(server, callers.len()).await;
                if leaves == Leaves::AtOnce {
                    caller.hang_up().await.unwrap();
                    ends(&mut caller).await;
                }
                callers.push((caller, leaves));
            }
        }
    }
    for (caller, leaves) in &mut callers {
        if *leaves == Leaves::SoonAfter {
            caller.hang_up().await.unwrap();
        }
        if *leaves != Leaves::AtOnce {
            ends(caller).await;
        }
    }
    for agent in [1001, 1002] {
        let path = format!("/v1/agents/{agent}/sign-out");
        let (status, answer) = server.post(&path, &serde_json::json!({}));
        assert!(status < 300, "{answer}");
    }
    for phone in &mut here {
        phone.forget_events();
        phone.unregister().await.unwrap();
        // A phone that vanished instead would be rung in vain in the next round.
        registration_is_answered(phone).await;
    }
}

/// An agent's phone, registered: it answers at once and hangs up a moment later.
async fn phone(server: &Server, number: u16) -> Phone {
    let user = number.to_string();
    let manner = Manner {
        answer: Answer::After(Duration::from_millis(20)),
        talk: Some(Duration::from_millis(80)),
    };
    let settings = Settings::new(&user, Some(PASSWORD), server.phones());
    let mut phone = Phone::start(Settings { manner, ..settings }).await.unwrap();
    phone.register().await.unwrap();
    registration_is_answered(&mut phone).await;
    phone
}

async fn registration_is_answered(phone: &mut Phone) {
    let answered = |event: &PhoneEvent| *event == PhoneEvent::Registered;
    phone.expect(SOON, answered).await.expect("the registrar answers");
}

/// A caller whose call is answered.
async fn caller(server: &Server, index: usize) -> Phone {
    let user = format!("1390000000{index}");
    let mut phone = Phone::start(Settings::new(&user, None, server.trunk())).await.unwrap();
    phone.call(&"4008001234".parse::<Number>().unwrap()).await.unwrap();
    let answered = |event: &PhoneEvent| *event == PhoneEvent::Answered;
    phone.expect(SOON, answered).await.expect("the hotline answers");
    phone
}

async fn ends(phone: &mut Phone) {
    let ended = |event: &PhoneEvent| matches!(event, PhoneEvent::Ended { .. });
    phone.expect(SOON, ended).await.expect("the call ends");
}
