//! The registrar (RFC 3261 §10.3): where each phone can be reached, and until when.
//!
//! A REGISTER is carried out whole or not at all. What changed is read with
//! [`Registrar::poll_change`]; what ends by itself ends in [`Registrar::handle_timeout`].
//! Authentication comes before: whoever calls [`Registrar::register`] knows which phone it is.

mod asked;
mod binding;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use model::{PhoneId, Timestamp};

pub use asked::asks_for_flow;
pub use binding::{Binding, BindingChange, BindingId, BindingRow, ChangeKind, Preference, Removal};

use crate::endpoint::{ConnectionId, Destination, Transport};
use crate::message::{Request, StatusCode};
use asked::{Asked, AskedContact, Order};

/// The registrar's limits.
#[derive(Clone, Copy, Debug)]
pub struct RegistrarSettings {
    /// Shorter registrations are refused with 423. Default 60 s.
    pub shortest: Duration,
    /// Longer registrations are shortened to this. Default 10 minutes: a phone that vanished is
    /// missed no later.
    pub longest: Duration,
    /// What a phone gets that does not say. Default 5 minutes.
    pub usual: Duration,
    /// Bindings of one phone; a further one takes the place of that refreshed longest ago.
    /// Default 5.
    pub per_phone: usize,
    /// Bindings of all phones; further ones are refused with 503. Default 100 000.
    pub total: usize,
}

impl Default for RegistrarSettings {
    fn default() -> Self {
        Self {
            shortest: Duration::from_secs(60),
            longest: Duration::from_secs(600),
            usual: Duration::from_secs(300),
            per_phone: 5,
            total: 100_000,
        }
    }
}

/// Why a registration was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegisterRefusal {
    /// The request cannot be carried out as it is written.
    Malformed(&'static str),
    /// Shorter than we allow: 423, with this as Min-Expires, in seconds.
    TooBrief(u64),
    /// An older request of the same registration came after a newer one.
    OutOfOrder,
    /// More contacts in one request than a phone may have.
    TooManyContacts,
    /// It asks for a flow of its own, but a proxy on the way keeps none: 439 (RFC 5626 §6).
    NoFlow,
    /// All places are taken.
    Full,
}

impl RegisterRefusal {
    /// The status of the answer.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::TooBrief(_) => StatusCode::INTERVAL_TOO_BRIEF,
            Self::OutOfOrder => StatusCode::SERVER_INTERNAL_ERROR,
            Self::TooManyContacts => StatusCode::FORBIDDEN,
            Self::NoFlow => StatusCode::FIRST_HOP_LACKS_OUTBOUND,
            Self::Full => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl fmt::Display for RegisterRefusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => out.write_str(what),
            Self::TooBrief(seconds) => {
                write!(out, "registration is shorter than {seconds} seconds")
            }
            Self::OutOfOrder => out.write_str("registration is older than one already carried out"),
            Self::TooManyContacts => out.write_str("registration has too many contacts"),
            Self::NoFlow => out.write_str("first hop keeps no flow"),
            Self::Full => out.write_str("registrar is full"),
        }
    }
}

impl std::error::Error for RegisterRefusal {}

/// All bindings of all phones.
#[derive(Debug)]
pub struct Registrar {
    settings: RegistrarSettings,
    /// Phones that may have another number of bindings than the others.
    most: BTreeMap<PhoneId, usize>,
    /// Of each phone that has any, the most preferred first, then the youngest.
    bindings: BTreeMap<PhoneId, Vec<Arc<Binding>>>,
    deadlines: BTreeSet<(Timestamp, BindingId, PhoneId)>,
    connections: BTreeSet<(ConnectionId, PhoneId)>,
    changes: VecDeque<BindingChange>,
    last: BindingId,
}

impl Registrar {
    /// A registrar without bindings.
    #[must_use]
    pub fn new(settings: RegistrarSettings) -> Self {
        Self {
            settings,
            most: BTreeMap::new(),
            bindings: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            connections: BTreeSet::new(),
            changes: VecDeque::new(),
            last: BindingId(0),
        }
    }

