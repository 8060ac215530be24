//! The API as it was in version 1.0.4, for clients that speak no other: the same credentials, authorisations and signatures under older names.

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::caller::CallerKind;
use platform::id::UserId;
use platform::web::Json;
use serde_json::Value;

use super::authorize::{authorised, granted};
use super::fields::of_hashes;
use super::sign_hash::documents;
use super::{CscAnswer, Fields, Known};
use crate::api::{
    Authorization, CscError, RSA_PSS, SIGN, SignatureForm, Signatures, V1AuthorizeRequest, V1Credential,
    V1CredentialList, V1CredentialListRequest, V1CredentialRequest, V1Info, V1Pin, V1SignHashRequest,
};
use crate::authorisation::{self, Request};
use crate::csc_view::{Certificates, Wanted, describe};
use crate::error::{Error, Parameter};
use crate::http::logo;
use crate::live;
use crate::signer::{Signer, check_holder};
use crate::signing;
use crate::store::credentials::{self, Which};
use crate::suite::Hash;

/// What this service is and does. Anybody may ask.
#[utoipa::path(post, path = "/csc/v1/info", tag = "csc", responses((status = 200, body = V1Info)))]
pub(crate) async fn info(State(signer): State<Signer>) -> Json<V1Info> {
    Json(V1Info {
        specs: "1.0.4.0".to_owned(),
        name: signer.config.name.clone(),
        logo: logo::address(&signer),
        region: signer.config.region.clone(),
        lang: "en-GB".to_owned(),
        description: signer.config.description.clone(),
        auth_type: super::info::auth_types(&signer),
        oauth2: signer.sign_in.as_ref().map(|sign_in| sign_in.origin.clone()),
        methods: methods(&signer).map(str::to_owned).collect(),
    })
}

/// What works here: some of it needs people to sign in.
fn methods(signer: &Signer) -> impl Iterator<Item = &'static str> {
    const ALWAYS: [&str; 5] =
        ["info", "credentials/list", "credentials/info", "credentials/authorize", "signatures/signHash"];
    const SIGNED_IN: [&str; 3] = ["oauth2/authorize", "oauth2/token", "oauth2/revoke"];
    let signed_in = if signer.sign_in.is_some() { &SIGNED_IN[..] } else { &[] };
    ALWAYS.into_iter().chain(signed_in.iter().copied())
}

/// The credentials of a person.
#[utoipa::path(post, path = "/csc/v1/credentials/list", tag = "csc", request_body = V1CredentialListRequest,
    responses((status = 200, body = V1CredentialList), (status = 400, body = CscError)))]
pub(crate) async fn list(
    State(signer): State<Signer>,
    known: Known,
    mut fields: Fields,
) -> Result<Json<V1CredentialList>, CscAnswer> {
    let caller = known.service()?;
    caller.may(SIGN)?;
    let user = match (caller.kind, fields.optional_string("userID")?) {
        (CallerKind::Person, None) => caller.subject.clone(),
        (CallerKind::Person, Some(_)) => return Err(Parameter::UserIdGiven.into()),
        (_, Some(user)) if user.parse::<UserId>().is_ok() => user,
        _ => return Err(Parameter::Invalid("userID").into()),
    };
    let mut credential_ids = Vec::new();
    for row in credentials::of_user(signer.db.read(), &user, Which::NotOver).await? {
        // One whose keys are made for each batch has no certificate to show, and signs documents, which version 1 does not know.
        let found = describe(&signer, &row, wanted(Certificates::Single)).await?;
        if found.is_some_and(|(info, _)| info.cert.certificates.is_some()) {
            credential_ids.push(row.credential_id.to_string());
        }
    }
    Ok(Json(V1CredentialList { credential_ids }))
}

fn wanted(certificates: Certificates) -> Wanted {
    Wanted { certificates, details: true, auth: None }
}

/// One credential.
#[utoipa::path(post, path = "/csc/v1/credentials/info", tag = "csc", request_body = V1CredentialRequest,
    responses((status = 200, body = V1Credential), (status = 400, body = CscError)))]
