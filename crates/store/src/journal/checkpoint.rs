//! The folds of the log up to a position, so that a start reads only what follows.
//!
//! A checkpoint only ever saves time: where it is missing or damaged the log is read from its
//! beginning.

use std::fs;
use std::path::Path;

use insight::{Accounts, Floor};
use serde::{Deserialize, Serialize};

use super::JournalError;
use super::segment::sync_folder;
use crate::Position;

const NAME: &str = "checkpoint.json";

/// The folds and the position they stand at.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    pub(super) at: Option<Position>,
    pub(super) floor: Floor,
    pub(super) accounts: Accounts,
}

impl Checkpoint {
    /// The folder's checkpoint, where a usable one is there.
    pub(super) fn load(folder: &Path) -> Option<Self> {
        let octets = fs::read(folder.join(NAME)).ok()?;
        let (crc, json) = octets.split_at_checked(9)?;
        let is_whole = crc == format!("{:08x}\n", crc32fast::hash(json)).as_bytes();
        is_whole.then(|| serde_json::from_slice(json).ok()).flatten()
    }

    /// Puts the checkpoint in the place of the last one, whole or not at all.
    pub(super) fn store(&self, folder: &Path) -> Result<(), JournalError> {
        let (aside, path) = (folder.join("checkpoint.tmp"), folder.join(NAME));
        let json = serde_json::to_vec(self).map_err(std::io::Error::other);
        let json = json.map_err(JournalError::io("write", &path))?;
        let mut octets = format!("{:08x}\n", crc32fast::hash(&json)).into_bytes();
        octets.extend_from_slice(&json);
        replace(&aside, &path, &octets).map_err(JournalError::io("write", &path))?;
        sync_folder(folder).map_err(JournalError::io("write", folder))
    }
}

/// Writes a file beside its place, makes it last, and puts it in its place.
pub(super) fn replace(aside: &Path, path: &Path, octets: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(aside)?;
    file.write_all(octets)?;
    file.sync_all()?;
    fs::rename(aside, path)
}
