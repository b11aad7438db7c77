//! What a start recalls of callers: who served them last, and whom they waited for in vain.

use model::{Abandoned, AgentId, QueueId, Served, Timestamp};

use crate::rows::time;
use crate::{Database, DatabaseError};

/// The most that is recalled of each kind and queue, the latest.
const MOST: i64 = 50_000;

impl Database {
    /// Who served the callers of a queue since then, the earliest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn served_since(
        &self,
        queue: &QueueId,
        since: Timestamp,
    ) -> Result<Vec<Served>, DatabaseError> {
        let query = sqlx::query_as::<_, (String, i64, i64)>(
            "SELECT c.from_canonical, s.agent, s.since FROM segments s
                 JOIN calls c ON c.tenant = s.tenant AND c.call = s.call
                 WHERE s.tenant = $1 AND s.queue = $2 AND s.since >= $3 AND s.kind = 'talk'
                 AND s.agent IS NOT NULL AND c.from_canonical IS NOT NULL
             ORDER BY s.since DESC LIMIT $4",
        );
        let query = query.bind(self.tenant.to_string()).bind(queue.to_string());
        let rows = query.bind(time(since)).bind(MOST).fetch_all(&self.pool).await?;
        let served = rows.into_iter().rev().filter_map(|(caller, agent, at)| {
            let agent = AgentId::new(u32::try_from(agent).ok()?);
            Some(Served { caller: caller.parse().ok()?, agent, at: stamp(at) })
        });
        Ok(served.collect())
    }

    /// Who gave up waiting in a queue, of those who came since then, the earliest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn abandoned_since(
        &self,
        queue: &QueueId,
        since: Timestamp,
    ) -> Result<Vec<Abandoned>, DatabaseError> {
        let query = sqlx::query_as::<_, (String, i64, i64)>(
            "SELECT c.from_canonical, s.since, s.until FROM segments s
                 JOIN calls c ON c.tenant = s.tenant AND c.call = s.call
                 WHERE s.tenant = $1 AND s.queue = $2 AND s.since >= $3 AND s.kind = 'queue'
                 AND s.outcome = 'abandoned' AND s.until IS NOT NULL
                 AND c.from_canonical IS NOT NULL
             ORDER BY s.since DESC LIMIT $4",
        );
        let query = query.bind(self.tenant.to_string()).bind(queue.to_string());
        let rows = query.bind(time(since)).bind(MOST).fetch_all(&self.pool).await?;
        let abandoned = rows.into_iter().rev().filter_map(|(caller, arrived, at)| {
            let (arrived, at) = (stamp(arrived), stamp(at));
            Some(Abandoned { caller: caller.parse().ok()?, queue: queue.clone(), arrived, at })
        });
        Ok(abandoned.collect())
    }
}

fn stamp(micros: i64) -> Timestamp {
    Timestamp::from_micros(u64::try_from(micros).unwrap_or(0))
}
