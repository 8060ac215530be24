//! `/sign-in/{interaction}/app`: e-mail address, password and code.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};

use super::came::Came;
use super::own::Form;
use super::page::{Failed, page, set, status};
use super::sign_in::answered;
use crate::authenticator::app::{Given, sign_in};
use crate::interaction::Method;
use crate::pages::{App, Frame, Told};
use crate::provider::Provider;
use crate::session::{Cookie, KNOWN};
use crate::sign_in::{Outcome, Why};
use crate::throttle;

pub(super) fn router() -> Router<Provider> {
    Router::new().route("/sign-in/{interaction}/app", get(show).post(take))
}

async fn show(State(provider): State<Provider>, came: Came) -> Result<Response, Failed> {
    let hint = came.interaction.wanted.login_hint.as_deref().filter(|hint| hint.contains('@'));
    form(&provider, &came, hint.unwrap_or_default(), (StatusCode::OK, None))
}

fn form(
    provider: &Provider,
    came: &Came,
    email: &str,
    (status, told): (StatusCode, Option<Told>),
) -> Result<Response, Failed> {
    let template = App {
        frame: Frame::new(&provider.config.name, "Sign in with your authenticator app").telling(told),
        secret: &came.secret,
        client: &came.interaction.client_name,
        email,
    };
    page(status, &template)
}

async fn take(State(provider): State<Provider>, came: Came, given: Form) -> Result<Response, Failed> {
    let email = given.field("email").to_owned();
    let (outcome, known) = if came.visit.acceptable.allows(Method::Totp) {
        let typed =
            Given { email: email.clone(), password: given.secret("password"), code: given.secret("code") };
        sign_in(&provider, &came.visit, typed, came.now).await?
    } else {
        (Outcome::Refused(Why::NotEnough(Method::Totp)), None)
    };
    let mut response = answered(&came, outcome, |why| {
        let mut response = form(&provider, &came, &email, (status(&why), Some(Told::from(&why))))?;
        if let Why::Slowed(until, now) = why {
            let wait = HeaderValue::from(until.since(now).as_secs().max(1));
            response.headers_mut().insert(header::RETRY_AFTER, wait);
        }
        Ok(response)
    })?;
    if let Some(known) = known {
        let seconds = u32::try_from(throttle::KNOWN.as_secs()).unwrap_or(u32::MAX);
        set(&mut response, &[Cookie::secret_for(KNOWN, &known, seconds)]);
    }
    Ok(response)
}
