//! A new call at our door.

use std::collections::BTreeMap;

use model::{
    AgentId, CallId, CallKind, Cause, EventKind, HotlineId, LegId, Limit, Number, PhoneId, TrunkId,
};

use crate::call::{Call, FarEnd, Leg, LegState};
use crate::config::FloorConfig;
use crate::ledger::About;
use crate::limits::Wants;
use crate::numbering::{InboundForm, Reading};
use crate::ports::{LegCommand, MediaCommand, Origin, RingsIn};
use crate::{Stopping, Switchboard, outside};

/// Where a number leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Route {
    Hotline(HotlineId),
    Extension(PhoneId),
    Feature,
    /// A number outside, by the first of these trunks that takes it.
    Outside {
        trunks: Vec<TrunkId>,
        number: Number,
        show: Option<Number>,
    },
    Refused {
        cause: Cause,
        status: u16,
    },
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

    pub(crate) const fn hotline(&self) -> Option<&HotlineId> {
        if let Self::Hotline(hotline) = self { Some(hotline) } else { None }
    }
}

/// The hotlines by their numbers, in the form that is matched.
pub(crate) fn numbers_of(config: &FloorConfig) -> BTreeMap<Number, HotlineId> {
    let hotlines = config.hotlines.iter();
    let numbered = |(id, hotline): (&HotlineId, &crate::config::HotlineConfig)| {
        (config.numbering.canonical(&hotline.number), id.clone())
    };
    hotlines.map(numbered).collect()
}

impl Switchboard {
    pub(crate) fn arrive(&mut self, leg: LegId, rings: RingsIn) {
        if self.legs.contains_key(&leg) {
            return;
        }
        let route = self.route(&rings.origin, &rings.to);
        let route = if rings.max_forwards == 0 { route.without_hops() } else { route };
        let call = self.next_call_id();
        let agent = self.calling_agent(&rings.origin);
        let about = About::call(call).with_leg(leg).with_agent(agent);
        self.tell_arrival(about.clone(), &rings, &route);
        if let Some((cause, status)) = self.refusal(&rings, &route) {
            return self.turn_away(about.because(cause), status);
        }
        let wants = Wants::of(&rings.origin, &route);
        let room = match self.arrival_limit(wants) {
            None => self.ports.take().ok_or(Limit::Ports),
            Some(limit) => Err(limit),
        };
        match room {
            Ok(local) => {
                self.take_rates(wants);
                let far_end = match &rings.origin {
                    Origin::Trunk(trunk) => FarEnd::Trunk(trunk.clone()),
                    Origin::Phone(phone) => FarEnd::Phone(phone.clone()),
                };
                let leg = Leg { agent, ..Leg::early(leg, call, far_end, local) };
                self.take_in(leg, rings, route);
            }
            Err(limit) => {
                self.tell_limit(about.clone(), limit, wants);
                self.turn_away(about.because(limit.cause()), 503);
            }
        }
    }

