//! How the command line of this machine finds the service and may use it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::client::{LOCAL, Local};
use crate::failure::Failure;

/// The file with address and token; gone when the service stops in order.
#[derive(Debug)]
pub(crate) struct LocalFile(PathBuf);

impl LocalFile {
    /// Writes the file, readable by its owner alone.
    pub(crate) fn write(state: &Path, address: SocketAddr, token: &str) -> Result<Self, Failure> {
        let path = state.join(LOCAL);
        let local = Local { address: format!("http://{}", reached(address)), token: token.into() };
        // A file left by a crash may have other rights: it is made anew.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(serde_json::to_string(&local)?.as_bytes())?;
        Ok(Self(path))
    }
}

impl Drop for LocalFile {
    fn drop(&mut self) {
        // It says where nobody listens any more; left behind it does no harm.
        let _ = fs::remove_file(&self.0);
    }
}

/// Where a client on this machine reaches a listener.
pub(crate) fn reached(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    match address {
        SocketAddr::V4(_) => SocketAddr::from(([127, 0, 0, 1], address.port())),
        SocketAddr::V6(_) => SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, address.port())),
    }
}
