//! Customers' numbers, and what calls carry about customers, hidden from those who need not see them.

use model::{Event, EventKind, HotlineId, Number};
use switchboard::status::Status;

/// Hides a number in place. A number so short that it can only be one of ours stays.
fn hide(number: &mut Number) {
    if let Ok(masked) = number.masked().parse() {
        *number = masked;
    }
}

/// Hides the number dialled, unless it is our own hotline.
fn hide_dialled(number: &mut Number, hotline: Option<&HotlineId>) {
    if hotline.is_none() {
        hide(number);
    }
}

/// Hides the numbers of an event.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other kinds hold no number")]
pub(crate) fn event(event: &mut Event) {
    match &mut event.kind {
        EventKind::CallArrived {
            from,
            to,
            from_canonical,
            to_canonical,
            hotline,
            user_to_user,
            ..
        } => {
            // It may name the customer in any way.
            user_to_user.clear();
            std::iter::once(from).chain(from_canonical).for_each(hide);
            for number in std::iter::once(to).chain(to_canonical) {
                hide_dialled(number, hotline.as_ref());
            }
        }
        EventKind::CallBarred { shown, .. } => shown.iter_mut().for_each(hide),
        EventKind::CallbackPlanned { callback, .. } => {
            hide(&mut callback.number);
            hide_dialled(&mut callback.to, callback.hotline.as_ref());
        }
        EventKind::CallTransferred { to } => hide(to),
        EventKind::TalkStarted { with, .. } => with.iter_mut().for_each(hide),
        EventKind::RecordingStarted { left, right, .. } => {
            left.iter_mut().chain(right).for_each(hide);
        }
        _ => {}
    }
}

/// Hides the numbers dialled of live calls, unless it is our own hotline; those of callers come
/// hidden.
pub(crate) fn status(status: &mut Status) {
    status.calls.iter_mut().for_each(|call| hide_dialled(&mut call.to, call.hotline.as_ref()));
}

#[cfg(test)]
mod tests {
    use model::{Actor, Epoch, TenantId, Timestamp};

    use super::*;

    fn of(kind: EventKind) -> Event {
        Event {
            schema: model::Schema::CURRENT,
            tenant: TenantId::from("default"),
            epoch: Epoch::new(1),
            seq: 1,
            at: Timestamp::EPOCH,
            call: None,
            segment: None,
            leg: None,
            agent: None,
            queue: None,
            actor: Actor::caller(),
            cause: None,
            config_version: 1,
            kind,
        }
    }

    #[test]
    fn the_callers_number_is_hidden_and_our_hotline_is_not() {
        let mut arrived = of(EventKind::CallArrived {
            from: "13800138000".parse().unwrap(),
            to: "4008001234".parse().unwrap(),
            from_canonical: "+8613800138000".parse().ok(),
            to_canonical: "4008001234".parse().ok(),
            hotline: Some("support".into()),
            trunk: None,
            phone: None,
            sip_call_id: String::new(),
            user_to_user: vec![model::UserToUser {
                data: "tel13800138000".into(),
                ..model::UserToUser::default()
            }],
            attested: None,
            callback_of: None,
        });
        event(&mut arrived);
        assert!(!serde_json::to_string(&arrived).unwrap().contains("0013"));
        let EventKind::CallArrived { from, to, .. } = arrived.kind else { panic!() };
        assert_eq!((from.as_str(), to.as_str()), ("138****8000", "4008001234"));
    }

    #[test]
    fn no_event_shows_a_customers_number() {
        let number = || "13800138000".parse::<Number>().unwrap();
        let recording = "1-1.1".parse().unwrap();
        let part = model::PartKind::Talk;
        let (left, right) = (Some(number()), Some(number()));
        let callback = model::OpenCallback {
            of: "1-1".parse().unwrap(),
            number: number(),
            to: number(),
            hotline: None,
            queue: "sales".into(),
            priority: 0,
            arrived: Timestamp::EPOCH,
            attempts: 0,
            due: Timestamp::EPOCH,
            expires: Timestamp::EPOCH,
        };
        for kind in [
            EventKind::CallbackPlanned { callback: Box::new(callback), before: None },
            EventKind::CallTransferred { to: number() },
            EventKind::TalkStarted { call_kind: model::CallKind::Outbound, with: Some(number()) },
            EventKind::RecordingStarted { recording, part, left, right },
            EventKind::CallBarred {
                limit: None,
                trunk: None,
                hotline: None,
                shown: Some(number()),
            },
        ] {
            let mut shown = of(kind);
            event(&mut shown);
            assert!(!serde_json::to_string(&shown).unwrap().contains("13800138000"));
        }
    }
}
