//! Calls that come in.

use std::net::IpAddr;

use model::{Number, Timestamp};
use sip::SessionId;
use sip::endpoint::{Order, Rejection, Source};
use sip::sdp;
use sip::{HeaderName, NameAddr, Request, StatusCode};
use switchboard::ports::{Full, Input, LegFact, Origin, RingsIn};

use crate::accounts::{Dialled, Trunk};
use crate::counters::Counted;
use crate::door::RETRY_AFTER;
use crate::exchange::Exchange;
use crate::legs::{Leg, Phase, Side, Wanted};
use crate::settings::Serves;

/// The caller who does not say who it is.
const ANONYMOUS: &str = "anonymous";
/// Longer display names are cut.
const LONGEST_NAME: usize = 64;

/// Who calls.
pub(crate) struct Calling {
    pub(crate) origin: Origin,
    from: Number,
    display: Option<String>,
}

impl Exchange {
    /// An INVITE opens a session: the floor is told, or the caller is refused.
    pub(crate) fn invited(
        &mut self,
        session: SessionId,
        request: &Request,
        source: &Source,
        (max_forwards, now): (u8, Timestamp),
    ) {
        let refusal = match self.rings_in(request, source, now) {
            Ok(rings) => {
                let rings = RingsIn { max_forwards, ..rings };
                self.take_in((session, source.peer.ip()), rings, &request.body, now)
            }
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = refusal {
            let _ = self.order(Order::Reject { session, refusal: Box::new(refusal) }, now);
        }
    }

    fn rings_in(
        &mut self,
        request: &Request,
        source: &Source,
        now: Timestamp,
    ) -> Result<RingsIn, Rejection> {
        let calling = if self.serves(source.listener) == Serves::Trunks {
            self.trunk_calls(request, source, now)?
        } else {
            self.phone_calls(request, source, now)?
        };
        if self.stopping {
            return Err(self.stopped());
        }
        let trunk = match &calling.origin {
            Origin::Trunk(trunk) => self.trunks.find(trunk),
            Origin::Phone(_) => None,
        };
        let to = dialled(request, trunk).ok_or_else(|| {
            self.count(Counted::NoNumber);
            Rejection::new(StatusCode::NOT_FOUND, "what is called is no number")
        })?;
        let offer = match request.body.as_slice() {
            [] => None,
            body => Some(sdp::parse_description(body).map_err(|error| {
                self.count(Counted::UnusableOffer);
                Rejection::new(error.status(), error.what())
            })?),
        };
        Ok(RingsIn {
            carried: self.carried(request, &calling.origin),
            origin: calling.origin,
            from: calling.from,
            display: calling.display,
            to,
            offer,
            sip_call_id: request.call_id().unwrap_or_default().to_owned(),
            max_forwards: 0,
        })
    }

    /// Tells the floor of the call; without room there, the caller is to try again.
    fn take_in(
        &mut self,
        (session, peer): (SessionId, IpAddr),
        rings: RingsIn,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let full = || {
            self.count(Counted::Overload);
            Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "too many calls")
                .with(HeaderName::RetryAfter, RETRY_AFTER)
        };
        if self.legs.len() >= self.most_legs {
            return Err(full());
        }
        let leg = self.ports.legs.arriving();
        tracing::info!(
            %leg, sip_call_id = rings.sip_call_id, origin = ?rings.origin, from = ?rings.from,
            to = ?rings.to, "rings in"
        );
        let call_id = rings.sip_call_id.clone();
        let remote = Some(rings.to.clone());
        let (phone, trunk) = match &rings.origin {
            Origin::Phone(phone) => (Some(phone.clone()), None),
            Origin::Trunk(trunk) => (None, Some(trunk.clone())),
        };
        let from = trunk.clone().map(|trunk| (trunk, Some(peer)));
        let fact = LegFact::RingsIn(Box::new(rings));
        if let Err(Full(_)) = self.ports.inbox.put(Input::Leg { leg, fact }) {
            return Err(full());
        }
        self.unseen.told(leg, now);
        self.trace.leg(leg, &call_id, now);
        let number = self.next_number();
        let mut arriving = Leg::new(Phase::Arriving(session), Side::Caller, number);
        arriving.phone = phone;
        arriving.trunk = from;
        arriving.wanted = Wanted::by(body);
        arriving.remote = remote;
        self.legs.insert(leg, arriving);
        if let Some(trunk) = trunk {
            self.proves(session, &trunk, now);
        }
        Ok(())
    }

