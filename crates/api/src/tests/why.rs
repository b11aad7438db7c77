use model::{
    AgentId, AgentState, CallId, Cause, Epoch, EventKind, OfferEnd, Outcome, Rank, SegmentId,
    Timestamp,
};
use serde_json::json;

use super::house::{BEGIN, House, arrived};

fn becomes(house: &House, agent: u32, cause: Option<Cause>, to: AgentState) {
    house.desk.tell(|event| {
        let from = AgentState::SignedOut { since: Timestamp::EPOCH };
        (event.agent, event.cause) = (Some(AgentId::new(agent)), cause);
        event.kind = EventKind::AgentStateChanged { from, to };
    });
}

fn happens(house: &House, agent: Option<u32>, kind: EventKind) {
    house.desk.tell(|event| {
        event.call = Some(CallId::new(Epoch::new(1), 1));
        event.segment = Some(SegmentId::new(1));
        event.queue = Some("support".into());
        (event.agent, event.kind) = (agent.map(AgentId::new), kind);
    });
}

fn ready() -> AgentState {
    AgentState::Ready { since: BEGIN, idle_since: BEGIN }
}

fn busy() -> AgentState {
    AgentState::Busy {
        reason: "lunch".into(),
        since: BEGIN,
        until: None,
        back_to: None,
        stay_until: None,
        planned_until: None,
    }
}

fn ringing() -> AgentState {
    let call = CallId::new(Epoch::new(1), 1);
    AgentState::Ringing { call, since: BEGIN, until: BEGIN, next: None, idle_since: BEGIN }
}

/// 1002 is at lunch; 1001, and 1003 behind, are ready; a caller comes and is offered to 1001, who does
/// not answer.
fn a_call_begins(house: &House) {
    becomes(house, 1002, None, busy());
    becomes(house, 1001, None, ready());
    becomes(house, 1003, None, ready());
    happens(house, None, arrived());
    happens(house, None, EventKind::QueueEntered { priority: 2, waiting: 1 });
    let rank = |key| Rank { tier: 0, key, idle_since: BEGIN };
    let offered = EventKind::QueueOffered {
        waited_ms: 1,
        routing: "fewest_calls".into(),
        candidates: vec![AgentId::new(1001), AgentId::new(1003)],
        passed_over: Vec::new(),
        ranks: vec![rank(3), rank(5)],
        choice: model::Choice::Ranked,
    };
    happens(house, Some(1001), offered);
    becomes(house, 1001, None, ringing());
    becomes(house, 1003, None, busy());
    let ended = EventKind::QueueOfferEnded { end: OfferEnd::NoAnswer, rang_ms: 8_000 };
    happens(house, Some(1001), ended);
    becomes(house, 1001, Some(Cause::NoAnswer), ready());
}

fn it_ends(house: &House) {
    let left =
        EventKind::QueueLeft { outcome: Outcome::Abandoned, waited_ms: 9_000, to: None, key: None };
    happens(house, None, left);
    happens(house, None, EventKind::CallEnded {});
}

#[tokio::test]
async fn a_call_is_explained_from_the_log_while_it_waits_and_afterwards() {
    let house = House::open().await;
    a_call_begins(&house);
    house.settle().await;
    let live = house.ask("lead", "GET", "/v1/calls/1-1/why").await.json();
    assert_eq!((&live["waits"][0]["left"], &live["cut"]), (&json!(null), &json!(false)));
    it_ends(&house);
    house.settle().await;

    let why = house.ask("lead", "GET", "/v1/calls/1-1/why").await.json();
    let wait = &why["waits"][0];
    assert_eq!((&wait["queue"], &wait["priority"]), (&json!("support"), &json!(2)));
    let steps: Vec<_> = wait["steps"].as_array().unwrap().iter().map(|it| &it["step"]).collect();
    assert_eq!(steps, ["nobody", "offered", "nobody"]);
    // How agents were before the call is known from the projection.
    let present = json!({ "signed_in": 3, "states": { "busy": 1, "ready": 2 } });
    assert_eq!(wait["steps"][0]["present"], present);
    let offer = &wait["steps"][1];
    assert_eq!((&offer["agent"], &offer["routing"]), (&json!(1001), &json!("fewest_calls")));
    assert_eq!(offer["candidates"][1]["agent"], 1003);
    assert_eq!(offer["candidates"][1]["rank"]["key"], 5);
    assert_eq!(offer["end"]["result"], "no_answer");
    assert_eq!(wait["left"]["outcome"], "abandoned");
}

#[tokio::test]
async fn an_agent_is_told_why_the_call_did_not_come() {
    let house = House::open().await;
    a_call_begins(&house);
    it_ends(&house);
    house.settle().await;
    let ask = async |agent: u32| {
        let path = format!("/v1/calls/1-1/why-not/{agent}");
        house.ask("lead", "GET", &path).await.json()["waits"][0].clone()
    };
    let lunch = ask(1002).await;
    assert_eq!(lunch["offers"][0]["standing"], "busy");
    assert_eq!(
        (&lunch["stays"][0]["state"], &lunch["stays"][0]["reason"]),
        (&json!("busy"), &json!("lunch"))
    );
    let behind = ask(1003).await;
    let offer = &behind["offers"][0];
    assert_eq!(
        (&offer["standing"], &offer["place"], &offer["by"]),
        (&json!("behind"), &json!(2), &json!("key"))
    );
    let rested = ask(1001).await;
    assert_eq!(rested["offers"][0]["standing"], "offered");
    let last = rested["stays"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["standing"], &last["after"]), (&json!("pausing"), &json!("no_answer")));
}

#[tokio::test]
async fn what_cannot_be_explained_is_a_problem() {
    let house = House::open().await;
    a_call_begins(&house);
    house.settle().await;
    let code = async |path: &str| house.ask("lead", "GET", path).await.code();
    assert_eq!(code("/v1/calls/1-9/why").await, "call_unknown");
    assert_eq!(code("/v1/calls/1-9/why-not/1001").await, "call_unknown");
    assert_eq!(code("/v1/calls/nonsense/why").await, "id_malformed");
    assert_eq!(code("/v1/calls/1-1/why-not/nobody").await, "id_malformed");
    assert_eq!(code("/v1/calls/1-1/why-not/7").await, "agent_unknown");
}

#[tokio::test]
async fn a_call_that_never_waited_has_nothing_to_explain() {
    let house = House::open().await;
    house.records(1, 10).await;
    let why = house.ask("lead", "GET", "/v1/calls/1-1/why").await.json();
    assert_eq!(why["waits"], json!([]));
}
