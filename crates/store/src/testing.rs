//! Events for this crate's tests.

use model::{Actor, CallId, Cause, Epoch, Event, EventKind, TenantId, Timestamp};

/// When the tests' log begins.
pub(crate) const BEGIN: Timestamp = Timestamp::from_secs(1_700_000_000);

/// An event that means nothing, at its place in the log.
pub(crate) fn event(epoch: u32, seq: u64) -> Event {
    Event {
        schema: model::Schema::CURRENT,
        tenant: TenantId::from("default"),
        epoch: Epoch::new(epoch),
        seq,
        at: Timestamp::from_micros(BEGIN.as_micros() + u64::from(epoch) * 1_000_000_000 + seq),
        call: None,
        segment: None,
        leg: None,
        agent: None,
        queue: None,
        actor: Actor::system(),
        cause: None,
        config_version: 1,
        kind: EventKind::ClockStepped { by_ms: 1 },
    }
}

/// An event of a call.
pub(crate) fn of_call(epoch: u32, seq: u64, call: u32, kind: EventKind) -> Event {
    let cause = matches!(kind, EventKind::CallEnded {}).then_some(Cause::CallerHungUp);
    let call = Some(CallId::new(Epoch::new(epoch), call));
    Event { call, cause, kind, ..event(epoch, seq) }
}

/// A call that reaches us.
pub(crate) fn arrived() -> EventKind {
    EventKind::CallArrived {
        from: "13800138000".parse().unwrap(),
        to: "4008001234".parse().unwrap(),
        from_canonical: "+8613800138000".parse().ok(),
        to_canonical: "4008001234".parse().ok(),
        hotline: Some("support".into()),
        trunk: Some("carrier".into()),
        phone: None,
        sip_call_id: "a@b".into(),
        user_to_user: Vec::new(),
        attested: None,
        callback_of: None,
    }
}
