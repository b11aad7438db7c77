//! Calls that we make: to a phone at all its bindings, or to a trunk.

use std::collections::{BTreeMap, VecDeque};

use model::{Cause, LegId, Number, PhoneId, Timestamp, TrunkId};
use sip::SessionId;
use sip::digest::{self, Protected};
use sip::endpoint::{Attempt, Body, Destination, ExtraHeaders, Order, Outgoing};
use sip::locate::Place;
use sip::registrar::Binding;
use sip::sdp;
use sip::{HeaderName, Host, NameAddr, Response, StatusCode, Uri};
use switchboard::ports::{LegCommand, LegFact, Target};

use crate::accounts::{CallerIdentity, Rings};
use crate::carried;
use crate::exchange::Exchange;
use crate::legs::{Dialling, Fork, Leg, Phase, Side};
use crate::meaning;
use crate::trunking::retry_after;

/// How often credentials are sent for one call: once, and once more when the nonce was stale.
const MOST_TRIES: u8 = 2;
/// The host of a caller who is not shown (RFC 3323 §4.1.1.3).
const WITHHELD: &str = "anonymous.invalid";
/// Names our call to the phone, for whoever reads a trace and for screens beside the phone.
const CALL_HEADER: &str = "X-Hotline-Call";

impl Exchange {
    /// Begins a leg.
    pub(crate) fn dial(&mut self, id: LegId, command: LegCommand, now: Timestamp) {
        let LegCommand::Dial { target, from, display, offer, call, carried, alert } = command
        else {
            return;
        };
        if self.legs.holds(id) {
            tracing::error!(leg = %id, "leg is dialled twice");
            return;
        }
        let mut leg =
            Leg::new(Phase::Dialling(Dialling::default()), Side::Called, self.next_number());
        match &target {
            Target::Phone(phone) => {
                leg.phone = Some(phone.clone());
                leg.remote = Some(from.clone());
            }
            Target::Trunk { trunk, .. } => leg.trunk = Some((trunk.clone(), None)),
        }
        let body = Body::sdp(leg.offer(&offer));
        let caller = Caller { number: &from, display: display.as_deref() };
        let mut headers = carried::written(&carried, &self.domain);
        let invites = match &target {
            Target::Phone(phone) => {
                let named = call.to_string().into_bytes();
                headers.push((HeaderName::Other(CALL_HEADER.into()), named));
                headers.extend(carried::alerting(alert, &self.domain));
                self.to_phone(phone, &caller, (body, headers))
            }
            Target::Trunk { trunk, number } => {
                self.at_trunk((trunk, number), &caller, (body, headers), now)
            }
        };
        tracing::info!(leg = %id, %call, target = ?target, forks = invites.len(), "dials");
        let mut forks = BTreeMap::new();
        for (outgoing, fork) in invites {
            let session = self.next_session();
            let order = Order::Invite { session, outgoing: Box::new(outgoing) };
            if self.order(order, now).is_ok() {
                if let Some(call_id) = self.endpoint.call_id(session) {
                    self.trace.leg(id, call_id, now);
                }
                if let Target::Trunk { trunk, .. } = &target {
                    self.proves(session, trunk, now);
                }
                self.be_patient(session, &fork, now);
                forks.insert(session, fork);
            }
        }
        let rings_somewhere = !forks.is_empty();
        leg.phase = Phase::Dialling(Dialling { forks, ..Dialling::default() });
        self.legs.insert(id, leg);
        if !rings_somewhere {
            // A trunk by which nothing can be sent says nothing of the called party: the floor
            // tries the next one.
            let status = match target {
                Target::Phone(_) => StatusCode::TEMPORARILY_UNAVAILABLE,
                Target::Trunk { .. } => StatusCode::SERVICE_UNAVAILABLE,
            };
            self.end(id, Cause::Unreachable, Some(status.code()));
        }
    }

