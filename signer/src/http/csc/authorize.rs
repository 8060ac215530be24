//! `credentials/authorize` (11.6) and what goes on from it: `authorizeCheck` (11.7), `getChallenge` (11.8), `extendTransaction` (11.9).

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use platform::web::Json;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{CscAnswer, Fields, Known, fields};
use crate::api::{
    Authorization, AuthorizeCheckRequest, AuthorizeRequest, Challenge, ChallengeRequest, CscError,
    ExtendRequest, Handle, SHA_256, SIGN,
};
use crate::authorisation::{self, Granted, Request};
use crate::bare::known_as;
use crate::consent::{self, Apart, Checked};
use crate::csc_view::{PASSPHRASE, PRESENCE};
use crate::digest::{Authorised, Digest};
use crate::error::{Error, Parameter};
use crate::ids::CredentialId;
use crate::sad::Sad;
use crate::signer::Signer;
use crate::suite::Hash;

/// The longest description (11.6).
const LONGEST: usize = 500;

/// Authorises signatures over the listed hashes with the holder's passphrase, or has the holder asked on our own page.
#[utoipa::path(post, path = "/csc/v2/credentials/authorize", tag = "csc", request_body = AuthorizeRequest,
    responses((status = 200, body = Authorization), (status = 202, body = Handle), (status = 400, body = CscError),
        (status = 503, body = CscError)))]
pub(crate) async fn authorize(
    State(signer): State<Signer>,
    known: Known,
    fields: Fields,
) -> Result<Response, CscAnswer> {
    let caller = known.service()?;
    let Asked { credential, digests, description, with } = parse(fields, signer.config.max_documents)?;
    match with {
        With::Passphrase(passphrase) => {
            let request = Request { credential, digests, passphrase };
            Ok(granted(&authorisation::authorise(&signer, &caller, request).await?).into_response())
        }
        With::Presence => {
            let apart = Apart { credential, digests, description };
            let handle = consent::set_apart(&signer, &caller, apart).await?;
            Ok(waiting(handle.text()))
        }
    }
}

pub(super) fn granted(granted: &Granted) -> Json<Authorization> {
    Json(Authorization { sad: granted.sad.to_text(), expires_in: granted.expires_in_s })
}

fn waiting(handle: String) -> Response {
    (StatusCode::ACCEPTED, Json(Handle { handle })).into_response()
}

/// A request, read.
struct Asked {
    credential: CredentialId,
    digests: Authorised,
    description: Option<String>,
    with: With,
}

/// How the holder authorises.
enum With {
    Passphrase(Zeroizing<String>),
    Presence,
}

fn parse(mut fields: Fields, most: usize) -> Result<Asked, Error> {
    let credential = fields.credential()?;
    let number = fields.integer("numSignatures")?;
    let hashes = fields.array("hashes")?;
    let algorithm = fields.optional_string("hashAlgorithmOID")?;
    let digests = authorised(number, &hashes, algorithm.as_deref(), most)?;
    let description = fields.optional_string("description")?;
    let plain = |text: &String| text.chars().count() <= LONGEST && !text.chars().any(char::is_control);
    if !description.as_ref().is_none_or(plain) {
        return Err(Parameter::Invalid("description").into());
    }
    let with = with(&mut fields)?;
    // Whoever is asked on our page compares what they see with what they have: it is the digest itself.
    if matches!(with, With::Presence) && algorithm.is_some_and(|algorithm| algorithm != SHA_256) {
        return Err(Parameter::Invalid("hashAlgorithmOID").into());
    }
    Ok(Asked { credential, digests, description, with })
}

/// The hashes to be authorised, of which there are as many as signatures.
pub(super) fn authorised(
    number: i64,
    hashes: &[Value],
    algorithm: Option<&str>,
    most: usize,
) -> Result<Authorised, Error> {
    let number = usize::try_from(number).ok().filter(|number| *number > 0).ok_or(Parameter::NumSignatures)?;
    if number > most || hashes.len() > most {
        return Err(Error::TooManyDocuments);
    }
    let digests = known_by(hashes, algorithm)?;
    if number != digests.len() {
        return Err(Parameter::NumSignatures.into());
    }
    // Each authorised hash is signed once: what is listed twice would be signed once too, to somebody's surprise.
    Ok(Authorised::new(digests).map_err(Parameter::hash_repeated)?)
}

