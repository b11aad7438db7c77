//! Trunks as signalling goes: asked whether they are there, registered at, called where they are.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use model::{Timestamp, TrunkId};
use sip::digest::{self, Protected};
use sip::endpoint::{Attempt, Destination, ListenerId, Order, Outgoing, RequestId, Transport};
use sip::locate::{Place, Wanted};
use sip::{HeaderName, Host, Instance, Method, NameAddr, Response, StatusCode, Uri};

use crate::accounts::{Trunk, Trunks};
use crate::carriers::{Due, TrunkStatus};
use crate::exchange::Exchange;
use crate::registering::Asked;
use crate::tls::{self, Expected};

/// A registration of ours lasts no longer, whatever is granted.
const LONGEST_REGISTRATION: Duration = Duration::from_hours(24);
/// What we speak with trunks, the preferred first.
const SPOKEN: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Tls];

impl Exchange {
    /// Puts other trunks in place; calls go on.
    pub(crate) fn replace_trunks(&mut self, trunks: Trunks, now: Timestamp) {
        self.carriers.know(&trunks, &self.trunks, now);
        self.trunks = trunks;
        self.settle_trunks(now);
        self.settle(now);
    }

    /// Trunks that are given by their addresses are where these say.
    pub(crate) fn settle_trunks(&mut self, now: Timestamp) {
        let spoken = self.spoken_with_trunks();
        for trunk in self.trunks.iter() {
            let Some(proxy) = &trunk.proxy else { continue };
            if proxy.host.ip().is_some() {
                let search = sip::locate::Locator::new(proxy, &spoken);
                self.carriers.located(&trunk.id, Ok(search.places().to_vec()), now);
            }
        }
    }

    /// What must be asked of the DNS.
    pub(crate) fn names(&self) -> Vec<(TrunkId, Wanted)> {
        let trunks = self.trunks.iter();
        let named = trunks.filter_map(|trunk| Some((trunk.id.clone(), trunk.proxy.clone()?)));
        named.filter(|(_, proxy)| proxy.host.ip().is_none()).collect()
    }

    /// Where a trunk is, as the DNS says now.
    pub(crate) fn located(
        &mut self,
        trunk: &TrunkId,
        found: Result<Vec<Place>, String>,
        now: Timestamp,
    ) {
        let found = found.and_then(|places| {
            let reached: Vec<_> =
                places.into_iter().filter(|it| self.towards(*it).is_some()).collect();
            if reached.is_empty() {
                return Err("it has no address that we can reach".to_owned());
            }
            Ok(reached)
        });
        let is_found = found.is_ok();
        self.carriers.located(trunk, found, now);
        if is_found && let Some(registration) = self.carriers.registration(trunk) {
            registration.found(now);
        }
        self.due_of_trunks(now);
        self.settle(now);
    }

    /// Whose certificates are expected where.
    pub(crate) fn hosts(&self) -> BTreeMap<SocketAddr, Expected> {
        let places = self.carriers.all_places();
        places
            .filter_map(|(trunk, place)| {
                let host = self.trunks.find(trunk)?.named().filter(|host| host.ip().is_none());
                let name = tls::server_name(host.map(|host| host.to_string()), place.peer.ip());
                Some((place.peer, Expected { trunk: Some(trunk.clone()), name }))
            })
            .collect()
    }

    /// How the trunks are, when that has changed since this was asked last.
    pub(crate) fn changed_trunks(&mut self, now: Timestamp) -> Option<Vec<TrunkStatus>> {
        self.carriers.take_changed().then(|| self.carriers.status(now))
    }

    /// What we can speak with trunks.
    pub(crate) fn spoken_with_trunks(&self) -> Vec<Transport> {
        let spoken = SPOKEN.into_iter();
        spoken.filter(|transport| self.towards_trunks(*transport).next().is_some()).collect()
    }

    /// The listener from which this place is reached, and where others reach that.
    pub(crate) fn towards(&self, place: Place) -> Option<(ListenerId, SocketAddr)> {
        let mut sides = self.towards_trunks(place.transport);
        sides.find(|(_, side)| side.is_ipv4() == place.peer.is_ipv4())
    }

