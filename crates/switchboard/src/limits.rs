//! How many calls there may be, and how fast they may come: of the service, of each trunk and of
//! each hotline.
//!
//! Places that are kept for a hotline are taken by no other call: one is let in only where, after
//! it, there is still room for every place kept and not taken.

use std::collections::BTreeSet;

use model::{CallId, Cause, EventKind, HotlineId, LegId, Limit, Number, TrunkId};

use crate::Switchboard;
use crate::arrive::Route;
use crate::ledger::About;
use crate::places::Places;
use crate::ports::Origin;

/// What kept a call out, and of whom it was the limit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Bar {
    pub(crate) reason: &'static str,
    pub(crate) trunk: Option<TrunkId>,
    pub(crate) hotline: Option<HotlineId>,
}

/// Somebody who wants a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wants<'a> {
    pub(crate) trunk: Option<&'a TrunkId>,
    pub(crate) hotline: Option<&'a HotlineId>,
}

impl<'a> Wants<'a> {
    pub(crate) fn of(origin: &'a Origin, route: &'a Route) -> Self {
        let trunk = match origin {
            Origin::Trunk(trunk) => Some(trunk),
            Origin::Phone(_) => None,
        };
        Self { trunk, hotline: route.hotline() }
    }
}

impl Switchboard {
    /// The limit that keeps a call out which arrives; it takes nothing yet.
    pub(crate) fn arrival_limit(&mut self, wants: Wants<'_>) -> Option<Limit> {
        self.places_limit(wants).or_else(|| self.rate_limit(wants))
    }

    fn places_limit(&self, wants: Wants<'_>) -> Option<Limit> {
        let full = self.places.service().all() >= self.config.max_calls;
        let of_trunk = wants.trunk.and_then(|trunk| self.trunk_places(trunk, wants.hotline));
        of_trunk.or(full.then_some(Limit::ServiceCalls)).or_else(|| self.shares_limit(wants))
    }

    /// The limit that keeps a call from a share of places: where it is in already, too.
    fn shares_limit(&self, wants: Wants<'_>) -> Option<Limit> {
        let Wants { trunk, hotline } = wants;
        if let Some(limit) = trunk.and_then(|trunk| self.trunk_share(trunk, hotline)) {
            return Some(limit);
        }
        let service = self.places.service();
        let reserved = self.config.hotlines.iter().map(|(id, it)| (id, it.limits.reserved));
        if is_kept(self.config.max_calls, service.all(), service.kept(reserved, hotline)) {
            return Some(Limit::ServiceReserved);
        }
        let most = hotline.and_then(|id| self.config.hotlines.get(id)?.limits.max_calls);
        let full = hotline.zip(most).is_some_and(|(id, most)| service.by(id) >= most);
        full.then_some(Limit::HotlineCalls)
    }

    fn rate_limit(&mut self, wants: Wants<'_>) -> Option<Limit> {
        let now = self.ledger.now;
        if let Some((trunk, most)) = self.trunk_most(wants)
            && !self.places.trunk_rate(&trunk).allows(most, now)
        {
            return Some(Limit::TrunkRate);
        }
        let (hotline, most) = self.hotline_most(wants)?;
        let allowed = self.places.hotline_rate(&hotline).allows(most, now);
        (!allowed).then_some(Limit::HotlineRate)
    }

    /// The limit that keeps a call off a trunk that is to go out by it; it takes nothing yet.
    pub(crate) fn trunk_limit(&mut self, trunk: &TrunkId) -> Option<Limit> {
        let wants = Wants { trunk: Some(trunk), hotline: None };
        self.trunk_places(trunk, None).or_else(|| self.rate_limit(wants))
    }

    fn trunk_places(&self, trunk: &TrunkId, hotline: Option<&HotlineId>) -> Option<Limit> {
        let full = self.places.on(trunk) >= self.trunk_max(trunk);
        full.then_some(Limit::TrunkCalls).or_else(|| self.trunk_share(trunk, hotline))
    }

    fn trunk_share(&self, trunk: &TrunkId, hotline: Option<&HotlineId>) -> Option<Limit> {
        let taken = self.places.trunk(trunk);
        let reserved = self.config.hotlines.iter().filter_map(|(id, it)| {
            let kept = it.limits.reserved_on.get(trunk)?;
            Some((id, *kept))
        });
        let kept = taken.kept(reserved, hotline);
        is_kept(self.trunk_max(trunk), taken.all(), kept).then_some(Limit::TrunkReserved)
    }

    /// A trunk that a live change took away carries nothing.
    fn trunk_max(&self, trunk: &TrunkId) -> u32 {
        self.config.trunks.get(trunk).map_or(0, |trunk| trunk.max_calls)
    }

    /// Whether a hotline takes a party of a live call, whose places are its own from then on. Its
    /// limits are asked as on arrival. Those of service and trunk are not: the party gives up the
    /// places it has there, and must only leave alone what is kept for others.
    pub(crate) fn takes_over(&mut self, party: LegId, hotline: &HotlineId) -> bool {
        let Some(leg) = self.legs.get(&party) else { return false };
        let Some(call) = self.calls.get(&leg.call) else { return false };
        let new = Some(hotline);
        if [call.hotline.as_ref(), leg.hotline.as_ref()] == [new, new] {
            return true;
        }
        let (id, trunk) = (call.id, leg.trunk().cloned());
        let wants = Wants { trunk: trunk.as_ref(), hotline: new };
        let comes = Wants { trunk: None, hotline: new };
        self.leave_places(party);
        let limit = self.shares_limit(wants).or_else(|| self.rate_limit(comes));
        match limit {
            None => {
                self.take_rates(comes);
                self.belongs_to(party, hotline);
            }
            Some(limit) => self.tell_limit(About::call(id), limit, wants),
        }
        self.take_places(party);
        limit.is_none()
    }