    /// One INVITE for each device of the phone that rings, by the way it came last; its other ways
    /// are kept.
    fn to_phone(
        &self,
        phone: &PhoneId,
        caller: &Caller<'_>,
        (body, headers): (Body, ExtraHeaders),
    ) -> Vec<(Outgoing, Fork)> {
        let to = NameAddr::new(Uri::sip(phone.as_str(), self.domain.clone()));
        let from = caller.at(self.domain.clone(), None);
        let invite = |binding: &Binding| Outgoing {
            target: binding.contact.clone(),
            destination: binding.flow,
            from: from.clone(),
            to: to.clone(),
            routes: binding.path.to_vec(),
            headers: headers.clone(),
            body: Some(body.clone()),
            max_forwards: 70,
            attempt: None,
        };
        let mut devices: Vec<(&Binding, VecDeque<Outgoing>)> = Vec::new();
        for binding in self.ringing(phone) {
            let device = binding.device();
            let known = devices.iter_mut().find(|(first, _)| first.device() == device);
            match known.filter(|_| device.is_some()) {
                Some((_, spares)) => spares.push_back(invite(binding)),
                None => devices.push((binding, VecDeque::new())),
            }
        }
        let forks = devices.into_iter();
        forks.map(|(first, spares)| (invite(first), Fork::Phone { spares })).collect()
    }

    /// The bindings at which the phone rings, the most preferred first; where only the newest device
    /// does, all ways to that one.
    fn ringing(&self, phone: &PhoneId) -> Vec<&Binding> {
        let bindings = self.registrar.bindings(phone).iter().map(|it| &**it);
        let rings = self.accounts.of(phone).map_or(Rings::All, |account| account.rules.rings);
        let newest = match rings {
            Rings::All => None,
            Rings::Newest => bindings.clone().max_by_key(|it| (it.registered_at, it.id)),
        };
        let Some(newest) = newest else { return bindings.collect() };
        let is_same_device = |it: &&Binding| {
            it.id == newest.id || (it.device().is_some() && it.device() == newest.device())
        };
        bindings.filter(is_same_device).collect()
    }

    /// One INVITE to the first of the trunk's places; the others are kept.
    fn at_trunk(
        &mut self,
        (id, number): (&TrunkId, &Number),
        caller: &Caller<'_>,
        (body, headers): (Body, ExtraHeaders),
        now: Timestamp,
    ) -> Vec<(Outgoing, Fork)> {
        let mut instead: VecDeque<_> = self.carriers.places(id, now).into();
        let Some(place) = instead.pop_front() else { return Vec::new() };
        let routes = self.carriers.registration(id).map(|it| it.service_route.clone());
        let from = |host, port| caller.at(host, port);
        let Some(trunk) = self.trunks.find(id) else { return Vec::new() };
        let Some(mut outgoing) = self.to_place(trunk, place, (&from, Some(number.as_str()))) else {
            return Vec::new();
        };
        let headers = asserted(trunk.identity, &mut outgoing, headers);
        let (body, routes) = (Some(body), routes.unwrap_or_default());
        let outgoing = Outgoing { body, headers, routes, ..outgoing };
        let (kept, trunk) = (Box::new(outgoing.clone()), id.clone());
        vec![(outgoing, Fork::Trunk { outgoing: kept, trunk, tried: 0, instead })]
    }

    /// It rings, or sends early media.
    pub(crate) fn progressed(&mut self, session: SessionId, status: StatusCode, body: &[u8]) {
        let Some((id, leg)) = self.legs.of(session) else { return };
        let Phase::Dialling(dialling) = &mut leg.phase else { return };
        // Of several phones that ring none is listened to before one has answered.
        let early = match (dialling.forks.len(), body) {
            (1, [_, ..]) => sdp::parse_description(body).ok(),
            _ => None,
        };
        let rings = matches!(status, StatusCode::RINGING | StatusCode::SESSION_PROGRESS);
        if early.is_some() || (rings && !dialling.rings) {
            dialling.rings = true;
            self.legs.touch(id);
            self.fact(id, LegFact::Ringing { early });
        }
    }

