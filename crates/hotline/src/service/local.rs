//! How the command line of this machine finds the service and may use it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
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
        let written = replace(&path, serde_json::to_string(&local)?.as_bytes());
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

/// Puts a file in the place of one left by a crash, which may have other rights. A reader finds
/// either, whole.
fn replace(path: &Path, octets: &[u8]) -> io::Result<()> {
    let aside = path.with_extension("tmp");
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    file.write_all(octets)?;
    fs::rename(aside, path)
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
