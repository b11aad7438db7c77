//! Writing the projections' rows.

use insight::{Cdr, Segment, StateInterval};
use model::{CallId, PartKind, RecordingId, TenantId, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::AnyConnection;

use crate::database::number;
use crate::recording::RecordingRow;
use crate::upsert::{Query, Upsert};
use crate::{DatabaseError, Position};

const CALLS: Upsert = Upsert {
    table: "calls",
    columns: "tenant, call, began_epoch, began_seq, from_number, to_number, hotline, trunk, phone,
        sip_call_id, arrived_at, answered_at, queued_at, joined_at, ended_at, outcome, cause,
        transferred_to, waited_ms, talk_ms, held_ms, whole, from_canonical, to_canonical",
    conflict: "(tenant, call) DO UPDATE SET answered_at = excluded.answered_at,
        queued_at = excluded.queued_at, joined_at = excluded.joined_at,
        ended_at = excluded.ended_at, outcome = excluded.outcome, cause = excluded.cause,
        transferred_to = excluded.transferred_to, waited_ms = excluded.waited_ms,
        talk_ms = excluded.talk_ms, held_ms = excluded.held_ms, whole = excluded.whole",
};

const SEGMENTS: Upsert = Upsert {
    table: "segments",
    columns: "tenant, call, n, segment, kind, since, until, flow, queue, agent, with_number,
        outcome, cause, held_ms",
    conflict: "(tenant, call, n) DO NOTHING",
};

const INTERVALS: Upsert = Upsert {
    table: "agent_states",
    columns: "tenant, agent, epoch, seq, state, reason, call, phone, since, until, cause, actor,
        whole",
    conflict: "(tenant, agent, epoch, seq) DO UPDATE SET phone = excluded.phone,
        until = excluded.until, whole = excluded.whole",
};

const RECORDINGS: Upsert = Upsert {
    table: "recordings",
    columns: "tenant, recording, call, part, state, agent, queue, at, duration_ms, file, octets,
        sha256, whole",
    conflict: "(tenant, recording) DO UPDATE SET state = excluded.state,
        duration_ms = excluded.duration_ms, file = excluded.file, octets = excluded.octets,
        sha256 = excluded.sha256, whole = excluded.whole",
};

/// Where rows are written: inside a transaction, for one tenant.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    pub(crate) connection: &'a mut AnyConnection,
    pub(crate) tenant: &'a TenantId,
}

