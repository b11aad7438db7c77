//! The server's side: challenges, and the check of what comes back.

use std::net::IpAddr;

use model::Timestamp;
use subtle::ConstantTimeEq;

use super::nonce::{NonceKey, NonceSettings, Nonces};
use super::{Algorithm, Challenge, Credentials, Ha1, Protection, ResponseFields};
use crate::uri::Uri;

/// Challenges and checks the requests of one realm.
#[derive(Debug)]
pub struct Authenticator {
    realm: String,
    nonces: Nonces,
    nobody: [Ha1; 2],
}

/// A request that carries credentials.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The request's method.
    pub method: &'a str,
    /// The Request-URI as received.
    pub uri: &'a str,
    /// What the client sent.
    pub credentials: &'a Credentials,
}

/// Why an attempt failed. The answer is the same challenge for all but [`Denial::Stale`], which
/// says so in the challenge; the reason is for counters and logs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Denial {
    /// No such user, or no secret under that algorithm.
    UnknownUser,
    /// The proof is wrong.
    WrongSecret,
    /// The nonce is not ours, and the proof not looked at; or the proof is right, the nonce too old or
    /// its count already used.
    Stale,
    /// Made for another realm.
    OtherRealm,
    /// Made for another Request-URI (RFC 3261 §22.4).
    OtherUri,
    /// Without `qop=auth` nothing would protect from replay.
    Unprotected,
}

impl Denial {
    /// The reason in words, the value of a counter's label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownUser => "unknown_user",
            Self::WrongSecret => "wrong_secret",
            Self::Stale => "stale_nonce",
            Self::OtherRealm => "other_realm",
            Self::OtherUri => "other_uri",
            Self::Unprotected => "unprotected",
        }
    }
}

impl Authenticator {
    /// An authenticator of this realm.
    #[must_use]
    pub fn new(realm: &str, settings: NonceSettings, key: NonceKey) -> Self {
        let nobody = Algorithm::OFFERED.map(|algorithm| Ha1::of(algorithm, "", realm, ""));
        Self { realm: realm.to_owned(), nonces: Nonces::new(settings, key), nobody }
    }

    /// The realm secrets must be made for.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The challenges to send to this address, in the order of their headers; `denial` is why the last
    /// attempt failed, if there was one.
    #[must_use]
    pub fn challenges(
        &mut self,
        denial: Option<Denial>,
        source: IpAddr,
        now: Timestamp,
    ) -> [Challenge; 2] {
        let nonce = self.nonces.give(source, now);
        Algorithm::OFFERED.map(|algorithm| Challenge {
            realm: self.realm.clone(),
            nonce: nonce.clone(),
            opaque: None,
            algorithm,
            stale: denial == Some(Denial::Stale),
            protected: true,
        })
    }

    /// Whether these credentials bring back a nonce that was given to this address: whoever sent them
    /// hears what is sent there, and has not only written it on a datagram.
    #[must_use]
    pub fn gave(&self, credentials: &Credentials, source: IpAddr) -> bool {
        self.nonces.gave(&credentials.nonce, source)
    }

    /// Checks an attempt against the secrets of the user it names; none for a user who is unknown,
    /// which takes as long as a wrong secret.
    ///
    /// # Errors
    /// Why it failed.
    pub fn check(
        &mut self,
        attempt: &Attempt<'_>,
        secrets: Option<&[Ha1]>,
        now: Timestamp,
    ) -> Result<(), Denial> {
        let Credentials { realm, nonce, uri, algorithm, .. } = attempt.credentials;
        if *realm != self.realm {
            return Err(Denial::OtherRealm);
        }
        let Some(protection) = &attempt.credentials.protection else {
            return Err(Denial::Unprotected);
        };
        // Whoever makes nonces up learns nothing of who exists or which secret is right.
        if !self.nonces.made(nonce) {
            return Err(Denial::Stale);
        }
        let of_algorithm = |secret: &&Ha1| secret.algorithm() == *algorithm;
        let known = secrets.and_then(|secrets| secrets.iter().find(of_algorithm));
        // The hash is computed for nobody too: how long we take tells nothing about who exists.
        let secret = known.or_else(|| self.nobody.iter().find(of_algorithm));
        let expected = secret.map(|secret| {
            secret.response(&ResponseFields {
                method: attempt.method,
                uri,
                nonce,
                protection: Some(Protection {
                    nonce_count: protection.nonce_count,
                    cnonce: &protection.cnonce,
                }),
            })
        });
        let given = attempt.credentials.response.to_ascii_lowercase();
        let right =
            expected.is_some_and(|expected| expected.as_bytes().ct_eq(given.as_bytes()).into());
        match known {
            None => Err(Denial::UnknownUser),
            Some(_) if !right => Err(Denial::WrongSecret),
            Some(_) if !same_resource(uri, attempt.uri) => Err(Denial::OtherUri),
            Some(_) if !self.nonces.spend(nonce, protection.nonce_count, now) => Err(Denial::Stale),
            Some(_) => Ok(()),
        }
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.nonces.remembered()
    }
}

/// Whether the URI that was hashed names what was asked for (RFC 3261 §22.4, item 5).
fn same_resource(hashed: &str, requested: &str) -> bool {
    hashed == requested
        || matches!((hashed.parse::<Uri>(), requested.parse::<Uri>()), (Ok(a), Ok(b)) if a.is_equivalent(&b))
}
