//! Pages of the protocol, with what keeps them from being used by others.

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode, header};
use platform::problem::Problem;

use super::form::{logged, unkept};
use crate::oidc::answer::Answer;
use crate::oidc::authorise::Choice;
use crate::oidc::refusal::{Code, Refusal};
use crate::oidc::request::ResponseMode;
use crate::role::{LISTED, matching, short_name};
use crate::secret::Secret;

/// How many roles one page shows.
const SHOWN: usize = 20;
/// Sends the form at once where script runs.
const SCRIPT: &str = "document.getElementById('answer').submit();";

/// What cannot go on, and must not go to any address.
#[derive(Template)]
#[template(path = "protocol/refused.html")]
struct Refused<'p> {
    sentence: &'p str,
}

/// An answer that the browser posts.
#[derive(Template)]
#[template(path = "protocol/form_post.html")]
struct FormPost<'p> {
    action: &'p str,
    fields: &'p [(&'static str, String)],
    script: &'static str,
}

/// The choice of a role.
#[derive(Template)]
#[template(path = "protocol/role.html")]
struct RolePage<'p> {
    client: &'p str,
    action: String,
    search: bool,
    typed: &'p str,
    found: usize,
    left_out: usize,
    wrong: bool,
    roles: Vec<RoleRow<'p>>,
}

/// One role on the page.
struct RoleRow<'p> {
    id: &'p str,
    organisation: &'p str,
    code: &'p str,
    name: &'p str,
}

/// The question whether somebody wants to sign out.
#[derive(Template)]
#[template(path = "protocol/sign_out.html")]
struct SignOut<'p> {
    action: &'p str,
    fields: Vec<(&'p str, String)>,
}

/// The end.
#[derive(Template)]
#[template(path = "protocol/signed_out.html")]
struct SignedOut;

/// A refusal on a page.
pub(super) fn refused(refusal: Refusal) -> Response {
    let status = match refusal.code {
        Code::ServerError | Code::TemporarilyUnavailable => refusal.code.status(),
        _ => 400,
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let response = page(status, &Refused { sentence: &refusal.description }, None);
    logged(refusal);
    response
}

/// Sends the browser back to the relying party.
pub(super) fn back(answer: &Answer) -> Response {
    match answer.mode {
        ResponseMode::Query => see_other(&answer.location()),
        ResponseMode::FormPost => {
            let form = FormPost { action: &answer.redirect_uri, fields: &answer.fields, script: SCRIPT };
            page(StatusCode::OK, &form, Some(SCRIPT))
        }
    }
}

/// Whether the page says that nothing was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// It is shown for the first time, or for a search.
    Nothing,
    /// It was sent without a choice, or with one that is not theirs.
    Wrong,
}

/// The choice of a role.
pub(super) fn role(secret: &Secret, choice: &Choice, typed: &str, before: Before) -> Response {
    let matching = matching(&choice.roles, typed);
    let found = matching.len();
    let roles: Vec<RoleRow<'_>> = matching
        .into_iter()
        .take(SHOWN)
        .map(|one| RoleRow {
            id: &one.role.person_roleid,
            organisation: &one.org_name,
            code: &one.role.org_code,
            name: short_name(&one.role_name),
        })
        .collect();
    let shown = RolePage {
        client: &choice.client_name,
        action: format!("/authorize/continue/{}", &*secret.text()),
        search: choice.roles.len() > LISTED,
        typed,
        found,
        left_out: found - roles.len(),
        wrong: before == Before::Wrong,
        roles,
    };
    let status = if before == Before::Wrong { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    page(status, &shown, None)
}

/// Asks whether somebody wants to sign out.
pub(super) fn sign_out(action: &str, fields: Vec<(&str, String)>) -> Response {
    page(StatusCode::OK, &SignOut { action, fields }, None)
}

/// The end.
pub(super) fn signed_out() -> Response {
    page(StatusCode::OK, &SignedOut, None)
}

/// Sends the browser elsewhere, with a GET.
pub(super) fn see_other(location: &str) -> Response {
    let Ok(location) = HeaderValue::try_from(location) else {
        return Problem::internal("an address that is no header").into_response();
    };
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    unkept(response.headers_mut());
    // The address has a code or a secret in it.
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn page(status: StatusCode, template: &impl Template, script: Option<&str>) -> Response {
    let text = match template.render() {
        Ok(text) => text,
        Err(error) => return Problem::internal(error).into_response(),
    };
    let mut response = (status, Html(text)).into_response();
    let headers = response.headers_mut();
    unkept(headers);
    if let Ok(policy) = HeaderValue::try_from(policy(script)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // With no referrer at all browsers hide the origin of forms too, by which our own pages are known.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// Nothing but our own style, and at most the one script. Where forms may go is left open: browsers apply it to what a form is
/// redirected to, and that is the relying party.
fn policy(script: Option<&str>) -> String {
    let base =
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'";
    match script {
        None => base.to_owned(),
        Some(script) => {
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, script.as_bytes());
            format!("{base}; script-src 'sha256-{}'", STANDARD.encode(digest))
        }
    }
}