impl Rows<'_> {
    pub(crate) async fn put_mark(&mut self, mark: Position) -> Result<(), DatabaseError> {
        let query = sqlx::query(
            "INSERT INTO projection_mark (tenant, epoch, seq) VALUES ($1, $2, $3)
             ON CONFLICT (tenant) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq",
        );
        let query = query.bind(self.tenant.to_string());
        let query = query.bind(i64::from(mark.epoch.number())).bind(number(mark.seq));
        query.execute(&mut *self.connection).await?;
        Ok(())
    }

    /// Writes calls, no two of them the same.
    pub(crate) async fn put_calls(&mut self, cdrs: &[Cdr]) -> Result<(), DatabaseError> {
        let bind = |query: Query, cdr: &Cdr| {
            let query = query.bind(self.tenant.to_string()).bind(cdr.call.to_string());
            let query = query.bind(i64::from(cdr.began.0.number())).bind(number(cdr.began.1));
            let query = query.bind(cdr.from.to_string()).bind(cdr.to.to_string());
            let query = query.bind(text(cdr.hotline.as_ref())).bind(text(cdr.trunk.as_ref()));
            let query = query.bind(text(cdr.phone.as_ref())).bind(cdr.sip_call_id.clone());
            let query = query.bind(time(cdr.arrived_at)).bind(cdr.answered_at.map(time));
            let query = query.bind(cdr.queued_at.map(time)).bind(cdr.joined_at.map(time));
            let query = query.bind(cdr.ended_at.map(time)).bind(text(cdr.outcome));
            let query = query.bind(text(cdr.cause)).bind(text(cdr.transferred_to.as_ref()));
            let query = query.bind(number(cdr.waited_ms)).bind(number(cdr.talk_ms));
            let query = query.bind(number(cdr.held_ms)).bind(json(cdr)?);
            let query = query.bind(text(cdr.from_canonical.as_ref()));
            Ok(query.bind(text(cdr.to_canonical.as_ref())))
        };
        CALLS.put(&mut *self.connection, cdrs, bind).await
    }

    /// Writes the segments of calls that have ended, each with its call and its place there.
    pub(crate) async fn put_segments(
        &mut self,
        segments: &[(CallId, u64, Segment)],
    ) -> Result<(), DatabaseError> {
        let bind = |query: Query, (call, n, segment): &(CallId, u64, Segment)| {
            let query = query.bind(self.tenant.to_string()).bind(call.to_string());
            let query = query.bind(number(*n)).bind(i64::from(segment.segment.number()));
            let query = query.bind(segment.kind.as_str()).bind(time(segment.since));
            let query = query.bind(segment.until.map(time)).bind(segment.flow.clone());
            let query = query.bind(text(segment.queue.as_ref()));
            let query = query.bind(segment.agent.map(|agent| i64::from(agent.number())));
            let query = query.bind(text(segment.with.as_ref())).bind(text(segment.outcome));
            Ok(query.bind(text(segment.cause)).bind(number(segment.held_ms)))
        };
        SEGMENTS.put(&mut *self.connection, segments, bind).await
    }

    /// Writes intervals, no two of them the same.
    pub(crate) async fn put_intervals(
        &mut self,
        intervals: &[StateInterval],
    ) -> Result<(), DatabaseError> {
        let bind = |query: Query, row: &StateInterval| {
            let query = query.bind(self.tenant.to_string()).bind(i64::from(row.agent.number()));
            let query = query.bind(i64::from(row.began.0.number())).bind(number(row.began.1));
            let query = query.bind(row.state.as_str()).bind(text(row.reason.as_ref()));
            let query = query.bind(text(row.call)).bind(text(row.phone.as_ref()));
            let query = query.bind(time(row.since)).bind(row.until.map(time));
            let query = query.bind(text(row.cause)).bind(row.actor.to_string());
            Ok(query.bind(json(row)?))
        };
        INTERVALS.put(&mut *self.connection, intervals, bind).await
    }

    pub(crate) async fn recording(
        &mut self,
        recording: RecordingId,
    ) -> Result<Option<RecordingRow>, DatabaseError> {
        let query = sqlx::query_scalar::<_, String>(
            "SELECT whole FROM recordings WHERE tenant = $1 AND recording = $2",
        );
        let query = query.bind(self.tenant.to_string()).bind(recording.to_string());
        let whole = query.fetch_optional(&mut *self.connection).await?;
        whole.as_deref().map(parse).transpose()
    }

    /// Writes parts of recordings, no two of them the same.
    pub(crate) async fn put_recordings(
        &mut self,
        recordings: &[RecordingRow],
    ) -> Result<(), DatabaseError> {
        let bind = |query: Query, row: &RecordingRow| {
            let part = match row.part {
                Some(PartKind::Talk) | None => "talk",
                Some(PartKind::Waiting) => "waiting",
            };
            let query = query.bind(self.tenant.to_string()).bind(row.recording.to_string());
            let query = query.bind(row.call.to_string()).bind(part).bind(row.state.as_str());
            let query = query.bind(row.agent.map(|agent| i64::from(agent.number())));
            let query = query.bind(text(row.queue.as_ref())).bind(time(row.at));
            let query = query.bind(row.duration_ms.map(number)).bind(row.file.clone());
            let query = query.bind(row.octets.map(number)).bind(row.sha256.clone());
            Ok(query.bind(json(row)?))
        };
        RECORDINGS.put(&mut *self.connection, recordings, bind).await
    }
}

pub(crate) fn time(at: Timestamp) -> i64 {
    number(at.as_micros())
}

pub(crate) fn text<T: ToString>(value: Option<T>) -> Option<String> {
    value.map(|value| value.to_string())
}

pub(crate) fn json<T: Serialize>(row: &T) -> Result<String, DatabaseError> {
    serde_json::to_string(row).map_err(|error| DatabaseError::Row(error.to_string()))
}

pub(crate) fn parse<T: DeserializeOwned>(whole: &str) -> Result<T, DatabaseError> {
    serde_json::from_str(whole).map_err(|error| DatabaseError::Row(error.to_string()))
}