    /// A request to a trunk at this place: from `from`, to `user` there, or to the trunk itself.
    pub(crate) fn to_place(
        &self,
        trunk: &Trunk,
        place: Place,
        (from, user): (&dyn Fn(Host, Option<u16>) -> NameAddr, Option<&str>),
    ) -> Option<Outgoing> {
        let (listener, side) = self.towards(place)?;
        let proxy = trunk.proxy.as_ref()?;
        let (host, port) = match trunk.named().filter(|host| host.ip().is_none()) {
            Some(name) => (name, trunk.host.is_none().then_some(proxy.port).flatten()),
            None => (Host::Ip(place.peer.ip()), Some(place.peer.port())),
        };
        let address = match user {
            Some(user) => Uri::sip(user, host),
            None => Uri::of_host(host),
        };
        let callee = address.with_port(port);
        let target = match place.transport.in_uri() {
            Some(transport) => callee.clone().with_param("transport", transport),
            None => callee.clone(),
        };
        Some(Outgoing {
            target,
            destination: Destination::over(place.transport, listener, place.peer),
            from: from(Host::Ip(side.ip()), Some(side.port())),
            to: NameAddr::new(callee),
            routes: Vec::new(),
            headers: Vec::new(),
            body: None,
            max_forwards: 70,
            attempt: None,
        })
    }

    /// Does what is due about trunks.
    pub(crate) fn due_of_trunks(&mut self, now: Timestamp) {
        while let Some(due) = self.carriers.poll(now) {
            match due {
                Due::Ask(trunk, place) => self.ask_trunk(&trunk, place, now),
                Due::Gone(trunk, place) => {
                    self.carriers.failed(&trunk, place, ("says nothing", now));
                }
                Due::Register(trunk) => self.register_at(&trunk, now),
            }
        }
    }

    fn ask_trunk(&mut self, id: &TrunkId, place: Place, now: Timestamp) {
        let from = |host, port| NameAddr::new(Uri::of_host(host).with_port(port));
        let trunk = self.trunks.find(id);
        let outgoing = trunk.and_then(|trunk| self.to_place(trunk, place, (&from, None)));
        let Some(outgoing) = outgoing else { return };
        let request = self.next_request();
        self.carriers.ask(request, id, place);
        let order = Order::Request { request, method: Method::Options, outgoing: outgoing.into() };
        if self.order(order, now).is_err() {
            // We are too busy to ask: that says nothing about the trunk.
            self.carriers.was_asked(request);
            self.carriers.ask_again(id, place, now);
        }
    }

    /// Takes the answer to a request of ours outside any call that went to a trunk; false when it
    /// went elsewhere.
    pub(crate) fn heard_of_trunk(
        &mut self,
        request: RequestId,
        response: Result<&Response, StatusCode>,
        attempt: Option<Attempt>,
        now: Timestamp,
    ) -> bool {
        if let Some((trunk, place)) = self.carriers.was_asked(request) {
            match response {
                // What is answered 408 or 503 may be the word of a proxy before it.
                Ok(response) if response.status == StatusCode::SERVICE_UNAVAILABLE => {
                    let after = retry_after(response);
                    self.carriers.busy(&trunk, place, (after, now));
                }
                Ok(_) => self.carriers.answered(&trunk, place),
                Err(StatusCode::REQUEST_TIMEOUT) => {
                    self.carriers.failed(&trunk, place, ("says nothing", now));
                }
                Err(_) => self.carriers.failed(&trunk, place, ("cannot be reached", now)),
            }
            self.carriers.ask_again(&trunk, place, now);
            return true;
        }
        let Some((trunk, asked)) = self.carriers.was_registering(request) else { return false };
        self.hear_registrar(&trunk, (asked, response), attempt, now);
        true
    }

    /// Takes our registrations back: carriers are to send their calls elsewhere at once.
    pub(crate) fn take_registrations_back(&mut self, now: Timestamp) {
        for id in self.carriers.registered_at(now) {
            if let Some(registration) = self.carriers.registration(&id) {
                registration.expires = Duration::ZERO;
            }
            self.register_at(&id, now);
        }
    }

