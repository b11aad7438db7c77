//! The INVITE client transaction (RFC 3261 §17.1.1, RFC 6026 §7.2).
//!
//! | state | what happens | what is done | next |
//! |---|---|---|---|
//! | `Calling` | Timer A | send again | `Calling` |
//! | `Calling` | Timer B | tell: timed out | `Terminated` |
//! | `Calling` | transport error | tell: failed | `Terminated` |
//! | `Calling`, `Proceeding` | 1xx | pass up | `Proceeding` |
//! | `Calling`, `Proceeding` | 2xx | pass up | `Accepted` |
//! | `Calling`, `Proceeding` | 3xx–6xx | ACK, pass up | `Completed`, reliable `Terminated` |
//! | `Completed` | 3xx–6xx | ACK | `Completed` |
//! | `Completed` | transport error | tell: failed | `Terminated` |
//! | `Completed` | Timer D | | `Terminated` |
//! | `Accepted` | 2xx | pass up | `Accepted` |
//! | `Accepted` | Timer M | | `Terminated` |
//!
//! What is in no row changes nothing.

use model::Timestamp;

use super::{Action, Actions, Reliability, Resend, ResponseClass, Timer, Timing, sooner};

/// One INVITE that we sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InviteClient {
    /// Nothing came back yet.
    Calling {
        /// Timer A; none on a reliable transport.
        resend: Option<Resend>,
        /// Timer B.
        until: Timestamp,
    },
    /// A provisional response came.
    Proceeding,
    /// A final response other than 2xx came and was acknowledged.
    Completed {
        /// Timer D.
        until: Timestamp,
    },
    /// A 2xx came; more may follow.
    Accepted {
        /// Timer M.
        until: Timestamp,
    },
    /// Over.
    Terminated,
}

impl InviteClient {
    /// The transaction of an INVITE sent at this moment.
    #[must_use]
    pub fn start(timing: &Timing, reliability: Reliability, now: Timestamp) -> Self {
        let resend = (reliability == Reliability::Unreliable).then(|| Resend::first(timing, now));
        Self::Calling { resend, until: now + timing.patience() }
    }

    /// Takes a response that matched.
    pub fn respond(
        &mut self,
        class: ResponseClass,
        timing: &Timing,
        reliability: Reliability,
        now: Timestamp,
    ) -> Actions {
        match (*self, class) {
            (Self::Calling { .. } | Self::Proceeding, ResponseClass::Provisional) => {
                *self = Self::Proceeding;
                &[Action::Pass]
            }
            (Self::Calling { .. } | Self::Proceeding, ResponseClass::Success) => {
                *self = Self::Accepted { until: now + timing.patience() };
                &[Action::Pass]
            }
            (Self::Calling { .. } | Self::Proceeding, ResponseClass::Failure) => {
                *self = match reliability {
                    Reliability::Unreliable => Self::Completed { until: now + timing.d() },
                    Reliability::Reliable => Self::Terminated,
                };
                &[Action::Acknowledge, Action::Pass]
            }
            (Self::Completed { .. }, ResponseClass::Failure) => &[Action::Acknowledge],
            (Self::Accepted { .. }, ResponseClass::Success) => &[Action::Pass],
            // A late 1xx, or a final response of another kind than the first: of no use to anybody.
            (Self::Completed { .. } | Self::Accepted { .. } | Self::Terminated, _) => &[],
        }
    }

    /// The transport could not send for this transaction.
    pub fn fail(&mut self) -> Actions {
        match self {
            Self::Calling { .. } | Self::Completed { .. } => {
                *self = Self::Terminated;
                &[Action::Failed]
            }
            Self::Proceeding | Self::Accepted { .. } | Self::Terminated => &[],
        }
    }

    /// The next timer.
    #[must_use]
    pub fn deadline(&self) -> Option<(Timestamp, Timer)> {
        match *self {
            Self::Calling { resend, until } => {
                Some(sooner(resend.map(|resend| (resend.due(), Timer::A)), (until, Timer::B)))
            }
            Self::Completed { until } => Some((until, Timer::D)),
            Self::Accepted { until } => Some((until, Timer::M)),
            Self::Proceeding | Self::Terminated => None,
        }
    }

