//! Questions to the projections. Lists come newest first, a page at a time.

use std::fmt;
use std::str::FromStr;

use insight::{Cdr, StateInterval};
use model::{AgentId, CallId, Outcome, QueueId, RecordingId, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::database::number;
use crate::recording::RecordingRow;
use crate::rows::{json, parse, text, time};
use crate::{Database, DatabaseError, Position};

/// The most rows on a page.
pub const LONGEST_PAGE: u32 = 500;

/// Which rows of a list are wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// How many at most; above [`LONGEST_PAGE`] counts as that.
    pub limit: u32,
    /// Only rows after this one in the list's order: the last of the page before.
    pub after: Option<Cursor>,
}

impl Default for Page {
    fn default() -> Self {
        Self { limit: 50, after: None }
    }
}

/// A row's place in a list. Written `1700000000000000~3-17`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// The row's time.
    pub at: Timestamp,
    /// The row's id.
    pub id: String,
}

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}~{}", self.at.as_micros(), self.id)
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "cursor is not one of ours";
        let (at, id) = text.split_once('~').ok_or(FORM)?;
        let at = at.parse().map(Timestamp::from_micros).map_err(|_| FORM)?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let is_ours = id.len() <= 64 && id.chars().all(is_plain);
        is_ours.then(|| Self { at, id: id.into() }).ok_or(FORM)
    }
}

/// Which calls are wanted. Agents and queues are known of calls that have ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CallFilter {
    /// Arrived at or after this.
    pub since: Option<Timestamp>,
    /// Arrived before this.
    pub until: Option<Timestamp>,
    /// Talked to by this agent.
    pub agent: Option<AgentId>,
    /// Waited in this queue.
    pub queue: Option<QueueId>,
    /// The last wait ended so.
    pub outcome: Option<Outcome>,
    /// From or to this number: as it arrived, or in the form that is matched.
    pub number: Option<NumberFilter>,
}

/// A number that is looked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NumberFilter {
    /// As whoever looks for it writes it.
    pub written: String,
    /// In the form that is matched.
    pub canonical: String,
}

/// Which parts of recordings are wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RecordingFilter {
    /// Begun at or after this.
    pub since: Option<Timestamp>,
    /// Begun before this.
    pub until: Option<Timestamp>,
    /// With this agent.
    pub agent: Option<AgentId>,
    /// From this queue.
    pub queue: Option<QueueId>,
    /// Of this call.
    pub call: Option<CallId>,
    /// Only with this state: `started`, `sealed` or `failed`.
    pub state: Option<crate::RecordingState>,
}

/// A draw of recordings as it was made. What it holds is the business of whoever drew.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DrawRow {
    /// Its id.
    pub draw: String,
    /// When it was made.
    pub at: Timestamp,
    /// Who made it.
    pub actor: String,
    /// Its plan, what it was drawn from, and what was drawn.
    pub content: serde_json::Value,
}

