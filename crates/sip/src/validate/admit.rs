//! Whether this server can do what a request needs (RFC 3261 §8.2.1 to §8.2.3).

use super::Violation;
use crate::header::{HeaderName, Headers};
use crate::message::{Method, Request, StatusCode};

/// What a server can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Abilities<'a> {
    /// The methods it answers.
    pub methods: &'a [Method],
    /// The option tags it understands.
    pub extensions: &'a [&'a str],
    /// The media types of bodies it reads, in lower case.
    pub content_types: &'a [&'a str],
    /// The media type of the bodies it answers with.
    pub answers_with: &'a str,
}

/// Whether the server can do what the request needs. ACK and CANCEL are never refused: they
/// have no response of this kind (§8.2.2.3 and §9.2).
///
/// # Errors
/// 501 or 405 with Allow, 416, 420 with Unsupported, 415 or 406 with Accept.
pub fn admit(request: &Request, abilities: &Abilities<'_>) -> Result<(), Violation> {
    if matches!(request.method, Method::Ack | Method::Cancel) {
        return Ok(());
    }
    method(request, abilities)?;
    if !request.uri.is_sip() {
        return Err(refuse(StatusCode::UNSUPPORTED_URI_SCHEME, None, "scheme is not sip"));
    }
    extensions(&request.headers, abilities)?;
    content(request, abilities)?;
    acceptable(request, abilities)
}

fn method(request: &Request, abilities: &Abilities<'_>) -> Result<(), Violation> {
    if abilities.methods.contains(&request.method) {
        return Ok(());
    }
    let allow = abilities.methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    let unknown = matches!(request.method, Method::Other(_));
    let status = if unknown { StatusCode::NOT_IMPLEMENTED } else { StatusCode::METHOD_NOT_ALLOWED };
    let extra = vec![(HeaderName::Allow, allow)];
    Err(Violation { extra, ..refuse(status, None, "method is not supported") })
}

fn extensions(headers: &Headers, abilities: &Abilities<'_>) -> Result<(), Violation> {
    let known =
        |tag: &[u8]| abilities.extensions.iter().any(|it| it.as_bytes().eq_ignore_ascii_case(tag));
    for name in [HeaderName::Require, HeaderName::ProxyRequire] {
        let unknown: Vec<_> = headers
            .list(&name)
            .filter(|tag| !known(tag))
            .map(|tag| String::from_utf8_lossy(tag).into_owned())
            .collect();
        if !unknown.is_empty() {
            let extra = vec![(HeaderName::Unsupported, unknown.join(", "))];
            let what = "extension is not supported";
            return Err(Violation { extra, ..refuse(StatusCode::BAD_EXTENSION, Some(name), what) });
        }
    }
    Ok(())
}

/// A body nobody reads is refused, unless its sender called it optional (§8.2.3).
fn content(request: &Request, abilities: &Abilities<'_>) -> Result<(), Violation> {
    let optional = request
        .headers
        .text(&HeaderName::ContentDisposition)
        .is_some_and(|value| value.to_ascii_lowercase().contains("handling=optional"));
    if request.body.is_empty() || optional {
        return Ok(());
    }
    let kind = request.headers.content_type().unwrap_or_default();
    let encoding = request.headers.text(&HeaderName::ContentEncoding).unwrap_or("identity");
    if abilities.content_types.contains(&kind.as_str()) && encoding.eq_ignore_ascii_case("identity")
    {
        return Ok(());
    }
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    let extra = vec![
        (HeaderName::Accept, abilities.content_types.join(", ")),
        (HeaderName::AcceptEncoding, "identity".to_owned()),
    ];
    let what = "content type is not supported";
    Err(Violation { extra, ..refuse(status, Some(HeaderName::ContentType), what) })
}

/// An INVITE whose sender reads none of our answers is refused; an absent Accept stands for
/// `application/sdp` (§20.1).
fn acceptable(request: &Request, abilities: &Abilities<'_>) -> Result<(), Violation> {
    let headers = &request.headers;
    if request.method != Method::Invite || !headers.has(&HeaderName::Accept) {
        return Ok(());
    }
    let main = abilities.answers_with.split('/').next().unwrap_or_default();
    let ranges = [abilities.answers_with.to_owned(), format!("{main}/*"), "*/*".to_owned()];
    let fits = headers.list(&HeaderName::Accept).any(|range| {
        let range = range.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        ranges.iter().any(|ours| ours.as_bytes().eq_ignore_ascii_case(range))
    });
    if fits {
        return Ok(());
    }
    let what = "sender reads none of our answers";
    Err(refuse(StatusCode::NOT_ACCEPTABLE, Some(HeaderName::Accept), what))
}

fn refuse(status: StatusCode, header: Option<HeaderName>, what: &'static str) -> Violation {
    Violation { status, header, what, extra: Vec::new() }
}