pub(crate) async fn credential(
    State(signer): State<Signer>,
    known: Known,
    mut fields: Fields,
) -> Result<Json<V1Credential>, CscAnswer> {
    let by_token = known.token.is_some();
    let caller = known.any();
    caller.may(SIGN)?;
    let credential = fields.credential()?;
    let certificates = match fields.optional_string("certificates")?.as_deref() {
        Some("none") => Certificates::None,
        None | Some("single") => Certificates::Single,
        Some("chain") => Certificates::Chain,
        Some(_) => return Err(Parameter::Invalid("certificates").into()),
    };
    let row = live::row(&signer.db, &credential).await?;
    check_holder(&caller, &row.user_id, &credential)?;
    let found = describe(&signer, &row, wanted(certificates)).await?;
    let (mut info, _) = found.ok_or(Error::CredentialUnknown { credential: credential.to_string() })?;
    // What has parameters is not offered in version 1.
    info.key.algo.retain(|name| name != RSA_PSS);
    Ok(Json(V1Credential {
        key: info.key,
        cert: info.cert,
        auth_mode: if by_token { "oauth2code" } else { "explicit" }.to_owned(),
        scal: info.scal,
        pin: (!by_token).then(|| V1Pin {
            presence: "true".to_owned(),
            format: "A".to_owned(),
            label: "Signing passphrase".to_owned(),
            description: "Please enter the passphrase of your signing credential".to_owned(),
        }),
        multisign: info.multisign,
        lang: info.lang,
    }))
}

/// Authorises signatures over the listed hashes; the PIN is the holder's passphrase.
#[utoipa::path(post, path = "/csc/v1/credentials/authorize", tag = "csc", request_body = V1AuthorizeRequest,
    responses((status = 200, body = Authorization), (status = 400, body = CscError), (status = 503, body = CscError)))]
pub(crate) async fn authorize(
    State(signer): State<Signer>,
    known: Known,
    mut fields: Fields,
) -> Result<Json<Authorization>, CscAnswer> {
    let caller = known.service()?;
    caller.may(SIGN)?;
    let credential = fields.credential()?;
    let number = fields.integer("numSignatures")?;
    // 11.6: SCAL 2 binds the SAD to the hashes, of which their length alone tells the algorithm here.
    let hashes = fields.array("hash")?;
    let digests = authorised(number, &hashes, told_by_length(&hashes), signer.config.max_documents)?;
    let request = Request { credential, digests, passphrase: fields.secret("PIN")? };
    Ok(granted(&authorisation::authorise(&signer, &caller, request).await?))
}

/// The longer hash of which the first of these is one, if it is; all of them have to be.
fn told_by_length(hashes: &[Value]) -> Option<&'static str> {
    let first = STANDARD.decode(hashes.first()?.as_str()?).ok()?;
    [Hash::Sha384, Hash::Sha512].into_iter().find(|hash| hash.len() == first.len()).map(Hash::oid)
}

/// Signs hashes that were authorised, each once.
#[utoipa::path(post, path = "/csc/v1/signatures/signHash", tag = "csc", request_body = V1SignHashRequest,
    responses((status = 200, body = Signatures), (status = 400, body = CscError), (status = 503, body = CscError)))]
pub(crate) async fn sign_hash(
    State(signer): State<Signer>,
    known: Known,
    mut fields: Fields,
) -> Result<Json<Signatures>, CscAnswer> {
    known.caller.may(SIGN)?;
    let credential = fields.credential()?;
    let shown = fields.shown(&known)?;
    let hashes = fields.array("hash")?;
    if hashes.is_empty() {
        return Err(Parameter::EmptyHashes.into());
    }
    if hashes.len() > signer.config.max_documents {
        return Err(Error::TooManyDocuments.into());
    }
    let (sign, hash) = (fields.string("signAlgo")?, fields.optional_string("hashAlgo")?);
    let how = of_hashes(&sign, hash.as_deref())?;
    if how.form != SignatureForm::Hash {
        return Err(Parameter::Invalid("signAlgo").into());
    }
    let documents = documents(&hashes, how)?;
    let request = signing::Request { credential, shown, documents };
    let made = signing::sign(&signer, &known.any(), request).await?;
    Ok(Json(Signatures { signatures: made.iter().map(|signature| STANDARD.encode(signature)).collect() }))
}