impl Database {
    /// Calls, the latest arrival first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn calls(&self, filter: &CallFilter, page: &Page) -> Result<Vec<Cdr>, DatabaseError> {
        let query = sqlx::query_scalar::<_, String>(
            "SELECT whole FROM calls c WHERE tenant = $1
                 AND ($2 IS NULL OR arrived_at >= $2)
                 AND ($3 IS NULL OR arrived_at < $3)
                 AND ($4 IS NULL OR EXISTS (SELECT 1 FROM segments s WHERE s.tenant = c.tenant
                     AND s.call = c.call AND s.kind = 'talk' AND s.agent = $4))
                 AND ($5 IS NULL OR EXISTS (SELECT 1 FROM segments s WHERE s.tenant = c.tenant
                     AND s.call = c.call AND s.kind = 'queue' AND s.queue = $5))
                 AND ($6 IS NULL OR outcome = $6)
                 AND ($7 IS NULL OR from_number = $7 OR to_number = $7
                     OR from_canonical = $8 OR to_canonical = $8)
                 AND ($9 IS NULL OR arrived_at < $9 OR (arrived_at = $9 AND call < $10))
             ORDER BY arrived_at DESC, call DESC LIMIT $11",
        );
        let query = query.bind(self.tenant.to_string());
        let query = query.bind(filter.since.map(time)).bind(filter.until.map(time));
        let query = query.bind(filter.agent.map(|agent| i64::from(agent.number())));
        let query = query.bind(text(filter.queue.as_ref())).bind(text(filter.outcome));
        let number = filter.number.as_ref();
        let query = query.bind(number.map(|number| number.written.clone()));
        let query = query.bind(number.map(|number| number.canonical.clone()));
        let query = query.bind(page.after.as_ref().map(|cursor| time(cursor.at)));
        let query = query.bind(page.after.as_ref().map(|cursor| cursor.id.clone()));
        wholes(&query.bind(i64::from(page.limit.min(LONGEST_PAGE))).fetch_all(&self.pool).await?)
    }

    /// One call, ended or not.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn call(&self, call: CallId) -> Result<Option<Cdr>, DatabaseError> {
        let query = sqlx::query_scalar::<_, String>(
            "SELECT whole FROM calls WHERE tenant = $1 AND call = $2",
        );
        let query = query.bind(self.tenant.to_string()).bind(call.to_string());
        query.fetch_optional(&self.pool).await?.as_deref().map(parse).transpose()
    }

    /// Calls that have not ended. After a crash these are calls that nobody has ended yet.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn open_calls(&self) -> Result<Vec<Cdr>, DatabaseError> {
        let query = sqlx::query_scalar::<_, String>(
            "SELECT whole FROM calls WHERE tenant = $1 AND ended_at IS NULL",
        );
        wholes(&query.bind(self.tenant.to_string()).fetch_all(&self.pool).await?)
    }

    /// What an agent was when, the latest state first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn agent_history(
        &self,
        agent: AgentId,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<StateInterval>, DatabaseError> {
        let query = sqlx::query_scalar::<_, String>(
            "SELECT whole FROM agent_states WHERE tenant = $1 AND agent = $2
                 AND ($3 IS NULL OR until IS NULL OR until > $3)
                 AND ($4 IS NULL OR since < $4)
             ORDER BY epoch DESC, seq DESC LIMIT $5",
        );
        let query = query.bind(self.tenant.to_string()).bind(i64::from(agent.number()));
        let query = query.bind(since.map(time)).bind(until.map(time));
        wholes(&query.bind(i64::from(limit.min(LONGEST_PAGE))).fetch_all(&self.pool).await?)
    }

    /// The states agents are in, as rows without end.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn open_states(&self) -> Result<Vec<StateInterval>, DatabaseError> {
        let query = sqlx::query_scalar::<_, String>(
            "SELECT whole FROM agent_states WHERE tenant = $1 AND until IS NULL",
        );
        wholes(&query.bind(self.tenant.to_string()).fetch_all(&self.pool).await?)
    }

    /// The states that agents were in before an event, by work number and as rows without end: those of
    /// one agent, or of all. An agent of whom nothing was known then has no row.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn states_before(
        &self,
        event: Position,
        agent: Option<AgentId>,
    ) -> Result<Vec<StateInterval>, DatabaseError> {
        // From agent to agent by the index: what lies between, years of states, is not read.
        let query = sqlx::query_scalar::<_, Option<String>>(
            "WITH RECURSIVE known(agent) AS (
                 SELECT MIN(agent) FROM agent_states
                     WHERE tenant = $1 AND ($4 IS NULL OR agent = $4)
                 UNION ALL
                 SELECT (SELECT MIN(a.agent) FROM agent_states a
                         WHERE a.tenant = $1 AND a.agent > known.agent)
                     FROM known WHERE known.agent IS NOT NULL AND $4 IS NULL)
             SELECT (SELECT s.whole FROM agent_states s
                     WHERE s.tenant = $1 AND s.agent = known.agent AND (s.epoch, s.seq) < ($2, $3)
                     ORDER BY s.epoch DESC, s.seq DESC LIMIT 1)
                 FROM known WHERE known.agent IS NOT NULL ORDER BY known.agent",
        );
        let query = query.bind(self.tenant.to_string());
        let query = query.bind(i64::from(event.epoch.number())).bind(number(event.seq));
        let query = query.bind(agent.map(|agent| i64::from(agent.number())));
        let rows = query.fetch_all(&self.pool).await?;
        let states = rows.iter().flatten().map(|whole| parse::<StateInterval>(whole));
        states.map(|state| Ok(StateInterval { until: None, ..state? })).collect()
    }

    /// Parts of recordings, the latest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn recordings(
        &self,
        filter: &RecordingFilter,
        page: &Page,
    ) -> Result<Vec<RecordingRow>, DatabaseError> {
        let query = sqlx::query_scalar::<_, String>(
            "SELECT whole FROM recordings WHERE tenant = $1
                 AND ($2 IS NULL OR at >= $2)
                 AND ($3 IS NULL OR at < $3)
                 AND ($4 IS NULL OR agent = $4)
                 AND ($5 IS NULL OR queue = $5)
                 AND ($6 IS NULL OR call = $6)
                 AND ($7 IS NULL OR state = $7)
                 AND ($8 IS NULL OR at < $8 OR (at = $8 AND recording < $9))
             ORDER BY at DESC, recording DESC LIMIT $10",
        );
        let query = query.bind(self.tenant.to_string());
        let query = query.bind(filter.since.map(time)).bind(filter.until.map(time));
        let query = query.bind(filter.agent.map(|agent| i64::from(agent.number())));
        let query = query.bind(text(filter.queue.as_ref())).bind(text(filter.call));
        let query = query.bind(filter.state.map(crate::RecordingState::as_str));
        let query = query.bind(page.after.as_ref().map(|cursor| time(cursor.at)));
        let query = query.bind(page.after.as_ref().map(|cursor| cursor.id.clone()));
        wholes(&query.bind(i64::from(page.limit.min(LONGEST_PAGE))).fetch_all(&self.pool).await?)
    }

    /// Every part that holds a talk with an agent, of calls that ended before this time, and that
    /// began at `since` or later: what a draw is made from, complete or not. In the order of ids.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn drawable(
        &self,
        since: Timestamp,
        ended_before: Timestamp,
    ) -> Result<Vec<RecordingRow>, DatabaseError> {
        let query = sqlx::query_scalar::<_, String>(
            "SELECT recordings.whole FROM recordings
                 JOIN calls ON calls.tenant = recordings.tenant AND calls.call = recordings.call
                 WHERE recordings.tenant = $1 AND recordings.part = 'talk'
                 AND recordings.agent IS NOT NULL AND recordings.at >= $2
                 AND calls.ended_at IS NOT NULL AND calls.ended_at < $3",
        );
        let query = query.bind(self.tenant.to_string());
        let query = query.bind(time(since)).bind(time(ended_before));
        let mut rows: Vec<RecordingRow> = wholes(&query.fetch_all(&self.pool).await?)?;
        rows.sort_by_key(|row| row.recording);
        Ok(rows)
    }

    /// One part of a recording.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn recording(
        &self,
        recording: RecordingId,
    ) -> Result<Option<RecordingRow>, DatabaseError> {
        let query = sqlx::query_scalar::<_, String>(
            "SELECT whole FROM recordings WHERE tenant = $1 AND recording = $2",
        );
        let query = query.bind(self.tenant.to_string()).bind(recording.to_string());
        query.fetch_optional(&self.pool).await?.as_deref().map(parse).transpose()
    }

    /// Keeps a draw; one with the same id is not replaced.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn save_draw(&self, row: &DrawRow) -> Result<(), DatabaseError> {
        let query = sqlx::query(
            "INSERT INTO draws (tenant, draw, at, actor, whole) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (tenant, draw) DO NOTHING",
        );
        let query = query.bind(self.tenant.to_string()).bind(row.draw.clone()).bind(time(row.at));
        query.bind(row.actor.clone()).bind(json(row)?).execute(&self.pool).await?;
        Ok(())
    }

    /// One draw.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn draw(&self, draw: &str) -> Result<Option<DrawRow>, DatabaseError> {
        let query = sqlx::query_scalar::<_, String>(
            "SELECT whole FROM draws WHERE tenant = $1 AND draw = $2",
        );
        let query = query.bind(self.tenant.to_string()).bind(draw.to_owned());
        query.fetch_optional(&self.pool).await?.as_deref().map(parse).transpose()
    }

    /// Draws, the latest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn draws(&self, page: &Page) -> Result<Vec<DrawRow>, DatabaseError> {
        let query = sqlx::query_scalar::<_, String>(
            "SELECT whole FROM draws WHERE tenant = $1
                 AND ($2 IS NULL OR at < $2 OR (at = $2 AND draw < $3))
             ORDER BY at DESC, draw DESC LIMIT $4",
        );
        let query = query.bind(self.tenant.to_string());
        let query = query.bind(page.after.as_ref().map(|cursor| time(cursor.at)));
        let query = query.bind(page.after.as_ref().map(|cursor| cursor.id.clone()));
        wholes(&query.bind(i64::from(page.limit.min(LONGEST_PAGE))).fetch_all(&self.pool).await?)
    }
}

fn wholes<T: DeserializeOwned>(rows: &[String]) -> Result<Vec<T>, DatabaseError> {
    rows.iter().map(|whole| parse(whole)).collect()
}
