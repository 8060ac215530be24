//! `signatures/timestamp` (11.12).

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::web::Json;

use super::{CscAnswer, Fields, Known};
use crate::api::{CscError, SIGN, Timestamp, TimestampRequest};
use crate::error::{Error, Parameter};
use crate::share::Sharer;
use crate::signer::Signer;
use crate::suite::Hash;
use crate::time_stamp::{Asker, Request};

/// Says that a digest was here, and when: the token of RFC 3161 alone.
#[utoipa::path(post, path = "/csc/v2/signatures/timestamp", tag = "csc", request_body = TimestampRequest,
    responses((status = 200, body = Timestamp), (status = 400, body = CscError), (status = 503, body = CscError)))]
pub(crate) async fn timestamp(
    State(signer): State<Signer>,
    known: Known,
    fields: Fields,
) -> Result<Json<Timestamp>, CscAnswer> {
    let caller = known.service()?;
    caller.may(SIGN).map_err(Error::Caller)?;
    let request = parse(fields)?;
    let sharer = Sharer::from(&caller);
    let _place = signer.under_way.take(&sharer)?;
    let token = signer.time_stamp(&Asker::Application(sharer), request).await.map_err(Error::TimeStamp)?;
    Ok(Json(Timestamp { timestamp: STANDARD.encode(token.der) }))
}

fn parse(mut fields: Fields) -> Result<Request, Parameter> {
    let digest = STANDARD.decode(fields.string("hash")?).map_err(|_| Parameter::HashNotBase64)?;
    let hash = Hash::called(&fields.string("hashAlgo")?).ok_or(Parameter::Invalid("hashAlgo"))?;
    if digest.len() != hash.len() {
        return Err(Parameter::DigestLength);
    }
    let request = Request::of(hash, &digest);
    let Some(nonce) = fields.optional_string("nonce")? else { return Ok(request) };
    let wrong = Parameter::Invalid("nonce");
    let even = if nonce.len().is_multiple_of(2) { nonce } else { format!("0{nonce}") };
    let octets = hex::decode(even).map_err(|_| wrong.clone())?;
    if octets.is_empty() { Err(wrong) } else { request.with_nonce(&octets).ok_or(wrong) }
}
