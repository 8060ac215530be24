//! `signatures/signDoc` (11.11).

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::problem::Problem;
use platform::web::JsonText;

use super::fields::unread;
use super::polling::{Mode, accepted};
use super::sign_doc_body::{Asked, Most, parse};
use super::{CscAnswer, Known};
use crate::api::{CscError, SignDocRequest, SignatureForm, SignedDocuments, ValidationInfo};
use crate::cades::{self, Level, Signed, Until};
use crate::job;
use crate::offload::off_thread_if;
use crate::share::Sharer;
use crate::signer::Signer;
use crate::signing;

/// Bodies and answers larger than this are read and written on a thread that may be kept busy: documents have
/// megabytes, and decoding and hashing them takes longer than the other requests of the thread should wait.
const LARGE: usize = 64 * 1024;

/// Makes a CAdES signature of each document that was authorised, of the level that is asked for.
#[utoipa::path(post, path = "/csc/v2/signatures/signDoc", tag = "csc", request_body = SignDocRequest,
    responses((status = 200, body = SignedDocuments), (status = 400, body = CscError), (status = 503, body = CscError)))]
pub(crate) async fn sign_doc(
    State(signer): State<Signer>,
    known: Known,
    body: Result<JsonText, Problem>,
) -> Result<Response, CscAnswer> {
    let JsonText(body) = body.map_err(unread)?;
    let level = if signer.config.time_stamps.is_some() { Level::Lta } else { Level::B };
    let most = Most { documents: signer.config.max_documents, level };
    let authorisation = known.authorisation()?;
    let parsed = off_thread_if(body.len() > LARGE, move || parse(&body, most, authorisation)).await?;
    let Asked { request, levels, mode, validation } = parsed;
    let caller = known.any();
    if let Mode::Later(kept) = mode {
        let id = job::accept(&signer, &caller, request, Some((levels, validation)), kept).await?;
        return Ok(accepted(id).into_response());
    }
    let forms: Vec<SignatureForm> = request.documents.iter().map(|document| document.form).collect();
    let about = request.documents.iter().zip(levels);
    let about: Vec<_> = about
        .map(|(document, level)| (level, document.algorithm.hash(), document.message_digest.clone()))
        .collect();
    let (made, _share) = signing::sign_and_hold(&signer, &caller, request).await?;
    let made = about.into_iter().zip(made);
    let made = made.map(|((level, hash, digest), cms)| Signed { cms, level, hash, digest }).collect();
    let made = cades::raise(&signer, &Sharer::from(&caller), made, Until::AnHour).await?;
    let info = cades::validation(&signer, &made, validation).await?;
    let large = made.iter().map(Vec::len).sum::<usize>() > LARGE;
    let answer = off_thread_if(large, move || serde_json::to_vec(&answer(forms, made, info)));
    let answer = answer.await.map_err(Problem::internal)?;
    let json = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, json)], answer).into_response())
}

pub(super) fn answer(
    forms: Vec<SignatureForm>,
    made: Vec<Vec<u8>>,
    validation_info: Option<ValidationInfo>,
) -> SignedDocuments {
    let mut answer = SignedDocuments { validation_info, ..SignedDocuments::default() };
    for (form, cms) in forms.into_iter().zip(made) {
        let text = STANDARD.encode(cms);
        match form {
            SignatureForm::Attached => answer.document_with_signature.push(text),
            SignatureForm::Detached | SignatureForm::Hash | SignatureForm::HashPss => {
                answer.signature_object.push(text);
            }
        }
    }
    answer
}
