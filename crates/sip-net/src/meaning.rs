//! What a cause is in SIP, and what a status means to the floor: one place that maps the two.

use model::Cause;
use sip::StatusCode;
use sip::endpoint::ReleaseCause;

use crate::legs::Side;

/// The final response to a caller who is refused for this cause.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "for every other cause, new ones too, nobody is there for the caller just now"
)]
pub(crate) const fn status(cause: Cause) -> StatusCode {
    match cause {
        Cause::NoRoute => StatusCode::NOT_FOUND,
        Cause::NotAllowed | Cause::CallerIdForbidden => StatusCode::FORBIDDEN,
        Cause::NotAcceptable => StatusCode::NOT_ACCEPTABLE_HERE,
        Cause::Refused | Cause::QueueFull => StatusCode::BUSY_HERE,
        Cause::LimitReached | Cause::RateReached | Cause::Shutdown | Cause::Reconfigured => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Cause::MediaFailed | Cause::MediaLost | Cause::SignallingLost | Cause::Crash => {
            StatusCode::SERVER_INTERNAL_ERROR
        }
        _ => StatusCode::TEMPORARILY_UNAVAILABLE,
    }
}

/// The Reason header field value of a BYE or CANCEL for this cause (RFC 3326; Q.850 §2.2.7).
#[expect(clippy::wildcard_enum_match_arm, reason = "all others are an ordinary end")]
pub(crate) fn reason(cause: Cause) -> String {
    if cause == Cause::AnsweredElsewhere {
        return elsewhere();
    }
    let number = match cause {
        Cause::NoAnswer => 19,
        Cause::SignallingLost | Cause::MediaLost => 38,
        Cause::Shutdown | Cause::Crash | Cause::MediaFailed => 41,
        Cause::LimitReached | Cause::RateReached => 42,
        Cause::NotAcceptable => 88,
        _ => 16,
    };
    format!("Q.850;cause={number};text=\"{cause}\"")
}

/// The longest Reason that is kept, in characters.
const LONGEST_REASON: usize = 256;

/// What is kept of a Reason that a peer gave: people read it, and it goes into the log.
pub(crate) fn kept(reason: &str) -> String {
    reason.chars().filter(|c| !c.is_control()).take(LONGEST_REASON).collect()
}

/// After how many seconds a caller may try again who is refused for this cause: a trunk or hotline
/// that calls come to too fast has room a moment later.
pub(crate) fn retry_after(cause: Cause) -> Option<&'static str> {
    (cause == Cause::RateReached).then_some("1")
}

/// What the phones hear that rang and were not the first to answer: no missed call to show.
pub(crate) fn elsewhere() -> String {
    "SIP;cause=200;text=\"Call completed elsewhere\"".to_owned()
}

/// Why a call we made came to nothing, given the final response.
pub(crate) fn refusal(status: StatusCode) -> Cause {
    match status {
        StatusCode::BUSY_HERE | StatusCode::BUSY_EVERYWHERE | StatusCode::DECLINE => Cause::Refused,
        StatusCode::NOT_ACCEPTABLE_HERE
        | StatusCode::NOT_ACCEPTABLE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE => Cause::NotAcceptable,
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::PROXY_AUTHENTICATION_REQUIRED => Cause::NotAllowed,
        StatusCode::NOT_FOUND | StatusCode::GONE => Cause::NoRoute,
        _ => Cause::Unreachable,
    }
}

/// How little a refusal says, of several the one with the least is passed on: a decline counts for
/// the person, then busy; what failed on the way comes last (RFC 3261 §16.7 item 6).
pub(crate) fn vagueness(status: StatusCode) -> (u8, StatusCode) {
    let class = match status.code() {
        600.. => 0,
        486 => 1,
        408 | 500.. => 3,
        _ => 2,
    };
    (class, status)
}

/// Why a session ended that the floor did not end.
pub(crate) const fn release(cause: ReleaseCause, side: Side) -> Cause {
    match (cause, side) {
        (ReleaseCause::PeerBye, Side::Caller) => Cause::CallerHungUp,
        (ReleaseCause::PeerBye, Side::Called) => Cause::AgentHungUp,
        (ReleaseCause::PeerCancelled, _) => Cause::CallerLeft,
        (ReleaseCause::Unanswered, _) => Cause::NoAnswer,
        (ReleaseCause::NoAck | ReleaseCause::PeerLost, _) => Cause::SignallingLost,
        (ReleaseCause::TooLong, _) => Cause::LimitReached,
        (ReleaseCause::OurBye | ReleaseCause::WeRefused, _) => Cause::Requested,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_hears_in_sip_why_there_was_no_call() {
        let heard = [
            (Cause::NoRoute, 404),
            (Cause::NotAllowed, 403),
            (Cause::QueueFull, 486),
            (Cause::NobodySignedIn, 480),
            (Cause::Closed, 480),
            (Cause::NotAcceptable, 488),
            (Cause::LimitReached, 503),
            (Cause::RateReached, 503),
            (Cause::CallerIdForbidden, 403),
            (Cause::Shutdown, 503),
            (Cause::MediaFailed, 500),
        ];
        for (cause, code) in heard {
            assert_eq!(status(cause).code(), code, "{cause}");
        }
    }

    #[test]
    fn every_cause_refuses_with_a_final_status() {
        for cause in Cause::ALL {
            let status = status(*cause);
            assert!(status.is_final() && !status.is_success(), "{cause}");
        }
    }

    #[test]
    fn a_refusal_by_a_person_counts_before_one_by_the_network() {
        let order = [603, 486, 404, 480, 408, 503];
        let mut mixed: Vec<_> =
            [503, 480, 603, 408, 404, 486].into_iter().filter_map(StatusCode::new).collect();
        mixed.sort_by_key(|status| vagueness(*status));
        assert_eq!(mixed.iter().map(|status| status.code()).collect::<Vec<_>>(), order);
    }

    #[test]
    fn busy_and_declined_are_refusals_and_absent_is_unreachable() {
        let told = [
            (486, Cause::Refused),
            (603, Cause::Refused),
            (480, Cause::Unreachable),
            (503, Cause::Unreachable),
            (404, Cause::NoRoute),
            (488, Cause::NotAcceptable),
            (407, Cause::NotAllowed),
        ];
        for (code, cause) in told {
            assert_eq!(StatusCode::new(code).map(refusal), Some(cause), "{code}");
        }
    }

    #[test]
    fn who_hung_up_depends_on_who_called() {
        assert_eq!(release(ReleaseCause::PeerBye, Side::Caller), Cause::CallerHungUp);
        assert_eq!(release(ReleaseCause::PeerBye, Side::Called), Cause::AgentHungUp);
    }
}