    /// The first answer wins; the others are told that the call was completed elsewhere.
    pub(crate) fn answered(&mut self, session: SessionId, body: &[u8], now: Timestamp) {
        let Some((id, leg)) = self.legs.of(session) else {
            // The leg has gone on without this fork.
            let _ = self.order(Order::Bye { session, reason: Some(meaning::elsewhere()) }, now);
            return;
        };
        let Phase::Dialling(dialling) = &mut leg.phase else { return };
        let mut forks = std::mem::take(&mut dialling.forks);
        if let Some(Fork::Trunk { outgoing, trunk, .. }) = forks.remove(&session) {
            self.carriers.answered(&trunk, place_of(&outgoing));
        }
        let others: Vec<_> = forks.into_keys().collect();
        leg.phase = Phase::Talking(session);
        leg.agreed = Some(body.to_vec());
        self.legs.touch(id);
        self.cancel(others, &meaning::elsewhere(), now);
        match sdp::parse_description(body) {
            Ok(answer) => self.fact(id, LegFact::Answered { answer }),
            Err(error) => {
                tracing::warn!(leg = %id, %error, "answer cannot be used");
                self.end(id, Cause::NotAcceptable, Some(error.status().code()));
                let reason = Some(meaning::reason(Cause::NotAcceptable));
                let _ = self.order(Order::Bye { session, reason }, now);
            }
        }
    }

    /// One of the places refuses. When none is left, the best of the refusals counts.
    pub(crate) fn refused(
        &mut self,
        session: SessionId,
        status: StatusCode,
        (response, attempt): (Option<&Response>, Attempt),
        now: Timestamp,
    ) {
        let Some((id, leg)) = self.legs.of(session) else { return };
        let Phase::Dialling(dialling) = &mut leg.phase else { return };
        let fork = dialling.forks.remove(&session);
        let said = response.and_then(|response| response.headers.text(&HeaderName::Reason));
        leg.reason = said.map(meaning::kept).or_else(|| leg.reason.take());
        self.legs.part(session);
        let goes_on = match (fork, response) {
            (Some(fork @ Fork::Trunk { .. }), Some(response))
                if response.status != StatusCode::SERVICE_UNAVAILABLE =>
            {
                self.repeated_with_credentials(id, fork, (response, attempt), now)
            }
            (Some(Fork::Trunk { outgoing, trunk, instead, .. }), _)
                if response.is_some() || leads_nowhere(status, response) =>
            {
                self.took_no_call(&trunk, place_of(&outgoing), response, now);
                self.tried_elsewhere(id, (*outgoing, trunk, instead), now)
            }
            (Some(Fork::Phone { spares }), _) if leads_nowhere(status, response) => {
                self.tried_otherwise(id, spares, now)
            }
            _ => false,
        };
        if goes_on {
            return;
        }
        self.one_less(id, (status, response.is_some()), now);
    }

    /// One of the places where a leg rings is out; with the last, the leg is over.
    fn one_less(&mut self, id: LegId, (status, was_said): (StatusCode, bool), now: Timestamp) {
        let Some(Leg { phase: Phase::Dialling(dialling), .. }) = self.legs.get_mut(id) else {
            return;
        };
        let refusals = [Some(status), dialling.refusal].into_iter().flatten();
        dialling.refusal = refusals.min_by_key(|status| meaning::vagueness(*status));
        let best = dialling.refusal.unwrap_or(status);
        // Who declines does so at all places (RFC 3261 §16.7 item 5).
        let declined = status.code() >= 600;
        if dialling.forks.is_empty() || declined {
            let others = std::mem::take(&mut dialling.forks).into_keys().collect();
            self.cancel(others, &meaning::reason(Cause::Refused), now);
            let cause = if !was_said && best == StatusCode::REQUEST_TIMEOUT {
                // Nobody has said anything: not even the network.
                Cause::SignallingLost
            } else {
                meaning::refusal(best)
            };
            self.end(id, cause, Some(best.code()));
        }
    }

    fn cancel(&mut self, sessions: Vec<SessionId>, reason: &str, now: Timestamp) {
        for session in sessions {
            self.legs.part(session);
            let _ = self.order(Order::Cancel { session, reason: Some(reason.to_owned()) }, now);
        }
    }

    /// Calls a device by the next way to it; false when none is left.
    fn tried_otherwise(
        &mut self,
        id: LegId,
        mut spares: VecDeque<Outgoing>,
        now: Timestamp,
    ) -> bool {
        while let Some(outgoing) = spares.pop_front() {
            let session = self.next_session();
            let order = Order::Invite { session, outgoing: Box::new(outgoing) };
            if self.order(order, now).is_ok() {
                self.add_fork(id, (session, Fork::Phone { spares }), now);
                return true;
            }
        }
        false
    }

