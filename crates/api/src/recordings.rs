//! Recordings: the index, and listening.
//!
//! Every time audio is handed out, `recording.played` is on disk first; where it cannot be written,
//! nothing is played.

use std::io::SeekFrom;
use std::path::{Component, Path as FilePath, PathBuf};
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use model::{AgentId, CallId, EventKind, QueueId, RecordingId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{RecordingFilter, RecordingRow, RecordingState};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use crate::app::App;
use crate::calls::{next, page};
use crate::problem::{Kind, Problem};
use crate::request::{Named, Parameters, id, parameter};
use crate::status;
use crate::token::{Person, Right};

/// How much of a file is read at once, in octets.
const CHUNK: u64 = 64 << 10;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    since: Option<String>,
    until: Option<String>,
    agent: Option<String>,
    queue: Option<String>,
    call: Option<String>,
    state: Option<String>,
    limit: Option<u32>,
    after: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Recordings {
    recordings: Vec<RecordingRow>,
    /// To be given as `after` for the page that follows; `None` when there is none.
    next: Option<String>,
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    person: Person,
    Parameters(wanted): Parameters<Wanted>,
) -> Result<Json<Recordings>, Problem> {
    person.may(Right::Recordings)?;
    let filter = RecordingFilter {
        since: parameter::<Timestamp>("since", wanted.since.as_deref())?,
        until: parameter::<Timestamp>("until", wanted.until.as_deref())?,
        agent: parameter::<AgentId>("agent", wanted.agent.as_deref())?,
        queue: wanted.queue.as_deref().map(QueueId::from),
        call: parameter::<CallId>("call", wanted.call.as_deref())?,
        state: wanted.state.as_deref().map(state).transpose()?,
    };
    let page = page(wanted.limit, wanted.after.as_deref())?;
    let recordings = app.wiring.database.recordings(&filter, &page).await?;
    let last = recordings.last().map(|row| (row.at, row.recording.to_string()));
    let next = next(&page, recordings.len(), last);
    Ok(Json(Recordings { recordings, next }))
}

fn state(text: &str) -> Result<RecordingState, Problem> {
    let unknown = || Problem::new(Kind::QueryMalformed, "state is none of started, sealed, failed");
    serde_json::from_value(Value::String(text.into())).map_err(|_| unknown())
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    person: Person,
    Named(recording): Named,
) -> Result<Json<RecordingRow>, Problem> {
    person.may(Right::Recordings)?;
    row(&app, &recording).await.map(Json)
}

async fn row(app: &App, recording: &str) -> Result<RecordingRow, Problem> {
    let id = id::<RecordingId>(recording)?;
    app.wiring.database.recording(id).await?.ok_or_else(|| Kind::RecordingUnknown.into())
}

pub(crate) async fn audio(
    State(app): State<Arc<App>>,
    person: Person,
    Named(recording): Named,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    person.may(Right::Recordings)?;
    let row = row(&app, &recording).await?;
    let file = row.file.as_deref().filter(|_| row.state == RecordingState::Sealed);
    let file = file.ok_or(Kind::RecordingUnsealed)?;
    let path = within(&app.wiring.recordings, file).ok_or(Kind::RecordingMissing)?;
    let file = File::open(&path).await.map_err(|error| missing(&path, &error))?;
    let length = file.metadata().await.map_err(|error| missing(&path, &error))?.len();
    let range = range(headers.get(header::RANGE), length)?;
    let kind = EventKind::RecordingPlayed { recording: row.recording };
    let mut response = if method == Method::HEAD {
        Body::empty().into_response()
    } else {
        app.wiring.floor.note(person.actor(), Some(row.call), kind)?;
        status::written(&app, person.actor()).await?;
        part(file, &range, &path).await?.into_response()
    };
    range.describe(&mut response, length);
    describe(&mut response, &row);
    Ok(response)
}

/// The file's place, which must lie in the recordings folder whatever the index says.
fn within(folder: &FilePath, file: &str) -> Option<PathBuf> {
    let file = FilePath::new(file);
    let is_inside = file.components().all(|part| matches!(part, Component::Normal(_)));
    is_inside.then(|| folder.join(file))
}

fn missing(path: &FilePath, error: &std::io::Error) -> Problem {
    tracing::warn!(file = %path.display(), %error, "a recording cannot be read");
    Kind::RecordingMissing.into()
}

/// Which octets are wanted, the last one included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Octets {
    first: u64,
    last: u64,
    whole: bool,
}

