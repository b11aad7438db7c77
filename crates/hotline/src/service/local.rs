//! How the command line of this machine finds the service and may use it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::client::{LOCAL, Local};
use crate::failure::Failure;
use crate::file;

/// The file with address and token; gone when the service stops in order.
#[derive(Debug)]
pub(crate) struct LocalFile(PathBuf);

impl LocalFile {
    /// Writes the file, readable by its owner alone.
    pub(crate) fn write(state: &Path, address: SocketAddr, token: &str) -> Result<Self, Failure> {
        let path = state.join(LOCAL);
        let local = Local { address: format!("http://{}", reached(address)), token: token.into() };
        let written = file::replace(&path, serde_json::to_string(&local)?.as_bytes());
        written.map_err(|error| {
            Failure::new(format!(
                "{} cannot be written: {error}; see to it that the state folder is writable and \
                 has room",
                path.display()
            ))
        })?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_token_of_this_machine_is_its_owners_alone_whatever_a_crash_left() {
        let state = tempfile::tempdir().unwrap();
        let left = state.path().join(LOCAL);
        fs::write(&left, "left").unwrap();
        fs::set_permissions(&left, fs::Permissions::from_mode(0o644)).unwrap();
        let address = SocketAddr::from(([0, 0, 0, 0], 8080));
        let file = LocalFile::write(state.path(), address, "secret").unwrap();
        let mode = fs::metadata(file.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(fs::read_to_string(file.path()).unwrap().contains("http://127.0.0.1:8080"));
        drop(file);
        assert!(!left.exists());
    }
}
