//! The client's side: choosing a challenge and answering it.

use super::{Algorithm, Challenge, Credentials, Ha1, Protected, Protection, ResponseFields};
use crate::header::HeaderName;
use crate::message::{Response, StatusCode};

/// Who answers a challenge: a trunk's account or a phone's.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// A user and the password itself: good for any realm and algorithm.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// A user and its stored secrets: good for their realm and algorithms.
    Secrets {
        /// The user.
        user: String,
        /// The secrets.
        secrets: Vec<Ha1>,
    },
}

impl Login {
    /// The user.
    #[must_use]
    pub fn user(&self) -> &str {
        match self {
            Self::Password { user, .. } | Self::Secrets { user, .. } => user,
        }
    }

    fn secret(&self, realm: &str, algorithm: Algorithm) -> Option<Ha1> {
        match self {
            Self::Password { user, password } => Some(Ha1::of(algorithm, user, realm, password)),
            Self::Secrets { secrets, .. } => {
                secrets.iter().find(|secret| secret.algorithm() == algorithm).cloned()
            }
        }
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Login({}, hidden)", self.user())
    }
}

/// The challenges of a 401 or 407 that can be read, and the field in which one is answered
/// (RFC 3261 §22.2, §22.3); none for other responses.
#[must_use]
pub fn challenged(response: &Response) -> Option<(HeaderName, Vec<Challenge>)> {
    let (asked, answered) = match response.status {
        StatusCode::UNAUTHORIZED => (HeaderName::WwwAuthenticate, HeaderName::Authorization),
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            (HeaderName::ProxyAuthenticate, HeaderName::ProxyAuthorization)
        }
        _ => return None,
    };
    let values = response.headers.all(&asked);
    let read = values.filter_map(|it| Challenge::parse(std::str::from_utf8(it).ok()?).ok());
    Some((answered, read.collect()))
}

/// The challenge to answer: the first in the server's order that this login has a secret for
/// (RFC 8760 §2.4).
#[must_use]
pub fn choose<'a>(challenges: &'a [Challenge], login: &Login) -> Option<&'a Challenge> {
    challenges
        .iter()
        .find(|challenge| login.secret(&challenge.realm, challenge.algorithm).is_some())
}

/// The credentials that answer `challenge` for a request `(method, Request-URI)`. `protected` is
/// the client's half: a nonce of its own choice and how often it has used the challenge's nonce,
/// this time included. None when the login has no secret for the challenge's algorithm.
#[must_use]
pub fn respond(
    challenge: &Challenge,
    login: &Login,
    (method, uri): (&str, &str),
    protected: Protected,
) -> Option<Credentials> {
    let secret = login.secret(&challenge.realm, challenge.algorithm)?;
    let protected = challenge.protected.then_some(protected);
    let protection = protected
        .as_ref()
        .map(|half| Protection { nonce_count: half.nonce_count, cnonce: &half.cnonce });
    let fields = ResponseFields { method, uri, nonce: &challenge.nonce, protection };
    Some(Credentials {
        user: login.user().to_owned(),
        realm: challenge.realm.clone(),
        nonce: challenge.nonce.clone(),
        uri: uri.to_owned(),
        response: secret.response(&fields),
        algorithm: challenge.algorithm,
        opaque: challenge.opaque.clone(),
        protection: protected,
    })
}
