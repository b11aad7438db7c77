//! What the machine must give before anything is opened: folders that can be written, and files
//! enough for every call.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use crate::config::Config;
use crate::failure::Failure;

/// Nobody else reads the log, the database and the secrets.
pub(crate) const OWNER_ALONE: u32 = 0o700;

/// Voices are for the service and its group.
const OWNER_AND_GROUP: u32 = 0o750;

/// Files a call takes: two sockets for each of two legs, a part being written and one being sealed.
const FILES_OF_A_CALL: u64 = 6;

/// Files everything else takes: connections of phones and of the API, the journal, the database.
const OTHER_FILES: u64 = 1_500;

/// Sees to it that all of it is there.
pub(crate) fn see_to(config: &Config) -> Result<(), Failure> {
    folder(&config.store.state, "service.state", OWNER_ALONE)?;
    told_if_open(&config.store.state);
    folder(&config.recording.folder, "recording.folder", OWNER_AND_GROUP)?;
    open_files(config.floor.max_calls);
    Ok(())
}

/// Sees to it that a folder is there.
pub(crate) fn folder(path: &Path, key: &str, mode: u32) -> Result<(), Failure> {
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(|error| {
        Failure::new(format!(
            "the folder {} (`{key}`) cannot be made: {error}; make it and give it to the user who \
             runs hotline, or name another",
            path.display()
        ))
    })
}

/// A folder that was there before keeps the rights it was given; whoever gave them is told.
fn told_if_open(state: &Path) {
    let mode = state.metadata().map_or(OWNER_ALONE, |found| found.permissions().mode() & 0o777);
    if mode & !OWNER_ALONE != 0 {
        let mode = format!("{mode:o}");
        tracing::warn!(
            folder = %state.display(),
            mode,
            "others may look into the state folder: run `chmod 700` on it"
        );
    }
}

/// Sees to it that as many files may be open as so many calls need, as far as the system lets us.
fn open_files(max_calls: u32) {
    match media::raise_open_files() {
        Ok(allowed) => {
            if let Some(calls) = too_few(allowed, max_calls) {
                tracing::warn!(
                    allowed,
                    max_calls,
                    "open files suffice for some {calls} calls alone: raise the hard limit \
                     (`LimitNOFILE=` of the unit, `ulimit -Hn`), or lower `service.max_calls`"
                );
            }
        }
        Err(error) => tracing::warn!(%error, "the limit of open files cannot be raised"),
    }
}

/// For how many calls so many files suffice, when that is fewer than are to be taken.
fn too_few(allowed: u64, max_calls: u32) -> Option<u64> {
    let calls = allowed.saturating_sub(OTHER_FILES) / FILES_OF_A_CALL;
    (calls < u64::from(max_calls)).then_some(calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_open_files_that_stops_calls_is_told_with_what_it_allows() {
        assert_eq!(too_few(1_024, 500), Some(0));
        assert_eq!(too_few(4_096, 500), Some(432));
        assert_eq!(too_few(524_288, 500), None);
    }

    #[test]
    fn a_folder_is_made_for_its_owner_and_a_refusal_names_it_and_its_key() {
        let place = tempfile::tempdir().unwrap();
        let state = place.path().join("a/b");
        folder(&state, "service.state", OWNER_ALONE).unwrap();
        folder(&state, "service.state", OWNER_ALONE).unwrap();
        assert_eq!(state.metadata().unwrap().permissions().mode() & 0o777, OWNER_ALONE);
        std::fs::write(place.path().join("file"), "").unwrap();
        let refused = folder(&place.path().join("file/b"), "service.state", OWNER_ALONE);
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("file/b (`service.state`)") && text.contains("make it"), "{text}");
    }
}
