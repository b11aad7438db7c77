//! Who somebody is: phones prove it by digest, trunks by their address or by digest.
//!
//! Who brings no credentials at all is turned away before anything is remembered of the request
//! (RFC 3261 §8.2.7), so a flood of strangers fills nothing.

use std::net::IpAddr;
use std::sync::Arc;

use model::Timestamp;
use sip::SessionId;
use sip::digest::{Algorithm, Attempt, Credentials, Denial};
use sip::endpoint::{ListenerId, Rejection, Source, Transport};
use sip::registrar::Binding;
use sip::{HeaderName, Method, Request, StatusCode};

use crate::accounts::Account;
use crate::counters::Counted;
use crate::exchange::Exchange;
use crate::gate::scope_of;
use crate::guard::{Scope, source_of};
use crate::settings::Serves;
use crate::strain::Strain;

/// Seconds after which a caller may try again whom we have no time for.
pub(crate) const RETRY_AFTER: &str = "5";

/// Where credentials may be: phones are not agreed on which is meant for a server like us.
const CREDENTIALS: [HeaderName; 2] = [HeaderName::Authorization, HeaderName::ProxyAuthorization];

impl Exchange {
    /// Answers requests that make sense but need not be looked at; true when this was one.
    pub(crate) fn turned_away(
        &mut self,
        request: &Request,
        source: &Source,
        now: Timestamp,
    ) -> bool {
        let placed = self.placed(request, source, now);
        // An ACK has no answer.
        if request.method == Method::Ack {
            return placed.is_err();
        }
        if let Err(refusal) = placed {
            self.endpoint.refuse(request, &refusal, source);
            return true;
        }
        let is_new = || request.headers.to_ref().is_ok_and(|to| to.tag().is_none());
        let opens = request.method == Method::Invite && is_new();
        // A call that rings must not be answered 503 because its INVITE comes again.
        if self.is_too_much(request) && is_new() && !self.endpoint.is_under_way(request) {
            let refusal = self.strained();
            self.endpoint.refuse(request, &refusal, source);
            return true;
        }
        let refusal = if self.serves(source.listener) == Serves::Trunks {
            self.unknown_trunk(request, source, now)
        } else if opens && self.stopping && !self.endpoint.is_under_way(request) {
            Some(self.stopped())
        } else if request.method == Method::Subscribe && self.is_crowded() {
            self.count(Counted::Overload);
            let refusal = Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "calls come first");
            Some(refusal.with(HeaderName::RetryAfter, RETRY_AFTER))
        } else if opens && has_credentials(request) {
            // Who makes credentials up is told so before anything of the call is remembered.
            (!self.is_answered_to(request, source)).then(|| {
                self.count(counted(Denial::Stale));
                self.challenge(request, Some(Denial::Stale), (source, now))
            })
        } else if opens || matches!(request.method, Method::Register | Method::Subscribe) {
            (!has_credentials(request)).then(|| self.challenge(request, None, (source, now)))
        } else {
            None
        };
        let Some(refusal) = refusal else { return false };
        self.endpoint.refuse(request, &refusal, source);
        true
    }

    /// Whether a request about a call comes from where that call is, or from somebody who proves that it
    /// is theirs; what is about none may come from anywhere.
    ///
    /// # Errors
    /// The refusal, or the challenge to prove it.
    fn placed(
        &mut self,
        request: &Request,
        source: &Source,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let Some(within) = self.endpoint.session_of(request) else { return Ok(()) };
        let is_ack = request.method == Method::Ack;
        if !self.is_out_of_place(within, source)
            && (is_ack || !self.is_from_elsewhere(within.0, source))
        {
            return Ok(());
        }
        if let Some(proven) = self.proves_its_call((request, within.0), source, now) {
            return proven;
        }
        self.count(Counted::OutOfPlace);
        tracing::debug!(peer = %source.peer, method = %request.method, "call is not there");
        Err(Rejection::new(StatusCode::CALL_DOES_NOT_EXIST, "no such call here"))
    }

    /// Whether a request is about a call that is there, or would end one that rings, but does not come
    /// from where that call is: from the other side, from an address that is no trunk's, or from
    /// outside the phone's networks. Tags are no secret to whoever sees the signalling of either side.
    fn is_out_of_place(
        &mut self,
        (session, listener): (SessionId, ListenerId),
        source: &Source,
    ) -> bool {
        let (side, peer) = (self.serves(source.listener), source.peer.ip());
        if side != self.serves(listener) {
            return true;
        }
        if side == Serves::Trunks {
            return !self.is_of_its_trunk(session, peer);
        }
        // Calls of an account that is gone go on, and those that wait for the end only, too.
        let phone = self.legs.of(session).and_then(|(_, leg)| leg.phone.as_ref());
        let account = phone.and_then(|phone| self.accounts.of(phone));
        account.is_some_and(|account| !account.rules.admit(peer))
    }

    /// Whether a call goes by the trunk that this address belongs to: by where it calls from, where it
    /// is called, or, for one that proves itself, where it did or may.
    fn is_of_its_trunk(&mut self, session: SessionId, peer: IpAddr) -> bool {
        let known = self.trunks.from_source(peer).map(|trunk| &trunk.id);
        let trunk = self.legs.of(session).and_then(|(_, leg)| leg.trunk.as_ref());
        // Of a call that waits for its end only, no trunk is told any more.
        let Some((trunk, from)) = trunk else {
            return known.is_some() || self.trunks.may_prove_at(peer);
        };
        known == Some(trunk)
            || *from == Some(peer)
            || self.trunks.proves_from(trunk, peer)
            || self.carriers.is_at(trunk, peer)
    }

    /// Whether a request about a phone's call comes from where neither the call goes nor the phone is
    /// registered: whoever has seen the signalling of a call knows its tags. An ACK does no harm.
    fn is_from_elsewhere(&mut self, session: SessionId, source: &Source) -> bool {
        if self.serves(source.listener) == Serves::Trunks {
            return false;
        }
        let Some(way) = self.endpoint.way_of(session) else { return false };
        let phone = self.legs.of(session).and_then(|(_, leg)| leg.phone.clone());
        let here = source.peer.ip();
        let is_registered = |phone| {
            let mut bindings = self.registrar.bindings(phone).iter();
            bindings.any(|binding| binding.flow.peer.ip() == here)
        };
        way.peer.ip() != here && phone.as_ref().is_some_and(|phone| !is_registered(phone))
    }

    /// What comes of a request about a call, from where it has not been spoken of yet, by somebody who
    /// can prove who they are: the other half of a pair that is a trunk, a phone that its network has
    /// moved. None where that is not so, or where nobody can be asked for proof (CANCEL, ACK).
    fn proves_its_call(
        &mut self,
        (request, session): (&Request, SessionId),
        source: &Source,
        now: Timestamp,
    ) -> Option<Result<(), Rejection>> {
        if matches!(request.method, Method::Ack | Method::Cancel) {
            return None;
        }
        let (id, leg) = self.legs.of(session)?;
        let (phone, trunk) = (leg.phone.clone(), leg.trunk.clone());
        let peer = source.peer.ip();
        let may_prove = match (self.serves(source.listener), &trunk, &phone) {
            (Serves::Trunks, Some((trunk, _)), _) => self.trunks.is_anywhere(trunk),
            (Serves::Phones, _, Some(phone)) => {
                self.accounts.of(phone).is_some_and(|account| account.rules.admit(peer))
            }
            _ => false,
        };
        if !may_prove {
            return None;
        }
        if !has_credentials(request) {
            return Some(Err(self.challenge(request, None, (source, now))));
        }
        let account = match self.identify(request, source, now) {
            Ok(account) => account,
            Err(refusal) => return Some(Err(refusal)),
        };
        let Some((trunk, _)) = trunk.filter(|_| self.serves(source.listener) == Serves::Trunks)
        else {
            return (phone.as_ref() == Some(&account.phone)).then_some(Ok(()));
        };
        let is_its = self.trunks.of_account(&account).is_some_and(|it| it.id == trunk);
        if is_its && let Some(leg) = self.legs.get_mut(id) {
            leg.trunk = Some((trunk, Some(peer)));
        }
        is_its.then_some(Ok(()))
    }

    /// The answer to a request on the trunks' side whose sender is not known by its address: in a call,
    /// it was looked at where it comes from; a call is challenged where a trunk may be there that
    /// proves itself. Such a trunk may ask whether we are there, and speak of calls that are over: to
    /// that the endpoint has its own answers.
    fn unknown_trunk(
        &mut self,
        request: &Request,
        source: &Source,
        now: Timestamp,
    ) -> Option<Rejection> {
        let peer = source.peer.ip();
        if self.trunks.from_source(peer).is_some() || self.endpoint.session_of(request).is_some() {
            return None;
        }
        if !self.trunks.may_prove_at(peer) {
            return Some(self.stranger(source, now));
        }
        let calls = request.method == Method::Invite;
        let begins = request.headers.to_ref().is_ok_and(|to| to.tag().is_none());
        let is_harmless = matches!(request.method, Method::Options | Method::Cancel);
        if !begins || is_harmless || (calls && has_credentials(request)) {
            return None;
        }
        Some(if calls {
            self.challenge(request, None, (source, now))
        } else {
            self.stranger(source, now)
        })
    }

    /// Whether a request brings back what was said to where it comes from: its sender is there.
    pub(crate) fn is_answered_to(&self, request: &Request, source: &Source) -> bool {
        let place = source_of(source.peer.ip());
        credentials_in(request)
            .filter_map(Result::ok)
            .any(|credentials| self.authenticator.gave(&credentials, place))
    }

    /// Whether there is no time for this request, which begins something new. CANCEL ends something.
    fn is_too_much(&self, request: &Request) -> bool {
        match self.strain {
            Strain::None => false,
            Strain::Calls => !matches!(request.method, Method::Cancel | Method::Register),
            Strain::Registrations => request.method != Method::Cancel,
        }
    }

    /// 503 with a time to come again, by chance: not all at once.
    fn strained(&mut self) -> Rejection {
        self.count(Counted::Strained);
        let seconds = 5 + self.next_chance() % 10;
        Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "more comes in than can be answered")
            .with(HeaderName::RetryAfter, &seconds.to_string())
    }

    /// The account whose phone sent this request, proven by its credentials, from where it may.
    ///
    /// # Errors
    /// The challenge or refusal to answer with.
    pub(crate) fn identify(
        &mut self,
        request: &Request,
        source: &Source,
        now: Timestamp,
    ) -> Result<Arc<Account>, Rejection> {
        let realm = self.authenticator.realm();
        let readable: Vec<_> = credentials_in(request).filter_map(Result::ok).collect();
        let ours = readable.iter().find(|it| it.realm == realm).or_else(|| readable.first());
        let Some(credentials) = ours else {
            self.count(Counted::MalformedCredentials);
            return Err(self.challenge(request, None, (source, now)));
        };
        let account = match self.serves(source.listener) {
            Serves::Phones => self.accounts.find(&credentials.user),
            Serves::Trunks => self.trunks.account(&credentials.user),
        };
        let wait = account.and_then(|account| self.must_wait(account, (request, source), now));
        if let Some(refusal) = wait {
            self.count(Counted::AccountWaits);
            return Err(refusal);
        }
        let uri = request.uri.to_string();
        let attempt = Attempt { method: request.method.as_str(), uri: &uri, credentials };
        let secrets = account.map(|account| account.secrets.as_slice());
        let denial = match (self.authenticator.check(&attempt, secrets, now), account) {
            (Ok(()), Some(account)) => {
                self.guard.right_secret(&account.phone, source.peer.ip());
                let account = Arc::clone(account);
                self.tell_withheld();
                return self.at_its_place(account, source, now);
            }
            (Ok(()), None) => Denial::UnknownUser,
            (Err(denial), _) => denial,
        };
        // Who sends a datagram in another's name has no nonce that was given to that one.
        let gave = self.authenticator.gave(credentials, source_of(source.peer.ip()));
        let is_here = gave || source.transport != Transport::Udp;
        if let (Denial::WrongSecret, Some(account), true) = (denial, account, is_here) {
            self.guard.wrong_secret(&account.phone, source.peer.ip(), now);
        }
        if matches!(denial, Denial::WrongSecret | Denial::UnknownUser) {
            let scope = if is_here { Scope::Everything } else { Scope::Datagrams };
            self.offence(source, scope, (counted(denial).as_str(), 1), now);
        }
        self.count(counted(denial));
        Err(self.challenge(request, Some(denial), (source, now)))
    }

    /// Refuses who brings the right secret from outside the phone's networks. Strangers, who cannot,
    /// learn nothing of them.
    fn at_its_place(
        &mut self,
        account: Arc<Account>,
        source: &Source,
        now: Timestamp,
    ) -> Result<Arc<Account>, Rejection> {
        if account.rules.admit(source.peer.ip()) {
            self.is_of_use(source);
            return Ok(account);
        }
        self.count(Counted::OutsideNetworks);
        if let Some(times) = self.strays.seen(&account.phone, now) {
            let (phone, address) = (&account.phone, source.peer.ip());
            tracing::warn!(%phone, %address, times, "phone is outside its networks: refused");
        }
        let text = "address is outside the networks of this phone";
        Err(Rejection::new(StatusCode::FORBIDDEN, text))
    }

    /// The refusal of an attempt for an account that was guessed at from here, unless it is its phone
    /// that speaks: by the way it has registered by, or by what it called its registration, which
    /// another behind the same address does not know.
    fn must_wait(
        &self,
        account: &Account,
        (request, source): (&Request, &Source),
        now: Timestamp,
    ) -> Option<Rejection> {
        let wait = self.guard.must_wait(&account.phone, source.peer.ip(), now)?;
        let registers = request.method == Method::Register;
        let its_name = request.call_id().ok().filter(|_| registers);
        let is_its = |binding: &Arc<Binding>| {
            binding.flow == source.destination() || its_name == Some(binding.sip_call_id.as_str())
        };
        if self.registrar.bindings(&account.phone).iter().any(is_its) {
            return None;
        }
        let refusal = Rejection::new(StatusCode::FORBIDDEN, "too many wrong secrets: wait");
        Some(refusal.with(HeaderName::RetryAfter, &wait.as_secs().max(1).to_string()))
    }

    /// The trunk listener's answer to an address that is no trunk's.
    fn stranger(&mut self, source: &Source, now: Timestamp) -> Rejection {
        let scope = scope_of(source.transport);
        self.offence(source, scope, (Counted::UnknownTrunk.as_str(), 1), now);
        self.count(Counted::UnknownTrunk);
        tracing::debug!(peer = %source.peer, "not a trunk's address");
        Rejection::new(StatusCode::FORBIDDEN, "address is no trunk's")
    }

    /// The answer to a new call while the service is being stopped.
    pub(crate) fn stopped(&self) -> Rejection {
        self.count(Counted::Stopping);
        Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "service is being stopped")
            .with(HeaderName::RetryAfter, RETRY_AFTER)
    }

    /// The challenge to a request: 401 to a REGISTER, 407 to what would be passed on. It is the same
    /// for a wrong secret and for a user who does not exist.
    fn challenge(
        &mut self,
        request: &Request,
        denial: Option<Denial>,
        (source, now): (&Source, Timestamp),
    ) -> Rejection {
        if denial.is_none() {
            self.count(Counted::Challenged);
        }
        let (status, header) = if request.method == Method::Register {
            (StatusCode::UNAUTHORIZED, HeaderName::WwwAuthenticate)
        } else {
            (StatusCode::PROXY_AUTHENTICATION_REQUIRED, HeaderName::ProxyAuthenticate)
        };
        let agent = request.headers.text(&HeaderName::UserAgent).unwrap_or_default();
        let md5_only = self.md5_only.iter().any(|prefix| agent.starts_with(prefix.as_str()));
        let challenges = self.authenticator.challenges(denial, source_of(source.peer.ip()), now);
        challenges
            .into_iter()
            .filter(|challenge| !md5_only || challenge.algorithm == Algorithm::Md5)
            .fold(Rejection::new(status, "credentials are needed"), |refusal, challenge| {
                refusal.with(header.clone(), &challenge.to_string())
            })
    }
}

fn has_credentials(request: &Request) -> bool {
    CREDENTIALS.iter().any(|name| request.headers.has(name))
}

/// Every set of Digest credentials of a request, read or not.
fn credentials_in(request: &Request) -> impl Iterator<Item = Result<Credentials, ()>> {
    let values = CREDENTIALS.iter().flat_map(|name| request.headers.all(name));
    values.map(|value| {
        std::str::from_utf8(value)
            .map_err(|_| ())
            .and_then(|it| Credentials::parse(it).map_err(|_| ()))
    })
}

const fn counted(denial: Denial) -> Counted {
    match denial {
        Denial::UnknownUser => Counted::UnknownUser,
        Denial::WrongSecret => Counted::WrongSecret,
        Denial::Stale => Counted::StaleNonce,
        Denial::OtherRealm | Denial::OtherUri | Denial::Unprotected => Counted::UnfitCredentials,
    }
}