    /// Carries out a REGISTER of this phone that came by `flow`; gives the Contact values to list
    /// in the 200: all bindings the phone has now.
    ///
    /// # Errors
    /// Why nothing of it was carried out.
    pub fn register(
        &mut self,
        phone: &PhoneId,
        request: &Request,
        flow: Destination,
        now: Timestamp,
    ) -> Result<Vec<String>, RegisterRefusal> {
        self.handle_timeout(now);
        let mut draft = Draft {
            settings: RegistrarSettings { per_phone: self.most(phone), ..self.settings },
            bindings: self.bindings(phone).to_vec(),
            changes: Vec::new(),
            last: self.last,
            flow,
            now,
        };
        match Asked::of(request)? {
            Asked::Listing => {}
            Asked::RemovalOfAll(order) => draft.remove_all(&order)?,
            Asked::Changes { order, contacts } => draft.apply(&order, contacts)?,
        }
        let grown = draft.bindings.len().saturating_sub(self.bindings(phone).len());
        if grown > 0 && self.deadlines.len() + grown > self.settings.total {
            return Err(RegisterRefusal::Full);
        }
        self.last = draft.last;
        self.commit(phone, draft.bindings, draft.changes);
        Ok(self.bindings(phone).iter().map(|binding| binding.listed(now)).collect())
    }

    /// Where the phone can be reached, the most preferred first.
    #[must_use]
    pub fn bindings(&self, phone: &PhoneId) -> &[Arc<Binding>] {
        self.bindings.get(phone).map_or(&[], Vec::as_slice)
    }

    /// All bindings there are, to be kept.
    pub fn rows(&self) -> impl Iterator<Item = BindingRow> {
        self.bindings.iter().flat_map(|(phone, bindings)| {
            bindings
                .iter()
                .map(|binding| BindingRow { phone: phone.clone(), binding: (**binding).clone() })
        })
    }

