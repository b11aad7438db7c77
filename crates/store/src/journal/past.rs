//! The log of days gone by, read beside a service that goes on writing: nothing is locked, begun or
//! cut.

use std::ops::Range;
use std::path::Path;

use model::{Event, TenantId, Timestamp};

use super::reader::begun;
use super::segment::{self, Tail};
use super::{JournalError, folder};

/// Hands out a tenant's events in the order of the log: all that happened `when`, and with them
/// those before it that are in the same files. What is being written just now may be missing.
/// Blocks on the disk.
///
/// # Errors
/// When there is no log, a file is damaged before its end, or the system refuses.
pub fn read_past(
    state: &Path,
    tenant: &TenantId,
    when: &Range<Timestamp>,
    mut each: impl FnMut(&Event),
) -> Result<(), JournalError> {
    let segments = segment::list(&folder(state, tenant)?)?;
    let begun: Vec<_> = segments.iter().map(|it| begun(it).ok().flatten()).collect();
    for (at, segment) in segments.iter().enumerate() {
        let next = begun.get(at + 1).copied().flatten();
        let first = begun.get(at).copied().flatten();
        if next.is_some_and(|next| next <= when.start) || first.is_some_and(|at| at >= when.end) {
            continue;
        }
        let (mut last, is_newest) = (None, at + 1 == segments.len());
        let tail = segment::scan(segment, |position, json| {
            let event = segment::decode(json)?;
            if event.at < when.end {
                each(&event);
            }
            last = Some(position);
            Ok(())
        })?;
        match tail {
            Tail::Whole => {}
            // The batch that is being written.
            Tail::Torn(_) if is_newest => {}
            Tail::Torn(offset) | Tail::Damaged(offset) => {
                return Err(JournalError::Damaged { path: segment.path.clone(), offset, last });
            }
        }
    }
    Ok(())
}
