//! Recovery: seals the parts that a crash left open.

use std::path::Path;

use model::RecordingId;
use switchboard::ports::RecordingFact;

use crate::StartError;
use crate::folder::{Folder, Place};
use crate::seal::{Circumstances, Sealed, seal, sealed_before};
use crate::sealer::{fact, give_up_or_wait, settle};

/// Seals every part that was open when the service ended, up to its last whole frame, and gives
/// the facts for the floor, in order of their files.
///
/// A part that cannot be sealed now is tried again at the next start. One whose header cannot be
/// read is kept aside with the ending `.damaged`; its fact names the recording as its file does,
/// and where not even that is possible the log says so and no fact can. A file that was sealed
/// but perhaps never reported is reported as it is, at every start until [`crate::forget_part`].
///
/// # Errors
/// [`StartError`] when the folder cannot be used.
pub fn recover(folder: &Path) -> Result<Vec<(RecordingId, RecordingFact)>, StartError> {
    let folder = Folder::take(folder)?;
    let places =
        folder.unsealed().map_err(|error| StartError::NotReadable(folder.path().into(), error))?;
    Ok(places.iter().filter_map(|place| recover_part(&folder, place)).collect())
}

fn recover_part(folder: &Folder, place: &Place) -> Option<(RecordingId, RecordingFact)> {
    if let Some(sealed) = sealed_before(place) {
        return Some(done(folder, place, &sealed));
    }
    let circumstances = Circumstances { recovered: true, lost_frames: 0 };
    match seal(place, circumstances) {
        Ok(sealed) => Some(done(folder, place, &sealed)),
        Err(error) => {
            let error = give_up_or_wait(place, &error);
            tracing::warn!(error, "part left by a crash could not be sealed");
            Some((place.recording()?, RecordingFact::Failed { error }))
        }
    }
}

fn done(folder: &Folder, place: &Place, sealed: &Sealed) -> (RecordingId, RecordingFact) {
    settle(place, sealed);
    (sealed.recording, fact(folder, place, sealed))
}

#[cfg(test)]
mod tests;
