//! The INVITE server transaction (RFC 3261 §17.2.1, RFC 6026 §7.1).
//!
//! | state | what happens | what is done | next |
//! |---|---|---|---|
//! | `Proceeding` | INVITE again | send the last response again | `Proceeding` |
//! | `Proceeding` | user sends 1xx | send | `Proceeding` |
//! | `Proceeding` | user sends 2xx | send | `Accepted` |
//! | `Proceeding` | user sends 3xx–6xx | send | `Completed` |
//! | `Completed` | INVITE again, Timer G | send the last response again | `Completed` |
//! | `Completed` | ACK | | `Confirmed`, reliable `Terminated` |
//! | `Completed` | Timer H | tell: timed out | `Terminated` |
//! | `Confirmed` | ACK again | | `Confirmed` |
//! | `Confirmed` | Timer I | | `Terminated` |
//! | `Accepted` | INVITE again | (absorbed: the user repeats the 2xx) | `Accepted` |
//! | `Accepted` | ACK | pass up | `Accepted` |
//! | `Accepted` | user sends 2xx | send | `Accepted` |
//! | `Accepted` | Timer L | | `Terminated` |
//! | `Proceeding`, `Completed`, `Accepted` | transport error | tell: failed | the same |
//!
//! What is in no row changes nothing.

use model::Timestamp;

use super::{Action, Actions, Reliability, Resend, ResponseClass, Timer, Timing, sooner};

/// One INVITE that came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InviteServer {
    /// No final response was given yet.
    Proceeding,
    /// A final response other than 2xx was sent.
    Completed {
        /// Timer G; none on a reliable transport.
        resend: Option<Resend>,
        /// Timer H.
        until: Timestamp,
    },
    /// The ACK of that response came.
    Confirmed {
        /// Timer I.
        until: Timestamp,
    },
    /// A 2xx was sent.
    Accepted {
        /// Timer L.
        until: Timestamp,
    },
    /// Over.
    Terminated,
}

impl InviteServer {
    /// The transaction of an INVITE that was not seen before.
    #[must_use]
    pub const fn start() -> Self {
        Self::Proceeding
    }

    /// The user sends a response; an empty list means that it may no longer be sent.
    pub fn send(
        &mut self,
        class: ResponseClass,
        timing: &Timing,
        reliability: Reliability,
        now: Timestamp,
    ) -> Actions {
        let until = now + timing.patience();
        match (*self, class) {
            (Self::Proceeding, ResponseClass::Provisional) => {}
            (Self::Proceeding, ResponseClass::Success) => *self = Self::Accepted { until },
            (Self::Proceeding, ResponseClass::Failure) => {
                let resend =
                    (reliability == Reliability::Unreliable).then(|| Resend::first(timing, now));
                *self = Self::Completed { resend, until };
            }
            (Self::Accepted { .. }, ResponseClass::Success) => {}
            (
                Self::Completed { .. }
                | Self::Confirmed { .. }
                | Self::Accepted { .. }
                | Self::Terminated,
                _,
            ) => return &[],
        }
        &[Action::Resend]
    }

    /// The same INVITE came again.
    pub fn repeat(&mut self) -> Actions {
        match self {
            Self::Proceeding | Self::Completed { .. } => &[Action::Resend],
            Self::Confirmed { .. } | Self::Accepted { .. } | Self::Terminated => &[],
        }
    }

    /// An ACK came that matches.
    pub fn acknowledge(
        &mut self,
        timing: &Timing,
        reliability: Reliability,
        now: Timestamp,
    ) -> Actions {
        match self {
            Self::Completed { .. } => {
                *self = match reliability {
                    Reliability::Unreliable => Self::Confirmed { until: now + timing.t4 },
                    Reliability::Reliable => Self::Terminated,
                };
                &[]
            }
            Self::Accepted { .. } => &[Action::Pass],
            Self::Proceeding | Self::Confirmed { .. } | Self::Terminated => &[],
        }
    }

    /// The transport could not send for this transaction. The state stays (RFC 6026 §7.1): the
    /// request may come again by a way that works.
    pub fn fail(&mut self) -> Actions {
        match self {
            Self::Proceeding | Self::Completed { .. } | Self::Accepted { .. } => &[Action::Failed],
            Self::Confirmed { .. } | Self::Terminated => &[],
        }
    }

    /// The next timer.
    #[must_use]
    pub fn deadline(&self) -> Option<(Timestamp, Timer)> {
        match *self {
            Self::Completed { resend, until } => {
                Some(sooner(resend.map(|resend| (resend.due(), Timer::G)), (until, Timer::H)))
            }
            Self::Confirmed { until } => Some((until, Timer::I)),
            Self::Accepted { until } => Some((until, Timer::L)),
            Self::Proceeding | Self::Terminated => None,
        }
    }

