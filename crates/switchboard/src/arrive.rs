//! A new call at our door.

use model::{
    AgentId, CallId, CallKind, Cause, EventKind, HotlineId, LegId, Number, PhoneId, TrunkId,
};

use crate::call::{Call, FarEnd, Leg, LegState};
use crate::ledger::About;
use crate::ports::{LegCommand, MediaCommand, Origin, RingsIn};
use crate::{Stopping, Switchboard, dial};

/// Where a number leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Route {
    Hotline(HotlineId),
    Extension(PhoneId),
    Feature,
    Outside { trunk: TrunkId, number: Number, show: Option<Number> },
    Refused { cause: Cause, status: u16 },
}

impl Route {
    /// The route of a call that must not be passed on (RFC 3261 §16.3); we may still answer it.
    fn without_hops(self) -> Self {
        match self {
            Self::Extension(_) | Self::Outside { .. } => {
                Self::Refused { cause: Cause::NoRoute, status: 483 }
            }
            Self::Hotline(_) | Self::Feature | Self::Refused { .. } => self,
        }
    }

    const fn hotline(&self) -> Option<&HotlineId> {
        if let Self::Hotline(hotline) = self { Some(hotline) } else { None }
    }
}

impl Switchboard {
    pub(crate) fn arrive(&mut self, leg: LegId, rings: RingsIn) {
        if self.legs.contains_key(&leg) {
            return;
        }
        let route = self.admit(&rings).unwrap_or_else(|| self.route(&rings.origin, &rings.to));
        let route = if rings.max_forwards == 0 { route.without_hops() } else { route };
        let call = self.next_call_id();
        let from = self.calling_number(&rings);
        let agent = self.calling_agent(&rings.origin);
        self.tell_arrival(About::call(call).with_leg(leg).with_agent(agent), &rings, &route);
        let Some(local) = self.ports.take() else {
            return self.turn_away(call, leg, Cause::LimitReached, 503);
        };
        let far_end = match rings.origin {
            Origin::Trunk(trunk) => FarEnd::Trunk(trunk),
            Origin::Phone(phone) => FarEnd::Phone(phone),
        };
        let remote = rings.offer.clone();
        self.legs.insert(leg, Leg { agent, remote, ..Leg::early(leg, call, far_end, local) });
        let (since, to) = (self.ledger.now, rings.to.clone());
        self.calls.insert(call, Call::begun(call, since, (from, to), leg));
        self.ledger.media(leg, MediaCommand::Open { local, remote: rings.offer });
        self.lead(call, leg, route, &rings.to);
    }

    fn lead(&mut self, call: CallId, leg: LegId, route: Route, to: &Number) {
        match route {
            Route::Hotline(hotline) => {
                // An agent who dials in is a caller: nothing is offered to that phone meanwhile.
                let agent = self.legs.get(&leg).and_then(|leg| leg.agent);
                self.agent_on_other_call(agent, call, CallKind::Internal);
                self.greet(call, &hotline);
            }
            Route::Extension(phone) => self.dial_extension(call, phone),
            Route::Feature => self.feature_code(call, to),
            Route::Outside { trunk, number, show } => {
                self.dial_outside(call, trunk, number, show);
            }
            Route::Refused { cause, status } => self.release_leg(leg, cause, Some(status)),
        }
    }

    /// What keeps any call out, wherever it would lead.
    fn admit(&self, rings: &RingsIn) -> Option<Route> {
        let refused = |cause, status| Some(Route::Refused { cause, status });
        let limit = usize::try_from(self.config.max_calls).unwrap_or(usize::MAX);
        if self.stopping != Stopping::No {
            return refused(Cause::Shutdown, 503);
        }
        let trunk_full = matches!(&rings.origin, Origin::Trunk(trunk) if self.is_full(trunk));
        if self.calls.len() >= limit || trunk_full {
            return refused(Cause::LimitReached, 503);
        }
        if rings.offer.as_ref().is_some_and(|offer| offer.codecs.is_empty()) {
            return refused(Cause::NotAcceptable, 488);
        }
        None
    }

