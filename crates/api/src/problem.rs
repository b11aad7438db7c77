//! Errors as `application/problem+json` (RFC 9457) with a stable code.

use std::fmt;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::Refusal;
use serde_json::json;
use store::{DatabaseError, JournalError};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:literal, $title:literal;)*) => {
        /// What can be wrong beside the floor's refusals.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Kind {
            $($(#[$doc])* $name,)*
        }

        impl Kind {
            const fn parts(self) -> (&'static str, u16, &'static str) {
                match self { $(Self::$name => ($code, $status, $title),)* }
            }
        }

        /// Every code of this API beside those of [`model::Refusal`]: code, HTTP status, text.
        pub const PROBLEMS: &[(&str, u16, &str)] = &[$(($code, $status, $title),)*];
    };
}

kinds! {
    /// No token, or one that is not accepted.
    Unauthorized = "token_required", 401, "a token that is accepted here is required";
    /// The role does not allow it.
    Forbidden = "not_allowed", 403, "the token's role does not allow this";
    /// No such path.
    PathUnknown = "path_unknown", 404, "nothing is here";
    /// No such recording.
    RecordingUnknown = "recording_unknown", 404, "no recording has this id";
    /// No such call, live or past.
    CallUnknown = "call_unknown", 404, "no call has this id";
    /// No such draw.
    DrawUnknown = "draw_unknown", 404, "no draw has this id";
    /// Not shut out.
    BanUnknown = "ban_unknown", 404, "this source is not shut out";
    /// Its password is not ours to change.
    PhoneSecretFixed = "phone_secret_fixed", 409, "the environment of the service gives this phone's password";
    /// They cannot be written.
    SecretsUnwritable = "secrets_unwritable", 500, "the secrets cannot be written: nothing was changed";
    /// More than any phone needs.
    TooManyFetches = "too_many_fetches", 429, "this phone's configuration was fetched too often: try again in a minute";
    /// The path has no such method.
    MethodUnknown = "method_unknown", 405, "the method is not known here";
    /// The part is still being written, or failed.
    RecordingUnsealed = "recording_unsealed", 409, "the recording is not complete on disk";
    /// The file is not where the index says.
    RecordingMissing = "recording_missing", 410, "the recording's file is missing: tell whoever runs the system";
    /// The same key is being worked on.
    KeyInUse = "idempotency_key_in_use", 409, "a request with this idempotency key is being carried out";
    /// Too long.
    BodyTooLarge = "body_too_large", 413, "the body is larger than allowed";
    /// Not what is expected.
    BodyMalformed = "body_malformed", 400, "the body is not the JSON that is expected here";
    /// Not what is expected.
    QueryMalformed = "query_malformed", 400, "a parameter after the question mark is not one that is expected here";
    /// Not an id.
    IdMalformed = "id_malformed", 400, "the id in the path is not of the form expected here";
    /// Not usable.
    KeyMalformed = "idempotency_key_malformed", 400, "the idempotency key is empty, longer than 128 characters, or not plain text";
    /// For something else before.
    KeyReused = "idempotency_key_reused", 422, "the idempotency key was used for another request";
    /// Cannot be drawn from yet.
    PeriodOpen = "draw_period_open", 422, "the period to draw from has not ended: its recordings can still change";
    /// Not sensible.
    PlanMalformed = "draw_plan_malformed", 422, "the draw's plan makes no sense";
    /// Beyond the end.
    PositionAhead = "position_ahead", 422, "the position lies after the end of the log";
    /// Beyond the end.
    RangeUnsatisfiable = "range_unsatisfiable", 416, "the range lies outside the recording";
    /// Not a WebSocket.
    UpgradeRequired = "websocket_required", 426, "this address speaks WebSocket alone";
    /// Too many at once.
    TooMany = "too_many_connections", 503, "too many event streams are open: close some, or try again later";
    /// Took too long.
    TimedOut = "timed_out", 503, "the request took too long: try again";
    /// The database does not answer.
    DatabaseDown = "database_unavailable", 503, "the database does not answer: calls go on, records come later";
    /// The journal cannot be read or written.
    JournalDown = "journal_unavailable", 503, "the journal cannot be read or written: see the server's log";
    /// Our fault.
    Fault = "fault", 500, "something went wrong on our side";
}

/// An error as clients see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Problem {
    code: &'static str,
    status: u16,
    title: &'static str,
    detail: String,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let (code, status, title) = kind.parts();
        Self { code, status, title, detail: detail.into() }
    }
}

impl From<Kind> for Problem {
    fn from(kind: Kind) -> Self {
        Self::new(kind, "")
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let doc = refusal.doc();
        Self { code: doc.code, status: doc.http_status, title: doc.text, detail: String::new() }
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        tracing::warn!(%error, "a question to the database failed");
        Kind::DatabaseDown.into()
    }
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        if let JournalError::Ahead { .. } = error {
            return Self::new(Kind::PositionAhead, error.to_string());
        }
        tracing::warn!(%error, "reading the journal failed");
        Kind::JournalDown.into()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code, self.title)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { code, status, title, detail } = self;
        let detail = if detail.is_empty() { title } else { &detail };
        let kind = format!("urn:hotline:problem:{code}");
        let body = json!({
            "type": kind, "title": title, "status": status, "code": code, "detail": detail,
        });
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_stands_for_one_thing() {
        let mut codes = BTreeSet::new();
        let ours = PROBLEMS.iter().map(|(code, _, _)| *code);
        for code in ours.chain(Refusal::ALL.iter().map(|refusal| refusal.doc().code)) {
            assert!(codes.insert(code) || code == "call_unknown", "{code}");
        }
    }
}
