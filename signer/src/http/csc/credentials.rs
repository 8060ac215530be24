//! `credentials/list` (11.4) and `credentials/info` (11.5).

use axum::extract::State;
use platform::caller::CallerKind;
use platform::id::UserId;
use platform::web::Json;

use super::{CscAnswer, Fields, Known};
use crate::api::{
    CredentialInfo, CredentialInfoRequest, CredentialList, CredentialListRequest, CscError, SIGN,
};
use crate::csc_view::{AuthFor, Certificates, Wanted, describe};
use crate::error::{Error, Parameter};
use crate::live;
use crate::signer::{Signer, check_holder};
use crate::store::credentials::{self, Which};

/// The credentials of a person.
///
/// A client names the person; a person asks for their own and names nobody.
#[utoipa::path(post, path = "/csc/v2/credentials/list", tag = "csc", request_body = CredentialListRequest,
    responses((status = 200, body = CredentialList), (status = 400, body = CscError)))]
pub(crate) async fn credentials_list(
    State(signer): State<Signer>,
    known: Known,
    mut fields: Fields,
) -> Result<Json<CredentialList>, CscAnswer> {
    let auth = auth_for(&known);
    let caller = known.service()?;
    caller.may(SIGN)?;
    let user = match (caller.kind, fields.optional_string("userID")?) {
        (CallerKind::Person, None) => caller.subject.clone(),
        (CallerKind::Person, Some(_)) => return Err(Parameter::UserIdGiven.into()),
        (_, Some(user)) if user.parse::<UserId>().is_ok() => user,
        _ => return Err(Parameter::Invalid("userID").into()),
    };
    let with_infos = fields.flag("credentialInfo")?;
    let only_valid = fields.flag("onlyValid")?;
    let wanted = wanted(&mut fields, auth)?;
    let mut list = CredentialList {
        credential_ids: Vec::new(),
        credential_infos: with_infos.then(Vec::new),
        only_valid: only_valid.then_some(true),
    };
    for row in credentials::of_user(signer.db.read(), &user, Which::NotOver).await? {
        let Some((info, usable)) = describe(&signer, &row, wanted).await? else { continue };
        if only_valid && !usable {
            continue;
        }
        list.credential_ids.push(row.credential_id.to_string());
        if let Some(infos) = &mut list.credential_infos {
            infos.push(CredentialInfo { credential_id: Some(row.credential_id.to_string()), ..info });
        }
    }
    Ok(Json(list))
}

/// One credential.
#[utoipa::path(post, path = "/csc/v2/credentials/info", tag = "csc", request_body = CredentialInfoRequest,
    responses((status = 200, body = CredentialInfo), (status = 400, body = CscError)))]
pub(crate) async fn credentials_info(
    State(signer): State<Signer>,
    known: Known,
    mut fields: Fields,
) -> Result<Json<CredentialInfo>, CscAnswer> {
    let auth = auth_for(&known);
    let caller = known.any();
    caller.may(SIGN)?;
    let credential = fields.credential()?;
    let wanted = wanted(&mut fields, auth)?;
    let row = live::row(&signer.db, &credential).await?;
    check_holder(&caller, &row.user_id, &credential)?;
    match describe(&signer, &row, wanted).await? {
        Some((info, _)) => Ok(Json(info)),
        None => Err(Error::CredentialUnknown { credential: credential.to_string() }.into()),
    }
}

fn auth_for(known: &Known) -> AuthFor {
    if known.token.is_some() { AuthFor::Token } else { AuthFor::Client }
}

fn wanted(fields: &mut Fields, auth: AuthFor) -> Result<Wanted, Parameter> {
    let certificates = match fields.optional_string("certificates")?.as_deref() {
        Some("none") => Certificates::None,
        None | Some("single") => Certificates::Single,
        Some("chain") => Certificates::Chain,
        Some(_) => return Err(Parameter::Invalid("certificates")),
    };
    let auth = fields.flag("authInfo")?.then_some(auth);
    Ok(Wanted { certificates, details: fields.flag("certInfo")?, auth })
}
