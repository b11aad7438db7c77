//! Digest authentication (RFC 3261 §22, RFC 7616, RFC 8760), both sides, with MD5 and SHA-256 and
//! `qop=auth`.
//!
//! Secrets are kept as HA1: the hash of user, realm and password, one for each algorithm, so that
//! no password is stored. The server's nonces need no memory: they carry their time and a keyed
//! hash. Only what was used is remembered, bounded, so that nothing can be replayed. The `-sess`
//! variants and `auth-int` are refused: nobody needs them and they would widen what must be right.

mod client;
mod nonce;
mod params;
mod server;

#[cfg(test)]
mod tests;

use std::fmt;

use md5::Md5;
use sha2::{Digest, Sha256};

pub use client::{Login, challenged, choose, respond};
pub use nonce::{NonceKey, NonceSettings};
pub use server::{Attempt, Authenticator, Denial};

/// A hash algorithm of RFC 8760. In order of strength.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Algorithm {
    /// MD5: what older phones speak.
    Md5,
    /// SHA-256: preferred.
    Sha256,
}

impl Algorithm {
    /// All algorithms, in the order in which they are offered: the strongest first (RFC 8760 §2.4).
    pub const OFFERED: [Self; 2] = [Self::Sha256, Self::Md5];

    /// The name as written in headers and kept with secrets.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// The algorithm of this name, in any case; none for those we do not speak.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::OFFERED.into_iter().find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(name))
    }

    /// The hash of the parts joined by colons, in lower-case hexadecimal.
    fn hash(self, parts: &[&str]) -> String {
        match self {
            Self::Md5 => hash_of::<Md5>(parts),
            Self::Sha256 => hash_of::<Sha256>(parts),
        }
    }

    /// How many hexadecimal digits a hash has.
    const fn digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha256 => 64,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A secret: the hash of user, realm and password under one algorithm (RFC 7616 §3.4.2). Good for
/// that user in that realm alone. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1 {
    algorithm: Algorithm,
    hex: Box<str>,
}

impl Ha1 {
    /// The HA1 of a password.
    #[must_use]
    pub fn of(algorithm: Algorithm, user: &str, realm: &str, password: &str) -> Self {
        Self { algorithm, hex: algorithm.hash(&[user, realm, password]).into() }
    }

    /// The HA1 kept as these hexadecimal digits; none if they are not as many as the algorithm has.
    #[must_use]
    pub fn from_hex(algorithm: Algorithm, hex: &str) -> Option<Self> {
        let whole =
            hex.len() == algorithm.digits() && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        whole.then(|| Self { algorithm, hex: hex.to_ascii_lowercase().into() })
    }

    /// The algorithm it was made with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The hexadecimal digits, to keep them. As good as the password: never logged, never shown.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// The response to a challenge (RFC 7616 §3.4.1; §3.4.1 of RFC 2617 where there is no `qop`).
    fn response(&self, fields: &ResponseFields<'_>) -> String {
        let ha2 = self.algorithm.hash(&[fields.method, fields.uri]);
        match fields.protection {
            Some(Protection { nonce_count, cnonce }) => {
                let count = format!("{nonce_count:08x}");
                self.algorithm.hash(&[&self.hex, fields.nonce, &count, cnonce, "auth", &ha2])
            }
            None => self.algorithm.hash(&[&self.hex, fields.nonce, &ha2]),
        }
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Ha1({}, hidden)", self.algorithm)
    }
}

/// What a response is computed over, beside the secret.
struct ResponseFields<'a> {
    method: &'a str,
    uri: &'a str,
    nonce: &'a str,
    protection: Option<Protection<'a>>,
}

/// The fields that `qop=auth` adds.
#[derive(Clone, Copy)]
struct Protection<'a> {
    nonce_count: u32,
    cnonce: &'a str,
}

/// A challenge: the value of a `WWW-Authenticate` or `Proxy-Authenticate` header. `Display` writes
/// it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Challenge {
    /// The realm the secret must be good for.
    pub realm: String,
    /// To be given back with the response.
    pub nonce: String,
    /// To be given back unchanged.
    pub opaque: Option<String>,
    /// The hash to use.
    pub algorithm: Algorithm,
    /// Whether the secret was right and only the nonce too old: try again without asking anybody.
    pub stale: bool,
    /// Whether `qop=auth` is offered; without it the response is the weak one of RFC 2069.
    pub protected: bool,
}

/// A response to a challenge: the value of an `Authorization` or `Proxy-Authorization` header.
/// `Display` writes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credentials {
    /// Whose secret it is.
    pub user: String,
    /// The realm of the challenge.
    pub realm: String,
    /// The nonce of the challenge.
    pub nonce: String,
    /// The Request-URI, as the client wrote it.
    pub uri: String,
    /// The proof, in hexadecimal.
    pub response: String,
    /// The hash that was used.
    pub algorithm: Algorithm,
    /// The opaque value of the challenge.
    pub opaque: Option<String>,
    /// What `qop=auth` adds; without it the credentials are the weak ones of RFC 2069.
    pub protection: Option<Protected>,
}

/// The client's half of `qop=auth`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Protected {
    /// How many requests with this nonce the client has sent, from 1.
    pub nonce_count: u32,
    /// The client's own nonce.
    pub cnonce: String,
}

/// Why an authentication header could not be read. The place is the header; the text says what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DigestError {
    /// Another scheme than Digest.
    Scheme,
    /// Not a list of `name=value` with quotes closed, or a name twice.
    Syntax,
    /// A parameter that is needed is missing or empty.
    Missing(&'static str),
    /// An algorithm we do not speak, a `-sess` variant among them.
    Algorithm,
    /// A `qop` other than `auth`.
    Qop,
    /// `nc` is not eight hexadecimal digits.
    NonceCount,
}

impl fmt::Display for DigestError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => out.write_str("authentication scheme is not Digest"),
            Self::Syntax => out.write_str("digest parameters cannot be read"),
            Self::Missing(name) => write!(out, "digest parameter {name} is missing"),
            Self::Algorithm => out.write_str("digest algorithm is neither SHA-256 nor MD5"),
            Self::Qop => out.write_str("digest qop is not auth"),
            Self::NonceCount => out.write_str("digest nc is not eight hexadecimal digits"),
        }
    }
}

impl std::error::Error for DigestError {}

fn hash_of<D: Digest>(parts: &[&str]) -> String {
    let mut hash = D::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hash.update(b":");
        }
        hash.update(part.as_bytes());
    }
    to_hex(&hash.finalize())
}

/// Lower-case hexadecimal.
pub(crate) fn to_hex(octets: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
    let text = octets.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 0xf)]).collect();
    String::from_utf8(text).unwrap_or_default()
}
