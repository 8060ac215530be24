//! `/signer/prescriptions`: prepared to be signed, and put together with their signatures.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use platform::caller::Caller;
use platform::problem::Problem;
use platform::web::{Json, Raw};

use crate::api::{Prepared, Sign, SignedPrescription};
use crate::prepare;
use crate::signer::Signer;

/// Answers what is to be signed of a prescription, which comes as FHIR (JSON) or as HL7 V3 (XML).
#[utoipa::path(post, path = "/signer/prescriptions/prepare", tag = "signer",
    request_body(content = String, content_type = "application/fhir+json"),
    responses((status = 200, body = Prepared, content_type = "application/fhir+json")))]
pub(crate) async fn prepare(
    State(signer): State<Signer>,
    caller: Caller,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    let prepared = prepare::prepare(&signer, &caller, body.to_vec()).await?;
    let body = serde_json::to_vec(&prepared).map_err(Problem::internal)?;
    let kind = HeaderValue::from_static("application/fhir+json; fhirVersion=4.0");
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}

/// Puts a signature over a prepared prescription into the form in which it travels.
#[utoipa::path(post, path = "/signer/prescriptions/signatures", tag = "signer", request_body = Sign,
    responses((status = 200, body = SignedPrescription)))]
pub(crate) async fn put_together(
    State(signer): State<Signer>,
    caller: Caller,
    Json(request): Json<Sign>,
) -> Result<Json<SignedPrescription>, Problem> {
    Ok(Json(prepare::put_together(&signer, &caller, &request).await?))
}
