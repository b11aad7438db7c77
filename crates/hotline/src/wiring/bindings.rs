//! Registrations over a restart: kept in the database, given back to signalling at the start.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{PhoneId, Timestamp};
use sip::endpoint::{Destination, ListenerId, Transport};
use sip::registrar::{Binding, BindingChange, BindingId, BindingRow, ChangeKind, Preference};
use sip::{Contacts, HeaderName, Headers};
use sip_net::BindingStore;
use store::Database;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Changes that may wait for the database.
const WAITING: usize = 65_536;

/// How long a refused write waits before it is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Keeps bindings in the database, without holding up signalling.
#[derive(Debug)]
pub(crate) struct Keeper(mpsc::Sender<BindingChange>);

impl BindingStore for Keeper {
    fn changed(&self, change: &BindingChange) {
        if self.0.try_send(change.clone()).is_err() {
            tracing::warn!(
                phone = %change.phone,
                "the database is too far behind: this registration will not survive a restart"
            );
        }
    }
}

impl Keeper {
    /// Starts to keep bindings; `rows` are those kept already. The task ends when the keeper is
    /// gone and all that changed is kept. Must be called within a tokio runtime.
    pub(crate) fn start(database: Database, rows: Vec<BindingRow>) -> (Self, JoinHandle<()>) {
        let (sender, changes) = mpsc::channel(WAITING);
        let task = tokio::spawn(keep(database, Known::of(rows), changes));
        (Self(sender), task)
    }
}

#[derive(Default)]
struct Known(BTreeMap<PhoneId, BTreeMap<String, store::BindingRow>>);

impl Known {
    fn of(rows: Vec<BindingRow>) -> Self {
        let mut known = Self::default();
        for row in rows {
            known.insert(&row.phone, &row.binding);
        }
        known
    }

    fn insert(&mut self, phone: &PhoneId, binding: &Binding) {
        let row = kept(phone, binding);
        self.0.entry(phone.clone()).or_default().insert(binding.contact.to_string(), row);
    }

    fn take(&mut self, change: &BindingChange) -> Vec<store::BindingRow> {
        match change.kind {
            ChangeKind::Registered | ChangeKind::Refreshed => {
                self.insert(&change.phone, &change.binding);
            }
            ChangeKind::Removed(_) => {
                if let Some(rows) = self.0.get_mut(&change.phone) {
                    rows.remove(&change.binding.contact.to_string());
                }
            }
        }
        let rows = self.0.get(&change.phone);
        rows.map(|rows| rows.values().cloned().collect()).unwrap_or_default()
    }
}

async fn keep(database: Database, mut known: Known, mut changes: mpsc::Receiver<BindingChange>) {
    while let Some(change) = changes.recv().await {
        let rows = known.take(&change);
        while let Err(error) = database.save_bindings(&change.phone, &rows).await {
            tracing::warn!(%error, phone = %change.phone, "a registration could not be kept yet");
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// A binding as a row. The contact is written as in a Contact header, with its parameters.
fn kept(phone: &PhoneId, binding: &Binding) -> store::BindingRow {
    let mut contact = format!("<{}>;q={}", binding.contact, binding.preference);
    if let Some(instance) = &binding.instance {
        contact.push_str(";+sip.instance=");
        contact.push_str(instance);
    }
    let path: Vec<_> = binding.path.iter().map(|route| format!("<{}>", route.uri)).collect();
    store::BindingRow {
        phone: phone.clone(),
        contact,
        source: binding.flow.peer.to_string(),
        path: path.join(", "),
        transport: binding.flow.transport.as_str().to_ascii_lowercase(),
        expires_at: binding.expires_at,
        call_id: binding.sip_call_id.clone(),
        cseq: binding.cseq,
    }
}

/// Rows as bindings: those over UDP that have not expired. A connection does not outlive us.
pub(crate) fn restored(rows: Vec<store::BindingRow>, now: Timestamp) -> Vec<BindingRow> {
    rows.into_iter()
        .filter(|row| row.expires_at > now)
        .filter_map(|row| binding(row, now))
        .collect()
}

fn binding(row: store::BindingRow, now: Timestamp) -> Option<BindingRow> {
    let peer = row.source.parse().ok().filter(|_| row.transport == "udp")?;
    let mut headers = Headers::new();
    headers.push(HeaderName::Contact, row.contact.into_bytes());
    headers.push(HeaderName::Path, row.path.into_bytes());
    let Ok(Contacts::These(contacts)) = headers.contacts() else { return None };
    let path = headers.addresses(&HeaderName::Path).ok()?;
    let contact = contacts.into_iter().next()?;
    let flow =
        Destination { listener: ListenerId(0), transport: Transport::Udp, connection: None, peer };
    Some(BindingRow {
        phone: row.phone,
        binding: Binding {
            id: BindingId(0),
            preference: contact.q().map_or(Preference::HIGHEST, Preference::of_thousandths),
            instance: contact.params.value("+sip.instance").map(str::to_owned),
            contact: contact.uri,
            sip_call_id: row.call_id,
            cseq: row.cseq,
            flow,
            path: path.into(),
            user_agent: None,
            registered_at: now,
            refreshed_at: now,
            expires_at: row.expires_at,
        },
    })
}

/// How many bindings each phone has.
pub(crate) fn counted(rows: &[BindingRow]) -> BTreeMap<PhoneId, u32> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row.phone.clone()).or_insert(0) += 1;
    }
    counts
}
