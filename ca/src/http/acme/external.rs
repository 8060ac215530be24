//! `/ca/acme/external-accounts`

use axum::extract::State;
use http::{StatusCode, header};
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path};

use crate::acme::api::{ACME, ExternalAccountInfo, ExternalAccountKey, NewExternalAccount};
use crate::authority::Authority;

/// Lets somebody register by ACME, inside these bounds.
///
/// When this answers, the account is stored and in the audit record. The key is shown this once.
#[utoipa::path(
    post, path = "/ca/acme/external-accounts", tag = "ca",
    request_body(content = NewExternalAccount, example = json!({
        "name": "Larkfield web servers", "profiles": ["acme-tls-server"],
        "dns_suffixes": ["larkfield.example"], "networks": ["10.1.0.0/16"],
    })),
    responses(
        (status = 201, description = "Made; the key is not shown again", body = ExternalAccountKey),
        (status = 400, description = "A part of the request is refused", body = Body),
        (status = 403, description = "The caller may not do ca:acme", body = Body),
        (status = 404, description = "ACME is not served here", body = Body),
    )
)]
pub(in crate::http) async fn create(
    caller: Caller,
    State(authority): State<Authority>,
    Json(new): Json<NewExternalAccount>,
) -> Result<(StatusCode, [(header::HeaderName, &'static str); 1], Json<ExternalAccountKey>), Problem> {
    caller.may(ACME)?;
    let made = authority.acme()?.add_external(new, &caller).await?;
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(made)))
}

/// The newest thousand external accounts, newest first.
#[utoipa::path(
    get, path = "/ca/acme/external-accounts", tag = "ca",
    responses(
        (status = 200, description = "The accounts, without their keys", body = Vec<ExternalAccountInfo>),
        (status = 403, description = "The caller may not do ca:acme", body = Body),
        (status = 404, description = "ACME is not served here", body = Body),
    )
)]
pub(in crate::http) async fn list(
    caller: Caller,
    State(authority): State<Authority>,
) -> Result<Json<Vec<ExternalAccountInfo>>, Problem> {
    caller.may(ACME)?;
    Ok(Json(authority.acme()?.externals().await?))
}

/// Ends an external account: nobody registers with it any more, and the ACME accounts bound to it stop.
#[utoipa::path(
    delete, path = "/ca/acme/external-accounts/{account}", tag = "ca",
    params(("account" = String, Path, description = "The account's id")),
    responses(
        (status = 204, description = "Ended"),
        (status = 403, description = "The caller may not do ca:acme", body = Body),
        (status = 404, description = "There is none, it has ended, or ACME is not served here", body = Body),
    )
)]
pub(in crate::http) async fn end(
    caller: Caller,
    State(authority): State<Authority>,
    Path(account): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.may(ACME)?;
    authority.acme()?.end_external(&account, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
