//! The certificate of one run of the service, shown in handshakes (DTLS-SRTP, RFC 5763).
//!
//! Nobody vouches for it: signalling carries its fingerprint.

use std::fmt;
use std::sync::Arc;

use clock::Clock;
use dimpl::crypto::rust_crypto;
use dimpl::{Config, Dtls, DtlsCertificate};
use model::{Fingerprint, Timestamp};
use rcgen::{CertificateParams, DnType, KeyPair};
use sha2::{Digest, Sha256};

/// A certificate with its key, and how hands are shaken with it.
pub(crate) struct Identity {
    certificate: DtlsCertificate,
    config: Arc<Config>,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) clock: Clock,
}

impl fmt::Debug for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Identity({:?})", self.fingerprint)
    }
}

impl Identity {
    /// A new one.
    ///
    /// # Errors
    /// What is wrong, for a person.
    pub(crate) fn new(clock: Clock) -> Result<Self, String> {
        let (der, key) = certificate().map_err(|error| format!("no certificate: {error}"))?;
        let config = Config::builder()
            .with_crypto_provider(rust_crypto::default_provider())
            .build()
            .map_err(|error| format!("handshakes cannot be set up: {error}"))?;
        let fingerprint = fingerprint_of(&der);
        let certificate = DtlsCertificate { certificate: der, private_key: key };
        Ok(Self { certificate, config: Arc::new(config), fingerprint, clock })
    }

    /// Our end of a handshake.
    pub(crate) fn end(&self, now: Timestamp) -> Dtls {
        Dtls::new_auto(Arc::clone(&self.config), self.certificate.clone(), self.clock.instant(now))
    }
}

/// SHA-256 of a certificate.
pub(crate) fn fingerprint_of(certificate: &[u8]) -> Fingerprint {
    Fingerprint(Sha256::digest(certificate).into())
}

/// Self-signed, with a key on the curve P-256; says nothing of whose it is.
fn certificate() -> Result<(Vec<u8>, Vec<u8>), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "hotline");
    let certificate = params.self_signed(&key)?;
    Ok((certificate.der().to_vec(), key.serialize_der()))
}
