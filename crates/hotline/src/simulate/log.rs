//! A day out of the journal.

use std::path::Path;
use std::time::Duration;

use model::{TenantId, Timestamp};
use simulation::{Manner, Recorded};

use super::Known;
use crate::failure::Failure;
use crate::report;

const A_DAY: Duration = Duration::from_secs(24 * 3_600);

/// Calls that arrived before midnight have ended by then.
const AFTER_MIDNIGHT: Duration = Duration::from_secs(6 * 3_600);

/// Reads the 24 hours after `begins`: who called, and who was there.
pub(super) fn read(
    state: &Path,
    tenant: &TenantId,
    (begins, seed): (Timestamp, u64),
    manner: Manner,
) -> Result<Known, Failure> {
    let mut recorded = Recorded::of(begins..begins + A_DAY);
    let when = begins..begins + A_DAY + AFTER_MIDNIGHT;
    store::read_past(state, tenant, &when, |event| recorded.hear(event))?;
    let replay = recorded.finish(seed, manner);
    if replay.day.callers.is_empty() {
        return Err(Failure::new(format!(
            "nobody came to a queue in the 24 hours from {begins}, as the log in {} has it",
            state.display()
        )));
    }
    if replay.unqueued > 0 {
        report::warning(&format!(
            "{} callers of that day never came to a queue and are left out",
            replay.unqueued
        ));
    }
    Ok(Known { day: replay.day, shifts: Some(replay.shifts) })
}
