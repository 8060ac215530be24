//! What is answered when a request cannot be done: RFC 9457 problem details.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

/// What kind of thing went wrong; it decides the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 400: the request is not what it must be.
    Invalid,
    /// 401: it is not known who asks.
    Unauthenticated,
    /// 403: who asks may not.
    Forbidden,
    /// 404: there is no such thing, or not for the one who asks.
    NotFound,
    /// 405: the resource has no such method.
    MethodNotAllowed,
    /// 408: the request did not arrive in time.
    TooSlow,
    /// 409: the state of things forbids it.
    Conflict,
    /// 410: it was here and is no more.
    Gone,
    /// 412: the thing has changed since it was read.
    PreconditionFailed,
    /// 413: the request is too large.
    TooLarge,
    /// 415: the body's type is not read here.
    UnsupportedMedia,
    /// 422: the request is well formed, and what it says cannot be (RFC 9110 15.5.21).
    Unprocessable,
    /// 428: the request must say which version of the thing it means.
    PreconditionRequired,
    /// 429: too many requests.
    TooMany,
    /// 500: our fault.
    Internal,
    /// 503: try again later.
    Unavailable,
    /// 504: something we need did not answer in time.
    TimedOut,
}

const KINDS: [(Kind, StatusCode, &str); 17] = [
    (Kind::Invalid, StatusCode::BAD_REQUEST, "The request is not valid"),
    (Kind::Unauthenticated, StatusCode::UNAUTHORIZED, "It is not known who asks"),
    (Kind::Forbidden, StatusCode::FORBIDDEN, "Not allowed"),
    (Kind::NotFound, StatusCode::NOT_FOUND, "Not found"),
    (Kind::MethodNotAllowed, StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"),
    (Kind::TooSlow, StatusCode::REQUEST_TIMEOUT, "The request came too slowly"),
    (Kind::Conflict, StatusCode::CONFLICT, "Not possible in the present state"),
    (Kind::Gone, StatusCode::GONE, "No longer here"),
    (Kind::PreconditionFailed, StatusCode::PRECONDITION_FAILED, "Changed since it was read"),
    (Kind::TooLarge, StatusCode::PAYLOAD_TOO_LARGE, "The request is too large"),
    (Kind::UnsupportedMedia, StatusCode::UNSUPPORTED_MEDIA_TYPE, "The type of the body is not read here"),
    (Kind::PreconditionRequired, StatusCode::PRECONDITION_REQUIRED, "Say which version is meant"),
    (Kind::TooMany, StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
    (Kind::Internal, StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong"),
    (Kind::Unavailable, StatusCode::SERVICE_UNAVAILABLE, "Not available at the moment"),
    (Kind::TimedOut, StatusCode::GATEWAY_TIMEOUT, "No answer in time"),
    (Kind::Unprocessable, StatusCode::UNPROCESSABLE_ENTITY, "What is asked for cannot be"),
];

impl Kind {
    /// The HTTP status of this kind.
    pub fn status(self) -> StatusCode {
        self.row().1
    }

    /// The kind of an HTTP status, the nearest where there is none of its own.
    pub fn of(status: StatusCode) -> Self {
        KINDS.iter().find(|row| row.1 == status).map_or_else(
            || if status.is_client_error() { Self::Invalid } else { Self::Internal },
            |row| row.0,
        )
    }

    fn title(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> &'static (Self, StatusCode, &'static str) {
        // Every kind has its row: the test at the foot counts them.
        KINDS.iter().find(|row| row.0 == self).unwrap_or(&KINDS[13])
    }
}

/// A refusal or a failure, as it is told to whoever asked.
pub struct Problem {
    /// What kind of thing went wrong.
    pub kind: Kind,
    /// A stable word for programs, such as `profile-not-allowed`.
    pub code: &'static str,
    /// A sentence for people: what happened and what to do.
    pub detail: String,
    /// When it makes sense to try again.
    pub retry_after: Option<Duration>,
    /// The cause, for the log only.
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Problem {
    /// A problem of any kind.
    pub fn new(kind: Kind, code: &'static str, detail: impl Into<String>) -> Self {
        Self { kind, code, detail: detail.into(), retry_after: None, source: None }
    }

    /// 400.
    pub fn invalid(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, code, detail)
    }

    /// 401.
    pub fn unauthenticated(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::Unauthenticated, code, detail)
    }

    /// 403.
    pub fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, code, detail)
    }

    /// 404. Also for things of somebody else.
    pub fn not_found(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, code, detail)
    }

    /// 409.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, code, detail)
    }

    /// 422.
    pub fn unprocessable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::Unprocessable, code, detail)
    }

    /// 410.
    pub fn gone(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::Gone, code, detail)
    }

    /// 412.
    pub fn precondition_failed(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::PreconditionFailed, code, detail)
    }

    /// 413.
    pub fn too_large(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::TooLarge, code, detail)
    }

    /// 428.
    pub fn precondition_required(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::PreconditionRequired, code, detail)
    }

    /// 429.
    pub fn too_many(code: &'static str, detail: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(Kind::TooMany, code, detail).retry_after(retry_after)
    }

    /// 500. The cause is logged once, when the answer is made; outside nothing of it is shown.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Kind::Internal, "internal", "Something went wrong on the server. It has been logged.")
            .caused_by(source)
    }

    /// 503.
    pub fn unavailable(code: &'static str, detail: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(Kind::Unavailable, code, detail).retry_after(retry_after)
    }

    /// 504.
    pub fn timed_out(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::TimedOut, code, detail)
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Writes a problem of our own fault to the log, with all its causes. Faces that do not answer with
    /// `into_response` call this once themselves.
    pub fn log(&self) {
        if !matches!(self.kind, Kind::Internal | Kind::Unavailable | Kind::TimedOut) {
            return;
        }
        let cause = self.causes();
        if self.kind == Kind::Internal {
            tracing::error!(code = self.code, cause, "request failed: {}", self.detail);
        } else {
            tracing::warn!(code = self.code, cause, "request refused: {}", self.detail);
        }
    }

    /// The wire form.
    pub fn body(&self) -> Body {
        Body {
            kind: "about:blank".to_owned(),
            title: self.kind.title().to_owned(),
            status: self.kind.status().as_u16(),
            code: self.code.to_owned(),
            detail: self.detail.clone(),
        }
    }

    fn causes(&self) -> String {
        let mut causes = Vec::new();
        let mut next = self.source.as_ref().map(|source| &**source as &dyn StdError);
        while let Some(error) = next {
            causes.push(error.to_string());
            next = error.source();
        }
        causes.join(": ")
    }
}

