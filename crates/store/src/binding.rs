//! Registrations that outlive a restart.

use model::{PhoneId, Timestamp};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::rows::time;
use crate::upsert::{Query, Upsert};
use crate::{Database, DatabaseError};

/// Where a phone can be reached, as it registered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BindingRow {
    /// The phone.
    pub phone: PhoneId,
    /// Its Contact URI, as text.
    pub contact: String,
    /// The address the request came from, as `192.0.2.7:5060`.
    pub source: String,
    /// The proxies on the way, nearest first, as a Path header field (RFC 3327); empty where none.
    pub path: String,
    /// The transport: `udp`, `tcp`, …
    pub transport: String,
    /// Where we listen that it registered at, as `0.0.0.0:5060`; empty where an earlier version kept it.
    pub listener: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The Call-ID of the registration (RFC 3261 §10.3).
    pub call_id: String,
    /// Its CSeq.
    pub cseq: u32,
}

const BINDINGS: Upsert = Upsert {
    table: "bindings",
    columns: "tenant, phone, contact, source, transport, expires_at, call_id, cseq, path,
        listener",
    conflict: "(tenant, phone, contact) DO UPDATE SET source = excluded.source,
        transport = excluded.transport, expires_at = excluded.expires_at,
        call_id = excluded.call_id, cseq = excluded.cseq, path = excluded.path,
        listener = excluded.listener",
};

/// What has become of bindings since they were last kept.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct BindingChanges {
    /// Those that live: kept, whether they were before or not. No two of one phone and contact.
    pub live: Vec<BindingRow>,
    /// The phones and contacts of those that do not.
    pub gone: Vec<(PhoneId, String)>,
}

impl Database {
    /// Carries out all of these changes, or none.
    ///
    /// # Errors
    /// When the database refuses; nothing is changed then.
    pub async fn save_bindings(&self, changes: &BindingChanges) -> Result<(), DatabaseError> {
        let mut transaction = self.pool.begin().await?;
        for (phone, contact) in &changes.gone {
            let query = "DELETE FROM bindings WHERE tenant = $1 AND phone = $2 AND contact = $3";
            let query = sqlx::query(query).bind(self.tenant.to_string());
            let query = query.bind(phone.to_string()).bind(contact.clone());
            query.execute(&mut *transaction).await?;
        }
        let bind = |query: Query, row: &BindingRow| {
            let query = query.bind(self.tenant.to_string()).bind(row.phone.to_string());
            let query = query.bind(row.contact.clone()).bind(row.source.clone());
            let query = query.bind(row.transport.clone()).bind(time(row.expires_at));
            let query = query.bind(row.call_id.clone()).bind(i64::from(row.cseq));
            Ok(query.bind(row.path.clone()).bind(row.listener.clone()))
        };
        BINDINGS.put(&mut transaction, &changes.live, bind).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Forgets the bindings that ended while nobody was there to see it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn forget_bindings_until(&self, now: Timestamp) -> Result<(), DatabaseError> {
        let query = sqlx::query("DELETE FROM bindings WHERE tenant = $1 AND expires_at <= $2");
        query.bind(self.tenant.to_string()).bind(time(now)).execute(&self.pool).await?;
        Ok(())
    }

    /// Every binding kept, in the order of phones.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn load_bindings(&self) -> Result<Vec<BindingRow>, DatabaseError> {
        let query = sqlx::query(
            "SELECT phone, contact, source, transport, expires_at, call_id, cseq, path, listener
             FROM bindings
             WHERE tenant = $1 ORDER BY phone, contact",
        );
        let rows = query.bind(self.tenant.to_string()).fetch_all(&self.pool).await?;
        rows.iter().map(|row| binding(row).map_err(DatabaseError::from)).collect()
    }
}

fn binding(row: &AnyRow) -> Result<BindingRow, sqlx::Error> {
    let number = |column| row.try_get::<i64, _>(column).map(|it| u64::try_from(it).unwrap_or(0));
    Ok(BindingRow {
        phone: row.try_get::<String, _>("phone")?.as_str().into(),
        contact: row.try_get("contact")?,
        source: row.try_get("source")?,
        transport: row.try_get("transport")?,
        expires_at: Timestamp::from_micros(number("expires_at")?),
        call_id: row.try_get("call_id")?,
        path: row.try_get("path")?,
        listener: row.try_get("listener")?,
        cseq: u32::try_from(number("cseq")?).unwrap_or(u32::MAX),
    })
}
