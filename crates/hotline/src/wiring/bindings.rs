//! Registrations over a restart: kept in the database, given back to signalling at the start.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use model::{PhoneId, Timestamp};
use sip::endpoint::{Destination, ListenerId, Transport};
use sip::registrar::{Binding, BindingChange, BindingId, BindingRow, ChangeKind, Preference};
use sip::{Contacts, HeaderName, Headers};
use sip_net::{BindingStore, Listen, Protocol, Serves};
use store::{BindingChanges, Database};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Changes that may wait for the database.
const WAITING: usize = 65_536;

/// Changes kept by one transaction.
const BATCH: usize = 4_096;

/// How long what changes is gathered before it is kept: after a crash that much is unknown.
const BETWEEN: Duration = Duration::from_millis(200);

/// How long a refused write waits before it is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Where phones register over UDP: listeners by their addresses, as their numbers may be others after
/// a change of the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Doors(Vec<(ListenerId, SocketAddr)>);

impl Doors {
    pub(crate) fn of(listeners: &[Listen]) -> Self {
        let numbered = (0..).map(ListenerId).zip(listeners);
        let doors = numbered.filter(|(_, it)| {
            it.serves == Serves::Phones && matches!(it.protocol, Protocol::Plain)
        });
        Self(doors.map(|(id, it)| (id, it.address)).collect())
    }

    fn name(&self, listener: ListenerId) -> String {
        let door = self.0.iter().find(|(id, _)| *id == listener);
        door.map(|(_, address)| address.to_string()).unwrap_or_default()
    }

    /// The listener of this name; where none was kept, the first that speaks with such an address.
    fn find(&self, name: &str, peer: SocketAddr) -> Option<ListenerId> {
        let fits = |address: &SocketAddr| match name {
            "" => address.is_ipv4() == peer.is_ipv4(),
            name => address.to_string() == name,
        };
        self.0.iter().find(|(_, address)| fits(address)).map(|(id, _)| *id)
    }
}

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
    /// Starts to keep bindings. The task ends when the keeper is gone and all that changed is kept.
    /// Must be called within a tokio runtime.
    pub(crate) fn start(database: Database, doors: Doors) -> (Self, JoinHandle<()>) {
        let (sender, changes) = mpsc::channel(WAITING);
        let task = tokio::spawn(keep(database, doors, changes));
        (Self(sender), task)
    }
}

/// By which contacts bindings are kept: a phone may write its own otherwise when it refreshes.
struct Known {
    contacts: BTreeMap<BindingId, Box<str>>,
    doors: Doors,
}

impl Known {
    /// What is to be kept after all of these changes.
    fn take(&mut self, changes: impl Iterator<Item = BindingChange>) -> BindingChanges {
        let mut last = BTreeMap::new();
        for BindingChange { phone, binding, kind, .. } in changes {
            let row = kept(&phone, &binding, &self.doors);
            let known = match kind {
                ChangeKind::Removed(_) => self.contacts.remove(&binding.id),
                ChangeKind::Registered | ChangeKind::Refreshed => {
                    self.contacts.insert(binding.id, row.contact.as_str().into())
                }
            };
            if let Some(other) = known.filter(|known| **known != *row.contact) {
                last.insert((phone.clone(), String::from(other)), None);
            }
            let is_gone = matches!(kind, ChangeKind::Removed(_));
            let contact = row.contact.clone();
            last.insert((phone, contact), (!is_gone).then_some(row));
        }
        let mut changes = BindingChanges::default();
        for (place, row) in last {
            match row {
                Some(row) => changes.live.push(row),
                None => changes.gone.push(place),
            }
        }
        changes
    }
}

async fn keep(database: Database, doors: Doors, mut changes: mpsc::Receiver<BindingChange>) {
    let mut known = Known { contacts: BTreeMap::new(), doors };
    let mut batch = Vec::new();
    while changes.recv_many(&mut batch, BATCH).await > 0 {
        let changed = known.take(batch.drain(..));
        while let Err(error) = database.save_bindings(&changed).await {
            let count = changed.live.len() + changed.gone.len();
            tracing::warn!(%error, count, "registrations could not be kept yet");
            tokio::time::sleep(RETRY).await;
        }
        if !changes.is_closed() {
            tokio::time::sleep(BETWEEN).await;
        }
    }
}

/// A binding as a row. The contact is written as in a Contact header, with its parameters.
fn kept(phone: &PhoneId, binding: &Binding, doors: &Doors) -> store::BindingRow {
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
        listener: doors.name(binding.flow.listener),
        expires_at: binding.expires_at,
        call_id: binding.sip_call_id.clone(),
        cseq: binding.cseq,
    }
}

