//! `/end-session`: signing out by way of a relying party.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri, header};

use super::answers;
use super::form::Posted;
use super::page::{see_other, set};
use super::reading::query;
use crate::oidc::end_session::{Outcome, Said, end_session};
use crate::oidc::parameters::Parameters;
use crate::oidc::refusal::{Code, Refusal};
use crate::provider::Provider;
use crate::session::{Cookie, SESSION, presented, stranger};

/// What the page carries on to the next request.
const CARRIED: [&str; 4] = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state"];

/// Signs a browser out, or asks whether that is wanted. OpenID Connect RP-Initiated Logout 1.0.
#[utoipa::path(
    get, path = "/end-session", tag = "sign-in",
    responses(
        (status = 200, description = "A page: the question, or the end"),
        (status = 303, description = "Back to the relying party"),
        (status = 400, description = "A page: the address or the token is not good"),
    )
)]
pub(super) async fn show(State(provider): State<Provider>, uri: Uri, headers: HeaderMap) -> Response {
    match query(&uri) {
        Ok(parameters) => end(&provider, &parameters, &headers, Said::Nothing, uri.path()).await,
        Err(refusal) => answers::refused(&provider.config.name, refusal),
    }
}

/// The same by POST, or the answer to the question.
#[utoipa::path(
    post, path = "/end-session", tag = "sign-in",
    responses(
        (status = 200, description = "A page: the question, or the end"),
        (status = 303, description = "Back to the relying party"),
        (status = 400, description = "A page: the address or the token is not good"),
    )
)]
pub(super) async fn send(State(provider): State<Provider>, uri: Uri, form: Posted) -> Response {
    let confirmed = form.parameters.get("confirmed").is_some();
    let origin = form.headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    // Only our own page can say yes: another site would sign people out.
    if confirmed && origin != Some(provider.config.issuer.as_str()) {
        let sentence = "Signing out was not confirmed on a page of this service.";
        return answers::refused(&provider.config.name, Refusal::new(Code::InvalidRequest, sentence));
    }
    let said = if confirmed {
        Said::Yes
    } else if without_cookies(&provider, &form.headers) {
        Said::Elsewhere
    } else {
        Said::Nothing
    };
    end(&provider, &form.parameters, &form.headers, said, uri.path()).await
}

/// Whether the page of another site sent a form, with which browsers send no cookie of ours. A program says nothing of an origin.
fn without_cookies(provider: &Provider, headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN)
        && stranger(headers, &[provider.config.issuer.as_str()])
        && presented(headers, SESSION).is_none()
}

async fn end(
    provider: &Provider,
    parameters: &Parameters,
    headers: &HeaderMap,
    said: Said,
    path: &str,
) -> Response {
    let site = &provider.config.name;
    let mut response = match end_session(provider, parameters, headers, said, provider.now()).await {
        Ok(Outcome::Ask) => {
            let carried = CARRIED.into_iter();
            let fields =
                carried.filter_map(|name| parameters.get(name).map(|value| (name, value.to_owned())));
            return answers::sign_out(site, path, fields.collect());
        }
        Ok(Outcome::Done) => answers::signed_out(site),
        Ok(Outcome::Back(location)) => see_other(&location, &[]),
        Err(refusal) => return answers::refused(site, refusal),
    };
    // Where the browser kept its cookie to itself another site may have sent it, and would sign people out by taking it away.
    if presented(headers, SESSION).is_some() {
        set(&mut response, &[Cookie::gone(SESSION)]);
    }
    response
}
