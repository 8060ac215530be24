//! `credentials/authorize` (11.6).

use axum::extract::State;
use platform::web::Json;
use serde_json::Value;
use zeroize::Zeroizing;

use super::fields::digests;
use super::{CscAnswer, Fields, Known};
use crate::api::{Authorization, AuthorizeRequest, CscError, SHA_256};
use crate::authorisation::{self, Request};
use crate::csc_view::PASSPHRASE;
use crate::digest::Authorised;
use crate::error::{Error, Parameter};
use crate::signer::Signer;

/// Authorises signatures over the listed hashes with the holder's passphrase.
#[utoipa::path(post, path = "/csc/v2/credentials/authorize", tag = "csc", request_body = AuthorizeRequest,
    responses((status = 200, body = Authorization), (status = 400, body = CscError), (status = 503, body = CscError)))]
pub(crate) async fn authorize(
    State(signer): State<Signer>,
    Known(caller): Known,
    fields: Fields,
) -> Result<Json<Authorization>, CscAnswer> {
    let request = parse(fields, signer.config.max_documents)?;
    let granted = authorisation::authorise(&signer, &caller, request).await?;
    Ok(Json(Authorization { sad: granted.sad.to_text(), expires_in: granted.expires_in_s }))
}

fn parse(mut fields: Fields, most: usize) -> Result<Request, Error> {
    let credential = fields.credential()?;
    let number = fields.integer("numSignatures")?;
    let number = usize::try_from(number).ok().filter(|number| *number > 0).ok_or(Parameter::NumSignatures)?;
    let hashes = fields.array("hashes")?;
    if number > most || hashes.len() > most {
        return Err(Error::TooManyDocuments);
    }
    if hashes.is_empty() {
        return Err(Parameter::EmptyHashes.into());
    }
    match fields.optional_string("hashAlgorithmOID")?.as_deref() {
        None | Some(SHA_256) => {}
        Some(_) => return Err(Parameter::Invalid("hashAlgorithmOID").into()),
    }
    let digests = digests(hashes.iter().map(Value::as_str), &Parameter::HashNotBase64)?;
    if number != digests.len() {
        return Err(Parameter::NumSignatures.into());
    }
    // Each authorised hash is signed once: what is listed twice would be signed once too, to somebody's surprise.
    let digests = Authorised::new(digests).map_err(Parameter::hash_repeated)?;
    Ok(Request { credential, digests, passphrase: passphrase(&mut fields)? })
}

/// The one object that authData has to hold.
fn passphrase(fields: &mut Fields) -> Result<Zeroizing<String>, Parameter> {
    let mut objects = fields.array("authData")?.into_iter();
    let (Some(object), None) = (objects.next(), objects.next()) else {
        return Err(Parameter::Invalid("authData"));
    };
    let mut object = Fields::inside(object).ok_or(Parameter::Invalid("authData"))?;
    if object.string("id").as_deref() != Ok(PASSPHRASE) {
        return Err(Parameter::Invalid("authData"));
    }
    object.secret("value").map_err(|_| Parameter::Invalid("authData"))
}