    /// Takes note that a place of a trunk took no call, and why.
    fn took_no_call(
        &mut self,
        trunk: &TrunkId,
        place: Place,
        response: Option<&Response>,
        now: Timestamp,
    ) {
        match response {
            Some(response) => self.carriers.busy(trunk, place, (retry_after(response), now)),
            None => self.carriers.failed(trunk, place, ("takes no call", now)),
        }
    }

    /// Calls a trunk at the next of its places (RFC 3263 §4.3); false when none is left.
    fn tried_elsewhere(
        &mut self,
        id: LegId,
        (before, trunk, mut instead): (Outgoing, TrunkId, VecDeque<Place>),
        now: Timestamp,
    ) -> bool {
        while let Some(place) = instead.pop_front() {
            let user = before.to.uri.user_name();
            let from = |host: Host, port| {
                let uri = Uri { host, port, ..before.from.uri.clone() };
                if is_withheld(&before.from) {
                    before.from.clone()
                } else {
                    NameAddr { uri, ..before.from.clone() }
                }
            };
            let known = self.trunks.find(&trunk);
            let moved = known.and_then(|it| self.to_place(it, place, (&from, user.as_deref())));
            let Some(moved) = moved else { continue };
            let (body, routes) = (before.body.clone(), before.routes.clone());
            // Credentials answer the challenge of one place.
            let kept = before.headers.iter().filter(|(name, _)| {
                !matches!(name, HeaderName::Authorization | HeaderName::ProxyAuthorization)
            });
            let headers = kept.cloned().collect();
            let outgoing = Box::new(Outgoing { body, headers, routes, ..moved });
            let session = self.next_session();
            if self.order(Order::Invite { session, outgoing: outgoing.clone() }, now).is_ok() {
                tracing::info!(leg = %id, %trunk, peer = %place.peer, "the trunk is called elsewhere");
                let fork = Fork::Trunk { outgoing, trunk, tried: 0, instead };
                self.add_fork(id, (session, fork), now);
                return true;
            }
        }
        false
    }

    /// Whoever was called has had time to say something: who has not is taken for gone, and the next
    /// way is tried.
    pub(crate) fn said_nothing(&mut self, session: SessionId, now: Timestamp) {
        if self.endpoint.was_heard(session) {
            return;
        }
        let Some((id, leg)) = self.legs.of(session) else { return };
        let Phase::Dialling(dialling) = &mut leg.phase else { return };
        let Some(fork) = dialling.forks.remove(&session) else { return };
        self.cancel(vec![session], &meaning::reason(Cause::NoAnswer), now);
        let goes_on = match fork {
            Fork::Phone { spares } => self.tried_otherwise(id, spares, now),
            Fork::Trunk { outgoing, trunk, instead, .. } => {
                self.took_no_call(&trunk, place_of(&outgoing), None, now);
                self.tried_elsewhere(id, (*outgoing, trunk, instead), now)
            }
        };
        if !goes_on {
            self.one_less(id, (StatusCode::REQUEST_TIMEOUT, false), now);
        }
    }

    /// Waits for whatever the other side says first: not for long where it is thought to be gone.
    fn be_patient(&mut self, session: SessionId, fork: &Fork, now: Timestamp) {
        match fork {
            Fork::Trunk { outgoing, trunk, .. }
                if self.carriers.is_gone(trunk, place_of(outgoing), now) =>
            {
                self.patience.begin_doubtful(session, now);
            }
            Fork::Trunk { .. } | Fork::Phone { .. } => self.patience.begin(session, now),
        }
    }

    /// One more INVITE of a leg that rings.
    fn add_fork(&mut self, id: LegId, (session, fork): (SessionId, Fork), now: Timestamp) {
        self.be_patient(session, &fork, now);
        if let Fork::Trunk { trunk, .. } = &fork {
            self.proves(session, trunk, now);
        }
        if let Some(call_id) = self.endpoint.call_id(session) {
            self.trace.leg(id, call_id, now);
        }
        if let Some(Leg { phase: Phase::Dialling(dialling), .. }) = self.legs.get_mut(id) {
            dialling.forks.insert(session, fork);
            self.legs.join(session, id);
        }
    }

