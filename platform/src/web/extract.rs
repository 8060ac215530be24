//! axum's extractors, with a [`Problem`] as the answer to what cannot be read.

#![expect(clippy::disallowed_types, reason = "these are what is to be used in place of axum's own")]

use std::convert::Infallible;
use std::error::Error as StdError;

use axum::RequestExt as _;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::body::TooSlow;
use crate::problem::{Kind, Problem};

/// A JSON body, read or answered.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let JsonText(bytes) = JsonText::from_request(request, state).await?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| Problem::invalid("json-invalid", unreadable(&error)))
    }
}

/// A body that says it is JSON, not yet read as such: for those that can be large, and are read elsewhere.
#[derive(Debug, Clone)]
pub struct JsonText(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonText {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "Send the body as JSON, with content-type: application/json.";
            return Err(Problem::new(Kind::UnsupportedMedia, "json-expected", detail));
        }
        read(request).await.map(Self)
    }
}

/// What is wrong with a body, and where, without what was sent: that may be a passphrase.
fn unreadable(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    let place = format!("line {line}, column {column}");
    if error.classify() != Category::Data {
        return format!("The body is not JSON: it cannot be read on from {place}.");
    }
    let text = error.to_string();
    let ours = |prefix: &str| text.strip_prefix(prefix).and_then(|rest| rest.split_once('`'));
    // Names of members that are missing or twice there are our own; of the other messages of serde's only the end is.
    if let Some((member, _)) = ours("missing field `") {
        return format!("The member {member} is missing in the object that ends at {place}.");
    }
    if let Some((member, _)) = ours("duplicate field `") {
        return format!("The member {member} stands twice, again at {place}.");
    }
    let by_serde =
        ["invalid type: ", "invalid value: ", "invalid length ", "unknown field `", "unknown variant `"];
    let expected = by_serde.iter().any(|prefix| text.starts_with(prefix));
    let expected = text.rsplit_once(", expected ").filter(|_| expected).map(|(_, rest)| rest);
    // serde_json ends with the place, which is told in our own words.
    let expected = expected.map(|text| text.rsplit_once(" at line ").map_or(text, |(text, _)| text));
    match expected {
        // The name of a type of ours tells nobody anything.
        Some(expected) if expected.starts_with("struct ") => {
            format!("What stands at {place} is not what is expected there: an object.")
        }
        Some(expected) => format!("What stands at {place} is not what is expected there: {expected}."),
        None => format!("What stands at {place} is not what is expected there."),
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(error) => Problem::internal(error).into_response(),
        }
    }
}

/// RFC 6839 3.1: `+json` is JSON too.
fn is_json(headers: &HeaderMap) -> bool {
    let essence = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase());
    essence.is_some_and(|it| {
        it == "application/json" || (it.starts_with("application/") && it.ends_with("+json"))
    })
}

/// A body of any type, as it is.
#[derive(Debug, Clone)]
pub struct Raw(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        read(request).await.map(Self)
    }
}

/// All of a request but its body, which nobody reads. It is taken as it is: [`Parts`] as an extractor are a copy of every header
/// and extension.
#[derive(Debug)]
pub struct Head(pub Parts);

impl<S: Send + Sync> FromRequest<S> for Head {
    type Rejection = Infallible;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(request.into_parts().0))
    }
}

/// Reads a body to its end; how large and how slow it may be, the layers around the router say, axum's own among them.
async fn read(request: Request) -> Result<Bytes, Problem> {
    let unread = match request.with_limited_body().into_body().collect().await {
        Ok(collected) => return Ok(collected.to_bytes()),
        Err(error) => error.into_inner(),
    };
    let mut next: Option<&(dyn StdError + 'static)> = Some(&*unread);
    while let Some(error) = next {
        if error.is::<LengthLimitError>() {
            return Err(Problem::too_large("body-too-large", "The body is larger than is read here."));
        }
        if error.is::<TooSlow>() {
            return Err(Problem::new(Kind::TooSlow, "body-too-slow", "The body did not arrive in time."));
        }
        next = error.source();
    }
    Err(Problem::invalid("body-unreadable", "The body could not be read to its end."))
}

/// The parameters in the path.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if names_nul(parts.uri.path()) {
            return Err(Problem::not_found("not-found", "No name of anything holds the character U+0000."));
        }
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            // What cannot be a name of anything names nothing.
            Err(PathRejection::FailedToDeserializePathParams(error)) => {
                Err(Problem::not_found("not-found", format!("{}.", error.body_text())))
            }
            Err(error) => Err(Problem::internal(error)),
        }
    }
}

/// The parameters in the query.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if names_nul(parts.uri.query().unwrap_or_default()) {
            return Err(Problem::invalid("query-invalid", "The query holds the character U+0000."));
        }
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(QueryRejection::FailedToDeserializeQueryString(error)) => {
                Err(Problem::invalid("query-invalid", format!("{}.", error.body_text())))
            }
            Err(error) => Err(Problem::invalid("query-invalid", format!("{}.", error.body_text()))),
        }
    }
}

/// Whether an encoded text holds U+0000, which one of the engines stores in no text.
fn names_nul(encoded: &str) -> bool {
    encoded.contains("%00")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only what cannot be read is looked at")]
    struct Change {
        new: String,
        times: u32,
        kind: Kind,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Slow,
        Fast,
    }

    /// What is told of an unreadable body says where and what was expected, and nothing of what was sent.
    #[test]
    fn nothing_that_was_sent_comes_back() {
        let mut told = String::new();
        for body in [
            r#"{"new": "sword", "times": "swordfish", "kind": "slow"}"#,
            r#"{"new": "sword", "times": "swordfish, expected swordfish", "kind": "slow"}"#,
            r#"{"new": "sword", "times": 1, "kind": "swordfish"}"#,
            r#"{"new": 5318008, "times": 1, "kind": "slow"}"#,
            r#"{"swordfish": 1}"#,
            r#"{"new": "swordfish", "new": "swordfish"}"#,
            r#"{"new": "swordfish", "times": 1}"#,
            r#"["swordfish"]"#,
            r#""swordfish""#,
            r#"{"new": "swordfish" "times"}"#,
            r#"{"new": "swordfish"#,
            "swordfish",
        ] {
            let sentence = unreadable(&serde_json::from_str::<Change>(body).unwrap_err());
            assert!(!sentence.contains("sword") && !sentence.contains("5318008"), "{sentence}");
            told = format!("{told}{sentence}\n");
        }
        insta::assert_snapshot!(told, @r"
        What stands at line 1, column 37 is not what is expected there: u32.
        What stands at line 1, column 57 is not what is expected there: u32.
        What stands at line 1, column 48 is not what is expected there: `slow` or `fast`.
        What stands at line 1, column 15 is not what is expected there: a string.
        What stands at line 1, column 12 is not what is expected there: one of `new`, `times`, `kind`.
        The member new stands twice, again at line 1, column 26.
        The member kind is missing in the object that ends at line 1, column 32.
        What stands at line 1, column 13 is not what is expected there: an object.
        What stands at line 1, column 11 is not what is expected there: an object.
        The body is not JSON: it cannot be read on from line 1, column 21.
        The body is not JSON: it cannot be read on from line 1, column 18.
        The body is not JSON: it cannot be read on from line 1, column 1.
        ");
    }
}
