//! What can go wrong with the journal, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::Position;

/// What went wrong with the journal. The text says what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum JournalError {
    /// The tenant's name cannot be the name of a folder.
    Tenant {
        /// The name.
        tenant: String,
    },
    /// Another process works in this folder.
    InUse {
        /// The lock file.
        path: PathBuf,
        /// The process that holds it, where it says.
        pid: Option<u32>,
    },
    /// The system refused.
    Io {
        /// What was tried, as `write` or `create`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// A file is damaged where it must not be: others have seen events that cannot be read.
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        offset: u64,
        /// The last event before the damage.
        last: Option<Position>,
    },
    /// Files are missing: events that were on disk for certain are not there.
    Missing {
        /// The folder.
        folder: PathBuf,
        /// The last event that is there.
        end: Option<Position>,
        /// The last event that must be there.
        expected: Position,
    },
    /// A position after the end of the log was asked for.
    Ahead {
        /// What was asked for.
        asked: Position,
        /// The end of the log.
        end: Option<Position>,
    },
    /// The writer has stopped: the journal was closed.
    Closed,
}

impl JournalError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |error| Self::Io { doing, path, error }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant { tenant } => write!(
                out,
                "tenant {tenant:?} cannot name a folder: use letters, digits, '-' and '_' alone"
            ),
            Self::InUse { path, pid } => {
                let who =
                    pid.map_or_else(|| "another process".into(), |it| format!("process {it}"));
                write!(
                    out,
                    "{who} already works in this state folder (lock {}): stop it, or give this \
                     one a state folder of its own",
                    path.display()
                )
            }
            Self::Io { doing, path, error } => {
                write!(out, "cannot {doing} {}: {error}: {}", path.display(), remedy(error))
            }
            Self::Damaged { path, offset, last } => {
                write!(out, "journal file {} is damaged at octet {offset}", path.display())?;
                if let Some(last) = last {
                    write!(out, ", after event {last}")?;
                }
                out.write_str(
                    ": restore it from a backup; or, to give up what follows in it, cut it there \
                     with `truncate --size` and keep a copy",
                )
            }
            Self::Missing { folder, end, expected } => {
                write!(out, "the journal in {} must reach to event {expected}", folder.display())?;
                match end {
                    Some(end) => write!(out, " but ends at {end}")?,
                    None => out.write_str(" but is empty")?,
                }
                out.write_str(
                    ": put the missing files back; or, to give up what was in them, remove \
                     checkpoint.json there",
                )
            }
            Self::Ahead { asked, end: Some(end) } => {
                write!(out, "position {asked} lies after the end of the log at {end}")
            }
            Self::Ahead { asked, end: None } => {
                write!(out, "position {asked} lies after the end of the log, which is empty")
            }
            Self::Closed => out.write_str("the journal is closed"),
        }
    }
}

impl std::error::Error for JournalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let Self::Io { error, .. } = self { Some(error) } else { None }
    }
}

/// What to do about an error of the system.
fn remedy(error: &io::Error) -> &'static str {
    use io::ErrorKind as E;
    #[expect(clippy::wildcard_enum_match_arm, reason = "the kinds of others' errors are open")]
    match error.kind() {
        E::StorageFull | E::QuotaExceeded | E::FileTooLarge => {
            "free space there; what waits is written as soon as there is room"
        }
        E::ReadOnlyFilesystem | E::PermissionDenied => {
            "make it writable for the user that runs hotline"
        }
        E::NotFound => "create the folder, or correct the state folder's path",
        _ => "check the disk and the folder",
    }
}
