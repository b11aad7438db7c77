//! All sessions of an endpoint, found by number and by dialog, with one ordered set of deadlines.

use std::collections::{BTreeMap, BTreeSet};

use model::Timestamp;

use super::{Session, SessionId};

/// The sessions of an endpoint.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    entries: BTreeMap<SessionId, Entry>,
    /// By Call-ID and our tag. The peer's tag tells forks of one session apart.
    dialogs: BTreeMap<(String, String), SessionId>,
    deadlines: BTreeSet<(Timestamp, SessionId)>,
    /// Those whose deadline may have changed.
    touched: BTreeSet<SessionId>,
}

#[derive(Debug)]
struct Entry {
    session: Session,
    /// What stands in `deadlines`.
    deadline: Option<Timestamp>,
}

impl Sessions {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn contains(&self, id: SessionId) -> bool {
        self.entries.contains_key(&id)
    }

    pub(crate) fn ids(&self) -> Vec<SessionId> {
        self.entries.keys().copied().collect()
    }

    pub(crate) fn get(&self, id: SessionId) -> Option<&Session> {
        self.entries.get(&id).map(|entry| &entry.session)
    }

    pub(crate) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.touched.insert(id);
        self.entries.get_mut(&id).map(|entry| &mut entry.session)
    }

    /// The session with a dialog of this Call-ID and tag of ours.
    pub(crate) fn find(&self, call_id: &str, local_tag: &str) -> Option<SessionId> {
        self.dialogs.get(&(call_id.to_owned(), local_tag.to_owned())).copied()
    }

    pub(crate) fn insert(&mut self, id: SessionId, session: Session) {
        self.dialogs.insert((session.call_id.clone(), session.local_tag.clone()), id);
        self.entries.insert(id, Entry { session, deadline: None });
        self.touched.insert(id);
    }

    pub(crate) fn remove(&mut self, id: SessionId) -> Option<Session> {
        let Entry { session, deadline } = self.entries.remove(&id)?;
        let dialog = (session.call_id.clone(), session.local_tag.clone());
        // Another session that came to the same dialog keeps its place.
        if self.dialogs.get(&dialog) == Some(&id) {
            self.dialogs.remove(&dialog);
        }
        if let Some(due) = deadline {
            self.deadlines.remove(&(due, id));
        }
        Some(session)
    }

    /// Brings the deadlines in line with what was touched.
    pub(crate) fn settle(&mut self) {
        while let Some(id) = self.touched.pop_first() {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            let due = entry.session.due();
            if let Some(old) = std::mem::replace(&mut entry.deadline, due) {
                self.deadlines.remove(&(old, id));
            }
            if let Some(due) = due {
                self.deadlines.insert((due, id));
            }
        }
    }

    /// The earliest deadline, once settled.
    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(due, _)| *due)
    }

    /// A session whose deadline has passed.
    pub(crate) fn due(&self, now: Timestamp) -> Option<SessionId> {
        self.deadlines.first().filter(|(due, _)| *due <= now).map(|(_, id)| *id)
    }
}
