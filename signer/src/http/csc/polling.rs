//! Answers that are fetched later: `operationMode` A, and `signatures/signPolling` (11.12).

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use platform::web::Json;

use super::{CscAnswer, Fields, Known, sign_doc, sign_hash};
use crate::api::{CscError, PollingRequest, ResponseId, Signatures};
use crate::cades;
use crate::error::Parameter;
use crate::job::{self, Polled};
use crate::signer::Signer;

/// For how long a result is kept where nothing is said, and for how long it may be, in milliseconds.
const KEPT_MS: i64 = 3_600_000;
const LEAST_MS: i64 = 60_000;
const MOST_MS: i64 = 86_400_000;

/// When the answer is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    /// At once.
    Now,
    /// When it is asked for, for so many milliseconds.
    Later(i64),
}

/// Reads `operationMode`, `validity_period` and `response_uri`: nobody is notified.
pub(super) fn mode(
    mode: Option<&str>,
    validity: Option<i64>,
    response_uri: Option<&str>,
) -> Result<Mode, Parameter> {
    match mode {
        None | Some("S") => Ok(Mode::Now),
        Some("A") if response_uri.is_some() => Err(Parameter::Invalid("response_uri")),
        Some("A") => match validity.unwrap_or(KEPT_MS) {
            period if (LEAST_MS..=MOST_MS).contains(&period) => Ok(Mode::Later(period)),
            _ => Err(Parameter::OutOfBounds("validity_period")),
        },
        Some(_) => Err(Parameter::Invalid("operationMode")),
    }
}

/// The name under which a result is fetched.
pub(super) fn accepted(response_id: String) -> Json<ResponseId> {
    Json(ResponseId { response_id })
}

/// The signatures of a request that was accepted earlier, as often as it is asked.
#[utoipa::path(post, path = "/csc/v2/signatures/signPolling", tag = "csc", request_body = PollingRequest,
    responses((status = 200, description = "What signHash or signDoc would have answered", body = Signatures),
        (status = 202, body = CscError), (status = 400, body = CscError), (status = 503, body = CscError)))]
pub(crate) async fn poll(
    State(signer): State<Signer>,
    known: Known,
    mut fields: Fields,
) -> Result<Response, CscAnswer> {
    let caller = known.any();
    let id = fields.string("requestID")?;
    match job::poll(&signer, &caller, &id).await? {
        Polled::Waiting => Err(CscAnswer::new(
            StatusCode::ACCEPTED,
            "accepted_request",
            "The previous async request has been accepted but not yet completed",
        )),
        Polled::Hashes(signatures) => Ok(Json(sign_hash::answer(&signatures)).into_response()),
        Polled::Documents { forms, made, validation } => {
            let info = cades::validation(&signer, &made, validation).await?;
            Ok(Json(sign_doc::answer(forms, made, info)).into_response())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers are given at once unless something else is asked for, and kept within bounds.
    #[test]
    fn modes_are_read() {
        for (asked, validity, uri, expected) in [
            (None, None, None, Ok(Mode::Now)),
            (Some("S"), None, None, Ok(Mode::Now)),
            (Some("A"), None, None, Ok(Mode::Later(KEPT_MS))),
            (Some("A"), Some(60_000), None, Ok(Mode::Later(60_000))),
            (Some("A"), Some(59_999), None, Err(Parameter::OutOfBounds("validity_period"))),
            (Some("A"), Some(86_400_001), None, Err(Parameter::OutOfBounds("validity_period"))),
            (Some("A"), None, Some("https://rp.example"), Err(Parameter::Invalid("response_uri"))),
            (Some("B"), None, None, Err(Parameter::Invalid("operationMode"))),
        ] {
            assert_eq!(mode(asked, validity, uri), expected, "{asked:?} {validity:?} {uri:?}");
        }
    }
}
