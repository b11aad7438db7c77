//! Whether registered phones are still there: each is asked from time to time (OPTIONS), which also
//! keeps its NAT open.
//!
//! A phone that has answered once and then does not is gone. One that never did may simply not know
//! OPTIONS and is left alone, but for bindings that were kept over a restart: those must prove
//! themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{PhoneId, Timestamp};
use sip::endpoint::RequestId;
use sip::registrar::BindingId;

/// After a restart kept bindings are asked this far apart: not all at once.
const SPREAD: Duration = Duration::from_millis(2);

/// The checks of all bindings.
#[derive(Debug)]
pub(crate) struct Checks {
    every: Option<Duration>,
    bindings: BTreeMap<BindingId, Check>,
    due: BTreeSet<(Timestamp, BindingId)>,
    asked: BTreeMap<RequestId, BindingId>,
}

#[derive(Debug)]
struct Check {
    phone: PhoneId,
    due: Option<Timestamp>,
    must_answer: bool,
}

/// What to do after a check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// Nothing.
    Fine,
    /// Nobody is there.
    Gone(PhoneId, BindingId),
}

impl Checks {
    pub(crate) const fn new(every: Option<Duration>) -> Self {
        Self { every, bindings: BTreeMap::new(), due: BTreeSet::new(), asked: BTreeMap::new() }
    }

    /// A phone has registered.
    pub(crate) fn registered(&mut self, phone: &PhoneId, id: BindingId, now: Timestamp) {
        let due = self.every.map(|every| now + every);
        self.set(id, Check { phone: phone.clone(), due, must_answer: false });
    }

    /// A binding was kept over a restart; it must answer even where checks are off.
    pub(crate) fn kept(&mut self, phone: &PhoneId, id: BindingId, now: Timestamp) {
        let place = u32::try_from(self.bindings.len()).unwrap_or(u32::MAX);
        let due = Some(now + SPREAD.saturating_mul(place));
        self.set(id, Check { phone: phone.clone(), due, must_answer: true });
    }

    /// A binding is gone.
    pub(crate) fn removed(&mut self, id: BindingId) {
        if let Some(due) = self.bindings.remove(&id).and_then(|check| check.due) {
            self.due.remove(&(due, id));
        }
    }

    /// When the next check is due.
    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The next binding to ask.
    pub(crate) fn poll(&mut self, now: Timestamp) -> Option<(PhoneId, BindingId)> {
        let (at, id) = *self.due.first().filter(|(at, _)| *at <= now)?;
        self.due.remove(&(at, id));
        let check = self.bindings.get_mut(&id)?;
        check.due = None;
        Some((check.phone.clone(), id))
    }

    /// The binding is being asked by this request.
    pub(crate) fn ask(&mut self, request: RequestId, id: BindingId) {
        self.asked.insert(request, id);
    }

    /// The request is over; `answered` says whether anybody was there.
    pub(crate) fn over(
        &mut self,
        request: RequestId,
        answered: Answered,
        now: Timestamp,
    ) -> Verdict {
        let Some(id) = self.asked.remove(&request) else { return Verdict::Fine };
        let Some(check) = self.bindings.get_mut(&id) else { return Verdict::Fine };
        match answered {
            Answered::Yes | Answered::Unasked => {
                check.must_answer |= answered == Answered::Yes;
                check.due = self.every.map(|every| now + every);
                self.due.extend(check.due.map(|due| (due, id)));
                Verdict::Fine
            }
            Answered::No if check.must_answer => Verdict::Gone(check.phone.clone(), id),
            Answered::No => Verdict::Fine,
        }
    }

    fn set(&mut self, id: BindingId, check: Check) {
        self.removed(id);
        self.due.extend(check.due.map(|due| (due, id)));
        self.bindings.insert(id, check);
    }
}

/// Whether a check was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answered {
    /// With anything.
    Yes,
    /// With silence.
    No,
    /// It could not be asked.
    Unasked,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: BindingId = BindingId(1);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_000 + seconds)
    }

    fn checks() -> Checks {
        Checks::new(Some(Duration::from_secs(30)))
    }

    #[test]
    fn a_phone_that_has_answered_and_then_does_not_is_gone() {
        let mut checks = checks();
        checks.registered(&"1001".into(), ID, at(0));
        for (round, answered) in [(1, Answered::Yes), (2, Answered::Yes), (3, Answered::No)] {
            let now = at(30 * round);
            assert_eq!(checks.poll_timeout(), Some(now));
            assert_eq!(checks.poll(now), Some(("1001".into(), ID)));
            checks.ask(RequestId(round), ID);
            let gone = Verdict::Gone("1001".into(), ID);
            let expected = if answered == Answered::No { gone } else { Verdict::Fine };
            assert_eq!(checks.over(RequestId(round), answered, now), expected);
        }
    }

    #[test]
    fn a_phone_that_never_answers_is_left_alone() {
        let mut checks = checks();
        checks.registered(&"1001".into(), ID, at(0));
        assert!(checks.poll(at(30)).is_some());
        checks.ask(RequestId(1), ID);
        assert_eq!(checks.over(RequestId(1), Answered::No, at(62)), Verdict::Fine);
        assert_eq!(checks.poll_timeout(), None);
    }

    #[test]
    fn a_kept_binding_is_asked_at_once_and_must_answer() {
        let mut checks = Checks::new(None);
        checks.kept(&"1001".into(), ID, at(0));
        assert!(checks.poll(at(0)).is_some());
        checks.ask(RequestId(1), ID);
        let verdict = checks.over(RequestId(1), Answered::No, at(32));
        assert_eq!(verdict, Verdict::Gone("1001".into(), ID));
    }

    #[test]
    fn a_binding_that_is_gone_is_not_asked() {
        let mut checks = checks();
        checks.registered(&"1001".into(), ID, at(0));
        checks.removed(ID);
        assert_eq!((checks.poll(at(60)), checks.poll_timeout()), (None, None));
    }
}