    /// Whether a trunk carries as many calls as it may.
    pub(crate) fn is_full(&self, trunk: &TrunkId) -> bool {
        let most = self.config.trunks.get(trunk).map_or(0, |trunk| trunk.max_calls);
        self.legs_on(trunk) >= usize::try_from(most).unwrap_or(usize::MAX)
    }

    fn legs_on(&self, trunk: &TrunkId) -> usize {
        let on_trunk = |leg: &&Leg| matches!(&leg.far_end, FarEnd::Trunk(by) if by == trunk);
        self.legs.values().filter(on_trunk).count()
    }

    /// Where a number leads for whoever dialled it.
    pub(crate) fn route(&self, origin: &Origin, to: &Number) -> Route {
        if let Some(hotline) = self.hotline_at(to) {
            return Route::Hotline(hotline);
        }
        let Origin::Phone(caller) = origin else {
            return Route::Refused { cause: Cause::NoRoute, status: 404 };
        };
        let extension = PhoneId::from(to.as_str());
        if extension == *caller {
            return Route::Refused { cause: Cause::Refused, status: 486 };
        }
        if self.config.phones.contains_key(&extension) {
            return Route::Extension(extension);
        }
        if to.as_str().starts_with('*') {
            return Route::Feature;
        }
        let role = self.config.phones.get(caller).and_then(|phone| phone.role.as_deref());
        dial::outside(&self.config.outbound, role, to)
    }

    pub(crate) fn hotline_at(&self, to: &Number) -> Option<HotlineId> {
        let mut hotlines = self.config.hotlines.iter();
        hotlines.find(|(_, hotline)| hotline.number == *to).map(|(id, _)| id.clone())
    }

    fn calling_agent(&self, origin: &Origin) -> Option<AgentId> {
        match origin {
            Origin::Trunk(_) => None,
            Origin::Phone(phone) => self.agents.agent_at(phone),
        }
    }

    fn calling_number(&self, rings: &RingsIn) -> Number {
        match &rings.origin {
            Origin::Trunk(_) => rings.from.clone(),
            // A phone is known by its account, whatever it writes in From.
            Origin::Phone(phone) => phone.as_str().parse().unwrap_or_else(|_| rings.from.clone()),
        }
    }

    fn tell_arrival(&mut self, about: About, rings: &RingsIn, route: &Route) {
        let from = self.calling_number(rings);
        let hotline = route.hotline().cloned();
        let (phone, trunk) = match &rings.origin {
            Origin::Phone(phone) => (Some(phone.clone()), None),
            Origin::Trunk(trunk) => (None, Some(trunk.clone())),
        };
        self.ledger.event(
            about.clone().by(model::Actor::caller()),
            EventKind::CallArrived {
                from,
                to: rings.to.clone(),
                hotline,
                trunk: trunk.clone(),
                phone: phone.clone(),
                sip_call_id: rings.sip_call_id.clone(),
            },
        );
        self.ledger.event(about, EventKind::LegCreated { phone, trunk, inbound: true });
    }

    /// Refuses a call for which there is no port: it never gets a leg of ours.
    fn turn_away(&mut self, call: CallId, leg: LegId, cause: Cause, status: u16) {
        let status = Some(status);
        self.ledger.leg(leg, LegCommand::Release { cause, status });
        let about = About::call(call).because(cause);
        self.ledger.event(about.clone().with_leg(leg), EventKind::LegReleased { status });
        self.ledger.event(about, EventKind::CallEnded {});
    }

    /// Answers the caller, once, with the codec both speak.
    pub(crate) fn answer_caller(&mut self, call: CallId) {
        let Some(caller) = self.calls.get(&call).map(|call| call.caller) else { return };
        let Some(leg) = self.legs.get_mut(&caller) else { return };
        if leg.state != LegState::Early {
            return;
        }
        leg.state = LegState::Established;
        let (answer, agent) = (leg.answer(), leg.agent);
        self.ledger.leg(caller, LegCommand::Answer { answer });
        let about = About::call(call).with_leg(caller).with_agent(agent);
        self.ledger.event(about.clone(), EventKind::LegAnswered {});
        self.ledger.event(about, EventKind::CallAnswered {});
    }
}