    fn belongs_to(&mut self, party: LegId, hotline: &HotlineId) {
        let Some(leg) = self.legs.get_mut(&party) else { return };
        leg.hotline = Some(hotline.clone());
        if let Some(call) = self.calls.get_mut(&leg.call) {
            call.hotline = Some(hotline.clone());
        }
    }

    /// Gives back the place of a leg on its trunk, and that of its call.
    fn leave_places(&mut self, leg: LegId) {
        self.leave_trunk(leg);
        let call = self.call_of(leg).and_then(|call| self.calls.get(&call));
        if let Some(call) = call {
            self.places.call_ended(call.hotline.as_ref());
        }
    }

    /// Takes the place of a leg on its trunk, and that of its call.
    fn take_places(&mut self, leg: LegId) {
        let Some(leg) = self.legs.get(&leg) else { return };
        if let Some(trunk) = leg.trunk() {
            self.places.leg_began(trunk, leg.hotline.as_ref());
        }
        if let Some(call) = self.calls.get(&leg.call) {
            self.places.call_began(call.hotline.as_ref());
        }
    }

    /// A call that was let in counts for the rates.
    pub(crate) fn take_rates(&mut self, wants: Wants<'_>) {
        if let Some((trunk, _)) = self.trunk_most(wants) {
            self.places.trunk_rate(&trunk).take();
        }
        if let Some((hotline, _)) = self.hotline_most(wants) {
            self.places.hotline_rate(&hotline).take();
        }
    }

    fn trunk_most(&self, wants: Wants<'_>) -> Option<(TrunkId, u32)> {
        let trunk = wants.trunk?;
        Some((trunk.clone(), self.config.trunks.get(trunk)?.calls_per_second?))
    }

    fn hotline_most(&self, wants: Wants<'_>) -> Option<(HotlineId, u32)> {
        let hotline = wants.hotline?;
        Some((hotline.clone(), self.config.hotlines.get(hotline)?.limits.calls_per_second?))
    }

    /// Writes down which limit kept a call out, or off a trunk.
    pub(crate) fn tell_limit(&mut self, about: About, limit: Limit, wants: Wants<'_>) {
        let (trunk, hotline) = whose(limit, wants);
        let bar = Bar { reason: limit.as_str(), trunk: trunk.cloned(), hotline: hotline.cloned() };
        *self.barred.entry(bar).or_default() += 1;
        let kind = EventKind::CallBarred {
            limit: Some(limit),
            trunk: wants.trunk.cloned(),
            hotline: wants.hotline.cloned(),
            shown: None,
        };
        self.ledger.event(about.because(limit.cause()), kind);
    }

    /// Writes down that a call was kept from going out because of the number it would show.
    pub(crate) fn tell_forbidden(&mut self, call: CallId, shown: &Number) {
        let cause = Cause::CallerIdForbidden;
        let bar = Bar { reason: cause.as_str(), trunk: None, hotline: None };
        *self.barred.entry(bar).or_default() += 1;
        let shown = Some(shown.clone());
        let kind = EventKind::CallBarred { limit: None, trunk: None, hotline: None, shown };
        self.ledger.event(About::call(call).because(cause), kind);
    }

    /// The places counted are those the calls take.
    pub(crate) fn check_places(&self) -> Result<(), String> {
        let mut counted = Places::default();
        for call in self.calls.values().filter(|call| call.is_placed) {
            counted.call_began(call.hotline.as_ref());
        }
        for leg in self.legs.values() {
            if let Some(trunk) = leg.trunk() {
                counted.leg_began(trunk, leg.hotline.as_ref());
            }
        }
        if counted.counted() == self.places.counted() {
            Ok(())
        } else {
            Err(format!("places are {counted:?} and counted as {:?}", self.places))
        }
    }

    /// A leg on a trunk gives its place back.
    pub(crate) fn leave_trunk(&mut self, leg: LegId) {
        let Some(leg) = self.legs.get(&leg) else { return };
        if let Some(trunk) = leg.trunk() {
            self.places.leg_ended(trunk, leg.hotline.as_ref());
        }
    }

    /// Rates of trunks and hotlines that a live change took away are forgotten.
    pub(crate) fn forget_rates(&mut self) {
        let trunks: BTreeSet<_> = self.config.trunks.keys().collect();
        let hotlines: BTreeSet<_> = self.config.hotlines.keys().collect();
        self.places.keep_rates(&trunks, &hotlines);
        self.barred.retain(|bar, _| {
            bar.trunk.as_ref().is_none_or(|trunk| trunks.contains(trunk))
                && bar.hotline.as_ref().is_none_or(|hotline| hotlines.contains(hotline))
        });
    }
}

/// Whether all that is free is kept for others.
const fn is_kept(most: u32, taken: u32, kept: u32) -> bool {
    // A live change may have left fewer places than are taken: nothing can be kept then.
    taken < most && most - taken <= kept
}

/// Whose limit it is.
const fn whose<'a>(limit: Limit, wants: Wants<'a>) -> (Option<&'a TrunkId>, Option<&'a HotlineId>) {
    match limit {
        Limit::TrunkCalls | Limit::TrunkReserved | Limit::TrunkRate => (wants.trunk, None),
        Limit::HotlineCalls | Limit::HotlineRate => (None, wants.hotline),
        Limit::ServiceCalls | Limit::ServiceReserved | Limit::Ports => (None, None),
    }
}
