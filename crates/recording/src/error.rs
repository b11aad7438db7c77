//! What can go wrong with files, in words that say what to do.

use std::path::{Path, PathBuf};
use std::{fmt, io};

/// Why the recorder cannot start.
#[derive(Debug)]
pub enum StartError {
    /// The folder does not exist.
    Missing(PathBuf),
    /// The path leads to something that is no folder.
    NotFolder(PathBuf),
    /// Nothing can be written there.
    NotWritable(PathBuf, io::Error),
    /// Another process records into the folder.
    InUse(PathBuf),
    /// The folder cannot be read.
    NotReadable(PathBuf, io::Error),
    /// The system refuses a thread.
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(
                out,
                "recordings folder {0} does not exist: create it, or mount its disk",
                path.display()
            ),
            Self::NotFolder(path) => write!(
                out,
                "recordings folder {} is a file: name another folder or move the file away",
                path.display()
            ),
            Self::NotWritable(path, error) => write!(
                out,
                "recordings folder {} cannot be written: {}",
                path.display(),
                remedy(error)
            ),
            Self::InUse(path) => write!(
                out,
                "recordings folder {} is in use by another process: stop it, or name another folder",
                path.display()
            ),
            Self::NotReadable(path, error) => write!(
                out,
                "recordings folder {} cannot be read: {}",
                path.display(),
                remedy(error)
            ),
            Self::Thread(error) => write!(
                out,
                "recorder got no thread: {error}; raise the limit of processes (ulimit -u)"
            ),
        }
    }
}

impl std::error::Error for StartError {}

/// Why a sealed file cannot be read, or is not what it should be.
#[derive(Debug)]
pub enum ReadError {
    /// The file cannot be read.
    File(PathBuf, io::Error),
    /// The file is no two-channel 8 kHz A-law WAV.
    NotOurs(PathBuf, &'static str),
    /// The checksum differs: the file was changed after it was sealed.
    Changed {
        /// The file.
        path: PathBuf,
        /// SHA-256 expected, in hexadecimal.
        expected: String,
        /// SHA-256 found, in hexadecimal.
        found: String,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(out, "{} cannot be read: {error}", path.display()),
            Self::NotOurs(path, why) => write!(out, "{} is no recording: {why}", path.display()),
            Self::Changed { path, expected, found } => write!(
                out,
                "{} was changed after it was sealed: SHA-256 is {found}, was {expected}; \
                 restore it from a backup",
                path.display()
            ),
        }
    }
}

impl std::error::Error for ReadError {}

/// What went wrong with a part's file and what to do about it.
pub(crate) fn failure(doing: &str, path: &Path, error: &io::Error) -> String {
    format!("recording {} could not be {doing}: {}", path.display(), remedy(error))
}

/// An error of the file system with what to do about it.
#[expect(clippy::wildcard_enum_match_arm, reason = "an error without a remedy of its own")]
fn remedy(error: &io::Error) -> String {
    let what_to_do = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free space on the disk of the recordings"
        }
        io::ErrorKind::PermissionDenied => {
            "give the service's user the right to write in the recordings folder"
        }
        io::ErrorKind::ReadOnlyFilesystem => "mount the disk of the recordings for writing",
        io::ErrorKind::NotFound => "mount the disk of the recordings or restore the folder",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a file stands where the day's folder belongs: move it away"
        }
        _ if matches!(error.raw_os_error(), Some(TOO_MANY_FILES | TOO_MANY_FILES_IN_SYSTEM)) => {
            "raise the limit of open files (ulimit -n)"
        }
        _ => "check the disk of the recordings",
    };
    format!("{error}; {what_to_do}")
}

/// `EMFILE`.
const TOO_MANY_FILES: i32 = 24;
/// `ENFILE`.
const TOO_MANY_FILES_IN_SYSTEM: i32 = 23;
