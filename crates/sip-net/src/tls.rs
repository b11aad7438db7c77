//! TLS: certificates out of files, put in place anew while connections last.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use model::{Timestamp, TrunkId};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{CertificateError, ClientConfig, Error, RootCertStore, ServerConfig};

/// Where certificates are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// Our certificate and those above it, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// The authorities whose certificates clients must show; they need none where this is none.
    pub client_ca: Option<PathBuf>,
}

/// Our side of TLS as a server. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Tls {
    files: Arc<TlsFiles>,
    current: Current<ServerConfig>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Tls").field(&self.files).finish()
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`] with the file that cannot be used.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let current = Current::of(server(&files)?);
        Ok(Self { files: Arc::new(files), current })
    }

    /// Reads the files again; connections from now on are made with them, others go on.
    ///
    /// # Errors
    /// [`TlsError`] with the file that cannot be used; then all is as before.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.current.put(server(&self.files)?);
        Ok(())
    }

    /// The file of the certificate.
    #[must_use]
    pub fn certificate(&self) -> &Path {
        &self.files.certificate
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.current.get()
    }
}

/// Where what we call trunks with is, over TLS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsClientFiles {
    /// The authorities we believe, PEM.
    pub ca: PathBuf,
    /// The certificate, and its key, that we show where we are asked for one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Our side of TLS as a client of trunks. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct TlsClient {
    files: Arc<TlsClientFiles>,
    current: Current<ClientConfig>,
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("TlsClient").field(&self.files).finish()
    }
}

impl TlsClient {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`] with the file that cannot be used.
    pub fn load(files: TlsClientFiles) -> Result<Self, TlsError> {
        let current = Current::of(client(&files)?);
        Ok(Self { files: Arc::new(files), current })
    }

    /// Reads the files again; connections from now on are made with them, others go on.
    ///
    /// # Errors
    /// [`TlsError`] with the file that cannot be used; then all is as before.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.current.put(client(&self.files)?);
        Ok(())
    }

    /// The file of the authorities.
    #[must_use]
    pub fn ca(&self) -> &Path {
        &self.files.ca
    }

    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        self.current.get()
    }
}

/// What connections are made with from now on. The whole of it is put in place anew: sessions that
/// could be resumed end with the authorities that stood for them.
struct Current<T>(Arc<RwLock<Arc<T>>>);

impl<T> Clone for Current<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Current<T> {
    fn of(config: T) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(config))))
    }

    fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, config: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }
}

fn server(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let TlsFiles { certificate, key, client_ca } = files;
    let provider = provider();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::new(certificate, error.to_string()))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let roots = Arc::new(authorities(file)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                .build()
                .map_err(|error| TlsError::new(file, error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    builder
        .with_single_cert(chain(certificate)?, private_key(key)?)
        .map_err(|error| TlsError::new(key, error.to_string()))
}

fn client(files: &TlsClientFiles) -> Result<ClientConfig, TlsError> {
    let TlsClientFiles { ca, identity } = files;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::new(ca, error.to_string()))?
        .with_root_certificates(authorities(ca)?);
    let Some((certificate, key)) = identity else { return Ok(builder.with_no_client_auth()) };
    builder
        .with_client_auth_cert(chain(certificate)?, private_key(key)?)
        .map_err(|error| TlsError::new(key, error.to_string()))
}

/// Why nobody believes a certificate that is sound otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dates {
    /// It is not valid yet.
    NotYet,
    /// It has expired.
    Over,
}

/// Whether the certificate of this file is out of date at this time; none where it is not, and where
/// it cannot be read, which [`Tls::load`] tells.
#[must_use]
pub fn out_of_date(certificate: &Path, at: Timestamp) -> Option<Dates> {
    let chain = chain(certificate).ok()?;
    let certificate = ParsedCertificate::try_from(chain.first()?).ok()?;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at.as_secs()));
    let algorithms = provider().signature_verification_algorithms.all;
    // Nobody is believed here, so it always fails; its dates are looked at before its issuer.
    let nobody = RootCertStore::empty();
    match verify_server_cert_signed_by_trust_anchor(&certificate, &nobody, &[], at, algorithms) {
        Err(Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => Some(Dates::Over),
        Err(Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        )) => Some(Dates::NotYet),
        Ok(()) | Err(_) => None,
    }
}

/// Whom a certificate that we are shown must be for.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// None where we call back somebody who is no trunk.
    pub(crate) trunk: Option<TrunkId>,
    pub(crate) name: ServerName<'static>,
}

/// The name that a server's certificate must be for: the host we call it by, or its address.
pub(crate) fn server_name(host: Option<String>, address: IpAddr) -> ServerName<'static> {
    let named = host.and_then(|host| ServerName::try_from(host).ok());
    named.unwrap_or_else(|| ServerName::IpAddress(address.into()))
}

/// A name that a certificate may be for; none where nothing could be.
pub(crate) fn name(name: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(name.to_owned()).ok()
}

/// Whether a certificate is for this name: one of its subjectAltNames is (RFC 5922 §7.2; names of
/// hosts and addresses, no URIs).
pub(crate) fn is_for(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> bool {
    ParsedCertificate::try_from(certificate).is_ok_and(|it| verify_server_name(&it, name).is_ok())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(chain) if chain.is_empty() => Err(TlsError::new(file, "holds no certificate".into())),
        Ok(chain) => Ok(chain),
        Err(error) => Err(TlsError::new(file, pem_fault(&error, "certificate"))),
    }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(file)
        .map_err(|error| TlsError::new(file, pem_fault(&error, "private key")))
}

fn authorities(file: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(chain(file)?);
    if added == 0 {
        return Err(TlsError::new(file, "holds no authority's certificate".into()));
    }
    Ok(roots)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the library may find more wrong with a file")]
fn pem_fault(error: &pem::Error, wanted: &str) -> String {
    match error {
        pem::Error::Io(error) if error.kind() == io::ErrorKind::NotFound => {
            "does not exist".to_owned()
        }
        pem::Error::Io(error) => format!("cannot be read: {error}"),
        pem::Error::NoItemsFound => format!("holds no {wanted}"),
        other => format!("is not PEM: {other}"),
    }
}

/// A file of TLS cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsError {
    path: PathBuf,
    what: String,
}

impl TlsError {
    fn new(path: &Path, what: String) -> Self {
        Self { path: path.to_owned(), what }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong with it.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.path.display(), self.what)
    }
}

impl std::error::Error for TlsError {}
