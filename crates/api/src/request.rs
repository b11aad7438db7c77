//! Reading what a request carries: bodies, parameters and ids, with problems instead of rejections.

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{Extension, FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::{Kind, Problem};
use crate::token::Person;

/// A request's body, as it came.
#[derive(Debug)]
pub(crate) struct Octets(Bytes);

impl<S: Send + Sync> FromRequest<S> for Octets {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Bytes::from_request(request, state).await.map(Self).map_err(|error| {
            let is_long = error.status() == StatusCode::PAYLOAD_TOO_LARGE;
            Problem::from(if is_long { Kind::BodyTooLarge } else { Kind::BodyMalformed })
        })
    }
}

/// Reads a body as JSON; no body counts as an empty object.
pub(crate) fn body<T: DeserializeOwned>(Octets(body): &Octets) -> Result<T, Problem> {
    let octets: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(octets)
        .map_err(|error| Problem::new(Kind::BodyMalformed, error.to_string()))
}

/// Reads an id out of the path.
pub(crate) fn id<T: FromStr>(text: &str) -> Result<T, Problem> {
    let unknown = || Problem::new(Kind::IdMalformed, "the id in the path cannot be read");
    text.parse().map_err(|_| unknown())
}

/// The one variable part of a path.
#[derive(Debug)]
pub(crate) struct Named(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(name)| Self(name)).map_err(|_| Kind::IdMalformed.into())
    }
}

/// The two variable parts of a path, in its order.
#[derive(Debug)]
pub(crate) struct NamedPair(pub(crate) String, pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for NamedPair {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        path.map(|Path((one, other))| Self(one, other)).map_err(|_| Kind::IdMalformed.into())
    }
}

/// The parameters after the question mark.
#[derive(Debug)]
pub(crate) struct Parameters<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        let refused = |error: axum::extract::rejection::QueryRejection| {
            Problem::new(Kind::QueryMalformed, error.body_text())
        };
        query.map(|Query(parameters)| Self(parameters)).map_err(refused)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let person = Extension::<Self>::from_request_parts(parts, state).await;
        person.map(|Extension(person)| person).map_err(|_| Kind::Unauthorized.into())
    }
}

/// Reads a parameter, when it is there.
pub(crate) fn parameter<T: FromStr>(name: &str, text: Option<&str>) -> Result<Option<T>, Problem> {
    let malformed = |_| Problem::new(Kind::QueryMalformed, format!("{name} cannot be read"));
    text.map(|text| text.parse().map_err(malformed)).transpose()
}
