//! The non-INVITE server transaction (RFC 3261 §17.2.2).
//!
//! | state | what happens | what is done | next |
//! |---|---|---|---|
//! | `Trying` | request again | | `Trying` |
//! | `Trying`, `Proceeding` | user sends 1xx | send | `Proceeding` |
//! | `Trying`, `Proceeding` | user sends 2xx–6xx | send | `Completed`, reliable `Terminated` |
//! | `Trying`, `Proceeding` | 64·T1 passed unanswered | | `Terminated` |
//! | `Proceeding`, `Completed` | request again | send the last response again | the same |
//! | `Proceeding`, `Completed` | transport error | tell: failed | `Terminated` |
//! | `Completed` | Timer J | | `Terminated` |
//!
//! What is in no row changes nothing. The row without a timer's letter keeps a request that our
//! user forgot from staying for ever: its sender's Timer F has fired by then, and RFC 4320 §4.2
//! forbids to answer it with 408.

use model::Timestamp;

use super::{Action, Actions, Reliability, ResponseClass, Timer, Timing};

/// One request other than INVITE and ACK that came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NonInviteServer {
    /// Nothing was answered yet.
    Trying {
        /// When the sender has given up.
        until: Timestamp,
    },
    /// A provisional response was sent.
    Proceeding {
        /// When the sender has given up.
        until: Timestamp,
    },
    /// The final response was sent.
    Completed {
        /// Timer J.
        until: Timestamp,
    },
    /// Over.
    Terminated,
}

impl NonInviteServer {
    /// The transaction of a request that was not seen before.
    #[must_use]
    pub fn start(timing: &Timing, now: Timestamp) -> Self {
        Self::Trying { until: now + timing.patience() }
    }

    /// The user sends a response; an empty list means that it may no longer be sent.
    pub fn send(
        &mut self,
        class: ResponseClass,
        timing: &Timing,
        reliability: Reliability,
        now: Timestamp,
    ) -> Actions {
        match (*self, class) {
            (Self::Trying { until } | Self::Proceeding { until }, ResponseClass::Provisional) => {
                *self = Self::Proceeding { until };
            }
            (
                Self::Trying { .. } | Self::Proceeding { .. },
                ResponseClass::Success | ResponseClass::Failure,
            ) => {
                *self = match reliability {
                    Reliability::Unreliable => Self::Completed { until: now + timing.patience() },
                    Reliability::Reliable => Self::Terminated,
                };
            }
            (Self::Completed { .. } | Self::Terminated, _) => return &[],
        }
        &[Action::Resend]
    }

    /// The same request came again.
    pub fn repeat(&mut self) -> Actions {
        match self {
            Self::Proceeding { .. } | Self::Completed { .. } => &[Action::Resend],
            Self::Trying { .. } | Self::Terminated => &[],
        }
    }

    /// The transport could not send for this transaction.
    pub fn fail(&mut self) -> Actions {
        match self {
            Self::Proceeding { .. } | Self::Completed { .. } => {
                *self = Self::Terminated;
                &[Action::Failed]
            }
            Self::Trying { .. } | Self::Terminated => &[],
        }
    }

    /// The next timer.
    #[must_use]
    pub fn deadline(&self) -> Option<(Timestamp, Timer)> {
        match *self {
            Self::Trying { until } | Self::Proceeding { until } => Some((until, Timer::F)),
            Self::Completed { until } => Some((until, Timer::J)),
            Self::Terminated => None,
        }
    }

    /// The next timer has fired.
    pub fn expire(&mut self) -> Actions {
        *self = Self::Terminated;
        &[]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Reliability::{Reliable, Unreliable};
    use super::ResponseClass::{Failure, Provisional, Success};
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_000);

    fn after(millis: u64) -> Timestamp {
        START + Duration::from_millis(millis)
    }

    fn received() -> (NonInviteServer, Timing) {
        let timing = Timing::default();
        (NonInviteServer::start(&timing, START), timing)
    }

    #[test]
    fn before_any_response_a_repeated_request_is_absorbed() {
        let (mut request, _) = received();
        assert!(request.repeat().is_empty());
    }

    #[test]
    fn a_provisional_response_is_sent_and_repeated_with_the_request() {
        let (mut request, timing) = received();
        let actions = request.send(Provisional, &timing, Unreliable, after(10));
        assert_eq!(actions, &[Action::Resend]);
        assert_eq!(request.repeat(), &[Action::Resend]);
    }

    #[test]
    fn the_final_response_is_repeated_with_the_request_until_timer_j() {
        for class in [Success, Failure] {
            let (mut request, timing) = received();
            let actions = request.send(class, &timing, Unreliable, after(10));
            assert_eq!(actions, &[Action::Resend]);
            assert_eq!(request.repeat(), &[Action::Resend]);
            assert!(request.send(class, &timing, Unreliable, after(20)).is_empty());
            assert_eq!(request.deadline(), Some((after(32_010), Timer::J)));
            assert!(request.expire().is_empty());
            assert_eq!(request, NonInviteServer::Terminated);
        }
    }

    #[test]
    fn over_a_reliable_transport_nothing_is_kept_after_the_final_response() {
        let (mut request, timing) = received();
        request.send(Success, &timing, Reliable, after(10));
        assert_eq!(request, NonInviteServer::Terminated);
    }

    #[test]
    fn a_response_that_cannot_be_sent_ends_the_transaction() {
        let (mut request, timing) = received();
        request.send(Success, &timing, Unreliable, after(10));
        assert_eq!(request.fail(), &[Action::Failed]);
        assert_eq!(request, NonInviteServer::Terminated);
    }

    #[test]
    fn a_request_nobody_answers_is_forgotten_when_its_sender_has_given_up() {
        let (mut request, _) = received();
        assert_eq!(request.deadline(), Some((after(32_000), Timer::F)));
        assert!(request.expire().is_empty());
        assert_eq!(request, NonInviteServer::Terminated);
    }
}
