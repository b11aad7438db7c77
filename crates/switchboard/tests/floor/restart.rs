//! What a restart makes of the run before.

use insight::Floor;
use model::StateName;

use crate::centre::{Centre, agent, config};

fn crashed(centre: &Centre) -> model::FloorSnapshot {
    let mut fold = Floor::default();
    for event in &centre.events {
        fold.apply(event);
    }
    fold.into_snapshot()
}

#[test]
fn after_a_crash_calls_are_accounted_for_as_failed_and_agents_are_what_they_were() {
    let mut before = Centre::open();
    before.sign_in(1001).sign_in(1002).sign_in(1003);
    before.becomes(1002, model::Next::Busy("lunch".into())).unwrap();
    before.queues();
    before.queues();
    before.queues();
    before.answers("1001");
    let snapshot = crashed(&before);
    assert_eq!(snapshot.calls.len(), 3);

    let mut after = Centre::open_with(config(), 2, snapshot, &["1001", "1002"]);
    assert_eq!(after.outcomes(), [(2, "failed"), (3, "failed")], "{}", after.log());
    assert_eq!(after.state(1001).name(), StateName::WrapUp);
    assert_eq!(after.state(1002).name(), StateName::Busy);
    let lost = after.look().agents.into_iter().find(|status| status.agent == agent(1003)).unwrap();
    assert_eq!(lost.state.name(), StateName::Busy, "the phone of 1003 has not come back yet");
    let ended = after.events.iter().filter(|event| event.kind.name() == "call.ended").count();
    assert_eq!(ended, 3);
    after.queues();
}
