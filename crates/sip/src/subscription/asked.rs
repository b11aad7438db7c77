//! What a SUBSCRIBE asks for, read from its header fields (RFC 6665 §3.1, §8.2).

use std::time::Duration;

use super::package::Package;
use super::{SubscribeRefusal, SubscriptionSettings};
use crate::header::{HeaderName, Params};
use crate::message::Request;
use crate::parse::scan;

/// What is remembered of a subscription is bounded: the octets of the fields that its dialog keeps.
const LONGEST_DIALOG: usize = 4_096;
/// A subscription shorter than we like is refused only when it is shorter than this
/// (RFC 6665 §4.2.1.1).
const NEVER_TOO_BRIEF: Duration = Duration::from_hours(1);

/// What a SUBSCRIBE asks for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) package: Package,
    /// Tells subscriptions of one dialog apart.
    pub(super) event_id: Option<String>,
    /// How long; nothing to fetch or to end.
    pub(super) lasts: Duration,
}

impl Asked {
    pub(super) fn of(
        request: &Request,
        settings: &SubscriptionSettings,
    ) -> Result<Self, SubscribeRefusal> {
        let (package, event_id) = event(request)?;
        acceptable(request, package)?;
        remembers_little(request)?;
        Ok(Self { package, event_id, lasts: span(request, settings)? })
    }
}

fn event(request: &Request) -> Result<(Package, Option<String>), SubscribeRefusal> {
    let value = request.headers.first(&HeaderName::Event).ok_or(SubscribeRefusal::BadEvent)?;
    let at = scan::find_outside(value, b';').unwrap_or(value.len());
    let (name, params) = scan::split_at_byte(value, at);
    let package = scan::token(scan::trim(name)).and_then(Package::named);
    let package = package.ok_or(SubscribeRefusal::BadEvent)?;
    if scan::trim(params).is_empty() {
        return Ok((package, None));
    }
    let malformed = SubscribeRefusal::Malformed("event cannot be read");
    let params = Params::parse_header(params).ok_or(malformed)?;
    Ok((package, params.value("id").map(ToOwned::to_owned)))
}

/// Whether the sender reads the package's bodies; an absent Accept stands for them.
fn acceptable(request: &Request, package: Package) -> Result<(), SubscribeRefusal> {
    if !request.headers.has(&HeaderName::Accept) {
        return Ok(());
    }
    let ours = [package.content_type(), "application/*", "*/*"];
    let fits = request.headers.list(&HeaderName::Accept).any(|range| {
        let range = range.split(|byte| *byte == b';').next().map(scan::trim).unwrap_or_default();
        ours.iter().any(|ours| ours.as_bytes().eq_ignore_ascii_case(range))
    });
    if fits { Ok(()) } else { Err(SubscribeRefusal::NotAcceptable) }
}

fn remembers_little(request: &Request) -> Result<(), SubscribeRefusal> {
    let kept = [
        HeaderName::CallId,
        HeaderName::From,
        HeaderName::To,
        HeaderName::Contact,
        HeaderName::RecordRoute,
        HeaderName::Event,
    ];
    let octets = kept.iter().flat_map(|name| request.headers.all(name)).map(<[u8]>::len).sum();
    if LONGEST_DIALOG < octets {
        return Err(SubscribeRefusal::Malformed("addresses are too long"));
    }
    Ok(())
}

fn span(request: &Request, settings: &SubscriptionSettings) -> Result<Duration, SubscribeRefusal> {
    let malformed = |_| SubscribeRefusal::Malformed("expires cannot be read");
    let Some(seconds) = request.headers.expires().map_err(malformed)? else {
        return Ok(settings.longest);
    };
    let asked = Duration::from_secs(seconds.into());
    if !asked.is_zero() && asked < settings.shortest && asked < NEVER_TOO_BRIEF {
        return Err(SubscribeRefusal::TooBrief(settings.shortest.as_secs()));
    }
    Ok(asked.min(settings.longest))
}