    /// The next timer has fired.
    pub fn expire(&mut self, timing: &Timing, now: Timestamp) -> Actions {
        match *self {
            Self::Completed { resend: Some(resend), until } if resend.due() < until => {
                *self = Self::Completed { resend: Some(resend.next(timing.t2, now)), until };
                &[Action::Resend]
            }
            Self::Completed { .. } => {
                *self = Self::Terminated;
                &[Action::TimedOut]
            }
            Self::Confirmed { .. } | Self::Accepted { .. } => {
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

    fn after(millis: u64) -> Timestamp {
        START + Duration::from_millis(millis)
    }

    fn answered(class: ResponseClass, reliability: Reliability) -> (InviteServer, Timing) {
        let timing = Timing::default();
        let mut invite = InviteServer::start();
        assert_eq!(invite.send(class, &timing, reliability, START), &[Action::Resend]);
        (invite, timing)
    }

    #[test]
    fn while_proceeding_a_repeated_invite_draws_the_last_response_again() {
        let (mut invite, _) = answered(Provisional, Unreliable);
        assert_eq!(invite.repeat(), &[Action::Resend]);
        assert_eq!(invite, InviteServer::Proceeding);
        assert_eq!(invite.deadline(), None);
    }

    #[test]
    fn a_refusal_is_repeated_by_timer_g_until_timer_h_gives_up() {
        let (mut invite, timing) = answered(Failure, Unreliable);
        for millis in [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500] {
            assert_eq!(invite.deadline(), Some((after(millis), Timer::G)));
            assert_eq!(invite.expire(&timing, after(millis)), &[Action::Resend]);
        }
        assert_eq!(invite.deadline(), Some((after(32_000), Timer::H)));
        assert_eq!(invite.expire(&timing, after(32_000)), &[Action::TimedOut]);
        assert_eq!(invite, InviteServer::Terminated);
    }

    #[test]
    fn a_refusal_is_repeated_when_the_invite_is() {
        let (mut invite, _) = answered(Failure, Unreliable);
        assert_eq!(invite.repeat(), &[Action::Resend]);
    }

    #[test]
    fn over_a_reliable_transport_a_refusal_is_not_repeated_but_its_ack_is_awaited() {
        let (invite, _) = answered(Failure, Reliable);
        assert_eq!(invite.deadline(), Some((after(32_000), Timer::H)));
    }

    #[test]
    fn the_ack_of_a_refusal_is_absorbed_until_timer_i() {
        let (mut invite, timing) = answered(Failure, Unreliable);
        for _ in 0..2 {
            assert!(invite.acknowledge(&timing, Unreliable, after(100)).is_empty());
        }
        assert!(invite.repeat().is_empty());
        assert_eq!(invite.deadline(), Some((after(5_100), Timer::I)));
        assert!(invite.expire(&timing, after(5_100)).is_empty());
        assert_eq!(invite, InviteServer::Terminated);

        let (mut invite, timing) = answered(Failure, Reliable);
        invite.acknowledge(&timing, Reliable, after(100));
        assert_eq!(invite, InviteServer::Terminated);
    }

    #[test]
    fn after_a_success_invites_are_absorbed_and_acks_passed_up_until_timer_l() {
        for reliability in [Reliable, Unreliable] {
            let (mut invite, timing) = answered(Success, reliability);
            assert!(invite.repeat().is_empty());
            let actions = invite.acknowledge(&timing, reliability, after(100));
            assert_eq!(actions, &[Action::Pass]);
            let actions = invite.send(Success, &timing, reliability, after(200));
            assert_eq!(actions, &[Action::Resend]);
            assert!(invite.send(Failure, &timing, reliability, after(300)).is_empty());
            assert_eq!(invite.deadline(), Some((after(32_000), Timer::L)));
            assert!(invite.expire(&timing, after(32_000)).is_empty());
            assert_eq!(invite, InviteServer::Terminated);
        }
    }

    #[test]
    fn a_transport_error_is_told_and_changes_nothing() {
        for class in [Provisional, Success, Failure] {
            let (mut invite, _) = answered(class, Unreliable);
            let before = invite;
            assert_eq!(invite.fail(), &[Action::Failed]);
            assert_eq!(invite, before);
        }
    }

    #[test]
    fn nothing_can_be_sent_after_a_refusal() {
        let (mut invite, timing) = answered(Failure, Unreliable);
        for class in [Provisional, Success, Failure] {
            assert!(invite.send(class, &timing, Unreliable, after(10)).is_empty());
        }
    }
}
