//! The non-INVITE client transaction (RFC 3261 §17.1.2).
//!
//! | state | what happens | what is done | next |
//! |---|---|---|---|
//! | `Trying` | Timer E | send again, pause doubling to T2 | `Trying` |
//! | `Proceeding` | Timer E | send again, pause T2 | `Proceeding` |
//! | `Trying`, `Proceeding` | Timer F | tell: timed out | `Terminated` |
//! | `Trying`, `Proceeding` | transport error | tell: failed | `Terminated` |
//! | `Trying`, `Proceeding` | 1xx | pass up | `Proceeding` |
//! | `Trying`, `Proceeding` | 2xx–6xx | pass up | `Completed`, reliable `Terminated` |
//! | `Completed` | Timer K | | `Terminated` |
//!
//! What is in no row changes nothing.

use model::Timestamp;

use super::{Action, Actions, Reliability, Resend, ResponseClass, Timer, Timing, sooner};

/// One request other than INVITE and ACK that we sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NonInviteClient {
    /// Nothing came back yet.
    Trying {
        /// Timer E; none on a reliable transport.
        resend: Option<Resend>,
        /// Timer F.
        until: Timestamp,
    },
    /// A provisional response came.
    Proceeding {
        /// Timer E; none on a reliable transport.
        resend: Option<Resend>,
        /// Timer F.
        until: Timestamp,
    },
    /// The final response came.
    Completed {
        /// Timer K.
        until: Timestamp,
    },
    /// Over.
    Terminated,
}

impl NonInviteClient {
    /// The transaction of a request sent at this moment.
    #[must_use]
    pub fn start(timing: &Timing, reliability: Reliability, now: Timestamp) -> Self {
        let resend = (reliability == Reliability::Unreliable).then(|| Resend::first(timing, now));
        Self::Trying { resend, until: now + timing.patience() }
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
            (
                Self::Trying { resend, until } | Self::Proceeding { resend, until },
                ResponseClass::Provisional,
            ) => {
                *self = Self::Proceeding { resend, until };
                &[Action::Pass]
            }
            (
                Self::Trying { .. } | Self::Proceeding { .. },
                ResponseClass::Success | ResponseClass::Failure,
            ) => {
                *self = match reliability {
                    Reliability::Unreliable => Self::Completed { until: now + timing.t4 },
                    Reliability::Reliable => Self::Terminated,
                };
                &[Action::Pass]
            }
            // Repetitions of what was already passed up.
            (Self::Completed { .. } | Self::Terminated, _) => &[],
        }
    }

    /// The transport could not send for this transaction.
    pub fn fail(&mut self) -> Actions {
        match self {
            Self::Trying { .. } | Self::Proceeding { .. } => {
                *self = Self::Terminated;
                &[Action::Failed]
            }
            Self::Completed { .. } | Self::Terminated => &[],
        }
    }

    /// The next timer.
    #[must_use]
    pub fn deadline(&self) -> Option<(Timestamp, Timer)> {
        match *self {
            Self::Trying { resend, until } | Self::Proceeding { resend, until } => {
                Some(sooner(resend.map(|resend| (resend.due(), Timer::E)), (until, Timer::F)))
            }
            Self::Completed { until } => Some((until, Timer::K)),
            Self::Terminated => None,
        }
    }

    /// The next timer has fired.
    pub fn expire(&mut self, timing: &Timing, now: Timestamp) -> Actions {
        match *self {
            Self::Trying { resend: Some(resend), until } if resend.due() < until => {
                *self = Self::Trying { resend: Some(resend.next(timing.t2, now)), until };
                &[Action::Resend]
            }
            Self::Proceeding { resend: Some(resend), until } if resend.due() < until => {
                *self = Self::Proceeding { resend: Some(resend.steady(timing.t2, now)), until };
                &[Action::Resend]
            }
            Self::Trying { .. } | Self::Proceeding { .. } => {
                *self = Self::Terminated;
                &[Action::TimedOut]
            }
            Self::Completed { .. } => {
                *self = Self::Terminated;
                &[]
            }
            Self::Terminated => &[],
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

    fn sent(reliability: Reliability) -> (NonInviteClient, Timing) {
        let timing = Timing::default();
        (NonInviteClient::start(&timing, reliability, START), timing)
    }

    fn after(millis: u64) -> Timestamp {
        START + Duration::from_millis(millis)
    }

    #[test]
    fn timer_e_doubles_up_to_t2_and_timer_f_gives_up_after_eleven_sendings() {
        let (mut request, timing) = sent(Unreliable);
        let due = [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
        for millis in due {
            assert_eq!(request.deadline(), Some((after(millis), Timer::E)));
            assert_eq!(request.expire(&timing, after(millis)), &[Action::Resend]);
        }
        assert_eq!(request.deadline(), Some((after(32_000), Timer::F)));
        assert_eq!(request.expire(&timing, after(32_000)), &[Action::TimedOut]);
        assert_eq!(request, NonInviteClient::Terminated);
    }

    #[test]
    fn after_a_provisional_response_the_request_is_repeated_every_t2() {
        let (mut request, timing) = sent(Unreliable);
        let actions = request.respond(Provisional, &timing, Unreliable, after(100));
        assert_eq!(actions, &[Action::Pass]);
        for millis in [500, 4_500, 8_500] {
            assert_eq!(request.deadline(), Some((after(millis), Timer::E)));
            assert_eq!(request.expire(&timing, after(millis)), &[Action::Resend]);
        }
        request.expire(&timing, after(31_999));
        assert_eq!(request.deadline(), Some((after(32_000), Timer::F)));
        assert_eq!(request.expire(&timing, after(32_000)), &[Action::TimedOut]);
    }

    #[test]
    fn a_transport_error_ends_it_until_a_final_response_came() {
        let (mut request, timing) = sent(Unreliable);
        request.respond(Provisional, &timing, Unreliable, after(100));
        assert_eq!(request.fail(), &[Action::Failed]);
        assert_eq!(request, NonInviteClient::Terminated);

        let (mut request, timing) = sent(Unreliable);
        request.respond(Success, &timing, Unreliable, after(100));
        assert!(request.fail().is_empty());
    }

    #[test]
    fn the_first_final_response_is_passed_up_and_repetitions_are_absorbed_until_timer_k() {
        for class in [Success, Failure] {
            let (mut request, timing) = sent(Unreliable);
            assert_eq!(request.respond(class, &timing, Unreliable, after(100)), &[Action::Pass]);
            assert!(request.respond(class, &timing, Unreliable, after(200)).is_empty());
            assert_eq!(request.deadline(), Some((after(5_100), Timer::K)));
            assert!(request.expire(&timing, after(5_100)).is_empty());
            assert_eq!(request, NonInviteClient::Terminated);
        }
    }

    #[test]
    fn a_reliable_transport_repeats_nothing_and_keeps_nothing() {
        let (mut request, timing) = sent(Reliable);
        assert_eq!(request.deadline(), Some((after(32_000), Timer::F)));
        request.respond(Provisional, &timing, Reliable, after(50));
        assert_eq!(request.respond(Success, &timing, Reliable, after(100)), &[Action::Pass]);
        assert_eq!(request, NonInviteClient::Terminated);
    }
}