impl Octets {
    const fn length(self) -> u64 {
        (self.last + 1).saturating_sub(self.first)
    }

    fn describe(self, response: &mut Response, length: u64) {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.length()));
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if self.whole {
            return;
        }
        let range = format!("bytes {}-{}/{length}", self.first, self.last);
        headers.extend(HeaderValue::try_from(range).map(|it| (header::CONTENT_RANGE, it)));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
}

/// Reads a Range header (RFC 9110 §14.2). One that is not understood, or that wants several
/// ranges, may be passed over: the whole is the answer then.
fn range(header: Option<&HeaderValue>, length: u64) -> Result<Octets, Problem> {
    let whole = Octets { first: 0, last: length.saturating_sub(1), whole: true };
    let spec = header.and_then(|value| value.to_str().ok()?.strip_prefix("bytes="));
    let Some((first, last)) = spec.and_then(|spec| spec.split_once('-')) else {
        return Ok(whole);
    };
    let octets = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.min(whole.last)),
        (Ok(first), Err(_)) if last.trim().is_empty() => (first, whole.last),
        (Err(_), Ok(suffix)) if first.trim().is_empty() && suffix > 0 => {
            (length.saturating_sub(suffix), whole.last)
        }
        (Ok(_), Ok(_)) | (Ok(_) | Err(_), Err(_)) | (Err(_), Ok(_)) => return Ok(whole),
    };
    if octets.0 >= length {
        return Err(Problem::new(Kind::RangeUnsatisfiable, format!("it has {length} octets")));
    }
    Ok(Octets { first: octets.0, last: octets.1, whole: false })
}

async fn part(mut file: File, range: &Octets, path: &FilePath) -> Result<Body, Problem> {
    let sought = file.seek(SeekFrom::Start(range.first)).await;
    sought.map_err(|error| missing(path, &error))?;
    let chunks = stream::unfold((file, range.length()), |(mut file, left)| async move {
        if left == 0 {
            return None;
        }
        let mut octets = Vec::new();
        let read = (&mut file).take(left.min(CHUNK)).read_to_end(&mut octets).await;
        let chunk = match read {
            Ok(0) => Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(Bytes::from(octets)),
            Err(error) => Err(error),
        };
        let read = chunk.as_ref().map_or(left, |chunk| chunk.len() as u64);
        Some((chunk, (file, left.saturating_sub(read))))
    });
    Ok(Body::from_stream(chunks))
}

fn describe(response: &mut Response, row: &RecordingRow) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("audio/wav"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    let name = format!("inline; filename=\"{}.wav\"", row.recording);
    headers.extend(HeaderValue::try_from(name).map(|it| (header::CONTENT_DISPOSITION, it)));
    let tag = row.sha256.as_ref().map(|sha256| format!("\"{sha256}\""));
    let tag = tag.and_then(|tag| HeaderValue::try_from(tag).ok());
    headers.extend(tag.map(|tag| (header::ETAG, tag)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_outside_the_folder_is_never_opened() {
        let folder = FilePath::new("/srv/recordings");
        let file = "2026-11-22/1-2.1.wav";
        assert_eq!(within(folder, file), Some(folder.join(file)));
        for file in ["../secret", "/etc/passwd", "a/../../b", "./a"] {
            assert_eq!(within(folder, file), None, "{file}");
        }
    }

    #[test]
    fn a_range_is_read_as_rfc_9110_says() {
        let read = |text: &'static str| range(Some(&HeaderValue::from_static(text)), 100);
        let octets = |first, last| Ok(Octets { first, last, whole: false });
        assert_eq!(read("bytes=0-9"), octets(0, 9));
        assert_eq!(read("bytes=90-"), octets(90, 99));
        assert_eq!(read("bytes=90-500"), octets(90, 99));
        assert_eq!(read("bytes=-10"), octets(90, 99));
        assert_eq!(read("bytes=-500"), octets(0, 99));
        assert!(read("bytes=100-").is_err());
        let whole = Ok(Octets { first: 0, last: 99, whole: true });
        for text in
            ["", "bytes=", "bytes=x-y", "bytes=9-0", "bytes=-0", "bytes=0-1,5-6", "lines=1-2"]
        {
            assert_eq!(read(text), whole, "{text}");
        }
        assert!(range(Some(&HeaderValue::from_static("bytes=0-")), 0).is_err());
    }
}