/// Rows as bindings: those over UDP that have not expired, where we still listen. A connection does
/// not outlive us.
pub(crate) fn restored(
    rows: Vec<store::BindingRow>,
    doors: &Doors,
    now: Timestamp,
) -> Vec<BindingRow> {
    rows.into_iter()
        .filter(|row| row.expires_at > now)
        .filter_map(|row| binding(row, doors, now))
        .collect()
}

fn binding(row: store::BindingRow, doors: &Doors, now: Timestamp) -> Option<BindingRow> {
    let peer = row.source.parse().ok().filter(|_| row.transport == "udp")?;
    let listener = doors.find(&row.listener, peer)?;
    let mut headers = Headers::new();
    headers.push(HeaderName::Contact, row.contact.into_bytes());
    headers.push(HeaderName::Path, row.path.into_bytes());
    let Ok(Contacts::These(contacts)) = headers.contacts() else { return None };
    let path = headers.addresses(&HeaderName::Path).ok()?;
    let contact = contacts.into_iter().next()?;
    let flow = Destination { listener, transport: Transport::Udp, connection: None, peer };
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

#[cfg(test)]
mod tests {
    use sip::registrar::Removal;

    use super::*;

    fn row(contact: &str, source: &str, listener: &str) -> store::BindingRow {
        store::BindingRow {
            phone: PhoneId::from("1001"),
            contact: format!("<{contact}>"),
            source: source.into(),
            path: String::new(),
            transport: "udp".into(),
            listener: listener.into(),
            expires_at: Timestamp::from_secs(300),
            call_id: "x@y".into(),
            cseq: 7,
        }
    }

    /// A listener for carriers, and for phones one of each kind.
    fn doors() -> Doors {
        let at = |serves, address: &str| Listen::plain(serves, address.parse().unwrap());
        Doors::of(&[
            at(Serves::Trunks, "0.0.0.0:5080"),
            at(Serves::Phones, "0.0.0.0:5060"),
            at(Serves::Phones, "[::]:5060"),
        ])
    }

    fn known() -> Known {
        Known { contacts: BTreeMap::new(), doors: doors() }
    }

    fn change(id: u64, contact: &str, kind: ChangeKind) -> BindingChange {
        let row = row(contact, "192.0.2.7:5060", "0.0.0.0:5060");
        let BindingRow { phone, mut binding } = binding(row, &doors(), Timestamp::EPOCH).unwrap();
        binding.id = BindingId(id);
        BindingChange { phone, binding: binding.into(), kind, left: 1 }
    }

    #[test]
    fn of_all_that_happened_to_a_binding_the_last_is_kept() {
        let gone = ChangeKind::Removed(Removal::Unregistered);
        let (one, two) = ("sip:1001@192.0.2.7", "sip:1001@192.0.2.8");
        let changes = [
            change(1, one, ChangeKind::Registered),
            change(2, two, ChangeKind::Registered),
            change(1, one, ChangeKind::Refreshed),
            change(2, two, gone),
        ];
        let kept = known().take(changes.into_iter());
        assert_eq!(kept.live.len(), 1, "{kept:?}");
        assert!(kept.live[0].contact.contains(one), "{kept:?}");
        assert_eq!(kept.gone.len(), 1, "{kept:?}");
        assert!(kept.gone[0].1.contains(two), "{kept:?}");
    }

    #[test]
    fn a_contact_written_otherwise_takes_the_place_of_the_former() {
        let mut known = known();
        let (one, other) = ("sip:1001@192.0.2.7;ob", "sip:1001@192.0.2.7;OB");
        let first = known.take([change(1, one, ChangeKind::Registered)].into_iter());
        assert!(first.gone.is_empty() && first.live.len() == 1, "{first:?}");
        let second = known.take([change(1, other, ChangeKind::Refreshed)].into_iter());
        assert_eq!(second.gone[0].1, first.live[0].contact);
        assert_eq!(second.live.len(), 1, "{second:?}");
    }

    #[test]
    fn a_phone_is_called_back_from_where_it_registered_whatever_that_is_numbered_now() {
        let contact = "sip:1001@phone.example";
        let listener = |source: &str, listener: &str| {
            let rows = vec![row(contact, source, listener)];
            let restored = restored(rows, &doors(), Timestamp::EPOCH);
            restored.first().map(|it| it.binding.flow.listener)
        };
        assert_eq!(listener("192.0.2.7:5060", "0.0.0.0:5060"), Some(ListenerId(1)));
        assert_eq!(listener("[2001:db8::7]:5060", "[::]:5060"), Some(ListenerId(2)));
        assert_eq!(listener("192.0.2.7:5060", "0.0.0.0:5062"), None, "nobody listens there");
        assert_eq!(listener("[2001:db8::7]:5060", ""), Some(ListenerId(2)), "kept earlier");
        let kept = known().take([change(1, contact, ChangeKind::Registered)].into_iter());
        assert_eq!(kept.live[0].listener, "0.0.0.0:5060");
    }
}
