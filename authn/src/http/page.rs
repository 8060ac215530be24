//! How pages are answered.

use askama::Template;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode, header};
use platform::problem::{Kind, Problem};
use platform::web::page::POLICY;

use crate::error::Error;
use crate::pages::{Frame, Told, ToldPage};
use crate::provider::Provider;
use crate::session::Cookie;
use crate::sign_in::Why;

/// What to do where nothing else helps.
const BACK: &str = "Go back to the service that you want to use, and sign in from there.";

/// Puts around an answer what keeps a page ours, and says so to old caches too.
pub(super) fn sealed(response: Response) -> Response {
    let mut response = platform::web::page::sealed(response);
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// Has browsers come back by TLS alone for a year (RFC 6797 6.1). Not where they know this server as their own machine: what else it
/// serves is none of ours.
pub(super) async fn by_tls_alone(State(provider): State<Provider>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if !provider.config.issuer.starts_with("https://localhost") {
        let year = HeaderValue::from_static("max-age=31536000");
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}

/// A page.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Result<Response, Failed> {
    let text = template.render().map_err(|error| Failed::problem(Problem::internal(error)))?;
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    Ok(sealed((status, [(header::CONTENT_TYPE, html)], text).into_response()))
}

/// A page that runs this one script, which stands in it, and no other.
pub(super) fn scripted(
    status: StatusCode,
    template: &impl Template,
    script: &str,
) -> Result<Response, Failed> {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, script.as_bytes());
    let policy =
        POLICY.replace("script-src 'self'", &format!("script-src 'sha256-{}'", STANDARD.encode(digest)));
    let mut response = page(status, template)?;
    let policy = HeaderValue::try_from(policy).map_err(|error| Failed::problem(Problem::internal(error)))?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// A page whose script speaks to this origin too.
pub(super) fn reaching(mut response: Response, origin: &str) -> Result<Response, Failed> {
    let policy = POLICY.replace("connect-src 'self'", &format!("connect-src 'self' {origin}"));
    let policy = HeaderValue::try_from(policy).map_err(|error| Failed::problem(Problem::internal(error)))?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// A page that may be in frames of this origin too.
pub(super) fn framed(mut response: Response, origin: &str) -> Response {
    let headers = response.headers_mut();
    let policy = headers.get(header::CONTENT_SECURITY_POLICY).and_then(|policy| policy.to_str().ok());
    let policy =
        policy.map(|text| text.replace("frame-ancestors 'none'", &format!("frame-ancestors {origin}")));
    if let Some(policy) = policy.and_then(|text| HeaderValue::try_from(text).ok()) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        headers.remove(header::X_FRAME_OPTIONS);
    }
    response
}

/// Sends the browser on.
pub(super) fn see_other(location: &str, cookies: &[Cookie]) -> Response {
    let Ok(location) = HeaderValue::try_from(location) else {
        return Failed::problem(Problem::internal("an address that is no header")).into_response();
    };
    let mut response = sealed((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response());
    set(&mut response, cookies);
    response
}

/// Sets cookies.
pub(super) fn set(response: &mut Response, cookies: &[Cookie]) {
    for field in cookies.iter().filter_map(Cookie::field) {
        response.headers_mut().append(header::SET_COOKIE, field);
    }
}

/// A page that could not be shown as it was meant: another one, which says why.
pub(super) struct Failed(Box<Response>);

impl Failed {
    /// A page that says what happened and what to do.
    pub(super) fn told(site: &str, status: StatusCode, told: &Told, way: Option<(&str, &str)>) -> Self {
        let frame = Frame::new(site, &told.title);
        let template = ToldPage { frame, sentence: &told.sentence, way };
        match page(status, &template) {
            Ok(page) => Self(Box::new(page)),
            Err(failed) => failed,
        }
    }

    /// A problem, as the script of a page reads it.
    pub(super) fn in_script(problem: Problem) -> Self {
        Self(Box::new(problem.into_response()))
    }

    /// A problem, in the words of a page.
    pub(super) fn problem(problem: Problem) -> Self {
        problem.log();
        let sentence = match problem.kind {
            Kind::Internal => format!("It was recorded. {BACK} If it happens again, tell your service desk."),
            Kind::NotFound => format!("{} {BACK}", problem.detail),
            _ => problem.detail,
        };
        Self::told("Sign-in", problem.kind.status(), &Told::new(title(problem.kind), sentence), None)
    }
}

/// What happened, for people.
fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Internal => "Something went wrong on our side",
        Kind::NotFound => "We cannot find what you asked for",
        Kind::TooMany | Kind::Unavailable | Kind::TimedOut => "You cannot sign in at the moment",
        _ => "This was not done",
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::problem(error.into())
    }
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self::problem(problem)
    }
}

impl axum::response::IntoResponse for Failed {
    fn into_response(self) -> Response {
        *self.0
    }
}

impl From<&Why> for Told {
    fn from(why: &Why) -> Self {
        Self::new(why.title(), why.sentence())
    }
}

/// A problem on a page, for browsers that come where somebody signs in.
pub fn page_of(problem: Problem) -> Response {
    let retry = problem.retry_after.map(|wait| HeaderValue::from(wait.as_secs().max(1)));
    let mut response = Failed::problem(problem).into_response();
    if let Some(retry) = retry {
        response.headers_mut().insert(header::RETRY_AFTER, retry);
    }
    response
}

/// The status of a page that says why somebody is not signed in.
pub(super) fn status(why: &Why) -> StatusCode {
    match why {
        Why::Slowed(..) => StatusCode::TOO_MANY_REQUESTS,
        Why::Busy | Why::CardUnknowable => StatusCode::SERVICE_UNAVAILABLE,
        Why::CeremonyOver | Why::CardTicketOver => StatusCode::CONFLICT,
        _ => StatusCode::FORBIDDEN,
    }
}
