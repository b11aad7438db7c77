//! A certificate of the service's own, and the listeners that show it.

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CertifiedKey, DnType, IsCa, KeyPair,
    generate_simple_self_signed,
};

/// Makes a certificate for 127.0.0.1, as files that the configuration names.
pub(crate) fn certify(folder: &Path) {
    let names = vec!["127.0.0.1".to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
    fs::write(folder.join("server.pem"), cert.pem()).unwrap();
    fs::write(folder.join("server.key"), signing_key.serialize_pem()).unwrap();
}

/// The configuration of a listener for trunks with that certificate.
pub(crate) fn trunk_listener(port: u16, folder: &Path) -> String {
    listener("tls", port, folder).replace("desks", "carriers").replace("phones", "trunks")
}

/// The configuration of one more listener for phones, with the certificate in this folder.
pub(crate) fn listener(transport: &str, port: u16, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "\n[listeners.desks]\nserves = \"phones\"\ntransport = \"{transport}\"\n\
         listen = \"127.0.0.1:{port}\"\ncertificate = \"{folder}/server.pem\"\n\
         key = \"{folder}/server.key\"\n"
    )
}

/// An authority that carriers and the service believe, with what it has certified, in a folder: of
/// each name `<name>.pem` and `<name>.key`, and its own `ca.pem`.
pub(crate) struct Authority<'a> {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: &'a Path,
}

impl<'a> Authority<'a> {
    pub(crate) fn new(folder: &'a Path) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL takes a certificate for its own issuer where both have one name.
        params.distinguished_name.push(DnType::CommonName, "authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(folder.join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    /// Certifies these hosts under a name.
    pub(crate) fn certifies(&self, name: &str, hosts: &[&str]) -> &Self {
        let hosts: Vec<_> = hosts.iter().map(|&host| host.to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(self.folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
        fs::write(self.folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
        self
    }
}