    /// How many bindings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.deadlines.len()
    }

    /// Whether there is no binding.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.deadlines.is_empty()
    }

    /// Takes kept bindings back after a restart. Those over connections are gone with the
    /// connection, and those past their time have ended: both are reported as removed.
    pub fn restore(&mut self, rows: Vec<BindingRow>, now: Timestamp) {
        for BindingRow { phone, mut binding } in rows {
            let mut bindings = self.bindings(&phone).to_vec();
            self.last = BindingId(self.last.0 + 1);
            binding.id = self.last;
            let no_room =
                bindings.len() >= self.most(&phone) || self.deadlines.len() >= self.settings.total;
            let kind = match binding.flow.transport {
                Transport::Udp if binding.expires_at <= now => {
                    ChangeKind::Removed(Removal::Expired)
                }
                Transport::Udp if no_room => ChangeKind::Removed(Removal::Replaced),
                Transport::Udp => ChangeKind::Registered,
                Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                    ChangeKind::Removed(Removal::FlowLost)
                }
            };
            let binding = Arc::new(binding);
            if kind == ChangeKind::Registered {
                bindings.push(Arc::clone(&binding));
            }
            self.commit(&phone, bindings, vec![(binding, kind)]);
        }
    }

    /// Ends every binding over this connection.
    pub fn connection_lost(&mut self, connection: ConnectionId) {
        let of_it = self.connections.range((connection, PhoneId::from(""))..);
        let phones: Vec<PhoneId> = of_it
            .take_while(|(other, _)| *other == connection)
            .map(|(_, phone)| phone.clone())
            .collect();
        for phone in phones {
            self.remove_where(&phone, Removal::FlowLost, |binding| {
                binding.flow.connection == Some(connection)
            });
        }
    }

    /// Ends one binding at which nobody answers.
    pub fn unreachable(&mut self, phone: &PhoneId, id: BindingId) {
        self.remove_where(phone, Removal::Unreachable, |binding| binding.id == id);
    }

    /// Ends all bindings of a phone whose account is gone or has another secret.
    pub fn forget(&mut self, phone: &PhoneId) {
        self.remove_where(phone, Removal::AccountGone, |_| true);
    }

    /// Ends those bindings of a phone that are at a place where it may not be.
    pub fn out_of_place(&mut self, phone: &PhoneId, gone: impl Fn(&Binding) -> bool) {
        self.remove_where(phone, Removal::OutOfPlace, gone);
    }

    /// Says how many bindings phones may have, where it is not [`RegistrarSettings::per_phone`].
    /// Those that a phone has beyond it end, the ones refreshed longest ago first.
    pub fn set_most(&mut self, most: BTreeMap<PhoneId, usize>) {
        self.most = most;
        let phones: Vec<PhoneId> = self.bindings.keys().cloned().collect();
        for phone in phones {
            let excess = self.bindings(&phone).len().saturating_sub(self.most(&phone));
            let mut by_age: Vec<_> =
                self.bindings(&phone).iter().map(|it| (it.refreshed_at, it.id)).collect();
            by_age.sort_unstable();
            by_age.truncate(excess);
            self.remove_where(&phone, Removal::Replaced, |binding| {
                by_age.contains(&(binding.refreshed_at, binding.id))
            });
        }
    }

    fn most(&self, phone: &PhoneId) -> usize {
        self.most.get(phone).copied().unwrap_or(self.settings.per_phone)
    }

    /// When [`Self::handle_timeout`] is next needed.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(at, ..)| *at)
    }

    /// Ends every binding whose time is over.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some((at, _, phone)) = self.deadlines.first() {
            if *at > now {
                break;
            }
            let phone = phone.clone();
            self.remove_where(&phone, Removal::Expired, |binding| binding.expires_at <= now);
        }
    }

    /// What has changed since, oldest first.
    pub fn poll_change(&mut self) -> Option<BindingChange> {
        self.changes.pop_front()
    }

    fn remove_where(&mut self, phone: &PhoneId, why: Removal, gone: impl Fn(&Binding) -> bool) {
        let (removed, kept): (Vec<_>, Vec<_>) =
            self.bindings(phone).iter().cloned().partition(|binding| gone(binding));
        let removed = removed.into_iter().map(|binding| (binding, ChangeKind::Removed(why)));
        self.commit(phone, kept, removed.collect());
    }

    /// Puts a phone's bindings in place of those it had, and the indexes with them.
    fn commit(
        &mut self,
        phone: &PhoneId,
        mut bindings: Vec<Arc<Binding>>,
        changes: Vec<(Arc<Binding>, ChangeKind)>,
    ) {
        if changes.is_empty() {
            return;
        }
        bindings.sort_by(|a, b| {
            (b.preference, b.refreshed_at, b.id).cmp(&(a.preference, a.refreshed_at, a.id))
        });
        let left = bindings.len();
        let old = if bindings.is_empty() {
            self.bindings.remove(phone)
        } else {
            self.bindings.insert(phone.clone(), bindings)
        };
        self.index(phone, &old.unwrap_or_default());
        self.changes.extend(changes.into_iter().map(|(binding, kind)| BindingChange {
            phone: phone.clone(),
            binding,
            kind,
            left,
        }));
    }

    /// Brings the indexes in line with a phone's bindings, which were these before.
    fn index(&mut self, phone: &PhoneId, old: &[Arc<Binding>]) {
        let new = self.bindings.get(phone).map_or(&[][..], Vec::as_slice);
        let is_in =
            |all: &[Arc<Binding>], one: &Arc<Binding>| all.iter().any(|it| Arc::ptr_eq(it, one));
        for binding in old.iter().filter(|binding| !is_in(new, binding)) {
            self.deadlines.remove(&(binding.expires_at, binding.id, phone.clone()));
        }
        for binding in new.iter().filter(|binding| !is_in(old, binding)) {
            self.deadlines.insert((binding.expires_at, binding.id, phone.clone()));
        }
        // Several bindings may share a connection.
        for connection in old.iter().filter_map(|binding| binding.flow.connection) {
            self.connections.remove(&(connection, phone.clone()));
        }
        for connection in new.iter().filter_map(|binding| binding.flow.connection) {
            self.connections.insert((connection, phone.clone()));
        }
    }
}

/// A phone's bindings while a REGISTER is carried out on them.
struct Draft {
    settings: RegistrarSettings,
    bindings: Vec<Arc<Binding>>,
    changes: Vec<(Arc<Binding>, ChangeKind)>,
    last: BindingId,
    flow: Destination,
    now: Timestamp,
}

