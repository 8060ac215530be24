//! How a CSC client is told that something was not done (CSC API v2, 10). The one place where that is decided.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header::RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use platform::problem::{Kind, Problem};

use crate::api::CscError;
use crate::error::{Error, Parameter};

/// An error as it leaves: status, `error`, `error_description`, seconds to wait.
pub(crate) struct CscAnswer {
    status: StatusCode,
    error: &'static str,
    description: String,
    retry_after: Option<Duration>,
}

const INVALID: &str = "invalid_request";
const LATER: &str = "temporarily_unavailable";

impl From<Error> for CscAnswer {
    fn from(error: Error) -> Self {
        let bad_request = |sentence: &str| Self::new(StatusCode::BAD_REQUEST, INVALID, sentence);
        match error {
            // The texts are those of the specification, 11.4 to 11.11; docs/api.md lists them with ours.
            Error::Parameter(parameter) => bad_request(&parameter.to_string()),
            Error::CredentialUnknown { .. } => bad_request("Invalid parameter credentialID"),
            Error::CredentialDisabled { .. } => {
                bad_request("The credential identified by credentialID is disabled")
            }
            Error::CertificateExpired => bad_request("Signing certificate is expired"),
            Error::CertificateRevoked => bad_request("Signing certificate is revoked"),
            Error::CertificateSuspended => bad_request("Signing certificate is suspended"),
            Error::TooManyDocuments => bad_request("Numbers of signatures is too high"),
            Error::SadUnknown => bad_request("Invalid parameter SAD"),
            Error::SadExpired => bad_request("SAD expired"),
            Error::HashNotAuthorised => bad_request("Hash is not authorized by the SAD"),
            Error::DocumentNotAuthorised => {
                bad_request("documentDigests or documents are not authorized by the SAD")
            }
            Error::AlreadySigned => bad_request("Hash was already signed with this SAD in another form"),
            Error::WrongPassphrase => Self::new(
                StatusCode::BAD_REQUEST,
                "invalid_authentication_data",
                "The authentication data is invalid",
            ),
            Error::Locked { until, now } => bad_request("Credential locked").retry_after(until.since(now)),
            Error::CredentialChanged | Error::CertificateChanged => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                LATER,
                "The credential is being changed. Try again.",
            )
            .retry_after(Duration::from_secs(1)),
            Error::BodyTooLarge => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, INVALID, "The request body is too large")
            }
            other => Self::from(Problem::from(other)),
        }
    }
}

impl From<Parameter> for CscAnswer {
    fn from(parameter: Parameter) -> Self {
        Error::from(parameter).into()
    }
}

impl From<Problem> for CscAnswer {
    fn from(problem: Problem) -> Self {
        problem.log();
        Self { retry_after: problem.retry_after, ..Self::of(problem.kind, problem.detail) }
    }
}

impl CscAnswer {
    /// A refusal of this kind.
    pub(super) fn of(kind: Kind, description: String) -> Self {
        let (status, error) = match kind {
            Kind::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthorized_client"),
            Kind::Forbidden => (StatusCode::FORBIDDEN, "access_denied"),
            Kind::TooMany => (StatusCode::TOO_MANY_REQUESTS, LATER),
            Kind::Unavailable | Kind::TimedOut => (StatusCode::SERVICE_UNAVAILABLE, LATER),
            Kind::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, INVALID),
            Kind::TooSlow => (StatusCode::REQUEST_TIMEOUT, INVALID),
            Kind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, INVALID),
            Kind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
            _ => (StatusCode::BAD_REQUEST, INVALID),
        };
        Self { status, error, description, retry_after: None }
    }

    pub(super) fn new(status: StatusCode, error: &'static str, description: &str) -> Self {
        Self { status, error, description: description.to_owned(), retry_after: None }
    }

    fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }
}

impl IntoResponse for CscAnswer {
    fn into_response(self) -> Response {
        let body = CscError { error: self.error.to_owned(), error_description: self.description };
        let mut response = (self.status, platform::web::Json(body)).into_response();
        if let Some(wait) = self.retry_after {
            // RFC 9110 10.2.3: whole seconds, and never zero.
            let seconds = u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(error: Error) -> (u16, Option<u64>) {
        let response = CscAnswer::from(error).into_response();
        let wait = response.headers().get(RETRY_AFTER);
        (response.status().as_u16(), wait.map(|wait| wait.to_str().unwrap().parse().unwrap()))
    }

    /// A token that is away, or that failed in the middle of a call, is 503 with a time to wait; what will not pass is 500.
    #[test]
    fn token_failures_say_when_to_come_back() {
        let failed =
            |code: &str| hsm::Error::TokenFailed { call: "C_Sign".to_owned(), code: code.to_owned() };
        for error in [
            failed("CKR_DEVICE_ERROR"),
            failed("CKR_SESSION_HANDLE_INVALID"),
            failed("CKR_OBJECT_HANDLE_INVALID"),
            hsm::Error::TimedOut,
            hsm::Error::PinLocked { label: "demo".to_owned() },
        ] {
            let said = error.to_string();
            let (status, wait) = answered(error.into());
            assert!(status == 503 && wait.is_some(), "{said}: {status} {wait:?}");
        }
        let refused = hsm::Error::Token { call: "C_Sign".to_owned(), code: "CKR_DATA_LEN_RANGE".to_owned() };
        for error in [refused, hsm::Error::SwappedKey, hsm::Error::BadSignature] {
            assert_eq!(answered(error.into()), (500, None));
        }
    }

    /// A client with as many requests waiting as may is told to wait, and not that the server is in trouble.
    #[test]
    fn a_share_that_is_used_up_is_429() {
        assert_eq!(answered(Error::ShareTaken), (429, Some(1)));
        assert_eq!(answered(Error::PassphrasesBusy), (503, Some(1)));
    }
}
