//! `/enrol/{secret}`: adding a way to sign in, with a link.

use std::net::IpAddr;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::response::Response;
use axum::routing::get;
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use platform::clock::Millis;
use platform::id::UserId;
use platform::web::Path;

use super::came::address;
use super::own::Form;
use super::page::{Failed, page, see_other};
use crate::enrolment::{BROWSER, Enrolment, bound, look, start};
use crate::error::Error;
use crate::interaction::Method;
use crate::pages::{EnrolChoose, EnrolDone, EnrolStart, Frame, Told, label};
use crate::provider::Provider;
use crate::secret::Secret;
use crate::session::{Cookie, KNOWN, lends, presented};

pub(super) fn router() -> Router<Provider> {
    Router::new()
        .route("/enrol/{secret}", get(show).post(begin))
        .route("/enrol/{secret}/choose", get(choose))
        .route("/enrol/done/{method}", get(done))
}

/// A browser that came with a link which it has opened. Where its person made the link for themselves, their session may be acted in still.
pub(super) struct Opened {
    /// The secret in the link.
    pub(super) secret: String,
    /// The link.
    pub(super) enrolment: Enrolment,
    /// When.
    pub(super) now: Millis,
    /// From where.
    pub(super) address: Option<IpAddr>,
    /// The hash of what tells the browser from those in which nobody has signed in with a password.
    pub(super) known: Option<Vec<u8>>,
}

impl Opened {
    /// The address of the link.
    pub(super) fn here(&self) -> String {
        format!("/enrol/{}", self.secret)
    }
}

/// The link is over, or another browser has it.
fn over(site: &str) -> Failed {
    let told = Told {
        title: "This link does not work".to_owned(),
        sentence: "It was used already, has ended, or was opened in another browser. Ask whoever gave it to you for a new \
                   one; if you made it yourself, sign in again and make another."
            .to_owned(),
        field: None,
    };
    Failed::told(site, StatusCode::NOT_FOUND, &told, None)
}

impl FromRequestParts<Provider> for Opened {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, provider: &Provider) -> Result<Self, Failed> {
        let site = &provider.config.name;
        let secret = Path::<String>::from_request_parts(parts, provider).await;
        let Ok(Path(secret)) = secret else { return Err(over(site)) };
        let now = provider.now();
        let enrolment = bound(provider, &parts.headers, &secret, now).await?.ok_or_else(|| over(site))?;
        if let Some(session) = &enrolment.session {
            lends(provider, session, now).await.map_err(|error| refused(&parts.headers, error))?;
        }
        let known = presented(&parts.headers, KNOWN).and_then(Secret::parse).map(|secret| secret.hash());
        Ok(Self { secret, enrolment, now, address: address(parts), known })
    }
}

/// Why a link gives nothing now, as whoever asks reads it: a page, or the script of one.
fn refused(headers: &HeaderMap, error: Error) -> Failed {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with("application/json")) {
        return Failed::in_script(error.into());
    }
    error.into()
}

/// A user id as people read it to each other.
fn in_groups(person: &UserId) -> String {
    let digits: Vec<char> = person.as_str().chars().collect();
    digits.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

/// Shows for whom a link is. Programs that look at links in messages change nothing by it.
async fn show(
    State(provider): State<Provider>,
    Path(secret): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let now = provider.now();
    let site = &provider.config.name;
    let enrolment = look(&provider, &secret, now).await?.ok_or_else(|| over(site))?;
    if enrolment.browser.is_some() {
        return match bound(&provider, &headers, &secret, now).await? {
            Some(_) => Ok(see_other(&format!("/enrol/{secret}/choose"), &[])),
            None => Err(over(site)),
        };
    }
    let template = EnrolStart {
        frame: Frame::new(site, "Add a way to sign in"),
        here: &format!("/enrol/{secret}"),
        person: &in_groups(&enrolment.person),
        recovers: enrolment.recovers(),
    };
    page(StatusCode::OK, &template)
}

/// Opens the link in this browser.
async fn begin(
    State(provider): State<Provider>,
    Path(secret): Path<String>,
    _form: Form,
) -> Result<Response, Failed> {
    let site = &provider.config.name;
    let enrolment = look(&provider, &secret, provider.now()).await?.ok_or_else(|| over(site))?;
    let held = start(&provider, &enrolment).await?.ok_or_else(|| over(site))?;
    Ok(see_other(&format!("/enrol/{secret}/choose"), &[Cookie::secret(BROWSER, &held)]))
}

async fn choose(State(provider): State<Provider>, opened: Opened) -> Result<Response, Failed> {
    let template = EnrolChoose {
        frame: Frame::new(&provider.config.name, "What do you want to add?"),
        here: &opened.here(),
    };
    page(StatusCode::OK, &template)
}

async fn done(State(provider): State<Provider>, Path(method): Path<String>) -> Result<Response, Failed> {
    let label = method.parse::<Method>().map_or("what you added", |method| label(method).0);
    let template = EnrolDone { frame: Frame::new(&provider.config.name, "It is added"), label };
    page(StatusCode::OK, &template)
}
