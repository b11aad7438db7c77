//! A phone whose way to us is gone, and that comes back by another: its calls go on by that. A stream
//! breaks; a NAT gives a phone over UDP another port. Its address leads nowhere behind a NAT, so what
//! we send it within a call would reach nobody.

use std::sync::Arc;

use model::{PhoneId, Timestamp};
use sip::SessionId;
use sip::endpoint::{Destination, Order};
use sip::registrar::{Binding, Removal};

use crate::exchange::Exchange;
use crate::legs::{Leg, Phase};

impl Exchange {
    /// A way to a phone is gone: its calls by it wait for it to come back, or go on by another
    /// that is there already.
    pub(crate) fn way_lost(
        &mut self,
        phone: &PhoneId,
        (lost, why): (&Arc<Binding>, Removal),
        now: Timestamp,
    ) {
        let by_it = self.legs.of_phone(phone).filter_map(|(id, leg)| {
            let way = self.endpoint.way_of(talking(leg)?)?;
            is_one_way(&way, &lost.flow).then_some(id)
        });
        for id in by_it.collect::<Vec<_>>() {
            if let Some(leg) = self.legs.get_mut(id) {
                leg.stranded = Some((Arc::clone(lost), why));
            }
        }
        self.way_found(phone, now);
    }

    /// A phone has registered: if it is the one that was lost, its calls go on there.
    pub(crate) fn way_found(&mut self, phone: &PhoneId, now: Timestamp) {
        let stranded = self
            .legs
            .of_phone(phone)
            .filter_map(|(id, leg)| Some((id, talking(leg)?, leg.stranded.clone()?)));
        for (id, session, (lost, why)) in stranded.collect::<Vec<_>>() {
            let way = self.endpoint.way_of(session);
            // Meanwhile it may have been heard from by another way.
            let is_lost = way.is_some_and(|way| is_one_way(&way, &lost.flow));
            let bindings = self.registrar.bindings(phone);
            let found = bindings.iter().find(|it| {
                is_back(&lost, it) || (bindings.len() == 1 && may_be_back((&lost, why), it))
            });
            let found = found.map(|it| it.flow);
            if is_lost && found.is_none() {
                continue;
            }
            if let Some(leg) = self.legs.get_mut(id) {
                leg.stranded = None;
            }
            if let Some(destination) = found.filter(|_| is_lost) {
                let peer = destination.peer;
                tracing::info!(leg = %id, %phone, %peer, "goes on by another way");
                let _ = self.order(Order::Move { session, destination }, now);
            }
        }
    }
}

/// The session of a leg that is answered.
const fn talking(leg: &Leg) -> Option<SessionId> {
    match leg.phase {
        Phase::Talking(session) => Some(session),
        Phase::Arriving(_) | Phase::Dialling(_) => None,
    }
}

/// Whether two are one way: over one connection, or in datagrams between the same two ends.
fn is_one_way(one: &Destination, other: &Destination) -> bool {
    let ends = |it: &Destination| (it.listener, it.transport, it.peer);
    match (one.connection, other.connection) {
        (None, None) => ends(one) == ends(other),
        (one, other) => one == other,
    }
}

/// Whether a binding is of the device whose way was lost: by its instance where both say that
/// (RFC 5626 §4.1), else by its address or registration.
fn is_back(lost: &Binding, found: &Binding) -> bool {
    if lost.flow == found.flow {
        return false;
    }
    match (lost.device(), found.device()) {
        (Some(before), Some(now)) => before == now,
        _ => {
            let is_same = lost.contact.is_equivalent(&found.contact);
            is_same || lost.sip_call_id == found.sip_call_id
        }
    }
}

/// Whether the only binding of a phone may be of the device whose way was lost: its stream has ended
/// for certain, and nothing says that it is another device.
fn may_be_back((lost, why): (&Binding, Removal), found: &Binding) -> bool {
    let is_told = lost.device().is_some() && found.device().is_some();
    why == Removal::FlowLost && lost.flow != found.flow && !is_told
}