    /// A trunk is believed about who calls: it has asked (RFC 3325).
    fn trunk_calls(
        &mut self,
        request: &Request,
        source: &Source,
        now: Timestamp,
    ) -> Result<Calling, Rejection> {
        let trunk = match self.trunks.from_source(source.peer.ip()) {
            Some(trunk) => trunk,
            None if self.trunks.may_prove_at(source.peer.ip()) => {
                let account = self.identify(request, source, now)?;
                self.trunks.of_account(&account).ok_or_else(broken)?
            }
            None => {
                self.count(Counted::UnknownTrunk);
                return Err(Rejection::new(StatusCode::FORBIDDEN, "address is no trunk's"));
            }
        };
        let asserted =
            request.headers.addresses(&HeaderName::PAssertedIdentity).unwrap_or_default();
        let asserted = asserted.into_iter().find(|it| number_of(it).is_some());
        let from = asserted.or_else(|| request.from().ok()).filter(|_| !is_private(request));
        Ok(Calling {
            origin: Origin::Trunk(trunk.id.clone()),
            from: from.as_ref().and_then(number_of).or_else(anonymous).ok_or_else(broken)?,
            display: from.as_ref().and_then(name_of),
        })
    }

    /// A phone calls under its own name alone, or under none, where it wants not to be shown (RFC 3323
    /// §4.1.1): who it is, it has proven.
    pub(crate) fn phone_calls(
        &mut self,
        request: &Request,
        source: &Source,
        now: Timestamp,
    ) -> Result<Calling, Rejection> {
        let account = self.identify(request, source, now)?;
        let from = request.from().ok();
        let claimed = from.as_ref().and_then(|from| from.uri.user_name());
        let origin = Origin::Phone(account.phone.clone());
        let is_nobody = claimed.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(ANONYMOUS));
        if is_nobody || is_private(request) {
            return Ok(Calling { from: anonymous().ok_or_else(broken)?, display: None, origin });
        }
        if claimed.as_deref() != Some(account.phone.as_str()) {
            self.count(Counted::OtherIdentity);
            return Err(Rejection::new(StatusCode::FORBIDDEN, "from is not the phone that calls"));
        }
        Ok(Calling {
            from: account.phone.as_str().parse().map_err(|_| broken())?,
            display: account.display.clone().or_else(|| from.as_ref().and_then(name_of)),
            origin,
        })
    }
}

/// The number called: where the trunk says it; that of the Request-URI, or of To, where that names
/// only us.
fn dialled(request: &Request, trunk: Option<&Trunk>) -> Option<Number> {
    let to = || request.to().ok()?.uri.user_name();
    let elsewhere = match trunk.map(|trunk| trunk.dialled).unwrap_or_default() {
        Dialled::RequestUri => None,
        Dialled::To => to(),
        // Each forwarding was written above the one before.
        Dialled::Diversion => last_of(request, &HeaderName::Diversion),
        Dialled::HistoryInfo => first_of(request, &HeaderName::HistoryInfo),
    };
    if let Some(number) = elsewhere.as_deref().and_then(plain) {
        return Some(number);
    }
    let ours = trunk.filter(|it| it.registers.is_some()).and_then(|it| it.login.as_ref());
    let named = request.uri.user_name();
    let is_ours = ours.is_some_and(|login| named.as_deref() == Some(login.user()));
    let number = if is_ours { to().or(named) } else { named.or_else(to) };
    plain(&number?)
}

fn last_of(request: &Request, name: &HeaderName) -> Option<String> {
    request.headers.addresses(name).ok()?.last()?.uri.user_name()
}

fn first_of(request: &Request, name: &HeaderName) -> Option<String> {
    request.headers.addresses(name).ok()?.first()?.uri.user_name()
}

/// Whether the caller does not want to be shown: then whoever asserts who it is tells us alone
/// (RFC 3325 §7, RFC 3323 §4.2).
fn is_private(request: &Request) -> bool {
    let hides = |value: &[u8]| {
        let words = value.split(|octet| *octet == b';').map(<[u8]>::trim_ascii);
        let hiding: [&[u8]; 3] = [b"id", b"user", b"header"];
        words.into_iter().any(|word| hiding.iter().any(|it| it.eq_ignore_ascii_case(word)))
    };
    request.headers.all(&HeaderName::Privacy).any(hides)
}

fn number_of(address: &NameAddr) -> Option<Number> {
    plain(&address.uri.user_name()?)
}

/// The number without what people write between its digits (RFC 3966 §5.1.1) and after it.
fn plain(named: &str) -> Option<Number> {
    let number = named.split(';').next().unwrap_or_default();
    let kept: String = number.chars().filter(|c| !matches!(c, '(' | ')' | ' ')).collect();
    kept.parse().ok()
}

fn name_of(address: &NameAddr) -> Option<String> {
    let name: String =
        address.display_text().chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    (!name.is_empty()).then_some(name)
}

fn anonymous() -> Option<Number> {
    ANONYMOUS.parse().ok()
}

/// A phone's name that is no number cannot be shown to anybody.
fn broken() -> Rejection {
    Rejection::new(StatusCode::FORBIDDEN, "caller has no number")
}