/// RFC 9457 3: the members of problem details, and `code` as an extension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct Body {
    /// Always `about:blank`: the status and `code` say what it is.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The status in words.
    #[serde(default)]
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// A stable word for programs.
    pub code: String,
    /// A sentence for people.
    #[serde(default)]
    pub detail: String,
}

/// The media type of problem details.
pub const MEDIA_TYPE: &str = "application/problem+json";

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.log();
        let body = serde_json::to_vec(&self.body()).unwrap_or_default();
        let mut response = (self.kind.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(after) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
        }
        response
    }
}

/// RFC 9110 10.2.3: whole seconds, rounded up; zero would ask for a storm.
fn whole_seconds(after: Duration) -> u64 {
    (after.as_secs() + u64::from(after.subsec_nanos() > 0)).max(1)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.code)
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}: {}", self.kind, self.code, self.detail)?;
        if self.source.is_some() { write!(f, ": {}", self.causes()) } else { Ok(()) }
    }
}

impl StdError for Problem {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kind has its own row and status, and is found again by its status on the other side of a hop.
    #[test]
    fn kinds_survive_a_hop() {
        for (kind, status, _) in KINDS {
            assert_eq!(kind.status(), status);
            assert_eq!(Kind::of(status), kind);
        }
        assert_eq!(Kind::of(StatusCode::IM_A_TEAPOT), Kind::Invalid);
        assert_eq!(Kind::of(StatusCode::BAD_GATEWAY), Kind::Internal);
    }

    /// An internal problem shows nothing of its cause.
    #[test]
    fn internal_shows_nothing() {
        let problem = Problem::internal("the password is swordfish");
        let shown = serde_json::to_string(&problem.body()).unwrap();
        insta::assert_snapshot!(shown, @r#"{"type":"about:blank","title":"Something went wrong","status":500,"code":"internal","detail":"Something went wrong on the server. It has been logged."}"#);
        assert!(format!("{problem:?}").contains("swordfish"), "the log sees the cause");
    }

    /// A wait is told in whole seconds, never none.
    #[test]
    fn retry_after_is_rounded_up() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1001)), 2);
        let response = Problem::unavailable("busy", "Busy.", Duration::from_secs(3)).into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "3");
        assert_eq!(response.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
    }
}
