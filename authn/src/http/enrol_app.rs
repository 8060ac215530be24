//! `/enrol/{secret}/app`: adding an authenticator app, and showing whose its address is.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use platform::problem::{Kind, Problem};

use super::enrol::Opened;
use super::own::Form;
use super::page::{Failed, page, see_other};
use crate::authenticator::app::{Came, Guest, Proposal, asked, enrol, offer, prove, staying};
use crate::error::Error;
use crate::interaction::Method;
use crate::pages::{EnrolAddress, EnrolApp, Frame, Told, picture};
use crate::provider::Provider;
use crate::secret::Secret;
use crate::session::{Cookie, KNOWN};
use crate::throttle;

pub(super) fn router() -> Router<Provider> {
    Router::new()
        .route("/enrol/{secret}/app", get(show).post(take))
        .route("/enrol/{secret}/app/address", get(show_address).post(prove_address))
}

async fn show(State(provider): State<Provider>, opened: Opened) -> Result<Response, Failed> {
    form(&provider, &opened, ("", "Authenticator app"), (StatusCode::OK, None)).await
}

async fn form(
    provider: &Provider,
    opened: &Opened,
    (email, name): (&str, &str),
    (status, told): (StatusCode, Option<Told>),
) -> Result<Response, Failed> {
    let offer = offer(provider, &opened.enrolment, opened.now).await?;
    let known = staying(provider, &opened.enrolment).await?.is_some();
    let (width, squares) = picture(&offer.address).unwrap_or_default();
    let template = EnrolApp {
        frame: Frame::new(&provider.config.name, "Add an authenticator app").telling(told),
        here: &opened.here(),
        seed: &offer.seed,
        address: &offer.address,
        width,
        squares: &squares,
        email,
        name,
        known,
    };
    page(status, &template)
}

async fn take(State(provider): State<Provider>, opened: Opened, given: Form) -> Result<Response, Failed> {
    let (email, name) = (given.field("email").to_owned(), given.field("name").to_owned());
    let proposal = Proposal {
        email: email.clone(),
        password: given.secret("password"),
        code: given.secret("code"),
        name: name.clone(),
        address: opened.address,
        known: opened.known.clone(),
    };
    match enrol(&provider, &opened.enrolment, proposal, opened.now).await {
        Ok(Came::Added(method, known)) => Ok(added(method, &known)),
        Ok(Came::Asked) => Ok(see_other(&format!("{}/app/address", opened.here()), &[])),
        // What somebody can put right on this page.
        Err(Error::Field { sentence, .. }) => {
            let told = Told::new("There is something to put right", sentence);
            form(&provider, &opened, (&email, &name), (StatusCode::BAD_REQUEST, Some(told))).await
        }
        Err(error) => Err(not_added(&provider, error)),
    }
}

/// The app is added, and the browser is known from now on.
fn added(method: Method, known: &Secret) -> Response {
    let seconds = u32::try_from(throttle::KNOWN.as_secs()).unwrap_or(u32::MAX);
    let cookie = Cookie::secret_for(KNOWN, known, seconds);
    see_other(&format!("/enrol/done/{method}"), &[cookie])
}

fn not_added(provider: &Provider, error: Error) -> Failed {
    let problem = Problem::from(error);
    if problem.kind != Kind::Conflict {
        return problem.into();
    }
    let told = Told::new("The app was not added", problem.detail);
    Failed::told(&provider.config.name, StatusCode::CONFLICT, &told, None)
}

async fn show_address(State(provider): State<Provider>, opened: Opened) -> Result<Response, Failed> {
    match asked(&provider, &opened.enrolment, opened.now).await? {
        Some(email) => address_form(&provider, &opened, &email, (StatusCode::OK, None)),
        // Nothing waits for a code any more.
        None => Ok(see_other(&format!("{}/app", opened.here()), &[])),
    }
}

fn address_form(
    provider: &Provider,
    opened: &Opened,
    email: &str,
    (status, told): (StatusCode, Option<Told>),
) -> Result<Response, Failed> {
    let template = EnrolAddress {
        frame: Frame::new(&provider.config.name, "Show that the address is yours").telling(told),
        here: &opened.here(),
        email,
    };
    page(status, &template)
}

async fn prove_address(
    State(provider): State<Provider>,
    opened: Opened,
    given: Form,
) -> Result<Response, Failed> {
    let Some(email) = asked(&provider, &opened.enrolment, opened.now).await? else {
        return Ok(see_other(&format!("{}/app", opened.here()), &[]));
    };
    let guest = Guest { address: opened.address, known: opened.known.clone() };
    match prove(&provider, &opened.enrolment, given.field("proof"), guest, opened.now).await {
        Ok((made, known)) => Ok(added(made.method, &known)),
        Err(Error::Field { sentence, .. }) => {
            let told = Told::new("There is something to put right", sentence);
            address_form(&provider, &opened, &email, (StatusCode::BAD_REQUEST, Some(told)))
        }
        Err(error) => Err(not_added(&provider, error)),
    }
}
