//! A certificate of the service's own, and the listeners that show it.

use std::fs;
use std::path::Path;

use rcgen::{CertifiedKey, generate_simple_self_signed};

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
