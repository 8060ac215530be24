//! `signatures/signHash` (11.10).

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::web::Json;
use serde_json::Value;

use super::fields;
use super::polling::{Mode, accepted};
use super::{CscAnswer, Fields, Known};
use crate::api::{CscError, SignHashRequest, Signatures};
use crate::bare::Bare;
use crate::error::{Error, Parameter};
use crate::job;
use crate::signer::Signer;
use crate::signing::{self, Document, Request};

/// Signs hashes that were authorised, each once.
#[utoipa::path(post, path = "/csc/v2/signatures/signHash", tag = "csc", request_body = SignHashRequest,
    responses((status = 200, description = "The signatures, or with operationMode A the name under which they are fetched",
        body = Signatures), (status = 400, body = CscError), (status = 503, body = CscError)))]
pub(crate) async fn sign_hash(
    State(signer): State<Signer>,
    known: Known,
    fields: Fields,
) -> Result<Response, CscAnswer> {
    let (request, mode) = parse(fields, &known, signer.config.max_documents)?;
    let caller = known.any();
    match mode {
        Mode::Now => Ok(Json(answer(&signing::sign(&signer, &caller, request).await?)).into_response()),
        Mode::Later(kept) => {
            Ok(accepted(job::accept(&signer, &caller, request, None, kept).await?).into_response())
        }
    }
}

pub(super) fn answer(signatures: &[Vec<u8>]) -> Signatures {
    Signatures { signatures: signatures.iter().map(|signature| STANDARD.encode(signature)).collect() }
}

fn parse(mut fields: Fields, known: &Known, most: usize) -> Result<(Request, Mode), Error> {
    let credential = fields.credential()?;
    let shown = fields.shown(known)?;
    let hashes = fields.array("hashes")?;
    if hashes.is_empty() {
        return Err(Parameter::EmptyHashes.into());
    }
    if hashes.len() > most {
        return Err(Error::TooManyDocuments);
    }
    let how = fields.of_hashes()?;
    let documents = documents(&hashes, how)?;
    let mode = fields.mode()?;
    Ok((Request { credential, shown, documents }, mode))
}

/// Hashes as what is to be signed.
pub(super) fn documents(hashes: &[Value], how: &'static Bare) -> Result<Vec<Document>, Parameter> {
    let hashes = fields::hashes(hashes.iter().map(Value::as_str), how.hash)?;
    let document = |hash| Document::bare(hash, how).ok_or(Parameter::DigestLength);
    hashes.into_iter().map(document).collect()
}
