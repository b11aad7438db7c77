//! Our own registration at a trunk that wants one (RFC 3261 §10.2): begun at once, refreshed at half
//! its time, tried again ever later while it fails (RFC 5626 §4.5).

use std::collections::VecDeque;
use std::time::Duration;

use model::Timestamp;
use sip::NameAddr;
use sip::endpoint::{Attempt, Outgoing, RequestId};
use sip::locate::Place;

use crate::carriers::RegistrationStatus;

/// The pause after the first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_mins(30);
/// The shortest time between two refreshes, whatever the registrar grants.
const SHORTEST_REFRESH: Duration = Duration::from_secs(15);

/// Our registration at one trunk.
#[derive(Debug)]
pub(crate) struct Registration {
    /// How long it is to last.
    pub(crate) expires: Duration,
    /// What the next request goes on from: one Call-ID for all (§10.2).
    pub(crate) attempt: Option<Attempt>,
    /// The proxies that the registrar wants our calls to pass (RFC 3608).
    pub(crate) service_route: Vec<NameAddr>,
    phase: Phase,
    failures: u32,
    /// Whether it names the flow: not where something on the way does not know of flows (RFC 5626 §6,
    /// 439).
    pub(crate) names_flow: bool,
    /// Whether it only waits for the trunk to be found.
    waits_for_place: bool,
    /// Until when it holds.
    until: Option<Timestamp>,
    trouble: Option<String>,
}

#[derive(Clone, Debug)]
enum Phase {
    /// A request is sent at this time.
    Due(Timestamp),
    /// A request is to be sent now.
    Begins,
    /// An answer is awaited.
    Asking(Asked),
}

/// A REGISTER on its way.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) request: RequestId,
    /// Whether credentials were sent: a second challenge refuses them.
    pub(crate) proven: bool,
    /// What was sent.
    pub(crate) sent: Box<Outgoing>,
    /// Where the trunk may take it instead (RFC 3263 §4.3), in order.
    pub(crate) instead: VecDeque<Place>,
}

impl Registration {
    pub(crate) const fn new(expires: Duration, now: Timestamp) -> Self {
        Self {
            expires,
            attempt: None,
            service_route: Vec::new(),
            phase: Phase::Due(now),
            failures: 0,
            names_flow: true,
            waits_for_place: false,
            until: None,
            trouble: None,
        }
    }

    /// When the next request is due.
    pub(crate) const fn due(&self) -> Option<Timestamp> {
        if let Phase::Due(at) = self.phase { Some(at) } else { None }
    }

    /// Whether it is due now; then it counts as begun.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> bool {
        let is_due = self.due().is_some_and(|at| at <= now);
        if is_due {
            self.phase = Phase::Begins;
        }
        is_due
    }

    /// A request is on its way.
    pub(crate) fn asking(&mut self, asked: Asked) {
        self.phase = Phase::Asking(asked);
    }

    /// What was asked by this request, if it is the one whose answer is awaited.
    pub(crate) fn was_asked(&self, request: RequestId) -> Option<Asked> {
        match &self.phase {
            Phase::Asking(asked) if asked.request == request => Some(asked.clone()),
            Phase::Asking(_) | Phase::Due(_) | Phase::Begins => None,
        }
    }

    /// The registrar has granted so much.
    pub(crate) fn granted(&mut self, granted: Duration, route: Vec<NameAddr>, now: Timestamp) {
        self.service_route = route;
        self.failures = 0;
        self.trouble = None;
        self.until = Some(now + granted);
        self.phase = Phase::Due(now + (granted / 2).max(SHORTEST_REFRESH));
    }

    /// Nobody knows where the trunk is.
    pub(crate) fn has_no_place(&mut self, chance: u64, now: Timestamp) {
        self.failed("the trunk is nowhere".to_owned(), chance, now);
        self.waits_for_place = true;
    }

    /// The trunk has been found: what waited for that alone is done at once.
    pub(crate) fn found(&mut self, now: Timestamp) {
        if std::mem::take(&mut self.waits_for_place) && self.due().is_some() {
            self.failures = 0;
            self.phase = Phase::Due(now);
        }
    }

    /// It came to nothing. `chance` is of a thousand.
    pub(crate) fn failed(&mut self, why: String, chance: u64, now: Timestamp) {
        let doubled = FIRST_PAUSE.saturating_mul(1 << self.failures.min(10));
        let longest = doubled.min(LONGEST_PAUSE);
        // Between half of it and all: not all of us at once.
        let pause =
            longest / 2 + longest.mul_f64(f64::from(u16::try_from(chance).unwrap_or(0)) / 2_000.0);
        self.failures = self.failures.saturating_add(1);
        self.waits_for_place = false;
        self.trouble = Some(why);
        self.phase = Phase::Due(now + pause);
    }

    /// Whether it holds now.
    pub(crate) fn holds(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until > now)
    }

    pub(crate) fn status(&self) -> RegistrationStatus {
        match (&self.trouble, self.until) {
            (Some(why), _) => {
                RegistrationStatus::Failed(why.clone(), self.due().unwrap_or_default())
            }
            (None, Some(until)) => RegistrationStatus::Registered(until),
            (None, None) => RegistrationStatus::Trying,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_000 + seconds)
    }

    #[test]
    fn it_is_refreshed_at_half_its_time_and_holds_until_its_end() {
        let mut ours = Registration::new(Duration::from_secs(600), at(0));
        assert!(ours.take_due(at(0)) && !ours.take_due(at(0)));
        ours.granted(Duration::from_secs(120), Vec::new(), at(1));
        assert_eq!(ours.due(), Some(at(61)));
        assert!(ours.holds(at(120)) && !ours.holds(at(121)));
        assert_eq!(ours.status(), RegistrationStatus::Registered(at(121)));
    }

    #[test]
    fn a_trunk_that_is_found_late_is_registered_at_when_it_is_found() {
        let mut ours = Registration::new(Duration::from_secs(600), at(0));
        assert!(ours.take_due(at(0)));
        ours.has_no_place(1_000, at(0));
        assert_eq!(ours.due(), Some(at(30)));
        ours.found(at(2));
        assert_eq!(ours.due(), Some(at(2)));
        ours.failed("403 Forbidden".into(), 1_000, at(2));
        ours.found(at(3));
        assert_eq!(ours.due(), Some(at(32)), "who refuses is not asked sooner");
    }

    #[test]
    fn failures_are_tried_again_ever_later_but_not_never() {
        let mut ours = Registration::new(Duration::from_secs(600), at(0));
        let mut pauses = Vec::new();
        for _ in 0..9 {
            ours.failed("403 Forbidden".into(), 1_000, at(0));
            pauses.push(ours.due().unwrap().since(at(0)).as_secs());
        }
        assert_eq!(pauses[..4], [30, 60, 120, 240]);
        assert_eq!(pauses[8], 1_800);
        ours.failed("x".into(), 0, at(0));
        assert_eq!(ours.due(), Some(at(900)), "by chance earlier, by half at most");
        ours.granted(Duration::from_secs(60), Vec::new(), at(0));
        ours.failed("403".into(), 1_000, at(0));
        assert_eq!(ours.due(), Some(at(30)), "success begins anew");
    }
}
