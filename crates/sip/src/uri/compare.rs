//! When two URIs name the same resource (RFC 3261 §19.1.4, RFC 3966 §4).

use super::{Scheme, Uri, escape};
use crate::header::{Param, Params};

/// Parameters that must be in both or in neither.
const TELLING: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

pub(super) fn equivalent(one: &Uri, two: &Uri) -> bool {
    if one.scheme != two.scheme {
        return false;
    }
    match one.scheme {
        Scheme::Sip | Scheme::Sips => sip(one, two),
        Scheme::Tel => number(one) == number(two) && params(&one.params, &two.params),
        Scheme::Other(_) => one == two,
    }
}

fn sip(one: &Uri, two: &Uri) -> bool {
    // Cheap things first: a phone's contacts are compared whenever it registers.
    one.port == two.port
        && one.host.is_equivalent(&two.host)
        && text(one.user.as_deref(), two.user.as_deref())
        && text(one.password.as_deref(), two.password.as_deref())
        && params(&one.params, &two.params)
        && (one.headers == two.headers || headers(one) == headers(two))
}

/// Whether both mean the same unescaped.
fn text(one: Option<&str>, two: Option<&str>) -> bool {
    one == two || one.map(escape::undo_unreserved) == two.map(escape::undo_unreserved)
}

fn params(one: &Params, two: &Params) -> bool {
    if one == two {
        return true;
    }
    let agree = |one: &Params, two: &Params| {
        one.iter().all(|param| {
            let named = |other: &&Param| other.name.eq_ignore_ascii_case(&param.name);
            if two.has(&param.name) {
                // One that is there twice, though it must not be, still equals itself.
                let value = folded(param.value.as_deref());
                two.iter().filter(named).any(|other| folded(other.value.as_deref()) == value)
            } else {
                !TELLING.iter().any(|name| name.eq_ignore_ascii_case(&param.name))
            }
        })
    };
    agree(one, two) && agree(two, one)
}

fn folded(value: Option<&str>) -> Option<Vec<u8>> {
    value.map(|value| escape::undo_unreserved(value).to_ascii_lowercase())
}

/// The header components, whose order does not matter.
fn headers(uri: &Uri) -> Vec<Vec<u8>> {
    let text = uri.headers.as_deref().unwrap_or_default();
    let mut headers: Vec<_> =
        text.split('&').map(|part| escape::undo_unreserved(part).to_ascii_lowercase()).collect();
    headers.sort();
    headers
}

/// The digits without the separators written for the eye.
fn number(uri: &Uri) -> String {
    let text = uri.user.as_deref().unwrap_or_default();
    text.chars().filter(|c| !"-.()".contains(*c)).collect::<String>().to_ascii_lowercase()
}