    /// A call that is let in begins, and goes where it leads.
    fn take_in(&mut self, leg: Leg, rings: RingsIn, route: Route) {
        let (id, call, local) = (leg.id, leg.call, leg.local);
        let hotline = route.hotline().cloned();
        let (from, _) = self.calling_number(&rings);
        let begun =
            Call::begun(call, self.ledger.now, (from, rings.to.clone()), (id, leg.far_end.clone()));
        self.places.call_began(hotline.as_ref());
        if let Some(trunk) = leg.trunk() {
            self.places.leg_began(trunk, hotline.as_ref());
        }
        let number = leg.trunk().map(|_| begun.from.clone());
        self.calls.insert(call, Call { hotline: hotline.clone(), carried: rings.carried, ..begun });
        self.legs.insert(id, Leg { hotline, number, remote: rings.offer.clone(), ..leg });
        let security = rings.offer.as_ref().map(|offer| offer.security.clone());
        self.ledger.media(id, MediaCommand::Open { local, remote: rings.offer });
        self.protect(id, &security.unwrap_or_default());
        self.lead(call, id, route, &rings.to);
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
            Route::Outside { trunks, number, show } => {
                self.dial_outside(call, trunks, number, show);
            }
            Route::Refused { cause, status } => self.release_leg(leg, cause, Some(status)),
        }
    }

    /// What keeps a call out, whatever room there is.
    fn refusal(&self, rings: &RingsIn, route: &Route) -> Option<(Cause, u16)> {
        if self.stopping != Stopping::No {
            return Some((Cause::Shutdown, 503));
        }
        if rings.offer.as_ref().is_some_and(|offer| offer.codecs.is_empty()) {
            return Some((Cause::NotAcceptable, 488));
        }
        if let Route::Refused { cause, status } = route { Some((*cause, *status)) } else { None }
    }

    /// Where a number leads for whoever dialled it.
    pub(crate) fn route(&self, origin: &Origin, to: &Number) -> Route {
        if let Some(hotline) = self.hotline_at(origin, to) {
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
        outside::route(&self.config.outbound, role, to)
    }

    fn hotline_at(&self, origin: &Origin, to: &Number) -> Option<HotlineId> {
        self.numbers.get(&self.dialled(origin, to).canonical).cloned()
    }

    /// What the number dialled is.
    fn dialled(&self, origin: &Origin, to: &Number) -> Reading {
        let form = match origin {
            Origin::Trunk(trunk) => self.config.trunks.get(trunk).map(|trunk| trunk.inbound.form),
            Origin::Phone(_) => None,
        };
        self.config.numbering.read_as(to, form.unwrap_or(InboundForm::Any))
    }

    fn calling_agent(&self, origin: &Origin) -> Option<AgentId> {
        match origin {
            Origin::Trunk(_) => None,
            Origin::Phone(phone) => self.agents.agent_at(phone),
        }
    }

    /// The calling number as people read it, and in the form that is matched where it is one from
    /// outside.
    fn calling_number(&self, rings: &RingsIn) -> (Number, Option<Number>) {
        let trunk = match &rings.origin {
            Origin::Trunk(trunk) => trunk,
            // A phone is known by its account, whatever it writes in From.
            Origin::Phone(phone) => {
                return (phone.as_str().parse().unwrap_or_else(|_| rings.from.clone()), None);
            }
        };
        let inbound = self.config.trunks.get(trunk).map(|trunk| &trunk.inbound);
        let numbering = &self.config.numbering;
        let read = match inbound {
            Some(inbound) => numbering.caller(&rings.from, inbound),
            None => numbering.read(&rings.from),
        };
        (read.display, Some(read.canonical))
    }

    fn tell_arrival(&mut self, about: About, rings: &RingsIn, route: &Route) {
        let (phone, trunk, from) = match &rings.origin {
            Origin::Phone(phone) => (Some(phone.clone()), None, self.calling_number(rings).0),
            Origin::Trunk(trunk) => (None, Some(trunk.clone()), rings.from.clone()),
        };
        let to_canonical = match route {
            Route::Hotline(_) => Some(self.dialled(&rings.origin, &rings.to).canonical),
            Route::Outside { number, .. } => Some(self.config.numbering.canonical(number)),
            Route::Extension(_) | Route::Feature | Route::Refused { .. } => None,
        };
        self.ledger.event(
            about.clone().by(model::Actor::caller()),
            EventKind::CallArrived {
                from,
                to: rings.to.clone(),
                from_canonical: self.calling_number(rings).1,
                to_canonical,
                hotline: route.hotline().cloned(),
                trunk: trunk.clone(),
                phone: phone.clone(),
                sip_call_id: rings.sip_call_id.clone(),
                user_to_user: rings.carried.user_to_user.clone(),
                attested: rings.carried.attested,
                callback_of: None,
            },
        );
        self.ledger.event(about, EventKind::LegCreated { phone, trunk, inbound: true });
    }

    /// Refuses a call that is not let in: it takes no place, and never gets a leg of ours.
    fn turn_away(&mut self, about: About, status: u16) {
        if let (Some(leg), Some(cause)) = (about.leg, about.cause) {
            self.ledger.leg(leg, LegCommand::Release { cause, status: Some(status) });
        }
        let released = EventKind::LegReleased { status: Some(status), reason: None };
        self.ledger.event(about.clone(), released);
        self.ledger.event(About { leg: None, agent: None, ..about }, EventKind::CallEnded {});
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
