//! `signatures/signHash` (11.10).

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::web::Json;
use serde_json::Value;

use super::fields::digests;
use super::{CscAnswer, Fields, Known};
use crate::api::{CscError, SignHashRequest, SignatureForm, Signatures};
use crate::error::{Error, Parameter};
use crate::sad::Sad;
use crate::signer::Signer;
use crate::signing::{self, Document, Request};

/// Signs hashes that were authorised, each once.
#[utoipa::path(post, path = "/csc/v2/signatures/signHash", tag = "csc", request_body = SignHashRequest,
    responses((status = 200, body = Signatures), (status = 400, body = CscError), (status = 503, body = CscError)))]
pub(crate) async fn sign_hash(
    State(signer): State<Signer>,
    Known(caller): Known,
    fields: Fields,
) -> Result<Json<Signatures>, CscAnswer> {
    let request = parse(fields, signer.config.max_documents)?;
    let signatures = signing::sign(&signer, &caller, request).await?;
    Ok(Json(Signatures {
        signatures: signatures.iter().map(|signature| STANDARD.encode(signature)).collect(),
    }))
}

fn parse(mut fields: Fields, most: usize) -> Result<Request, Error> {
    let credential = fields.credential()?;
    let sad = Sad::parse(&fields.secret("SAD")?);
    let hashes = fields.array("hashes")?;
    if hashes.is_empty() {
        return Err(Parameter::EmptyHashes.into());
    }
    if hashes.len() > most {
        return Err(Error::TooManyDocuments);
    }
    let digests = digests(hashes.iter().map(Value::as_str), &Parameter::HashNotBase64)?;
    let algorithm = fields.algorithm()?;
    if !algorithm.signs_sha_256() {
        return Err(Parameter::Invalid("signAlgo").into());
    }
    fields.synchronous()?;
    let documents = digests
        .into_iter()
        .map(|digest| Document {
            digest,
            message_digest: digest.0.to_vec(),
            form: SignatureForm::Hash,
            algorithm,
            content: None,
        })
        .collect();
    Ok(Request { credential, sad, documents })
}
