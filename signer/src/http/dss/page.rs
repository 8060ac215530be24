//! How pages are answered.

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use platform::problem::{Kind, Problem};
use platform::web::page::POLICY;
pub(super) use platform::web::page::sealed;

use crate::dss::SignIn;
use crate::error::Error;
use crate::signer::Signer;

/// Where people sign in. Without it there are no such routes.
pub(super) fn sign_in(signer: &Signer) -> Result<&SignIn, Problem> {
    signer.sign_in.as_ref().ok_or_else(|| Problem::not_found("route-none", "There is no such address."))
}

/// A page.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Result<Response, Problem> {
    let text = template.render().map_err(Problem::internal)?;
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    Ok(sealed((status, [(header::CONTENT_TYPE, html)], text).into_response()))
}

/// A page whose script speaks to these origins too, which make one header.
pub(super) fn reaching(mut response: Response, origins: &str) -> Response {
    let policy = POLICY.replace("connect-src 'self'", &format!("connect-src 'self' {origins}"));
    if let Ok(policy) = HeaderValue::try_from(policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Sends the browser on.
pub(super) fn see_other(location: &str) -> Result<Response, Problem> {
    let location = HeaderValue::try_from(location).map_err(Problem::internal)?;
    Ok(sealed((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()))
}

/// What is around every page.
pub(super) struct Frame<'a> {
    /// What the site is called.
    pub(super) site: &'a str,
    /// What the page is about.
    pub(super) title: &'a str,
}

/// A page that says what happened and what to do.
#[derive(Template)]
#[template(path = "told.html")]
struct ToldPage<'a> {
    frame: Frame<'a>,
    sentence: &'a str,
    next: Option<&'static str>,
}

/// What happened, for people.
fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Unauthenticated => "You are not signed in",
        Kind::NotFound => "We cannot find what you asked for",
        Kind::Gone => "This request to sign is over",
        Kind::TooMany | Kind::Unavailable | Kind::TimedOut => "Signing is not available at the moment",
        Kind::Internal => "Something went wrong on our side",
        _ => "This was not done",
    }
}

/// What to do, where the sentence does not say it because programs read it too.
fn next(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::NotFound => Some("Go back to your application, and begin again there."),
        Kind::Internal => {
            Some("Nothing was signed by this. Try again, and tell your service desk if it happens again.")
        }
        _ => None,
    }
}

/// A page that could not be shown: another one, which says why.
pub(super) struct Failed(Problem);

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self(error.into())
    }
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        problem.log();
        let frame = Frame { site: "Signing", title: title(problem.kind) };
        let told = ToldPage { frame, sentence: &problem.detail, next: next(problem.kind) };
        page(problem.kind.status(), &told).unwrap_or_else(IntoResponse::into_response)
    }
}

/// That one of our own pages sent this, and no other site's: browsers say from which origin a POST comes.
pub(super) struct OurPage;

impl FromRequestParts<Signer> for OurPage {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, signer: &Signer) -> Result<Self, Problem> {
        let mut origins = parts.headers.get_all(header::ORIGIN).iter();
        let origin = origins.next().and_then(|origin| origin.to_str().ok());
        let ours = origins.next().is_none() && origin == Some(sign_in(signer)?.origin.as_str());
        let sentence = "Another website tried to do something here in your name, and it was not done. If it was you, open the page again from your \
                        application.";
        if ours { Ok(Self) } else { Err(Problem::forbidden("not-our-page", sentence)) }
    }
}
