//! Commands that are carried out once however often they are sent.
//!
//! A client that names its command by an `Idempotency-Key` and hears no answer sends it again with
//! the same key: it gets the answer of the first time, with `Idempotent-Replay: true`. Only the
//! last few hundred answers are kept; an error on our side is not, so that it can be tried again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use crate::app::{App, LONGEST_BODY};
use crate::problem::{Kind, Problem};
use crate::token::Person;

/// How many answers are kept.
const KEPT: usize = 256;

/// The longest answer that is kept, in octets.
const LONGEST_ANSWER: usize = 256 << 10;

/// The longest key.
const LONGEST_KEY: usize = 128;

/// A key and whose it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Key {
    holder: String,
    key: String,
}

/// The answers given to keys.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: BTreeMap<Key, Entry>,
    order: VecDeque<Key>,
}

/// What a key stands for, and the answer when there is one.
#[derive(Debug)]
struct Entry {
    fingerprint: [u8; 32],
    answer: Option<Answer>,
}

#[derive(Clone, Debug)]
struct Answer {
    status: StatusCode,
    kind: Option<HeaderValue>,
    body: Bytes,
}

pub(crate) async fn remember(
    State(app): State<Arc<App>>,
    person: Person,
    request: Request,
    next: Next,
) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    match once(&app.answers, person, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn once(
    answers: &Answers,
    person: Person,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let Some(key) = key(&person, &request)? else { return Ok(next.run(request).await) };
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LONGEST_BODY).await;
    let body = body.map_err(|_| Problem::from(Kind::BodyTooLarge))?;
    let fingerprint = Sha256::new()
        .chain_update(parts.uri.path().as_bytes())
        .chain_update([0])
        .chain_update(&body)
        .finalize()
        .into();
    if let Some(answer) = answers.begin(&key, fingerprint)? {
        return Ok(answer.replay());
    }
    let working = Working { answers, key: Some(key) };
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    working.finish(response).await
}

fn key(person: &Person, request: &Request) -> Result<Option<Key>, Problem> {
    let Some(value) = request.headers().get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY);
    let key = key.ok_or(Kind::KeyMalformed)?.to_owned();
    Ok(Some(Key { holder: person.name.clone(), key }))
}

impl Answers {
    /// The answer given before, or a promise to give one.
    fn begin(&self, key: &Key, fingerprint: [u8; 32]) -> Result<Option<Answer>, Problem> {
        let mut kept = self.kept();
        match kept.entries.get(key) {
            Some(entry) if entry.fingerprint != fingerprint => Err(Kind::KeyReused.into()),
            Some(Entry { answer: Some(answer), .. }) => Ok(Some(answer.clone())),
            Some(Entry { answer: None, .. }) => Err(Kind::KeyInUse.into()),
            None => {
                kept.make_room();
                kept.order.push_back(key.clone());
                kept.entries.insert(key.clone(), Entry { fingerprint, answer: None });
                Ok(None)
            }
        }
    }

    fn forget(&self, key: &Key) {
        let mut kept = self.kept();
        kept.entries.remove(key);
        kept.order.retain(|other| other != key);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn make_room(&mut self) {
        while self.order.len() >= KEPT {
            let Some(oldest) = self.order.pop_front() else { return };
            self.entries.remove(&oldest);
        }
    }
}

/// A command being carried out. Dropped without an answer, its key is free again.
struct Working<'a> {
    answers: &'a Answers,
    key: Option<Key>,
}

impl Working<'_> {
    async fn finish(mut self, response: Response) -> Result<Response, Problem> {
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.map_err(|_| Problem::from(Kind::Fault))?;
        let answer = Answer {
            status: parts.status,
            kind: parts.headers.get(header::CONTENT_TYPE).cloned(),
            body: body.clone(),
        };
        if !parts.status.is_server_error() && body.len() <= LONGEST_ANSWER {
            let key = self.key.take();
            let mut kept = self.answers.kept();
            if let Some(entry) = key.and_then(|key| kept.entries.get_mut(&key)) {
                entry.answer = Some(answer);
            }
        }
        Ok(Response::from_parts(parts, Body::from(body)))
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.answers.forget(&key);
        }
    }
}

impl Answer {
    fn replay(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        let headers = response.headers_mut();
        if let Some(kind) = self.kind {
            headers.insert(header::CONTENT_TYPE, kind);
        }
        headers.insert("idempotent-replay", HeaderValue::from_static("true"));
        response
    }
}