/// By what each hash is known here.
fn known_by(hashes: &[Value], algorithm: Option<&str>) -> Result<Vec<Digest>, Error> {
    if hashes.is_empty() {
        return Err(Parameter::EmptyHashes.into());
    }
    let hash = algorithm.map_or(Some(Hash::Sha256), Hash::called);
    let hash = hash.ok_or(Parameter::Invalid("hashAlgorithmOID"))?;
    let read = fields::hashes(hashes.iter().map(Value::as_str), hash)?;
    let known = read.iter().map(|octets| known_as(hash, octets).ok_or(Parameter::DigestLength));
    Ok(known.collect::<Result<_, _>>()?)
}

/// The one object that authData has to hold.
fn with(fields: &mut Fields) -> Result<With, Parameter> {
    let mut objects = fields.array("authData")?.into_iter();
    let (Some(object), None) = (objects.next(), objects.next()) else {
        return Err(Parameter::Invalid("authData"));
    };
    let mut object = Fields::inside(object).ok_or(Parameter::Invalid("authData"))?;
    match object.string("id").as_deref() {
        Ok(PASSPHRASE) => {
            object.secret("value").map(With::Passphrase).map_err(|_| Parameter::Invalid("authData"))
        }
        // 8.3.1.5: an empty object, for what comes out of band.
        Ok(PRESENCE) if matches!(object.optional_string("value"), Ok(None)) => Ok(With::Presence),
        _ => Err(Parameter::Invalid("authData")),
    }
}

/// What became of a handle: the SAD when its person has agreed.
#[utoipa::path(post, path = "/csc/v2/credentials/authorizeCheck", tag = "csc", request_body = AuthorizeCheckRequest,
    responses((status = 200, body = Authorization), (status = 202, body = Handle), (status = 400, body = CscError)))]
pub(crate) async fn authorize_check(
    State(signer): State<Signer>,
    known: Known,
    mut fields: Fields,
) -> Result<Response, CscAnswer> {
    let caller = known.service()?;
    let handle = fields.string("handle")?;
    match consent::check(&signer, &caller, &handle).await? {
        Checked::Waiting => Ok(waiting(handle)),
        Checked::Granted(sad) => Ok(granted(&sad).into_response()),
    }
}

/// Where the holder of a credential answers what they are asked out of band: the address of our own page.
#[utoipa::path(post, path = "/csc/v2/credentials/getChallenge", tag = "csc", request_body = ChallengeRequest,
    responses((status = 200, body = Challenge), (status = 400, body = CscError)))]
pub(crate) async fn challenge(
    State(signer): State<Signer>,
    known: Known,
    mut fields: Fields,
) -> Result<Json<Challenge>, CscAnswer> {
    let caller = known.service()?;
    caller.may(SIGN)?;
    let credential = fields.credential()?;
    let object = fields.string("authObjectID")?;
    signer.holder_ready(&caller, &credential).await?;
    let sign_in = signer.sign_in.as_ref().filter(|_| object == PRESENCE);
    let sign_in = sign_in.ok_or(Parameter::Invalid("authObjectID"))?;
    Ok(Json(Challenge { challenge: format!("{}/signing-service/account", sign_in.origin) }))
}

/// Gives a SAD that is about to run out a successor, for hashes that were authorised.
#[utoipa::path(post, path = "/csc/v2/credentials/extendTransaction", tag = "csc", request_body = ExtendRequest,
    responses((status = 200, body = Authorization), (status = 400, body = CscError), (status = 503, body = CscError)))]
pub(crate) async fn extend(
    State(signer): State<Signer>,
    known: Known,
    mut fields: Fields,
) -> Result<Json<Authorization>, CscAnswer> {
    let caller = known.service()?;
    caller.may(SIGN)?;
    let credential = fields.credential()?;
    let sad = Sad::parse(&fields.secret("SAD")?).ok_or(Error::SadUnknown)?;
    let hashes = fields.array("hashes")?;
    if hashes.len() > signer.config.max_documents {
        return Err(Error::TooManyDocuments.into());
    }
    let algorithm = fields.optional_string("hashAlgorithmOID")?;
    let digests = known_by(&hashes, algorithm.as_deref())?;
    let named = Authorised::new(digests).map_err(Parameter::hash_repeated)?;
    Ok(granted(&authorisation::extend(&signer, &caller, (credential, &sad), named).await?))
}