    /// A trunk may challenge what we send within the call as well (RFC 3261 §22).
    pub(crate) fn proves(&mut self, session: SessionId, trunk: &TrunkId, now: Timestamp) {
        let login = self.trunks.find(trunk).and_then(|trunk| trunk.login.clone());
        if let Some(login) = login.map(Box::new) {
            let _ = self.order(Order::Prove { session, login }, now);
        }
    }

    /// Repeats an INVITE that a trunk has challenged; true when it was.
    fn repeated_with_credentials(
        &mut self,
        id: LegId,
        fork: Fork,
        (response, attempt): (&Response, Attempt),
        now: Timestamp,
    ) -> bool {
        let Fork::Trunk { mut outgoing, trunk, tried, instead } = fork else { return false };
        self.carriers.answered(&trunk, place_of(&outgoing));
        let Some((answered, challenges)) = digest::challenged(response) else { return false };
        let session = self.next_session();
        let Some(login) = self.trunks.find(&trunk).and_then(|trunk| trunk.login.as_ref()) else {
            return false;
        };
        let Some(challenge) = digest::choose(&challenges, login) else { return false };
        // An INVITE that was sent again for longer (422) had no credentials any more.
        let before = outgoing.attempt.as_ref().and_then(|attempt| attempt.interval);
        let is_first = tried == 0 || attempt.interval != before;
        if tried >= MOST_TRIES || !(is_first || challenge.stale) {
            return false;
        }
        // A nonce of the server's and a session of ours are never used together again.
        let half = Protected { nonce_count: 1, cnonce: format!("{}-{}", id, session.0) };
        let uri = outgoing.target.to_string();
        let Some(credentials) = digest::respond(challenge, login, ("INVITE", &uri), half) else {
            return false;
        };
        outgoing.headers.retain(|(name, _)| *name != answered);
        outgoing.headers.push((answered, credentials.to_string().into_bytes()));
        outgoing.attempt = Some(attempt);
        if self.order(Order::Invite { session, outgoing: outgoing.clone() }, now).is_err() {
            return false;
        }
        let fork = Fork::Trunk { outgoing, trunk, tried: tried + 1, instead };
        self.add_fork(id, (session, fork), now);
        true
    }
}

/// Whether nobody was there by this way, so that another may do (RFC 5626 §7, §4.3): silence, a
/// flow that failed here, or one that the phone's edge says has failed.
fn leads_nowhere(status: StatusCode, response: Option<&Response>) -> bool {
    let unheard = [StatusCode::REQUEST_TIMEOUT, StatusCode::SERVICE_UNAVAILABLE].contains(&status);
    (response.is_none() && unheard) || status == StatusCode::FLOW_FAILED
}

/// Where a request goes.
const fn place_of(outgoing: &Outgoing) -> Place {
    let Destination { transport, peer, .. } = outgoing.destination;
    Place { transport, peer }
}

/// Who calls, as the trunk is told beside or in place of From; gives the header fields with it.
fn asserted(
    identity: CallerIdentity,
    outgoing: &mut Outgoing,
    mut headers: ExtraHeaders,
) -> ExtraHeaders {
    // Of whom we are not to tell there is nothing to assert.
    let is_nobody = outgoing.from.uri.user_name().is_some_and(|user| user == "anonymous");
    if identity == CallerIdentity::From && !is_nobody {
        return headers;
    }
    if !is_nobody {
        headers.push((HeaderName::PAssertedIdentity, outgoing.from.to_bytes()));
    }
    if identity == CallerIdentity::Withheld || is_nobody {
        headers.push((HeaderName::Privacy, b"id".to_vec()));
        let nowhere = Host::parse(WITHHELD).unwrap_or_else(|_| outgoing.from.uri.host.clone());
        let nobody = NameAddr::new(Uri::sip("anonymous", nowhere));
        outgoing.from = nobody.with_display("Anonymous");
    }
    headers
}

/// Whether From says nothing of who calls.
fn is_withheld(from: &NameAddr) -> bool {
    from.uri.host.to_string() == WITHHELD
}

/// Whom the called party sees.
struct Caller<'a> {
    number: &'a Number,
    display: Option<&'a str>,
}

impl Caller<'_> {
    fn at(&self, host: Host, port: Option<u16>) -> NameAddr {
        let address = NameAddr::new(Uri::sip(self.number.as_str(), host).with_port(port));
        match self.display {
            Some(name) => address.with_display(name),
            None => address,
        }
    }
}