    /// The next timer has fired.
    pub fn expire(&mut self, timing: &Timing, now: Timestamp) -> Actions {
        match *self {
            Self::Calling { resend: Some(resend), until } if resend.due() < until => {
                let resend = Some(resend.next(timing.patience(), now));
                *self = Self::Calling { resend, until };
                &[Action::Resend]
            }
            Self::Calling { .. } => {
                *self = Self::Terminated;
                &[Action::TimedOut]
            }
            Self::Completed { .. } | Self::Accepted { .. } => {
                *self = Self::Terminated;
                &[]
            }
            Self::Proceeding | Self::Terminated => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Reliability::{Reliable, Unreliable};
    use super::ResponseClass::{Failure, Provisional, Success};
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_000);

    fn sent(reliability: Reliability) -> (InviteClient, Timing) {
        let timing = Timing::default();
        (InviteClient::start(&timing, reliability, START), timing)
    }

    fn after(millis: u64) -> Timestamp {
        START + Duration::from_millis(millis)
    }

    #[test]
    fn timer_a_doubles_and_timer_b_gives_up_after_seven_sendings() {
        let (mut invite, timing) = sent(Unreliable);
        for (millis, sendings) in [500, 1_500, 3_500, 7_500, 15_500, 31_500].iter().zip(2..) {
            assert_eq!(invite.deadline(), Some((after(*millis), Timer::A)), "sending {sendings}");
            assert_eq!(invite.expire(&timing, after(*millis)), &[Action::Resend]);
        }
        assert_eq!(invite.deadline(), Some((after(32_000), Timer::B)));
        assert_eq!(invite.expire(&timing, after(32_000)), &[Action::TimedOut]);
        assert_eq!(invite, InviteClient::Terminated);
    }

    #[test]
    fn a_reliable_transport_repeats_nothing() {
        let (invite, _) = sent(Reliable);
        assert_eq!(invite.deadline(), Some((after(32_000), Timer::B)));
    }

    #[test]
    fn a_transport_error_ends_a_calling_transaction() {
        let (mut invite, _) = sent(Unreliable);
        assert_eq!(invite.fail(), &[Action::Failed]);
        assert_eq!(invite, InviteClient::Terminated);
    }

    #[test]
    fn every_provisional_response_is_passed_up_and_stops_the_timers() {
        let (mut invite, timing) = sent(Unreliable);
        for _ in 0..2 {
            let actions = invite.respond(Provisional, &timing, Unreliable, after(10));
            assert_eq!(actions, &[Action::Pass]);
            assert_eq!(invite, InviteClient::Proceeding);
        }
        assert_eq!(invite.deadline(), None);
    }

    #[test]
    fn a_success_and_its_repetitions_are_passed_up_until_timer_m() {
        for provisional_first in [false, true] {
            let (mut invite, timing) = sent(Unreliable);
            if provisional_first {
                invite.respond(Provisional, &timing, Unreliable, after(10));
            }
            for _ in 0..3 {
                let actions = invite.respond(Success, &timing, Unreliable, after(20));
                assert_eq!(actions, &[Action::Pass]);
            }
            assert!(invite.respond(Failure, &timing, Unreliable, after(30)).is_empty());
            assert_eq!(invite.deadline(), Some((after(32_020), Timer::M)));
            assert!(invite.expire(&timing, after(32_020)).is_empty());
            assert_eq!(invite, InviteClient::Terminated);
        }
    }

    #[test]
    fn a_failure_is_acknowledged_and_passed_up_once_and_its_repetitions_only_acknowledged() {
        for provisional_first in [false, true] {
            let (mut invite, timing) = sent(Unreliable);
            if provisional_first {
                invite.respond(Provisional, &timing, Unreliable, after(10));
            }
            let actions = invite.respond(Failure, &timing, Unreliable, after(20));
            assert_eq!(actions, &[Action::Acknowledge, Action::Pass]);
            let actions = invite.respond(Failure, &timing, Unreliable, after(30));
            assert_eq!(actions, &[Action::Acknowledge]);
            assert!(invite.respond(Success, &timing, Unreliable, after(40)).is_empty());
            assert_eq!(invite.deadline(), Some((after(32_020), Timer::D)));
            assert!(invite.expire(&timing, after(32_020)).is_empty());
            assert_eq!(invite, InviteClient::Terminated);
        }
    }

    #[test]
    fn a_failure_over_a_reliable_transport_ends_the_transaction_at_once() {
        let (mut invite, timing) = sent(Reliable);
        let actions = invite.respond(Failure, &timing, Reliable, after(20));
        assert_eq!(actions, &[Action::Acknowledge, Action::Pass]);
        assert_eq!(invite, InviteClient::Terminated);
    }

    #[test]
    fn an_ack_that_cannot_be_sent_ends_a_completed_transaction() {
        let (mut invite, timing) = sent(Unreliable);
        invite.respond(Failure, &timing, Unreliable, after(20));
        assert_eq!(invite.fail(), &[Action::Failed]);
        assert_eq!(invite, InviteClient::Terminated);
    }
}
