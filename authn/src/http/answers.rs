//! What the protocol answers a browser: a page, or the way back to the relying party.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};

use super::page::{framed, page, scripted, see_other};
use crate::oidc::answer::Answer;
use crate::oidc::authorise::Choice;
use crate::oidc::refusal::{Code, Refusal};
use crate::oidc::request::ResponseMode;
use crate::pages::{FormPost, Frame, RefusedPage, RolePage, RoleRow, SignOut, SignedOut, Told};
use crate::role::{LISTED, matching, short_name};
use crate::secret::Secret;

/// How many roles one page shows.
const SHOWN: usize = 20;
/// Sends the form at once where script runs.
const SCRIPT: &str = "document.getElementById('answer').submit();";

/// A refusal on a page.
pub(super) fn refused(site: &str, refusal: Refusal) -> Response {
    let status = match refusal.code {
        Code::ServerError | Code::TemporarilyUnavailable => refusal.code.status(),
        _ => 400,
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let frame = Frame::new(site, "This sign-in cannot go on");
    let mut response = page(status, &RefusedPage { frame, sentence: &refusal.description }).into_response();
    if refusal.code == Code::TemporarilyUnavailable {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
    }
    refusal.log();
    response
}

/// Sends the browser back to the relying party.
pub(super) fn back(site: &str, answer: &Answer) -> Response {
    match answer.mode {
        ResponseMode::Query | ResponseMode::Fragment => see_other(&answer.location(), &[]),
        ResponseMode::FormPost => {
            let frame = Frame::new(site, "Going back to your application");
            let (action, fields) = (answer.redirect_uri.as_str(), answer.fields.as_slice());
            let form = FormPost { frame, action, fields, script: SCRIPT };
            match (scripted(StatusCode::OK, &form, SCRIPT), answer.frame()) {
                (Ok(page), Some(origin)) => framed(page, &origin),
                (page, _) => page.into_response(),
            }
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
pub(super) fn role(site: &str, secret: &Secret, choice: &Choice, typed: &str, before: Before) -> Response {
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
    // WCAG 2.2, 3.3.1: the summary leads to the first choice.
    let first = roles.first().map(|role| format!("role-{}", role.id));
    let told = (before == Before::Wrong)
        .then(|| Told { field: first, ..Told::new("There is a problem", "Choose a role.") });
    let shown = RolePage {
        frame: Frame::new(site, "Choose a role").telling(told),
        client: &choice.client_name,
        action: format!("/authorize/continue/{}", &*secret.text()),
        search: choice.roles.len() > LISTED,
        typed,
        found,
        left_out: found - roles.len(),
        roles,
    };
    let status = if before == Before::Wrong { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    page(status, &shown).into_response()
}

/// Asks whether somebody wants to sign out.
pub(super) fn sign_out(site: &str, action: &str, fields: Vec<(&str, String)>) -> Response {
    let frame = Frame::new(site, "Do you want to sign out?");
    page(StatusCode::OK, &SignOut { frame, action, fields }).into_response()
}

/// The end.
pub(super) fn signed_out(site: &str) -> Response {
    page(StatusCode::OK, &SignedOut { frame: Frame::new(site, "You are signed out") }).into_response()
}