    fn register_at(&mut self, id: &TrunkId, now: Timestamp) {
        let places = VecDeque::from(self.carriers.places(id, now));
        if places.is_empty() {
            let chance = self.next_chance();
            tracing::info!(trunk = %id, "registers once it is known where the trunk is");
            if let Some(registration) = self.carriers.registration(id) {
                registration.has_no_place(chance, now);
            }
            return;
        }
        self.register_at_next(id, places, "the trunk cannot be reached".to_owned(), now);
    }

    /// Registers at the first of these places that can be reached (RFC 3263 §4.3); without any, `why`
    /// says why we are not registered.
    fn register_at_next(
        &mut self,
        id: &TrunkId,
        mut instead: VecDeque<Place>,
        why: String,
        now: Timestamp,
    ) {
        while let Some(place) = instead.pop_front() {
            if let Some(outgoing) = self.registration_of(id, place) {
                let (request, sent) = (self.next_request(), Box::new(outgoing));
                let asked = Asked { request, proven: false, sent, instead };
                return self.send_register(id, asked, now);
            }
        }
        self.not_registered(id, why, now);
    }

    fn send_register(&mut self, id: &TrunkId, asked: Asked, now: Timestamp) {
        let (request, method, outgoing) = (asked.request, Method::Register, asked.sent.clone());
        if self.order(Order::Request { request, method, outgoing }, now).is_err() {
            return self.not_registered(id, "we have too much to do".to_owned(), now);
        }
        if let Some(registration) = self.carriers.registration(id) {
            registration.asking(asked);
        }
    }

    fn registration_of(&mut self, id: &TrunkId, place: Place) -> Option<Outgoing> {
        let trunk = self.trunks.find(id)?;
        let login = trunk.login.as_ref()?;
        let host = trunk.named()?;
        let ours = |_: Host, _: Option<u16>| NameAddr::new(Uri::sip(login.user(), host.clone()));
        let mut outgoing = self.to_place(trunk, place, (&ours, None))?;
        outgoing.to = outgoing.from.clone();
        let user = login.user().to_owned();
        let (_, side) = self.towards(place)?;
        let instance = Instance::of(&format!("{} {id} {side}", self.domain));
        let registration = self.carriers.registration(id)?;
        outgoing.attempt = registration.attempt.clone();
        let seconds = registration.expires.as_secs().to_string();
        outgoing.headers.push((HeaderName::Expires, seconds.into_bytes()));
        let names_flow = registration.names_flow;
        let supported: &[u8] = if names_flow { b"outbound, path" } else { b"path" };
        outgoing.headers.push((HeaderName::Supported, supported.to_vec()));
        if names_flow {
            let contact = self.endpoint.contact(&outgoing.destination, Some(&user));
            outgoing.headers.push((HeaderName::Contact, instance.named(contact).to_bytes()));
        }
        Some(outgoing)
    }

    fn hear_registrar(
        &mut self,
        id: &TrunkId,
        (asked, response): (Asked, Result<&Response, StatusCode>),
        attempt: Option<Attempt>,
        now: Timestamp,
    ) {
        let Destination { transport, peer, .. } = asked.sent.destination;
        let place = Place { transport, peer };
        let Some(registration) = self.carriers.registration(id) else { return };
        registration.attempt = attempt.clone();
        let response = match response {
            Ok(response) => response,
            Err(status) => {
                self.carriers.failed(id, place, ("does not answer REGISTER", now));
                return self.register_at_next(id, asked.instead, status_text(status), now);
            }
        };
        self.carriers.answered(id, place);
        match response.status {
            status if status.is_success() => {
                let destination = asked.sent.destination;
                self.registered_at(id, (response, &destination), now);
            }
            StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED
                if !asked.proven =>
            {
                let mut sent = asked.sent;
                sent.attempt = attempt;
                match self.credentials_for(id, response, &sent.target) {
                    Some((name, value)) => {
                        sent.headers.push((name, value.into_bytes()));
                        let request = self.next_request();
                        let again = Asked { request, proven: true, sent, instead: asked.instead };
                        self.send_register(id, again, now);
                    }
                    None => {
                        let why = "its challenge cannot be answered".to_owned();
                        self.not_registered(id, why, now);
                    }
                }
            }
            StatusCode::FIRST_HOP_LACKS_OUTBOUND if self.may_do_without_flow(id) => {
                self.register_at(id, now);
            }
            StatusCode::INTERVAL_TOO_BRIEF if self.may_last_longer(id, response) => {
                self.register_at(id, now);
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                self.carriers.busy(id, place, (retry_after(response), now));
                let why = status_text(StatusCode::SERVICE_UNAVAILABLE);
                self.register_at_next(id, asked.instead, why, now);
            }
            status => self.not_registered(id, status_text(status), now),
        }
    }

