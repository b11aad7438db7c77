//! The places that calls take, and how fast they were taken: what the limits look at. Counted as
//! calls come and go; `check` compares with the calls themselves.

use std::collections::{BTreeMap, BTreeSet};

use model::{HotlineId, Timestamp, TrunkId};

/// The places taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    service: Taken,
    trunks: BTreeMap<TrunkId, Taken>,
    trunk_rates: BTreeMap<TrunkId, Rate>,
    hotline_rates: BTreeMap<HotlineId, Rate>,
}

/// Places of one kind.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Taken {
    all: u32,
    /// Of them, by calls to these hotlines.
    hotlines: BTreeMap<HotlineId, u32>,
}

impl Taken {
    pub(crate) const fn all(&self) -> u32 {
        self.all
    }

    pub(crate) fn by(&self, hotline: &HotlineId) -> u32 {
        self.hotlines.get(hotline).copied().unwrap_or(0)
    }

    pub(crate) fn take(&mut self, hotline: Option<&HotlineId>) {
        self.all += 1;
        if let Some(hotline) = hotline {
            *self.hotlines.entry(hotline.clone()).or_default() += 1;
        }
    }

    fn give_back(&mut self, hotline: Option<&HotlineId>) {
        self.all = self.all.saturating_sub(1);
        let Some(hotline) = hotline else { return };
        if let Some(taken) = self.hotlines.get_mut(hotline) {
            *taken = taken.saturating_sub(1);
            if *taken == 0 {
                self.hotlines.remove(hotline);
            }
        }
    }

    /// Places that are kept for hotlines other than this one, and that they have not taken.
    pub(crate) fn kept<'a>(
        &self,
        kept: impl Iterator<Item = (&'a HotlineId, u32)>,
        own: Option<&HotlineId>,
    ) -> u32 {
        kept.filter(|(hotline, _)| Some(*hotline) != own)
            .fold(0, |sum, (hotline, kept)| sum + kept.saturating_sub(self.by(hotline)))
    }
}

impl Places {
    /// Those of the service.
    pub(crate) const fn service(&self) -> &Taken {
        &self.service
    }

    /// Those of a trunk.
    pub(crate) fn trunk(&self, trunk: &TrunkId) -> Taken {
        self.trunks.get(trunk).cloned().unwrap_or_default()
    }

    /// How many calls a trunk carries.
    pub(crate) fn on(&self, trunk: &TrunkId) -> u32 {
        self.trunks.get(trunk).map_or(0, Taken::all)
    }

    pub(crate) fn call_began(&mut self, hotline: Option<&HotlineId>) {
        self.service.take(hotline);
    }

    pub(crate) fn call_ended(&mut self, hotline: Option<&HotlineId>) {
        self.service.give_back(hotline);
    }

    pub(crate) fn leg_began(&mut self, trunk: &TrunkId, hotline: Option<&HotlineId>) {
        self.trunks.entry(trunk.clone()).or_default().take(hotline);
    }

    pub(crate) fn leg_ended(&mut self, trunk: &TrunkId, hotline: Option<&HotlineId>) {
        let Some(taken) = self.trunks.get_mut(trunk) else { return };
        taken.give_back(hotline);
        if taken.all == 0 {
            self.trunks.remove(trunk);
        }
    }

    pub(crate) fn trunk_rate(&mut self, trunk: &TrunkId) -> &mut Rate {
        self.trunk_rates.entry(trunk.clone()).or_default()
    }

    pub(crate) fn hotline_rate(&mut self, hotline: &HotlineId) -> &mut Rate {
        self.hotline_rates.entry(hotline.clone()).or_default()
    }

    /// Forgets the rates of whatever is not among these.
    pub(crate) fn keep_rates(
        &mut self,
        trunks: &BTreeSet<&TrunkId>,
        hotlines: &BTreeSet<&HotlineId>,
    ) {
        self.trunk_rates.retain(|trunk, _| trunks.contains(trunk));
        self.hotline_rates.retain(|hotline, _| hotlines.contains(hotline));
    }

    /// What was counted, to be compared.
    pub(crate) const fn counted(&self) -> (&Taken, &BTreeMap<TrunkId, Taken>) {
        (&self.service, &self.trunks)
    }
}

/// A call's worth.
const CALL: u64 = 1_000_000;

/// A token bucket: so many calls a second in the long run, and a second's worth at once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    /// Millionths of a call that may come at `at`; `None` when none has come yet.
    level: Option<u64>,
    at: Timestamp,
}

impl Rate {
    /// Whether one more call may come now.
    pub(crate) fn allows(&mut self, per_second: u32, now: Timestamp) -> bool {
        let most = u64::from(per_second).saturating_mul(CALL);
        let elapsed = u64::try_from(now.since(self.at).as_micros()).unwrap_or(u64::MAX);
        // A microsecond brings a millionth of a second's calls.
        let come = elapsed.saturating_mul(u64::from(per_second));
        let level = self.level.map_or(most, |level| level.saturating_add(come).min(most));
        self.level = Some(level);
        self.at = now;
        level >= CALL
    }

    /// One call has come.
    pub(crate) fn take(&mut self) {
        self.level = self.level.map(|level| level.saturating_sub(CALL));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_seconds_worth_may_come_at_once_and_then_one_at_a_time() {
        let mut rate = Rate::default();
        let mut now = Timestamp::from_secs(1_700_000_000);
        let mut come = |now| rate.allows(4, now).then(|| rate.take()).is_some();
        assert_eq!((0..10).filter(|_| come(now)).count(), 4);
        now = now + Duration::from_millis(249);
        assert!(!come(now));
        now = now + Duration::from_millis(1);
        assert!(come(now) && !come(now));
        now = now + Duration::from_secs(3600);
        assert_eq!((0..10).filter(|_| come(now)).count(), 4);
    }

    #[test]
    fn what_is_kept_for_others_is_what_they_have_not_taken() {
        let (sales, support) = (HotlineId::from("sales"), HotlineId::from("support"));
        let mut taken = Taken::default();
        taken.take(Some(&sales));
        taken.take(None);
        let kept = [(&sales, 3), (&support, 2)];
        assert_eq!(taken.kept(kept.into_iter(), None), 4);
        assert_eq!(taken.kept(kept.into_iter(), Some(&sales)), 2);
        assert_eq!(taken.kept(kept.into_iter(), Some(&support)), 2);
        for _ in 0..5 {
            taken.take(Some(&sales));
        }
        assert_eq!(taken.kept(kept.into_iter(), None), 2);
    }
}
