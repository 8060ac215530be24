//! What a request says in its headers: which version it means, and its idempotency key with its body.

use aws_lc_rs::digest::{Context, SHA256};
use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, header};
use platform::caller::Caller;
use platform::problem::Problem;
use platform::web::{Json, JsonText, LONGEST_KEY, Raw, idempotency_key};
use serde::de::DeserializeOwned;

use crate::once::Once;
use crate::version::Expected;

/// The version that a change is meant for; without it the change is refused (RFC 6585 3).
#[derive(Debug, Clone, Copy)]
pub(crate) struct IfMatch(pub(crate) Expected);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        named(parts)?.map(Self).ok_or_else(|| {
            let detail = "Say which version you mean to change: If-Match with the ETag of your last read.";
            Problem::precondition_required("if-match-missing", detail)
        })
    }
}

fn named(parts: &Parts) -> Result<Option<Expected>, Problem> {
    let Some(text) = together(&parts.headers, &header::IF_MATCH) else { return Ok(None) };
    Expected::parse(&text).map(Some).ok_or_else(|| {
        let detail = "If-Match holds the ETag as it was answered, or up to eight, or a star.";
        Problem::invalid("if-match-invalid", detail)
    })
}

/// All values of a header as one list (RFC 9110 5.3); what is no text matches nothing.
pub(super) fn together(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<&str> =
        headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// A POST with its idempotency key: who asks, what is asked once, and its JSON body.
pub(crate) struct Posted<T> {
    /// Who asks.
    pub(crate) caller: Caller,
    /// What is done once.
    pub(crate) once: Once,
    /// The body.
    pub(crate) body: T,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Posted<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, state).await?;
        let key = key(&parts)?;
        let mut digest = Context::new(&SHA256);
        digest.update(parts.method.as_str().as_bytes());
        digest.update(b" ");
        digest.update(parts.uri.path().as_bytes());
        digest.update(b"\n");
        acting(&mut digest, &caller);
        let request = Request::from_parts(parts.clone(), body);
        let JsonText(text) = JsonText::from_request(request, state).await?;
        digest.update(&text);
        let once = Once::new(&caller, key, hex::encode(digest.finish().as_ref()));
        let again = Request::from_parts(parts, axum::body::Body::from(text));
        let Json(body) = Json::<T>::from_request(again, state).await?;
        Ok(Self { caller, once, body })
    }
}

/// A POST of a file with its idempotency key: who asks, what is asked once, and the file.
pub(crate) struct PostedFile {
    /// Who asks.
    pub(crate) caller: Caller,
    /// What is done once.
    pub(crate) once: Once,
    /// The file.
    pub(crate) bytes: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for PostedFile {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, state).await?;
        let key = key(&parts)?;
        let mut digest = Context::new(&SHA256);
        let target = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        digest.update(format!("{} {target}\n", parts.method).as_bytes());
        acting(&mut digest, &caller);
        let Raw(bytes) = Raw::from_request(Request::from_parts(parts, body), state).await?;
        digest.update(&bytes);
        let once = Once::new(&caller, key, hex::encode(digest.finish().as_ref()));
        Ok(Self { caller, once, bytes })
    }
}

/// In what role and how surely signed in it is asked: what is answered in one role is not given again in another.
fn acting(digest: &mut Context, caller: &Caller) {
    let said = |text: &Option<String>| text.clone().unwrap_or_default();
    digest.update(format!("{}\n{}\n", said(&caller.role_profile), said(&caller.assurance)).as_bytes());
}

fn key(parts: &Parts) -> Result<String, Problem> {
    let Some(value) = parts.headers.get("idempotency-key") else {
        let detail =
            "Send an Idempotency-Key with every POST, a new one for each new request, such as a UUID.";
        return Err(Problem::invalid("idempotency-key-missing", detail));
    };
    idempotency_key(value.to_str().unwrap_or_default()).ok_or_else(|| {
        let detail = format!("The Idempotency-Key has at most {LONGEST_KEY} visible characters of ASCII.");
        Problem::invalid("idempotency-key-invalid", detail)
    })
}