    /// Something before the registrar does not know of flows; false when ours names none already.
    fn may_do_without_flow(&mut self, id: &TrunkId) -> bool {
        let registration = self.carriers.registration(id);
        registration.is_some_and(|it| std::mem::replace(&mut it.names_flow, false))
    }

    /// The registrar wants longer registrations; false when ours is long enough.
    fn may_last_longer(&mut self, id: &TrunkId, response: &Response) -> bool {
        let least = response.headers.number(&HeaderName::MinExpires).ok().flatten();
        let least = least.map(Duration::from_secs).filter(|least| *least <= LONGEST_REGISTRATION);
        let Some(registration) = self.carriers.registration(id) else { return false };
        let Some(least) = least.filter(|least| *least > registration.expires) else { return false };
        registration.expires = least;
        true
    }

    fn registered_at(
        &mut self,
        id: &TrunkId,
        (response, by): (&Response, &Destination),
        now: Timestamp,
    ) {
        let route = response.headers.addresses(&HeaderName::ServiceRoute).unwrap_or_default();
        let user = self.trunks.find(id).and_then(|trunk| Some(trunk.login.as_ref()?.user()));
        let ours = self.endpoint.contact(by, user);
        let Some(registration) = self.carriers.registration(id) else { return };
        // It tells of every contact of the account (RFC 3261 §10.3): another's time is not ours.
        let contacts = response.headers.addresses(&HeaderName::Contact).unwrap_or_default();
        let of_ours = contacts.iter().find(|it| it.uri.is_equivalent(&ours.uri));
        // Where it has written ours otherwise, the least of them is never too long.
        let least = || contacts.iter().filter_map(NameAddr::expires).min();
        let said = of_ours
            .and_then(NameAddr::expires)
            .or_else(|| response.headers.expires().ok().flatten())
            .or_else(least);
        let granted = said.map_or(registration.expires, |it| Duration::from_secs(it.into()));
        if !registration.holds(now) {
            tracing::info!(trunk = %id, seconds = granted.as_secs(), "registered at the trunk");
        }
        registration.granted(granted.min(LONGEST_REGISTRATION), route, now);
    }

    fn not_registered(&mut self, id: &TrunkId, why: String, now: Timestamp) {
        let chance = self.next_chance();
        let Some(registration) = self.carriers.registration(id) else { return };
        tracing::warn!(trunk = %id, why, "not registered at the trunk");
        registration.failed(why, chance, now);
    }

    fn credentials_for(
        &mut self,
        id: &TrunkId,
        response: &Response,
        target: &Uri,
    ) -> Option<(HeaderName, String)> {
        let (answered, challenges) = digest::challenged(response)?;
        let cnonce = format!("r{}", self.next_number());
        let login = self.trunks.find(id)?.login.as_ref()?;
        let challenge = digest::choose(&challenges, login)?;
        let half = Protected { nonce_count: 1, cnonce };
        let asked = ("REGISTER", target.to_string());
        let credentials = digest::respond(challenge, login, (asked.0, &asked.1), half)?;
        Some((answered, credentials.to_string()))
    }
}

fn status_text(status: StatusCode) -> String {
    format!("{status} {}", status.reason_phrase())
}

/// When a peer wants to be asked again.
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    response.headers.number(&HeaderName::RetryAfter).ok().flatten().map(Duration::from_secs)
}