impl Draft {
    fn remove_all(&mut self, order: &Order) -> Result<(), RegisterRefusal> {
        for binding in std::mem::take(&mut self.bindings) {
            in_order(&binding, order)?;
            self.changes.push((binding, ChangeKind::Removed(Removal::Unregistered)));
        }
        Ok(())
    }

    fn apply(&mut self, order: &Order, asked: Vec<AskedContact>) -> Result<(), RegisterRefusal> {
        if asked.len() > self.settings.per_phone {
            return Err(RegisterRefusal::TooManyContacts);
        }
        for contact in asked {
            let lifetime = self.lifetime(contact.expires)?;
            let instance = contact.instance.as_deref();
            let place = self.bindings.iter().position(|it| it.is_for(&contact.uri, instance));
            let old = place.map(|place| self.bindings.remove(place));
            if let Some(old) = &old {
                in_order(old, order)?;
            }
            match (old, lifetime) {
                (old, Some(lifetime)) => self.put(old, contact, order, lifetime),
                (Some(old), None) => {
                    self.changes.push((old, ChangeKind::Removed(Removal::Unregistered)));
                }
                // To take back what is not there is no fault (RFC 3261 §10.3, item 7).
                (None, None) => {}
            }
        }
        self.make_room();
        Ok(())
    }

    /// How long the binding will live; none when it is taken back.
    fn lifetime(&self, asked: Option<u32>) -> Result<Option<Duration>, RegisterRefusal> {
        let asked = asked.map_or(self.settings.usual, |it| Duration::from_secs(it.into()));
        if asked.is_zero() {
            return Ok(None);
        }
        if asked < self.settings.shortest {
            return Err(RegisterRefusal::TooBrief(self.settings.shortest.as_secs()));
        }
        Ok(Some(asked.min(self.settings.longest)))
    }

    fn put(
        &mut self,
        old: Option<Arc<Binding>>,
        asked: AskedContact,
        order: &Order,
        lifetime: Duration,
    ) {
        let same_place = |old: &Binding| {
            old.flow == self.flow && old.path == order.path && old.contact.is_equivalent(&asked.uri)
        };
        let kept = old.as_deref().filter(|old| same_place(old));
        let (id, registered_at, kind) = match kept {
            Some(old) => (old.id, old.registered_at, ChangeKind::Refreshed),
            None => (BindingId(self.last.0 + 1), self.now, ChangeKind::Registered),
        };
        self.last = self.last.max(id);
        let binding = Arc::new(Binding {
            id,
            contact: asked.uri,
            preference: asked.preference,
            instance: asked.instance,
            sip_call_id: order.sip_call_id.clone(),
            cseq: order.cseq,
            flow: self.flow,
            path: order.path.clone(),
            user_agent: order.user_agent.clone(),
            registered_at,
            refreshed_at: self.now,
            expires_at: self.now + lifetime,
        });
        if let (Some(old), ChangeKind::Registered) = (old, kind) {
            self.changes.push((old, ChangeKind::Removed(Removal::Replaced)));
        }
        self.bindings.push(Arc::clone(&binding));
        self.changes.push((binding, kind));
    }

    /// Over the limit the binding refreshed longest ago goes: a phone that comes back from a new
    /// port each time must not lock itself out.
    fn make_room(&mut self) {
        while self.bindings.len() > self.settings.per_phone {
            let oldest =
                self.bindings.iter().enumerate().min_by_key(|(_, it)| (it.refreshed_at, it.id));
            let Some((place, _)) = oldest else { break };
            let gone = self.bindings.remove(place);
            self.changes.push((gone, ChangeKind::Removed(Removal::Replaced)));
        }
    }
}

/// A request of the same Call-ID must be newer than that which made the binding (RFC 3261 §10.3).
fn in_order(binding: &Binding, order: &Order) -> Result<(), RegisterRefusal> {
    if binding.sip_call_id == order.sip_call_id && order.cseq <= binding.cseq {
        return Err(RegisterRefusal::OutOfOrder);
    }
    Ok(())
}
