//! `/enrol/{secret}/app`: adding an authenticator app.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use platform::problem::{Kind, Problem};

use super::enrol::Opened;
use super::own::Form;
use super::page::{Failed, page, see_other};
use crate::authenticator::app::{Proposal, enrol, offer, staying};
use crate::error::Error;
use crate::pages::{EnrolApp, Frame, Told, picture};
use crate::provider::Provider;
use crate::session::{Cookie, KNOWN};
use crate::throttle;

pub(super) fn router() -> Router<Provider> {
    Router::new().route("/enrol/{secret}/app", get(show).post(take))
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
        Ok((made, known)) => {
            let seconds = u32::try_from(throttle::KNOWN.as_secs()).unwrap_or(u32::MAX);
            let cookie = Cookie::secret_for(KNOWN, &known, seconds);
            Ok(see_other(&format!("/enrol/done/{}", made.method), &[cookie]))
        }
        // What somebody can put right on this page.
        Err(Error::Field { sentence, .. }) => {
            let told = Told::new("There is something to put right", sentence);
            form(&provider, &opened, (&email, &name), (StatusCode::BAD_REQUEST, Some(told))).await
        }
        Err(error) => {
            let problem = Problem::from(error);
            if problem.kind != Kind::Conflict {
                return Err(problem.into());
            }
            let told = Told::new("The app was not added", problem.detail);
            Err(Failed::told(&provider.config.name, StatusCode::CONFLICT, &told, None))
        }
    }
}
