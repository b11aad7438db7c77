//! Phones set up by an address of their own (话机配置): issued by an administrator, fetched by phones.
//!
//! The address is the authority: who has it needs no token, and gets the phone's password. So it is
//! signed, it expires, it is worthless once another was issued, and every fetch is on disk in the log
//! before anything is handed out. Whoever brings one that is not good learns nothing but that nothing
//! is there.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use model::{Actor, EventKind, PhoneId, Refusal, Timestamp};
use provision::{Denial, File, Grant, Place, Setup};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::App;
use crate::metrics::Sample;
use crate::problem::{Kind, Problem};
use crate::request::{Named, Octets, body};
use crate::serve::Peer;
use crate::status;
use crate::token::{Person, Right};

/// What the paths of phones begin with; what follows is a secret.
pub(crate) const PATH: &str = "/provision/";

/// The files that are offered by name; desk phones ask for theirs by themselves.
const FILES: [&str; 6] =
    ["qr.svg", "sip.svg", "linphone.xml", "baresip.txt", "microsip.ini", "phone.json"];

/// The most files of one phone in [`WITHIN`]: each is an event on disk.
const MOST_FETCHES: u32 = 60;

/// The time in which they count, and the time between two lines of log about addresses that are not
/// good.
const WITHIN: Duration = Duration::from_mins(1);

/// The longest `Host` that addresses are made with.
const LONGEST_HOST: usize = 200;

/// What was issued. `Debug` hides the token.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// What it allows.
    pub grant: Grant,
    /// The secret part of the address.
    pub token: String,
}

impl fmt::Debug for Issued {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Issued({:?}, hidden)", self.grant)
    }
}

/// Why nothing was issued or revoked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotIssued {
    /// No phone has this name.
    PhoneUnknown,
    /// The environment gives its password.
    SecretFixed,
    /// The secrets cannot be written.
    Unwritable,
    /// Signalling has ended.
    Unavailable,
}

/// Who issues passwords and knows which are good.
pub trait Provisioning: Send + Sync {
    /// Gives a phone another password, at once; the address is good for `valid`.
    fn issue(&self, phone: PhoneId, valid: Duration) -> BoxFuture<'_, Result<Issued, NotIssued>>;

    /// Takes a phone's password away, at once, and makes its address worthless.
    fn revoke(&self, phone: PhoneId) -> BoxFuture<'_, Result<(), NotIssued>>;

    /// What a phone that brings this token must be told.
    ///
    /// # Errors
    /// Why the token is not good.
    fn open(&self, token: &str) -> Result<(Grant, Setup), Denial>;

    /// What addresses begin with, where it is said.
    fn url(&self) -> Option<&str>;

    /// How long an address is good, at most.
    fn valid(&self) -> Duration;
}

/// What is counted here, and what must not be done too often.
#[derive(Debug, Default)]
pub(crate) struct Fetches {
    served: AtomicU64,
    denied: [AtomicU64; Denial::ALL.len()],
    lately: Mutex<Lately>,
}

#[derive(Debug, Default)]
struct Lately {
    /// Since when each phone's files are counted, and how many they are.
    fetched: BTreeMap<PhoneId, (Timestamp, u32)>,
    /// When an address that was not good was last told of, and how many came since.
    told: Option<Timestamp>,
    untold: u64,
}

