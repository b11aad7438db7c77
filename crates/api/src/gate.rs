//! What every request passes: counting, a time limit, and the question who asks.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::problem::{Kind, Problem};
use crate::provisioning;
use crate::token::Person;

/// How long a request may take until its answer begins.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest token that is looked at.
const LONGEST_TOKEN: usize = 512;

/// What the subprotocol that carries a token begins with, for browsers, whose WebSocket sends no
/// headers.
const PROTOCOL: &str = "bearer.";

/// What carries a token in an address.
const IN_QUERY: &str = "access_token=";

pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), told(request.uri().path()));
    let answer = tokio::time::timeout(PATIENCE, next.run(request)).await;
    let response = answer.unwrap_or_else(|_| Problem::from(Kind::TimedOut).into_response());
    tracing::debug!(%method, path, status = response.status().as_u16(), "request");
    app.counted.response(response.status());
    response
}

/// A path as the log may have it: what follows in those of phones is as good as a password.
fn told(path: &str) -> String {
    if path.starts_with(provisioning::PATH) {
        format!("{}…", provisioning::PATH)
    } else {
        path.into()
    }
}

pub(crate) async fn authenticate(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    match person(&app, &request) {
        Ok(person) => {
            request.extensions_mut().insert(person);
            hide_token(&mut request);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

fn person(app: &App, request: &Request) -> Result<Person, Problem> {
    let headers = request.headers();
    let token = bearer(headers)
        .or_else(|| of_protocol(headers))
        .or_else(|| of_query(request.uri().query().unwrap_or_default()));
    let token = token.filter(|token| !token.is_empty() && token.len() <= LONGEST_TOKEN);
    let holder = token.and_then(|token| app.wiring.tokens.holder(token));
    holder.ok_or_else(|| {
        app.counted.unauthorized();
        Kind::Unauthorized.into()
    })
}

/// Takes the token out of the address, so that nothing further in can show it or stumble over it.
fn hide_token(request: &mut Request) {
    let Some(query) = request.uri().query().filter(|query| of_query(query).is_some()) else {
        return;
    };
    let others = query.split('&').filter(|pair| !pair.starts_with(IN_QUERY));
    let address = format!("{}?{}", request.uri().path(), others.collect::<Vec<_>>().join("&"));
    if let Ok(address) = address.parse() {
        *request.uri_mut() = address;
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn of_protocol(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    value.split(',').find_map(|name| name.trim().strip_prefix(PROTOCOL))
}

/// The token in the address: players and WebSockets of browsers can send it in no other way. Our
/// tokens are letters and digits, so nothing needs unescaping.
fn of_query(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix(IN_QUERY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_told_no_token_of_a_phone() {
        assert_eq!(told("/provision/1001.1795740060.3.00ff/phone.json"), "/provision/…");
        assert_eq!(told("/v1/status"), "/v1/status");
    }
}
