//! What a request says in its headers: which version it means, and its idempotency key with its body.

use aws_lc_rs::digest::{Context, SHA256};
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::header;
use http::request::Parts;
use platform::caller::Caller;
use platform::problem::Problem;
use platform::web::{Json, JsonText, idempotency_key};
use serde::de::DeserializeOwned;

use crate::cards::{CardRefused, Expected, Once};

/// The version that a change is meant for; without it the change is refused (RFC 6585 3).
pub(super) struct IfMatch(pub(super) Expected);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(header::IF_MATCH).iter();
        let (Some(value), more) = (values.next(), values.next()) else {
            return Err(CardRefused::VersionMissing.into());
        };
        let expected = value.to_str().ok().filter(|_| more.is_none()).and_then(Expected::parse);
        expected.map(Self).ok_or_else(|| CardRefused::VersionInvalid.into())
    }
}

/// A POST with its idempotency key (`draft-ietf-httpapi-idempotency-key-header`): who asks, what is asked once, and its body.
pub(super) struct Posted<T> {
    pub(super) caller: Caller,
    pub(super) once: Once,
    pub(super) body: T,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Posted<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, state).await?;
        let key = key(&parts)?;
        let if_match = parts.headers.get(header::IF_MATCH).map(|value| value.as_bytes().to_vec());
        let said = |text: &Option<String>| text.clone().unwrap_or_default();
        let head = format!(
            "{} {}\n{}\n{}\n",
            parts.method,
            parts.uri.path(),
            said(&caller.role_profile),
            said(&caller.assurance)
        );
        let mut digest = Context::new(&SHA256);
        digest.update(head.as_bytes());
        digest.update(&if_match.unwrap_or_default());
        digest.update(b"\n");
        let request = Request::from_parts(parts.clone(), body);
        let JsonText(text) = JsonText::from_request(request, state).await?;
        digest.update(&text);
        let once = Once::new(&caller, key, hex::encode(digest.finish().as_ref()));
        let again = Request::from_parts(parts, axum::body::Body::from(text));
        let Json(body) = Json::<T>::from_request(again, state).await?;
        Ok(Self { caller, once, body })
    }
}

fn key(parts: &Parts) -> Result<String, Problem> {
    let value = parts.headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    idempotency_key(value.unwrap_or_default()).ok_or_else(|| CardRefused::KeyMissing.into())
}