impl Fetches {
    /// Whether the phone may have another file.
    fn admits(&self, phone: &PhoneId, now: Timestamp) -> bool {
        let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        // Only who has a good address gets here: there are no more of them than phones.
        let (since, count) = lately.fetched.entry(phone.clone()).or_insert((now, 0));
        if now.since(*since) >= WITHIN {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= MOST_FETCHES
    }

    /// Counts one that was not good, and says so in the log now and then.
    fn denied(&self, denial: Denial, source: &str, now: Timestamp) {
        if let Some(count) = self.denied.get(denial as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        lately.untold += 1;
        if lately.told.is_none_or(|told| now.since(told) >= WITHIN) {
            let (why, times) = (denial.as_str(), std::mem::take(&mut lately.untold));
            lately.told = Some(now);
            tracing::warn!(source, why, times, "an address of a phone's configuration is not good");
        }
    }

    pub(crate) fn samples(&self) -> Vec<Sample> {
        let sample = |result: &str, count: &AtomicU64| Sample {
            name: "hotline_provisioning_total",
            help: "Files that phones were set up by, by what became of the request.",
            labels: vec![("result", result.to_owned())],
            value: crate::metrics::figure(count.load(Ordering::Relaxed)),
        };
        let denied = Denial::ALL.iter().zip(&self.denied);
        let denied = denied.map(|(denial, count)| sample(denial.as_str(), count));
        std::iter::once(sample("served", &self.served)).chain(denied).collect()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    url_base: Option<String>,
    valid_ms: Option<u64>,
}

#[derive(Serialize)]
pub(crate) struct Answer {
    phone: PhoneId,
    generation: u64,
    expires_at: Timestamp,
    /// What desk phones are given.
    url: String,
    /// What Linphone is given, and its QR code says.
    linphone: String,
    /// Files that are there beside those that desk phones ask for.
    files: Vec<String>,
}

pub(crate) async fn issue(
    State(app): State<Arc<App>>,
    person: Person,
    Named(phone): Named,
    headers: HeaderMap,
    octets: Octets,
) -> Result<Json<Answer>, Problem> {
    person.may(Right::Phones)?;
    let wanted: Wanted = body(&octets)?;
    let base = base(&app, wanted.url_base.as_deref(), &headers)?;
    let provisioning = &app.wiring.provisioning;
    let most = provisioning.valid();
    let valid = wanted.valid_ms.map_or(most, Duration::from_millis);
    if valid < Duration::from_secs(1) || valid > most {
        let detail = format!("valid_ms is between 1000 and {}", most.as_millis());
        return Err(Problem::new(Kind::BodyMalformed, detail));
    }
    let Issued { grant, token } = provisioning.issue(PhoneId::from(phone.as_str()), valid).await?;
    let Grant { phone, generation, expires_at } = grant;
    let generation = generation.number();
    let kind = EventKind::PhoneProvisioned { phone: phone.clone(), generation, expires_at };
    noted(&app, person.actor(), kind).await?;
    let place = Place::new(&base, &token);
    Ok(Json(Answer {
        phone,
        generation,
        expires_at,
        url: place.address().to_owned(),
        linphone: place.linphone(),
        files: FILES.map(|file| format!("{}{file}", place.address())).to_vec(),
    }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    person: Person,
    Named(phone): Named,
    octets: Octets,
) -> Result<Json<Value>, Problem> {
    person.may(Right::Phones)?;
    let Nothing {} = body(&octets)?;
    let phone = PhoneId::from(phone.as_str());
    app.wiring.provisioning.revoke(phone.clone()).await?;
    let kind = EventKind::PhoneRevoked { phone: phone.clone() };
    noted(&app, person.actor(), kind).await?;
    Ok(Json(json!({ "revoked": phone })))
}

/// What a phone asks for. HEAD is answered like GET, and counts like it.
pub(crate) async fn fetch(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, axum::extract::rejection::PathRejection>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let nothing = || Problem::from(Kind::PathUnknown);
    let Path((token, name)) = path.map_err(|_| nothing())?;
    let (fetches, now) = (&app.fetches, app.wiring.clock.now());
    let source = peer.map_or_else(String::new, |Extension(Peer(peer))| shown(peer.ip()));
    let (grant, setup) = app.wiring.provisioning.open(&token).map_err(|denial| {
        fetches.denied(denial, &source, now);
        nothing()
    })?;
    // Phones ask for more than there is: firmware, ring tones, address books.
    let file = File::named(&name).ok_or_else(nothing)?;
    if !fetches.admits(&grant.phone, now) {
        return Err(Kind::TooManyFetches.into());
    }
    let place = Place::new(&base(&app, None, &headers)?, &token);
    let served = file.render(&setup, &place).map_err(|_| nothing())?;
    let (phone, file) = (&grant.phone, file.as_str());
    tracing::info!(%phone, file, source, "a phone's configuration is fetched");
    let kind = EventKind::PhoneConfigFetched {
        phone: phone.clone(),
        generation: grant.generation.number(),
        file: file.to_owned(),
        source,
    };
    noted(&app, Actor::user(phone.as_str(), "provisioning"), kind).await?;
    fetches.served.fetch_add(1, Ordering::Relaxed);
    let mut response = served.body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(served.media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// Puts it into the log, and waits until it is on disk.
async fn noted(app: &App, actor: Actor, kind: EventKind) -> Result<(), Problem> {
    app.wiring.floor.note(actor.clone(), None, kind)?;
    status::written(app, actor).await
}

/// What addresses begin with: what was asked for, what is configured, or as we were reached.
fn base(app: &App, asked: Option<&str>, headers: &HeaderMap) -> Result<String, Problem> {
    if let Some(asked) = asked {
        let refused =
            || Problem::new(Kind::BodyMalformed, "url_base is no beginning of an address");
        return is_url(asked).then(|| asked.to_owned()).ok_or_else(refused);
    }
    if let Some(url) = app.wiring.provisioning.url() {
        return Ok(url.to_owned());
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let url = format!("http://{host}");
    let refused = || Problem::new(Kind::QueryMalformed, "the Host header cannot be used");
    is_url(&url).then_some(url).ok_or_else(refused)
}

/// Whether addresses can begin so: with `http` or `https` and a host, and nothing that ends a path.
#[must_use]
pub fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '_' | '/' | '[' | ']');
    text.len() <= LONGEST_HOST
        && rest.is_some_and(|rest| {
            rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
                && rest.chars().all(is_plain)
        })
}

fn shown(address: IpAddr) -> String {
    address.to_canonical().to_string()
}

impl From<NotIssued> for Problem {
    fn from(why: NotIssued) -> Self {
        match why {
            NotIssued::PhoneUnknown => Refusal::PhoneUnknown.into(),
            NotIssued::SecretFixed => Kind::PhoneSecretFixed.into(),
            NotIssued::Unwritable => Kind::SecretsUnwritable.into(),
            NotIssued::Unavailable => Refusal::Unavailable.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_begins_with_http_and_a_host_and_ends_nothing() {
        for text in ["https://pbx.example.cn", "http://10.0.0.5:8080", "http://[::1]:80/a/b"] {
            assert!(is_url(text), "{text}");
        }
        for text in ["", "https://", "ftp://a", "pbx.example.cn", "https:///a", "http://a b"] {
            assert!(!is_url(text), "{text}");
        }
        for text in ["http://a?b", "http://a#b", "http://u@a", "http://a\"b", "http://a\nb"] {
            assert!(!is_url(text), "{text}");
        }
    }

    #[test]
    fn a_phone_may_have_so_many_files_in_a_while_and_no_more() {
        let (fetches, phone) = (Fetches::default(), PhoneId::from("1001"));
        let at = |seconds: u64| Timestamp::from_secs(1_000 + seconds);
        let admitted = |at| (0..100).filter(|_| fetches.admits(&phone, at)).count();
        assert_eq!((admitted(at(0)), admitted(at(59)), admitted(at(60))), (60, 0, 60));
        assert!(fetches.admits(&"1002".into(), at(59)));
    }

    #[test]
    fn each_denial_has_its_own_number() {
        let fetches = Fetches::default();
        for (turn, denial) in Denial::ALL.into_iter().enumerate() {
            (0..=turn).for_each(|_| fetches.denied(denial, "", Timestamp::EPOCH));
        }
        let values: Vec<_> = fetches.samples().into_iter().map(|it| it.value).collect();
        assert_eq!(values, [0.0, 1.0, 2.0, 3.0, 4.0]);
    }
}
